"""What the child does with an order: the library's steps, its refusals, and its pipes."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys

import pytest

from psi_client.openmined_worker import answer, serve
from psi_client.worker_child import OPENMINED_COMMAND
from psi_client.worker_pipe import Status
from psi_core.engines.openmined.orders import Operation, Order
from psi_core.engines.openmined.points import split_points

pytestmark = pytest.mark.skipif(
    (platform.machine(), sys.platform) not in {("x86_64", "linux"), ("arm64", "darwin")},
    reason="openmined-psi has no wheel for this platform",
)

CLIENT_KEY = (7).to_bytes(32)
SERVER_KEY = (11).to_bytes(32)
ITEMS = [hashlib.sha256(bytes([number])).digest() for number in range(6)]
BODY = b"".join(ITEMS)


def ask(operation: Operation, key: bytes, body: bytes, *, reveal_items: bool = True) -> bytes:
    return answer(Order(operation, reveal_items, key, body))


def test_blinding_commutes_whoever_comes_first() -> None:
    """7 * (11 * H(item)) = 11 * (7 * H(item)): the step that the whole protocol rests on."""
    one_way = ask(Operation.RESPOND, SERVER_KEY, ask(Operation.REQUEST, CLIENT_KEY, BODY))
    other_way = ask(Operation.RESPOND, CLIENT_KEY, ask(Operation.REQUEST, SERVER_KEY, BODY))
    product = ask(Operation.REQUEST, (77).to_bytes(32), BODY)
    assert one_way == other_way == product


def test_a_request_keeps_the_items_order_and_a_set_up_is_sorted() -> None:
    each = [ask(Operation.REQUEST, CLIENT_KEY, item) for item in ITEMS]
    assert split_points(ask(Operation.REQUEST, CLIENT_KEY, BODY)) == each
    assert split_points(ask(Operation.SETUP, CLIENT_KEY, BODY)) == sorted(each)


def test_an_answer_depends_on_the_key_and_the_item_alone() -> None:
    assert ask(Operation.SETUP, SERVER_KEY, BODY) == ask(Operation.SETUP, SERVER_KEY, BODY)
    assert ask(Operation.SETUP, SERVER_KEY, BODY) != ask(Operation.SETUP, CLIENT_KEY, BODY)


@pytest.mark.parametrize("reveal_items", [True, False])
def test_responses_keep_the_requests_order_only_when_items_are_revealed(reveal_items: bool) -> None:
    request = split_points(ask(Operation.REQUEST, CLIENT_KEY, BODY))
    turned = request[::-1]
    straight, back = (
        split_points(ask(Operation.RESPOND, SERVER_KEY, b"".join(points), reveal_items=reveal_items))
        for points in (request, turned)
    )
    assert back == (straight[::-1] if reveal_items else straight)
    assert (straight == sorted(straight)) is not reveal_items


def intersect(setup: bytes, response: bytes, *, reveal_items: bool) -> bytes:
    return ask(Operation.INTERSECT, CLIENT_KEY, setup + response, reveal_items=reveal_items)


def test_matches_come_ascending_and_a_count_comes_alone() -> None:
    others = [hashlib.sha256(bytes([number])).digest() for number in range(100, 103)]
    setup = ask(Operation.SETUP, SERVER_KEY, b"".join([ITEMS[5], ITEMS[1], ITEMS[3], *others]))
    request = ask(Operation.REQUEST, CLIENT_KEY, BODY)
    named = intersect(setup, ask(Operation.RESPOND, SERVER_KEY, request), reveal_items=True)
    assert named.hex() == "000000010000000300000005"
    hidden = ask(Operation.RESPOND, SERVER_KEY, request, reveal_items=False)
    assert intersect(setup, hidden, reveal_items=False).hex() == "00000003"


def test_the_library_itself_takes_a_short_response_and_an_unsorted_set_up() -> None:
    """Why the machines check what they check: openmined-psi 2.0.6 raises nothing and is wrong."""
    import private_set_intersection.python as library

    client = library.client.CreateFromKey(CLIENT_KEY, True)
    points = split_points(ask(Operation.SETUP, SERVER_KEY, BODY))
    responses = split_points(ask(Operation.RESPOND, SERVER_KEY, ask(Operation.REQUEST, CLIENT_KEY, BODY)))
    setup, turned = library.ServerSetup(), library.ServerSetup()
    setup.raw.encrypted_elements.extend(points)
    turned.raw.encrypted_elements.extend(points[::-1])
    short = client.GetIntersection(setup, library.Response(encrypted_elements=responses[2:]))
    assert sorted(short) == [0, 1, 2, 3]  # they are items 2 to 5
    assert len(client.GetIntersection(turned, library.Response(encrypted_elements=responses))) < len(ITEMS)


@pytest.mark.parametrize(
    ("order", "status"),
    [
        (b"", Status.MALFORMED),
        (Order(Operation.REQUEST, True, CLIENT_KEY, BODY).encode()[:-1], Status.MALFORMED),
        (Order(Operation.RESPOND, True, CLIENT_KEY, b"\x02" + bytes(31) + b"\x01").encode(), Status.REFUSED),
        (Order(Operation.REQUEST, True, b"\xff" * 32, BODY).encode(), Status.REFUSED),
    ],
)
def test_refusals_carry_a_status_and_no_words(order: bytes, status: Status) -> None:
    assert serve(order) == (status, b"")


def test_without_the_library_the_child_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "private_set_intersection.python", None)
    assert serve(Order(Operation.REQUEST, True, CLIENT_KEY, BODY).encode()) == (Status.UNAVAILABLE, b"")


def run_child(command: tuple[str, ...], orders: bytes) -> subprocess.CompletedProcess[bytes]:
    path = os.pathsep.join(sys.path)
    return subprocess.run(
        command, input=orders, capture_output=True, env={"PYTHONPATH": path}, check=False, timeout=60
    )


def test_the_child_answers_over_its_pipes_and_ends_when_they_do() -> None:
    order = Order(Operation.REQUEST, True, CLIENT_KEY, ITEMS[0]).encode()
    done = run_child(OPENMINED_COMMAND, len(order).to_bytes(4) + order)
    point = ask(Operation.REQUEST, CLIENT_KEY, ITEMS[0])
    assert done.stdout == (34).to_bytes(4) + b"\0" + point
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("orders", [b"", b"\0\0", b"\0\0\0\x09half", b"\xff\xff\xff\xff"])
def test_the_child_ends_when_an_order_breaks_off_or_is_enormous(orders: bytes) -> None:
    done = run_child(OPENMINED_COMMAND, orders)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_the_library_prints_or_reads_cannot_mix_with_orders_and_answers() -> None:
    script = """
import os, sys
from psi_client import openmined_worker as child
def noisy(data):
    os.write(1, b"noise from C++"); print("noise from Python", flush=True)
    return child.Status.OK, data + (b" nothing to read" if os.path.sameopenfile(0, os.open(os.devnull, 0)) else b"")
child.serve = noisy
child.main()
"""
    done = run_child((sys.executable, "-c", script), b"\0\0\0\x03abc" + b"\0\0\0\x02de")
    assert done.stdout == b"\0\0\0\x14\0abc nothing to read" + b"\0\0\0\x13\0de nothing to read"


def test_a_child_that_aborts_leaves_no_core_file_with_keys() -> None:
    script = """
import resource, sys
from psi_client import openmined_worker as child
child.main()
sys.exit(resource.getrlimit(resource.RLIMIT_CORE) != (0, 0))
"""
    assert run_child((sys.executable, "-c", script), b"").returncode == 0
