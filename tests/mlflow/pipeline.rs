//! The commands that a pipeline runs, from the first registration to the decision.

use std::{fs, path::Path};

use domain::{
    account::{Role, Scope},
    policy::DEFAULT_POLICY,
};
use serde_json::json;

use crate::{
    common::{self, Engine, Setup, TestServer},
    countersign, countersign_with, get,
};

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("the file is written");
    path.display().to_string()
}

const JUNIT: &str =
    r#"<testsuites><testsuite name="unit" tests="1"><testcase name="adds" time="0.1"/></testsuite></testsuites>"#;
const MODEL: &str = "name: credit\ntitle: Credit default\npurpose: Decides on loans.\ntier: '3'\nprofile: unregulated\nmarkets: [US, EU]\n";

/// Registers `credit` version 1 with a complete lineage.
async fn registered(server: &TestServer, folder: &Path) {
    let model = write(folder, "model.yaml", MODEL);
    countersign(server, Role::DataScientist, &["register", "model", &model])
        .await
        .expect(0)
        .says(&["model credit is registered"]);
    let version =
        write(folder, "version.json", &json!({ "lineage": common::lineage(), "note": "The first" }).to_string());
    let said =
        countersign(server, Role::Service, &["register", "version", "--model", "credit", &version]).await.expect(0);
    assert!(!said.out.contains("missing"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_goes_from_registration_to_staging() {
    let server = common::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    registered(&server, folder.path()).await;
    let which = ["--model", "credit", "--version", "1"];

    let status = [&["status"][..], &which].concat();
    let said = countersign(&server, Role::Service, &status).await.expect(3);
    said.says(&["credit version 1 is in None.", "was not asked for yet", "No code-path evidence is attached."]);
    let promote = [&["promote"][..], &which, &["--to", "staging"]].concat();
    let said = countersign(&server, Role::Service, &promote).await.expect(1);
    said.says(&["evidence.code", "Data scientist can supply it"]);

    let junit = write(folder.path(), "junit.xml", JUNIT);
    let attach =
        [&["attach"][..], &which, &["--producer", "ci", "--path", "code", "--bound-to", common::COMMIT, &junit]]
            .concat();
    countersign(&server, Role::Service, &attach).await.expect(0).says(&["junit.xml is attached to credit version 1"]);
    let said =
        countersign(&server, Role::Service, &[&status[..], &["--json", "--to", "staging"]].concat()).await.expect(3);
    let standing: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((&standing["stage"], &standing["outcome"]), (&json!("none"), &json!("waiting")));
    let rules: Vec<_> =
        standing["unmet"].as_array().expect("a list").iter().map(|unmet| unmet["rule"].clone()).collect();
    assert_eq!(rules, ["evidence.data", "evidence.model"]);

    let skipped = [&["promote"][..], &which, &["--to", "canary", "--market", "US"]].concat();
    countersign(&server, Role::Service, &skipped).await.expect(1).says(&["Staging"]);
    let unclear = [&["status"][..], &which, &["--to", "shadow"]].concat();
    countersign(&server, Role::Service, &unclear).await.expect(2).says(&["--market"]);
}

/// A policy by which Staging asks for one signature and nothing else.
fn signature_only() -> String {
    let gate = "[profiles.unregulated.gates.staging]\ncomplete_lineage = true\nevidence = [\"code\", \"data\", \"model\"]\nchecks = [\"tests\", \"expectations\", \"evaluation\"]\nchampion = true\nblocking_findings = \"high\"\n";
    assert!(DEFAULT_POLICY.contains(gate), "the shipped policy reads otherwise by now");
    let signed = format!(
        "[profiles.unregulated.gates.staging]\n[[profiles.unregulated.gates.staging.sign_offs]]\nrole = \"mrm_validator\"\nmeaning = \"{MEANING}\"\n"
    );
    DEFAULT_POLICY.replace(gate, &signed)
}

const MEANING: &str = "I looked at it.";

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_ends_the_wait() {
    let server = common::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let policy = json!({ "toml": signature_only(), "password": common::PASSWORD });
    server.post("/api/v1/policy").as_role(Role::Administrator).await.json(&policy).send().await.expect(200);
    registered(&server, folder.path()).await;
    let which = ["--model", "credit", "--version", "1", "--to", "staging"];
    let request = "/api/v1/models/credit/versions/1/promotions";

    // Without a wait, an open request is all that was asked for; a second one is in the way of the first.
    let promote = [&["promote"][..], &which].concat();
    let said = countersign(&server, Role::Service, &promote).await.expect(0);
    said.says(&["is asked for", "is open", "MRM validator has not signed yet", "MRM validator can supply it"]);
    countersign(&server, Role::Service, &promote).await.expect(1);
    let status = [&["status"][..], &which].concat();
    countersign(&server, Role::Service, &[&status[..], &["--wait", "1"]].concat()).await.expect(3);

    // Declined while a pipeline waits.
    let wait = [&status[..], &["--wait", "30"]].concat();
    let declines = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let decline = json!({ "reason": "The holdout is too small." });
        let validator = server.post(&format!("{request}/1/decline")).as_role(Role::MrmValidator).await;
        validator.json(&decline).send().await.expect(200);
    };
    let (said, ()) = tokio::join!(countersign(&server, Role::Service, &wait), declines);
    said.expect(1).says(&["declined", "The holdout is too small."]);

    // Asked for again, and signed while a pipeline waits.
    let signs = async {
        let package = loop {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            let answer = server.get(&format!("{request}/2/package")).as_role(Role::MrmValidator).await.send().await;
            if answer.status == 200 {
                break answer.json()["digest"].clone();
            }
        };
        let sign =
            json!({ "password": common::PASSWORD, "role": "mrm_validator", "meaning": MEANING, "package": package });
        let validator = server.post(&format!("{request}/2/sign")).as_role(Role::MrmValidator).await;
        validator.json(&sign).send().await.expect(200);
    };
    let wait = [&promote[..], &["--wait", "30", "--note", "With a larger holdout"]].concat();
    let (said, ()) = tokio::join!(countersign(&server, Role::Service, &wait), signs);
    said.expect(0).says(&["credit version 1 is in Staging.", "granted"]);
    countersign(&server, Role::Service, &status).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_above_the_limit_is_refused_clearly() {
    let server = TestServer::start_with(Setup { max_upload_bytes: 1 << 20, ..Setup::on(Engine::Sqlite) }).await;
    let folder = tempfile::tempdir().expect("a folder");
    registered(&server, folder.path()).await;
    // 2 GiB that take no room on the disk.
    let path = folder.path().join("huge.bin");
    fs::File::create(&path).and_then(|file| file.set_len(2 << 30)).expect("a sparse file");
    let file = path.display().to_string();
    let attach = [
        "attach",
        "--model",
        "credit",
        "--version",
        "1",
        "--producer",
        "ci",
        "--path",
        "other",
        "--bound-to",
        "x",
        &file,
    ];
    let said = countersign(&server, Role::Service, &attach).await;
    said.expect(2).says(&["larger than the limit of 1048576 bytes", "nothing was kept"]);
    assert_eq!(get(&server, "/models/credit/versions/1").await["evidence"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn misuse_is_named() {
    let server = common::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    registered(&server, folder.path()).await;
    let dir = folder.path();

    let broken =
        write(dir, "broken.json", "{\n  \"lineage\": {\n    \"code\": {\n      \"git_comit\": \"x\"\n    }\n  }\n}");
    let register = ["register", "version", "--model", "credit"];
    let said = countersign(&server, Role::Service, &[&register[..], &[&broken]].concat()).await;
    said.expect(2).says(&["broken.json", "line 4", "git_comit"]);
    let short = write(dir, "short.yaml", "lineage:\n  model:\n    weights_digest: sha256:12\n");
    let said = countersign(&server, Role::Service, &[&register[..], &[&short]].concat()).await;
    said.expect(2).says(&["short.yaml", "line 3", "lineage.model.weights_digest"]);
    let nan = write(dir, "nan.yaml", "lineage: { metrics: { auc: .nan } }\n");
    countersign(&server, Role::Service, &[&register[..], &[&nan]].concat()).await.expect(1).says(&["auc"]);
    countersign(&server, Role::Service, &[&register[..], &["nowhere.yaml"]].concat())
        .await
        .expect(2)
        .says(&["nowhere.yaml"]);

    let status = ["status", "--model", "credit", "--version", "9"];
    countersign(&server, Role::Service, &status).await.expect(2).says(&["credit version 9 is not registered"]);
    countersign_with(&server.url, "cs_nobody_x", &status).await.expect(2).says(&["token is not known"]);
    countersign_with(&server.url, " ", &status).await.expect(2).says(&["token"]);
    countersign_with("127.0.0.1", "cs_a_b", &status).await.expect(2).says(&["http://"]);
    countersign_with("http://127.0.0.1:1", "cs_a_b", &status).await.expect(2).says(&["cannot be reached"]);

    // A token that may only read is refused before the file is on its way.
    let account = server.account(Role::Service).await;
    let reader = server.issue(&account, &[Scope::Read], server.app.clock.now().plus_days(1)).await;
    let junit = write(dir, "junit.xml", JUNIT);
    let attach =
        ["attach", "--model", "credit", "--version", "1", "--producer", "ci", "--bound-to", common::COMMIT, &junit];
    countersign_with(&server.url, &reader.token, &attach).await.expect(1).says(&["lacks the scope"]);
}
