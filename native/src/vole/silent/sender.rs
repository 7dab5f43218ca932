//! The sender's machine: grows every tree, masks its corrections, answers the checks.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::plan::{BASE_VALUES, NOISE_WEIGHT, Plan};
use super::{base_values, check_hash, tree_rows};
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
    /// Of every chunk: B before the code, and b of the check.
    unchecked: Vec<(Vec<u128>, u128)>,
    outputs: Vec<u128>,
}

impl VoleSender {
    /// Grow all trees from the checked rows; returns the corrections to send.
    pub fn new(id: &Id, plan: Plan, delta: u128, rows: &[u128]) -> Result<(Self, Vec<u8>), Abort> {
        let code = Code::new(plan.noise_length());
        let mut corrections = vec![0; plan.corrections_bytes()];
        let mut made = Self {
            id: *id,
            plan,
            delta: Zeroizing::new(delta),
            unchecked: Vec::new(),
            outputs: Vec::with_capacity(plan.length),
        };
        let mut base = base_values(&plan, rows);
        for (chunk, message) in corrections.chunks_mut(NOISE_WEIGHT * plan.tree_bytes()).enumerate() {
            let leaves = made.grow_chunk(rows, &base, (chunk, message))?;
            let mut outputs = code.encode(&mut leaves.clone());
            made.unchecked.push((leaves, base[NOISE_WEIGHT]));
            if chunk + 1 < plan.chunks {
                base = outputs.drain(..BASE_VALUES).collect();
            }
            outputs.truncate(plan.length - made.outputs.len());
            made.outputs.append(&mut outputs);
        }
        Ok((made, corrections))
    }

    /// One chunk's trees: their leaves, and the corrections into `message`.
    fn grow_chunk(
        &self,
        rows: &[u128],
        base: &[u128],
        (chunk, message): (usize, &mut [u8]),
    ) -> Result<Vec<u128>, Abort> {
        let roots = draw::elements(NOISE_WEIGHT)?;
        let mut leaves = vec![0; self.plan.noise_length()];
        let groups = leaves.par_chunks_mut(GROUP << self.plan.depth).zip(roots.par_chunks(GROUP));
        groups.zip(message.par_chunks_mut(GROUP * self.plan.tree_bytes())).enumerate().for_each(
            |(group, ((leaves, roots), message))| {
                let children = Children::new(&self.id, chunk, group);
                let (grown, sums) = grow(&children, roots, self.plan.depth);
                leaves.copy_from_slice(&grown);
                for (at, (sums, message)) in
                    sums.iter().zip(message.chunks_mut(self.plan.tree_bytes())).enumerate()
                {
                    let tree = group * GROUP + at;
                    let total = leaves[at..].iter().step_by(GROUP).fold(base[tree], |sum, leaf| sum ^ leaf);
                    let (first, rows) = tree_rows(&self.plan, rows, chunk, tree);
                    let masked = rows.iter().zip(sums).zip(first..).flat_map(|((row, sums), index)| {
                        [
                            sums[0] ^ ot_key(&self.id, index, *row),
                            sums[1] ^ ot_key(&self.id, index, row ^ *self.delta),
                        ]
                    });
                    let values = masked.chain(std::iter::once(total));
                    message
                        .chunks_mut(16)
                        .zip(values)
                        .for_each(|(place, value)| place.copy_from_slice(&value.to_le_bytes()));
                }
            },
        );
        Ok(leaves)
    }

    /// Answer the receiver's challenges.
    pub fn answer(&mut self, challenges: &[u8]) -> Result<Vec<u8>, Abort> {
        require(challenges.len() == self.plan.challenges_bytes())?;
        let (elements, _) = challenges.as_chunks::<16>();
        let (pairs, _) = elements.as_chunks::<2>();
        let unchecked = std::mem::take(&mut self.unchecked);
        let hashes = unchecked.iter().zip(pairs).enumerate().map(|(chunk, ((leaves, spare), pair))| {
            let [point, difference] = pair.map(u128::from_le_bytes);
            check_hash(&self.id, chunk, powers_sum(leaves, point) ^ spare ^ mul(difference, *self.delta))
        });
        Ok(hashes.flatten().collect())
    }

    /// B.
    pub fn finish(self) -> Vec<u128> {
        self.outputs
    }
}
