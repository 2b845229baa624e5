// @ts-check
// Clock, countdowns, relative times and the theme. The page is complete without any of it.
const root = document.documentElement;
const clock = /** @type {HTMLElement} */ (document.querySelector('[data-clock]'));
// The server's time counts, not this machine's; the demo even runs on a simulated one.
const ahead = Date.parse(clock.dataset.clock ?? '') - Date.now();
export const now = () => Date.now() + ahead;

const timeOfDay = new Intl.DateTimeFormat('en-GB', { timeZone: clock.dataset.zone, hour: '2-digit', minute: '2-digit', second: '2-digit' });
const relative = new Intl.RelativeTimeFormat(root.lang, { numeric: 'auto', style: 'short' });
const UNITS = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]]);

/** @param {number} seconds */
function countdown(seconds) {
  const rest = Math.abs(Math.trunc(seconds));
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return `${seconds < 0 ? '−' : ''}${Math.trunc(rest / 3600)}:${two(Math.trunc(rest / 60) % 60)}:${two(rest % 60)}`;
}

function everySecond() {
  clock.textContent = timeOfDay.format(now());
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-deadline]'))) {
    const left = (Date.parse(node.dataset.deadline ?? '') - now()) / 1000;
    node.textContent = countdown(left);
    node.classList.toggle('late', left < 0);
    const label = node.previousElementSibling;
    if (left < 0 && label instanceof HTMLElement && label.dataset.late) label.textContent = label.dataset.late;
  }
}

function everyHalfMinute() {
  for (const node of /** @type {NodeListOf<HTMLTimeElement>} */ (document.querySelectorAll('time[data-ago]'))) {
    const seconds = Math.max(1, (now() - Date.parse(node.dateTime)) / 1000);
    const [unit, size] = UNITS.find(([, least]) => seconds >= least) ?? UNITS[3];
    node.textContent = relative.format(-Math.trunc(seconds / size), unit);
  }
}

document.getElementById('theme')?.addEventListener('click', (event) => {
  event.preventDefault();
  const link = /** @type {HTMLAnchorElement} */ (event.currentTarget);
  const theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
  root.dataset.theme = theme;
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  link.setAttribute('aria-label', (theme === 'dark' ? link.dataset.light : link.dataset.dark) ?? '');
  const address = new URL(location.href);
  address.searchParams.delete('theme'); // else a reload would undo the choice
  history.replaceState(null, '', address);
  document.body.dispatchEvent(new CustomEvent('theme'));
});

document.addEventListener('click', (event) => {
  const menu = document.querySelector('details.brand[open]');
  if (menu && event.target instanceof Node && !menu.contains(event.target)) menu.removeAttribute('open');
});

setInterval(everySecond, 1000);
setInterval(everyHalfMinute, 30000);
everySecond();
