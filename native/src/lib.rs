//! The hot loops of psi-service. Bytes in, bytes out; no Python object per element; the GIL is released.
//!
//! Everything here has a readable reference in psi_core, and tests hold both equal. This file is glue alone.

mod buffer;
mod canonical;
mod error;
mod fingerprint;
pub mod labels;
pub mod oprf;
mod packed;
mod pages;
mod set;
mod short_sha256;
mod signature;
mod tree;
pub mod vole;

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use error::Fault;
use packed::{Hash, Rows, elements, numbers};

/// New bytes of `count` hashes, filled by `fill` without the GIL.
fn hashes<'py>(
    py: Python<'py>,
    count: usize,
    fill: impl FnOnce(&mut [Hash]) + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    buffer::filled(py, count * size_of::<Hash>(), |out| fill(out.as_chunks_mut().0))
}

fn same_count(left: &'static str, lefts: usize, right: &'static str, rights: usize) -> Result<(), Fault> {
    if lefts == rights { Ok(()) } else { Err(Fault::Mismatch { left, lefts, right, rights }) }
}

#[pymodule]
mod psi_native {
    use super::*;

    #[pymodule_export]
    use super::labels::glue::{labels_open, labels_seal};
    #[pymodule_export]
    use super::oprf::cache_glue::{OprfKnown, OprfRecalled, oprf_order};
    #[pymodule_export]
    use super::oprf::glue::{
        OprfBlinded, oprf_answer, oprf_blind, oprf_check_answer, oprf_check_possession, oprf_decode_tags,
        oprf_encode_tags, oprf_evaluate, oprf_label_keys, oprf_matches, oprf_prove_possession,
        oprf_public_key, oprf_return_values, oprf_secret_key, oprf_sort, oprf_tags,
    };
    #[pymodule_export]
    use super::vole::glue::{VoleFrames, VoleReceiver, VoleSender, vole_slots};

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

    /// Items of one lane, the first `width` bytes of each (1 to 32): those of its fingerprints, then of its canaries.
    #[pyfunction]
    fn items<'py>(
        py: Python<'py>,
        domain: &[u8],
        fingerprints: PyBuffer<u8>,
        canaries: &[u8],
        width: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if !(1..=size_of::<Hash>()).contains(&width) {
            return Err(Fault::Width { got: width }.into());
        }
        let given = elements::<32>("fingerprints", buffer::bytes(&fingerprints)?)?;
        let canaries = elements::<32>("canaries", canaries)?;
        buffer::filled(py, (given.len() + canaries.len()) * width, |out| {
            let (first, last) = out.split_at_mut(given.len() * width);
            fingerprint::items(domain, given, width, first);
            fingerprint::items(domain, canaries, width, last);
        })
    }

    /// The 32-byte elements in ascending order, each once.
    #[pyfunction]
    fn sort_unique<'py>(py: Python<'py>, elements: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let given = packed::elements::<32>("elements", elements)?;
        let sorted = py.detach(|| set::sort_unique(given));
        Ok(PyBytes::new(py, sorted.as_flattened()))
    }

    /// Order of members (elements of 32 bytes, salts of 16) by leaf hash as u32 little-endian, and the root.
    #[pyfunction]
    fn commit<'py>(
        py: Python<'py>,
        elements: PyBuffer<u8>,
        salts: PyBuffer<u8>,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let members = packed::elements::<32>("elements", buffer::bytes(&elements)?)?;
        let salts = packed::elements::<16>("salts", buffer::bytes(&salts)?)?;
        same_count("elements", members.len(), "salts", salts.len())?;
        let (order, root) = py.detach(|| set::commit(members, salts))?;
        Ok((numbers(py, order), PyBytes::new(py, &root)))
    }

    /// The places (u32 little-endian) of the 32-byte elements in ascending order; equal ones as they stand.
    #[pyfunction]
    fn order<'py>(py: Python<'py>, elements: PyBuffer<u8>) -> PyResult<Bound<'py, PyBytes>> {
        let given = packed::elements::<32>("elements", buffer::bytes(&elements)?)?;
        Ok(numbers(py, py.detach(|| set::order(given))?))
    }

    /// Pairs (element of 32 bytes, u64 big-endian) of packed elements and decimal numbers with a space between.
    #[pyfunction]
    fn pairs<'py>(py: Python<'py>, elements: &[u8], numbers: &str) -> PyResult<Bound<'py, PyBytes>> {
        let given = packed::elements::<32>("elements", elements)?;
        PyBytes::new_with(py, given.len() * size_of::<set::Pair>(), |out| {
            Ok(py.detach(|| set::pairs(given, numbers, out.as_chunks_mut().0))?)
        })
    }

    /// Of pairs (element of 32 bytes, u64), which are sorted in place: distinct elements, where the actors of each end
    /// (u32 little-endian), and actors.
    #[pyfunction]
    fn group<'py>(py: Python<'py>, mut pairs: PyBuffer<u8>) -> PyResult<[Bound<'py, PyBytes>; 3]> {
        let given = buffer::writable(&mut pairs)?;
        let got = given.len();
        let (given, rest) = given.as_chunks_mut::<40>();
        if !rest.is_empty() {
            return Err(Fault::NotWhole { what: "pairs", got, element: 40 }.into());
        }
        let (groups, counts) = py.detach(|| {
            let groups = set::Groups::new(given)?;
            let counts = groups.counts();
            Ok::<_, Fault>((groups, counts))
        })?;
        let mut ends = vec![[0; 4]; counts.0];
        let elements = hashes(py, counts.0, |out| groups.elements(out, &mut ends))?;
        let actors = PyBytes::new_with(py, 8 * counts.1, |out| {
            groups.actors(out.as_chunks_mut().0);
            Ok(())
        })?;
        Ok([elements, PyBytes::new(py, ends.as_flattened()), actors])
    }

    /// Whether each row of `width` bytes is larger than the one before.
    #[pyfunction]
    fn ascends(py: Python<'_>, rows: PyBuffer<u8>, width: usize) -> PyResult<bool> {
        let rows = buffer::bytes(&rows)?;
        Ok(py.detach(|| set::ascends(rows, width)))
    }

    /// For each element sought its place (u32 little-endian) among those held, which ascend; 2^32 - 1 for nowhere.
    #[pyfunction]
    fn find<'py>(py: Python<'py>, sought: PyBuffer<u8>, held: PyBuffer<u8>) -> PyResult<Bound<'py, PyBytes>> {
        let sought = elements::<32>("elements", buffer::bytes(&sought)?)?;
        let held = elements::<32>("elements", buffer::bytes(&held)?)?;
        u32::try_from(held.len()).map_err(|_| Fault::TooMany { got: held.len() })?;
        Ok(numbers(py, py.detach(|| set::find(sought, held))))
    }

    /// The rows of `width` bytes at these places (u32), side by side; zeros for nowhere.
    #[pyfunction]
    fn gather<'py>(
        py: Python<'py>,
        rows: PyBuffer<u8>,
        width: usize,
        places: PyBuffer<u8>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (rows, places) = (buffer::bytes(&rows)?, elements::<4>("places", buffer::bytes(&places)?)?);
        PyBytes::new_with(py, places.len() * width, |out| {
            if width == 0 || py.detach(|| set::gather(rows, width, places, out)) {
                return Ok(());
            }
            Err(Fault::Place.into())
        })
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

    /// Whether JSON text is canonical beyond doubt; no does not mean that it is not.
    #[pyfunction]
    fn is_canonical(data: &[u8]) -> bool {
        canonical::is_canonical(data)
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
        Ok(numbers(py, py.detach(|| signature::wrong(keys, &rows, signatures))))
    }
}
