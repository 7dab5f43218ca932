//! What every decoder of psi_native must do with any bytes: refuse them or read them, and never panic.
//!
//! A target takes bytes and says whether they were read as well-formed; it asserts what holds for those that were. Its
//! `seed` is an input that is. cargo-fuzz runs the targets on nightly, tests/decoders.rs on stable.

#[path = "cut.rs"]
mod cut;
#[path = "oprf.rs"]
mod oprf;
#[path = "vole.rs"]
mod vole;

/// One target.
pub struct Target {
    /// As cargo-fuzz calls it.
    pub name: &'static str,
    /// Whether the bytes were read as well-formed.
    pub reads: fn(&[u8]) -> bool,
    /// Bytes that are.
    pub seed: fn() -> Vec<u8>,
    /// How many mutated inputs a bounded run on stable takes: fewer where one input takes long.
    pub rounds: usize,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "oprf_points", reads: oprf::points, seed: oprf::points_seed, rounds: 300 },
    Target { name: "oprf_chunks", reads: oprf::chunks, seed: oprf::chunks_seed, rounds: 200 },
    Target { name: "oprf_tags", reads: oprf::tags, seed: oprf::tags_seed, rounds: 20_000 },
    Target { name: "oprf_caches", reads: oprf::caches, seed: oprf::caches_seed, rounds: 5_000 },
    Target { name: "vole_tags", reads: vole::tags, seed: vole::tags_seed, rounds: 20_000 },
    Target { name: "vole_parts", reads: vole::parts, seed: vole::parts_seed, rounds: 60 },
    Target { name: "vole_runs", reads: vole::runs, seed: vole::runs_seed, rounds: 20 },
];

/// Run one target; an unknown name is a mistake in `fuzz_targets/`.
pub fn run(name: &str, data: &[u8]) -> bool {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.map(|target| (target.reads)(data)).expect("a target of this name")
}
