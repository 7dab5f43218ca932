//! The hot loops of psi-service. Bytes in, bytes out; no Python object per element; the GIL is released.
//!
//! Everything here has a readable reference in psi_core, and tests hold both equal. This file is glue alone.

mod error;
mod fingerprint;
pub mod oprf;
mod packed;
mod set;
mod signature;
mod tree;
pub mod vole;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use error::Fault;
use packed::{Hash, Rows, elements};

/// New bytes of `count` hashes, filled by `fill` without the GIL.
fn hashes<'py>(
    py: Python<'py>,
    count: usize,
    fill: impl FnOnce(&mut [Hash]) + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, count * size_of::<Hash>(), |out| {
        let (places, _) = out.as_chunks_mut::<32>();
        py.detach(|| fill(places));
        Ok(())
    })
}

fn same_count(left: &'static str, lefts: usize, right: &'static str, rights: usize) -> Result<(), Fault> {
    if lefts == rights { Ok(()) } else { Err(Fault::Mismatch { left, lefts, right, rights }) }
}

#[pymodule]
mod psi_native {
    use super::*;

    #[pymodule_export]
    use super::oprf::glue::{
        OprfBlinded, oprf_answer, oprf_arrange, oprf_blind, oprf_change, oprf_check_answer,
        oprf_check_possession, oprf_decode_tags, oprf_encode_tags, oprf_evaluate, oprf_label_keys,
        oprf_matches, oprf_prove_possession, oprf_public_key, oprf_recall, oprf_return_values,
        oprf_secret_key, oprf_sort, oprf_tags,
    };
    #[pymodule_export]
    use super::vole::glue::{VoleReceiver, VoleSender, vole_slots};

    /// Fingerprints (32 bytes each) of canonical values of one kind.
    #[pyfunction]
    fn fingerprints<'py>(
        py: Python<'py>,
        key: &[u8],
        kind: &str,
        values: &[u8],
        ends: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let rows = Rows::new(values, ends)?;
        hashes(py, rows.len(), |out| fingerprint::fingerprints(key, kind.as_bytes(), &rows, out))
    }

    /// Items (32 bytes each) of one lane's fingerprints.
    #[pyfunction]
    fn items<'py>(py: Python<'py>, domain: &[u8], fingerprints: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let given = elements::<32>("fingerprints", fingerprints)?;
        hashes(py, given.len(), |out| fingerprint::items(domain, given, out))
    }

    /// The 32-byte elements in ascending order, each once.
    #[pyfunction]
    fn sort_unique<'py>(py: Python<'py>, elements: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let given = packed::elements::<32>("elements", elements)?;
        let sorted = py.detach(|| set::sort_unique(given));
        Ok(PyBytes::new(py, sorted.as_flattened()))
    }

    /// Order of members (element of 32 bytes, salt of 16) by leaf hash as u32 little-endian, and the root.
    #[pyfunction]
    fn commit<'py>(py: Python<'py>, members: &[u8]) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let given = elements::<48>("members", members)?;
        let (order, root) = py.detach(|| set::commit(given))?;
        let order: Vec<[u8; 4]> = order.into_iter().map(u32::to_le_bytes).collect();
        Ok((PyBytes::new(py, order.as_flattened()), PyBytes::new(py, &root)))
    }

    /// RFC 6962 leaf hashes of packed rows.
    #[pyfunction]
    fn leaf_hashes<'py>(py: Python<'py>, data: &[u8], ends: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let rows = Rows::new(data, ends)?;
        hashes(py, rows.len(), |out| tree::leaf_hashes(&rows, out))
    }

    /// Hashes of all complete subtrees, one bytes object a level, from level 1 on.
    #[pyfunction]
    fn levels<'py>(py: Python<'py>, leaves: &[u8]) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let given = elements::<32>("leaves", leaves)?;
        let found = py.detach(|| tree::levels(given));
        Ok(found.iter().map(|level| PyBytes::new(py, level.as_flattened())).collect())
    }

    /// The RFC 6962 root over packed leaf hashes.
    #[pyfunction]
    fn root<'py>(py: Python<'py>, leaves: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let given = elements::<32>("leaves", leaves)?;
        let found = py.detach(|| tree::root(given));
        Ok(PyBytes::new(py, &found))
    }

    /// Positions, as u32 little-endian, of Ed25519 signatures that do not verify; empty when all do.
    #[pyfunction]
    fn wrong_signatures<'py>(
        py: Python<'py>,
        keys: &[u8],
        messages: &[u8],
        ends: &[u8],
        signatures: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let rows = Rows::new(messages, ends)?;
        let (keys, signatures) = (elements::<32>("keys", keys)?, elements::<64>("signatures", signatures)?);
        same_count("keys", keys.len(), "messages", rows.len())?;
        same_count("signatures", signatures.len(), "messages", rows.len())?;
        let wrong = py.detach(|| signature::wrong(keys, &rows, signatures));
        let positions: Vec<[u8; 4]> = wrong.into_iter().map(u32::to_le_bytes).collect();
        Ok(PyBytes::new(py, positions.as_flattened()))
    }
}
