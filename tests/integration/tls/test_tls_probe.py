"""`psi peers test`: every fault is told apart from the others, on real connections."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from psi_client.peer_fault import Fault
from psi_core.errors import NotFound


async def pinned_at(node, other, address: str) -> None:
    """Let `node` pin a card of `other` that names `address`."""
    await node.directory.add(other.keys.card(other.lab, address, other.clock()))


async def fault_of(node, other) -> Fault | None:
    result = await node.probe().test(other.lab)
    assert result.lab == other.lab
    assert result.words
    assert bool(result.mend) == (result.fault is not None)
    return result.fault


async def test_all_is_well(pair):
    a, b = pair
    result = await a.probe().test(b.lab)
    assert result.fault is None
    assert (
        result.words == f"lab-b.example answers at 127.0.0.1:{b.port} (version 0.1.0) and accepts this lab."
    )


async def test_a_lab_that_is_not_pinned_is_not_found(pair):
    a, _ = pair
    with pytest.raises(NotFound):
        await a.probe().test("lab-z.example")


async def test_no_route_a_closed_port_and_a_name_that_does_not_resolve(pair, new_node):
    a, b = pair
    await b.server.stop(0)
    result = await a.probe().test(b.lab)
    assert result.fault is Fault.NO_ROUTE
    assert result.words == f"nothing answers at 127.0.0.1:{b.port}: Connection refused."
    c = await new_node("lab-c.example")
    await pinned_at(a, c, "psi.lab-c.invalid:7443")
    result = await a.probe().test(c.lab)
    assert (result.fault, "the name does not resolve" in result.words) == (Fault.NO_ROUTE, True)


async def test_something_else_listens_there(new_node):
    a, b = await new_node("lab-a.example"), await new_node("lab-b.example")

    async def not_tls(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    other = await asyncio.start_server(not_tls, "127.0.0.1", 0)
    async with other:
        await pinned_at(a, b, f"127.0.0.1:{other.sockets[0].getsockname()[1]}")
        assert await fault_of(a, b) is Fault.NOT_TLS


async def test_another_certificate_is_shown_and_both_fingerprints_are_named(new_node):
    a, b, c = [await new_node(f"lab-{name}.example") for name in "abc"]
    await pinned_at(a, b, f"127.0.0.1:{c.port}")
    result = await a.probe().test(b.lab)
    assert result.fault is Fault.WRONG_CERTIFICATE
    for pin in (b.card.pin, c.card.pin):
        digits = pin.hex()
        assert " ".join(digits[start : start + 4] for start in range(0, 64, 4)) in result.words
    assert "hashes of TLS certificates (not the card's fingerprint" in result.words
    assert a.directory.get(b.lab).fingerprint_words() in result.words


async def test_their_certificate_has_expired(pair):
    a, b = pair
    a.clock.offset = timedelta(days=11 * 366)
    result = await a.probe().test(b.lab)
    assert result.fault is Fault.EXPIRED
    assert result.words.startswith("The TLS certificate of lab-b.example cannot be used: it expired on 20")


async def test_our_certificate_has_expired(new_node):
    a = await new_node("lab-a.example", issued=timedelta(days=11 * 366))
    b = await new_node("lab-b.example")
    await a.directory.add(b.note)
    result = await a.probe().test(b.lab)
    assert result.fault is Fault.EXPIRED
    assert result.words.startswith("The TLS certificate of lab-a.example cannot be used: it expired on 20")


async def test_our_certificate_is_not_valid_yet_by_our_clock(pair):
    a, b = pair
    a.clock.offset = -timedelta(days=2)
    result = await a.probe().test(b.lab)
    assert (result.fault, "not valid before" in result.words) == (Fault.EXPIRED, True)


async def test_ours_is_not_accepted(new_node):
    a, b = await new_node("lab-a.example"), await new_node("lab-b.example")
    await a.directory.add(b.note)
    result = await a.probe().test(b.lab)
    assert result.fault is Fault.NOT_ACCEPTED
    assert "psi-node card" in result.mend
    assert "lab-a.example" in result.mend


@pytest.mark.parametrize(("minutes", "fault"), [(6, Fault.CLOCK), (-6, Fault.CLOCK), (4, None), (-4, None)])
async def test_the_clocks_are_apart(pair, minutes, fault):
    a, b = pair
    b.clock.offset = timedelta(minutes=minutes)
    assert await fault_of(a, b) is fault


@pytest.mark.parametrize(
    ("change", "fault", "words"),
    [
        ({"protocols": ("psi/9",)}, Fault.PROTOCOL, "psi/1 here, psi/9 there"),
        ({"protocols": ("psi/9", "psi/1")}, None, ""),
        ({"protocols": ()}, Fault.PROTOCOL, "protocols has 0 items"),
        ({"profile": "v2"}, Fault.PROFILE, "v1 here, v2 there"),
        ({"consortium_key_id": "ff" * 8}, Fault.CONSORTIUM_KEY, "key id 00112233445566ff here, ffff"),
        ({"consortium_key_id": ""}, Fault.CONSORTIUM_KEY, "none there"),
        ({"card_fingerprint": bytes(32)}, Fault.CARD, "another card"),
    ],
)
async def test_the_nodes_differ(pair, change, fault, words):
    a, b = pair
    b.facts = dataclasses.replace(b.facts, **change)
    result = await a.probe().test(b.lab)
    assert result.fault is fault
    assert words in result.words


async def test_neither_has_a_consortium_key(pair):
    a, b = pair
    a.facts = dataclasses.replace(a.facts, consortium_key_id="")
    b.facts = dataclasses.replace(b.facts, consortium_key_id="")
    assert await fault_of(a, b) is Fault.CONSORTIUM_KEY


async def test_the_node_there_has_a_fault_of_its_own(pair):
    a, b = pair

    async def broken():
        raise ValueError("no facts")

    b.before = broken
    result = await a.probe().test(b.lab)
    assert result.fault is Fault.UNREACHABLE
    assert "internal error" in result.words
