"""External ids within a document, and one spelling for one page."""

from __future__ import annotations

import pytest

from collectors.identity import Marks, absolute_url, canonical_url, external_ids


def entry(
    guid: str | None = None, url: str | None = None, title: str = "", text: str = ""
) -> Marks:
    return Marks(guid=guid, url=url, title=title, text=text)


def test_the_guid_names_an_entry_then_its_url_then_its_content() -> None:
    named, linked, bare = external_ids(
        [entry("g", "http://a/1"), entry(None, "http://a/2"), entry(title="t", text="x")]
    )
    assert (named, linked) == ("g", "http://a/2")
    assert bare == external_ids([entry(title="t", text="x")])[0]
    assert bare != external_ids([entry(title="t", text="y")])[0]


def test_a_guid_used_twice_is_told_apart_by_url_then_by_content() -> None:
    ids = external_ids(
        [
            entry("g", "http://a/1"),
            entry("g", "http://a/2"),
            entry("g", "http://a/2", "other"),
            entry("g", None, "none"),
        ]
    )
    assert ids[:2] == ["g", "g|http://a/2"]
    assert len(set(ids)) == 4
    assert None not in ids


def test_a_wholly_identical_entry_is_the_same_entry() -> None:
    assert external_ids([entry("g", "http://a/1", "t"), entry("g", "http://a/1", "t")]) == [
        "g",
        None,
    ]


def test_entries_that_only_differ_in_their_date_are_two() -> None:
    same = {"guid": "g", "url": "http://a/1", "title": "t", "text": "x"}
    ids = external_ids([Marks(**same, published=day) for day in ("1", "2", "3", "4")])
    assert len(set(ids)) == 4
    assert None not in ids


def test_a_new_entry_on_top_does_not_rename_the_others() -> None:
    old = [entry("a"), entry(None, "http://a/2"), entry(title="t")]
    assert external_ids([entry("new"), *old])[1:] == external_ids(old)


def test_an_overlong_guid_is_shortened_and_stays_distinct() -> None:
    ids = external_ids([entry("x" * 5000), entry("x" * 5000 + "y")])
    assert all(name and len(name) <= 512 for name in ids)
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("spelling", "same"),
    [
        ("HTTP://Example.COM:80/a/../b/./%7Ec?b=2&a=1#f", "http://example.com/b/~c?a=1&b=2"),
        ("https://example.com:443", "https://example.com/"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("http://x.cn/?id=123&utm_source=a&spm=1.2&from=timeline&share_id=3", "http://x.cn/?id=123"),
        ("https://mp.weixin.qq.com/s?__biz=a&mid=1&idx=2&sn=3&chksm=4&scene=5",
         "https://mp.weixin.qq.com/s?__biz=a&idx=2&mid=1&sn=3"),
        ("http://x.cn/s?scene=5", "http://x.cn/s?scene=5"),
        ("https://例子.cn/路", "https://xn--fsqu00a.cn/%E8%B7%AF"),
        ("http://x.cn/a%2Fb/#!/route", "http://x.cn/a%2Fb/#!/route"),
        ("http://x.cn/%e4%b8%ad", "http://x.cn/%E4%B8%AD"),
        ("http://x.cn/a/..", "http://x.cn/"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://[::1", "http://[::1"),
        ("mailto:a@b", "mailto:a@b"),
    ],
)  # fmt: skip
def test_spellings_of_one_page_become_one(spelling: str, same: str) -> None:
    assert canonical_url(spelling) == same
    assert canonical_url(same) == same


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("/a", "https://h.cn/a"),
        ("b?x=1", "https://h.cn/feed/b?x=1"),
        ("//cdn.cn/x", "https://cdn.cn/x"),
        (" http://a.cn/\n1 ", "http://a.cn/1"),
        ("http://a.cn/a b", "http://a.cn/a%20b"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("mailto:a@b.cn", None),
        ("urn:uuid:1", None),
        ("http://[", None),
        ("http://", None),
        ("", None),
        (None, None),
    ],
)
def test_only_web_addresses_are_kept(link: str | None, url: str | None) -> None:
    assert absolute_url(link, base="https://h.cn/feed/") == url
