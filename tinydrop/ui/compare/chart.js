// The panels: groups are shown and hidden by the switches above.
let hidden = [];
const arrange = () => {
  for (const panel of element.querySelectorAll('.cp-panel')) panel.hidden = hidden.includes(panel.dataset.group);
};
tdCharts(element, watch);
window.addEventListener('cp-groups', (event) => { hidden = event.detail.hidden; arrange(); });
watch('value', arrange);
arrange();
