import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.risk import LONGEST_WORD, _uses, find_events, find_risks
from analysis.text import fold


def classes(text):
    return {risk.risk_class for risk in find_risks(fold(text))}


@pytest.mark.parametrize(
    ("text", "risk_class"),
    [
        ("新买的洗衣机用了一周就坏了", "product_quality"),
        ("孩子喝了这家的酸奶后上吐下泻", "food_safety"),
        ("平台数百万条用户信息泄露", "data_security"),
        ("法院认定其商标侵权", "intellectual_property"),
        ("包裹被弄丢，快递丢失无人赔", "logistics"),
        ("客服互相踢皮球，电话打不通", "service"),
        ("同一酒店老会员反而更贵", "pricing"),
        ("创始人因涉嫌行贿被刑拘", "executive"),
        ("工厂拖欠工资三个月", "labour"),
        ("被市场监管部门处以罚款50万元", "compliance"),
        ("充电宝突然冒烟起火", "safety_accident"),
        ("公司资金链断裂，债券违约", "finance"),
        ("直播间虚假宣传，夸大功效", "marketing"),
        ("平臺數百萬條用戶信息洩露", "data_security"),
    ],
)
def test_a_stated_risk_is_found(text, risk_class):
    assert risk_class in classes(text)


@pytest.mark.parametrize(
    "text",
    [
        "我们晚上一起火锅吧",
        "用了三年从未起火",
        "没有任何质量问题",
        "周五举行消防演练，模拟仓库起火",
        "请问会不会漏电",
        "股价爆炸式增长",
        "公司将于周三召开新品发布会",
        "debugger 和 crashpad 的文档",
        "",
    ],
    ids=[
        "other word",
        "never",
        "none",
        "drill",
        "asked",
        "figurative",
        "routine",
        "latin",
        "empty",
    ],
)
def test_what_is_not_stated_is_no_risk(text):
    assert classes(text) == set()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("网传该厂仓库发生爆炸", "alleged"),
        ("充电宝起火了", "alleged"),
        ("应急管理局通报：该厂仓库发生爆炸", "confirmed"),
        ("尚未证实的消息称该厂爆炸", "alleged"),
        ("官方辟谣：该厂爆炸系谣言", "denied"),
        ("经核实，该厂爆炸的消息不属实", "denied"),
        ("公司否认财务造假，但内部邮件证实财务造假", "confirmed"),
    ],
)
def test_claim_status(text, status):
    assert {str(risk.status) for risk in find_risks(fold(text))} == {status}


def test_no_word_of_the_lexicon_is_longer_than_the_search_around_a_place_assumes():
    content = resources.files("analysis").joinpath("data/risk.toml").read_bytes()
    assert max(map(len, _uses(tomllib.loads(content.decode())))) <= LONGEST_WORD


def test_hits_point_into_the_original_text():
    text = "ＡＢＣ：網傳電池起火，㎏"
    (risk,) = find_risks(fold(text))
    assert [text[hit.start : hit.end] for hit in risk.hits] == ["電池起火"]


@given(st.text(alphabet="电池起火爆炸没有被罚款客服不理,。吗?网传辟谣", max_size=80))
def test_hits_of_a_class_are_sorted_and_do_not_overlap(text):
    ends: dict[str, int] = {}
    for event in find_events(text):
        assert ends.get(event.risk_class, 0) <= event.start < event.end <= len(text)
        ends[event.risk_class] = event.end
