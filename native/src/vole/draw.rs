//! Randomness from the operating system.

use super::Abort;

/// `N` fresh random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], Abort> {
    let mut drawn = [0; N];
    getrandom::fill(&mut drawn).map_err(|_| Abort)?;
    Ok(drawn)
}

/// A uniform element of GF(2^128).
pub fn element() -> Result<u128, Abort> {
    Ok(u128::from_le_bytes(bytes()?))
}

/// `count` uniform elements.
pub fn elements(count: usize) -> Result<Vec<u128>, Abort> {
    let mut drawn = vec![0_u8; count * 16];
    getrandom::fill(&mut drawn).map_err(|_| Abort)?;
    Ok(drawn.as_chunks().0.iter().map(|bytes| u128::from_le_bytes(*bytes)).collect())
}
