//! Sets of 32-byte elements: sorted and distinct, or committed to with salts.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::error::Fault;
use crate::packed::Hash;
use crate::tree;

/// An element and its 16-byte salt.
pub type Member = [u8; 48];

/// The elements in ascending order, each once.
pub fn sort_unique(elements: &[Hash]) -> Vec<Hash> {
    let mut sorted = elements.to_vec();
    sorted.par_sort_unstable();
    sorted.dedup();
    sorted
}

/// The order of members by leaf hash, and the root over those leaves: leaf = SHA-256(0x00 || salt || element).
pub fn commit(members: &[Member]) -> Result<(Vec<u32>, Hash), Fault> {
    let count = u32::try_from(members.len()).map_err(|_| Fault::TooMany { got: members.len() })?;
    let mut leaves: Vec<(Hash, u32)> = members
        .par_iter()
        .zip(0..count)
        .map(|(member, index)| {
            let (element, salt) = member.split_at(size_of::<Hash>());
            let leaf = Sha256::new_with_prefix([tree::LEAF]).chain_update(salt).chain_update(element);
            (leaf.finalize().into(), index)
        })
        .collect();
    leaves.par_sort_unstable();
    let hashes: Vec<Hash> = leaves.iter().map(|(leaf, _)| *leaf).collect();
    Ok((leaves.into_iter().map(|(_, index)| index).collect(), tree::root(&hashes)))
}
