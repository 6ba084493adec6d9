// The live figures: tell the chart where the setting lies, and ask for what takes longer.
const WAITS = { 'pending': 120, 'rest': 800 };   // milliseconds of rest before each is asked for
let timers = [];
let asked = '';

function follow() {
  const now = element.querySelector('[data-follow]');
  if (!now) return;
  if (now.dataset.point) window.dispatchEvent(new CustomEvent('td-tune-point', { detail: JSON.parse(now.dataset.point) }));
  window.dispatchEvent(new CustomEvent('td-tune-key', { detail: now.dataset.follow }));
  if (now.dataset.follow === asked) return;
  asked = now.dataset.follow;
  timers.forEach(clearTimeout);
  timers = Object.entries(WAITS).map(([name, wait]) => setTimeout(() => trigger(name), wait));
}

watch('value', follow);
follow();
if (!element.querySelector('[data-follow]')) setTimeout(() => trigger('open'), 0);
