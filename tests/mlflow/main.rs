//! `countersign import mlflow` against a real MLflow server.

#[path = "../common/mod.rs"]
mod common;

use common::{Engine, TestServer};
use domain::account::Role;

#[tokio::test(flavor = "multi_thread")]
async fn smoke() {
    for engine in Engine::available() {
        let server = TestServer::start_on(engine).await;
        server
            .post("/api/v1/models")
            .as_role(Role::DataScientist)
            .await
            .json(&common::model("credit"))
            .send()
            .await
            .expect(201);
        let path = "/api/v1/models/credit/versions";
        let body = serde_json::json!({ "lineage": common::lineage() });
        server.post(path).as_role(Role::Service).await.json(&body).send().await.expect(201);
        let refused = server.post(path).as_role(Role::Auditor).await.json(&body).send().await.expect(403);
        assert_eq!(refused.rule(), "access.role");
    }
}
