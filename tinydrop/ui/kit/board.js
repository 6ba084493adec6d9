// The patch board: four views, a cursor on the patch grid, what it reads there, and patches that
// fade in rank order when the kept set changes.
// A page's own script follows in the same function. It defines act(patch), what a press does;
// note(patch), what else the readout says; held(), which takes over what the server holds; and
// listen(), its own events. Then it calls start().
const readout = element.querySelector('.td-readout');
const cursor = document.createElement('div');
cursor.className = 'td-cursor';
cursor.hidden = true;
let board = null;
let patch = null;
let last = null;            // the kept set that was last on the board, as zeros and ones
const still = window.matchMedia('(prefers-reduced-motion: reduce)');
const FADE = 220;           // milliseconds that one patch takes
const SPREAD = 420;         // from the first patch to the last

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

// While patches fade, squares of our own stand in for the veil, which has changed at once.
function fade(before, after, [rows, cols]) {
  if (before === after) return;
  board.querySelector('.td-fading')?.remove();
  if (still.matches || !before || before.length !== after.length) return;
  if (board.dataset.view === 'heat' || board.dataset.view === 'photo') return;
  const ranks = numbers(map().dataset.ranks);
  const moved = [...after].flatMap((bit, p) => (bit === before[p] ? [] : [p]));
  // Dropped patches go from the lowest rank up, and come back from the highest down.
  const out = moved.filter((p) => after[p] === '0').sort((a, b) => (ranks[b] || 0) - (ranks[a] || 0));
  const into = moved.filter((p) => after[p] === '1').sort((a, b) => (ranks[a] || 0) - (ranks[b] || 0));
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'td-fading');
  svg.setAttribute('viewBox', `0 0 ${cols} ${rows}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  const square = (p) => {
    const rect = document.createElementNS(svg.namespaceURI, 'rect');
    const place = { x: p % cols, y: Math.floor(p / cols), width: 1, height: 1, class: 'td-veil' };
    Object.entries(place).forEach(([name, value]) => rect.setAttribute(name, value));
    svg.append(rect);
    return rect;
  };
  [...after].forEach((bit, p) => { if (bit === '0' && before[p] === '0') square(p); });
  const run = [[out, 0, 1], [into, 1, 0]].flatMap(([patches, from, to]) => patches.map((p, place) => square(p).animate(
    [{ opacity: from }, { opacity: to }],
    { duration: FADE, delay: (SPREAD * place) / Math.max(patches.length, 8), fill: 'both' },
  ).finished));
  board.append(svg);
  Promise.allSettled(run).then(() => svg.remove());
}

function sync() {
  window.dispatchEvent(new CustomEvent('td-board', { detail: board.id }));
  if (!mask() || !map()) { last = null; return; }
  held();
  fade(last, mask().dataset.kept, side());
  last = mask().dataset.exited === '1' ? null : mask().dataset.kept;
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
  board.dataset.view = 'kept';
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
    attributeFilter: ['data-kept', 'data-in', 'data-out', 'data-scores', 'data-ranks', 'data-rows', 'data-exited', 'data-hand', 'data-pinned', 'data-photo', 'src'],
  });
  sync();
}

element.addEventListener('click', (event) => {
  const chosen = event.target.closest('[data-view]');
  if (!chosen || chosen === board) return;
  board.dataset.view = chosen.dataset.view;
  for (const one of element.querySelectorAll('.td-views [data-view]')) one.setAttribute('aria-pressed', String(one === chosen));
});
