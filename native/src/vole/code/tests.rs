use sha2::{Digest, Sha256};

use super::*;
use crate::vole::{Abort, draw};

type Bits = Vec<bool>;

fn add(row: &mut Bits, other: &Bits) {
    row.iter_mut().zip(other).for_each(|(bit, other)| *bit ^= other);
}

/// The places of every output.
fn rows(code: &Code) -> Vec<[u32; EXPANDER_WEIGHT]> {
    let outputs = code.length / 2;
    (0..outputs.div_ceil(GROUP)).flat_map(|group| code.places(group)).take(outputs).collect()
}

/// G = (expander)(convolution), bit by bit from the definition: N / 2 rows of N bits.
fn matrix(code: &Code, length: usize) -> Vec<Bits> {
    let mut convolution: Vec<Bits> = Vec::new();
    for at in 0..length {
        let mut row = vec![false; length];
        row[at] = true;
        for back in 1..=STATE.min(at) {
            if (code.taps[at] >> (back - 1)) & 1 == 1 {
                add(&mut row, &convolution[at - back]);
            }
        }
        if at > STATE {
            add(&mut row, &convolution[at - STATE - 1]);
        }
        convolution.push(row);
    }
    let expand = |places: &[u32; EXPANDER_WEIGHT]| {
        let mut row = vec![false; length];
        places.iter().for_each(|place| add(&mut row, &convolution[*place as usize]));
        row
    };
    rows(code).iter().map(expand).collect()
}

fn encoded<const K: usize>(code: &Code, vectors: [&[u128]; K], space: &mut Vec<[u128; K]>) -> Vec<[u128; K]> {
    code.convolve(vectors, space);
    let mut out = vec![[0; K]; code.length / 2];
    code.expand(space, 0, &mut out);
    out
}

#[test]
fn encoding_is_the_explicit_matrix() -> Result<(), Abort> {
    for length in [2, 24, 50, 52, 128, 512] {
        let code = Code::new(length);
        let vector = draw::elements(length)?;
        let sums = matrix(&code, length).into_iter().map(|row| {
            row.iter().zip(&vector).fold(0, |sum, (bit, value)| if *bit { sum ^ value } else { sum })
        });
        let sums: Vec<[u128; 1]> = sums.map(|sum| [sum]).collect();
        assert!(encoded(&code, [&vector], &mut Vec::new()) == sums, "{length}");
    }
    Ok(())
}

/// Made by an implementation of its own, from docs/vole.md section 7. Two releases with different codes would find no
/// match and no fault: the check of the VOLE is before the code.
#[test]
fn the_codes_are_those_of_the_page() {
    for (length, expected) in [
        (4992, "db28885d42043cfe386a426f62c9502e9995cd68fdbe9e40a67558b1b00c5507"),
        (319_488, "c5dd5b1e904b71d0542ed2a0b5226b911533885f9a90e5427b22c1c1ae73c9c8"),
    ] {
        let code = Code::new(length);
        let mut state = Sha256::new();
        code.taps.iter().for_each(|tap| state.update(tap.to_le_bytes()));
        rows(&code).as_flattened().iter().for_each(|place| state.update(place.to_le_bytes()));
        let made: String = state.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(made, expected, "{length}");
    }
}

#[test]
fn the_matrix_has_full_rank() {
    for length in [64, 256, 512] {
        let mut rows = matrix(&Code::new(length), length);
        for rank in 0..length / 2 {
            let pivot = rows[rank..].iter().find_map(|row| row.iter().position(|bit| *bit));
            assert!(pivot.is_some(), "rank {rank} of {}", length / 2);
            let Some(column) = pivot else { return };
            let found = (rank..rows.len()).find(|at| rows[*at][column]);
            rows.swap(rank, found.unwrap_or(rank));
            let own = rows[rank].clone();
            rows[rank + 1..].iter_mut().filter(|row| row[column]).for_each(|row| add(row, &own));
        }
    }
}

/// The convolution is triangular with ones on the diagonal, so G has the rank of the expander.
#[test]
fn the_smallest_code_in_use_has_full_rank() {
    let length = 4992;
    let code = Code::new(length);
    let drawn = rows(&code);
    let mut rows: Vec<Vec<u64>> = Vec::new();
    for places in &drawn {
        let mut row = vec![0_u64; length / 64];
        places.iter().for_each(|place| row[*place as usize / 64] ^= 1 << (place % 64));
        rows.push(row);
    }
    while let Some(row) = rows.pop() {
        let pivot = row.iter().position(|word| *word != 0);
        assert!(pivot.is_some(), "{} rows are left", rows.len());
        let Some(word) = pivot else { return };
        let bit = row[word] & row[word].wrapping_neg();
        for other in rows.iter_mut().filter(|other| other[word] & bit != 0) {
            other.iter_mut().zip(&row).for_each(|(own, pivot)| *own ^= pivot);
        }
    }
}

#[test]
fn rows_of_the_matrix_are_heavy() {
    // Not a bound on the distance, but a broken convolution would leave light rows.
    for row in matrix(&Code::new(512), 512) {
        assert!(row.iter().filter(|bit| **bit).count() > 64);
    }
}

#[test]
fn two_vectors_at_once_are_as_one_by_one_and_space_is_only_space() -> Result<(), Abort> {
    let mut space = Vec::new();
    for length in [2, 52, 512, 4992] {
        let code = Code::new(length);
        let (one, other) = (draw::elements(length)?, draw::elements(length)?);
        let both = encoded(&code, [&one, &other], &mut space);
        let alone = |vector| encoded(&code, [vector], &mut Vec::new());
        let (one, other) = (alone(&one[..]), alone(&other[..]));
        assert!(
            both.iter().zip(one.iter().zip(&other)).all(|(both, (one, other))| *both == [one[0], other[0]])
        );
    }
    Ok(())
}

#[test]
fn both_convolutions_give_the_same_bits() -> Result<(), Abort> {
    for length in [4, 24, 28, 128, 4992] {
        let code = Code::new(length);
        let vector = draw::elements(length)?;
        let (mut plain, mut used) = (vec![[0]; length], vec![[0]; length]);
        convolve(&code.taps, [&vector], &mut plain);
        code.convolve([&vector], &mut used);
        assert!(plain == used, "{length}");
    }
    Ok(())
}

#[test]
fn outputs_can_be_entered_anywhere() -> Result<(), Abort> {
    let code = Code::new(4992);
    let vector = draw::elements(4992)?;
    let mut space = Vec::new();
    let whole = encoded(&code, [&vector], &mut space);
    for (first, count) in [(0, 313), (313, 2183), (64, 64), (63, 2), (2495, 1), (100, 0)] {
        let mut part = vec![[0]; count];
        code.expand(&space, first, &mut part);
        assert!(part == whole[first..first + count], "{first}");
    }
    Ok(())
}
