use super::plan::{BASE_VALUES, NOISE_WEIGHT};
use super::*;
use crate::vole::cot::times_bit;
use crate::vole::gf128::mul;
use crate::vole::{Abort, draw};

const ID: Id = [9; 32];

/// Rows as a checked extension leaves them.
struct Rows {
    delta: u128,
    choices: Vec<u128>,
    receiver: Vec<u128>,
    sender: Vec<u128>,
}

fn rows(plan: &Plan) -> Result<Rows, Abort> {
    let count = plan.rows().next_multiple_of(128);
    let (delta, choices, receiver) = (draw::element()?, draw::elements(count / 128)?, draw::elements(count)?);
    let sender =
        receiver.iter().enumerate().map(|(at, row)| row ^ times_bit(delta, choices[at / 128] >> (at % 128)));
    let sender = sender.collect();
    Ok(Rows { delta, choices, receiver, sender })
}

fn check_relation(length: usize) -> Result<(), Abort> {
    let plan = Plan::new(length);
    let rows = rows(&plan)?;
    let (mut sender, corrections) = VoleSender::new(&ID, plan, rows.delta, &rows.sender)?;
    assert_eq!(corrections.len(), plan.corrections_bytes());
    let (receiver, challenges) =
        VoleReceiver::new(&ID, plan, &rows.receiver, &rows.choices, &corrections, vec![0; plan.length])?;
    let answers = sender.answer(&challenges)?;
    assert_eq!((challenges.len(), answers.len()), (plan.challenges_bytes(), plan.answers_bytes()));
    receiver.check(&answers)?;
    let (b, (a, c)) = (sender.finish(), receiver.finish());
    assert_eq!((a.len(), b.len(), c.len()), (length, length, length));
    assert!((0..length).all(|at| c[at] == b[at] ^ mul(a[at], rows.delta)), "length {length}");
    let mut distinct = a;
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), length);
    Ok(())
}

#[test]
fn outputs_are_a_vole_of_any_length() -> Result<(), Abort> {
    for length in [1, 1000, 39_936, 39_937, 100_000] {
        check_relation(length)?;
    }
    Ok(())
}

#[test]
fn later_chunks_start_from_earlier_ones() -> Result<(), Abort> {
    assert_eq!(Plan::new(159_744).chunks, 1);
    let plan = Plan::new(159_745);
    assert_eq!((plan.chunks, plan.depth), (2, 10));
    check_relation(plan.length)?;
    // The last length that two chunks give: base values are taken out once.
    let two = 2 * 159_744 - BASE_VALUES;
    assert_eq!((Plan::new(two).chunks, Plan::new(two + 1).chunks), (2, 3));
    check_relation(two)
}

#[test]
fn the_noise_weight_has_its_derivation() {
    let bits = NOISE_WEIGHT as f64 * (4.0_f64 / 3.0).log2();
    assert!((128.0..132.0).contains(&bits) && NOISE_WEIGHT.is_multiple_of(crate::vole::pprf::GROUP));
}

/// Whether the receiver's check passes when `bend` changes the corrections on their way.
fn passes(bend: impl Fn(&mut Vec<u8>)) -> Result<bool, Abort> {
    let plan = Plan::new(100);
    let rows = rows(&plan)?;
    let (mut sender, mut corrections) = VoleSender::new(&ID, plan, rows.delta, &rows.sender)?;
    bend(&mut corrections);
    let (receiver, challenges) =
        VoleReceiver::new(&ID, plan, &rows.receiver, &rows.choices, &corrections, vec![0; plan.length])?;
    Ok(receiver.check(&sender.answer(&challenges)?).is_ok())
}

#[test]
fn bad_corrections_are_found() -> Result<(), Abort> {
    assert!(passes(|_| {})?);
    let tree_bytes = 16 * (2 * Plan::new(100).depth + 1);
    for tree in [0, 1, 100, NOISE_WEIGHT - 1] {
        // The sum that every receiver reads.
        assert!(!passes(|corrections| corrections[(tree + 1) * tree_bytes - 3] ^= 1)?);
        // Both sides of a level: whichever the receiver reads is wrong.
        for level in 0..Plan::new(100).depth {
            let at = tree * tree_bytes + 32 * level;
            assert!(!passes(|corrections| {
                corrections[at] ^= 1;
                corrections[at + 16] ^= 1;
            })?);
        }
    }
    Ok(())
}

#[test]
fn one_bad_side_passes_only_when_the_receiver_does_not_read_it() -> Result<(), Abort> {
    let mut passed = 0;
    for _ in 0..40 {
        passed += usize::from(passes(|corrections| corrections[5] ^= 1)?);
    }
    // A selective failure: the sender learns the bit that it guessed, and is caught half the time (docs/vole.md).
    assert!((5..36).contains(&passed), "{passed} of 40");
    Ok(())
}

#[test]
fn wrong_answers_challenges_and_lengths_end_the_run() -> Result<(), Abort> {
    let plan = Plan::new(100);
    let rows = rows(&plan)?;
    let (mut sender, corrections) = VoleSender::new(&ID, plan, rows.delta, &rows.sender)?;
    let (receiver, challenges) =
        VoleReceiver::new(&ID, plan, &rows.receiver, &rows.choices, &corrections, vec![0; plan.length])?;
    assert!(
        VoleReceiver::new(&ID, plan, &rows.receiver, &rows.choices, &corrections[1..], vec![0; plan.length])
            .is_err()
    );
    assert!(sender.answer(&challenges[1..]).is_err());
    let mut wrong = challenges.clone();
    wrong[0] ^= 1;
    assert!(receiver.check(&sender.answer(&wrong)?).is_err());
    // An answer is given once: B before the code is gone.
    assert!(receiver.check(&sender.answer(&challenges)?).is_err());
    Ok(())
}

#[test]
fn rows_that_are_no_correlation_are_found() -> Result<(), Abort> {
    let plan = Plan::new(100);
    let mut rows = rows(&plan)?;
    rows.sender[0] ^= 1;
    let (mut sender, corrections) = VoleSender::new(&ID, plan, rows.delta, &rows.sender)?;
    let (receiver, challenges) =
        VoleReceiver::new(&ID, plan, &rows.receiver, &rows.choices, &corrections, vec![0; plan.length])?;
    assert!(receiver.check(&sender.answer(&challenges)?).is_err());
    Ok(())
}

/// Whether the check of two chunks passes when corrections and answers are changed on their way.
fn two_chunks_pass(
    corrections: impl Fn(&Plan, &mut Vec<u8>),
    answers: impl Fn(&mut [u8]),
) -> Result<bool, Abort> {
    let plan = Plan::new(159_745);
    let rows = rows(&plan)?;
    let (mut sender, mut sent) = VoleSender::new(&ID, plan, rows.delta, &rows.sender)?;
    corrections(&plan, &mut sent);
    let (receiver, challenges) =
        VoleReceiver::new(&ID, plan, &rows.receiver, &rows.choices, &sent, vec![0; plan.length])?;
    let mut given = sender.answer(&challenges)?;
    answers(&mut given);
    Ok(receiver.check(&given).is_ok())
}

#[test]
fn later_chunks_are_checked_as_the_first_one_is() -> Result<(), Abort> {
    assert!(two_chunks_pass(|_, _| (), |_| ())?);
    let chunk = |plan: &Plan| NOISE_WEIGHT * plan.tree_bytes();
    // One total; all totals of the chunk by one value, as if its base values were others; chunks that change places.
    assert!(!two_chunks_pass(|plan, sent| sent[chunk(plan) + plan.tree_bytes() - 1] ^= 0x80, |_| ())?);
    assert!(!two_chunks_pass(
        |plan, sent| {
            sent[chunk(plan)..]
                .chunks_mut(plan.tree_bytes())
                .for_each(|tree| tree[plan.tree_bytes() - 16] ^= 1);
        },
        |_| ()
    )?);
    assert!(!two_chunks_pass(|plan, sent| sent.rotate_left(chunk(plan)), |_| ())?);
    assert!(!two_chunks_pass(|_, _| (), |given| given.rotate_left(32))?);
    Ok(())
}

/// A receiver that lies about its challenge learns the hash of something known plus a multiple of Delta, and no more.
#[test]
fn a_false_difference_is_answered_by_what_only_delta_explains() -> Result<(), Abort> {
    let plan = Plan::new(100);
    for (point, lie) in [(0, 1), (1, 1), (draw::element()?, 0), (draw::element()?, draw::element()?)] {
        let rows = rows(&plan)?;
        let (mut sender, _) = VoleSender::new(&ID, plan, rows.delta, &rows.sender)?;
        let spare_choice = rows.choices[NOISE_WEIGHT];
        let spare = base_values(&plan, &rows.receiver)[NOISE_WEIGHT];
        let leaves_sum = crate::vole::gf128::powers_sum(sender.leaves(), point);
        let challenge = [point.to_le_bytes(), (spare_choice ^ lie).to_le_bytes()].concat();
        let answer = sender.answer(&challenge)?;
        assert!(answer == check_hash(&ID, 0, leaves_sum ^ spare ^ mul(lie, rows.delta)));
        assert!((answer == check_hash(&ID, 0, leaves_sum ^ spare)) == (lie == 0));
    }
    Ok(())
}
