"""The tables, the same on SQLite and PostgreSQL. Revisions in ``migrations/`` must end here."""

from __future__ import annotations

from monitor.storage.tables.collecting import (
    blind_spot,
    host,
    import_job,
    inlet,
    look,
    post_metric,
    post_revision,
    product_rating,
    source,
    subscription,
)
from monitor.storage.tables.frame import metadata
from monitor.storage.tables.reading import (
    baseline,
    counter,
    dirty,
    keyword,
    keyword_list,
    keyword_list_version,
    mention,
    post,
    rematch,
    rollup,
)
from monitor.storage.tables.warning import (
    alert,
    alert_event,
    api_key,
    attempt,
    channel,
    delivery,
    idempotency,
    person,
    signal,
)

__all__ = [
    "alert",
    "alert_event",
    "api_key",
    "attempt",
    "baseline",
    "blind_spot",
    "channel",
    "counter",
    "delivery",
    "dirty",
    "host",
    "idempotency",
    "import_job",
    "inlet",
    "keyword",
    "keyword_list",
    "keyword_list_version",
    "look",
    "mention",
    "metadata",
    "person",
    "post",
    "post_metric",
    "post_revision",
    "product_rating",
    "rematch",
    "rollup",
    "signal",
    "source",
    "subscription",
]
