"""A node's store with actors, sessions and what they matched, through the real tables: for tests of matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from psi_core.kinds import MatchKey, canonical, derived, fingerprint
from psi_core.kinds.labels import Label
from psi_core.log.entry import Entry
from psi_core.log.key import Signer
from psi_service.actors.reference import seal_reference
from psi_service.clock import instant
from psi_service.imports.batch import IndicatorRow
from psi_service.imports.keeping import keep
from psi_service.log.node_log import NodeLog
from psi_service.matches.peer_labels import seal_label
from psi_service.matches.publish import publish
from psi_service.matches.service import MatchService
from psi_service.sealing import lookup
from psi_service.store.database import Store

DATA_KEY = bytes(range(32))
CONSORTIUM_KEY = bytes(range(1, 33))
LAB_B, LAB_C = "lab-b.example", "lab-c.example"


class MatchOffice:
    """One lab's store, and short words for what happens in it."""

    def __init__(self, directory: Path) -> None:
        self.now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
        self.store = Store.open(directory, self.clock)
        self.log = NodeLog(
            self.store, Signer.generate("lab-a.example/psi-log"), directory / "head", self.clock
        )
        self.matches = MatchService(
            self.store, self.log, self.clock, data_key=DATA_KEY, current_key=self.current_key
        )

    def clock(self) -> datetime:
        return self.now

    async def current_key(self) -> tuple[str, bytes]:
        return "key-id", CONSORTIUM_KEY

    def suspects(
        self,
        reference: str,
        kinds: Mapping[str, Sequence[str]],
        *,
        seen: tuple[str, str] | None = None,
        tlp: str | None = None,
    ) -> None:
        """Import an actor's values, with what is derived from them."""
        found, sealed = seal_reference(DATA_KEY, reference)
        first, last = seen or (None, None)
        rows = []
        for kind, values in kinds.items():
            for value in values:
                form = canonical(kind, value)
                for place, (each, its_form) in enumerate([(kind, form), *derived(kind, form)]):
                    mark = fingerprint(CONSORTIUM_KEY, each, its_form)
                    rows.append(
                        IndicatorRow(
                            *(found, each, mark, int(place > 0), first, last, None, tlp),
                            None,
                            None,
                            None,
                            None,
                        )
                    )
        self.store.transaction_now(lambda db: keep(db, {found: sealed}, rows, instant(self.now)))

    def session(
        self,
        session_id: str,
        peer: str,
        matched: Mapping[str, Sequence[tuple[str, Mapping[str, str]]]],
        *,
        state: str = "complete",
        said: Label | None = None,
    ) -> None:
        """Run a session: per match key, actors with the values (by kind) that the peer has too.

        A lane exists for each match key, also where nothing matched. `said`: what the peer says of all of them.
        """
        self.now += timedelta(hours=1)

        def work(db: Database) -> None:
            _insert_session(db, session_id, peer, state, instant(self.now))
            for lane, (name, found) in enumerate(matched.items()):
                db.conn.execute(
                    "INSERT INTO session_lanes (session_id, lane, match_key, engine, own_size, matched)"
                    " VALUES (?, ?, ?, 'openmined', 64, ?)",
                    (session_id, lane, name, len(found)),
                )
                for reference, values in found:
                    by_kind = {
                        kind: [fingerprint(CONSORTIUM_KEY, kind, canonical(kind, value))]
                        for kind, value in values.items()
                    }
                    (element,) = MatchKey.parse(name).fingerprints(CONSORTIUM_KEY, by_kind)
                    label = None if said is None else seal_label(DATA_KEY, peer, name, element, said)
                    db.conn.execute(
                        "INSERT INTO session_matches (session_id, match_key, fingerprint, actor, label)"
                        " VALUES (?, ?, ?, (SELECT id FROM actors WHERE lookup = ?), ?)",
                        (session_id, name, element, lookup(DATA_KEY, reference), label),
                    )
            if state == "complete":
                publish(db, session_id, peer)

        self.store.transaction_now(work)

    def logged(self) -> list[Entry]:
        """Every entry of the log."""
        rows = self.store.query_now(
            lambda db: db.conn.execute("SELECT data FROM log_entries ORDER BY position").fetchall()
        )
        return [Entry.decode(bytes(data)) for (data,) in rows]


def _insert_session(db: Database, session_id: str, peer: str, state: str, now: str) -> None:
    db.table("sessions").insert(
        {
            "session_id": session_id,
            "agreement": bytes(32),
            "peer": peer,
            "initiator": "lab-a.example",
            "responder": peer,
            "state": state,
            "direction": "both",
            "reveal": "items",
            "period": 0,
            "counter": 1,
            "offer": b"",
            "own_results": "[]",
            "started": now,
            "finished": now if state == "complete" else None,
        }
    )
