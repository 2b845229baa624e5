"""Secrets at rest: AES-256-GCM, bound to the row and column they belong to."""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
FORMAT = b"\x01"


class SealError(Exception):
    """A stored secret cannot be read: another SECRET_KEY, or the row was tampered with."""


class Sealer:
    """Seals and opens secrets with a key derived from the installation's secret."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(
            hashlib.blake2b(secret, digest_size=32, person=b"jianwei-seal").digest()
        )

    def seal(self, plain: str, place: str) -> bytes:
        """Return the sealed form; ``place`` ("channel:7:url") must be given again to open it."""
        nonce = os.urandom(NONCE_BYTES)
        return FORMAT + nonce + self._cipher.encrypt(nonce, plain.encode(), place.encode())

    def open(self, sealed: bytes, place: str) -> str:
        """Return the secret; raises SealError when key or place is another."""
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, place.encode()).decode()
        except InvalidTag as error:
            raise SealError(
                f"the secret of {place} was sealed with another MONITOR_SECRET_KEY; restore that key or set the secret anew"
            ) from error
