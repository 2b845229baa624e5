"""Sources: what is due, who has it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    RowMapping,
    Update,
    bindparam,
    case,
    func,
    select,
    update,
)

from collectors.model import Cursor, Outcome, Poll, Quota, Source, SourceKind, SourceState
from monitor.storage import blind_spots, hosts, ratings, subscriptions
from monitor.storage.engine import Database
from monitor.storage.instants import EPOCH
from monitor.storage.tables import host, inlet, post, source

LEASE = timedelta(seconds=120)
CANDIDATES_PER_CLAIM = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A source that is ours until the lease ends, for this one due slot; its secrets still sealed."""

    source: Source
    slot: datetime
    secrets_sealed: bytes | None = None
    rhythm: object = None
    is_pushed: bool = False
    empty_visits: int = 0


def claim_due(  # noqa: PLR0913  # one query needs all of them
    database: Database,
    connection: Connection,
    *,
    now: datetime,
    owner: str,
    limit: int,
    pause: timedelta,
    is_exempt: Callable[[str], bool],
) -> list[Claim]:
    """Lease up to ``limit`` due sources, at most one a host, and set the host's next turn.

    Hosts for which ``is_exempt`` answers True know no pause and may be claimed many times. Sources of a
    host whose turn has not come are not even candidates: a crowd of them would keep all others waiting.
    """
    hosted = _due(connection, now=now, limit=limit * CANDIDATES_PER_CLAIM)
    exempt = {name for name in {name for _, name in hosted} if is_exempt(name)}
    first = _first_of_each(hosted, without=exempt)
    reserved = hosts.reserve_free(
        database, connection, list(first), now=now, pause=pause, most=limit
    )
    chosen = [
        key for key, name in hosted if name in exempt or (name in reserved and first[name] == key)
    ][:limit]
    if not chosen:
        return []
    connection.execute(
        update(source)
        .where(source.c.id.in_(chosen))
        .values(lease_until=now + LEASE, lease_owner=owner)
    )
    pushed = subscriptions.pushed(connection, chosen, now=now)
    rows = {row["id"]: row for row in by_ids(connection, chosen)}
    return [_claimed(rows[key], is_pushed=key in pushed) for key in chosen]


def _due(connection: Connection, *, now: datetime, limit: int) -> list[tuple[int, str]]:
    """Return (id, host) of sources that are due and nobody's, the longest overdue first."""
    busy = select(host.c.name).where(host.c.name == source.c.host, host.c.next_ok_at > now)
    candidates = connection.execute(
        select(source.c.id, source.c.host)
        .where(
            source.c.enabled,
            source.c.kind != SourceKind.PUSH,
            source.c.next_due_at <= now,
            source.c.lease_until <= now,
            ~busy.exists(),
        )
        .order_by(source.c.next_due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [(key, name) for key, name in candidates]


def _first_of_each(hosted: Sequence[tuple[int, str]], *, without: Set[str]) -> dict[str, int]:
    """Return the first source of every host, in the order given."""
    first: dict[str, int] = {}
    for key, name in hosted:
        if name not in without:
            first.setdefault(name, key)
    return first


def _claimed(row: RowMapping, *, is_pushed: bool) -> Claim:
    return Claim(
        source=to_source(row),
        slot=row["next_due_at"],
        secrets_sealed=row["secrets_sealed"],
        rhythm=row["rhythm"],
        is_pushed=is_pushed,
        empty_visits=row["empty_visits"],
    )


def complete(connection: Connection, polls: Sequence[Poll]) -> None:
    """Store cursor, state and next due time of every poll, unless a later slot was completed.

    The fence is the slot: a worker that slept through its lease cannot move a source back.
    """
    if not polls:
        return
    connection.execute(_completing(), [_completion(poll) for poll in polls])


@cache
def _completing() -> Update:
    """Return the statement, made once: making it takes as long as ten polls of it."""
    return (
        update(source)
        .where(source.c.id == bindparam("b_id"), source.c.next_due_at == bindparam("b_slot"))
        .values(
            next_due_at=bindparam("b_next"),
            last_slot=bindparam("b_slot"),
            lease_until=EPOCH,
            lease_owner=None,
            etag=bindparam("b_etag"),
            last_modified=bindparam("b_last_modified"),
            body_sha256=bindparam("b_body"),
            effective_url=bindparam("b_url"),
            position=bindparam("b_position"),
            state=_shown(bindparam("b_state"), source.c.state),
            reason=_shown(bindparam("b_reason", type_=source.c.reason.type), source.c.reason),
            state_since=case(
                (
                    _shown(bindparam("b_state"), source.c.state) == source.c.state,
                    source.c.state_since,
                ),
                else_=bindparam("b_at", type_=source.c.state_since.type),
            ),
            empty_visits=bindparam("b_empty") * (source.c.empty_visits + 1),
            latency_ms=func.coalesce(bindparam("b_latency"), source.c.latency_ms),
            quota=func.coalesce(bindparam("b_quota", type_=source.c.quota.type), source.c.quota),
            hub_url=func.coalesce(bindparam("b_hub"), source.c.hub_url),
            hub_topic=func.coalesce(bindparam("b_topic"), source.c.hub_topic),
            error_count=bindparam("b_failed") * (source.c.error_count + 1),
            last_polled_at=bindparam("b_at"),
            last_success_at=func.coalesce(
                bindparam("b_success", type_=source.c.last_success_at.type),
                source.c.last_success_at,
            ),
            last_status=bindparam("b_status"),
        )
    )


def _shown(told: Any, kept: Any) -> Any:  # noqa: ANN401  # SQL expressions
    """A silent source stays so while its visits succeed: only a post ends the silence (pipeline.watch)."""
    is_silent = (source.c.state == SourceState.SILENT.value) & bindparam(
        "b_answered", type_=Boolean
    )
    return case((is_silent, kept), else_=told)


def _completion(poll: Poll) -> dict[str, Any]:
    cursor = poll.cursor_after
    failed = poll.outcome is Outcome.FAILED
    return {
        "b_id": poll.source_id,
        "b_slot": poll.slot,
        "b_next": max(poll.fetched_at + poll.wait, poll.slot + timedelta(microseconds=1)),
        "b_etag": cursor.etag,
        "b_last_modified": cursor.last_modified,
        "b_body": cursor.body_sha256,
        "b_url": cursor.effective_url,
        "b_position": cursor.position,
        "b_state": poll.state.value,
        "b_answered": poll.state in (SourceState.OK, SourceState.SLOW),
        "b_empty": int(poll.is_empty),
        "b_latency": None if poll.seconds is None else round(poll.seconds * 1000),
        "b_quota": None if poll.quota is None else _quota(poll.quota),
        "b_hub": poll.hub.url if poll.hub else None,
        "b_topic": poll.hub.topic if poll.hub else None,
        "b_reason": poll.reason,
        "b_failed": int(failed),
        "b_at": poll.fetched_at,
        "b_success": None if failed else poll.fetched_at,
        "b_status": poll.status,
    }


def _quota(quota: Quota) -> dict[str, Any]:
    reset = quota.reset_at.isoformat() if quota.reset_at else None
    return {"remaining": quota.remaining, "limit": quota.limit, "reset_at": reset}


def release_all_leases(connection: Connection) -> None:
    """Free every lease: right only where this process is known to be the single owner."""
    connection.execute(update(source).values(lease_until=EPOCH, lease_owner=None))


def to_source(row: RowMapping) -> Source:
    """Return what a collector needs to know of a row."""
    return Source(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        url=row["url"],
        interval=timedelta(seconds=row["interval_seconds"]),
        options=row["options"],
        cursor=Cursor(
            etag=row["etag"],
            last_modified=row["last_modified"],
            body_sha256=row["body_sha256"],
            effective_url=row["effective_url"],
            position=row["position"],
        ),
        error_count=row["error_count"],
        last_success_at=row["last_success_at"],
    )


def get(connection: Connection, source_id: int) -> RowMapping | None:
    """Return one source's row."""
    return connection.execute(select(source).where(source.c.id == source_id)).mappings().first()


def page(connection: Connection, *, after: int, limit: int) -> list[RowMapping]:
    """Return up to ``limit`` sources with ids over ``after``, by id."""
    query = select(source).where(source.c.id > after).order_by(source.c.id).limit(limit)
    return list(connection.execute(query).mappings())


def create(connection: Connection, values: Mapping[str, Any], *, now: datetime) -> int:
    """Insert a source that is due at once; raises IntegrityError when the name is taken."""
    row = {"lease_until": EPOCH, "next_due_at": now, "created_at": now, "updated_at": now, **values}
    created: int = connection.execute(
        source.insert().values(row).returning(source.c.id)
    ).scalar_one()
    return created


def change(
    connection: Connection, source_id: int, values: Mapping[str, Any], *, now: datetime
) -> None:
    """Update settings of a source; a changed address starts anew: cursor, hub, rhythm."""
    row: dict[str, Any] = {**values, "updated_at": now, "version": source.c.version + 1}
    if "url" in values:
        nothing = dict.fromkeys(
            (
                *("etag", "last_modified", "body_sha256", "effective_url", "position"),
                *("hub_url", "hub_topic", "quota"),
                *("rhythm", "expected_seconds", "items_per_hour", "last_post_at"),
            )
        )
        row |= {
            **nothing,
            "state": SourceState.NEW.value,
            "state_since": now,
            "reason": None,
            "error_count": 0,
            "empty_visits": 0,
            "next_due_at": now,
        }
        subscriptions.forget(connection, source_id)
    connection.execute(update(source).where(source.c.id == source_id).values(row))


def poll_now(connection: Connection, source_id: int, *, now: datetime) -> None:
    """Make a source due at once, whatever its interval or lease."""
    connection.execute(
        update(source).where(source.c.id == source_id).values(next_due_at=now, lease_until=EPOCH)
    )


def delete(connection: Connection, source_id: int) -> bool:
    """Delete a source; returns False when posts or an inlet keep it (disable it instead)."""
    for table in (post, inlet):
        if connection.scalar(select(table.c.id).where(table.c.source_id == source_id).limit(1)):
            return False
    blind_spots.forget(connection, source_id)
    subscriptions.forget(connection, source_id)
    ratings.forget(connection, source_id)
    connection.execute(source.delete().where(source.c.id == source_id))
    return True


def ensure_push(
    database: Database, connection: Connection, names: Sequence[str], *, now: datetime
) -> dict[str, RowMapping]:
    """Return the sources of these names; an unknown name becomes a push source."""
    wanted = sorted(set(names))
    found = _by_name(connection, wanted)
    missing = [name for name in wanted if name not in found]
    if missing:
        new = database.insert(source).on_conflict_do_nothing()
        connection.execute(new, [_push_row(name, now) for name in missing])
        found |= _by_name(connection, missing)
    return found


def _push_row(name: str, now: datetime) -> dict[str, Any]:
    return {
        "name": name, "kind": SourceKind.PUSH.value, "options": {}, "state": SourceState.OK.value,
        "created_at": now, "updated_at": now, "lease_until": EPOCH,
        "next_due_at": datetime(9999, 1, 1, tzinfo=UTC),
    }  # fmt: skip


def _by_name(connection: Connection, names: Sequence[str]) -> dict[str, RowMapping]:
    rows = connection.execute(select(source).where(source.c.name.in_(names))).mappings()
    return {row["name"]: row for row in rows}


def count_posts(connection: Connection, added: Mapping[int, int]) -> None:
    """Add to the total of posts of each source."""
    if added:
        connection.execute(
            update(source)
            .where(source.c.id == bindparam("b_id"))
            .values(posts_total=source.c.posts_total + bindparam("b_added")),
            [{"b_id": key, "b_added": added[key]} for key in sorted(added)],
        )


def kinds_in_use(connection: Connection) -> set[str]:
    """Return the kinds of all enabled sources."""
    return set(connection.scalars(select(source.c.kind).where(source.c.enabled).distinct()))


def next_due(connection: Connection, *, now: datetime) -> datetime | None:
    """Return when the next enabled source is due that nobody has."""
    due: datetime | None = connection.scalar(
        select(func.min(source.c.next_due_at)).where(
            source.c.enabled, source.c.kind != SourceKind.PUSH, source.c.lease_until <= now
        )
    )
    return due


def by_ids(connection: Connection, ids: Sequence[int]) -> list[RowMapping]:
    """Return the rows of these sources."""
    return list(connection.execute(select(source).where(source.c.id.in_(ids))).mappings())
