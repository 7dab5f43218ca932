//! What Python sees of caches: bytes in, bytes out, the GIL released. Places and rows are u32, little-endian.

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::cache::{self, Known, Recalled, Step};
use super::glue::{encoded, found};
use crate::buffer;
use crate::packed::elements;

fn packed(places: &[u32]) -> Vec<u8> {
    places.iter().flat_map(|place| place.to_le_bytes()).collect()
}

fn unpacked(places: &[u8]) -> PyResult<Vec<u32>> {
    Ok(elements::<4>("places", places)?.iter().map(|place| u32::from_le_bytes(*place)).collect())
}

/// What one side knows of an epoch, without outputs.
#[pyclass(frozen, module = "psi_native")]
pub struct OprfKnown(Known);

#[pymethods]
impl OprfKnown {
    /// Of distinct ascending items with their tags, and the sender's sorted tags; tags have `each` bytes.
    #[new]
    fn new(py: Python<'_>, items: &[u8], tags: &[u8], list: &[u8], each: usize) -> PyResult<Self> {
        let items = encoded("known items", items)?;
        Ok(Self(py.detach(|| Known::base(items, tags, list, each))?))
    }

    /// What is known after one more run.
    fn after(
        &self,
        py: Python<'_>,
        items: &[u8],
        tags: &[u8],
        gone: &[u8],
        leaving: &[u8],
        coming: &[u8],
    ) -> PyResult<Self> {
        let (items, gone) = (encoded("added items", items)?, encoded("items that left", gone)?);
        let step = Step { items, tags, gone, leaving, coming };
        Ok(Self(py.detach(|| self.0.after(&step))?))
    }

    /// The sender's tags, sorted and packed.
    #[getter]
    fn list<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.list())
    }

    /// The sender's tags after a change.
    fn changed<'py>(&self, py: Python<'py>, leaving: &[u8], coming: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        found(py, || super::tag_changes::changed(self.0.list(), leaving, coming, self.0.each()))
    }

    /// Where the items of a list stand.
    fn recall(&self, py: Python<'_>, list: PyBuffer<u8>) -> PyResult<OprfRecalled> {
        let list = encoded("items", buffer::bytes(&list)?)?;
        Ok(OprfRecalled(py.detach(|| self.0.recall(list))?))
    }

    /// Where the items of a longer list stand, which begins with the one that was looked up.
    fn recall_more(
        &self,
        py: Python<'_>,
        begun: &OprfRecalled,
        list: PyBuffer<u8>,
    ) -> PyResult<OprfRecalled> {
        let list = encoded("items", buffer::bytes(&list)?)?;
        Ok(OprfRecalled(py.detach(|| self.0.recall_more(&begun.0, list))?))
    }

    /// Rows that count, in the order of their items.
    fn counting<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        found(py, || Ok(packed(&self.0.counting().0)))
    }

    /// Items of rows that count, packed.
    fn items<'py>(&self, py: Python<'py>, rows: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let rows = unpacked(rows)?;
        found(py, || Ok(self.0.items(&rows)?.into_flattened()))
    }

    /// Tags of rows, packed.
    fn tags<'py>(&self, py: Python<'py>, rows: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let rows = unpacked(rows)?;
        found(py, || Ok(rows.iter().flat_map(|row| self.0.tag(*row)).copied().collect()))
    }

    /// Places, in the recalled list, of items whose tag is in `list`; `new` are the tags of its unknown items.
    fn matches<'py>(
        &self,
        py: Python<'py>,
        recalled: &OprfRecalled,
        new: &[u8],
        list: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        found(py, || Ok(packed(&self.0.matches(&recalled.0, new, list)?)))
    }
}

/// Where the items of one list stand.
#[pyclass(frozen, module = "psi_native")]
pub struct OprfRecalled(Recalled);

#[pymethods]
impl OprfRecalled {
    /// For each item of the list its row; 2^32 - 1 where it has none.
    #[getter]
    fn rows<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &packed(&self.0.rows))
    }

    /// Places of the items that are not known.
    #[getter]
    fn unknown<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &packed(&self.0.unknown))
    }

    /// Rows of known items that are not in the list.
    #[getter]
    fn gone<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &packed(&self.0.gone))
    }
}

/// The order that makes distinct items ascend.
#[pyfunction]
pub fn oprf_order<'py>(py: Python<'py>, items: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let items = encoded("items", items)?;
    found(py, || Ok(packed(&cache::order(items)?)))
}
