"""Failed calls in the words of the error tree; a peer's own words are made harmless first."""

from __future__ import annotations

import pytest

from psi_client.peer_fault import Fault
from psi_client.quiet_grpc import grpc
from psi_client.rpc_errors import error_of_status, plain_words
from psi_core.errors import PeerError, PeerUnreachable, ProtocolFault, Refused, SessionAborted

LAB = "lab-b.example"
Code = grpc.StatusCode


def test_every_status_becomes_an_error_about_the_peer():
    for code in Code:
        error = error_of_status(LAB, code, "details", {})
        assert isinstance(error, PeerError)
        assert LAB in str(error)
        # What gRPC or a peer wrote freely is not repeated without a slug that says a node wrote it.
        assert "details" not in str(error)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (Code.UNAVAILABLE, Fault.UNREACHABLE),
        (Code.DEADLINE_EXCEEDED, Fault.TIMEOUT),
        (Code.UNAUTHENTICATED, Fault.NOT_ACCEPTED),
        (Code.PERMISSION_DENIED, Fault.NOT_ACCEPTED),
        (Code.UNIMPLEMENTED, Fault.PROTOCOL),
        (Code.RESOURCE_EXHAUSTED, Fault.BUSY),
        (Code.OK, Fault.CLOSED),
        (Code.CANCELLED, Fault.CLOSED),
    ],
)
def test_faults_of_the_connection_have_names(code, fault):
    error = error_of_status(LAB, code, None, {})
    assert isinstance(error, PeerUnreachable)
    assert error.fault == fault


def test_a_message_above_the_limit_is_a_protocol_fault():
    words = "SERVER: Received message larger than max (1115144 vs. 1114112)"
    assert isinstance(error_of_status(LAB, Code.RESOURCE_EXHAUSTED, words, {}), ProtocolFault)


def test_a_refusal_keeps_its_rule():
    told = {"psi-error": "refused", "psi-rule": "late_aborts"}
    error = error_of_status(LAB, Code.FAILED_PRECONDITION, "5 late aborts", told)
    assert isinstance(error, Refused)
    assert (error.rule, error.by, str(error)) == ("late_aborts", LAB, f"refused by {LAB}: 5 late aborts")


@pytest.mark.parametrize("slug", [b"conflict", "", "Conflict", "a b", "x" * 41, "conflict\n", "1x"])
def test_a_slug_that_is_none_is_ignored(slug):
    error = error_of_status(LAB, Code.FAILED_PRECONDITION, "words", {"psi-error": slug})
    assert str(error) == f"the call to {LAB} failed with the gRPC status FAILED_PRECONDITION"


@pytest.mark.parametrize(
    ("slug", "kind", "words"),
    [
        ("session-aborted", SessionAborted, f"{LAB} ended the session: the node is stopping"),
        ("peer-unreachable", PeerUnreachable, f"{LAB} ended the call: the node is stopping"),
        ("conflict", PeerError, f"{LAB} answered: the node is stopping (conflict)"),
        ("worker-died", PeerError, f"{LAB} answered: the node is stopping (worker-died)"),
    ],
)
def test_an_ended_session_is_told_from_an_answer(slug, kind, words):
    error = error_of_status(LAB, Code.ABORTED, "the node is stopping", {"psi-error": slug})
    assert (type(error), str(error)) == (kind, words)


def test_a_rule_that_is_none_is_ignored():
    told = {"psi-error": "refused", "psi-rule": "\x1b[2J"}
    assert error_of_status(LAB, Code.FAILED_PRECONDITION, "no", told).rule == "unnamed"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain words", "plain words"),
        ("two\nlines\tand\x00a \x1b[31mcolour\x1b[0m", "two lines and a [31mcolour [0m"),
        ("right-to-left \u202e and \u2066zero\u200bwidth", "right-to-left and zero width"),
        (None, ""),
        ("x" * 5000, "x" * 1000),
        ("é \U0001f600", "é \U0001f600"),
    ],
)
def test_a_peers_words_are_cut_and_cleaned(said, shown):
    assert plain_words(said) == shown
