//! What an epoch keeps: items in ascending order with their outputs, and sorted lists of tags that change a little.

use rayon::prelude::*;

use super::fault::OprfFault;
use super::suite::{Encoded, Output};
use super::tags::{bytes, numbers};

/// Items of one task.
const GRAIN: usize = 4_096;

/// For each item its place in `known` (ascending, each once), or None.
pub fn places(items: &[Encoded], known: &[Encoded]) -> Vec<Option<usize>> {
    items.par_iter().with_min_len(GRAIN).map(|item| known.binary_search(item).ok()).collect()
}

/// Refuse lists that were not written by `arranged`: a cache comes from a file.
pub fn check(items: &[Encoded], outputs: usize) -> Result<(), OprfFault> {
    if items.len() != outputs {
        return Err(OprfFault::Count { what: "outputs of known items", got: outputs, want: items.len() });
    }
    match items.windows(2).position(|pair| pair[0] >= pair[1]) {
        None => Ok(()),
        Some(index) => Err(OprfFault::Order { what: "known items", index }),
    }
}

/// Items in ascending order, and their outputs in the same order.
pub fn arranged(items: &[Encoded], outputs: &[Output]) -> Result<(Vec<Encoded>, Vec<Output>), OprfFault> {
    if items.len() != outputs.len() {
        return Err(OprfFault::Count { what: "outputs of items", got: outputs.len(), want: items.len() });
    }
    let mut pairs: Vec<(&Encoded, &Output)> = items.iter().zip(outputs).collect();
    pairs.par_sort_unstable_by_key(|(item, _)| *item);
    let items: Vec<Encoded> = pairs.iter().map(|(item, _)| **item).collect();
    let outputs: Vec<Output> = pairs.iter().map(|(_, output)| **output).collect();
    check(&items, outputs.len())?;
    Ok((items, outputs))
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
