"""A publisher and its WebSub hubs, by Flask-WebSub; run by the Python of a folder of its own.

``hub_server.py PORT FOLDER``: ``/sha512/feed.xml`` and ``/sha1/feed.xml`` are topics, each with its
hub at ``/sha512/hub`` and ``/sha1/hub``, which sign by that algorithm. ``POST /ALGORITHM/entries``
adds an entry; the hub is told as any publisher tells it: ``hub.mode=publish``.
"""

from __future__ import annotations

import sys
from email.utils import formatdate
from pathlib import Path
from xml.sax.saxutils import escape

from celery import Celery
from celery.contrib.testing.worker import start_worker
from flask import Flask, Response, request
from flask_websub.hub import Hub, SQLite3HubStorage
from flask_websub.publisher import init_publisher, publisher
from werkzeug.serving import make_server

ALGORITHMS = ("sha512", "sha1")


def add_topic(app: Flask, queue: Celery, algorithm: str, folder: Path) -> None:
    """Add one topic and its hub to the site."""
    base = f"http://127.0.0.1:{app.config['PORT']}/{algorithm}"
    storage = SQLite3HubStorage(str(folder / f"{algorithm}.sqlite3"))
    hub = Hub(storage, queue, SIGNATURE_ALGORITHM=algorithm)
    app.register_blueprint(hub.build_blueprint(url_prefix=f"/{algorithm}/hub"))
    entries: list[tuple[str, str, str]] = []

    @app.get(f"/{algorithm}/feed.xml", endpoint=f"feed_{algorithm}")
    @publisher(self_url=f"{base}/feed.xml", hub_url=f"{base}/hub")
    def feed() -> Response:
        return Response(document(algorithm, entries), content_type="application/rss+xml")

    @app.post(f"/{algorithm}/entries", endpoint=f"add_{algorithm}")
    def add() -> tuple[str, int]:
        guid, title = request.form["guid"], request.form["title"]
        entries.insert(0, (guid, title, formatdate(usegmt=True)))
        return "", 201


def document(name: str, entries: list[tuple[str, str, str]]) -> str:
    """Return the feed of these entries, the newest first."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{escape(guid)}</guid><title>{escape(title)}</title>"
        f"<pubDate>{at}</pubDate></item>"
        for guid, title, at in entries
    )
    return f"<rss version='2.0'><channel><title>{name}</title>{items}</channel></rss>"


def main(port: int, folder: Path) -> None:
    """Serve until the process is ended."""
    app = Flask(__name__)
    app.config.update(PORT=port, PUBLISH_SUPPORTED=True)
    init_publisher(app)
    queue = Celery("hub", broker="memory://")
    queue.conf.task_ignore_result = True
    for algorithm in ALGORITHMS:
        add_topic(app, queue, algorithm, folder)
    with start_worker(queue, pool="threads", concurrency=2, perform_ping_check=False):
        make_server("127.0.0.1", port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
