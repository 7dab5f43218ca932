//! SHA-256 over length-prefixed fields: every key and commitment of a run (docs/vole.md section 1).

use sha2::{Digest, Sha256};

/// What every hash of one run is bound to.
pub type Id = [u8; 32];

/// H(label, fields...): each field preceded by its length as u32be.
pub fn hash(label: &str, fields: &[&[u8]]) -> [u8; 32] {
    let mut state = Sha256::new();
    for field in std::iter::once(&label.as_bytes()).chain(fields) {
        // Fields are labels, hashes and short numbers.
        state.update((field.len() as u32).to_be_bytes());
        state.update(field);
    }
    state.finalize().into()
}

/// The first half of H(label, fields...), as a key.
pub fn key(label: &str, fields: &[&[u8]]) -> [u8; 16] {
    halves(label, fields)[0]
}

/// Both halves of H(label, fields...), as two keys.
pub fn halves(label: &str, fields: &[&[u8]]) -> [[u8; 16]; 2] {
    let whole = hash(label, fields);
    let mut halves = [[0; 16]; 2];
    halves[0].copy_from_slice(&whole[..16]);
    halves[1].copy_from_slice(&whole[16..]);
    halves
}
