"""Sizes and forms of what one message of service Peers may hold."""

from __future__ import annotations

import pytest

from psi_client.wire_bounds import (
    check_checkpoint,
    check_checkpoints,
    check_hash,
    check_note,
    check_session_id,
    check_word,
    check_words,
)
from psi_core.errors import ProtocolFault
from psi_core.log.note import MAX_NOTE
from psi_core.wire.session_pb2 import Checkpoint

GOOD = Checkpoint(note=b"x" * 8192, cosigned=b"x" * 8192, consistency_proof=[bytes(32)] * 64)


@pytest.mark.parametrize(
    ("check", "arguments"),
    [
        (check_note, ("note", b"x" * MAX_NOTE)),
        (check_session_id, ("0123456789abcdef" * 2,)),
        (check_word, ("profile", "v1.2_3+x/y-Z")),
        (check_word, ("profile", "x" * 64)),
        (check_words, ("protocols", ["psi/1"] * 16)),
        (check_hash, ("hash", bytes(32))),
        (check_checkpoint, (GOOD,)),
        (check_checkpoints, ([GOOD] * 64,)),
        (check_checkpoints, ([],)),
    ],
)
def test_what_fits_passes(check, arguments):
    check(*arguments)


def test_what_may_be_absent():
    check_note("note", b"", optional=True)
    check_word("key id", "", optional=True)


@pytest.mark.parametrize(
    ("check", "arguments"),
    [
        (check_note, ("note", b"")),
        (check_note, ("note", b"x" * (MAX_NOTE + 1))),
        (check_session_id, ("0123456789ABCDEF" * 2,)),
        (check_session_id, ("0" * 31,)),
        (check_session_id, ("0" * 32 + "\n",)),
        (check_word, ("profile", "")),
        (check_word, ("profile", "x" * 65)),
        (check_word, ("profile", "v1\n")),
        (check_word, ("profile", "-v1")),
        (check_word, ("profile", "vé")),
        (check_words, ("protocols", [])),
        (check_words, ("protocols", ["psi/1"] * 17)),
        (check_words, ("protocols", ["psi/1", " "])),
        (check_hash, ("hash", bytes(31))),
        (check_checkpoint, (Checkpoint(),)),
        (check_checkpoint, (Checkpoint(note=b"x" * 8193),)),
        (check_checkpoint, (Checkpoint(note=b"x", cosigned=b"x" * 8193),)),
        (check_checkpoint, (Checkpoint(note=b"x", consistency_proof=[bytes(32)] * 65),)),
        (check_checkpoint, (Checkpoint(note=b"x", consistency_proof=[bytes(33)]),)),
        (check_checkpoints, ([GOOD] * 65,)),
    ],
)
def test_what_does_not_fit_is_a_protocol_fault_that_repeats_nothing(check, arguments):
    with pytest.raises(ProtocolFault) as caught:
        check(*arguments)
    assert "xxx" not in str(caught.value)
