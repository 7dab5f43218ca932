"""gRPC, imported once for everyone: `from psi_client.quiet_grpc import grpc`.

gRPC's C core reads GRPC_VERBOSITY when it is first loaded, and otherwise writes handshake faults to stderr,
in the middle of what a command prints. `psi peers test` says the same in words. An operator's own setting
wins.
"""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import grpc.aio

__all__ = ["grpc"]
