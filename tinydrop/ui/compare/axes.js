// The chart's switches: another axis comes from the server, groups are shown and hidden here.
const chips = (kind) => [...element.querySelectorAll(`[data-${kind}]`)];
const pressed = (chip) => chip.getAttribute('aria-pressed') === 'true';

function tell() {
  const hidden = chips('group').filter((chip) => !pressed(chip)).map((chip) => chip.dataset.group);
  window.dispatchEvent(new CustomEvent('cp-groups', { detail: { hidden } }));
}

element.addEventListener('click', (event) => {
  const chip = event.target.closest('.td-chip');
  if (!chip) return;
  const kind = ['axis', 'shown'].find((one) => chip.dataset[one]);   // one of several, not on or off
  if (kind) {
    for (const one of chips(kind)) one.setAttribute('aria-pressed', String(one === chip));
  } else if (chip.dataset.group && pressed(chip) && chips('group').filter(pressed).length === 1) {
    return;  // an empty chart says nothing
  } else {
    chip.setAttribute('aria-pressed', String(!pressed(chip)));
  }
  if (chip.dataset.group) return tell();
  trigger('turn', { axis: chips('axis').find(pressed).dataset.axis, shown: chips('shown').find(pressed).dataset.shown, guided: pressed(chips('guide')[0]) });
});
