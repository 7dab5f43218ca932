"""The hot loops of psi-service, in Rust. Bytes in, bytes out; the GIL is released; ValueError for wrong lengths.

Packed rows are their bytes side by side and, for each, the u32 (little-endian) at which it ends.
"""

from typing import final

_ReadOnly = bytes | memoryview
"""Read without a copy; what lies behind a view must not change during the call."""

def fingerprints(key: bytes, kind: str, values: bytes, ends: bytes) -> bytes:
    """HMAC-SHA-256 fingerprints, 32 bytes each, of packed canonical values of one kind."""

def items(domain: bytes, fingerprints: _ReadOnly, canaries: bytes, width: int) -> bytes:
    """Items of one lane, the first `width` bytes of each: of its packed fingerprints, then of its canaries."""

def sort_unique(elements: bytes) -> bytes:
    """Packed 32-byte elements in ascending order, each once."""

def commit(elements: _ReadOnly, salts: _ReadOnly) -> tuple[bytes, bytes]:
    """Order by leaf hash (u32 little-endian each) of packed elements (32 bytes) and salts (16 bytes), and the root."""

def order(elements: _ReadOnly) -> bytes:
    """The places (u32 little-endian) of packed 32-byte elements in their ascending order; equal ones as they stand."""

def pairs(elements: bytes, numbers: str) -> bytes:
    """Pairs (element of 32 bytes, u64 big-endian) of packed elements and decimal numbers with a space between.

    ValueError when there are not as many of one as of the other."""

def group(pairs: bytearray) -> list[bytes]:
    """Of packed pairs (element of 32 bytes, u64 big-endian), which are sorted in place: distinct ascending elements,
    where the numbers of each end (u32 little-endian), and those numbers (8 bytes each, ascending for each element)."""

def ascends(rows: _ReadOnly, width: int) -> bool:
    """Whether each row of `width` bytes is larger than the one before."""

def find(sought: _ReadOnly, held: _ReadOnly) -> bytes:
    """For each element sought (32 bytes) its place among those held, which ascend: u32 little-endian, or 2^32 - 1."""

def gather(rows: _ReadOnly, width: int, places: _ReadOnly) -> bytes:
    """The rows of `width` bytes at these places (u32 little-endian), zeros for 2^32 - 1. ValueError past the end."""

def leaf_hashes(data: bytes, ends: bytes) -> bytes:
    """RFC 6962 leaf hashes of packed rows, 32 bytes each."""

def levels(leaves: bytes) -> list[bytes]:
    """Hashes of every complete subtree over packed leaf hashes: level k (from 1) holds floor(n / 2^k) of them."""

def root(leaves: bytes) -> bytes:
    """The RFC 6962 root over packed leaf hashes."""

def is_canonical(data: bytes) -> bool:
    """Whether JSON text is canonical (RFC 8785, integers only, 16 levels). No: only the Python form can tell."""

def wrong_signatures(keys: bytes, messages: bytes, ends: bytes, signatures: bytes) -> bytes:
    """Positions (u32 little-endian) of Ed25519 signatures that do not verify: keys 32 bytes, signatures 64 each."""

def oprf_secret_key() -> bytes:
    """A fresh random OPRF key (RFC 9497, ristretto255-SHA512), 32 bytes."""

def oprf_public_key(secret: bytes) -> bytes:
    """The public key of a secret key, 32 bytes."""

def oprf_prove_possession(secret: bytes, context: bytes) -> bytes:
    """A Schnorr proof, bound to `context`, that the secret key is held: 64 bytes."""

def oprf_check_possession(public: bytes, context: bytes, proof: bytes) -> None:
    """Raise ValueError unless the proof of possession holds."""

@final
class OprfBlinded:
    """One chunk in flight at the receiver; made by `oprf_blind`."""

    @property
    def elements(self) -> bytes:
        """The blinded elements, 32 bytes each."""

    def finish(self, public: bytes, answer: bytes, binding: bytes) -> bytes:
        """The outputs, 64 bytes each. ValueError, and nothing computed, unless the answer's proof holds."""

def oprf_blind(seed: bytes, first: int, items: bytes) -> OprfBlinded:
    """Blind a chunk of 1 to 65,535 items (32 bytes each) from a secret 32-byte seed; `first` is its place."""

def oprf_answer(secret: bytes, blinded: bytes, binding: bytes) -> bytes:
    """Answer a chunk: proof (64 bytes), then evaluated elements (32 bytes each)."""

def oprf_check_answer(public: bytes, blinded: bytes, answer: bytes, binding: bytes) -> None:
    """Raise ValueError unless the answer's proof holds for this key, chunk and binding."""

def oprf_evaluate(secret: bytes, items: bytes) -> bytes:
    """The outputs, 64 bytes each, of the key's owner for its own items (32 bytes each)."""

def oprf_tags(outputs: bytes, bits: int) -> bytes:
    """Tags below 2^bits (1 to 120 bits), big-endian in ceil(bits / 8) bytes each."""

def oprf_return_values(outputs: bytes, context: bytes) -> bytes:
    """Return values, 16 bytes each, bound to `context`."""

def oprf_label_keys(outputs: bytes, context: bytes) -> bytes:
    """Label keys, 32 bytes each, bound to `context`; never sent."""

def oprf_sort(values: bytes, each: int) -> bytes:
    """Packed values of `each` bytes (1 to 16) in ascending order; equal ones stay."""

def oprf_matches(own: bytes, sorted: bytes, each: int) -> bytes:
    """Places in `own` (u32 little-endian, ascending) of the values that `sorted` holds."""

def oprf_encode_tags(tags: bytes, before: bytes, bits: int, total: int) -> bytes:
    """Golomb-Rice code of ascending tags that follow the tag `before` (empty: none), of a list of `total`."""

def oprf_decode_tags(code: bytes, before: bytes, bits: int, total: int, count: int) -> bytes:
    """Read exactly `count` tags; ValueError unless the code is the one that `oprf_encode_tags` writes."""

@final
class OprfKnown:
    """What one side knows of an epoch, without outputs. Places and rows are u32, little-endian, side by side."""

    def __new__(cls, items: bytes, tags: bytes, list: bytes, each: int) -> OprfKnown:
        """Of distinct ascending items (32 bytes each) with their tags (`each` bytes), and the sender's sorted tags."""

    @property
    def list(self) -> bytes:
        """The sender's tags, sorted and packed."""

    def after(self, items: bytes, tags: bytes, gone: bytes, leaving: bytes, coming: bytes) -> OprfKnown:
        """After one more run: new items and their tags, items that left, tags that left and came; all ascend.

        The new items' rows follow on those before. ValueError where this is no run on what is known.
        """

    def changed(self, leaving: bytes, coming: bytes) -> bytes:
        """The sender's tags without `leaving` and with `coming`, all sorted.

        ValueError where a tag that leaves is not among them.
        """

    def recall(self, list: _ReadOnly) -> OprfRecalled:
        """Where the items of a list stand; ValueError where one comes twice."""

    def recall_more(self, begun: OprfRecalled, list: _ReadOnly) -> OprfRecalled:
        """The same of a longer list, which begins with the one that was looked up and has few items more."""

    def counting(self) -> bytes:
        """Rows that count, in the order of their items."""

    def items(self, rows: bytes) -> bytes:
        """Items of rows that count, packed."""

    def tags(self, rows: bytes) -> bytes:
        """Tags of rows, packed."""

    def matches(self, recalled: OprfRecalled, new: bytes, list: bytes) -> bytes:
        """Places, in the recalled list, of items whose tag is in the sorted `list`.

        `new`: tags of its unknown items, in their order.
        """

@final
class OprfRecalled:
    """Where the items of one list stand; made by `OprfKnown.recall`."""

    @property
    def rows(self) -> bytes:
        """For each item of the list its row; 2^32 - 1 where it has none."""

    @property
    def unknown(self) -> bytes:
        """Places of the items that are not known."""

    @property
    def gone(self) -> bytes:
        """Rows of known items that are not in the list."""

def oprf_order(items: bytes) -> bytes:
    """The order (places as u32, little-endian) that makes distinct items ascend; ValueError where one comes twice."""

def labels_seal(keys: bytes, prefix: bytes, tags: bytes, each: int, labels: bytes, size: int) -> bytes:
    """Seal labels of `size` bytes, each under its key (32 bytes), bound to `prefix` and its tag (`each` bytes).

    Random nonce (12 bytes), AES-256-GCM ciphertext, authentication tag (16): `size` + 28 bytes each, in their order.
    """

def labels_open(keys: bytes, prefix: bytes, tags: bytes, each: int, sealed: bytes, size: int) -> bytes:
    """Open sealed labels: for each a byte, 1 where it opens, and the label (`size` zeros where it does not)."""

@final
class VoleFrames:
    """Frames to send, made as they are asked for."""

    def __iter__(self) -> VoleFrames: ...
    def __next__(self) -> bytes: ...

@final
class VoleReceiver:
    """The receiver of one VOLE-PSI run: frames in, frames out. ValueError, always the same, ends it for good."""

    def __new__(cls, context: bytes, items: _ReadOnly, peer_size: int, semi_honest: bool) -> VoleReceiver:
        """`context`: 32 bytes that no other run has. `items`: packed, 16 bytes each."""

    def receive(self, frame: bytes) -> VoleFrames:
        """Take one frame; return the frames that answer it."""

    def prepare(self) -> None:
        """Do what needs nothing of the next frame: encode the own set, make the own tags."""

    def await_labels(self, prefix: bytes, size: int) -> None:
        """Await labels of `size` bytes (1 to 1,024) behind the tags, bound to `prefix`; before the first frame."""

    @property
    def opened(self) -> bool: ...
    @property
    def done(self) -> bool: ...
    def labelled(self) -> list[bytes]:
        """Where labels travel: positions of common items whose label opened (u32 little-endian each), these labels side
        by side, and positions of those whose label did not; once, when `done`."""

    def result(self) -> bytes:
        """Positions of the common items, ascending (u32 little-endian each); once, when `done`."""

@final
class VoleSender:
    """The sender of one VOLE-PSI run: frames in, frames out. ValueError, always the same, ends it for good."""

    def __new__(cls, context: bytes, items: _ReadOnly, peer_size: int, semi_honest: bool) -> VoleSender:
        """`context`: 32 bytes that no other run has. `items`: packed, 16 bytes each."""

    def give_labels(self, prefix: bytes, labels: bytes, size: int) -> None:
        """Send labels of `size` bytes behind the tags, bound to `prefix`, one for each item; before `start`."""

    def start(self) -> VoleFrames:
        """Return the first frames; once."""

    def receive(self, frame: bytes) -> VoleFrames:
        """Take one frame; return the frames that answer it."""

    @property
    def opened(self) -> bool: ...
    def prepare(self) -> None:
        """Make the tags, if that is due (`opened`) and not done yet."""

    def complete(self) -> VoleFrames:
        """Return the frames of the tags, after the barrier; once."""

def vole_slots(items: int) -> int:
    """Length of the store of `items` items: about what a receiver that departs from the protocol can test."""
