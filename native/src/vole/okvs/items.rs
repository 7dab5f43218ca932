//! Items partitioned once into bins, by row hash.

use std::ops::Range;

use rayon::prelude::*;

use super::Shape;
use crate::vole::Abort;
use crate::vole::fixed_key::FixedKey;

/// Items that one task hashes.
const GRAIN: usize = 4096;

/// Row hashes in the order of their bins, and which item each is.
pub struct Binned {
    ends: Vec<usize>,
    hashes: Vec<u128>,
    positions: Vec<u32>,
}

impl Binned {
    /// Hash every item under the row key and sort by bin. `items` are at most 2^32 - 1.
    pub fn new(shape: &Shape, row_key: &FixedKey, items: &[u128]) -> Result<Self, Abort> {
        let count = u32::try_from(items.len()).map_err(|_| Abort)?;
        let mut unsorted = vec![0; items.len()];
        unsorted
            .par_chunks_mut(GRAIN)
            .zip(items.par_chunks(GRAIN))
            .for_each(|(out, part)| row_key.hash_all(part, out));
        let mut next = vec![0; shape.bins];
        for hash in &unsorted {
            next[shape.bin(*hash)] += 1;
        }
        let mut start = 0;
        for place in &mut next {
            start += std::mem::replace(place, start);
        }
        let (mut hashes, mut positions) = (vec![0; items.len()], vec![0; items.len()]);
        for (hash, position) in unsorted.into_iter().zip(0..count) {
            let place = &mut next[shape.bin(hash)];
            (hashes[*place], positions[*place]) = (hash, position);
            *place += 1;
        }
        Ok(Self { ends: next, hashes, positions })
    }

    /// Row hashes, bin after bin.
    pub fn hashes(&self) -> &[u128] {
        &self.hashes
    }

    /// For each row hash, the item's position in what `new` was given.
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// Where a bin's rows lie.
    pub fn range(&self, bin: usize) -> Range<usize> {
        let start = if bin == 0 { 0 } else { self.ends[bin - 1] };
        start..self.ends[bin]
    }
}
