"""What a document says, put together: language, sentiment, risks, mentions, tokens for search.

``Understander`` reads posts for keyword lists, ``TextAnalyzer`` the rows of ``monitor analyze``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from analysis.language import language
from analysis.match import Matcher
from analysis.model import (
    AnalysisError,
    Document,
    Judgement,
    KeywordList,
    Match,
    MatchedList,
    Risk,
    TargetJudgement,
    Understanding,
)
from analysis.risk import find_risks
from analysis.search import index_all
from analysis.sentiment import Scorer
from analysis.sentiment import scorer as scorer_named
from analysis.stories import StoryGrouper
from analysis.targets import Targeted, judge_all_targets, named_targets, speaks_of_rival
from analysis.text import fold

LONGEST: Final = 20_000
"""Characters of a text that are read; the rest of a longer one is left alone."""
BATCH: Final = 128
"""Documents that are read together; more of them gain nothing."""
LEAD: Final = 300
"""Characters behind the title that the document's sentiment is judged by."""
MOST_NAMES: Final = 200
_DIGITS: Final = 6
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Json = Mapping[str, object]


class Understander:
    """Reads documents for a set of keyword lists. Build a new one when lists change.

    It is pickled as its lists and the scorer's name, and built again on the other side.
    """

    def __init__(self, lists: Sequence[KeywordList], scorer: str = "linear") -> None:
        """Compile ``lists``. QueryError for a wrong expression, AnalysisError for a scorer."""
        self._made_of = tuple(lists), scorer
        self._names = {
            one.id: (one.name, *(alias.expression for alias in one.aliases)) for one in lists
        }
        self._matcher = Matcher(lists)
        self._scorer = scorer_named(scorer)

    def __reduce__(self) -> tuple[type[Understander], tuple[tuple[KeywordList, ...], str]]:
        return Understander, self._made_of

    def understand(self, documents: Sequence[Document]) -> list[Understanding]:
        """Return what was read out of each document, in order; ``words`` stay empty.

        Of each the title and the first ``LONGEST`` characters of the text are read.
        """
        understood: list[Understanding] = []
        for start in range(0, len(documents), BATCH):
            understood.extend(self._understand(documents[start : start + BATCH]))
        return understood

    def _understand(self, documents: Sequence[Document]) -> Iterator[Understanding]:
        read = [_bounded(document) for document in documents]
        full = [document.full for document in read]
        judged = self._scorer.judge([_lead(document) for document in read])
        matches = self._matcher.match_many(read)
        mentions = self._mentions(full, judged, matches)
        version = self._scorer.version
        for text, judgement, mentioned, tokens in zip(
            full, judged, mentions, index_all(full), strict=True
        ):
            yield Understanding(
                lang=language(text),
                sentiment=judgement,
                risks=find_risks(fold(text)),
                mentions=mentioned,
                tokens=tokens,
                model_version=version,
            )

    def explain(self, document: Document) -> Judgement:
        """Return the judgement that ``understand`` gives, with the words that drove it."""
        return self._scorer.judge([_lead(_bounded(document))], with_words=True)[0]

    def _mentions(
        self,
        texts: Sequence[str],
        judged: Sequence[Judgement],
        matches: Sequence[Sequence[Match]],
    ) -> list[tuple[MatchedList, ...]]:
        """Return the matched lists of each document with the sentiment toward their names.

        Only where several lists are named, or a rival is, clauses are told apart: elsewhere the
        document's judgement is that of its one subject.
        """
        mixed = {
            index: case
            for index, found in enumerate(matches)
            if (case := self._mixed_case(texts[index], judged[index], found)) is not None
        }
        told_apart = judge_all_targets(list(mixed.values()), self._scorer)
        toward = dict(zip(mixed, told_apart, strict=True))
        return [
            self._matched(found, judged[index], toward.get(index, ()))
            for index, found in enumerate(matches)
        ]

    def _mixed_case(
        self, text: str, judgement: Judgement, found: Sequence[Match]
    ) -> Targeted | None:
        if not found or (len(found) == 1 and not speaks_of_rival(text)):
            return None
        names = {str(match.keyword_list_id): self._names[match.keyword_list_id] for match in found}
        named = named_targets(text, names)
        if not named:
            return None
        return Targeted(
            text=text,
            names={key: words for key, words in names.items() if key in named},
            document=judgement,
        )

    def _matched(
        self, found: Sequence[Match], judgement: Judgement, told_apart: Sequence[TargetJudgement]
    ) -> tuple[MatchedList, ...]:
        by_list = {one.name: one for one in told_apart}
        mentions = []
        for match in found:
            toward = by_list.get(str(match.keyword_list_id), judgement)
            name = self._names[match.keyword_list_id][0]
            target = TargetJudgement(name=name, label=toward.label, score=toward.score)
            mentions.append(MatchedList(match=match, target=target))
        return tuple(mentions)


def _lead(document: Document) -> str:
    lead = document.text[:LEAD]
    return f"{document.title}\n{lead}" if document.title else lead


def _bounded(document: Document) -> Document:
    if len(document.text) <= LONGEST and len(document.title) <= LONGEST:
        return document
    return replace(document, text=document.text[:LONGEST], title=document.title[:LONGEST])


class TextAnalyzer:
    """Answers rows in the shape of ``monitor analyze``; remembers stories over its calls."""

    def __init__(self, *, scorer: str = "linear", stories: bool = False) -> None:
        """AnalysisError for an unknown scorer. ``stories`` adds the id shared by copies."""
        self._scorer = scorer_named(scorer)
        self._stories = StoryGrouper() if stories else None

    def analyze(self, rows: Sequence[object]) -> list[Json]:
        """Return an answer for each parsed row, in order; see ``analyse_lines``."""
        return analyse_lines(rows, self._scorer, stories=self._stories)


@dataclass(frozen=True, slots=True)
class _Row:
    """A good row: the names of each target by its place in the row."""

    id: object
    text: str
    targets: tuple[str, ...]
    names: Mapping[str, tuple[str, ...]]


def analyse_lines(
    rows: Sequence[object], scorer: Scorer, *, stories: StoryGrouper | None = None
) -> list[Json]:
    """Return an answer for each parsed row, in order; a bad row is answered with its error.

    A row is ``{"id", "text", "targets": [{"name", "aliases"}]}``, the answer that of the design's
    section on the command line. Offsets count characters of the text. With ``stories``, which
    may live on over many calls, each answer tells the id of the story's first text.
    """
    answered: list[Json] = []
    for start in range(0, len(rows), BATCH):
        read = [_read(row) for row in rows[start : start + BATCH]]
        answers = iter(_answers([row for row in read if isinstance(row, _Row)], scorer))
        answered.extend(
            _with_story(row, next(answers), stories) if isinstance(row, _Row) else row
            for row in read
        )
    return answered


def error_line(id: object, message: str) -> Json:
    """Return the answer to a row that cannot be read; ``id`` is None where it is not known."""
    return {"id": id, "error": {"message": message}}


def _read(row: object) -> _Row | Json:
    if not isinstance(row, dict):
        return error_line(None, '每行应为一个 JSON 对象，如 {"id": 1, "text": "…"}')
    try:
        targets = _targets(row.get("targets"))
        return _Row(
            id=_clean(row.get("id")),
            text=_string(row.get("text"), "text")[:LONGEST],
            targets=tuple(names[0] for names in targets),
            names={str(place): names for place, names in enumerate(targets)},
        )
    except AnalysisError as error:
        return error_line(_clean(row.get("id")), str(error))


def _targets(value: object) -> list[tuple[str, ...]]:
    targets = [_target(target) for target in _list(value, "targets")]
    if sum(map(len, targets)) > MOST_NAMES:
        raise AnalysisError(f"targets 的名称与别名合计不得超过 {MOST_NAMES} 个")
    return targets


def _target(target: object) -> tuple[str, ...]:
    """Return the name and the aliases of a target."""
    if not isinstance(target, dict):
        raise AnalysisError('targets 的每一项应为 {"name": "…", "aliases": […]}')
    name = _string(target.get("name"), "targets[].name")
    if not name.strip():
        raise AnalysisError("targets[].name 不能为空")
    aliases = _list(target.get("aliases"), "targets[].aliases")
    return (name, *(_string(alias, "targets[].aliases[]") for alias in aliases))


def _string(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise AnalysisError(f"{place} 应为字符串" if value is not None else f"缺少 {place}")
    return _LONE_SURROGATE.sub("\ufffd", value)


def _list(value: object, place: str) -> Sequence[object]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise AnalysisError(f"{place} 应为数组")
    return value


def _clean(id: object) -> object:
    return _LONE_SURROGATE.sub("\ufffd", id) if isinstance(id, str) else id


def _answers(rows: Sequence[_Row], engine: Scorer) -> list[dict[str, object]]:
    judged = engine.judge([row.text[:LEAD] for row in rows], with_words=True)
    targeted = [
        Targeted(text=row.text, names=row.names, document=judgement)
        for row, judgement in zip(rows, judged, strict=True)
    ]
    toward = judge_all_targets(targeted, engine)
    return [
        {
            "id": row.id,
            "lang": language(row.text),
            "sentiment": _sentiment(judgement),
            "targets": list(map(_target_answer, row.targets, targets)),
            "risk": [_risk(risk) for risk in find_risks(fold(row.text))],
            "words": _words(judgement),
        }
        for row, judgement, targets in zip(rows, judged, toward, strict=True)
    ]


def _sentiment(judgement: Judgement) -> Json:
    return {
        "label": str(judgement.label),
        "score": round(judgement.score, _DIGITS),
        "confidence": round(judgement.confidence, _DIGITS),
    }


def _target_answer(name: str, target: TargetJudgement) -> Json:
    return {"name": name, "label": str(target.label), "score": round(target.score, _DIGITS)}


def _risk(risk: Risk) -> Json:
    return {
        "class": risk.risk_class,
        "status": str(risk.status),
        "hits": [{"start": hit.start, "end": hit.end} for hit in risk.hits],
    }


def _words(judgement: Judgement) -> list[Json]:
    return [
        {"text": w.text, "start": w.start, "end": w.end, "weight": round(w.weight, _DIGITS)}
        for w in judgement.words
    ]


def _with_story(row: _Row, answer: dict[str, object], stories: StoryGrouper | None) -> Json:
    if stories is None:
        return answer
    own = row.id
    if own is None:
        own = hashlib.blake2b(row.text.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return answer | {"story": stories.assign(str(own), row.text)}
