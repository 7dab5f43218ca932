//! Messages cut into frames, and put together again: every length is known before the first byte arrives.

use std::collections::VecDeque;

use super::{Abort, require};

/// Bytes of every frame of a message but the last, which has what is left.
pub const FRAME_BYTES: usize = 1 << 20;
const ELEMENT: usize = size_of::<u128>();

/// A message to send: bytes, then elements (little-endian), written frame by frame as they leave; then whole frames.
#[derive(Default, PartialEq, Eq)]
pub struct Outgoing {
    head: Vec<u8>,
    elements: Vec<u128>,
    sent: usize,
    behind: VecDeque<Vec<u8>>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outgoing({} bytes)", self.length())
    }
}

impl From<Vec<u8>> for Outgoing {
    fn from(head: Vec<u8>) -> Self {
        Self { head, ..Self::default() }
    }
}

impl Outgoing {
    /// A head of a whole number of elements' bytes, and elements.
    pub fn new(head: Vec<u8>, elements: Vec<u128>) -> Result<Self, Abort> {
        require(head.len().is_multiple_of(ELEMENT))?;
        Ok(Self { head, elements, ..Self::default() })
    }

    /// Let these frames follow the message.
    pub fn followed_by(self, frames: Vec<Vec<u8>>) -> Self {
        Self { behind: frames.into(), ..self }
    }

    fn length(&self) -> usize {
        self.head.len() + ELEMENT * self.elements.len()
    }

    /// Whether no frame is left.
    pub fn is_empty(&self) -> bool {
        self.next_length() == 0
    }

    /// Bytes of the next frame; 0 when none is left.
    pub fn next_length(&self) -> usize {
        let left = self.length() - self.sent;
        if left > 0 { FRAME_BYTES.min(left) } else { self.behind.front().map_or(0, Vec::len) }
    }

    /// Write the next frame, of `next_length` bytes.
    pub fn write(&mut self, frame: &mut [u8]) {
        if self.sent == self.length() {
            if let Some(whole) = self.behind.pop_front() {
                frame.copy_from_slice(&whole);
            }
            return;
        }
        let head = self.head.get(self.sent..).unwrap_or_default();
        let from_head = frame.len().min(head.len());
        let (first, rest) = frame.split_at_mut(from_head);
        first.copy_from_slice(&head[..from_head]);
        let start = (self.sent + from_head).saturating_sub(self.head.len()) / ELEMENT;
        for (place, element) in rest.chunks_exact_mut(ELEMENT).zip(&self.elements[start..]) {
            place.copy_from_slice(&element.to_le_bytes());
        }
        self.sent += frame.len();
    }
}

impl Iterator for Outgoing {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut frame = vec![0; self.next_length()];
        self.write(&mut frame);
        (!frame.is_empty()).then_some(frame)
    }
}

/// The next message to come in.
pub struct Inbox {
    length: usize,
    arrived: usize,
    message: Vec<u8>,
}

/// Where a frame lies in its message, and whether it is the last one.
pub struct Piece {
    /// Bytes before it.
    pub start: usize,
    /// Whether the message is whole with it.
    pub last: bool,
}

impl Inbox {
    /// Wait for `length` bytes. Nothing is allocated before it arrives.
    pub fn new(length: usize) -> Self {
        Self { length, arrived: 0, message: Vec::new() }
    }

    /// Take a frame of exactly the length that is due, to be used at once.
    pub fn pass(&mut self, frame: &[u8]) -> Result<Piece, Abort> {
        let start = self.arrived;
        let due = FRAME_BYTES.min(self.length - start);
        require(due > 0 && frame.len() == due)?;
        self.arrived += due;
        Ok(Piece { start, last: self.arrived == self.length })
    }

    /// Take a frame of exactly the length that is due; returns the message once it is whole.
    pub fn take(&mut self, frame: &[u8]) -> Result<Option<Vec<u8>>, Abort> {
        let piece = self.pass(frame)?;
        self.message.extend_from_slice(frame);
        Ok(piece.last.then(|| std::mem::take(&mut self.message)))
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
            let frames: Vec<Vec<u8>> = Outgoing::from(message.clone()).collect();
            for frame in &frames[..frames.len() - 1] {
                assert_eq!(inbox.take(frame)?, None);
            }
            assert_eq!(inbox.take(&frames[frames.len() - 1])?, Some(message));
        }
        Ok(())
    }

    #[test]
    fn elements_follow_their_head_across_frames() -> Result<(), Abort> {
        for (head, count) in [(0, 3), (16, 0), (16, 5), (16, FRAME_BYTES / 16), (48, 2 * FRAME_BYTES / 16)] {
            let elements: Vec<u128> = (0..count as u128).map(|at| at * 0x0102_0304_0506_0708_090a).collect();
            let message =
                [vec![7; head], elements.iter().flat_map(|each| each.to_le_bytes()).collect()].concat();
            let made: Vec<u8> = Outgoing::new(vec![7; head], elements)?.flatten().collect();
            assert!(made == message, "{head}, {count}");
        }
        let followed = Outgoing::new(vec![1; 16], vec![2])?.followed_by(vec![vec![3], vec![4, 5]]);
        assert_eq!(followed.map(|frame| frame.len()).collect::<Vec<usize>>(), [32, 1, 2]);
        assert!(Outgoing::new(vec![0; 8], Vec::new()).is_err() && Outgoing::default().next().is_none());
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
