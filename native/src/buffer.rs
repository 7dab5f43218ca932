//! Python's read-only buffers (bytes, views of mapped files), read without a copy.

use std::mem::MaybeUninit;

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayon::prelude::*;

use crate::error::Fault;
use crate::pages;

/// Bytes that one task clears.
const GRAIN: usize = 1 << 20;

/// `length` bytes that `fill` writes, the GIL released. As PyBytes::new_with, which touches every page under the GIL
/// first.
pub fn filled<'py>(
    py: Python<'py>,
    length: usize,
    fill: impl FnOnce(&mut [u8]) + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let size = isize::try_from(length).map_err(|_| Fault::TooMany { got: length })?;
    // SAFETY: no data is given, so Python allocates and returns a new reference, or null with an exception set.
    let made = unsafe {
        let object = pyo3::ffi::PyBytes_FromStringAndSize(std::ptr::null(), size);
        Bound::from_owned_ptr_or_err(py, object)?.cast_into_unchecked::<PyBytes>()
    };
    // SAFETY: the object has room for `length` bytes and nobody else knows of it yet; they are cleared before they
    // are anything but room.
    let out = unsafe {
        let start = pyo3::ffi::PyBytes_AsString(made.as_ptr()).cast::<MaybeUninit<u8>>();
        std::slice::from_raw_parts_mut(start, length)
    };
    py.detach(|| {
        pages::advise(out);
        out.par_chunks_mut(GRAIN).for_each(|part| part.fill(MaybeUninit::new(0)));
        // SAFETY: every byte was just written.
        fill(unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr().cast(), length) });
    });
    Ok(made)
}

/// The bytes of a buffer that nobody can write through: `bytes`, or a read-only view in one piece.
///
/// What lies behind a view (a file of no name, mapped; a bytearray) must not change while the call runs: the GIL is
/// released meanwhile.
pub fn bytes(buffer: &PyBuffer<u8>) -> PyResult<&[u8]> {
    if !buffer.readonly() || !buffer.is_c_contiguous() {
        return Err(Fault::Writable.into());
    }
    if buffer.len_bytes() == 0 {
        return Ok(&[]);
    }
    // SAFETY: Python keeps the memory in place while the buffer is held, its length is what Python says, and it is
    // read-only here and, by the contract above, everywhere else.
    Ok(unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast(), buffer.len_bytes()) })
}

/// The bytes of a bytearray, to be changed in place. Nobody else may read or write it while the call runs.
pub fn writable(buffer: &mut PyBuffer<u8>) -> PyResult<&mut [u8]> {
    if buffer.readonly() || !buffer.is_c_contiguous() {
        return Err(Fault::ReadOnly.into());
    }
    if buffer.len_bytes() == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as in `bytes`; that nobody else looks is the contract above, and the buffer is borrowed mutably here.
    Ok(unsafe { std::slice::from_raw_parts_mut(buffer.buf_ptr().cast(), buffer.len_bytes()) })
}
