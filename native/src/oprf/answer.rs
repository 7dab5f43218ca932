//! The server's batch forms: answering a chunk with one proof, and evaluating its own inputs.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::blinded::{GRAIN, encode_doubles, outputs};
use super::fault::OprfFault;
use super::keys::{PublicKey, SecretKey};
use super::proof::{Composites, Proof, Scope, prove_with, verify, weighted_sum, weights};
use super::suite::{Encoded, Mode, Output, Suite, length, read_element};

/// What a server answered to one chunk: the proof, then one element for each blinded one.
pub struct Answer<'a> {
    /// Challenge and response.
    pub proof: &'a Proof,
    /// Evaluated elements, in the order of the blinded ones.
    pub elements: &'a [Encoded],
}

impl<'a> Answer<'a> {
    /// Read proof (64 bytes) and elements (32 bytes each) from one buffer.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, OprfFault> {
        let wrong = OprfFault::Count { what: "bytes of an answer", got: bytes.len(), want: 96 };
        let Some((proof, rest)) = bytes.split_first_chunk::<64>() else { return Err(wrong) };
        let (elements, []) = rest.as_chunks::<32>() else { return Err(wrong) };
        Ok(Self { proof, elements })
    }

    /// The elements as points; refuses encodings that are not canonical, and the identity.
    pub fn read(&self) -> Result<Vec<RistrettoPoint>, OprfFault> {
        read_all(self.elements, "evaluated element")
    }
}

fn read_all(encoded: &[Encoded], what: &'static str) -> Result<Vec<RistrettoPoint>, OprfFault> {
    let places = encoded.par_iter().enumerate().with_min_len(GRAIN / 8);
    places.map(|(index, bytes)| read_element(bytes, what, index)).collect()
}

/// The public key that proofs on the wire are about: K/4 (see the module's comment).
pub fn wire_public(public: &PublicKey) -> PublicKey {
    PublicKey::of(public.point() * Scalar::from(4u8).invert())
}

/// The proof's nonce: a function of the key and of all that is proven, as in RFC 8032 section 5.1.6.
///
/// So the same chunk in the same place is answered with the same bytes after a break, and no two proofs share a nonce.
fn proof_nonce(key: &Scalar, blinded: &[Encoded], binding: &[u8]) -> Result<Zeroizing<Scalar>, OprfFault> {
    let hash = Sha512::new()
        .chain_update(b"psi-oprf-nonce/v2")
        .chain_update(key.as_bytes())
        .chain_update(length(binding)?)
        .chain_update(binding)
        .chain_update(blinded.as_flattened())
        .finalize();
    let wide = Zeroizing::new(Output::from(hash));
    Ok(Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide)))
}

/// Answer a chunk of 1 to 65,535 blinded elements: proof, then evaluated elements, 64 + 32 * n bytes. The same key,
/// chunk and binding give the same answer.
pub fn answer(key: &SecretKey, blinded: &[Encoded], binding: &[u8]) -> Result<Vec<u8>, OprfFault> {
    let quarter = Zeroizing::new(key.scalar().div_by_2().div_by_2());
    let eighth = Zeroizing::new(quarter.div_by_2());
    let nonce = proof_nonce(&quarter, blinded, binding)?;
    let suite = Suite::new(Mode::Voprf);
    let public = PublicKey::of(RistrettoPoint::mul_base(&quarter));
    let before = read_all(blinded, "blinded element")?;
    let halves: Vec<RistrettoPoint> =
        before.par_iter().with_min_len(GRAIN / 8).map(|point| point * *eighth).collect();
    let evaluated = encode_doubles(&halves);
    let weights = weights(&suite, &public, blinded, &evaluated, Scope::Chunk(binding))?;
    let proof = prove_with(&suite, &quarter, &public, weighted_sum(&weights, &before), &nonce);
    Ok([proof.as_slice(), evaluated.as_flattened()].concat())
}

/// Check an answer to a chunk without its blinds, as an auditor does.
pub fn check(
    public: &PublicKey,
    blinded: &[Encoded],
    answer: &Answer<'_>,
    binding: &[u8],
) -> Result<(), OprfFault> {
    let suite = Suite::new(Mode::Voprf);
    let wire = wire_public(public);
    let weights = weights(&suite, &wire, blinded, answer.elements, Scope::Chunk(binding))?;
    let (before, after) = (read_all(blinded, "blinded element")?, answer.read()?);
    let composites = Composites { m: weighted_sum(&weights, &before), z: weighted_sum(&weights, &after) };
    verify(&suite, &wire, &composites, answer.proof)
}

/// The server's own outputs for inputs that it knows.
pub fn evaluate_all(key: &SecretKey, inputs: &[Encoded]) -> Result<Vec<Output>, OprfFault> {
    let suite = Suite::new(Mode::Voprf);
    let half = Zeroizing::new(key.scalar().div_by_2());
    let halves = inputs
        .par_iter()
        .with_min_len(GRAIN / 8)
        .map(|input| Ok(suite.hash_to_group(input)? * *half))
        .collect::<Result<Vec<RistrettoPoint>, OprfFault>>()?;
    outputs(inputs, &Zeroizing::new(halves))
}
