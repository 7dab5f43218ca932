//! What can be wrong with the bytes of a key, an element or a proof.

use pyo3::PyErr;
use pyo3::exceptions::PyValueError;

/// A fault in what the caller or the peer handed in. Messages give positions and lengths, never contents.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the sentence of a variant says what its fields are
pub enum OprfFault {
    /// Bytes are no canonical encoding of an element (RFC 9496 section 4.3.1).
    Encoding { what: &'static str, index: usize },
    /// An element is the identity (RFC 9497 section 4.1: DeserializeElement fails).
    Identity { what: &'static str, index: usize },
    /// Bytes are no canonical encoding of a scalar, or the scalar is zero where it must not be.
    Scalar { what: &'static str },
    /// A proof does not hold (RFC 9497 section 2.2.2: VerifyError).
    Proof,
    /// An input or a piece of public info is longer than 65,535 bytes, or hashes to the identity.
    Input,
    /// A key and a piece of public info cancel each other out (RFC 9497: InverseError).
    Inverse,
    /// Two lists that go together differ in length, or a chunk has no element or more than 65,535.
    Count { what: &'static str, got: usize, want: usize },
    /// A number is outside what it may be.
    Range { what: &'static str, got: u64, most: u64 },
    /// A coded list of tags is cut short, too long, not canonical or not ascending.
    Code { tag: usize },
    /// A list that must ascend does not.
    Order { what: &'static str, index: usize },
    /// A value is not in the list from which it is to be taken.
    Unknown { what: &'static str, index: usize },
    /// A value stands where it stood before.
    Twice { what: &'static str, index: usize },
    /// The operating system gave no random bytes.
    Random,
}

impl std::fmt::Display for OprfFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Encoding { what, index } => {
                write!(f, "{what} {index} is no canonical encoding of an element")
            }
            Self::Identity { what, index } => write!(f, "{what} {index} is the identity"),
            Self::Scalar { what } => write!(f, "{what} is no canonical scalar, or is zero"),
            Self::Proof => write!(f, "the proof does not hold for this key, chunk and place"),
            Self::Input => {
                write!(f, "an input is longer than 65,535 bytes, or cannot be hashed to an element")
            }
            Self::Inverse => write!(f, "the key has no evaluation for this public info"),
            Self::Count { what, got, want } => write!(f, "{what}: {got} are given where {want} are due"),
            Self::Range { what, got, most } => write!(f, "{what} is {got}, at most {most} may be asked"),
            Self::Code { tag } => write!(f, "the coded tags are malformed at tag {tag}"),
            Self::Order { what, index } => write!(f, "{what} do not ascend at {index}"),
            Self::Unknown { what, index } => write!(f, "{what}, number {index}, is not in the list"),
            Self::Twice { what, index } => write!(f, "{what}, number {index}, comes twice"),
            Self::Random => write!(f, "the operating system gave no random bytes"),
        }
    }
}

impl std::error::Error for OprfFault {}

impl From<OprfFault> for PyErr {
    fn from(fault: OprfFault) -> Self {
        PyValueError::new_err(fault.to_string())
    }
}
