"""The faults use the fixtures of the scenarios."""

from __future__ import annotations

from tests.scenarios.conftest import add_channel, new_service, receiver, service, site

__all__ = ["add_channel", "new_service", "receiver", "service", "site"]
