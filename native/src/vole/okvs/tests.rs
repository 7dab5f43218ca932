use rayon::prelude::*;

use super::whole::{decode_all, dense_solution, encode_all, hashes};
use super::*;
use crate::vole::draw;
use crate::vole::fixed_key::FixedKey;
use crate::vole::gf128::mul;

fn key() -> Result<FixedKey, Abort> {
    Ok(FixedKey::new(draw::bytes()?))
}

fn check_round_trip(count: usize) -> Result<(), Abort> {
    let shape = Shape::new(count);
    let items = Binned::new(&shape, key()?, &draw::elements(count)?)?;
    let values = draw::elements(count)?;
    let store = encode_all(&shape, &items, &values)?;
    assert_eq!(store.len(), shape.length());
    assert!(decode_all(&shape, &store, &items) == values, "{count} items");
    Ok(())
}

#[test]
fn every_size_decodes_to_what_was_encoded() -> Result<(), Abort> {
    for count in [0, 1, 2, 3, 10, 63, 64, 65, 200, 1000, 1024, 4096, 16_383, 16_384, 16_385, 20_000] {
        check_round_trip(count)?;
    }
    Ok(())
}

#[test]
fn sizes_at_the_edges_of_bins_decode() -> Result<(), Abort> {
    for count in [32_767, 32_768, 32_769, 49_151, 49_152, 65_536] {
        check_round_trip(count)?;
    }
    Ok(())
}

/// The table of the project's brief: bins, most items in a bin, dense columns, m / n.
#[test]
fn shapes_are_those_of_the_published_curve() {
    let table = [
        (14, 1, 16_384, 1.2676, 2, 1.268),
        (16, 4, 17_211, 1.2682, 2, 1.332),
        (18, 16, 17_357, 1.2697, 3, 1.345),
        (20, 64, 17_426, 1.2714, 3, 1.352),
        (22, 256, 17_476, 1.2731, 3, 1.358),
        (24, 1024, 17_519, 1.2748, 3, 1.363),
    ];
    for (log, bins, bin_items, expansion, dense, rate) in table {
        let shape = Shape::new(1 << log);
        assert_eq!((shape.bins, shape.dense), (bins, dense), "2^{log}");
        assert_eq!(shape.bin_items, bin_items, "2^{log}");
        assert!((shape.sparse as f64 / shape.bin_items as f64 - expansion).abs() < 2e-4, "2^{log}");
        assert!((shape.length() as f64 / f64::from(1 << log) - rate).abs() < 1e-3, "2^{log}");
    }
}

#[test]
fn rows_have_three_distinct_columns_and_fill_all_of_them() -> Result<(), Abort> {
    let shape = Shape::with_bits(4, 100, 40.0);
    let mut seen = vec![0_u32; shape.sparse];
    let mut bins = [0_u32; 4];
    for hash in draw::elements(40_000)? {
        let [a, b, c] = shape.columns(hash);
        assert!(a != b && b != c && a != c);
        [a, b, c].iter().for_each(|column| seen[*column] += 1);
        bins[shape.bin(hash)] += 1;
    }
    let expected = 120_000.0 / shape.sparse as f64;
    // Seven standard deviations of a binomial count.
    assert!(seen.iter().all(|count| (f64::from(*count) - expected).abs() < 7.0 * expected.sqrt()));
    assert!(bins.iter().all(|count| count.abs_diff(10_000) < 700));
    Ok(())
}

/// Hashes that differ only in the word that no column depends on: equal sparse rows, different dense ones.
fn twins(count: usize) -> Result<Vec<u128>, Abort> {
    let low = draw::element()? >> 32;
    Ok((0..count).map(|at| low | ((at as u128 + 1) << 96)).collect())
}

#[test]
fn equal_sparse_rows_go_through_the_gap() -> Result<(), Abort> {
    let shape = Shape::new(1024);
    for extra in 1..=shape.dense {
        let mut hashes = draw::elements(500)?;
        hashes.extend(twins(extra + 1)?);
        let values = draw::elements(hashes.len())?;
        let mut store = vec![0; shape.bin_length()];
        bin::encode(&shape, &hashes, &values, &mut store)?;
        assert!(store[shape.sparse..].iter().any(|value| *value != 0), "the gap was not used");
        assert!(bin::decode(&shape, &store, &hashes) == values);
    }
    Ok(())
}

#[test]
fn a_gap_beyond_the_dense_columns_ends_the_run() -> Result<(), Abort> {
    let shape = Shape::new(1024);
    let hashes = twins(shape.dense + 2)?;
    let values = draw::elements(hashes.len())?;
    let mut store = vec![0; shape.bin_length()];
    assert_eq!(bin::encode(&shape, &hashes, &values, &mut store), Err(Abort));
    Ok(())
}

#[test]
fn duplicates_end_the_run_even_with_one_value() -> Result<(), Abort> {
    for count in [2, 100, 5000, 40_000] {
        let shape = Shape::new(count);
        let mut items = draw::elements(count)?;
        items[count - 1] = items[0];
        let items = Binned::new(&shape, key()?, &items)?;
        let values: Vec<u128> = hashes(&shape, &items).iter().map(|hash| mul(*hash, 3)).collect();
        assert_eq!(encode_all(&shape, &items, &values), Err(Abort));
    }
    Ok(())
}

#[test]
fn a_bin_with_too_many_items_ends_the_run() -> Result<(), Abort> {
    let shape = Shape::with_bits(1, 100, 40.0);
    let hashes = draw::elements(101)?;
    let mut store = vec![0; shape.bin_length()];
    assert_eq!(bin::encode(&shape, &hashes, &hashes, &mut store), Err(Abort));
    Ok(())
}

#[test]
fn encoding_agrees_with_dense_elimination() -> Result<(), Abort> {
    let mut gaps = 0;
    for count in [1, 2, 5, 20, 60, 120, 200] {
        // Tight shapes, in which the gap is used and peeling may fail, and the one in use.
        let tight = |spare: usize| Shape { bins: 1, bin_items: count, sparse: count + spare + 3, dense: 10 };
        for shape in [tight(0), tight(count / 16), tight(count / 8), Shape::new(count)] {
            let (hashes, values) = (draw::elements(count)?, draw::elements(count)?);
            let mut store = vec![0; shape.bin_length()];
            let Ok(()) = bin::encode(&shape, &hashes, &values, &mut store) else { continue };
            gaps += usize::from(store[shape.sparse..].iter().any(|value| *value != 0));
            let oracle = dense_solution(&shape, &hashes, &values)?;
            assert!(bin::decode(&shape, &store, &hashes) == values);
            assert!(bin::decode(&shape, &oracle, &hashes) == values);
        }
    }
    assert!(gaps > 0, "no shape was tight enough to need the gap");
    Ok(())
}

/// How many of `trials` stores of `count` random items fail.
fn failures(shape: &Shape, count: usize, trials: usize) -> Result<usize, Abort> {
    let failed: Result<Vec<bool>, Abort> = (0..trials)
        .into_par_iter()
        .map(|_| {
            let hashes = draw::elements(count)?;
            let mut store = vec![0; shape.bin_length()];
            Ok(bin::encode(shape, &hashes, &hashes, &mut store).is_err())
        })
        .collect();
    Ok(failed?.into_iter().filter(|failed| *failed).count())
}

/// Without dense columns a bin fails with 2^-bits by the curve, and by equal rows with about 1/n: together at most.
fn check_curve(count: usize, bits: f64, trials: usize) -> Result<(), Abort> {
    let shape = Shape { dense: 0, ..Shape::with_bits(1, count, bits) };
    let failed = failures(&shape, count, trials)? as f64;
    let duplicates = 3.0 / (count as f64 * (shape.sparse as f64 / count as f64).powi(3));
    let expected = ((-bits).exp2() + duplicates) * trials as f64;
    assert!(
        failed < expected + 5.0 * expected.sqrt(),
        "{count} items, 2^-{bits}: {failed} of {trials} failed"
    );
    Ok(())
}

#[test]
fn peeling_fails_no_oftener_than_the_fitted_curve_says() -> Result<(), Abort> {
    for bits in [3.0, 5.0, 7.0] {
        check_curve(1024, bits, 2000)?;
    }
    Ok(())
}

#[test]
#[ignore = "minutes: cargo test --release -- --ignored"]
fn hundred_thousand_trials_follow_the_fitted_curve() -> Result<(), Abort> {
    for bits in [4.0, 6.0, 8.0, 10.0] {
        check_curve(1024, bits, 100_000)?;
        check_curve(4096, bits, 100_000)?;
    }
    Ok(())
}

#[test]
fn shapes_in_use_do_not_fail() -> Result<(), Abort> {
    assert_eq!(failures(&Shape::new(1024), 1024, 1000)?, 0);
    Ok(())
}

#[test]
#[ignore = "minutes: cargo test --release -- --ignored"]
fn hundred_thousand_trials_of_shapes_in_use_do_not_fail() -> Result<(), Abort> {
    assert_eq!(failures(&Shape::new(1024), 1024, 100_000)?, 0);
    assert_eq!(failures(&Shape::new(4096), 4096, 100_000)?, 0);
    Ok(())
}

#[test]
#[ignore = "seconds in release, long in debug: cargo test --release -- --ignored"]
fn a_million_items_decode() -> Result<(), Abort> {
    check_round_trip(1 << 20)
}
