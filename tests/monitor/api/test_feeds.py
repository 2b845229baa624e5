"""The alert feeds: stable ids, hostile text, a token that reads nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from xml.etree import ElementTree as ET

import feedparser
import pytest

from alerts.model import Alert, AlertState, Change, EventKind
from analysis.model import Tier
from monitor.api.feeds import feed_token
from monitor.storage import alerts

ATOM = "/feeds/alerts.atom"
JSON = "/feeds/alerts.json"
HOSTILE = "]]><script>alert(1)</script> & \"'\0\x0b\x1b\ufffe ok"


@pytest.fixture
def raised(api, needs, clock) -> Callable[..., int]:
    brand = api.post("/api/v1/keyword-lists", json={"name": "青禾", "aliases": ["青禾"]}).json()[
        "id"
    ]

    def make(key: str = "k", title: str = "「青禾」负面声量突增") -> int:
        now = clock()
        alert = Alert(
            id=0, dedup_key=key, keyword_list_id=brand, state=AlertState.OPEN, tier=Tier.RED, title=title,
            opened_at=now, updated_at=now, sequence=1,
        )  # fmt: skip
        change = Change(
            alert=alert,
            kind=EventKind.OPENED,
            actor="system",
            at=now,
            previous_tier=Tier.NONE,
            reason="",
            notify=True,
        )
        evidence = [
            {"post_id": 1, "url": None, "source": title, "excerpt": title, "published_at": None}
        ]
        facts = {"explanation": {"sentence": title}, "counts": {}, "evidence": evidence}
        with needs.database.write() as connection:
            return alerts.store_change(connection, change, facts)[0]

    return make


def entries(reply) -> list[feedparser.FeedParserDict]:
    parsed = feedparser.parse(reply.content)
    assert not parsed.bozo, parsed.get("bozo_exception")
    return parsed.entries


def test_an_entry_keeps_its_id_and_moves_its_time_with_the_state(api, raised, clock):
    key = raised()
    (before,) = entries(api.get(ATOM))
    clock.move(timedelta(minutes=5))
    api.post(f"/api/v1/alerts/{key}/acknowledge")
    (after,) = entries(api.get(ATOM))
    assert before.id == after.id
    assert before.id.endswith(f":alert:{key}")
    assert (before.updated, after.updated) == ("2026-03-10T05:08:00Z", "2026-03-10T05:13:00Z")
    assert (before.published, after.published) == ("2026-03-10T05:08:00Z", "2026-03-10T05:08:00Z")
    assert "已确认" in after.title


def test_both_feeds_tell_the_same(api, raised):
    raised("a")
    raised("b", "另一个")
    items = api.get(JSON).json()["items"]
    assert [item["id"] for item in items] == [entry.id for entry in entries(api.get(ATOM))]
    assert items[0]["date_modified"] == "2026-03-10T05:08:00Z"
    assert items[0]["tags"] == ["red", "open"]


@pytest.mark.parametrize("path", [ATOM, JSON])
def test_an_unchanged_feed_is_not_sent_again(api, raised, clock, path):
    key = raised()
    first = api.get(path)
    known = {"If-None-Match": first.headers["etag"]}
    assert api.get(path, headers=known).status_code == 304
    assert (
        api.get(path, headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'}).status_code
        == 304
    )
    clock.move(timedelta(minutes=1))
    api.post(f"/api/v1/alerts/{key}/resolve")
    assert api.get(path, headers=known).status_code == 200


def test_hostile_text_stays_text(api, raised, needs):
    title = HOSTILE if needs.database.is_sqlite else HOSTILE.replace("\0", "")
    raised(title=title)
    reply = api.get(ATOM)
    root = ET.fromstring(reply.content)
    names = {element.tag for element in root.iter()}
    assert not [name for name in names if not name.startswith("{http://www.w3.org/2005/Atom}")]
    content = root.find(".//{http://www.w3.org/2005/Atom}content")
    assert content is not None
    assert (content.text or "").startswith("]]><script>alert(1)</script> & \"' ok")
    assert (
        api.get(JSON)
        .json()["items"][0]["content_text"]
        .startswith("]]><script>alert(1)</script> & \"' ok")
    )


def test_an_empty_feed_is_a_feed(api):
    assert entries(api.get(ATOM)) == []
    assert api.get(JSON).json()["items"] == []


def test_the_links_work_without_a_header_and_their_token_reads_nothing_else(api, anonymous, raised):
    raised()
    links = api.get("/api/v1/feeds").json()
    assert set(links) == {"atom", "json"}
    assert len(entries(anonymous.get(links["atom"]))) == 1
    assert anonymous.get(links["json"]).status_code == 200
    token = links["atom"].partition("token=")[2]
    assert (
        anonymous.get("/api/v1/alerts", headers={"Authorization": f"Bearer {token}"}).status_code
        == 401
    )
    assert anonymous.get(f"/api/v1/alerts?token={token}").status_code in (401, 422)
    assert token not in anonymous.get(links["atom"]).text


@pytest.mark.parametrize("path", [ATOM, JSON])
@pytest.mark.parametrize("token", ["", "feed_wrong", "feed_é"])
def test_a_wrong_token_opens_nothing(anonymous, path, token):
    assert anonymous.get(path, params={"token": token}).status_code == 401
    assert anonymous.get(path).status_code == 401


def test_a_key_needs_read(anonymous, key_for):
    assert anonymous.get(ATOM, headers=key_for("read")).status_code == 200
    assert anonymous.get(ATOM, headers=key_for("ingest")).status_code == 403
    assert anonymous.get("/api/v1/feeds", headers=key_for("ingest")).status_code == 403


def test_two_installations_have_two_tokens():
    assert feed_token(b"one") != feed_token(b"other")
    assert feed_token(b"one").startswith("feed_")
