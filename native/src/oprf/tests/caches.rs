//! What an epoch keeps, against a plain map of items and a plain list of tags, over many runs.

use std::collections::BTreeMap;

use super::super::cache::{Known, NO_ROW, Step, order};
use super::super::cache_index::matches;
use super::super::suite::Encoded;
use super::super::tag_changes::changed;
use super::{Checked, inputs};

const EACH: usize = 3;

fn tag_of(item: &Encoded) -> [u8; EACH] {
    [item[3] & 0x7f, item[4], item[5]]
}

fn tags_of(items: &[Encoded]) -> Vec<u8> {
    items.iter().flat_map(tag_of).collect()
}

fn ascending(mut items: Vec<Encoded>) -> Vec<Encoded> {
    items.sort_unstable();
    items
}

fn list_of(items: &[Encoded]) -> Vec<u8> {
    let mut tags: Vec<[u8; EACH]> = items.iter().map(tag_of).collect();
    tags.sort_unstable();
    tags.into_flattened()
}

fn base(items: &[Encoded]) -> Result<Known, Box<dyn std::error::Error>> {
    let items = ascending(items.to_vec());
    Ok(Known::base(&items, &tags_of(&items), &list_of(&items), EACH)?)
}

/// What is known, item by item: only rows that count, each with its tag.
fn check(known: &Known, items: &[Encoded]) -> Checked {
    let expected: BTreeMap<Encoded, [u8; EACH]> = items.iter().map(|item| (*item, tag_of(item))).collect();
    let (rows, found) = known.counting();
    assert_eq!(found, expected.keys().copied().collect::<Vec<_>>());
    assert_eq!(known.items(&rows)?, found);
    for (row, tag) in rows.iter().zip(expected.values()) {
        assert_eq!(known.tag(*row), tag);
    }
    assert_eq!(known.list(), list_of(items));
    Ok(())
}

#[test]
fn runs_on_runs_know_what_a_map_knows() -> Checked {
    let all = inputs(600, 3);
    let mut held = all[..300].to_vec();
    let mut known = base(&held)?;
    check(&known, &held)?;
    // Each run drops a stretch and takes another, items that left before among them.
    for (gone, new) in [(0..40, 300..360), (60..61, 0..40), (250..300, 0..0), (0..40, 400..600), (0..0, 0..1)]
    {
        let leaving: Vec<Encoded> = ascending(all[gone].to_vec());
        held.retain(|item| !leaving.contains(item));
        let coming: Vec<Encoded> = ascending(all[new].to_vec());
        let next = [held.clone(), coming.clone()].concat();
        let recalled = known.recall(&next)?;
        assert_eq!(recalled.unknown, (held.len() as u32..next.len() as u32).collect::<Vec<u32>>());
        assert_eq!(ascending(known.items(&recalled.gone)?), leaving);
        let theirs = list_of(&[&held[..20], &coming[..coming.len() / 2]].concat());
        let met = known.matches(&recalled, &tags_of(&coming), &theirs)?;
        let half = (held.len()..held.len() + coming.len() / 2).map(|place| place as u32);
        assert_eq!(met, (0..20).chain(half).collect::<Vec<u32>>());
        known = known.after(&Step {
            items: &coming,
            tags: &tags_of(&coming),
            gone: &leaving,
            leaving: &list_of(&leaving),
            coming: &list_of(&coming),
        })?;
        held = next;
        check(&known, &held)?;
    }
    Ok(())
}

#[test]
fn a_longer_list_is_found_as_the_whole_would_be() -> Checked {
    let all = inputs(60, 7);
    let known = base(&all[..40])?;
    let list = [&all[10..40], &all[45..60], &all[..5], &all[40..43]].concat();
    for begun in [0, 20, 45, 47, list.len()] {
        let found = known.recall_more(&known.recall(&list[..begun])?, &list)?;
        let whole = known.recall(&list)?;
        assert_eq!((found.rows, found.unknown, found.gone), (whole.rows, whole.unknown, whole.gone));
    }
    let begun = known.recall(&list[..40])?;
    for twice in [0, 35, 44] {
        assert!(known.recall_more(&begun, &[&list[..45], &list[twice..=twice]].concat()).is_err(), "{twice}");
    }
    assert!(known.recall_more(&begun, &list[..39]).is_err());
    Ok(())
}

#[test]
fn a_list_is_a_set() -> Checked {
    let all = inputs(30, 4);
    let known = base(&all[..20])?;
    for twice in [0, 25] {
        let list = [&all[..10], &all[20..], &all[twice..=twice]].concat();
        assert!(known.recall(&list).is_err());
    }
    assert!(known.recall(&[]).is_ok_and(|found| found.gone.len() == 20));
    Ok(())
}

#[test]
fn what_no_run_wrote_is_refused() -> Checked {
    let (items, tags) = ([[1; 32], [2; 32]], [0, 0, 1, 0, 0, 2]);
    let known = Known::base(&items, &tags, &tags, EACH)?;
    assert!(Known::base(&[items[1], items[0]], &tags, &tags, EACH).is_err());
    assert!(Known::base(&[items[0], items[0]], &tags, &tags, EACH).is_err());
    assert!(Known::base(&items, &tags[1..], &tags, EACH).is_err());
    assert!(Known::base(&items, &tags, &tags[1..], EACH).is_err());
    assert!(Known::base(&items, &tags, &[tags[3..].as_ref(), &tags[..3]].concat(), EACH).is_err());
    assert!(Known::base(&items, &tags, &tags, 0).is_err());
    assert!(Known::base(&items, &tags, &tags, 17).is_err());
    let step = Step { items: &[], tags: &[], gone: &[], leaving: &[], coming: &[] };
    assert!(known.after(&Step { items: &items[..1], tags: &tags[..3], ..step }).is_err());
    assert!(known.after(&Step { tags: &tags[..3], ..step }).is_err());
    assert!(known.after(&Step { gone: &[items[1], items[0]], ..step }).is_err());
    assert!(known.after(&Step { leaving: &[9, 9, 9], ..step }).is_err());
    assert!(known.after(&Step { coming: &[9, 9], ..step }).is_err());
    // An item that was erased since is passed over.
    assert!(known.after(&Step { gone: &[[7; 32]], ..step }).is_ok());
    assert_eq!((known.row(&[7; 32]), known.row(&items[1])), (NO_ROW, 1));
    assert!(known.items(&[2]).is_err());
    assert_eq!(known.tag(2), b"");
    let recalled = known.recall(&items)?;
    assert!(known.matches(&recalled, &tags, &tags).is_err());
    assert!(known.matches(&recalled, &[], &[2, 0, 0, 1, 0, 0]).is_err());
    Ok(())
}

#[test]
fn nothing_is_known_at_first() -> Checked {
    let known = Known::base(&[], &[], &[], EACH)?;
    assert_eq!(known.recall(&inputs(2, 1))?.unknown, [0, 1]);
    check(&known, &[])
}

#[test]
fn a_list_changes_by_what_leaves_and_comes() -> Checked {
    assert_eq!(changed(&[1, 2, 2, 5], &[2, 5], &[0, 9], 1)?, [0, 1, 2, 9]);
    assert_eq!(changed(&[1, 2, 2, 5], &[2, 2], &[2, 5], 1)?, [1, 2, 5, 5]);
    assert_eq!(changed(&[], &[], &[3], 1)?, [3]);
    for (list, removed, added) in [
        ([1, 2], [3, 4], [0, 0]),
        ([1, 2], [1, 1], [0, 0]),
        ([1, 2], [2, 1], [0, 0]),
        ([1, 2], [1, 2], [2, 1]),
    ] {
        assert!(changed(&list, &removed, &added, 1).is_err(), "{list:?} {removed:?} {added:?}");
    }
    Ok(())
}

#[test]
fn values_are_found_whatever_their_leading_bits() -> Checked {
    for each in [1, 3, 8, 11, 16] {
        let mut list: Vec<Vec<u8>> = inputs(400, 5).iter().map(|item| item[..each].to_vec()).collect();
        for short in [0, 1, 7, 9] {
            // Tags of a number of bits that is no multiple of 8, and lists of nothing but zeros.
            for value in &mut list {
                value[0] = if short == 9 { 0 } else { value[0] >> short };
            }
            let mut sorted = list[..200].to_vec();
            sorted.sort_unstable();
            let due = list.iter().zip(0u32..).filter(|(value, _)| sorted.contains(value));
            let due: Vec<u32> = due.map(|(_, place)| place).collect();
            assert_eq!(matches(&list.concat(), &sorted.concat(), each)?, due);
        }
    }
    assert!(matches(&[], &[], 4)?.is_empty());
    assert!(matches(&[0; 8], &[0; 8], 0).is_err());
    Ok(())
}

#[test]
fn items_are_brought_into_order_once_each() -> Checked {
    let items = inputs(100, 6);
    let places = order(&items)?;
    let sorted: Vec<Encoded> = places.iter().map(|place| items[*place as usize]).collect();
    assert_eq!(sorted, ascending(items.clone()));
    assert!(order(&[items.clone(), items[3..4].to_vec()].concat()).is_err());
    Ok(())
}
