"""Server-sent events read line by line (WHATWG HTML, section 9.2): pure, no connection."""

from __future__ import annotations

from dataclasses import dataclass, field

_MOST_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: ``name`` is ``message`` where the server names none; ``text`` is its data."""

    name: str
    text: str


@dataclass(slots=True)
class EventReader:
    """Puts lines together to events. Comments (heartbeats such as ``:thump``) are no events.

    An event over a million characters is left out whole; what follows it is read.
    """

    _name: str = ""
    _texts: list[str] = field(default_factory=list)
    _characters: int = 0

    def feed(self, line: str) -> Event | None:
        """Return the event that ``line`` (without its end) completes, None while there is none."""
        if not line:
            return self._completed()
        name, _, value = line.removeprefix("\ufeff").partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._take(value)
        return None

    def _take(self, text: str) -> None:
        self._characters += len(text) + 1
        if self._characters <= _MOST_CHARACTERS:
            self._texts.append(text)
        else:
            self._texts.clear()

    def _completed(self) -> Event | None:
        name, texts = self._name or "message", self._texts
        self._name, self._texts, self._characters = "", [], 0
        return Event(name=name, text="\n".join(texts)) if texts else None
