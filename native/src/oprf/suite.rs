//! The suite ristretto255-SHA512: its mode strings, its two hashes, and how elements and scalars are read.
//!
//! RFC 9497 sections 3.1 and 4.1; expand_message_xmd is RFC 9380 section 5.3.1; encodings are RFC 9496 section 4.3.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use sha2::{Digest, Sha512};

use super::fault::OprfFault;

/// An element or a scalar on the wire: 32 bytes.
pub type Encoded = [u8; 32];
/// An output of the OPRF: SHA-512, 64 bytes.
pub type Output = [u8; 64];

const IDENTIFIER: &[u8] = b"-ristretto255-SHA512";
/// SHA-512 reads blocks of 128 bytes; Z_pad is one block of zeros.
const BLOCK: usize = 128;

/// The protocol modes of RFC 9497 section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Without proofs.
    Oprf = 0,
    /// The server proves that it used its committed key.
    Voprf = 1,
    /// As Voprf, with public info that both sides put in.
    Poprf = 2,
}

impl Mode {
    /// `label || contextString`, the tag that separates this use from every other.
    pub fn tag(self, label: &str) -> Vec<u8> {
        let mode = [self as u8];
        [label.as_bytes(), b"OPRFV1-", &mode, IDENTIFIER].concat()
    }
}

/// expand_message_xmd with SHA-512 under one domain separation tag; the padding block is hashed once.
#[derive(Clone)]
pub struct Expander {
    padded: Sha512,
    tag: Vec<u8>,
}

impl Expander {
    /// Tags of more than 255 bytes are hashed first (RFC 9380 section 5.3.3).
    pub fn new(tag: &[u8]) -> Self {
        let mut tag = if tag.len() > 255 {
            Sha512::new().chain_update(b"H2C-OVERSIZE-DST-").chain_update(tag).finalize().to_vec()
        } else {
            tag.to_vec()
        };
        tag.push(tag.len() as u8);
        Self { padded: Sha512::new_with_prefix([0; BLOCK]), tag }
    }

    /// `N` uniform bytes (at most 255 * 64) from a message given in parts.
    pub fn expand<const N: usize>(&self, message: &[&[u8]]) -> [u8; N] {
        const { assert!(N <= 255 * 64, "RFC 9380 section 5.3.1, step 2") };
        let mut first = self.padded.clone();
        message.iter().for_each(|part| first.update(part));
        first.update([(N >> 8) as u8, N as u8, 0]);
        let first: Output = first.chain_update(&self.tag).finalize().into();
        let (mut out, mut before) = ([0; N], [0; 64]);
        for (number, place) in (1..=u8::MAX).zip(out.chunks_mut(64)) {
            let mut mixed = first;
            mixed.iter_mut().zip(before).for_each(|(byte, old)| *byte ^= old);
            before = Sha512::new()
                .chain_update(mixed)
                .chain_update([number])
                .chain_update(&self.tag)
                .finalize()
                .into();
            place.copy_from_slice(&before[..place.len()]);
        }
        out
    }
}

/// The two hashes of a mode, ready for many inputs.
#[derive(Clone)]
pub struct Suite {
    mode: Mode,
    to_group: Expander,
    to_scalar: Expander,
}

impl Suite {
    /// The hashes of one mode.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            to_group: Expander::new(&mode.tag("HashToGroup-")),
            to_scalar: Expander::new(&mode.tag("HashToScalar-")),
        }
    }

    /// The mode these hashes belong to.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// HashToGroup. An input that hashes to the identity is refused (RFC 9497 section 3.3.1: InvalidInputError).
    pub fn hash_to_group(&self, input: &[u8]) -> Result<RistrettoPoint, OprfFault> {
        let element = RistrettoPoint::from_uniform_bytes(&self.to_group.expand(&[input]));
        if element.is_identity() { Err(OprfFault::Input) } else { Ok(element) }
    }

    /// HashToScalar of a message given in parts.
    pub fn hash_to_scalar(&self, message: &[&[u8]]) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.to_scalar.expand(message))
    }
}

/// The length of a field as two bytes, big-endian.
pub fn length(field: &[u8]) -> Result<[u8; 2], OprfFault> {
    u16::try_from(field.len()).map(u16::to_be_bytes).map_err(|_| OprfFault::Input)
}

/// The last hash of RFC 9497 section 3.3: input, (public info,) unblinded element, each after its length.
pub fn finalize(input: &[u8], info: Option<&[u8]>, element: &Encoded) -> Result<Output, OprfFault> {
    let mut hash = Sha512::new().chain_update(length(input)?).chain_update(input);
    if let Some(info) = info {
        hash.update(length(info)?);
        hash.update(info);
    }
    Ok(hash.chain_update([0, 32]).chain_update(element).chain_update(b"Finalize").finalize().into())
}

/// DeserializeElement: canonical, and not the identity. `what` and `index` name it in the fault.
pub fn read_element(bytes: &Encoded, what: &'static str, index: usize) -> Result<RistrettoPoint, OprfFault> {
    let element = CompressedRistretto(*bytes).decompress().ok_or(OprfFault::Encoding { what, index })?;
    if element.is_identity() { Err(OprfFault::Identity { what, index }) } else { Ok(element) }
}

/// DeserializeScalar: below the group's order.
pub fn read_scalar(bytes: &Encoded, what: &'static str) -> Result<Scalar, OprfFault> {
    Option::from(Scalar::from_canonical_bytes(*bytes)).ok_or(OprfFault::Scalar { what })
}

/// A uniform scalar other than zero, from the operating system's generator.
pub fn random_scalar() -> Result<Scalar, OprfFault> {
    loop {
        let mut wide = zeroize::Zeroizing::new([0; 64]);
        getrandom::fill(wide.as_mut()).map_err(|_| OprfFault::Random)?;
        let scalar = Scalar::from_bytes_mod_order_wide(&wide);
        if scalar != Scalar::ZERO {
            return Ok(scalar);
        }
    }
}
