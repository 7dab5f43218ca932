//! Tags: what is sent of them, in an order that says nothing, and their join.

use rayon::prelude::*;

use super::frames::Outgoing;
use super::order::sorted;
use super::{Abort, require};

/// Bits of a tag of the malicious variant, all of which are sent.
pub const WHOLE_BITS: usize = 128;

/// The first `bits` bits of a tag.
pub fn shortened(tag: u128, bits: usize) -> u128 {
    tag >> (WHOLE_BITS - bits)
}

/// The first 32 bits of a tag of `bits` bits.
pub fn first_word(tag: u128, bits: usize) -> u32 {
    (tag >> (bits - 32)) as u32
}

/// How a list of `count` tags of `bits` bits is written: whole, or in an Elias-Fano code of a length of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    bits: usize,
    count: usize,
}

impl Coding {
    /// `bits` is at most 104, or 128.
    pub fn new(bits: usize, count: usize) -> Self {
        Self { bits, count }
    }

    /// Bits of a tag.
    pub fn bits(&self) -> usize {
        self.bits
    }

    fn low_bits(&self) -> usize {
        self.bits - self.count.max(1).ilog2() as usize
    }

    fn low_bytes(&self) -> usize {
        (self.count * self.low_bits()).div_ceil(8)
    }

    fn high_bytes(&self) -> usize {
        (self.count + (1 << (self.bits - self.low_bits()))).div_ceil(8)
    }

    /// Bytes of the list, whatever its tags are.
    pub fn bytes(&self) -> usize {
        if self.bits == WHOLE_BITS { 16 * self.count } else { self.low_bytes() + self.high_bytes() }
    }

    /// The message of ascending tags; aborts as `encode` does.
    pub fn message(&self, mut tags: Vec<u128>) -> Result<Outgoing, Abort> {
        if self.bits != WHOLE_BITS {
            return Ok(self.encode(&tags)?.into());
        }
        self.check(&tags)?;
        // Big-endian, so that bytes ascend as tags do; elements leave little-endian.
        tags.par_iter_mut().for_each(|tag| *tag = tag.swap_bytes());
        Outgoing::new(Vec::new(), tags)
    }

    fn check(&self, tags: &[u128]) -> Result<(), Abort> {
        require(tags.len() == self.count)?;
        require(tags.is_sorted_by(|before, after| before < after))
    }

    /// Write ascending tags; aborts unless they are `count` and ascend strictly.
    pub fn encode(&self, tags: &[u128]) -> Result<Vec<u8>, Abort> {
        self.check(tags)?;
        if self.bits == WHOLE_BITS {
            return Ok(tags.iter().flat_map(|tag| tag.to_be_bytes()).collect());
        }
        let low = self.low_bits();
        let mut out = Vec::with_capacity(self.bytes());
        let (mut held, mut bits) = (0_u128, 0);
        for tag in tags {
            held |= (tag & ((1 << low) - 1)) << bits;
            bits += low;
            while bits >= 8 {
                out.push(held as u8);
                held >>= 8;
                bits -= 8;
            }
        }
        if bits > 0 {
            out.push(held as u8);
        }
        let mut high = vec![0_u8; self.high_bytes()];
        for (at, tag) in tags.iter().enumerate() {
            let place = (tag >> low) as usize + at;
            high[place / 8] |= 1 << (place % 8);
        }
        out.append(&mut high);
        Ok(out)
    }

    /// Read a list back, tag by tag; aborts unless the code is exactly what `encode` writes of a list of that length.
    ///
    /// That the tags ascend strictly is for `meet` to find.
    pub fn decode(&self, code: &[u8], mut meet: impl FnMut(u128) -> Result<(), Abort>) -> Result<(), Abort> {
        require(code.len() == self.bytes())?;
        if self.bits == WHOLE_BITS {
            return code.as_chunks().0.iter().try_for_each(|bytes| meet(u128::from_be_bytes(*bytes)));
        }
        self.decode_parts(code, meet)
    }

    /// A whole list, read back; aborts unless it ascends strictly.
    pub fn list(&self, code: &[u8]) -> Result<Vec<u128>, Abort> {
        let mut tags: Vec<u128> = Vec::new();
        self.decode(code, |tag| {
            require(tags.last().is_none_or(|before| *before < tag))?;
            tags.push(tag);
            Ok(())
        })?;
        Ok(tags)
    }

    fn decode_parts(
        &self,
        code: &[u8],
        mut meet: impl FnMut(u128) -> Result<(), Abort>,
    ) -> Result<(), Abort> {
        let low = self.low_bits();
        let (lows, highs) = code.split_at(self.low_bytes());
        let mut bytes = lows.iter();
        let (mut held, mut bits) = (0_u128, 0);
        let mut met = 0;
        let places = highs.iter().enumerate().flat_map(|(at, byte)| {
            (0..8).filter(move |bit| (byte >> bit) & 1 == 1).map(move |bit| 8 * at + bit)
        });
        for (at, place) in places.enumerate() {
            require(at < self.count)?;
            while bits < low {
                held |= u128::from(*bytes.next().ok_or(Abort)?) << bits;
                bits += 8;
            }
            let high = (place - at) as u128;
            require(high >> (self.bits - low) == 0)?;
            meet((high << low) | (held & ((1 << low) - 1)))?;
            met += 1;
            held >>= low;
            bits -= low;
        }
        require(met == self.count && held == 0)
    }
}

/// A tag of ours and where its item is: high half, low half, place. Narrower than a tuple with the tag whole.
pub type OwnTag = (u64, u64, u32);

/// Our tag of an item.
pub fn own_tag(tag: u128, place: u32) -> OwnTag {
    ((tag >> 64) as u64, tag as u64, place)
}

/// Joins our tags with a list that comes tag by tag and must ascend strictly.
pub struct Join {
    own: Vec<OwnTag>,
    next: usize,
    met: u32,
    before: Option<u128>,
    found: Vec<(u32, u32)>,
}

impl Join {
    /// Our tags of `bits` bits, in any order.
    pub fn new(own: Vec<OwnTag>, bits: usize) -> Self {
        let own =
            sorted(own, |(high, low, _)| first_word((u128::from(*high) << 64) | u128::from(*low), bits));
        Self { own, next: 0, met: 0, before: None, found: Vec::new() }
    }

    /// The next tag of the list.
    pub fn meet(&mut self, tag: u128) -> Result<(), Abort> {
        require(self.before.is_none_or(|before| before < tag))?;
        self.before = Some(tag);
        let (high, low, _) = own_tag(tag, 0);
        while self
            .own
            .get(self.next)
            .is_some_and(|(own_high, own_low, _)| (*own_high, *own_low) < (high, low))
        {
            self.next += 1;
        }
        while let Some((own_high, own_low, place)) = self.own.get(self.next)
            && (*own_high, *own_low) == (high, low)
        {
            self.found.push((*place, self.met));
            self.next += 1;
        }
        self.met += 1;
        Ok(())
    }

    /// Our tags that stand in the list: the place of each, ascending, and its place in the list.
    pub fn found(self) -> Vec<(u32, u32)> {
        let mut found = self.found;
        found.par_sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vole::draw;

    fn sorted(count: usize, bits: usize) -> Result<Vec<u128>, Abort> {
        let mut tags: Vec<u128> =
            draw::elements(count)?.into_iter().map(|tag| shortened(tag, bits)).collect();
        tags.sort_unstable();
        Ok(tags)
    }

    #[test]
    fn lists_come_back_and_their_length_is_public() -> Result<(), Abort> {
        for (bits, count) in [(128, 1), (128, 100), (64, 1), (64, 2), (72, 1000), (80, 4097), (104, 1024)] {
            let coding = Coding::new(bits, count);
            for tags in [
                sorted(count, bits)?,
                (0..count as u128).collect(),
                (0..count as u128).map(|at| (u128::MAX >> (128 - bits)) - (count as u128 - 1 - at)).collect(),
            ] {
                let code = coding.encode(&tags)?;
                assert_eq!(code.len(), coding.bytes());
                assert!(coding.list(&code)? == tags);
            }
        }
        assert!(Coding::new(80, 1 << 20).bytes() < 8 << 20);
        Ok(())
    }

    #[test]
    fn unsorted_tags_and_bent_codes_are_refused() -> Result<(), Abort> {
        for bits in [128, 80] {
            let coding = Coding::new(bits, 50);
            let tags = sorted(50, bits)?;
            let mut twice = tags.clone();
            twice[7] = twice[8];
            let swapped: Vec<u128> = tags.iter().rev().copied().collect();
            assert!(
                coding.encode(&twice).is_err()
                    && coding.encode(&swapped).is_err()
                    && coding.encode(&tags[1..]).is_err()
            );
            let code = coding.encode(&tags)?;
            assert!(coding.list(&code[1..]).is_err());
            for at in 0..code.len() {
                for bit in 0..8 {
                    let mut bent = code.clone();
                    bent[at] ^= 1 << bit;
                    // What is read at all is another list of the same length.
                    assert!(
                        coding
                            .list(&bent)
                            .map_or(true, |read| read != tags && coding.encode(&read) == Ok(bent))
                    );
                }
            }
        }
        Ok(())
    }

    fn joined(own: &[(u128, u32)], theirs: &[u128]) -> Result<Vec<(u32, u32)>, Abort> {
        let mut join = Join::new(own.iter().map(|(tag, place)| own_tag(*tag, *place)).collect(), WHOLE_BITS);
        theirs.iter().try_for_each(|tag| join.meet(*tag))?;
        Ok(join.found())
    }

    #[test]
    fn joining_is_set_intersection() {
        let own = [(7, 0), (3, 5), (1, 9), (3, 4), (1 << 100, 8)];
        assert_eq!(joined(&own, &[0, 3, 6, 7, 8, 1 << 100]), Ok(vec![(0, 3), (4, 1), (5, 1), (8, 5)]));
        assert_eq!(joined(&own, &[]), Ok(vec![]));
        assert_eq!(joined(&[], &[1]), Ok(vec![]));
        assert!(joined(&own, &[3, 3]).is_err() && joined(&own, &[7, 6]).is_err());
    }
}
