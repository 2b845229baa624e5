"""Lists of feeds as real readers write them, read forgivingly; what we write reads back equal."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from collectors.opml import (
    DEEPEST,
    LONGEST_NAME,
    MOST_BYTES,
    MOST_OUTLINES,
    OpmlError,
    Outline,
    folder_of,
    path_of,
    read,
    write,
)

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
LIST = [
    Outline(title="根部", xml_url="https://a.example.com/feed"),
    Outline(
        title='云雀 <汽车> & "论坛"',
        xml_url="https://b.example.com/f?x=1&y=2",
        html_url="https://b.example.com/",
        path=("汽车", "论坛/社区"),
    ),
    Outline(title="又一个", xml_url="https://c.example.com/f", path=("汽车", "论坛/社区")),
    Outline(title="停用", xml_url="https://d.example.com/f", path=("汽车",), enabled=False),
    Outline(title="换组", xml_url="https://e.example.com/f", path=("咖啡", "论坛/社区")),
    Outline(title="回来", xml_url="https://f.example.com/f", path=("汽车",)),
]


def opml(inner, *, version="2.0", head="", declaration=""):
    return f'{declaration}{head}<opml version="{version}"><body>\n{inner}\n</body></opml>'


def body_of(inner, **more):
    return opml(inner, **more).encode()


def titles(found):
    return [outline.title for outline in found.outlines]


def test_what_is_written_reads_back_equal_in_the_same_order():
    written = write(LIST, title="见微", now=NOW)
    found = read(written)
    assert list(found.outlines) == LIST
    assert (found.repeated, found.problems) == ((), ())
    assert write(found.outlines, title="见微", now=NOW) == written


def test_what_is_written_is_opml_2():
    root = etree.fromstring(write(LIST[:2], title="见微 & 友", now=NOW))
    assert (root.tag, root.get("version")) == ("opml", "2.0")
    assert root.findtext("head/title") == "见微 & 友"
    assert root.findtext("head/dateCreated") == "Tue, 10 Mar 2026 05:08:00 +0000"
    feed = root.find("body/outline/outline/outline")
    assert dict(feed.attrib) == {
        "type": "rss",
        "text": '云雀 <汽车> & "论坛"',
        "title": '云雀 <汽车> & "论坛"',
        "xmlUrl": "https://b.example.com/f?x=1&y=2",
        "htmlUrl": "https://b.example.com/",
        "category": "/汽车/论坛／社区",
    }
    folder = root.find("body/outline[2]")
    assert dict(folder.attrib) == {"text": "汽车", "title": "汽车"}


names = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(names, st.lists(names, max_size=3)), max_size=8))
def test_any_names_survive_the_second_writing(given_names):
    outlines = [
        Outline(title=title, xml_url=f"https://{at}.example.com/", path=tuple(path))
        for at, (title, path) in enumerate(given_names)
    ]
    once = read(write(outlines, title="", now=NOW))
    assert [one.xml_url for one in once.outlines] == [one.xml_url for one in outlines]
    assert once.problems == ()
    twice = read(write(once.outlines, title="", now=NOW))
    assert twice.outlines == once.outlines


READABLE = {
    "1.0": opml('<outline text="甲" type="rss" xmlUrl="http://a.example.com/f"/>', version="1.0"),
    "1.1": opml('<outline title="甲" xmlUrl="http://a.example.com/f"/>', version="1.1"),
    "capitals": '<OPML VERSION="2.0"><BODY><OUTLINE TEXT="甲" XMLURL="http://a.example.com/f"/></BODY></OPML>',
    "lower case": opml('<outline text="甲" xmlurl="http://a.example.com/f"/>'),
    "a namespace": '<opml xmlns="http://opml.org/spec2"><body><outline text="甲" xmlUrl="http://a.example.com/f"/></body></opml>',
    "feed scheme": opml('<outline text="甲" xmlUrl="feed://a.example.com/f"/>'),
    "feed prefix": opml('<outline text="甲" xmlUrl="feed:http://a.example.com/f"/>'),
    "url for xmlUrl": opml('<outline text="甲" type="rss" url="http://a.example.com/f"/>'),
    "blanks": opml('<outline text=" 甲\t" xmlUrl=" http://a.example.com/f\n"/>'),
    "no body": '<opml><outline text="甲" xmlUrl="http://a.example.com/f"/></opml>',
    "title beside empty text": opml('<outline text="" title="甲" xmlUrl="http://a.example.com/f"/>'),
    "a comment": opml('<!-- & <outline> --><outline text="甲" xmlUrl="http://a.example.com/f"/>'),
    "words above": "copied from somewhere\n" + opml('<outline text="甲" xmlUrl="http://a.example.com/f"/>'),
}  # fmt: skip


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE)
def test_every_dialect_is_read(text):
    found = read(text.encode())
    assert found.outlines == (Outline(title="甲", xml_url="http://a.example.com/f"),)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("encoding", "declared", "charset"),
    [
        ("gb18030", "gbk", None),
        ("gb18030", "utf-8", None),
        ("gb18030", "", "gbk"),
        ("utf-8", "gb2312", "iso-8859-1"),
        ("utf-8-sig", "utf-8", None),
        ("utf-16", "utf-16", None),
        ("big5hkscs", "big5", None),
    ],
)
def test_bytes_decide_over_labels(encoding, declared, charset):
    declaration = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    name = "的是人汽車新聞評論" if encoding == "big5hkscs" else "这是汽车的新闻和评论"
    text = opml(
        f'<outline text="{name}" xmlUrl="http://a.example.com/f"/>', declaration=declaration
    )
    assert titles(read(text.encode(encoding), charset)) == [name]


@pytest.mark.parametrize(
    ("encoding", "declared", "name"),
    [
        ("gb18030", "", "云雀"),
        ("gb18030", "GBK", "云雀"),
        ("cp1252", "iso-8859-1", "Café crème"),
        ("utf-8", "", "Café"),
    ],
    ids=["GBK, silent", "GBK, declared", "Latin 1, declared", "UTF-8, silent"],
)
def test_a_few_rare_characters_are_read_right_too(encoding, declared, name):
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    text = opml(f'<outline text="{name}" xmlUrl="http://a.example.com/"/>', declaration=declaration)
    assert titles(read(text.encode(encoding))) == [name]


def test_folders_become_paths_and_a_category_stands_in_for_them():
    inner = (
        '<outline text="汽车"><outline text=""><outline text="论坛">'
        '<outline text="甲" xmlUrl="http://a.example.com/" category="/别处"/></outline></outline>'
        '<outline text="乙" xmlUrl="http://b.example.com/"/></outline>'
        '<outline text="丙" xmlUrl="http://c.example.com/" category=" /咖啡/点评,/重点"/>'
        '<outline text="丁" xmlUrl="http://d.example.com/"><outline text="戊" xmlUrl="http://e.example.com/"/></outline>'
    )
    found = read(body_of(inner))
    assert [outline.path for outline in found.outlines] == [
        ("汽车", "论坛"), ("汽车",), ("咖啡", "点评"), (), (),
    ]  # fmt: skip


def test_what_is_commented_is_disabled_with_all_below():
    inner = (
        '<outline text="旧" isComment="TRUE"><outline text="甲" xmlUrl="http://a.example.com/"/></outline>'
        '<outline text="乙" xmlUrl="http://b.example.com/" isComment="true"/>'
        '<outline text="丙" xmlUrl="http://c.example.com/" isComment="false"/>'
    )
    assert [outline.enabled for outline in read(body_of(inner)).outlines] == [False, False, True]


def test_an_address_that_comes_twice_is_named_once():
    inner = "\n".join(
        f'<outline text="{name}" xmlUrl="{url}"/>'
        for name, url in [
            ("甲", "http://a.example.com/f"),
            ("甲又", "HTTP://A.example.com:80/f?utm_source=x"),
            ("乙", "https://a.example.com/f"),
        ]
    )
    found = read(body_of(inner))
    assert titles(found) == ["甲", "乙"]
    assert [(one.title, one.line) for one in found.repeated] == [("甲又", 3)]


@pytest.mark.parametrize(
    ("outline", "reason"),
    [
        ('<outline text="坏" xmlUrl="javascript:alert(1)"/>', "http:// 或 https://"),
        ('<outline text="坏" xmlUrl="/feed.xml"/>', "http:// 或 https://"),
        ('<outline text="坏" xmlUrl="http://[/"/>', "http:// 或 https://"),
        ('<outline text="坏" xmlUrl="file:///etc/passwd"/>', "http:// 或 https://"),
        ('<outline text="坏" type="include" url="http://b.example.com/o.opml"/>', "不会去读取"),
        ('<outline text="坏" type="rss" htmlUrl="http://b.example.com/"/>', "没有 xmlUrl"),
        ('<outline text="坏" type="link" url="http://b.example.com/"/>', "没有 xmlUrl"),
    ],
    ids=["script", "relative", "broken host", "a file", "include", "no address", "a link"],
)  # fmt: skip
def test_a_bad_outline_is_named_with_its_line_and_good_ones_are_kept(outline, reason):
    good = '<outline text="好{}" xmlUrl="http://{}.example.com/"/>'
    inner = "\n".join([good.format(1, 1), outline, good.format(2, 2)])
    found = read(body_of(inner, declaration='<?xml version="1.0"?>\n\n'))
    assert titles(found) == ["好1", "好2"]
    [problem] = found.problems
    assert (problem.line, problem.title) == (5, "坏")
    assert reason in problem.reason


def test_a_refused_address_keeps_its_password_to_itself():
    found = read(body_of('<outline text="坏" xmlUrl="ftp://me:hunter2@a.example.com/"/>'))
    assert "hunter2" not in found.problems[0].reason


def test_an_empty_folder_is_no_problem():
    assert read(body_of('<outline text="空"/>')).problems == ()


@pytest.mark.parametrize(
    ("inner", "kept", "line"),
    [
        ('<outline text="甲 & 乙" xmlUrl="http://a.example.com/?x=1&y=2"/>', ["甲 & 乙"], None),
        ('<outline text="甲&nbsp;乙&copy;" xmlUrl="http://a.example.com/"/>', ["甲 乙©"], None),
        ('<outline text="甲 < 乙" xmlUrl="http://a.example.com/"/>', ["甲 < 乙"], 2),
        ('<outline text="甲\x0b乙\x00" xmlUrl="http://a.example.com/"/>', ["甲乙"], None),
        ('<outline text=甲 xmlUrl="http://a.example.com/"/>\n<outline text="乙" xmlUrl="http://b.example.com/"/>', ["乙"], 2),
        ('<outline text="甲" xmlUrl="http://a.example.com/"/></outline>\n<outline text="乙" xmlUrl="http://b.example.com/"/>', ["甲", "乙"], 2),
        ('<outline text="甲" xmlUrl="http://a.example.com/"/>\n<outline text="乙', ["甲"], 4),
    ],
    ids=["bare ampersands", "HTML names", "bare <", "control characters", "no quotes", "closed too often", "cut off"],
)  # fmt: skip
def test_broken_xml_is_read_as_far_as_it_goes(inner, kept, line):
    found = read(body_of(inner))
    assert titles(found) == kept
    assert [problem.line for problem in found.problems][:1] == ([line] if line else [])


def test_a_file_cut_off_in_the_middle_keeps_its_beginning():
    whole = write(LIST, title="见微", now=NOW)
    found = read(whole[: whole.index("又一个".encode())])
    assert list(found.outlines) == LIST[:2]
    assert found.problems


def test_entities_are_neither_expanded_nor_fetched(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2", encoding="utf-8")
    head = (
        f'<!DOCTYPE opml SYSTEM "http://127.0.0.1:9/x.dtd" [<!ENTITY x SYSTEM "file://{secret}">'
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
        + "".join(f'<!ENTITY c{n} "{f"&c{n - 1};" * 10}">' for n in range(1, 12))
        + "]>"
    )
    inner = '<outline text="&x;|&c11;" xmlUrl="http://a.example.com/"/><outline text="乙" xmlUrl="http://b.example.com/"/>'
    began = time.perf_counter()
    found = read(body_of(inner, head=head))
    assert time.perf_counter() - began < 1
    assert titles(found) == ["&x;|&c11;", "乙"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "空"),
        (b" \n\t", "空"),
        (b"hello", "不是 OPML"),
        (b"<html><body>404</body></html>", "不是 OPML"),
        (b'<rss version="2.0"><channel/></rss>', "订阅源"),
        (b'{"version": 1}', "不是 OPML"),
        (b"\xff\xd8\xff\xe0" * 100, "不是 OPML"),
        (b" " * (MOST_BYTES + 1), "超过"),
    ],
    ids=["nothing", "blanks", "words", "a page", "a feed", "JSON", "a picture", "too large"],
)
def test_what_is_no_list_is_refused_with_a_reason(body, said):
    with pytest.raises(OpmlError, match=said):
        read(body)


def test_an_empty_list_is_a_list():
    assert read(b"<opml/>").outlines == ()


def test_more_feeds_than_we_take_are_refused_whole():
    inner = "".join(
        f'<outline xmlUrl="http://{n}.example.com/"/>' for n in range(MOST_OUTLINES + 1)
    )
    with pytest.raises(OpmlError, match="10000"):
        read(body_of(inner))


def test_a_large_and_a_deep_file_cost_little():
    wide = "".join(
        f'<outline text="源{n}" xmlUrl="http://{n}.example.com/f?a=1&b={n}"/>' for n in range(9_000)
    )
    long = f'<outline text="{"长" * 1_000_000}" xmlUrl="http://long.example.com/"/>'
    deep = '<outline text="层">' * 5_000
    began = time.perf_counter()
    found = read(body_of(wide + long + deep))
    assert time.perf_counter() - began < 3
    assert len(found.outlines) == 9_001
    assert len(found.outlines[-1].title) == LONGEST_NAME
    inner = (
        '<outline text="层">' * 30 + '<outline xmlUrl="http://a.example.com/"/>' + "</outline>" * 30
    )
    assert read(body_of(inner)).outlines[0].path == ("层",) * DEEPEST


def test_without_a_title_the_address_stands_in():
    assert titles(read(body_of('<outline xmlUrl="http://a.example.com/f"/>'))) == [
        "http://a.example.com/f"
    ]


@pytest.mark.parametrize(
    ("path", "folder", "back"),
    [
        ((), "", ()),
        (("汽车",), "汽车", ("汽车",)),
        (("汽车", "论坛"), "汽车/论坛", ("汽车", "论坛")),
        (("汽车/论坛",), "汽车／论坛", ("汽车／论坛",)),
    ],
    ids=["none", "one", "two", "a slash in a name"],
)
def test_a_path_as_one_text(path, folder, back):
    assert folder_of(path) == folder
    assert path_of(folder) == back


def test_a_folder_typed_by_hand_is_read_kindly():
    assert path_of(" /汽车// 论坛 /") == ("汽车", "论坛")
