//! Shadow and canary evaluations row by row, through the door that pipelines use: the file goes in, the figures and the
//! thresholds come out, and the gate follows the verdict.

use std::{fmt::Write as _, sync::Arc};

use countersign::clock::{Clock as _, ManualClock};
use domain::account::Role;
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
        writeln!(file, "r{row},{time},champion,{champion},{challenger},20,21,ab,ab,{segment}").unwrap();
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
