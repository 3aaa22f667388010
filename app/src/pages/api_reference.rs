//! The API in words for people: every operation with what it takes and answers, and the shapes of both.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Page, Room};
use crate::kit::{Head, Link, Region, Section};

/// The API reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiReferenceView {
    /// What to know first, a paragraph each.
    pub intro: Vec<String>,
    /// A first call, as a command to type.
    pub example: String,
    /// Operations by what they are about.
    pub groups: Vec<ApiGroup>,
    /// The shapes that operations take and answer, by name.
    pub schemas: Vec<ApiSchema>,
}

/// Operations about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiGroup {
    /// Such as "Versions".
    pub title: String,
    /// In the order of their addresses.
    pub operations: Vec<ApiOperation>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiOperation {
    /// Its anchor.
    pub id: String,
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Its address with parameters in braces.
    pub path: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// More on it; empty for nothing.
    pub about: String,
    /// What stands in the address, the query and the headers.
    pub parameters: Vec<ApiField>,
    /// What is sent: content type and shape.
    pub request: Option<(String, ApiType)>,
    /// What is answered.
    pub answers: Vec<ApiAnswer>,
    /// The call as a command to type.
    pub example: String,
}

/// One way an operation answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiAnswer {
    /// The HTTP status, or a class such as `4XX`.
    pub status: String,
    /// What it means.
    pub about: String,
    /// Content type; empty where there is no body.
    pub content: String,
    /// Shape of the body.
    pub body: Option<ApiType>,
}

/// A type in words, linked to its shape if it has one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiType {
    /// Such as "list of things" or "string (date-time)".
    pub words: String,
    /// The name of the shape it refers to.
    pub schema: Option<String>,
}

/// A parameter, or a field of a shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiField {
    /// Its name.
    pub name: String,
    /// Where it stands: path, query, header; empty for a field.
    pub place: String,
    /// Its type.
    pub kind: ApiType,
    /// Whether it must be given.
    pub is_required: bool,
    /// What it means.
    pub about: String,
}

/// A shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiSchema {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub about: String,
    /// Its type where it is no object.
    pub kind: Option<ApiType>,
    /// Its fields.
    pub fields: Vec<ApiField>,
}

impl Page for ApiReferenceView {
    fn title(&self) -> String {
        "API reference".to_owned()
    }

    fn room(&self) -> Option<Room> {
        None
    }

    fn body(self) -> AnyView {
        let contents = self
            .groups
            .iter()
            .map(|group| (anchor(&group.title), group.title.clone()))
            .chain([("shapes".to_owned(), "Shapes".to_owned())])
            .map(|(id, title)| {
                view! {
                    <li>
                        <a href=format!("#{id}")>{title}</a>
                    </li>
                }
            })
            .collect_view();
        let actions = vec![Link::new("OpenAPI 3.1 document", "/api/v1/openapi.json")];
        view! {
            <Head title="API reference" lede="Everything the pages do can be done here, under the same rules." actions />
            <div class="stack">
                {self.intro.into_iter().map(|paragraph| view! { <p>{paragraph}</p> }).collect_view()}
                <pre class="code" tabindex="0">
                    {self.example}
                </pre>
                <nav aria-label="On this page">
                    <ul class="cluster" role="list">
                        {contents}
                    </ul>
                </nav>
            </div>
            {self.groups.into_iter().map(group_view).collect_view()}
            <Section id="shapes" title="Shapes" about="What is sent and answered, as JSON objects. Fields not marked required may be left out.">
                <div class="stack">{self.schemas.into_iter().map(schema_view).collect_view()}</div>
            </Section>
        }
        .into_any()
    }
}

fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

fn type_view(kind: ApiType) -> AnyView {
    match kind.schema {
        Some(name) => view! { <a href=format!("#shape-{name}")>{kind.words}</a> }.into_any(),
        None => kind.words.into_any(),
    }
}

fn group_view(group: ApiGroup) -> AnyView {
    let id = anchor(&group.title);
    let heading = format!("{id}-heading");
    view! {
        <section id=id aria-labelledby=heading>
            <div class="section-head">
                <h2 id=heading.clone()>{group.title}</h2>
            </div>
            <div class="stack">{group.operations.into_iter().map(operation_view).collect_view()}</div>
        </section>
    }
    .into_any()
}

fn operation_view(operation: ApiOperation) -> AnyView {
    let parameters = (!operation.parameters.is_empty()).then(|| fields_table("Parameters", operation.parameters, true));
    let request = operation.request.map(|(content, body)| {
        view! {
            <p>
                <b>"Sends "</b>
                {type_view(body)}
                " as "
                <code>{content}</code>
            </p>
        }
    });
    let answers = operation
        .answers
        .into_iter()
        .map(|answer| {
            view! {
                <li>
                    <b>{answer.status}</b>
                    " "
                    {answer.about}
                    {answer.body.map(|body| view! { " " {type_view(body)} " as " <code>{answer.content}</code> })}
                </li>
            }
        })
        .collect_view();
    view! {
        <details class="panel api" id=operation.id>
            <summary>
                <h3>
                    <span class="pill">{operation.method}</span>
                    " "
                    <code>{operation.path}</code>
                </h3>
                <span class="quiet">{operation.summary}</span>
            </summary>
            <div class="in stack">
                {(!operation.about.is_empty()).then(|| view! { <p class="prose">{operation.about}</p> })}
                {parameters}
                {request}
                <div>
                    <p>
                        <b>"Answers"</b>
                    </p>
                    <ul class="plain">{answers}</ul>
                </div>
                <pre class="code" tabindex="0">
                    {operation.example}
                </pre>
            </div>
        </details>
    }
    .into_any()
}

fn fields_table(label: &'static str, fields: Vec<ApiField>, with_place: bool) -> AnyView {
    let rows = fields
        .into_iter()
        .map(|field| {
            view! {
                <tr>
                    <th scope="row">
                        <code>{field.name}</code>
                        {field.is_required.then(|| view! { <span class="sub">"required"</span> })}
                    </th>
                    {with_place.then(|| view! { <td>{field.place}</td> })}
                    <td>{type_view(field.kind)}</td>
                    <td>{field.about}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Region label=label>
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        {with_place.then(|| view! { <th scope="col">"In"</th> })}
                        <th scope="col">"Type"</th>
                        <th scope="col">"Meaning"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Region>
    }
    .into_any()
}

fn schema_view(schema: ApiSchema) -> AnyView {
    let fields = (!schema.fields.is_empty()).then(|| fields_table("Fields", schema.fields, false));
    let id = format!("shape-{}", schema.name);
    view! {
        <details class="panel api" id=id>
            <summary>
                <h3>
                    <code>{schema.name}</code>
                </h3>
                <span class="quiet">{schema.about}</span>
            </summary>
            <div class="in stack">
                {schema.kind.map(|kind| view! { <p>{type_view(kind)}</p> })}
                {fields}
            </div>
        </details>
    }
    .into_any()
}
