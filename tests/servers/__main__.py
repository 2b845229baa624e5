"""``python -m tests.servers wordpress|rsshub|hub``: one of the servers, for trying things by hand."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tests.servers import running
from tests.servers.install import Unavailable


class Server(Protocol):
    """What every server here has."""

    @property
    def port(self) -> int: ...


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "wordpress": running.wordpress,
    "rsshub": running.rsshub,
    "hub": running.websub_hub,
}


def main(name: str) -> int:
    """Run one server until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="jianwei-servers-") as folder:
        try:
            with SERVERS[name](Path(folder)) as server:
                print(f"http://127.0.0.1:{server.port}/  (Ctrl-C ends it; its log: {folder})")
                signal.pause()
        except Unavailable as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] not in [[name] for name in SERVERS]:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1]))
