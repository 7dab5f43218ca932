//! GF(2^128) mod x^128 + x^7 + x^2 + x + 1: bit i of an element is the coefficient of x^i; addition is XOR.
//!
//! One product at a time by PCLMULQDQ, many by VPCLMULQDQ on four elements, where the CPU has them; else integer products
//! with holes (constant-time). All give the same bits.

#[cfg(target_arch = "x86_64")]
mod carryless;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod wide;

use rayon::prelude::*;

/// Elements that one task sums.
const GRAIN: usize = 1 << 14;

/// The product.
pub fn mul(left: u128, right: u128) -> u128 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("pclmulqdq") {
        // SAFETY: the CPU has the one feature that the function needs.
        return unsafe { carryless::mul(left, right) };
    }
    portable::mul(left, right)
}

/// The product with x.
pub fn double(value: u128) -> u128 {
    (value << 1) ^ ((value >> 127) * 0x87)
}

/// `base` to the power of `exponent`, in a time that says nothing of it: a noise place is secret.
pub fn pow(base: u128, exponent: u32) -> u128 {
    (0..u32::BITS).rev().fold(1, |power, bit| {
        let taken = u128::from((exponent >> bit) & 1).wrapping_neg();
        mul(mul(power, power), 1 ^ ((base ^ 1) & taken))
    })
}

/// The inverse, by Fermat: value^(2^128 - 2); 0 for 0.
pub fn invert(value: u128) -> u128 {
    let mut power = value;
    let mut product = 1;
    for _ in 1..128 {
        power = mul(power, power);
        product = mul(product, power);
    }
    product
}

/// sum of point^(i+1) values_i.
pub fn powers_sum(values: &[u128], point: u128) -> u128 {
    let step = pow(point, GRAIN as u32);
    let sums: Vec<u128> = values.par_chunks(GRAIN).map(|part| part_sum(part, point)).collect();
    sums.iter().rev().fold(0, |sum, part| mul(sum, step) ^ part)
}

fn part_sum(values: &[u128], point: u128) -> u128 {
    #[cfg(target_arch = "x86_64")]
    if wide::available() {
        // SAFETY: the CPU has what the function needs.
        return unsafe { wide::powers_sum(values, point) };
    }
    values.iter().rev().fold(0, |sum, value| mul(sum ^ value, point))
}

/// out_i += left_i factor, for as many as both have.
pub fn add_scaled(out: &mut [u128], left: &[[u8; 16]], factor: u128) {
    #[cfg(target_arch = "x86_64")]
    if wide::available() {
        // SAFETY: the CPU has what the function needs.
        return unsafe { wide::add_scaled(out, left, factor) };
    }
    out.iter_mut().zip(left).for_each(|(out, left)| *out ^= mul(u128::from_le_bytes(*left), factor));
}

/// values_i = factor values_i.
pub fn scale(values: &mut [u128], factor: u128) {
    #[cfg(target_arch = "x86_64")]
    if wide::available() {
        // SAFETY: the CPU has what the function needs.
        return unsafe { wide::scale(values, factor) };
    }
    values.iter_mut().for_each(|value| *value = mul(*value, factor));
}

/// out_i = sum of coefficients_k points_i^(k+1), by Horner; both slices are of one length.
pub fn horner_all(coefficients: &[u128], points: &[u128], out: &mut [u128]) {
    assert_eq!(points.len(), out.len());
    #[cfg(target_arch = "x86_64")]
    if wide::available() {
        // SAFETY: the CPU has what the function needs.
        return unsafe { wide::horner_all(coefficients, points, out) };
    }
    out.iter_mut().zip(points).for_each(|(out, point)| *out = horner(coefficients, *point));
}

/// sum of coefficients_k point^(k+1).
pub fn horner(coefficients: &[u128], point: u128) -> u128 {
    coefficients.iter().rev().fold(0, |sum, value| mul(sum ^ value, point))
}
