"""Why a request brought no answer, said without the secrets a URL may carry."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit

from collectors.model import CollectError


class Reason(StrEnum):
    """Why a request brought no answer."""

    BAD_URL = "bad_url"
    REFUSED_ADDRESS = "refused_address"
    NO_SUCH_HOST = "no_such_host"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    BAD_CODING = "bad_coding"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    DOWNGRADE = "downgrade"
    PROTOCOL = "protocol"
    REFUSED = "refused"


_NEVER_HELPS = frozenset(
    {
        Reason.BAD_URL,
        Reason.REFUSED_ADDRESS,
        Reason.TOO_LARGE,
        Reason.BAD_CODING,
        Reason.TOO_MANY_REDIRECTS,
        Reason.DOWNGRADE,
    }
)


# Shown to users as the reason of a source's or a delivery's state.
_SAID = {
    Reason.BAD_URL: "地址无效",
    Reason.REFUSED_ADDRESS: "禁止访问的地址",
    Reason.NO_SUCH_HOST: "找不到主机",
    Reason.CONNECT: "连接失败",
    Reason.TLS: "证书或加密连接错误",
    Reason.TIMEOUT: "超时",
    Reason.TOO_SLOW: "传输过慢",
    Reason.TOO_LARGE: "内容过大",
    Reason.BAD_CODING: "无法识别的压缩方式",
    Reason.TOO_MANY_REDIRECTS: "跳转次数过多",
    Reason.DOWNGRADE: "拒绝从 https 跳转到 http",
    Reason.PROTOCOL: "不符合 HTTP 协议",
    Reason.REFUSED: "服务器拒绝",
}


def redact(url: str) -> str:
    """Return scheme and host of ``url`` for logs and messages.

    Path and query may be a secret (webhook keys, feed tokens), user information always is.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "…"
    if not parts.scheme or not host:
        return "…"
    shown = "".join(c if c.isprintable() else "?" for c in host)
    shown = f"[{shown}]" if ":" in shown else shown
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}/…"


class FetchError(CollectError):
    """A request brought no usable answer. The text holds the redacted URL only."""

    def __init__(self, reason: Reason, url: str, detail: str = "") -> None:
        why = f"{reason.value}: {detail}" if detail else reason.value
        text = f"{_SAID[reason]} {redact(url)} ({why})"
        super().__init__(text, retryable=reason not in _NEVER_HELPS)
        self.reason = reason


class RefusedAddress(FetchError):
    """The host leads to an address we never connect to. No connection was made."""

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(Reason.REFUSED_ADDRESS, url, detail)
