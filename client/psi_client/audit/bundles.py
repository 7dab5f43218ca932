"""Bundles of engine `oprf` that an auditor was given, held against what the records and the key statements say.

A bundle proves itself by the record's root, so it does not matter from whose hand it comes: where two labs handed
in theirs, one that fits is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from psi_client.audit.plain_file import plain_file
from psi_core import native_core
from psi_core.engines.oprf.bundle import BundleCheck, CommittedLane, bundle_name, chunk_length
from psi_core.errors import InvalidProof, InvalidText, NotFound

IN_EXPORT = "bundles"
"""The folder inside an exported log where bundles are looked for too."""


@dataclass(frozen=True)
class BundleResult:
    """What came of one lane's bundle: `given` whether there was one, `fault` what is wrong with it."""

    given: bool
    fault: str = ""


BundleResults = Mapping[CommittedLane, BundleResult]
NOT_GIVEN = BundleResult(given=False)


def check_bundles(lanes: Iterable[CommittedLane], folders: Sequence[Path]) -> BundleResults:
    """Look for each lane's bundle in `folders` and check it. Without the native core nothing is looked at."""
    if not native_core.available():
        return {}
    return {lane: _check(lane, folders) for lane in dict.fromkeys(lanes)}


def _check(lane: CommittedLane, folders: Sequence[Path]) -> BundleResult:
    fault = ""
    for folder in folders:
        try:
            _check_file(lane, folder)
        except NotFound:
            continue
        except (InvalidText, InvalidProof) as error:
            fault = fault or error.message
            continue
        return BundleResult(given=True)
    return BundleResult(given=True, fault=fault) if fault else NOT_GIVEN


def _check_file(lane: CommittedLane, folder: Path) -> None:
    name, header = bundle_name(lane.session_id, lane.lane), lane.header.text().encode()
    with plain_file(folder, name, lane.length) as (file, length):
        if file.read(len(header)) != header:
            raise InvalidText(f"{name} is the bundle of another lane")
        if length != lane.length:
            raise InvalidText(
                f"{name} lacks chunks: it has {length:,} bytes, its record asks for {lane.length:,}"
            )
        # Only now: a record may claim 2^30 items, and a list of their chunks takes a while.
        check = BundleCheck(lane)
        for chunk in check.due:
            check.take(chunk, file.read(chunk_length(chunk)))
    check.finish()
