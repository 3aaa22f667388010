//! Every system has its door in a terminal: what each command prints, and what it refuses.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use domain::account::Role;
use serde_json::json;

use crate::{
    common::{COMMIT, DATA_VERSION, Engine, Setup, TestServer, digest, lineage, start},
    mrm,
    privacy::call,
    steps,
    terminal::run,
};

/// A file in the server's folder.
fn file(server: &TestServer, name: &str, text: &str) -> String {
    let path = server.dir().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn impact_comparison_manifest_and_the_end_of_a_version() {
    let server = start().await;
    steps::prepared(&server, "credit", "unregulated").await;
    let mut child = lineage();
    child["parents"] = json!([1]);
    child["features"]["names"] = json!(["income", "debt"]);
    steps::register_version(&server, "credit", &child).await;
    let token = server.token(Role::Auditor).await;

    let found = run(&server, &token, &["impact", "partition", "loans", "--part", DATA_VERSION]).await.expect(0);
    assert!(
        found.out.starts_with("2 versions\ncredit version 2") && found.out.contains("credit version 1"),
        "{}",
        found.out
    );
    let found =
        run(&server, &token, &["impact", "commit", &COMMIT[..8], "--served", "now", "--json"]).await.expect(0).json();
    assert_eq!(found["versions"], json!([]));
    let found = run(&server, &token, &["impact", "parent", "1", "--part", "credit"]).await.expect(0);
    assert!(found.out.starts_with("1 version\ncredit version 2"), "{}", found.out);
    let odd = run(&server, &token, &["impact", "partition", "loans"]).await.expect(2);
    assert!(odd.err.contains("State the partition too"), "{}", odd.err);
    run(&server, &token, &["impact", "colour", "red"]).await.expect(2);

    let compared = run(&server, &token, &["compare", "--model", "credit", "--a", "1", "--b", "2"]).await.expect(0);
    assert!(compared.out.contains("features.names.debt: nothing -> present"), "{}", compared.out);
    assert!(compared.out.contains("the change is "), "{}", compared.out);
    run(&server, &token, &["compare", "--model", "credit", "--a", "1", "--b", "9"]).await.expect(2);

    let manifest = ["manifest", "--model", "credit", "--version", "1"];
    let told = run(&server, &token, &manifest).await.expect(0).json();
    assert_eq!(
        (&told["schema"], &told["lineage"]["code"]["git_commit"]),
        (&json!("countersign/reproduction@1"), &json!(COMMIT))
    );
    let out = server.dir().join("manifest.json");
    run(&server, &token, &[&manifest[..], &["--out", out.to_str().unwrap()]].concat()).await.expect(0);
    assert!(out.is_file());

    let archive = ["archive", "--model", "credit", "--version", "2", "--reason", "Superseded."];
    run(&server, &token, &archive).await.expect(1);
    let scientist = server.token(Role::DataScientist).await;
    assert!(run(&server, &scientist, &archive).await.expect(0).out.contains("archived for good"));
    run(&server, &scientist, &archive).await.expect(1);
}

#[tokio::test]
async fn any_past_instant_reports_and_maturity() {
    let server = start().await;
    steps::prepared(&server, "credit", "unregulated").await;
    let token = server.token(Role::Auditor).await;
    let today = &server.app.clock.now().to_string()[..16];
    let past = run(&server, &token, &["as-of", "--at", "2999-01-01"]).await.expect(2);
    assert!(past.err.contains("lies in the future"), "{}", past.err);
    run(&server, &token, &["as-of", "--at", "yesterday"]).await.expect(2);
    let now = server.app.clock.now().to_string();
    let past = run(&server, &token, &["as-of", "--at", &now, "--model", "credit"]).await.expect(0);
    assert!(past.out.contains("entries, root sha256:"), "{}", past.out);
    assert!(past.out.contains("policy "), "{}", past.out);

    // The same spelling of an instant as the page takes, where it has passed.
    let ask = ["reports", "request", "as_of", "--at", today, "--model", "credit"];
    let asked = run(&server, &token, &ask).await.expect(0);
    let id = asked.out.split_whitespace().next().unwrap().to_owned();
    assert!(asked.out.contains("as_of"), "{}", asked.out);
    run(&server, &token, &["reports", "wait", &id, "--seconds", "0"]).await.expect(3);
    while countersign::reports::worker::turn(&server.app).await.unwrap() {}
    let _ = run(&server, &token, &["reports", "wait", &id, "--seconds", "5"]).await;
    let inventory = run(&server, &token, &["reports", "request", "model_inventory"]).await.expect(0);
    let id = inventory.out.split_whitespace().next().unwrap().to_owned();
    let out = server.dir().join("inventory.csv");
    let download = ["reports", "download", &id, "--format", "csv", "--out", out.to_str().unwrap()];
    assert!(run(&server, &token, &download).await.expect(2).err.contains("not ready yet"));
    while countersign::reports::worker::turn(&server.app).await.unwrap() {}
    run(&server, &token, &["reports", "wait", &id]).await.expect(0);
    run(&server, &token, &download).await.expect(0);
    assert!(std::fs::read_to_string(&out).unwrap().contains("\"credit\""));
    let listed = run(&server, &token, &["reports", "list", "--json"]).await.expect(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    run(&server, &token, &["reports", "download", "nothing", "--out", out.to_str().unwrap()]).await.expect(2);
    run(&server, &token, &["reports", "request", "market_timeline", "--model", "credit"]).await.expect(2);

    let level = run(&server, &token, &["maturity", "--model", "credit"]).await.expect(0);
    assert!(
        level.out.contains("credit is at level 0: Manual") && level.out.contains("missing level 1"),
        "{}",
        level.out
    );
    assert!(run(&server, &token, &["maturity"]).await.expect(0).out.contains("level 0: 1 models"));
    run(&server, &token, &["maturity", "--model", "nothing"]).await.expect(2);
}

#[tokio::test]
async fn validation_reports_findings_and_materiality() {
    let server = start().await;
    let version = steps::prepared(&server, "credit", "sr-11-7").await;
    steps::request(&server, &version, "staging", None).await.expect(201);
    let of = ["--model", "credit", "--version", "1"];
    let validator = server.token(Role::MrmValidator).await;
    let scientist = server.token(Role::DataScientist).await;
    let show = [&["validation", "show"][..], &of].concat();
    assert!(run(&server, &validator, &show).await.expect(0).out.contains("no validation report"));
    let report = file(&server, "report.json", &steps::report("approved").to_string());
    let record = [&["validation", "record"][..], &of, &[report.as_str()]].concat();
    run(&server, &scientist, &record).await.expect(1);
    run(&server, &validator, &record).await.expect(0);
    let due = server.app.clock.now().plus_days(30).to_string();
    let raise = ["--severity", "high", "--title", "Leaks", "--description", "The label leaks.", "--due-at", &due];
    run(&server, &validator, &[&["validation", "raise"][..], &of, &raise].concat()).await.expect(0);
    let shown = run(&server, &validator, &show).await.expect(0).out;
    for part in ["approved by", "On conceptual_soundness: sound.", "finding 1 (high), open", "The label leaks."] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let note =
        |act: &'static str| [&["validation", act][..], &of, &["--finding", "1", "--note", "Recomputed."]].concat();
    run(&server, &validator, &note("close")).await.expect(1);
    run(&server, &scientist, &note("remediate")).await.expect(0);
    run(&server, &validator, &note("close")).await.expect(0);
    run(&server, &validator, &note("reopen")).await.expect(0);

    let told = run(&server, &validator, &[&["materiality", "show"][..], &of].concat()).await.expect(0);
    assert!(told.out.contains("basis: request"), "{}", told.out);
    let set =
        |to: &'static str| [&["materiality", "set"][..], &of, &["--to", to, "--reason", "Only fresh data."]].concat();
    run(&server, &scientist, &set("non_material")).await.expect(1);
    run(&server, &validator, &set("non_material")).await.expect(0);
    let told = run(&server, &validator, &[&["materiality", "show"][..], &of].concat()).await.expect(0);
    assert!(told.out.starts_with("non_material; basis: set"), "{}", told.out);
    run(&server, &validator, &set("somewhat")).await.expect(2);
}

#[tokio::test]
async fn campaigns_safeguards_and_the_register() {
    let server = start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let validator = server.token(Role::MrmValidator).await;
    let owner = server.token(Role::DataScientist).await;
    let due = server.app.clock.now().plus_days(30).to_string();
    let campaign = json!({ "title": "Inventory 2026", "statement": "The record is right.", "due_at": due }).to_string();
    let campaign = file(&server, "campaign.json", &campaign);
    run(&server, &owner, &["campaigns", "open", &campaign]).await.expect(1);
    run(&server, &validator, &["campaigns", "open", &campaign]).await.expect(0);
    let listed = run(&server, &owner, &["campaigns", "list"]).await.expect(0).out;
    assert!(listed.contains("\"Inventory 2026\": 0 of 1 answered"), "{listed}");
    let shown = run(&server, &owner, &["campaigns", "show", "1"]).await.expect(0).out;
    assert!(shown.contains("credit: waits for ") && shown.contains("The record is right."), "{shown}");
    let attested = run(&server, &owner, &["campaigns", "attest", "1", "--model", "credit"]).await.expect(1);
    assert!(attested.err.contains(&format!("{}/campaigns/1#attest", server.url)), "{}", attested.err);
    run(&server, &owner, &["campaigns", "show", "9"]).await.expect(2);

    let of = ["--model", "credit"];
    run(&server, &owner, &[&["safeguards", "show"][..], &of].concat()).await.expect(2);
    let statement = json!({ "solely_automated": false, "significant_effect": true, "reasons": "A clerk decides." });
    let statement = file(&server, "article22.json", &statement.to_string());
    run(&server, &owner, &[&["safeguards", "state"][..], &of, &[statement.as_str()]].concat()).await.expect(0);
    let shown = run(&server, &owner, &[&["safeguards", "show"][..], &of].concat()).await.expect(0).out;
    assert!(shown.contains("A clerk decides.") && shown.contains("not confirmed yet"), "{shown}");
    let read = shown.split_whitespace().nth(1).unwrap().to_owned();
    let officer = server.token(Role::PrivacyOfficer).await;
    let confirm = |digest: &str| -> Vec<String> {
        [&["safeguards", "confirm"][..], &of, &["--statement", digest]]
            .concat()
            .iter()
            .map(|s| (*s).to_owned())
            .collect()
    };
    let words = |owned: &[String]| owned.iter().map(String::clone).collect::<Vec<_>>();
    let (wrong, right) = (words(&confirm(&digest('0'))), words(&confirm(&read)));
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    let right: Vec<&str> = right.iter().map(String::as_str).collect();
    run(&server, &officer, &wrong).await.expect(1);
    run(&server, &owner, &right).await.expect(1);
    run(&server, &officer, &right).await.expect(0);
    let shown = run(&server, &owner, &[&["safeguards", "show"][..], &of].concat()).await.expect(0).out;
    assert!(shown.contains("confirmed by"), "{shown}");

    let body = json!({
        "asks": "contest", "decision": "loan/118", "name": "Jane Roe", "contact": "jane@roe.example",
        "text": "My income was read wrong.", "market": "EU",
    });
    call(&server, Role::Service, "/api/v1/models/credit/reviews", &body).await.expect(201);
    let assignee = server.account(Role::MrmValidator).await.to_string();
    let request = ["--model", "credit", "--number", "1"];
    let answer = json!({ "outcome": "overturned", "answer": "You were right." }).to_string();
    let answer = file(&server, "answer.json", &answer);
    let answering = [&["privacy", "answer"][..], &request, &[answer.as_str()]].concat();
    assert!(run(&server, &validator, &answering).await.expect(1).err.contains("assigned"));
    let assign = [&["privacy", "assign"][..], &request, &["--assignee", &assignee]].concat();
    run(&server, &officer, &assign).await.expect(0);
    run(&server, &validator, &answering).await.expect(0);
    run(&server, &validator, &answering).await.expect(1);
}

#[tokio::test]
async fn the_kill_switch_is_reviewed_by_another_and_lifted() {
    let clock = mrm::monday();
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(Engine::Sqlite) }).await;
    let version = steps::prepared(&server, "streamrec", "unregulated").await;
    steps::walk_to_canary(&server, &clock, &version).await;
    let scientist = server.token(Role::DataScientist).await;
    let validator = server.token(Role::MrmValidator).await;
    let of = ["--model", "streamrec", "--market", "US"];
    let review = [&["kill-review"][..], &of, &["--text", "Looked at.", "--may-lift"]].concat();
    run(&server, &validator, &review).await.expect(1);
    run(&server, &validator, &["kill", "streamrec", "--market", "US", "--reason", "Harm."]).await.expect(0);
    run(&server, &validator, &review).await.expect(1);
    let lift = [&["kill-lift"][..], &of, &["--reason", "Mended."]].concat();
    run(&server, &scientist, &lift).await.expect(1);
    let (_, other) = server.colleague(Role::MrmValidator).await;
    let asked = run(&server, &other, &review).await.expect(1);
    assert!(asked.err.contains("/rollouts/streamrec/US#kill"), "a person does it on its page: {}", asked.err);
    let body = serde_json::json!({ "text": "Looked at.", "may_lift": true, "password": crate::common::PASSWORD });
    let call = server.post("/api/v1/rollouts/streamrec/US/kill/review").json(&body).bearer(&other);
    call.send().await.expect(200);
    assert!(run(&server, &scientist, &lift).await.expect(0).out.contains("lifted"));
}

#[tokio::test]
async fn a_file_is_told_and_a_stream_is_attached() {
    let server = start().await;
    steps::prepared(&server, "credit", "unregulated").await;
    let token = server.token(Role::DataScientist).await;
    let junit = file(&server, "result", steps::JUNIT);
    // No server is asked: none is named.
    let detect = async |path: String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["detect", &path]).env_remove("COUNTERSIGN_TOKEN");
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = detect(junit).await;
    assert!(told.status.success() && text(&told.stdout).contains("path     code"), "{}", text(&told.stdout));
    let pairs = "request_id,time,served_by,champion_score,challenger_score,champion_latency_ms,challenger_latency_ms,\
                 champion_features,challenger_features,segment\nr1,1793613600,champion,0.1,0.1,20,21,ab,ab,kids\n";
    let told = detect(file(&server, "pairs.csv", pairs)).await;
    assert!(
        text(&told.stdout).contains("score pairs of a shadow, CSV file\n  path     shadow"),
        "{}{}",
        text(&told.stdout),
        text(&told.stderr)
    );
    assert!(text(&told.stdout).contains("rows     1"), "{}", text(&told.stdout));
    for (name, bytes, reason) in [
        ("note", "Dear all,\n", "of no known format"),
        ("broken.xml", "<testsuite><testcase", "is broken at"),
        ("empty", "", "it is empty"),
    ] {
        let told = detect(file(&server, name, bytes)).await;
        assert_eq!(told.status.code(), Some(1), "{name}");
        assert!(text(&told.stderr).contains(reason), "{name}: {}", text(&told.stderr));
    }
    assert_eq!(detect("/nowhere/at/all".to_owned()).await.status.code(), Some(2));

    let pipe = async |input: &'static str, extra: &'static [&'static str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command
            .args(["attach", "--model", "credit", "--version", "1", "--path", "code", "--bound-to", COMMIT])
            .args(["--producer", "ci", "--server", &server.url, "-"])
            .args(extra)
            .env("COUNTERSIGN_TOKEN", &token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            // Whoever refuses before it reads closes the pipe.
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            child.wait_with_output().unwrap()
        })
        .await
        .unwrap()
    };
    let nameless = pipe(steps::JUNIT, &[]).await;
    assert!(text(&nameless.stderr).contains("state one with --file-name"), "{}", text(&nameless.stderr));
    assert_eq!(nameless.status.code(), Some(2));
    let empty = pipe("", &["--file-name", "unit.xml"]).await;
    assert!(text(&empty.stderr).contains("standard input is empty"), "{}", text(&empty.stderr));
    let other = r#"<testsuite name="piped"><testcase classname="score" name="two" time="0.1"/></testsuite>"#;
    let sent = pipe(other, &["--file-name", "unit.xml"]).await;
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let shown = server.get("/api/v1/models/credit/versions/1").as_role(Role::Auditor).await.send().await.json();
    let last = shown["evidence"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["file_name"], &last["facts"]["verdict"]), (&json!("unit.xml"), &json!("green")));
}
