// The film's cells: hover or focus reads one, a press or a drag moves the level slider to it.
const said = () => element.querySelector('.ch-film-said');
const slider = () => document.querySelector('#ch-level input[type=range]');
const cells = () => [...element.querySelectorAll('.ch-cell')];
const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;

function read(cell) { said().textContent = cell ? cell.getAttribute('aria-label') : ''; }

function mark() {
  const level = Number(slider()?.value);
  // The cell of a level is the last one that begins at or before it: small grids have fewer cells.
  const now = cells().filter((cell) => Number(cell.dataset.level) <= level).pop();
  for (const cell of cells()) cell.setAttribute('aria-pressed', String(cell === now));
}

function go(cell) {
  if (!cell || slider().value === cell.dataset.level) return;
  set.call(slider(), cell.dataset.level);
  slider().dispatchEvent(new Event('input', { bubbles: true }));
}

element.addEventListener('click', (event) => go(event.target.closest('.ch-cell')));
element.addEventListener('pointerover', (event) => {
  const cell = event.target.closest('.ch-cell');
  read(cell);
  if (event.buttons & 1) go(cell);
});
element.addEventListener('pointerleave', () => read(null));
element.addEventListener('focusin', (event) => read(event.target.closest('.ch-cell')));
element.addEventListener('focusout', () => read(null));
document.addEventListener('input', (event) => { if (event.target.closest('#ch-level')) setTimeout(mark, 0); });
watch('value', mark);
mark();
