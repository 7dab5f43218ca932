//! The sender's machine: serves its items and learns nothing.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::labels::{Given, LabelTerms};
use super::terms::{COIN_BYTES, SEED_BYTES, Terms};
use crate::vole::base_ot::{Chooser, OFFERS_BYTES};
use crate::vole::cot::{ANSWER_BYTES, CotSender};
use crate::vole::frames::{Inbox, cut};
use crate::vole::gf128::mul;
use crate::vole::okvs::{Binned, decode};
use crate::vole::silent::VoleSender;
use crate::vole::tags::{label_key, shortened, tag};
use crate::vole::{Abort, draw, require};

/// What the machine waits for, and what it holds meanwhile.
enum Waiting {
    Start,
    Offers { chooser: Chooser },
    Answer { cot: CotSender, chi: u128 },
    Challenges { vole: VoleSender },
    Masked { b: Vec<u128> },
    Barrier { k: Vec<u128>, w: u128 },
    Nothing,
    Broken,
}

/// One run of the sender.
pub struct Sender {
    terms: Terms,
    items: Vec<u128>,
    labels: Option<Given>,
    delta: Zeroizing<u128>,
    coin: [u8; COIN_BYTES],
    seed: [u8; SEED_BYTES],
    waiting: Waiting,
    inbox: Inbox,
}

impl Sender {
    /// Freeze the items (distinct; the first 16 bytes of each).
    pub fn new(terms: Terms, items: Vec<u128>) -> Result<Self, Abort> {
        require(items.len() == terms.sender_size)?;
        let delta = Zeroizing::new(draw::element()?);
        let coin = if terms.tosses() { draw::bytes()? } else { [0; COIN_BYTES] };
        let inbox = Inbox::new(terms.offers_bytes());
        let (labels, seed, waiting) = (None, [0; SEED_BYTES], Waiting::Start);
        Ok(Self { terms, items, labels, delta, coin, seed, waiting, inbox })
    }

    /// Send labels behind the tags: one for each item, in the items' order. Before `start`.
    pub fn give_labels(&mut self, terms: LabelTerms, labels: Vec<u8>) -> Result<(), Abort> {
        self.labels = Some(Given::new(terms, labels, self.items.len())?);
        Ok(())
    }

    /// The first frames; once.
    pub fn start(&mut self) -> Result<Vec<Vec<u8>>, Abort> {
        let waiting = std::mem::replace(&mut self.waiting, Waiting::Broken);
        require(matches!(waiting, Waiting::Start))?;
        let chooser = Chooser::new(&self.terms.id, *self.delta)?;
        let mut message = Vec::with_capacity(self.terms.choices_bytes());
        if self.terms.tosses() {
            message.extend(self.terms.commitment(&self.coin));
        }
        message.extend(chooser.message());
        self.waiting = Waiting::Offers { chooser };
        Ok(cut(&message))
    }

    /// Take one frame; returns the frames that answer it.
    pub fn receive(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, Abort> {
        // An error leaves the machine broken.
        let waiting = std::mem::replace(&mut self.waiting, Waiting::Broken);
        require(!matches!(waiting, Waiting::Start))?;
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
        matches!(self.waiting, Waiting::Barrier { .. } | Waiting::Nothing)
    }

    /// The tags' frames and those of labels, after the barrier; once.
    pub fn complete(&mut self) -> Result<Vec<Vec<u8>>, Abort> {
        let waiting = std::mem::replace(&mut self.waiting, Waiting::Broken);
        let Waiting::Barrier { k, w } = waiting else { return Err(Abort) };
        let coding = self.terms.coding();
        let (outputs, binned) = self.outputs(&k, w)?;
        let item = |at: usize| self.items[binned.positions()[at] as usize];
        let tag_at = |at: usize| shortened(tag(outputs[at], item(at)), coding.bits());
        // Ascending: the order says nothing of the items'.
        let mut tags: Vec<u128> = (0..outputs.len()).into_par_iter().map(tag_at).collect();
        let Some(labels) = &self.labels else {
            tags.par_sort_unstable();
            self.waiting = Waiting::Nothing;
            return Ok(cut(&coding.encode(&tags)?));
        };
        let mut order: Vec<u32> = (0..tags.len() as u32).collect();
        order.par_sort_unstable_by_key(|at| tags[*at as usize]);
        tags.par_sort_unstable();
        let mut frames = cut(&coding.encode(&tags)?);
        frames.extend(labels.frames(tags.len(), |place| {
            let at = order[place] as usize;
            (label_key(outputs[at], item(at)), tags[place], binned.positions()[at] as usize)
        })?);
        self.waiting = Waiting::Nothing;
        Ok(frames)
    }

    /// One message in: the next state, the length of the message it waits for, and the answer.
    fn step(&mut self, waiting: Waiting, message: &[u8]) -> Result<(Waiting, usize, Vec<u8>), Abort> {
        let plan = self.terms.plan;
        match waiting {
            Waiting::Offers { chooser } => {
                let (offers, rest) = message.split_at_checked(OFFERS_BYTES).ok_or(Abort)?;
                let (seed, columns) = rest.split_first_chunk().ok_or(Abort)?;
                self.seed = *seed;
                let cot = CotSender::new(*self.delta, &chooser.keys(offers)?, plan.rows(), columns)?;
                let chi = draw::element()?;
                Ok((Waiting::Answer { cot, chi }, ANSWER_BYTES, chi.to_le_bytes().to_vec()))
            }
            Waiting::Answer { cot, chi } => {
                cot.check(chi, message)?;
                let (vole, corrections) = VoleSender::new(&self.terms.id, plan, *self.delta, &cot.rows())?;
                Ok((Waiting::Challenges { vole }, plan.challenges_bytes(), corrections))
            }
            Waiting::Challenges { mut vole } => {
                let answers = vole.answer(message)?;
                Ok((Waiting::Masked { b: vole.finish() }, self.terms.masked_bytes(), answers))
            }
            Waiting::Masked { b } => self.unmask(b, message),
            Waiting::Start | Waiting::Barrier { .. } | Waiting::Nothing | Waiting::Broken => Err(Abort),
        }
    }

    /// All of A is here: K = B + A Delta, and only now may ws leave.
    fn unmask(&self, mut b: Vec<u128>, message: &[u8]) -> Result<(Waiting, usize, Vec<u8>), Abort> {
        let (coin, masked) = if self.terms.tosses() {
            message.split_first_chunk().ok_or(Abort)?
        } else {
            (&[0; COIN_BYTES], message)
        };
        let (masked, _) = masked.as_chunks::<16>();
        b.par_iter_mut().zip(masked).for_each(|(b, a)| *b ^= mul(u128::from_le_bytes(*a), *self.delta));
        let w = u128::from_le_bytes(self.coin) ^ u128::from_le_bytes(*coin);
        let reply = if self.terms.tosses() { self.coin.to_vec() } else { Vec::new() };
        Ok((Waiting::Barrier { k: b, w }, 0, reply))
    }

    /// o(y) of all items, in the order of the bins.
    fn outputs(&self, k: &[u128], w: u128) -> Result<(Vec<u128>, Binned), Abort> {
        let [row_key, hb_key] = self.terms.keys(&self.seed);
        let binned = Binned::new(&self.terms.shape, &row_key, &self.items)?;
        let ordered: Vec<u128> =
            binned.positions().iter().map(|position| self.items[*position as usize]).collect();
        let mut values = vec![0; ordered.len()];
        hb_key.hash_all(&ordered, &mut values);
        let mut outputs = decode(&self.terms.shape, k, &binned);
        outputs.par_iter_mut().zip(&values).for_each(|(o, value)| *o ^= mul(*self.delta, *value) ^ w);
        Ok((outputs, binned))
    }
}
