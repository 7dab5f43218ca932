//! The receiver's machine: learns which of its items the sender holds.

use rayon::prelude::*;
use subtle::ConstantTimeEq;

use super::labels::{LabelTerms, Labelled, Reader, Wanted};
use super::terms::{COIN_BYTES, SEED_BYTES, Terms};
use crate::vole::cot::CotReceiver;
use crate::vole::fixed_key::FixedKey;
use crate::vole::frames::{Inbox, cut};
use crate::vole::okvs::{Binned, decode, encode};
use crate::vole::silent::VoleReceiver;
use crate::vole::tags::{join, label_key, shortened, tag};
use crate::vole::{Abort, base_ot, draw, require};

/// What the machine waits for, and what it holds meanwhile.
enum Waiting {
    Choices,
    Challenge { cot: CotReceiver },
    Corrections { cot: CotReceiver },
    Answers { vole: VoleReceiver },
    Opening { coin: [u8; COIN_BYTES], c: Vec<u128> },
    Tags { own: Vec<(u128, u32)>, outputs: Vec<u128> },
    Labels { reader: Reader },
    Nothing { found: Found },
    Broken,
}

/// The result.
enum Found {
    Positions(Vec<u32>),
    Labels(Vec<Labelled>),
}

/// One run of the receiver.
pub struct Receiver {
    terms: Terms,
    labels: Option<LabelTerms>,
    seed: [u8; SEED_BYTES],
    items: Vec<u128>,
    binned: Binned,
    hb_key: FixedKey,
    store: Option<Vec<u128>>,
    commitment: [u8; 32],
    waiting: Waiting,
    inbox: Inbox,
}

impl Receiver {
    /// Freeze the items (distinct; the first 16 bytes of each) and draw r after that.
    pub fn new(terms: Terms, items: Vec<u128>) -> Result<Self, Abort> {
        require(items.len() == terms.receiver_size)?;
        let seed = draw::bytes()?;
        let [row_key, hb_key] = terms.keys(&seed);
        let binned = Binned::new(&terms.shape, &row_key, &items)?;
        let inbox = Inbox::new(terms.choices_bytes());
        let (store, commitment, waiting) = (None, [0; 32], Waiting::Choices);
        Ok(Self { terms, labels: None, seed, items, binned, hb_key, store, commitment, waiting, inbox })
    }

    /// Await labels behind the tags, one for each of them. Before the first frame.
    pub fn await_labels(&mut self, terms: LabelTerms) {
        self.labels = Some(terms);
    }

    /// Encode P, if that is not done yet: the driver calls this while the sender computes.
    pub fn prepare(&mut self) -> Result<(), Abort> {
        if self.store.is_none() {
            let ordered: Vec<u128> = self.ordered().collect();
            let mut values = vec![0; ordered.len()];
            self.hb_key.hash_all(&ordered, &mut values);
            self.store = Some(encode(&self.terms.shape, &self.binned, &values)?);
        }
        Ok(())
    }

    fn ordered(&self) -> impl Iterator<Item = u128> {
        self.binned.positions().iter().map(|position| self.items[*position as usize])
    }

    /// Take one frame; returns the frames that answer it.
    pub fn receive(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, Abort> {
        // An error leaves the machine broken.
        let waiting = match std::mem::replace(&mut self.waiting, Waiting::Broken) {
            Waiting::Labels { reader } => {
                self.waiting = match reader.take(frame)? {
                    Ok(found) => Waiting::Nothing { found: Found::Labels(found) },
                    Err(reader) => Waiting::Labels { reader },
                };
                return Ok(Vec::new());
            }
            waiting => waiting,
        };
        let Some(message) = self.inbox.take(frame)? else {
            self.waiting = waiting;
            return Ok(Vec::new());
        };
        let (waiting, length, reply) = self.step(waiting, &message)?;
        (self.waiting, self.inbox) = (waiting, Inbox::new(length));
        Ok(cut(&reply))
    }

    /// Whether every frame before the barrier has arrived.
    pub fn opened(&self) -> bool {
        matches!(self.waiting, Waiting::Tags { .. } | Waiting::Labels { .. } | Waiting::Nothing { .. })
    }

    /// Whether the tags have arrived, and the labels where they travel.
    pub fn done(&self) -> bool {
        matches!(self.waiting, Waiting::Nothing { .. })
    }

    /// Positions of the common items, ascending, without those whose label did not open; once.
    pub fn result(&mut self) -> Result<Vec<u32>, Abort> {
        let opened = |each: Labelled| each.label.map(|_| each.position);
        match self.found()? {
            Found::Positions(positions) => Ok(positions),
            Found::Labels(found) => Ok(found.into_iter().filter_map(opened).collect()),
        }
    }

    /// The common items, ascending, each with its label, where labels travel; once.
    pub fn labelled(&mut self) -> Result<Vec<Labelled>, Abort> {
        match self.found()? {
            Found::Positions(_) => Err(Abort),
            Found::Labels(found) => Ok(found),
        }
    }

    fn found(&mut self) -> Result<Found, Abort> {
        match std::mem::replace(&mut self.waiting, Waiting::Broken) {
            Waiting::Nothing { found } => Ok(found),
            _ => Err(Abort),
        }
    }

    /// One message in: the next state, the length of the message it waits for, and the answer.
    fn step(&mut self, waiting: Waiting, message: &[u8]) -> Result<(Waiting, usize, Vec<u8>), Abort> {
        let plan = self.terms.plan;
        match waiting {
            Waiting::Choices => self.offer(message),
            Waiting::Challenge { cot } => {
                let answer = cot.answer(element(message)?);
                Ok((Waiting::Corrections { cot }, plan.corrections_bytes(), answer))
            }
            Waiting::Corrections { cot } => {
                let (vole, challenges) =
                    VoleReceiver::new(&self.terms.id, plan, &cot.rows(), cot.choices(), message)?;
                Ok((Waiting::Answers { vole }, plan.answers_bytes(), challenges))
            }
            Waiting::Answers { vole } => self.mask(vole, message),
            Waiting::Opening { coin, c } => {
                let ws: [u8; COIN_BYTES] = message.try_into().map_err(|_| Abort)?;
                require(bool::from(self.terms.commitment(&ws).ct_eq(&self.commitment)))?;
                Ok(self.await_tags(&c, u128::from_le_bytes(ws) ^ u128::from_le_bytes(coin)))
            }
            Waiting::Tags { own, outputs } => {
                let theirs = self.terms.coding().decode(message)?;
                Ok((self.matched(join(&own, &theirs), &theirs, &outputs), 0, Vec::new()))
            }
            Waiting::Labels { .. } | Waiting::Nothing { .. } | Waiting::Broken => Err(Abort),
        }
    }

    /// The matches are known; where labels travel, theirs are awaited.
    fn matched(&self, matches: Vec<(u32, usize)>, theirs: &[u128], outputs: &[u128]) -> Waiting {
        let Some(terms) = &self.labels else {
            let positions = matches.into_iter().map(|(position, _)| position).collect();
            return Waiting::Nothing { found: Found::Positions(positions) };
        };
        let wanted = matches.into_iter().map(|(position, place)| {
            let key = label_key(outputs[position as usize], self.items[position as usize]);
            Wanted { position, place, tag: theirs[place], key }
        });
        Waiting::Labels { reader: Reader::new(terms.clone(), theirs.len(), wanted.collect()) }
    }

    fn offer(&mut self, message: &[u8]) -> Result<(Waiting, usize, Vec<u8>), Abort> {
        let choices = if self.terms.tosses() {
            let (commitment, choices) = message.split_first_chunk().ok_or(Abort)?;
            self.commitment = *commitment;
            choices
        } else {
            message
        };
        let (offers, keys) = base_ot::offer(&self.terms.id, choices)?;
        let (cot, columns) = CotReceiver::new(&keys, self.terms.plan.rows())?;
        Ok((Waiting::Challenge { cot }, 16, [&offers[..], &self.seed, &columns].concat()))
    }

    /// The check held: send A = P + A', and wr before it.
    fn mask(&mut self, vole: VoleReceiver, message: &[u8]) -> Result<(Waiting, usize, Vec<u8>), Abort> {
        vole.check(message)?;
        self.prepare()?;
        let store = self.store.take().ok_or(Abort)?;
        let (a, c) = vole.finish();
        let coin = draw::bytes()?;
        let mut reply = Vec::with_capacity(self.terms.masked_bytes());
        if self.terms.tosses() {
            reply.extend(coin);
        }
        reply.extend(store.iter().zip(&a).flat_map(|(own, mask)| (own ^ mask).to_le_bytes()));
        if self.terms.tosses() {
            return Ok((Waiting::Opening { coin, c }, COIN_BYTES, reply));
        }
        let (waiting, length, _) = self.await_tags(&c, 0);
        Ok((waiting, length, reply))
    }

    /// Own tags, sorted, each with its item's position; and o of each position, where labels travel.
    fn await_tags(&self, c: &[u128], w: u128) -> (Waiting, usize, Vec<u8>) {
        let coding = self.terms.coding();
        let decoded = decode(&self.terms.shape, c, &self.binned);
        let mut own: Vec<(u128, u32)> = decoded
            .par_iter()
            .zip(self.binned.positions())
            .map(|(value, position)| {
                (shortened(tag(value ^ w, self.items[*position as usize]), coding.bits()), *position)
            })
            .collect();
        own.par_sort_unstable();
        let mut outputs = Vec::new();
        if self.labels.is_some() {
            outputs = vec![0; self.items.len()];
            for (value, position) in decoded.iter().zip(self.binned.positions()) {
                outputs[*position as usize] = value ^ w;
            }
        }
        (Waiting::Tags { own, outputs }, coding.bytes(), Vec::new())
    }
}

/// Message 3, the challenge.
fn element(message: &[u8]) -> Result<u128, Abort> {
    message.try_into().map(u128::from_le_bytes).map_err(|_| Abort)
}
