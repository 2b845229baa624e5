"""Polls → understanding → ONE transaction with posts, mentions, rollups and the sources' cursors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy import Connection, RowMapping

from analysis.model import Document
from analysis.search import index_tokens
from collectors.model import Outcome, Poll, Post, SourceState, post_key
from monitor.bus import Bus, Message
from monitor.pipeline.analyst import Analyst, PoisonedBatch, Rules, RulesCache
from monitor.pipeline.batches import unpack
from monitor.pipeline.planning import looks_for
from monitor.pipeline.storable import storable
from monitor.storage import counters, looks, post_metrics, posts, ratings, rhythms, rollups, sources
from monitor.storage.engine import Database
from monitor.storage.posts import Known
from monitor.storage.rows import Understood

log = structlog.get_logger()

TRIES = 5
FETCH_WAIT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysing:
    """What analysing needs from outside. ``told`` is called after new posts were committed."""

    database: Database
    analyst: Analyst
    clock: Callable[[], datetime]
    told: Callable[[], None] = lambda: None
    rules: RulesCache = field(default_factory=RulesCache)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of the posts given: ids of the new, of the edited and of the known ones, by key."""

    created: Mapping[bytes, int]
    edited: Mapping[bytes, int]
    known: Mapping[bytes, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What came in (``seen``, by key), what of it was stored before, and the polls that brought it."""

    there: Mapping[bytes, Known]
    seen: Mapping[bytes, Post]
    polls: Sequence[Poll]
    origins: Mapping[int, Origin]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The kind and name of the source a post came from."""

    kind: str
    name: str
    options: Mapping[str, object] = field(default_factory=dict)


async def analyse_batches(needs: Analysing, bus: Bus, *, wait: timedelta = FETCH_WAIT) -> int:
    """Fetch raw batches, store what they bring, acknowledge after the commit; returns how many."""
    messages = await bus.fetch(4, wait)
    for message in messages:
        await _analyse(needs, message)
    return len(messages)


async def _analyse(needs: Analysing, message: Message) -> None:
    try:
        polls = unpack(message.body)
    except msgspec.MsgspecError as error:
        # a collector sent values of wrong types: the slots come again when their leases end
        log.error("batch unreadable", reason=str(error))  # noqa: TRY400  # the text says it all
        await message.dead(str(error))
        return
    try:
        await store_polls(needs, polls)
    except PoisonedBatch as error:
        if message.deliveries < TRIES:
            await message.retry(timedelta(seconds=2**message.deliveries))
            return
        await _store_apart(needs, polls)
        await message.dead(str(error))
        return
    await message.ack()


async def _store_apart(needs: Analysing, polls: Sequence[Poll]) -> None:
    """Store each poll by itself; a post that kills its reader is put down on its source."""
    for poll in polls:
        try:
            await store_polls(needs, [poll])
        except PoisonedBatch as error:
            log.exception("post given up", source_id=poll.source_id)
            await store_each(needs, poll.posts)
            reason = f"一条内容使分析进程崩溃,已搁置该条: {error}"
            given_up = replace(
                poll, outcome=Outcome.FAILED, state=SourceState.FAILING, reason=reason, posts=()
            )
            await store_polls(needs, [given_up])


async def store_each(needs: Analysing, items: Iterable[Post]) -> None:
    """Store each post by itself, without those that kill their reader: one costs no other."""
    for post in items:
        try:
            await store_posts(needs, [post])
        except PoisonedBatch:
            log.exception("post given up", source_id=post.source_id, external_id=post.external_id)


async def store_polls(needs: Analysing, polls: Sequence[Poll]) -> Stored:
    """Store all that the polls brought, and their cursors, in one transaction."""
    items = [post for poll in polls for post in poll.posts]
    return await store_posts(needs, items, polls)


async def store_posts(
    needs: Analysing, items: Sequence[Post], polls: Sequence[Poll] = ()
) -> Stored:
    """Understand the posts that are new or edited, and store them; a repeated call changes nothing."""
    checked = items if polls else map(storable, items)  # a visit has mended what it brought
    unique = {post.key: post for post in checked}
    while True:
        rules, there, origins = await asyncio.to_thread(_prepare, needs, unique)
        fresh = [
            (key, post)
            for key, post in unique.items()
            if key not in there or not there[key].is_repeated_by(post)
        ]
        documents = [_document(post, origins[post.source_id]) for _, post in fresh]
        read = await needs.analyst.understand(rules, documents) if documents else []
        understood = [
            Understood(
                key=key,
                post=post,
                source_kind=origins[post.source_id].kind,
                understanding=understanding,
            )
            for (key, post), understanding in zip(fresh, read, strict=True)
        ]
        sighting = Sighting(there=there, seen=unique, polls=polls, origins=origins)
        stored = await asyncio.to_thread(_commit, needs, rules, understood, sighting)
        if stored is not None:
            break  # else a keyword list was edited meanwhile: understand again, by the new rules
    if stored.created or stored.edited:
        needs.told()
    return stored


def _prepare(
    needs: Analysing, unique: Mapping[bytes, Post]
) -> tuple[Rules, dict[bytes, Known], dict[int, Origin]]:
    with needs.database.read() as connection:
        rules = needs.rules.read(connection)
        there = posts.known(connection, list(unique))
        wanted = {post.source_id for post in unique.values()}
        origins = {
            row["id"]: Origin(kind=row["kind"], name=row["name"], options=row["options"])
            for row in sources.by_ids(connection, sorted(wanted))
        }
    return rules, there, origins


def _document(post: Post, origin: Origin) -> Document:
    return Document(
        text=post.text,
        title=post.title or "",
        author=post.author.name or post.author.handle or "",
        source=origin.name,
        lang=post.lang or "",
    )


def _commit(
    needs: Analysing,
    rules: Rules,
    items: Sequence[Understood],
    sighting: Sighting,
) -> Stored | None:
    """Store everything in one transaction, or nothing (None) when the rules are no longer these."""
    now, there = needs.clock(), sighting.there
    deltas = rollups.Deltas()
    with needs.database.write() as connection:
        if items and counters.value(connection, counters.RULES) != rules.version:
            return None
        new = [item for item in items if item.key not in there]
        created = posts.insert(needs.database, connection, new, deltas, now=now)
        changed = _edits(connection, [item for item in items if item.key in there], there)
        posts.replace(needs.database, connection, changed, deltas, now=now)
        _note_facts(needs.database, connection, sighting, now)
        fresh = [(created[item.key], item) for item in new if item.key in created]
        fresh += [(post_id, item) for post_id, _, item in changed]
        wishes = {key: origin.options for key, origin in sighting.origins.items()}
        looks.plan(needs.database, connection, looks_for(fresh, wishes, now=now), now=now)
        rhythms.note_arrivals(connection, _arrivals(new, created, now), now)
        sources.complete(connection, sighting.polls)
        rollups.apply(connection, deltas, now=now)
    edited = {item.key: key for key, _, item in changed}
    known = {key: found.id for key, found in there.items()}
    return Stored(created=created, edited=edited, known=known)


def _note_facts(
    database: Database, connection: Connection, sighting: Sighting, now: datetime
) -> None:
    """Store what is no post: counts of known posts, what was deleted, what products are rated."""
    counts = {
        sighting.there[key].id: post.metrics
        for key, post in sighting.seen.items()
        if post.metrics and key in sighting.there
    }
    if counts:
        post_metrics.note(database, connection, counts, now=now)
    gone = [post_key(poll.source_id, name) for poll in sighting.polls for name in poll.deleted]
    if gone:
        posts.mark_deleted(connection, gone, now=now)
    ratings.note(database, connection, sighting.polls)


def _arrivals(
    items: Iterable[Understood], created: Mapping[bytes, int], now: datetime
) -> dict[int, list[datetime]]:
    """Return when the posts that are really new were published, by source."""
    arrivals: dict[int, list[datetime]] = {}
    for item in items:
        if item.key in created:
            arrivals.setdefault(item.post.source_id, []).append(item.post.published_at or now)
    return arrivals


def _edits(
    connection: Connection, items: Sequence[Understood], there: Mapping[bytes, Known]
) -> list[tuple[int, str, Understood]]:
    """Return (id, tokens of the stored text, new content), without what somebody else stored meanwhile."""
    old = posts.texts(connection, [there[item.key].id for item in items])
    found = []
    for item in items:
        known = there[item.key]
        row = old.get(known.id)
        if row is not None and row["content_hash"] == known.content_hash:
            found.append((known.id, _tokens_of(row), item))
    return found


def _tokens_of(row: RowMapping) -> str:
    return index_tokens(Document(text=row["text"] or "", title=row["title"] or "").full)
