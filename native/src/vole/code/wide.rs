//! The convolution by AVX-512: each symbol, once it is known, is added to those ahead of it that take it in.
//!
//! Four symbols make a block. Of a block and the seven after it all that is known so far is held in registers.

use std::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_mask_xor_epi64, _mm512_setzero_si512, _mm512_shuffle_i32x4,
    _mm512_storeu_si512, _mm512_xor_si512,
};

use rayon::prelude::*;

use super::STATE;

/// Symbols of a block.
const BLOCK: usize = 4;
/// Blocks that a symbol can reach: its own and those up to `STATE` + 1 symbols ahead.
const REACH: usize = 8;
/// Symbols whose masks one task makes, a multiple of `BLOCK`.
const GRAIN: usize = 1 << 12;

/// For each block in reach, two bits for each of its symbols: whether that one takes this symbol in.
pub type Mask = [u8; REACH];

/// The masks of all symbols; none where this CPU or this length has no use for them.
pub fn masks(taps: &[u32]) -> Vec<Mask> {
    let available =
        std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512dq");
    if !available || !taps.len().is_multiple_of(BLOCK) {
        return Vec::new();
    }
    let mask = |at: usize| {
        let ahead = &taps[at + 1..taps.len().min(at + STATE + 2)];
        let taken = |back: usize, tap: u32| if back == STATE { 1 } else { u64::from((tap >> back) & 1) };
        let bits = ahead.iter().enumerate().map(|(back, tap)| (0b11 * taken(back, *tap)) << (2 * back));
        (bits.fold(0, |all, bits| all | bits) << (2 * (at % BLOCK + 1))).to_le_bytes()
    };
    (0..taps.len()).into_par_iter().with_min_len(GRAIN).map(mask).collect()
}

/// What is known of the blocks in reach.
type Ahead = [__m512i; REACH];

/// y_i = x_i + sum of beta_(i,j) y_(i-j) for j = 1 ... 24, + y_(i-25). All slices are of the masks' length.
#[target_feature(enable = "avx512f,avx512dq")]
pub fn convolve<const K: usize>(masks: &[Mask], vectors: [&[u128]; K], out: &mut [[u128; K]]) {
    let mut ahead: [Ahead; K] = [[_mm512_setzero_si512(); REACH]; K];
    let vectors = vectors.map(|vector| vector.as_chunks::<BLOCK>().0);
    let blocks = masks.as_chunks::<BLOCK>().0.iter().zip(out.as_chunks_mut::<BLOCK>().0);
    for (at, (masks, out)) in blocks.enumerate() {
        for (ahead, vector) in ahead.iter_mut().zip(vectors) {
            ahead[0] = _mm512_xor_si512(ahead[0], load(&vector[at]));
        }
        add::<0x00, K>(&mut ahead, &masks[0]);
        add::<0x55, K>(&mut ahead, &masks[1]);
        add::<0xAA, K>(&mut ahead, &masks[2]);
        add::<0xFF, K>(&mut ahead, &masks[3]);
        let known = ahead.map(|ahead| store(ahead[0]));
        *out = std::array::from_fn(|symbol| known.map(|known| known[symbol]));
        for ahead in &mut ahead {
            let [_, next @ ..] = *ahead;
            ahead[..REACH - 1].copy_from_slice(&next);
            ahead[REACH - 1] = _mm512_setzero_si512();
        }
    }
}

/// Add one symbol of the first block (0x55 times its place) to those that take it in.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn add<const SYMBOL: i32, const K: usize>(ahead: &mut [Ahead; K], mask: &Mask) {
    for ahead in ahead {
        let symbol = _mm512_shuffle_i32x4::<SYMBOL>(ahead[0], ahead[0]);
        for (ahead, mask) in ahead.iter_mut().zip(mask) {
            *ahead = _mm512_mask_xor_epi64(*ahead, *mask, *ahead, symbol);
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq")]
fn load(block: &[u128; BLOCK]) -> __m512i {
    // SAFETY: the place is 64 bytes long and may be unaligned.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512dq")]
fn store(block: __m512i) -> [u128; BLOCK] {
    let mut out = [0; BLOCK];
    // SAFETY: the place is 64 bytes long and may be unaligned.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), block) };
    out
}
