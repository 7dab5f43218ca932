//! Bytes that must be refused: keys, elements, scalars, answers, proofs of possession.

use super::super::answer::{Answer, answer, check, evaluate_all};
use super::super::blinded::Blinded;
use super::super::client::{Blind, finalize_oprf};
use super::super::keys::{PublicKey, SecretKey, check_possession, prove_possession};
use super::super::poprf;
use super::super::suite::{Mode, Suite, finalize};
use super::super::{OprfFault, server};
use super::{Checked, inputs};

/// The group's order (RFC 9496 section 4.4), little-endian: the smallest scalar that is not canonical.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
const IDENTITY: [u8; 32] = [0; 32];
const NOT_CANONICAL: [u8; 32] = [0xff; 32];

#[test]
fn keys_that_are_none() {
    for bytes in [[0; 32], ORDER, [0xff; 32]] {
        assert!(SecretKey::from_bytes(&bytes).is_err());
    }
    assert_eq!(PublicKey::from_bytes(&IDENTITY), Err(OprfFault::Identity { what: "public key", index: 0 }));
    assert!(PublicKey::from_bytes(&NOT_CANONICAL).is_err());
}

#[test]
fn elements_that_are_none() -> Checked {
    let (key, blinded) = (SecretKey::random()?, Blinded::new(&[3; 32], 0, &inputs(3, 6))?);
    for bad in [IDENTITY, NOT_CANONICAL] {
        assert!(server::blind_evaluate(&key, &bad).is_err());
        assert!(server::blind_evaluate_voprf(&Suite::new(Mode::Voprf), &key, &[bad]).is_err());
        assert!(poprf::blind_evaluate(&Suite::new(Mode::Poprf), &key, b"", &[bad]).is_err());
        assert!(finalize_oprf(b"x", &Blind::random()?, &bad).is_err());
        let mut elements = blinded.elements().to_vec();
        elements[1] = bad;
        assert!(answer(&key, &elements, b"").is_err());
        let mut bytes = answer(&key, blinded.elements(), b"")?;
        bytes[96..128].copy_from_slice(&bad);
        assert!(blinded.finish(&key.public(), &Answer::parse(&bytes)?, b"").is_err());
    }
    Ok(())
}

#[test]
fn chunks_of_wrong_sizes() -> Checked {
    let (key, given) = (SecretKey::random()?, inputs(4, 7));
    let blinded = Blinded::new(&[3; 32], 0, &given)?;
    let right = answer(&key, blinded.elements(), b"")?;
    for length in [0, 63, right.len() - 1, right.len() + 1] {
        let bytes = [right.as_slice(), &[0]].concat();
        assert!(Answer::parse(&bytes[..length]).is_err(), "{length} bytes");
    }
    for length in [64, right.len() - 32] {
        let short = Answer::parse(&right[..length])?;
        assert!(blinded.finish(&key.public(), &short, b"").is_err());
        assert!(check(&key.public(), blinded.elements(), &short, b"").is_err());
    }
    assert!(answer(&key, &[], b"").is_err());
    assert!(Blinded::new(&[3; 32], 0, &[]).is_err());
    assert!(Blinded::new(&[3; 32], 0, &vec![[1; 32]; 65_536]).is_err());
    assert_eq!(evaluate_all(&key, &[])?, Vec::<[u8; 64]>::new());
    Ok(())
}

#[test]
fn proofs_of_possession() -> Checked {
    let (key, other) = (SecretKey::random()?, SecretKey::random()?);
    let proof = prove_possession(&key, b"epoch 1")?;
    check_possession(&key.public(), b"epoch 1", &proof)?;
    assert_eq!(check_possession(&key.public(), b"epoch 2", &proof), Err(OprfFault::Proof));
    assert_eq!(check_possession(&other.public(), b"epoch 1", &proof), Err(OprfFault::Proof));
    for place in 0..64 {
        let mut flipped = proof;
        flipped[place] ^= 1;
        assert!(check_possession(&key.public(), b"epoch 1", &flipped).is_err(), "byte {place}");
    }
    Ok(())
}

#[test]
fn inputs_longer_than_their_length_field() -> Checked {
    let (key, long) = (SecretKey::random()?, vec![0; 65_536]);
    assert_eq!(finalize(&long, None, &IDENTITY), Err(OprfFault::Input));
    assert_eq!(finalize(b"", Some(&long), &IDENTITY), Err(OprfFault::Input));
    assert_eq!(poprf::evaluate(&Suite::new(Mode::Poprf), &key, b"", &long), Err(OprfFault::Input));
    assert!(SecretKey::derive(Mode::Oprf, &[0; 32], &long).is_err());
    Ok(())
}
