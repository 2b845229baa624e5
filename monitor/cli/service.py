"""Commands that run the service: serve, worker, scheduler, demo, db upgrade."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.texts import Failed

if TYPE_CHECKING:
    from monitor.config import Settings

ROLES_HELP = "api, collect, analyse, alert, dispatch, housekeeping"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("serve")(serve)
    app.command("worker")(worker)
    app.command("scheduler")(scheduler)
    app.command("demo")(demo)
    database = typer.Typer(help="数据库 · the database", no_args_is_help=True)
    database.command("upgrade")(upgrade)
    database.command("backup")(backup)
    app.add_typer(database, name="db")


def serve(
    host: Annotated[str | None, typer.Option(help="监听地址 · address to bind")] = None,
    port: Annotated[int | None, typer.Option(help="端口 · port, 0 = any free one")] = None,
    roles: Annotated[str | None, typer.Option(help=ROLES_HELP)] = None,
) -> None:
    """启动全部角色于一个进程 · Run all roles (or those given) in one process."""
    given = {"host": host, "port": port, "roles": roles}
    settings = _settings({key: value for key, value in given.items() if value is not None})
    _run(settings)


def worker(
    roles: Annotated[str, typer.Option(help=ROLES_HELP)] = "collect,analyse,alert,dispatch",
) -> None:
    """只运行所选角色 · Run chosen roles without the API; any number of these share one database."""
    _run(_settings({"roles": roles}))


def scheduler() -> None:
    """只运行后台整理 · Run housekeeping alone."""
    _run(_settings({"roles": "housekeeping"}))


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="回放一次后退出(≤ 60 秒) · replay once, then exit")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="不打开浏览器 · do not open a browser")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="结果以 JSON 输出 · print the result as JSON")
    ] = False,
    directory: Annotated[
        Path, typer.Option("--dir", help="演示数据目录 · where the demo keeps its data")
    ] = Path(".jianwei-demo"),
) -> None:
    """回放一场内置的虚构危机 · Replay a bundled, invented crisis through the real service."""
    from monitor.app import StartError
    from monitor.demo.run import DemoOptions, run

    options = DemoOptions(directory=directory, once=once, open_browser=not no_browser, as_json=json)
    try:
        code = asyncio.run(run(options))
    except StartError as error:
        raise Failed(str(error)) from error
    raise typer.Exit(code)


def upgrade() -> None:
    """升级数据库结构 · Bring the database to the newest revision; safe to repeat."""
    from monitor.storage import migrate
    from monitor.storage.engine import Database

    settings = _settings({})
    database = Database(settings.database_url)
    try:
        print(f"数据库已在版本 · database is at revision {migrate.upgrade(database)}")
    finally:
        database.close()


def backup(target: Annotated[Path, typer.Argument(help="目标文件 · file to write")]) -> None:
    """在线备份 SQLite · Copy a running SQLite database consistently."""
    import sqlite3

    from sqlalchemy.engine import make_url

    address = make_url(_settings({}).database_url)
    if address.get_backend_name() != "sqlite":
        raise Failed("PostgreSQL 请用 pg_dump 备份 · back PostgreSQL up with pg_dump")
    if target.exists():
        raise Failed(f"{target} 已存在,不会覆盖 · exists and is not overwritten")
    stored = f"file:{address.database}?mode=ro"
    with sqlite3.connect(stored, uri=True) as source, sqlite3.connect(target) as copy:
        source.backup(copy)
    print(f"已备份到 · backed up to {target}")


def _settings(overrides: dict[str, object]) -> Settings:
    from monitor.config import SettingsError, load

    try:
        return load(**overrides)
    except SettingsError as error:
        raise Failed(str(error)) from error


def _run(settings: Settings) -> None:
    from monitor.app import StartError, build
    from monitor.config import Role, SettingsError
    from monitor.serving import serve, work
    from monitor.telemetry import setup_logging

    setup_logging(settings.log_level)
    try:
        app = build(settings)
        asyncio.run(serve(app) if Role.API in settings.roles else work(app))
    except (StartError, SettingsError) as error:
        raise Failed(str(error)) from error
