//! Mode POPRF (RFC 9497 section 3.3.3): public info of both sides enters the key, k becomes 1 / (k + H(info)).

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use zeroize::Zeroizing;

use super::client::{Blind, read_elements};
use super::fault::OprfFault;
use super::keys::{PublicKey, SecretKey};
use super::proof::{Composites, Proof, Scope, prove_with, verify, weighted_sum, weights};
use super::suite::{Encoded, Output, Suite, finalize, length, random_scalar};

fn tweak(suite: &Suite, info: &[u8]) -> Result<Scalar, OprfFault> {
    Ok(suite.hash_to_scalar(&[b"Info", &length(info)?, info]))
}

/// The server's public key with `info` in it; blinding fails where it would be the identity.
pub fn tweaked_public(suite: &Suite, public: &PublicKey, info: &[u8]) -> Result<PublicKey, OprfFault> {
    let point = RistrettoPoint::mul_base(&tweak(suite, info)?) + public.point();
    if point.is_identity() { Err(OprfFault::Input) } else { Ok(PublicKey::of(point)) }
}

/// The server's secret key with `info` in it, and its inverse, both wiped when dropped.
fn tweaked_secret(
    suite: &Suite,
    key: &SecretKey,
    info: &[u8],
) -> Result<(Zeroizing<Scalar>, Zeroizing<Scalar>), OprfFault> {
    let tweaked = Zeroizing::new(key.scalar() + tweak(suite, info)?);
    if *tweaked == Scalar::ZERO {
        return Err(OprfFault::Inverse);
    }
    let inverse = Zeroizing::new(tweaked.invert());
    Ok((tweaked, inverse))
}

/// BlindEvaluate over 1 to 65,535 elements. The proof runs from evaluated to blinded elements.
pub fn blind_evaluate(
    suite: &Suite,
    key: &SecretKey,
    info: &[u8],
    blinded: &[Encoded],
) -> Result<(Vec<Encoded>, Proof), OprfFault> {
    blind_evaluate_with(suite, key, info, blinded, &Zeroizing::new(random_scalar()?))
}

/// The same with a given nonce of the proof.
pub(super) fn blind_evaluate_with(
    suite: &Suite,
    key: &SecretKey,
    info: &[u8],
    blinded: &[Encoded],
    nonce: &Zeroizing<Scalar>,
) -> Result<(Vec<Encoded>, Proof), OprfFault> {
    let (tweaked, inverse) = tweaked_secret(suite, key, info)?;
    let public = PublicKey::of(RistrettoPoint::mul_base(&tweaked));
    let points = read_elements(blinded, "blinded element")?;
    let evaluated: Vec<RistrettoPoint> = points.iter().map(|point| point * *inverse).collect();
    let encoded: Vec<Encoded> = evaluated.iter().map(|point| point.compress().0).collect();
    let weights = weights(suite, &public, &encoded, blinded, Scope::Rfc)?;
    let proof = prove_with(suite, &tweaked, &public, weighted_sum(&weights, &evaluated), nonce);
    Ok((encoded, proof))
}

/// What a client keeps of one batch: inputs, their blinds and blinded elements, place by place.
pub struct Request<'a> {
    /// The inputs.
    pub inputs: &'a [&'a [u8]],
    /// Their blinds.
    pub blinds: &'a [Blind],
    /// What was sent for them.
    pub blinded: &'a [Encoded],
}

/// Finalize: no output before the proof holds for the tweaked key.
pub fn finalize_batch(
    suite: &Suite,
    request: &Request<'_>,
    evaluated: &[Encoded],
    public: &PublicKey,
    info: &[u8],
    proof: &Proof,
) -> Result<Vec<Output>, OprfFault> {
    let Request { inputs, blinds, blinded } = request;
    if inputs.len() != blinds.len() || inputs.len() != blinded.len() {
        return Err(OprfFault::Count { what: "blinded elements", got: blinded.len(), want: inputs.len() });
    }
    let public = tweaked_public(suite, public, info)?;
    let weights = weights(suite, &public, evaluated, blinded, Scope::Rfc)?;
    let after = read_elements(evaluated, "evaluated element")?;
    let before = read_elements(blinded, "blinded element")?;
    let composites = Composites { m: weighted_sum(&weights, &after), z: weighted_sum(&weights, &before) };
    verify(suite, &public, &composites, proof)?;
    let places = inputs.iter().zip(*blinds).zip(&after);
    places
        .map(|((input, blind), element)| finalize(input, Some(info), &blind.remove(element).compress().0))
        .collect()
}

/// Evaluate: the server's own output for an input that it knows.
pub fn evaluate(suite: &Suite, key: &SecretKey, input: &[u8], info: &[u8]) -> Result<Output, OprfFault> {
    let (_, inverse) = tweaked_secret(suite, key, info)?;
    finalize(input, Some(info), &(suite.hash_to_group(input)? * *inverse).compress().0)
}
