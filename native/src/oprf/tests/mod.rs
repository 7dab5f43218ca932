//! Known answers, an oracle by other hands, the batch forms against the plain ones, and hostile bytes.

mod batch;
mod caches;
mod hostile;
mod oracle;
mod tag_lists;
mod vectors;

use std::error::Error;

use super::suite::Encoded;

type Checked = Result<(), Box<dyn Error>>;

fn unhex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: Vec<u32> = text
        .chars()
        .map(|digit| digit.to_digit(16).ok_or("no hexadecimal digit"))
        .collect::<Result<_, _>>()?;
    Ok(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | *digit as u8)).collect())
}

fn unhex32(text: &str) -> Result<Encoded, Box<dyn Error>> {
    Ok(unhex(text)?.as_slice().try_into()?)
}

/// Distinct inputs that look random.
fn inputs(count: usize, salt: u8) -> Vec<Encoded> {
    use sha2::{Digest, Sha256};
    (0..count)
        .map(|index| Sha256::digest([&[salt], index.to_be_bytes().as_slice()].concat()).into())
        .collect()
}
