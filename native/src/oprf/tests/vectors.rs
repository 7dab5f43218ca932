//! RFC 9497 appendix A.1, RFC 9496 appendix A and RFC 9380 appendix K.3.

use std::path::{Path, PathBuf};

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::client::{Blind, blind, finalize_oprf, finalize_voprf};
use super::super::keys::{PublicKey, SecretKey};
use super::super::proof::Proof;
use super::super::suite::{Encoded, Expander, Mode, Output, Suite, read_element, read_scalar};
use super::super::{poprf, server};
use super::{Checked, unhex, unhex32};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> Result<Value, Box<dyn std::error::Error>> {
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

fn text<'a>(from: &'a Value, name: &str) -> Result<&'a str, Box<dyn std::error::Error>> {
    from[name].as_str().ok_or_else(|| format!("{name} is no text").into())
}

fn list(from: &Value, name: &str) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    text(from, name)?.split(',').map(unhex).collect()
}

fn elements(from: &Value, name: &str) -> Result<Vec<Encoded>, Box<dyn std::error::Error>> {
    list(from, name)?.iter().map(|bytes| Ok(bytes.as_slice().try_into()?)).collect()
}

/// One vector, read.
struct Vector {
    inputs: Vec<Vec<u8>>,
    blinds: Vec<Blind>,
    blinded: Vec<Encoded>,
    evaluated: Vec<Encoded>,
    outputs: Vec<Output>,
    proof: Option<(Proof, Zeroizing<Scalar>)>,
    info: Vec<u8>,
}

impl Vector {
    fn new(from: &Value) -> Result<Self, Box<dyn std::error::Error>> {
        let blinds = elements(from, "Blind")?
            .iter()
            .map(|bytes| Blind::from_scalar(read_scalar(bytes, "blind")?))
            .collect::<Result<_, _>>()?;
        let proof = match from.get("Proof") {
            None => None,
            Some(proof) => Some((
                unhex(text(proof, "proof")?)?.as_slice().try_into()?,
                Zeroizing::new(read_scalar(&unhex32(text(proof, "r")?)?, "nonce")?),
            )),
        };
        Ok(Self {
            inputs: list(from, "Input")?,
            blinds,
            blinded: elements(from, "BlindedElement")?,
            evaluated: elements(from, "EvaluationElement")?,
            outputs: list(from, "Output")?
                .iter()
                .map(|output| output.as_slice().try_into())
                .collect::<Result<_, _>>()?,
            proof,
            info: from.get("Info").and_then(Value::as_str).map_or(Ok(vec![]), unhex)?,
        })
    }

    fn inputs(&self) -> Vec<&[u8]> {
        self.inputs.iter().map(Vec::as_slice).collect()
    }

    fn check(&self, suite: &Suite, key: &SecretKey) -> Checked {
        for ((input, factor), blinded) in self.inputs.iter().zip(&self.blinds).zip(&self.blinded) {
            assert_eq!(&blind(suite, input, factor)?, blinded);
        }
        match suite.mode() {
            Mode::Oprf => self.check_oprf(suite, key),
            Mode::Voprf => self.check_voprf(suite, key),
            Mode::Poprf => self.check_poprf(suite, key),
        }
    }

    fn check_oprf(&self, suite: &Suite, key: &SecretKey) -> Checked {
        for place in 0..self.inputs.len() {
            assert_eq!(server::blind_evaluate(key, &self.blinded[place])?, self.evaluated[place]);
            let output = finalize_oprf(&self.inputs[place], &self.blinds[place], &self.evaluated[place])?;
            assert_eq!(output, self.outputs[place]);
            assert_eq!(server::evaluate(suite, key, &self.inputs[place])?, output);
        }
        Ok(())
    }

    fn check_voprf(&self, suite: &Suite, key: &SecretKey) -> Checked {
        let (proof, nonce) = self.proof.as_ref().ok_or("no proof")?;
        let answer = server::blind_evaluate_with(suite, key, &self.blinded, nonce)?;
        assert_eq!(answer, (self.evaluated.clone(), *proof));
        let (inputs, public) = (self.inputs(), key.public());
        let finalize = |proof: &Proof, evaluated: &[Encoded], public: &PublicKey| {
            finalize_voprf(suite, &inputs, &self.blinds, &self.blinded, evaluated, public, proof)
        };
        assert_eq!(finalize(proof, &self.evaluated, &public)?, self.outputs);
        for input in &self.inputs {
            assert!(self.outputs.contains(&server::evaluate(suite, key, input)?));
        }
        let (fresh, other) =
            (server::blind_evaluate_voprf(suite, key, &self.blinded)?.1, SecretKey::random()?.public());
        assert_eq!(finalize(&fresh, &self.evaluated, &public)?, self.outputs);
        assert!(finalize(proof, &self.evaluated, &other).is_err());
        assert!(finalize(proof, &self.blinded, &public).is_err());
        Ok(())
    }

    fn check_poprf(&self, suite: &Suite, key: &SecretKey) -> Checked {
        let (proof, nonce) = self.proof.as_ref().ok_or("no proof")?;
        let answer = poprf::blind_evaluate_with(suite, key, &self.info, &self.blinded, nonce)?;
        assert_eq!(answer, (self.evaluated.clone(), *proof));
        let inputs = self.inputs();
        let request = poprf::Request { inputs: &inputs, blinds: &self.blinds, blinded: &self.blinded };
        let finalize = |proof: &Proof, info: &[u8]| {
            poprf::finalize_batch(suite, &request, &self.evaluated, &key.public(), info, proof)
        };
        assert_eq!(finalize(proof, &self.info)?, self.outputs);
        assert_eq!(poprf::evaluate(suite, key, inputs[0], &self.info)?, self.outputs[0]);
        let fresh = poprf::blind_evaluate(suite, key, &self.info, &self.blinded)?.1;
        assert_eq!(finalize(&fresh, &self.info)?, self.outputs);
        assert!(finalize(proof, b"other info").is_err());
        Ok(())
    }
}

fn check_suites(suites: &Value) -> Checked {
    let suites = suites.as_array().ok_or("no suites")?;
    assert_eq!(suites.len(), 3);
    for (given, mode) in suites.iter().zip([Mode::Oprf, Mode::Voprf, Mode::Poprf]) {
        assert_eq!(unhex(text(given, "groupDST")?)?, mode.tag("HashToGroup-"));
        let (seed, info) = (unhex32(text(given, "seed")?)?, unhex(text(given, "keyInfo")?)?);
        let key = SecretKey::derive(mode, &seed, &info)?;
        assert_eq!(*key.to_bytes(), unhex32(text(given, "skSm")?)?);
        if let Some(public) = given.get("pkSm").and_then(Value::as_str) {
            assert_eq!(key.public().encoded(), &unhex32(public)?);
        }
        for vector in given["vectors"].as_array().ok_or("no vectors")? {
            Vector::new(vector)?.check(&Suite::new(mode), &key)?;
        }
    }
    Ok(())
}

#[test]
fn rfc_9497_vectors_of_the_repository() -> Checked {
    check_suites(&read(&repository().join("tests/vectors/rfc9497-ristretto255.json"))?["suites"])
}

#[test]
fn rfc_9497_vectors_all_where_they_are_shared() -> Checked {
    let shared = repository().join("../shared/vectors/rfc9497-ristretto255.json");
    if shared.exists() { check_suites(&read(&shared)?) } else { Ok(()) }
}

#[test]
fn rfc_9496_encodings_and_derivation() -> Checked {
    let given = read(&repository().join("tests/vectors/ristretto255.json"))?;
    for (multiple, encoded) in given["multiples"].as_object().ok_or("no multiples")? {
        let encoded = unhex32(encoded.as_str().ok_or("no text")?)?;
        let point = RistrettoPoint::mul_base(&Scalar::from(multiple.parse::<u64>()?));
        assert_eq!(read_element(&encoded, "element", 0)?, point);
        assert_eq!(point.compress().0, encoded);
    }
    let refused = given["refused"].as_array().ok_or("no refused encodings")?;
    assert_eq!(refused.len(), 27);
    for encoded in refused {
        assert!(read_element(&unhex32(encoded.as_str().ok_or("no text")?)?, "element", 0).is_err());
    }
    let derivation = &given["derivation"];
    let uniform = unhex(text(derivation, "uniform")?)?.as_slice().try_into()?;
    let derived = RistrettoPoint::from_uniform_bytes(&uniform).compress().0;
    assert_eq!(derived, unhex32(text(derivation, "element")?)?);
    Ok(())
}

#[test]
fn rfc_9380_expand_message_xmd() -> Checked {
    let given = read(&repository().join("tests/vectors/ristretto255.json"))?;
    let expander = Expander::new(text(&given["expand_message_xmd"], "tag")?.as_bytes());
    for vector in given["expand_message_xmd"]["vectors"].as_array().ok_or("no vectors")? {
        let (message, bytes) = (text(vector, "message")?.as_bytes(), unhex(text(vector, "bytes")?)?);
        match bytes.len() {
            32 => assert_eq!(expander.expand::<32>(&[message]).as_slice(), bytes),
            128 => assert_eq!(expander.expand::<128>(&[message]).as_slice(), bytes),
            other => return Err(format!("a vector of {other} bytes").into()),
        }
        let (left, right) = message.split_at(message.len() / 2);
        assert_eq!(expander.expand::<32>(&[left, right]), expander.expand::<32>(&[message]));
    }
    Ok(())
}
