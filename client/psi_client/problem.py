"""problem+json (RFC 9457) back into the error that the node raised: the same class, the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from psi_core.errors import InvalidIndicator, PeerUnreachable, PsiError, Refused

MEDIA_TYPE = "application/problem+json"


def _tree(root: type[PsiError]) -> dict[str, type[PsiError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


CLASSES: Mapping[str, type[PsiError]] = _tree(PsiError)
"""Every class of the tree by its code."""


def error_of(response: httpx2.Response) -> PsiError:
    """The error that an answer of status 400 or above stands for; its body has been read."""
    if response.headers.get("content-type", "").partition(";")[0] != MEDIA_TYPE:
        return _stranger(response)
    try:
        problem = response.json()
    except ValueError:
        return _stranger(response)
    return _rebuilt(problem) if isinstance(problem, dict) else _stranger(response)


def _rebuilt(problem: Mapping[str, Any]) -> PsiError:
    def text(name: str) -> str:
        return str(problem.get(name, ""))

    kind = CLASSES.get(text("code"), PsiError)
    detail = text("detail") or text("title")
    if issubclass(kind, Refused):
        return kind(text("rule"), text("words") or detail, by=text("by"))
    if issubclass(kind, InvalidIndicator):
        return kind(text("kind"), text("reason") or detail)
    if issubclass(kind, PeerUnreachable):
        return kind(detail, fault=text("fault"))
    return kind(detail)


def _stranger(response: httpx2.Response) -> PsiError:
    return PsiError(
        f"{response.url.copy_with(path='/', query=None)} answered {response.status_code} "
        "in a form that no psi node uses: does the profile's url name the node's admin port?"
    )
