"""The demo's folder is begun afresh, by one demo at a time, and holds on to what is not the demo's."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from examples.demo.failure import DemoError
from examples.demo.folder import free_ports, fresh_folder


def test_only_the_demos_own_folders_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    for name in ("lab-a/old", "lab-b/old", "mine/notes"):
        (folder / name).mkdir(parents=True)
    with fresh_folder(folder, ["lab-a", "lab-b"]):
        assert [path.name for path in folder.iterdir()] == ["mine"]
    assert (folder / "mine" / "notes").exists()


def test_a_second_demo_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    with fresh_folder(tmp_path / "demo", ["lab-a"]):
        (tmp_path / "demo" / "lab-a").mkdir()
        with pytest.raises(DemoError, match="in use"), fresh_folder(tmp_path / "demo", ["lab-a"]):
            pytest.fail("two demos own one folder")
        assert (tmp_path / "demo" / "lab-a").exists()


def test_the_folder_is_free_again_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="broken"), fresh_folder(tmp_path / "demo", []):
        raise DemoError("broken")
    with fresh_folder(tmp_path / "demo", []):
        pass


def test_ports_are_different_and_free() -> None:
    ports = free_ports(4)
    assert len(set(ports)) == 4
    for port in ports:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
