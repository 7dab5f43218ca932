"""Telling that something is new: what a command and an address get, and how each is kept within bounds."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from psi_core.errors import InputError
from psi_service.jobs.on_new import News, OnNew
from psi_service.jobs.telling import MAX_OUTPUT, TOLD, tell

NEWS = News(
    job=3,
    peer="lab-b.example",
    session="8f" * 16,
    finished="2026-11-24T02:00:05Z",
    new=9,
    actors=211,
    matched={"email": 220},
)


def python(script: str) -> OnNew:
    return OnNew(command=(sys.executable, "-c", script))


async def test_a_command_gets_counts_in_variables_and_nothing_of_the_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSI_LAB", "lab-a.example")
    monkeypatch.setenv("SECRET_OF_THE_NODE", "s3cret")
    out = tmp_path / "out.json"
    script = f"import json,os,sys;json.dump([dict(os.environ),sys.stdin.read(),os.getcwd()],open({str(out)!r},'w'))"
    assert await tell(python(script), NEWS) == TOLD
    environment, given, folder = json.loads(out.read_text())
    assert {name: value for name, value in environment.items() if name.startswith("PSI_")} == {
        "PSI_JOB_ID": "3",
        "PSI_JOB_PEER": "lab-b.example",
        "PSI_JOB_SESSION": "8f" * 16,
        "PSI_JOB_FINISHED": "2026-11-24T02:00:05Z",
        "PSI_JOB_NEW": "9",
        "PSI_JOB_ACTORS": "211",
    }
    assert "SECRET_OF_THE_NODE" not in environment
    assert (given, folder) == ("", "/")


async def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    words = OnNew.parse(
        f"{shlex.quote(sys.executable)} -c 'import sys; sys.exit(len(sys.argv))' $HOME ';' *", None
    )
    assert words is not None
    # -c itself and the three words as they stand
    assert await tell(words, NEWS) == "not told: the command ended with code 4"


async def test_a_command_that_fails_says_its_last_line() -> None:
    script = "import sys; print('first', flush=True); sys.stderr.write('no \\x1b[31mroute\\n'); sys.exit(7)"
    assert await tell(python(script), NEWS) == "not told: the command ended with code 7: no ?[31mroute"


async def test_a_command_that_is_not_there() -> None:
    found = OnNew.parse("/nowhere/notify", None)
    assert found is not None
    assert await tell(found, NEWS) == "not told: the command cannot be started (No such file or directory)"


def is_alive(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while is_alive(pid):  # noqa: ASYNC110 -- the kernel's doing
            await asyncio.sleep(0.02)


async def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $$ $! > {shlex.quote(str(pids))}; wait"
    told = await tell(OnNew(command=("/bin/sh", "-c", script)), NEWS, command_seconds=2)
    assert told == "not told: the command took longer than 2 s and was ended"
    for pid in pids.read_text().split():
        await until_gone(int(pid))


async def test_a_command_that_talks_without_end_is_ended() -> None:
    told = await tell(python("while True: print('x' * 1000)"), NEWS)
    assert told == f"not told: the command said more than {MAX_OUTPUT:,} bytes and was ended"


async def test_a_command_whose_output_waits_unread_is_ended() -> None:
    """More than asyncio buffers lies in the pipe when the command is killed: nothing waits for it to be read."""
    script = "import sys; sys.stdout.write('x' * 10_000_000)"
    for _ in range(20):
        async with asyncio.timeout(20):
            assert (await tell(python(script), NEWS)).startswith("not told: the command said more than")


async def test_a_child_that_left_the_group_and_holds_the_output_is_not_waited_for(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"setsid sleep 600 & echo $! > {shlex.quote(str(pid))}; exit 3"
    told = await tell(OnNew(command=("/bin/sh", "-c", script)), NEWS, command_seconds=1)
    assert told == "not told: the command took longer than 1 s and was ended"
    os.kill(int(pid.read_text()), signal.SIGKILL)


async def test_a_child_left_behind_is_ended_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"sleep 600 > /dev/null 2>&1 & echo $! > {shlex.quote(str(pid))}"
    assert await tell(OnNew(command=("/bin/sh", "-c", script)), NEWS) == TOLD
    await until_gone(int(pid.read_text()))


class Hook:
    """An HTTP server of one answer that keeps what it was sent."""

    def __init__(self, answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n") -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.closed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        self.requests.append(head + await reader.readexactly(length))
        writer.write(self.answer)
        if not self.answer:
            await reader.read()
        writer.close()
        await writer.wait_closed()
        self.closed.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[OnNew]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            found = OnNew.parse(None, f"http://127.0.0.1:{port}/hook?k=s3cret")
            assert found is not None
            yield found
            await self.closed.wait()


async def test_an_address_gets_one_object_of_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    hook = Hook()
    async with hook.listening() as on_new:
        assert await tell(on_new, NEWS) == TOLD
    (request,) = hook.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?k=s3cret HTTP/1.1\r\n")
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body) == {
        "job": 3,
        "peer": "lab-b.example",
        "session": "8f" * 16,
        "finished": "2026-11-24T02:00:05Z",
        "new": 9,
        "actors": 211,
        "matched": {"email": 220},
    }


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", 500),
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n", 302),
    ],
)
async def test_an_answer_that_is_no_success_and_a_redirect_are_told(answer: bytes, status: int) -> None:
    hook = Hook(answer)
    async with hook.listening() as on_new:
        assert await tell(on_new, NEWS) == f"not told: the address answered with status {status}"
    assert len(hook.requests) == 1


async def test_an_address_that_is_silent_or_away_is_given_up() -> None:
    hook = Hook(b"")
    async with hook.listening() as on_new:
        told = await tell(on_new, NEWS, post_seconds=0.3)
    assert told.startswith("not told: the address could not be reached (")
    gone = await tell(on_new, NEWS)
    assert gone == "not told: the address could not be reached (ConnectError)"
    assert "s3cret" not in told + gone


@pytest.mark.parametrize(
    ("command", "url", "words"),
    [
        ("notify", "https://hooks.example/", "not both"),
        ("", None, "names no program"),
        ("   ", None, "names no program"),
        ("''", None, "names no program"),
        ("notify 'open", None, "cannot be split"),
        ("notify\nrm", None, "no line breaks"),
        ("x" * 2001, None, "at most 2,000"),
        (None, "", "names no host"),
        (None, "hooks.example/x", "names no host"),
        (None, "https:///x", "names no host"),
        (None, "http://hooks.example/x", "must be https"),
        (None, "http://127.0.0.1.example/x", "must be https"),
        (None, "http://10.0.0.1/x", "must be https"),
        (None, "ftp://hooks.example/x", "must be https"),
        (None, "https://ada:s3cret@hooks.example/", "user name"),
        (None, "https://hooks.example:0/", "names no host"),
        (None, "https://hooks.example:99999/", "not one"),
        (None, "https://[::1/", "not one"),
        (None, "https://hooks.example/a b", "names no host"),
        (None, "https://hooks.example/\r\nx: y", "no line breaks"),
    ],
)
def test_what_cannot_be_told(command: str | None, url: str | None, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        OnNew.parse(command, url)
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/x",
        "http://127.0.0.1:8080/x",
        "http://[::1]/x",
        "http://localhost/x",
        "HTTPS://h/",
    ],
)
def test_addresses_that_can(url: str) -> None:
    found = OnNew.parse(None, url)
    assert found is not None
    assert found.url == url


def test_nobody() -> None:
    assert OnNew.parse(None, None) is None


def test_what_is_shown_hides_arguments_and_path() -> None:
    command, url = (
        OnNew.parse("/opt/notify --key s3cret", None),
        OnNew.parse(None, "https://h.example/s3cret"),
    )
    assert command is not None
    assert url is not None
    assert (command.shown, url.shown) == ("command /opt/notify", "https://h.example")
    assert "s3cret" not in repr(command) + repr(url)
