// The table: one cost level at a time, sorted by the heading that is pressed.
const rows = () => [...element.querySelectorAll('tbody tr')];

function level(chip) {
  for (const one of element.querySelectorAll('[data-level]')) one.setAttribute('aria-pressed', String(one === chip));
  for (const row of rows()) row.hidden = row.dataset.of !== 'own' && row.dataset.of !== chip.dataset.level;
}

function sort(button) {
  const head = button.closest('th');
  const before = head.getAttribute('aria-sort');
  // Good figures first: high accuracy and gain, low cost; a second press turns it round.
  const first = ['accuracy', 'gain'].includes(button.dataset.sort) ? 'descending' : 'ascending';
  const now = before === 'none' ? first : before === 'descending' ? 'ascending' : 'descending';
  for (const one of element.querySelectorAll('th[aria-sort]')) one.setAttribute('aria-sort', one === head ? now : 'none');
  const sign = now === 'ascending' ? 1 : -1;
  const value = (row) => Number(row.dataset[button.dataset.sort]);
  element.querySelector('tbody').append(...rows().sort((a, b) => sign * (value(a) - value(b))));
}

element.addEventListener('click', (event) => {
  const chip = event.target.closest('[data-level]');
  const button = event.target.closest('[data-sort]');
  if (chip) level(chip);
  if (button) sort(button);
});
