//! A sorted list of tags that changes a little from run to run.

use super::cache_index::ascending;
use super::fault::OprfFault;

/// A sorted list of values of `each` bytes without `removed`, all of which it must hold, and with `added`.
///
/// Both changes are sorted; a value that comes twice is taken out once for each time that `removed` names it. The list
/// is trusted to be sorted: only what lies between two changes is copied, nothing of it is compared.
pub fn changed(list: &[u8], removed: &[u8], added: &[u8], each: usize) -> Result<Vec<u8>, OprfFault> {
    ascending("removed values", removed, each)?;
    ascending("added values", added, each)?;
    let mut out = Changed { list, each, at: 0, out: Vec::with_capacity(list.len() + added.len()) };
    let mut coming = added.chunks_exact(each).peekable();
    for (index, value) in removed.chunks_exact(each).enumerate() {
        while let Some(added) = coming.next_if(|added| *added < value) {
            out.add(added);
        }
        if !out.skip(value) {
            return Err(OprfFault::Unknown { what: "a removed value", index });
        }
    }
    coming.for_each(|added| out.add(added));
    out.out.extend_from_slice(&list[out.at..]);
    Ok(out.out)
}

struct Changed<'a> {
    list: &'a [u8],
    each: usize,
    /// Bytes of the list that are dealt with.
    at: usize,
    out: Vec<u8>,
}

impl Changed<'_> {
    /// Copy what is smaller than a value.
    fn copy_below(&mut self, value: &[u8]) {
        let rest = &self.list[self.at..];
        let (mut low, mut high) = (0, rest.len() / self.each);
        while low < high {
            let middle = low.midpoint(high);
            if &rest[middle * self.each..][..self.each] < value {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.out.extend_from_slice(&rest[..low * self.each]);
        self.at += low * self.each;
    }

    fn add(&mut self, value: &[u8]) {
        self.copy_below(value);
        self.out.extend_from_slice(value);
    }

    fn skip(&mut self, value: &[u8]) -> bool {
        self.copy_below(value);
        let found = self.list[self.at..].starts_with(value);
        if found {
            self.at += self.each;
        }
        found
    }
}
