"""What a measurement comes to: one JSON object, the same fields for every command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figures:
    """`ratio_to`: our seconds divided by each baseline's, all of one run on one machine. `details` say how."""

    command: str
    items: int
    seconds: float
    bytes: int
    peak_rss_bytes: int
    baselines: Mapping[str, float]
    """Seconds by name."""
    cpu_seconds: float
    baseline_cpu_seconds: Mapping[str, float]
    """What all processes had of the processors: what a busy machine does to `seconds` it does not do to these."""
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_object(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "command": self.command,
            "items": self.items,
            "seconds": round(self.seconds, 4),
            "us_per_item": round(self.seconds / self.items * 1e6, 3),
            "bytes_per_item": round(self.bytes / self.items, 2),
            "peak_rss_bytes": self.peak_rss_bytes,
            "ratio_to": {name: round(self.seconds / taken, 3) for name, taken in self.baselines.items()},
            "cpu_ratio_to": {
                name: round(self.cpu_seconds / taken, 3) for name, taken in self.baseline_cpu_seconds.items()
            },
            "baseline_seconds": {name: round(taken, 4) for name, taken in self.baselines.items()},
            **self.details,
        }

    def show(self, *, as_json: bool) -> None:
        """Print them: as one line of JSON, or a field a line."""
        found = self.as_object()
        if as_json:
            print(json.dumps(found))
            return
        for name, value in found.items():
            print(f"{name:18} {value}")
