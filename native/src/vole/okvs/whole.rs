//! For tests: all values at once, in binned order.

use super::{Binned, Shape, decode, encode};
use crate::vole::Abort;

/// All row hashes in binned order.
pub fn hashes(shape: &Shape, binned: &Binned) -> Vec<u128> {
    (0..shape.bins).flat_map(|bin| binned.hashes(bin)).collect()
}

/// Encode `values`, which follow the binned order.
pub fn encode_all(shape: &Shape, binned: &Binned, values: &[u128]) -> Result<Vec<u128>, Abort> {
    let starts: Vec<usize> = (0..shape.bins)
        .scan(0, |start, bin| Some(std::mem::replace(start, *start + binned.items(bin).len())))
        .collect();
    encode(shape, binned, |bin, _, out| {
        let count = out.len();
        out.copy_from_slice(&values[starts[bin]..starts[bin] + count]);
    })
}

/// The value of every item, in binned order.
pub fn decode_all(shape: &Shape, store: &[u128], binned: &Binned) -> Vec<u128> {
    let mut out = vec![0; binned.all().len()];
    decode(shape, store, binned, &mut out, |_, values, out| out.copy_from_slice(values));
    out
}
