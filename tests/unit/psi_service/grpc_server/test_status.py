"""The error tree as gRPC status: every class has a place, and nothing private leaves."""

from __future__ import annotations

import pytest

from psi_client.quiet_grpc import grpc
from psi_core import errors
from psi_core.errors import PsiError
from psi_service.grpc_server.status import STATUS, abort, status_of


def tree(kind: type[PsiError] = PsiError) -> set[type[PsiError]]:
    return {kind}.union(
        *(tree(below) for below in kind.__subclasses__() if below.__module__ == errors.__name__)
    )


def test_every_class_of_the_tree_has_a_status_of_its_own():
    assert set(STATUS) == tree()


def test_only_identity_is_denied_and_nothing_pretends_to_be_the_network():
    # A client reads these as "ours is not accepted" and as "cannot be reached".
    denied = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
    assert {kind for kind, code in STATUS.items() if code in denied} == {
        errors.AccessDenied,
        errors.Unauthenticated,
    }
    network = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.OK}
    assert not network & set(STATUS.values())


@pytest.mark.parametrize(
    ("error", "code", "words", "metadata"),
    [
        (errors.NotFound("no such session"), "NOT_FOUND", "no such session", {"psi-error": "not-found"}),
        (
            errors.Refused("size_cap", "too many", by="lab-b.example"),
            "FAILED_PRECONDITION",
            "too many",
            {"psi-error": "refused", "psi-rule": "size_cap"},
        ),
        (
            errors.NodeRefusing("the log is behind"),
            "FAILED_PRECONDITION",
            "the log is behind",
            {"psi-error": "node-refusing"},
        ),
        (
            errors.StoreError("/var/psi/node.db cannot be opened"),
            "INTERNAL",
            "internal error",
            {"psi-error": "store-error"},
        ),
        (
            errors.InvalidConfiguration("the file /etc/x is missing"),
            "FAILED_PRECONDITION",
            "internal error",
            {"psi-error": "invalid-configuration"},
        ),
        (ZeroDivisionError("secret"), "INTERNAL", "internal error", {"psi-error": "internal"}),
    ],
)
def test_code_sentence_and_metadata(error, code, words, metadata):
    got_code, got_words, got_metadata = status_of(error)
    assert (got_code.name, got_words, dict(got_metadata)) == (code, words, metadata)


def test_a_class_below_the_table_takes_the_nearest_place():
    class Narrower(errors.Conflict):
        pass

    assert status_of(Narrower("x"))[0] is grpc.StatusCode.FAILED_PRECONDITION


def test_long_words_are_cut():
    assert len(status_of(errors.Conflict("x" * 5000))[1]) == 1000


class Context:
    """Records what a servicer's context was told."""

    def __init__(self) -> None:
        self.aborted: list[tuple[object, ...]] = []

    async def abort(self, *told: object) -> None:
        self.aborted.append(told)


async def test_the_log_has_the_trace_of_an_unknown_error_and_the_peer_has_not(capsys):
    def fail() -> None:
        raise RuntimeError("what happened")

    context = Context()
    try:
        fail()
    except RuntimeError as error:
        await abort(context, error, call="/psi_core.wire.Peers/Settle")
    assert context.aborted == [(grpc.StatusCode.INTERNAL, "internal error", (("psi-error", "internal"),))]
    logged = capsys.readouterr().out
    assert "Traceback" in logged
    assert "what happened" in logged
    assert "/psi_core.wire.Peers/Settle" in logged
