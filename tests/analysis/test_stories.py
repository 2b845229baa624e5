from datetime import UTC, datetime, timedelta

import pytest

from analysis.stories import StoryGrouper, comparable, is_same_story

POST = "我在云岭旗舰店买的手机用了三天就开始自动关机，客服一直推脱不给退款，大家千万别买"
NOTICE = "市场监管局通报：2026年第3期食品抽检，云岭乳业生产的酸奶菌落总数不符合食品安全国家标准，涉及12批次"
NOW = datetime(2026, 3, 1, tzinfo=UTC)

COPIES = {
    "equal": POST,
    "forwarded": f"转发微博：//@小明: {POST}",
    "head": f"【曝光】{POST}",
    "tail": f"{POST} 求扩散！！",
    "punctuation": POST.replace("，", " "),
    "width": POST.replace("，", ","),
    "traditional": POST.replace("开", "開").replace("机", "機").replace("买", "買"),
    "cut short": POST[: int(len(POST) * 0.7)],
    "typo": POST.replace("开始", "开是"),
    "link": f"{POST} https://t.cn/A6x",
}
OTHERS = {
    "another brand": POST.replace("云岭", "星野"),
    "another number": POST.replace("三天", "3天"),
    "another text": "云岭新机发布会下周在上海举行，届时将公布售价，欢迎关注直播间抽奖活动",
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=list(COPIES))
def test_a_copy_joins_the_story_of_the_first_text(copy):
    grouper = StoryGrouper()
    assert grouper.assign("first", POST) == "first"
    assert grouper.assign("second", copy) == "first"


@pytest.mark.parametrize("other", OTHERS.values(), ids=list(OTHERS))
def test_another_complaint_begins_its_own_story(other):
    grouper = StoryGrouper()
    grouper.assign("first", POST)
    assert grouper.assign("second", other) == "second"


def test_two_notices_by_one_form_are_two_stories():
    other = NOTICE.replace("云岭乳业", "星野食品").replace("12", "3")
    assert not is_same_story(comparable(NOTICE), comparable(other))


def test_short_texts_join_by_equality_only():
    grouper = StoryGrouper()
    assert grouper.assign("1", "转发微博，好") == "1"
    assert grouper.assign("2", "转发微博,好") == "1"
    assert grouper.assign("3", "转发微博，好的") == "3"


def test_an_empty_text_does_no_harm():
    grouper = StoryGrouper()
    assert grouper.assign("1", "") == "1"
    assert grouper.assign("2", "！！！") == "1"


def test_a_copy_of_a_copy_belongs_to_the_first():
    grouper = StoryGrouper()
    grouper.assign("1", POST)
    grouper.assign("2", COPIES["tail"])
    assert grouper.assign("3", COPIES["tail"] + "！") == "1"


@pytest.mark.parametrize(("days", "story"), [(1, "1"), (4, "1"), (8, "3")])
def test_a_story_is_forgotten_after_its_window(days, story):
    grouper = StoryGrouper(window=timedelta(days=3))
    grouper.assign("1", POST, NOW)
    grouper.assign(
        "2", "今天天气真不错，我们去公园散步吧，顺便买点水果", NOW + timedelta(days=days - 1)
    )
    assert grouper.assign("3", POST, NOW + timedelta(days=days)) == story


def test_the_memory_is_bounded():
    grouper = StoryGrouper(capacity=10)
    for number in range(100):
        grouper.assign(
            str(number), f"{chr(0x4E00 + number)}第几条互不相同的信息{chr(0x5E00 + number)}"
        )
    remembered = sum(len(generation.exact) for generation in (grouper._young, grouper._old))
    assert remembered <= 20
