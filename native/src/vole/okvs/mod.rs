//! Oblivious key-value store: three columns of 0/1 and a few dense ones, in bins (RR22 sections 2 and 3).

mod bin;
mod items;
mod peel;
mod shape;

pub use items::Binned;
pub use shape::Shape;

use rayon::prelude::*;

use super::Abort;

/// Encode so that every item decodes to the value beside it. `values` follow the binned order. Length: `shape.length()`.
///
/// Aborts when a bin holds too many items, when its gap is too large, and when two items are equal; never tries again.
pub fn encode(shape: &Shape, items: &Binned, values: &[u128]) -> Result<Vec<u128>, Abort> {
    let mut out = vec![0; shape.length()];
    out.par_chunks_mut(shape.bin_length()).enumerate().try_for_each(|(bin, place)| {
        let range = items.range(bin);
        bin::encode(shape, &items.hashes()[range.clone()], &values[range], place)
    })?;
    Ok(out)
}

/// The value of every item, in binned order.
pub fn decode(shape: &Shape, store: &[u128], items: &Binned) -> Vec<u128> {
    let parts: Vec<Vec<u128>> = store
        .par_chunks(shape.bin_length())
        .enumerate()
        .map(|(bin, place)| {
            let hashes = &items.hashes()[items.range(bin)];
            hashes.iter().map(|hash| bin::decode(shape, place, *hash)).collect()
        })
        .collect();
    parts.concat()
}

#[cfg(test)]
mod tests;
