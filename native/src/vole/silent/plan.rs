//! How many chunks a VOLE of some length needs, and how long its messages are.

/// Noise places of a chunk, one in each tree: (3/4)^312 < 2^-129.
///
/// A word of relative weight 1/4 in the code's row space is the lightest that anyone is known to find (pseudo-distance;
/// it is not the minimum distance). Noise values are uniform in F, so a projection to F2 halves the noise: the bias is
/// (1 - 1/4)^t, and t = 128 / log2(4/3) = 308.4, rounded up to whole groups of eight trees. docs/vole.md section 6.
pub const NOISE_WEIGHT: usize = 312;
/// Base values of a chunk: one for each tree and one for the check.
pub const BASE_VALUES: usize = NOISE_WEIGHT + 1;
/// Smaller codes would have lighter words within reach of a search that is made once for all runs (section 6).
const LEAST_DEPTH: usize = 8;
const LARGEST_DEPTH: usize = 10;
/// Bytes of one chunk's challenge (Z and delta), and of its answer.
const CHALLENGE_BYTES: usize = 32;
const ANSWER_BYTES: usize = 32;

/// How many chunks of what size a length needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Length of the VOLE.
    pub length: usize,
    /// Depth of a tree: it has 2^depth leaves.
    pub depth: usize,
    /// Chunks, each but the last giving the next one's base values.
    pub chunks: usize,
}

impl Plan {
    /// The smallest trees with which one chunk is enough, or chunks of the largest ones.
    pub fn new(length: usize) -> Self {
        let outputs = |depth: usize| (NOISE_WEIGHT << depth) / 2;
        let depth =
            (LEAST_DEPTH..LARGEST_DEPTH).find(|depth| outputs(*depth) >= length).unwrap_or(LARGEST_DEPTH);
        let fresh = outputs(depth) - BASE_VALUES;
        let chunks = length.saturating_sub(BASE_VALUES).div_ceil(fresh).max(1);
        Self { length, depth, chunks }
    }

    /// Symbols of a chunk before the code.
    pub fn noise_length(&self) -> usize {
        NOISE_WEIGHT << self.depth
    }

    /// Outputs that a chunk gives the result, of those that give the next one its base values. The last gives the rest.
    pub fn fresh(&self) -> usize {
        self.noise_length() / 2 - BASE_VALUES
    }

    /// Correlated OTs of the first chunk's base values.
    pub fn base_rows(&self) -> usize {
        BASE_VALUES * 128
    }

    /// Correlated OTs of one chunk's trees.
    pub fn chunk_rows(&self) -> usize {
        NOISE_WEIGHT * self.depth
    }

    /// Correlated OTs in all.
    pub fn rows(&self) -> usize {
        self.base_rows() + self.chunks * self.chunk_rows()
    }

    /// Bytes of one tree's corrections: two a level and one.
    pub fn tree_bytes(&self) -> usize {
        16 * (2 * self.depth + 1)
    }

    /// Bytes of all corrections.
    pub fn corrections_bytes(&self) -> usize {
        self.chunks * NOISE_WEIGHT * self.tree_bytes()
    }

    /// Bytes of all challenges.
    pub fn challenges_bytes(&self) -> usize {
        self.chunks * CHALLENGE_BYTES
    }

    /// Bytes of all answers.
    pub fn answers_bytes(&self) -> usize {
        self.chunks * ANSWER_BYTES
    }
}
