// The table of checked models: a click opens a card, the field filters the rows.
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-model]');
  if (!button) return;
  for (const other of element.querySelectorAll('[data-model]')) {
    other.setAttribute('aria-pressed', String(other === button));
  }
  trigger('open', { model: button.dataset.model });
});

element.addEventListener('input', (event) => {
  if (!event.target.matches('.ck-filter')) return;
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of element.querySelectorAll('tr[data-said]')) {
    row.hidden = !words.every((word) => row.dataset.said.includes(word));
  }
});
