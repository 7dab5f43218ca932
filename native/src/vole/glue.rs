//! What Python sees of this module: machines with frames in and out, the GIL released.

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::frames::Outgoing;
use super::machines::{LabelTerms, Receiver, Sender, Terms, Variant};
use super::okvs::Shape;
use super::{Abort, require};
use crate::buffer::bytes;
use crate::packed::{elements, numbers};
use crate::pages;

/// Frames to send, made as they are asked for.
#[pyclass]
pub struct VoleFrames(Outgoing);

#[pymethods]
impl VoleFrames {
    fn __iter__(own: PyRef<'_, Self>) -> PyRef<'_, Self> {
        own
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        PyBytes::new_with(py, self.0.next_length(), |frame| {
            self.0.write(frame);
            Ok(())
        })
        .map(Some)
    }
}

/// A context of 32 bytes, and items of 16.
fn inputs(context: &[u8], items: &[u8]) -> PyResult<([u8; 32], Vec<u128>)> {
    let context = context.try_into().map_err(|_| Abort)?;
    let items = elements::<16>("items", items)?;
    let mut made = pages::zeros(items.len());
    made.iter_mut().zip(items).for_each(|(place, item)| *place = u128::from_le_bytes(*item));
    Ok((context, made))
}

fn variant(semi_honest: bool) -> Variant {
    if semi_honest { Variant::SemiHonest } else { Variant::Malicious }
}

/// Length of the store of `items` items: about what a receiver that departs from the protocol can test.
#[pyfunction]
pub fn vole_slots(items: usize) -> PyResult<usize> {
    require(items <= 1 << 32)?;
    Ok(Shape::new(items).length())
}

/// The receiver of one run.
#[pyclass]
pub struct VoleReceiver(Receiver);

#[pymethods]
impl VoleReceiver {
    #[new]
    fn new(
        py: Python<'_>,
        context: &[u8],
        items: PyBuffer<u8>,
        peer_size: usize,
        semi_honest: bool,
    ) -> PyResult<Self> {
        let (context, items) = inputs(context, bytes(&items)?)?;
        let made = py.detach(|| {
            let terms = Terms::new(&context, variant(semi_honest), items.len(), peer_size)?;
            Receiver::new(terms, &items)
        });
        Ok(Self(made?))
    }

    /// Take one frame; the frames that answer it.
    fn receive(&mut self, py: Python<'_>, frame: &[u8]) -> PyResult<VoleFrames> {
        Ok(VoleFrames(py.detach(|| self.0.receive(frame))?))
    }

    /// Encode the own set, if that is not done yet.
    fn prepare(&mut self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.0.prepare())?)
    }

    /// Whether every frame before the barrier has arrived.
    #[getter]
    fn opened(&self) -> bool {
        self.0.opened()
    }

    /// Whether the tags have arrived.
    #[getter]
    fn done(&self) -> bool {
        self.0.done()
    }

    /// Await labels of `size` bytes behind the tags, bound to `prefix`; before the first frame.
    fn await_labels(&mut self, prefix: &[u8], size: usize) -> PyResult<()> {
        self.0.await_labels(LabelTerms::new(prefix, size)?);
        Ok(())
    }

    /// Where labels travel: positions of the common items whose label opened (u32 little-endian each), these labels
    /// side by side, and positions of those whose label did not; once.
    fn labelled<'py>(&mut self, py: Python<'py>) -> PyResult<[Bound<'py, PyBytes>; 3]> {
        let (mut opened, mut labels, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
        for each in self.0.labelled()? {
            let position = each.position.to_le_bytes();
            match each.label {
                Some(label) => {
                    opened.extend(position);
                    labels.extend(label);
                }
                None => dropped.extend(position),
            }
        }
        Ok([opened, labels, dropped].map(|each| PyBytes::new(py, &each)))
    }

    /// Positions of the common items, ascending, u32 little-endian each; once.
    fn result<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(numbers(py, self.0.result()?))
    }
}

/// The sender of one run.
#[pyclass]
pub struct VoleSender(Sender);

#[pymethods]
impl VoleSender {
    #[new]
    fn new(
        py: Python<'_>,
        context: &[u8],
        items: PyBuffer<u8>,
        peer_size: usize,
        semi_honest: bool,
    ) -> PyResult<Self> {
        let (context, items) = inputs(context, bytes(&items)?)?;
        let made = py.detach(|| {
            let terms = Terms::new(&context, variant(semi_honest), peer_size, items.len())?;
            Sender::new(terms, items)
        });
        Ok(Self(made?))
    }

    /// Send labels of `size` bytes behind the tags, bound to `prefix`, one for each item; before `start`.
    fn give_labels(&mut self, prefix: &[u8], labels: &[u8], size: usize) -> PyResult<()> {
        Ok(self.0.give_labels(LabelTerms::new(prefix, size)?, labels.to_vec())?)
    }

    /// The first frames; once.
    fn start(&mut self, py: Python<'_>) -> PyResult<VoleFrames> {
        Ok(VoleFrames(py.detach(|| self.0.start())?))
    }

    /// Take one frame; the frames that answer it.
    fn receive(&mut self, py: Python<'_>, frame: &[u8]) -> PyResult<VoleFrames> {
        Ok(VoleFrames(py.detach(|| self.0.receive(frame))?))
    }

    /// Whether every frame before the barrier has arrived.
    #[getter]
    fn opened(&self) -> bool {
        self.0.opened()
    }

    /// Make the tags, if that is due and not done yet.
    fn prepare(&mut self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.0.prepare())?)
    }

    /// The tags' frames, after the barrier; once.
    fn complete(&mut self, py: Python<'_>) -> PyResult<VoleFrames> {
        Ok(VoleFrames(py.detach(|| self.0.complete())?))
    }
}
