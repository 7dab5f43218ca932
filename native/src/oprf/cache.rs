//! What one side knows of an epoch: a base of ascending items with their tags, and what the runs since have changed.
//!
//! A run changes a little, so nothing here is sorted or copied whole but the list of tags. Every item has a row: its
//! place in the base, or after the base in the order in which runs added it. Outputs are kept elsewhere, by row.

use std::collections::HashSet;
use std::sync::Arc;

use rayon::prelude::*;

use super::cache_index::{GRAIN, Index, ascending};
use super::fault::OprfFault;
use super::suite::Encoded;
use super::tag_changes::changed;
use super::tags::widths;

/// The row of an item that is not known.
pub const NO_ROW: u32 = u32::MAX;

#[derive(Debug)]
struct Base {
    items: Vec<Encoded>,
    tags: Vec<u8>,
    index: Index,
}

/// Items in rows with their tags, which rows still count, and the sender's whole list of tags.
#[derive(Debug)]
pub struct Known {
    base: Arc<Base>,
    each: usize,
    /// Tags of the rows after the base's.
    later_tags: Vec<u8>,
    /// Ascending items of which a run since the base has said something, and the row of each, or none.
    overlay: Vec<Encoded>,
    rows: Vec<u32>,
    index: Index,
    list: Vec<u8>,
}

/// What one run adds and takes away. Items and both lists of tags ascend.
pub struct Step<'a> {
    /// Items that were new.
    pub items: &'a [Encoded],
    /// Their tags, packed.
    pub tags: &'a [u8],
    /// Items that left; one that is not known is passed over (it may have been erased since).
    pub gone: &'a [Encoded],
    /// Tags that leave the sender's list.
    pub leaving: &'a [u8],
    /// Tags that come.
    pub coming: &'a [u8],
}

/// Where the items of a list stand among what is known.
#[derive(Clone, Debug)]
pub struct Recalled {
    /// For each item of the list its row, or `NO_ROW`.
    pub rows: Vec<u32>,
    /// Places, in the list, of items that are not known.
    pub unknown: Vec<u32>,
    /// Rows of known items that are not in the list.
    pub gone: Vec<u32>,
}

impl Known {
    /// Of distinct ascending items with their tags (of `each` bytes), and the sender's sorted tags.
    pub fn base(items: &[Encoded], tags: &[u8], list: &[u8], each: usize) -> Result<Self, OprfFault> {
        check_items("known items", items, tags, each)?;
        ascending("the sender's tags", list, each)?;
        check_rows(items.len())?;
        let base =
            Base { items: items.to_vec(), tags: tags.to_vec(), index: Index::new(items.as_flattened(), 32) };
        Ok(Self {
            base: Arc::new(base),
            each,
            later_tags: Vec::new(),
            overlay: Vec::new(),
            rows: Vec::new(),
            index: Index::new(&[], 32),
            list: list.to_vec(),
        })
    }

    /// What is known after one more run.
    pub fn after(&self, step: &Step<'_>) -> Result<Self, OprfFault> {
        check_items("added items", step.items, step.tags, self.each)?;
        if let Some(index) = step.gone.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(OprfFault::Order { what: "items that left", index });
        }
        let first = self.rows_in_all();
        check_rows(first + step.items.len())?;
        if let Some(index) = step.items.iter().position(|item| self.row(item) != NO_ROW) {
            return Err(OprfFault::Twice { what: "an added item", index });
        }
        let added = step.items.iter().zip(first as u32..).map(|(item, row)| (*item, row));
        let gone = step.gone.iter().filter(|item| self.row(item) != NO_ROW).map(|item| (*item, NO_ROW));
        let mut changes: Vec<(Encoded, u32)> = added.chain(gone).collect();
        changes.sort_unstable();
        let (overlay, rows) = self.overlaid(&changes);
        Ok(Self {
            base: Arc::clone(&self.base),
            each: self.each,
            later_tags: [&self.later_tags, step.tags].concat(),
            index: Index::new(overlay.as_flattened(), 32),
            overlay,
            rows,
            list: changed(&self.list, step.leaving, step.coming, self.each)?,
        })
    }

    /// The overlay with ascending changes, which take the place of what it says of the same items.
    fn overlaid(&self, changes: &[(Encoded, u32)]) -> (Vec<Encoded>, Vec<u32>) {
        let before = self.overlay.iter().copied().zip(self.rows.iter().copied());
        let said = |item: &Encoded| changes.binary_search_by(|(changed, _)| changed.cmp(item)).is_ok();
        let mut all: Vec<(Encoded, u32)> = before.filter(|(item, _)| !said(item)).collect();
        all.extend_from_slice(changes);
        all.par_sort_unstable();
        all.into_iter().unzip()
    }

    /// The sender's tags, sorted and packed.
    pub fn list(&self) -> &[u8] {
        &self.list
    }

    /// Bytes of a tag.
    pub fn each(&self) -> usize {
        self.each
    }

    /// How many rows there are, those that count no longer among them.
    pub fn rows_in_all(&self) -> usize {
        self.base.items.len() + self.later_tags.len() / self.each
    }

    /// The row of an item, or `NO_ROW`.
    pub fn row(&self, item: &Encoded) -> u32 {
        if !self.overlay.is_empty()
            && let Some(at) = self.index.place(self.overlay.as_flattened(), 32, item)
        {
            return self.rows[at];
        }
        self.base.index.place(self.base.items.as_flattened(), 32, item).map_or(NO_ROW, |at| at as u32)
    }

    /// Rows that count, in the order of their items, and these items.
    pub fn counting(&self) -> (Vec<u32>, Vec<Encoded>) {
        let mut later = self.overlay.iter().zip(&self.rows).peekable();
        let (mut rows, mut items) = (Vec::new(), Vec::new());
        let mut count = |item: &Encoded, row: u32| {
            if row != NO_ROW {
                rows.push(row);
                items.push(*item);
            }
        };
        for (item, row) in self.base.items.iter().zip(0..) {
            while let Some((earlier, row)) = later.next_if(|(earlier, _)| *earlier < item) {
                count(earlier, *row);
            }
            match later.next_if(|(same, _)| *same == item) {
                Some((same, row)) => count(same, *row),
                None => count(item, row),
            }
        }
        later.for_each(|(item, row)| count(item, *row));
        (rows, items)
    }

    /// The tag of a row; empty where there is no such row.
    pub fn tag(&self, row: u32) -> &[u8] {
        let (row, base) = (row as usize, self.base.items.len());
        let (tags, row) = if row < base { (&self.base.tags, row) } else { (&self.later_tags, row - base) };
        tags.chunks_exact(self.each).nth(row).unwrap_or_default()
    }

    /// Look up every item of a list, in which none may stand twice.
    pub fn recall(&self, list: &[Encoded]) -> Result<Recalled, OprfFault> {
        check_rows(list.len())?;
        let rows: Vec<u32> = list.par_iter().with_min_len(GRAIN).map(|item| self.row(item)).collect();
        let mut met = vec![false; self.rows_in_all()];
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| **row != NO_ROW) {
            if std::mem::replace(&mut met[*row as usize], true) {
                return Err(OprfFault::Twice { what: "an item of the list", index });
            }
        }
        let unknown: Vec<u32> =
            (0..).zip(&rows).filter_map(|(place, row)| (*row == NO_ROW).then_some(place)).collect();
        let mut new: Vec<(&Encoded, u32)> =
            unknown.iter().map(|place| (&list[*place as usize], *place)).collect();
        new.par_sort_unstable();
        if let Some(pair) = new.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(OprfFault::Twice { what: "an item of the list", index: pair[1].1 as usize });
        }
        Ok(Recalled { rows, unknown, gone: self.not_met(&met) })
    }

    /// The same of a longer list, which begins with the list that was looked up and has few items more.
    pub fn recall_more(&self, begun: &Recalled, list: &[Encoded]) -> Result<Recalled, OprfFault> {
        check_rows(list.len())?;
        let (got, want) = (list.len(), begun.rows.len());
        let more = list.get(want..).ok_or(OprfFault::Count { what: "items of a longer list", got, want })?;
        let mut new: HashSet<&Encoded> = begun.unknown.iter().map(|place| &list[*place as usize]).collect();
        let mut found = begun.clone();
        for (index, item) in (want..).zip(more) {
            let row = self.row(item);
            let first = if row == NO_ROW {
                found.unknown.push(index as u32);
                new.insert(item)
            } else {
                let gone = found.gone.iter().position(|gone| *gone == row);
                gone.map(|at| found.gone.remove(at)).is_some()
            };
            if !first {
                return Err(OprfFault::Twice { what: "an item of the list", index });
            }
            found.rows.push(row);
        }
        Ok(found)
    }

    /// Rows that count and were not met: few, so that the base is not gone through item by item.
    fn not_met(&self, met: &[bool]) -> Vec<u32> {
        let base = self.base.items.len();
        let overlaid: Vec<usize> = self
            .overlay
            .iter()
            .filter_map(|item| self.base.index.place(self.base.items.as_flattened(), 32, item))
            .collect();
        let left = (0..).zip(&met[..base]).filter_map(|(row, met)| (!met).then_some(row));
        let left = left.filter(|row| overlaid.binary_search(&(*row as usize)).is_err());
        let later = self.rows.iter().copied().filter(|row| *row != NO_ROW && !met[*row as usize]);
        left.chain(later).collect()
    }

    /// The items of rows that count, in the rows' order; raises for any other row.
    pub fn items(&self, rows: &[u32]) -> Result<Vec<Encoded>, OprfFault> {
        let mut later: Vec<(u32, &Encoded)> = self.rows.iter().copied().zip(&self.overlay).collect();
        later.sort_unstable();
        let find = |(index, row): (usize, &u32)| {
            let found = match later.binary_search_by_key(row, |(row, _)| *row) {
                Ok(at) => Some(later[at].1),
                Err(_) => self.base.items.get(*row as usize),
            };
            found.copied().ok_or(OprfFault::Unknown { what: "a row", index })
        };
        rows.iter().enumerate().map(find).collect()
    }

    /// Places, in a list, of the items whose tag is in the sorted `list`. `new` are the tags of its unknown items.
    pub fn matches(&self, recalled: &Recalled, new: &[u8], list: &[u8]) -> Result<Vec<u32>, OprfFault> {
        if widths(new, self.each)? != recalled.unknown.len() {
            let got = new.len() / self.each;
            return Err(OprfFault::Count { what: "tags of new items", got, want: recalled.unknown.len() });
        }
        ascending("the sender's tags", list, self.each)?;
        let index = Index::new(list, self.each);
        let held = |tag: &[u8]| tag.len() == self.each && index.place(list, self.each, tag).is_some();
        let rows = recalled.rows.par_iter().enumerate().with_min_len(GRAIN);
        let known = rows.filter(|(_, row)| **row != NO_ROW && held(self.tag(**row)));
        let mut found: Vec<u32> = known.map(|(place, _)| place as u32).collect();
        let new = recalled.unknown.iter().zip(new.chunks_exact(self.each));
        found.extend(new.filter(|(_, tag)| held(tag)).map(|(place, _)| *place));
        found.par_sort_unstable();
        Ok(found)
    }
}

fn check_items(what: &'static str, items: &[Encoded], tags: &[u8], each: usize) -> Result<(), OprfFault> {
    let got = widths(tags, each)?;
    if got != items.len() {
        return Err(OprfFault::Count { what: "tags of items", got, want: items.len() });
    }
    match items.windows(2).position(|pair| pair[0] >= pair[1]) {
        None => Ok(()),
        Some(index) => Err(OprfFault::Order { what, index }),
    }
}

fn check_rows(rows: usize) -> Result<(), OprfFault> {
    let most = u64::from(NO_ROW) - 1;
    let fault = OprfFault::Range { what: "the number of items", got: rows as u64, most };
    if rows as u64 <= most { Ok(()) } else { Err(fault) }
}

/// The order that brings distinct items into the one that a base has; refuses an item that comes twice.
pub fn order(items: &[Encoded]) -> Result<Vec<u32>, OprfFault> {
    check_rows(items.len())?;
    let mut order: Vec<u32> = (0..).take(items.len()).collect();
    order.par_sort_unstable_by_key(|at| &items[*at as usize]);
    let item = |at: &u32| &items[*at as usize];
    match order.windows(2).find(|pair| item(&pair[0]) == item(&pair[1])) {
        None => Ok(order),
        Some(pair) => Err(OprfFault::Twice { what: "an item", index: pair[1] as usize }),
    }
}
