"""Who may call what: a bearer token for every route, and the roles that each route admits.

    operator   runs the node: everything
    analyst    imports, looks at actors and matches, starts sessions
    auditor    reads the log, and how the node is

A route names one of the four dependencies below; a test walks the routes and finds none without.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from psi_core.errors import AccessDenied, Unauthenticated
from psi_service.http_api.services import Services, services_of
from psi_service.tokens import Role, TokenView

bearer = HTTPBearer(auto_error=False, description="A token of the node; `psi-node init` writes one.")


async def caller(
    services: Annotated[Services, Depends(services_of)],
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> TokenView:
    """Whose token the request carries. Raises Unauthenticated."""
    if given is None:
        raise Unauthenticated("this needs a token: send `Authorization: Bearer` and the one in your profile")
    return await services.tokens.check(given.credentials)


class Admits:
    """Dependency that lets `roles` in and raises AccessDenied for others."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    def __call__(self, token: Annotated[TokenView, Depends(caller)]) -> TokenView:
        """The caller's token, when its role is admitted."""
        if token.role not in self.roles:
            needed = " or ".join(sorted(self.roles))
            raise AccessDenied(f"the role {token.role} may not do this; it takes {needed}")
        return token


OPERATOR = Admits(Role.OPERATOR)
ANALYST = Admits(Role.OPERATOR, Role.ANALYST)
AUDITOR = Admits(Role.OPERATOR, Role.AUDITOR)
ANYONE = Admits(Role.OPERATOR, Role.ANALYST, Role.AUDITOR)
"""Any valid token."""
