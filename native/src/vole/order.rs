//! Tags in ascending order. They are hashes: their first bits tell nearly where each one belongs.

use rayon::prelude::*;

use crate::pages;

/// Tags that share a bucket, on average.
const BUCKET: usize = 16;
/// Buckets that one task sorts.
const GRAIN: usize = 1024;

/// Sort what is uniform by its first bits; what is not takes longer. `first` gives an element's first 32 bits.
pub fn sorted<T: Copy + Default + Ord + Send>(elements: Vec<T>, first: impl Fn(&T) -> u32) -> Vec<T> {
    let bits = (elements.len() / BUCKET).max(1).ilog2();
    if bits == 0 {
        let mut elements = elements;
        elements.sort_unstable();
        return elements;
    }
    let bucket = |element: &T| (first(element) >> (u32::BITS - bits)) as usize;
    let mut ends = vec![0_usize; 1 << bits];
    elements.iter().for_each(|element| ends[bucket(element)] += 1);
    let mut start = 0;
    for end in &mut ends {
        start += std::mem::replace(end, start);
    }
    let mut out = pages::room(elements.len());
    out.resize(elements.len(), T::default());
    for element in elements {
        let place = &mut ends[bucket(&element)];
        out[*place] = element;
        *place += 1;
    }
    let mut rest = &mut out[..];
    let mut start = 0;
    let mut parts = Vec::with_capacity(ends.len().div_ceil(GRAIN));
    for ends in ends.chunks(GRAIN) {
        let end = ends.last().map_or(start, |end| *end);
        let (part, behind) = rest.split_at_mut(end - start);
        parts.push((part, start, ends));
        (rest, start) = (behind, end);
    }
    parts.into_par_iter().for_each(|(part, first, ends)| {
        let mut start = first;
        for end in ends {
            part[start - first..end - first].sort_unstable();
            start = *end;
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vole::{Abort, draw};

    #[test]
    fn any_list_comes_out_sorted() -> Result<(), Abort> {
        for count in [0, 1, 2, 15, 16, 31, 32, 33, 1000, 100_000] {
            let uniform = draw::elements(count)?;
            let alike: Vec<u128> = uniform.iter().map(|each| (each & 7) << 125).collect();
            let low: Vec<u128> = uniform.iter().map(|each| each >> 100).collect();
            for list in [uniform, alike, low] {
                let mut expected = list.clone();
                expected.sort_unstable();
                assert!(sorted(list, |each| (each >> 96) as u32) == expected, "{count}");
            }
        }
        Ok(())
    }
}
