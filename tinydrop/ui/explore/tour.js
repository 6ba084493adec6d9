// Six captions, one at a time; the part they speak of gets a ring. Never in the way, never twice.
const steps = props.steps;
const box = element.querySelector('.td-tour');
const opener = () => document.querySelector('#td-tour-open');
let step = 0;

function remembered() {
  try { return window.localStorage.getItem('tinydrop-tour') === 'done'; } catch (error) { return true; }
}

function ring(target) {
  document.querySelectorAll('.td-ringed').forEach((one) => one.classList.remove('td-ringed'));
  if (!target) return;
  const part = document.querySelector(target);
  if (part) part.classList.add('td-ringed');
  else requestAnimationFrame(() => { if (!box.hidden && steps[step].target === target) ring(target); });
}

function show(next) {
  step = next;
  box.hidden = false;
  element.querySelector('.td-step').textContent = `${step + 1} of ${steps.length}: ${steps[step].title}`;
  element.querySelector('.td-caption').textContent = steps[step].text;
  element.querySelector('.td-back').disabled = step === 0;
  element.querySelector('.td-next').textContent = step === steps.length - 1 ? 'Done' : 'Next';
  ring(steps[step].target);
}

function close() {
  box.hidden = true;
  ring(null);
  try { window.localStorage.setItem('tinydrop-tour', 'done'); } catch (error) { /* private window */ }
  opener()?.focus({ preventScroll: true });
}

element.addEventListener('click', (event) => {
  if (event.target.closest('.td-back')) show(Math.max(step - 1, 0));
  else if (event.target.closest('.td-skip')) close();
  else if (event.target.closest('.td-next')) { if (step === steps.length - 1) close(); else show(step + 1); }
});
element.addEventListener('keydown', (event) => { if (event.key === 'Escape') close(); });
document.addEventListener('click', (event) => { if (event.target.closest('#td-tour-open')) show(0); });
if (!remembered()) show(0);
