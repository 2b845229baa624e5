// @ts-check
// <m-trend>: stacked bars by sentiment, the negative share as a line, its usual range as a band.
// Counts come from the public API, as for any other client; the band from our own page.
import { now } from './app.js';

const css = (/** @type {string} */ name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const LEAST_MENTIONS = 5; // as in the table: a share of a few mentions says nothing
const AGAIN_MS = 5000;
const WIDTHS = /** @type {Record<string, number>} */ ({ '15m': 9e5, '1h': 36e5, '1d': 864e5 });

/** A share between two holes is no line; it needs a dot to be seen. @param {(number | null)[]} share @param {number} at */
const alone = (share, at) => share[at - 1] == null && share[at + 1] == null;

class Trend extends HTMLElement {
  async connectedCallback() {
    this.words = JSON.parse(this.dataset.words ?? '{}');
    this.redraw = () => this.draw();
    this.again = () => this.later();
    document.body.addEventListener('theme', this.redraw);
    document.body.addEventListener('situation', this.again);
    try {
      const [echarts] = await Promise.all([import('./vendor/echarts-6.1.0.custom.min.js'), this.load()]);
      if (!this.isConnected) return;
      this.replaceChildren();
      this.chart = echarts.init(this, null, { renderer: 'canvas' });
      this.sizes = new ResizeObserver(() => this.chart?.resize());
      this.sizes.observe(this);
      this.draw();
    } catch (error) {
      const note = document.createElement('p');
      note.textContent = this.words.failed;
      this.replaceChildren(note);
      this.dataset.state = `failed: ${error}`;
    }
  }

  disconnectedCallback() {
    document.body.removeEventListener('theme', this.redraw);
    document.body.removeEventListener('situation', this.again);
    clearTimeout(this.timer);
    this.sizes?.disconnect();
    this.chart?.dispose();
  }

  later() {
    this.timer ??= setTimeout(async () => {
      this.timer = undefined;
      await this.load().then(() => this.draw(), () => undefined); // the live mark already says that we are cut off
    }, AGAIN_MS);
  }

  async load() {
    const { list, bucket = '1h', zone = '', query } = this.dataset;
    // an open page moves on: the last bucket is always the one of now
    const width = WIDTHS[bucket], last = Date.parse(this.dataset.until ?? '');
    const passed = Math.max(0, Math.floor((now() - last) / width + 1) * width);
    const moved = (/** @type {string} */ time) => new Date(Date.parse(time) + passed).toISOString();
    const wanted = new URLSearchParams({ since: moved(this.dataset.since ?? ''), until: moved(this.dataset.until ?? ''), bucket, tz: zone });
    if (list !== 'all') wanted.set('keyword_list', list ?? '');
    const read = async (/** @type {string} */ address) => {
      const answer = await fetch(address, { headers: { accept: 'application/json' } });
      if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
      return answer.json();
    };
    const [trend, band] = await Promise.all([read(`/api/v1/trends?${wanted}`), read(`/fragments/band?${query}`)]);
    this.rows = trend.data;
    this.gaps = trend.gaps ?? [];
    const usual = new Map(band.data.map((/** @type {any} */ one) => [Date.parse(one.time), one]));
    this.band = this.rows.map((/** @type {any} */ row) => usual.get(Date.parse(row.time)));
  }

  /** @param {string} time */
  label(time) {
    const parts = new Intl.DateTimeFormat('en', { timeZone: this.dataset.zone, month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).formatToParts(new Date(time));
    const part = (/** @type {string} */ type) => parts.find((one) => one.type === type)?.value;
    const day = `${part('month')}-${part('day')}`;
    return this.dataset.bucket === '1d' ? day : `${day} ${part('hour')}:${part('minute')}`;
  }

  draw() {
    if (!this.chart || !this.rows) return;
    const { words, rows, band } = this;
    const labels = rows.map((row) => this.label(row.time));
    const bar = (/** @type {string} */ key, /** @type {string} */ colour) => ({
      name: words[key], type: 'bar', stack: 'mentions', data: rows.map((row) => row[key]), barCategoryGap: '28%', itemStyle: { color: css(colour) }, z: 2,
    });
    const edge = (/** @type {string} */ name, /** @type {any[]} */ data, area = {}) => ({
      name, type: 'line', yAxisIndex: 1, stack: 'band', data, symbol: 'none', silent: true, lineStyle: { opacity: 0 }, z: 0, ...area,
    });
    const share = rows.map((row) => (row.count >= LEAST_MENTIONS ? Math.round((1000 * row.negative) / row.count) / 10 : null));
    const axis = { axisLabel: { color: css('--mut'), fontSize: 11 } };
    this.chart.setOption({
      animationDuration: 400, textStyle: { fontFamily: css('--font') }, aria: { enabled: true },
      grid: { left: 44, right: 46, top: 34, bottom: 26 },
      tooltip: {
        trigger: 'axis', renderMode: 'richText', confine: true, backgroundColor: css('--card'), borderColor: css('--line2'), textStyle: { color: css('--ink'), fontSize: 12 },
        axisPointer: { type: 'shadow', shadowStyle: { color: css('--hover') } },
        formatter: (/** @type {any[]} */ points) => this.tip(points[0].dataIndex, labels, share),
      },
      xAxis: { type: 'category', data: labels, axisTick: { show: false }, axisLine: { lineStyle: { color: css('--line2') } }, axisLabel: { ...axis.axisLabel, hideOverlap: true, ...this.ticks(labels) } },
      yAxis: [
        { type: 'value', name: words.mentions, minInterval: 1, splitNumber: 4, nameTextStyle: { color: css('--mut') }, splitLine: { lineStyle: { color: css('--line') } }, ...axis },
        { type: 'value', name: words.share, min: 0, max: 100, interval: 25, nameTextStyle: { color: css('--negt') }, splitLine: { show: false }, axisLabel: { ...axis.axisLabel, formatter: '{value}%' } },
      ],
      series: [
        edge('low', band.map((one) => one?.low ?? null)),
        edge('high', band.map((one) => (one?.low == null ? null : one.high - one.low)), { areaStyle: { color: css('--band') } }),
        bar('negative', '--neg'), bar('neutral', '--neu'), bar('positive', '--pos'),
        { name: words.share, type: 'line', yAxisIndex: 1, data: share, smooth: 0.25, smoothMonotone: 'x', symbol: 'circle', showAllSymbol: true, symbolSize: (/** @type {any} */ _, /** @type {any} */ point) => (alone(share, point.dataIndex) ? 5 : 0), connectNulls: false, lineStyle: { width: 2.2, color: css('--line-neg') }, itemStyle: { color: css('--line-neg') }, z: 5,
          markArea: { silent: true, itemStyle: { color: css('--hover'), borderColor: css('--line2'), borderWidth: 1, borderType: 'dashed' }, label: { color: css('--mut'), fontSize: 10 }, data: this.blindSpots(labels) } },
      ],
    }, true);
    this.dataset.state = 'drawn';
  }

  /** Over more than two days the axis names the days, else the hours. @param {string[]} labels */
  ticks(labels) {
    if (this.dataset.bucket === '1d') return {};
    if (labels.length <= 48 || this.dataset.bucket !== '1h') return { formatter: (/** @type {string} */ text) => text.split(' ').at(-1) };
    return { interval: (/** @type {number} */ _, /** @type {string} */ text) => text.endsWith(' 00:00'), formatter: (/** @type {string} */ text) => text.split(' ')[0] };
  }

  /** @param {number} at @param {string[]} labels @param {(number | null)[]} share */
  tip(at, labels, share) {
    const { words } = this, row = this.rows[at], usual = this.band[at];
    const lines = ['negative', 'neutral', 'positive'].map((key) => `${words[key]}  ${row[key]}`);
    lines.push(`${words.share}  ${share[at] === null ? '—' : `${share[at]}%`}`);
    if (usual?.low != null) lines.push(`${words.usual}  ${usual.low}–${usual.high}%`);
    return [labels[at], ...lines].join('\n');
  }

  /** @param {string[]} labels */
  blindSpots(labels) {
    const at = (/** @type {string} */ time) => this.rows.findLastIndex((row) => Date.parse(row.time) <= Date.parse(time));
    return this.gaps.map((gap) => [
      { name: `${this.words.gap} ${gap.name}`, xAxis: labels[Math.max(0, at(gap.since))] }, { xAxis: labels[gap.until ? at(gap.until) : labels.length - 1] },
    ]);
  }
}
customElements.define('m-trend', Trend);
