"""Who is asking, and whether they may: bearer keys, and the session of our own pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import BackgroundTasks, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import RowMapping

from monitor import auth
from monitor.api.deps import Deps, deps
from monitor.api.limits import RateLimit
from monitor.api.problems import Problem
from monitor.auth import CSRF_HEADER, SESSION_COOKIE, Principal, Scope
from monitor.storage import keys

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="`Authorization: Bearer jw_live_…`"
)


class Require:
    """A dependency that answers the `Principal`, or refuses with 401, 403 or 429."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __call__(
        self,
        request: Request,
        background: BackgroundTasks,
        needs: Annotated[Deps, Depends(deps)],
        _given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
    ) -> Principal:
        """Return who is asking."""
        principal, row = authenticate(request, needs)
        take(request, request.app.state.rate_limit, principal.id)
        if row is not None:
            background.add_task(_note_use, needs, row)
        if not principal.allows(self.scope):
            raise Problem(
                "missing-scope",
                f"此操作需要 {self.scope.value} 权限 (needs the scope {self.scope.value})",
            )
        return principal


def require(scope: str) -> Require:
    """Return the dependency for operations that need this scope: ``Depends(require("read"))``."""
    return Require(Scope(scope))


def authenticate(request: Request, needs: Deps) -> tuple[Principal, RowMapping | None]:
    """Return who is asking, and the key's row if it was a stored key.

    Raises:
        Problem: 401 without a valid key or session, 403 for a session's write without its CSRF token.
    """
    header = request.headers.get("authorization")
    found = _by_key(header, needs) if header is not None else _by_session(request, needs)
    if found is None:
        take(request, request.app.state.failure_limit, f"address:{_address(request)}")
        raise Problem("bad-key", headers={"WWW-Authenticate": 'Bearer realm="jianwei"'})
    return found


def _by_key(header: str, needs: Deps) -> tuple[Principal, RowMapping | None] | None:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    admin_token = needs.settings.admin_token
    if auth.is_admin_token(text.strip(), admin_token.get_secret_value() if admin_token else None):
        return auth.ADMIN, None
    row = auth.key_row(needs.database, needs.secret, text.strip(), now=needs.clock())
    return (auth.principal_of_key(row), row) if row is not None else None


def _by_session(request: Request, needs: Deps) -> tuple[Principal, None] | None:
    cookie = request.cookies.get(SESSION_COOKIE)
    if cookie is None:
        return None
    principal = auth.session_principal(needs.database, needs.secret, cookie, now=needs.clock())
    if principal is None:
        return None
    if request.method not in SAFE_METHODS:
        token = request.headers.get(CSRF_HEADER)
        if not auth.csrf_matches(needs.secret, cookie, token):
            raise Problem("bad-csrf-token")
    return principal, None


def take(request: Request, limit: RateLimit, name: str) -> None:
    """Take one token of a bucket; the answer tells what is left.

    Raises:
        Problem: 429, there is none.
    """
    allowance = limit.take(name)
    request.state.headers = allowance.headers
    if allowance.is_exceeded:
        raise Problem("too-many-requests")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _note_use(needs: Deps, row: RowMapping) -> None:
    """Runs after the answer: nobody waits for the database's writers to say when a key was used."""
    now = needs.clock().replace(second=0, microsecond=0)
    if row["last_used_at"] is None or row["last_used_at"] < now:
        with needs.database.write() as connection:
            keys.used(connection, row["id"], now=now)
