//! Four elements side by side by VPCLMULQDQ and AVX-512.

use std::arch::x86_64::{
    __m128i, __m512i, _mm_cvtsi64_si128, _mm512_broadcast_i32x4, _mm512_bslli_epi128, _mm512_bsrli_epi128,
    _mm512_clmulepi64_epi128, _mm512_loadu_si512, _mm512_setzero_si512, _mm512_storeu_si512,
    _mm512_xor_si512,
};

use super::{horner, mul};

/// Elements of one vector.
const LANES: usize = 4;
/// Elements whose products are summed before they are reduced.
const BLOCK: usize = 64;

/// Whether this CPU has the instructions.
pub fn available() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("vpclmulqdq")
}

/// Products before they are reduced: their low, middle (x^64) and high (x^128) parts.
#[derive(Clone, Copy)]
struct Unreduced([__m512i; 3]);

impl Unreduced {
    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    fn of(left: __m512i, right: __m512i) -> Self {
        let middle = _mm512_xor_si512(
            _mm512_clmulepi64_epi128::<0x01>(left, right),
            _mm512_clmulepi64_epi128::<0x10>(left, right),
        );
        let low = _mm512_clmulepi64_epi128::<0x00>(left, right);
        Self([low, middle, _mm512_clmulepi64_epi128::<0x11>(left, right)])
    }

    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    fn plus(self, other: Self) -> Self {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        Self([_mm512_xor_si512(a, d), _mm512_xor_si512(b, e), _mm512_xor_si512(c, f)])
    }

    /// Two folds of what lies above x^127.
    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    fn reduced(self) -> __m512i {
        let [low, middle, high] = self.0;
        let low = _mm512_xor_si512(low, _mm512_bslli_epi128::<8>(middle));
        let high = _mm512_xor_si512(high, _mm512_bsrli_epi128::<8>(middle));
        let fold = _mm512_broadcast_i32x4(_mm_cvtsi64_si128(0x87));
        let upper = _mm512_clmulepi64_epi128::<0x01>(high, fold);
        let lower = _mm512_xor_si512(low, _mm512_clmulepi64_epi128::<0x00>(high, fold));
        let spilled = _mm512_clmulepi64_epi128::<0x01>(upper, fold);
        _mm512_xor_si512(_mm512_xor_si512(lower, _mm512_bslli_epi128::<8>(upper)), spilled)
    }
}

#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
fn load(elements: &[u128; LANES]) -> __m512i {
    // SAFETY: the place is 64 bytes long and may be unaligned.
    unsafe { _mm512_loadu_si512(elements.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
fn store(elements: &mut [u128; LANES], value: __m512i) {
    // SAFETY: the place is 64 bytes long and may be unaligned.
    unsafe { _mm512_storeu_si512(elements.as_mut_ptr().cast(), value) };
}

#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
fn broadcast(element: u128) -> __m512i {
    let lane: __m128i = std::arch::x86_64::_mm_set_epi64x((element >> 64) as i64, element as i64);
    _mm512_broadcast_i32x4(lane)
}

/// The sum of all four.
#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
fn across(value: __m512i) -> u128 {
    let mut lanes = [0; LANES];
    store(&mut lanes, value);
    lanes[0] ^ lanes[1] ^ lanes[2] ^ lanes[3]
}

/// sum of point^(i+1) values_i.
#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
pub fn powers_sum(values: &[u128], point: u128) -> u128 {
    let mut powers = [point; BLOCK];
    for at in 1..BLOCK {
        powers[at] = mul(powers[at - 1], point);
    }
    let step = powers[BLOCK - 1];
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    let mut sum = horner(rest, point);
    for block in blocks.iter().rev() {
        let mut products = Unreduced([_mm512_setzero_si512(); 3]);
        for (values, powers) in block.as_chunks().0.iter().zip(powers.as_chunks().0) {
            products = products.plus(Unreduced::of(load(values), load(powers)));
        }
        sum = mul(sum, step) ^ across(products.reduced());
    }
    sum
}

/// out_i += left_i factor, for as many as both have.
#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
pub fn add_scaled(out: &mut [u128], left: &[[u8; 16]], factor: u128) {
    let by = broadcast(factor);
    let count = out.len().min(left.len());
    let (out, last) = out[..count].as_chunks_mut();
    let (four, rest) = left[..count].as_chunks::<LANES>();
    for (out, left) in out.iter_mut().zip(four) {
        let product = Unreduced::of(load(&left.map(u128::from_le_bytes)), by).reduced();
        store(out, _mm512_xor_si512(load(out), product));
    }
    last.iter_mut().zip(rest).for_each(|(out, left)| *out ^= mul(u128::from_le_bytes(*left), factor));
}

/// values_i = factor values_i.
#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
pub fn scale(values: &mut [u128], factor: u128) {
    let by = broadcast(factor);
    let (four, rest) = values.as_chunks_mut();
    for values in four {
        store(values, Unreduced::of(load(values), by).reduced());
    }
    rest.iter_mut().for_each(|value| *value = mul(*value, factor));
}

/// out_i = sum of coefficients_k points_i^(k+1), by Horner.
#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
pub fn horner_all(coefficients: &[u128], points: &[u128], out: &mut [u128]) {
    let (four, rest) = points.as_chunks();
    let (places, last) = out[..points.len()].as_chunks_mut();
    for (place, points) in places.iter_mut().zip(four) {
        let points = load(points);
        let sum = coefficients.iter().rev().fold(_mm512_setzero_si512(), |sum, value| {
            Unreduced::of(_mm512_xor_si512(sum, broadcast(*value)), points).reduced()
        });
        store(place, sum);
    }
    last.iter_mut().zip(rest).for_each(|(place, point)| *place = horner(coefficients, *point));
}
