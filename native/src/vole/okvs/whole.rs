//! For tests: all values at once, in binned order.

use super::bin::eliminate;
use super::{Binned, Shape, decode, encode};
use crate::vole::Abort;
use crate::vole::gf128::{invert, mul};

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

/// A bin's row as a dense one.
fn dense_row(shape: &Shape, hash: u128) -> Vec<u128> {
    let mut row = vec![0; shape.bin_length()];
    shape.columns(hash).iter().for_each(|column| row[*column] = 1);
    let mut power = hash;
    for place in &mut row[shape.sparse..] {
        *place = power;
        power = mul(power, hash);
    }
    row
}

/// One bin's system as a dense matrix, solved without any structure: for as many rows as a bin has elements.
pub fn dense_solution(shape: &Shape, hashes: &[u128], values: &[u128]) -> Result<Vec<u128>, Abort> {
    let equation = |(hash, value): (&u128, &u128)| [&dense_row(shape, *hash)[..], &[*value]].concat();
    eliminate(hashes.iter().zip(values).map(equation).collect(), shape.bin_length())
}

/// Which of a bin's rows, taken in their order, do not depend on those taken before.
pub fn independent_rows(shape: &Shape, hashes: &[u128]) -> Vec<usize> {
    let mut taken: Vec<(usize, Vec<u128>)> = Vec::new();
    let mut chosen = Vec::new();
    for (at, hash) in hashes.iter().enumerate() {
        let mut row = dense_row(shape, *hash);
        for (pivot, other) in &taken {
            let factor = row[*pivot];
            if factor != 0 {
                row.iter_mut().zip(other).for_each(|(value, own)| *value ^= mul(factor, *own));
            }
        }
        if let Some(pivot) = row.iter().position(|value| *value != 0) {
            let scale = invert(row[pivot]);
            row.iter_mut().for_each(|value| *value = mul(*value, scale));
            taken.push((pivot, row));
            chosen.push(at);
        }
    }
    chosen
}
