"""The child process that holds openmined-psi: `python -m psi_client.openmined_worker`.

The library is C++ behind a binding and can take the whole process down; so it is loaded here, nowhere else.
Orders come on standard input, answers go to standard output. The child keeps nothing between orders, has no
secret but the order's key, and ends when its standard input does.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from typing import Any, BinaryIO

from psi_client.worker_pipe import Status, read_message, write_message
from psi_core.engines.openmined.orders import MAX_ORDER_BYTES, Operation, Order, encode_numbers
from psi_core.engines.openmined.points import split_points
from psi_core.errors import EngineFault

# The raw container has no false positives; the library wants a rate all the same and does not use it.
_UNUSED_RATE = 0.5


def answer(order: Order) -> bytes:
    """Run one order through the library and return its answer (psi_core.engines.openmined.orders).

    Raises:
        ImportError: the library is not installed on this platform.
        RuntimeError: the library refused its input.
    """
    import private_set_intersection.python as library  # noqa: PLC0415  (absent on some platforms; costly to load)

    return _STEPS[order.operation](library, order)


def _setup(library: Any, order: Order) -> bytes:
    server = library.server.CreateFromKey(order.key, order.reveal_items)
    raw = library.DataStructure.RAW
    setup = server.CreateSetupMessage(_UNUSED_RATE, order.count, _items(order), raw)
    return b"".join(setup.raw.encrypted_elements)


def _request(library: Any, order: Order) -> bytes:
    client = library.client.CreateFromKey(order.key, order.reveal_items)
    return b"".join(client.CreateRequest(_items(order)).encrypted_elements)


def _respond(library: Any, order: Order) -> bytes:
    server = library.server.CreateFromKey(order.key, order.reveal_items)
    points = split_points(order.body)
    request = library.Request(reveal_intersection=order.reveal_items, encrypted_elements=points)
    return b"".join(server.ProcessRequest(request).encrypted_elements)


def _intersect(library: Any, order: Order) -> bytes:
    client = library.client.CreateFromKey(order.key, order.reveal_items)
    points = split_points(order.body)
    setup = library.ServerSetup()
    setup.raw.encrypted_elements.extend(points[: order.count])
    response = library.Response(encrypted_elements=points[order.count :])
    if order.reveal_items:
        return encode_numbers(sorted(client.GetIntersection(setup, response)))
    return encode_numbers([client.GetIntersectionSize(setup, response)])


_STEPS: dict[Operation, Callable[[Any, Order], bytes]] = {
    Operation.SETUP: _setup,
    Operation.REQUEST: _request,
    Operation.RESPOND: _respond,
    Operation.INTERSECT: _intersect,
}


def _items(order: Order) -> list[str]:
    """Return the order's 32-byte items as the library wants them, in hexadecimal."""
    digits = order.body.hex()
    return [digits[at : at + 64] for at in range(0, len(digits), 64)]


def serve(data: bytes) -> tuple[Status, bytes]:
    """Return what the child says to an order's bytes; the library's own words stay here."""
    try:
        return Status.OK, answer(Order.decode(data))
    except EngineFault:
        return Status.MALFORMED, b""
    except ImportError:
        return Status.UNAVAILABLE, b""
    except RuntimeError:
        return Status.REFUSED, b""


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return private handles of standard input and output, and point the public ones at nothing.

    Whatever the library reads or prints then cannot mix with orders and answers.
    """
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return orders, answers


def main() -> None:
    """Serve orders until standard input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold keys and items
    orders, answers = _own_pipes()
    while (data := read_message(orders, MAX_ORDER_BYTES)) is not None:
        status, result = serve(data)
        write_message(answers, bytes([status]), result)


if __name__ == "__main__":
    main()
