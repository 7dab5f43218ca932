//! Expand-convolute code 21 x 24 of rate 1/2 (eprint 2023/882): N symbols to N / 2, public and the same in every run.
//!
//! docs/vole.md section 7. Silver is broken and must never be put here.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod wide;

use rayon::prelude::*;

use super::fixed_key::FixedKey;
use super::hash::key;
use crate::pages;

/// Places that the expander sums for one output.
pub const EXPANDER_WEIGHT: usize = 21;
/// Symbols behind the current one that the convolution may add; the one behind them is always added.
pub const STATE: usize = 24;
/// Outputs whose places are drawn together: so many that they take whole blocks of the stream.
const GROUP: usize = 64;
const GROUP_BLOCKS: usize = GROUP * EXPANDER_WEIGHT / 4;
/// Outputs that one task makes.
const GRAIN: usize = 16 * GROUP;

/// The code for one length.
pub struct Code {
    length: usize,
    taps: Vec<u32>,
    /// Where each symbol goes, for the wide convolution; none where that cannot run.
    #[cfg(target_arch = "x86_64")]
    masks: Vec<wide::Mask>,
    places: FixedKey,
}

impl Code {
    /// The code for `length` symbols, an even number below 2^32.
    pub fn new(length: usize) -> Self {
        let taps = words(&stream("psi-vole-code/v1", length), length);
        #[cfg(target_arch = "x86_64")]
        let masks = wide::masks(&taps);
        let places = stream("psi-vole-places/v1", length);
        Self {
            length,
            taps,
            #[cfg(target_arch = "x86_64")]
            masks,
            places,
        }
    }

    /// Convolve vectors of the code's length into `space`, side by side: the expander's places are far apart, and what lies
    /// together comes at the price of one. `space` is kept from one call to the next, for its memory alone.
    pub fn convolve<const K: usize>(&self, vectors: [&[u128]; K], space: &mut Vec<[u128; K]>) {
        if space.len() != self.length {
            *space = pages::room(self.length);
            space.resize(self.length, [0; K]);
        }
        #[cfg(target_arch = "x86_64")]
        if !self.masks.is_empty() {
            // SAFETY: there are masks only where the CPU has what the function needs.
            return unsafe { wide::convolve(&self.masks, vectors, space) };
        }
        convolve(&self.taps, vectors, space);
    }

    /// Expand what was convolved: `out` takes the outputs from `first` on, of half as many as there are symbols.
    pub fn expand<const K: usize>(&self, convolved: &[[u128; K]], first: usize, out: &mut [[u128; K]]) {
        out.par_chunks_mut(GRAIN).enumerate().for_each(|(part, mut out)| {
            let mut at = first + part * GRAIN;
            while !out.is_empty() {
                let skipped = at % GROUP;
                let (now, later) = out.split_at_mut(out.len().min(GROUP - skipped));
                for (place, row) in now.iter_mut().zip(&self.places(at / GROUP)[skipped..]) {
                    *place = row.iter().fold([0; K], |sum, at| plus(sum, convolved[*at as usize]));
                }
                at += now.len();
                out = later;
            }
        });
    }

    /// The places of a group's outputs. On the stack: threads that all asked for memory here would wait for one another.
    fn places(&self, group: usize) -> [[u32; EXPANDER_WEIGHT]; GROUP] {
        let mut blocks = [[0; 16]; GROUP_BLOCKS];
        self.places.stream((group * GROUP_BLOCKS) as u64, &mut blocks);
        let place = |word: u32| ((u64::from(word) * self.length as u64) >> 32) as u32;
        let mut places = [[0; EXPANDER_WEIGHT]; GROUP];
        for (four, block) in places.as_flattened_mut().as_chunks_mut().0.iter_mut().zip(blocks) {
            *four = split(block).map(place);
        }
        places
    }
}

fn plus<const K: usize>(left: [u128; K], right: [u128; K]) -> [u128; K] {
    std::array::from_fn(|at| left[at] ^ right[at])
}

/// y_i = x_i + sum of beta_(i,j) y_(i-j) for j = 1 ... 24, + y_(i-25).
fn convolve<const K: usize>(taps: &[u32], vectors: [&[u128]; K], out: &mut [[u128; K]]) {
    for (at, tap) in taps.iter().enumerate() {
        let (before, rest) = out.split_at_mut(at);
        let mut sum = vectors.map(|vector| vector[at]);
        for (back, symbol) in before.iter().rev().take(STATE).enumerate() {
            let taken = u128::from((tap >> back) & 1).wrapping_neg();
            sum = plus(sum, symbol.map(|symbol| symbol & taken));
        }
        if at > STATE {
            sum = plus(sum, before[at - STATE - 1]);
        }
        rest[0] = sum;
    }
}

fn stream(label: &str, length: usize) -> FixedKey {
    FixedKey::new(key(label, &[&(length as u64).to_be_bytes()]))
}

/// The first `count` words of 32 bits of a stream.
fn words(stream: &FixedKey, count: usize) -> Vec<u32> {
    let mut blocks = vec![[0; 16]; count.div_ceil(4)];
    stream.stream(0, &mut blocks);
    let mut words: Vec<u32> = blocks.into_iter().flat_map(split).collect();
    words.truncate(count);
    words
}

/// A block as words, little-endian.
fn split(block: [u8; 16]) -> [u32; 4] {
    let words = block.as_chunks().0;
    std::array::from_fn(|at| u32::from_le_bytes(words[at]))
}
