//! Finding a value among ascending ones that look random: hashes and tags, of which few share their leading bits.

use rayon::prelude::*;

use super::fault::OprfFault;
use super::tags::widths;

/// Values of one task.
pub(super) const GRAIN: usize = 4_096;

/// Where, in ascending values, those with the same leading bits begin. The values themselves stay with the caller.
#[derive(Debug)]
pub(super) struct Index {
    starts: Vec<u32>,
    /// Bits of the leading eight bytes that are zero in every value.
    zeros: u32,
    bits: u32,
}

impl Index {
    /// Of ascending values of `each` bytes, packed, at most 2^32 - 1 of them.
    pub fn new(values: &[u8], each: usize) -> Self {
        let count = values.len() / each;
        let zeros = values.rchunks_exact(each).next().map_or(0, |last| lead(last).leading_zeros()).min(63);
        let bits = count.max(1).ilog2().saturating_sub(1).min(63 - zeros);
        let mut index = Self { starts: vec![0; (1 << bits) + 1], zeros, bits };
        for value in values.chunks_exact(each) {
            let bucket = index.bucket(value);
            index.starts[bucket + 1] += 1;
        }
        for at in 1..index.starts.len() {
            index.starts[at] += index.starts[at - 1];
        }
        index
    }

    /// The place of a value among the values that the index was made of.
    pub fn place(&self, values: &[u8], each: usize, value: &[u8]) -> Option<usize> {
        if lead(value).leading_zeros() < self.zeros {
            return None;
        }
        let bucket = self.bucket(value);
        let (mut low, mut high) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        while low < high {
            let middle = low.midpoint(high);
            match values[middle * each..][..each].cmp(value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn bucket(&self, value: &[u8]) -> usize {
        // `zeros` is at most 63 and `bits` below 64, so neither shift is by 64.
        ((lead(value) << self.zeros) >> 1 >> (63 - self.bits)) as usize
    }
}

fn lead(value: &[u8]) -> u64 {
    let mut lead = [0; 8];
    let taken = value.len().min(8);
    lead[..taken].copy_from_slice(&value[..taken]);
    u64::from_be_bytes(lead)
}

/// Places, in `own`, of the values that are in `sorted`; both packed, of `each` bytes.
pub fn matches(own: &[u8], sorted: &[u8], each: usize) -> Result<Vec<u32>, OprfFault> {
    let (count, _) = (widths(own, each)?, ascending("values", sorted, each)?);
    u32::try_from(count).map_err(|_| OprfFault::Range {
        what: "the number of values",
        got: count as u64,
        most: u32::MAX.into(),
    })?;
    let index = Index::new(sorted, each);
    let places = own.par_chunks_exact(each).enumerate().with_min_len(GRAIN);
    Ok(places.filter_map(|(at, value)| index.place(sorted, each, value).map(|_| at as u32)).collect())
}

/// How many values of `each` bytes there are; refuses a list that does not ascend (equal ones may stand together).
pub(super) fn ascending(what: &'static str, values: &[u8], each: usize) -> Result<usize, OprfFault> {
    let count = widths(values, each)?;
    let mut pairs = values.chunks_exact(each).zip(values.chunks_exact(each).skip(1));
    match pairs.position(|(left, right)| left > right) {
        None => Ok(count),
        Some(index) => Err(OprfFault::Order { what, index }),
    }
}
