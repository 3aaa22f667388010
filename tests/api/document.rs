//! The OpenAPI document: complete, consistent in itself, and every operation in it asks who is there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{assert_problem, common::start};

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

fn refs<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference);
            }
            fields.values().for_each(|value| refs(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| refs(value, found)),
        _ => {}
    }
}

/// Method and path of every handler, from the attributes in the source beside it.
fn annotated() -> BTreeSet<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/api");
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for attribute in text.split("#[utoipa::path(").skip(1) {
            let method = attribute.split(',').next().unwrap().trim();
            let path = attribute.split("path = \"").nth(1).unwrap().split('"').next().unwrap();
            found.insert((method.to_owned(), format!("/api/v1{}", path.replace("{*", "{"))));
        }
    }
    found
}

#[tokio::test]
async fn the_document_is_complete_and_consistent() {
    let server = start().await;
    let answer = server.get("/api/v1/openapi.json").send().await.expect(200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());

    let mut all = BTreeSet::new();
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            all.insert((method.to_owned(), path.replace("{*", "{")));
            let id = operation["operationId"].as_str().unwrap();
            if let Some(other) = ids.insert(id, path) {
                panic!("{id} names both {other} and {path}");
            }
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{method} {path} says what it does");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
            assert!(responses.contains_key("4XX"), "{method} {path}");
            let named: BTreeSet<&str> =
                path.split('{').skip(1).map(|part| part.split('}').next().unwrap().trim_start_matches('*')).collect();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let declared: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| {
                    assert_eq!(parameter["required"], true, "{method} {path}");
                    parameter["name"].as_str().unwrap()
                })
                .collect();
            assert_eq!(named, declared, "{method} {path}");
        }
    }
    assert_eq!(all, annotated(), "every handler is in the router, and so in the document");

    let mut found = BTreeSet::new();
    refs(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    assert!(document["components"]["securitySchemes"]["token"].is_object());
}

#[tokio::test]
async fn no_operation_answers_a_stranger() {
    let server = start().await;
    let document = server.get("/api/v1/openapi.json").send().await.json();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let path =
            path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>().join("/");
        for method in METHODS {
            if item.get(method).is_none() {
                continue;
            }
            let call = match method {
                "get" => server.get(&path),
                "post" => server.post(&path),
                "put" => server.put(&path),
                _ => server.delete(&path),
            };
            assert_problem(&call.send().await, 401, "access.authenticated");
            asked += 1;
        }
    }
    assert!(asked > 35, "{asked}");
}
