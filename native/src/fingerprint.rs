//! Fingerprints of canonical values and items of one lane: the batch forms of psi_core.kinds and psi_core.session.

use hmac::{Hmac, KeyInit, Mac};
use rayon::prelude::*;
use sha2::Sha256;

use crate::packed::{Hash, Rows};
use crate::short_sha256::Short;

const FINGERPRINT: &[u8] = b"psi-fingerprint/v1";
const ITEM: &[u8] = b"psi-item/v1";
/// Rows that one task takes: enough to hide the cost of handing them out.
const GRAIN: usize = 512;

fn prefix(length: usize) -> [u8; 4] {
    // Rows end at u32 positions, and labels, kinds and domains are short.
    (length as u32).to_be_bytes()
}

/// HMAC-SHA-256(key, label, kind, value) of every row, each field preceded by its length as u32be.
pub fn fingerprints(key: &[u8], kind: &[u8], values: &Rows<'_>, out: &mut [Hash]) {
    // HMAC takes a key of any length, so this cannot fail.
    let Ok(mut keyed) = Hmac::<Sha256>::new_from_slice(key) else { return };
    for field in [FINGERPRINT, kind] {
        keyed.update(&prefix(field.len()));
        keyed.update(field);
    }
    out.par_iter_mut().with_min_len(GRAIN).enumerate().for_each(|(index, place)| {
        let value = values.row(index);
        let mut mac = keyed.clone();
        mac.update(&prefix(value.len()));
        mac.update(value);
        *place = mac.finalize().into_bytes().into();
    });
}

/// SHA-256(label, domain, fingerprint) of every fingerprint, each field preceded by its length as u32be: its first `width`
/// bytes, of which `out` has as many for each. `width` is 1 to 32.
pub fn items(domain: &[u8], fingerprints: &[Hash], width: usize, out: &mut [u8]) {
    let mut first = Vec::new();
    for field in [ITEM, domain] {
        first.extend(prefix(field.len()));
        first.extend(field);
    }
    first.extend(prefix(size_of::<Hash>()));
    let begun = Short::new(&first);
    out.par_chunks_mut(width)
        .zip(fingerprints)
        .with_min_len(GRAIN)
        .for_each(|(place, fingerprint)| place.copy_from_slice(&begun.hash(fingerprint)[..width]));
}
