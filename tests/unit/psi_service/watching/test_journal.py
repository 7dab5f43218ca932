"""The journal names places, never contents."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from psi_service.watching.journal import open_journal

VALUE = "ada@example.org"


def fail_with(value: str) -> None:
    raise ValueError(f"cannot read {value}")


def test_an_unforeseen_error_is_a_line_without_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    open_journal()
    try:
        fail_with(VALUE)
    except ValueError:
        structlog.get_logger().exception("session failed", session="8f")
    out, err = capsys.readouterr()
    line = json.loads(err)
    assert out == ""
    assert (line["event"], line["session"], line["level"], line["type"]) == (
        "session failed",
        "8f",
        "error",
        "ValueError",
    )
    assert line["places"][-1].endswith("fail_with")
    assert VALUE not in err


def test_a_librarys_error_is_cut_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    open_journal()
    try:
        fail_with(VALUE)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    logging.getLogger("uvicorn.error").info("Started server process")
    (err,) = capsys.readouterr().err.splitlines()
    line = json.loads(err)
    assert (line["event"], line["logger"], line["type"]) == (
        "Exception in ASGI application",
        "uvicorn.error",
        "ValueError",
    )
    assert VALUE not in err


@pytest.mark.parametrize("given", ["error", "tuple"])
def test_an_error_that_is_handed_in(capsys: pytest.CaptureFixture[str], given: str) -> None:
    open_journal()
    error = ValueError(VALUE)
    info = error if given == "error" else (ValueError, error, None)
    structlog.get_logger().error("broken", exc_info=info)
    line = json.loads(capsys.readouterr().err)
    assert (line["type"], line["places"]) == ("ValueError", [])


def test_debug_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    open_journal()
    structlog.get_logger().debug("much")
    structlog.get_logger().info("enough")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "enough"


def test_the_console_form_says_the_same_in_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    open_journal("console")
    try:
        fail_with(VALUE)
    except ValueError:
        structlog.get_logger().exception("session failed", session="8f")
    logging.getLogger("library").warning("a library warns")
    line, other = capsys.readouterr().err.splitlines()
    assert "session failed" in line
    assert "type=ValueError" in line
    assert VALUE not in line
    assert "a library warns" in other
