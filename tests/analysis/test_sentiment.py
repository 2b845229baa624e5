import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.model import AnalysisError, Judgement, Sentiment
from analysis.sentiment import LinearScorer, judgement, scorer
from analysis.snownlp_scorer import of_probability

NEGATIVE, NEUTRAL = Sentiment.NEGATIVE, Sentiment.NEUTRAL
POSITIVE, UNKNOWN = Sentiment.POSITIVE, Sentiment.UNKNOWN

TEXTS = [
    "外观不错，但是质量太差，一个月就坏了",
    "客服态度特别好，物流也快，下次还买",
    "網傳停產消息不實",
    "This phone is great, I love it",
    "哈哈哈哈哈哈 12345 @小明 http://t.cn/x 真香😍",
    "",
]


@pytest.fixture(scope="module")
def linear():
    return scorer()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("东西很好，物流也快，非常满意", POSITIVE),
        ("质量太差了，用了两天就坏，再也不买", NEGATIVE),
        ("包装精美，可是东西太难用了", NEGATIVE),
        ("市场监管局对涉事企业立案调查并处以罚款", NEGATIVE),
        ("仓库起火，三人受伤送医", NEGATIVE),
        ("公司将于6月18日召开年度股东大会", NEUTRAL),
        ("请问这款空调的保修期是多久？", NEUTRAL),
        ("官方辟谣：网传工厂爆炸为谣言", NEUTRAL),
        ("這間餐廳的服務很差，氣死人了", NEGATIVE),
        ("The battery exploded and the refund was refused", NEGATIVE),
        ("This is not good, terrible service", NEGATIVE),
        ("Not bad, I would recommend it", POSITIVE),
        ("👍👍😍", POSITIVE),
        ("12345", NEUTRAL),
        ("", NEUTRAL),
        ("とても良いです、ありがとう", UNKNOWN),
        ("정말 좋아요", UNKNOWN),
        ("Очень хорошо", UNKNOWN),
        ("Ce produit est très bon et je suis content", UNKNOWN),
    ],
)
def test_labels(linear, text, label):
    assert linear.judge([text])[0].label is label


def test_the_same_text_gets_the_same_answer_in_any_batch(linear):
    alone = [linear.judge([text], with_words=True)[0] for text in TEXTS]
    assert linear.judge(TEXTS * 40, with_words=True) == alone * 40


def test_words_do_not_change_the_answer(linear):
    with_words = linear.judge(TEXTS, with_words=True)
    for plain, explained in zip(linear.judge(TEXTS), with_words, strict=True):
        assert plain.words == ()
        assert (plain.label, plain.score) == (explained.label, explained.score)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_judged_within_bounds(text):
    (judged,) = scorer().judge([text], with_words=True)
    assert -1 <= judged.score <= 1
    assert judged.label is UNKNOWN or 1 / 3 - 1e-9 <= judged.confidence <= 1
    for word in judged.words:
        assert text[word.start : word.end] == word.text


@pytest.mark.parametrize("text", [text for text in TEXTS if text and text.isascii() is False])
def test_pulls_and_bias_add_up_to_the_log_odds(linear, text):
    case, whole = _pieces(linear, text)
    margin = linear._weights.margins(whole)[0]
    pull = linear._weights.pulls(whole)[0]
    bias = linear._weights.bias
    assert len(pull) == len(case)
    assert pull.sum() + bias[2] - bias[0] == pytest.approx(margin[2] - margin[0], abs=1e-9)


def _pieces(linear, text):
    from analysis.features import grams, reduce
    from analysis.text import fold

    reduced = reduce(fold(text).text).text
    return reduced, grams([reduced])


def test_a_short_text_shows_all_that_makes_up_its_log_odds(linear):
    text = "质量太差"
    (judged,) = linear.judge([text], with_words=True)
    positive_minus_negative = _log_odds(judged)
    bias = (linear._weights.bias[2] - linear._weights.bias[0]) / linear._weights.temperature
    shown = sum(word.weight for word in judged.words)
    assert shown + bias == pytest.approx(positive_minus_negative, abs=0.1)


def _log_odds(judged: Judgement) -> float:
    negative = judged.confidence
    return math.log((judged.score + negative) / negative)


def test_words_point_into_the_original_text(linear):
    text = "ＡＰＰ　質量太差了，客服態度惡劣！"
    (judged,) = linear.judge([text], with_words=True)
    assert judged.words
    assert all(text[word.start : word.end] == word.text for word in judged.words)
    assert {"質量", "太差"} & {word.text for word in judged.words} or "差" in judged.words[0].text


def test_words_pull_in_the_direction_of_their_sign(linear):
    (judged,) = linear.judge(["客服态度恶劣"], with_words=True)
    assert judged.words[0].weight < 0
    (judged,) = linear.judge(["非常满意，推荐"], with_words=True)
    assert judged.words[0].weight > 0


def test_an_event_is_shown_with_its_place_and_weight(linear):
    text = "今天，该企业因虚假宣传被约谈"
    (judged,) = linear.judge([text], with_words=True)
    places = {word.text for word in judged.words if word.weight < -1}
    assert "虚假宣传" in places


def test_a_turn_lets_the_second_half_decide(linear):
    first = linear.judge(["物流很慢，但是东西非常好用"])[0]
    second = linear.judge(["东西非常好用，但是物流很慢"])[0]
    assert first.score > second.score


def test_a_tie_is_neutral():
    assert judgement([0.0, 0.0, 0.0]).label is NEUTRAL


def test_log_odds_become_probabilities():
    judged = judgement([math.log(2), 0.0, math.log(5)])
    assert judged.label is POSITIVE
    assert judged.score == pytest.approx(3 / 8)
    assert judged.confidence == pytest.approx(5 / 8)


def test_an_unknown_scorer_names_the_known_ones():
    with pytest.raises(AnalysisError, match="linear, snownlp"):
        scorer("bert")


def test_a_scorer_is_loaded_once(linear):
    assert scorer("linear") is linear
    assert isinstance(linear, LinearScorer)
    assert linear.version.startswith("linear-")


@pytest.mark.parametrize(
    ("probability", "label", "score"),
    [(0.1, NEGATIVE, -0.8), (0.4, NEUTRAL, -0.2), (0.5, NEUTRAL, 0.0), (0.9, POSITIVE, 0.8)],
)
def test_snownlp_is_cut_into_three_classes(probability, label, score):
    judged = of_probability(probability)
    assert judged.label is label
    assert judged.score == pytest.approx(score)
    assert 0.5 < judged.confidence <= 1


def test_serving_imports_neither_snownlp_nor_jieba_nor_training_libraries():
    code = (
        "import sys; from analysis.understand import TextAnalyzer;"
        "TextAnalyzer(stories=True).analyze([{'id': 1, 'text': '质量太差，客服不理人'}]);"
        "print(sorted({'snownlp', 'jieba', 'sklearn', 'scipy'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
