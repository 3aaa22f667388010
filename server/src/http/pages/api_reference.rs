//! The API reference, written from the OpenAPI document that the server publishes.

use std::{collections::BTreeMap, fmt::Write as _, sync::LazyLock};

use app::pages::{
    ApiReferenceView,
    api_reference::{ApiAnswer, ApiField, ApiGroup, ApiOperation, ApiSchema, ApiType},
};
use axum::{extract::State, response::Response};
use serde_json::Value;

use super::{Frame, PageError, Viewer, show};
use crate::http::extract::App;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(crate::http::openapi()).unwrap_or(Value::Null));

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().trim().to_owned()
}

/// Text on one line, without the marks of rustdoc links.
fn line(value: &Value, name: &str) -> String {
    let words = text(value, name);
    words.split_whitespace().collect::<Vec<_>>().join(" ").replace("[`", "").replace("`]", "").replace('`', "")
}

/// A JSON Schema in words.
fn kind(schema: &Value) -> ApiType {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return ApiType { words: name.to_owned(), schema: Some(name.to_owned()) };
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        let Some(options) = schema[choice].as_array() else { continue };
        let parts: Vec<ApiType> = options.iter().filter(|option| option["type"] != "null").map(kind).collect();
        let words: Vec<&str> = parts.iter().map(|part| part.words.as_str()).collect();
        let between = if choice == "allOf" { " with " } else { " or " };
        return ApiType { words: words.join(between), schema: parts.iter().find_map(|part| part.schema.clone()) };
    }
    if let Some(values) = schema["enum"].as_array() {
        let words: Vec<String> = values.iter().filter_map(Value::as_str).map(|value| format!("“{value}”")).collect();
        return ApiType { words: words.join(" or "), schema: None };
    }
    if let Some(value) = schema["const"].as_str() {
        return ApiType { words: format!("“{value}”"), schema: None };
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect::<Vec<_>>().join(" or ")
        }
        _ => "any JSON".to_owned(),
    };
    match name.as_str() {
        "array" => {
            let of = kind(&schema["items"]);
            ApiType { words: format!("list of {}", of.words), schema: of.schema }
        }
        "object" if schema["additionalProperties"].is_object() => {
            let of = kind(&schema["additionalProperties"]);
            ApiType { words: format!("map of {}", of.words), schema: of.schema }
        }
        _ => {
            let format = schema["format"].as_str().map(|format| format!(" ({format})")).unwrap_or_default();
            ApiType { words: format!("{name}{format}"), schema: None }
        }
    }
}

/// The fields of an object, or those of every way it can look.
fn fields(schema: &Value) -> Vec<ApiField> {
    let mut found: Vec<ApiField> = Vec::new();
    let parts = ["allOf", "oneOf", "anyOf"].into_iter().filter_map(|name| schema[name].as_array()).flatten();
    for part in [schema].into_iter().chain(parts) {
        let required: Vec<&str> = part["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, value) in part["properties"].as_object().into_iter().flatten() {
            if found.iter().any(|field| field.name == *name) {
                continue;
            }
            found.push(ApiField {
                name: name.clone(),
                place: String::new(),
                kind: kind(value),
                is_required: required.contains(&name.as_str()),
                about: line(value, "description"),
            });
        }
    }
    found
}

fn body(holder: &Value) -> Option<(String, ApiType)> {
    let (content, media) = holder["content"].as_object()?.iter().next()?;
    Some((content.clone(), kind(&media["schema"])))
}

/// The call as a command line, with shell variables for what only the caller knows.
fn example(method: &str, path: &str, request: Option<&str>, origin: &str) -> String {
    let mut command = String::from("curl");
    if method != "get" {
        // Writing to a String cannot fail.
        let _ = write!(command, " -X {}", method.to_uppercase());
    }
    let address = path.replace('{', "$").replace('}', "");
    let _ = write!(command, " -H \"Authorization: Bearer $TOKEN\"");
    match request {
        Some(content) if content.contains("json") => {
            let _ = write!(command, " \\\n  -H 'Content-Type: application/json' --data @body.json");
        }
        Some(content) if content.contains("multipart") => command.push_str(" \\\n  -F 'file=@results.xml'"),
        Some(_) => command.push_str(" \\\n  --data-binary @file"),
        None => {}
    }
    let _ = write!(command, " \\\n  \"{origin}{address}\"");
    command
}

fn operation(method: &str, path: &str, value: &Value, origin: &str) -> ApiOperation {
    let parameters = value["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parameter| ApiField {
            name: text(parameter, "name"),
            place: text(parameter, "in"),
            kind: kind(&parameter["schema"]),
            is_required: parameter["required"] == true,
            about: line(parameter, "description"),
        })
        .collect();
    let request = body(&value["requestBody"]);
    let answers = value["responses"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(status, answer)| {
            let (content, shape) = body(answer).map_or((String::new(), None), |(content, kind)| (content, Some(kind)));
            ApiAnswer { status: status.clone(), about: line(answer, "description"), content, body: shape }
        })
        .collect();
    let summary = line(value, "summary");
    ApiOperation {
        id: format!("{method}{}", path.replace(['/', '{', '}', '.'], "-")),
        method: method.to_uppercase(),
        path: path.to_owned(),
        about: Some(text(value, "description")).filter(|about| *about != summary).unwrap_or_default(),
        summary,
        parameters,
        example: example(method, path, request.as_ref().map(|(content, _)| content.as_str()), origin),
        request,
        answers,
    }
}

fn view(document: &Value, origin: &str) -> ApiReferenceView {
    let mut groups: BTreeMap<String, Vec<ApiOperation>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let Some(value) = item.get(method) else { continue };
            let tag = value["tags"][0].as_str().unwrap_or("Others").to_owned();
            groups.entry(tag).or_default().push(operation(method, path, value, origin));
        }
    }
    // In the order of a model's life; what is not named here follows.
    let order = ["Models", "Versions", "Evidence", "Validation", "Promotions", "Ledger", "Policy", "Accounts"];
    let rank = |title: &str| order.iter().position(|name| *name == title).unwrap_or(order.len());
    let mut groups: Vec<ApiGroup> =
        groups.into_iter().map(|(title, operations)| ApiGroup { title, operations }).collect();
    groups.sort_by_key(|group| rank(&group.title));
    let schemas = document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            let fields = fields(schema);
            ApiSchema {
                name: name.clone(),
                about: line(schema, "description"),
                kind: fields.is_empty().then(|| kind(schema)),
                fields,
            }
        })
        .collect();
    let about = text(&document["info"], "description");
    let own =
        "Calls carry a token, issued under People, Tokens, and may do what its scopes and its owner's roles allow.";
    ApiReferenceView {
        intro: about.split("\n\n").map(|part| part.replace('`', "")).chain([own.to_owned()]).collect(),
        example: format!("curl -H \"Authorization: Bearer $TOKEN\" {origin}/api/v1/models"),
        groups,
        schemas,
    }
}

/// The page; like the document it needs no sign-in.
pub async fn page(State(app): State<App>, viewer: Option<Viewer>, frame: Frame) -> Result<Response, PageError> {
    let frame = viewer.map_or(frame, |viewer| viewer.frame);
    show(&frame, view(&DOCUMENT, app.config.public_url.trim_end_matches('/'))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_place_and_every_link_a_target() {
        let view = view(&DOCUMENT, "https://countersign.example");
        let operations: Vec<&ApiOperation> = view.groups.iter().flat_map(|group| &group.operations).collect();
        assert!(operations.len() > 30, "{}", operations.len());
        let known = |kind: &ApiType| {
            kind.schema.as_ref().is_none_or(|name| view.schemas.iter().any(|schema| schema.name == *name))
        };
        for operation in &operations {
            assert!(!operation.summary.is_empty(), "{} {}", operation.method, operation.path);
            assert!(operation.parameters.iter().all(|parameter| known(&parameter.kind)), "{}", operation.path);
            assert!(operation.answers.iter().filter_map(|answer| answer.body.as_ref()).all(known));
            assert!(operation.request.as_ref().is_none_or(|(_, kind)| known(kind)));
        }
        assert!(view.schemas.iter().flat_map(|schema| &schema.fields).all(|field| known(&field.kind)));
        let post = operations.iter().find(|operation| operation.method == "POST").unwrap();
        assert!(post.example.contains("-X POST"));
    }
}
