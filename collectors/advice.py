"""What to do about a source in trouble, in the words of whoever runs the installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from collectors.model import SourceKind, SourceState


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the operator can do, in Chinese and in English."""

    zh: str
    en: str


class ErrorClass(StrEnum):
    """What kind of trouble a source has, for filters and figures."""

    SILENCE = "silence"
    RATE_LIMIT = "rate_limit"
    REFUSAL = "refusal"
    NETWORK = "network"
    SERVER = "server"
    ADDRESS = "address"
    CONTENT = "content"
    GONE = "gone"


STATE_NAMES: Final[Mapping[SourceState, str]] = MappingProxyType(
    {
        SourceState.NEW: "尚未访问",
        SourceState.OK: "正常",
        SourceState.SLOW: "缓慢",
        SourceState.SILENT: "失声",
        SourceState.RATE_LIMITED: "被限流",
        SourceState.BACKING_OFF: "暂时读取失败",
        SourceState.FAILING: "持续读取失败",
        SourceState.BLOCKED: "被拒绝访问",
        SourceState.NOT_A_FEED: "内容不是订阅源",
        SourceState.RECIPE_BROKEN: "抓取配方失效",
        SourceState.GONE: "已永久关闭",
    }
)

_ADVICE: Final[Mapping[SourceState, Advice]] = MappingProxyType(
    {
        SourceState.SLOW: Advice(
            zh="对方响应缓慢；若持续，请加大抓取间隔。",
            en="It answers slowly; if that lasts, lengthen the interval.",
        ),
        SourceState.SILENT: Advice(
            zh="读取正常但长时间没有新内容。请打开原站核对：若原站有新内容，多半是地址、栏目或登录状态变了；若原站确实停更，可停用该数据源。",
            en="Visits succeed but nothing new comes. Compare with the site itself: if it has news, the address, "
            "section or sign-in changed; if it has stopped, disable the source.",
        ),
        SourceState.RATE_LIMITED: Advice(
            zh="对方要求降低频率，将按其要求等待后重试。请加大抓取间隔，或换用带密钥的接口。",
            en="It asks for fewer requests and is tried again after the wait it named. Lengthen the interval or use a key.",
        ),
        SourceState.BACKING_OFF: Advice(
            zh="将自动重试，间隔逐次加倍。若多个数据源同时失败，请检查本机网络。",
            en="It is tried again with doubling pauses. If many sources fail at once, check this machine's network.",
        ),
        SourceState.FAILING: Advice(
            zh="连续多次读取失败。请在浏览器中打开地址核对是否改版、迁移或下线；若多个数据源同时失败，请检查本机网络。",
            en="It failed many times in a row. Open the address in a browser: moved or shut down? If many fail at once, "
            "check this machine's network.",
        ),
        SourceState.BLOCKED: Advice(
            zh="对方拒绝自动读取（需要登录、验证码或密钥）。请补充或更新密钥，或改用官方接口、授权数据或导入；不会绕过验证。",
            en="It refuses automatic reading (sign-in, captcha or key). Add or renew the key, or use an official "
            "interface, licensed data or an import; challenges are not circumvented.",
        ),
        SourceState.NOT_A_FEED: Advice(
            zh="该地址返回的不是订阅源。请核对地址，或改用网页列表（html_list）类型。",
            en="The address gives no feed. Correct it, or use the kind html_list.",
        ),
        SourceState.RECIPE_BROKEN: Advice(
            zh="页面能打开但配方取不到条目，多半是对方改版。请用“测试数据源”查看现状并修改配方。",
            en="The page opens but the recipe finds nothing: its layout changed. Test the source and correct the recipe.",
        ),
        SourceState.GONE: Advice(
            zh="对方声明已永久关闭，不再访问。请寻找替代来源，然后停用或删除该数据源。",
            en="It says it is gone for good and is visited no more. Find a replacement, then disable or delete it.",
        ),
    }
)  # fmt: skip
_SILENT_PUSH: Final = Advice(
    zh="这是推送来源，长时间没有收到信息。请检查发送方程序、密钥是否过期，以及网络是否可达。",
    en="This source is pushed to us and nothing came. Check the sender, its key and its network.",
)
_BY_STATE: Final[Mapping[SourceState, ErrorClass]] = MappingProxyType(
    {
        SourceState.SILENT: ErrorClass.SILENCE,
        SourceState.RATE_LIMITED: ErrorClass.RATE_LIMIT,
        SourceState.BLOCKED: ErrorClass.REFUSAL,
        SourceState.NOT_A_FEED: ErrorClass.CONTENT,
        SourceState.RECIPE_BROKEN: ErrorClass.CONTENT,
        SourceState.GONE: ErrorClass.GONE,
    }
)


def advice_for(state: SourceState, kind: str) -> Advice | None:
    """Return what to do about a source of this kind in this state; None where nothing is."""
    if state is SourceState.SILENT and kind == SourceKind.PUSH:
        return _SILENT_PUSH
    return _ADVICE.get(state)


def error_class(state: SourceState, status: int | None) -> ErrorClass | None:
    """Return the class of a source's trouble from its state and the last HTTP status; None without trouble."""
    if state.is_speaking:
        return None
    if found := _BY_STATE.get(state):
        return found
    if status is None:
        return ErrorClass.NETWORK
    if status >= 500:  # HTTP status classes
        return ErrorClass.SERVER
    return ErrorClass.ADDRESS if status >= 400 else ErrorClass.CONTENT
