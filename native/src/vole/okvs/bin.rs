//! One bin: encode by peeling, solving the gap and substituting back; decode by Horner.

use super::Shape;
use super::peel::{Peeled, peel};
use crate::vole::gf128::{horner, horner_all, invert, mul};
use crate::vole::{Abort, require};

/// Fill `out` (a bin's length, all zero) so that every row decodes to its value.
pub fn encode(shape: &Shape, hashes: &[u128], values: &[u128], out: &mut [u128]) -> Result<(), Abort> {
    require(hashes.len() <= shape.bin_items)?;
    // Both are below 2^16: a bin of the largest shape has fewer than 2^15 items and 2^16 columns.
    require(hashes.len() < usize::from(u16::MAX) && shape.sparse < usize::from(u16::MAX))?;
    let rows: Vec<[u16; 3]> =
        hashes.iter().map(|hash| shape.columns(*hash).map(|column| column as u16)).collect();
    let bin = Bin { rows: &rows, peeled: peel(&rows, shape.sparse), sparse: shape.sparse };
    let (sparse, dense) = out.split_at_mut(shape.sparse);
    if bin.peeled.gap.is_empty() {
        bin.substitute(sparse, |row| values[row]);
        return Ok(());
    }
    let solution = bin.solve_gap(shape.dense, hashes, values)?;
    dense.copy_from_slice(&solution);
    bin.substitute(sparse, |row| values[row] ^ horner(dense, hashes[row]));
    Ok(())
}

/// The values of rows in their bin.
pub fn decode(shape: &Shape, store: &[u128], hashes: &[u128]) -> Vec<u128> {
    let (sparse, dense) = store.split_at(shape.sparse);
    let mut values = vec![0; hashes.len()];
    horner_all(dense, hashes, &mut values);
    for (value, hash) in values.iter_mut().zip(hashes) {
        *value = shape.columns(*hash).iter().fold(*value, |sum, column| sum ^ sparse[*column]);
    }
    values
}

struct Bin<'a> {
    rows: &'a [[u16; 3]],
    peeled: Peeled,
    sparse: usize,
}

impl Bin<'_> {
    fn sum(&self, sparse: &[u128], row: u16) -> u128 {
        self.rows[usize::from(row)].iter().fold(0, |sum, column| sum ^ sparse[usize::from(*column)])
    }

    /// Solve every peeled row, the last one first: its column is in no row that was taken out later.
    fn substitute(&self, sparse: &mut [u128], value: impl Fn(usize) -> u128) {
        for (row, column) in self.peeled.order.iter().rev() {
            // The column's own place is still 0.
            sparse[usize::from(*column)] = value(usize::from(*row)) ^ self.sum(sparse, *row);
        }
    }

    /// What the sparse part of the gap's rows comes to when the peeled rows have these values.
    fn carried(&self, value: impl Fn(usize) -> u128) -> Vec<u128> {
        let mut sparse = vec![0; self.sparse];
        self.substitute(&mut sparse, value);
        self.peeled.gap.iter().map(|row| self.sum(&sparse, *row)).collect()
    }

    /// The dense columns with which the gap's rows hold too (docs/vole.md section 4).
    fn solve_gap(&self, dense: usize, hashes: &[u128], values: &[u128]) -> Result<Vec<u128>, Abort> {
        require(self.peeled.gap.len() <= dense)?;
        let mut powers = hashes.to_vec();
        let mut equations = vec![Vec::new(); self.peeled.gap.len()];
        for _ in 0..dense {
            let carried = self.carried(|row| powers[row]);
            for ((equation, row), carried) in equations.iter_mut().zip(&self.peeled.gap).zip(carried) {
                equation.push(powers[usize::from(*row)] ^ carried);
            }
            powers.iter_mut().zip(hashes).for_each(|(power, hash)| *power = mul(*power, *hash));
        }
        let carried = self.carried(|row| values[row]);
        for ((equation, row), carried) in equations.iter_mut().zip(&self.peeled.gap).zip(carried) {
            equation.push(values[usize::from(*row)] ^ carried);
        }
        eliminate(equations, dense)
    }
}

/// Solve equations of `unknowns` coefficients and a right side; aborts unless they are independent. The rest is 0.
pub fn eliminate(mut equations: Vec<Vec<u128>>, unknowns: usize) -> Result<Vec<u128>, Abort> {
    let mut pivots = Vec::with_capacity(equations.len());
    for at in 0..equations.len() {
        let pivot = (0..unknowns).find(|unknown| equations[at][*unknown] != 0).ok_or(Abort)?;
        let scale = invert(equations[at][pivot]);
        let row: Vec<u128> = equations[at].iter().map(|value| mul(*value, scale)).collect();
        for (other, equation) in equations.iter_mut().enumerate() {
            let factor = equation[pivot];
            if other != at && factor != 0 {
                equation.iter_mut().zip(&row).for_each(|(value, own)| *value ^= mul(factor, *own));
            }
        }
        equations[at] = row;
        pivots.push(pivot);
    }
    let mut solution = vec![0; unknowns];
    for (pivot, equation) in pivots.iter().zip(&equations) {
        solution[*pivot] = equation[unknowns];
    }
    Ok(solution)
}
