//! The crate `voprf` on random inputs: outputs equal, each side talks to the other's half.

use rand_core_06::OsRng;
use voprf::{
    BlindedElement, EvaluationElement, Group, OprfServer, PoprfServer, Proof, Ristretto255, VoprfClient,
    VoprfServer,
};

use super::super::client::{Blind, blind, finalize_voprf};
use super::super::keys::SecretKey;
use super::super::suite::{Encoded, Mode, Suite};
use super::super::{poprf, server};
use super::Checked;

type Oracle = Ristretto255;

fn random_input() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut bytes = [0; 80];
    getrandom::fill(&mut bytes)?;
    Ok(bytes[..usize::from(bytes[79] % 79)].to_vec())
}

fn wrong(error: impl std::fmt::Debug) -> Box<dyn std::error::Error> {
    format!("{error:?}").into()
}

#[test]
fn outputs_of_all_modes_are_the_oracles() -> Checked {
    for _ in 0..16 {
        let (key, input, info) = (SecretKey::random()?, random_input()?, random_input()?);
        let bytes = key.to_bytes();
        let oprf = OprfServer::<Oracle>::new_with_key(bytes.as_slice()).map_err(wrong)?;
        let ours = server::evaluate(&Suite::new(Mode::Oprf), &key, &input)?;
        assert_eq!(ours, <[u8; 64]>::from(oprf.evaluate(&input).map_err(wrong)?));
        let voprf = VoprfServer::<Oracle>::new_with_key(bytes.as_slice()).map_err(wrong)?;
        let ours = server::evaluate(&Suite::new(Mode::Voprf), &key, &input)?;
        assert_eq!(ours, <[u8; 64]>::from(voprf.evaluate(&input).map_err(wrong)?));
        let poprf = PoprfServer::<Oracle>::new_with_key(bytes.as_slice()).map_err(wrong)?;
        let ours = poprf::evaluate(&Suite::new(Mode::Poprf), &key, &input, &info)?;
        let theirs = poprf.evaluate(&input, Some(&info)).map_err(wrong)?;
        assert_eq!(ours, <[u8; 64]>::from(theirs));
    }
    Ok(())
}

#[test]
fn our_client_accepts_the_oracles_server() -> Checked {
    let (suite, key) = (Suite::new(Mode::Voprf), SecretKey::random()?);
    let oracle = VoprfServer::<Oracle>::new_with_key(key.to_bytes().as_slice()).map_err(wrong)?;
    let inputs = (0..5).map(|_| random_input()).collect::<Result<Vec<_>, _>>()?;
    let blinds = (0..5).map(|_| Blind::random()).collect::<Result<Vec<_>, _>>()?;
    let blinded: Vec<Encoded> = inputs
        .iter()
        .zip(&blinds)
        .map(|(input, factor)| blind(&suite, input, factor))
        .collect::<Result<_, _>>()?;
    let sent = blinded
        .iter()
        .map(|element| BlindedElement::<Oracle>::deserialize(element))
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    let answer = oracle.batch_blind_evaluate(&mut OsRng, &sent).map_err(wrong)?;
    let evaluated: Vec<Encoded> = answer.messages.iter().map(|message| message.serialize().into()).collect();
    let mut proof = [0; 64];
    proof.copy_from_slice(&answer.proof.serialize());
    let given: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let outputs = finalize_voprf(&suite, &given, &blinds, &blinded, &evaluated, &key.public(), &proof)?;
    for (input, output) in inputs.iter().zip(outputs) {
        assert_eq!(output, <[u8; 64]>::from(oracle.evaluate(input).map_err(wrong)?));
    }
    Ok(())
}

#[test]
fn the_oracles_client_accepts_our_server() -> Checked {
    let (suite, key, input) = (Suite::new(Mode::Voprf), SecretKey::random()?, random_input()?);
    let client = VoprfClient::<Oracle>::blind(&input, &mut OsRng).map_err(wrong)?;
    let (evaluated, proof) =
        server::blind_evaluate_voprf(&suite, &key, &[client.message.serialize().into()])?;
    let evaluated = EvaluationElement::<Oracle>::deserialize(&evaluated[0]).map_err(wrong)?;
    let proof = Proof::<Oracle>::deserialize(&proof).map_err(wrong)?;
    let public = Oracle::deserialize_elem(key.public().encoded()).map_err(wrong)?;
    let output = client.state.finalize(&input, &evaluated, &proof, public).map_err(wrong)?;
    assert_eq!(<[u8; 64]>::from(output), server::evaluate(&suite, &key, &input)?);
    Ok(())
}
