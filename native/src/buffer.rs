//! Python's read-only buffers (bytes, views of mapped files), read without a copy.

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

use crate::error::Fault;

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
