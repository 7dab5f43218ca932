//! Lists of tags: sorted, coded as Golomb-Rice differences.
//!
//! A tag is a number below 2^bits. The code of a sorted list is, for each tag, the difference to the one before (to
//! zero at first): its high part in unary (ones, then a zero), its `low` lowest bits, most significant bit first. The
//! last byte is filled with zeros. With low = bits - floor(log2 n) a tag costs about bits - log2 n + 1.5 bits.

use rayon::prelude::*;

use super::fault::OprfFault;

/// The longest tag, in bits.
pub const MOST_BITS: u32 = 120;

/// Bytes of one tag of so many bits.
pub fn width(bits: u32) -> Result<usize, OprfFault> {
    if (1..=MOST_BITS).contains(&bits) {
        Ok(bits.div_ceil(8) as usize)
    } else {
        Err(OprfFault::Range { what: "the tag's length in bits", got: bits.into(), most: MOST_BITS.into() })
    }
}

/// How many values of `each` bytes (1 to 16) there are.
pub fn widths(values: &[u8], each: usize) -> Result<usize, OprfFault> {
    if !(1..=16).contains(&each) {
        return Err(OprfFault::Range { what: "the length of a value", got: each as u64, most: 16 });
    }
    if !values.len().is_multiple_of(each) {
        return Err(OprfFault::Count { what: "bytes of values", got: values.len(), want: each });
    }
    Ok(values.len() / each)
}

/// Read values of `each` bytes (1 to 16), big-endian.
pub fn numbers(values: &[u8], each: usize) -> Result<Vec<u128>, OprfFault> {
    widths(values, each)?;
    Ok(values.par_chunks(each).with_min_len(4_096).map(number).collect())
}

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// Write numbers in `each` bytes, big-endian.
pub fn bytes(numbers: &[u128], each: usize) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes().into_iter().skip(16 - each)).collect()
}

/// Sort values of `each` bytes.
pub fn sorted(values: &[u8], each: usize) -> Result<Vec<u8>, OprfFault> {
    let mut numbers = numbers(values, each)?;
    numbers.par_sort_unstable();
    Ok(bytes(&numbers, each))
}

/// The shape of a code: tags of `bits` bits, of which the lowest `low` are written as they are.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    bits: u32,
    low: u32,
}

impl Code {
    /// The code of a list of `count` tags; `count` says how long differences are, not how many a call handles.
    pub fn new(bits: u32, count: u64) -> Result<Self, OprfFault> {
        width(bits)?;
        Ok(Self { bits, low: bits.saturating_sub(count.max(1).ilog2()) })
    }

    /// Code tags in ascending order that follow `before`.
    pub fn encode(self, before: u128, tags: &[u128]) -> Result<Vec<u8>, OprfFault> {
        let (mut out, mut last) = (Writer::default(), before);
        for (tag, value) in tags.iter().enumerate() {
            let difference = value.checked_sub(last).filter(|_| value >> self.bits == 0);
            let difference = difference.ok_or(OprfFault::Code { tag })?;
            out.ones(difference >> self.low);
            out.write(0, 1);
            out.write(difference, self.low);
            last = *value;
        }
        Ok(out.bytes)
    }

    /// Read exactly `count` tags that follow `before`; nothing may be left but zeros of the last byte.
    pub fn decode(self, before: u128, code: &[u8], count: usize) -> Result<Vec<u128>, OprfFault> {
        // Each tag takes at least `low` + 1 bits: a short code cannot make this call allocate.
        if (count as u128) * u128::from(self.low + 1) > 8 * code.len() as u128 {
            return Err(OprfFault::Code { tag: count });
        }
        let (mut input, mut last, mut tags) = (Reader { code, at: 0 }, before, Vec::with_capacity(count));
        for tag in 0..count {
            let next = input.tag(self, last).ok_or(OprfFault::Code { tag })?;
            tags.push(next);
            last = next;
        }
        if input.is_done() { Ok(tags) } else { Err(OprfFault::Code { tag: count }) }
    }
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not used yet.
    free: u32,
}

impl Writer {
    fn write(&mut self, value: u128, mut bits: u32) {
        while bits > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let now = bits.min(self.free);
            let part = (value >> (bits - now)) as u8 & (0xff >> (8 - now));
            if let Some(last) = self.bytes.last_mut() {
                *last |= part << (self.free - now);
            }
            self.free -= now;
            bits -= now;
        }
    }

    fn ones(&mut self, mut count: u128) {
        while count > 0 {
            let now = count.min(64) as u32;
            self.write(u128::MAX, now);
            count -= u128::from(now);
        }
    }
}

struct Reader<'a> {
    code: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn bit(&mut self) -> Option<u8> {
        let byte = self.code.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit)
    }

    fn read(&mut self, mut bits: u32) -> Option<u128> {
        let mut value = 0;
        while bits > 0 {
            let byte = self.code.get(self.at / 8)?;
            let left = 8 - (self.at % 8) as u32;
            let now = bits.min(left);
            let part = byte >> (left - now) & (0xff >> (8 - now));
            value = value << now | u128::from(part);
            self.at += now as usize;
            bits -= now;
        }
        Some(value)
    }

    fn tag(&mut self, code: Code, before: u128) -> Option<u128> {
        let mut high: u128 = 0;
        while self.bit()? == 1 {
            high += 1;
        }
        let difference = high.checked_mul(1 << code.low)? + self.read(code.low)?;
        before.checked_add(difference).filter(|tag| tag >> code.bits == 0)
    }

    fn is_done(&self) -> bool {
        let rest = self.code.get(self.at / 8);
        self.at.div_ceil(8) == self.code.len() && rest.is_none_or(|byte| byte << (self.at % 8) == 0)
    }
}
