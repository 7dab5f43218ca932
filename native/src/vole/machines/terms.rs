//! What both sides know before the first frame: sizes, and from them the length of every message.

use crate::vole::base_ot::{CHOICES_BYTES, OFFERS_BYTES};
use crate::vole::cot::columns_bytes;
use crate::vole::fixed_key::FixedKey;
use crate::vole::hash::{Id, hash, key};
use crate::vole::okvs::Shape;
use crate::vole::silent::Plan;
use crate::vole::tags::{Coding, WHOLE_BITS};
use crate::vole::{Abort, require};

/// The largest set: 2^26 items.
const MOST_ITEMS: usize = 1 << 26;
/// Bytes of ws and wr.
pub const COIN_BYTES: usize = 16;
/// Bytes of r.
pub const SEED_BYTES: usize = 32;

/// Against whom a run holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Any deviation; a coin toss fixes w, whole tags are sent.
    Malicious,
    /// Peers that follow the protocol; w = 0, tags are shortened.
    SemiHonest,
}

/// The public terms of one run.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// What every hash is bound to.
    pub id: Id,
    /// The variant.
    pub variant: Variant,
    /// The receiver's items.
    pub receiver_size: usize,
    /// The sender's items.
    pub sender_size: usize,
    /// The store's shape.
    pub shape: Shape,
    /// The VOLE's plan.
    pub plan: Plan,
}

impl Terms {
    /// Terms of a run with `context`, which no other run may have.
    pub fn new(
        context: &[u8; 32],
        variant: Variant,
        receiver_size: usize,
        sender_size: usize,
    ) -> Result<Self, Abort> {
        let allowed = 1..=MOST_ITEMS;
        require(allowed.contains(&receiver_size) && allowed.contains(&sender_size))?;
        let shape = Shape::new(receiver_size);
        let name: &[u8] = match variant {
            Variant::Malicious => b"malicious",
            Variant::SemiHonest => b"semi-honest",
        };
        let number = |value: usize| (value as u64).to_be_bytes();
        let (x, y, m) = (number(receiver_size), number(sender_size), number(shape.length()));
        let id = hash("psi-vole-run/v1", &[context, name, &x, &y, &m]);
        let plan = Plan::new(shape.length());
        Ok(Self { id, variant, receiver_size, sender_size, shape, plan })
    }

    /// Whether the coin toss of the malicious variant takes place.
    pub fn tosses(&self) -> bool {
        self.variant == Variant::Malicious
    }

    /// The commitment to ws.
    pub fn commitment(&self, ws: &[u8; COIN_BYTES]) -> [u8; 32] {
        hash("psi-vole-ws/v1", &[&self.id, ws])
    }

    /// The keys of the rows and of H_B: two that are independent for every seed that a receiver can choose.
    pub fn keys(&self, seed: &[u8; SEED_BYTES]) -> [FixedKey; 2] {
        ["psi-vole-row/v1", "psi-vole-hb/v1"].map(|label| FixedKey::new(key(label, &[&self.id, seed])))
    }

    /// Bytes of message 1: commitment, choices.
    pub fn choices_bytes(&self) -> usize {
        usize::from(self.tosses()) * 32 + CHOICES_BYTES
    }

    /// Bytes of message 2: offers, r, columns.
    pub fn offers_bytes(&self) -> usize {
        OFFERS_BYTES + SEED_BYTES + columns_bytes(self.plan.rows())
    }

    /// Bytes of message 8: wr, A.
    pub fn masked_bytes(&self) -> usize {
        usize::from(self.tosses()) * COIN_BYTES + 16 * self.shape.length()
    }

    /// How message 10, the tags, is written.
    pub fn coding(&self) -> Coding {
        // Both are at most 2^26. Whole numbers, so that no two machines round a logarithm differently.
        let pairs = (self.receiver_size as u64 * self.sender_size as u64).next_power_of_two().ilog2();
        let bits = (40 + pairs as usize).next_multiple_of(8);
        Coding::new(if self.tosses() { WHOLE_BITS } else { bits }, self.sender_size)
    }
}
