"""Standard Webhooks 1.0.0: signing, verifying, and what an answer means.

Own code instead of the ``standardwebhooks`` library, whose ``sign`` takes the wall-clock digits of
an aware time as UTC and whose ``verify`` raises bare ValueErrors on hostile headers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from alerts.model import AlertError, Answer, Verdict

PREFIX: Final = "whsec_"
TOLERANCE: Final = timedelta(minutes=5)
LEAST_SECRET_BYTES: Final = 24
LONGEST_RETRY_AFTER: Final = timedelta(hours=24)


class SignatureInvalid(AlertError):
    """A message did not come from the holder of the secret, or is too old."""


def secret_of(text: str) -> str:
    """Return the secret in its one written form, ``whsec_`` + base64.

    A ``whsec_`` secret is checked and kept. Any other text (a password somebody chose) becomes
    the key as its UTF-8 bytes, wrapped: the receiver configures what this function answers.

    Raises:
        AlertError: malformed base64, or fewer than 24 bytes of key.
    """
    key = _key(text) if text.startswith(PREFIX) else text.encode()
    if len(key) < LEAST_SECRET_BYTES:
        raise AlertError(
            f"webhook secret has {len(key)} bytes; give at least {LEAST_SECRET_BYTES}, "
            "or none to have one made"
        )
    return text if text.startswith(PREFIX) else wrap_secret(key)


def wrap_secret(key: bytes) -> str:
    """Return random bytes (the shell draws 32) as a secret."""
    return PREFIX + base64.b64encode(key).decode("ascii")


def sign(webhook_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """Return one entry of ``webhook-signature``: ``v1,`` and HMAC-SHA256 in base64.

    Raises:
        AlertError: the secret is not ``whsec_`` + base64, or the id holds a dot.
    """
    if "." in webhook_id:
        raise AlertError(f"webhook id {webhook_id!r} holds a dot, the separator of what is signed")
    signed = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode("ascii")


def headers(
    webhook_id: str, attempt_at: datetime, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """Return the three headers of one attempt.

    ``webhook_id`` is the same on every attempt of a delivery, ``attempt_at`` is not. During the
    rotation of a secret both are given, the new one first: one signature each.

    Raises:
        AlertError: no secret, or one that cannot be used.
    """
    if not secrets:
        raise AlertError(f"webhook {webhook_id}: the channel has no secret; set one")
    timestamp = int(attempt_at.timestamp())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            sign(webhook_id, timestamp, body, secret) for secret in secrets
        ),
    }


def verify(
    received: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: datetime
) -> str:
    """Return the id of a genuine message, by which the receiver drops repetitions.

    Header names are matched in any case; signatures of other versions are skipped; comparing takes
    the same time wherever they differ.

    Raises:
        SignatureInvalid: a header is missing or malformed, more than 5 minutes off, or no
            signature fits.
    """
    lower = {name.lower(): value for name, value in received.items()}
    try:
        webhook_id, stamp = lower["webhook-id"], lower["webhook-timestamp"]
        given = lower["webhook-signature"].split(" ")
    except KeyError as error:
        raise SignatureInvalid(f"header {error.args[0]} is missing") from None
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12) or "." in webhook_id:
        raise SignatureInvalid("webhook-id or webhook-timestamp is malformed")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise SignatureInvalid(f"webhook-timestamp {stamp} is more than {TOLERANCE} away")
    expected = [sign(webhook_id, int(stamp), body, secret).encode() for secret in secrets]
    fits = [
        hmac.compare_digest(mine, theirs.encode("utf-8", "replace"))
        for mine in expected
        for theirs in given
    ]
    if not any(fits):
        raise SignatureInvalid("no signature fits: the secret differs or the body was changed")
    return webhook_id


def verdict(answer: Answer, *, now: datetime) -> tuple[Verdict, timedelta | None]:
    """Return what an answer to an attempt means, and how long the receiver asks us to wait.

    Only 2xx is success; a redirect is a failure and never followed; 410 wants no more of us: the
    channel is to be disabled. Everything else, other 4xx included, is tried again by the schedule:
    a receiver in the middle of its own crisis answers 404 for a while.
    """
    status = answer.status
    if status is None:
        return Verdict.RETRY, None
    if 200 <= status < 300:
        return Verdict.OK, None
    if status == 410:
        return Verdict.DEAD, None
    wait = _retry_after(answer.headers, now)
    if status in (429, 502, 503, 504):
        return Verdict.THROTTLED, wait
    return Verdict.RETRY, wait


def _retry_after(given: Mapping[str, str], now: datetime) -> timedelta | None:
    """Read ``Retry-After`` (RFC 9110 10.2.3: seconds or a date), at most a day; None if unusable."""
    text = next((v.strip() for name, v in given.items() if name.lower() == "retry-after"), "")
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return min(max(at - now, timedelta(0)), LONGEST_RETRY_AFTER)


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        raise AlertError(f"webhook secret does not start with {PREFIX}; see secret_of")
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise AlertError(f"webhook secret is not {PREFIX} + base64; have one made") from error
    if not key:
        raise AlertError("webhook secret is empty; have one made")
    return key
