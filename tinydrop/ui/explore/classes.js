// Searching the classes: what is typed must be in a class's name, or in its group's.
function filter() {
  const field = element.querySelector('#td-class-search');
  if (!field) return;
  const words = field.value.trim().toLowerCase();
  let found = 0;
  for (const section of element.querySelectorAll('section')) {
    const group = (section.querySelector('h3')?.textContent ?? '').toLowerCase().includes(words);
    let some = false;
    for (const one of section.querySelectorAll('li')) {
      const hit = group || one.textContent.toLowerCase().includes(words);
      one.hidden = !hit;
      some ||= hit;
      found += hit;
    }
    section.hidden = !some;
  }
  const said = element.querySelector('[data-count]');
  said.textContent = !words ? '' : found ? `${found} of ${said.dataset.count}` : 'No class is called so: the models cannot name it.';
}
element.addEventListener('input', filter);
watch('value', filter);
