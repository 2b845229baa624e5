"""Commands that read texts and numbers from files or standard input and need no installation."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

STDIN = Path("-")
CHUNK = 512


class Failed(Exception):  # raised by any command
    """An expected failure: one sentence for the user, exit code 1."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("analyze")(analyze)
    app.command("backtest")(backtest)
    keywords = typer.Typer(help="关键词表达式 · keyword expressions", no_args_is_help=True)
    keywords.command("match")(match)
    app.add_typer(keywords, name="keywords")


def analyze(
    file: Annotated[
        Path, typer.Argument(help='JSON 行 {"id","text","targets"};"-" 读标准输入 · JSON lines')
    ] = STDIN,
    stories: Annotated[
        bool,
        typer.Option("--stories", help="附上事件编号 · add an id shared by near-identical texts"),
    ] = False,
    scorer: Annotated[
        str, typer.Option(help="linear 或 snownlp(仅供对比) · or snownlp, to compare")
    ] = "linear",
) -> None:
    """逐行判断情感、对象、风险,一行输入一行输出 · Judge texts: one answer line for each line."""
    from analysis.model import AnalysisError
    from analysis.understand import TextAnalyzer

    try:
        analyzer = TextAnalyzer(scorer=scorer, stories=stories)
    except AnalysisError as error:
        raise Failed(str(error)) from error
    with _lines(file) as lines:
        for chunk in _chunks(lines):
            _print_json(analyzer.analyze([_parsed(line) for line in chunk]))


def match(
    file: Annotated[
        Path, typer.Argument(help='JSON 行 {"expr","text"};"-" 读标准输入 · JSON lines')
    ] = STDIN,
) -> None:
    """检验表达式是否命中文本 · Try expressions on texts; an error is an answer with column and message."""
    with _lines(file) as lines:
        for chunk in _chunks(lines):
            _print_json(_matched(_parsed(line)) for line in chunk)


def _matched(row: object) -> dict[str, object]:
    from analysis.query import QueryError, match_expression

    if (
        not isinstance(row, dict)
        or not isinstance(row.get("expr"), str)
        or not isinstance(row.get("text"), str)
    ):
        return {
            "error": {
                "column": 1,
                "message": '每行需要 {"expr": "…", "text": "…"} · each line needs expr and text',
            }
        }
    try:
        hits = match_expression(row["expr"], row["text"])
    except QueryError as error:
        return {"error": {"column": error.column, "message": error.message}}
    found = [{"start": hit.start, "end": hit.end} for hit in hits or ()]
    return {"match": hits is not None, "hits": found}


def backtest(
    series: Annotated[
        Path, typer.Option("--series", help="CSV:timestamp,value;“-” 读标准输入 · or - for stdin")
    ],
    timezone: Annotated[
        str, typer.Option(help="无时区时间的时区 · zone of times without one")
    ] = "",
) -> None:
    """用历史序列检验探测器(严格因果) · Run the detector over a series: timestamp,value,baseline,score,tier."""
    from analysis.backtest import backtest as run
    from analysis.model import AnalysisError

    zone = _zone(timezone)
    with _lines(series) as lines:
        rows = list(_series(lines))
    try:
        found = run(rows, zone)
    except AnalysisError as error:
        raise Failed(str(error)) from error
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("timestamp", "value", "baseline", "score", "tier"))
    for (timestamp, value), row in zip(rows, found, strict=True):
        writer.writerow(
            (timestamp, value, f"{row.baseline:.4f}", f"{row.score:.4f}", row.tier.wire)
        )


def _zone(name: str) -> Any:  # noqa: ANN401
    from monitor.config import SettingsError, load

    try:
        return load(**({"timezone": name} if name else {})).zone
    except SettingsError as error:
        raise Failed(str(error)) from error


def _series(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    reader = csv.DictReader(lines)
    names = [name.strip().lower() for name in reader.fieldnames or []]
    if "timestamp" not in names or "value" not in names:
        raise Failed(
            f"第 1 行需要列名 timestamp,value,读到 {names} · line 1 must name timestamp,value"
        )
    reader.fieldnames = names
    for row in reader:
        yield (row["timestamp"] or "", row["value"] or "")


@contextmanager
def _lines(path: Path) -> Iterator[TextIO]:
    if path == STDIN:
        # undecodable bytes become U+FFFD: a bad line is answered, the rest is read on
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")  # type: ignore[union-attr]  # a text file
        yield sys.stdin
        return
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="\n") as file:
            yield file
    except OSError as error:
        raise Failed(f"无法读取 {path}: {error.strerror} · cannot read it") from error


def _chunks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield lines as they come in groups; interactive input is answered line by line."""
    size = 1 if sys.stdin.isatty() else CHUNK
    iterator = iter(lines)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _parsed(line: str) -> object:
    """Return the JSON of a line; a line that is none comes back as its text."""
    import orjson

    try:
        parsed: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    return parsed


def _print_json(rows: Iterable[object]) -> None:
    import orjson

    out = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    sys.stdout.buffer.write(out)
    sys.stdout.buffer.flush()
