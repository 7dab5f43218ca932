//! The three values that are derived from an output F(x), by HKDF-Expand (RFC 5869 section 2.3) with separate labels.
//!
//! F(x) is a uniform SHA-512 value of 64 bytes already, so that the extract step is left out (RFC 5869 section 3.3).

use hkdf::Hkdf;
use rayon::prelude::*;
use sha2::Sha512;

use super::fault::OprfFault;
use super::suite::Output;
use super::tags::{MOST_BITS, width};

/// Outputs of one task.
const GRAIN: usize = 1_024;

fn derive(output: &Output, label: &[u8], context: &[u8], place: &mut [u8]) -> Result<(), OprfFault> {
    let wrong =
        |_| OprfFault::Range { what: "the length of a derived value", got: place.len() as u64, most: 64 };
    let prk = Hkdf::<Sha512>::from_prk(output).map_err(|_| OprfFault::Count {
        what: "bytes of an output",
        got: output.len(),
        want: 64,
    })?;
    let length = (label.len() as u32).to_be_bytes();
    let mut value = [0; 64];
    prk.expand_multi_info(&[&length, label, context], &mut value).map_err(wrong)?;
    place.copy_from_slice(&value[..place.len()]);
    Ok(())
}

fn derive_all(outputs: &[Output], label: &[u8], context: &[u8], each: usize) -> Result<Vec<u8>, OprfFault> {
    let mut found = vec![0; outputs.len() * each];
    let places = outputs.par_iter().zip(found.par_chunks_mut(each)).with_min_len(GRAIN);
    places.map(|(output, place)| derive(output, label, context, place)).collect::<Result<(), _>>()?;
    Ok(found)
}

/// The tags that the sender sends: numbers below 2^bits, big-endian in ceil(bits / 8) bytes.
pub fn tags(outputs: &[Output], bits: u32) -> Result<Vec<u8>, OprfFault> {
    let each = width(bits)?;
    let mut found = derive_all(outputs, b"psi-oprf-tag/v1", &[], each)?;
    let mask = 0xff >> (8 * each as u32 - bits);
    found.iter_mut().step_by(each).for_each(|byte| *byte &= mask);
    debug_assert!(bits <= MOST_BITS);
    Ok(found)
}

/// Return values, 16 bytes each, bound to a session by `context`.
pub fn return_values(outputs: &[Output], context: &[u8]) -> Result<Vec<u8>, OprfFault> {
    derive_all(outputs, b"psi-oprf-return/v1", context, 16)
}

/// Label keys, 32 bytes each, bound to a session and a label version by `context`; never sent.
pub fn label_keys(outputs: &[Output], context: &[u8]) -> Result<Vec<u8>, OprfFault> {
    derive_all(outputs, b"psi-oprf-label/v1", context, 32)
}
