//! Tells the reader that the page has been overtaken by an event.

use leptos::prelude::*;

/// Listens to the server's events about what the page shows and, when one comes, offers to load the page again. It
/// never reloads by itself: the reader may be in the middle of a sentence.
#[island]
pub fn LiveStatus(
    /// Address of an event stream; each message says one sentence about what changed.
    source: String,
) -> impl IntoView {
    let change = RwSignal::new(None::<String>);
    listen(source, change);
    view! {
        <div class="live no-print" role="status" aria-live="polite">
            {move || {
                change
                    .get()
                    .map(|sentence| {
                        view! {
                            <p>
                                {sentence} " " <a href="">"Load the page again"</a>
                            </p>
                        }
                    })
            }}
        </div>
    }
}

#[cfg(feature = "hydrate")]
fn listen(source: String, change: RwSignal<Option<String>>) {
    use wasm_bindgen::{JsCast, closure::Closure};

    let Ok(events) = web_sys::EventSource::new(&source) else { return };
    let on_message = Closure::<dyn Fn(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
        let sentence = event.data().as_string().filter(|text| !text.is_empty());
        change.set(Some(sentence.unwrap_or_else(|| "This version has just changed.".to_owned())));
    });
    events.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // Lives as long as the page.
    on_message.forget();
}

#[cfg(not(feature = "hydrate"))]
fn listen(source: String, _change: RwSignal<Option<String>>) {
    drop(source);
}
