"""Reddit's feeds with a user's own feed token: Atom without scores, and without a sign-in.

The token stands in the address, that is how Reddit takes it. So this address goes to the request
and nowhere else: not into a reason, a cursor, a link or a log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, urlencode

from collectors.base import Http, Reply
from collectors.feed import FeedKind, parse_feed
from collectors.fetch import ACCEPT
from collectors.model import CollectError, Poll, Post, PostKind, SourceState
from collectors.social.limits import REDDIT, quota_of, wait_for
from collectors.visit import CHALLENGE, Trouble, Visit, is_challenge, trouble_state

SITE = "https://www.reddit.com"
_NOT_A_FEED = "Reddit 返回的不是订阅源 (not a feed)"
_FOOTER = re.compile(
    r"\s*(?:submitted by\s+)?/u/[\w-]+\s*(?:to\s+/?r/\w+\s*)?\[link\]\s*\[comments\]\s*$"
)


async def visit_feeds(
    visit: Visit, http: Http, paths: Sequence[str], *, user: str, token: str
) -> Poll:
    """Return the poll of reading the feeds at ``paths``, newest entries first, each read whole."""
    posts: dict[str, Post] = {}
    quota = None
    for index, path in enumerate(paths):
        try:
            reply = await _get(visit, http, path, user=user, token=token)
            posts.update((post.external_id, post) for post in _posts(visit, reply, path))
        except Trouble as trouble:
            return (
                visit.failed(trouble)
                if index == 0
                else visit.brought(tuple(posts.values()), trouble=trouble, quota=quota)
            )
        quota = quota_of(reply.headers, REDDIT, visit.now)
    return visit.brought(tuple(posts.values()), quota=quota, wait=wait_for(quota, visit.now))


async def _get(visit: Visit, http: Http, path: str, *, user: str, token: str) -> Reply:
    signed = f"{SITE}{path}&{urlencode({'feed': token, 'user': user})}"
    try:
        reply = await http.get(signed, {"Accept": ACCEPT})
    except CollectError as error:
        trouble = visit.unreached(error)
        trouble.reason = _without(token, trouble.reason)
        trouble.args = (trouble.reason,)
        raise trouble from None  # the cause may quote the address
    if refused := visit.refusal(reply):
        raise refused
    return reply


def _posts(visit: Visit, reply: Reply, path: str) -> list[Post]:
    is_comments = "/comments/.rss" in path
    kind = PostKind.COMMENT if is_comments else PostKind.POST
    source = replace(visit.source, options={**visit.source.options, "post_kind": kind})
    content_type = reply.headers.get("content-type")
    parsed = parse_feed(
        reply.body, content_type=content_type, url=SITE, source=source, now=visit.now
    )
    if parsed.kind is FeedKind.NONE:
        challenged = is_challenge(reply)
        state = SourceState.BLOCKED if challenged else trouble_state(visit.source)
        raise Trouble(state, CHALLENGE if challenged else _NOT_A_FEED, status=reply.status)
    return [_named(post, is_comments) for post in parsed.posts]


def _named(post: Post, is_comment: bool) -> Post:
    """Return the post of an entry: a comment's title only repeats author and link."""
    title = None if is_comment else post.title
    return replace(post, title=title, text=_FOOTER.sub("", post.text))


def _without(token: str, reason: str) -> str:
    return reason.replace(token, "…").replace(quote(token, safe=""), "…")
