//! RR22's two machines, without I/O: frames in, frames out. One run each; an abort is final.

mod labels;
mod receiver;
mod sender;
mod terms;

pub use labels::{LabelTerms, Labelled};
pub use receiver::Receiver;
pub use sender::Sender;
pub use terms::{Terms, Variant};

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod deviations;
#[cfg(test)]
mod label_tests;
#[cfg(test)]
mod statistics;
#[cfg(test)]
mod tests;
