//! Ed25519 (RFC 8032) over many messages, on all cores. Strict: no small-order keys, no malleable signatures.
//!
//! Each signature is checked alone. Checking a batch by one random combination would be faster, but its answer for a
//! signature with a component of small order, which the key's holder can make, would be a matter of chance; two
//! auditors have to find the same.

use std::collections::HashMap;

use ed25519_dalek::{Signature, VerifyingKey};
use rayon::prelude::*;

use crate::packed::{Hash, Rows};

/// The positions of signatures that do not verify, ascending. Keys, messages and signatures go by position.
pub fn wrong(keys: &[Hash], messages: &Rows<'_>, signatures: &[[u8; 64]]) -> Vec<u32> {
    let count = u32::try_from(signatures.len()).unwrap_or(u32::MAX);
    let known = decompressed(keys);
    keys.par_iter()
        .zip(signatures)
        .zip(0..count)
        .filter(|((key, signature), index)| {
            let (message, signature) = (messages.row(*index as usize), Signature::from_bytes(signature));
            let key = known.get(*key).and_then(Option::as_ref);
            key.is_none_or(|key| key.verify_strict(message, &signature).is_err())
        })
        .map(|(_, index)| index)
        .collect()
}

/// A log is signed by few keys: each is decompressed once. None for what is no point.
fn decompressed(keys: &[Hash]) -> HashMap<Hash, Option<VerifyingKey>> {
    let mut known = HashMap::new();
    for key in keys {
        known.entry(*key).or_insert_with(|| VerifyingKey::from_bytes(key).ok());
    }
    known
}
