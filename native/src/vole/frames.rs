//! Messages cut into frames, and put together again: every length is known before the first byte arrives.

use super::{Abort, require};

/// Bytes of every frame of a message but the last, which has what is left.
pub const FRAME_BYTES: usize = 1 << 20;

/// The frames of a message.
pub fn cut(message: &[u8]) -> Vec<Vec<u8>> {
    message.chunks(FRAME_BYTES).map(<[u8]>::to_vec).collect()
}

/// The next message to come in.
pub struct Inbox {
    length: usize,
    message: Vec<u8>,
}

impl Inbox {
    /// Wait for `length` bytes. Nothing is allocated before it arrives.
    pub fn new(length: usize) -> Self {
        Self { length, message: Vec::new() }
    }

    /// Take a frame of exactly the length that is due; returns the message once it is whole.
    pub fn take(&mut self, frame: &[u8]) -> Result<Option<Vec<u8>>, Abort> {
        let due = FRAME_BYTES.min(self.length - self.message.len());
        require(due > 0 && frame.len() == due)?;
        self.message.extend_from_slice(frame);
        Ok((self.message.len() == self.length).then(|| std::mem::take(&mut self.message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_together_as_they_were_cut() -> Result<(), Abort> {
        for length in [1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES] {
            let message: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut inbox = Inbox::new(length);
            let frames = cut(&message);
            for frame in &frames[..frames.len() - 1] {
                assert_eq!(inbox.take(frame)?, None);
            }
            assert_eq!(inbox.take(&frames[frames.len() - 1])?, Some(message));
        }
        Ok(())
    }

    #[test]
    fn wrong_lengths_are_refused() {
        for length in [0, 9, 11, FRAME_BYTES, FRAME_BYTES + 10] {
            assert_eq!(Inbox::new(10).take(&vec![0; length]), Err(Abort));
            assert_eq!(Inbox::new(FRAME_BYTES + 1).take(&vec![0; length]).is_ok(), length == FRAME_BYTES);
        }
        assert_eq!(Inbox::new(0).take(&[]), Err(Abort));
    }
}
