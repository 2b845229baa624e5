"""Lines of an extracted text: which both extractors have, and which are boilerplate."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BLANK = re.compile(r"\s+")
_GRAM = 4
_SENTENCE_END = re.compile(r"""[。！？]|[.!?…](?=[\s"”»)]|$)""")
_ENDS = tuple('。！？；….!?;”"」）)')
_SHORT_LINE = 40
_SENTENCE = 20
_TELLING = 5  # shorter lines occur in any text by chance
# Looking for every line in the other text is work of lines times characters.
_MOST_COMPARED = 50_000_000
_LONGEST_BOILERPLATE = 60
# Anchored or with their verb: 扫码支付 and 相关新闻发布会 are what articles write about, and 12315 接到投诉 too.
_BOILERPLATE = re.compile(
    r"[评評][论論]\s*\d+\s*[赞讚]|^\d+\s*[条條][评評][论論]"
    r"|^\d{5,}\s*(?:人|次|条|條|赞|讚|阅读|閱讀|参与|參與|跟[贴帖]|评论|評論){0,2}\W*$"
    r"|[责責]任[编編][辑輯]"
    r"|[扫掃](?:描|一[扫掃])?.{0,8}二[维維][码碼]|[扫掃][码碼](?:关注|關注|下载|下載|阅读|閱讀|加入|[进進]群|查看|[观觀]看)"
    r"|^\W*(?:相[关關]|推[荐薦]|延伸)(?:[阅閱][读讀]|新[闻聞]|推[荐薦]|文章|[链鏈][接結])\W*(?:[:：].*)?$"
    r"|^\W*[热熱](?:门|門|点|點)(?:推[荐薦]|排行|文章|新[闻聞])\W*$"
    r"|^\W*版[权權][声聲]明|[点點][击擊][进進]入[专專][题題]"
)


def flat(text: str) -> str:
    """Return ``text`` without any white space."""
    return _BLANK.sub("", text)


def share(text: str, other: str) -> float:
    """Return which part (0…1) of the 4-character sequences of ``text`` are found in ``other``."""
    sequences = _sequences(text)
    return len(sequences & _sequences(other)) / len(sequences) if sequences else 0.0


def _sequences(text: str) -> set[str]:
    bare = flat(text)
    return {bare[at : at + _GRAM] for at in range(len(bare) - _GRAM + 1)}


def sentence_count(text: str) -> int:
    """Return how many sentences end in ``text``, Chinese or Latin."""
    return sum(1 for _ in _SENTENCE_END.finditer(text))


def agreed(precise: str, readable: str, links: frozenset[str]) -> str:
    """Return ``readable`` from the first to the last line that ``precise`` has too.

    Beyond them only whole sentences stay: a lead set apart is one, a date line, a toolbar or a
    headline of another article is none.
    """
    lines = _without_link_lists(readable.split("\n"), links)
    shared = [at for at, is_shared in enumerate(_are_in(precise, lines)) if is_shared]
    if not shared:
        return "\n".join(lines)
    first, last = shared[0], shared[-1] + 1
    before, after = filter(_is_sentence, lines[:first]), filter(_is_sentence, lines[last:])
    return "\n".join([*before, *lines[first:last], *after])


def cleaned(text: str, links: frozenset[str], *, trusted: str = "") -> str:
    """Return ``text`` without boilerplate lines, lists of links, and short lines at its end.

    Short lines at the end stay if ``trusted`` has them too.
    """
    lines = [line for line in text.split("\n") if not _is_boilerplate(line)]
    lines = _without_link_lists(lines, links)
    kept = flat(trusted)
    while lines and _is_loose_end(lines[-1]) and not (kept and flat(lines[-1]) in kept):
        lines.pop()
    return "\n".join(lines)


def _are_in(text: str, lines: Sequence[str]) -> list[bool]:
    bare = flat(text)
    if len(bare) * len(lines) > _MOST_COMPARED:
        own = {flat(line) for line in text.split("\n")}
        return [flat(line) in own for line in lines]
    return [len(line) > _TELLING and flat(line) in bare for line in lines]


def _is_sentence(line: str) -> bool:
    return len(line) >= _SENTENCE and line.rstrip().endswith((*_ENDS, ":", "："))


def _is_boilerplate(line: str) -> bool:
    return len(line) <= _LONGEST_BOILERPLATE and _BOILERPLATE.search(line) is not None


def _is_loose_end(line: str) -> bool:
    return len(line.strip()) < _SHORT_LINE and not line.rstrip().endswith(_ENDS)


def _without_link_lists(lines: Sequence[str], links: frozenset[str]) -> list[str]:
    """Return ``lines`` without runs of two and more that are only links, and without one at the end.

    A single one within a text is a paragraph that happens to be a link.
    """
    kept: list[str] = []
    run: list[str] = []
    for line in lines:
        if line in links:
            run.append(line)
            continue
        kept += run if len(run) == 1 else []
        run = []
        kept.append(line)
    return kept
