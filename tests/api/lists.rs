//! Lists: pages that meet without gap or overlap, filters, search.

use domain::account::Role;
use serde_json::{Value, json};

use crate::{
    common::{Engine, TestServer, model},
    steps,
};

/// Walks a list from page to page; answers what each page held.
async fn pages(server: &TestServer, path: &str, list: &str, key: &str) -> Vec<Vec<Value>> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("{path}{cursor}")).as_role(Role::Auditor).await.send().await.expect(200).json();
        found.push(page[list].as_array().unwrap().iter().map(|item| item[key].clone()).collect());
        match page["next"].as_u64() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
        assert!(found.len() < 20, "the pages do not end");
    }
}

#[tokio::test]
async fn pages_meet_without_gap_or_overlap() {
    for engine in Engine::available() {
        let server = TestServer::start_on(engine).await;
        for name in ["e", "b", "d", "a", "c", "B2"] {
            steps::register_model(&server, name, "unregulated").await.expect(201);
        }
        for _ in 0..6 {
            steps::register_version(&server, "a", &json!({})).await;
        }
        let models = pages(&server, "/api/v1/models?limit=4", "models", "name").await;
        assert_eq!(models, [vec![json!("B2"), json!("a"), json!("b"), json!("c")], vec![json!("d"), json!("e")]]);
        let newest = pages(&server, "/api/v1/models?sort=registered&limit=6", "models", "name").await;
        assert_eq!(newest, [["B2", "c", "a", "d", "b", "e"].map(|name| json!(name)).to_vec()]);

        let versions = pages(&server, "/api/v1/models/a/versions?limit=4", "versions", "number").await;
        assert_eq!(versions, [vec![json!(6), json!(5), json!(4), json!(3)], vec![json!(2), json!(1)]]);
        // A page that ends with the list has no next one.
        let versions = pages(&server, "/api/v1/models/a/versions?limit=3", "versions", "number").await;
        assert_eq!(versions.len(), 2, "{versions:?}");

        let size = server.app.store.head().await.unwrap().size;
        let entries = pages(&server, "/api/v1/ledger/entries?limit=5", "entries", "seq").await.concat();
        assert_eq!(entries, (0..size).rev().map(|seq| json!(seq)).collect::<Vec<_>>());
        let entries = pages(&server, "/api/v1/ledger/entries?model=a&limit=7", "entries", "event").await;
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0].len(), 7);
        let path = "/api/v1/ledger/entries?model=a&version=2&event=version.registered&limit=5";
        assert_eq!(pages(&server, path, "entries", "seq").await.concat().len(), 1);
    }
}

#[tokio::test]
async fn models_are_found_by_what_people_remember_of_them() {
    for engine in Engine::available() {
        let server = TestServer::start_on(engine).await;
        for (name, title, tier) in
            [("credit_1", "Credit default", "1"), ("elan", "Élan", "2"), ("rec", "100 % recall", "3")]
        {
            let mut body = model(name);
            body["title"] = json!(title);
            body["tier"] = json!(tier);
            server.post("/api/v1/models").json(&body).as_role(Role::DataScientist).await.send().await.expect(201);
        }
        for (query, expected) in [
            ("search=DEFAULT", vec!["credit_1"]),
            ("search=credit_", vec!["credit_1"]),
            ("search=%25", vec!["rec"]),
            ("search=%C3%89lan", vec!["elan"]),
            ("search=", vec!["credit_1", "elan", "rec"]),
            ("tier=2", vec!["elan"]),
            ("tier=1&search=elan", vec![]),
            ("market=EU", vec!["credit_1", "elan", "rec"]),
            ("market=E", vec![]),
            ("profile=sr-11-7", vec![]),
        ] {
            let found = pages(&server, &format!("/api/v1/models?{query}"), "models", "name").await.concat();
            assert_eq!(found, expected, "{engine:?} {query}");
        }
    }
}
