//! The browser's way in: `boot.js` calls [`hydrate`] once, then mounts each island it finds in the page.

use wasm_bindgen::prelude::wasm_bindgen;

/// Sets the reactive runtime up. The islands' own mount functions are exported beside it.
#[wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
