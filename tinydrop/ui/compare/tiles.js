// The tiles: a click shows one large. Only the large part comes from the server.
let opened = null;
const tiles = () => [...element.querySelectorAll('.cp-tile[data-key]')];

function mark() {
  if (opened === null) return;
  for (const tile of tiles()) tile.setAttribute('aria-pressed', String(tile.dataset.key === opened));
}

element.addEventListener('click', (event) => {
  const tile = event.target.closest('[data-key]');
  if (!tile) return;
  opened = tile.dataset.key;
  mark();
  trigger('choose', { key: opened });
  // In one column the large part lies above the tiles.
  const large = document.querySelector('#cp-card-open');
  const box = large.getBoundingClientRect();
  if (box.bottom < 80) large.scrollIntoView({ behavior: 'smooth', block: 'start' });
});
watch('value', mark);
