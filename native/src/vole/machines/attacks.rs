//! Peers that cheat, against the real machines.

use super::deviations::{run as run_masked, values};
use super::{Receiver, Sender, Terms, Variant};
use crate::vole::okvs::whole::{dense_solution, hashes, independent_rows};
use crate::vole::{Abort, draw};

const CONTEXT: [u8; 32] = [11; 32];
const VARIANTS: [Variant; 2] = [Variant::Malicious, Variant::SemiHonest];

/// Run both machines; `bend` may change message number so and so (of docs/vole.md). The semi-honest variant has no 9.
fn run(
    receiver: &mut Receiver,
    sender: &mut Sender,
    bend: impl Fn(usize, &mut [u8]),
) -> Result<Vec<u32>, Abort> {
    let (mut number, mut frames) = (1, sender.start()?.collect::<Vec<Vec<u8>>>());
    while !frames.is_empty() {
        let mut replies = Vec::new();
        for mut frame in frames {
            bend(number, &mut frame);
            let from_sender = number % 2 == 1;
            replies.extend(if from_sender { receiver.receive(&frame)? } else { sender.receive(&frame)? });
        }
        (number, frames) = (number + 1, replies);
    }
    for mut frame in sender.complete()? {
        bend(10, &mut frame);
        receiver.receive(&frame)?;
    }
    receiver.result()
}

/// Two sets of 100 items with 40 in common, and machines for them.
fn machines(variant: Variant) -> Result<(Receiver, Sender), Abort> {
    let ours = draw::elements(100)?;
    let theirs = [&ours[..40], &draw::elements(60)?[..]].concat();
    let terms = Terms::new(&CONTEXT, variant, 100, 100)?;
    Ok((Receiver::new(terms, &ours)?, Sender::new(terms, theirs)?))
}

#[test]
fn whole_messages_of_zeros_ones_or_noise_match_nothing_false() -> Result<(), Abort> {
    for variant in VARIANTS {
        for message in 1..=10 {
            for pattern in 0..4 {
                let (mut receiver, mut sender) = machines(variant)?;
                let noise = draw::elements(1)?[0];
                let byte = |at: usize| match pattern {
                    0 => 0,
                    1 => 0xff,
                    // Elements that are one.
                    2 => u8::from(at.is_multiple_of(16)),
                    _ => (noise.wrapping_mul(2 * at as u128 + 1) >> 64) as u8,
                };
                let found = run(&mut receiver, &mut sender, |number, frame| {
                    if number == message {
                        frame.iter_mut().enumerate().for_each(|(at, place)| *place = byte(at));
                    }
                });
                // chi (3), and Z with its difference (6), are drawn by the peer who checks: whatever they are on their
                // way, the other one answers, and the check fails. A (8) and the tags (10) are the peer's own input.
                match found {
                    Err(Abort) => {}
                    Ok(found) => {
                        let straight = found == (0..40).collect::<Vec<u32>>();
                        assert!(
                            found.is_empty() || straight && variant == Variant::SemiHonest && message == 9
                        );
                        assert!([8, 9, 10].contains(&message), "{variant:?}: message {message}, {pattern}");
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_tag_sent_twice_ends_the_run() -> Result<(), Abort> {
    let (mut receiver, mut sender) = machines(Variant::Malicious)?;
    let repeat = |number: usize, frame: &mut [u8]| {
        if number == 10 {
            frame.copy_within(32..48, 48);
        }
    };
    assert_eq!(run(&mut receiver, &mut sender, repeat), Err(Abort));
    assert!(receiver.result().is_err() && !receiver.done());
    Ok(())
}

#[test]
fn nothing_goes_on_after_the_end() -> Result<(), Abort> {
    for variant in VARIANTS {
        let (mut receiver, mut sender) = machines(variant)?;
        assert_eq!(run(&mut receiver, &mut sender, |_, _| ())?, (0..40).collect::<Vec<u32>>());
        assert!(sender.complete().is_err() && sender.start().is_err());
        assert!(sender.receive(&[0; 16]).is_err() && receiver.receive(&[0; 16]).is_err());
        assert!(receiver.result().is_err());
    }
    Ok(())
}

/// A second message 8 under the same A' would give P + P'; a second ws would tell nothing, but neither leaves.
#[test]
fn a_second_masked_vector_ends_the_run() -> Result<(), Abort> {
    let (mut receiver, mut sender) = machines(Variant::Malicious)?;
    let mut frames: Vec<Vec<u8>> = sender.start()?.collect();
    let mut masked = Vec::new();
    while !sender.opened() {
        let replies: Vec<Vec<u8>> = frames
            .iter()
            .map(|frame| receiver.receive(frame))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect();
        masked.clone_from(&replies);
        frames = Vec::new();
        for reply in replies {
            frames.extend(sender.receive(&reply)?);
        }
    }
    assert!(sender.receive(&masked[0]).is_err() && sender.complete().is_err());
    Ok(())
}

/// The rank bound of docs/vole.md section 3 is reached: a receiver of 64 items tests m of them.
#[test]
fn a_receiver_that_departs_tests_as_many_items_as_the_store_is_long() -> Result<(), Abort> {
    let theirs = draw::elements(1000)?;
    let loot = run_masked(64, &theirs, |terms, seed| {
        let (binned, values) = values(terms, seed, &theirs)?;
        let hashes = hashes(&terms.shape, &binned);
        let chosen = independent_rows(&terms.shape, &hashes);
        let pick = |from: &[u128]| chosen.iter().map(|at| from[*at]).collect::<Vec<u128>>();
        dense_solution(&terms.shape, &pick(&hashes), &pick(&values))
    })?;
    assert_eq!(loot.terms.shape.bins, 1);
    assert_eq!(loot.recognised(&theirs)?, loot.terms.shape.length());
    Ok(())
}

/// What a run draws is drawn anew in the next one, whoever draws it: the same sets and the same context twice.
#[test]
fn nothing_that_is_drawn_comes_again() -> Result<(), Abort> {
    let set = draw::elements(100)?;
    let mut sent: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 11];
    for _ in 0..2 {
        let terms = Terms::new(&CONTEXT, Variant::Malicious, 100, 100)?;
        let (mut receiver, mut sender) = (Receiver::new(terms, &set)?, Sender::new(terms, set.clone())?);
        let messages = std::cell::RefCell::new(vec![Vec::new(); 11]);
        run(&mut receiver, &mut sender, |number, frame| {
            messages.borrow_mut()[number].extend_from_slice(frame)
        })?;
        sent.iter_mut().zip(messages.into_inner()).for_each(|(both, one)| both.push(one));
    }
    for (number, both) in sent.iter().enumerate().skip(1) {
        // Points, r, columns, chi, corrections, Z, hashes, wr, A, ws, tags: no 16 bytes are alike at any place.
        let pairs = both[0].chunks(16).zip(both[1].chunks(16));
        assert!(
            !both[0].is_empty() && pairs.into_iter().all(|(first, second)| first != second),
            "message {number}"
        );
    }
    Ok(())
}

/// A receiver that says the same r in every run gets other keys in every run.
#[test]
fn one_r_gives_other_keys_in_another_run() -> Result<(), Abort> {
    let mut all = Vec::new();
    for (context, variant, size) in [
        ([1; 32], Variant::Malicious, 64),
        ([2; 32], Variant::Malicious, 64),
        ([1; 32], Variant::SemiHonest, 64),
        ([1; 32], Variant::Malicious, 65),
    ] {
        for key in Terms::new(&context, variant, size, 64)?.keys(&[0; 32]) {
            let mut hash = [0];
            key.hash_all(&[0], &mut hash);
            all.extend(hash);
        }
    }
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((all.len(), count), (8, 8));
    Ok(())
}
