"""Commands that change or show an installation: channels, keys, import, settings."""

from __future__ import annotations

import base64
import secrets as random_secrets
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.frame import JSON_OPTION, explained, opened, show
from monitor.cli.texts import STDIN, Failed


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("ingest")(ingest)
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


def ingest(  # noqa: PLR0913, PLR0917  # one parameter an option
    file: Annotated[
        Path,
        typer.Argument(
            help='CSV、TSV、XLSX 或 JSON 行;"-" 读标准输入 · CSV, TSV, XLSX or JSON lines'
        ),
    ] = STDIN,
    mapping: Annotated[
        str,
        typer.Option(
            "--map",
            help='列映射,JSON 或文件,例如 {"text": "内容"};缺省时按表头猜测 · JSON or a file of it',
        ),
    ] = "",
    source: Annotated[str, typer.Option(help="所有行的数据源名称 · the source of all rows")] = "",
    kind: Annotated[str, typer.Option(help="article, post, comment, review")] = "",
    timezone: Annotated[
        str, typer.Option(help="无时区时间的时区 · zone of times without one")
    ] = "",
    rating_best: Annotated[int, typer.Option(help="评分满分 · top of the scale", max=100)] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只说会怎样,不写入 · store nothing")
    ] = False,
    json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """导入信息,逐行给出结果,好行保留;同一文件重复导入不会重复 · Import posts; each line gets an answer."""
    from monitor.cli.intake import Wish, ingest_file

    wish = Wish(
        mapping=mapping, source=source, kind=kind, timezone=timezone, rating_best=rating_best,
        dry_run=dry_run, as_json=json,
    )  # fmt: skip
    with opened() as app:
        rejected = ingest_file(app, file, wish)
    if rejected:
        raise typer.Exit(1)


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
        raise Failed(explained(error)) from error
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
    show(rows, as_json=json)


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
    show(rows, as_json=json)


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
