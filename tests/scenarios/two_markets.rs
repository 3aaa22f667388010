//! One version for two markets: from training to champion in the US, which asks machines, and in the EU, which asks
//! people at each step and waits until the impact assessment and the safeguards of Art. 22 are there.

use countersign::clock::{Clock as _, ManualClock};
use countersign::recompute::{RecomputeError, of_export};
use domain::{
    account::Role,
    split::{Split, buckets_of_percent},
};
use serde_json::json;

use crate::{
    browser::Browser,
    common::{Answer, COMMIT, DATA_VERSION, Engine, PASSWORD, TestServer, digest, lineage, model},
    files, on_each_engine,
    scene::{
        at, champion, countersign, events, export, latest_request, post, put, read, refused, said, shares, stage_in,
        the_committee_approves, verify, wait_days, waits_for,
    },
    steps,
};

on_each_engine!(a_model_in_us_and_eu_from_training_to_production);

const VERSION: &str = "/api/v1/models/credit/versions/1";
const CONTRACT: &str = r#"{"schema": "countersign/contract@1", "contract": "loans", "checks": [{"name": "income is there", "result": "passed"}]}"#;
const SHADOW_REVIEWED: &str = "I reviewed the shadow results for this market and approve exposing users.";
const SUBJECTS_CONSIDERED: &str = "I reviewed the effect on data subjects and approve processing in this market.";
const CANARY_REVIEWED: &str = "I reviewed the canary results for this market and approve full service.";
const STEP_REVIEWED: &str = "I reviewed the results at this step and approve the next share of this market's users.";
const DPIA_APPROVED: &str = "I advised on this assessment, consider the remaining risk acceptable, and approve the processing that it describes.";

async fn a_model_in_us_and_eu_from_training_to_production(engine: Engine) {
    // Sunday evening; the schedule's slot is Monday at two.
    let (server, clock) = at(engine, "2026-11-01T20:00:00.000000Z").await;
    the_risk_committee_has_two_members(&server).await;
    a_model_is_registered_with_a_weekly_schedule(&server).await;
    the_night_train_answers_with_a_version(&server, &clock).await;
    nothing_skips_a_stage_and_nothing_enters_without_evidence(&server).await;
    three_paths_of_evidence_are_attached(&server).await;
    validators_who_did_not_build_it_let_it_into_staging(&server).await;

    both_markets_shadow_the_same_version(&server, &clock).await;
    the_us_goes_on_and_the_eu_is_held(&server).await;
    the_us_canary_is_judged_from_its_rows(&server, &clock).await;
    the_committee_lets_it_into_production(&server, "US").await;
    the_us_rollout_is_held_and_goes_on(&server, &clock).await;
    assert_eq!(stage_in(&server, VERSION, "EU").await, "shadow", "the EU has its own track");

    the_impact_assessment_is_written_and_approved(&server).await;
    the_safeguards_are_stated_and_confirmed(&server).await;
    people_let_it_into_the_eu_canary(&server).await;
    the_eu_canary_is_judged_from_its_rows(&server, &clock).await;
    people_let_it_into_eu_production(&server).await;
    a_person_approves_each_step_in_the_eu(&server, &clock).await;
    any_past_instant_tells_who_approved_each_share(&server, &clock).await;

    assert_eq!(champion(&server, "credit", "US").await, Some(1));
    assert_eq!(champion(&server, "credit", "EU").await, Some(1));
    what_is_left_can_be_checked_by_anybody(&server).await;
}

async fn the_risk_committee_has_two_members(server: &TestServer) {
    server.account(Role::RiskCommittee).await;
    server.colleague(Role::RiskCommittee).await;
}

async fn a_model_is_registered_with_a_weekly_schedule(server: &TestServer) {
    let mut body = model("credit");
    body["profile"] = json!("sr-11-7");
    body["tier"] = json!("1");
    refused(&post(server, Role::Service, "/models", &body).await, 403, "access.role");
    post(server, Role::DataScientist, "/models", &body).await.expect(201);
    let weekly = json!({ "schedule": "0 2 * * 1" });
    put(server, Role::DataScientist, "/models/credit/triggers", &weekly).await.expect(200);
}

async fn the_night_train_answers_with_a_version(server: &TestServer, clock: &ManualClock) {
    wait_days(server, clock, 1).await;
    let shown = read(server, "/models/credit/triggers").await;
    assert_eq!(shown["triggers"]["firings"][0]["about"]["cause"], "scheduled", "{shown:#}");
    let body = json!({ "lineage": lineage(), "note": "weekly retraining", "trigger": 1 });
    post(server, Role::Service, "/models/credit/versions", &body).await.expect(201);
    let kept = read(server, "/models/credit/versions/1/manifest").await;
    assert_eq!(kept["lineage"]["code"]["git_commit"], COMMIT);
}

async fn nothing_skips_a_stage_and_nothing_enters_without_evidence(server: &TestServer) {
    let leap = steps::request(server, VERSION, "production", Some("US")).await;
    refused(&leap, 422, "stage.order");
    let told = leap.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.contains("Still to walk: Staging, Shadow, Canary, Production"), "{told}");

    let early = steps::request(server, VERSION, "staging", None).await;
    let missing = refused(&early, 422, "promotion.ready");
    for path in ["evidence.code", "evidence.data", "evidence.model"] {
        assert!(missing.contains(&(path.into(), "data_scientist".into())), "{path} in {missing:?}");
    }
    // Evidence of another commit is evidence of nothing here.
    let other = attach(server, "code", &"f".repeat(40), &files::tests()).await;
    refused(&other, 422, "evidence.binding");
}

async fn attach(server: &TestServer, path: &str, bound_to: &str, file: &str) -> Answer {
    let address =
        format!("{VERSION}/evidence?path={path}&bound_to={bound_to}&file_name=result&producer=ci%20run%20812");
    server.post(&address).bytes(file.into()).as_role(Role::Service).await.send().await
}

async fn attach_rows(server: &TestServer, path: &str, market: &str, file: String) -> Answer {
    let weights = digest('c');
    let address = format!(
        "{VERSION}/evidence?path={path}&market={market}&bound_to={weights}&file_name={path}.csv&producer=gateway"
    );
    server.post(&address).bytes(file.into_bytes()).as_role(Role::Service).await.send().await
}

async fn three_paths_of_evidence_are_attached(server: &TestServer) {
    let weights = digest('c');
    for (path, bound_to, file, kind) in [
        ("code", COMMIT, files::tests(), "junit"),
        ("code", COMMIT, files::LINT.into(), "lint"),
        ("data", DATA_VERSION, files::expectations(), "great_expectations"),
        ("data", DATA_VERSION, files::EVIDENTLY.into(), "evidently"),
        ("code", &*digest('a'), steps::image(), "image"),
        ("data", DATA_VERSION, steps::columns(), "columns"),
        ("data", DATA_VERSION, CONTRACT.into(), "contract"),
        ("model", &*weights, files::evaluation(), "evaluation"),
        ("model", &weights, files::behaviour(), "behaviour"),
        ("model", &weights, files::paired_scores(), "champion_challenger"),
    ] {
        attach(server, path, bound_to, &file).await.expect(201);
        let shown = read(server, "/models/credit/versions/1").await;
        let last = shown["evidence"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["facts"]["kind"], &last["facts"]["verdict"]), (&json!(kind), &json!("green")), "{last:#}");
    }
}

async fn validators_who_did_not_build_it_let_it_into_staging(server: &TestServer) {
    let asked = steps::request(server, VERSION, "staging", None).await.expect(201);
    assert_eq!(events(&asked), ["promotion.requested"], "it waits for the validators");
    let report = steps::report("approved");
    let own = put(server, Role::DataScientist, "/models/credit/versions/1/validation", &report).await;
    refused(&own, 403, "access.role");
    steps::validate(server, VERSION).await.expect(200);

    // The one who asked does not sign, nobody signs with another's password, and nothing else was signed.
    let package = steps::package(server, VERSION, 1).await;
    let path = format!("{VERSION}/promotions/1/sign");
    let own = server.post(&path).json(&steps::signature(&package, PASSWORD)).as_colleague(Role::DataScientist).await;
    refused(&own.send().await, 403, "access.role");
    let wrong = server.post(&path).json(&steps::signature(&package, "guessed")).as_role(Role::MrmValidator).await;
    refused(&wrong.send().await, 403, "signing.reauthentication");
    let stale = steps::signature(&format!("sha256:{}", "0".repeat(64)), PASSWORD);
    let stale = server.post(&path).json(&stale).as_role(Role::MrmValidator).await;
    refused(&stale.send().await, 409, "signing.stale_package");
    let signed = steps::sign(server, VERSION, 1, Role::MrmValidator, steps::MEANING).await.expect(200);
    assert_eq!(events(&signed), ["promotion.signed", "stage.transitioned"]);
}

async fn both_markets_shadow_the_same_version(server: &TestServer, clock: &ManualClock) {
    let entered = clock.now();
    for market in ["US", "EU"] {
        steps::request(server, VERSION, "shadow", Some(market)).await.expect(201);
        let call = server.get(&format!("/api/v1/routing/credit/{market}")).as_role(Role::Service).await;
        let routing = call.send().await.expect(200).json();
        assert_eq!(
            (&routing["targets"], &routing["mirror"][0]["version"]),
            (&json!([]), &json!(1)),
            "nobody is answered"
        );
    }
    let rows = files::shadow(entered.plus_hours(1));
    // Half of its requests have not been made yet.
    wait_days(server, clock, 4).await;
    let early = attach_rows(server, "shadow", "US", rows.clone()).await;
    refused(&early, 422, "input.valid");
    let told = early.json()["missing"][0]["message"].as_str().unwrap().to_owned();
    assert!(told.contains("at line ") && told.contains("lies in the future"), "{told}");
    wait_days(server, clock, 5).await;
    for market in ["US", "EU"] {
        let unmet = waits_for(server, VERSION, "canary", market).await;
        assert!(unmet.contains(&"evidence.shadow".to_owned()), "{market}: {unmet:?}");
        attach_rows(server, "shadow", market, rows.clone()).await.expect(201);
        the_latest_evidence_is_green(server, "shadow_pairs").await;
    }
}

/// The number of the request that waits in a market.
async fn open_request(server: &TestServer, market: &str) -> u32 {
    let shown = read(server, "/models/credit/versions/1").await;
    let mut open = shown["requests"].as_array().unwrap().iter().filter(|r| r["state"]["state"] == "open");
    let request = open.find(|request| request["market"] == market).unwrap();
    u32::try_from(request["number"].as_u64().unwrap()).unwrap()
}

async fn the_latest_evidence_is_green(server: &TestServer, kind: &str) {
    let shown = read(server, "/models/credit/versions/1").await;
    let facts = &shown["evidence"].as_array().unwrap().last().unwrap()["facts"];
    assert_eq!((&facts["kind"], &facts["verdict"]), (&json!(kind), &json!("green")), "{:#}", facts["failures"]);
}

async fn the_us_goes_on_and_the_eu_is_held(server: &TestServer) {
    steps::request(server, VERSION, "canary", Some("US")).await.expect(201);
    assert_eq!(stage_in(server, VERSION, "US").await, "canary");
    assert_eq!(shares(server, "credit/US").await, [(1, 10)]);

    let held = steps::request(server, VERSION, "canary", Some("EU")).await.expect(201);
    assert_eq!(events(&held), ["promotion.requested"], "asked for, and waiting");
    let request = latest_request(server, VERSION).await;
    let early = steps::sign(server, VERSION, request, Role::MrmValidator, SHADOW_REVIEWED).await;
    let missing = refused(&early, 422, "signing.complete");
    for rule in ["privacy.dpia", "privacy.article22"] {
        assert!(missing.contains(&(rule.into(), "data_scientist".into())), "{rule} in {missing:?}");
    }
    assert_eq!(stage_in(server, VERSION, "EU").await, "shadow");
}

/// The split as it is published.
async fn published_split(server: &TestServer, market: &str) -> Split {
    let call = server.get(&format!("/api/v1/routing/credit/{market}")).as_role(Role::Service).await;
    let routing = call.send().await.expect(200).json();
    let percent = routing["targets"][0]["weight"].as_f64().unwrap();
    Split {
        salt: routing["split"]["salt"].as_str().unwrap().to_owned(),
        challenger_buckets: buckets_of_percent(percent),
    }
}

async fn the_us_canary_is_judged_from_its_rows(server: &TestServer, clock: &ManualClock) {
    let entered = clock.now();
    let split = published_split(server, "US").await;
    wait_days(server, clock, 4).await;
    // A gateway that splits as it likes proves nothing.
    let other = Split { salt: "home-made".into(), ..split.clone() };
    attach_rows(server, "canary", "US", files::canary(&other, entered.plus_minutes(1), 3_000, 3)).await.expect(201);
    let refusal = steps::request(server, VERSION, "production", Some("US")).await;
    let missing = refused(&refusal, 422, "promotion.ready");
    assert!(missing.iter().any(|(what, _)| what == "evidence.canary"), "{missing:?}");
    attach_rows(server, "canary", "US", files::canary(&split, entered.plus_minutes(1), 7_000, 3)).await.expect(201);
    the_latest_evidence_is_green(server, "canary_log").await;
}

async fn the_committee_lets_it_into_production(server: &TestServer, market: &str) {
    let asked = steps::request(server, VERSION, "production", Some(market)).await.expect(201);
    assert_eq!(events(&asked), ["promotion.requested"], "a new model is a material change: the committee votes");
    let request = latest_request(server, VERSION).await;
    let vote = json!({ "password": PASSWORD, "voice": "approve", "package": digest('0') });
    let path = format!("/models/credit/versions/1/promotions/{request}/vote");
    refused(&post(server, Role::MrmValidator, &path, &vote).await, 403, "access.role");
    let voted = the_committee_approves(server, VERSION, request).await;
    if market == "US" {
        assert_eq!(voted, ["committee.voted", "stage.transitioned"]);
    }
}

async fn the_us_rollout_is_held_and_goes_on(server: &TestServer, clock: &ManualClock) {
    let place = "credit/US";
    assert_eq!(shares(server, place).await, [(1, 10)], "promotion alone raises no share");
    steps::observe(server, clock, place, 1, 0.001).await.expect(200);
    assert_eq!(shares(server, place).await, [(1, 25)]);
    let hold = json!({ "reason": "A bank holiday is near." });
    post(server, Role::DataScientist, "/rollouts/credit/US/hold", &hold).await.expect(200);
    wait_days(server, clock, 1).await;
    steps::observe(server, clock, place, 1, 0.001).await.expect(200);
    assert_eq!(shares(server, place).await, [(1, 25)], "on hold it stays where it is");
    let on = json!({ "reason": "It is over." });
    post(server, Role::DataScientist, "/rollouts/credit/US/resume", &on).await.expect(200);
    assert_eq!(shares(server, place).await, [(1, 50)]);
    for share in [100, 100] {
        wait_days(server, clock, 1).await;
        steps::observe(server, clock, place, 1, 0.001).await.expect(200);
        assert_eq!(shares(server, place).await, [(1, share)]);
    }
    assert_eq!(champion(server, "credit", "US").await, Some(1));
}

async fn the_impact_assessment_is_written_and_approved(server: &TestServer) {
    let owner = server.account(Role::DataScientist).await;
    put(server, Role::DataScientist, "/models/credit/dpia", &steps::assessment(owner.as_str())).await.expect(200);
    let digest = read(server, "/models/credit/dpia").await["draft"]["digest"].clone();
    let approval = json!({ "content": digest, "meaning": DPIA_APPROVED, "password": PASSWORD });
    let approve = "/models/credit/dpia/approve";
    refused(&post(server, Role::DataScientist, approve, &approval).await, 403, "access.role");
    refused(&post(server, Role::PrivacyOfficer, approve, &approval).await, 422, "dpia.advised");
    let advice = json!({ "content": digest, "advice": "Sound.", "favourable": true });
    post(server, Role::PrivacyOfficer, "/models/credit/dpia/advice", &advice).await.expect(200);
    post(server, Role::PrivacyOfficer, approve, &approval).await.expect(200);
    let unmet = waits_for(server, VERSION, "canary", "EU").await;
    assert_eq!(unmet, ["privacy.article22", "sign_off.mrm_validator", "sign_off.privacy_officer"]);
}

async fn the_safeguards_are_stated_and_confirmed(server: &TestServer) {
    let keeper =
        json!({ "owner": server.account(Role::DataScientist).await, "channel": "https://bank.example/review" });
    let mut statement = json!({
        "solely_automated": true, "significant_effect": true, "reasons": "A score below the cut-off refuses the loan.",
        "basis": "contract", "safeguards": { "human_intervention": keeper, "own_view": keeper },
    });
    let path = "/models/credit/safeguards";
    put(server, Role::DataScientist, path, &statement).await.expect(200);
    let stated = async || read(server, "/models/credit/dpia").await["safeguards"]["digest"].clone();
    let confirm = async || {
        let body = json!({ "statement": stated().await });
        post(server, Role::PrivacyOfficer, &format!("{path}/confirm"), &body).await
    };
    let lacking = confirm().await;
    let missing = refused(&lacking, 422, "safeguards.complete");
    assert_eq!(missing, [("article22.safeguards.contest".to_owned(), "data_scientist".to_owned())]);
    statement["safeguards"]["contest"] = keeper;
    put(server, Role::DataScientist, path, &statement).await.expect(200);
    confirm().await.expect(200);
}

async fn people_let_it_into_the_eu_canary(server: &TestServer) {
    assert_eq!(stage_in(server, VERSION, "EU").await, "shadow", "people look first in the EU");
    let request = open_request(server, "EU").await;
    let first = steps::sign(server, VERSION, request, Role::MrmValidator, SHADOW_REVIEWED).await.expect(200);
    assert_eq!(events(&first), ["promotion.signed"], "one of two");
    let second = steps::sign(server, VERSION, request, Role::PrivacyOfficer, SUBJECTS_CONSIDERED).await.expect(200);
    assert_eq!(events(&second), ["promotion.signed", "stage.transitioned"]);
    assert_eq!(shares(server, "credit/EU").await, [(1, 5)]);
}

async fn the_eu_canary_is_judged_from_its_rows(server: &TestServer, clock: &ManualClock) {
    let entered = clock.now();
    let split = published_split(server, "EU").await;
    wait_days(server, clock, 8).await;
    attach_rows(server, "canary", "EU", files::canary(&split, entered.plus_minutes(1), 12_000, 7)).await.expect(201);
    the_latest_evidence_is_green(server, "canary_log").await;
}

async fn people_let_it_into_eu_production(server: &TestServer) {
    the_committee_lets_it_into_production(server, "EU").await;
    let request = latest_request(server, VERSION).await;
    let signed = steps::sign(server, VERSION, request, Role::MrmValidator, CANARY_REVIEWED).await.expect(200);
    assert_eq!(events(&signed), ["promotion.signed", "stage.transitioned"]);
}

async fn a_person_approves_each_step_in_the_eu(server: &TestServer, clock: &ManualClock) {
    let place = "credit/EU";
    for (share, next) in [(5, 10), (10, 25), (25, 50), (50, 100), (100, 100)] {
        assert_eq!(shares(server, place).await, [(1, share)]);
        wait_days(server, clock, 1).await;
        steps::observe(server, clock, place, 1, 0.001).await.expect(200);
        assert_eq!(shares(server, place).await, [(1, share)], "time and figures alone move nobody in the EU");
        let shown = read(server, "/rollouts/credit/EU").await;
        let unmet: Vec<&str> = shown["requirements"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|requirement| requirement["met"] == false)
            .map(|requirement| requirement["rule"].as_str().unwrap())
            .collect();
        assert_eq!(unmet, ["rollout.approval"]);
        let approval =
            json!({ "password": PASSWORD, "version": 1, "meaning": STEP_REVIEWED, "package": shown["step_digest"] });
        let path = "/rollouts/credit/EU/approve";
        refused(&post(server, Role::Service, path, &approval).await, 403, "access.role");
        post(server, Role::MrmValidator, path, &approval).await.expect(200);
        assert_eq!(shares(server, place).await, [(1, next)]);
    }
}

async fn any_past_instant_tells_who_approved_each_share(server: &TestServer, clock: &ManualClock) {
    let signer = server.account(Role::MrmValidator).await.to_string();
    let past = read(server, &format!("/as-of?at={}&model=credit", clock.now())).await;
    let of = |market: &str| {
        let serving = past["models"][0]["serving"].as_array().unwrap();
        let grounds = &serving.iter().find(|serving| serving["market"] == market).unwrap()["grounds"];
        grounds["shares"].as_array().unwrap().clone()
    };
    let eu = of("EU");
    let reached: Vec<u64> = eu.iter().map(|share| share["percent"].as_u64().unwrap()).collect();
    assert_eq!(reached, [10, 25, 50, 100, 100]);
    assert_eq!(
        eu.iter().map(|share| share["completed"] == true).collect::<Vec<_>>(),
        [false, false, false, false, true]
    );
    for share in &eu {
        let approval = &share["approvals"][0];
        assert_eq!((&approval["signer"], &approval["meaning"]), (&json!(signer), &json!(STEP_REVIEWED)), "{share}");
        assert_eq!(approval["entry"].as_u64().unwrap() + 1, share["entry"].as_u64().unwrap(), "sealed with the step");
    }
    assert!(of("US").iter().all(|share| share["approvals"] == json!([])), "the US asks nobody");
    // Before the last two, it was on its way in with what had been approved by then.
    let before = eu[2]["granted_at"].as_str().unwrap().parse::<ledger::Timestamp>().unwrap().plus_micros(-1);
    let past = read(server, &format!("/as-of?at={before}&model=credit")).await;
    let traffic = past["models"][0]["traffic"].as_array().unwrap();
    let challenger = &traffic.iter().find(|traffic| traffic["market"] == "EU").unwrap()["challenger"];
    assert_eq!(challenger["grounds"]["shares"].as_array().unwrap().len(), 2, "{challenger}");

    let browser = Browser::of(server, Role::Auditor).await;
    let page = browser.get(&format!("/as-of?at={}&model=credit", clock.now())).await;
    assert!(page.contains("50 % of users") && page.matches(STEP_REVIEWED).count() == 5, "{page}");
    let page = browser.get("/rollouts/credit/EU/versions/1").await;
    assert!(page.matches(STEP_REVIEWED).count() == 5 && page.contains("became champion"), "{page}");
    let asked = json!({ "report": "as_of", "at": clock.now().to_string(), "model": "credit" });
    let id =
        post(server, Role::Auditor, "/reports", &asked).await.expect(202).json()["id"].as_str().unwrap().to_owned();
    while countersign::reports::worker::turn(&server.app).await.unwrap() {}
    let call = server.get(&format!("/api/v1/reports/{id}/json")).as_role(Role::Auditor).await;
    let report = String::from_utf8(call.send().await.expect(200).body).unwrap();
    assert_eq!(report.matches(STEP_REVIEWED).count(), 5, "{report}");
}

async fn what_is_left_can_be_checked_by_anybody(server: &TestServer) {
    let (folder, key) = export(server).await;
    let verified = verify(folder.path(), &key);
    assert!(verified.status.success(), "{}", said(&verified));

    let shown = read(server, "/models/credit/versions/1").await;
    let evidence = shown["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 15, "ten at the gate, two shadows, two canaries and one refused");
    for one in evidence {
        let entry = one["entry"].to_string();
        let again = countersign(&["recompute", &entry, "--export", folder.path().to_str().unwrap()]);
        assert!(again.status.success() && said(&again).contains("equal"), "{}", said(&again));
    }
    // Not the files alone: every figure of every entry.
    let mut entries = 0;
    loop {
        match of_export(entries, folder.path()) {
            Err(RecomputeError::NoEntry(_)) => break,
            again => {
                let again = again.unwrap();
                assert_ne!(again.equal, Some(false), "entry {entries}, {}: {:?}", again.event, again.differences);
            }
        }
        entries += 1;
    }
    assert!(entries > 80, "{entries}");

    let maturity = read(server, "/models/credit/maturity").await;
    assert_eq!((&maturity["level"], &maturity["title"]), (&json!(1), &json!("Automated training")), "{maturity:#}");
    let call = server.get(&format!("{VERSION}/dossier.pdf")).as_role(Role::Auditor).await;
    let dossier = call.send().await.expect(200);
    assert!(dossier.body.starts_with(b"%PDF-") && dossier.body.len() > 20_000);
}
