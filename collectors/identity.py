"""Which entry is which: external ids within a source and canonical URLs across sources."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

_LONGEST_ID = 512
_LONGEST_URL = 4_096
_DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = re.compile(
    r"(?:utm_.*|share_.*|xsec_.*|fbclid|gclid|msclkid|yclid|mc_cid|mc_eid|spm|scm|from"
    r"|isappinstalled|wfr|_t|ref|ref_src|s_trans|vt)",
    re.IGNORECASE,
)
_TRACKING_OF_HOST = {"mp.weixin.qq.com": frozenset({"timestamp", "chksm", "scene"})}
_UNRESERVED = "-._~!$&'()*+,;=:@/%"
# An ordinary link: what `urlsplit` would find nothing wrong with and a host in.
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*+(?::[0-9]++)?+(?:[/?#]\S*+)?+")
_BLANKS = re.compile(r"[\x00-\x20\x7f]+")


class Marks(NamedTuple):
    """What an entry has to be told apart by; ``guid`` and ``url`` are None where absent.

    A tuple, like the other values made for each entry: made in a third of the time of a frozen dataclass.
    """

    guid: str | None
    url: str | None
    title: str
    text: str
    published: str = ""


def external_ids(entries: Sequence[Marks]) -> list[str | None]:
    """Return an external id for each entry of one document, None for a repeated one.

    The guid, else the URL, else a hash of title and text. Where the same one comes twice in
    the document the first keeps it and the later ones are told apart by ``guid|url``, then
    ``guid|hash of the content``. **Distinct** are entries that differ in any mark: only an
    entry that repeats an earlier one in guid, URL, title, text and date is left out. No
    position enters an id: feeds grow at the top, and every position moves.
    """
    names = [_short(_base(entry)) for entry in entries]
    if len(set(names)) == len(names):
        return [*names]
    return _told_apart(entries)


def _told_apart(entries: Sequence[Marks]) -> list[str | None]:
    seen: set[Marks] = set()
    taken: set[str] = set()
    ids: list[str | None] = []
    for entry in entries:
        if entry in seen:
            ids.append(None)
            continue
        seen.add(entry)
        chosen = next(name for name in _names(entry) if name not in taken)
        taken.add(chosen)
        ids.append(chosen)
    return ids


def _names(entry: Marks) -> Iterable[str]:
    content = _hashed(entry.title, entry.text)
    base = _base(entry)
    yield _short(base)
    if entry.url:
        yield _short(f"{base}|{entry.url}")
    yield _short(f"{base}|{content}")
    # Two entries may still differ in their date or URL only: the whole decides.
    yield _short(f"{base}|{_hashed(entry.url or '', entry.title, entry.text, entry.published)}")


def _base(entry: Marks) -> str:
    return entry.guid or entry.url or _hashed(entry.title, entry.text)


def _hashed(*parts: str) -> str:
    joined = "\0".join(parts).encode("utf-8", "replace")
    return hashlib.blake2b(joined, digest_size=16).hexdigest()


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_ID else _hashed(name)


def absolute_url(url: str | None, *, base: str) -> str | None:
    """Return ``url`` resolved against ``base``, or None unless it is a web address.

    Blanks and line breaks inside go, as browsers do. javascript:, data: and mailto: are None.
    """
    if not url or len(url) > _LONGEST_URL:
        return None
    if _PLAIN_URL.fullmatch(url):
        return url
    url = _BLANKS.sub("", url) if "\n" in url or "\t" in url else url.strip()
    try:
        joined = url if url.startswith(("http://", "https://")) else urljoin(base, url)
        parts = urlsplit(joined)
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    return joined.replace(" ", "%20")


def canonical_url(url: str) -> str:
    """Return one spelling for all URLs that lead to the same page; for comparing, not display.

    Case of scheme and host, default port, dot segments and percent codes are made equal, the
    query is sorted and loses its tracking parameters, the fragment goes unless it is a ``#!``
    route. What is not a web address is returned unchanged.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        host = _ascii_host(parts.hostname or "")
    except ValueError:
        return url
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not host:
        return url
    netloc = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    fragment = parts.fragment if parts.fragment.startswith("!") else ""
    return urlunsplit((scheme, netloc, _path(parts.path), _query(parts.query, host), fragment))


def _ascii_host(host: str) -> str:
    bare = host.rstrip(".")
    if ":" in bare:
        return f"[{bare}]"
    return bare if bare.isascii() else bare.encode("idna").decode("ascii")


def _path(path: str) -> str:
    segments: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            segments = segments[:-1]
        elif segment != ".":
            segments.append(segment)
    if path.endswith(("/.", "/..")):
        segments.append("")
    return quote(_readable("/" + "/".join(segments)), safe=_UNRESERVED)


def _readable(path: str) -> str:
    """Return ``path`` with the percent codes of characters that need none undone."""
    if "%" not in path:
        return path
    return re.sub(
        r"(?:%[0-9A-Fa-f]{2})+",
        lambda coded: quote(unquote(coded[0], errors="surrogateescape"), safe="-._~",
                            errors="surrogateescape"),
        path,
    )  # fmt: skip


def _query(query: str, host: str) -> str:
    dropped = _TRACKING_OF_HOST.get(host, frozenset())
    kept = [
        (name, value)
        for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
        if name not in dropped and not _TRACKING.fullmatch(name)
    ]
    return urlencode(sorted(kept), errors="surrogateescape")
