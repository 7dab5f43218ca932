//! SHA-256 of many short messages that begin alike: padded once, then one call of the compression for each.

use sha2::block_api::compress256;

/// The state before the first block (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const BLOCK: usize = 64;
/// Bytes behind every message: a one, and its length in bits.
const PADDING: usize = 1 + size_of::<u64>();

/// Messages of one beginning and `TAIL` further bytes, at most 55: they end in the block that the beginning ends in, or
/// in the next one.
pub struct Short<const TAIL: usize> {
    state: [u32; 8],
    blocks: [[u8; BLOCK]; 2],
    used: usize,
    start: usize,
}

impl<const TAIL: usize> Short<TAIL> {
    const FITS: () = assert!(TAIL + PADDING <= BLOCK);

    /// Messages that begin with `first`.
    pub fn new(first: &[u8]) -> Self {
        let () = Self::FITS;
        let (whole, rest) = first.as_chunks::<BLOCK>();
        let mut state = INITIAL;
        compress256(&mut state, whole);
        let mut blocks = [[0; BLOCK]; 2];
        let end = rest.len() + TAIL;
        let used = (end + PADDING).div_ceil(BLOCK);
        let bytes = blocks.as_flattened_mut();
        bytes[..rest.len()].copy_from_slice(rest);
        bytes[end] = 0x80;
        let bits = 8 * (first.len() + TAIL) as u64;
        bytes[used * BLOCK - size_of::<u64>()..used * BLOCK].copy_from_slice(&bits.to_be_bytes());
        Self { state, blocks, used, start: rest.len() }
    }

    /// The hash of the message that ends with `tail`.
    pub fn hash(&self, tail: &[u8; TAIL]) -> [u8; 32] {
        let (mut state, mut blocks) = (self.state, self.blocks);
        blocks.as_flattened_mut()[self.start..self.start + TAIL].copy_from_slice(tail);
        compress256(&mut state, &blocks[..self.used]);
        let mut out = [0; 32];
        for (place, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
            *place = word.to_be_bytes();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn it_is_the_hash_of_the_whole_message() {
        for length in 0..200 {
            let first: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let whole = |tail: &[u8]| -> [u8; 32] {
                Sha256::new_with_prefix(&first).chain_update(tail).finalize().into()
            };
            assert_eq!(Short::new(&first).hash(&[7; 32]), whole(&[7; 32]), "{length}");
            assert_eq!(Short::new(&first).hash(&[9; 55]), whole(&[9; 55]), "{length}");
            assert_eq!(Short::new(&first).hash(&[]), whole(&[]), "{length}");
        }
    }
}
