"""Runs the command, or sends the POST, that on_new.py describes. What went wrong is an answer, not an error."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx2

from psi_service.jobs.on_new import News, OnNew

COMMAND_SECONDS = 60.0
POST_SECONDS = 15.0
MAX_OUTPUT = 64 * 1024
"""Bytes of a command's output that are read; a command that says more is ended."""
TOLD = "told"

_KEPT = ("PATH", "HOME", "LANG", "TZ")
_MAX_LINE = 200


async def tell(
    on_new: OnNew, news: News, *, command_seconds: float = COMMAND_SECONDS, post_seconds: float = POST_SECONDS
) -> str:
    """Tell once. Returns TOLD, or in words why not; raises nothing of the command's or the address's doing."""
    if on_new.command:
        return await _run(on_new.command, news, command_seconds)
    return await _post(on_new.url, news, post_seconds)


async def _run(argv: tuple[str, ...], news: News, seconds: float) -> str:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | news.as_variables()
    async with _output_pipe() as (said, write_end):
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its words hold a null character"
            return f"not told: the command cannot be started ({reason})"
        finally:
            os.close(write_end)
        try:
            async with asyncio.timeout(seconds):
                output = await _read(said)
                code = await process.wait()
        except TimeoutError:
            return f"not told: the command took longer than {seconds:g} s and was ended"
        except OverflowError:
            return f"not told: the command said more than {MAX_OUTPUT:,} bytes and was ended"
        finally:
            # Its children too: it leads a process group of its own. Harmless when all of them have ended.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return TOLD if code == 0 else f"not told: the command ended with code {code}{_last_line(output)}"


@asynccontextmanager
async def _output_pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A reader, and the descriptor to write to, which is the caller's to close.

    Not asyncio's own pipe: until that one is closed some versions of asyncio do not count the process as ended, and a
    full buffer, or a child that left the process group, keeps it open.
    """
    read_end, write_end = os.pipe()
    said = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(said), os.fdopen(read_end, "rb", buffering=0)
    )
    try:
        yield said, write_end
    finally:
        pipe.close()


async def _read(said: asyncio.StreamReader) -> bytes:
    """All of it. Raises OverflowError."""
    output = bytearray()
    while piece := await said.read(4096):
        output += piece
        if len(output) > MAX_OUTPUT:
            raise OverflowError
    return bytes(output)


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        return ""
    plain = "".join(character if character.isprintable() else "?" for character in lines[-1].strip())
    return f": {plain[:_MAX_LINE]}"


async def _post(url: str, news: News, seconds: float) -> str:
    try:
        async with (
            asyncio.timeout(seconds),
            # A proxy named in the environment would see what is sent.
            httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=seconds) as client,
            client.stream(
                "POST", url, content=news.as_json(), headers={"content-type": "application/json"}
            ) as response,
        ):
            status = response.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        # TimeoutError is an OSError. The error's own words may hold the address.
        return f"not told: the address could not be reached ({type(error).__name__})"
    return TOLD if 200 <= status < 300 else f"not told: the address answered with status {status}"
