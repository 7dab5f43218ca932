//! The sender's machine: serves its items and learns nothing.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::labels::{Given, LabelTerms};
use super::terms::{COIN_BYTES, SEED_BYTES, Terms};
use crate::pages;
use crate::vole::base_ot::{Chooser, OFFERS_BYTES};
use crate::vole::cot::{ANSWER_BYTES, CotSender};
use crate::vole::fixed_key::FixedKey;
use crate::vole::frames::{Inbox, Outgoing};
use crate::vole::gf128::{add_scaled, scale};
use crate::vole::okvs::{Binned, decode};
use crate::vole::oracle::Oracle;
use crate::vole::order::sorted;
use crate::vole::silent::VoleSender;
use crate::vole::tags::{first_word, shortened};
use crate::vole::{Abort, draw, require};

/// What the machine waits for, and what it holds meanwhile.
enum Waiting {
    Start,
    Offers { chooser: Chooser },
    Answer { cot: CotSender, chi: u128 },
    Challenges { vole: VoleSender },
    Masked { k: Vec<u128>, coin: [u8; COIN_BYTES] },
    Barrier { k: Vec<u128>, w: u128 },
    Ready { message: Outgoing },
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
    pub fn start(&mut self) -> Result<Outgoing, Abort> {
        let waiting = std::mem::replace(&mut self.waiting, Waiting::Broken);
        require(matches!(waiting, Waiting::Start))?;
        let chooser = Chooser::new(&self.terms.id, *self.delta)?;
        let mut message = Vec::with_capacity(self.terms.choices_bytes());
        if self.terms.tosses() {
            message.extend(self.terms.commitment(&self.coin));
        }
        message.extend(chooser.message());
        self.waiting = Waiting::Offers { chooser };
        Ok(message.into())
    }

    /// Take one frame; returns the frames that answer it.
    pub fn receive(&mut self, frame: &[u8]) -> Result<Outgoing, Abort> {
        // An error leaves the machine broken.
        let waiting = std::mem::replace(&mut self.waiting, Waiting::Broken);
        require(!matches!(waiting, Waiting::Start))?;
        if let Waiting::Masked { k, coin } = waiting {
            return self.unmask(k, coin, frame);
        }
        let Some(message) = self.inbox.take(frame)? else {
            self.waiting = waiting;
            return Ok(Outgoing::default());
        };
        let (waiting, length, reply) = self.step(waiting, &message)?;
        (self.waiting, self.inbox) = (waiting, Inbox::new(length));
        Ok(reply.into())
    }

    /// Whether every frame before the barrier has arrived.
    pub fn opened(&self) -> bool {
        matches!(self.waiting, Waiting::Barrier { .. } | Waiting::Ready { .. } | Waiting::Nothing)
    }

    /// Make the tags, if that is due and not done yet: the driver calls this before the barrier, when ws has left.
    pub fn prepare(&mut self) -> Result<(), Abort> {
        match std::mem::replace(&mut self.waiting, Waiting::Broken) {
            Waiting::Barrier { k, w } => {
                let message = self.message(k, w)?;
                self.waiting = Waiting::Ready { message };
            }
            waiting => self.waiting = waiting,
        }
        Ok(())
    }

    /// The tags' frames and those of labels, after the barrier; once.
    pub fn complete(&mut self) -> Result<Outgoing, Abort> {
        self.prepare()?;
        let Waiting::Ready { message } = std::mem::replace(&mut self.waiting, Waiting::Broken) else {
            return Err(Abort);
        };
        self.waiting = Waiting::Nothing;
        Ok(message)
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
                let (k, coin) = (vole.finish(), [0; COIN_BYTES]);
                Ok((Waiting::Masked { k, coin }, self.terms.masked_bytes(), answers))
            }
            Waiting::Start
            | Waiting::Masked { .. }
            | Waiting::Barrier { .. }
            | Waiting::Ready { .. }
            | Waiting::Nothing
            | Waiting::Broken => Err(Abort),
        }
    }

    /// One frame of A: K = B + A Delta, in place. Only when all of A is here may ws leave.
    fn unmask(
        &mut self,
        mut k: Vec<u128>,
        mut coin: [u8; COIN_BYTES],
        frame: &[u8],
    ) -> Result<Outgoing, Abort> {
        let piece = self.inbox.pass(frame)?;
        let head = if self.terms.tosses() { COIN_BYTES } else { 0 };
        let (first, masked) =
            if piece.start == 0 { frame.split_at_checked(head).ok_or(Abort)? } else { (&[][..], frame) };
        if !first.is_empty() {
            coin = first.try_into().map_err(|_| Abort)?;
        }
        let start = piece.start.saturating_sub(head) / size_of::<u128>();
        let places = k.get_mut(start..).ok_or(Abort)?;
        add_scaled(places, masked.as_chunks().0, *self.delta);
        if !piece.last {
            self.waiting = Waiting::Masked { k, coin };
            return Ok(Outgoing::default());
        }
        let w = u128::from_le_bytes(self.coin) ^ u128::from_le_bytes(coin);
        (self.waiting, self.inbox) = (Waiting::Barrier { k, w }, Inbox::new(0));
        Ok(if self.terms.tosses() { self.coin.to_vec().into() } else { Outgoing::default() })
    }

    /// Tags of all items, ascending: the order says nothing of the items'. Behind them their labels.
    fn message(&mut self, k: Vec<u128>, w: u128) -> Result<Outgoing, Abort> {
        let [row_key, hb_key]: [FixedKey; 2] = self.terms.keys(&self.seed);
        let binned = Binned::new(&self.terms.shape, row_key, &std::mem::take(&mut self.items))?;
        let coding = self.terms.coding();
        let (labelled, oracle) = (self.labels.is_some(), Oracle::new(&self.terms.id));
        // o of every item, or at once its tag where nothing else needs o.
        let mut made = pages::zeros(self.terms.sender_size);
        decode(&self.terms.shape, &k, &binned, &mut made, |bin, values, out| {
            hb_key.hash_all(binned.items(bin), out);
            scale(out, *self.delta);
            out.iter_mut().zip(values).for_each(|(place, value)| *place ^= *value ^ w);
            if !labelled {
                oracle.tags(out, binned.items(bin));
                out.iter_mut().for_each(|tag| *tag = shortened(*tag, coding.bits()));
            }
        });
        drop(k);
        *self.delta = 0;
        let Some(labels) = &self.labels else {
            drop(binned);
            return coding.message(sorted(made, |tag| first_word(*tag, coding.bits())));
        };
        let mut tags = oracle.tags_of(&made, binned.all());
        tags.iter_mut().for_each(|tag| *tag = shortened(*tag, coding.bits()));
        let mut order: Vec<u32> = (0..tags.len() as u32).collect();
        order.par_sort_unstable_by_key(|at| tags[*at as usize]);
        tags.par_sort_unstable();
        let frames = labels.frames(tags.len(), |place| {
            let at = order[place] as usize;
            let (item, position) = binned.at(at);
            (oracle.label_key(made[at], item), tags[place], position as usize)
        })?;
        Ok(coding.message(tags)?.followed_by(frames))
    }
}
