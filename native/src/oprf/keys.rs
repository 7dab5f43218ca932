//! Keys of a server: drawn, derived (RFC 9497 section 3.2.1), read, and proven to be held.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::fault::OprfFault;
use super::suite::{Encoded, Expander, Mode, length, random_scalar, read_element, read_scalar};

/// A server's secret scalar, never zero; wiped when dropped.
#[derive(ZeroizeOnDrop)]
pub struct SecretKey(Scalar);

impl SecretKey {
    /// A fresh random key.
    pub fn random() -> Result<Self, OprfFault> {
        random_scalar().map(Self)
    }

    /// Read 32 bytes; refuses zero and what is not below the group's order.
    pub fn from_bytes(bytes: &Encoded) -> Result<Self, OprfFault> {
        let scalar = read_scalar(bytes, "the secret key")?;
        if bool::from(scalar.ct_eq(&Scalar::ZERO)) {
            return Err(OprfFault::Scalar { what: "the secret key" });
        }
        Ok(Self(scalar))
    }

    /// DeriveKeyPair from a seed of 32 bytes and public info of at most 65,535.
    pub fn derive(mode: Mode, seed: &Encoded, info: &[u8]) -> Result<Self, OprfFault> {
        let expander = Expander::new(&mode.tag("DeriveKeyPair"));
        for counter in 0..=u8::MAX {
            let wide = Zeroizing::new(expander.expand(&[seed, &length(info)?, info, &[counter]]));
            let scalar = Scalar::from_bytes_mod_order_wide(&wide);
            if scalar != Scalar::ZERO {
                return Ok(Self(scalar));
            }
        }
        Err(OprfFault::Scalar { what: "the derived key" })
    }

    /// The scalar itself, for this crate's evaluations.
    pub fn scalar(&self) -> &Scalar {
        &self.0
    }

    /// The key as 32 bytes, wiped when dropped.
    pub fn to_bytes(&self) -> Zeroizing<Encoded> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public key that belongs to it.
    pub fn public(&self) -> PublicKey {
        PublicKey::of(RistrettoPoint::mul_base(&self.0))
    }
}

/// A server's public key and its encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    point: RistrettoPoint,
    encoded: Encoded,
}

impl PublicKey {
    /// Read 32 bytes; refuses the identity and encodings that are not canonical.
    pub fn from_bytes(bytes: &Encoded) -> Result<Self, OprfFault> {
        Ok(Self { point: read_element(bytes, "public key", 0)?, encoded: *bytes })
    }

    /// The key at a point of this crate's own making.
    pub fn of(point: RistrettoPoint) -> Self {
        Self { point, encoded: point.compress().0 }
    }

    /// The point.
    pub fn point(&self) -> &RistrettoPoint {
        &self.point
    }

    /// Its 32 bytes.
    pub fn encoded(&self) -> &Encoded {
        &self.encoded
    }
}

/// The challenge of a proof of possession: what it is bound to, the key, and the prover's commitment.
fn possession_challenge(
    public: &PublicKey,
    commitment: &Encoded,
    context: &[u8],
) -> Result<Scalar, OprfFault> {
    let expander = Expander::new(b"psi-oprf-possession/v1");
    let message = [&length(context)?, context, public.encoded(), commitment.as_slice()];
    Ok(Scalar::from_bytes_mod_order_wide(&expander.expand(&message)))
}

/// A Schnorr proof that the secret key is held, bound to `context` (at most 65,535 bytes): challenge, response.
pub fn prove_possession(key: &SecretKey, context: &[u8]) -> Result<[u8; 64], OprfFault> {
    let nonce = Zeroizing::new(random_scalar()?);
    let commitment = RistrettoPoint::mul_base(&nonce).compress().0;
    let challenge = possession_challenge(&key.public(), &commitment, context)?;
    let response = *nonce - challenge * key.scalar();
    let mut proof = [0; 64];
    proof[..32].copy_from_slice(challenge.as_bytes());
    proof[32..].copy_from_slice(response.as_bytes());
    Ok(proof)
}

/// Check a proof of possession. Everything in it is public, so time may vary.
pub fn check_possession(public: &PublicKey, context: &[u8], proof: &[u8; 64]) -> Result<(), OprfFault> {
    let (challenge, response) = read_pair(proof)?;
    let commitment =
        RistrettoPoint::vartime_double_scalar_mul_basepoint(&challenge, public.point(), &response)
            .compress()
            .0;
    if possession_challenge(public, &commitment, context)? == challenge {
        Ok(())
    } else {
        Err(OprfFault::Proof)
    }
}

/// Two canonical scalars side by side, as proofs are.
pub fn read_pair(proof: &[u8; 64]) -> Result<(Scalar, Scalar), OprfFault> {
    let (mut left, mut right) = ([0; 32], [0; 32]);
    left.copy_from_slice(&proof[..32]);
    right.copy_from_slice(&proof[32..]);
    Ok((read_scalar(&left, "the proof's challenge")?, read_scalar(&right, "the proof's response")?))
}
