//! A receiver that follows the protocol but for the vector that it masks, against the real sender.

use super::terms::{SEED_BYTES, Terms, Variant};
use super::{Receiver, Sender};
use crate::vole::base_ot::offer;
use crate::vole::cot::{CotReceiver, columns_bytes};
use crate::vole::frames::Outgoing;
use crate::vole::okvs::Binned;
use crate::vole::okvs::whole::{decode_all, encode_all, hashes};
use crate::vole::oracle::Oracle;
use crate::vole::silent::VoleReceiver;
use crate::vole::{Abort, draw};

const CONTEXT: [u8; 32] = [8; 32];

/// What the attacker holds after the run: C, w, r and the tags.
pub struct Loot {
    pub terms: Terms,
    seed: [u8; SEED_BYTES],
    c: Vec<u128>,
    w: u128,
    tags: Vec<u128>,
}

impl Loot {
    /// How many items of a dictionary the attacker would recognise.
    pub fn recognised(&self, dictionary: &[u128]) -> Result<usize, Abort> {
        let [row_key, _] = self.terms.keys(&self.seed);
        let binned = Binned::new(&self.terms.shape, row_key, dictionary)?;
        let mut o = decode_all(&self.terms.shape, &self.c, &binned);
        o.iter_mut().for_each(|value| *value ^= self.w);
        let tags = Oracle::new(&self.terms.id).tags_of(&o, binned.all());
        let found = tags.iter().filter(|tag| self.tags.binary_search(tag).is_ok());
        Ok(found.count())
    }
}

fn joined(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    frames.into_iter().flatten().collect()
}

fn element(bytes: &[u8]) -> u128 {
    bytes.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes))
}

/// Run with `masked(terms, seed)` in place of P.
pub fn run(
    size: usize,
    theirs: &[u128],
    masked: impl Fn(&Terms, &[u8; 32]) -> Result<Vec<u128>, Abort>,
) -> Result<Loot, Abort> {
    let terms = Terms::new(&CONTEXT, Variant::Malicious, size, theirs.len())?;
    let mut sender = Sender::new(terms, theirs.to_vec())?;
    let seed = draw::bytes()?;
    let first = joined(sender.start()?);
    let (offers, keys) = offer(&terms.id, &first[32..])?;
    let (cot, columns) = CotReceiver::new(&keys, terms.plan.rows())?;
    let mut send = |message: &[u8]| -> Result<Vec<u8>, Abort> {
        let mut reply = Vec::new();
        for frame in Outgoing::from(message.to_vec()) {
            reply.extend(joined(sender.receive(&frame)?));
        }
        Ok(reply)
    };
    let chi = element(&send(&[&offers[..], &seed, &columns].concat())?);
    let corrections = send(&cot.answer(chi))?;
    let (vole, challenges) = VoleReceiver::new(
        &terms.id,
        terms.plan,
        &cot.rows(),
        cot.choices(),
        &corrections,
        masked(&terms, &seed)?,
    )?;
    vole.check(&send(&challenges)?)?;
    let (masked, c) = vole.finish();
    let coin = draw::element()?;
    let mut message = coin.to_le_bytes().to_vec();
    message.extend(masked.iter().flat_map(|element| element.to_le_bytes()));
    let w = element(&send(&message)?) ^ coin;
    let tags = terms.coding().list(&joined(sender.complete()?))?;
    Ok(Loot { terms, seed, c, w, tags })
}

/// H_B of items in binned order.
pub fn values(terms: &Terms, seed: &[u8; 32], given: &[u128]) -> Result<(Binned, Vec<u128>), Abort> {
    let [row_key, hb_key] = terms.keys(seed);
    let binned = Binned::new(&terms.shape, row_key, given)?;
    let mut values = vec![0; given.len()];
    hb_key.hash_all(binned.all(), &mut values);
    Ok((binned, values))
}

#[test]
fn the_harness_recognises_what_was_encoded_and_nothing_else() -> Result<(), Abort> {
    let theirs = draw::elements(400)?;
    let own: Vec<u128> = theirs[..100].iter().copied().chain(draw::elements(100)?).collect();
    let loot = run(200, &theirs, |terms, seed| {
        let (binned, values) = values(terms, seed, &own)?;
        encode_all(&terms.shape, &binned, &values)
    })?;
    assert_eq!((loot.recognised(&own)?, loot.recognised(&theirs)?), (100, 100));
    Ok(())
}

/// The break of implementations that hash rows and H_B under one key: P decodes to the row hash of every item.
#[test]
fn one_dense_column_evaluates_no_item() -> Result<(), Abort> {
    let theirs = draw::elements(400)?;
    let one_dense = |terms: &Terms, _: &[u8; 32]| {
        let mut store = vec![0; terms.shape.length()];
        store.chunks_mut(terms.shape.bin_length()).for_each(|bin| bin[terms.shape.sparse] = 1);
        Ok(store)
    };
    let loot = run(1024, &theirs, one_dense)?;
    assert_eq!(loot.recognised(&theirs)?, 0);
    // What the attack needs is true of the rows, and H_B is what stands against it.
    let (binned, values) = values(&loot.terms, &loot.seed, &theirs)?;
    let store = one_dense(&loot.terms, &loot.seed)?;
    let rows = hashes(&loot.terms.shape, &binned);
    assert!(decode_all(&loot.terms.shape, &store, &binned) == rows);
    assert!(rows.iter().zip(&values).all(|(hash, value)| hash != value));
    Ok(())
}

#[test]
fn an_empty_or_random_vector_evaluates_no_item() -> Result<(), Abort> {
    let theirs = draw::elements(400)?;
    assert_eq!(run(1024, &theirs, |terms, _| Ok(vec![0; terms.shape.length()]))?.recognised(&theirs)?, 0);
    assert_eq!(run(1024, &theirs, |terms, _| draw::elements(terms.shape.length()))?.recognised(&theirs)?, 0);
    Ok(())
}

/// The receiver lies in many columns of the extension: it would have to guess that many bits of Delta.
#[test]
fn inconsistent_base_bits_end_the_run() -> Result<(), Abort> {
    for _ in 0..5 {
        let terms = Terms::new(&CONTEXT, Variant::Malicious, 64, 64)?;
        let mut sender = Sender::new(terms, draw::elements(64)?)?;
        let (offers, keys) = offer(&terms.id, &joined(sender.start()?)[32..])?;
        let count = terms.plan.rows();
        let (cot, mut columns) = CotReceiver::new(&keys, count)?;
        let column = columns_bytes(count) / 128;
        (0..64).for_each(|at| columns[at * column] ^= 1);
        let mut reply = Vec::new();
        for frame in Outgoing::from([&offers[..], &[1; SEED_BYTES], &columns].concat()) {
            reply.extend(joined(sender.receive(&frame)?));
        }
        assert_eq!(sender.receive(&cot.answer(element(&reply))), Err(Abort));
        assert!(!sender.opened() && sender.complete().is_err());
    }
    Ok(())
}

/// ws must not leave before the last byte of A.
#[test]
fn nothing_leaves_while_the_masked_vector_is_incomplete() -> Result<(), Abort> {
    let items = draw::elements(70_000)?;
    let terms = Terms::new(&CONTEXT, Variant::Malicious, 70_000, 64)?;
    let (mut receiver, mut sender) =
        (Receiver::new(terms, &items)?, Sender::new(terms, draw::elements(64)?)?);
    let mut frames: Vec<Vec<u8>> = sender.start()?.collect();
    for _ in 0..3 {
        let mut replies = Vec::new();
        for frame in frames {
            replies.extend(receiver.receive(&frame)?);
        }
        frames = Vec::new();
        for frame in replies {
            frames.extend(sender.receive(&frame)?);
        }
    }
    let masked: Vec<Vec<u8>> = receiver.receive(&joined(frames))?.collect();
    assert!(masked.len() > 1 && joined(masked.clone()).len() == terms.masked_bytes());
    for frame in &masked[..masked.len() - 1] {
        assert!(sender.receive(frame)?.is_empty() && !sender.opened());
    }
    assert_eq!(joined(sender.receive(&masked[masked.len() - 1])?).len(), 16);
    assert!(sender.opened());
    Ok(())
}
