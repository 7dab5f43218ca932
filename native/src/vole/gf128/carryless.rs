//! One product by PCLMULQDQ.

use std::arch::x86_64::{__m128i, _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_set_epi64x, _mm_storeu_si128};

#[target_feature(enable = "pclmulqdq")]
fn product<const HALVES: i32>(left: __m128i, right: __m128i) -> u128 {
    let mut out = 0_u128;
    // SAFETY: the place is 16 bytes long and may be unaligned.
    unsafe {
        _mm_storeu_si128(std::ptr::from_mut(&mut out).cast(), _mm_clmulepi64_si128::<HALVES>(left, right))
    };
    out
}

/// Schoolbook product of halves, then two folds of what lies above x^127.
#[target_feature(enable = "pclmulqdq")]
pub fn mul(left: u128, right: u128) -> u128 {
    let load = |value: u128| _mm_set_epi64x((value >> 64) as i64, value as i64);
    let (a, b) = (load(left), load(right));
    let low = product::<0x00>(a, b);
    let high = product::<0x11>(a, b);
    let middle = product::<0x01>(a, b) ^ product::<0x10>(a, b);
    let (low, high) = (low ^ (middle << 64), load(high ^ (middle >> 64)));
    let fold = _mm_cvtsi64_si128(0x87);
    let upper = product::<0x01>(high, fold);
    let spilled = product::<0x00>(_mm_cvtsi64_si128((upper >> 64) as i64), fold);
    low ^ product::<0x00>(high, fold) ^ (upper << 64) ^ spilled
}
