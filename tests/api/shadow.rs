//! Shadow and canary evaluations row by row, through the door that pipelines use: the file goes in, the figures and the
//! thresholds come out, and the gate follows the verdict.

use std::{fmt::Write as _, sync::Arc};

use countersign::clock::{Clock as _, ManualClock};
use domain::{
    account::Role,
    split::{Split, buckets_of_percent},
};
use ledger::Timestamp;
use serde_json::Value;

use crate::{
    assert_problem,
    common::{Answer, Engine, Setup, TestServer, digest},
    steps,
};

/// A server on 2 November 2026 at nine, with a version that has been in Shadow in the US for nine days.
async fn in_shadow(engine: Engine) -> (TestServer, String) {
    let start: Timestamp = "2026-11-02T09:00:00.000000Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
    let version = steps::prepared(&server, "credit", "unregulated").await;
    let early = assert_problem(&attach(&server, &version, "shadow", &pairs(|_| false)).await, 422, "evidence.stage");
    assert!(early.contains("is not in the shadow stage"), "{early}");
    steps::request(&server, &version, "staging", None).await.expect(201);
    steps::request(&server, &version, "shadow", Some("US")).await.expect(201);
    clock.set(clock.now().plus_days(9));
    (server, version)
}

/// Eight days of traffic; `disagrees` says on which rows the challenger scores the other way round.
fn pairs(disagrees: impl Fn(u32) -> bool) -> String {
    let mut file = "request_id,time,served_by,champion_score,challenger_score,champion_latency_ms,\
                    challenger_latency_ms,champion_features,challenger_features,segment\n"
        .to_owned();
    for row in 0..6_000_u32 {
        let champion = f64::from(row * 7_919 % 6_007) / 6_007.0;
        let challenger = if disagrees(row) { 1.0 - champion } else { champion };
        // From an hour after the version entered Shadow.
        let time = 1_793_613_600 + u64::from(row) * 120;
        let segment = ["adults", "kids"][usize::from(row % 4 == 0)];
        writeln!(file, "r{row},{time},champion,{champion},{challenger},20,21,ab{row},ab{row},{segment}").unwrap();
    }
    file
}

async fn attach(server: &TestServer, version: &str, path: &str, file: &str) -> Answer {
    let address = format!(
        "{version}/evidence?path={path}&market=US&bound_to={}&file_name={path}.csv&producer=shadow",
        digest('c')
    );
    server.post(&address).bytes(file.into()).as_role(Role::DataScientist).await.send().await
}

async fn evidence(server: &TestServer, version: &str) -> Vec<Value> {
    let answer = server.get(version).as_role(Role::Auditor).await.send().await.expect(200).json();
    answer["evidence"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_disagrees_fails_the_shadow_and_is_named() {
    for engine in Engine::available() {
        let (server, version) = in_shadow(engine).await;
        attach(&server, &version, "shadow", &pairs(|row| row % 4 == 0 && row / 4 % 20 < 3)).await.expect(201);
        let refused = steps::request(&server, &version, "canary", Some("US")).await;
        assert_problem(&refused, 422, "promotion.ready");
        assert!(refused.json()["missing"].to_string().contains("evidence.shadow"), "{}", refused.json());
        attach(&server, &version, "shadow", &pairs(|_| false)).await.expect(201);
        steps::request(&server, &version, "canary", Some("US")).await.expect(201);
        let found = evidence(&server, &version).await;
        let found: Vec<&Value> = found.iter().filter(|evidence| evidence["path"] == "shadow").collect();
        let red = &found[0]["facts"];
        assert_eq!((&red["kind"], &red["verdict"]), (&"shadow_pairs".into(), &"red".into()), "{red:#}");
        let failures = red["failures"].to_string();
        assert!(failures.contains("in segment kids") && !failures.contains("adults"), "{failures}");
        assert_eq!(red["criteria"]["limits"]["min_segment_spearman"], 0.8, "thresholds in force are kept: {red:#}");
        let overall =
            &red["figures"].as_array().unwrap().iter().find(|f| f["name"] == "Spearman's correlation").unwrap();
        assert!(overall["value"].as_f64().unwrap() > 0.9, "overall it looks well: {overall}");
        assert!(overall["interval"]["low"].as_f64().unwrap() < overall["value"].as_f64().unwrap());
        let green = &found[1]["facts"];
        assert_eq!(green["verdict"], "green", "{green:#}");

        // The version has gone on: its shadow is over, and its canary has not one request yet.
        assert_problem(&attach(&server, &version, "shadow", &pairs(|_| false)).await, 422, "evidence.stage");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_refused_with_its_line_and_column() {
    let (server, version) = in_shadow(Engine::Sqlite).await;
    let broken = pairs(|_| false).replacen(",champion,", ",both,", 3).replacen(",both,", ",champion,", 2);
    let detail = assert_problem(&attach(&server, &version, "shadow", &broken).await, 422, "input.valid");
    assert!(detail.contains("line 4") && detail.contains("served_by"), "{detail}");
    let detail = assert_problem(&attach(&server, &version, "canary", &pairs(|_| false)).await, 422, "input.valid");
    assert!(detail.contains("missing: user_id, arm, latency_ms, error, complaint"), "{detail}");
    assert!(evidence(&server, &version).await.iter().all(|evidence| evidence["path"] != "shadow"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_that_says_so_is_no_trial() {
    let (server, version) = in_shadow(Engine::Sqlite).await;
    let say_so = |path: &str| {
        format!(
            r#"{{"schema": "countersign/evaluation@1", "path": "{path}", "figures": [{{"name": "I say so", "value": 1, "at_least": 0}}]}}"#
        )
    };
    for (path, column) in [("shadow", "champion_score"), ("canary", "user_id")] {
        let answer = attach(&server, &version, path, &say_so(path)).await;
        let detail = assert_problem(&answer, 422, "evidence.rows");
        assert!(detail.contains("states its own figures"), "{detail}");
        let missing = answer.json()["missing"][0].clone();
        assert!(missing["message"].as_str().unwrap().contains(column) && missing["supplier"] == "data_scientist");
    }
    // Nor by saying that it belongs elsewhere.
    let elsewhere = attach(&server, &version, "shadow", steps::JUNIT).await;
    let detail = assert_problem(&elsewhere, 422, "input.valid");
    assert!(detail.contains("belongs on the code path"), "{detail}");
    let address = format!("{version}/evidence?path=model&bound_to={}&file_name=e.json&producer=ci", digest('c'));
    let call = server.post(&address).bytes(say_so("canary").into()).as_role(Role::DataScientist).await;
    let detail = assert_problem(&call.send().await, 422, "input.valid");
    assert!(detail.contains("is of the canary path"), "{detail}");
    assert!(evidence(&server, &version).await.iter().all(|evidence| evidence["path"] != "shadow"));
    assert_problem(&steps::request(&server, &version, "canary", Some("US")).await, 422, "promotion.ready");
}

/// The same rows as JSON Lines.
fn as_json_lines(csv: &str) -> String {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines.fold(String::new(), |mut all, line| {
        let row: serde_json::Map<String, Value> =
            names.iter().zip(line.split(',')).map(|(name, cell)| ((*name).to_owned(), cell.into())).collect();
        writeln!(all, "{}", Value::Object(row)).unwrap();
        all
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_later_than_the_clock_and_its_skew_is_refused_with_its_line() {
    let (server, version) = in_shadow(Engine::Sqlite).await;
    let now = server.app.clock.now();
    let last_at = |seconds: i64| {
        let file = pairs(|_| false);
        let (start, last) = file.trim_end().rsplit_once('\n').unwrap();
        let mut cells: Vec<&str> = last.split(',').collect();
        let time = now.plus_seconds(seconds).to_string();
        cells[1] = &time;
        format!("{start}\n{}\n", cells.join(","))
    };
    // The shipped policy allows five minutes between two clocks.
    for (file, line) in [(last_at(301), "line 6001"), (as_json_lines(&last_at(301)), "line 6000")] {
        let detail = assert_problem(&attach(&server, &version, "shadow", &file).await, 422, "input.valid");
        assert!(detail.contains(line) && detail.contains("lies in the future"), "{detail}");
    }
    assert!(evidence(&server, &version).await.iter().all(|evidence| evidence["path"] != "shadow"), "nothing is kept");
    attach(&server, &version, "shadow", &last_at(300)).await.expect(201);

    // Without thresholds there is nothing to judge it by, and the section that is missing is named.
    let policy = domain::policy::DEFAULT_POLICY;
    let from = policy.find("[profiles.unregulated.thresholds.shadow]").unwrap();
    let until = policy.find("[profiles.unregulated.thresholds.canary]").unwrap();
    let silent = [&policy[..from], &policy[until..]].concat().replace("checks = [\"shadow\"]\n", "");
    let body = serde_json::json!({ "toml": silent, "password": crate::common::PASSWORD });
    server.post("/api/v1/policy").json(&body).as_role(Role::Administrator).await.send().await.expect(200);
    let refused = attach(&server, &version, "shadow", &last_at(0)).await;
    let detail = assert_problem(&refused, 422, "policy.thresholds");
    assert!(detail.contains("[profiles.unregulated.thresholds.shadow]"), "{detail}");

    // Whoever says nothing of clocks is not asked.
    let silent = domain::policy::DEFAULT_POLICY.replace("clock_skew_minutes = 5\n", "");
    let body = serde_json::json!({ "toml": silent, "password": crate::common::PASSWORD });
    server.post("/api/v1/policy").json(&body).as_role(Role::Administrator).await.send().await.expect(200);
    attach(&server, &version, "shadow", &last_at(86_400)).await.expect(201);
}

/// The log of a canary of two days in which everybody is in the arm of the published split and clicks now and then.
fn log(server: &TestServer, salt: &str) -> String {
    let split = Split { salt: salt.to_owned(), challenger_buckets: buckets_of_percent(10.0) };
    let from = server.app.clock.now().plus_days(-2).seconds();
    (0..3_000_u32).fold("user_id,time,arm,latency_ms,error,complaint,clicked\n".to_owned(), |mut all, user| {
        let (name, time) = (format!("user-{user}"), from + i64::from(user) * 50);
        writeln!(all, "{name},{time},{},20,0,0,{}", split.arm(&name), user % 2).unwrap();
        all
    })
}

async fn recomputed(server: &TestServer, entry: u64) -> Value {
    let call = server.get(&format!("/api/v1/ledger/entries/{entry}/recompute")).as_role(Role::Auditor).await;
    call.send().await.expect(200).json()
}

/// The command on the shell, over the data folder itself.
fn recomputed_by_hand(server: &TestServer, entry: u64) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["recompute", &entry.to_string(), "--data"]).arg(server.dir());
    if let Some(url) = server.database_url() {
        command.args(["--database-url", url]);
    }
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_computed_again_and_a_changed_file_is_found() {
    for engine in Engine::available() {
        let (server, version) = in_shadow(engine).await;
        attach(&server, &version, "shadow", &pairs(|_| false)).await.expect(201);
        steps::request(&server, &version, "canary", Some("US")).await.expect(201);
        attach(&server, &version, "canary", &log(&server, "credit/1/US:")).await.expect(201);
        for (kind, from, to) in
            [("shadow_pairs", ",champion,0,0,20,21,", ",champion,0,1,20,21,"), ("canary_log", ",20,0,0,", ",20,1,0,")]
        {
            let found = evidence(&server, &version).await;
            let one = found.iter().find(|evidence| evidence["facts"]["kind"] == kind).unwrap();
            let entry = one["entry"].as_u64().unwrap();
            let again = recomputed(&server, entry).await;
            assert_eq!((&again["equal"], &again["kind"]), (&true.into(), &kind.into()), "{again:#}");
            assert!(again["figures"].as_u64().unwrap() > 8, "{again:#}");
            let (code, said) = recomputed_by_hand(&server, entry);
            assert!(code == Some(0) && said.contains("equal"), "{said}");

            let name = one["file"].as_str().unwrap().trim_start_matches("sha256:");
            let path = server.dir().join("evidence").join(&name[..2]).join(name);
            let kept = std::fs::read_to_string(&path).unwrap();
            assert!(kept.contains(from), "{kept:.300}");
            std::fs::write(&path, kept.replacen(from, to, 1)).unwrap();
            let again = recomputed(&server, entry).await;
            assert_eq!(again["equal"], false, "{again:#}");
            assert!(again["differences"][0].as_str().unwrap().contains("altered"), "{again:#}");
            let (code, said) = recomputed_by_hand(&server, entry);
            assert!(code == Some(1) && said.contains("not equal"), "{said}");
        }
    }
}
