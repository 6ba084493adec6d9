// Explore's stage, after board.js: a click or the space bar forces a patch in or out.
const reset = element.querySelector('#td-reset');
let sent = null;           // forced patches on their way to the server
let keep = new Set();
let drop = new Set();

const sign = () => `${[...keep].sort()}|${[...drop].sort()}`;
const note = (p) => (keep.has(p) ? ', forced in' : drop.has(p) ? ', forced out' : '');

function send() {
  sent = sign();
  // In the value, not in the event: a deferred event would bring back the data of the first one.
  props.value = JSON.stringify({ keep: [...keep], drop: [...drop] });
  trigger('force');
}

function act(p) {
  if (p === null || mask().dataset.exited === '1') return;
  const kept = mask().dataset.kept[p] === '1';
  if (!keep.delete(p) && !drop.delete(p)) (kept ? drop : keep).add(p);
  send();
}

// The server's word counts, unless a newer click of ours is still on its way.
function held() {
  const own = `${numbers(mask().dataset.in).sort()}|${numbers(mask().dataset.out).sort()}`;
  if (sent === null || sent === own) {
    sent = null;
    keep = new Set(numbers(mask().dataset.in));
    drop = new Set(numbers(mask().dataset.out));
  }
  reset.hidden = keep.size + drop.size === 0;
}

function listen() {
  board.addEventListener('click', (event) => { if (mask()) { show(under(event)); act(patch); } });
  reset.addEventListener('click', () => { keep.clear(); drop.clear(); send(); board.focus(); });
}

// An emptied value means that the wish was refused: go back to what the server holds.
watch('value', () => { if (!props.value) { sent = null; sync(); } });
start();
