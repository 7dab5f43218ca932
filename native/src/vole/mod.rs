//! VOLE-PSI after RR22 (eprint 2022/320), malicious by default. docs/vole.md holds the mathematics; names follow it.
//!
//! ```text
//!     receiver (X)                                        sender (Y)
//!                        <-- commitment, base OT choices --
//!     -- base OT offers, r, OT extension columns -->
//!                        <-- chi --
//!     -- answer to chi -->
//!                        <-- corrections of every tree --
//!     -- challenge and difference of every chunk -->
//!                        <-- check hash of every chunk --
//!     -- wr, A = P + A' -->
//!                        <-- ws --
//!     ===================== barrier =====================
//!                        <-- tags, ascending --
//! ```
//!
//! The machines read and write no socket and no clock. Whatever fails, `Abort` is all that a caller learns.

pub mod base_ot;
pub mod code;
pub mod cot;
pub mod draw;
pub mod fixed_key;
pub mod frames;
pub mod gf128;
pub mod glue;
pub mod hash;
pub mod machines;
pub mod okvs;
pub mod oracle;
pub mod order;
pub mod pprf;
pub mod silent;
pub mod tags;

/// A run cannot go on. It says nothing of the reason: to tell one check's failure from another's would be an oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort;

impl std::fmt::Display for Abort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the run was given up")
    }
}

impl From<Abort> for pyo3::PyErr {
    fn from(abort: Abort) -> Self {
        pyo3::exceptions::PyValueError::new_err(abort.to_string())
    }
}

/// Go on only if `holds`.
fn require(holds: bool) -> Result<(), Abort> {
    if holds { Ok(()) } else { Err(Abort) }
}
