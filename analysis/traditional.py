"""Which simplified character stands for which traditional one."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from itertools import islice, product

_HEADER = """\
# Traditional characters and the simplified ones they fold to, one pair after the other.
# Derived from the dictionaries of OpenCC (https://github.com/BYVoid/OpenCC), which are
# licensed under the Apache License 2.0. One-to-one characters only; made again by
#   python -c "from analysis.traditional import derive; print(derive(), end='')"
"""
_PAIRS_A_LINE = 40
_CONFIGURATIONS = ("t2s", "tw2s", "hk2s")
# Where the word decides (瞭解 but 瞭望), OpenCC leaves a lone character as it is. For comparing,
# the commoner reading serves, as it is applied to both sides. 么 is simplified already.
_BY_WORD = {"瞭": "了", "藉": "借", "么": "么"}
MOST_SPELLINGS = 32
_BLOCKS = ((0x2E80, 0xA000), (0x20000, 0x32000))


def load() -> dict[str, str]:
    """Return the bundled table: traditional character → simplified character."""
    text = (files("analysis") / "data" / "traditional.txt").read_text(encoding="utf-8")
    pairs = "".join(line for line in text.splitlines() if not line.startswith("#"))
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


@cache
def _variants() -> dict[str, str]:
    """Return the traditional characters of each simplified one, joined."""
    found: dict[str, str] = {}
    for traditional, simplified in load().items():
        found[simplified] = found.get(simplified, "") + traditional
    return found


def spellings(text: str) -> list[str]:
    """Return ``text`` and its spellings with traditional characters, at most 32; ``text`` is simplified."""
    choices = [char + _variants().get(char, "") for char in text]
    return ["".join(chosen) for chosen in islice(product(*choices), MOST_SPELLINGS)]


def derive() -> str:
    """Return what ``data/traditional.txt`` holds, from OpenCC (extra ``train``).

    The first configuration that changes a character decides: the Taiwan and Hong Kong ones
    only add the variants that the plain one leaves alone.
    """
    from opencc import OpenCC  # an extra: nothing that serves needs it

    pairs = dict(_BY_WORD)
    for configuration in _CONFIGURATIONS:
        convert = OpenCC(configuration).convert
        for char in map(chr, (point for block in _BLOCKS for point in range(*block))):
            simplified = convert(char)
            if simplified != char and len(simplified) == 1:
                pairs.setdefault(char, simplified)
    cells = [char + simplified for char, simplified in sorted(pairs.items()) if char != simplified]
    rows = [
        "".join(cells[start : start + _PAIRS_A_LINE])
        for start in range(0, len(cells), _PAIRS_A_LINE)
    ]
    return _HEADER + "\n".join(rows) + "\n"
