// The slim tokens: hover or focus one to lay its map over the picture; arrow keys move.
const root = () => element.querySelector('.cp-slim');
const find = (selector) => [...element.querySelectorAll(selector)];

function show(token) {
  if (!token) return;
  for (const one of find('.cp-token')) {
    one.classList.toggle('cp-shown', one === token);
    one.classList.remove('cp-source');
  }
  element.querySelector('.cp-slim-heat').src = token.querySelector('.cp-composed').src;
  element.querySelector('.cp-slim-said').textContent = token.getAttribute('aria-label');
  const strip = token.closest('.cp-strip');
  const before = strip.parentElement.querySelector(`[data-module="${Number(strip.dataset.module) - 1}"]`);
  for (const at of (token.dataset.from || '').split(' ').filter(Boolean)) before?.children[Number(at)].classList.add('cp-source');
}

function start() {
  if (!root()) return;
  show(element.querySelector('.cp-slim-student:not([hidden]) [data-start]'));
}

function press(kind, chip) {
  for (const one of find(`[data-${kind}]`)) if (one.matches('.td-chip')) one.setAttribute('aria-pressed', String(one === chip));
}

element.addEventListener('click', (event) => {
  const chip = event.target.closest('.td-chip');
  if (chip?.dataset.mode) {
    root().dataset.mode = chip.dataset.mode;
    press('mode', chip);
  } else if (chip?.dataset.student) {
    press('student', chip);
    for (const one of find('.cp-slim-student')) one.hidden = one.dataset.of !== chip.dataset.student;
    start();
  } else {
    show(event.target.closest('.cp-token'));
  }
});
element.addEventListener('pointerover', (event) => show(event.target.closest('.cp-token')));
element.addEventListener('focusin', (event) => show(event.target.closest('.cp-token')));
element.addEventListener('keydown', (event) => {
  const token = event.target.closest('.cp-token');
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!token || !step) return;
  event.preventDefault();
  const all = [...token.parentElement.children];
  const next = all[(all.indexOf(token) + step + all.length) % all.length];
  for (const one of all) one.tabIndex = one === next ? 0 : -1;
  next.focus();
});
watch('value', start);
