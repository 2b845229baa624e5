"""A recipe tried out: the posts it would bring, what its map left unread, what it did not find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from collectors.base import Http
from collectors.model import Poll, Source
from collectors.recipes.health import sample_of

MOST_OBSERVED = 20
SAMPLE_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """One page read by a recipe, nothing remembered.

    ``unmapped`` are keys (or, of HTML, class names) in the items that the map does not use;
    ``missing`` are targets of the map that found nothing in any item; ``sample`` is the beginning
    of the first item as it came, without secrets; ``note`` says why there are no posts.
    """

    poll: Poll
    unmapped: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sample: str = ""
    note: str | None = None


@runtime_checkable
class Rehearses(Protocol):
    """A collector whose sources are described by the user, and so are tried before they are used."""

    async def rehearse(self, source: Source, http: Http, now: datetime) -> Rehearsal:
        """Return what the first page would bring. The source's cursor is neither read nor moved."""
        ...


@dataclass(slots=True, kw_only=True)
class Observed:
    """What a rehearsal looks at: the first items as they came, the targets that found something."""

    items: list[object] = field(default_factory=list)
    found: set[str] = field(default_factory=set)
    problem: str | None = None

    def note(self, item: object, values: Mapping[str, object]) -> None:
        """Keep an item and the names of what was found in it."""
        if len(self.items) < MOST_OBSERVED:
            self.items.append(item)
        self.found.update(values)


def rehearsed(
    source: Source,
    poll: Poll,
    observed: Observed,
    *,
    targets: Sequence[str],
    unmapped: Iterable[str],
    sample: str,
) -> Rehearsal:
    """Return the rehearsal of a visit that ended with ``poll``."""
    return Rehearsal(
        poll=poll,
        unmapped=tuple(unmapped),
        missing=tuple(target for target in targets if target not in observed.found),
        sample=sample_of(sample, source.secrets, most=SAMPLE_CHARACTERS),
        note=poll.reason or observed.problem,
    )
