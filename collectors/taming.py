"""Markup of strangers, cut to what an HTML parser can take: no thread that reads it can be stopped.

libxml2 walks over all attributes of a tag for each one more: 16,000 cost 0.2 s, 300,000 minutes. An
element costs it up to 700 bytes, so the number of tags is limited too.
"""

from __future__ import annotations

import re
from itertools import islice

PAGE_BYTES = 3 * 1024 * 1024
MOST_TAGS = 60_000
MOST_ATTRIBUTES = 500
# In values with a ">" a parser may see the end of the tag and more tags: counted as well, but leniently.
_MOST_WORDS = 4_000
_LONG_TAG = 1_000
_ANY_TAG = re.compile(r"<[a-zA-Z!?]")
_TAG = re.compile(
    r"<(?P<name>[a-zA-Z][a-zA-Z0-9:-]*+)"
    r"(?P<attributes>(?:[^>=]++|=\s*+(?:\"[^\"]*+\"?+|'[^']*+'?+)?+)*+)>?+"
)
_QUOTED = re.compile(r"\"[^\"]*+\"?+|'[^']*+'?+")
_QUOTED_WHOLE = re.compile(r"\"[^\">]*+\"|'[^'>]*+'")
_BETWEEN = re.compile(r"[\s/]+")


def tamed(markup: str, most_tags: int = MOST_TAGS) -> str:
    """Return ``markup`` up to its last tag allowed, without the attributes of tags that have too many."""
    beyond = next(islice(_ANY_TAG.finditer(markup), most_tags, None), None)
    return _TAG.sub(_tame, markup if beyond is None else markup[: beyond.start()])


def _tame(tag: re.Match[str]) -> str:
    attributes = tag["attributes"]
    if len(attributes) < _LONG_TAG:
        return tag[0]
    # values may stand without a blank between them: a="1"b="2"
    is_wild = _words(_QUOTED.sub(" ", attributes)) > MOST_ATTRIBUTES
    if is_wild or _words(_QUOTED_WHOLE.sub(" ", attributes)) > _MOST_WORDS:
        return f"<{tag['name']}>"
    return tag[0]


def _words(text: str) -> int:
    return sum(1 for _ in _BETWEEN.finditer(text)) + 1
