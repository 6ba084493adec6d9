// The stage: layer switches, a cursor on the patch grid, and forcing patches in or out.
const readout = element.querySelector('#td-readout');
const reset = element.querySelector('#td-reset');
const cursor = document.createElement('div');
cursor.className = 'td-cursor';
cursor.hidden = true;
let board = null;
let patch = null;
let sent = null;           // forced patches on their way to the server
let keep = new Set();
let drop = new Set();

const map = () => board.querySelector('.td-map');
const mask = () => board.querySelector('.td-mask');
const numbers = (text) => (text ? text.split(' ').map(Number) : []);
const side = () => [Number(map().dataset.rows), Number(map().dataset.cols)];
const sign = () => `${[...keep].sort()}|${[...drop].sort()}`;

function describe(p) {
  const [rows, cols] = side();
  const scores = numbers(map().dataset.scores);
  const ranks = numbers(map().dataset.ranks);
  const score = scores.length ? `score ${scores[p].toFixed(2)}, ` : '';
  const rank = ranks[p] ? `rank ${ranks[p]} of ${rows * cols}, ` : '';
  const forced = keep.has(p) ? ', forced in' : drop.has(p) ? ', forced out' : '';
  const fate = mask().dataset.exited === '1' ? 'not needed after the early exit' : mask().dataset.kept[p] === '1' ? 'kept' : 'dropped';
  return `row ${Math.floor(p / cols) + 1}, column ${(p % cols) + 1}: ${score}${rank}${fate}${forced}`;
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

function send() {
  sent = sign();
  // In the value, not in the event: a deferred event would bring back the data of the first one.
  props.value = JSON.stringify({ keep: [...keep], drop: [...drop] });
  trigger('force');
}

function toggle(p) {
  if (p === null || mask().dataset.exited === '1') return;
  const kept = mask().dataset.kept[p] === '1';
  if (!keep.delete(p) && !drop.delete(p)) (kept ? drop : keep).add(p);
  send();
}

// The server's word counts, unless a newer click of ours is still on its way.
function sync() {
  if (!mask() || !map()) return;
  const own = `${numbers(mask().dataset.in).sort()}|${numbers(mask().dataset.out).sort()}`;
  if (sent === null || sent === own) {
    sent = null;
    keep = new Set(numbers(mask().dataset.in));
    drop = new Set(numbers(mask().dataset.out));
  }
  const [rows, cols] = side();
  board.setAttribute('aria-label', `Patch grid, ${rows} rows by ${cols} columns; ${mask().getAttribute('aria-label')}`);
  reset.hidden = keep.size + drop.size === 0;
  board.classList.toggle('td-no-map', !map().dataset.scores);
  element.classList.toggle('td-no-scale', !map().dataset.scores);
  show(patch !== null && patch < rows * cols ? patch : null);
}

// The layers are children of this part and arrive a moment after it.
function start() {
  board = element.querySelector('#td-board');
  if (!board || !mask() || !map()) return requestAnimationFrame(start);
  board.append(cursor);
  Object.entries({ tabindex: '0', role: 'application', 'aria-describedby': 'td-readout' })
    .forEach(([name, value]) => board.setAttribute(name, value));
  board.classList.add('td-hide-ranks');
  board.addEventListener('pointermove', (event) => { if (mask()) show(under(event)); });
  board.addEventListener('pointerleave', () => { if (document.activeElement !== board) show(null); });
  board.addEventListener('click', (event) => { if (mask()) { show(under(event)); toggle(patch); } });
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
    else if (event.key === ' ' || event.key === 'Enter') toggle(p);
    else return;
    event.preventDefault();
  });
  new MutationObserver(sync).observe(board, {
    subtree: true, childList: true, attributes: true,
    attributeFilter: ['data-kept', 'data-in', 'data-out', 'data-scores', 'data-ranks', 'data-rows', 'data-exited'],
  });
  sync();
}

element.addEventListener('click', (event) => {
  const chip = event.target.closest('[data-layer]');
  if (chip) {
    const on = chip.getAttribute('aria-pressed') !== 'true';
    chip.setAttribute('aria-pressed', String(on));
    board.classList.toggle(`td-hide-${chip.dataset.layer}`, !on);
  }
  if (event.target.closest('#td-reset')) { keep.clear(); drop.clear(); send(); board.focus(); }
});
// An emptied value means that the wish was refused: go back to what the server holds.
watch('value', () => { if (!props.value) { sent = null; sync(); } });
start();
