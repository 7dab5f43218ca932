//! What Python sees of this module: packed keys, tags and labels in one order, the GIL released.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{OVERHEAD, open_one, seal_all};
use crate::error::Fault;
use crate::packed::elements;

/// Rows of one length side by side; as many as `count`.
fn rows<'a>(what: &'static str, data: &'a [u8], each: usize, count: usize) -> Result<Vec<&'a [u8]>, Fault> {
    if each == 0 || data.len() != count * each {
        return Err(Fault::Length { what, got: data.len(), want: count * each });
    }
    Ok(data.chunks_exact(each).collect())
}

/// Seal labels of `size` bytes, in the order given: each one's key (32 bytes) and tag (`each` bytes).
#[pyfunction]
pub fn labels_seal<'py>(
    py: Python<'py>,
    keys: &[u8],
    prefix: &[u8],
    tags: &[u8],
    each: usize,
    labels: &[u8],
    size: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let keys = elements::<32>("label keys", keys)?;
    let (tags, labels) = (rows("tags", tags, each, keys.len())?, rows("labels", labels, size, keys.len())?);
    let sealed = py.detach(|| {
        seal_all(keys.len(), size, prefix, |at| (Zeroizing::new(keys[at]), tags[at], labels[at]))
    })?;
    Ok(PyBytes::new(py, &sealed))
}

/// Open sealed labels: for each a byte, 1 where it opens, and the label (zeros where it does not).
#[pyfunction]
pub fn labels_open<'py>(
    py: Python<'py>,
    keys: &[u8],
    prefix: &[u8],
    tags: &[u8],
    each: usize,
    sealed: &[u8],
    size: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let keys = elements::<32>("label keys", keys)?;
    let tags = rows("tags", tags, each, keys.len())?;
    let sealed = rows("sealed labels", sealed, size + OVERHEAD, keys.len())?;
    let mut found = vec![0_u8; keys.len() * (size + 1)];
    py.detach(|| {
        found.par_chunks_exact_mut(size + 1).enumerate().for_each(|(at, place)| {
            if let Some(label) = open_one(&Zeroizing::new(keys[at]), prefix, tags[at], sealed[at]) {
                place[0] = 1;
                place[1..].copy_from_slice(&label);
            }
        });
    });
    Ok(PyBytes::new(py, &found))
}
