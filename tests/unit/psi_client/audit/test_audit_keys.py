"""The KEYS file: the auditor's own, never from beside the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from psi_client.audit import read_keys
from psi_core.errors import InvalidConfiguration
from psi_core.log.key import Signer

ONE = Signer.from_seed("lab-a.example/psi-log", bytes([1]) * 32).verifier
TWO = Signer.from_seed("lab-b.example/psi-log", bytes([2]) * 32).verifier


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_one_key_a_line_with_remarks(tmp_path: Path) -> None:
    path = write(tmp_path / "keys", f"# lab-a, read aloud on Monday\n\n{ONE}\n  {TWO}  \r\n{ONE}\n")
    assert read_keys(path, outside=[]) == (ONE, TWO)


def test_a_key_beside_the_log_is_refused(tmp_path: Path) -> None:
    export = tmp_path / "log"
    (export / "sub").mkdir(parents=True)
    inside = write(export / "sub" / "keys", f"{ONE}\n")
    link = tmp_path / "keys"
    link.symlink_to(inside)
    alias = tmp_path / "alias"
    alias.symlink_to(export)
    for path, folder in [
        (inside, export),
        (link, export),
        (inside, alias),
        (export / "sub" / ".." / "sub" / "keys", export),
    ]:
        with pytest.raises(InvalidConfiguration, match="inside an exported log"):
            read_keys(path, outside=[tmp_path / "other", folder])
    assert read_keys(inside, outside=[tmp_path / "other"]) == (ONE,)


@pytest.mark.parametrize("text", ["", "# only a remark\n", "\n\n"])
def test_a_file_without_keys(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidConfiguration, match="holds no key"):
        read_keys(write(tmp_path / "keys", text), outside=[])


def test_a_damaged_key_is_named_by_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "keys", f"{ONE}\n{str(TWO)[:-2]}\n")
    with pytest.raises(InvalidConfiguration, match="line 2"):
        read_keys(path, outside=[])


def test_files_that_cannot_be_keys(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidConfiguration, match="UTF-8"):
        read_keys(binary, outside=[])
    with pytest.raises(InvalidConfiguration, match="longer than"):
        read_keys(write(tmp_path / "long", "#" * 70_000), outside=[])
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(InvalidConfiguration, match="cannot be read"):
            read_keys(path, outside=[])
