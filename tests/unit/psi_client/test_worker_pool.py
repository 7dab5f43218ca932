"""The pool: order, bounds, parallel children, and children that die in every way."""

from __future__ import annotations

import hashlib
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from psi_client.worker_pool import WorkerPool
from psi_core.engines.interface import LaneContext, Outcome, Reveal
from psi_core.engines.openmined.orders import Operation, Order
from psi_core.engines.registry import engines
from psi_core.errors import EngineFault, WorkerDied

needs_wheel = pytest.mark.skipif(
    (platform.machine(), sys.platform) not in {("x86_64", "linux"), ("arm64", "darwin")},
    reason="openmined-psi has no wheel for this platform",
)
KEY = (5).to_bytes(32)


def stand_in(body: str) -> tuple[str, ...]:
    """A child's command; `body` is what it does with `order`, and must set `result`."""
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    script = f"""
import os, sys, time
from psi_client.worker_pipe import read_message, write_message
orders, answers = sys.stdin.buffer, sys.stdout.buffer
while (order := read_message(orders, 1 << 24)) is not None:
{lines}
    write_message(answers, b"\\0", result)
"""
    return (sys.executable, "-P", "-c", script)


ECHO = stand_in("result = order")
MOODY = stand_in(
    """
if order == b"abort": os.abort()
if order == b"leave": sys.exit(3)
if order == b"spin":
    while True: pass
if order == b"cut": answers.write(b"\\0\\0\\0\\x09half"); answers.flush(); sys.exit(0)
if order == b"huge": answers.write(b"\\xff\\xff\\xff\\xff"); answers.flush(); time.sleep(60)
if order == b"empty": write_message(answers); continue
if order == b"unknown": write_message(answers, b"\\x09"); continue
result = order + b" from %d" % os.getpid()
"""
)


def gone(pid: int) -> bool:
    """Whether a child of ours has ended and was waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def session(pool: WorkerPool, own: list[bytes], peer: list[bytes], reveal: Reveal = "items") -> Outcome:
    """One run of openmined over the pool."""
    engine = engines()["openmined"]
    parameters = engine.parameters(len(own), len(peer), reveal)
    receiver = engine.receiver(LaneContext("email", own, len(peer), parameters, reveal), pool)
    sender = engine.sender(LaneContext("email", peer, len(own), parameters, reveal), pool)
    for frame in receiver.start():
        sender.receive(frame)
    for frame in sender.start():
        receiver.receive(frame)
    for frame in sender.complete():
        receiver.receive(frame)
    return receiver.result()


def numbered(numbers: range) -> list[bytes]:
    return [hashlib.sha256(b"%d" % number).digest() for number in numbers]


@needs_wheel
@pytest.mark.parametrize(("own", "reveal"), [(range(4100), "items"), (range(3800, 4100), "count")])
def test_real_children_find_the_overlap(own: range, reveal: Reveal) -> None:
    """4,100 items are two buckets of 2,278 slots."""
    with WorkerPool(2) as pool:
        outcome = session(pool, numbered(own), numbered(range(4000, 4200)), reveal)
    assert outcome == Outcome(tuple(range(4000, 4100)) if reveal == "items" else None, 100)


@needs_wheel
def test_a_child_killed_in_mid_order_is_a_session_error_and_the_next_session_runs() -> None:
    long_order = Order(Operation.REQUEST, True, KEY, bytes(32) * 100_000).encode()  # some ten seconds
    answered = threading.Event()

    with WorkerPool(1) as pool:
        assert session(pool, numbered(range(5)), numbered(range(3, 9))).positions == (3, 4)
        warm = pool.pids

        def kill() -> None:
            while not answered.wait(0.5):
                for child in tuple(pool._children):
                    child.kill()

        killer = threading.Thread(target=kill)
        answers = pool.map([long_order])
        killer.start()
        with pytest.raises(WorkerDied, match="signal 9"):
            next(answers)
        answered.set()
        killer.join()
        assert session(pool, numbered(range(5)), numbered(range(3, 9))).positions == (3, 4)
        assert pool.pids != warm
        assert all(map(gone, warm))


ABORTING_SETUPS = {"GCS with hash_range 0": "120608011a020102", "Bloom filter without bits": "1a020803"}
SPINNING_SETUPS = ("1a0908ffffffff071201ff", "121708ffffffffffffffffff0110641a08ffffffffffffffff")
UNGUARDED = stand_in(
    """
import private_set_intersection.python as library
client, server = library.client.CreateWithNewKey(True), library.server.CreateWithNewKey(True)
response = server.ProcessRequest(client.CreateRequest(["item"]))
setup = library.ServerSetup.FromString(order)
result = bytes(client.GetIntersection(setup, response)) if order else b"alive"
"""
)


@needs_wheel
@pytest.mark.parametrize("message", ABORTING_SETUPS.values(), ids=ABORTING_SETUPS.keys())
def test_a_message_that_aborts_the_library_costs_one_child(message: str) -> None:
    """The library without the machines' checks before it, in a child: SIGABRT stays there."""
    with WorkerPool(1, command=UNGUARDED) as pool:
        assert list(pool.map([b""])) == [b"alive"]
        with pytest.raises(WorkerDied, match="signal 6"):
            list(pool.map([bytes.fromhex(message)]))
        assert list(pool.map([b""])) == [b"alive"]


@needs_wheel
def test_messages_that_make_the_library_spin_cost_a_child_each() -> None:
    with WorkerPool(2, command=UNGUARDED, grace_seconds=4) as pool:
        spinning = [pool.map([bytes.fromhex(message)]) for message in SPINNING_SETUPS]
        for answers in spinning:
            with pytest.raises(WorkerDied, match="signal 9"):
                next(answers)
        assert list(pool.map([b"", b""])) == [b"alive", b"alive"]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (b"abort", "signal 6"),
        (b"leave", "exit status 3"),
        (b"cut", "ended before it answered"),
        (b"huge", "signal 9"),
        (b"empty", "signal 9"),
        (b"unknown", "signal 9"),
    ],
)
def test_a_child_that_ends_or_talks_nonsense_is_replaced(order: bytes, words: str) -> None:
    with WorkerPool(1, command=MOODY) as pool:
        first = next(pool.map([b"hello"]))
        with pytest.raises(WorkerDied, match=words):
            list(pool.map([b"hello", order, b"hello"]))
        assert next(pool.map([b"hello"])) != first


def test_a_child_that_died_between_two_orders_is_replaced_unnoticed() -> None:
    with WorkerPool(1, command=ECHO) as pool:
        assert list(pool.map([b"one"])) == [b"one"]
        (pid,) = pool.pids
        child = next(iter(pool._children))
        os.kill(pid, signal.SIGKILL)
        child._process.wait()
        assert list(pool.map([b"two"])) == [b"two"]
        assert pid not in pool.pids


@needs_wheel
def test_what_the_library_refuses_is_an_engine_fault_and_the_child_stays() -> None:
    off_curve = Order(Operation.RESPOND, True, KEY, b"\x02" + bytes(31) + b"\x01").encode()
    with WorkerPool(1) as pool:
        with pytest.raises(EngineFault, match="off the curve"):
            list(pool.map([off_curve]))
        pids = pool.pids
        with pytest.raises(EngineFault, match="malformed"):
            list(pool.map([b"not an order"]))
        assert pool.pids == pids


def test_a_command_that_cannot_run_is_a_dead_worker() -> None:
    command = (sys.executable, "-P", "-m", "psi_client.no_such_module")
    with WorkerPool(1, command=command) as pool, pytest.raises(WorkerDied, match="exit status 1"):
        list(pool.map([bytes(1 << 20)]))


def test_answers_keep_their_order_while_all_children_work() -> None:
    late_first = stand_in("time.sleep(0.2 if order == b'0' else 0)\nresult = order + b' %d' % os.getpid()")
    with WorkerPool(2, command=late_first) as pool:
        answers = [answer.split() for answer in pool.map(b"%d" % number for number in range(20))]
        pids = {int(pid) for _, pid in answers}
        assert pids == set(pool.pids)
    assert [int(number) for number, _ in answers] == list(range(20))
    assert len(pids) == 2


def test_children_stay_warm() -> None:
    with WorkerPool(1, command=MOODY) as pool:
        assert not pool.pids
        assert len({answer for _ in range(3) for answer in pool.map([b"a"])}) == 1


def test_orders_are_taken_at_once_but_only_as_far_as_the_bound() -> None:
    taken: list[int] = []

    def orders() -> Iterator[bytes]:
        for number in range(50):
            taken.append(number)
            yield b"%d" % number

    with WorkerPool(2, command=ECHO) as pool:
        answers = pool.map(orders())
        assert taken == [0, 1, 2, 3]
        assert [next(answers), next(answers)] == [b"0", b"1"]
        assert taken == [0, 1, 2, 3, 4, 5]
        assert len(list(answers)) == 48


def test_an_error_of_the_orders_reaches_the_caller_and_the_pool_goes_on() -> None:
    def orders() -> Iterator[bytes]:
        yield from (b"a", b"b", b"c")
        raise EngineFault("no more")

    with WorkerPool(1, command=ECHO) as pool:
        answers = pool.map(orders())
        with pytest.raises(EngineFault, match="no more"):
            list(answers)
        assert list(pool.map([b"d"])) == [b"d"]


def test_after_an_error_an_iterator_is_at_its_end() -> None:
    with WorkerPool(1, command=MOODY) as pool:
        answers = pool.map([b"leave", b"hello"])
        with pytest.raises(WorkerDied):
            next(answers)
        assert list(answers) == []


def test_many_threads_share_one_pool() -> None:
    results: dict[int, list[bytes]] = {}
    with WorkerPool(2, command=ECHO) as pool:

        def ask(number: int) -> None:
            results[number] = list(pool.map(b"%d %d" % (number, part) for part in range(15)))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {number: [b"%d %d" % (number, part) for part in range(15)] for number in range(6)}


def test_large_orders_and_answers_pass() -> None:
    order = os.urandom(3 << 20)
    with WorkerPool(1, command=ECHO) as pool:
        assert list(pool.map([order, order])) == [order, order]


def test_close_ends_its_own_children_and_no_other_process() -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with WorkerPool(1, command=ECHO) as other, WorkerPool(2, command=ECHO) as pool:
        list(other.map([b"a"]))
        list(pool.map([b"a", b"b"]))
        pids = pool.pids
        assert pids
        pool.close()
        assert all(map(gone, pids))
        assert not pool.pids
        assert list(other.map([b"still here"])) == [b"still here"]
        assert stranger.poll() is None
    stranger.communicate(b"\n")
    assert stranger.returncode == 0


def test_close_ends_a_child_in_mid_order_and_what_waits_behind_it() -> None:
    pool = WorkerPool(1, command=MOODY)
    answers = pool.map([b"spin", b"hello"])
    while not pool.pids:
        pass
    pool.close()
    with pytest.raises(WorkerDied):
        next(answers)
    with pytest.raises(WorkerDied, match="closed"):
        pool.map([b"hello"])
    pool.close()


def test_a_child_gets_none_of_the_nodes_environment_folder_or_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PSI_TOKEN", "secret")
    report = stand_in("result = repr((sorted(os.environ), os.getcwd(), sys.path[0], os.getsid(0))).encode()")
    with WorkerPool(1, command=report) as pool:
        (answer,) = pool.map([b"?"])
        (pid,) = pool.pids
    names, folder, first_path, session_id = eval(answer)  # noqa: S307  (written by our own script above)
    # Python sets LC_CTYPE itself where there is no locale (PEP 538).
    assert set(names) <= {"PYTHONPATH", "LD_LIBRARY_PATH", "LC_CTYPE"}
    assert folder == "/"
    assert first_path not in ("", "/")
    assert session_id == pid


def test_a_childs_complaints_go_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    with WorkerPool(1, command=stand_in("print('x' * 200_000, file=sys.stderr)\nresult = order")) as pool:
        assert list(pool.map([b"a"])) == [b"a"]
    assert capfd.readouterr() == ("", "")


def test_a_pool_has_one_child_per_core_unless_told() -> None:
    with WorkerPool() as pool:
        assert pool.processes == os.cpu_count()
