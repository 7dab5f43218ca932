//! Keys, points, proofs, chunks, coded tags and caches of the engine `oprf`.

use std::sync::LazyLock;

use psi_native::oprf::answer::{Answer, answer, check};
use psi_native::oprf::blinded::Blinded;
use psi_native::oprf::cache::{Known, Step};
use psi_native::oprf::keys::{PublicKey, SecretKey, check_possession, prove_possession};
use psi_native::oprf::tags::{Code, bytes, numbers};

use super::cut::Cut;

const CONTEXT: &[u8] = b"fuzz";
const ITEMS: usize = 3;

/// The same key in every run, so that a seed stays one.
static KEY: LazyLock<SecretKey> = LazyLock::new(|| {
    let mut bytes = [0; 32];
    bytes[0] = 7;
    SecretKey::from_bytes(&bytes).expect("7 is a scalar")
});

static BLINDED: LazyLock<Blinded> =
    LazyLock::new(|| Blinded::new(&[1; 32], 0, &[[1; 32], [2; 32], [3; 32]]).expect("three items"));

static ANSWER: LazyLock<Vec<u8>> =
    LazyLock::new(|| answer(&KEY, BLINDED.elements(), CONTEXT).expect("a chunk of our own"));

/// A secret key, a public key, and a proof that a secret key is held.
pub fn points(data: &[u8]) -> bool {
    let mut data = Cut(data);
    let (secret, public) = (data.array(), data.array());
    let secret = SecretKey::from_bytes(&secret);
    if let Ok(secret) = &secret {
        assert_eq!(
            SecretKey::from_bytes(&secret.to_bytes()).map(|key| key.to_bytes()),
            Ok(secret.to_bytes())
        );
    }
    let Ok(public) = PublicKey::from_bytes(&public) else { return false };
    assert_eq!(PublicKey::from_bytes(public.encoded()).as_ref(), Ok(&public));
    secret.is_ok() && check_possession(&public, CONTEXT, &data.array()).is_ok()
}

pub fn points_seed() -> Vec<u8> {
    let proof = prove_possession(&KEY, CONTEXT).expect("random bytes");
    [KEY.to_bytes().as_slice(), KEY.public().encoded(), &proof].concat()
}

/// A chunk as the sender takes it, and an answer as the receiver and an auditor take it.
pub fn chunks(data: &[u8]) -> bool {
    let mut data = Cut(data);
    let (blinded, _) = data.at_most(32 * ITEMS).as_chunks::<32>();
    let answered = answer(&KEY, blinded, CONTEXT);
    if let Ok(bytes) = &answered {
        let parsed = Answer::parse(bytes).expect("our own answer");
        assert!(check(&KEY.public(), blinded, &parsed, CONTEXT).is_ok());
    }
    let given = data.rest();
    let Ok(parsed) = Answer::parse(given) else { return false };
    let finished = BLINDED.finish(&KEY.public(), &parsed, CONTEXT);
    // Sound: nothing but the right elements is accepted; the proof may be any that holds.
    if let Ok(outputs) = &finished {
        assert_eq!((outputs.len(), &given[64..]), (ITEMS, &ANSWER[64..]));
    }
    let checked = check(&KEY.public(), BLINDED.elements(), &parsed, CONTEXT);
    assert_eq!(checked.is_ok(), finished.is_ok());
    answered.is_ok() && finished.is_ok()
}

pub fn chunks_seed() -> Vec<u8> {
    [BLINDED.elements().as_flattened(), &ANSWER].concat()
}

/// A coded list of tags: bits, total, tag before, count, code.
pub fn tags(data: &[u8]) -> bool {
    let mut data = Cut(data);
    let (bits, total) = (u32::from(data.byte()), u64::from_be_bytes(data.array()));
    let (before, count) = (u128::from_be_bytes(data.array()), usize::from(u16::from_be_bytes(data.array())));
    let Ok(coding) = Code::new(bits, total) else { return false };
    let code = data.rest();
    let Ok(tags) = coding.decode(before, code, count) else { return false };
    assert_eq!(coding.encode(before, &tags).as_deref(), Ok(code));
    assert!(tags.len() == count && tags.is_sorted() && tags.iter().all(|tag| tag >> bits == 0));
    true
}

pub fn tags_seed() -> Vec<u8> {
    let listed = [3_u128, 3, 90, 1_000, 0x7f_ffff];
    let code = Code::new(23, 5).and_then(|coding| coding.encode(0, &listed)).expect("five tags");
    [&[23], 5_u64.to_be_bytes().as_slice(), &[0; 16], &5_u16.to_be_bytes(), &code].concat()
}

/// A cache of items and tags, a run on it, and a list that is looked up: items of one significant byte.
pub fn caches(data: &[u8]) -> bool {
    let mut data = Cut(data);
    let each = usize::from(data.byte());
    let mut part = || {
        let length = usize::from(data.byte());
        data.at_most(length)
    };
    let (held, tags, list) = (part(), part(), part());
    let (added, added_tags, gone, leaving, coming) = (part(), part(), part(), part(), part());
    let Ok(known) = Known::base(&items(held), tags, list, each) else { return false };
    let (added, gone) = (items(added), items(gone));
    let step = Step { items: &added, tags: added_tags, gone: &gone, leaving, coming };
    let Ok(next) = known.after(&step) else { return false };
    assert_eq!(next.list().len(), list.len() + coming.len() - leaving.len());
    assert!(numbers(next.list(), each).is_ok_and(|tags| tags.is_sorted()));
    assert_eq!(bytes(&numbers(next.list(), each).expect("checked"), each), next.list());
    let (rows, counting) = next.counting();
    assert_eq!(next.items(&rows).as_ref(), Ok(&counting));
    let looked_up = items(data.rest());
    let Ok(recalled) = next.recall(&looked_up) else { return false };
    let new = vec![0; recalled.unknown.len() * each];
    let met = next.matches(&recalled, &new, next.list()).expect("lists of our own");
    assert!(met.is_sorted() && met.len() <= looked_up.len());
    assert_eq!(recalled.gone.len() + looked_up.len() - recalled.unknown.len(), rows.len());
    true
}

fn items(data: &[u8]) -> Vec<[u8; 32]> {
    data.iter().map(|byte| [*byte; 32]).collect()
}

pub fn caches_seed() -> Vec<u8> {
    let parts: [&[u8]; 8] =
        [&[1, 5, 9], &[0, 1, 0, 2, 0, 3], &[0, 1, 0, 2, 0, 2], &[7], &[0, 4], &[5], &[0, 2], &[0, 4]];
    let packed = parts.iter().flat_map(|part| [&[part.len() as u8], *part].concat());
    [2].into_iter().chain(packed).chain([7, 9, 200]).collect()
}
