// A file of its own, loaded before the first paint: the page never flashes in the wrong theme,
// and the Content-Security-Policy needs no exception for an inline script.
try {
  const choice = localStorage.getItem('parley:theme');
  if (choice === 'light' || choice === 'dark') document.documentElement.dataset.theme = choice;
} catch {
  // Storage may be forbidden; the system's theme then stands.
}
