//! AES-128 under one key for many blocks: x -> AES(x) + x, and counter streams. AES-NI or portable, by the `aes` crate.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

/// Blocks that go through the cipher together.
const BATCH: usize = 64;

/// One key, set up once.
pub struct FixedKey(Aes128);

impl FixedKey {
    /// Set a key up.
    pub fn new(key: [u8; 16]) -> Self {
        Self(Aes128::new(&Array(key)))
    }

    /// out_i = AES(input_i) + input_i; both slices are of one length.
    pub fn hash_all(&self, inputs: &[u128], out: &mut [u128]) {
        assert_eq!(inputs.len(), out.len());
        for (inputs, out) in inputs.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
            let mut hashes = [Array([0; 16]); BATCH];
            let hashes = &mut hashes[..inputs.len()];
            for (block, input) in hashes.iter_mut().zip(inputs) {
                *block = Array(input.to_le_bytes());
            }
            self.0.encrypt_blocks(hashes);
            for ((place, block), input) in out.iter_mut().zip(hashes).zip(inputs) {
                *place = u128::from_le_bytes(block.0) ^ input;
            }
        }
    }

    /// out_i = AES(start + i), little-endian: the stream of counter mode from block `start` on.
    pub fn stream(&self, start: u64, out: &mut [[u8; 16]]) {
        for (counter, out) in (u128::from(start)..).zip(&mut *out) {
            *out = counter.to_le_bytes();
        }
        self.0.encrypt_blocks(Array::cast_slice_from_core_mut(out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 197, appendix C.1.
    #[test]
    fn the_standards_example_comes_out() {
        let key = std::array::from_fn(|at| at as u8);
        let plain = u128::from_le_bytes(std::array::from_fn(|at| (at * 0x11) as u8));
        let cipher = u128::from_be_bytes([
            0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a,
        ])
        .swap_bytes();
        let mut out = [0];
        FixedKey::new(key).hash_all(&[plain], &mut out);
        assert!(out[0] == cipher ^ plain);
    }

    #[test]
    fn a_stream_can_be_entered_anywhere() {
        let key = FixedKey::new([7; 16]);
        let mut whole = [[0; 16]; 200];
        key.stream(0, &mut whole);
        let mut rest = [[0; 16]; 130];
        key.stream(70, &mut rest);
        assert!(rest == whole[70..]);
    }
}
