"""Reading any feed with feedparser: the fallback and the judge, the only module that touches it."""

from __future__ import annotations

import io
import re
from typing import Any

from collectors.feed_document import Dated, Document, ReadDate
from collectors.feed_entry import Entry

# feedparser takes a second of processor time for a megabyte.
MOST_BYTES = 2 * 1024 * 1024
# feedparser resolves guids like links, against xml:base or whatever it finds. They are opaque,
# and an entry must not change its name with its parser: as URNs they come back as they went.
_GUID = re.compile(
    rb"<(?:[A-Za-z_][\w.-]*+:)?(?:guid|id)(?:\s[^<>]*+)?(?<!/)>\s*+(?:<!\[CDATA\[\s*+)?",
    re.IGNORECASE,
)
_OPAQUE = b"urn:x-opaque:"


def read_judged(
    document: Document, *, base: str, lang: str | None, read_date: ReadDate
) -> list[Entry]:
    """Return the entries feedparser sees in the first 2 MB of ``document``."""
    if not document.items:
        return []
    import feedparser  # 90 ms and hardly ever needed

    found = feedparser.parse(
        # A stream: feedparser takes bytes for the name of a file to open, too.
        io.BytesIO(_GUID.sub(rb"\g<0>" + _OPAQUE, document.body[:MOST_BYTES])),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        resolve_relative_uris=False,
        sanitize_html=False,
    )

    def dated(text: str | None) -> Dated | None:
        return (document.dates.get(text) or read_date(text)) if text else None

    def entry(fields: dict[str, Any]) -> Entry:
        published = dated(_own(fields, "published")) or dated(_own(fields, "created"))
        return Entry(
            guid=(_own(fields, "id") or "").removeprefix(_OPAQUE.decode()) or None,
            link=_link(fields),
            base=base,
            title=_own(fields, "title") or "",
            content=_content(fields),
            author=_own(fields, "author"),
            author_url=(dict.get(fields, "author_detail") or {}).get("href"),
            published=published,
            updated=dated(_own(fields, "updated")),
            lang=lang,
        )

    return [entry(fields) for fields in found.entries]


def _own(fields: dict[str, Any], name: str) -> str | None:
    # dict.get: feedparser's own lookup answers one date for another and warns about it.
    value = dict.get(fields, name)
    return str(value) if value else None


def _link(fields: dict[str, Any]) -> str | None:
    """Return the link, None where feedparser took the guid for one."""
    link = _own(fields, "link")
    return None if link and link.startswith(_OPAQUE.decode()) else link


def _content(fields: dict[str, Any]) -> str:
    parts = [str(part.get("value") or "") for part in fields.get("content") or ()]
    return max(parts, key=len, default="") or _own(fields, "summary") or ""
