// The tiles: a click puts one on the stage.
element.addEventListener('click', (event) => {
  const tile = event.target.closest('[data-key]');
  if (tile) trigger('choose', { key: tile.dataset.key });
});
