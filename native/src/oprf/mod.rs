//! RFC 9497 on ristretto255-SHA512: OPRF, VOPRF and POPRF, plain and in batches on all cores.
//!
//! ```text
//!     client (receiver)                          server (sender), key k, public key K = kG
//!     C = r * H(x)               -- C -->
//!                             <-- D, proof --    D = k * C, proof that log_G(K) = log_C(D) for all pairs
//!     check proof; F(x) = Hash(x, D / r)
//! ```
//!
//! `suite`, `keys`, `client`, `server`, `proof` and `poprf` follow the RFC one input at a time. The batch forms,
//! `blinded` and `answer`, give the same outputs for less work:
//!
//! - The blind is added, not multiplied: B = H(x) + rG, taken off again by r * K; both are fixed-base products. That is
//!   safe only with an authenticated K and a checked proof ("On the (In)Security of the Diffie-Hellman Oblivious PRF
//!   with Multiplicative Blinding", eprint 2021/273), so no output is computed before the chunk's proof holds.
//! - Points are encoded in batches, which yields the encoding of the double of each. So the client sends C = 2B, the
//!   server answers D = (k/4) * C, computed as the double of (k/8) * C, and the client finds k * H(x) as the double of
//!   D - (r/2) * K. On the wire this is the RFC's VOPRF with key k/4, whose public key K/4 everyone computes from K.
//! - The weights of a chunk's proof come from both lists whole, not pair by pair as in the RFC: see `proof`.
//! - Points stay uncompressed between blinding and checking; one proof covers a chunk.
//!
//! Not constant-time are multiproducts of public values alone (weights, encodings of both lists, proofs). Every product
//! by a key, a blind or a proof's nonce is.

pub mod answer;
pub mod blinded;
pub mod cache;
pub mod cache_glue;
pub mod cache_index;
pub mod client;
mod fault;
pub mod glue;
pub mod keys;
pub mod outputs;
pub mod poprf;
pub mod proof;
pub mod server;
pub mod suite;
pub mod tag_changes;
pub mod tags;

pub use fault::OprfFault;

#[cfg(test)]
mod tests;
