"""`/v1/imports`: a file goes straight from the request into the importer; no copy of it is ever on a disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlite_utils import Database
from starlette.requests import ClientDisconnect

from psi_core.errors import InputError, InvalidConfiguration, NodeRefusing, NotFound, StoreError
from psi_service.http_api.access import ANALYST
from psi_service.http_api.answers import answers
from psi_service.http_api.services import Services, services_of
from psi_service.imports.report import ImportReport

PATH = "/v1/imports"
router = APIRouter(prefix=PATH, tags=["imports"], dependencies=[Depends(ANALYST)])
Node = Annotated[Services, Depends(services_of)]

_COUNTS = {"rows": 21487, "kept": 21480, "refused": 7, "actors": 5000, "indicators": 21480}
_REFUSAL = {
    "file": "actors.csv",
    "line": 212,
    "column": "value",
    "kind": "iban",
    "reason": "its check digits are wrong",
}
_REPORT = {
    "import_id": 4,
    "file": "actors.csv",
    "state": "done",
    **_COUNTS,
    "new_actors": 5000,
    "derived": 12034,
    "ignored_columns": ["comment"],
    "refusals": [_REFUSAL],
    "more_refusals": False,
}
_PAST = {
    "id": 4,
    "name": "actors.csv",
    "state": "done",
    **_COUNTS,
    "started": "2026-11-24T09:30:00Z",
    "finished": "2026-11-24T09:30:03Z",
}


class ImportView(BaseModel):
    """An import that was made, or runs."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str = Field(description="The file's name, for people.")
    state: Literal["running", "done", "refused", "failed"]
    rows: int
    kept: int
    refused: int
    actors: int
    indicators: int
    started: str
    finished: str | None


class ImportOptions(BaseModel):
    """How to read the file that is the request's body."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("unnamed", max_length=1000, description="The file's name, for people.")
    format: Literal["csv", "jsonl"] = Field("csv", description="The file's form.")
    map: list[str] = Field(
        [],
        max_length=100,
        description="COLUMN=KIND or COLUMN=FIELD, once for each column that has another name.",
    )
    region: str | None = Field(None, description="Two letters: whose national telephone numbers are meant.")
    strict: bool = Field(False, description="Keep nothing when one row is bad.")
    actor_column: str = Field("actor", max_length=200, description="The column with the actor's reference.")


@router.post(
    "",
    summary="Import a file",
    responses=answers(
        "What was kept and what was refused.",
        _REPORT,
        InvalidConfiguration,
        NotFound,
        NodeRefusing,
        StoreError,
    ),
    openapi_extra={
        "requestBody": {
            "description": "The file, CSV or JSON lines. Send it in pieces; it is read as it comes.",
            "required": True,
            "content": {
                "text/csv": {"example": "actor,kind,value\nacct-00017,email,ada@example.org\n"},
                "application/x-ndjson": {
                    "example": '{"actor": "acct-00017", "kind": "email", "value": "ada@example.org"}\n'
                },
            },
        }
    },
)
async def run_import(
    node: Node, request: Request, options: Annotated[ImportOptions, Query()]
) -> ImportReport:
    """Rows about an indicator that is known widen it. One import runs at a time; others wait."""
    return await node.importer.run(
        _pieces(request),
        name=options.name,
        format=options.format,
        mapping=_mapping(options.map),
        region=options.region,
        strict=options.strict,
        actor_column=options.actor_column,
    )


@router.get("", summary="Past imports", responses=answers("Newest first.", [_PAST]))
async def list_imports(node: Node, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> list[ImportView]:
    """With the true counts, for the lab's own people."""

    def read(db: Database) -> list[ImportView]:
        return [
            ImportView(**row) for row in db.query("SELECT * FROM imports ORDER BY id DESC LIMIT ?", (limit,))
        ]

    return await node.store.query(read)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        raise InputError("the file broke off before its end; import it again") from None


def _mapping(pairs: list[str]) -> dict[str, str]:
    """`column=target` pairs; a column's name may hold an equals sign, a target cannot."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        column, sign, target = pair.rpartition("=")
        if not sign or not column.strip() or column in mapping:
            raise InvalidConfiguration("map is written COLUMN=KIND, once for each column")
        mapping[column] = target.strip()
    return mapping
