use super::*;
use crate::vole::draw;

/// Shift and add, from the definition.
fn by_definition(left: u128, right: u128) -> u128 {
    (0..128).rev().fold(0, |sum, bit| double(sum) ^ (((right >> bit) & 1) * left))
}

#[test]
fn both_kernels_follow_the_definition() -> Result<(), crate::vole::Abort> {
    let mut pairs = vec![(0, 0), (1, u128::MAX), (u128::MAX, u128::MAX), (1 << 127, 2), (1 << 127, 1 << 127)];
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
    let sum =
        values.iter().enumerate().fold(0, |sum, (at, value)| sum ^ mul(*value, pow(point, at as u32 + 1)));
    assert!(powers_sum(&values, point) == sum);
    Ok(())
}

#[test]
fn many_at_once_are_as_one_by_one() -> Result<(), crate::vole::Abort> {
    let factor = draw::element()?;
    for count in [0, 1, 3, 4, 5, 63, 64, 67, 200] {
        let (values, start) = (draw::elements(count)?, draw::elements(count)?);
        let products: Vec<u128> = values.iter().map(|value| by_definition(*value, factor)).collect();
        let mut scaled = values.clone();
        scale(&mut scaled, factor);
        assert!(scaled == products);
        let bytes: Vec<[u8; 16]> = values.iter().map(|value| value.to_le_bytes()).collect();
        let mut sums = start.clone();
        add_scaled(&mut sums, &bytes, factor);
        assert!(
            sums.iter().zip(&start).zip(&products).all(|((sum, start), product)| *sum == start ^ product)
        );
        let mut decoded = vec![0; count];
        horner_all(&values[..count.min(3)], &start, &mut decoded);
        let one = |point: &u128| {
            (0..count.min(3)).fold(0, |sum, at| sum ^ mul(values[at], pow(*point, at as u32 + 1)))
        };
        assert!(decoded == start.iter().map(one).collect::<Vec<u128>>());
        let sum = (0..count).fold(0, |sum, at| sum ^ mul(values[at], pow(factor, at as u32 + 1)));
        assert!(powers_sum(&values, factor) == sum);
    }
    Ok(())
}
