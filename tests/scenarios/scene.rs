//! What the stories have in common: the server and its clock, questions to it, the people's usual acts.

use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use countersign::{
    clock::{Clock as _, ManualClock},
    clockwork,
};
use domain::account::Role;
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::{
    common::{Answer, Engine, PASSWORD, Setup, TestServer},
    steps,
};

/// A server on a clock that stands at `time`.
pub async fn at(engine: Engine, time: &str) -> (TestServer, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(time.parse::<Timestamp>().unwrap()));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
    (server, clock)
}

/// Lets time pass, hour by hour; what is due happens.
pub async fn wait_hours(server: &TestServer, clock: &ManualClock, hours: i64) {
    for _ in 0..hours {
        clock.set(clock.now().plus_hours(1));
        clockwork::turn(&server.app).await.unwrap();
    }
}

/// Lets days pass; what is due happens.
pub async fn wait_days(server: &TestServer, clock: &ManualClock, days: i64) {
    wait_hours(server, clock, days * 24).await;
}

/// What the auditor reads at this address of the API.
pub async fn read(server: &TestServer, path: &str) -> Value {
    server.get(&format!("/api/v1{path}")).as_role(Role::Auditor).await.send().await.expect(200).json()
}

/// Asks for something in this role.
pub async fn post(server: &TestServer, role: Role, path: &str, body: &Value) -> Answer {
    server.post(&format!("/api/v1{path}")).json(body).as_role(role).await.send().await
}

/// Writes something in this role.
pub async fn put(server: &TestServer, role: Role, path: &str, body: &Value) -> Answer {
    server.put(&format!("/api/v1{path}")).json(body).as_role(role).await.send().await
}

/// Panics unless the answer refuses by this rule; answers what is missing, each with who can supply it.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, rule: &str) -> Vec<(String, String)> {
    let body = answer.json();
    assert_eq!((answer.status, &*answer.rule()), (status, rule), "{body:#}");
    let missing = body["missing"].as_array().cloned().unwrap_or_default();
    let word = |item: &Value, of: &str| item[of].as_str().unwrap_or_default().to_owned();
    missing.iter().map(|item| (word(item, "what"), word(item, "supplier"))).collect()
}

/// The events of a receipt.
pub fn events(answer: &Answer) -> Vec<String> {
    let receipt = answer.json();
    receipt["entries"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap().to_owned()).collect()
}

/// The rules that a promotion still waits for.
pub async fn waits_for(server: &TestServer, version: &str, to: &str, market: &str) -> Vec<String> {
    let path = format!("{version}/requirements?to={to}&market={market}");
    let asked = server.get(&path).as_role(Role::DataScientist).await.send().await.expect(200).json();
    let unmet = asked["requirements"].as_array().unwrap().iter().filter(|requirement| requirement["met"] == false);
    unmet.map(|requirement| requirement["rule"].as_str().unwrap().to_owned()).collect()
}

/// Where a version stands in a market.
pub async fn stage_in(server: &TestServer, version: &str, market: &str) -> String {
    let shown = read(server, version.strip_prefix("/api/v1").unwrap()).await;
    let track = shown["tracks"][market]["stage"].as_str().or(shown["stage"].as_str());
    track.unwrap_or("none").to_owned()
}

/// The number of the version's latest request.
pub async fn latest_request(server: &TestServer, version: &str) -> u32 {
    let shown = read(server, version.strip_prefix("/api/v1").unwrap()).await;
    let last = shown["requests"].as_array().unwrap().last().unwrap()["number"].as_u64().unwrap();
    u32::try_from(last).unwrap()
}

/// Two members of the committee read the package of a request and approve; answers what came of the second vote.
pub async fn the_committee_approves(server: &TestServer, version: &str, request: u32) -> Vec<String> {
    let path = format!("{version}/promotions/{request}");
    let mut last = Vec::new();
    for second in [false, true] {
        let call = server.get(&format!("{path}/committee")).as_role(Role::RiskCommittee).await;
        let package = call.send().await.expect(200).json()["package"].clone();
        let body = json!({ "password": PASSWORD, "voice": "approve", "package": package });
        let call = server.post(&format!("{path}/vote")).json(&body);
        let call =
            if second { call.as_colleague(Role::RiskCommittee).await } else { call.as_role(Role::RiskCommittee).await };
        last = events(&call.send().await.expect(200));
    }
    last
}

/// The shares of users by version, as the routing document says.
pub async fn shares(server: &TestServer, place: &str) -> Vec<(u64, u64)> {
    let call = server.get(&format!("/api/v1/routing/{place}")).as_role(Role::Service).await;
    let routing = call.send().await.expect(200).json();
    let pair = |target: &Value| (target["version"].as_u64().unwrap(), target["weight"].as_u64().unwrap());
    routing["targets"].as_array().unwrap().iter().map(pair).collect()
}

/// The champion of a market, as anybody sees it.
pub async fn champion(server: &TestServer, model: &str, market: &str) -> Option<u64> {
    read(server, &format!("/models/{model}")).await["champions"][market]["version"].as_u64()
}

/// Uploads the rows of a market's stage so far, in which all is green.
pub async fn attach_results(server: &TestServer, version: &str, path: &str, market: &str) {
    steps::attach_for(server, version, path, market).await.expect(201);
}

/// The program itself, called as on a shell.
pub fn countersign(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign")).args(arguments).output().unwrap()
}

/// What the program printed, on both channels.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Fetches the export into a folder, and the key that signed it from another address.
pub async fn export(server: &TestServer) -> (tempfile::TempDir, String) {
    let fetch = async |path: &str| {
        let call = server.get(&format!("/api/v1/ledger/{path}")).as_role(Role::Auditor).await;
        call.send().await.expect(200).body
    };
    let folder = tempfile::tempdir().unwrap();
    tar::Archive::new(&*fetch("export").await).unpack(folder.path()).unwrap();
    (folder, String::from_utf8(fetch("verifier-key").await).unwrap().trim().to_owned())
}

/// `countersign verify` on a folder.
pub fn verify(folder: &Path, key: &str) -> Output {
    countersign(&["verify", folder.to_str().unwrap(), "--key", key])
}
