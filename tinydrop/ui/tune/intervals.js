// Intervals arrive after the figures: each goes under its tile, if it still belongs to it.
function place() {
  const own = element.querySelector('[data-key]');
  const now = document.querySelector('.tn-now');
  if (!own || !now || own.dataset.key !== now.dataset.follow) return;
  for (const [name, text] of Object.entries(JSON.parse(own.dataset.intervals))) {
    const tile = now.querySelector(`[data-interval="${name}"]`);
    if (tile) tile.textContent = text;
  }
}
watch('value', place);
window.addEventListener('td-tune-key', place);
place();
