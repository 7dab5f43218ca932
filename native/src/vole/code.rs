//! Expand-convolute code 21 x 24 of rate 1/2 (eprint 2023/882): N symbols to N / 2, public and the same in every run.
//!
//! docs/vole.md section 7. Silver is broken and must never be put here.

use rayon::prelude::*;

use super::fixed_key::FixedKey;
use super::hash::key;

/// Places that the expander sums for one output.
pub const EXPANDER_WEIGHT: usize = 21;
/// Symbols behind the current one that the convolution may add; the one behind them is always added.
pub const STATE: usize = 24;
/// Outputs that one task makes.
const GRAIN: usize = 2048;

/// The code for one length.
pub struct Code {
    taps: Vec<u32>,
    places: Vec<[u32; EXPANDER_WEIGHT]>,
}

impl Code {
    /// The code for `length` symbols, an even number below 2^32.
    pub fn new(length: usize) -> Self {
        let taps = words("psi-vole-code/v1", length, length);
        let drawn = words("psi-vole-places/v1", length, length / 2 * EXPANDER_WEIGHT);
        let scale = |word: &u32| ((u64::from(*word) * length as u64) >> 32) as u32;
        let (rows, _) = drawn.as_chunks::<EXPANDER_WEIGHT>();
        let places = rows.iter().map(|row| std::array::from_fn(|at| scale(&row[at]))).collect();
        Self { taps, places }
    }

    /// Convolve in place, then expand to half as many symbols.
    pub fn encode(&self, vector: &mut [u128]) -> Vec<u128> {
        self.convolve(vector);
        let vector = &*vector;
        let sum = |row: &[u32; EXPANDER_WEIGHT]| {
            row[1..].iter().fold(vector[row[0] as usize], |sum, place| sum ^ vector[*place as usize])
        };
        self.places.par_iter().with_min_len(GRAIN).map(sum).collect()
    }

    /// y_i = x_i + sum of beta_(i,j) y_(i-j) for j = 1 ... 24, + y_(i-25).
    fn convolve(&self, vector: &mut [u128]) {
        let behind = |window: &[u128], tap: u32, symbol: u128| {
            window.iter().rev().enumerate().fold(symbol, |sum, (back, symbol)| {
                sum ^ (symbol & u128::from((tap >> back) & 1).wrapping_neg())
            })
        };
        for at in 0..vector.len().min(STATE + 1) {
            vector[at] = behind(&vector[at.saturating_sub(STATE)..at], self.taps[at], vector[at]);
        }
        for at in STATE + 1..vector.len() {
            // A window of a fixed length, so that the loop is unrolled.
            let Some((last, window)) = vector[at - STATE - 1..].split_first_chunk::<1>() else { return };
            let Some(window) = window.first_chunk::<STATE>() else { return };
            vector[at] = behind(window, self.taps[at], vector[at]) ^ last[0];
        }
    }
}

/// `count` words of 32 bits from the stream of a label and the length.
fn words(label: &str, length: usize, count: usize) -> Vec<u32> {
    let stream = FixedKey::new(key(label, &[&(length as u64).to_be_bytes()]));
    let mut blocks = vec![0; count.div_ceil(4)];
    stream.stream(0, &mut blocks);
    blocks
        .iter()
        .flat_map(|block: &u128| (0..4).map(move |at| (block >> (32 * at)) as u32))
        .take(count)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vole::{Abort, draw};

    type Bits = Vec<bool>;

    fn add(row: &mut Bits, other: &Bits) {
        row.iter_mut().zip(other).for_each(|(bit, other)| *bit ^= other);
    }

    /// G = (expander)(convolution), bit by bit from the definition: N / 2 rows of N bits.
    fn matrix(code: &Code, length: usize) -> Vec<Bits> {
        let mut convolution: Vec<Bits> = Vec::new();
        for at in 0..length {
            let mut row = vec![false; length];
            row[at] = true;
            for back in 1..=STATE.min(at) {
                if (code.taps[at] >> (back - 1)) & 1 == 1 {
                    add(&mut row, &convolution[at - back]);
                }
            }
            if at > STATE {
                add(&mut row, &convolution[at - STATE - 1]);
            }
            convolution.push(row);
        }
        let expand = |places: &[u32; EXPANDER_WEIGHT]| {
            let mut row = vec![false; length];
            places.iter().for_each(|place| add(&mut row, &convolution[*place as usize]));
            row
        };
        code.places.iter().map(expand).collect()
    }

    #[test]
    fn encoding_is_the_explicit_matrix() -> Result<(), Abort> {
        for length in [2, 24, 50, 52, 128, 512] {
            let code = Code::new(length);
            let vector = draw::elements(length)?;
            let sums = matrix(&code, length).into_iter().map(|row| {
                row.iter().zip(&vector).fold(0, |sum, (bit, value)| if *bit { sum ^ value } else { sum })
            });
            let sums: Vec<u128> = sums.collect();
            assert!(code.encode(&mut vector.clone()) == sums, "{length}");
        }
        Ok(())
    }

    #[test]
    fn the_matrix_has_full_rank() {
        for length in [64, 256, 512] {
            let mut rows = matrix(&Code::new(length), length);
            for rank in 0..length / 2 {
                let pivot = rows[rank..].iter().find_map(|row| row.iter().position(|bit| *bit));
                assert!(pivot.is_some(), "rank {rank} of {}", length / 2);
                let Some(column) = pivot else { return };
                let found = (rank..rows.len()).find(|at| rows[*at][column]);
                rows.swap(rank, found.unwrap_or(rank));
                let own = rows[rank].clone();
                rows[rank + 1..].iter_mut().filter(|row| row[column]).for_each(|row| add(row, &own));
            }
        }
    }

    /// The convolution is triangular with ones on the diagonal, so G has the rank of the expander.
    #[test]
    fn the_smallest_code_in_use_has_full_rank() {
        let length = 4992;
        let code = Code::new(length);
        let mut rows: Vec<Vec<u64>> = Vec::new();
        for places in &code.places {
            let mut row = vec![0_u64; length / 64];
            places.iter().for_each(|place| row[*place as usize / 64] ^= 1 << (place % 64));
            rows.push(row);
        }
        while let Some(row) = rows.pop() {
            let pivot = row.iter().position(|word| *word != 0);
            assert!(pivot.is_some(), "{} rows are left", rows.len());
            let Some(word) = pivot else { return };
            let bit = row[word] & row[word].wrapping_neg();
            for other in rows.iter_mut().filter(|other| other[word] & bit != 0) {
                other.iter_mut().zip(&row).for_each(|(own, pivot)| *own ^= pivot);
            }
        }
    }

    #[test]
    fn rows_of_the_matrix_are_heavy() {
        // Not a bound on the distance, but a broken convolution would leave light rows.
        for row in matrix(&Code::new(512), 512) {
            assert!(row.iter().filter(|bit| **bit).count() > 64);
        }
    }
}
