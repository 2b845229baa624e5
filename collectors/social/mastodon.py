"""Public posts of Mastodon and compatible instances: public, hashtag and account timelines.

Timelines are read forward by ``min_id``, which leaves no gaps, to the end; streams (with a token)
only bring posts home sooner. https://docs.joinmastodon.org/api/guidelines/#pagination
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar
from urllib.parse import quote

from collectors.base import BaseCollector, Http
from collectors.model import CollectError, Look, Poll, Post, Sight, Source
from collectors.social.limits import Api
from collectors.social.listening import Ending, Heard, Patience, listen, opened
from collectors.social.looking import GONE, Gone, look_at_each
from collectors.social.mastodon_reading import Reading, api_of, error_of
from collectors.social.mastodon_status import post_of
from collectors.social.mastodon_timeline import (
    MastodonOptions,
    base_of,
    place_of,
    stream_url,
    timeline_name,
)
from collectors.social.sse import EventReader
from collectors.visit import Trouble, Visit

_PATIENCE = Patience()


class MastodonCollector(BaseCollector):
    """Visits timelines of one instance; ``url`` is the instance's address."""

    kind = "mastodon"
    options = MastodonOptions
    secrets = ("token",)
    most_at_once: ClassVar[int] = 20

    def __init__(self, patience: Patience = _PATIENCE) -> None:
        self._patience = patience

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return what came after the last status read: by pages, then by listening a while."""
        options = MastodonOptions.model_validate(source.options)
        name = timeline_name(base_of(source.url), options)
        visit = Visit(source=source, slot=slot, now=now)
        reading = Reading(
            visit=visit,
            api=api_of(visit, http),
            options=options,
            place=place_of(source.cursor.position, name),
            deadline=self._patience.deadline(),
        )
        try:
            await reading.prepare()
            if options.streaming and reading.api.headers:
                return await self._stream(reading)
            await reading.read_pages()
        except Trouble as trouble:
            return reading.poll(trouble)
        return reading.poll()

    async def _stream(self, reading: Reading) -> Poll:
        """Open the stream first and read the pages then: nothing falls between the two."""
        url = stream_url(reading.base, reading.options, reading.place)
        headers = {"Accept": "text/event-stream", **reading.api.headers}
        listener, is_open = _Listener(reading), False
        try:
            stream = reading.api.http.lines(url, headers)
            async with opened(stream, self._patience) as lines:
                is_open = True
                await reading.read_pages()
                if reading.is_behind:
                    return reading.poll()
                ending = await listen(
                    lines, listener.take, deadline=reading.deadline, patience=self._patience
                )
        except CollectError as error:
            if not is_open:
                await reading.read_pages()
            # Streams are cut now and then; one that was never heard is in trouble.
            return reading.poll(None if listener.lines else reading.visit.unreached(error))
        return reading.poll(at_once=ending is Ending.OURS)

    async def look_again(
        self, source: Source, sights: Sequence[Sight], *, http: Http, now: datetime
    ) -> Look:
        """Return these statuses as they are; those the instance answers 404 or 410 for are deleted.

        Raises:
            CollectError: the instance could not be asked for the first of them.
        """
        visit = Visit(source=source, slot=now, now=now)
        api = api_of(visit, http)
        return await look_at_each(sights, partial(_look_at, visit, api))


async def _look_at(visit: Visit, api: Api, sight: Sight) -> Post | Gone | None:
    source = visit.source
    reply = await api.answer(
        f"{base_of(source.url)}/api/v1/statuses/{quote(sight.external_id, safe='')}"
    )
    # A 404 without the API's own words may be anybody's: a proxy, an instance that moved.
    if reply.status == 410 or (reply.status == 404 and error_of(reply)):
        return GONE
    if trouble := visit.refusal(reply):
        raise trouble
    options = MastodonOptions.model_validate(source.options)
    post = post_of(
        visit.read_json(reply), source, now=visit.now, honour_indexable=options.honour_indexable
    )
    return post if post and post.external_id == sight.external_id else None


class _Listener:
    """Turns lines into events and events into the reading."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._events = EventReader()
        self.lines = 0

    def take(self, line: str) -> Heard:
        """Take one line of the stream."""
        self.lines += 1
        event = self._events.feed(line)
        return Heard.NOTHING if event is None else self._reading.take_event(event)
