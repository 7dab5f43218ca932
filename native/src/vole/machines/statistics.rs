//! What a peer sees must not depend on the set: A's bits, the order of tags, the lengths of messages.

use super::terms::{Terms, Variant};
use super::{Receiver, Sender};
use crate::vole::okvs::{Binned, encode};
use crate::vole::silent::{VoleReceiver, VoleSender};
use crate::vole::{Abort, draw};

/// Elements of A that are looked at.
const WATCHED: usize = 8;

/// One A = P + A' of a set, with correlated OTs from a dealer.
fn masked(terms: &Terms, set: &[u128]) -> Result<Vec<u128>, Abort> {
    let count = terms.plan.rows().next_multiple_of(128);
    let (delta, choices, rows) = (draw::element()?, draw::elements(count / 128)?, draw::elements(count)?);
    let bit = |at: usize| ((choices[at / 128] >> (at % 128)) & 1).wrapping_neg();
    let theirs: Vec<u128> = rows.iter().enumerate().map(|(at, row)| row ^ (delta & bit(at))).collect();
    let (_, corrections) = VoleSender::new(&terms.id, terms.plan, delta, &theirs)?;
    let [row_key, hb_key] = terms.keys(&draw::bytes()?);
    let binned = Binned::new(&terms.shape, row_key, set)?;
    let store = encode(&terms.shape, &binned, |_, items, out| hb_key.hash_all(items, out))?;
    let (vole, _) = VoleReceiver::new(&terms.id, terms.plan, &rows, &choices, &corrections, store)?;
    Ok(vole.finish().0[..WATCHED].to_vec())
}

/// Ones among `runs` runs, for each watched bit.
fn ones(terms: &Terms, set: &[u128], runs: u32) -> Result<Vec<u32>, Abort> {
    let mut counts = vec![0; WATCHED * 128];
    for _ in 0..runs {
        for (at, element) in masked(terms, set)?.iter().enumerate() {
            (0..128).for_each(|bit| counts[128 * at + bit] += (element >> bit) as u32 & 1);
        }
    }
    Ok(counts)
}

fn check_bits(runs: u32) -> Result<(), Abort> {
    let terms = Terms::new(&[1; 32], Variant::Malicious, 64, 64)?;
    let sets = [(0..64).collect::<Vec<u128>>(), draw::elements(64)?];
    let counts = [ones(&terms, &sets[0], runs)?, ones(&terms, &sets[1], runs)?];
    // Six standard deviations; there are 2,048 counts.
    let allowed = 6.0 * (f64::from(runs) / 4.0).sqrt();
    for (first, second) in counts[0].iter().zip(&counts[1]) {
        for count in [first, second] {
            assert!((f64::from(*count) - f64::from(runs) / 2.0).abs() < allowed);
        }
        assert!((f64::from(*first) - f64::from(*second)).abs() < allowed * 2_f64.sqrt());
    }
    Ok(())
}

#[test]
fn bits_of_the_masked_vector_are_uniform_for_every_set() -> Result<(), Abort> {
    check_bits(150)
}

#[test]
#[ignore = "minutes: cargo test --release -- --ignored"]
fn bits_of_ten_thousand_masked_vectors_are_uniform() -> Result<(), Abort> {
    check_bits(10_000)
}

/// Both machines to the end; the lengths of all frames.
fn lengths(own: Vec<u128>, peer: Vec<u128>) -> Result<Vec<usize>, Abort> {
    let terms = Terms::new(&[2; 32], Variant::SemiHonest, own.len(), peer.len())?;
    let (mut receiver, mut sender) = (Receiver::new(terms, &own)?, Sender::new(terms, peer)?);
    let mut seen = Vec::new();
    let mut frames: Vec<Vec<u8>> = sender.start()?.collect();
    while !frames.is_empty() {
        let mut replies = Vec::new();
        for frame in frames {
            seen.push(frame.len());
            for reply in receiver.receive(&frame)? {
                seen.push(reply.len());
                replies.extend(sender.receive(&reply)?);
            }
        }
        frames = replies;
    }
    seen.extend(sender.complete()?.map(|frame| frame.len()));
    Ok(seen)
}

#[test]
fn lengths_depend_on_sizes_alone() -> Result<(), Abort> {
    let same = draw::elements(300)?;
    let equal = lengths(same.clone(), same)?;
    let counted = lengths((0..300).collect(), (1000..1300).collect())?;
    let random = lengths(draw::elements(300)?, draw::elements(300)?)?;
    assert!(equal == counted && counted == random && equal.len() > 8);
    Ok(())
}
