"""The command line. Each command imports what it needs when it runs, so ``--help`` is quick."""

from __future__ import annotations

import typer

from monitor import __version__
from monitor.cli import admin, service, sources, texts

app = typer.Typer(
    name="monitor",
    help="见微 Jianwei:品牌舆情早期预警,自托管 · early warning for brand crises, self-hosted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
service.register(app)
texts.register(app)
admin.register(app)
sources.register(app)


@app.command("version")
def version() -> None:
    """版本 · Print the version."""
    print(f"jianwei {__version__}")


def run(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 ok, 1 failed, 2 usage, 3 an alert is open."""
    try:
        app(args=arguments)
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 0 if leave.code is None else 1
    except texts.Failed as failed:
        typer.secho(f"✖ {failed}", fg="red", err=True)
        return 1
    return 0
