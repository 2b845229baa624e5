import json
import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.model import AnalysisError, Document, Keyword, KeywordList, Sentiment
from analysis.query import QueryError
from analysis.understand import LONGEST, TextAnalyzer, Understander

LISTS = (
    KeywordList(id=1, name="云岭", aliases=(Keyword(id=11, expression="云岭汽车"),),
                keywords=(Keyword(id=12, expression="云岭"),)),
    KeywordList(id=2, name="星野", aliases=(Keyword(id=21, expression="星野"),)),
    KeywordList(id=3, name="行业", keywords=(Keyword(id=31, expression="电池 AND 起火"),)),
)  # fmt: skip


def understand(text, title="", lists=LISTS):
    (understood,) = Understander(lists).understand([Document(text=text, title=title)])
    return understood


def toward(understood):
    return {one.match.keyword_list_id: one.target for one in understood.mentions}


def test_all_parts_of_a_document_are_read():
    understood = understand("网传云岭汽车电池起火，客服不理人")
    assert understood.lang == "zh"
    assert understood.sentiment.label is Sentiment.NEGATIVE
    assert {risk.risk_class for risk in understood.risks} == {"safety_accident", "service"}
    assert {one.match.keyword_list_id for one in understood.mentions} == {1, 3}
    assert "起火" in understood.tokens.split()
    assert understood.model_version.startswith("linear-")


def test_a_mention_carries_the_name_of_its_list():
    assert toward(understand("云岭汽车很好"))[1].name == "云岭"


def test_the_only_list_matched_takes_the_judgement_of_the_document():
    understood = understand("云岭客服态度恶劣，投诉无门")
    (mention,) = understood.mentions
    assert mention.target.label is understood.sentiment.label
    assert mention.target.score == understood.sentiment.score


def test_two_lists_in_one_document_are_told_apart():
    targets = toward(understand("云岭的质量非常好，很满意；星野的太差了，三天就坏"))
    assert targets[1].label is Sentiment.POSITIVE
    assert targets[2].label is Sentiment.NEGATIVE


def test_a_list_matched_without_its_name_takes_the_judgement_of_the_document():
    understood = understand("云岭汽车很好。听说有电池起火，质量太差")
    assert toward(understood)[3].score == understood.sentiment.score


def test_hits_point_into_title_and_text():
    understood = understand("电池起火", title="云岭")
    full = Document(text="电池起火", title="云岭").full
    hits = [full[hit.start : hit.end] for one in understood.mentions for hit in one.match.hits]
    assert hits == ["云岭", "电池", "起火"]


def test_a_document_is_understood_alike_in_any_batch():
    documents = [Document(text=text) for text in ("云岭很好", "星野太差，云岭很好", "", "起火")]
    understander = Understander(LISTS)
    alone = [understander.understand([document])[0] for document in documents]
    assert understander.understand(documents * 30) == alone * 30


def test_everything_survives_the_way_to_another_process():
    understander = pickle.loads(pickle.dumps(Understander(LISTS)))
    understood = understander.understand([Document(text="云岭很好")])
    assert pickle.loads(pickle.dumps(understood)) == understood


def test_an_explanation_belongs_to_the_stored_judgement():
    document = Document(text="星野太差了，三天就坏")
    understander = Understander(LISTS)
    (understood,) = understander.understand([document])
    explained = understander.explain(document)
    assert explained.score == understood.sentiment.score
    assert explained.words


def test_a_wrong_expression_names_its_list():
    broken = KeywordList(id=9, name="坏的", keywords=(Keyword(id=91, expression="(起火"),))
    with pytest.raises(QueryError, match="坏的"):
        Understander([broken])


@pytest.mark.parametrize(
    "text",
    ["好" * 3_000_000, "a" * 500_000, "\ud800\udfff云岭", "\x00\x01", "@" * 50_000, "但是" * 30_000,
     "电池起火" * 20_000, "云岭星野" * 10_000],
    ids=["long", "latin", "surrogates", "control", "handles", "turns", "events", "names"],
)  # fmt: skip
def test_a_poison_text_harms_nobody(text):
    understood = Understander(LISTS).understand([Document(text=text), Document(text="云岭很好")])
    assert understood[1].sentiment.label is Sentiment.POSITIVE
    answers = TextAnalyzer(stories=True).analyze([{"id": 1, "text": text}, {"id": 2, "text": "好"}])
    assert [answer["id"] for answer in answers] == [1, 2]


def test_what_lies_behind_the_bound_is_not_read():
    assert understand("。" * LONGEST + "云岭汽车").mentions == ()


# ---- monitor analyze --------------------------------------------------------------------------


def test_an_answer_has_exactly_the_documented_keys():
    (answer,) = TextAnalyzer().analyze(
        [{"id": "a", "text": "网传云岭电池起火", "targets": [{"name": "云岭", "aliases": ["YL"]}]}]
    )
    assert list(answer) == ["id", "lang", "sentiment", "targets", "risk", "words"]
    assert list(answer["sentiment"]) == ["label", "score", "confidence"]
    assert answer["targets"][0] == {"name": "云岭", "label": "negative"} | {
        "score": answer["sentiment"]["score"]
    }
    assert answer["risk"] == [
        {"class": "safety_accident", "status": "alleged", "hits": [{"start": 4, "end": 8}]}
    ]
    assert list(answer["words"][0]) == ["text", "start", "end", "weight"]


@pytest.mark.parametrize(
    ("row", "id", "message"),
    [
        (5, None, "JSON 对象"),
        ("{not json", None, "JSON 对象"),
        (None, None, "JSON 对象"),
        ({"id": 1}, 1, "缺少 text"),
        ({"id": 1, "text": 7}, 1, "text 应为字符串"),
        ({"id": 1, "text": "好", "targets": "云岭"}, 1, "targets 应为数组"),
        ({"id": 1, "text": "好", "targets": ["云岭"]}, 1, "每一项"),
        ({"id": 1, "text": "好", "targets": [{"aliases": []}]}, 1, "targets\\[\\].name"),
        ({"id": 1, "text": "好", "targets": [{"name": " "}]}, 1, "不能为空"),
        ({"id": 1, "text": "好", "targets": [{"name": "云", "aliases": [1]}]}, 1, "aliases"),
        ({"id": 1, "text": "好", "targets": [{"name": "云"}] * 201}, 1, "200"),
    ],
)
def test_a_bad_row_is_answered_with_its_error_and_good_ones_are_kept(row, id, message):
    bad, good = TextAnalyzer().analyze([row, {"id": 2, "text": "很好"}])
    assert bad["id"] == id
    assert list(bad) == ["id", "error"]
    assert re.search(message, bad["error"]["message"])
    assert good["sentiment"]["label"] == "positive"


def test_targets_are_echoed_in_order_even_if_named_twice():
    targets = [{"name": "星野"}, {"name": "云岭"}, {"name": "星野", "aliases": None}]
    (answer,) = TextAnalyzer().analyze([{"text": "云岭很好，非常满意", "targets": targets}])
    assert [target["name"] for target in answer["targets"]] == ["星野", "云岭", "星野"]
    assert answer["id"] is None


def test_copies_share_the_story_of_the_first_over_many_calls():
    text = "我在云岭旗舰店买的手机用了三天就自动关机，客服一直推脱不给退款"
    analyzer = TextAnalyzer(stories=True)
    (first,) = analyzer.analyze([{"id": 7, "text": text}])
    (second,) = analyzer.analyze([{"id": 8, "text": f"转发：{text}！"}])
    assert first["story"] == second["story"] == "7"


def test_rows_without_an_id_get_a_story_too():
    first, second = TextAnalyzer(stories=True).analyze([{"text": "好"}, {"text": "好"}])
    assert first["story"] == second["story"]


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "text", "targets", "name", "aliases"]), inner)
        ),
        max_leaves=8,
    )
)
def test_any_json_gets_one_answer_that_is_json(row):
    answers = TextAnalyzer(stories=True).analyze([row, {"text": "很好"}])
    assert len(answers) == 2
    json.dumps(answers, ensure_ascii=False).encode()


def test_an_unknown_scorer_is_refused():
    with pytest.raises(AnalysisError, match="snownlp"):
        TextAnalyzer(scorer="bert")
