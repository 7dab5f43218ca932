//! Ed25519 (RFC 8032) over many messages, on all cores. Strict: no small-order keys, no malleable signatures.

use ed25519_dalek::{Signature, VerifyingKey};
use rayon::prelude::*;

use crate::packed::{Hash, Rows};

/// The positions of signatures that do not verify, ascending. Keys, messages and signatures go by position.
pub fn wrong(keys: &[Hash], messages: &Rows<'_>, signatures: &[[u8; 64]]) -> Vec<u32> {
    let count = u32::try_from(signatures.len()).unwrap_or(u32::MAX);
    keys.par_iter()
        .zip(signatures)
        .zip(0..count)
        .filter(|((key, signature), index)| {
            let verified = VerifyingKey::from_bytes(key).and_then(|key| {
                key.verify_strict(messages.row(*index as usize), &Signature::from_bytes(signature))
            });
            verified.is_err()
        })
        .map(|(_, index)| index)
        .collect()
}
