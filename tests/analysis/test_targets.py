import pytest

from analysis.clauses import clauses, last_turn
from analysis.model import Judgement, Sentiment
from analysis.sentiment import scorer
from analysis.targets import Targeted, judge_all_targets, judge_targets, named_targets

NAMES = {"云岭": ["云岭", "云岭汽车"], "星野": ["星野", "Starwild"]}


def labels(text, names=NAMES):
    return {one.name: str(one.label) for one in judge_targets(text, names, scorer())}


@pytest.mark.parametrize(
    ("text", "cloud", "star"),
    [
        ("云岭的质量非常好，很满意；星野的太差了，三天就坏", "positive", "negative"),
        ("星野太差了，三天就坏；云岭的质量非常好，很满意", "positive", "negative"),
        ("云岭比星野强太多了", "positive", "negative"),
        ("云岭不如星野", "negative", "positive"),
        ("买来买去还是云岭好，星野太垃圾", "positive", "negative"),
        ("云岭续航500公里，星野续航480公里", "neutral", "neutral"),
        ("云岭的质量非常好，很满意", "positive", "neutral"),
        ("Starwild 太差了，三天就坏，云岭非常好", "positive", "negative"),
    ],
    ids=["two", "order", "beats", "loses", "prefers", "figures", "one named", "alias"],
)
def test_each_target_gets_its_own_clauses(text, cloud, star):
    assert labels(text) == {"云岭": cloud, "星野": star}


def test_the_only_target_takes_the_judgement_of_the_document():
    text = "这家店服务很差，等了一个小时"
    (document,) = scorer().judge([text])
    (judged,) = judge_targets(text, {"云岭": ["云岭"]}, scorer())
    assert (judged.label, judged.score) == (document.label, document.score)


def test_bad_news_of_a_rival_is_not_that_of_the_target():
    assert labels("竞品陷入起火风波，云岭今日股价持平", {"云岭": ["云岭"]}) == {"云岭": "neutral"}


def test_in_a_language_we_do_not_read_every_target_is_unknown():
    assert set(labels("云岭はとても良いです、星野はダメです").values()) == {"unknown"}


def test_without_targets_there_is_no_judgement():
    assert labels("质量太差", {}) == {}


def test_names_are_found_folded_and_latin_ones_whole():
    names = {"雲嶺": ["雲嶺"], "vivo": ["vivo"]}
    assert named_targets("云岭和VIVO", names) == {"雲嶺", "vivo"}
    assert named_targets("vivox", names) == set()


def test_a_longer_name_is_not_the_shorter_one_in_it():
    names = {"青禾": ["青禾"], "青禾汽车": ["青禾汽车"]}
    assert named_targets("青禾汽车召回", names) == {"青禾汽车"}


class CountingScorer:
    """Calls a clause with 好 positive, one with 差 negative; counts the batches."""

    version = "counting-1"

    def __init__(self):
        self.batches = []

    def judge(self, texts, *, with_words=False):
        self.batches.append(list(texts))
        return [self._judge(text) for text in texts]

    def _judge(self, text):
        score = ("好" in text) - ("差" in text)
        label = (Sentiment.NEGATIVE, Sentiment.NEUTRAL, Sentiment.POSITIVE)[score + 1]
        return Judgement(label=label, score=float(score), confidence=1.0)


def test_clauses_of_all_texts_are_judged_in_one_batch():
    counting = CountingScorer()
    texts = ["云岭好，星野差", "星野好，云岭差"]
    documents = counting.judge(texts)
    cases = [
        Targeted(text=text, names=NAMES, document=document)
        for text, document in zip(texts, documents, strict=True)
    ]
    judged = judge_all_targets(cases, counting)
    assert [[one.score for one in targets] for targets in judged] == [[1.0, -1.0], [-1.0, 1.0]]
    assert len(counting.batches) == 2


def test_what_comes_after_a_turn_weighs_twice():
    (cloud, _) = judge_targets("云岭外观好，但是质量差，星野呢", NAMES, CountingScorer())
    assert cloud.score == pytest.approx((1 - 2) / 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("好,但是差", [("好", False), ("但是差", True)]),
        ("好但差。又好", [("好", False), ("但差", True), ("又好", False)]),
        ("售价1,999元,不贵", [("售价1,999元", False), ("不贵", False)]),
        ("", []),
        ("!!!", []),
    ],
    ids=["turn", "full stop ends a turn", "thousands", "empty", "punctuation"],
)
def test_clauses(text, expected):
    assert [(text[c.start : c.end], c.turned) for c in clauses(text)] == expected


@pytest.mark.parametrize(
    ("text", "tail"),
    [("外观很好但是质量太差", "质量太差"), ("很不错的东西", None), ("但是质量太差", None)],
)
def test_the_last_turn(text, tail):
    start = last_turn(text)
    assert (None if start is None else text[start:]) == tail
