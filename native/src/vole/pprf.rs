//! Puncturable PRF: GGM trees, eight side by side (BCGI+ eprint 2019/1159). Node hash: two fixed-key AES with feed-forward.
//!
//! Nodes of a level lie as [node][tree], so that one pass of AES serves all eight trees.

use super::fixed_key::FixedKey;
use super::hash::{Id, halves};

/// Trees that are grown together.
pub const GROUP: usize = 8;

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

    /// The next level: children 2i and 2i + 1 of node i.
    fn of(&self, parents: &[u128]) -> Vec<u128> {
        let mut sides = [vec![0; parents.len()], vec![0; parents.len()]];
        self.left.hash_all(parents, &mut sides[0]);
        self.right.hash_all(parents, &mut sides[1]);
        let (left, right) = (sides[0].chunks(GROUP), sides[1].chunks(GROUP));
        left.zip(right).flat_map(|(left, right)| left.iter().chain(right).copied()).collect()
    }
}

/// Sum of one tree's nodes on one side: the children 2i + side.
fn side_sum(level: &[u128], tree: usize, side: usize) -> u128 {
    level[side * GROUP + tree..].iter().step_by(2 * GROUP).fold(0, |sum, node| sum ^ node)
}

/// Grow eight whole trees. Returns the leaves, and for each tree and level the sums of left and of right children.
pub fn grow(children: &Children, roots: &[u128], depth: usize) -> (Vec<u128>, Vec<Vec<[u128; 2]>>) {
    let mut level = roots.to_vec();
    let mut sums = vec![Vec::new(); GROUP];
    for _ in 0..depth {
        level = children.of(&level);
        for (tree, sums) in sums.iter_mut().enumerate() {
            sums.push([side_sum(&level, tree, 0), side_sum(&level, tree, 1)]);
        }
    }
    (level, sums)
}

/// Grow eight trees but for one leaf each, which is 0. For each tree and level: the side off the path, and its sum.
/// Returns the leaves and each tree's punctured leaf.
pub fn grow_punctured(children: &Children, off_path: &[Vec<(usize, u128)>]) -> (Vec<u128>, Vec<usize>) {
    let depth = off_path.first().map_or(0, Vec::len);
    let mut level = vec![0; GROUP];
    let mut paths = vec![0; GROUP];
    for at in 0..depth {
        level = children.of(&level);
        for (tree, (path, off_path)) in paths.iter_mut().zip(off_path).enumerate() {
            let (side, sum) = off_path[at];
            // The children of the node on the path are hashes of 0 so far: unknown.
            level[2 * *path * GROUP + tree] = 0;
            level[(2 * *path + 1) * GROUP + tree] = 0;
            level[(2 * *path + side) * GROUP + tree] = sum ^ side_sum(&level, tree, side);
            *path = 2 * *path + 1 - side;
        }
    }
    (level, paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vole::{Abort, draw};

    #[test]
    fn only_the_punctured_leaf_differs() -> Result<(), Abort> {
        let children = Children::new(&[1; 32], 0, 0);
        for depth in [1, 2, 4, 7] {
            let (leaves, sums) = grow(&children, &draw::elements(GROUP)?, depth);
            let places: Vec<usize> =
                draw::elements(GROUP)?.iter().map(|place| *place as usize % (1 << depth)).collect();
            let off_path: Vec<Vec<(usize, u128)>> = (0..GROUP)
                .map(|tree| {
                    let side = |level: usize| 1 - ((places[tree] >> (depth - 1 - level)) & 1);
                    (0..depth).map(|level| (side(level), sums[tree][level][side(level)])).collect()
                })
                .collect();
            let (punctured, found) = grow_punctured(&children, &off_path);
            assert_eq!(found, places);
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
            .flat_map(|(id, chunk, group)| grow(&Children::new(id, *chunk, *group), &roots, 6).0)
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), keys.len() * GROUP * 64);
        Ok(())
    }
}
