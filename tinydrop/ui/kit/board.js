// The board of a stage: layer switches, a cursor on the patch grid, and what it reads there.
// A page's own script follows in the same function. It defines act(patch), what a press does;
// note(patch), what else the readout says; held(), which takes over what the server holds; and
// listen(), its own events. Then it calls start().
const readout = element.querySelector('.td-readout');
const cursor = document.createElement('div');
cursor.className = 'td-cursor';
cursor.hidden = true;
let board = null;
let patch = null;

const map = () => board.querySelector('.td-map');
const mask = () => board.querySelector('.td-mask');
const numbers = (text) => (text ? text.split(' ').map(Number) : []);
const side = () => [Number(map().dataset.rows), Number(map().dataset.cols)];

function describe(p) {
  const [rows, cols] = side();
  const scores = numbers(map().dataset.scores);
  const ranks = numbers(map().dataset.ranks);
  const score = scores.length ? `score ${scores[p].toFixed(2)}, ` : '';
  const rank = ranks[p] ? `rank ${ranks[p]} of ${rows * cols}, ` : '';
  const fate = mask().dataset.exited === '1' ? 'not needed after the early exit' : mask().dataset.kept[p] === '1' ? 'kept' : 'dropped';
  return `row ${Math.floor(p / cols) + 1}, column ${(p % cols) + 1}: ${score}${rank}${fate}${note(p)}`;
}

function show(p) {
  patch = p;
  cursor.hidden = p === null;
  if (p === null) { readout.textContent = mask() ? mask().getAttribute('aria-label') : ''; return; }
  const [rows, cols] = side();
  Object.assign(cursor.style, {
    left: `${(100 * (p % cols)) / cols}%`, top: `${(100 * Math.floor(p / cols)) / rows}%`,
    width: `${100 / cols}%`, height: `${100 / rows}%`,
  });
  readout.textContent = describe(p);
}

function under(event) {
  const box = mask().getBoundingClientRect();
  const [rows, cols] = side();
  const col = Math.floor(((event.clientX - box.left) / box.width) * cols);
  const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
  return col < 0 || row < 0 || col >= cols || row >= rows ? null : row * cols + col;
}

function sync() {
  if (!mask() || !map()) return;
  held();
  const [rows, cols] = side();
  board.setAttribute('aria-label', `Patch grid, ${rows} rows by ${cols} columns; ${mask().getAttribute('aria-label')}`);
  board.classList.toggle('td-no-map', !map().dataset.scores);
  element.classList.toggle('td-no-scale', !map().dataset.scores);
  show(patch !== null && patch < rows * cols ? patch : null);
}

// The layers are children of this part and arrive a moment after it.
function start() {
  board = element.querySelector('.td-board');
  if (!board || !mask() || !map()) return requestAnimationFrame(start);
  board.append(cursor);
  Object.entries({ tabindex: '0', role: 'application', 'aria-describedby': readout.id })
    .forEach(([name, value]) => board.setAttribute(name, value));
  board.classList.add('td-hide-ranks');
  board.addEventListener('pointermove', (event) => { if (mask()) show(under(event)); });
  board.addEventListener('pointerleave', () => { if (document.activeElement !== board) show(null); });
  board.addEventListener('focus', () => { if (patch === null && mask()) show(0); });
  board.addEventListener('blur', () => show(null));
  board.addEventListener('keydown', (event) => {
    if (!mask()) return;
    const [rows, cols] = side();
    const p = patch ?? 0;
    const row = Math.floor(p / cols);
    const col = p % cols;
    const moves = {
      ArrowLeft: [row, Math.max(col - 1, 0)], ArrowRight: [row, Math.min(col + 1, cols - 1)],
      ArrowUp: [Math.max(row - 1, 0), col], ArrowDown: [Math.min(row + 1, rows - 1), col],
      Home: [row, 0], End: [row, cols - 1],
    };
    if (moves[event.key]) show(moves[event.key][0] * cols + moves[event.key][1]);
    else if (event.key === ' ' || event.key === 'Enter') act(p);
    else return;
    event.preventDefault();
  });
  listen();
  new MutationObserver(sync).observe(board, {
    subtree: true, childList: true, attributes: true,
    attributeFilter: ['data-kept', 'data-in', 'data-out', 'data-scores', 'data-ranks', 'data-rows', 'data-exited', 'data-hand', 'data-pinned', 'data-photo'],
  });
  sync();
}

element.addEventListener('click', (event) => {
  const chip = event.target.closest('[data-layer]');
  if (!chip) return;
  const on = chip.getAttribute('aria-pressed') !== 'true';
  chip.setAttribute('aria-pressed', String(on));
  board.classList.toggle(`td-hide-${chip.dataset.layer}`, !on);
});
