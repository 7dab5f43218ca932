"""What a worker makes of rows: fingerprints of given and derived values, sealed references, nothing readable."""

from __future__ import annotations

import pickle

from psi_core.kinds.canonical import canonical, derived
from psi_core.kinds.fingerprint import fingerprint
from psi_service.actors.reference import open_reference
from psi_service.imports.batch import Batch, BatchResult, ImportKeys, IndicatorRow, read_batch
from psi_service.imports.columns import ColumnMap, CsvLayout
from psi_service.imports.raw_row import RawRow
from psi_service.imports.refusal import MAX_DETAILS
from psi_service.sealing import lookup

KEYS = ImportKeys(consortium_key=bytes(range(32)), data_key=bytes(range(32, 64)))
LAYOUT = CsvLayout.of(["actor", "kind", "value", "tlp"], ColumnMap.of({}))


def _read(*rows: tuple[str, str, str, str]) -> BatchResult:
    raw = tuple(RawRow(line, list(row)) for line, row in enumerate(rows, start=2))
    return read_batch(KEYS, Batch(raw, LAYOUT, None))


def test_given_and_derived_values_are_fingerprinted_with_the_rows_attributes() -> None:
    result = _read(("acct-1", "email", "A.B+c@googlemail.com", "red"), ("acct-2", "ip", "2001:db8::7", ""))
    first, second = lookup(KEYS.data_key, "acct-1"), lookup(KEYS.data_key, "acct-2")
    email = canonical("email", "A.B+c@googlemail.com")
    expected = [(first, "email", email, 0, "red")]
    expected += [(first, kind, value, 1, "red") for kind, value in derived("email", email)]
    expected += [(second, "ipv6", "2001:db8::7", 0, None)]
    expected += [(second, kind, value, 1, None) for kind, value in derived("ipv6", "2001:db8::7")]
    rows = [IndicatorRow(*row) for row in result.indicator_rows()]
    assert {(row.lookup, row.kind, row.fingerprint, row.derived, row.tlp) for row in rows} == {
        (actor, kind, fingerprint(KEYS.consortium_key, kind, value), is_derived, tlp)
        for actor, kind, value, is_derived, tlp in expected
    }
    assert len(rows) == len(expected)
    assert result.indicators == 2
    assert (result.rows, result.kept, result.refused) == (2, 2, 0)
    assert result.derived == sum(is_derived for _, _, _, is_derived, _ in expected) >= 3


def test_indicators_of_one_kind_keep_the_order_of_the_file() -> None:
    numbers = [str(number) for number in range(1, 9)]
    result = _read(*(("acct-1", "asn", number, "") for number in numbers))
    found = [IndicatorRow(*row).fingerprint for row in result.indicator_rows()]
    assert found == [fingerprint(KEYS.consortium_key, "asn", number) for number in numbers]


def test_a_reference_is_sealed_once_however_many_batches_name_it() -> None:
    batches = [
        _read(("acct-1", "asn", str(number), ""), ("acct-1", "asn", "7", "")) for number in range(1, 6)
    ]
    actors = {pair for result in batches for pair in result.actors.items()}
    ((found, sealed),) = actors
    assert open_reference(KEYS.data_key, found, sealed) == "acct-1"


def test_a_reference_is_sealed_again_under_another_data_key() -> None:
    rows = (RawRow(2, ["acct-1", "asn", "1", ""]),)
    for key in (bytes(32), bytes(range(32)), bytes(32)):
        result = read_batch(ImportKeys(bytes(32), key), Batch(rows, LAYOUT, None))
        ((found, sealed),) = result.actors.items()
        assert open_reference(key, found, sealed) == "acct-1"


def test_refused_rows_name_no_actor_and_are_told_up_to_a_limit() -> None:
    result = _read(*[("acct-1", "email", "nonsense", "nonsense")] * MAX_DETAILS, ("acct-2", "asn", "1", ""))
    assert (result.rows, result.kept, result.refused) == (MAX_DETAILS + 1, 1, MAX_DETAILS)
    assert (len(result.refusals), result.details) == (MAX_DETAILS, 2 * MAX_DETAILS)
    assert list(result.actors) == [lookup(KEYS.data_key, "acct-2")]


def test_nothing_readable_leaves_the_worker() -> None:
    result = _read(("acct-secret", "email", "hidden@example.com", ""), ("acct-secret", "email", "hidden", ""))
    data = pickle.dumps(result)
    assert b"secret" not in data
    assert b"hidden" not in data


def test_keys_and_rows_have_no_readable_representation() -> None:
    batch = Batch((RawRow(2, ["acct-secret", "email", "hidden@example.com", ""]),), LAYOUT, None)
    assert "secret" not in repr(batch)
    assert repr(KEYS) == "ImportKeys()"
