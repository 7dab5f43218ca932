//! What Python sees of this module: bytes in, bytes out, the GIL released.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::answer::{self, Answer};
use super::blinded::Blinded;
use super::fault::OprfFault;
use super::keys::{self, PublicKey, SecretKey};
use super::suite::{Encoded, Output};
use super::{cache_index, outputs, tags};
use crate::error::Fault;
use crate::packed::elements;

fn exactly<'a, const N: usize>(what: &'static str, bytes: &'a [u8]) -> Result<&'a [u8; N], Fault> {
    bytes.try_into().map_err(|_| Fault::Length { what, got: bytes.len(), want: N })
}

fn secret_key(bytes: &[u8]) -> PyResult<SecretKey> {
    Ok(SecretKey::from_bytes(exactly("secret key", bytes)?)?)
}

fn public_key(bytes: &[u8]) -> PyResult<PublicKey> {
    Ok(PublicKey::from_bytes(exactly("public key", bytes)?)?)
}

pub(super) fn encoded<'a>(what: &'static str, bytes: &'a [u8]) -> PyResult<&'a [Encoded]> {
    Ok(elements::<32>(what, bytes)?)
}

pub(super) fn found<'py>(
    py: Python<'py>,
    compute: impl FnOnce() -> Result<Vec<u8>, OprfFault> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &py.detach(compute)?))
}

/// A fresh random secret key, 32 bytes.
#[pyfunction]
pub fn oprf_secret_key<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, SecretKey::random()?.to_bytes().as_slice()))
}

/// The public key of a secret key, 32 bytes.
#[pyfunction]
pub fn oprf_public_key<'py>(py: Python<'py>, secret: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, secret_key(secret)?.public().encoded()))
}

/// A proof, bound to `context`, that the secret key is held: 64 bytes.
#[pyfunction]
pub fn oprf_prove_possession<'py>(
    py: Python<'py>,
    secret: &[u8],
    context: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &keys::prove_possession(&secret_key(secret)?, context)?))
}

/// Raise unless the proof of possession holds for the public key and the context.
#[pyfunction]
pub fn oprf_check_possession(public: &[u8], context: &[u8], proof: &[u8]) -> PyResult<()> {
    Ok(keys::check_possession(&public_key(public)?, context, exactly("proof of possession", proof)?)?)
}

/// One chunk in flight at the receiver.
#[pyclass(frozen, module = "psi_native")]
pub struct OprfBlinded(Blinded);

#[pymethods]
impl OprfBlinded {
    /// The blinded elements, 32 bytes each.
    #[getter]
    fn elements<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.elements().as_flattened())
    }

    /// The outputs, 64 bytes each, once the answer's proof holds.
    fn finish<'py>(
        &self,
        py: Python<'py>,
        public: &[u8],
        answer: &[u8],
        binding: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let public = public_key(public)?;
        found(py, || {
            let outputs = self.0.finish(&public, &Answer::parse(answer)?, binding)?;
            Ok(outputs.into_flattened())
        })
    }
}

/// Blind one chunk of 32-byte items; `first` is the place of its first item in the whole list.
#[pyfunction]
pub fn oprf_blind(py: Python<'_>, seed: &[u8], first: u64, items: &[u8]) -> PyResult<OprfBlinded> {
    let (seed, items) = (exactly("blinding seed", seed)?, encoded("items", items)?);
    Ok(OprfBlinded(py.detach(|| Blinded::new(seed, first, items))?))
}

/// Answer one chunk: proof (64 bytes), then evaluated elements (32 bytes each).
#[pyfunction]
pub fn oprf_answer<'py>(
    py: Python<'py>,
    secret: &[u8],
    blinded: &[u8],
    binding: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let (key, blinded) = (secret_key(secret)?, encoded("blinded elements", blinded)?);
    found(py, || answer::answer(&key, blinded, binding))
}

/// Raise unless an answer's proof holds.
#[pyfunction]
pub fn oprf_check_answer(
    py: Python<'_>,
    public: &[u8],
    blinded: &[u8],
    answer: &[u8],
    binding: &[u8],
) -> PyResult<()> {
    let (public, blinded) = (public_key(public)?, encoded("blinded elements", blinded)?);
    Ok(py.detach(|| answer::check(&public, blinded, &Answer::parse(answer)?, binding))?)
}

/// The outputs, 64 bytes each, of the key's owner for its own 32-byte items.
#[pyfunction]
pub fn oprf_evaluate<'py>(py: Python<'py>, secret: &[u8], items: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let (key, items) = (secret_key(secret)?, encoded("items", items)?);
    found(py, || Ok(answer::evaluate_all(&key, items)?.into_flattened()))
}

fn packed_outputs(bytes: &[u8]) -> PyResult<&[Output]> {
    Ok(elements::<64>("outputs", bytes)?)
}

/// Tags of `bits` bits, big-endian in ceil(bits / 8) bytes each.
#[pyfunction]
pub fn oprf_tags<'py>(py: Python<'py>, outputs: &[u8], bits: u32) -> PyResult<Bound<'py, PyBytes>> {
    let given = packed_outputs(outputs)?;
    found(py, || outputs::tags(given, bits))
}

/// Return values, 16 bytes each, bound to `context`.
#[pyfunction]
pub fn oprf_return_values<'py>(
    py: Python<'py>,
    outputs: &[u8],
    context: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let given = packed_outputs(outputs)?;
    found(py, || outputs::return_values(given, context))
}

/// Label keys, 32 bytes each, bound to `context`.
#[pyfunction]
pub fn oprf_label_keys<'py>(
    py: Python<'py>,
    outputs: &[u8],
    context: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let given = packed_outputs(outputs)?;
    found(py, || outputs::label_keys(given, context))
}

/// Values of `each` bytes in ascending order; equal ones stay.
#[pyfunction]
pub fn oprf_sort<'py>(py: Python<'py>, values: &[u8], each: usize) -> PyResult<Bound<'py, PyBytes>> {
    found(py, || tags::sorted(values, each))
}

/// Places in `own` (u32 little-endian) of the values that are in `sorted`; both of `each` bytes.
#[pyfunction]
pub fn oprf_matches<'py>(
    py: Python<'py>,
    own: &[u8],
    sorted: &[u8],
    each: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    found(py, || {
        let places = cache_index::matches(own, sorted, each)?;
        Ok(places.into_iter().flat_map(u32::to_le_bytes).collect())
    })
}

/// Code ascending tags that follow the tag `before` (empty: none), of a list of `total`.
#[pyfunction]
pub fn oprf_encode_tags<'py>(
    py: Python<'py>,
    tags: &[u8],
    before: &[u8],
    bits: u32,
    total: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    found(py, || {
        let each = tags::width(bits)?;
        let before = tags::numbers(before, each)?.last().copied().unwrap_or(0);
        tags::Code::new(bits, total)?.encode(before, &tags::numbers(tags, each)?)
    })
}

/// Read exactly `count` tags of a list of `total` that follow the tag `before` (empty: none).
#[pyfunction]
pub fn oprf_decode_tags<'py>(
    py: Python<'py>,
    code: &[u8],
    before: &[u8],
    bits: u32,
    total: u64,
    count: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    found(py, || {
        let each = tags::width(bits)?;
        let before = tags::numbers(before, each)?.last().copied().unwrap_or(0);
        Ok(tags::bytes(&tags::Code::new(bits, total)?.decode(before, code, count)?, each))
    })
}
