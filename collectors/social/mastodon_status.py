"""Posts from the statuses of Mastodon and what speaks like it (GoToSocial, Pleroma, Akkoma, Pixelfed).

https://docs.joinmastodon.org/entities/Status/. A post's external id is the status' id *on the
instance that is visited*: replies, streams' delete events and looking again all speak of that id.
The ``uri``, the same on every instance, leads back to a status only by a search with a token.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from collectors.model import NOBODY, Author, Post, PostKind, Source
from collectors.social import values
from collectors.social.values import Json

_SHOWN = frozenset({"public", "unlisted"})
_MOST_TAGS = 50
_MOST_OPTIONS = 20


def status_id(status: object) -> str | None:
    """Return the id of a status, None for what is no status."""
    return values.identifier(values.child(status).get("id"))


def id_order(found: str) -> tuple[int, str]:
    """Return what sorts ids by age: snowflakes by number, ULIDs and flake ids by text."""
    return len(found), found


def post_of(
    status: object, source: Source, *, now: datetime, honour_indexable: bool
) -> Post | None:
    """Return the post of a status, None where there is none for us.

    Left out are followers-only and direct statuses and authors who opted out (``noindex``; with
    ``honour_indexable`` also who did not opt in to search). A reblog is a post of who reblogs,
    with the text of what was reblogged and ``repost_of`` its id; a quote has ``repost_of`` too.
    """
    outer = values.child(status)
    inner = values.child(outer, "reblog") or outer
    identity = status_id(outer)
    if identity is None or not all(
        _is_welcome(part, honour_indexable=honour_indexable) for part in (outer, inner)
    ):
        return None
    post = _post(identity, outer, inner, source, now)
    return replace(post, repost_of=status_id(inner)) if inner is not outer else post


def _is_welcome(status: Json, *, honour_indexable: bool) -> bool:
    account = values.child(status, "account")
    if status.get("visibility", "public") not in _SHOWN or account.get("noindex") is True:
        return False
    return not honour_indexable or account.get("indexable") is not False


def _post(identity: str, outer: Json, inner: Json, source: Source, now: datetime) -> Post:
    published, precision = values.published(values.iso(outer.get("created_at"), now), now)
    return Post(
        source_id=source.id,
        external_id=identity,
        kind=PostKind.POST,
        url=_url(inner, source),
        text=_shown_text(inner),
        author=_author(values.child(outer, "account"), source),
        published_at=published,
        precision=precision,
        edited_at=values.iso(inner.get("edited_at"), now),
        lang=values.name(inner.get("language")),
        metrics=values.metrics(
            replies=inner.get("replies_count"),
            reposts=inner.get("reblogs_count"),
            likes=inner.get("favourites_count"),
            quotes=inner.get("quotes_count"),
        ),
        parent_id=values.identifier(outer.get("in_reply_to_id")),
        repost_of=_quoted(inner),
        tags=_tags(inner),
    )


def _shown_text(status: Json) -> str:
    """Return content warning, content and the answers of a poll, a line each."""
    options = values.objects(values.child(status, "poll").get("options"))
    parts = (
        values.written(status.get("spoiler_text")),
        values.seen(status.get("content")),
        *(values.written(option.get("title")) for option in options[:_MOST_OPTIONS]),
    )
    return "\n".join(part for part in parts if part)


def _author(account: Json, source: Source) -> Author:
    if not account:
        return NOBODY
    handle = values.name(account.get("acct")) or values.name(account.get("username"))
    if handle and "@" not in handle:  # of this instance: named as everybody else names them
        handle = f"{handle}@{urlsplit(source.url).netloc.rpartition('@')[2]}"
    return values.author(
        values.name(account.get("display_name")) or account.get("username"),
        handle,
        values.link(account.get("url"), source.url),
        account.get("followers_count"),
    )


def _url(status: Json, source: Source) -> str | None:
    return values.link(status.get("url"), source.url) or values.link(status.get("uri"), source.url)


def _quoted(status: Json) -> str | None:
    quote = values.child(status, "quote")
    return status_id(quote.get("quoted_status")) or values.identifier(quote.get("quoted_status_id"))


def _tags(status: Json) -> tuple[str, ...]:
    names = [values.name(tag.get("name")) for tag in values.objects(status.get("tags"))]
    return tuple(dict.fromkeys(name for name in names[:_MOST_TAGS] if name))
