// @ts-check
// <m-stream>: the live list. The stream only says that something is new; the rows are fetched with
// the words behind each judgement, everything after the last id we have, so that a pause loses nothing.
const GATHER_MS = 400; // several messages of one moment are one fetch
const FIGURES_MS = 5000; // how often the figures follow the mentions; alerts move them at once
const RETRY_MS = 3000;
const MOST_ROWS = 200;

class Stream extends HTMLElement {
  connectedCallback() {
    this.last = Number(this.dataset.last ?? 0);
    this.cursor = '';
    this.feed = /** @type {HTMLElement} */ (this.querySelector('.feed'));
    this.pill = /** @type {HTMLButtonElement} */ (this.querySelector('.fresh-n'));
    this.waiting = /** @type {HTMLElement[]} */ ([]);
    this.pill.addEventListener('click', () => { this.enter(); this.scrollIntoView(); });
    this.onscroll = () => this.isAtTop() && this.enter();
    addEventListener('scroll', this.onscroll, { passive: true });
    this.connect();
  }

  disconnectedCallback() {
    removeEventListener('scroll', this.onscroll ?? null);
    [this.retry, this.gather, this.figures].forEach(clearTimeout);
    this.source?.close();
  }

  connect() {
    this.source?.close();
    // all lists: an alert of another list moves the banner, too
    const wanted = new URLSearchParams({ topics: 'mentions,alerts' });
    if (this.cursor) wanted.set('last_event_id', this.cursor);
    this.source = new EventSource(`/api/v1/stream?${wanted}`);
    this.source.onopen = () => { this.show(true); this.arrived(); this.moved(0); }; // what came while we were away
    this.source.onerror = () => this.lost();
    this.source.addEventListener('mention', (event) => this.heard(event));
    this.source.addEventListener('alert', (event) => { this.heard(event); this.moved(0); });
  }

  /** @param {MessageEvent} event */
  heard(event) {
    this.cursor = event.lastEventId || this.cursor;
    this.show(true);
    if (event.type === 'mention' && this.concerns(JSON.parse(event.data))) { this.arrived(); this.moved(FIGURES_MS); }
  }

  /** @param {{ keyword_list: { id: number } }} row */
  concerns(row) {
    return this.dataset.list === 'all' || String(row.keyword_list.id) === this.dataset.list;
  }

  lost() {
    this.show(false);
    clearTimeout(this.retry);
    // the browser reconnects by itself, with Last-Event-ID; it gives up after an error status, we do not
    this.retry = setTimeout(() => this.source?.readyState === EventSource.CLOSED && this.connect(), RETRY_MS);
  }

  /** @param {boolean} isOn */
  show(isOn) {
    const mark = document.getElementById('live'), note = document.getElementById('lost');
    mark?.classList.remove('waiting');
    mark?.classList.toggle('off', !isOn);
    const text = mark?.querySelector('span');
    if (mark && text) text.textContent = (isOn ? mark.dataset.on : mark.dataset.off) ?? '';
    if (note) note.hidden = isOn;
  }

  arrived() {
    this.gather ??= setTimeout(() => {
      this.gather = undefined;
      this.fetch().catch(() => this.lost());
    }, GATHER_MS);
  }

  /** Figures, chart and alerts read themselves anew. @param {number} wait */
  moved(wait) {
    if (!wait) { clearTimeout(this.figures); this.figures = undefined; }
    this.figures ??= setTimeout(() => {
      this.figures = undefined;
      document.body.dispatchEvent(new CustomEvent('situation'));
    }, wait);
  }

  async fetch() {
    const answer = await fetch(`/fragments/mentions?keyword_list=${this.dataset.list}&after=${this.last}`);
    if (answer.status === 401) return location.reload(); // signed out: the page sends to the sign-in
    if (!answer.ok) throw new Error(String(answer.status));
    this.last = Number(answer.headers.get('X-Last-Id') ?? this.last);
    const rows = document.createElement('template');
    rows.innerHTML = await answer.text();
    this.waiting.unshift(.../** @type {HTMLElement[]} */ ([...rows.content.querySelectorAll('article')]));
    if (this.isAtTop()) this.enter();
    this.pill.hidden = !this.waiting.length;
    this.pill.textContent = (this.dataset.new ?? '%').replace('%', String(this.waiting.length));
  }

  /** The reader is at the top of the list (or above it): new rows may enter without moving what is read. */
  isAtTop() {
    return this.getBoundingClientRect().top >= 0 && !this.feed.matches(':hover, :focus-within');
  }

  enter() {
    for (const row of this.waiting.splice(0).reverse()) {
      document.getElementById(row.id)?.remove(); // an edited post comes again
      this.feed.prepend(row);
    }
    this.pill.hidden = true;
    this.querySelector('.empty')?.remove();
    while (this.feed.childElementCount > MOST_ROWS) this.feed.lastElementChild?.remove();
  }
}
customElements.define('m-stream', Stream);
