//! Sets of 32-byte elements: sorted and distinct, or committed to with salts.

use std::cmp::Ordering;

use rayon::prelude::*;

use crate::error::Fault;
use crate::packed::Hash;
use crate::short_sha256::Short;
use crate::tree;

/// The elements in ascending order, each once.
pub fn sort_unique(elements: &[Hash]) -> Vec<Hash> {
    let mut sorted = elements.to_vec();
    sorted.par_sort_unstable();
    sorted.dedup();
    sorted
}

/// The order of rows of 8 bytes or more: most differ in their first 8 bytes, which one comparison tells.
fn ascending<const N: usize>(left: &[u8; N], right: &[u8; N]) -> Ordering {
    let first = |row: &[u8; N]| row.first_chunk().copied().map(u64::from_be_bytes);
    first(left).cmp(&first(right)).then_with(|| left.cmp(right))
}

/// Whether each row of `width` bytes is larger than the one before; rows of no bytes are all alike.
pub fn ascends(rows: &[u8], width: usize) -> bool {
    let rows = || rows.chunks_exact(width.max(1));
    width > 0 && rows().zip(rows().skip(1)).all(|(before, after)| before < after)
}

/// Leaves of one task of `commit`: a power of two, so that each is a complete subtree.
const SUBTREE: usize = 1 << 12;

/// The order of members by leaf hash, and the root over those leaves: leaf = SHA-256(0x00 || salt || element).
pub fn commit(elements: &[Hash], salts: &[[u8; 16]]) -> Result<(Vec<u32>, Hash), Fault> {
    let count = u32::try_from(elements.len()).map_err(|_| Fault::TooMany { got: elements.len() })?;
    let leaf = Short::new(&[tree::LEAF]);
    let mut leaves: Vec<(Hash, u32)> = elements
        .par_iter()
        .zip(salts)
        .zip(0..count)
        .map(|((element, salt), index)| {
            let mut member = [0; 48];
            member[..16].copy_from_slice(salt);
            member[16..].copy_from_slice(element);
            (leaf.hash(&member), index)
        })
        .collect();
    leaves.par_sort_unstable_by(|left, right| ascending(&left.0, &right.0).then(left.1.cmp(&right.1)));
    let subtrees: Vec<Hash> = leaves
        .par_chunks(SUBTREE)
        .map(|part| tree::root(&part.iter().map(|(leaf, _)| *leaf).collect::<Vec<Hash>>()))
        .collect();
    Ok((leaves.into_iter().map(|(_, index)| index).collect(), tree::root(&subtrees)))
}

/// An element and the actor that it stands for, u64 big-endian.
pub type Pair = [u8; 40];

/// The places of elements in ascending order of these; equal ones as they stand.
pub fn order(elements: &[Hash]) -> Result<Vec<u32>, Fault> {
    let count = u32::try_from(elements.len()).map_err(|_| Fault::TooMany { got: elements.len() })?;
    let mut places: Vec<u32> = (0..count).collect();
    // Stable: it is fast where few runs ascend already.
    places.par_sort_by(|left, right| ascending(&elements[*left as usize], &elements[*right as usize]));
    Ok(places)
}

/// Pairs of elements and decimal numbers, which stand in a text with one space between two.
pub fn pairs(elements: &[Hash], actors: &str, out: &mut [Pair]) -> Result<(), Fault> {
    let mut numbers = actors.split(' ').filter(|each| !each.is_empty());
    for (row, (pair, element)) in out.iter_mut().zip(elements).enumerate() {
        let number = numbers.next().and_then(|each| each.parse::<u64>().ok()).ok_or(Fault::Number { row })?;
        pair[..32].copy_from_slice(element);
        pair[32..].copy_from_slice(&number.to_be_bytes());
    }
    if numbers.next().is_none() { Ok(()) } else { Err(Fault::Number { row: elements.len() }) }
}

/// Pairs in order, each once: a way to their groups without a copy.
pub struct Groups<'a>(&'a [Pair]);

impl<'a> Groups<'a> {
    /// Sort the pairs in place.
    pub fn new(pairs: &'a mut [Pair]) -> Result<Self, Fault> {
        u32::try_from(pairs.len()).map_err(|_| Fault::TooMany { got: pairs.len() })?;
        pairs.par_sort_unstable_by(ascending);
        Ok(Self(pairs))
    }

    fn distinct(&self) -> impl Iterator<Item = &'a Pair> {
        self.0.chunk_by(|before, after| before == after).filter_map(<[Pair]>::first)
    }

    fn by_element(&self) -> impl Iterator<Item = &'a [Pair]> {
        self.0.chunk_by(|before, after| before[..32] == after[..32])
    }

    /// How many elements, and how many pairs there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.by_element().count(), self.distinct().count())
    }

    /// Distinct elements, ascending, and where the actors of each end in `actors`.
    pub fn elements(&self, elements: &mut [Hash], ends: &mut [[u8; 4]]) {
        let mut end = 0_u32;
        for ((group, element), place) in self.by_element().zip(elements).zip(ends) {
            element.copy_from_slice(&group[0][..32]);
            end += group.chunk_by(|before, after| before == after).count() as u32;
            *place = end.to_le_bytes();
        }
    }

    /// The actors of the first element, ascending, then those of the next.
    pub fn actors(&self, actors: &mut [[u8; 8]]) {
        for (pair, place) in self.distinct().zip(actors) {
            place.copy_from_slice(&pair[32..]);
        }
    }
}

/// What stands for "nowhere" among places.
pub const NOWHERE: u32 = u32::MAX;

/// Elements that one task looks for.
const SOUGHT: usize = 1 << 12;

/// For each element sought, its place among those held, which ascend. Where the sought ascend too, both are walked along.
pub fn find(sought: &[Hash], held: &[Hash]) -> Vec<u32> {
    let mut places = vec![NOWHERE; sought.len()];
    places.par_chunks_mut(SOUGHT).zip(sought.par_chunks(SOUGHT)).for_each(|(places, sought)| {
        let mut before = 0;
        for (at, (place, element)) in places.iter_mut().zip(sought).enumerate() {
            if at > 0 && *element < sought[at - 1] {
                before = 0;
            }
            before = reach(held, before, element);
            if held.get(before) == Some(element) {
                *place = before as u32;
            }
        }
    });
    places
}

/// The first place from `start` on, before which all are smaller, whose element is not: in steps that double, as it is
/// most often near.
fn reach(held: &[Hash], start: usize, element: &Hash) -> usize {
    let (mut low, mut step) = (start, 1);
    while held.get(low + step - 1).is_some_and(|each| each < element) {
        low += step;
        step *= 2;
    }
    let rest = &held[low..held.len().min(low + step)];
    low + rest.partition_point(|each| each < element)
}

/// Copy the rows of `width` bytes at these places into `out`; zeros for `NOWHERE`. False when a place is past the end.
pub fn gather(rows: &[u8], width: usize, places: &[[u8; 4]], out: &mut [u8]) -> bool {
    out.par_chunks_mut(width).zip(places).with_min_len(1024).all(|(out, place)| {
        let place = u32::from_le_bytes(*place);
        if place == NOWHERE {
            return true;
        }
        let start = place as usize * width;
        rows.get(start..start + width).map(|row| out.copy_from_slice(row)).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_begin_alike_are_in_order_too() {
        let rows = [[0; 9], [0, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1, 0], [255; 9]];
        for (at, left) in rows.iter().enumerate() {
            for (other, right) in rows.iter().enumerate() {
                assert_eq!(ascending(left, right), at.cmp(&other));
            }
        }
    }

    #[test]
    fn pairs_need_a_number_for_each_element() {
        let mut out = [[0; 40]; 2];
        assert_eq!(pairs(&[[7; 32], [9; 32]], "1 258", &mut out), Ok(()));
        assert_eq!(out[1], {
            let mut pair = [9; 40];
            pair[32..].copy_from_slice(&258u64.to_be_bytes());
            pair
        });
        assert_eq!(pairs(&[[7; 32], [9; 32]], "1", &mut out), Err(Fault::Number { row: 1 }));
        assert_eq!(pairs(&[[7; 32], [9; 32]], "1 -2", &mut out), Err(Fault::Number { row: 1 }));
        assert_eq!(pairs(&[[7; 32], [9; 32]], "1 2 3", &mut out), Err(Fault::Number { row: 2 }));
        assert_eq!(pairs(&[], "", &mut []), Ok(()));
    }

    fn numbered(numbers: impl Iterator<Item = u32>) -> Vec<Hash> {
        let element = |number: u32| {
            let mut element = [0; 32];
            element[..4].copy_from_slice(&number.to_be_bytes());
            element
        };
        numbers.map(element).collect()
    }

    #[test]
    fn what_is_sought_is_found_in_any_order() {
        let held = numbered((0..20_000).map(|at| 3 * at));
        let orders: [Vec<u32>; 4] = [
            (0..60_010).collect(),
            (0..60_010).rev().collect(),
            (0..60_010).map(|at| at * 7919 % 60_010).collect(),
            vec![59_997, 0, 59_997, 59_997, 70_000, 3],
        ];
        for order in orders {
            let places = find(&numbered(order.iter().copied()), &held);
            let expected = |number: &u32| {
                if number.is_multiple_of(3) && *number < 60_000 { number / 3 } else { NOWHERE }
            };
            assert!(places.iter().eq(order.iter().map(expected).collect::<Vec<u32>>().iter()));
        }
        assert_eq!(find(&held[..2], &[]), [NOWHERE; 2]);
        assert!(find(&[], &held).is_empty());
    }
}
