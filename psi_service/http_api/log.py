"""`/v1/log`: the log's state and its files, for the auditor and for `psi-node log export` while the node runs."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from psi_core.errors import NodeRefusing, NotFound
from psi_service.http_api.access import AUDITOR
from psi_service.http_api.answers import answers
from psi_service.http_api.services import Services, services_of
from psi_service.log.cosigned import newest_cosigned
from psi_service.log.entry_proof import entry_proof
from psi_service.log.past import past_file
from psi_service.log.tile_files import read_tile

router = APIRouter(prefix="/v1/log", tags=["log"], dependencies=[Depends(AUDITOR)])
Node = Annotated[Services, Depends(services_of)]

_STATE = {"origin": "lab-a.example/psi-log", "size": 218, "refusal": None}
_PROOF = "c2sp.org/tlog-proof@v1\nextra (entry)\nindex 17\n(hashes)\n\n(checkpoint)\n"
_CHECKPOINT = "lab-a.example/psi-log\n218\n(root)\n\n— lab-a.example/psi-log (signature)\n"


_PAST = re.compile(r"past/(?P<number>[1-9][0-9]{0,8})/(?P<file>.+)")


class LogState(BaseModel):
    """Which log it is, how long, and whether the node may go on with it."""

    model_config = ConfigDict(frozen=True)

    origin: str = Field(description="The log's name, as the card gives it.")
    size: int = Field(description="Entries that are committed.")
    refusal: str | None = Field(
        description="Why the node signs nothing, and what to do; null when all is well."
    )


@router.get("", summary="The log's state", responses=answers("The log's state.", _STATE))
async def state(node: Node) -> LogState:
    """Name, size, and why the node refuses to sign if it does."""
    return LogState(origin=node.log.origin, size=node.log.size, refusal=node.log.refusal)


@router.get(
    "/checkpoint",
    summary="A signed checkpoint of the whole log",
    response_class=Response,
    responses=answers("The checkpoint, a signed note.", _CHECKPOINT, NodeRefusing, media="text/plain"),
)
async def checkpoint(node: Node) -> Response:
    """Signed for the present size, once per size (c2sp.org/tlog-checkpoint)."""
    return Response(await node.log.checkpoint(), media_type="text/plain")


@router.get(
    "/proof/{position}",
    summary="An entry that proves itself",
    response_class=Response,
    responses=answers("The proof.", _PROOF, NotFound, NodeRefusing, media="text/plain"),
)
async def proof(node: Node, position: Annotated[int, Path(ge=0, le=2**53 - 1, examples=[17])]) -> Response:
    """One entry with its path to a signed checkpoint of the present log (c2sp.org/tlog-proof); `extra` is the entry."""
    return Response(await entry_proof(node.store, node.log, position), media_type="text/plain")


@router.get(
    "/{path:path}",
    summary="A tile or an entry bundle",
    response_class=Response,
    responses=answers("The file.", "(bytes)", NotFound, media="application/octet-stream"),
)
async def tile(
    node: Node,
    path: Annotated[str, Path(max_length=100, examples=["tile/0/000.p/218", "tile/entries/000.p/218"])],
) -> Response:
    """A file of the c2sp.org/tlog-tiles layout, whole or partial. Bundles hold entries as they were logged.

    `cosigned` is the newest checkpoint that witnesses cosigned. `past/1/...` are the files of a log that ended.
    """
    past = _PAST.fullmatch(path)
    if past is not None:
        content = await node.store.query(lambda db: past_file(db, int(past["number"]), past["file"]))
    elif path == "cosigned":
        content = await node.store.query(newest_cosigned)
        if not content:
            raise NotFound("no witness has cosigned a checkpoint of this log yet")
    else:
        content = await node.store.query(lambda db: read_tile(db, path))
    return Response(content, media_type="application/octet-stream")
