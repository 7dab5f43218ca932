//! Labels, sealed one by one under keys that only a match gives: a random nonce, then AES-256-GCM of the label.
//!
//! All labels of a list have one length, so that sizes say nothing of contents. What a label is bound to is the
//! caller's prefix (agreement, match key) and its tag, which is preceded by its length as u32be (NIST SP 800-38D).

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::error::Fault;

pub mod glue;

/// A label's key: 32 bytes, never sent.
pub type Key = Zeroizing<[u8; 32]>;

/// Bytes of the nonce.
const NONCE: usize = 12;
/// Bytes of the authentication tag.
const TAG: usize = 16;
/// What sealing adds to a label.
pub const OVERHEAD: usize = NONCE + TAG;
/// Labels of one task.
const GRAIN: usize = 512;

/// What the label of one tag is bound to, beside its key.
fn bound_to(prefix: &[u8], tag: &[u8]) -> Vec<u8> {
    [prefix, &(tag.len() as u32).to_be_bytes(), tag].concat()
}

/// Fill `place` (label and overhead): nonce, ciphertext, authentication tag.
fn seal_one(key: &Key, prefix: &[u8], tag: &[u8], label: &[u8], place: &mut [u8]) -> Option<()> {
    let (nonce, rest) = place.split_first_chunk_mut::<NONCE>()?;
    let (text, end) = rest.split_last_chunk_mut::<TAG>()?;
    text.copy_from_slice(label);
    let cipher = Aes256Gcm::new((&**key).into());
    let made =
        cipher.encrypt_inout_detached(&Nonce::from(*nonce), &bound_to(prefix, tag), text.into()).ok()?;
    end.copy_from_slice(&made);
    Some(())
}

/// The label in a sealed one; None where it is not sealed under this key for this tag.
pub fn open_one(key: &Key, prefix: &[u8], tag: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
    let (text, end) = rest.split_last_chunk::<TAG>()?;
    let mut label = text.to_vec();
    let cipher = Aes256Gcm::new((&**key).into());
    cipher
        .decrypt_inout_detached(
            &Nonce::from(*nonce),
            &bound_to(prefix, tag),
            label.as_mut_slice().into(),
            &Tag::from(*end),
        )
        .ok()?;
    Some(label)
}

/// Seal `count` labels of `size` bytes; `each` gives the key, the tag and the label of one place.
pub fn seal_all<'a, T: AsRef<[u8]>>(
    count: usize,
    size: usize,
    prefix: &[u8],
    each: impl Fn(usize) -> (Key, T, &'a [u8]) + Sync,
) -> Result<Vec<u8>, Fault> {
    let mut nonces = vec![0_u8; count * NONCE];
    getrandom::fill(&mut nonces).map_err(|_| Fault::NoRandomness)?;
    let mut sealed = vec![0_u8; count * (size + OVERHEAD)];
    sealed
        .par_chunks_exact_mut(size + OVERHEAD)
        .zip(nonces.par_chunks_exact(NONCE))
        .enumerate()
        .with_min_len(GRAIN)
        .try_for_each(|(at, (place, nonce))| {
            let (key, tag, label) = each(at);
            if label.len() != size {
                return Err(Fault::Length { what: "a label", got: label.len(), want: size });
            }
            place[..NONCE].copy_from_slice(nonce);
            // AES-GCM refuses texts of gigabytes alone.
            seal_one(&key, prefix, tag.as_ref(), label, place).ok_or(Fault::NoRandomness)
        })?;
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &[u8] = b"agreement and match key";

    fn key(byte: u8) -> Key {
        Zeroizing::new([byte; 32])
    }

    fn sealed() -> Result<Vec<u8>, Fault> {
        seal_all(3, 5, PREFIX, |at| (key(at as u8), [at as u8; 4], &b"label"[..]))
    }

    #[test]
    fn a_label_opens_under_its_own_key_tag_and_prefix_alone() -> Result<(), Fault> {
        let all = sealed()?;
        assert_eq!(all.len(), 3 * (5 + OVERHEAD));
        for (at, one) in (0_u8..).zip(all.chunks(5 + OVERHEAD)) {
            assert_eq!(open_one(&key(at), PREFIX, &[at; 4], one).as_deref(), Some(&b"label"[..]));
            assert_eq!(open_one(&key(at + 1), PREFIX, &[at; 4], one), None);
            assert_eq!(open_one(&key(at), PREFIX, &[at; 3], one), None);
            assert_eq!(open_one(&key(at), b"another", &[at; 4], one), None);
        }
        Ok(())
    }

    #[test]
    fn a_bent_or_shortened_label_stays_closed() -> Result<(), Fault> {
        let one = sealed()?[..5 + OVERHEAD].to_vec();
        for at in 0..one.len() {
            let mut bent = one.clone();
            bent[at] ^= 1;
            assert_eq!(open_one(&key(0), PREFIX, &[0; 4], &bent), None);
            assert_eq!(open_one(&key(0), PREFIX, &[0; 4], &one[..at]), None);
        }
        Ok(())
    }

    #[test]
    fn the_same_label_is_never_sealed_alike() -> Result<(), Fault> {
        assert_ne!(sealed()?[..5 + OVERHEAD], sealed()?[..5 + OVERHEAD]);
        Ok(())
    }

    #[test]
    fn labels_have_one_length() {
        assert!(seal_all(1, 6, PREFIX, |_| (key(0), [0; 4], &b"label"[..])).is_err());
    }
}
