//! 128 base OTs on ristretto255: endemic OT of Masny and Rindal (eprint 2019/706), docs/vole.md section 5.
//!
//! ```text
//!     chooser (bits c)                                offerer
//!     T_(1-c) random, T_c = aG - Hp(T_(1-c))
//!                       -- T_0, T_1 -->
//!                       <-- beta G --                 k_b = H(beta (T_b + Hp(T_(1-b))))
//!     k_c = H(a beta G)
//! ```
//!
//! Every point must be canonical (RFC 9496 section 4.3.1) and not the identity.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use rayon::prelude::*;
use sha2::{Digest, Sha512};
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use super::hash::{Id, key};
use super::{Abort, draw, require};

/// Transfers: one for each bit of Delta.
pub const COUNT: usize = 128;
/// Bytes of the chooser's message: two points a transfer.
pub const CHOICES_BYTES: usize = COUNT * 64;
/// Bytes of the offerer's message: one point a transfer.
pub const OFFERS_BYTES: usize = COUNT * 32;

type Point = [u8; 32];
/// A transfer's keys.
pub type Key = [u8; 16];

fn decode(bytes: &Point) -> Result<RistrettoPoint, Abort> {
    let point = CompressedRistretto(*bytes).decompress().ok_or(Abort)?;
    require(!point.is_identity())?;
    Ok(point)
}

fn scalar() -> Result<Scalar, Abort> {
    Ok(Scalar::from_bytes_mod_order_wide(&draw::bytes()?))
}

/// Hp: a point of unknown logarithm, by the map of RFC 9496 section 4.3.4.
fn point_of(id: &Id, index: usize, bit: u8, other: &Point) -> RistrettoPoint {
    let mut state = Sha512::new_with_prefix("psi-vole-point/v1");
    state.update(id);
    state.update((index as u64).to_be_bytes());
    state.update([bit]);
    state.update(other);
    RistrettoPoint::from_uniform_bytes(&state.finalize().into())
}

fn derive(id: &Id, index: usize, bit: u8, pair: &[Point; 2], offer: &Point, shared: &RistrettoPoint) -> Key {
    let index = (index as u64).to_be_bytes();
    let shared = shared.compress().to_bytes();
    key("psi-vole-base/v1", &[id, &index, &[bit], &pair[0], &pair[1], offer, &shared])
}

/// The side that chooses one key of each pair.
pub struct Chooser {
    id: Id,
    bits: Zeroizing<u128>,
    secrets: Zeroizing<Vec<Scalar>>,
    pairs: Vec<[Point; 2]>,
}

impl Chooser {
    /// Choose by the 128 bits, the lowest first.
    pub fn new(id: &Id, bits: u128) -> Result<Self, Abort> {
        // Room for all at once: a vector that grows would leave scalars behind, not wiped.
        let mut secrets = Zeroizing::new(Vec::with_capacity(COUNT));
        for _ in 0..COUNT {
            secrets.push(scalar()?);
        }
        let choose = |(index, secret)| choose(id, index, (bits >> index) as u8 & 1, secret);
        let pairs: Result<_, Abort> = secrets.par_iter().enumerate().map(choose).collect();
        Ok(Self { id: *id, bits: Zeroizing::new(bits), pairs: pairs?, secrets })
    }

    /// The message, `CHOICES_BYTES` long.
    pub fn message(&self) -> &[u8] {
        self.pairs.as_flattened().as_flattened()
    }

    /// The chosen keys, from the offerer's message.
    pub fn keys(&self, offers: &[u8]) -> Result<Vec<Key>, Abort> {
        require(offers.len() == OFFERS_BYTES)?;
        let (offers, _) = offers.as_chunks::<32>();
        (0..COUNT)
            .into_par_iter()
            .map(|index| {
                let shared = decode(&offers[index])? * self.secrets[index];
                let bit = (*self.bits >> index) as u8 & 1;
                Ok(derive(&self.id, index, bit, &self.pairs[index], &offers[index], &shared))
            })
            .collect()
    }
}

fn choose(id: &Id, index: usize, bit: u8, secret: &Scalar) -> Result<[Point; 2], Abort> {
    let other = RistrettoPoint::from_uniform_bytes(&draw::bytes()?).compress().to_bytes();
    let own = (RistrettoPoint::mul_base(secret) - point_of(id, index, bit, &other)).compress().to_bytes();
    let chosen = Choice::from(bit);
    let select =
        |no: &Point, yes: &Point| std::array::from_fn(|at| u8::conditional_select(&no[at], &yes[at], chosen));
    Ok([select(&own, &other), select(&other, &own)])
}

/// Both keys of every transfer and the offerer's message (`OFFERS_BYTES` long), from the chooser's message.
pub fn offer(id: &Id, choices: &[u8]) -> Result<(Vec<u8>, Vec<[Key; 2]>), Abort> {
    require(choices.len() == CHOICES_BYTES)?;
    let (points, _) = choices.as_chunks::<32>();
    let (pairs, _) = points.as_chunks::<2>();
    let offered: Result<Vec<(Point, [Key; 2])>, Abort> = pairs
        .par_iter()
        .enumerate()
        .map(|(index, pair)| {
            let secret = Zeroizing::new(scalar()?);
            let offer = RistrettoPoint::mul_base(&secret).compress().to_bytes();
            let key_of = |bit: u8| {
                let (own, other) = (&pair[usize::from(bit)], &pair[usize::from(1 - bit)]);
                let base = decode(own)? + point_of(id, index, bit, other);
                require(!base.is_identity())?;
                Ok(derive(id, index, bit, pair, &offer, &(base * *secret)))
            };
            Ok((offer, [key_of(0)?, key_of(1)?]))
        })
        .collect();
    let (offers, keys): (Vec<Point>, Vec<[Key; 2]>) = offered?.into_iter().unzip();
    Ok((offers.as_flattened().to_vec(), keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Id = [3; 32];

    #[test]
    fn the_chooser_knows_exactly_the_chosen_key() -> Result<(), Abort> {
        let bits = draw::element()?;
        let chooser = Chooser::new(&ID, bits)?;
        let (offers, pairs) = offer(&ID, chooser.message())?;
        for (index, (key, pair)) in chooser.keys(&offers)?.iter().zip(&pairs).enumerate() {
            let bit = (bits >> index) as usize & 1;
            assert!(*key == pair[bit] && *key != pair[1 - bit], "transfer {index}");
        }
        Ok(())
    }

    #[test]
    fn keys_of_another_run_differ() -> Result<(), Abort> {
        let chooser = Chooser::new(&ID, 5)?;
        let (offers, pairs) = offer(&[4; 32], chooser.message())?;
        assert!(chooser.keys(&offers)?.iter().zip(&pairs).all(|(key, pair)| !pair.contains(key)));
        Ok(())
    }

    /// Encodings that RFC 9496 appendix A.3 refuses: a non-canonical field element, a negative one, a non-square.
    fn bad_points() -> [Point; 4] {
        let mut non_canonical = [0xff; 32];
        non_canonical[0] = 0xed;
        non_canonical[31] = 0x7f;
        let mut negative = [0; 32];
        negative[0] = 1;
        let mut non_square = [0; 32];
        non_square[0] = 0x26;
        non_square[31] = 0x01;
        [[0; 32], non_canonical, negative, non_square]
    }

    #[test]
    fn bad_points_end_the_run_on_either_side() -> Result<(), Abort> {
        let chooser = Chooser::new(&ID, 9)?;
        let (offers, _) = offer(&ID, chooser.message())?;
        for bad in bad_points() {
            if decode(&bad).is_ok() {
                continue;
            }
            for at in [0, 32, CHOICES_BYTES - 32] {
                let mut choices = chooser.message().to_vec();
                choices[at..at + 32].copy_from_slice(&bad);
                assert!(offer(&ID, &choices).is_err());
            }
            let mut offers = offers.clone();
            offers[64..96].copy_from_slice(&bad);
            assert!(chooser.keys(&offers).is_err());
        }
        assert!(bad_points()[..3].iter().all(|bad| decode(bad).is_err()));
        Ok(())
    }

    /// Points that pass one by one, but leave the offerer a key that anyone knows.
    #[test]
    fn a_point_that_cancels_what_it_is_added_to_ends_the_run() -> Result<(), Abort> {
        let chooser = Chooser::new(&ID, 9)?;
        for (index, bit) in [(0, 0), (0, 1), (COUNT - 1, 1)] {
            let mut pairs = chooser.pairs.clone();
            let other = pairs[index][1 - usize::from(bit)];
            pairs[index][usize::from(bit)] = (-point_of(&ID, index, bit, &other)).compress().to_bytes();
            assert!(decode(&pairs[index][usize::from(bit)]).is_ok());
            assert!(offer(&ID, pairs.as_flattened().as_flattened()).is_err(), "{index}, {bit}");
        }
        Ok(())
    }

    #[test]
    fn other_lengths_end_the_run() -> Result<(), Abort> {
        let chooser = Chooser::new(&ID, 9)?;
        assert!(offer(&ID, &chooser.message()[1..]).is_err());
        assert!(chooser.keys(&[0; OFFERS_BYTES + 1]).is_err());
        Ok(())
    }
}
