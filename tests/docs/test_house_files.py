"""What the house promises of its own files: pins without addresses, contracts that name every package."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_constraints_are_names_and_versions_only() -> None:
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+", line)


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = PROJECT["project"]["dependencies"] + extras["node"] + extras["dev"]
    for requirement in map(Requirement, wanted):
        if requirement.name != PROJECT["project"]["name"]:
            assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_what_runs_here_is_what_is_pinned() -> None:
    for name, version in pins().items():
        if name in ("openmined-psi", "protobuf", "grpcio-tools", "cryptography", "pycryptodome"):
            assert metadata.version(name) == version


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_ci_runs_the_readmes_own_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    targets = re.findall(r"^make (.+)$", script, flags=re.MULTILINE)
    assert {"lint", "demo", "test"} <= {target for line in targets for target in line.split()}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in targets:
        for target in line.split():
            assert re.search(rf"^([a-z -]+ )?{target}( [a-z -]+)?:", makefile, flags=re.MULTILINE)


def test_every_package_is_under_the_import_rules() -> None:
    contracts = PROJECT["tool"]["importlinter"]
    assert contracts["root_packages"] == ["psi_core", "psi_client", "psi_service"]
    [layers] = [each["layers"] for each in contracts["contracts"] if each["name"] == "rooms of psi_core"]
    rooms = {name.strip("()") for layer in layers for name in layer.split(" | ")}
    found = {path.name.removesuffix(".py") for path in (ROOT / "psi_core").iterdir()}
    assert found - {"__init__", "__pycache__"} <= rooms
