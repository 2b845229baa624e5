"""From an expression of the query language to its tree, with errors that say what to do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from analysis.query_tree import And, Field, Near, Not, Or, Query, QueryError, Term
from analysis.text import fold
from analysis.units import is_token_character

MAX_LENGTH: Final = 4_000
MAX_DEPTH: Final = 50
MAX_DISTANCE: Final = 9_999

_LEXEME = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<open>[(（])"
    r"|(?P<close>[)）])"
    r"|(?P<phrase>[\"＂“”„‟](?P<straight>[^\"＂“”„‟]*)[\"＂“”„‟]|「(?P<corner>[^」]*)」|『(?P<white>[^』]*)』)"
    r"|(?P<quote>[\"＂“”„‟「『])"
    r"|(?P<word>[^\s()（）\"＂“”„‟「『]+)"
)
_FIELD_PREFIX = re.compile(r"[^:：]+[:：]")
_NEAR = re.compile(r"(?<![A-Za-z0-9])NEAR/([0-9]*)")


class _Kind(StrEnum):
    """What a lexeme is; the values are what an error shows."""

    OPEN = "("
    CLOSE = ")"
    TERM = "词"
    FIELD = "字段"
    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    NEAR = "NEAR"
    START = "开头"
    END = "结尾"


_OPERATORS: Final = {_Kind.AND, _Kind.OR, _Kind.NOT, _Kind.NEAR}
_OPERATOR_WORDS: Final = {"and", "or", "not"}
_FIELD_NAMES: Final = frozenset(Field)
_OPERAND_STARTS: Final = {_Kind.OPEN, _Kind.TERM, _Kind.FIELD, _Kind.NOT}


@dataclass(frozen=True, slots=True)
class _Lexeme:
    kind: _Kind
    column: int
    text: str = ""  # folded, for a term
    prefix: bool = False
    distance: int = 0

    @property
    def shown(self) -> str:
        """The operator or field as the user writes it."""
        if self.kind is _Kind.NEAR:
            return f"NEAR/{self.distance}"
        return f"{self.text}:" if self.kind is _Kind.FIELD else self.kind.value


def parse(expression: str) -> Query:
    """Return the tree of ``expression``; raises QueryError with the column and a remedy.

    A bare term is any run of characters without white space, parentheses and quotes, and is
    looked for as it stands: ``C++``, ``AT&T``, ``3.15``, ``e-mail``, ``@name``, ``#tag#``,
    ``*ST`` and ``f*ck`` are terms. Where it begins or ends with a Latin letter or a digit, that
    end is the end of a token: ``3.15`` is found in ``3.15晚会`` and not in ``13.15``. Only ``*``
    at the end of a term means something, and only after a letter or a digit. Operators are words
    of their own, in upper case; ``and`` is a term, and so is ``爱AND恨``.
    """
    if len(expression) > MAX_LENGTH:
        raise QueryError(f"表达式超过 {MAX_LENGTH} 个字符，请拆成几个关键词", column=MAX_LENGTH + 1)
    lexemes = [*_lexemes(expression), _Lexeme(_Kind.END, len(expression) + 1)]
    return _Parser(lexemes).parse()


def plain(name: str) -> Term:
    """Return the term of a name taken literally: no operators, no fields, no prefix.

    Raises QueryError if nothing visible is left of it.
    """
    text = _folded(name)
    if not text:
        raise QueryError("名称是空的，请填写名称或删除它", column=1)
    return Term(text)


def _folded(text: str) -> str:
    return " ".join(fold(text).text.split())


def _lexemes(expression: str) -> Iterator[_Lexeme]:
    position = 0
    while position < len(expression):
        found = _LEXEME.match(expression, position)
        assert found is not None  # noqa: S101  # the classes cover every character
        column, position = position + 1, found.end()
        match found.lastgroup:
            case "open":
                yield _Lexeme(_Kind.OPEN, column)
            case "close":
                yield _Lexeme(_Kind.CLOSE, column)
            case "quote":
                raise QueryError("引号没有配对，请补上右引号，或删去这个引号", column)
            case "phrase":
                yield _phrase(found, column)
            case "word":
                field = _field(found[0], column)
                if field is None:
                    yield from _word(found[0], column)
                else:
                    yield field[0]
                    position = found.start() + field[1]


def _phrase(found: re.Match[str], column: int) -> _Lexeme:
    content = found["straight"] or found["corner"] or found["white"] or ""
    text = _folded(content)
    if not text:
        raise QueryError("引号里是空的，请写上要找的词语，或删去这对引号", column)
    return _Lexeme(_Kind.TERM, column, text)


def _field(word: str, column: int) -> tuple[_Lexeme, int] | None:
    """Return the field that ``word`` begins with and the length of its name with the colon."""
    name = _FIELD_PREFIX.match(word)
    if name is None or (folded := fold(name[0]).text.removesuffix(":")) not in _FIELD_NAMES:
        return None
    return _Lexeme(_Kind.FIELD, column, folded), name.end()


def _word(word: str, column: int) -> Iterator[_Lexeme]:
    text = fold(word).text
    if not text:
        return  # nothing but invisible characters, say a byte order mark pasted along
    if text not in _OPERATOR_WORDS and "near" not in text:
        yield _term(text, column)
        return
    shape = "".join(
        char for char in unicodedata.normalize("NFKC", word) if unicodedata.category(char) != "Cf"
    )
    if shape in {_Kind.AND, _Kind.OR, _Kind.NOT}:
        yield _Lexeme(_Kind(shape), column)
    elif shape == _Kind.NEAR or _NEAR.search(shape):
        yield _near(shape, column)
    else:
        yield _term(text, column)


def _near(shape: str, column: int) -> _Lexeme:
    found = _NEAR.search(shape)
    if found is None or not found[1]:
        raise QueryError("NEAR 缺少距离，请写成 NEAR/5 这样（最多相隔 5 个字）", column)
    if found[0] != shape:
        raise QueryError(
            f"{found[0]} 的两边要有空格，例如：电池 {found[0]} 起火", column + found.start()
        )
    if len(found[1]) > len(str(MAX_DISTANCE)):
        raise QueryError(f"NEAR 的距离太大，请写 0 到 {MAX_DISTANCE} 之间的数", column)
    return _Lexeme(_Kind.NEAR, column, distance=int(found[1]))


def _term(text: str, column: int) -> _Lexeme:
    stem = text.rstrip("*")
    if not stem:
        raise QueryError("* 前面没有词，请写成 iphone* 这样", column)
    prefix = stem != text and is_token_character(stem[-1])
    return _Lexeme(_Kind.TERM, column, " ".join(stem.split()), prefix)


class _Parser:
    """Recursive descent, one method per level of precedence, loosest first."""

    def __init__(self, lexemes: list[_Lexeme]) -> None:
        self._lexemes = lexemes
        self._next = 0
        self._depth = 0
        self._field: Field | None = None

    def parse(self) -> Query:
        query = self._alternatives()
        if self._peek.kind is _Kind.CLOSE:
            raise _unopened(self._peek)
        if not _asks(query):
            column = next(lexeme.column for lexeme in self._lexemes if lexeme.kind is _Kind.NOT)
            raise QueryError("只有排除，没有要找的词，请在 NOT 之前加上要找的词", column)
        return query

    @property
    def _peek(self) -> _Lexeme:
        return self._lexemes[self._next]

    def _take(self) -> _Lexeme:
        lexeme = self._peek
        self._next += 1
        return lexeme

    def _alternatives(self) -> Query:
        parts = [self._conjunction()]
        while self._peek.kind is _Kind.OR:
            self._take()
            parts.append(self._conjunction())
        return _joined(Or, parts)

    def _conjunction(self) -> Query:
        parts = [self._negation()]
        while self._peek.kind is _Kind.AND or self._peek.kind in _OPERAND_STARTS:
            if self._peek.kind is _Kind.AND:
                self._take()
            parts.append(self._negation())
        return _joined(And, parts)

    def _negation(self) -> Query:
        if self._peek.kind is not _Kind.NOT:
            return self._neighbours()
        self._take()
        return Not(self._neighbours())

    def _neighbours(self) -> Query:
        columns = [self._peek.column]
        operands = [self._operand()]
        distances = []
        while self._peek.kind is _Kind.NEAR:
            distances.append(self._take().distance)
            columns.append(self._peek.column)
            operands.append(self._operand())
        if not distances:
            return operands[0]
        choices = [_choice(*pair) for pair in zip(operands, columns, strict=True)]
        _require_one_text(choices, columns)
        return Near(tuple(choices), tuple(distances))

    def _operand(self) -> Query:
        outer = self._field
        while self._peek.kind is _Kind.FIELD:
            self._field = Field(self._take().text)
        try:
            return self._group() if self._peek.kind is _Kind.OPEN else self._single()
        finally:
            self._field = outer

    def _group(self) -> Query:
        opening = self._take()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise QueryError(f"括号嵌套超过 {MAX_DEPTH} 层，请拆成几个关键词", opening.column)
        query = self._alternatives()
        if self._peek.kind is not _Kind.CLOSE:
            raise QueryError("括号没有配对，请补上右括号，或删去这个左括号", opening.column)
        self._take()
        self._depth -= 1
        return query

    def _single(self) -> Query:
        if self._peek.kind is not _Kind.TERM:
            before = self._lexemes[self._next - 1] if self._next else _Lexeme(_Kind.START, 1)
            raise _missing_operand(before, self._peek)
        lexeme = self._take()
        return Term(lexeme.text, lexeme.prefix, self._field)


def _joined(kind: type[And | Or], parts: list[Query]) -> Query:
    """Return one node for ``parts``, taking in those of the same kind: (a b) c is a b c."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Query] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    return kind(tuple(flat))


def _choice(operand: Query, column: int) -> tuple[Term, ...]:
    choice = operand.parts if isinstance(operand, Or) else (operand,)
    found = tuple(part for part in choice if isinstance(part, Term))
    if len(found) < len(choice):
        raise QueryError(
            "NEAR 的两边只能是词、短语或用 OR 连接的词，请写成 (续航 OR 电池) NEAR/5 起火", column
        )
    return found


def _require_one_text(choices: list[tuple[Term, ...]], columns: list[int]) -> None:
    """Raise unless all terms look at the same text: distances between two make no sense."""
    texts: set[Field | None] = set()
    for choice, column in zip(choices, columns, strict=True):
        texts |= {None if term.field is Field.TITLE else term.field for term in choice}
        if len(texts) > 1:
            raise QueryError("NEAR 两边的词要在同一个字段里，请用 AND 连接不同的字段", column)


def _asks(query: Query, *, positive: bool = True) -> bool:
    """Return whether some term of ``query`` is to be found, not only to be absent."""
    match query:
        case And(parts) | Or(parts):
            return any(_asks(part, positive=positive) for part in parts)
        case Not(part):
            return _asks(part, positive=not positive)
        case _:
            return positive


def _unopened(lexeme: _Lexeme) -> QueryError:
    return QueryError("括号没有配对，请补上左括号，或删去这个右括号", lexeme.column)


def _missing_operand(before: _Lexeme, found: _Lexeme) -> QueryError:
    """Return what to tell where a term should stand, between ``before`` and ``found``."""
    if found.kind in _OPERATORS:
        return _misplaced_operator(before, found)
    if before.kind is _Kind.FIELD or before.kind in _OPERATORS:
        return QueryError(
            f"{before.shown} 后面缺少词，请补上词语，或删去 {before.shown}", before.column
        )
    if before.kind is _Kind.OPEN and found.kind is _Kind.CLOSE:
        return QueryError("括号里是空的，请写上要找的词语，或删去这对括号", before.column)
    if before.kind is _Kind.OPEN:
        return QueryError("括号没有配对，请补上右括号，或删去这个左括号", before.column)
    if found.kind is _Kind.CLOSE:
        return _unopened(found)
    return QueryError("表达式是空的，请写上要找的词，例如：电池 AND 起火", column=1)


def _misplaced_operator(before: _Lexeme, found: _Lexeme) -> QueryError:
    if before.kind is _Kind.FIELD:
        return QueryError(f"{before.shown} 后面要直接跟词语、短语或括号", before.column)
    if before.kind in _OPERATORS:
        return QueryError(
            f"{before.shown} 和 {found.shown} 两个运算符连在一起，请在中间补上词语，或删去一个",
            found.column,
        )
    return QueryError(f"{found.shown} 前面缺少词，请补上词语，或删去 {found.shown}", found.column)
