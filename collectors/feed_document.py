"""Making a feed document safe and readable for a parser, whatever a server sent.

Both parsers read what comes out of here: UTF-8 without declarations, control characters,
document types or undefined entities, with every date rewritten to UTC by our own rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html.entities import html5
from itertools import islice

from collectors.encoding import to_utf8
from collectors.model import Precision

MOST_ITEMS = 1_000

Dated = tuple[datetime, Precision]
ReadDate = Callable[[str], Dated | None]

# One control character makes libxml2 end a CDATA section and lose the items behind it.
_CONTROLS = bytes(c for c in range(0x20) if c not in b"\t\n\r")
_NONCHARACTER = re.compile(rb"\xef\xbf[\xbe\xbf]")
_TYPE = re.compile(rb"<!DOCTYPE")
_TYPE_ANY_CASE = re.compile(_TYPE.pattern, re.IGNORECASE)
_TYPE_ANY_CASE_BYTES = 65_536
_DECLARATION = re.compile(rb"<\?xml[^>]*+>\s*+", re.IGNORECASE)
_OPENING = re.compile(rb"<!--|<!\[CDATA\[|<!DOCTYPE", re.IGNORECASE)
_QUOTED_UNTIL = {b"<!--": b"-->", b"<![CDATA[": b"]]>"}
_TYPE_END = re.compile(rb"[\[>]")
_SUBSET_END = re.compile(rb"\]\s*+>")
_MOST_REFERENCES = 100_000
_LOOSE = re.compile(
    rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)"
    rb"(?:([A-Za-z][A-Za-z0-9]{1,31};)|#[0-9xX][0-9A-Fa-f]*;)?"
)
_FORBIDDEN_CODE = re.compile(
    rb"&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])"
    rb"|x0*(?:[0-8bcefBCEF]|1[0-9A-Fa-f]|[dD][89A-Fa-f][0-9A-Fa-f]{2}|[fF]{3}[efEF]));"
)
# In both the bare name is tried before a prefix: most tags are neither, and fail at once so.
_ITEM = re.compile(rb"<(?:item|entry|[A-Za-z_][\w.-]*+:(?:item|entry))(?=[\s/>])", re.IGNORECASE)
_DATE_NAME = rb"(?:pubDate|date|published|updated|issued|modified|created|lastBuildDate)"
_DATE = re.compile(
    rb"(<(?:(?=[pduimcl])" + _DATE_NAME + rb"|[A-Za-z_][\w.-]*+:" + _DATE_NAME + rb")"
    rb"(?:\s[^<>]*+)?(?<!/)>)(?:\s*+<!\[CDATA\[([^<\]]{1,200})\]\]>\s*+|([^<]{4,200}))(?=</)",
    re.IGNORECASE,
)
_PIECES = _DATE.groups + 1
_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_COMMENT_OR_INSTRUCTION = re.compile(rb"\s*+(?:<!--.*?-->|<\?.*?\?>)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """A feed ready for parsing.

    ``root`` is the local name of the first element, lower-case, empty where there is none.
    ``items`` counts item and entry tags in ``body``; ``dropped`` those cut off behind them.
    ``dates`` tells what our reading of each rewritten date was. ``head`` is what stands
    before the first item.
    """

    body: bytes
    encoding: str
    root: str
    items: int
    dropped: int
    head: bytes
    dates: Mapping[str, Dated]


def prepare(body: bytes, *, charset: str | None) -> Document:
    """Return ``body`` decoded, cleaned and cut at the item limit; dates are still as written."""
    clean, encoding = to_utf8(body, charset)
    clean = _NONCHARACTER.sub(b"", clean.translate(None, _CONTROLS))
    clean = clean[max(clean.find(b"<"), 0) :]
    if declaration := _DECLARATION.match(clean):
        clean = clean[declaration.end() :]
    clean = _without_document_type(clean)
    clean, items, dropped = _cut(_with_known_references(clean).strip())
    first = _ITEM.search(clean)
    head = clean[: first.start() if first else 16_384]
    return Document(clean, encoding, _root_name(clean), items, dropped, head, {})


def with_dates(document: Document, read: ReadDate) -> Document:
    """Return ``document`` with each date it tells rewritten to UTC; unreadable ones are emptied.

    Done on the bytes because a parser hands over its own reading of a date and not the text.
    """
    dates: dict[str, Dated] = {}
    known: dict[bytes, tuple[str, Dated | None]] = {}  # an entry's dates are often the same
    # Between the dates, for each one: its tag, and its text in CDATA or else bare.
    pieces: list[bytes] = _DATE.split(document.body)
    for at in range(2, len(pieces), _PIECES):
        written = pieces[at] or pieces[at + 1]
        if written not in known:
            known[written] = _in_utc(written, read)
        text, dated = known[written]
        if dated is not None:
            dates[text] = dated
        pieces[at], pieces[at + 1] = text.encode(), b""
    body = b"".join(pieces)
    return Document(
        body,
        document.encoding,
        document.root,
        document.items,
        document.dropped,
        document.head,
        dates,
    )


def _in_utc(written: bytes, read: ReadDate) -> tuple[str, Dated | None]:
    """Return a date as ISO 8601 in UTC, empty if unreadable, and our reading of it."""
    dated = read(written.decode("utf-8", "replace"))
    return (dated[0].astimezone(UTC).isoformat(timespec="seconds") if dated else "", dated)


def _without_document_type(body: bytes) -> bytes:
    """Return ``body`` without DOCTYPE: its entities burn seconds of processor time in 1 kB.

    A type that an article quotes in CDATA, or a comment holds, is none.
    """
    first = _TYPE_ANY_CASE.search(body)
    if first is None or (first.start() >= _TYPE_ANY_CASE_BYTES and not _TYPE.search(body)):
        return body
    kept: list[bytes] = []
    at = 0
    while opening := _OPENING.search(body, at):
        if until := _QUOTED_UNTIL.get(opening[0].upper()):
            end = body.find(until, opening.end())
            if end < 0:
                break  # what is left is quoted, and no parser will see a type in it
            kept.append(body[at : end + len(until)])
            at = end + len(until)
            continue
        kept.append(body[at : opening.start()])
        at = _type_end(body, opening.end())
    return b"".join((*kept, body[at:]))


def _type_end(body: bytes, start: int) -> int:
    """Return where the document type that began before ``start`` is over; never closed: at the end."""
    end = _TYPE_END.search(body, start)
    if end and end[0] == b"[":
        end = _SUBSET_END.search(body, end.end())
    return end.end() if end else len(body)


def _outside_cdata(body: bytes) -> Iterator[tuple[bool, bytes]]:
    """Yield the pieces of ``body`` in order, each with whether it stands outside of CDATA."""
    at = 0
    while (start := body.find(b"<![CDATA[", at)) >= 0:
        end = body.find(b"]]>", start)
        if end < 0:
            break
        yield True, body[at:start]
        yield False, body[start : end + 3]
        at = end + 3
    yield True, body[at:]


def _with_known_references(body: bytes) -> bytes:
    """Return ``body`` with only references an XML parser knows, outside of CDATA.

    Named HTML entities become numbers, bare ampersands and unknown names are escaped: the
    document type that would define them is gone, and libxml2 drops what follows an ``&``.
    """
    if b"&" not in body:
        return body
    body = _FORBIDDEN_CODE.sub(b"", body)
    if not _LOOSE.search(body):
        return body
    left = _MOST_REFERENCES  # each costs memory; a document with more is no feed of ours
    parts: list[bytes] = []
    for outside, part in _outside_cdata(body):
        if outside and left > 0:
            part, count = _LOOSE.subn(_known_reference, part, count=left)  # noqa: PLW2901
            left -= count
        parts.append(part)
    return b"".join(parts)


def _known_reference(match: re.Match[bytes]) -> bytes:
    name = (match[1] or b"").decode("ascii")
    if characters := html5.get(name):
        return b"".join(b"&#%d;" % ord(character) for character in characters)
    return b"&amp;" + match[0][1:]


def _cut(body: bytes) -> tuple[bytes, int, int]:
    items = len(_ITEM.findall(body))
    if items <= MOST_ITEMS:
        return body, items, 0
    first_left_out = next(islice(_ITEM.finditer(body), MOST_ITEMS, None))
    return body[: first_left_out.start()], MOST_ITEMS, items - MOST_ITEMS


def _root_name(body: bytes) -> str:
    at = 0
    while match := _COMMENT_OR_INSTRUCTION.match(body, at):
        at = match.end()
    found = _ROOT.search(body, at, at + 4_096)
    return found[1].decode("ascii", "replace").lower() if found else ""
