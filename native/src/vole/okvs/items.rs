//! Items partitioned once into bins, by row hash.

use std::ops::Range;

use rayon::prelude::*;

use super::Shape;
use crate::pages;
use crate::vole::Abort;
use crate::vole::fixed_key::FixedKey;

/// Items that one task hashes.
const GRAIN: usize = 4096;

/// Items in the order of their bins, and which item each is. Row hashes are made again when a bin is worked on: that
/// is cheaper than to keep them.
pub struct Binned {
    row_key: FixedKey,
    ends: Vec<usize>,
    items: Vec<u128>,
    positions: Vec<u32>,
}

impl Binned {
    /// Hash every item under the row key and sort by bin. `items` are at most 2^32 - 1.
    pub fn new(shape: &Shape, row_key: FixedKey, items: &[u128]) -> Result<Self, Abort> {
        let count = u32::try_from(items.len()).map_err(|_| Abort)?;
        let mut bins = vec![0_u32; items.len()];
        bins.par_chunks_mut(GRAIN).zip(items.par_chunks(GRAIN)).for_each(|(bins, part)| {
            let mut hashes = vec![0; part.len()];
            row_key.hash_all(part, &mut hashes);
            bins.iter_mut().zip(&hashes).for_each(|(bin, hash)| *bin = shape.bin(*hash) as u32);
        });
        let mut next = vec![0; shape.bins];
        bins.iter().for_each(|bin| next[*bin as usize] += 1);
        let mut start = 0;
        for place in &mut next {
            start += std::mem::replace(place, start);
        }
        let (mut sorted, mut positions) = (pages::zeros(items.len()), vec![0; items.len()]);
        for ((item, position), bin) in items.iter().zip(0..count).zip(bins) {
            let place = &mut next[bin as usize];
            (sorted[*place], positions[*place]) = (*item, position);
            *place += 1;
        }
        Ok(Self { row_key, ends: next, items: sorted, positions })
    }

    /// A bin's items.
    pub fn items(&self, bin: usize) -> &[u128] {
        &self.items[self.range(bin)]
    }

    /// All items, bin after bin.
    pub fn all(&self) -> &[u128] {
        &self.items
    }

    /// For each of a bin's items its position in what `new` was given.
    pub fn positions(&self, bin: usize) -> &[u32] {
        &self.positions[self.range(bin)]
    }

    /// The item at a place in binned order, and its position.
    pub fn at(&self, place: usize) -> (u128, u32) {
        (self.items[place], self.positions[place])
    }

    /// Row hashes of a bin's items.
    pub fn hashes(&self, bin: usize) -> Vec<u128> {
        let mut hashes = vec![0; self.range(bin).len()];
        self.row_key.hash_all(self.items(bin), &mut hashes);
        hashes
    }

    /// Cut a slice with one place for each item into one for each bin.
    pub fn split<'a, T>(&self, mut places: &'a mut [T]) -> Vec<&'a mut [T]> {
        let mut parts = Vec::with_capacity(self.ends.len());
        for bin in 0..self.ends.len() {
            let (part, rest) = places.split_at_mut(self.range(bin).len());
            parts.push(part);
            places = rest;
        }
        parts
    }

    fn range(&self, bin: usize) -> Range<usize> {
        let start = if bin == 0 { 0 } else { self.ends[bin - 1] };
        start..self.ends[bin]
    }
}
