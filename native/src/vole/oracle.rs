//! H_o: from o(x) and an item to its tag, which is sent, and to the key of its label, which is not (docs/vole.md
//! section 3).
//!
//! BLAKE3 in its keyed mode over one block, o || item || 32 zeros, under a key for tags and another one for labels. Tags
//! are hashed many at a time, through the crate's vectors.

use blake3::platform::{MAX_SIMD_DEGREE, Platform};
use blake3::{BLOCK_LEN, IncrementCounter, KEY_LEN, OUT_LEN};
use rayon::prelude::*;

use super::hash::{Id, hash};
use crate::labels::Key;

/// Items that one task hashes.
const GRAIN: usize = 4096;

/// A message of one block: chunk and tree begin and end with it (BLAKE3 paper, table 3).
const FLAGS: u8 = CHUNK_START | CHUNK_END | ROOT | KEYED_HASH;
const CHUNK_START: u8 = 1 << 0;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;
const KEYED_HASH: u8 = 1 << 4;

type Block = [u8; BLOCK_LEN];

/// The hash of one run.
#[derive(Debug, Clone, Copy)]
pub struct Oracle {
    tags: [u8; KEY_LEN],
    labels: [u8; KEY_LEN],
}

impl Oracle {
    /// Its keys follow from the run's id: they are public, and different in every run.
    pub fn new(id: &Id) -> Self {
        let [tags, labels] = ["psi-vole-tag/v1", "psi-vole-label/v1"].map(|label| hash(label, &[id]));
        Self { tags, labels }
    }

    /// Put in the place of each o its item's tag, the first 128 bits of the hash. Both slices are of one length.
    pub fn tags(&self, o: &mut [u128], items: &[u128]) {
        self.tags_by(Platform::detect(), o, items);
    }

    fn tags_by(&self, platform: Platform, o: &mut [u128], items: &[u128]) {
        // An o that stayed would be sent, and two of them give Delta away.
        assert_eq!(o.len(), items.len());
        let key = self.tags.as_chunks().0;
        let key = std::array::from_fn(|at| u32::from_le_bytes(key[at]));
        let mut blocks = [[0; BLOCK_LEN]; MAX_SIMD_DEGREE];
        let mut hashes = [[0; OUT_LEN]; MAX_SIMD_DEGREE];
        for (o, items) in o.chunks_mut(MAX_SIMD_DEGREE).zip(items.chunks(MAX_SIMD_DEGREE)) {
            for (block, (o, item)) in blocks.iter_mut().zip(o.iter().zip(items)) {
                write(block, *o, *item);
            }
            let inputs: [&Block; MAX_SIMD_DEGREE] = blocks.each_ref();
            let out = hashes.as_flattened_mut();
            platform.hash_many(&inputs[..o.len()], &key, 0, IncrementCounter::No, FLAGS, 0, 0, out);
            for (place, hash) in o.iter_mut().zip(&hashes) {
                *place = leading(hash);
            }
        }
    }

    /// The tags of many items, where each o is needed again.
    pub fn tags_of(&self, o: &[u128], items: &[u128]) -> Vec<u128> {
        let mut tags = o.to_vec();
        let parts = tags.par_chunks_mut(GRAIN).zip(items.par_chunks(GRAIN));
        parts.for_each(|(part, items)| self.tags(part, items));
        tags
    }

    /// The tag of one item.
    pub fn tag(&self, o: u128, item: u128) -> u128 {
        let mut tag = [o];
        self.tags(&mut tag, &[item]);
        tag[0]
    }

    /// The key of an item's label. Under a key of its own: half of the other hash, the tag, is sent.
    pub fn label_key(&self, o: u128, item: u128) -> Key {
        let mut block = [0; BLOCK_LEN];
        write(&mut block, o, item);
        Key::new(*blake3::keyed_hash(&self.labels, &block).as_bytes())
    }
}

fn write(block: &mut Block, o: u128, item: u128) {
    block[..16].copy_from_slice(&o.to_le_bytes());
    block[16..32].copy_from_slice(&item.to_le_bytes());
}

/// The first 128 bits.
fn leading(hash: &[u8; OUT_LEN]) -> u128 {
    hash.first_chunk().map_or(0, |first| u128::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vole::{Abort, draw};

    /// `hash_many` is not promised by the crate: what it gives must be the function that the crate does promise.
    #[test]
    fn tags_are_the_keyed_hash_however_many_are_made_at_once() -> Result<(), Abort> {
        let oracle = Oracle::new(&[7; 32]);
        for count in [0, 1, 2, 15, 16, 17, 33, 100, 2 * GRAIN + 3] {
            let (o, items) = (draw::elements(count)?, draw::elements(count)?);
            let one = |(o, item): (&u128, &u128)| {
                let mut message = [o.to_le_bytes(), item.to_le_bytes()].concat();
                message.resize(64, 0);
                leading(blake3::keyed_hash(&oracle.tags, &message).as_bytes())
            };
            let expected: Vec<u128> = o.iter().zip(&items).map(one).collect();
            assert!(oracle.tags_of(&o, &items) == expected, "{count}");
            let mut portable = o;
            oracle.tags_by(Platform::Portable, &mut portable, &items);
            assert!(portable == expected, "{count}");
        }
        Ok(())
    }

    /// Made by an implementation of its own, from the BLAKE3 paper and docs/vole.md: two releases must give the same tags.
    #[test]
    fn tag_and_label_key_are_those_of_the_page() {
        let oracle = Oracle::new(&std::array::from_fn(|at| at as u8));
        let bytes = |first: u8| u128::from_le_bytes(std::array::from_fn(|at| first + at as u8));
        assert_eq!(oracle.tag(bytes(0), bytes(16)), 0xbd98_9774_1a70_38de_9860_b67d_1835_74c6);
        let key: String =
            oracle.label_key(bytes(0), bytes(16)).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(key, "6036a1b7dad5f67d7ea84ecfcb366ba9748295c9dc5585a0f31e8487d28a6f01");
    }

    #[test]
    fn every_part_of_a_message_and_the_run_count() {
        let (oracle, other) = (Oracle::new(&[1; 32]), Oracle::new(&[2; 32]));
        let tag = oracle.tag(1, 2);
        for different in [oracle.tag(2, 1), oracle.tag(1, 3), oracle.tag(3, 2), other.tag(1, 2)] {
            assert_ne!(tag, different);
        }
    }

    #[test]
    fn a_label_key_is_no_part_of_a_tag() {
        let oracle = Oracle::new(&[1; 32]);
        let (key, other) = (oracle.label_key(1, 2), oracle.label_key(2, 1));
        let tag = oracle.tag(1, 2).to_be_bytes();
        assert!(key[..16] != tag && key[16..] != tag && key[..] != other[..]);
    }
}
