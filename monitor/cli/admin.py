"""Commands that change or show an installation: sources, channels, keys, import, settings."""

from __future__ import annotations

import asyncio
import base64
import secrets as random_secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.texts import STDIN, Failed

if TYPE_CHECKING:
    from monitor.app import App

JSON_OPTION = typer.Option("--json", help="以 JSON 输出 · print JSON")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("ingest")(ingest)
    source = typer.Typer(help="数据源 · sources", no_args_is_help=True)
    source.command("add")(add_source)
    source.command("list")(list_sources)
    source.command("test")(test_source)
    source.command("poll")(poll_source)
    app.add_typer(source, name="source")
    channel = typer.Typer(help="预警渠道 · channels", no_args_is_help=True)
    channel.command("add")(add_channel)
    channel.command("list")(list_channels)
    app.add_typer(channel, name="channel")
    token = typer.Typer(help="API 密钥 · API keys", no_args_is_help=True)
    token.command("create")(create_token)
    token.command("list")(list_tokens)
    token.command("revoke")(revoke_token)
    app.add_typer(token, name="token")
    config = typer.Typer(help="安装设置 · installation settings", no_args_is_help=True)
    config.command("show")(show_config)
    app.add_typer(config, name="config")


@contextmanager
def opened() -> Iterator[App]:
    """The installation of the environment, its database up to date, beside a running service or not."""
    from monitor.app import build
    from monitor.config import SettingsError, load
    from monitor.storage import migrate

    try:
        app = build(load())
    except SettingsError as error:
        raise Failed(str(error)) from error
    try:
        if app.database.is_sqlite:
            migrate.upgrade(app.database)
        yield app
    finally:
        app.database.close()


def ingest(
    file: Annotated[
        Path, typer.Argument(help='CSV 或 JSON 行;"-" 读标准输入(JSON 行) · CSV or JSON lines')
    ] = STDIN,
    json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """导入信息,逐行给出结果,好行保留 · Import posts; each line gets an answer, good lines are kept."""
    from monitor.cli.intake import import_file

    with opened() as app:
        outcome = asyncio.run(import_file(app, file, as_json=json))
    if outcome.rejected:
        raise typer.Exit(1)


def add_source(
    url: Annotated[str, typer.Argument(help="RSS、Atom 或 JSON Feed 地址 · address of a feed")],
    name: Annotated[str, typer.Option(help="名称 · name")] = "",
    interval: Annotated[int, typer.Option(help="间隔秒数 · seconds between visits")] = 300,
    timezone: Annotated[
        str, typer.Option(help="无时区日期的时区 · zone of dates without one")
    ] = "",
) -> None:
    """添加数据源 · Add a source; it is visited at once by the running service."""
    from pydantic import ValidationError
    from sqlalchemy.exc import IntegrityError

    from monitor.api.schemas_sources import SourceIn
    from monitor.storage import sources

    options = {"timezone": timezone} if timezone else {}
    given = {"name": name or url, "url": url, "interval_seconds": interval, "options": options}
    try:
        body = SourceIn.model_validate(given)
    except ValidationError as error:
        raise Failed(_explained(error)) from error
    values = {
        "name": body.name, "kind": body.kind, "url": url, "host": sources.host_of(url),
        "interval_seconds": body.interval_seconds, "options": options, "enabled": True,
    }  # fmt: skip
    with opened() as app, app.database.write() as connection:
        try:
            key = sources.create(connection, values, now=app.clock())
        except IntegrityError as error:
            raise Failed(f"已有同名数据源 {body.name!r} · a source of this name exists") from error
    print(f"已添加 · added source {key}: {body.name}")


def list_sources(json: Annotated[bool, JSON_OPTION] = False) -> None:
    """列出数据源与状态 · List sources and their states."""
    from monitor.storage import sources

    names = (
        "id",
        "name",
        "kind",
        "url",
        "state",
        "reason",
        "last_success_at",
        "next_due_at",
        "posts_total",
    )
    with opened() as app, app.database.read() as connection:
        rows = [
            {name: row[name] for name in names}
            for row in sources.page(connection, after=0, limit=10_000)
        ]
    _show(rows, as_json=json)


def test_source(url: Annotated[str, typer.Argument(help="地址 · address")]) -> None:
    """抓取一次并显示前五条 · Fetch once and show the first five posts as they would be stored."""
    from datetime import timedelta

    from collectors.base import collector_for
    from collectors.model import Source, SourceKind

    async def fetch(app: App) -> list[dict[str, Any]]:
        probe = Source(id=0, name=url, kind=SourceKind.FEED, url=url, interval=timedelta(minutes=5))
        async with app.http as http:
            now = app.clock()
            poll = await collector_for(probe.kind).collect(probe, slot=now, http=http, now=now)
        print(
            f"状态 state: {poll.state.value}  {poll.reason or ''}  {len(poll.posts)} 条 posts",
            file=sys.stderr,
        )
        return [
            {
                "published_at": post.published_at,
                "title": post.title,
                "text": post.text[:200],
                "url": post.url,
            }
            for post in poll.posts[:5]
        ]

    with opened() as app:
        _show(asyncio.run(fetch(app)), as_json=True)


test_source.__test__ = False  # type: ignore[attr-defined]  # a command, whatever its name suggests


def poll_source(source_id: Annotated[int, typer.Argument(help="编号 · id")]) -> None:
    """立即抓取 · Make a source due at once."""
    from monitor.storage import sources

    with opened() as app, app.database.write() as connection:
        if sources.get(connection, source_id) is None:
            raise Failed(f"没有数据源 {source_id} · there is no such source")
        sources.poll_now(connection, source_id, now=app.clock())
    print("已排队 · queued")


def add_channel(
    name: Annotated[str, typer.Argument(help="名称 · name")],
    url: Annotated[str, typer.Argument(help="Webhook 地址 · address")],
    min_tier: Annotated[str, typer.Option(help="blue, yellow, orange, red")] = "yellow",
    secret: Annotated[str, typer.Option(help="whsec_…;缺省时生成 · made when absent")] = "",
) -> None:
    """添加 Webhook 渠道 · Add a webhook channel; a generated secret is shown once."""
    from pydantic import ValidationError
    from sqlalchemy.exc import IntegrityError

    from analysis.model import Tier
    from monitor.api.schemas_channels import ChannelIn
    from monitor.storage import deliveries

    used = secret or "whsec_" + base64.b64encode(random_secrets.token_bytes(32)).decode()
    try:
        body = ChannelIn.model_validate(
            {"name": name, "url": url, "min_tier": min_tier, "secret": used}
        )
    except ValidationError as error:
        raise Failed(_explained(error)) from error
    tier = int(Tier.parse(min_tier))
    values = {"name": body.name, "kind": "webhook", "min_tier": tier, "keyword_lists": None}
    with opened() as app, app.database.write() as connection:
        try:
            key = deliveries.create_channel(
                connection, app.sealer, values, url=url, secret=body.secret or used, now=app.clock()
            )
        except IntegrityError as error:
            raise Failed(f"已有同名渠道 {name!r} · a channel of this name exists") from error
    print(f"已添加 · added channel {key}: {body.name}")
    if not secret:
        print(f"密钥(只显示一次) · secret, shown once: {used}")


def list_channels(json: Annotated[bool, JSON_OPTION] = False) -> None:
    """列出渠道 · List channels; addresses are masked."""
    from monitor.storage import deliveries

    names = ("id", "name", "kind", "url_shown", "min_tier", "enabled", "disabled_reason")
    with opened() as app, app.database.read() as connection:
        rows = [{name: row[name] for name in names} for row in deliveries.channels(connection)]
    _show(rows, as_json=json)


def create_token(
    name: Annotated[str, typer.Argument(help="用途 · what it is for")],
    scope: Annotated[
        list[str] | None, typer.Option(help="read, ingest, respond, admin;可重复 · repeatable")
    ] = None,
) -> None:
    """新建 API 密钥(只显示一次) · Make an API key; it is shown once, on standard output."""
    from monitor import auth

    try:
        scopes = [auth.Scope(one) for one in scope or ["read"]]
    except ValueError as error:
        raise Failed(f"{error}; scopes: {', '.join(auth.Scope)}") from error
    with opened() as app:
        made = auth.create_key(app.database, app.secret, name=name, scopes=scopes, now=app.clock())
    print(made.text)


def list_tokens(json: Annotated[bool, JSON_OPTION] = False) -> None:
    """列出 API 密钥 · List API keys, without their secrets."""
    from monitor.storage import keys

    names = ("id", "name", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    with opened() as app, app.database.read() as connection:
        rows = [{name: row[name] for name in names} for row in keys.page(connection)]
    _show(rows, as_json=json)


def revoke_token(key_id: Annotated[str, typer.Argument(help="编号 · id")]) -> None:
    """吊销 API 密钥 · Revoke an API key: refused from the next request on."""
    from monitor.storage import keys

    with opened() as app, app.database.write() as connection:
        if not keys.revoke(connection, key_id, now=app.clock()):
            raise Failed(f"没有密钥 {key_id} · there is no such key")
    print("已吊销 · revoked")


def show_config(
    source: Annotated[
        bool, typer.Option("--source", help="显示来源 · tell where each value comes from")
    ] = False,
) -> None:
    """显示安装设置,密钥隐去 · Show the installation's settings; secrets are hidden."""
    import os

    from sqlalchemy.engine import make_url

    from monitor.config import SettingsError, load

    try:
        settings = load()
    except SettingsError as error:
        raise Failed(str(error)) from error
    for name, value in settings.model_dump(mode="json").items():
        key = f"MONITOR_{name.upper()}"
        shown = (
            make_url(value).render_as_string(hide_password=True)
            if name == "database_url"
            else value
        )
        where = (
            key
            if key in os.environ
            else f"{key}_FILE"
            if f"{key}_FILE" in os.environ
            else "默认 default"
        )
        print(f"{key}={shown}" + (f"    # {where}" if source else ""))


def _explained(error: Any) -> str:  # noqa: ANN401  # pydantic's, imported late
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    import orjson
    from rich.console import Console
    from rich.table import Table

    if as_json:
        print(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())
        return
    table = Table(*(rows[0] if rows else ("—",)))
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table)


def _cell(value: object) -> str:
    from rich.markup import escape

    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return "" if value is None else escape(str(value))
