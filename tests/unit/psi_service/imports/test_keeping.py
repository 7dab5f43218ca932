"""Adding and widening indicators, straight and by way of the side table: the same outcome."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from psi_service.imports.batch import IndicatorRow
from psi_service.imports.keeping import ROWS_PER_TRANSACTION, discard_staged, keep, move_staged, slices, stage
from psi_service.store.database import Store

NOW = "2026-11-24T09:30:00Z"


def clock() -> datetime:
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path, clock) as opened:
        yield opened


def _row(**fields: Any) -> IndicatorRow:
    blank = dict.fromkeys(IndicatorRow._fields)
    return IndicatorRow(
        **{**blank, "lookup": b"a", "kind": "email", "fingerprint": b"f", "derived": 0, **fields}
    )


def _kept(db: Database) -> list[dict[str, Any]]:
    return list(
        db.query(
            "SELECT lookup, kind, fingerprint, derived, first_seen, last_seen, confidence, tlp, severity, campaign, "
            "label, expires_at "
            "FROM indicators JOIN actors ON actors.id = actor ORDER BY lookup, kind, fingerprint"
        )
    )


def _keep(store: Store, *rows: IndicatorRow) -> list[dict[str, Any]]:
    def work(db: Database) -> list[dict[str, Any]]:
        for row in rows:
            keep(db, {row.lookup: b"sealed"}, [row], NOW)
        return _kept(db)

    return store.transaction_now(work)


def test_times_are_widened_and_the_rest_is_the_newer(store: Store) -> None:
    first = _row(
        first_seen="2026-02-02", last_seen="2026-02-03", confidence=10, tlp="red", label=b"x", campaign=b"c"
    )
    second = _row(
        first_seen="2026-01-01", last_seen="2026-01-02", confidence=0, tlp="green", expires_at="2027"
    )
    (kept,) = _keep(store, first, second)
    assert kept == {
        **first._asdict(),
        "first_seen": "2026-01-01",
        "last_seen": "2026-02-03",
        "confidence": 0,
        "tlp": "green",
        "label": b"x",
        "campaign": b"c",
        "expires_at": "2027",
    }


def test_empty_fields_change_nothing_and_are_filled(store: Store) -> None:
    full = _row(
        first_seen="2", last_seen="3", confidence=1, tlp="red", label=b"x", campaign=b"c", expires_at="9"
    )
    assert _keep(store, full, _row()) == [full._asdict()]
    other = full._replace(fingerprint=b"g")
    assert _keep(store, _row(fingerprint=b"g"), other)[1] == other._asdict()


def test_what_was_given_once_is_not_derived(store: Store) -> None:
    (kept,) = _keep(store, _row(derived=1), _row(derived=0), _row(derived=1))
    assert kept["derived"] == 0


def test_an_actor_keeps_its_first_reference_and_only_new_ones_count(store: Store) -> None:
    new = [
        store.transaction_now(lambda db, actors=actors: keep(db, actors, [], NOW))
        for actors in ({b"a": b"1", b"b": b"2"}, {b"a": b"3", b"c": b"4"}, {})
    ]
    assert new == [2, 1, 0]
    references = store.query_now(lambda db: [row["reference"] for row in db["actors"].rows])
    assert references == [b"1", b"2", b"4"]


STAMP = st.none() | st.sampled_from(["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"])
ROW = st.builds(
    IndicatorRow,
    lookup=st.sampled_from([b"a", b"b"]),
    kind=st.sampled_from(["email", "ipv4"]),
    fingerprint=st.sampled_from([b"f", b"g"]),
    derived=st.integers(0, 1),
    first_seen=STAMP,
    last_seen=STAMP,
    confidence=st.none() | st.integers(0, 100),
    tlp=st.none() | st.sampled_from(["red", "green"]),
    severity=st.none() | st.sampled_from([b"s", b"t"]),
    campaign=st.none() | st.sampled_from([b"c", b"d"]),
    label=st.none() | st.sampled_from([b"x", b"y"]),
    expires_at=STAMP,
)


class _RolledBack(Exception):  # ends a transaction on purpose
    pass


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(before=st.lists(ROW, max_size=4), rows=st.lists(ROW, max_size=8))
def test_moved_from_the_side_table_is_as_if_kept_at_once(
    store: Store, before: list[IndicatorRow], rows: list[IndicatorRow]
) -> None:
    actors = {row.lookup: b"sealed" for row in rows}

    def outcome(staged: bool) -> tuple[int, list[dict[str, Any]]]:
        outcomes: list[tuple[int, list[dict[str, Any]]]] = []

        def work(db: Database) -> None:
            keep(db, {row.lookup: b"sealed" for row in before}, before, NOW)
            if staged:
                db.conn.execute(
                    "INSERT INTO imports (id, name, state, started) VALUES (7, 'x', 'running', '')"
                )
                stage(db, 7, actors, rows)
                new = move_staged(db, 7, NOW)
            else:
                new = keep(db, actors, rows, NOW)
            outcomes.append((new, _kept(db)))
            raise _RolledBack

        with pytest.raises(_RolledBack):
            store.transaction_now(work)
        return outcomes[0]

    assert outcome(staged=True) == outcome(staged=False)


def test_staged_rows_are_discarded_in_small_steps(store: Store) -> None:
    def fill(db: Database) -> None:
        for import_id in (7, 8):
            db.conn.execute(
                "INSERT INTO imports (id, name, state, started) VALUES (?, 'x', 'running', '')", (import_id,)
            )
            rows = [_row(fingerprint=number.to_bytes(4, "big")) for number in range(ROWS_PER_TRANSACTION + 1)]
            stage(db, import_id, {b"a": b"sealed"}, rows)

    store.transaction_now(fill)
    assert store.transaction_now(lambda db: discard_staged(db, 7))
    assert not store.transaction_now(lambda db: discard_staged(db, 7))
    left = store.query_now(lambda db: {row["import"] for row in db["staged_indicators"].rows})
    assert left == {8}


@pytest.mark.parametrize("count", [0, 1, 3000, 5000, 5001, 12_345])
def test_slices_hold_everything_once_and_leave_room_for_actors(count: int) -> None:
    rows = [_row(confidence=number) for number in range(count)]
    parts = list(slices(rows, 2000))
    assert [row for part in parts for row in part] == rows
    assert len(parts[0]) <= ROWS_PER_TRANSACTION - 2000
    assert all(len(part) <= ROWS_PER_TRANSACTION for part in parts)
