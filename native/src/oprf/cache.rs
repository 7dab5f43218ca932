//! What an epoch keeps: items in ascending order with their outputs, and sorted lists of tags that change a little.

use rayon::prelude::*;

use super::fault::OprfFault;
use super::suite::{Encoded, Output};
use super::tags::{bytes, numbers};

/// Items of one task.
const GRAIN: usize = 4_096;

/// Items in ascending order, each with its output and its tag: what one side knows of an epoch.
pub struct Known<'a> {
    items: &'a [Encoded],
    outputs: &'a [Output],
    tags: &'a [u8],
    each: usize,
}

/// What is known of a list of items, in its order.
pub struct Recalled {
    /// Outputs; zeros where unknown.
    pub outputs: Vec<Output>,
    /// Tags of `each` bytes; zeros where unknown.
    pub tags: Vec<u8>,
    /// Places, in the list, of items that are not known.
    pub unknown: Vec<u32>,
    /// Places, among the known items, of those that are not in the list.
    pub gone: Vec<u32>,
}

impl<'a> Known<'a> {
    /// Refuses lists that `arranged` did not write: a cache comes from a file. Tags have `each` bytes.
    pub fn new(
        items: &'a [Encoded],
        outputs: &'a [Output],
        tags: &'a [u8],
        each: usize,
    ) -> Result<Self, OprfFault> {
        if outputs.len() != items.len() {
            return Err(OprfFault::Count { what: "outputs of items", got: outputs.len(), want: items.len() });
        }
        if each == 0 || tags.len() != items.len() * each {
            return Err(OprfFault::Count {
                what: "bytes of tags",
                got: tags.len(),
                want: items.len() * each.max(1),
            });
        }
        match items.windows(2).position(|pair| pair[0] >= pair[1]) {
            None => Ok(Self { items, outputs, tags, each }),
            Some(index) => Err(OprfFault::Order { what: "known items", index }),
        }
    }

    /// Look up every item of a list.
    pub fn recall(&self, list: &[Encoded]) -> Recalled {
        let index = Index::new(self.items);
        let places: Vec<Option<usize>> =
            list.par_iter().with_min_len(GRAIN).map(|item| index.place(item)).collect();
        let mut met = vec![false; self.items.len()];
        places.iter().flatten().for_each(|at| met[*at] = true);
        let mut tags = vec![0; list.len() * self.each];
        for (place, at) in tags.chunks_exact_mut(self.each).zip(&places) {
            if let Some(at) = at {
                place.copy_from_slice(&self.tags[at * self.each..][..self.each]);
            }
        }
        Recalled {
            outputs: places.iter().map(|at| at.map_or([0; 64], |at| self.outputs[at])).collect(),
            tags,
            unknown: positions(places.iter().map(Option::is_none)),
            gone: positions(met.iter().map(|met| !met)),
        }
    }
}

fn positions(wanted: impl Iterator<Item = bool>) -> Vec<u32> {
    (0..).zip(wanted).filter_map(|(place, wanted)| wanted.then_some(place)).collect()
}

/// Where, in ascending items, those with the same leading bits begin. Items are hashes, so that few share them.
struct Index<'a> {
    items: &'a [Encoded],
    starts: Vec<u32>,
    bits: u32,
}

impl<'a> Index<'a> {
    fn new(items: &'a [Encoded]) -> Self {
        let bits = items.len().max(1).ilog2().saturating_sub(2);
        let mut starts = vec![0; (1 << bits) + 1];
        items.iter().for_each(|item| starts[bucket(item, bits) + 1] += 1);
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        Self { items, starts, bits }
    }

    fn place(&self, item: &Encoded) -> Option<usize> {
        let bucket = bucket(item, self.bits);
        let (start, end) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        self.items[start..end].binary_search(item).ok().map(|at| start + at)
    }
}

fn bucket(item: &Encoded, bits: u32) -> usize {
    let lead = u32::from_be_bytes([item[0], item[1], item[2], item[3]]);
    (u64::from(lead) >> (32 - bits)) as usize
}

/// Items in ascending order, and their outputs and tags in the same order.
#[derive(Debug)]
pub struct Arranged {
    /// Distinct items.
    pub items: Vec<Encoded>,
    /// Their outputs.
    pub outputs: Vec<Output>,
    /// Their tags, packed.
    pub tags: Vec<u8>,
}

/// Bring items, outputs and tags into the order that a cache has; refuses an item that comes twice.
pub fn arranged(
    items: &[Encoded],
    outputs: &[Output],
    tags: &[u8],
    each: usize,
) -> Result<Arranged, OprfFault> {
    if items.len() != outputs.len() || tags.len() != items.len() * each {
        return Err(OprfFault::Count { what: "outputs of items", got: outputs.len(), want: items.len() });
    }
    let mut order: Vec<u32> = positions(items.iter().map(|_| true));
    order.par_sort_unstable_by_key(|at| &items[*at as usize]);
    let at = |place: &u32| *place as usize;
    let sorted: Vec<Encoded> = order.iter().map(|place| items[at(place)]).collect();
    let outputs: Vec<Output> = order.iter().map(|place| outputs[at(place)]).collect();
    let tags = order.iter().flat_map(|place| &tags[at(place) * each..][..each]).copied().collect::<Vec<u8>>();
    Known::new(&sorted, &outputs, &tags, each)?;
    Ok(Arranged { items: sorted, outputs, tags })
}

/// A sorted list of values of `each` bytes without `removed`, all of which it must hold, and with `added`.
///
/// Both changes are sorted; a value that comes twice is taken out once for each time that `removed` names it.
pub fn changed(list: &[u8], removed: &[u8], added: &[u8], each: usize) -> Result<Vec<u8>, OprfFault> {
    let (list, removed, added) = (numbers(list, each)?, numbers(removed, each)?, numbers(added, each)?);
    for (what, values) in [("removed values", &removed), ("added values", &added), ("values", &list)] {
        if let Some(index) = values.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(OprfFault::Order { what, index });
        }
    }
    let mut leaving = removed.iter().peekable();
    let mut kept: Vec<u128> = list.into_iter().filter(|value| leaving.next_if_eq(&value).is_none()).collect();
    if let Some(index) = leaving.next().map(|_| removed.len() - leaving.count() - 1) {
        return Err(OprfFault::Unknown { what: "a removed value", index });
    }
    kept.extend(added);
    kept.par_sort_unstable();
    Ok(bytes(&kept, each))
}
