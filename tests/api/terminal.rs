//! The command line against a running server: what it prints, its exit codes, and acts that ask for their person.

use std::process::{Command, Output};

use domain::account::{Role, Scope};
use serde_json::Value;

use crate::{
    common::{Engine, PASSWORD, Setup, TestServer, start},
    mrm, privacy, steps,
};

/// What a run came to: exit code, standard output, standard error.
pub(crate) struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Runs the program against the server with this token.
pub(crate) async fn run(server: &TestServer, token: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command
        .args(arguments)
        .args(["--server", &server.url])
        .env("COUNTERSIGN_TOKEN", token)
        .env_remove("COUNTERSIGN_DATA")
        .env_remove("COUNTERSIGN_CONFIG");
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

async fn go(server: &TestServer, token: &str, arguments: Vec<String>) -> Ran {
    run(server, token, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
}

#[tokio::test]
async fn the_inventory_is_listed_shown_and_taken_along() {
    let server = start().await;
    for name in ["credit", "recommender", "churn"] {
        steps::register_model(&server, name, "unregulated").await.expect(201);
    }
    let token = server.token(Role::Auditor).await;
    let listed = run(&server, &token, &["inventory", "list"]).await.expect(0);
    assert_eq!(listed.out.lines().count(), 3, "{}", listed.out);
    assert!(listed.out.contains("credit  tier 3, in_development, serves nobody"), "{}", listed.out);
    let one = run(&server, &token, &["inventory", "list", "--search", "churn", "--json"]).await.expect(0).json();
    assert_eq!((one.as_array().unwrap().len(), &one[0]["name"]), (1, &"churn".into()));
    let shown = run(&server, &token, &["inventory", "show", "--model", "credit"]).await.expect(0);
    assert!(shown.out.contains("markets     US, EU") && shown.out.contains("never in full"), "{}", shown.out);
    let none = run(&server, &token, &["inventory", "show", "--model", "nothing"]).await;
    assert_eq!((none.code, none.out.as_str()), (2, ""), "{}", none.err);

    let csv = run(&server, &token, &["inventory", "export"]).await.expect(0).out;
    assert!(csv.starts_with("name,title,tier,") && csv.lines().count() == 4, "{csv}");
    let path = server.dir().join("inventory.json");
    let arguments = ["inventory", "export", "--format", "json", "--out", path.to_str().unwrap()];
    assert!(run(&server, &token, &arguments).await.expect(0).out.contains("3 models"));
    let written: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(written[2]["owner"], server.account(Role::DataScientist).await.to_string());
    run(&server, &token, &["inventory", "list", "--status", "asleep"]).await.expect(2);
}

#[tokio::test]
async fn a_member_sees_the_vote_and_stands_back_but_votes_only_in_person() {
    let clock = mrm::monday();
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(Engine::Sqlite) }).await;
    let version = mrm::before_the_committee(&server, &clock).await;
    let member = server.token(Role::RiskCommittee).await;
    let (_, second) = server.colleague(Role::RiskCommittee).await;
    let of = |what: &'static str| ["committee", what, "--model", "credit", "--version", "1"];

    let listed = run(&server, &member, &of("list")).await.expect(0);
    assert!(listed.out.contains("request 4 to Production in US, open: 0 for, 0 against"), "{}", listed.out);
    let shown = run(&server, &member, &[&of("show")[..], &["--json"]].concat()).await.expect(0).json();
    assert_eq!(shown["committee"]["members"].as_array().unwrap().len(), 2);

    let size = server.app.store.head().await.unwrap().size;
    let voted = run(&server, &member, &[&of("vote")[..], &["--voice", "approve"]].concat()).await.expect(1);
    let page = format!("{}/models/credit/versions/1/validation#committee", server.url);
    assert!(voted.err.contains("needs your password once more") && voted.err.contains(&page), "{}", voted.err);
    let stranger = server.token(Role::MrmValidator).await;
    let refused = run(&server, &stranger, &[&of("vote")[..], &["--voice", "approve"]].concat()).await.expect(1);
    assert!(refused.err.contains("may not vote") && !refused.err.contains(&page), "{}", refused.err);
    run(&server, &member, &[&of("vote")[..], &["--voice", "perhaps"]].concat()).await.expect(2);
    assert_eq!(server.app.store.head().await.unwrap().size, size, "nothing was sealed");

    let back = [&of("recuse")[..], &["--reason", "My sister built it."]].concat();
    let refused = run(&server, &second, &back).await.expect(1);
    assert!(refused.err.contains("needs your password once more") && refused.err.contains(&page), "{}", refused.err);
    let body = serde_json::json!({ "password": PASSWORD, "reason": "My sister built it." });
    let call = server.post(&format!("{version}/promotions/4/recuse")).json(&body);
    call.as_colleague(Role::RiskCommittee).await.send().await.expect(200);
    let shown = run(&server, &member, &of("show")).await.expect(0);
    assert!(shown.out.contains("stood back") && shown.out.contains("has not voted"), "{}", shown.out);
    let call = server.post(&format!("{version}/promotions/4/withdraw"));
    call.as_colleague(Role::DataScientist).await.send().await.expect(200);
    assert!(run(&server, &member, &of("show")).await.expect(1).err.contains("no open request"));
}

#[tokio::test]
async fn whoever_signs_is_told_where_and_no_token_signs_for_them() {
    let server = start().await;
    let version = steps::signable(&server, "credit").await;
    let package = steps::package(&server, &version, 1).await;
    let mut body = steps::signature(&package, "");
    body.as_object_mut().unwrap().remove("password");
    let sign = format!("{version}/promotions/1/sign");
    let unproven = server.post(&sign).json(&body).as_role(Role::MrmValidator).await.send().await;
    crate::assert_problem(&unproven, 403, "signing.reauthentication");
    body["password"] = Value::Null;
    let odd = server.post(&sign).json(&body).as_role(Role::MrmValidator).await.send().await;
    assert_eq!(odd.status, 400, "a password is a text");

    let token = server.token(Role::MrmValidator).await;
    let drift = ["triggers", "approve-drift", "--model", "credit", "--version", "1", "--market", "EU"];
    let drift = run(&server, &token, &[&drift[..], &["--statement", "Seasonal."]].concat()).await.expect(1);
    assert!(drift.err.contains("/models/credit/versions/1/drift"), "{}", drift.err);
    let step = ["rollout", "approve", "--model", "credit", "--market", "EU"];
    let step = run(&server, &token, &step).await;
    assert_eq!(step.code, 2, "nothing has seen traffic yet: {}", step.err);
}

#[tokio::test]
async fn a_step_is_shown_and_approved_on_its_page_alone() {
    let clock = mrm::monday();
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(Engine::Sqlite) }).await;
    let version = steps::prepared(&server, "streamrec", "unregulated").await;
    steps::walk_to_canary(&server, &clock, &version).await;
    steps::promote(&server, &clock, &version).await;
    let token = server.token(Role::MrmValidator).await;
    let arguments = ["rollout", "approve", "--model", "streamrec", "--market", "US"];
    let shown = run(&server, &token, &arguments).await.expect(1);
    assert!(shown.out.contains("version 1 has 25 % of users; 50 % of users come next"), "{}", shown.out);
    let page = format!("{}/rollouts/streamrec/US", server.url);
    assert!(shown.err.contains("needs your password once more") && shown.err.contains(&page), "{}", shown.err);
}

#[tokio::test]
async fn waivers_are_granted_listed_and_ended_from_a_terminal() {
    let server = start().await;
    let version = steps::signable(&server, "credit").await;
    let (asker, _) = server.colleague(Role::DataScientist).await;
    let now = server.app.clock.now();
    let finding = serde_json::json!({
        "severity": "critical", "title": "Leaks the label", "description": "A feature is computed later.",
        "due_at": now.plus_days(30),
    });
    let call = server.post(&format!("{version}/findings")).json(&finding);
    call.as_role(Role::MrmValidator).await.send().await.expect(201);
    let (asker, until, late) = (asker.to_string(), now.plus_days(10).to_string(), now.plus_days(400).to_string());
    let grant = |until: &str, covers: &[&str]| -> Vec<String> {
        let of = ["waivers", "grant", "--model", "credit", "--version", "1", "--control", "Each decline is read."];
        let rest = ["--reason", "Being mended.", "--requested-by", &asker, "--expires-at", until];
        [&of[..], &rest, covers].concat().into_iter().map(str::to_owned).collect()
    };
    let committee = server.token(Role::RiskCommittee).await;
    let low = server.token(Role::MrmValidator).await;
    let list = ["waivers", "list", "--model", "credit", "--version", "1"];
    assert!(run(&server, &low, &list).await.expect(0).out.contains("has no waivers"));
    go(&server, &committee, grant(&until, &[])).await.expect(2);
    let both = ["--finding", "1", "--rule", "evidence.code"];
    go(&server, &committee, grant(&until, &both)).await.expect(2);
    let told = go(&server, &committee, grant(&until, &["--finding", "1"])).await.expect(1);
    let page = format!("{}/models/credit/versions/1/validation#waivers", server.url);
    assert!(told.err.contains("needs your password once more") && told.err.contains(&page), "{}", told.err);
    let mut body = serde_json::json!({
        "covers": { "rule": "lineage.complete" }, "control": "Each decline is read.", "reason": "Being mended.",
        "requested_by": asker, "expires_at": late, "password": PASSWORD,
    });
    let send = async |body: &Value| {
        let call = server.post(&format!("{version}/waivers")).json(body).as_role(Role::RiskCommittee).await;
        call.send().await
    };
    assert!(crate::assert_problem(&send(&body).await, 422, "input.valid").len() > 1, "too long");
    body["expires_at"] = serde_json::json!(until);
    let detail = crate::assert_problem(&send(&body).await, 422, "waiver.rule");
    assert!(detail.contains("lets no waiver cover the rule \"lineage.complete\""), "{detail}");
    body["covers"] = serde_json::json!({ "finding": 1 });
    send(&body).await.expect(201);
    let listed = run(&server, &low, &list).await.expect(0).out;
    assert!(listed.contains("waiver 1 on finding 1 for every market: in force"), "{listed}");
    let revoke = ["waivers", "revoke", "--model", "credit", "--version", "1", "--waiver", "1", "--reason", "Mended."];
    run(&server, &committee, &revoke).await.expect(0);
    assert!(run(&server, &committee, &revoke).await.expect(1).err.contains("revoked already"));
    let listed = run(&server, &low, &[&list[..], &["--json"]].concat()).await.expect(0).json();
    assert_eq!((&listed[0]["state"], &listed[0]["waiver"]["number"]), (&"revoked".into(), &1.into()));
}

#[tokio::test]
async fn a_pipeline_asks_whether_the_assessment_is_in_force() {
    let server = start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let machine = server.account(Role::Service).await;
    let token = server.issue(&machine, &[Scope::Read], server.app.clock.now().plus_days(1)).await.token;
    let status = ["dpia", "status", "--model", "credit"];
    let missing = run(&server, &token, &status).await.expect(1);
    assert!(missing.out.contains("not in force") && missing.err.contains("next step: write"), "{}", missing.err);
    let told = run(&server, &token, &[&status[..], &["--json"]].concat()).await.expect(1).json();
    assert_eq!((&told["in_force"], &told["safeguards"]), (&false.into(), &"none".into()));
    privacy::approve(&server, "credit").await;
    let held = run(&server, &token, &status).await.expect(0);
    assert!(held.out.contains("in force until"), "{}", held.out);
    run(&server, &token, &["dpia", "status", "--model", "nothing"]).await.expect(2);
}
