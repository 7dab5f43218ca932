//! Silent VOLE: C = A' Delta + B of any length from checked correlated OTs (docs/vole.md section 6).
//!
//! ```text
//!     receiver                                   sender
//!                    <-- corrections --          trees, masked by OT keys and base values
//!     -- Z, delta of every chunk -->
//!                    <-- check hash --           one a chunk
//!     all equal, else the run ends
//! ```

mod plan;
mod receiver;
mod sender;

pub use plan::Plan;
pub use receiver::VoleReceiver;
pub use sender::VoleSender;

use super::cot::packed;
use super::hash::{Id, hash};

/// One tree of one chunk: its first OT's number and its rows, a level each.
fn tree_rows<'a>(plan: &Plan, rows: &'a [u128], chunk: usize, tree: usize) -> (usize, &'a [u128]) {
    let first = plan.base_rows() + chunk * plan.chunk_rows() + tree * plan.depth;
    (first, &rows[first..first + plan.depth])
}

fn base_values(plan: &Plan, rows: &[u128]) -> Vec<u128> {
    rows[..plan.base_rows()].chunks(128).map(packed).collect()
}

fn check_hash(id: &Id, chunk: usize, sum: u128) -> [u8; 32] {
    hash("psi-vole-check/v1", &[id, &(chunk as u64).to_be_bytes(), &sum.to_le_bytes()])
}

#[cfg(test)]
mod tests;
