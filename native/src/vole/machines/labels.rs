//! Labels of a run: the sender's, sealed in the order of its tags; the receiver opens those of its matches alone.

use crate::labels::{Key, OVERHEAD, open_one, seal_all};
use crate::vole::frames::FRAME_BYTES;
use crate::vole::{Abort, require};

/// The longest label.
const MOST_BYTES: usize = 1 << 10;

/// What both sides know of the labels of a run.
#[derive(Debug, Clone)]
pub struct LabelTerms {
    /// What every label is bound to, beside its tag: agreement and match key.
    pub prefix: Vec<u8>,
    /// Bytes of each label.
    pub size: usize,
}

impl LabelTerms {
    /// Labels of 1 to 1,024 bytes.
    pub fn new(prefix: &[u8], size: usize) -> Result<Self, Abort> {
        require((1..=MOST_BYTES).contains(&size))?;
        Ok(Self { prefix: prefix.to_vec(), size })
    }

    fn sealed_bytes(&self) -> usize {
        self.size + OVERHEAD
    }

    /// Labels of one frame: whole ones, as many as fit.
    fn a_frame(&self) -> usize {
        FRAME_BYTES / self.sealed_bytes()
    }
}

/// The sender's labels, one for each item, in the items' order.
pub struct Given {
    /// Their terms.
    pub terms: LabelTerms,
    labels: Vec<u8>,
}

impl Given {
    /// Take the labels of `items` items, side by side.
    pub fn new(terms: LabelTerms, labels: Vec<u8>, items: usize) -> Result<Self, Abort> {
        require(labels.len() == items * terms.size)?;
        Ok(Self { terms, labels })
    }

    /// The frames of `count` sealed labels; `each` gives key, tag and the item's position for each place.
    pub fn frames(
        &self,
        count: usize,
        each: impl Fn(usize) -> (Key, u128, usize) + Sync,
    ) -> Result<Vec<Vec<u8>>, Abort> {
        let size = self.terms.size;
        let sealed = seal_all(count, size, &self.terms.prefix, |at| {
            let (key, tag, position) = each(at);
            (key, tag.to_be_bytes(), &self.labels[position * size..][..size])
        })
        .map_err(|_| Abort)?;
        let step = self.terms.a_frame() * self.terms.sealed_bytes();
        Ok(sealed.chunks(step).map(<[u8]>::to_vec).collect())
    }
}

/// A match whose label is awaited.
pub struct Wanted {
    /// Of the receiver's item.
    pub position: u32,
    /// Of the tag, in the sender's list.
    pub place: usize,
    /// The tag.
    pub tag: u128,
    /// The label's key.
    pub key: Key,
}

/// A match, and its label; None where that did not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Of the receiver's item.
    pub position: u32,
    /// The label.
    pub label: Option<Vec<u8>>,
}

/// Reads `total` sealed labels and keeps those of matches alone.
pub struct Reader {
    terms: LabelTerms,
    total: usize,
    read: usize,
    wanted: std::iter::Peekable<std::vec::IntoIter<Wanted>>,
    found: Vec<Labelled>,
}

impl Reader {
    /// Wait for `total` labels.
    pub fn new(terms: LabelTerms, total: usize, mut wanted: Vec<Wanted>) -> Self {
        wanted.sort_unstable_by_key(|each| each.place);
        let found = Vec::with_capacity(wanted.len());
        Self { terms, total, read: 0, wanted: wanted.into_iter().peekable(), found }
    }

    /// Take a frame of exactly the length that is due; returns the matches once the last label is there.
    pub fn take(mut self, frame: &[u8]) -> Result<Result<Vec<Labelled>, Self>, Abort> {
        let count = self.terms.a_frame().min(self.total - self.read);
        require(count > 0 && frame.len() == count * self.terms.sealed_bytes())?;
        let (first, end) = (self.read, self.read + count);
        while let Some(wanted) = self.wanted.next_if(|each| each.place < end) {
            let sealed =
                &frame[(wanted.place - first) * self.terms.sealed_bytes()..][..self.terms.sealed_bytes()];
            let label = open_one(&wanted.key, &self.terms.prefix, &wanted.tag.to_be_bytes(), sealed);
            self.found.push(Labelled { position: wanted.position, label });
        }
        self.read = end;
        if self.read < self.total {
            return Ok(Err(self));
        }
        self.found.sort_unstable_by_key(|each| each.position);
        Ok(Ok(self.found))
    }
}
