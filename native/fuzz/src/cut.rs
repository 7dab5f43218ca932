//! An input, read piece by piece; past its end come zeros.

pub struct Cut<'a>(pub &'a [u8]);

impl<'a> Cut<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut found = [0; N];
        let taken = self.at_most(N);
        found[..taken.len()].copy_from_slice(taken);
        found
    }

    /// The next bytes, as many as are there and no more than `most`.
    pub fn at_most(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}
