//! The receiver's machine: grows every tree but its noise places, challenges and compares.

use rayon::prelude::*;
use subtle::ConstantTimeEq;

use super::plan::{BASE_VALUES, NOISE_WEIGHT, Plan};
use super::{base_values, check_hash, tree_rows};
use crate::pages;
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
        let buffer = || vec![0; plan.noise_length()];
        let (mut noise, mut space, mut outputs) =
            (buffer(), Vec::new(), vec![[0; 2]; plan.noise_length() / 2]);
        let mut made = Self { expected: Vec::new(), masked: onto, c: pages::room(plan.length) };
        let mut challenges = Vec::with_capacity(plan.challenges_bytes());
        let mut base = Shares { a: choices[..BASE_VALUES].to_vec(), c: base_values(&plan, rows) };
        let message = |chunk| corrections.chunks(NOISE_WEIGHT * plan.tree_bytes()).nth(chunk);
        let grow = |chunk, c| {
            message(chunk).map(|message| Grown::new(id, &plan, (rows, choices), (chunk, message), c))
        };
        let (mut next, mut spare) = (grow(0, buffer()), buffer());
        for chunk in 0..plan.chunks {
            let mut grown = next.take().ok_or(Abort)?;
            grown.add_base(&base);
            let (challenge, sum) = grown.challenge(&base)?;
            challenges.extend(challenge);
            made.expected.extend(check_hash(id, chunk, sum));
            grown.places.iter().zip(&base.a).for_each(|(place, a)| noise[*place] = *a);
            let encode = || {
                code.convolve([&noise, &grown.c], &mut space);
                code.expand(&space, 0, &mut outputs);
            };
            ((), next) = rayon::join(encode, || grow(chunk + 1, spare));
            grown.places.iter().for_each(|place| noise[*place] = 0);
            let mut fresh = &outputs[..];
            if chunk + 1 < plan.chunks {
                let (first, rest) = outputs.split_at(BASE_VALUES);
                let share = |side: usize| first.iter().map(|shares| shares[side]).collect();
                (base, fresh) = (Shares { a: share(0), c: share(1) }, rest);
            }
            made.take(fresh);
            spare = grown.c;
        }
        Ok((made, challenges))
    }

    /// Outputs A' and C of one chunk, as many as are still wanted.
    fn take(&mut self, outputs: &[[u128; 2]]) {
        let masked = &mut self.masked[self.c.len()..];
        self.c.extend(masked.iter_mut().zip(outputs).map(|(own, [mask, c])| {
            *own ^= mask;
            *c
        }));
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
    /// All trees of a chunk, in `c`, whatever that held. At the noise places it still lacks the base values.
    fn new(
        id: &Id,
        plan: &Plan,
        (rows, choices): (&[u128], &[u128]),
        (chunk, message): (usize, &[u8]),
        mut c: Vec<u128>,
    ) -> Self {
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
            let (punctured, known) = grow_punctured(&Children::new(id, chunk, group), &off_path, c);
            let places: [usize; GROUP] = std::array::from_fn(|at| punctured[at] * GROUP + at);
            for (at, place) in places.iter().enumerate() {
                let total = trees[at].last().map_or(0, |bytes| u128::from_le_bytes(*bytes));
                c[*place] = total ^ known[at];
            }
            places.map(|place| group * group_leaves + place)
        });
        let places = places.collect();
        Self { c, places }
    }

    /// Add the base values to C at the noise places.
    fn add_base(&mut self, base: &Shares) {
        self.places.iter().zip(&base.c).for_each(|(place, c)| self.c[*place] ^= c);
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
}

/// The side off the path and its sum: the choice bit names the side, the row its key.
fn open(id: &Id, choices: &[u128], index: usize, row: u128, pair: &[[u8; 16]; 2]) -> (usize, u128) {
    let side = (choices[index / 128] >> (index % 128)) & 1;
    let [left, right] = pair.map(u128::from_le_bytes);
    (side as usize, left ^ ((left ^ right) & side.wrapping_neg()) ^ ot_key(id, index, row))
}
