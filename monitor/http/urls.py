"""Checking a URL before any of it is used, and following redirects by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address

import httpx

from monitor.http.errors import FetchError, Reason

_SCHEMES = frozenset({"http", "https"})
_LONGEST = 8_000
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
# Any other header may be a key (X-Api-Key, PRIVATE-TOKEN …): meant for one host, told to no other.
_FOR_EVERYBODY = frozenset({"user-agent", "accept", "accept-encoding", "accept-language"})
# They answer for the URL first asked, not for where it leads.
_OF_THE_URL = frozenset({"if-none-match", "if-modified-since"})


def checked_url(url: str) -> httpx.URL:
    """Return ``url`` parsed, without its fragment.

    Raises:
        FetchError: not http or https, with user information, control characters, blanks or
            backslashes, without a host, too long, or not a URL at all.
    """
    if len(url) > _LONGEST or _FORBIDDEN.search(url):
        raise FetchError(
            Reason.BAD_URL, url, "a blank, control character or backslash, or too long"
        )
    try:
        parsed = httpx.URL(url)
        port = parsed.port
    except (httpx.InvalidURL, ValueError):
        raise FetchError(Reason.BAD_URL, url) from None
    if parsed.scheme not in _SCHEMES:
        raise FetchError(Reason.BAD_URL, url, "not http or https")
    if parsed.userinfo:
        raise FetchError(Reason.BAD_URL, url, "user information")
    if not parsed.host or port == 0:
        raise FetchError(Reason.BAD_URL, url, "no host or port")
    return parsed.copy_with(fragment=None)


def follow(url: httpx.URL, location: str) -> httpx.URL:
    """Return where a redirect from ``url`` leads.

    Raises:
        FetchError: the target is no URL we ask, or leads from https to http.
    """
    try:
        joined = str(url.join(location))
    except (httpx.InvalidURL, ValueError):
        raise FetchError(Reason.BAD_URL, str(url), "redirect to no URL") from None
    target = checked_url(joined)
    if url.scheme == "https" and target.scheme == "http":
        raise FetchError(Reason.DOWNGRADE, str(url), "redirect from https to http")
    return target


def headers_for_next_hop(
    headers: Mapping[str, str], url: httpx.URL, target: httpx.URL
) -> dict[str, str]:
    """Return the headers that may go to ``target`` after a redirect from ``url``."""
    same_host = (url.scheme, url.host, url.port) == (target.scheme, target.host, target.port)
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in _OF_THE_URL and (same_host or name.lower() in _FOR_EVERYBODY)
    }


def is_literal(host: str) -> bool:
    """Return whether ``host`` is an IP address and not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
