"""docs/operating.md and packaging/ are true: commands, settings and metrics exist, and all of them are named."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.main import get_command

from psi_client.cli.main import app as psi_app
from psi_core.identity.node_keys import NodeKeys
from psi_service.cli.main import app as psi_node_app
from psi_service.clock import system_clock
from psi_service.log.node_log import NodeLog
from psi_service.metrics.metrics import Metrics
from psi_service.settings import Settings, settings_file
from psi_service.store.database import Store

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
UNIT = ROOT / "packaging" / "psi-node.service"
PROGRAMS = {"psi": get_command(psi_app), "psi-node": get_command(psi_node_app)}


def section(heading: str) -> str:
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def typed() -> list[str]:
    """Every command line of ours: after `$`, or in a line for root or a container."""
    lines = re.findall(r"^    [$#] (.*)$", TEXT, flags=re.MULTILINE)
    lines += re.findall(r"`(psi(?:-node)? [a-z][^`]*)`", TEXT)
    found = [re.search(r"(?:^|[ /])(psi(?:-node)? (?!psi-node)[a-z].*)$", line) for line in lines]
    return [match[1] for match in found if match]


def test_commands_are_found() -> None:
    assert {line.split()[1] for line in typed()} >= {
        "init",
        "doctor",
        "backup",
        "restore",
        "card",
        "token",
        "actors",
    }


@pytest.mark.parametrize("line", typed())
def test_a_command_exists_with_its_options(line: str) -> None:
    program, *words = shlex.split(line.partition("   ")[0])
    if words[0] == "psi-node":  # docker: the image's name, then what the entry point is given
        words = words[1:]
    command = PROGRAMS["psi-node" if words[0] in PROGRAMS["psi-node"].commands else program]
    known = {option for parameter in command.params for option in parameter.opts}
    for word in words:
        if word.startswith("--"):
            assert word in known
        elif word in getattr(command, "commands", {}):
            command = command.commands[word]
            known |= {option for parameter in command.params for option in parameter.opts}
    assert not hasattr(command, "commands") or command.invoke_without_command or words


def test_every_setting_is_named_with_its_default() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*?) \| (.*) \|$", section("Configuration"), flags=re.MULTILINE)
    documented = {name: (default.strip("`"), words) for name, default, words in rows}
    written = settings_file({"lab": "lab-a.example"})
    for name, field in Settings.model_fields.items():
        if name == "data_dir":
            assert name not in documented
            continue
        default, words = documented[name]
        assert words == field.description
        assert name == "lab" or f"# {name} = {default}\n" in written
    assert len(documented) == len(Settings.model_fields) - 1


async def test_every_metric_is_named_with_its_labels(tmp_path: Path) -> None:
    with Store.open(tmp_path, system_clock) as store:
        keys = NodeKeys.generate("lab-a.example", system_clock())
        log = NodeLog(store, keys.log, tmp_path / "head", system_clock)
        page = (await Metrics("lab-a.example", "1", store, log, system_clock).page()).decode()
    served = {
        family.name for family in text_string_to_metric_families(page) if family.name.startswith("psi_")
    }
    named = {
        name.removesuffix("_total")
        for name in re.findall(r"^\| `(psi_[a-z_]+)` \|", section("Watching it"), flags=re.MULTILINE)
    }
    assert {name for name in served if not name.endswith("_created")} == named


def test_pages_that_are_named_are_served() -> None:
    pages = set(re.findall(r"`(/[a-z/]+)`", section("Watching it")))
    assert pages == {"/health/live", "/health/ready", "/metrics"}


def test_the_unit_starts_the_node_and_shuts_it_in(tmp_path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign] # systemd's names have capitals
    unit.read(UNIT, encoding="utf-8")
    service = unit["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert program.endswith("/psi-node")
    assert words[0] in PROGRAMS["psi-node"].commands
    assert service["NoNewPrivileges"] == service["PrivateDevices"] == "yes"
    assert (service["ProtectSystem"], service["CapabilityBoundingSet"]) == ("strict", "")
    assert int(service["TimeoutStopSec"]) > int(Settings.model_fields["stop_timeout_seconds"].default)
    assert words[-1] == f"/var/lib/{service['StateDirectory']}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / "psi-node.service"
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    about_us = [line for line in found.stderr.splitlines() if "psi-node.service" in line]
    assert [line for line in about_us if "Unknown" in line or "Failed to parse" in line] == []


def test_the_image_is_built_of_files_that_are_here() -> None:
    lines = (ROOT / "packaging" / "Containerfile").read_text(encoding="utf-8").splitlines()
    copied = [
        word
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert copied
    for name in copied:
        assert "*" in name or (ROOT / name).exists(), name
