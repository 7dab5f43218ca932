//! The receiver's machine: learns which of its items the sender holds.

use subtle::ConstantTimeEq;

use super::labels::{LabelTerms, Labelled, Reader, Wanted};
use super::terms::{COIN_BYTES, SEED_BYTES, Terms};
use crate::pages;
use crate::vole::cot::CotReceiver;
use crate::vole::fixed_key::FixedKey;
use crate::vole::frames::{Inbox, Outgoing};
use crate::vole::okvs::{Binned, decode, encode};
use crate::vole::oracle::Oracle;
use crate::vole::silent::VoleReceiver;
use crate::vole::tags::{Join, OwnTag, own_tag, shortened};
use crate::vole::{Abort, base_ot, draw, require};

/// What the machine waits for, and what it holds meanwhile.
enum Waiting {
    Choices,
    Challenge { cot: CotReceiver },
    Corrections { cot: CotReceiver },
    Answers { vole: VoleReceiver },
    Opening { coin: [u8; COIN_BYTES], c: Vec<u128> },
    Marks { c: Vec<u128>, w: u128 },
    Tags { join: Join, kept: Option<Box<Kept>> },
    Labels { reader: Reader },
    Nothing { found: Found },
    Broken,
}

/// Where labels travel: the items and o of each, in binned order, for the labels' keys.
struct Kept {
    binned: Binned,
    outputs: Vec<u128>,
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
    /// The items, until their tags are made.
    binned: Option<Binned>,
    hb_key: FixedKey,
    store: Option<Vec<u128>>,
    commitment: [u8; 32],
    waiting: Waiting,
    inbox: Inbox,
}

/// The next state, the length of the message that it waits for, and the answer.
type Step = (Waiting, usize, Outgoing);

impl Receiver {
    /// Freeze the items (distinct; the first 16 bytes of each) and draw r after that.
    pub fn new(terms: Terms, items: &[u128]) -> Result<Self, Abort> {
        require(items.len() == terms.receiver_size)?;
        let seed = draw::bytes()?;
        let [row_key, hb_key] = terms.keys(&seed);
        let binned = Some(Binned::new(&terms.shape, row_key, items)?);
        let inbox = Inbox::new(terms.choices_bytes());
        let (store, commitment, waiting) = (None, [0; 32], Waiting::Choices);
        Ok(Self { terms, labels: None, seed, binned, hb_key, store, commitment, waiting, inbox })
    }

    /// Await labels behind the tags, one for each of them. Before the first frame.
    pub fn await_labels(&mut self, terms: LabelTerms) {
        self.labels = Some(terms);
    }

    /// Do what needs nothing of the next message: encode P while the sender grows its trees, make the own tags.
    ///
    /// The driver calls this when its answers have left; else it is done when the next frame arrives.
    pub fn prepare(&mut self) -> Result<(), Abort> {
        match std::mem::replace(&mut self.waiting, Waiting::Broken) {
            Waiting::Marks { c, w } => self.waiting = self.own_tags(c, w)?,
            waiting => self.waiting = waiting,
        }
        if self.store.is_none() && matches!(self.waiting, Waiting::Corrections { .. }) {
            let waiting = std::mem::replace(&mut self.waiting, Waiting::Broken);
            let binned = self.binned.as_ref().ok_or(Abort)?;
            let values = |_: usize, items: &[u128], out: &mut [u128]| self.hb_key.hash_all(items, out);
            self.store = Some(encode(&self.terms.shape, binned, values)?);
            self.waiting = waiting;
        }
        Ok(())
    }

    /// Take one frame; returns the frames that answer it.
    pub fn receive(&mut self, frame: &[u8]) -> Result<Outgoing, Abort> {
        self.prepare()?;
        // An error leaves the machine broken.
        let waiting = match std::mem::replace(&mut self.waiting, Waiting::Broken) {
            Waiting::Tags { join, kept } if self.terms.tosses() => return self.join_frame(join, kept, frame),
            Waiting::Labels { reader } => {
                self.waiting = match reader.take(frame)? {
                    Ok(found) => Waiting::Nothing { found: Found::Labels(found) },
                    Err(reader) => Waiting::Labels { reader },
                };
                return Ok(Outgoing::default());
            }
            waiting => waiting,
        };
        let Some(message) = self.inbox.take(frame)? else {
            self.waiting = waiting;
            return Ok(Outgoing::default());
        };
        let (waiting, length, reply) = self.step(waiting, &message)?;
        (self.waiting, self.inbox) = (waiting, Inbox::new(length));
        Ok(reply)
    }

    /// Whole tags are joined as they come.
    fn join_frame(
        &mut self,
        mut join: Join,
        kept: Option<Box<Kept>>,
        frame: &[u8],
    ) -> Result<Outgoing, Abort> {
        let piece = self.inbox.pass(frame)?;
        let tags = frame.as_chunks().0;
        tags.iter().try_for_each(|bytes| join.meet(u128::from_be_bytes(*bytes)))?;
        self.waiting = if piece.last { self.matched(join, kept) } else { Waiting::Tags { join, kept } };
        Ok(Outgoing::default())
    }

    /// Whether every frame before the barrier has arrived.
    pub fn opened(&self) -> bool {
        matches!(
            self.waiting,
            Waiting::Marks { .. } | Waiting::Tags { .. } | Waiting::Labels { .. } | Waiting::Nothing { .. }
        )
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

    /// One message in.
    fn step(&mut self, waiting: Waiting, message: &[u8]) -> Result<Step, Abort> {
        let plan = self.terms.plan;
        match waiting {
            Waiting::Choices => self.offer(message),
            Waiting::Challenge { cot } => {
                let answer = cot.answer(element(message)?);
                Ok((Waiting::Corrections { cot }, plan.corrections_bytes(), answer.into()))
            }
            Waiting::Corrections { cot } => {
                // A' goes straight onto P; what comes of it leaves only when the check has held.
                let store = self.store.take().ok_or(Abort)?;
                let (vole, challenges) =
                    VoleReceiver::new(&self.terms.id, plan, &cot.rows(), cot.choices(), message, store)?;
                Ok((Waiting::Answers { vole }, plan.answers_bytes(), challenges.into()))
            }
            Waiting::Answers { vole } => self.mask(vole, message),
            Waiting::Opening { coin, c } => {
                let ws: [u8; COIN_BYTES] = message.try_into().map_err(|_| Abort)?;
                require(bool::from(self.terms.commitment(&ws).ct_eq(&self.commitment)))?;
                let w = u128::from_le_bytes(ws) ^ u128::from_le_bytes(coin);
                Ok((Waiting::Marks { c, w }, self.terms.coding().bytes(), Outgoing::default()))
            }
            Waiting::Tags { mut join, kept } => {
                self.terms.coding().decode(message, |tag| join.meet(tag))?;
                Ok((self.matched(join, kept), 0, Outgoing::default()))
            }
            Waiting::Marks { .. } | Waiting::Labels { .. } | Waiting::Nothing { .. } | Waiting::Broken => {
                Err(Abort)
            }
        }
    }

    /// The matches are known; where labels travel, theirs are awaited.
    fn matched(&self, join: Join, kept: Option<Box<Kept>>) -> Waiting {
        let found = join.found();
        let (Some(terms), Some(kept)) = (&self.labels, kept) else {
            let positions = found.into_iter().map(|(position, _)| position).collect();
            return Waiting::Nothing { found: Found::Positions(positions) };
        };
        let (bits, oracle) = (self.terms.coding().bits(), Oracle::new(&self.terms.id));
        let wanted = found.into_iter().map(|(own, theirs)| {
            let (o, (item, position)) = (kept.outputs[own as usize], kept.binned.at(own as usize));
            let (tag, key) = (shortened(oracle.tag(o, item), bits), oracle.label_key(o, item));
            Wanted { position, place: theirs as usize, tag, key }
        });
        Waiting::Labels { reader: Reader::new(terms.clone(), self.terms.sender_size, wanted.collect()) }
    }

    fn offer(&mut self, message: &[u8]) -> Result<Step, Abort> {
        let choices = if self.terms.tosses() {
            let (commitment, choices) = message.split_first_chunk().ok_or(Abort)?;
            self.commitment = *commitment;
            choices
        } else {
            message
        };
        let (offers, keys) = base_ot::offer(&self.terms.id, choices)?;
        let (cot, columns) = CotReceiver::new(&keys, self.terms.plan.rows())?;
        Ok((Waiting::Challenge { cot }, 16, [&offers[..], &self.seed, &columns].concat().into()))
    }

    /// The check held: send A = P + A', and wr before it.
    fn mask(&mut self, vole: VoleReceiver, message: &[u8]) -> Result<Step, Abort> {
        vole.check(message)?;
        let (masked, c) = vole.finish();
        if self.terms.tosses() {
            let coin = draw::bytes()?;
            let reply = Outgoing::new(coin.to_vec(), masked)?;
            return Ok((Waiting::Opening { coin, c }, COIN_BYTES, reply));
        }
        let reply = Outgoing::new(Vec::new(), masked)?;
        Ok((Waiting::Marks { c, w: 0 }, self.terms.coding().bytes(), reply))
    }

    /// Own tags, sorted, each with its item's position; where labels travel, with its place in binned order.
    fn own_tags(&mut self, c: Vec<u128>, w: u128) -> Result<Waiting, Abort> {
        let (bits, oracle) = (self.terms.coding().bits(), Oracle::new(&self.terms.id));
        let binned = self.binned.take().ok_or(Abort)?;
        let mut own: Vec<OwnTag> = pages::room(self.terms.receiver_size);
        own.resize(self.terms.receiver_size, (0, 0, 0));
        if self.labels.is_none() {
            decode(&self.terms.shape, &c, &binned, &mut own, |bin, values, out| {
                values.iter_mut().for_each(|value| *value ^= w);
                oracle.tags(values, binned.items(bin));
                for (place, (tag, position)) in out.iter_mut().zip(values.iter().zip(binned.positions(bin))) {
                    *place = own_tag(shortened(*tag, bits), *position);
                }
            });
            drop((c, binned));
            return Ok(Waiting::Tags { join: Join::new(own, bits), kept: None });
        }
        let mut outputs = pages::zeros(own.len());
        decode(&self.terms.shape, &c, &binned, &mut outputs, |_, values, out| {
            out.iter_mut().zip(values).for_each(|(o, value)| *o = *value ^ w);
        });
        let tags = oracle.tags_of(&outputs, binned.all());
        for (at, (place, tag)) in own.iter_mut().zip(tags).enumerate() {
            *place = own_tag(shortened(tag, bits), at as u32);
        }
        Ok(Waiting::Tags { join: Join::new(own, bits), kept: Some(Box::new(Kept { binned, outputs })) })
    }
}

/// Message 3, the challenge.
fn element(message: &[u8]) -> Result<u128, Abort> {
    message.try_into().map(u128::from_le_bytes).map_err(|_| Abort)
}
