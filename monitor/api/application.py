"""The API as one application: the frame around the resources."""

from __future__ import annotations

from fastapi import Depends, FastAPI

import monitor
from monitor.api import (
    alerts,
    blind_spots,
    channels,
    deliveries,
    docs,
    feeds,
    health,
    imports,
    inlets,
    keyword_imports,
    keyword_lists,
    mentions,
    metrics,
    openapi,
    opml,
    posts,
    problems,
    sightings,
    source_kinds,
    sources,
    stream,
    tokens,
    trends,
    websub,
)
from monitor.api.deps import Deps
from monitor.api.frame import BodyLimit, Frame, on_bug, refuse_unknown_parameters
from monitor.api.limits import FAILURES_PER_MINUTE, RateLimit
from monitor.api.repeats import Repeats

# Each has a `router` with whole paths. Imports and exports come before `/keyword-lists/{key}` and `/sources/{key}`.
RESOURCES = (
    keyword_imports, keyword_lists, source_kinds, opml, sources, blind_spots, posts, mentions, trends, alerts, channels, deliveries, tokens,
    imports, inlets, sightings, stream, feeds, metrics, health, docs,
)  # fmt: skip


def create(deps: Deps) -> FastAPI:
    """Return the application. It listens to nobody by itself and starts nothing."""
    app = FastAPI(
        title="见微 Jianwei",
        version=monitor.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.deps = deps
    app.state.parameters = {}
    app.state.rate_limit = RateLimit()
    app.state.failure_limit = RateLimit(FAILURES_PER_MINUTE)
    problems.install(app)
    app.add_exception_handler(Exception, on_bug)
    openapi.install(app)
    for resource in RESOURCES:
        app.include_router(resource.router, dependencies=[Depends(refuse_unknown_parameters)])
    app.include_router(websub.router)  # hubs may send parameters beyond the protocol's
    # the last one added is the outermost
    app.add_middleware(Repeats)
    app.add_middleware(BodyLimit)
    app.add_middleware(Frame)
    return app
