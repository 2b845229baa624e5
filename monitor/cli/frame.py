"""What the commands of an installation share: opening it, and showing rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from monitor.cli.texts import Failed

if TYPE_CHECKING:
    from monitor.app import App

JSON_OPTION = typer.Option("--json", help="以 JSON 输出 · print JSON")


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


def explained(error: Any) -> str:  # noqa: ANN401  # pydantic's, imported late
    """Return what pydantic found wrong, place by place."""
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())


def show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
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
