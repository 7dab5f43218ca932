//! Batched proofs that two lists of elements belong together: D[i] = k * C[i] for the k behind a public key.
//!
//! RFC 9497 sections 2.2.1 and 2.2.2. A proof covers 1 to 65,535 pairs (their index has two bytes).
//!
//! In the RFC the weight of a pair is a hash of that pair alone (and of key and index). So a server that answers with
//! D[i] = k * C[i] + e_i * G looks for e_i with sum of d_i * e_i = 0, a sum of one hash out of each of n lists: Wagner's
//! tree finds it for n = 16,384 in a quarter of an hour on one core, and the proof of a chunk of wrong answers holds. In the batch
//! forms (`Scope::Chunk`) the seed of all weights therefore covers both lists whole, as it did in Privacy Pass: whoever
//! changes one answer changes every weight. It covers too where the chunk belongs (session, number, total).

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use rayon::prelude::*;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::fault::OprfFault;
use super::keys::{PublicKey, read_pair};
use super::suite::{Encoded, Output, Suite, length};

/// A proof on the wire: challenge and response, 32 bytes each.
pub type Proof = [u8; 64];
/// The most pairs that one proof can cover.
pub const MOST_PAIRS: usize = 65_535;
/// Pairs of one task: weights are cheap, a multiscalar product is fastest from some thousands on.
const WEIGHTS_GRAIN: usize = 512;
const PRODUCT_GRAIN: usize = 4_096;

/// The pairs' composites: M = sum of d_i * C[i], Z = sum of d_i * D[i].
pub struct Composites {
    /// Of the elements before the key.
    pub m: RistrettoPoint,
    /// Of the elements after it.
    pub z: RistrettoPoint,
}

/// What the weights of a proof are bound to, beside the key and each pair.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// Nothing: the RFC's proof, bit for bit. Not sound for batches of hundreds and more.
    Rfc,
    /// Both lists whole, and where the chunk belongs.
    Chunk(&'a [u8]),
}

/// The weights d_i of ComputeComposites, from the encodings of both lists.
pub fn weights(
    suite: &Suite,
    public: &PublicKey,
    before: &[Encoded],
    after: &[Encoded],
    scope: Scope<'_>,
) -> Result<Vec<Scalar>, OprfFault> {
    if before.len() != after.len() {
        return Err(OprfFault::Count { what: "elements of a proof", got: after.len(), want: before.len() });
    }
    if before.is_empty() || before.len() > MOST_PAIRS {
        return Err(OprfFault::Count { what: "pairs of a proof", got: before.len(), want: MOST_PAIRS });
    }
    let tag = suite.mode().tag("Seed-");
    let mut seed = Sha512::new()
        .chain_update([0, 32])
        .chain_update(public.encoded())
        .chain_update(length(&tag)?)
        .chain_update(&tag);
    if let Scope::Chunk(binding) = scope {
        // Both lists are of one length.
        seed.update(length(binding)?);
        seed.update(binding);
        seed.update(before.as_flattened());
        seed.update(after.as_flattened());
    }
    let seed: Output = seed.finalize().into();
    let weight = |(index, (c, d)): (usize, (&Encoded, &Encoded))| {
        // The count is at most 65,535, so that the index fits into its two bytes.
        let index = (index as u16).to_be_bytes();
        suite.hash_to_scalar(&[&[0, 64], &seed, &index, &[0, 32], c, &[0, 32], d, b"Composite"])
    };
    let pairs = before.par_iter().zip(after);
    Ok(pairs.enumerate().with_min_len(WEIGHTS_GRAIN).map(weight).collect())
}

/// The sum of weight * element. Weights and elements are public, so time may vary.
pub fn weighted_sum(weights: &[Scalar], elements: &[RistrettoPoint]) -> RistrettoPoint {
    let parts = weights.par_chunks(PRODUCT_GRAIN).zip(elements.par_chunks(PRODUCT_GRAIN));
    parts.map(|(weights, elements)| RistrettoPoint::vartime_multiscalar_mul(weights, elements)).sum()
}

fn challenge(
    suite: &Suite,
    public: &PublicKey,
    composites: &Composites,
    commitments: [&RistrettoPoint; 2],
) -> Scalar {
    let [t2, t3] = commitments.map(|point| point.compress().0);
    let (m, z) = (composites.m.compress().0, composites.z.compress().0);
    let length: &[u8] = &[0, 32];
    suite.hash_to_scalar(&[
        length,
        public.encoded(),
        length,
        &m,
        length,
        &z,
        length,
        &t2,
        length,
        &t3,
        b"Challenge",
    ])
}

/// GenerateProof with a given nonce; the caller draws it, and only tests give the same one twice.
pub fn prove_with(
    suite: &Suite,
    key: &Scalar,
    public: &PublicKey,
    m: RistrettoPoint,
    nonce: &Zeroizing<Scalar>,
) -> Proof {
    let composites = Composites { m, z: m * key };
    let commitments = [&RistrettoPoint::mul_base(nonce), &(m * **nonce)];
    let challenge = challenge(suite, public, &composites, commitments);
    let response = **nonce - challenge * key;
    let mut proof = [0; 64];
    proof[..32].copy_from_slice(challenge.as_bytes());
    proof[32..].copy_from_slice(response.as_bytes());
    proof
}

/// VerifyProof. Everything in it is public, so time may vary.
pub fn verify(
    suite: &Suite,
    public: &PublicKey,
    composites: &Composites,
    proof: &Proof,
) -> Result<(), OprfFault> {
    let (c, s) = read_pair(proof)?;
    let t2 = RistrettoPoint::vartime_double_scalar_mul_basepoint(&c, public.point(), &s);
    let t3 = RistrettoPoint::vartime_multiscalar_mul([s, c], [composites.m, composites.z]);
    if challenge(suite, public, composites, [&t2, &t3]) == c { Ok(()) } else { Err(OprfFault::Proof) }
}
