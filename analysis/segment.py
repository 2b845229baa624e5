"""Chinese texts cut into words: rjieba by default, jieba as the reference beside it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from typing import Protocol

import rjieba

from analysis.model import AnalysisError

# A run of these is what both engines look words up in; a word with any other character
# (L'Oréal, 麦当劳·中国) would be torn apart, dictionary or not.
_TORN = re.compile(r"[^\u4E00-\u9FD5a-zA-Z0-9+#&._%-]")
# ASCII outside the dictionary as jieba's HMM stage cuts it. rjieba joins more ("24-26",
# "ctrip.com"): its expression has an unescaped dot.
_ASCII_PARTS = re.compile(r"[a-zA-Z0-9]+(?:\.[0-9]+)?%?|[^a-zA-Z0-9]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ASCII_JOINED = re.compile(r"[!-~]*[-._+#&%][!-~]*")


class Segmenter(Protocol):
    """Cuts texts into words. The cut loses nothing: its parts joined are the text.

    (A lone surrogate may come out as U+FFFD.)
    """

    def cut(self, text: str) -> list[str]:
        """Return the words of ``text`` in order, punctuation and white space included."""

    def tokens(self, text: str) -> list[tuple[str, int, int]]:
        """Return the words with their half-open ranges in ``text``, in code points."""


def segmenter(engine: str = "rjieba", user_words: Iterable[str] = ()) -> Segmenter:
    """Return a segmenter of its own: its ``user_words`` (brands, products) are nobody else's.

    Words are compared character by character: fold them if folded texts will be cut. "jieba"
    takes about a second to load its dictionary, "rjieba" 60 ms. An unknown engine raises
    AnalysisError.
    """
    words = tuple(dict.fromkeys(word for word in user_words if word.strip()))
    if engine == "rjieba":
        return DictionarySegmenter(_rjieba_cut(words), words, engine)
    if engine == "jieba":
        return DictionarySegmenter(_jieba_cut(words), words, engine)
    raise AnalysisError(f"未知的分词引擎 {engine!r}，可用：rjieba、jieba")


class DictionarySegmenter:
    """A segmenter around one engine's cut; pickled as engine and words, and built again."""

    def __init__(
        self, cut: Callable[[str], list[str]], user_words: tuple[str, ...], engine: str
    ) -> None:
        self._cut = cut
        self._made_of = engine, user_words
        torn = sorted(filter(_TORN.search, user_words), key=len, reverse=True)
        self._torn_words = re.compile(f"({'|'.join(map(re.escape, torn))})") if torn else None

    def __reduce__(self) -> tuple[Callable[..., Segmenter], tuple[str, tuple[str, ...]]]:
        return segmenter, self._made_of

    def cut(self, text: str) -> list[str]:
        """Return the words of ``text`` in order, punctuation and white space included."""
        if self._torn_words is None:
            return self._cut(text)
        parts = self._torn_words.split(text)  # every second part is one of the words
        return [
            word
            for index, part in enumerate(parts)
            for word in ([part] if index % 2 else self._cut(part))
        ]

    def tokens(self, text: str) -> list[tuple[str, int, int]]:
        """Return the words with their half-open ranges in ``text``, in code points."""
        end = 0
        return [(word, end, end := end + len(word)) for word in self.cut(text)]


def _rjieba_cut(user_words: Iterable[str]) -> Callable[[str], list[str]]:
    jieba = rjieba.Jieba()
    for word in user_words:
        jieba.add_word(word, None, None)

    def cut(text: str) -> list[str]:
        words: list[str]
        try:
            words = jieba.cut(text, True)
        except UnicodeEncodeError:  # a lone surrogate, which JSON may carry, cannot cross to Rust
            words = jieba.cut(_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text), True)
        if not any(map(_ASCII_JOINED.fullmatch, words)):
            return words
        return [part for word in words for part in split(word)]

    def split(word: str) -> list[str]:
        if _ASCII_JOINED.fullmatch(word) and not jieba.has_word(word):
            return _ASCII_PARTS.findall(word)
        return [word]

    return cut


def _jieba_cut(user_words: Iterable[str]) -> Callable[[str], list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import uses pkg_resources and bad escapes
        import jieba  # costs 0.2 s and 40 MB: only who chooses it pays
    tokenizer = jieba.Tokenizer()
    # What initialize() does, without its cache: a marshal file under a fixed name in the
    # temporary directory, which any other user of the machine may have put there.
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    for word in user_words:
        tokenizer.add_word(word)
    return lambda text: list(tokenizer.cut(text))
