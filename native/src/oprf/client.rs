//! The client of modes OPRF and VOPRF (RFC 9497 sections 3.3.1 and 3.3.2), one input or a batch.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use zeroize::ZeroizeOnDrop;

use super::fault::OprfFault;
use super::keys::PublicKey;
use super::proof::{Composites, Proof, Scope, verify, weighted_sum, weights};
use super::suite::{Encoded, Output, Suite, finalize, random_scalar, read_element};

/// The factor that hides one input; wiped when dropped.
#[derive(ZeroizeOnDrop)]
pub struct Blind(Scalar);

impl Blind {
    /// A fresh random blind.
    pub fn random() -> Result<Self, OprfFault> {
        random_scalar().map(Self)
    }

    /// A given blind; zero is refused.
    pub fn from_scalar(scalar: Scalar) -> Result<Self, OprfFault> {
        if scalar == Scalar::ZERO { Err(OprfFault::Scalar { what: "the blind" }) } else { Ok(Self(scalar)) }
    }

    /// Take this blind off an element.
    pub fn remove(&self, element: &RistrettoPoint) -> RistrettoPoint {
        element * self.0.invert()
    }
}

/// Blind: the element that goes to the server.
pub fn blind(suite: &Suite, input: &[u8], blind: &Blind) -> Result<Encoded, OprfFault> {
    Ok((suite.hash_to_group(input)? * blind.0).compress().0)
}

/// Finalize of mode OPRF: nothing proves which key the server used.
pub fn finalize_oprf(input: &[u8], blind: &Blind, evaluated: &Encoded) -> Result<Output, OprfFault> {
    let element = read_element(evaluated, "evaluated element", 0)?;
    finalize(input, None, &blind.remove(&element).compress().0)
}

/// Finalize of mode VOPRF: no output before the proof holds for `public`.
///
/// All lists have one place for each input; `proof` covers them all.
pub fn finalize_voprf(
    suite: &Suite,
    inputs: &[&[u8]],
    blinds: &[Blind],
    blinded: &[Encoded],
    evaluated: &[Encoded],
    public: &PublicKey,
    proof: &Proof,
) -> Result<Vec<Output>, OprfFault> {
    if inputs.len() != blinds.len() || inputs.len() != blinded.len() {
        return Err(OprfFault::Count { what: "blinded elements", got: blinded.len(), want: inputs.len() });
    }
    let weights = weights(suite, public, blinded, evaluated, Scope::Rfc)?;
    let before = read_elements(blinded, "blinded element")?;
    let after = read_elements(evaluated, "evaluated element")?;
    let composites = Composites { m: weighted_sum(&weights, &before), z: weighted_sum(&weights, &after) };
    verify(suite, public, &composites, proof)?;
    let places = inputs.iter().zip(blinds).zip(&after);
    places
        .map(|((input, blind), element)| finalize(input, None, &blind.remove(element).compress().0))
        .collect()
}

/// Read a list of elements; a fault names the first place that is wrong.
pub fn read_elements(encoded: &[Encoded], what: &'static str) -> Result<Vec<RistrettoPoint>, OprfFault> {
    encoded.iter().enumerate().map(|(index, bytes)| read_element(bytes, what, index)).collect()
}
