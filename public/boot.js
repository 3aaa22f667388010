// Starts the WASM half on pages that hold an island: loads it, then hands each island its element.
const version = new URL(import.meta.url).search;
const app = await import(`/pkg/app.js${version}`);
await app.default({ module_or_path: `/pkg/app_bg.wasm${version}` });
app.hydrate();

for (const island of document.querySelectorAll("leptos-island")) {
  const mount = app[island.dataset.component];
  if (mount) await mount(island);
  else console.warn(`No island ${island.dataset.component} in this build.`);
}
