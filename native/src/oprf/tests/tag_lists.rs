//! Coded tag lists: what goes in comes out, in few bytes; what no encoder writes is refused.

use super::super::answer::evaluate_all;
use super::super::cache_index::matches;
use super::super::keys::SecretKey;
use super::super::outputs;
use super::super::tags::{Code, bytes, numbers, sorted};
use super::{Checked, inputs};

fn random_tags(count: usize, bits: u32) -> Result<Vec<u128>, Box<dyn std::error::Error>> {
    let mut noise = vec![0; count * 16];
    getrandom::fill(&mut noise)?;
    let mut tags: Vec<u128> = numbers(&noise, 16)?.into_iter().map(|tag| tag >> (128 - bits)).collect();
    tags.sort_unstable();
    Ok(tags)
}

#[test]
fn lists_come_out_as_they_went_in() -> Checked {
    for bits in [1, 7, 8, 41, 64, 82, 88, 120] {
        for count in [0, 1, 2, 3, 100, 1_000] {
            let (tags, code) = (random_tags(count, bits)?, Code::new(bits, count as u64)?);
            let written = code.encode(0, &tags)?;
            assert_eq!(code.decode(0, &written, count)?, tags, "{bits} bits, {count} tags");
        }
    }
    Ok(())
}

#[test]
fn a_list_may_be_cut_into_parts() -> Checked {
    let (tags, code) = (random_tags(1_000, 82)?, Code::new(82, 1_000)?);
    let mut before = 0;
    for part in tags.chunks(300) {
        let written = code.encode(before, part)?;
        assert_eq!(code.decode(before, &written, part.len())?, part);
        before = part.last().copied().unwrap_or(before);
    }
    Ok(())
}

#[test]
fn random_tags_take_the_bits_that_theory_says() -> Checked {
    let tags = random_tags(1 << 16, 82)?;
    let written = Code::new(82, 1 << 16)?.encode(0, &tags)?;
    let each = 8.0 * written.len() as f64 / f64::from(1 << 16);
    assert!(each < 82.0 - 16.0 + 1.7, "{each} bits a tag");
    Ok(())
}

#[test]
fn codes_that_no_encoder_writes() -> Checked {
    let (tags, code) = (random_tags(50, 82)?, Code::new(82, 50)?);
    let written = code.encode(0, &tags)?;
    assert!(code.decode(0, &written[..written.len() - 1], 50).is_err());
    assert!(code.decode(0, &[written.as_slice(), &[0]].concat(), 50).is_err());
    assert!(code.decode(0, &written, 49).is_err());
    assert!(code.decode(0, &written, 51).is_err());
    assert!(code.decode(0, &[0xff; 1_000], 50).is_err());
    assert!(code.decode(0, &[], usize::MAX).is_err());
    assert!(code.decode(u128::MAX, &written, 50).is_err());
    assert!(code.encode(0, &[2, 1]).is_err());
    assert!(code.encode(0, &[1 << 82]).is_err());
    assert!(Code::new(0, 1).is_err());
    assert!(Code::new(121, 1).is_err());
    let last = Code::new(7, 1)?.encode(0, &[5])?;
    assert_eq!(last.len(), 1);
    for bit in [last[0] | 1, last[0] ^ 0x80] {
        assert!(Code::new(6, 1)?.decode(0, &[bit], 1).is_err());
    }
    Ok(())
}

#[test]
fn any_bytes_are_read_or_refused_and_what_is_read_is_canonical() -> Checked {
    for round in 0..2_000_usize {
        let mut noise = vec![0; round % 40];
        getrandom::fill(&mut noise)?;
        let (bits, count) = (1 + round as u32 % 120, round % 7);
        let code = Code::new(bits, count as u64)?;
        if let Ok(tags) = code.decode(0, &noise, count) {
            assert_eq!(code.encode(0, &tags)?, noise);
        }
    }
    Ok(())
}

#[test]
fn matches_are_the_places_of_what_both_hold() -> Checked {
    let key = SecretKey::random()?;
    let (own, theirs) = (inputs(300, 8), [&inputs(300, 8)[100..200], &inputs(50, 9)].concat());
    let own = outputs::tags(&evaluate_all(&key, &own)?, 82)?;
    let theirs = sorted(&outputs::tags(&evaluate_all(&key, &theirs)?, 82)?, 11)?;
    assert_eq!(matches(&own, &theirs, 11)?, (100..200).collect::<Vec<u32>>());
    assert!(matches(&own, &theirs[1..], 11).is_err());
    assert!(numbers(&theirs, 17).is_err());
    let numbers = numbers(&theirs, 11)?;
    assert!(numbers.is_sorted());
    assert_eq!(bytes(&numbers, 11), theirs);
    Ok(())
}
