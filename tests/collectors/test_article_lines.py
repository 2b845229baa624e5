from __future__ import annotations

import time

import pytest

from collectors.article_lines import agreed, cleaned, sentence_count, share
from collectors.article_text import chosen

LEAD = "云雀汽车五月一日宣布召回一万二千辆轿车，因为电池可能过热。"
SECOND = "公司表示，已经收到十七起过热报告，没有人员受伤，车主可以免费更换。"
THIRD = "市场监管总局说，召回将在六月完成，期间建议车主不要使用快速充电。"
OTHER = "北岭咖啡在本市新开三家门店，首日排队超过一小时，店长说人手不足。"
HEADLINES = frozenset(("翠峰手机发布新款折叠屏", "本市地铁三号线周末停运"))
NO_LINKS: frozenset[str] = frozenset()


def text(*lines):
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("", "", 0),
        ("abc", "abc", 0),
        ("abcd", "abcd", 1),
        ("a b c d", "abcd", 1),
        ("abcde", "abcd", 0.5),
        ("abcd", "wxyz", 0),
    ],
)
def test_share_is_the_part_of_character_sequences_found(a, b, expected):
    assert share(a, b) == expected


@pytest.mark.parametrize(
    ("written", "count"),
    [("", 0), ("好。坏！吗？", 3), ("It was 3.5. Yes!", 2), ("www.yunque.example", 0), ("End.", 1)],
)
def test_sentences_are_counted_in_chinese_and_latin_script(written, count):
    assert sentence_count(written) == count


@pytest.mark.parametrize(
    "line",
    [
        "责任编辑：周三", "責任編輯:周三", "扫描下方二维码关注我们", "扫码关注公众号", "相关阅读", "相关新闻：", "推荐阅读",
        "热门推荐", "热点排行", "版权声明：未经许可不得转载", "点击进入专题", "128条评论", "评论 3 赞", "1234567", "12345人参与",
    ],
)  # fmt: skip
def test_boilerplate_lines_go(line):
    assert cleaned(text(LEAD, line, SECOND), NO_LINKS) == text(LEAD, SECOND)


@pytest.mark.parametrize(
    "line",
    [
        "12315接到投诉三百起", "12345热线说已经转办", "扫码支付以后被扣了两次钱", "公司将召开相关新闻发布会",
        "他的微博上了热搜", "评论区里都是投诉", "2024年", "法院认为版权声明无效",
        "他说，责任编辑看过以后把那篇写云雀汽车电池过热的长文压了三个星期，理由是车企是报社的大客户，直到车主自己把视频发到网上才刊登。",
    ],
)  # fmt: skip
def test_lines_that_only_contain_such_words_stay(line):
    assert cleaned(text(LEAD, line, SECOND), NO_LINKS) == text(LEAD, line, SECOND)


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ((LEAD, *HEADLINES, SECOND), (LEAD, SECOND)),
        ((LEAD, "翠峰手机发布新款折叠屏", SECOND), (LEAD, "翠峰手机发布新款折叠屏", SECOND)),
        ((LEAD, SECOND, "翠峰手机发布新款折叠屏"), (LEAD, SECOND)),
        ((*HEADLINES,), ()),
    ],
    ids=["a list within", "one within", "one at the end", "nothing else"],
)
def test_lists_of_links_go_and_a_single_link_within_stays(lines, kept):
    assert cleaned(text(*lines), HEADLINES) == text(*kept)


def test_short_lines_at_the_end_go_unless_the_other_extractor_has_them():
    whole = text(LEAD, "小标题", SECOND, "返回首页", "2024-05-01")
    assert cleaned(whole, NO_LINKS) == text(LEAD, "小标题", SECOND)
    assert cleaned(whole, NO_LINKS, trusted="返 回首页") == text(LEAD, "小标题", SECOND, "返回首页")


def test_agreement_keeps_what_lies_between_and_whole_sentences_beside():
    readable = text("字号", LEAD, SECOND, "短的一行", THIRD, "我要跟帖", OTHER, "分享到")
    assert agreed(text(SECOND, THIRD), readable, NO_LINKS) == text(
        LEAD, SECOND, "短的一行", THIRD, OTHER
    )


def test_agreement_finds_lines_in_a_text_that_has_no_line_breaks():
    readable = text("字号", LEAD, SECOND, "短的一行说的事", "分享到")
    precise = LEAD + SECOND + "短的一行说的事"
    assert agreed(precise, readable, NO_LINKS) == text(LEAD, SECOND, "短的一行说的事")


@pytest.mark.parametrize(
    ("precise", "readable", "expected"),
    [
        ((LEAD, SECOND, THIRD), (LEAD, SECOND, THIRD), (LEAD, SECOND, THIRD)),
        ((SECOND, THIRD, OTHER) * 2, ("字号", LEAD, *(SECOND, THIRD, OTHER) * 2), (LEAD, *(SECOND, THIRD, OTHER) * 2)),
        ((OTHER, "首页"), (LEAD, SECOND, THIRD), (LEAD, SECOND, THIRD)),
        ((LEAD, SECOND, THIRD, OTHER), ("转载请注明出处" * 20,), (LEAD, SECOND, THIRD, OTHER)),
        (("首页",), (LEAD, SECOND), (LEAD, SECOND)),
        ((), (), ()),
    ],
    ids=["same", "a lead was dropped", "another text with more sentences", "another text with fewer", "too short", "nothing"],
)  # fmt: skip
def test_the_rule_chooses_between_two_extractors(precise, readable, expected):
    assert chosen(text(*precise), text(*readable), NO_LINKS) == text(*expected)


def test_latin_sentences_count_as_sentences():
    recipe = "Mix the flour. Add the butter. Bake it for twenty minutes. Let it cool. " * 3
    notice = (
        "Images from the internet are subject to copyright and are removed on request. Contact us. "
    )
    assert chosen(recipe.strip(), notice.strip(), NO_LINKS) == recipe.strip()


def test_many_lines_cost_no_quadratic_time():
    lines = text(*(f"第{number}行没有句号" for number in range(9_000)))
    other = lines.replace("第", "弟")
    begin = time.perf_counter()
    agreed(lines, other, NO_LINKS)
    cleaned(lines, NO_LINKS, trusted=other)
    assert time.perf_counter() - begin < 3
