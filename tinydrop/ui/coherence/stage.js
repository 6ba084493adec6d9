// The Coherence page's stage, after board.js: painting patches in and out, a stroke at a time.
const tool = (name) => element.querySelector(`[data-tool=${name}]`);
let past = [];              // what was on the stage before each stroke; null is the arrangement
let sent = null;            // the kept set on its way to the server, as zeros and ones
let stroke = null;          // { keep, cells } while the pointer is down
const preview = document.createElement('div');
preview.className = 'ch-preview';

const hand = () => board.querySelector('.ch-hand')?.dataset ?? {};
const note = () => '';
const listed = (bits) => [...bits].flatMap((bit, p) => (bit === '1' ? [p] : []));
const current = () => sent ?? mask().dataset.kept;

function send(bits) {
  sent = bits;
  // In the value, not in the event: a deferred event would bring back the data of the first one.
  props.value = JSON.stringify({ kept: bits === null ? null : listed(bits) });
  trigger('paint');
  tools();
}

function paint(cells, keep) {
  const before = current();
  const bits = [...before].map((bit, p) => (cells.has(p) ? (keep ? '1' : '0') : bit)).join('');
  if (bits === before) return;
  past.push(hand().hand === '1' || sent !== null ? before : null);
  send(bits);
}

function act(p) {
  if (p !== null) paint(new Set([p]), current()[p] !== '1');
}

function undo() {
  if (past.length) send(past.pop());
}

function reset() { past = []; send(null); }

// What the server holds counts; what it changed without us is nothing that we could undo.
function held() {
  const bits = mask().dataset.kept;
  if (sent !== null && sent === bits) sent = null;
  else if (sent === null && bits !== seen) past = [];
  seen = bits;
  photograph();
  tools();
}
let seen = '';

// The tiles' photograph is sent once and lies in css, where all of them find it.
function photograph() {
  const own = board.querySelector('.ch-photo')?.dataset;
  const css = document.documentElement.style;
  if (!own || own.photo === photo) return;
  photo = own.photo;
  css.setProperty('--ch-photo', `url("${photo}")`);
  css.setProperty('--ch-shape', own.shape);
}
let photo = '';

function tools() {
  const own = hand().hand === '1' || sent !== null;
  tool('undo').disabled = past.length === 0;
  tool('reset').disabled = !own;
  tool('pin').setAttribute('aria-pressed', String(hand().pinned === '1'));
}

function brush(event) {
  const p = under(event);
  if (p === null || stroke.cells.has(p)) return;
  stroke.cells.add(p);
  const [rows, cols] = side();
  const spot = document.createElement('i');
  spot.className = stroke.keep ? 'ch-in' : 'ch-out';
  Object.assign(spot.style, {
    left: `${(100 * (p % cols)) / cols}%`, top: `${(100 * Math.floor(p / cols)) / rows}%`,
    width: `${100 / cols}%`, height: `${100 / rows}%`,
  });
  preview.append(spot);
}

function lift(paints) {
  if (!stroke) return;
  const { cells, keep } = stroke;
  stroke = null;
  preview.replaceChildren();
  if (paints) paint(cells, keep);
}

function listen() {
  board.append(preview);
  board.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || !mask()) return;
    const p = under(event);
    if (p === null) return;
    stroke = { keep: current()[p] !== '1', cells: new Set() };
    brush(event);
    if (event.pointerType !== 'touch') board.setPointerCapture(event.pointerId);
  });
  board.addEventListener('pointermove', (event) => { if (stroke) brush(event); });
  board.addEventListener('pointerup', () => lift(true));
  board.addEventListener('pointercancel', () => lift(false));   // the finger scrolls the page
  board.addEventListener('dragstart', (event) => event.preventDefault());
  board.addEventListener('keydown', (event) => {
    if (event.key !== 'z' || !(event.ctrlKey || event.metaKey)) return;
    undo();
    event.preventDefault();
  });
}

element.addEventListener('click', (event) => {
  const name = event.target.closest('[data-tool]')?.dataset.tool;
  if (name === 'undo') undo();
  if (name === 'reset') reset();
  if (name === 'pin') trigger('pin');
});
// Another level or another tile puts something else on the stage: nothing of ours is on its way.
const forget = (event) => {
  if (event.target.closest('#ch-level, #ch-tiles [data-key]')) { sent = null; past = []; }
};
document.addEventListener('input', forget);
document.addEventListener('click', forget);
// The film names the patch at which the decision flips: show where it is.
window.addEventListener('ch-patch', (event) => { if (board && mask()) show(event.detail); });
// An emptied value means that the wish was refused: go back to what the server holds.
watch('value', () => { if (!props.value) { sent = null; past.pop(); sync(); } });
start();
