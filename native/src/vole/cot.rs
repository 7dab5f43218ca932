//! Correlated OT: IKNP columns with the consistency check of SoftSpokenOT (eprint 2022/192, k = 1).
//!
//! The receiver's choice bits x are random. Row i of the sender is row i of the receiver plus x_i Delta.
//! docs/vole.md section 5 has the check and what it leaves open.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::base_ot::{COUNT, Key};
use super::fixed_key::FixedKey;
#[cfg(test)]
use super::gf128::mul;
use super::gf128::{double, powers_sum};
use super::hash::{Id, key};
use super::{Abort, draw, require};

/// Bytes of the receiver's answer to chi: its choices and 128 columns, each folded to one element.
pub const ANSWER_BYTES: usize = 16 * (1 + COUNT);

/// Blocks of 128 rows for `count` rows; the last one is the check's mask and is never used otherwise.
fn blocks(count: usize) -> usize {
    count.div_ceil(128) + 1
}

/// Bytes of the receiver's columns for `count` rows.
pub fn columns_bytes(count: usize) -> usize {
    COUNT * 16 * blocks(count)
}

/// The receiver: it has both keys of every base OT.
pub struct CotReceiver {
    choices: Vec<u128>,
    columns: Vec<Vec<u128>>,
}

impl CotReceiver {
    /// Draw choices for `count` rows and return the columns to send, `columns_bytes(count)` long.
    pub fn new(keys: &[[Key; 2]], count: usize) -> Result<(Self, Vec<u8>), Abort> {
        let choices = draw::elements(blocks(count))?;
        let both: Vec<[Vec<u128>; 2]> =
            keys.par_iter().map(|pair| pair.map(|key| stream(key, choices.len()))).collect();
        let mut message = Vec::with_capacity(columns_bytes(count));
        for [first, second] in &both {
            let column = first.iter().zip(second).zip(&choices);
            message
                .extend(column.flat_map(|((first, second), choice)| (first ^ second ^ choice).to_le_bytes()));
        }
        let columns = both.into_iter().map(|[first, _]| first).collect();
        Ok((Self { choices, columns }, message))
    }

    /// The answer to the sender's challenge, `ANSWER_BYTES` long.
    pub fn answer(&self, chi: u128) -> Vec<u8> {
        let folded = std::iter::once(&self.choices).chain(&self.columns).map(|column| fold(column, chi));
        folded.flat_map(u128::to_le_bytes).collect()
    }

    /// Choice bits, 128 to an element, the lowest first.
    pub fn choices(&self) -> &[u128] {
        &self.choices
    }

    /// The rows.
    pub fn rows(&self) -> Vec<u128> {
        transpose(&self.columns)
    }
}

/// The sender: it has one key of every base OT, by the bits of Delta.
pub struct CotSender {
    delta: Zeroizing<u128>,
    columns: Vec<Vec<u128>>,
}

impl CotSender {
    /// Correct the columns by the receiver's message.
    pub fn new(delta: u128, keys: &[Key], count: usize, message: &[u8]) -> Result<Self, Abort> {
        require(message.len() == columns_bytes(count))?;
        let (elements, _) = message.as_chunks::<16>();
        let columns = keys
            .par_iter()
            .zip(elements.par_chunks(blocks(count)))
            .enumerate()
            .map(|(at, (key, sent))| {
                let mask = bit_mask(delta, at);
                let mut column = stream(*key, sent.len());
                column.iter_mut().zip(sent).for_each(|(own, sent)| *own ^= u128::from_le_bytes(*sent) & mask);
                column
            })
            .collect();
        Ok(Self { delta: Zeroizing::new(delta), columns })
    }

    /// Abort unless all columns were made with the same choices. `chi` was drawn after the columns arrived.
    pub fn check(&self, chi: u128, answer: &[u8]) -> Result<(), Abort> {
        require(answer.len() == ANSWER_BYTES)?;
        let (elements, _) = answer.as_chunks::<16>();
        let choices = u128::from_le_bytes(elements[0]);
        let differences = self.columns.iter().zip(&elements[1..]).enumerate().map(|(at, (column, sent))| {
            fold(column, chi) ^ u128::from_le_bytes(*sent) ^ (choices & bit_mask(*self.delta, at))
        });
        require(differences.fold(0, |all, difference| all | difference) == 0)
    }

    /// The rows.
    pub fn rows(&self) -> Vec<u128> {
        transpose(&self.columns)
    }
}

/// All ones if the bit is set, else zero.
fn bit_mask(bits: u128, at: usize) -> u128 {
    ((bits >> at) & 1).wrapping_neg()
}

fn stream(key: Key, length: usize) -> Vec<u128> {
    let mut out = vec![[0; 16]; length];
    FixedKey::new(key).stream(0, &mut out);
    out.into_iter().map(u128::from_le_bytes).collect()
}

/// mask + sum of chi^(i+1) block_i.
fn fold(column: &[u128], chi: u128) -> u128 {
    column.split_last().map_or(0, |(mask, blocks)| mask ^ powers_sum(blocks, chi))
}

/// Columns of blocks to rows: bit j of row i is bit i of column j.
fn transpose(columns: &[Vec<u128>]) -> Vec<u128> {
    let length = columns.first().map_or(0, Vec::len);
    let mut rows = vec![0; length * 128];
    rows.par_chunks_mut(128).enumerate().for_each(|(block, rows)| {
        rows.iter_mut().zip(columns).for_each(|(row, column)| *row = column[block]);
        transpose_square(rows);
    });
    rows
}

/// Transpose 128 rows of 128 bits by swapping ever smaller quadrants.
fn transpose_square(rows: &mut [u128]) {
    let mut width = 64;
    let mut mask = u128::MAX >> 64;
    while width > 0 {
        for upper in (0..128).filter(|row| row & width == 0) {
            let swap = ((rows[upper] >> width) ^ rows[upper + width]) & mask;
            rows[upper] ^= swap << width;
            rows[upper + width] ^= swap;
        }
        width /= 2;
        mask ^= mask << width;
    }
}

/// 128 rows as one element each of F: sum of x^k row_k. With their choices as a: c = b + a Delta.
pub fn packed(rows: &[u128]) -> u128 {
    rows.iter().rev().fold(0, |sum, row| double(sum) ^ row)
}

/// The key that a row gives in a random OT: for the sender, of its row and of its row plus Delta.
pub fn ot_key(id: &Id, index: usize, row: u128) -> u128 {
    u128::from_le_bytes(key("psi-vole-ot/v1", &[id, &(index as u64).to_be_bytes(), &row.to_le_bytes()]))
}

/// What a row of the sender has more than the receiver's.
#[cfg(test)]
pub fn times_bit(delta: u128, bit: u128) -> u128 {
    mul(delta, bit & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Both {
        delta: u128,
        receiver: CotReceiver,
        sender: CotSender,
        message: Vec<u8>,
        keys: Vec<Key>,
    }

    fn run(count: usize) -> Result<Both, Abort> {
        let delta = draw::element()?;
        let mut pairs = Vec::new();
        for _ in 0..COUNT {
            pairs.push([draw::bytes()?, draw::bytes()?]);
        }
        let keys: Vec<Key> =
            pairs.iter().enumerate().map(|(at, pair)| pair[(delta >> at) as usize & 1]).collect();
        let (receiver, message) = CotReceiver::new(&pairs, count)?;
        let sender = CotSender::new(delta, &keys, count, &message)?;
        Ok(Both { delta, receiver, sender, message, keys })
    }

    #[test]
    fn rows_differ_by_delta_where_the_choice_is_one() -> Result<(), Abort> {
        for count in [1, 128, 1000] {
            let both = run(count)?;
            let (ours, theirs) = (both.receiver.rows(), both.sender.rows());
            assert!(ours.len() >= count + 128);
            for (at, (t, q)) in ours.iter().zip(&theirs).enumerate() {
                let choice = both.receiver.choices()[at / 128] >> (at % 128);
                assert!(*q == t ^ times_bit(both.delta, choice), "row {at}");
            }
            let chi = draw::element()?;
            both.sender.check(chi, &both.receiver.answer(chi))?;
        }
        Ok(())
    }

    #[test]
    fn packed_rows_are_a_vole_over_the_field() -> Result<(), Abort> {
        let both = run(256)?;
        let (ours, theirs) = (both.receiver.rows(), both.sender.rows());
        for at in 0..2 {
            let range = at * 128..(at + 1) * 128;
            let (c, b) = (packed(&ours[range.clone()]), packed(&theirs[range]));
            assert!(c == b ^ mul(both.receiver.choices()[at], both.delta));
        }
        Ok(())
    }

    #[test]
    fn inconsistent_columns_pass_only_where_delta_was_guessed() -> Result<(), Abort> {
        let both = run(500)?;
        let chi = draw::element()?;
        let answer = both.receiver.answer(chi);
        let column_bytes = both.message.len() / COUNT;
        for at in 0..COUNT {
            // Another choice bit in one column alone.
            let mut message = both.message.clone();
            message[at * column_bytes + 3] ^= 0x10;
            let sender = CotSender::new(both.delta, &both.keys, 500, &message)?;
            let bit = (both.delta >> at) & 1;
            assert_eq!(sender.check(chi, &answer).is_ok(), bit == 0, "column {at}");
        }
        Ok(())
    }

    #[test]
    fn a_flipped_byte_of_the_answer_is_found() -> Result<(), Abort> {
        let both = run(500)?;
        let chi = draw::element()?;
        let answer = both.receiver.answer(chi);
        for at in 0..ANSWER_BYTES {
            let mut wrong = answer.clone();
            wrong[at] ^= 1;
            assert_eq!(both.sender.check(chi, &wrong), Err(Abort));
        }
        assert_eq!(both.sender.check(chi ^ 1, &answer), Err(Abort));
        assert_eq!(both.sender.check(chi, &answer[1..]), Err(Abort));
        Ok(())
    }

    /// The sender draws chi: whatever it takes, the mask hides the choices, and an honest answer passes.
    #[test]
    fn no_challenge_takes_the_mask_off() -> Result<(), Abort> {
        let both = run(500)?;
        for chi in [0, 1, 2, u128::MAX] {
            let answer = both.receiver.answer(chi);
            both.sender.check(chi, &answer)?;
            let choices = both.receiver.choices();
            let (mask, blocks) = (choices[choices.len() - 1], &choices[..choices.len() - 1]);
            let first = answer.first_chunk().map(|bytes| u128::from_le_bytes(*bytes));
            assert!(first == Some(mask ^ powers_sum(blocks, chi)));
        }
        Ok(())
    }

    #[test]
    fn every_transfer_of_every_run_has_keys_of_its_own() {
        let key = ot_key(&[1; 32], 1, 1);
        for other in [ot_key(&[2; 32], 1, 1), ot_key(&[1; 32], 2, 1), ot_key(&[1; 32], 1, 2)] {
            assert!(key != other);
        }
    }

    #[test]
    fn transposing_twice_is_nothing_and_once_swaps_indexes() -> Result<(), Abort> {
        let square = draw::elements(128)?;
        let mut turned = square.clone();
        transpose_square(&mut turned);
        for (row, turned) in turned.iter().enumerate() {
            for (column, own) in square.iter().enumerate() {
                assert!((turned >> column) & 1 == (own >> row) & 1);
            }
        }
        Ok(())
    }
}
