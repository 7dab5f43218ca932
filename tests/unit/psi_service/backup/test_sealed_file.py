"""The seal of a backup: everything comes back, and nothing changed, cut, moved or repeated does."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi_core.errors import InputError, VerificationError
from psi_service.backup.sealed_file import CHUNK, Sealer, opened
from psi_service.backup.secret import KEY_FILE, BackupSecret

SECRET = BackupSecret(KEY_FILE, b"k" * 32)
SEALED_CHUNK = CHUNK + 16
HEADER = len(b"psi-backup/v1 key-file\n") + 16 + 7


def sealed(*pieces: bytes, secret: BackupSecret = SECRET) -> bytes:
    file = io.BytesIO()
    sealer = Sealer(file, secret)
    for piece in pieces:
        sealer.write(piece)
    sealer.close()
    return file.getvalue()


def unsealed(data: bytes, secret: BackupSecret = SECRET) -> bytes:
    return b"".join(opened(io.BytesIO(data), secret))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5])
def test_every_length_comes_back_in_chunks_of_one_size(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    file = sealed(data)
    assert unsealed(file) == data
    assert len(file) == HEADER + size + 16 * max(1, -(-size // CHUNK))


@given(st.lists(st.binary(max_size=2000), max_size=8))
@settings(max_examples=30)
def test_pieces_come_back_as_one_run(pieces: list[bytes]) -> None:
    assert unsealed(sealed(*pieces)) == b"".join(pieces)


def test_two_seals_of_the_same_differ() -> None:
    assert sealed(b"x") != sealed(b"x")


@given(st.integers(0, HEADER + 16 + 5 - 1), st.integers(1, 255))
@settings(max_examples=60)
def test_no_byte_can_be_changed(place: int, change: int) -> None:
    data = bytearray(sealed(b"hello"))
    data[place] ^= change
    with pytest.raises((VerificationError, InputError)):
        unsealed(bytes(data))


def test_chunks_cannot_be_cut_moved_repeated_or_added() -> None:
    data = sealed(b"a" * CHUNK, b"b" * CHUNK, b"c" * 10)
    header, one = data[:HEADER], data[HEADER : HEADER + SEALED_CHUNK]
    two, three = data[HEADER + SEALED_CHUNK : HEADER + 2 * SEALED_CHUNK], data[HEADER + 2 * SEALED_CHUNK :]
    assert unsealed(header + one + two + three)
    for wrong in (
        header,
        header + one,
        header + one + two,
        header + one + three,
        header + two + one + three,
        header + one + one + two + three,
        header + one + two + three + three,
        header + one + two + three[:-1],
    ):
        with pytest.raises(VerificationError):
            unsealed(wrong)


def test_another_secret_and_another_kind_of_secret(tmp_path: Path) -> None:
    data = sealed(b"x")
    with pytest.raises(VerificationError, match="another"):
        unsealed(data, BackupSecret(KEY_FILE, b"l" * 32))
    words = BackupSecret.of_passphrase("correct horse battery")
    with pytest.raises(InputError, match="--key-file"):
        unsealed(data, words)
    by_words = sealed(b"y", secret=words)
    assert unsealed(by_words, words) == b"y"
    with pytest.raises(InputError, match="its passphrase"):
        unsealed(by_words)
    with pytest.raises(InputError, match="no backup"):
        unsealed(b"PK\x03\x04 something else")


def test_secrets_that_are_too_short_are_refused_and_none_is_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 12"):
        BackupSecret.of_passphrase("eleven char")
    file = tmp_path / "key"
    with pytest.raises(InputError, match="cannot be read"):
        BackupSecret.of_file(file)
    for content in (b"x" * 31, b"x" * 4097):
        file.write_bytes(content)
        with pytest.raises(InputError, match="/dev/urandom"):
            BackupSecret.of_file(file)
    file.write_bytes(b"secret!!" * 4)
    assert "secret" not in repr(BackupSecret.of_file(file)).replace("BackupSecret", "")
    assert "horse" not in repr(BackupSecret.of_passphrase("correct horse battery"))
