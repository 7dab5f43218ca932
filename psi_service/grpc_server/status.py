"""The error tree as gRPC status: the one translation on the peer port.

A PsiError travels as a status code, its sentence, and its slug in the trailing metadata `psi-error` (a
policy's rule in `psi-rule`). Anything else is a fault of this program: the peer reads "internal error", the
log has the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Never

import structlog

from psi_client.quiet_grpc import grpc
from psi_client.rpc_errors import ERROR_KEY, MAX_WORDS, RULE_KEY
from psi_core import errors
from psi_core.errors import PsiError, Refused

INTERNAL = "internal error"
INTERNAL_SLUG = "internal"

_Code = grpc.StatusCode

STATUS: Mapping[type[PsiError], grpc.StatusCode] = {
    errors.PsiError: _Code.INTERNAL,
    errors.InputError: _Code.INVALID_ARGUMENT,
    errors.InvalidIndicator: _Code.INVALID_ARGUMENT,
    errors.InvalidMatchKey: _Code.INVALID_ARGUMENT,
    errors.InvalidText: _Code.INVALID_ARGUMENT,
    errors.InvalidConfiguration: _Code.FAILED_PRECONDITION,
    errors.NotFound: _Code.NOT_FOUND,
    errors.Conflict: _Code.FAILED_PRECONDITION,
    errors.AccessDenied: _Code.PERMISSION_DENIED,
    errors.Unauthenticated: _Code.UNAUTHENTICATED,
    errors.VerificationError: _Code.INVALID_ARGUMENT,
    errors.InvalidNote: _Code.INVALID_ARGUMENT,
    errors.InvalidSignature: _Code.INVALID_ARGUMENT,
    errors.InvalidProof: _Code.INVALID_ARGUMENT,
    errors.InvalidCheckpoint: _Code.INVALID_ARGUMENT,
    errors.InvalidCertificate: _Code.INVALID_ARGUMENT,
    errors.Refused: _Code.FAILED_PRECONDITION,
    errors.PeerError: _Code.ABORTED,
    errors.PeerUnreachable: _Code.ABORTED,
    errors.ProtocolFault: _Code.INVALID_ARGUMENT,
    errors.SessionError: _Code.ABORTED,
    errors.SessionAborted: _Code.ABORTED,
    errors.CanaryFault: _Code.ABORTED,
    errors.TranscriptMismatch: _Code.ABORTED,
    errors.EngineFault: _Code.ABORTED,
    errors.WorkerDied: _Code.ABORTED,
    errors.StoreError: _Code.INTERNAL,
    errors.StoreLocked: _Code.INTERNAL,
    errors.NodeRefusing: _Code.FAILED_PRECONDITION,
}
"""Every class of the tree, none by inheritance: a new one must be placed here (a test holds it)."""

# What these say is about this host (paths, the disk), so a peer does not read it.
_OWN_AFFAIRS = (errors.StoreError, errors.InvalidConfiguration)
_SHARED_ALL_THE_SAME = (errors.NodeRefusing,)

_log = structlog.get_logger(__name__)


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: Exception, *, call: str) -> Never:
    """End the call `call` (its method's name) with the status of `error`; writes a line to the node's log."""
    code, words, metadata = status_of(error)
    if isinstance(error, PsiError):
        _log.warning("a peer's call was not served", call=call, code=error.code, reason=error.message)
    else:
        _log.error("a peer's call failed", call=call, exc_info=error)
    await context.abort(code, words, metadata)


def status_of(error: Exception) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]]:
    """Status code, sentence (at most 1,000 characters) and trailing metadata for `error`."""
    if not isinstance(error, PsiError):
        return _Code.INTERNAL, INTERNAL, ((ERROR_KEY, INTERNAL_SLUG),)
    code = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    private = isinstance(error, _OWN_AFFAIRS) and not isinstance(error, _SHARED_ALL_THE_SAME)
    words = INTERNAL if private else _sentence(error)
    metadata = [(ERROR_KEY, error.code)]
    if isinstance(error, Refused):
        metadata.append((RULE_KEY, error.rule))
    return code, words[:MAX_WORDS], tuple(metadata)


def _sentence(error: PsiError) -> str:
    # The reader adds "refused by <lab>" itself.
    return error.words if isinstance(error, Refused) else error.message
