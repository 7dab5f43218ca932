//! Oblivious key-value store: three columns of 0/1 and a few dense ones, in bins (RR22 sections 2 and 3).

mod bin;
mod items;
mod peel;
mod shape;

pub use items::Binned;
pub use shape::Shape;

use rayon::prelude::*;

use super::Abort;
use crate::pages;

/// Encode so that every item decodes to its value; `values` fills in those of one bin's items. Length: `shape.length()`.
///
/// Aborts when a bin holds too many items, when its gap is too large, and when two items are equal; never tries again.
pub fn encode(
    shape: &Shape,
    items: &Binned,
    values: impl Fn(usize, &[u128], &mut [u128]) + Sync,
) -> Result<Vec<u128>, Abort> {
    let mut out = pages::zeros(shape.length());
    out.par_chunks_mut(shape.bin_length()).enumerate().try_for_each(|(bin, place)| {
        let mut wanted = vec![0; items.items(bin).len()];
        values(bin, items.items(bin), &mut wanted);
        bin::encode(shape, &items.hashes(bin), &wanted, place)
    })?;
    Ok(out)
}

/// Decode every item; `finish` makes of a bin (its number) and its values what goes into `out`, in binned order.
pub fn decode<T: Send>(
    shape: &Shape,
    store: &[u128],
    items: &Binned,
    out: &mut [T],
    finish: impl Fn(usize, &mut [u128], &mut [T]) + Sync,
) {
    let bins = store.par_chunks(shape.bin_length()).zip(items.split(out)).enumerate();
    bins.for_each(|(bin, (store, out))| {
        finish(bin, &mut bin::decode(shape, store, &items.hashes(bin)), out);
    });
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub mod whole;
