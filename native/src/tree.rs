//! RFC 6962 hashing (section 2.1): leaf hashes, complete subtrees level by level, roots.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::packed::{Hash, Rows};

/// The byte before a leaf's data.
pub const LEAF: u8 = 0x00;
const NODE: u8 = 0x01;
const GRAIN: usize = 256;
/// Up to this many hashes, waking other threads takes longer than the work: a tile of a log is one thread's.
const ALONE: usize = 1024;

/// SHA-256(0x00 || data) of every row.
pub fn leaf_hashes(rows: &Rows<'_>, out: &mut [Hash]) {
    let leaf = |(index, place): (usize, &mut Hash)| {
        *place = Sha256::new_with_prefix([LEAF]).chain_update(rows.row(index)).finalize().into();
    };
    if out.len() <= ALONE {
        out.iter_mut().enumerate().for_each(leaf);
    } else {
        out.par_iter_mut().with_min_len(GRAIN).enumerate().for_each(leaf);
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([NODE]).chain_update(left).chain_update(right).finalize().into()
}

/// Every level of complete subtrees above the leaves: level k holds floor(n / 2^k) hashes, from k = 1 on.
pub fn levels(leaves: &[Hash]) -> Vec<Vec<Hash>> {
    let mut found: Vec<Vec<Hash>> = Vec::new();
    loop {
        let below = found.last().map_or(leaves, Vec::as_slice);
        if below.len() < 2 {
            return found;
        }
        let parent = |pair: &[Hash]| node(&pair[0], &pair[1]);
        let above = if below.len() <= ALONE {
            below.chunks_exact(2).map(parent).collect()
        } else {
            below.par_chunks_exact(2).with_min_len(GRAIN).map(parent).collect()
        };
        found.push(above);
    }
}

/// The root over leaf hashes; SHA-256 of nothing for no leaf.
pub fn root(leaves: &[Hash]) -> Hash {
    let above = levels(leaves);
    let level = |at: usize| if at == 0 { leaves } else { above[at - 1].as_slice() };
    // The right edge: a level of odd length ends in a complete subtree that no larger one holds.
    let edge =
        (0..=above.len()).filter_map(|at| if level(at).len() % 2 == 1 { level(at).last() } else { None });
    edge.copied().reduce(|right, left| node(&left, &right)).unwrap_or_else(|| Sha256::digest([]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962 section 2.1, word by word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                node(&by_definition(left), &by_definition(right))
            }
        }
    }

    #[test]
    fn roots_of_every_size_follow_the_definition() {
        let leaves: Vec<Hash> = (0..3000u16).map(|n| Sha256::digest(n.to_be_bytes()).into()).collect();
        for size in (0..200).chain([ALONE, ALONE + 1, 2 * ALONE + 1, leaves.len()]) {
            assert_eq!(root(&leaves[..size]), by_definition(&leaves[..size]), "{size} leaves");
        }
    }
}
