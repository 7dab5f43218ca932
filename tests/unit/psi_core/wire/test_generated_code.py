"""psi_core/wire is what `make wire` writes from proto/, and loads beside the pinned protobuf."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError

from psi_core.wire.session_pb2 import SessionFrame

ROOT = Path(__file__).parents[4]
WIRE = ROOT / "psi_core" / "wire"
PROTOS = sorted((ROOT / "proto" / "psi_core" / "wire").glob("*.proto"))
MODULES = [f"{proto.stem}_pb2{suffix}" for proto in PROTOS for suffix in ("", "_grpc")]


@pytest.mark.parametrize("module", MODULES)
def test_a_generated_module_loads(module: str) -> None:
    """grpcio-tools and protobuf are pinned to each other: the wrong pair refuses at import."""
    importlib.import_module(f"psi_core.wire.{module}")


def test_generated_code_is_what_the_protos_say(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", "-Iproto"),
            *(f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")),
            *(str(proto.relative_to(ROOT)) for proto in PROTOS),
        ],
        cwd=ROOT,
        check=True,
    )
    made = {path.name: path.read_text() for path in (tmp_path / "psi_core" / "wire").iterdir()}
    kept = {path.name: path.read_text() for path in WIRE.glob("*_pb2*.py*") if path.suffix in (".py", ".pyi")}
    assert sorted(made) == sorted(kept), "run make wire, and remove what no proto stands behind"
    for name, text in made.items():
        assert text == kept[name], f"{name} is not what proto/ says: run make wire"


def test_nothing_else_lies_beside_generated_code() -> None:
    others = [path.name for path in WIRE.glob("*.py") if "_pb2" not in path.name]
    assert others == ["__init__.py"]


def test_a_frame_holds_one_body() -> None:
    frame = SessionFrame(offer=b"first")
    frame.accept = b"second"
    assert frame.WhichOneof("body") == "accept"
    assert SessionFrame.FromString(frame.SerializeToString()).accept == b"second"


def test_cut_off_bytes_are_no_frame() -> None:
    with pytest.raises(DecodeError):
        SessionFrame.FromString(SessionFrame(offer=b"first").SerializeToString()[:-1])
