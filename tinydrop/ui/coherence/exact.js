// Every K: the two buttons, a strip that is read by pointer and arrow keys, and the flips.
const said = () => element.querySelector('.ch-exact-said');
const strip = () => element.querySelector('.ch-strip');
let k = 0;

function read(next) {
  k = next;
  const words = strip() ? JSON.parse(strip().dataset.said) : [];
  said().textContent = words[k - 1] ?? '';
  if (!strip() || !k) return;
  strip().setAttribute('aria-valuenow', String(k));
  strip().setAttribute('aria-valuetext', said().textContent);
}

const point = (target) => {
  const patch = target?.closest?.('[data-patch]')?.dataset.patch ?? null;
  window.dispatchEvent(new CustomEvent('ch-patch', { detail: patch === null ? null : Number(patch) }));
};

element.addEventListener('click', (event) => {
  const action = event.target.closest('[data-action]')?.dataset.action;
  if (action === 'film') trigger('film');
  if (action === 'stop') { event.target.disabled = true; event.target.textContent = 'Stopping…'; trigger('stop'); }
  point(event.target);
});
element.addEventListener('pointermove', (event) => {
  if (!event.target.closest('.ch-strip')) return;
  const box = strip().getBoundingClientRect();
  const total = Number(strip().getAttribute('aria-valuemax'));
  read(Math.min(total, Math.max(1, Math.ceil(((event.clientX - box.left) / box.width) * total))));
});
element.addEventListener('pointerleave', () => { if (document.activeElement !== strip()) read(0); });
element.addEventListener('pointerover', (event) => point(event.target));
element.addEventListener('focusin', (event) => {
  point(event.target);
  if (event.target.closest('.ch-strip')) read(k || 1);
});
element.addEventListener('focusout', () => { point(null); read(0); });
element.addEventListener('keydown', (event) => {
  if (!event.target.closest('.ch-strip')) return;
  const total = Number(strip().getAttribute('aria-valuemax'));
  const next = { ArrowLeft: k - 1, ArrowRight: k + 1, Home: 1, End: total }[event.key];
  if (next === undefined) return;
  read(Math.min(total, Math.max(1, next)));
  event.preventDefault();
});
