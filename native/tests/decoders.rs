//! The fuzz targets on stable: seeds, seeds with a few changes, and random bytes, so many that it takes seconds.
//!
//! A fixed sequence, so that a failure comes again; cargo-fuzz (CONTRIBUTING.md) looks further.

#![allow(clippy::expect_used)] // a test, and targets that assert

#[path = "../fuzz/src/lib.rs"]
mod targets;

use sha2::{Digest, Sha256};

/// A sequence of numbers that looks random: SHA-256 of a counter.
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        let hash = Sha256::digest(self.0.to_be_bytes());
        hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// An input with a few changes: bits, bytes, a piece left out, repeated or put at the end.
    fn changed(&mut self, input: &[u8]) -> Vec<u8> {
        let mut changed = input.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(changed.len());
            let length = self.below(40).min(changed.len() - at);
            match self.below(6) {
                0 if !changed.is_empty() => changed[at] ^= 1 << self.below(8),
                1 if !changed.is_empty() => changed[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => drop(changed.drain(at..at + length)),
                3 => {
                    let piece = changed[at..at + length].to_vec();
                    changed.splice(at..at, piece);
                }
                4 => changed.truncate(at),
                _ => {
                    let more = self.below(70);
                    changed.extend(self.bytes(more));
                }
            }
        }
        changed
    }
}

#[test]
fn every_decoder_takes_or_refuses_any_bytes() {
    for target in targets::TARGETS {
        let (seed, mut sequence) = ((target.seed)(), Sequence(0));
        assert!(targets::run(target.name, &seed), "{}: its seed is refused", target.name);
        let mut refused = usize::from(!targets::run(target.name, &[]));
        for round in 0..target.rounds {
            let length = sequence.below(300);
            let input = if round % 8 == 0 { sequence.bytes(length) } else { sequence.changed(&seed) };
            refused += usize::from(!targets::run(target.name, &input));
        }
        assert!(refused > 0, "{}: nothing was refused", target.name);
    }
}

#[test]
fn every_target_has_a_file_for_cargo_fuzz() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    let named: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
        .collect();
    assert_eq!(named, targets::TARGETS.iter().map(|target| target.name).collect::<Vec<_>>());
}
