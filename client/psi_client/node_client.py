"""The REST client of a node: one method for each command of `psi`, and of `psi-node` while the node runs.

    with NodeClient(Profile.load(path)) as node:
        session_id = node.match("lab-b.example")
        for standing in node.follow(session_id):
            print(standing["phase"])
        rows = node.matches(session=session_id)

Answers are plain dictionaries, as the node's OpenAPI document (`/v1/openapi.json`) describes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from psi_client.job_calls import JobCalls
from psi_client.log_download import LogDownload, download_log
from psi_client.profile import Profile
from psi_client.rest import Json, Rest

WAIT_SECONDS = 25
"""How long one request waits for a session; `follow` asks again."""


class NodeClient(JobCalls):
    """A node's admin port, called with the profile's token. Use it in a `with` block, or `close` it.

    Every method raises the error that the node answered with: the same class, the node's own words.
    PeerUnreachable with the fault `admin-port` means that no node answers there.
    """

    def __init__(self, profile: Profile, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._rest = Rest(profile, transport=transport)

    def close(self) -> None:
        """End the connection."""
        self._rest.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The node

    def status(self) -> Json:
        """How the node is: lab, version, log, what waits for a person, why it refuses to sign if it does."""
        return self._rest.get("/v1/status")

    def card(self) -> Json:
        """The node's own card: `card` is the signed note, `fingerprint` what is read aloud."""
        return self._rest.get("/v1/card")

    def tokens(self) -> list[Json]:
        """Every token, oldest first, without the tokens themselves."""
        return self._rest.list("/v1/tokens")

    def create_token(self, name: str, role: str, days: int | None = None) -> Json:
        """Make a token for `days`, or without an end; `token` is shown this once."""
        return self._rest.post("/v1/tokens", {"name": name, "role": role, "days": days})

    def revoke_token(self, number: int) -> Json:
        """Make token `number` worthless from now on."""
        return self._rest.delete(f"/v1/tokens/{number}")

    # Indicators and actors

    def import_file(
        self,
        path: Path,
        *,
        file_format: str | None = None,
        mapping: Mapping[str, str] | None = None,
        region: str | None = None,
        strict: bool = False,
        actor_column: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Json:
        """Send a file to be imported and wait for the report; `progress` hears how many bytes have been sent.

        `file_format` is `csv` or `jsonl`, by the name's ending when left out; `mapping` gives columns a meaning.
        """
        query: list[tuple[str, str]] = [("name", path.name), ("format", file_format or _format_of(path))]
        query += [("map", f"{column}={target}") for column, target in (mapping or {}).items()]
        query += [
            (name, value) for name, value in (("region", region), ("actor_column", actor_column)) if value
        ]
        query += [("strict", "true")] if strict else []
        return self._rest.upload("/v1/imports", path, query, progress)

    def imports(self, limit: int = 50) -> list[Json]:
        """Past imports, newest first."""
        return self._rest.list("/v1/imports", limit=limit)

    def actors(self, *, limit: int = 50, after: int = 0, kind: str | None = None) -> Json:
        """A page of own actors: `actors`, `total`, and `next`, which is the `after` of the next page."""
        return self._rest.get("/v1/actors", limit=limit, after=after, kind=kind)

    def actor(self, reference: str) -> Json:
        """One own actor."""
        return self._rest.post("/v1/actors/show", {"reference": reference})

    def erase_actor(self, reference: str, *, dry_run: bool = True) -> Json:
        """What goes with an own actor when it is erased; without `dry_run` it is."""
        return self._rest.post("/v1/actors/erase", {"reference": reference, "dry_run": dry_run})

    # Peers, consortium, agreements

    def peers(self) -> list[Json]:
        """Pinned labs, by name."""
        return self._rest.list("/v1/peers")

    def peer(self, lab: str) -> Json:
        """One pinned lab."""
        return self._rest.get(f"/v1/peers/{_part(lab)}")

    def add_peer(self, card: str) -> Json:
        """Pin the lab whose signed card this is. Its fingerprint has been compared by then."""
        return self._rest.post("/v1/peers", {"card": card})

    def remove_peer(self, lab: str) -> None:
        """Pin a lab no longer."""
        self._rest.delete(f"/v1/peers/{_part(lab)}")

    def test_peer(self, lab: str) -> Json:
        """Find out what is wrong on the way to a lab: `fault` is null when all is well."""
        return self._rest.post(f"/v1/peers/{_part(lab)}/test")

    def consortia(self) -> list[Json]:
        """Every consortium that the node was in."""
        return self._rest.list("/v1/consortium")

    def create_consortium(self, name: str) -> Json:
        """Draw a new consortium key."""
        return self._rest.post("/v1/consortium", {"name": name})

    def invites(self) -> list[Json]:
        """Invites that wait for somebody here."""
        return self._rest.list("/v1/consortium/invites")

    def invite(self, lab: str, *, send: bool = True) -> Json:
        """Invite a pinned lab; `note` is the invite for handing over as a file."""
        return self._rest.post("/v1/consortium/invites", {"lab": lab, "send": send})

    def join_consortium(self, *, hash_prefix: str | None = None, note: str | None = None) -> Json:
        """Accept an invite that waits (by the beginning of its hash), or one that came as a file."""
        return self._rest.post("/v1/consortium/join", {"hash": hash_prefix, "note": note})

    def agreements(self, *, state: str | None = None, peer: str | None = None) -> list[Json]:
        """Agreements, newest first."""
        return self._rest.list("/v1/agreements", state=state, peer=peer)

    def agreement(self, name: str) -> Json:
        """One agreement, by its hash or the beginning of it."""
        return self._rest.get(f"/v1/agreements/{_part(name)}")

    def agreement_in_words(self, name: str) -> str:
        """All of an agreement, for a person to read before accepting."""
        return self._rest.text(f"/v1/agreements/{_part(name)}/words")

    def propose_agreement(self, proposal: Mapping[str, Any], *, send: bool = True) -> Json:
        """Propose terms to a pinned lab: `lab`, `title`, `match_keys`, and what departs from the defaults."""
        return self._rest.post("/v1/agreements", proposal, send=send)

    def accept_agreement(self, name: str, *, send: bool = True) -> Json:
        """Sign a waiting agreement and send it back."""
        return self._rest.post(f"/v1/agreements/{_part(name)}/accept", send=send)

    def send_agreement(self, name: str) -> Json:
        """Hand an agreement's newest note to the other node again."""
        return self._rest.post(f"/v1/agreements/{_part(name)}/send")

    def revoke_agreement(self, name: str, reason: str, *, send: bool = True) -> Json:
        """End an agreement, or decline a proposal."""
        return self._rest.post(f"/v1/agreements/{_part(name)}/revoke", {"reason": reason}, send=send)

    def take_agreement(self, note: str) -> Json:
        """Hand in a proposal, an acceptance or a revocation that came as a file."""
        return self._rest.post("/v1/agreements/notes", {"note": note})

    # Sessions and matches

    def match(
        self,
        lab: str,
        *,
        agreement: str | None = None,
        direction: str | None = None,
        reveal: str = "items",
        match_keys: Sequence[str] | None = None,
        engine: str = "auto",
    ) -> str:
        """Start a session with a pinned lab; returns its id. Left-out wishes are the widest that is agreed."""
        wishes = {"agreement": agreement, "direction": direction, "reveal": reveal, "engine": engine}
        keys = list(match_keys) if match_keys else None
        started = self._rest.post("/v1/sessions", {"lab": lab, "match_keys": keys, **wishes})
        return str(started["session_id"])

    def follow(self, session_id: str, *, seconds: float = WAIT_SECONDS) -> Iterator[Json]:
        """Yield where a session stands at each new phase, last of all with `over` and the whole `session`.

        Within a phase again after `seconds` (at most 30). Raises what ended a session that never came to an offer.
        """
        standing: Json = {"over": False, "phase": None}
        while not standing["over"]:
            query = {"seconds": seconds, "seen": standing["phase"]}
            standing = self._rest.post(f"/v1/sessions/{_part(session_id)}/wait", **query)
            yield standing

    def sessions(self, *, peer: str | None = None, limit: int = 50) -> list[Json]:
        """The newest sessions, newest first."""
        return self._rest.list("/v1/sessions", peer=peer, limit=limit)

    def give_up(self, session_id: str) -> Json:
        """Abort a suspended session; returns it."""
        return self._rest.post(f"/v1/sessions/{_part(session_id)}/give-up", {})

    def session(self, session_id: str) -> Json:
        """One session."""
        return self._rest.get(f"/v1/sessions/{_part(session_id)}")

    def matches(
        self,
        *,
        peer: str | None = None,
        session: str | None = None,
        status: str | None = None,
        include_false_positives: bool = False,
        only_new: bool = False,
    ) -> list[Json]:
        """One row for each own actor and peer, strongest first."""
        return self._rest.list(
            "/v1/matches",
            peer=peer,
            session=session,
            status=status,
            include_false_positives=include_false_positives,
            only_new=only_new,
        )

    def actor_matches(self, reference: str) -> list[Json]:
        """What matched for one own actor, false positives too."""
        return self._rest.post_for_list("/v1/matches/show", {"reference": reference})

    def mark_match(self, reference: str, peer: str, status: str, match_key: str | None = None) -> Json:
        """Say what a match came to: `to review`, `confirmed` or `false positive`; returns the row."""
        mark = {"reference": reference, "peer": peer, "status": status, "match_key": match_key}
        return self._rest.post("/v1/matches/mark", mark)

    def match_matrix(self) -> Json:
        """Peers by match keys: how many own actors matched."""
        return self._rest.get("/v1/matches/matrix")

    def match_rules(self) -> list[Json]:
        """How strength is judged, in words."""
        return self._rest.list("/v1/matches/rules")

    def export_matches(
        self, *, peer: str | None = None, session: str | None = None, status: str | None = None
    ) -> list[Json]:
        """Matches as rows of a CSV file; the log notes who took them."""
        wishes = {"peer": peer, "session": session, "status": status}
        return self._rest.post_for_list("/v1/matches/export", wishes)

    def match_values(
        self,
        rows: Sequence[Mapping[str, str]],
        *,
        peer: str | None = None,
        region: str | None = None,
        include_false_positives: bool = False,
    ) -> Json:
        """Which rows (`actor`, `kind`, `value`) of the lab's own file matched; the log notes who asked."""
        wishes = {"peer": peer, "region": region, "include_false_positives": include_false_positives}
        return self._rest.post("/v1/matches/values", {"rows": list(rows), **wishes})

    # The log

    def log(self) -> Json:
        """The log's `origin`, `size`, and `refusal`: why the node signs nothing, or null."""
        return self._rest.get("/v1/log")

    def log_checkpoint(self) -> bytes:
        """A signed checkpoint of the whole log."""
        return self._rest.content("/v1/log/checkpoint")

    def log_proof(self, position: int) -> bytes:
        """One entry with its path to a signed checkpoint, as a `.tlog-proof` file (psi_core.log.proof)."""
        return self._rest.content(f"/v1/log/proof/{position}")

    def export_log(self, directory: Path, *, peer: str | None = None, past: int | None = None) -> LogDownload:
        """Write the whole log into the empty folder `directory`, in the layout of c2sp.org/tlog-tiles.

        With `peer`, other entries than that pair's are written as leaf hashes only. `past` is the number of a log
        that has ended.
        """
        place = "/v1/log" if past is None else f"/v1/log/past/{past}"
        return download_log(lambda path: self._rest.content(f"{place}/{path}"), directory, peer=peer)


def _format_of(path: Path) -> str:
    return "jsonl" if path.suffix.lower() in (".jsonl", ".ndjson", ".json") else "csv"


def _part(name: str) -> str:
    """One part of a path: whatever `name` holds, it cannot name another page."""
    return quote(name, safe="")
