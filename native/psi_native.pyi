"""The hot loops of psi-service, in Rust. Bytes in, bytes out; the GIL is released; ValueError for wrong lengths.

Packed rows are their bytes side by side and, for each, the u32 (little-endian) at which it ends.
"""

def fingerprints(key: bytes, kind: str, values: bytes, ends: bytes) -> bytes:
    """HMAC-SHA-256 fingerprints, 32 bytes each, of packed canonical values of one kind."""

def items(domain: bytes, fingerprints: bytes) -> bytes:
    """Items of one lane, 32 bytes each, from packed fingerprints."""

def sort_unique(elements: bytes) -> bytes:
    """Packed 32-byte elements in ascending order, each once."""

def commit(members: bytes) -> tuple[bytes, bytes]:
    """Order by leaf hash (u32 little-endian each) of packed members (32-byte element, 16-byte salt), and the root."""

def leaf_hashes(data: bytes, ends: bytes) -> bytes:
    """RFC 6962 leaf hashes of packed rows, 32 bytes each."""

def levels(leaves: bytes) -> list[bytes]:
    """Hashes of every complete subtree over packed leaf hashes: level k (from 1) holds floor(n / 2^k) of them."""

def root(leaves: bytes) -> bytes:
    """The RFC 6962 root over packed leaf hashes."""

def wrong_signatures(keys: bytes, messages: bytes, ends: bytes, signatures: bytes) -> bytes:
    """Positions (u32 little-endian) of Ed25519 signatures that do not verify: keys 32 bytes, signatures 64 each."""
