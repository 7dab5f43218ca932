"""Generated code under psi_core/wire: every module loads, and is what protoc makes of proto/ today."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto"
WIRE = ROOT / "psi_core" / "wire"
SOURCES = sorted(path.relative_to(PROTO).as_posix() for path in PROTO.rglob("*.proto"))


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> dict[str, bytes]:
    """What protoc writes, by name relative to the repository."""
    out = tmp_path_factory.mktemp("wire")
    flags = [f"-I{PROTO}", f"--python_out={out}", f"--pyi_out={out}", f"--grpc_python_out={out}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *flags, *SOURCES], check=True, cwd=PROTO)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_committed_code_is_what_protoc_makes(generated):
    committed = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for pattern in ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")
        for path in WIRE.glob(pattern)
    }
    assert len(generated) == 3 * len(SOURCES)
    assert committed.keys() == generated.keys()
    stale = [name for name in generated if generated[name] != committed[name]]
    assert stale == [], "run `make wire`"


@pytest.mark.parametrize("module", sorted(path.stem for path in WIRE.glob("*_pb2*.py")))
def test_every_generated_module_loads(module):
    # grpcio-tools newer than protobuf's runtime generates code that refuses to.
    importlib.import_module(f"psi_core.wire.{module}")


def test_every_proto_has_its_three_modules():
    names = {Path(source).stem for source in SOURCES}
    assert names == {"peers", "session"}
    assert {path.name for path in WIRE.iterdir() if path.suffix in {".py", ".pyi"}} == {"__init__.py"} | {
        f"{name}{ending}" for name in names for ending in ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")
    }
