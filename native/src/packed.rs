//! Packed buffers: elements of one length side by side, or rows of any length with their ends.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::Fault;

/// Hashes, fingerprints, items: 32 bytes.
pub type Hash = [u8; 32];

/// Read a buffer as `N`-byte elements.
pub fn elements<'a, const N: usize>(what: &'static str, data: &'a [u8]) -> Result<&'a [[u8; N]], Fault> {
    let (whole, rest) = data.as_chunks::<N>();
    if rest.is_empty() { Ok(whole) } else { Err(Fault::NotWhole { what, got: data.len(), element: N }) }
}

/// Numbers for Python: u32 little-endian side by side.
pub fn numbers(py: Python<'_>, numbers: Vec<u32>) -> Bound<'_, PyBytes> {
    let bytes: Vec<[u8; 4]> = numbers.into_iter().map(u32::to_le_bytes).collect();
    PyBytes::new(py, bytes.as_flattened())
}

/// Rows of any length: their bytes side by side, and for each row the u32 (little-endian) at which it ends.
pub struct Rows<'a> {
    data: &'a [u8],
    ends: &'a [[u8; 4]],
}

impl<'a> Rows<'a> {
    /// Check that the ends ascend and that the last one is the end of the data.
    pub fn new(data: &'a [u8], ends: &'a [u8]) -> Result<Self, Fault> {
        let ends = elements::<4>("ends", ends)?;
        let mut before = 0;
        for (row, end) in ends.iter().enumerate() {
            let end = u32::from_le_bytes(*end) as usize;
            if end < before || end > data.len() {
                return Err(Fault::Ends { row });
            }
            before = end;
        }
        if before == data.len() { Ok(Self { data, ends }) } else { Err(Fault::Ends { row: ends.len() }) }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// One row; `index` is below `len`.
    pub fn row(&self, index: usize) -> &'a [u8] {
        let end = |at: usize| u32::from_le_bytes(self.ends[at]) as usize;
        let start = if index == 0 { 0 } else { end(index - 1) };
        &self.data[start..end(index)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_at_their_ends() {
        let ends: Vec<u8> = [2u32, 2, 5].iter().flat_map(|end| end.to_le_bytes()).collect();
        let rows = Rows::new(b"abcde", &ends).ok();
        assert_eq!(
            rows.map(|rows| (rows.row(0), rows.row(1), rows.row(2))),
            Some((&b"ab"[..], &b""[..], &b"cde"[..]))
        );
    }

    #[test]
    fn ends_that_descend_or_miss_the_end_are_refused() {
        for ends in [[3u32, 2, 5], [1, 2, 4], [1, 2, 6]] {
            let bytes: Vec<u8> = ends.iter().flat_map(|end| end.to_le_bytes()).collect();
            assert!(Rows::new(b"abcde", &bytes).is_err());
        }
        assert!(Rows::new(b"", b"abc").is_err());
    }
}
