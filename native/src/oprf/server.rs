//! The server of modes OPRF and VOPRF (RFC 9497 sections 3.3.1 and 3.3.2). Multiplications by the key take
//! constant time.

use curve25519_dalek::ristretto::RistrettoPoint;
use zeroize::Zeroizing;

use super::client::read_elements;
use super::fault::OprfFault;
use super::keys::{PublicKey, SecretKey};
use super::proof::{Proof, Scope, prove_with, weighted_sum, weights};
use super::suite::{Encoded, Output, Suite, finalize, random_scalar, read_element};

/// BlindEvaluate of mode OPRF.
pub fn blind_evaluate(key: &SecretKey, blinded: &Encoded) -> Result<Encoded, OprfFault> {
    Ok((read_element(blinded, "blinded element", 0)? * key.scalar()).compress().0)
}

/// BlindEvaluate of mode VOPRF over 1 to 65,535 elements, with one proof for all.
pub fn blind_evaluate_voprf(
    suite: &Suite,
    key: &SecretKey,
    blinded: &[Encoded],
) -> Result<(Vec<Encoded>, Proof), OprfFault> {
    blind_evaluate_with(suite, key, blinded, &Zeroizing::new(random_scalar()?))
}

/// The same with a given nonce of the proof.
pub(super) fn blind_evaluate_with(
    suite: &Suite,
    key: &SecretKey,
    blinded: &[Encoded],
    nonce: &Zeroizing<curve25519_dalek::scalar::Scalar>,
) -> Result<(Vec<Encoded>, Proof), OprfFault> {
    let public: PublicKey = key.public();
    let before: Vec<RistrettoPoint> = read_elements(blinded, "blinded element")?;
    let evaluated: Vec<Encoded> = before.iter().map(|point| (point * key.scalar()).compress().0).collect();
    let weights = weights(suite, &public, blinded, &evaluated, Scope::Rfc)?;
    let proof = prove_with(suite, key.scalar(), &public, weighted_sum(&weights, &before), nonce);
    Ok((evaluated, proof))
}

/// Evaluate: the server's own output for an input that it knows.
pub fn evaluate(suite: &Suite, key: &SecretKey, input: &[u8]) -> Result<Output, OprfFault> {
    finalize(input, None, &(suite.hash_to_group(input)? * key.scalar()).compress().0)
}
