"""Corrections of sentiment labels by people."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from analysis.model import Sentiment
from monitor.storage import rollups
from monitor.storage.engine import Database
from monitor.storage.tables import mention

# A person's label is certain, and a score is P(positive) − P(negative).
CERTAIN = {Sentiment.NEGATIVE: -1.0, Sentiment.NEUTRAL: 0.0, Sentiment.POSITIVE: 1.0}


def relabel(
    database: Database,
    connection: Connection,
    mention_id: int,
    label: Sentiment,
    *,
    actor: str,
    now: datetime,
) -> bool:
    """Give a mention the label that a person found; its rollups move along. False: no such mention.

    The same label again only changes ``label_by``.
    """
    query = select(mention).where(mention.c.id == mention_id).with_for_update()
    old = connection.execute(query).mappings().first()
    if old is None:
        return False
    changed = {"sentiment": label.value, "score": CERTAIN[label], "label_by": actor}
    connection.execute(update(mention).where(mention.c.id == mention_id).values(changed))
    deltas = rollups.Deltas()
    deltas.add(old, sign=-1)
    deltas.add({**old, **changed})
    rollups.apply(connection, deltas, now=now)
    return True
