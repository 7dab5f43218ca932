//! The receiver's machine: grows every tree but its noise places, challenges and compares.

use rayon::prelude::*;
use subtle::ConstantTimeEq;

use super::plan::{BASE_VALUES, NOISE_WEIGHT, Plan};
use super::{base_values, check_hash, tree_rows};
use crate::vole::code::Code;
use crate::vole::cot::ot_key;
use crate::vole::gf128::{mul, pow, powers_sum};
use crate::vole::hash::Id;
use crate::vole::pprf::{Children, GROUP, grow_punctured};
use crate::vole::{Abort, draw, require};

/// The receiver's side: A' and C.
pub struct VoleReceiver {
    expected: Vec<u8>,
    masked: Vec<u128>,
    c: Vec<u128>,
}

/// A' and C of some places.
struct Shares {
    a: Vec<u128>,
    c: Vec<u128>,
}

impl VoleReceiver {
    /// Grow all trees from the checked rows and the sender's corrections; returns the challenges to send.
    ///
    /// A' is added to `onto`, of the plan's length.
    pub fn new(
        id: &Id,
        plan: Plan,
        rows: &[u128],
        choices: &[u128],
        corrections: &[u8],
        onto: Vec<u128>,
    ) -> Result<(Self, Vec<u8>), Abort> {
        require(corrections.len() == plan.corrections_bytes() && onto.len() == plan.length)?;
        let code = Code::new(plan.noise_length());
        let mut made = Self { expected: Vec::new(), masked: onto, c: Vec::with_capacity(plan.length) };
        let mut challenges = Vec::with_capacity(plan.challenges_bytes());
        let mut base = Shares { a: choices[..BASE_VALUES].to_vec(), c: base_values(&plan, rows) };
        let chunk_bytes = NOISE_WEIGHT * plan.tree_bytes();
        for (chunk, message) in corrections.chunks(chunk_bytes).enumerate() {
            let grown = Grown::new(id, &plan, (rows, choices), (chunk, message), &base);
            let (challenge, sum) = grown.challenge(&base)?;
            challenges.extend(challenge);
            made.expected.extend(check_hash(id, chunk, sum));
            // One after the other: both together fall out of the cache.
            let mut a = code.encode(&mut grown.noise(&base));
            let mut c = code.encode(&mut grown.into_c());
            if chunk + 1 < plan.chunks {
                base = Shares { a: a.drain(..BASE_VALUES).collect(), c: c.drain(..BASE_VALUES).collect() };
            }
            let wanted = c.len().min(plan.length - made.c.len());
            made.masked[made.c.len()..].iter_mut().zip(&a).for_each(|(own, mask)| *own ^= mask);
            made.c.extend_from_slice(&c[..wanted]);
        }
        Ok((made, challenges))
    }

    /// Compare all answers at once, in constant time.
    pub fn check(&self, answers: &[u8]) -> Result<(), Abort> {
        require(answers.len() == self.expected.len() && bool::from(answers.ct_eq(&self.expected)))
    }

    /// A' added to what `new` was given, and C.
    pub fn finish(self) -> (Vec<u128>, Vec<u128>) {
        (self.masked, self.c)
    }
}

/// One chunk of the receiver before the code: C, and where its noise lies.
struct Grown {
    c: Vec<u128>,
    places: Vec<usize>,
}

impl Grown {
    fn new(
        id: &Id,
        plan: &Plan,
        (rows, choices): (&[u128], &[u128]),
        (chunk, message): (usize, &[u8]),
        base: &Shares,
    ) -> Self {
        let mut c = vec![0; plan.noise_length()];
        let group_leaves = GROUP << plan.depth;
        let groups = c.par_chunks_mut(group_leaves).zip(message.par_chunks(GROUP * plan.tree_bytes()));
        let places = groups.enumerate().flat_map_iter(|(group, (c, message))| {
            let (elements, _) = message.as_chunks::<16>();
            let trees: Vec<&[[u8; 16]]> = elements.chunks(2 * plan.depth + 1).collect();
            let off_path: Vec<Vec<(usize, u128)>> = (0..GROUP)
                .map(|at| {
                    let (first, rows) = tree_rows(plan, rows, chunk, group * GROUP + at);
                    let (pairs, _) = trees[at].as_chunks::<2>();
                    rows.iter()
                        .zip(pairs)
                        .zip(first..)
                        .map(|((row, pair), index)| open(id, choices, index, *row, pair))
                        .collect()
                })
                .collect();
            let (leaves, punctured) = grow_punctured(&Children::new(id, chunk, group), &off_path);
            c.copy_from_slice(&leaves);
            let mut places = Vec::with_capacity(GROUP);
            for (at, leaf) in punctured.into_iter().enumerate() {
                let total = trees[at].last().map_or(0, |bytes| u128::from_le_bytes(*bytes));
                let known = leaves[at..].iter().step_by(GROUP).fold(0, |sum, leaf| sum ^ leaf);
                let place = leaf * GROUP + at;
                c[place] = total ^ known ^ base.c[group * GROUP + at];
                places.push(group * group_leaves + place);
            }
            places
        });
        let places = places.collect();
        Self { c, places }
    }

    /// Z and delta to send, and the sum that the sender's must equal.
    fn challenge(&self, base: &Shares) -> Result<(Vec<u8>, u128), Abort> {
        let point = draw::element()?;
        let noise =
            self.places.par_iter().zip(&base.a).map(|(place, a)| mul(pow(point, *place as u32 + 1), *a));
        let difference = noise.reduce(|| 0, |sum, term| sum ^ term) ^ base.a[NOISE_WEIGHT];
        let challenge = [point.to_le_bytes(), difference.to_le_bytes()].concat();
        Ok((challenge, powers_sum(&self.c, point) ^ base.c[NOISE_WEIGHT]))
    }

    /// C before the code.
    fn into_c(self) -> Vec<u128> {
        self.c
    }

    /// A' before the code.
    fn noise(&self, base: &Shares) -> Vec<u128> {
        let mut noise = vec![0; self.c.len()];
        for (place, a) in self.places.iter().zip(&base.a) {
            noise[*place] = *a;
        }
        noise
    }
}

/// The side off the path and its sum: the choice bit names the side, the row its key.
fn open(id: &Id, choices: &[u128], index: usize, row: u128, pair: &[[u8; 16]; 2]) -> (usize, u128) {
    let side = (choices[index / 128] >> (index % 128)) & 1;
    let [left, right] = pair.map(u128::from_le_bytes);
    (side as usize, left ^ ((left ^ right) & side.wrapping_neg()) ^ ot_key(id, index, row))
}
