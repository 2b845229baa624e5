"""What an exception of the transport means."""

from __future__ import annotations

import socket
import ssl

import aiohttp
import httpx

from monitor.http.errors import Reason

# The first match counts: the classes of aiohttp overlap, and httpx-aiohttp turns every
# connection error into a ConnectTimeout, so the cause is asked, not the wrapper.
_MEANINGS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Reason], ...] = (
    ((aiohttp.ClientSSLError, ssl.SSLError), Reason.TLS),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), Reason.NO_SUCH_HOST),
    ((aiohttp.ServerTimeoutError, TimeoutError), Reason.TIMEOUT),
    ((aiohttp.InvalidURL, httpx.InvalidURL, UnicodeError), Reason.BAD_URL),
    ((aiohttp.ClientConnectionError, ConnectionError, OSError), Reason.CONNECT),
)


def reason_of(trouble: BaseException) -> Reason:
    """Return why a request failed; what we do not know is a breach of the protocol."""
    cause = trouble.__cause__ or trouble
    return next(
        (reason for kinds, reason in _MEANINGS if isinstance(cause, kinds)), Reason.PROTOCOL
    )
