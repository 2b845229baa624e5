"""``monitor source``: where posts come from; kinds, presets, trials."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.frame import JSON_OPTION, explained, opened, show
from monitor.cli.texts import STDIN, Failed

if TYPE_CHECKING:
    from monitor.api.schemas_sources import SourceIn
    from monitor.app import App

LISTED = (
    "id", "name", "kind", "url", "state", "reason", "state_since", "last_success_at", "next_due_at", "posts_total",
)  # fmt: skip
UrlArgument = Annotated[str, typer.Argument(help="地址;该类型自带地址时可省略 · address")]
KindOption = Annotated[str, typer.Option(help="类型,见 monitor source kinds · kind")]
OptionsOption = Annotated[
    str, typer.Option(help="选项:JSON 对象或 JSON 文件 · options: JSON, or a file of it")
]
SecretOption = Annotated[
    list[str] | None, typer.Option(help="名称=值;可重复,加密保存 · name=value, sealed; repeatable")
]
PresetOption = Annotated[str, typer.Option(help="预设,见 monitor source presets · preset")]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="预设参数:名称=值;可重复 · parameter of the preset"),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    source = typer.Typer(help="数据源 · sources", no_args_is_help=True)
    source.command("add")(add_source)
    source.command("list")(list_sources)
    source.command("test")(try_source)
    source.command("poll")(poll_source)
    source.command("disable")(disable_source)
    source.command("enable")(enable_source)
    source.command("kinds")(list_kinds)
    source.command("presets")(list_presets)
    source.command("import")(import_feeds)
    source.command("export")(export_feeds)
    app.add_typer(source, name="source")


def add_source(  # noqa: PLR0913, PLR0917  # one parameter a flag
    url: UrlArgument = "",
    name: Annotated[str, typer.Option(help="名称 · name")] = "",
    kind: KindOption = "feed",
    interval: Annotated[int, typer.Option(help="间隔秒数 · seconds between visits")] = 0,
    timezone: Annotated[
        str, typer.Option(help="无时区日期的时区 · zone of dates without one")
    ] = "",
    options: OptionsOption = "",
    secret: SecretOption = None,
    preset: PresetOption = "",
    parameter: ParameterOption = None,
) -> None:
    """添加数据源 · Add a source; it is visited at once by the running service."""
    from sqlalchemy.exc import IntegrityError

    from monitor.api.sources import columns
    from monitor.storage import secrets_of_sources, sources

    given = _given(url, kind, options, preset, parameter)
    if timezone:
        given["options"] = {**given["options"], "timezone": timezone}
    if interval:
        given["interval_seconds"] = interval
    given["name"] = name or given.pop("title", "") or given.get("url") or kind
    body, values = _checked({**given, "secrets": _pairs(secret)}, columns)
    with opened() as app, app.database.write() as connection:
        try:
            key = sources.create(connection, values, now=app.clock())
        except IntegrityError as error:
            raise Failed(f"已有同名数据源 {body.name!r} · a source of this name exists") from error
        secrets_of_sources.change(connection, app.sealer, key, body.secrets)
    print(f"已添加 · added source {key}: {body.name}")


def try_source(
    url: UrlArgument = "",
    kind: KindOption = "feed",
    options: OptionsOption = "",
    secret: SecretOption = None,
    preset: PresetOption = "",
    parameter: ParameterOption = None,
) -> None:
    """抓取一次,显示前五条与未映射字段 · Fetch once: the first five posts, and what stayed unmapped."""
    from pydantic import ValidationError

    from monitor.api.schemas_sources import VisitIn

    given = _given(url, kind, options, preset, parameter)
    given.pop("title", None)
    given.pop("interval_seconds", None)
    try:
        body = VisitIn.model_validate({**given, "secrets": _pairs(secret)})
    except ValidationError as error:
        raise Failed(explained(error)) from error
    with opened() as app:
        answer = asyncio.run(_visited(app, body))
    posts = answer.pop("data")
    print(f"状态 state: {answer['state']}  {answer['reason'] or ''}", file=sys.stderr)
    show([{**answer, "data": posts}], as_json=True)
    if not posts and not answer["ratings"]:
        raise typer.Exit(1)


async def _visited(app: App, body: Any) -> dict[str, Any]:  # noqa: ANN401  # VisitIn, imported late
    from monitor.api.problems import Problem
    from monitor.api.visiting import visit

    async with app.http:
        try:
            return await visit(app.deps(), body)
        except Problem as problem:
            raise Failed(_told(problem)) from problem
        finally:
            app.analyst.close()


def list_sources(json: Annotated[bool, JSON_OPTION] = False) -> None:
    """列出数据源与状态 · List sources and their states."""
    from monitor.storage import sources

    with opened() as app, app.database.read() as connection:
        rows = [
            {name: row[name] for name in LISTED}
            for row in sources.page(connection, after=0, limit=10_000)
        ]
    show(rows, as_json=json)


def poll_source(source_id: Annotated[int, typer.Argument(help="编号 · id")]) -> None:
    """立即抓取 · Make a source due at once."""
    from monitor.storage import sources

    with opened() as app, app.database.write() as connection:
        if sources.get(connection, source_id) is None:
            raise Failed(f"没有数据源 {source_id} · there is no such source")
        sources.poll_now(connection, source_id, now=app.clock())
    print("已排队 · queued")


def disable_source(source_id: Annotated[int, typer.Argument(help="编号 · id")]) -> None:
    """停用数据源,信息保留 · Stop visiting a source; its posts stay."""
    _set_enabled(source_id, enabled=False)
    print("已停用 · disabled")


def enable_source(source_id: Annotated[int, typer.Argument(help="编号 · id")]) -> None:
    """启用数据源 · Visit a source again."""
    _set_enabled(source_id, enabled=True)
    print("已启用 · enabled")


def _set_enabled(source_id: int, *, enabled: bool) -> None:
    from monitor.storage import sources

    with opened() as app, app.database.write() as connection:
        if sources.get(connection, source_id) is None:
            raise Failed(f"没有数据源 {source_id} · there is no such source")
        sources.change(connection, source_id, {"enabled": enabled}, now=app.clock())


def list_kinds(json: Annotated[bool, JSON_OPTION] = False) -> None:
    """列出数据源类型与选项 · List kinds of sources; with --json the schema of their options."""
    from monitor.api.source_kinds import kinds

    rows = kinds()
    if not json:
        for row in rows:
            row["options"] = ", ".join(row.pop("options_schema").get("properties", ()))
            del row["obeys_robots"], row["default_url"]
            row["secrets"] = ", ".join(row["secrets"])
    show(rows, as_json=json)


def list_presets(json: Annotated[bool, JSON_OPTION] = False) -> None:
    """列出预设 · List presets: sources that need a few words only."""
    from monitor.api.source_kinds import presets

    rows = presets()
    if not json:
        rows = [
            {
                "name": row["name"],
                "title": row["title"],
                "kind": row["kind"],
                "parameters": ", ".join(row["parameters"]),
                "secrets": ", ".join(row["secrets"]),
            }
            for row in rows
        ]
    show(rows, as_json=json)


def import_feeds(
    file: Annotated[Path, typer.Argument(help='OPML 文件;"-" 读标准输入 · OPML file')],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只说会怎样,不写入 · store nothing")
    ] = False,
    json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """从 OPML 导入订阅源,已有的跳过,文件夹保留 · Import feeds from OPML; exit code 1 if some were rejected."""
    from collectors import opml
    from monitor.api.opml import RESULTS
    from monitor.api.opml import import_feeds as import_found
    from monitor.api.problems import Problem

    with opened() as app:
        try:
            body = sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
            found = opml.read(body)
            answer = import_found(app.database, found, now=app.clock(), dry_run=dry_run)
        except (OSError, opml.OpmlError) as error:
            raise Failed(f"{file}: {error}") from error
        except Problem as problem:
            raise Failed(_told(problem)) from problem
    show(answer["data"], as_json=json)
    counts = " · ".join(f"{name} {answer[name]}" for name in RESULTS)
    note = " · 试运行,没有写入 dry run, nothing stored" if dry_run else ""
    print(f"新建·重复·拒绝 {counts}{note}", file=sys.stderr)
    if answer["rejected"]:
        raise typer.Exit(1)


def export_feeds(
    file: Annotated[Path, typer.Argument(help='写到哪里;"-" 为标准输出 · where to')] = STDIN,
) -> None:
    """导出订阅源为 OPML 2.0 · Export the feeds as OPML, which other readers take."""
    from monitor.api.opml import export_feeds as exported

    with opened() as app:
        body = exported(app.database, now=app.clock())
    if file == STDIN:
        sys.stdout.buffer.write(body)
        return
    try:
        file.write_bytes(body)
    except OSError as error:
        raise Failed(f"无法写入 {file}: {error.strerror} · cannot write it") from error


def _given(
    url: str, kind: str, options: str, preset: str, parameters: list[str] | None
) -> dict[str, Any]:
    """Return the fields of a source from flags or from a preset; options given win."""
    own = _options(options)
    if not preset:
        return {"kind": kind, "options": own} | ({"url": url} if url else {})
    from monitor.api.problems import Problem
    from monitor.api.source_kinds import filled

    try:
        found = filled(preset, {**_pairs(parameters), **({"base": url} if url else {})})
    except Problem as problem:
        raise Failed(_told(problem)) from problem
    return {**found, "options": {**found["options"], **own}}


def _options(text: str) -> dict[str, Any]:
    import orjson

    if not text:
        return {}
    try:
        body = text.encode() if text.lstrip().startswith("{") else Path(text).read_bytes()
        found = orjson.loads(body)
    except (OSError, orjson.JSONDecodeError) as error:
        raise Failed(f"--options: {error}") from error
    if not isinstance(found, dict):
        raise Failed("--options: 应为 JSON 对象 · must be a JSON object")
    return found


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs = {}
    for one in given or ():
        name, sign, value = one.partition("=")
        if not sign or not name or not value:
            raise Failed(f"{name or one!r}: 应为 名称=值 · must be name=value")
        pairs[name] = value
    return pairs


def _checked(given: dict[str, Any], columns: Any) -> tuple[SourceIn, dict[str, Any]]:  # noqa: ANN401
    from pydantic import ValidationError

    from monitor.api.problems import Problem
    from monitor.api.schemas_sources import SourceIn
    from monitor.api.source_kinds import checked_secrets

    try:
        body = SourceIn.model_validate(given)
        checked_secrets(body.kind, body.secrets)
        return body, columns(body)
    except ValidationError as error:
        raise Failed(explained(error)) from error
    except Problem as problem:
        raise Failed(_told(problem)) from problem


def _told(problem: Any) -> str:  # noqa: ANN401  # Problem, imported late
    places = "; ".join(f"{wrong.pointer}: {wrong.detail}" for wrong in problem.errors or ())
    return places or str(problem.detail)
