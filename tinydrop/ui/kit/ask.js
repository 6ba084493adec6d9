// What the page still lacks: ask for it at once, or when the level has rested for a while.
const REST = 400;           // milliseconds
let timer = null;
let moved = -REST;

function follow() {
  const now = element.querySelector('[data-ask]');
  if (!now) return;
  window.dispatchEvent(new CustomEvent(props.look_event ?? 'ch-look', { detail: { sample: now.dataset.sample || null } }));
  clearTimeout(timer);
  if (!now.dataset.pending) return;
  const wait = now.dataset.urgent === '1' ? 0 : Math.max(0, REST - (performance.now() - moved));
  // What takes long stands in a queue of its own.
  timer = setTimeout(() => trigger(now.dataset.heavy ? 'film' : 'pending'), wait);
}

document.addEventListener('input', (event) => {
  if (event.target.closest(props.slider ?? '#ch-level')) moved = performance.now();
});
watch('value', follow);
follow();
