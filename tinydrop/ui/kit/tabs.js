// Arrow keys, Home and End move between the pages' tabs, which gradio itself leaves to Tab alone.
document.addEventListener('keydown', (event) => {
  const tab = event.target.closest?.('[role=tab]');
  if (!tab) return;
  const tabs = [...tab.closest('[role=tablist]').querySelectorAll('[role=tab]:not([disabled])')];
  const place = tabs.indexOf(tab);
  const moves = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 };
  const to = tabs[(moves[event.key] + tabs.length) % tabs.length];
  if (!to) return;
  event.preventDefault();
  to.click();
  to.focus();
});
