use super::*;
use crate::vole::{Abort, draw};

const CONTEXT: [u8; 32] = [5; 32];
const VARIANTS: [Variant; 2] = [Variant::Malicious, Variant::SemiHonest];

/// One frame on its way: (from the sender?, message number from 1, frame) to what arrives.
type Bend<'a> = &'a dyn Fn(bool, usize, Vec<u8>) -> Vec<u8>;

const STRAIGHT: Bend<'static> = &|_, _, frame| frame;

/// Run both machines over a channel that `bend` may change. Messages are numbered as in docs/vole.md.
fn run(mut receiver: Receiver, mut sender: Sender, bend: Bend<'_>) -> Result<Vec<u32>, Abort> {
    let mut from_sender = true;
    let mut message = 1;
    let mut frames: Vec<Vec<u8>> = sender.start()?.collect();
    while !frames.is_empty() {
        let mut replies = Vec::new();
        for frame in frames {
            let frame = bend(from_sender, message, frame);
            replies.extend(if from_sender { receiver.receive(&frame)? } else { sender.receive(&frame)? });
        }
        (from_sender, message, frames) = (!from_sender, message + 1, replies);
    }
    if !(receiver.opened() && sender.opened()) {
        return Err(Abort);
    }
    for frame in sender.complete()? {
        receiver.receive(&bend(true, 10, frame))?;
    }
    receiver.result()
}

fn machines(variant: Variant, own: &[u128], peer: &[u128]) -> Result<(Receiver, Sender), Abort> {
    let terms = Terms::new(&CONTEXT, variant, own.len(), peer.len())?;
    Ok((Receiver::new(terms, own)?, Sender::new(terms, peer.to_vec())?))
}

fn intersect(variant: Variant, own: &[u128], peer: &[u128]) -> Result<Vec<u32>, Abort> {
    let (receiver, sender) = machines(variant, own, peer)?;
    run(receiver, sender, STRAIGHT)
}

/// The receiver's items, the sender's, and the receiver's positions of the common ones.
type Sets = (Vec<u128>, Vec<u128>, Vec<u32>);

/// Two sets of `own` and `peer` items of which `common` are in both, the receiver's at scattered places.
fn sets(own: usize, peer: usize, common: usize) -> Result<Sets, Abort> {
    let mut ours = draw::elements(own)?;
    let theirs = draw::elements(peer)?;
    let mut places: Vec<u32> = (0..own as u32).collect();
    places.sort_by_key(|place| ours[*place as usize]);
    places.truncate(common);
    places.iter().zip(&theirs).for_each(|(place, item)| ours[*place as usize] = *item);
    places.sort_unstable();
    Ok((ours, theirs, places))
}

#[test]
fn runs_find_the_intersection_and_nothing_else() -> Result<(), Abort> {
    let cases =
        [(1, 1, 0), (1, 1, 1), (2, 1, 1), (64, 3000, 1), (3000, 64, 64), (1024, 1024, 0), (1024, 1024, 1024)];
    for variant in VARIANTS {
        for (own, peer, common) in cases {
            let (ours, theirs, expected) = sets(own, peer, common)?;
            assert_eq!(intersect(variant, &ours, &theirs)?, expected, "{variant:?}: {own}, {peer}, {common}");
        }
    }
    Ok(())
}

#[test]
fn several_bins_and_chunks_work_together() -> Result<(), Abort> {
    // Two chunks need more than 159,744 outputs: 126,000 items.
    let (ours, theirs, expected) = sets(126_000, 40_000, 777)?;
    let terms = Terms::new(&CONTEXT, Variant::Malicious, 126_000, 40_000)?;
    assert!(terms.plan.chunks == 2 && terms.shape.bins == 7);
    assert_eq!(intersect(Variant::Malicious, &ours, &theirs)?, expected);
    Ok(())
}

#[test]
fn items_are_bound_to_their_tags_in_any_order() -> Result<(), Abort> {
    let (ours, theirs, expected) = sets(500, 500, 100)?;
    let mut reversed = theirs.clone();
    reversed.reverse();
    assert_eq!(intersect(Variant::Malicious, &ours, &reversed)?, expected);
    Ok(())
}

#[test]
fn duplicates_end_the_run_on_either_side() -> Result<(), Abort> {
    for variant in VARIANTS {
        let (mut ours, mut theirs, _) = sets(300, 300, 10)?;
        ours[5] = ours[200];
        assert!(intersect(variant, &ours, &theirs).is_err());
        ours[5] ^= 1;
        theirs[1] = theirs[2];
        assert!(intersect(variant, &ours, &theirs).is_err());
    }
    Ok(())
}

#[test]
fn a_flipped_bit_anywhere_never_gives_a_wrong_result() -> Result<(), Abort> {
    let (ours, theirs, expected) = sets(200, 200, 50)?;
    for message in 1..=10 {
        for place in 0..12 {
            let (receiver, sender) = machines(Variant::Malicious, &ours, &theirs)?;
            let bend = |_: bool, number: usize, mut frame: Vec<u8>| {
                if number == message {
                    let at = (frame.len() - 1) * place / 11;
                    frame[at] ^= 1 << (place % 8);
                }
                frame
            };
            // A flip in A, r or a tag can lose a match (its sender could as well have left the item out); in a side
            // of a tree that is not read, or in a column whose bit of Delta is 0, it changes nothing.
            match run(receiver, sender, &bend) {
                Err(Abort) => {}
                Ok(found) => {
                    assert!(found.iter().all(|position| expected.contains(position)), "message {message}");
                    assert!(found == expected || [2, 8, 10].contains(&message), "message {message}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_wrong_opening_ends_the_run() -> Result<(), Abort> {
    let (ours, theirs, _) = sets(100, 100, 50)?;
    for at in 0..16 {
        let (receiver, sender) = machines(Variant::Malicious, &ours, &theirs)?;
        let bend = |_: bool, number: usize, mut frame: Vec<u8>| {
            if number == 9 {
                frame[at] ^= 1;
            }
            frame
        };
        assert_eq!(run(receiver, sender, &bend), Err(Abort));
    }
    Ok(())
}

#[test]
fn wrong_lengths_end_the_run_at_every_message() -> Result<(), Abort> {
    let (ours, theirs, _) = sets(100, 100, 50)?;
    for variant in VARIANTS {
        let last = if variant == Variant::Malicious { 9 } else { 8 };
        for message in (1..=last).chain([10]) {
            for longer in [false, true] {
                let (receiver, sender) = machines(variant, &ours, &theirs)?;
                let bend = |_: bool, number: usize, mut frame: Vec<u8>| {
                    if number == message {
                        frame.resize(if longer { frame.len() + 1 } else { frame.len() - 1 }, 0);
                    }
                    frame
                };
                assert_eq!(run(receiver, sender, &bend), Err(Abort), "message {message}");
            }
        }
    }
    Ok(())
}

#[test]
fn tags_out_of_order_end_the_run() -> Result<(), Abort> {
    let (ours, theirs, _) = sets(100, 100, 50)?;
    let (receiver, sender) = machines(Variant::Malicious, &ours, &theirs)?;
    let bend = |_: bool, number: usize, mut frame: Vec<u8>| {
        if number == 10 {
            frame.rotate_left(16);
        }
        frame
    };
    assert_eq!(run(receiver, sender, &bend), Err(Abort));
    Ok(())
}

#[test]
fn another_context_variant_or_size_does_not_fit() -> Result<(), Abort> {
    let (ours, theirs, _) = sets(100, 100, 50)?;
    let terms = Terms::new(&CONTEXT, Variant::Malicious, 100, 100)?;
    for other in [
        Terms::new(&[6; 32], Variant::Malicious, 100, 100)?,
        Terms::new(&CONTEXT, Variant::SemiHonest, 100, 100)?,
    ] {
        assert_eq!(
            run(Receiver::new(terms, &ours)?, Sender::new(other, theirs.clone())?, STRAIGHT),
            Err(Abort)
        );
    }
    assert!(Receiver::new(terms, &ours[1..]).is_err() && Sender::new(terms, theirs[1..].to_vec()).is_err());
    assert!(Terms::new(&CONTEXT, Variant::Malicious, 0, 1).is_err());
    assert!(Terms::new(&CONTEXT, Variant::Malicious, 1, (1 << 26) + 1).is_err());
    Ok(())
}

#[test]
fn a_machine_runs_once_and_in_order() -> Result<(), Abort> {
    let (ours, theirs, _) = sets(100, 100, 50)?;
    let (mut receiver, mut sender) = machines(Variant::Malicious, &ours, &theirs)?;
    assert!(receiver.result().is_err() && sender.complete().is_err());
    let (mut receiver, mut sender) =
        (machines(Variant::Malicious, &ours, &theirs)?.0, machines(Variant::Malicious, &ours, &theirs)?.1);
    assert!(sender.receive(&[0; 16]).is_err());
    assert!(sender.start().is_err(), "a broken machine stays broken");
    assert!(receiver.receive(&[]).is_err() && receiver.receive(&[0; 8224]).is_err());
    Ok(())
}
