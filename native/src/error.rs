//! What can be wrong with a caller's bytes, and the one place where it becomes a Python exception.

use pyo3::PyErr;
use pyo3::exceptions::PyValueError;

/// A fault in what was handed in. Messages give lengths and positions, never contents.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// A packed buffer is not a whole number of elements.
    NotWhole { what: &'static str, got: usize, element: usize },
    /// A key or hash has another length than it must have.
    Length { what: &'static str, got: usize, want: usize },
    /// Parts of hashes are asked for that no hash has.
    Width { got: usize },
    /// Two buffers that go together hold different numbers of elements.
    Mismatch { left: &'static str, lefts: usize, right: &'static str, rights: usize },
    /// The ends of packed rows do not ascend, or do not end where the data ends.
    Ends { row: usize },
    /// More elements than positions of 32 bits can name.
    TooMany { got: usize },
    /// A buffer that somebody could write to while it is read, or one in several pieces.
    Writable,
    /// A buffer that is to be changed cannot be.
    ReadOnly,
    /// A place names a row that is not there.
    Place,
    /// A text of numbers has none for a row, or one too many.
    Number { row: usize },
    /// The operating system gave no random bytes.
    NoRandomness,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotWhole { what, got, element } => {
                write!(f, "{what}: {got} bytes are no whole number of {element}-byte elements")
            }
            Self::Length { what, got, want } => write!(f, "{what}: {got} bytes where {want} are due"),
            Self::Width { got } => write!(f, "width {got}: a hash has 1 to 32 bytes"),
            Self::Mismatch { left, lefts, right, rights } => {
                write!(f, "{lefts} {left} and {rights} {right}: as many of one as of the other are due")
            }
            Self::Ends { row } => write!(f, "the ends of packed rows are wrong at row {row}"),
            Self::NoRandomness => write!(f, "the operating system gave no random bytes"),
            Self::TooMany { got } => write!(f, "{got} elements are more than one call takes"),
            Self::Writable => f.write_str("a buffer must be read-only and in one piece"),
            Self::ReadOnly => f.write_str("a buffer must be writable and in one piece"),
            Self::Number { row } => write!(f, "a text of numbers is wrong at row {row}"),
            Self::Place => f.write_str("a place is past the last row"),
        }
    }
}

impl From<Fault> for PyErr {
    fn from(fault: Fault) -> Self {
        PyValueError::new_err(fault.to_string())
    }
}
