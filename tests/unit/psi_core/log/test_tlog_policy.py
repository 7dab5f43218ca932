"""Trust policies (c2sp.org/tlog-policy): the specification's example and everything that it rules out."""

from __future__ import annotations

from itertools import product

import pytest

from psi_core.errors import InvalidSignature, InvalidText
from psi_core.log.checkpoint import Checkpoint
from psi_core.log.key import COSIGNATURE, Signer
from psi_core.log.note import Note
from psi_core.log.tree import EMPTY_ROOT
from psi_core.log.witness_policy import WitnessPolicy

LOG = Signer.from_seed("example.com/log", bytes([1]) * 32)
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")
KEYS = {
    name: Signer.from_seed(f"{name}.example", bytes([10 + number]) * 32, COSIGNATURE)
    for number, name in enumerate(NAMES)
}
# The example of the specification, section "Example policy", with keys filled in.
EXAMPLE = "\n".join(
    [
        f"log {LOG.verifier}",
        "",
        *(f"witness {name} {KEYS[name].verifier}" for name in NAMES[:3]),
        "group X-witnesses 2 X1 X2 X3",
        "",
        *(f"witness {name} {KEYS[name].verifier} https://{name}.example/w" for name in NAMES[3:]),
        "group Y-witnesses any Y1 Y2 Y3",
        "",
        "\t# two groups",
        "group X-and-Y \t all X-witnesses Y-witnesses ",
        "quorum X-and-Y",
        "",
    ]
)
NOTE = Note.parse(Checkpoint(LOG.name, 0, EMPTY_ROOT).signed(LOG))


def cosigned(*names: str) -> Note:
    note = NOTE
    for name in names:
        note = note.with_signature(KEYS[name].cosign(note.text, 1))
    return note


def test_the_example_over_every_set_of_witnesses() -> None:
    policy = WitnessPolicy.parse(EXAMPLE.encode())
    for chosen in product((False, True), repeat=6):
        names = [name for name, taken in zip(NAMES, chosen, strict=True) if taken]
        enough = sum(chosen[:3]) >= 2 and any(chosen[3:])
        if enough:
            assert len(policy.check(cosigned(*names))) == len(names)
        else:
            with pytest.raises(InvalidSignature, match="no quorum"):
                policy.check(cosigned(*names))


def test_none_and_a_single_witness() -> None:
    assert WitnessPolicy.parse(b"quorum none").check(NOTE) == ()
    alone = WitnessPolicy.parse(f"witness w {KEYS['X1'].verifier}\nquorum w\n".encode())
    assert alone.check(cosigned("X1")) == (KEYS["X1"].verifier,)
    with pytest.raises(InvalidSignature):
        alone.check(cosigned("X2"))


def test_a_log_that_is_not_listed_and_a_wrong_cosignature() -> None:
    other = Signer.generate("other.example/log")
    listed = f"log {other.verifier}\nwitness w {KEYS['X1'].verifier}\nquorum none\n".encode()
    with pytest.raises(InvalidSignature):
        WitnessPolicy.parse(listed).check(NOTE)
    wrong = NOTE.with_signature(KEYS["X1"].cosign("other text\n", 1))
    for quorum in ("none", "w"):
        policy = WitnessPolicy.parse(f"witness w {KEYS['X1'].verifier}\nquorum {quorum}\n".encode())
        with pytest.raises(InvalidSignature):
            policy.check(wrong)


def test_names_are_opaque_octets() -> None:
    key = KEYS["X1"].verifier
    policy = WitnessPolicy.parse(b"witness \xe2\x84\xaa %s\nquorum \xe2\x84\xaa\n" % str(key).encode())
    assert policy.check(cosigned("X1")) == (key,)
    with pytest.raises(InvalidText):
        WitnessPolicy.parse(b"witness \xe2\x84\xaa %s\nquorum K\n" % str(key).encode())
    latin = WitnessPolicy.parse(b"witness \xff %s\nquorum \xff\n" % str(key).encode())
    assert latin.check(cosigned("X1")) == (key,)


X1, X2 = str(KEYS["X1"].verifier), str(KEYS["X2"].verifier)
SAME_KEY = str(Signer.from_seed("renamed.example", bytes([10]) * 32, COSIGNATURE).verifier)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"witness w {X1}\n",
        "quorum none\nquorum none\n",
        "quorum w\n",
        f"quorum w\nwitness w {X1}\n",
        f"witness none {X1}\nquorum none\n",
        f"witness w {X1}\nwitness w {X2}\nquorum w\n",
        f"witness w {X1}\nwitness v {SAME_KEY}\nquorum w\n",
        f"log {X1}\nquorum none\n",
        f"log {LOG.verifier}\nlog {LOG.verifier}\nquorum none\n",
        f"witness w {LOG.verifier}\nquorum none\n",
        f"witness w {X1[:-4]}\nquorum none\n",
        f"witness w {X1} url more\nquorum none\n",
        "witness w\nquorum none\n",
        f"witness w {X1}\ngroup g 0 w\nquorum g\n",
        f"witness w {X1}\ngroup g 2 w\nquorum g\n",
        f"witness w {X1}\ngroup g 01 w\nquorum g\n",
        f"witness w {X1}\ngroup g most w\nquorum g\n",
        f"witness w {X1}\ngroup g all\nquorum g\n",
        f"witness w {X1}\ngroup g all none\nquorum g\n",
        f"witness w {X1}\ngroup g all w w\nquorum g\n",
        f"witness w {X1}\ngroup g all w\ngroup h all w\nquorum g\n",
        f"witness w {X1}\ngroup w all w\nquorum w\n",
        "group g all g\nquorum g\n",
        "GROUP g\nquorum none\n",
        "quorum none\r\n",
        "quorum none\0\n",
        "# \x7f\nquorum none\n",
        "#" * 70_000 + "\nquorum none\n",
    ],
)
def test_what_the_specification_rules_out(text: str) -> None:
    with pytest.raises(InvalidText):
        WitnessPolicy.parse(text.encode())


def test_a_fault_names_its_line() -> None:
    with pytest.raises(InvalidText, match="line 2"):
        WitnessPolicy.parse(b"# fine\nwitness w x\nquorum none\n")
