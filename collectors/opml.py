"""Lists of feeds as readers exchange them: OPML 1.0, 1.1 and 2.0 (opml.org/spec2.opml).

Reading forgives what the files of real readers get wrong (GBK, bare ampersands, tags cut off,
attribute names in any case); writing is strict: what is written reads back equal, in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime

from lxml import etree

from collectors.encoding import to_utf8
from collectors.feed_document import prepare
from collectors.identity import absolute_url, canonical_url
from collectors.model import CollectError
from collectors.plain import tidy

MOST_BYTES = 10_000_000
MOST_OUTLINES = 10_000
LONGEST_NAME = 200
DEEPEST = 10
_MOST_BROKEN_LINES = 50
_ROOT = "opml"
_DECLARED = re.compile(rb"\s*+<\?xml[^>]{0,200}\bencoding\b", re.IGNORECASE)
_FEEDS = frozenset({"rss", "feed", "rdf"})
_FEED_TYPES = frozenset({"rss", "atom", "feed", "rss1", "json"})
_FEED_SCHEME = re.compile(r"^feed:(?://(?!/)|(?=https?:))", re.IGNORECASE)
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# A folder's parts are joined by slashes, so a slash in a name becomes its full-width form.
_SLASH, _WIDE_SLASH = "/", "／"

NO_ADDRESS = "没有 xmlUrl,不是订阅源 (no xmlUrl: not a feed)"
NOT_FOLLOWED = (
    "引用了另一个 OPML 文件,不会去读取;请单独导入 (include is not followed: import that file)"
)
BAD_ADDRESS = "xmlUrl 须以 http:// 或 https:// 开头 (xmlUrl must be an http or https address)"


class OpmlError(CollectError):
    """A file cannot be read as a list of feeds at all; the text says why and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One feed of a list. ``path`` are the names of its folders, outermost first.

    ``enabled`` is False for what the file marks ``isComment``. ``line`` says where it stood in a
    file that was read; it does not count when two are compared.
    """

    title: str
    xml_url: str
    html_url: str | None = None
    path: tuple[str, ...] = ()
    enabled: bool = True
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What could not be used, in which line of the file, and why; ``title`` may be empty."""

    line: int
    title: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """What a file holds, in its order. ``repeated`` lead where an earlier one leads already."""

    outlines: tuple[Outline, ...] = ()
    repeated: tuple[Outline, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Folder:
    """Where we are inside of the file."""

    path: tuple[str, ...] = ()
    enabled: bool = True


def read(body: bytes, charset: str | None = None) -> Outlines:
    """Return the feeds of an OPML file; nothing it refers to is fetched, no entity is expanded.

    ``charset`` is the one of a Content-Type. A broken file is read as far as it goes, and the
    lines that are broken are among the problems. An outline without an address is a folder.
    Names are cut at 200 characters; a folder below ten others counts as the tenth.

    Raises:
        OpmlError: the file is empty, over 10 MB, holds over 10,000 feeds, or is no OPML.
    """
    if len(body) > MOST_BYTES:
        raise OpmlError(f"OPML 文件超过 {MOST_BYTES} 字节 (over {MOST_BYTES} bytes)")
    if not body.strip():
        raise OpmlError("OPML 文件是空的 (the file is empty)")
    # What declares nothing and is no UTF-8 either was written on a Chinese desktop.
    if charset is None and not _DECLARED.match(body):
        charset = "gb18030"
    document = prepare(body, charset=charset)
    # What was taken off the head (declaration, document type) counts as lines of the file.
    above = to_utf8(body, charset)[0].rstrip().count(b"\n") - document.body.count(b"\n")
    root, broken = _parsed(document.body, above)
    if document.root != _ROOT and (root is None or not _has_outlines(root)):
        raise OpmlError(_not_opml(document.root))
    found = [] if root is None else list(_found(root, above))
    return _sorted_out([*found, *broken])


def write(outlines: Iterable[Outline], *, title: str, now: datetime) -> bytes:
    """Return OPML 2.0 in UTF-8: folders nested, ``category`` beside them for readers without folders.

    Neighbours in the same folder share its outline; order is kept. What XML cannot hold is left out.
    """
    root = etree.Element(_ROOT, version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = _writable(title)
    etree.SubElement(head, "dateCreated").text = format_datetime(now)
    open_: list[tuple[str, etree._Element]] = [("", etree.SubElement(root, "body"))]
    for outline in outlines:
        path = tuple(filter(None, map(_writable, outline.path)))
        _enter(open_, path)
        etree.SubElement(open_[-1][1], "outline", _attributes(outline, path))
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return written


def folder_of(path: Sequence[str]) -> str:
    """Return a path as one text: ``汽车/论坛``; "" for none."""
    return _SLASH.join(name.replace(_SLASH, _WIDE_SLASH) for name in path)


def path_of(folder: str) -> tuple[str, ...]:
    """Return the names in a folder's text; empty ones are left out."""
    return tuple(name.strip() for name in folder.split(_SLASH) if name.strip())


def _parsed(body: bytes, above: int) -> tuple[etree._Element | None, list[Problem]]:
    """Return the tree as far as it could be read, and what is wrong with it, line by line."""
    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, no_network=True, load_dtd=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        root = None
    said: dict[int, str] = {}
    for error in parser.error_log:
        if len(said) < _MOST_BROKEN_LINES:
            said.setdefault(error.line, error.message[:200])
    return root, [
        Problem(
            line=line + above,
            title="",
            reason=f"XML 有误,此处可能有遗漏 (broken XML, something may be missing here: {message})",
        )
        for line, message in said.items()
    ]


def _has_outlines(root: etree._Element) -> bool:
    return any(_is_outline(element) for element in root.iter(etree.Element))


def _is_outline(element: etree._Element) -> bool:
    return _local(element.tag) == "outline"


def _local(name: str | bytes) -> str:
    text = name if isinstance(name, str) else name.decode("utf-8", "replace")
    return text.rpartition("}")[2].lower()


def _not_opml(root: str) -> str:
    if root in _FEEDS:
        return (
            "这是一个订阅源,不是 OPML;请直接添加它的地址 (this is a feed, no OPML: add its address)"
        )
    return f"不是 OPML 文件,根元素是 {root or '无'!r} (no OPML: its first element is <{root}>)"


def _found(root: etree._Element, above: int) -> Iterator[Outline | Problem]:
    """Yield what the outlines hold in the order of the file; a walk, so depth costs no stack."""
    folders = [_Folder()]
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not _is_outline(element):
            continue
        if event == "end":
            folders.pop()
            continue
        attributes = {_local(name): value for name, value in element.attrib.items()}
        line = (element.sourceline or 0) + above
        here = _inside(folders[-1], attributes)
        if url := _address(attributes):
            folders.append(_Folder(folders[-1].path, here.enabled))
            yield _outline(attributes, url, folders[-1], line)
            continue
        folders.append(here)
        if reason := _lacks(attributes, len(element)):
            yield Problem(line=line, title=_title(attributes), reason=reason)


def _inside(folder: _Folder, attributes: Mapping[str, str]) -> _Folder:
    """Return the folder that an outline opens in ``folder``."""
    name = _title(attributes)
    commented = attributes.get("iscomment", "").strip().lower() == "true"
    path = (*folder.path, name)[:DEEPEST] if name else folder.path
    return _Folder(path, folder.enabled and not commented)


def _address(attributes: Mapping[str, str]) -> str:
    """Return where an outline's feed is; some old readers wrote ``url`` for ``xmlUrl``."""
    url = attributes.get("xmlurl", "").strip()
    if not url and attributes.get("type", "").lower() in _FEED_TYPES:
        url = attributes.get("url", "").strip()
    return url


def _lacks(attributes: Mapping[str, str], children: int) -> str:
    """Return why an outline without address is no folder, "" where it is one."""
    kind = attributes.get("type", "").lower()
    if kind == "include":
        return NOT_FOLLOWED
    return NO_ADDRESS if not children and (kind or attributes.get("htmlurl")) else ""


def _outline(
    attributes: Mapping[str, str], url: str, folder: _Folder, line: int
) -> Outline | Problem:
    found = absolute_url(_FEED_SCHEME.sub(_web_scheme, url), base="")
    if found is None:
        return Problem(line=line, title=_title(attributes), reason=f"{BAD_ADDRESS}: {_told(url)}")
    return Outline(
        title=_title(attributes) or found,
        xml_url=found,
        html_url=absolute_url(attributes.get("htmlurl", "").strip(), base=""),
        path=folder.path or _category(attributes),
        enabled=folder.enabled,
        line=line,
    )


def _web_scheme(match: re.Match[str]) -> str:
    return "http://" if match[0].endswith("//") else ""


def _told(url: str) -> str:
    """Return the beginning of an address that is refused, without what may be a password in it."""
    return repr(re.sub(r"//[^/@]*@", "//…@", url[:80]))


def _title(attributes: Mapping[str, str]) -> str:
    name = tidy(attributes.get("text", "")) or tidy(attributes.get("title", ""))
    return name[:LONGEST_NAME].rstrip()


def _category(attributes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the first category as a path: ``/汽车/论坛,/重点`` is 汽车 › 论坛."""
    first = attributes.get("category", "")[: DEEPEST * LONGEST_NAME].partition(",")[0]
    return path_of(tidy(first))[:DEEPEST]


def _sorted_out(found: Iterable[Outline | Problem]) -> Outlines:
    first: dict[str, Outline] = {}
    repeated: list[Outline] = []
    problems: list[Problem] = []
    for one in found:
        if isinstance(one, Problem):
            problems.append(one)
        elif first.setdefault(canonical_url(one.xml_url), one) is not one:
            repeated.append(one)
    if len(first) + len(repeated) > MOST_OUTLINES:
        raise OpmlError(
            f"一个文件最多 {MOST_OUTLINES} 个订阅源,请分开导入 (over {MOST_OUTLINES} feeds: split the file)"
        )
    return Outlines(
        outlines=tuple(first.values()), repeated=tuple(repeated), problems=tuple(problems)
    )


def _enter(open_: list[tuple[str, etree._Element]], path: Sequence[str]) -> None:
    """Close and open folders until those of ``path`` are open; ``open_`` begins with the body."""
    here = [name for name, _ in open_[1:]]
    shared = next(
        (at for at, (old, new) in enumerate(zip(here, path, strict=False)) if old != new),
        min(len(here), len(path)),
    )
    del open_[shared + 1 :]
    for name in path[shared:]:
        folder = etree.SubElement(open_[-1][1], "outline", {"text": name, "title": name})
        open_.append((name, folder))


def _attributes(outline: Outline, path: Sequence[str]) -> dict[str, str]:
    title = _writable(outline.title)
    given = {
        "type": "rss",
        "text": title,
        "title": title,
        "xmlUrl": _UNWRITABLE.sub("", outline.xml_url),
        "htmlUrl": _UNWRITABLE.sub("", outline.html_url or ""),
        "category": f"/{folder_of(path)}" if path else "",
        "isComment": "" if outline.enabled else "true",
    }
    return {name: value for name, value in given.items() if value or name == "text"}


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("", tidy(text))
