//! Form fields with label, hint and error, and the summary of errors above a form.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::glyph::{Glyph, Shape};

/// One thing to mend before a form is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name in the form; empty where no field is at fault.
    pub field_id: String,
    /// One sentence: what is wrong and how to mend it.
    pub message: String,
    /// Where the mending is done, if not at the field.
    pub href: Option<String>,
}

impl FieldError {
    /// An error of a field on this page.
    pub fn field(field_id: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field_id: field_id.into(), message: message.into(), href: None }
    }

    /// An error that is mended elsewhere, or nowhere.
    pub fn general(message: impl Into<String>, href: Option<String>) -> Self {
        Self { field_id: String::new(), message: message.into(), href }
    }
}

/// Why a form was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorSummary {
    /// Such as "This was not saved", or the rule that said no.
    pub title: String,
    /// What to mend, one by one.
    pub items: Vec<FieldError>,
}

impl ErrorSummary {
    /// A summary.
    pub fn new(title: impl Into<String>, items: Vec<FieldError>) -> Self {
        Self { title: title.into(), items }
    }
}

/// An [`ErrorSummary`] as a box above the heading; a script moves the focus to it.
#[component]
pub fn Summary(
    /// What went wrong, if anything.
    errors: Option<ErrorSummary>,
) -> impl IntoView {
    errors.map(|errors| {
        view! {
            <div class="summary" id="errors" role="alert" tabindex="-1" aria-labelledby="errors-heading">
                <h2 id="errors-heading">{errors.title}</h2>
                <ul role="list">
                    {errors
                        .items
                        .into_iter()
                        .map(|item| {
                            let href = item
                                .href
                                .or_else(|| (!item.field_id.is_empty()).then(|| format!("#{}", item.field_id)));
                            match href {
                                Some(href) => view! { <li><a href=href>{item.message}</a></li> }.into_any(),
                                None => view! { <li>{item.message}</li> }.into_any(),
                            }
                        })
                        .collect_view()}
                </ul>
            </div>
        }
    })
}

/// One answer among several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// The words.
    pub label: String,
    /// More words; empty for none.
    pub hint: String,
    /// Whether it is chosen now.
    pub chosen: bool,
}

impl Choice {
    /// An answer.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), ..Self::default() }
    }

    /// The answer, with more words.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The answer, chosen if `chosen`.
    #[must_use]
    pub fn chosen_if(mut self, chosen: bool) -> Self {
        self.chosen = chosen;
        self
    }
}

enum Control {
    Input { kind: &'static str },
    Area { rows: u8, code: bool },
    Select(Vec<Choice>),
    Radios(Vec<Choice>),
    Checks(Vec<Choice>),
}

/// A field of a form. Its name in the form is also its id on the page.
#[must_use]
pub struct Field {
    name: String,
    label: String,
    hint: Option<String>,
    error: Option<String>,
    value: String,
    autocomplete: Option<&'static str>,
    placeholder: Option<&'static str>,
    accept: Option<&'static str>,
    class: &'static str,
    optional: bool,
    control: Control,
}

impl Field {
    fn new(name: impl Into<String>, label: impl Into<String>, control: Control) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            hint: None,
            error: None,
            value: String::new(),
            autocomplete: None,
            placeholder: None,
            accept: None,
            class: "field",
            optional: true,
            control,
        }
    }

    /// A line of text.
    pub fn text(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(name, label, Control::Input { kind: "text" })
    }

    /// A line of another type of HTML input: `email`, `password`, `date`, `search`, `file`.
    pub fn input(kind: &'static str, name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(name, label, Control::Input { kind })
    }

    /// The reader's own password, asked for once more by an act that needs its person.
    pub fn password_again(name: impl Into<String>) -> Self {
        Self::input("password", name, "Your password")
            .hint("Asked again, so that nobody else signs at your desk.")
            .autocomplete("current-password")
            .required()
    }

    /// Several lines of prose.
    pub fn area(name: impl Into<String>, label: impl Into<String>, rows: u8) -> Self {
        Self::new(name, label, Control::Area { rows, code: false })
    }

    /// Several lines of JSON or YAML.
    pub fn code(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self { class: "field wide", ..Self::new(name, label, Control::Area { rows: 18, code: true }) }
    }

    /// One answer from a list.
    pub fn select(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(name, label, Control::Select(choices))
    }

    /// One answer, all of them shown.
    pub fn radios(name: impl Into<String>, legend: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(name, legend, Control::Radios(choices))
    }

    /// Any number of answers; the name is sent once for each.
    pub fn checks(name: impl Into<String>, legend: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(name, legend, Control::Checks(choices))
    }

    /// What the field holds now.
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// A sentence of help.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The field's error, if the summary has one for it.
    pub fn errors(mut self, errors: Option<&ErrorSummary>) -> Self {
        self.error = errors
            .and_then(|errors| errors.items.iter().find(|item| item.field_id == self.name))
            .map(|item| item.message.clone());
        self
    }

    /// The HTML `autocomplete` token.
    pub fn autocomplete(mut self, token: &'static str) -> Self {
        self.autocomplete = Some(token);
        self
    }

    /// An example of what to type.
    pub fn placeholder(mut self, placeholder: &'static str) -> Self {
        self.placeholder = Some(placeholder);
        self
    }

    /// Which files to offer.
    pub fn accept(mut self, accept: &'static str) -> Self {
        self.accept = Some(accept);
        self
    }

    /// Over the whole width.
    pub fn wide(mut self) -> Self {
        self.class = "field wide";
        self
    }

    /// As one of a row of filters, taking what room is left.
    pub fn grow(mut self) -> Self {
        self.class = "field grow";
        self
    }

    /// Must be filled in.
    pub fn required(mut self) -> Self {
        self.optional = false;
        self
    }

    /// The field as markup.
    pub fn view(self) -> AnyView {
        let hint_id = self.hint.is_some().then(|| format!("{}-hint", self.name));
        let error_id = self.error.is_some().then(|| format!("{}-error", self.name));
        let described = [hint_id.clone(), error_id.clone()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let described = (!described.is_empty()).then_some(described);
        let invalid = self.error.is_some().then_some("true");
        let required = !self.optional;
        let hint = self.hint.map(|hint| view! { <p class="hint" id=hint_id>{hint}</p> });
        let error = self.error.map(|error| {
            view! {
                <p class="field-error" id=error_id>
                    <Glyph shape=Shape::Cross />
                    <span>
                        <span class="hidden-visually">"Error: "</span>
                        {error}
                    </span>
                </p>
            }
        });
        let name = self.name;
        let id = name.clone();
        let control = match self.control {
            Control::Radios(choices) => {
                return group(self.class, "radio", &name, self.label, choices, (described, invalid), (hint.into_any(), error.into_any()));
            }
            Control::Checks(choices) => {
                return group(self.class, "checkbox", &name, self.label, choices, (described, invalid), (hint.into_any(), error.into_any()));
            }
            Control::Input { kind } => {
                // A browser never takes a file's or a password's value back.
                let value = (!matches!(kind, "file" | "password")).then_some(self.value);
                view! {
                    <input
                        type=kind
                        id=id
                        name=name.clone()
                        value=value
                        required=required
                        autocomplete=self.autocomplete
                        placeholder=self.placeholder
                        accept=self.accept
                        aria-describedby=described
                        aria-invalid=invalid
                    />
                }
                .into_any()
            }
            Control::Area { rows, code } => view! {
                <textarea
                    class=code.then_some("code")
                    id=id
                    name=name.clone()
                    rows=rows
                    required=required
                    spellcheck=code.then_some("false")
                    placeholder=self.placeholder
                    aria-describedby=described
                    aria-invalid=invalid
                >
                    {area_text(&self.value)}
                </textarea>
            }
            .into_any(),
            Control::Select(choices) => view! {
                <select id=id name=name.clone() required=required aria-describedby=described aria-invalid=invalid>
                    {choices
                        .into_iter()
                        .map(|choice| view! { <option value=choice.value selected=choice.chosen>{choice.label}</option> })
                        .collect_view()}
                </select>
            }
            .into_any(),
        };
        view! {
            <div class=self.class>
                <label for=name>{self.label}</label>
                {hint}
                {error}
                {control}
            </div>
        }
        .into_any()
    }
}

/// What stands between the tags of a text area. Leptos writes it as it is, so it is escaped here; and HTML drops the first
/// line break: one more keeps it.
fn area_text(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    if text.starts_with('\n') { format!("\n{text}") } else { text }
}

fn group(
    class: &'static str,
    kind: &'static str,
    name: &str,
    legend: String,
    choices: Vec<Choice>,
    (described, invalid): (Option<String>, Option<&'static str>),
    (hint, error): (AnyView, AnyView),
) -> AnyView {
    let inline = choices.iter().all(|choice| choice.hint.is_empty() && choice.label.len() < 24);
    let rows = choices
        .into_iter()
        .enumerate()
        .map(|(index, choice)| {
            // The first carries the plain id, so that the error summary's link lands on it.
            let id = if index == 0 { name.to_owned() } else { format!("{name}-{index}") };
            let hint_id = (!choice.hint.is_empty()).then(|| format!("{id}-about"));
            view! {
                <div class="choice">
                    <input
                        type=kind
                        id=id.clone()
                        name=name.to_owned()
                        value=choice.value
                        checked=choice.chosen
                        aria-invalid=invalid.filter(|_| kind == "checkbox")
                        aria-describedby=hint_id.clone()
                    />
                    <label for=id>{choice.label}</label>
                    {hint_id.map(|id| view! { <p class="hint" id=id>{choice.hint}</p> })}
                </div>
            }
        })
        .collect_view();
    view! {
        <fieldset class=class aria-describedby=described>
            <legend>{legend}</legend>
            {hint}
            {error}
            <div class=if inline { "choices inline" } else { "choices" }>{rows}</div>
        </fieldset>
    }
    .into_any()
}
