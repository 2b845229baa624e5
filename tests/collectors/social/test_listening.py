"""How long a visit listens, and why it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from collectors.model import CollectError
from collectors.social.listening import Ending, Heard, Patience, listen
from tests.collectors.recorded import SILENCE

SHORT = Patience(longest=0.05, after_first=0.01)


async def played(stream: Sequence[object]) -> AsyncIterator[object]:
    for item in stream:
        if isinstance(item, Exception):
            raise item
        if item is SILENCE:
            await asyncio.Event().wait()
        yield item


def run(stream: Sequence[object], patience: Patience = SHORT) -> tuple[Ending, list[object]]:
    taken: list[object] = []

    def take(item: object) -> Heard:
        taken.append(item)
        return item if isinstance(item, Heard) else Heard.NOTHING

    async def visit() -> Ending:
        deadline = patience.deadline()
        async with asyncio.timeout(5):
            return await listen(played(stream), take, deadline=deadline, patience=patience)

    return asyncio.run(visit()), taken


@pytest.mark.parametrize(
    ("stream", "ending", "count"),
    [
        pytest.param([1, 2], Ending.CLOSED, 2, id="the server closes"),
        pytest.param([1, SILENCE, 2], Ending.OURS, 1, id="the time is over"),
        pytest.param([SILENCE], Ending.OURS, 0, id="nothing at all"),
        pytest.param([Heard.ENOUGH, 2], Ending.OURS, 1, id="enough"),
    ],
)
def test_listening_ends(stream: list[object], ending: Ending, count: int) -> None:
    ended, taken = run(stream)
    assert (ended, len(taken)) == (ending, count)


def test_the_first_post_ends_the_visit_soon() -> None:
    patience = Patience(longest=30.0, after_first=0.01)
    ended, taken = run([Heard.NOTHING, Heard.POST, Heard.POST, SILENCE], patience)
    assert (ended, len(taken)) == (Ending.OURS, 3)


def test_a_post_at_the_end_of_the_time_does_not_lengthen_it() -> None:
    patience = Patience(longest=0.01, after_first=30.0)
    assert run([Heard.POST, SILENCE], patience)[0] is Ending.OURS


def test_a_stream_that_never_pauses_is_left_in_time() -> None:
    ended, taken = run([0] * 3_000_000, Patience(longest=0.05))
    assert ended is Ending.OURS
    assert len(taken) < 3_000_000


def test_a_stream_that_breaks_is_told() -> None:
    with pytest.raises(CollectError, match="cut"):
        run([1, CollectError("cut")])


def test_a_timeout_of_the_stream_is_not_taken_for_ours() -> None:
    with pytest.raises(TimeoutError):
        run([1, TimeoutError()])
