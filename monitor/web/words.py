"""Every sentence of the pages in Chinese and English; a page never spells a word of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CHINESE: Final = "zh"
ENGLISH: Final = "en"
LANGUAGES: Final = (CHINESE, ENGLISH)

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    # frame
    "brand": ("见微 Jianwei", "Jianwei"),
    "motto": ("见微知著 · 舆情预警", "early warning for brands"),
    "skip": ("跳到主要内容", "Skip to content"),
    "nav": ("主导航", "Main navigation"),
    "nav.watch": ("监测", "Watch"),
    "nav.connect": ("接入", "Connect"),
    "overview": ("态势总览", "Overview"),
    "api_docs": ("API 文档", "API reference"),
    "atom": ("Atom 订阅", "Atom feed"),
    "lists": ("词表", "Keyword list"),
    "lists.all": ("全部词表", "All keyword lists"),
    "lists.one": ("{kind} · {count} 个监测词", "{kind} · {count} expressions"),
    "lists.sum": ("{count} 个词表合计", "{count} lists together"),
    "range": ("时间范围", "Time range"),
    "range.24h": ("24 小时", "24 h"),
    "range.7d": ("7 天", "7 days"),
    "range.30d": ("30 天", "30 days"),
    "last.1h": ("近 1 小时", "last hour"),
    "last.24h": ("近 24 小时", "last 24 h"),
    "last.7d": ("近 7 天", "last 7 days"),
    "last.30d": ("近 30 天", "last 30 days"),
    "live": ("实时", "Live"),
    "live.lost": ("已断开", "Disconnected"),
    "live.lost.long": ("实时连接已断开,正在重连;页面上的数字停在断开时", "The live connection is lost, reconnecting; the figures stand as they were"),
    "live.waiting": ("连接中", "Connecting"),
    "theme.dark": ("切换到深色", "Switch to dark"),
    "theme.light": ("切换到浅色", "Switch to light"),
    "language": ("语言", "Language"),
    "sign_out": ("退出登录", "Sign out"),
    "signed_in": ("已登录", "signed in"),
    "foot.local": ("本机部署 · 数据不出内网", "self-hosted · nothing leaves your network"),
    "foot.as_of": ("{zone} · 数据截至 {time}", "{zone} · as of {time}"),
    "metrics": ("Prometheus 指标", "Prometheus metrics"),
    # sign-in
    "sign_in": ("登录", "Sign in"),
    "sign_in.name": ("用户名", "Name"),
    "sign_in.password": ("密码", "Password"),
    "sign_in.hint": ("管理员用户名为 admin,密码在首次启动时打印在终端。", "The administrator's name is admin; the password was printed when the service first started."),
    "sign_in.wrong": ("用户名或密码不对。", "Name or password is wrong."),
    "sign_in.wait": ("失败次数过多,请在 {wait} 后再试。", "Too many failures; try again in {wait}."),
    "sign_in.stale": ("表单已过期或来自别处,请再提交一次。", "The form had expired or came from elsewhere; please send it again."),
    "sign_in.nobody": ("还没有人可以登录。请在服务器上用 monitor 命令为 admin 设置密码。", "Nobody can sign in yet. Set a password for admin with the monitor command on the server."),
    # sightings
    "sightings": ("人工上报", "Report a sighting"),
    "sighting.lead": ("把你在站外看到的信息记下来:平台不允许抓取的帖子、员工听到的、客服接到的。收录后与其他信息一样判断与预警。", "Note what you saw where nothing may be collected: a post, what staff heard, what the service desk was told. It is judged like any other post."),
    "sighting.channel": ("上报渠道", "Reported by"),
    "sighting.patrol": ("人工巡查", "Patrol"),
    "sighting.staff": ("员工上报", "Staff"),
    "sighting.service": ("客服上报", "Customer service"),
    "sighting.kind": ("信息类型", "Kind"),
    "sighting.post": ("帖子 / 笔记 / 视频", "Post"),
    "sighting.article": ("文章 / 新闻", "Article"),
    "sighting.comment": ("评论", "Comment"),
    "sighting.review": ("评价 / 投诉", "Review or complaint"),
    "sighting.platform": ("平台", "Platform"),
    "sighting.url": ("链接", "Link"),
    "sighting.headline": ("标题", "Title"),
    "sighting.text": ("正文(原话照录)", "Text (verbatim)"),
    "sighting.author": ("作者", "Author"),
    "sighting.followers": ("粉丝数(如 1.2万;不知道就留空)", "Followers (leave empty if unknown)"),
    "sighting.seen_at": ("发布或看到的时间", "Published or seen at"),
    "sighting.send": ("上报", "Report"),
    "sighting.created": ("已收录,信息编号 {id}。", "Stored as post {id}."),
    "sighting.duplicate": ("这条之前已上报过,信息编号 {id}。", "Reported before, as post {id}."),
    "sighting.wrong": ("还没有收录,请改正:", "Not stored yet; please correct:"),
    # coverage
    "coverage": ("渠道覆盖", "Coverage"),
    "coverage.lead": ("哪些渠道能看到、怎样看到、哪些看不到以及为什么。不会自动到达的就是盲区:没有声音不代表没有事,请用导入或人工巡查补上。", "Which channels can be seen, how, which cannot and why. What does not arrive by itself is a blind spot: silence there is no calm, so import it or send a patrol."),
    "coverage.count": ("{all} 类渠道,其中 {automatic} 类至少有一部分可自动采集。", "{all} kinds of channels; of {automatic} at least a part arrives by itself."),
    "coverage.channel": ("渠道", "Channel"),
    "coverage.ways": ("方式", "Ways"),
    "coverage.note": ("能看到什么,看不到什么", "What is seen, what is not"),
    "coverage.how": ("怎么做", "What to do"),
    "coverage.do": ("怎么做:{how}", "What to do: {how}"),
    "way.native": ("原生采集", "native"),
    "way.native.means": ("内置采集器直接读取公开内容或官方接口。", "a collector of ours reads public content or an official interface."),
    "way.preset": ("预设", "preset"),
    "way.preset.means": ("随附的配方,填几个参数即可;有的需要你自己的 Cookie 或自建服务。", "a recipe that ships; some need your own cookie or a service you run."),
    "way.rsshub": ("自建 RSSHub", "own RSSHub"),
    "way.rsshub.means": ("由你自己运行的 RSSHub 提供订阅;路由会变,请看它的文档。", "feeds of an RSSHub that you run; routes change, see its documentation."),
    "way.import": ("导入", "import"),
    "way.import.means": ("CSV、XLSX、JSONL 文件或 POST /posts/batch,由你导出或供应商提供。", "CSV, XLSX or JSON lines, or POST /posts/batch: exported by you or a supplier."),
    "way.form": ("人工上报", "by hand"),
    "way.form.means": ("巡查、员工与客服在「人工上报」页面填写。", "patrols, staff and the service desk fill in the form for sightings."),
    "way.none": ("不采集", "not collected"),
    "way.none.means": ("不做,原因写在该行。", "not at all, for the reason given."),
    # tiers
    "tier.1": ("关注", "Notice"),
    "tier.2": ("一般负面", "Minor"),
    "tier.3": ("中度舆情", "Serious"),
    "tier.4": ("重大危机", "Crisis"),
    "tier.short.1": ("蓝", "B"),
    "tier.short.2": ("黄", "Y"),
    "tier.short.3": ("橙", "O"),
    "tier.short.4": ("红", "R"),
    "tier.long.1": ("蓝色预警", "Blue alert"),
    "tier.long.2": ("黄色预警", "Yellow alert"),
    "tier.long.3": ("橙色预警", "Orange alert"),
    "tier.long.4": ("红色预警", "Red alert"),
    "state.open": ("待确认", "open"),
    "state.acknowledged": ("处理中", "in hand"),
    "state.resolved": ("已解除", "resolved"),
    "state.false_alarm": ("误报", "false alarm"),
    # banner
    "banner": ("当前最高预警", "Highest open alert"),
    "banner.quiet": ("目前没有未关闭的预警", "No open alert"),
    "banner.checked": ("最近采集 {poll},最近收录 {ingest}", "last visit {poll}, last post {ingest}"),
    "banner.never": ("尚无", "never"),
    "banner.unjudged": ("{count} 个时段待判定", "{count} buckets still to be judged"),
    "banner.blind": ("但有 {count} 个数据源没有声音:平静可能是盲区", "but {count} sources are silent: calm may be a blind spot"),
    "banner.more": ("另有 {count} 条未关闭的预警", "{count} more open"),
    "banner.window": ("判定窗口 {start}–{end}", "window {start}–{end}"),
    "banner.no_reasons": ("此预警没有记录判定条件", "no conditions were recorded for this alert"),
    "condition.volume": ("负面提及", "Negative mentions"),
    "condition.baseline_days": ("历史不足,按绝对数量判定;已有天数", "No baseline yet, judged by volume; days so far"),
    "condition.score": ("突增值", "Burst score"),
    "condition.negative_share": ("负面占比", "Negative share"),
    "condition.sources": ("独立来源", "Distinct sources"),
    "condition.reach": ("已知覆盖", "Known reach"),
    "condition.baseline": ("平时 {value}", "usually {value}"),
    "condition.threshold": ("门槛 ≥ {value}", "threshold ≥ {value}"),
    "step.opened": ("发现", "Detected"),
    "step.acknowledged": ("确认", "Acknowledged"),
    "step.assigned": ("指派", "Assigned"),
    "step.closed": ("关闭", "Closed"),
    "step.pending": ("—", "—"),
    "deadline.open": ("确认时限 · 剩余", "To acknowledge"),
    "deadline.acknowledged": ("响应时限 · 剩余", "To respond"),
    "deadline.late": ("已逾期", "Overdue"),
    "deadline.none": ("无时限", "No deadline"),
    "acknowledge": ("确认接手", "Acknowledge"),
    "acknowledge.closed": ("此预警已关闭,不能再确认。", "This alert is closed and cannot be acknowledged."),
    "acknowledge.gone": ("没有这条预警。", "There is no such alert."),
    "acknowledge.stale": ("页面已过期,请刷新后再试。", "The page has expired; reload and try again."),
    "by": ("{name} 处理中", "{name} has it"),
    # KPIs
    "kpis": ("关键指标", "Key figures"),
    "kpi.volume": ("总声量", "Volume"),
    "kpi.share": ("负面占比", "Negative share"),
    "kpi.speed": ("传播速度", "Speed"),
    "kpi.reach": ("已知覆盖", "Known reach"),
    "kpi.delay": ("发现时延", "Detection delay"),
    "unit.mentions": ("条", "mentions"),
    "unit.an_hour": ("条/时", "an hour"),
    "unit.people": ("人次", "followers"),
    "unit.median": ("中位", "median"),
    "kpi.against": ("较前一周期", "vs. the period before"),
    "kpi.no_before": ("前一周期无数据", "nothing before"),
    "kpi.share.usual": ("前 28 天 {value}%", "28 days before {value}%"),
    "kpi.share.too_few": ("不足 {count} 条,不计占比", "under {count} mentions"),
    "kpi.speed.usual": ("平时 {value} 条/时", "usually {value} an hour"),
    "kpi.speed.short": ("历史不足 {days} 天", "under {days} days of history"),
    "kpi.reach.known": ("{known}/{all} 条已知粉丝数", "known of {known}/{all}"),
    "kpi.reach.none": ("作者粉丝数均未知", "no author's following is known"),
    "kpi.delay.of": ("{count} 条 · P95 {value}", "{count} posts · P95 {value}"),
    "kpi.delay.none": ("没有可计的信息", "nothing to measure"),
    "missing": ("—", "—"),
    # chart
    "chart": ("负面占比与声量走势", "Volume and negative share"),
    "chart.band": ("灰色带为同时段负面占比(前 28 天,P5–P95)", "grey: usual negative share at this time of day (28 days, P5–P95)"),
    "chart.no_band": ("历史不足(至少 {days} 天且每时段有足够信息),暂无基线带", "too little history for a baseline band (at least {days} days with enough mentions)"),
    "chart.width": ("{width}粒度", "{width} buckets"),
    "chart.15m": ("15 分钟", "15-minute"),
    "chart.1h": ("1 小时", "hourly"),
    "chart.1d": ("1 天", "daily"),
    "chart.table": ("以表格查看", "View as table"),
    "chart.table.same": ("与图同一数据,供读屏与复制", "the same figures, for screen readers and copying"),
    "chart.script": ("图需要 JavaScript;下表是同一数据。", "The chart needs JavaScript; the table holds the same figures."),
    "chart.failed": ("图没有画出来,请看下表", "The chart could not be drawn; see the table"),
    "chart.gap": ("盲区", "blind spot"),
    "time": ("时段", "Time"),
    "negative": ("负面", "Negative"),
    "neutral": ("中性", "Neutral"),
    "positive": ("正面", "Positive"),
    "unknown": ("未知", "Unknown"),
    "total": ("合计", "Total"),
    "share": ("负面占比", "Negative share"),
    "usual.share": ("占比基线 P5–P95", "Usual share P5–P95"),
    "usual.volume": ("声量基线 P5–P95", "Usual volume P5–P95"),
    # alerts
    "alerts": ("预警收件箱", "Alerts"),
    "alerts.todo": ("{count} 待确认", "{count} to acknowledge"),
    "alerts.none": ("近 7 天没有预警", "No alert in the last 7 days"),
    "alerts.deliveries": ("近 24 小时投递 {all} 次,成功 {done}", "{all} deliveries in 24 h, {done} arrived"),
    "alerts.dead": ("{dead} 次放弃", "{dead} given up"),
    "alerts.due": ("{due} 次待投", "{due} due"),
    "alerts.no_deliveries": ("近 24 小时没有投递", "No delivery in 24 h"),
    # stream
    "stream": ("实时信息流", "Live mentions"),
    "stream.order": ("新收录的在上", "latest stored on top"),
    "stream.new": ("{count} 条新信息", "{count} new"),
    "stream.none": ("还没有匹配的信息。新信息入库后会出现在这里。", "No mention yet. New ones appear here as they are stored."),
    "stream.no_list": ("还没有词表:先用 API 建一个词表(品牌名与别名),再添加数据源。", "No keyword list yet: create one through the API (names and aliases), then add sources."),
    "mark.hit": ("命中词", "hit"),
    "mark.risk": ("风险词", "risk"),
    "mark.negative": ("负面词", "negative"),
    "mark.positive": ("正面词", "positive"),
    "why": ("判断依据", "Why"),
    "why.confidence": ("模型置信", "confidence"),
    "why.none": ("没有突出的词", "no single word stands out"),
    "nobody": ("匿名", "anonymous"),
    "followers": ("粉丝 {count}", "{count} followers"),
    "original": ("原文", "original"),
    "status.alleged": ("指称", "alleged"),
    "status.confirmed": ("证实", "confirmed"),
    "status.denied": ("否认", "denied"),
    # sources
    "sources": ("数据源", "Sources"),
    "sources.health": ("数据源 {good} / {all} 正常", "{good} of {all} sources well"),
    "sources.none": ("还没有数据源:用 API 或 monitor source 添加一个 RSS。", "No source yet: add a feed through the API or with monitor source."),
    "sources.all_good": ("都在按时采集", "all visited on time"),
    "sources.late": ("{name}:{minutes} 分钟没有成功采集", "{name}: no success for {minutes} minutes"),
    "sources.bad": ("{name}:{reason}", "{name}: {reason}"),
    # kinds and risk classes
    "kind.brand": ("品牌", "Brand"),
    "kind.product": ("产品", "Product"),
    "kind.executive": ("高管", "Executive"),
    "kind.campaign": ("活动", "Campaign"),
    "kind.industry": ("行业", "Industry"),
    "kind.competitor": ("竞品", "Competitor"),
    "kind.risk": ("风险", "Risk"),
    "post.article": ("文", "A"),
    "post.post": ("帖", "P"),
    "post.comment": ("评", "C"),
    "post.review": ("价", "R"),
    "risk.product_quality": ("产品质量", "product quality"),
    "risk.food_safety": ("食品安全", "food safety"),
    "risk.data_security": ("数据安全", "data security"),
    "risk.intellectual_property": ("知识产权", "intellectual property"),
    "risk.logistics": ("物流", "logistics"),
    "risk.service": ("服务", "service"),
    "risk.pricing": ("价格", "pricing"),
    "risk.executive": ("高管", "executive"),
    "risk.labour": ("劳动用工", "labour"),
    "risk.compliance": ("监管合规", "compliance"),
    "risk.safety_accident": ("安全事故", "safety accident"),
    "risk.finance": ("财务", "finance"),
    "risk.marketing": ("营销", "marketing"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one language: ``words("alerts.todo", count=2)``."""

    lang: str

    def __call__(self, key: str, **values: object) -> str:
        """Return the sentence with its values filled in; raises KeyError for an unknown key."""
        return WORDS[key][LANGUAGES.index(self.lang)].format(**values)

    def known(self, key: str, fallback: str) -> str:
        """Return the word of ``key``, or ``fallback`` for what came from outside and has none."""
        return self(key) if key in WORDS else fallback

    @property
    def tag(self) -> str:
        """The BCP-47 tag of the page."""
        return "zh-CN" if self.lang == CHINESE else "en"


def choose(asked: str | None, kept: str | None, accepted: str | None) -> str:
    """Return the language: asked for in the address, kept in a cookie, else the browser's first known one.

    Chinese when nothing decides.
    """
    for choice in (asked, kept):
        if choice in LANGUAGES:
            return choice
    for part in (accepted or "").lower().split(","):
        tag = part.split(";")[0].strip()[:2]
        if tag in LANGUAGES:
            return tag
    return CHINESE
