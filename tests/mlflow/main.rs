//! `countersign import mlflow` and the commands for pipelines: the real program against a running server, and for the
//! import against a real MLflow server with scikit-learn models trained here.

#[path = "../common/mod.rs"]
mod common;
mod pipeline;
mod stranger;
mod tracking;

use common::{Engine, TestServer};
use domain::account::Role;
use serde_json::Value;

use tracking::Tracking;

/// What the program said and how it ended.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "{word:?} is missing: {self:#?}");
        }
        self
    }
}

/// Runs `countersign` as the role's service or person.
async fn countersign(server: &TestServer, role: Role, arguments: &[&str]) -> Said {
    countersign_with(&server.url, &server.token(role).await, arguments).await
}

async fn countersign_with(url: &str, token: &str, arguments: &[&str]) -> Said {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).env("COUNTERSIGN_SERVER", url).env("COUNTERSIGN_TOKEN", token);
    for variable in ["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "COUNTERSIGN_CONFIG"] {
        command.env_remove(variable);
    }
    let output =
        tokio::task::spawn_blocking(move || command.output().expect("countersign runs")).await.expect("it ends");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

async fn get(server: &TestServer, path: &str) -> Value {
    server.get(&format!("/api/v1{path}")).as_role(Role::Auditor).await.send().await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_registry_becomes_lineage_once() {
    let Some(tracking) = Tracking::start().await else { return };
    let trained = tracking.train().await;
    for engine in Engine::available() {
        check_import(&TestServer::start_on(engine).await, &tracking, &trained).await;
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

async fn check_import(server: &TestServer, tracking: &Tracking, trained: &Value) {
    let import = ["import", "mlflow", "--url", &tracking.url];

    // A dry run says what would be done and writes nothing.
    let said = countersign(server, Role::DataScientist, &[&import[..], &["--dry-run"]].concat()).await;
    said.expect(1).says(&["model credit would be registered", "credit 1: would be registered", "nothing was written"]);
    assert_eq!(get(server, "/models").await["total"], 0);

    // A name that Countersign refuses is listed with the way out; everything else goes in.
    let said = countersign(server, Role::DataScientist, &import).await.expect(1);
    let said = said.says(&[
        &format!("MLflow {}", text(&trained["mlflow"])),
        "credit 1: registered as credit/1",
        "credit 2: registered as credit/2",
        "--rename 'card fraud=NAME'",
        "missing lineage.code.image_digest",
        "metric diverged is not a finite number",
        "2 versions registered, 0 already imported, 1 refused",
    ]);
    assert!(!said.out.contains("missing lineage.model.weights_digest"), "{said:#?}");

    let first = get(server, "/models/credit/versions/1").await;
    let (fact, lineage) = (&trained["versions"][0], &first["lineage"]);
    assert_eq!(lineage["model"]["weights_digest"], fact["weights_digest"]);
    assert_eq!(lineage["model"]["framework"], format!("scikit-learn {}", text(&trained["sklearn"])));
    assert_eq!(lineage["model"]["architecture"], "logistic regression");
    assert_eq!(lineage["data"]["schema_digest"], fact["schema_digest"]);
    assert_eq!(lineage["data"]["dataset"], "loans");
    assert_eq!(lineage["data"]["version"], fact["data_version"]);
    assert_eq!(lineage["code"]["git_commit"], trained["commit"]);
    assert_eq!(lineage["code"]["repository"], "https://git.bank.example/credit.git");
    assert_eq!(lineage["training"]["id"], fact["run"]);
    assert_eq!(lineage["training"]["random_seed"], 42);
    assert_eq!(lineage["metrics"], serde_json::json!({ "accuracy": fact["accuracy"] }));
    let hyperparameters =
        serde_json::json!({ "C": 1, "solver": "lbfgs", "max_iter": 200, "fit_intercept": true, "random_state": 42 });
    assert_eq!(lineage["hyperparameters"], hyperparameters);
    assert_eq!(
        lineage["features"]["names"],
        serde_json::json!(["age_of_account", "income", "late_payments", "utilisation"])
    );
    assert_eq!(first["origin"]["reference"], format!("{}/#/models/credit/versions/1", tracking.url));
    for absent in ["image_digest", "set_version"] {
        assert!(!lineage.to_string().contains(absent), "{absent} was invented: {lineage}");
    }
    let second = get(server, "/models/credit/versions/2").await;
    assert_eq!(second["lineage"]["model"]["weights_digest"], trained["versions"][1]["weights_digest"]);
    assert_eq!(second["lineage"]["hyperparameters"]["C"], 0.5);
    assert!(second["lineage"]["data"].get("dataset").is_none());

    // Once more, with a name for the refused model: nothing is doubled, the missing fields are told again.
    let renamed = [&import[..], &["--rename", "card fraud=card-fraud"]].concat();
    let said = countersign(server, Role::DataScientist, &renamed).await.expect(0);
    said.says(&[
        "credit 1: already imported as credit/1",
        "credit 2: already imported as credit/2",
        "card fraud 1: registered as card-fraud/1",
        "missing lineage.code.image_digest",
        "1 versions registered, 2 already imported, 0 refused",
    ]);
    let fraud = get(server, "/models/card-fraud").await;
    assert_eq!((&fraud["title"], &fraud["purpose"]), (&"card fraud".into(), &"Cards that were stolen.".into()));
    // `runs:/…` leads to the same files as the logged model of that run.
    let fraud = get(server, "/models/card-fraud/versions/1").await;
    assert_eq!(fraud["lineage"]["model"]["weights_digest"], fact["weights_digest"]);

    let said = countersign(server, Role::DataScientist, &renamed).await.expect(0);
    said.says(&["0 versions registered, 3 already imported"]);
    assert_eq!(get(server, "/models/credit/versions").await["versions"].as_array().map(Vec::len), Some(2));

    // Nobody's name and no secret came along.
    for model in ["credit", "card-fraud"] {
        let entries = get(server, &format!("/ledger/entries?limit=200&model={model}")).await.to_string();
        assert!(entries.contains("version.registered"), "{entries}");
        assert!(!entries.contains("secret") && !entries.contains("train.py"), "{entries}");
    }
}
