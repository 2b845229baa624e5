"""``python -m monitor`` and the ``monitor`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; an expected failure is one sentence and exit code 1."""
    from monitor.cli import run  # so that importing this module costs nothing

    sys.exit(run())


if __name__ == "__main__":
    main()
