//! The client's batch form: one chunk of inputs blinded by addition, then finished from the server's answer.

use curve25519_dalek::ristretto::{RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

use super::answer::{Answer, wire_public};
use super::fault::OprfFault;
use super::keys::PublicKey;
use super::proof::{Composites, MOST_PAIRS, Scope, verify, weighted_sum, weights};
use super::suite::{Encoded, Mode, Output, Suite, finalize};

/// Inputs of one task.
pub(super) const GRAIN: usize = 256;

/// One chunk in flight: its inputs, blinds and blinded elements; wiped when dropped.
pub struct Blinded {
    inputs: Zeroizing<Vec<Encoded>>,
    blinds: Zeroizing<Vec<Scalar>>,
    /// B = H(x) + rG; what travels is C = 2B.
    halves: Vec<RistrettoPoint>,
    elements: Vec<Encoded>,
}

impl Drop for Blinded {
    fn drop(&mut self) {
        // With the inputs known to an attacker, B would give rG.
        self.halves.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// The blind of one input: from the session's seed, the input and its place, so that a chunk can be made again.
fn blind(seed: &[u8; 32], place: u64, input: &Encoded) -> Scalar {
    let hash = Sha512::new()
        .chain_update(b"psi-oprf-blind/v1")
        .chain_update(seed)
        .chain_update(place.to_be_bytes())
        .chain_update(input)
        .finalize();
    let wide = Zeroizing::new(<[u8; 64]>::from(hash));
    Scalar::from_bytes_mod_order_wide(&wide)
}

impl Blinded {
    /// Blind 1 to 65,535 inputs of 32 bytes. `seed` is the session's own and secret; `first` is the place of the
    /// chunk's first input in the whole list.
    pub fn new(seed: &[u8; 32], first: u64, inputs: &[Encoded]) -> Result<Self, OprfFault> {
        if inputs.is_empty() || inputs.len() > MOST_PAIRS {
            return Err(OprfFault::Count { what: "inputs of a chunk", got: inputs.len(), want: MOST_PAIRS });
        }
        let suite = Suite::new(Mode::Voprf);
        let places = (first..).take(inputs.len()).collect::<Vec<u64>>();
        let blinds: Vec<Scalar> =
            places.par_iter().zip(inputs).map(|(place, input)| blind(seed, *place, input)).collect();
        let blinds = Zeroizing::new(blinds);
        let halves = inputs
            .par_iter()
            .zip(blinds.as_slice())
            .with_min_len(GRAIN / 8)
            .map(|(input, blind)| Ok(suite.hash_to_group(input)? + RistrettoPoint::mul_base(blind)))
            .collect::<Result<Vec<RistrettoPoint>, OprfFault>>()?;
        let elements = encode_doubles(&halves);
        if let Some(index) = elements.iter().position(|element| element == &[0; 32]) {
            return Err(OprfFault::Identity { what: "blinded element", index });
        }
        Ok(Self { inputs: Zeroizing::new(inputs.to_vec()), blinds, halves, elements })
    }

    /// What travels: one element for each input.
    pub fn elements(&self) -> &[Encoded] {
        &self.elements
    }

    /// Check the answer's proof against the committed key and its place, and only then compute the outputs.
    pub fn finish(
        &self,
        public: &PublicKey,
        answer: &Answer<'_>,
        binding: &[u8],
    ) -> Result<Vec<Output>, OprfFault> {
        let suite = Suite::new(Mode::Voprf);
        let wire = wire_public(public);
        let weights = weights(&suite, &wire, &self.elements, answer.elements, Scope::Chunk(binding))?;
        let after = answer.read()?;
        let half = weighted_sum(&weights, &self.halves);
        let composites = Composites { m: half + half, z: weighted_sum(&weights, &after) };
        verify(&suite, &wire, &composites, answer.proof)?;
        let table = RistrettoBasepointTable::create(public.point());
        let unblinded: Vec<RistrettoPoint> = after
            .par_iter()
            .zip(self.blinds.as_slice())
            .with_min_len(GRAIN / 8)
            .map(|(element, blind)| element - &blind.div_by_2() * &table)
            .collect();
        outputs(&self.inputs, &Zeroizing::new(unblinded))
    }
}

/// The encodings of the doubles of points, in batches on all cores.
pub(super) fn encode_doubles(halves: &[RistrettoPoint]) -> Vec<Encoded> {
    let chunks = halves.par_chunks(GRAIN).map(RistrettoPoint::double_and_compress_batch);
    chunks.flatten_iter().map(|element| element.0).collect()
}

/// The outputs for inputs and the halves of their evaluated elements k * H(x).
pub(super) fn outputs(inputs: &[Encoded], halves: &[RistrettoPoint]) -> Result<Vec<Output>, OprfFault> {
    let elements = Zeroizing::new(encode_doubles(halves));
    inputs
        .par_iter()
        .zip(elements.as_slice())
        .map(|(input, element)| finalize(input, None, element))
        .collect()
}
