// A link names another look than the page's first one: until the app has brought it back,
// explore.css keeps the first one from being seen. Runs before the page is drawn.
const named = new URLSearchParams(window.location.search);
if (fields.some((field) => named.has(field))) document.documentElement.classList.add('td-coming');
