//! Small drawings, 12 units wide, in the colour of the text around them.

use leptos::prelude::*;

/// What is drawn. Each status has its own outline, so that none depends on colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A filled disc with a tick: done, green, closed.
    Done,
    /// A half-filled disc: under way.
    Half,
    /// A ring: not begun, neutral.
    Ring,
    /// A triangle: needs attention.
    Triangle,
    /// A square with a cross: failed, refused.
    Cross,
    /// A dash: no longer in force, not applicable.
    Dash,
    /// Two sheets: copy.
    Copy,
    /// A filled diamond: serves, champion.
    Diamond,
    /// A ring with a dot: here.
    Here,
}

/// A drawing without words of its own; the word stands beside it.
#[component]
pub fn Glyph(
    /// What to draw.
    shape: Shape,
    /// Side in CSS pixels.
    #[prop(default = 12)]
    size: u8,
) -> impl IntoView {
    let inner = match shape {
        Shape::Done => view! {
            <circle cx="6" cy="6" r="6" fill="currentColor" />
            <path class="cut" d="M3.2 6.2 5.2 8.2 8.9 4.1" />
        }
        .into_any(),
        Shape::Half => view! {
            <circle cx="6" cy="6" r="5" fill="none" stroke="currentColor" stroke-width="1.6" />
            <path d="M6 3a3 3 0 0 1 0 6z" fill="currentColor" />
        }
        .into_any(),
        Shape::Ring => view! {
            <circle cx="6" cy="6" r="5" fill="none" stroke="currentColor" stroke-width="1.6" />
        }
        .into_any(),
        Shape::Triangle => view! {
            <path d="M6 .8 11.6 11H.4z" fill="currentColor" />
            <path class="cut" d="M6 4.2v3M6 8.4v1.2" />
        }
        .into_any(),
        Shape::Cross => view! {
            <rect x="0.3" y="0.3" width="11.4" height="11.4" rx="2" fill="currentColor" />
            <path class="cut" d="M3.7 3.7 8.3 8.3M8.3 3.7 3.7 8.3" />
        }
        .into_any(),
        Shape::Dash => view! {
            <path d="M2 6h8" fill="none" stroke="currentColor" stroke-width="1.8" />
        }
        .into_any(),
        Shape::Copy => view! {
            <path
                d="M4.2 3.4V1.2h6.6v7.2H8.4M1.2 3.6h7v7.2h-7z"
                fill="none"
                stroke="currentColor"
                stroke-width="1.2"
                stroke-linejoin="round"
            />
        }
        .into_any(),
        Shape::Diamond => view! { <path d="M6 .3 11.7 6 6 11.7.3 6z" fill="currentColor" /> }.into_any(),
        Shape::Here => view! {
            <circle cx="6" cy="6" r="5" fill="none" stroke="currentColor" stroke-width="2" />
            <circle cx="6" cy="6" r="2.4" fill="currentColor" />
        }
        .into_any(),
    };
    view! {
        <svg width=size height=size viewBox="0 0 12 12" aria-hidden="true" focusable="false">
            {inner}
        </svg>
    }
}
