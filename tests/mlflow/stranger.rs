//! Imports from what is no MLflow, or is one in trouble: each ends with a clear error and nothing lost.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use domain::account::Role;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{common, countersign, get};

/// A server with one answer for each path; 404 for the others.
struct Stranger {
    url: String,
    task: JoinHandle<()>,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Path, status, body.
type Reply<'a> = (&'static str, u16, &'a str);
type Answers = BTreeMap<&'static str, (u16, String)>;

impl Stranger {
    async fn start(answers: &[Reply<'_>]) -> Self {
        let answers: Answers =
            answers.iter().map(|(path, status, body)| (*path, (*status, (*body).to_owned()))).collect();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(answers);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, task }
    }
}

async fn answer(State(answers): State<Answers>, request: Request) -> Response {
    match answers.get(request.uri().path()) {
        Some((status, body)) => (StatusCode::from_u16(*status).expect("a status"), body.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "nothing here"}"#)
            .into_response(),
    }
}

const MODELS: &str = "/api/2.0/mlflow/registered-models/search";
const VERSIONS: &str = "/api/2.0/mlflow/model-versions/search";
const RUN: &str = "/api/2.0/mlflow/runs/get";
const ONE_MODEL: &str = r#"{"registered_models": [{"name": "credit"}]}"#;
const TWO_VERSIONS: &str = r#"{"model_versions": [
    {"name": "credit", "version": "2", "status": "READY", "run_id": "broken", "source": "s3://bucket/2"},
    {"name": "credit", "version": "1", "status": "READY", "source": "s3://bucket/1"},
    {"name": "credit", "version": "3", "status": "FAILED_REGISTRATION"},
    {"name": "other", "version": "9", "status": "READY"}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mlflow_is_told_apart() {
    let server = common::start().await;
    let cases: [(&[Reply], &str); 7] = [
        (&[("/version", 200, "<html>Welcome</html>")], "does not answer like MLflow"),
        (&[("/version", 500, "boom")], "answered 500"),
        (&[("/version", 401, "")], "MLFLOW_TRACKING_USERNAME"),
        (&[(MODELS, 200, r#"{"registered_models": [{"na"#)], "EOF"),
        (&[(MODELS, 200, r#"{"status": "ok"}"#)], "does not answer like MLflow"),
        (
            &[(MODELS, 500, r#"{"error_code": "INTERNAL_ERROR", "message": "database is locked"}"#)],
            "database is locked",
        ),
        (&[(MODELS, 200, r#"{"registered_models": [], "next_page_token": "x"}"#)], "pages without end"),
    ];
    for (answers, words) in cases {
        let stranger = Stranger::start(answers).await;
        let said = countersign(&server, Role::DataScientist, &["import", "mlflow", "--url", &stranger.url]).await;
        said.expect(2).says(&[words, "0 versions registered"]);
    }
    assert_eq!(get(&server, "/models").await["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_mlflow_is_a_failure() {
    let server = common::start().await;
    // Port 1 needs rights that no test has.
    let said = countersign(&server, Role::DataScientist, &["import", "mlflow", "--url", "http://127.0.0.1:1"]).await;
    said.expect(2).says(&["http://127.0.0.1:1 cannot be reached", "0 versions registered"]);
    let said = countersign(&server, Role::DataScientist, &["import", "mlflow", "--url", "mlflow.bank.example"]).await;
    said.expect(2).says(&["must begin with http://"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_breaks_off_says_what_it_did_and_goes_on_later() {
    let server = common::start().await;
    let broken = [(MODELS, 200, ONE_MODEL), (VERSIONS, 200, TWO_VERSIONS), (RUN, 500, "boom")];
    let stranger = Stranger::start(&broken).await;
    let import = ["import", "mlflow", "--url", &stranger.url, "--known-as", "https://mlflow.bank.example/"];
    let said = countersign(&server, Role::DataScientist, &import).await;
    said.expect(2).says(&[
        "credit 1: registered as credit/1",
        "the files at s3://bucket/1 cannot be reached through MLflow",
        "missing lineage.model.weights_digest",
        "answered 500",
        "1 versions registered",
        "nothing is registered twice",
    ]);

    // The run was deleted meanwhile, and the server has another address.
    let mended = Stranger::start(&broken[..2]).await;
    let import = ["import", "mlflow", "--url", &mended.url, "--known-as", "https://mlflow.bank.example"];
    let said = countersign(&server, Role::DataScientist, &import).await;
    said.expect(0).says(&[
        "credit 1: already imported as credit/1",
        "credit 2: registered as credit/2",
        "its run is no longer in MLflow",
        "credit 3: skipped, MLflow calls it FAILED_REGISTRATION",
        "1 versions registered, 1 already imported, 0 refused, 1 skipped",
    ]);
    assert_eq!(get(&server, "/models/credit/versions").await["versions"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_register_models_hears_who_may() {
    let server = common::start().await;
    let stranger = Stranger::start(&[(MODELS, 200, ONE_MODEL), (VERSIONS, 200, TWO_VERSIONS)]).await;
    let said = countersign(&server, Role::Service, &["import", "mlflow", "--url", &stranger.url]).await;
    said.expect(1).says(&["credit: model credit not registered", "Data scientist", "1 refused"]);
}
