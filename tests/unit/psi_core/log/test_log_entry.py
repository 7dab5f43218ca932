"""Log entries: one byte form, complete, salted, at most 65,535 bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from psi_core.errors import InvalidText
from psi_core.log.entry import MAX_ENTRY, Entry, EntryKind

ENTRY = Entry(
    EntryKind.PRE_RECORD, bytes(range(16)), "2026-11-24T03:04:05Z", "lab-b.example", {"sizes": [64, 128]}
)
DATA = (
    b'{"body":{"sizes":[64,128]},"kind":"pre-record","peer":"lab-b.example",'
    b'"salt":"000102030405060708090a0b0c0d0e0f","time":"2026-11-24T03:04:05Z","v":1}'
)


def test_bytes_of_an_entry() -> None:
    assert ENTRY.encode() == DATA
    assert Entry.decode(DATA) == ENTRY


def test_an_own_entry_leaves_the_peer_out() -> None:
    own = replace(ENTRY, peer=None)
    assert b"peer" not in own.encode()
    assert Entry.decode(own.encode()) == own


def test_every_kind_of_the_issue() -> None:
    values = (
        "key card consortium-key agreement revocation snapshot offer decision pre-record record countersigned"
    )
    assert [str(kind) for kind in EntryKind] == [*values.split(), "abort", "gap", "checkpoint", "admin"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":true'),
        (b',"v":1', b""),
        (b'"kind":"pre-record",', b""),
        (b"pre-record", b"unheard-of"),
        (b"0e0f", b"0e0"),
        (b"0e0f", b"0E0F"),
        (b"03:04:05Z", b"03:04:05"),
        (b"11-24", b"11-31"),
        (b'"lab-b.example"', b"null"),
        (b"lab-b.example", b"LAB-B"),
        (b'{"sizes":[64,128]}', b"[]"),
        (b'{"sizes":[64,128]}', b"null"),
        (b"[64,128]", b"[64, 128]"),
        (b"[64,128]", b"1.5"),
        (b'"v":1}', b'"v":1,"w":1}'),
        (b'"v":1}', b'"v":1,"v":1}'),
        (DATA, b"{}"),
        (DATA, b"[]"),
        (DATA, b""),
    ],
)
def test_other_bytes_are_refused(old: bytes, new: bytes) -> None:
    assert old in DATA
    with pytest.raises(InvalidText):
        Entry.decode(DATA.replace(old, new))


@pytest.mark.parametrize(
    "changes",
    [
        {"salt": bytes(15)},
        {"time": "now"},
        {"peer": "lab b"},
        {"body": {"x": 1.5}},
        {"body": {"x": b"bytes"}},
        {"body": {"x": 2**53}},
    ],
)
def test_entries_that_cannot_be_written(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidText):
        replace(ENTRY, **changes).encode()


def test_length_limit_is_exact() -> None:
    room = MAX_ENTRY - len(replace(ENTRY, body={"x": ""}).encode())
    assert len(replace(ENTRY, body={"x": "a" * room}).encode()) == MAX_ENTRY
    with pytest.raises(InvalidText, match="65536 bytes"):
        replace(ENTRY, body={"x": "a" * (room + 1)}).encode()
    with pytest.raises(InvalidText, match="at most 65535"):
        Entry.decode(b"[" * (MAX_ENTRY + 1))


def test_a_body_may_hold_fields_named_like_the_entrys_own() -> None:
    nested = replace(ENTRY, body={"peer": None, "v": 9, "kind": "x"})
    assert Entry.decode(nested.encode()) == nested
