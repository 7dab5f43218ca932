//! The sender's machine: grows every tree, masks its corrections, answers the checks.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::plan::{BASE_VALUES, NOISE_WEIGHT, Plan};
use super::{base_values, check_hash, tree_rows};
use crate::pages;
use crate::vole::code::Code;
use crate::vole::cot::ot_key;
use crate::vole::gf128::{mul, powers_sum};
use crate::vole::hash::Id;
use crate::vole::pprf::{Children, GROUP, grow};
use crate::vole::{Abort, draw, require};

/// The sender's side: Delta and B.
pub struct VoleSender {
    id: Id,
    plan: Plan,
    delta: Zeroizing<u128>,
    /// B before the code, of one chunk after the other.
    leaves: Vec<u128>,
    /// Of every chunk: b of the check.
    spares: Vec<u128>,
    outputs: Vec<u128>,
}

impl VoleSender {
    /// Grow all trees from the checked rows; returns the corrections to send.
    pub fn new(id: &Id, plan: Plan, delta: u128, rows: &[u128]) -> Result<(Self, Vec<u8>), Abort> {
        let mut corrections = vec![0; plan.corrections_bytes()];
        let mut made = Self {
            id: *id,
            plan,
            delta: Zeroizing::new(delta),
            leaves: pages::zeros(plan.chunks * plan.noise_length()),
            spares: Vec::with_capacity(plan.chunks),
            outputs: pages::zeros(plan.length),
        };
        made.grow(rows, &mut corrections)?;
        let next = made.encode();
        let bases = std::iter::once(base_values(&plan, rows)).chain(next);
        let messages = corrections.chunks_mut(NOISE_WEIGHT * plan.tree_bytes());
        for (base, message) in bases.zip(messages) {
            add_totals(&plan, message, &base);
            made.spares.push(base[NOISE_WEIGHT]);
        }
        Ok((made, corrections))
    }

    /// Encode all chunks, side by side: no leaf depends on another chunk's outputs. Returns the base values that each but
    /// the last one gives the next.
    fn encode(&mut self) -> Vec<Vec<u128>> {
        let (plan, code) = (&self.plan, Code::new(self.plan.noise_length()));
        let (outputs, _) = self.outputs.as_chunks_mut();
        let (fresh, last) = outputs.split_at_mut((plan.chunks - 1) * plan.fresh());
        let outputs = fresh.par_chunks_mut(plan.fresh()).chain(rayon::iter::once(last));
        let chunks = self.leaves.par_chunks(plan.noise_length()).zip(outputs).enumerate();
        let bases = chunks.map_init(Vec::new, |space, (chunk, (leaves, outputs))| {
            code.convolve([leaves], space);
            let mut base = vec![[0]; if chunk + 1 < plan.chunks { BASE_VALUES } else { 0 }];
            code.expand(space, 0, &mut base);
            code.expand(space, base.len(), outputs);
            base.into_flattened()
        });
        bases.collect()
    }

    /// All trees of all chunks, and their corrections, the totals without the base values.
    fn grow(&mut self, rows: &[u128], corrections: &mut [u8]) -> Result<(), Abort> {
        let roots = draw::elements(self.plan.chunks * NOISE_WEIGHT)?;
        let mut leaves = std::mem::take(&mut self.leaves);
        let groups = leaves.par_chunks_mut(GROUP << self.plan.depth).zip(roots.par_chunks(GROUP));
        groups.zip(corrections.par_chunks_mut(GROUP * self.plan.tree_bytes())).enumerate().for_each(
            |(at, ((leaves, roots), message))| {
                let place = (at / (NOISE_WEIGHT / GROUP), at % (NOISE_WEIGHT / GROUP));
                self.grow_group(rows, place, roots, leaves, message);
            },
        );
        self.leaves = leaves;
        Ok(())
    }

    /// The trees of one group of one chunk.
    fn grow_group(
        &self,
        rows: &[u128],
        (chunk, group): (usize, usize),
        roots: &[u128],
        leaves: &mut [u128],
        message: &mut [u8],
    ) {
        let sums = grow(&Children::new(&self.id, chunk, group), roots, leaves);
        for (tree, message) in message.chunks_mut(self.plan.tree_bytes()).enumerate() {
            let (first, rows) = tree_rows(&self.plan, rows, chunk, group * GROUP + tree);
            let masked = rows.iter().zip(&sums).zip(first..).flat_map(|((row, [left, right]), index)| {
                [
                    left[tree] ^ ot_key(&self.id, index, *row),
                    right[tree] ^ ot_key(&self.id, index, row ^ *self.delta),
                ]
            });
            let total = sums.last().map_or(0, |[left, right]| left[tree] ^ right[tree]);
            let places = message.as_chunks_mut().0.iter_mut();
            places.zip(masked.chain([total])).for_each(|(place, value)| *place = value.to_le_bytes());
        }
    }

    /// Answer the receiver's challenges.
    pub fn answer(&mut self, challenges: &[u8]) -> Result<Vec<u8>, Abort> {
        require(challenges.len() == self.plan.challenges_bytes())?;
        let (elements, _) = challenges.as_chunks::<16>();
        let (pairs, _) = elements.as_chunks::<2>();
        let leaves = std::mem::take(&mut self.leaves);
        let chunks = leaves.chunks(self.plan.noise_length()).zip(&self.spares);
        let hashes = chunks.zip(pairs).enumerate().map(|(chunk, ((leaves, spare), pair))| {
            let [point, difference] = pair.map(u128::from_le_bytes);
            check_hash(&self.id, chunk, powers_sum(leaves, point) ^ spare ^ mul(difference, *self.delta))
        });
        Ok(hashes.flatten().collect())
    }

    /// B before the code.
    #[cfg(test)]
    pub fn leaves(&self) -> &[u128] {
        &self.leaves
    }

    /// B.
    pub fn finish(self) -> Vec<u128> {
        self.outputs
    }
}

/// Add a chunk's base values to the totals of its trees.
fn add_totals(plan: &Plan, message: &mut [u8], base: &[u128]) {
    for (message, base) in message.chunks_mut(plan.tree_bytes()).zip(base) {
        if let Some(total) = message.last_chunk_mut() {
            *total = (u128::from_le_bytes(*total) ^ base).to_le_bytes();
        }
    }
}
