"""The naive stack: the named libraries put together as their own documentation shows them.

feedparser: ``feedparser.parse(body).entries``; jieba: ``jieba.lcut(text)``; SnowNLP:
``SnowNLP(text).sentiments``; SQLAlchemy: mapped classes, ``session.scalar(select(…))`` before each
``session.add(…)``. Keywords and rules are tried one after the other with ``in``. In two points
it is kinder than the documentation: one commit a feed, not one an item, and one session.
"""

from __future__ import annotations

import calendar
import json
import logging
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import jieba
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from tests.bench.material import Watched


class Base(DeclarativeBase):
    """The mapped classes' base."""


class Article(Base):
    """A stored entry."""

    __tablename__ = "article"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    content: Mapped[str]
    published_at: Mapped[datetime]
    words: Mapped[str]
    sentiment: Mapped[float]
    mentions: Mapped[list[Mention]] = relationship(back_populates="article")


class Mention(Base):
    """An article matched by a keyword list."""

    __tablename__ = "mention"

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"))
    keyword_list: Mapped[str]
    article: Mapped[Article] = relationship(back_populates="mentions")


def load(with_snownlp: bool) -> None:
    """Load the dictionaries, as a running program has."""
    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    if with_snownlp:
        from snownlp import SnowNLP

        _ = SnowNLP("很好").sentiments


def run(path: Path, bodies: Iterable[bytes], lists: Sequence[Watched], with_snownlp: bool) -> None:
    """Store the entries of all feeds in a new SQLite database."""
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for body in bodies:
            for entry in feedparser.parse(body).entries:
                _store(session, entry, lists, with_snownlp)
            session.commit()
    engine.dispose()


def _store(
    session: Session,
    entry: feedparser.FeedParserDict,
    lists: Sequence[Watched],
    with_snownlp: bool,
) -> None:
    found = session.scalar(select(Article).where(Article.url == entry.link))
    if found is not None:
        return
    content = f"{entry.title}\n{entry.summary}"
    article = Article(
        url=entry.link,
        title=entry.title,
        content=content,
        published_at=datetime.fromtimestamp(calendar.timegm(entry.published_parsed), UTC),
        words=" ".join(jieba.lcut(content)),
        sentiment=sentiment(content) if with_snownlp else 0.5,
    )
    article.mentions = [Mention(keyword_list=name) for name in matched(content, lists)]
    session.add(article)


def matched(text: str, lists: Sequence[Watched]) -> list[str]:
    """Return the lists of which a keyword or a rule matches."""
    found = []
    for one in lists:
        hits = [word for word in one.keywords if word in text]
        rules = [
            rule
            for rule in one.rules
            if rule.first in text
            and (rule.second in text or rule.third in text)
            and rule.without not in text
        ]
        if hits or rules:
            found.append(one.name)
    return found


def sentiment(text: str) -> float:
    """Return SnowNLP's probability that the text is positive."""
    from snownlp import SnowNLP

    answer: float = SnowNLP(text).sentiments
    return answer


def judge(text: str) -> tuple[list[str], float]:
    """Return words and sentiment: the plain loop's body."""
    return jieba.lcut(text), sentiment(text)


def stored(path: Path) -> tuple[int, set[tuple[str, str]]]:
    """Return how many articles are stored, and the (url, keyword list) of all mentions."""
    engine = create_engine(f"sqlite:///{path}")
    with Session(engine) as session:
        articles = len(session.scalars(select(Article.id)).all())
        rows = session.execute(select(Article.url, Mention.keyword_list).join(Mention.article))
        mentions = {(url, name) for url, name in rows}
    engine.dispose()
    return articles, mentions


def main() -> None:
    """Read JSON lines {"id", "text"} from standard input, answer words and sentiment of each."""
    load(with_snownlp=True)
    for line in sys.stdin:
        row = json.loads(line)
        words, score = judge(row["text"])
        print(json.dumps({"id": row["id"], "words": words, "sentiment": score}, ensure_ascii=False))


if __name__ == "__main__":
    main()
