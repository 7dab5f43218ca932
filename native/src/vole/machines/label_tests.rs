//! Labels behind the tags: those of matches open, nothing else does.

use sha2::{Digest, Sha256};

use super::{LabelTerms, Labelled, Receiver, Sender, Terms, Variant};
use crate::labels::{Key, OVERHEAD, open_one};
use crate::vole::frames::FRAME_BYTES;
use crate::vole::oracle::Oracle;
use crate::vole::{Abort, draw};

const CONTEXT: [u8; 32] = [9; 32];
const PREFIX: &[u8] = b"agreement, match key";
const SIZE: usize = 8;
const SEALED: usize = SIZE + OVERHEAD;
const VARIANTS: [Variant; 2] = [Variant::Malicious, Variant::SemiHonest];

/// The label of the sender's item at one position.
fn label(position: usize) -> Vec<u8> {
    (position as u64).to_be_bytes().to_vec()
}

fn machines(variant: Variant, own: &[u128], peer: &[u128]) -> Result<(Receiver, Sender), Abort> {
    let terms = Terms::new(&CONTEXT, variant, own.len(), peer.len())?;
    let labels = LabelTerms::new(PREFIX, SIZE)?;
    let (mut receiver, mut sender) = (Receiver::new(terms, own)?, Sender::new(terms, peer.to_vec())?);
    receiver.await_labels(labels.clone());
    sender.give_labels(labels, (0..peer.len()).flat_map(label).collect())?;
    Ok((receiver, sender))
}

type Frames = Vec<Vec<u8>>;

/// Everything up to the barrier; returns the frames that follow it: those of tags, and those of labels.
fn opened(receiver: &mut Receiver, sender: &mut Sender) -> Result<(Frames, Frames), Abort> {
    let (mut from_sender, mut frames): (bool, Frames) = (true, sender.start()?.collect());
    while !frames.is_empty() {
        let mut replies = Vec::new();
        for frame in frames {
            replies.extend(if from_sender { receiver.receive(&frame)? } else { sender.receive(&frame)? });
        }
        (from_sender, frames) = (!from_sender, replies);
    }
    let mut tags: Frames = sender.complete()?.collect();
    // The tags of these tests fit into one frame.
    let labels = tags.split_off(1);
    Ok((tags, labels))
}

fn run(
    variant: Variant,
    own: &[u128],
    peer: &[u128],
    bend: impl Fn(&mut [u8]),
) -> Result<Vec<Labelled>, Abort> {
    let (mut receiver, mut sender) = machines(variant, own, peer)?;
    let (tags, labels) = opened(&mut receiver, &mut sender)?;
    for frame in tags {
        receiver.receive(&frame)?;
    }
    for mut frame in labels {
        assert!(!receiver.done());
        bend(&mut frame);
        receiver.receive(&frame)?;
    }
    assert!(receiver.done());
    receiver.labelled()
}

#[test]
fn labels_of_matches_open_each_at_its_item() -> Result<(), Abort> {
    for variant in VARIANTS {
        let peer = draw::elements(2_000)?;
        let own = [&draw::elements(500)?[..], &[peer[7], peer[1_999], peer[0]]].concat();
        let expected = [(500, 7), (501, 1_999), (502, 0)]
            .map(|(position, at)| Labelled { position, label: Some(label(at)) });
        assert_eq!(run(variant, &own, &peer, |_| ())?, expected);
    }
    Ok(())
}

#[test]
fn labels_span_frames_that_hold_whole_ones() -> Result<(), Abort> {
    let peer = draw::elements(60_000)?;
    let (mut receiver, mut sender) = machines(Variant::Malicious, &peer[59_990..], &peer)?;
    let (tags, labels) = opened(&mut receiver, &mut sender)?;
    assert_eq!(labels.concat().len(), 60_000 * SEALED);
    assert!(labels.len() == 3 && labels[0].len() == FRAME_BYTES / SEALED * SEALED);
    tags.iter().chain(&labels).try_for_each(|frame| receiver.receive(frame).map(|_| ()))?;
    assert_eq!(receiver.result()?, (0..10).collect::<Vec<u32>>());
    Ok(())
}

#[test]
fn a_forged_label_drops_its_match() -> Result<(), Abort> {
    let peer = draw::elements(100)?;
    let found = run(Variant::Malicious, &peer[..50], &peer, |frame| {
        frame.chunks_mut(SEALED).step_by(2).for_each(|sealed| sealed[SEALED - 1] ^= 1);
    })?;
    assert_eq!(found.len(), 50);
    assert!(found.iter().any(|each| each.label.is_none()) && found.iter().any(|each| each.label.is_some()));
    for each in found.iter().filter(|each| each.label.is_some()) {
        assert_eq!(each.label, Some(label(each.position as usize)));
    }
    Ok(())
}

#[test]
fn labels_that_change_places_open_nothing() -> Result<(), Abort> {
    let peer = draw::elements(100)?;
    let found = run(Variant::Malicious, &peer, &peer, |frame| frame.rotate_left(SEALED))?;
    assert!(found.len() == 100 && found.iter().all(|each| each.label.is_none()));
    Ok(())
}

#[test]
fn holding_all_tags_and_sealed_labels_opens_none() -> Result<(), Abort> {
    let (own, peer) = (draw::elements(100)?, draw::elements(100)?);
    let (mut receiver, mut sender) = machines(Variant::Malicious, &own, &peer)?;
    let (tags, labels) = opened(&mut receiver, &mut sender)?;
    let oracle = Oracle::new(&Terms::new(&CONTEXT, Variant::Malicious, 100, 100)?.id);
    // Of the tag alone, and of tag and item: the holder of a dictionary knows that too.
    let guesses = |tag: &[u8]| -> Vec<Key> {
        let doubled: Vec<u8> = [tag, tag].concat();
        let hashed: [u8; 32] = Sha256::digest(tag).into();
        let mut keys = vec![Key::new(doubled.first_chunk().copied().unwrap_or_default()), Key::new(hashed)];
        let first = tag.first_chunk().copied().unwrap_or_default();
        for tag in [u128::from_be_bytes(first), u128::from_le_bytes(first)] {
            keys.extend(peer.iter().chain(&[0]).map(|item| oracle.label_key(tag, *item)));
        }
        keys
    };
    for (tag, sealed) in tags.concat().chunks(16).zip(labels.concat().chunks(SEALED)) {
        assert!(guesses(tag).iter().all(|key| open_one(key, PREFIX, tag, sealed).is_none()));
    }
    tags.iter().chain(&labels).try_for_each(|frame| receiver.receive(frame).map(|_| ()))?;
    assert_eq!(receiver.labelled()?, []);
    Ok(())
}

#[test]
fn frames_of_other_lengths_end_the_run() -> Result<(), Abort> {
    let peer = draw::elements(10)?;
    for change in [-1_isize, 1] {
        let (mut receiver, mut sender) = machines(Variant::Malicious, &peer, &peer)?;
        let (tags, labels) = opened(&mut receiver, &mut sender)?;
        receiver.receive(&tags[0])?;
        let length = labels[0].len().saturating_add_signed(change);
        assert!(receiver.receive(&vec![0; length]).is_err() && receiver.labelled().is_err());
    }
    let (mut receiver, mut sender) = machines(Variant::Malicious, &peer, &peer)?;
    let (tags, labels) = opened(&mut receiver, &mut sender)?;
    tags.iter().chain(&labels).try_for_each(|frame| receiver.receive(frame).map(|_| ()))?;
    assert!(receiver.receive(&labels[0]).is_err(), "one label too many");
    Ok(())
}

#[test]
fn a_sender_has_a_label_for_each_item() -> Result<(), Abort> {
    let terms = Terms::new(&CONTEXT, Variant::Malicious, 10, 10)?;
    let mut sender = Sender::new(terms, draw::elements(10)?)?;
    assert!(sender.give_labels(LabelTerms::new(PREFIX, SIZE)?, vec![0; 9 * SIZE]).is_err());
    assert!(LabelTerms::new(PREFIX, 0).is_err() && LabelTerms::new(PREFIX, 1_025).is_err());
    Ok(())
}
