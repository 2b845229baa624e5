"""What a site's robots.txt permits (RFC 9309), read by Protego.

Asked before a page is fetched for its full text and before a list or review page is crawled;
a feed address that somebody typed is not subject to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protego import Protego

READ_BYTES = 500 * 1024  # RFC 9309 section 2.5: at least this much must be read
LONGEST_DELAY = timedelta(seconds=60)
_TOO_MANY_REQUESTS = 429
# Every rule counts for every agent of its group; a file of 20,000 agents and 20,000 rules is a bomb.
_MOST_RULES = 300_000
_AGENT_FIELDS = ("user-agent", "useragent", "user agent")
# Site-wide fields that neither end a list of agents nor belong to it.
_SITE_FIELDS = ("sitemap", "site-map", "host")


class Verdict(StrEnum):
    """Whether a page may be fetched, and why not."""

    ALLOWED = "allowed"
    DISALLOWED = "disallowed"
    UNREACHABLE = "unreachable"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Robots:
    """The rules of one host. Keep it for 24 hours at most."""

    blanket: Verdict | None = None
    _rules: Protego | None = field(default=None, repr=False, compare=False)

    @classmethod
    def parse(cls, status: int | None, body: bytes) -> Robots:
        """Return the rules in the answer to /robots.txt; ``status`` is None where there was none.

        2xx is read (its first 500 KiB). 4xx means that the host has no rules, and so does a
        redirect that led nowhere: everything is allowed. 5xx, 429 and no answer mean that the
        rules cannot be known: everything is refused until they can (an old copy may serve on).
        """
        if status is None or status >= 500 or status == _TOO_MANY_REQUESTS:
            return cls(blanket=Verdict.UNREACHABLE)
        if not 200 <= status < 300:
            return cls(blanket=Verdict.ALLOWED)
        lines = _lines(body[:READ_BYTES])
        if _rule_count(lines) > _MOST_RULES:
            return cls(blanket=Verdict.TOO_LARGE)
        from protego import Protego

        return cls(_rules=Protego.parse("\n".join(lines)))

    def verdict(self, url: str, agent: str) -> Verdict:
        """Return whether ``agent``, a name or a whole User-Agent header, may fetch ``url``."""
        if self.blanket is not None or self._rules is None:
            return self.blanket or Verdict.ALLOWED
        allowed = self._rules.can_fetch(url, _product(agent))
        return Verdict.ALLOWED if allowed else Verdict.DISALLOWED

    def allows(self, url: str, agent: str) -> bool:
        """Return whether ``agent`` may fetch ``url``."""
        return self.verdict(url, agent) is Verdict.ALLOWED

    def crawl_delay(self, agent: str) -> timedelta | None:
        """Return the pause that the host asks of ``agent``, 60 s at most; None if it asks for none."""
        seconds = self._rules.crawl_delay(_product(agent)) if self._rules else None
        if seconds is None:
            return None
        return timedelta(seconds=min(seconds, LONGEST_DELAY.total_seconds()))


def _product(agent: str) -> str:
    """Return the product token of a User-Agent header: ``Jianwei/1.0 (+https://…)`` is ``Jianwei``."""
    words = agent.split("/", 1)[0].split()
    return words[0] if words else agent


def _lines(body: bytes) -> list[str]:
    text = body.decode("utf-8", "replace").removeprefix("\ufeff").replace("\0", "")
    return text.splitlines()


def _rule_count(lines: Sequence[str]) -> int:
    """Return how many rules parsing makes: agents times rules, summed over the groups."""
    total = agents = 0
    naming = False
    for line in lines:
        name = line.split("#", 1)[0].strip().lower()
        if not name or name.startswith(_SITE_FIELDS):
            continue
        if name.startswith(_AGENT_FIELDS):
            agents = agents + 1 if naming else 1
            total += agents  # each new agent of a group is compared with those before it
            naming = True
        else:
            naming = False
            total += agents
    return total
