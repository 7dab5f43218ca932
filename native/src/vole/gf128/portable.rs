//! One product by integer products with holes: in constant time, on any CPU.

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
