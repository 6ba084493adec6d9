// One box for the meaning of whichever word is pressed, on any page. Runs in the page's head.
let told = null;
let word = null;

function hide(back) {
  if (!word) return;
  word.setAttribute('aria-expanded', 'false');
  if (back) word.focus();
  word = null;
  told.hidden = true;
}

function tell(button) {
  if (!told) {
    told = document.createElement('div');
    told.className = 'td-told';
    told.setAttribute('role', 'status');
    document.querySelector('.gradio-container').append(told);
  }
  hide(false);
  word = button;
  word.setAttribute('aria-expanded', 'true');
  told.hidden = false;
  told.textContent = button.dataset.meaning;
  const box = button.getBoundingClientRect();
  const room = document.documentElement.clientWidth - told.offsetWidth - 12;
  const above = box.bottom + told.offsetHeight + 12 > window.innerHeight;
  told.style.left = `${Math.max(12, Math.min(box.left, room))}px`;
  told.style.top = `${above ? box.top - told.offsetHeight - 6 : box.bottom + 6}px`;
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('.td-term');
  if (button && button !== word) tell(button);
  else if (!event.target.closest('.td-told')) hide(false);
});
document.addEventListener('keydown', (event) => { if (event.key === 'Escape' && word) hide(true); });
document.addEventListener('scroll', () => hide(false), { passive: true, capture: true });
