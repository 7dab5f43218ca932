"""The terms of a proposal: from a file, from options, the options winning. What is left out, the node fills in."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from psi_client.cli.files import MAX_FILE, read_file
from psi_core.errors import InputError

Terms = dict[str, Any]


def read_terms(path: Path) -> Terms:
    """The terms in a TOML or JSON file (by its ending). Raises InputError."""
    data = read_file(path, "the terms, as TOML or JSON", MAX_FILE)
    try:
        text = data.decode()
        terms = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # A position at most: the parsers' messages do not repeat what they read.
        raise InputError(f"{path} is not written as {path.suffix.lower()[1:] or 'toml'}: {error}") from None
    if not isinstance(terms, dict):
        raise InputError(
            f"{path} holds no table of terms: title, match_keys and what departs from the defaults"
        )
    return terms


def with_options(terms: Terms, options: Mapping[str, object]) -> Terms:
    """`terms` with those `options` that were given (neither None nor empty) in their place."""
    return {**terms, **{name: value for name, value in options.items() if value not in (None, (), [])}}


def match_keys(texts: Sequence[str] | None) -> list[Terms]:
    """`NAME`, `NAME:MOST-IN-ONE-SESSION` or `NAME:MOST-IN-ONE-SESSION:MOST-IN-ONE-PERIOD`. Raises InputError."""
    found = []
    for text in texts or ():
        name, *numbers = text.split(":")
        fields = dict(zip(("max_size", "evaluations_per_period"), map(_number, numbers), strict=False))
        if not name or len(numbers) > 2:
            raise InputError(
                "--match-key is written NAME, NAME:MAX-SIZE or NAME:MAX-SIZE:BUDGET, such as email:50000:100000"
            )
        found.append({"match_key": name, **fields})
    return found


def engines(texts: Sequence[str] | None) -> list[Terms]:
    """`NAME` or `NAME:VARIANT`."""
    found = []
    for text in texts or ():
        name, _, variant = text.partition(":")
        found.append({"engine": name, **({"variant": variant} if variant else {})})
    return found


def labels(texts: Sequence[str] | None) -> list[Terms]:
    """`FIELD,FIELD...`, or `LAB:FIELD,FIELD...` for one lab alone. Raises InputError."""
    found = []
    for text in texts or ():
        lab, colon, listed = text.rpartition(":")
        names = [name.strip() for name in listed.split(",")]
        if not all(names) or (colon and not lab):
            raise InputError("--labels is written FIELD,... or LAB:FIELD,..., such as severity,campaign")
        found.append({"fields": names, **({"lab": lab} if lab else {})})
    return found


def _number(text: str) -> int:
    digits = text.replace("_", "").replace(",", "")
    if not digits.isascii() or not digits.isdigit():
        raise InputError("--match-key: sizes and budgets are whole numbers, such as email:50000:100000")
    return int(digits)
