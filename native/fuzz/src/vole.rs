//! Tags, base OTs, correlated OTs and whole runs of the engine `vole`.

use std::sync::LazyLock;

use psi_native::vole::base_ot::{CHOICES_BYTES, Chooser, Key, OFFERS_BYTES, offer};
use psi_native::vole::cot::{ANSWER_BYTES, CotReceiver, CotSender, columns_bytes};
use psi_native::vole::machines::{Receiver, Sender, Terms, Variant};
use psi_native::vole::tags::Coding;

use super::cut::Cut;

const ID: [u8; 32] = [9; 32];
const ROWS: usize = 200;
const CHI: u128 = 0x1234_5678_9abc_def0;
const DELTA: u128 = 0xfedc_ba98_7654_3210;

/// A list of tags: how long they are, how many, the code.
pub fn tags(data: &[u8]) -> bool {
    let mut data = Cut(data);
    let (bits, count) = (usize::from(data.byte()), usize::from(data.byte()) + 1);
    // Never from a peer: both follow from the sizes of a lane.
    let bits = if bits > 104 { 128 } else { bits.max(16) };
    let coding = Coding::new(bits, count);
    let code = data.rest();
    let Ok(tags) = coding.list(code) else { return false };
    assert_eq!(coding.encode(&tags).as_deref(), Ok(code));
    assert_eq!(tags.len(), count);
    true
}

pub fn tags_seed() -> Vec<u8> {
    let code = Coding::new(40, 3).encode(&[1, 70_000, 1 << 39]).expect("three tags");
    [&[40, 2], code.as_slice()].concat()
}

/// A receiver's half of the base and correlated OTs, made once.
struct Parts {
    choices: Vec<u8>,
    chooser: Chooser,
    keys: Vec<Key>,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let chooser = Chooser::new(&ID, DELTA).expect("random bytes");
    let (offers, _) = offer(&ID, chooser.message()).expect("our own choices");
    let keys = chooser.keys(&offers).expect("our own offers");
    Parts { choices: chooser.message().to_vec(), chooser, keys }
});

/// What a sender and a receiver read before the VOLE: which message, and its bytes.
///
/// The first byte says which; what the input is short of comes from an honest message, so that what follows is reached.
pub fn parts(data: &[u8]) -> bool {
    let mut data = Cut(data);
    match data.byte() % 4 {
        0 => offer(&ID, &over(&PARTS.choices, data.rest(), CHOICES_BYTES)).is_ok(),
        1 => {
            let (honest, _) = offer(&ID, &PARTS.choices).expect("our own choices");
            PARTS.chooser.keys(&over(&honest, data.rest(), OFFERS_BYTES)).is_ok()
        }
        2 => {
            let message = over(&[], data.rest(), columns_bytes(ROWS));
            let sender = CotSender::new(DELTA, &PARTS.keys, ROWS, &message);
            sender.is_ok_and(|sender| sender.rows().len() >= ROWS)
        }
        _ => {
            let pairs: Vec<[Key; 2]> = PARTS.keys.iter().map(|key| [*key, *key]).collect();
            let (receiver, columns) = CotReceiver::new(&pairs, ROWS).expect("random bytes");
            let sender = CotSender::new(DELTA, &PARTS.keys, ROWS, &columns).expect("our own columns");
            let answer = over(&receiver.answer(CHI), data.rest(), ANSWER_BYTES);
            sender.check(CHI, &answer).is_ok()
        }
    }
}

/// An honest message with the input laid over it: so long as the input says, at most 64 bytes more than is due.
fn over(honest: &[u8], given: &[u8], due: usize) -> Vec<u8> {
    let mut message = honest.to_vec();
    message.resize(due, 0);
    for (place, byte) in message.iter_mut().zip(given) {
        *place ^= byte;
    }
    let longer = given.len().saturating_sub(due).min(64);
    message.extend(&given[given.len() - longer..]);
    message
}

pub fn parts_seed() -> Vec<u8> {
    vec![0; 40]
}

/// A whole run with a change to one frame: which side's, which frame, where, and what is laid over it there.
pub fn runs(data: &[u8]) -> bool {
    let mut data = Cut(data);
    let variant = if data.byte() & 1 == 0 { Variant::Malicious } else { Variant::SemiHonest };
    let (aimed, frame, place) = (data.byte() & 1, usize::from(data.byte() % 8), data.array::<4>());
    let change = data.rest();
    let mut count = [0, 0];
    let mut tamper = |side: u8, frames: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
        let changed = |mut bytes: Vec<u8>| {
            let at = count[usize::from(side)];
            count[usize::from(side)] += 1;
            if (side, at) == (aimed, frame) {
                let start = u32::from_be_bytes(place) as usize % bytes.len().max(1);
                bytes[start..].iter_mut().zip(change).for_each(|(byte, over)| *byte ^= over);
                bytes.extend(change.iter().skip(512));
            }
            bytes
        };
        frames.into_iter().map(changed).collect()
    };
    let honest = change.iter().all(|byte| *byte == 0) && change.len() <= 512;
    let learned = carry(variant, &mut tamper);
    if honest {
        assert_eq!(learned, Some(vec![0]));
    }
    learned.is_some()
}

/// Both machines to their end: the receiver's positions, or nothing where either gave up.
fn carry(variant: Variant, tamper: &mut dyn FnMut(u8, Vec<Vec<u8>>) -> Vec<Vec<u8>>) -> Option<Vec<u32>> {
    let (own, peer) = (vec![1_u128, 2, 3], vec![1_u128, 7]);
    let terms = Terms::new(&[5; 32], variant, own.len(), peer.len()).expect("small sizes");
    let mut receiver = Receiver::new(terms, &own).expect("distinct items");
    let mut sender = Sender::new(terms, peer).expect("distinct items");
    let mut to_receiver = tamper(0, sender.start().ok()?.collect());
    while !receiver.opened() || !sender.opened() {
        let mut to_sender = Vec::new();
        for frame in to_receiver.drain(..) {
            to_sender.extend(receiver.receive(&frame).ok()?);
        }
        for frame in tamper(1, to_sender) {
            to_receiver.extend(sender.receive(&frame).ok()?);
        }
        if to_receiver.is_empty() && !(receiver.opened() && sender.opened()) {
            return None;
        }
        to_receiver = tamper(0, to_receiver);
    }
    for frame in tamper(0, sender.complete().ok()?.collect()) {
        receiver.receive(&frame).ok()?;
    }
    receiver.result().ok()
}

pub fn runs_seed() -> Vec<u8> {
    vec![0; 16]
}
