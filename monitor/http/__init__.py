"""The one way out: an HTTP client that reaches public addresses only."""

from monitor.http.addresses import PUBLIC_PORTS, AddressPolicy, IPNetwork, may_connect
from monitor.http.client import GuardedClient, Reply
from monitor.http.errors import FetchError, Reason, RefusedAddress, redact

__all__ = [
    "PUBLIC_PORTS",
    "AddressPolicy",
    "FetchError",
    "GuardedClient",
    "IPNetwork",
    "Reason",
    "RefusedAddress",
    "Reply",
    "may_connect",
    "redact",
]
