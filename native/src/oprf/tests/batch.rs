//! The batch forms give what the plain forms give, for sizes around every boundary of their tasks.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;

use super::super::answer::{Answer, answer, check, evaluate_all, wire_public};
use super::super::blinded::Blinded;
use super::super::keys::{SecretKey, read_pair};
use super::super::proof::{Scope, weights};
use super::super::suite::{Encoded, Mode, Suite};
use super::super::{OprfFault, outputs, server};
use super::{Checked, inputs};

const SIZES: [usize; 6] = [1, 2, 31, 256, 257, 600];

#[test]
fn batches_give_the_outputs_of_the_plain_forms() -> Checked {
    let (suite, key, binding) = (Suite::new(Mode::Voprf), SecretKey::random()?, b"chunk 1 of 1");
    for size in SIZES {
        let given = inputs(size, 1);
        let blinded = Blinded::new(&[7; 32], 0, &given)?;
        let bytes = answer(&key, blinded.elements(), binding)?;
        let found = blinded.finish(&key.public(), &Answer::parse(&bytes)?, binding)?;
        assert_eq!(found, evaluate_all(&key, &given)?);
        for place in [0, size / 2, size - 1] {
            assert_eq!(found[place], server::evaluate(&suite, &key, &given[place])?);
        }
        check(&key.public(), blinded.elements(), &Answer::parse(&bytes)?, binding)?;
    }
    Ok(())
}

#[test]
fn the_wire_is_a_plain_evaluation_with_a_quarter_of_the_key() -> Checked {
    let key = SecretKey::random()?;
    let quarter = SecretKey::from_bytes(&(key.scalar() * Scalar::from(4u8).invert()).to_bytes())?;
    assert_eq!(quarter.public(), wire_public(&key.public()));
    let blinded = Blinded::new(&[7; 32], 0, &inputs(40, 2))?;
    let bytes = answer(&key, blinded.elements(), b"")?;
    let suite = Suite::new(Mode::Voprf);
    let (plain, proof) = server::blind_evaluate_voprf(&suite, &quarter, blinded.elements())?;
    assert_eq!(Answer::parse(&bytes)?.elements, plain);
    // The plain proof is weighted pair by pair, which is too little for a chunk: it is refused.
    let by_plain = Answer { proof: &proof, elements: &plain };
    assert_eq!(blinded.finish(&key.public(), &by_plain, b""), Err(OprfFault::Proof));
    Ok(())
}

/// Were a weight a hash of its pair alone, a server could combine wrong answers whose errors cancel out.
#[test]
fn one_changed_answer_changes_every_weight() -> Checked {
    let (suite, key) = (Suite::new(Mode::Voprf), SecretKey::random()?);
    let blinded = Blinded::new(&[7; 32], 0, &inputs(300, 2))?;
    let bytes = answer(&key, blinded.elements(), b"chunk 0 of 1")?;
    let right = Answer::parse(&bytes)?.elements.to_vec();
    let public = wire_public(&key.public());
    let same = |after: &[Encoded], scope: Scope<'_>, other: Scope<'_>| -> Result<usize, OprfFault> {
        let first = weights(&suite, &public, blinded.elements(), &right, scope)?;
        let second = weights(&suite, &public, blinded.elements(), after, other)?;
        Ok(first.iter().zip(&second).filter(|(first, second)| first == second).count())
    };
    let (mut changed, chunk) = (right.clone(), Scope::Chunk(b"chunk 0 of 1"));
    changed[150] = right[151];
    assert_eq!(same(&right, chunk, chunk)?, 300);
    assert_eq!(same(&changed, chunk, chunk)?, 0);
    assert_eq!(same(&right, chunk, Scope::Chunk(b"chunk 0 of 2"))?, 0);
    assert_eq!(same(&changed, Scope::Rfc, Scope::Rfc)?, 299);
    Ok(())
}

#[test]
fn a_chunk_is_made_again_from_its_seed_and_place_only() -> Checked {
    let given = inputs(20, 3);
    let first = Blinded::new(&[1; 32], 5, &given)?;
    assert_eq!(first.elements(), Blinded::new(&[1; 32], 5, &given)?.elements());
    for other in [Blinded::new(&[2; 32], 5, &given)?, Blinded::new(&[1; 32], 6, &given)?] {
        assert!(first.elements().iter().all(|element| !other.elements().contains(element)));
    }
    Ok(())
}

#[test]
fn a_chunk_is_answered_with_the_same_bytes_again() -> Checked {
    let key = SecretKey::random()?;
    let (first, second) =
        (Blinded::new(&[1; 32], 0, &inputs(9, 3))?, Blinded::new(&[2; 32], 0, &inputs(9, 3))?);
    let once = answer(&key, first.elements(), b"one")?;
    assert_eq!(answer(&key, first.elements(), b"one")?, once);
    // A nonce that two proofs shared would give the key away. It shows as the same commitment, s * G + c * K/4.
    let wire = wire_public(&key.public());
    let commitment = |bytes: &[u8]| -> Result<RistrettoPoint, OprfFault> {
        let (c, s) = read_pair(Answer::parse(bytes)?.proof)?;
        Ok(RistrettoPoint::vartime_double_scalar_mul_basepoint(&c, wire.point(), &s))
    };
    let known = commitment(&once)?;
    for others in [answer(&key, first.elements(), b"two")?, answer(&key, second.elements(), b"one")?] {
        assert_ne!(commitment(&others)?, known);
    }
    Ok(())
}

#[test]
fn no_output_before_the_proof_holds() -> Checked {
    let (key, other, given) = (SecretKey::random()?, SecretKey::random()?, inputs(300, 4));
    let blinded = Blinded::new(&[9; 32], 0, &given)?;
    let right = answer(&key, blinded.elements(), b"chunk 0 of 2")?;
    let finish = |bytes: &[u8], public: &SecretKey, binding: &[u8]| {
        blinded.finish(&public.public(), &Answer::parse(bytes)?, binding)
    };
    assert!(finish(&right, &key, b"chunk 0 of 2").is_ok());
    assert_eq!(finish(&right, &key, b"chunk 1 of 2"), Err(OprfFault::Proof));
    assert_eq!(finish(&right, &other, b"chunk 0 of 2"), Err(OprfFault::Proof));
    let wrong_key = answer(&other, blinded.elements(), b"chunk 0 of 2")?;
    assert_eq!(finish(&wrong_key, &key, b"chunk 0 of 2"), Err(OprfFault::Proof));
    let mut swapped = right.clone();
    swapped[64..128].rotate_left(32);
    assert_eq!(finish(&swapped, &key, b"chunk 0 of 2"), Err(OprfFault::Proof));
    for place in [0, 31, 32, 63, 64, 95, right.len() - 1] {
        let mut flipped = right.clone();
        flipped[place] ^= 1;
        assert!(finish(&flipped, &key, b"chunk 0 of 2").is_err(), "byte {place}");
    }
    Ok(())
}

#[test]
fn the_three_values_of_an_output_are_separate() -> Checked {
    let outputs = evaluate_all(&SecretKey::random()?, &inputs(50, 5))?;
    let tags = outputs::tags(&outputs, 120)?;
    let (returns, labels) =
        (outputs::return_values(&outputs, b"one")?, outputs::label_keys(&outputs, b"one")?);
    assert_eq!((tags.len(), returns.len(), labels.len()), (50 * 15, 50 * 16, 50 * 32));
    assert_ne!(returns, outputs::return_values(&outputs, b"two")?);
    assert_ne!(labels, outputs::label_keys(&outputs, b"two")?);
    for place in 0..50 {
        assert_ne!(tags[15 * place..][..15], returns[16 * place..][..15]);
        assert_ne!(returns[16 * place..][..16], labels[32 * place..][..16]);
    }
    let short = outputs::tags(&outputs, 83)?;
    assert_eq!(short.len(), 50 * 11);
    for place in 0..50 {
        assert!(short[11 * place] < 8);
        assert_eq!(short[11 * place + 1..][..10], tags[15 * place + 1..][..10]);
    }
    Ok(())
}
