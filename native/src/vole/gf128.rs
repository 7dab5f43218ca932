//! GF(2^128) mod x^128 + x^7 + x^2 + x + 1: bit i of an element is the coefficient of x^i; addition is XOR.
//!
//! PCLMULQDQ where the CPU has it, else integer products with holes (constant-time); both give the same bits.

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
    let sums: Vec<u128> = values
        .par_chunks(GRAIN)
        .map(|part| part.iter().rev().fold(0, |sum, value| mul(sum ^ value, point)))
        .collect();
    sums.iter().rev().fold(0, |sum, part| mul(sum, step) ^ part)
}

#[cfg(target_arch = "x86_64")]
mod carryless {
    use std::arch::x86_64::{
        __m128i, _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_set_epi64x, _mm_storeu_si128,
    };

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
}

mod portable {
    /// Every fourth bit: a product of two such numbers has room for its carries.
    const HOLES: u64 = 0x1111_1111_1111_1111;

    /// The low 64 bits of the carry-less product.
    fn low_product(left: u64, right: u64) -> u64 {
        let part = |value: u64, lane: usize| value & (HOLES << lane);
        let mut sum = 0;
        for lane in 0..4 {
            let lane_sum =
                (0..4).fold(0, |sum, at| sum ^ part(left, at).wrapping_mul(part(right, (lane + 4 - at) % 4)));
            sum |= lane_sum & (HOLES << lane);
        }
        sum
    }

    fn product(left: u64, right: u64) -> u128 {
        let high = low_product(left.reverse_bits(), right.reverse_bits()).reverse_bits() >> 1;
        (u128::from(high) << 64) | u128::from(low_product(left, right))
    }

    pub fn mul(left: u128, right: u128) -> u128 {
        let (a, b) = ([left as u64, (left >> 64) as u64], [right as u64, (right >> 64) as u64]);
        let middle = product(a[0], b[1]) ^ product(a[1], b[0]);
        let low = product(a[0], b[0]) ^ (middle << 64);
        let high = product(a[1], b[1]) ^ (middle >> 64);
        let spilled = (high >> 127) ^ (high >> 126) ^ (high >> 121);
        [high, spilled].iter().fold(low, |sum, part| sum ^ part ^ (part << 1) ^ (part << 2) ^ (part << 7))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vole::draw;

    /// Shift and add, from the definition.
    fn by_definition(left: u128, right: u128) -> u128 {
        (0..128).rev().fold(0, |sum, bit| double(sum) ^ (((right >> bit) & 1) * left))
    }

    #[test]
    fn both_kernels_follow_the_definition() -> Result<(), crate::vole::Abort> {
        let mut pairs =
            vec![(0, 0), (1, u128::MAX), (u128::MAX, u128::MAX), (1 << 127, 2), (1 << 127, 1 << 127)];
        for _ in 0..500 {
            pairs.push((draw::element()?, draw::element()?));
        }
        for (left, right) in pairs {
            assert!(mul(left, right) == by_definition(left, right));
            assert!(portable::mul(left, right) == by_definition(left, right));
        }
        Ok(())
    }

    #[test]
    fn x_to_the_128_is_the_low_part_of_the_modulus() {
        assert_eq!(mul(1 << 127, 2), 0x87);
        assert_eq!(mul(1 << 64, 1 << 64), 0x87);
    }

    #[test]
    fn inverses_powers_and_sums_agree_with_products() -> Result<(), crate::vole::Abort> {
        let point = draw::element()?;
        assert!(mul(point, invert(point)) == 1 && invert(0) == 0);
        assert!(pow(point, 0) == 1 && pow(point, 5) == mul(mul(mul(point, point), mul(point, point)), point));
        let values = draw::elements(GRAIN * 2 + 3)?;
        let sum = values
            .iter()
            .enumerate()
            .fold(0, |sum, (at, value)| sum ^ mul(*value, pow(point, at as u32 + 1)));
        assert!(powers_sum(&values, point) == sum);
        Ok(())
    }
}
