"""Being signed in to Bluesky with an app password.

createSession answers two tokens and the DID document, which names the user's own server (PDS);
that one proxies what it does not know to the AppView. https://docs.bsky.app/docs/api/com-atproto-server-create-session
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from collectors.base import Http, Reply
from collectors.model import CollectError, SourceState
from collectors.social import values
from collectors.social.values import Json
from collectors.visit import BLOCKED_WAIT, Trouble, Visit, trouble_state

_WRONG_PASSWORD = (
    "账号或应用密码不对，请检查 identifier 与 app_password (wrong identifier or app password)"  # noqa: S105  # a reason
)
_NO_SESSION = "登录没有返回会话 (signing in answered no session)"
_CREATE = "com.atproto.server.createSession"
_REFRESH = "com.atproto.server.refreshSession"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Two tokens and where they are good for; ``endpoint`` is the user's own server."""

    endpoint: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What signs a request."""
        return {"Authorization": f"Bearer {self.access}"}


@dataclass(slots=True, kw_only=True)
class Account:
    """One account of one source; its session lives in this process only and is never stored."""

    service: str
    identifier: str
    password: str = field(repr=False)
    session: Session | None = field(default=None, repr=False)

    async def signed_in(self, visit: Visit, http: Http) -> Session:
        """Return the session, a new one where there is none.

        Raises:
            Trouble: the service does not let us in.
        """
        if self.session is None:
            body = {"identifier": self.identifier, "password": self.password}
            reply = await _post(visit, http, f"{self.service}/xrpc/{_CREATE}", body, {})
            self.session = _session(visit, reply, self.service)
        return self.session

    async def renewed(self, visit: Visit, http: Http) -> Session:
        """Return a session for one that ran out: refreshed, or made anew with the password.

        Raises:
            Trouble: the service does not let us in.
        """
        old, self.session = self.session, None
        if old is not None:
            headers = {"Authorization": f"Bearer {old.refresh}"}
            url = f"{old.endpoint}/xrpc/{_REFRESH}"
            try:
                reply = await _post(visit, http, url, None, headers)
                self.session = _session(visit, reply, old.endpoint)
            except Trouble as trouble:
                if trouble.status not in (400, 401):
                    self.session = old
                    raise
        return await self.signed_in(visit, http)


def error_name(reply: Reply) -> str:
    """Return the name of an XRPC error (``{"error": Name, "message": …}``), empty without one."""
    try:
        return values.text(values.child(json.loads(reply.body)).get("error"))
    except (ValueError, RecursionError):
        return ""


def has_run_out(reply: Reply) -> bool:
    """Return whether an answer says that the access token is no longer good."""
    if reply.status == 400:
        return error_name(reply) == "ExpiredToken"
    return reply.status == 401 and error_name(reply) in (
        "ExpiredToken",
        "InvalidToken",
        "AuthMissing",
    )


async def _post(
    visit: Visit, http: Http, url: str, body: Mapping[str, str] | None, headers: Mapping[str, str]
) -> Reply:
    content = b"" if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    try:
        reply: Reply = await http.post(
            url, content, {"Accept": "application/json", **kind, **headers}
        )
    except CollectError as error:
        raise visit.unreached(error) from error
    if trouble := visit.refusal(reply):
        if reply.status in (400, 401):
            trouble = Trouble(
                SourceState.BLOCKED, _WRONG_PASSWORD, wait=BLOCKED_WAIT, status=reply.status
            )
        elif reply.status == 429:  # 30 in 5 minutes, 300 a day
            trouble.wait = max(trouble.wait or timedelta(), _HOUR)
        raise trouble
    return reply


def _session(visit: Visit, reply: Reply, service: str) -> Session:
    found = values.child(visit.read_json(reply))
    access, refresh = values.text(found.get("accessJwt")), values.text(found.get("refreshJwt"))
    if not _is_token(access) or not _is_token(refresh):
        raise Trouble(trouble_state(visit.source), _NO_SESSION, status=reply.status)
    endpoint = _endpoint(values.child(found, "didDoc")) or service
    return Session(endpoint=endpoint, access=access, refresh=refresh)


def _is_token(token: str) -> bool:
    return 0 < len(token) < 10_000 and token.isascii() and token.isprintable()


def _endpoint(did_document: Json) -> str | None:
    """Return the address of the account's own server; tokens are sent to it, so over TLS only."""
    for service in values.objects(did_document.get("service")):
        if service.get("type") == "AtprotoPersonalDataServer":
            url = values.link(service.get("serviceEndpoint"), "")
            if url and urlsplit(url).scheme == "https":
                return url.rstrip("/")
    return None
