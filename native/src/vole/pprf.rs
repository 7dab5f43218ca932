//! Puncturable PRF: GGM trees, eight side by side (BCGI+ eprint 2019/1159). Node hash: two fixed-key AES with feed-forward.
//!
//! Nodes of a level lie as [node][tree], so that one pass of AES serves all eight trees.

use super::fixed_key::FixedKey;
use super::hash::{Id, halves};

/// Trees that are grown together.
pub const GROUP: usize = 8;
/// Nodes of each tree that are hashed together.
const BATCH: usize = 8;

/// The hash from a node to its two children, in one group of trees.
///
/// A key for each group: whoever inverts the hash by trial compares a trial with the nodes of eight trees, not of all.
pub struct Children {
    left: FixedKey,
    right: FixedKey,
}

impl Children {
    /// Keys of one group of one chunk.
    pub fn new(id: &Id, chunk: usize, group: usize) -> Self {
        let number = |number: usize| (number as u64).to_be_bytes();
        let [left, right] = halves("psi-vole-ggm/v1", &[id, &number(chunk), &number(group)]);
        Self { left: FixedKey::new(left), right: FixedKey::new(right) }
    }

    /// The next level in place: children 2i and 2i + 1 of node i, of `nodes` nodes at the beginning of `level`.
    ///
    /// Returns, for either side, the sum of each tree's children on it.
    fn grow(&self, level: &mut [u128], nodes: usize) -> [Sums; 2] {
        let mut sums = [[0; GROUP]; 2];
        let mut sides = [[0; BATCH * GROUP]; 2];
        // From the end: children lie behind their parents.
        for first in (0..nodes).step_by(BATCH).rev() {
            let nodes = first..nodes.min(first + BATCH);
            let parents = &level[nodes.start * GROUP..nodes.end * GROUP];
            self.left.hash_all(parents, &mut sides[0][..parents.len()]);
            self.right.hash_all(parents, &mut sides[1][..parents.len()]);
            let [left, right] = sides.each_ref().map(|side| side.as_chunks::<GROUP>().0);
            let children = level.as_chunks_mut::<GROUP>().0[2 * nodes.start..2 * nodes.end].as_chunks_mut().0;
            for ([left_child, right_child], (left, right)) in children.iter_mut().zip(left.iter().zip(right))
            {
                (*left_child, *right_child) = (*left, *right);
                add(&mut sums[0], left);
                add(&mut sums[1], right);
            }
        }
        sums
    }
}

/// One element of each tree.
pub type Sums = [u128; GROUP];

fn add(sums: &mut Sums, nodes: &Sums) {
    sums.iter_mut().zip(nodes).for_each(|(sum, node)| *sum ^= node);
}

/// Grow eight whole trees to 2^depth leaves each, which fill `leaves`.
/// Returns, for each level, the sums of each tree's left and right children.
pub fn grow(children: &Children, roots: &[u128], leaves: &mut [u128]) -> Vec<[Sums; 2]> {
    leaves[..GROUP].copy_from_slice(roots);
    (0..depth(leaves)).map(|level| children.grow(leaves, 1 << level)).collect()
}

/// Grow eight trees but for one leaf each, which is 0. For each tree and level: the side off the path, and its sum.
/// Returns each tree's punctured leaf, and the sum of the others.
pub fn grow_punctured(
    children: &Children,
    off_path: &[Vec<(usize, u128)>],
    leaves: &mut [u128],
) -> ([usize; GROUP], Sums) {
    leaves[..GROUP].fill(0);
    let (mut paths, mut known) = ([0; GROUP], [0; GROUP]);
    for level in 0..depth(leaves) {
        let sums = children.grow(leaves, 1 << level);
        for (tree, off_path) in off_path.iter().enumerate() {
            let (side, sum) = off_path[level];
            // The children of the node on the path are hashes of 0 so far: unknown.
            let on = [0, 1].map(|side| (2 * paths[tree] + side) * GROUP + tree);
            let [left, right] = on.map(|place| std::mem::take(&mut leaves[place]));
            let others = [sums[0][tree] ^ left, sums[1][tree] ^ right];
            leaves[on[side]] = sum ^ others[side];
            known[tree] = sum ^ others[1 - side];
            paths[tree] = 2 * paths[tree] + 1 - side;
        }
    }
    (paths, known)
}

fn depth(leaves: &[u128]) -> usize {
    (leaves.len() / GROUP).ilog2() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vole::{Abort, draw};

    #[test]
    fn only_the_punctured_leaf_differs() -> Result<(), Abort> {
        let children = Children::new(&[1; 32], 0, 0);
        for depth in [1, 2, 4, 7] {
            let mut leaves = vec![0; GROUP << depth];
            let sums = grow(&children, &draw::elements(GROUP)?, &mut leaves);
            let places: Vec<usize> =
                draw::elements(GROUP)?.iter().map(|place| *place as usize % (1 << depth)).collect();
            let off_path: Vec<Vec<(usize, u128)>> = (0..GROUP)
                .map(|tree| {
                    let side = |level: usize| 1 - ((places[tree] >> (depth - 1 - level)) & 1);
                    (0..depth).map(|level| (side(level), sums[level][side(level)][tree])).collect()
                })
                .collect();
            let mut punctured = vec![0; GROUP << depth];
            let (found, known) = grow_punctured(&children, &off_path, &mut punctured);
            assert_eq!(found[..], places);
            let sum = |tree: usize| punctured[tree..].iter().step_by(GROUP).fold(0, |sum, leaf| sum ^ leaf);
            assert!(known == std::array::from_fn(sum));
            for (at, (whole, known)) in leaves.iter().zip(&punctured).enumerate() {
                let (leaf, tree) = (at / GROUP, at % GROUP);
                assert!(
                    if leaf == places[tree] { *known == 0 } else { known == whole },
                    "leaf {leaf}, tree {tree}"
                );
            }
        }
        Ok(())
    }

    #[test]
    fn leaves_are_distinct_and_depend_on_run_chunk_and_group() -> Result<(), Abort> {
        let roots = draw::elements(GROUP)?;
        let keys = [([1; 32], 0, 0), ([2; 32], 0, 0), ([1; 32], 1, 0), ([1; 32], 0, 1)];
        let mut all: Vec<u128> = keys
            .iter()
            .flat_map(|(id, chunk, group)| {
                let mut leaves = vec![0; GROUP << 6];
                grow(&Children::new(id, *chunk, *group), &roots, &mut leaves);
                leaves
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), keys.len() * GROUP * 64);
        Ok(())
    }
}
