"""Who may do what: API keys, passwords, signed sessions and their CSRF tokens.

Nothing here knows HTTP. Keys are compared by HMAC under the installation's secret, so a stolen
database opens no door; passwords are few and guessable, so they alone get the slow Argon2id.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import orjson
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import RowMapping

from monitor.storage import keys
from monitor.storage.engine import Database

PREFIX = "jw_live"
ID_LETTERS = 8
SECRET_LETTERS = 32
CHECKSUM_LETTERS = 6  # 62**6 > 2**32: a whole CRC-32
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY_FORMAT = re.compile(
    rf"{PREFIX}_([0-9A-Za-z]{{{ID_LETTERS}}})_([0-9A-Za-z]{{38,120}})", re.ASCII
)
SESSION_LASTS = timedelta(hours=12)
SESSION_COOKIE = "jw_session"
CSRF_HEADER = "X-CSRF-Token"
SHORTEST_PASSWORD = 10


class Scope(StrEnum):
    """What a key allows. ``admin`` holds everything, ``respond`` holds ``read``."""

    READ = "read"
    INGEST = "ingest"
    RESPOND = "respond"
    ADMIN = "admin"


IMPLIED = {
    Scope.ADMIN: frozenset(Scope),
    Scope.RESPOND: frozenset({Scope.RESPOND, Scope.READ}),
    Scope.INGEST: frozenset({Scope.INGEST}),
    Scope.READ: frozenset({Scope.READ}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody known. ``name`` is the actor written into events; ``id`` tells principals apart."""

    id: str
    name: str
    scopes: frozenset[Scope]

    def allows(self, scope: Scope) -> bool:
        """Whether what ``scope`` names may be done."""
        return scope in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made: ``text`` is shown once, ``secret_hash`` is what is stored."""

    id: str
    text: str
    secret_hash: bytes


def widen(scopes: Collection[Scope]) -> frozenset[Scope]:
    """Return the scopes with everything they imply."""
    return frozenset().union(*(IMPLIED[scope] for scope in scopes))


def new_key(secret: bytes) -> NewKey:
    """Return a fresh key ``jw_live_<id>_<secret><checksum>``; about 190 random bits."""
    key_id = _letters(ID_LETTERS)
    body = _letters(SECRET_LETTERS)
    text = f"{PREFIX}_{key_id}_{body}"
    return NewKey(id=key_id, text=text + _checksum(text), secret_hash=_hash(secret, body))


def create_key(
    database: Database,
    secret: bytes,
    *,
    name: str,
    scopes: Collection[Scope],
    now: datetime,
    expires_at: datetime | None = None,
) -> NewKey:
    """Store a new key and return it; its text cannot be shown a second time."""
    made = new_key(secret)
    row = {
        "id": made.id,
        "name": name,
        "secret_hash": made.secret_hash,
        "scopes": sorted(scopes),
        "created_at": now,
        "expires_at": expires_at,
    }
    with database.write() as connection:
        keys.create(connection, row)
    return made


def split_key(text: str) -> tuple[str, str] | None:
    """Return (id, secret) of a well-formed key, None for a typo: no database is asked for those."""
    found = KEY_FORMAT.fullmatch(text)
    if found is None or not _same(_checksum(text[:-CHECKSUM_LETTERS]), text[-CHECKSUM_LETTERS:]):
        return None
    return found[1], found[2][:-CHECKSUM_LETTERS]


def key_row(database: Database, secret: bytes, text: str, *, now: datetime) -> RowMapping | None:
    """Return the row of a valid key: known, not revoked, not expired.

    The row is read anew each time, so a revoked key is refused by the next request everywhere.
    """
    parts = split_key(text)
    if parts is None:
        return None
    with database.read() as connection:
        row = keys.get(connection, parts[0])
    given = _hash(secret, parts[1])
    if row is None or not hmac.compare_digest(given, bytes(row["secret_hash"])):
        return None
    is_over = row["expires_at"] is not None and row["expires_at"] <= now
    return None if is_over or row["revoked_at"] is not None else row


def principal_of_key(row: RowMapping) -> Principal:
    """Return whom a key's row stands for."""
    scopes = widen([Scope(scope) for scope in row["scopes"]])
    return Principal(id=f"key:{row['id']}", name=row["name"], scopes=scopes)


def is_admin_token(text: str, admin_token: str | None) -> bool:
    """Whether ``text`` is the admin key that the environment gave."""
    return admin_token is not None and _same(text, admin_token)


ADMIN = Principal(id="env:admin", name="admin", scopes=frozenset(Scope))

_hasher = PasswordHasher()  # the library's defaults are RFC 9106's low-memory profile
# Checked when there is no such person, so that the answer takes as long as for a wrong password.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def hash_password(password: str) -> str:
    """Return the Argon2id hash to store.

    Raises:
        ValueError: shorter than 10 characters.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise ValueError(
            f"密码至少 {SHORTEST_PASSWORD} 个字符 (a password needs at least {SHORTEST_PASSWORD} characters)"
        )
    return _hasher.hash(password)


def password_matches(password_hash: str, password: str) -> bool:
    """Whether the password is the one that was hashed."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def check_password(database: Database, name: str, password: str) -> RowMapping | None:
    """Return the person's row when name and password fit; takes the same time when they do not."""
    with database.read() as connection:
        row = keys.person_by_name(connection, name)
    matches = password_matches(row["password_hash"] if row else _NOBODY, password)
    return row if matches and row is not None else None


def sign_session(secret: bytes, person: RowMapping, *, now: datetime) -> str:
    """Return the cookie value of a session that ends after 12 hours or with the next password."""
    body = {
        "person": person["name"],
        "until": int((now + SESSION_LASTS).timestamp()),
        "password": _fingerprint(secret, person["password_hash"]),
        "nonce": secrets.token_urlsafe(12),
    }
    packed = _b64(orjson.dumps(body))
    return f"{packed}.{_sign(secret, 'session', packed)}"


def session_principal(
    database: Database, secret: bytes, cookie: str, *, now: datetime
) -> Principal | None:
    """Return who a session cookie stands for; None when forged, over, or the password has changed."""
    packed, _, signature = cookie.partition(".")
    if not _same(_sign(secret, "session", packed), signature):
        return None
    body = orjson.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    if datetime.fromtimestamp(body["until"], UTC) <= now:
        return None
    with database.read() as connection:
        row = keys.person_by_name(connection, body["person"])
    if row is None or not _same(_fingerprint(secret, row["password_hash"]), body["password"]):
        return None
    return Principal(id=f"person:{row['id']}", name=row["name"], scopes=frozenset(Scope))


def csrf_token(secret: bytes, cookie: str) -> str:
    """Return the token that a page of this session must send along with every write."""
    return _sign(secret, "csrf", cookie)


def csrf_matches(secret: bytes, cookie: str, token: str | None) -> bool:
    """Whether ``token`` belongs to this session."""
    return token is not None and _same(csrf_token(secret, cookie), token)


class SignInGuard:
    """At most five failed sign-ins in 15 minutes, for each account and for each address."""

    MOST = 5
    WINDOW = timedelta(minutes=15)
    REMEMBERED = 10_000

    def __init__(self) -> None:
        self._failures: dict[str, list[datetime]] = {}

    def wait(self, names: Collection[str], *, now: datetime) -> timedelta:
        """Return how long these (account, address) must wait; zero means: try."""
        waits = [self._wait(name, now) for name in names]
        return max(waits, default=timedelta(0))

    def failed(self, names: Collection[str], *, now: datetime) -> None:
        """Note a failed sign-in."""
        if len(self._failures) > self.REMEMBERED:
            self._failures = {
                name: times
                for name, times in self._failures.items()
                if times[-1] > now - self.WINDOW
            }
        for name in names:
            self._failures.setdefault(name, []).append(now)

    def _wait(self, name: str, now: datetime) -> timedelta:
        recent = [at for at in self._failures.get(name, ()) if at > now - self.WINDOW]
        if len(recent) < self.MOST:
            return timedelta(0)
        return recent[-self.MOST] + self.WINDOW - now


def _letters(count: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(count))


def _checksum(text: str) -> str:
    rest = zlib.crc32(text.encode())
    letters = []
    for _ in range(CHECKSUM_LETTERS):
        rest, digit = divmod(rest, len(BASE62))
        letters.append(BASE62[digit])
    return "".join(reversed(letters))


def _derived(secret: bytes, purpose: str) -> bytes:
    """One secret, a key of its own for each purpose: a session can never pass for a CSRF token."""
    return hmac.digest(secret, f"jianwei {purpose}".encode(), "sha256")


def _hash(secret: bytes, body: str) -> bytes:
    return hmac.digest(_derived(secret, "api key"), body.encode(), "sha256")


def _sign(secret: bytes, purpose: str, text: str) -> str:
    return _b64(hmac.digest(_derived(secret, purpose), text.encode("utf-8", "replace"), "sha256"))


def _fingerprint(secret: bytes, password_hash: str) -> str:
    return _sign(secret, "password", password_hash)[:16]


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
