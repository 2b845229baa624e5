"""Segmentation: two engines, one cut; user words survive and stay with their owner."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model import AnalysisError
from analysis.segment import Segmenter, segmenter

SENTENCES = [
    "青禾手机充电时突然起火，客服却说是正常现象！",
    "比分24-26，上ctrip.com订票，邮箱a.b-c@mail.com",
    "iPhone15-Pro在3.15晚会被点名，C++和AT&T没有",
    "V2.0.1版本耗电快了50%，foo_bar报错--重启无效",
    "这款车的油耗比宣传的高很多，4S店踢皮球",
    "网传“停产”消息不实，公司已报警。\n详情见公告  谢谢",
    "服务態度很差，電池續航也不行",
    "😀好评！！！物流超快……",
    "-5度 .5 5. a- -a #话题# @用户 1.5倍",
    "",
]
PIECES = st.lists(
    st.sampled_from([*"的了电池起火-._+#&%/, 。!a1é😀\n\u200b", "iPhone", "24-26", "C++", "v2.0.1"])
).map("".join)
BRANDS = ["青禾优选", "岚图汽车", "iPhone15-Pro", "L'Oréal", "麦当劳·中国"]


@pytest.fixture(scope="module")
def fast() -> Segmenter:
    return segmenter("rjieba")


@pytest.fixture(scope="module")
def reference() -> Segmenter:
    return segmenter("jieba")


@pytest.mark.parametrize("sentence", SENTENCES)
def test_both_engines_cut_alike(fast: Segmenter, reference: Segmenter, sentence: str):
    assert fast.cut(sentence) == reference.cut(sentence)


@given(text=PIECES)
def test_both_engines_cut_invented_texts_alike(fast: Segmenter, reference: Segmenter, text: str):
    assert fast.cut(text) == reference.cut(text)


@given(text=st.text() | PIECES)
def test_a_cut_loses_nothing_and_offsets_point_at_the_words(fast: Segmenter, text: str):
    tokens = fast.tokens(text)

    assert "".join(fast.cut(text)) == text
    assert [text[start:end] for _, start, end in tokens] == [word for word, _, _ in tokens]


@pytest.mark.parametrize("engine", ["rjieba", "jieba"])
def test_user_words_survive(engine: str):
    cut = segmenter(engine, BRANDS).cut(
        "我在青禾优选买了岚图汽车和iPhone15-Pro，L'Oréal与麦当劳·中国道歉"
    )

    assert [word for word in cut if word in BRANDS] == BRANDS


@pytest.mark.parametrize("engine", ["rjieba", "jieba"])
def test_user_words_do_not_leak_into_another_segmenter(engine: str):
    plain = segmenter(engine).cut("青禾优选道歉")

    segmenter(engine, BRANDS)

    assert "青禾优选" not in plain
    assert segmenter(engine).cut("青禾优选道歉") == plain


def test_a_segmenter_travels_to_another_process():
    owner = segmenter("rjieba", BRANDS)

    copy = pickle.loads(pickle.dumps(owner))

    assert copy.cut("青禾优选道歉") == owner.cut("青禾优选道歉")


def test_an_unknown_engine_is_named_with_the_remedy():
    with pytest.raises(AnalysisError, match="rjieba"):
        segmenter("thulac")
