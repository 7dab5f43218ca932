//! How long a store is, from the number of items alone (docs/vole.md section 4).

/// Statistical security in bits: a store fails with probability 2^-40.
const STATISTICAL: f64 = 40.0;
/// log2 of the items that a bin holds on average.
const BIN_BITS: u32 = 14;
/// Items below which the fitted curve says nothing; smaller bins take this one's shape.
const LEAST_FITTED: usize = 64;
/// The curve's point for weight 3 (RR22, equation 2 and figure 3): e* and -9.2.
const CRITICAL: f64 = 1.223;
const OFFSET: f64 = 9.2;
/// Expansion is rounded up to a multiple of 10^-4, so that the last bit of a logarithm decides nothing.
const EXPANSION_STEPS: f64 = 10_000.0;

/// The public shape of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Bins, each a store of its own.
    pub bins: usize,
    /// The most items that a bin may hold.
    pub bin_items: usize,
    /// Columns of a bin of which each row has three.
    pub sparse: usize,
    /// Columns of a bin that hold powers of the row's hash.
    pub dense: usize,
}

impl Shape {
    /// The shape for `items` items, each bin failing with probability 2^-(40 + log2 bins).
    pub fn new(items: usize) -> Self {
        let bins = (items >> BIN_BITS).max(1);
        let bits = STATISTICAL + (bins as f64).log2();
        Self::with_bits(bins, largest_bin(items, bins), bits)
    }

    /// Bins of at most `bin_items` items whose peeling fails with probability 2^-bits by the fitted curve.
    pub fn with_bits(bins: usize, bin_items: usize, bits: f64) -> Self {
        let items = bin_items.max(LEAST_FITTED) as f64;
        let expansion = (expansion(items, bits) * EXPANSION_STEPS).ceil() / EXPANSION_STEPS;
        let sparse = (expansion * items).ceil();
        let dense = (bits / (expansion * items).log2()).floor();
        Self { bins, bin_items, sparse: sparse as usize, dense: dense as usize }
    }

    /// Elements of one bin.
    pub fn bin_length(&self) -> usize {
        self.sparse + self.dense
    }

    /// Elements of the whole store: m.
    pub fn length(&self) -> usize {
        self.bins * self.bin_length()
    }

    /// The bin of a row.
    pub fn bin(&self, hash: u128) -> usize {
        scale(word(hash, 3), self.bins)
    }

    /// The three columns of a row, distinct, uniform over all ordered triples.
    pub fn columns(&self, hash: u128) -> [usize; 3] {
        let first = scale(word(hash, 0), self.sparse);
        let mut second = scale(word(hash, 1), self.sparse - 1);
        second += usize::from(second >= first);
        let mut third = scale(word(hash, 2), self.sparse - 2);
        third += usize::from(third >= first.min(second));
        third += usize::from(third >= first.max(second));
        [first, second, third]
    }
}

fn word(hash: u128, at: u32) -> u64 {
    u64::from((hash >> (32 * at)) as u32)
}

/// A 32-bit word to a number below `bound`.
fn scale(word: u64, bound: usize) -> usize {
    ((word * bound as u64) >> 32) as usize
}

/// RR22 equation 3 for weight 3, solved for e.
fn expansion(items: f64, bits: f64) -> f64 {
    let weight = 3_f64.log2();
    let shift = 0.093 * weight.powi(3) - 1.01 * weight.powi(2) + 2.925 * weight - 0.133;
    let slope = (0.555 * items.log2() + shift).exp2();
    CRITICAL + (bits + OFFSET) / slope
}

/// The smallest q with bins * Pr[a bin holds more than q] <= 2^-(40 + log2 bins), from + - * / alone (the same on
/// every machine).
fn largest_bin(items: usize, bins: usize) -> usize {
    if bins == 1 {
        return items;
    }
    let (n, others) = (items as f64, (bins - 1) as f64);
    let mode = items / bins;
    let up = |k: usize| (n - k as f64) / ((k + 1) as f64 * others);
    let mut weights = vec![1.0];
    let mut weight = 1.0;
    for k in mode..items {
        weight *= up(k);
        if weight < 1e-40 {
            break;
        }
        weights.push(weight);
    }
    let mut total: f64 = weights.iter().sum();
    weight = 1.0;
    for k in (0..mode).rev() {
        weight /= up(k);
        total += weight;
        if weight < 1e-40 {
            break;
        }
    }
    let allowed = total / ((bins * bins) as f64 * STATISTICAL.exp2());
    let mut tail = 0.0;
    for (above, weight) in weights.iter().enumerate().rev() {
        tail += weight;
        if tail > allowed {
            return mode + above;
        }
    }
    mode
}
