//! Each refusal around models, lineage and evidence.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use common::*;
use domain::{
    Command, Refusal, RefusalKind, Stage, VersionId,
    command::{AmendLineage, AttachEvidence, RegisterModel, RegisterVersion, RequestPromotion},
    evidence::{EvidencePath, Figure, Thresholds, Verdict},
    lineage::{Lineage, Scalar},
    registry::{Origin, Tier},
};

fn registered() -> (TestWorld, VersionId) {
    let mut world = TestWorld::new();
    world.register_model("credit", "unregulated");
    let id = world.register_version("credit", lineage(1));
    (world, id)
}

fn attach(world: &mut TestWorld, id: &VersionId, body: AttachEvidence) -> Result<Vec<domain::Recorded>, Refusal> {
    world.run(&pipeline(), &Command::AttachEvidence(id.clone(), body))
}

fn register(world: &mut TestWorld, lineage: Lineage) -> Result<Vec<domain::Recorded>, Refusal> {
    let body = RegisterVersion { lineage, note: String::new(), origin: None, trigger: None };
    world.run(&ana(), &Command::RegisterVersion("credit".parse().unwrap(), body))
}

fn model(name: &str) -> RegisterModel {
    RegisterModel {
        name: name.parse().unwrap(),
        title: "Credit default".into(),
        purpose: "Scores applicants.".into(),
        tier: Tier::One,
        profile: "sr-11-7".parse().unwrap(),
        markets: vec![market("US")],
    }
}

// --- Models -------------------------------------------------------------------------------------------------------

#[test]
fn a_model_name_is_taken_once() {
    let (mut world, _) = registered();
    let refusal =
        assert_refused(world.run(&ana(), &Command::RegisterModel(model("credit"))), "model.unique", "named credit");
    assert_eq!(refusal.kind, RefusalKind::Conflict);
}

#[test]
fn a_model_has_a_known_profile_and_known_markets() {
    let mut world = TestWorld::new();
    let body = RegisterModel { profile: "basel".parse().unwrap(), ..model("a") };
    assert_invalid(world.run(&ana(), &Command::RegisterModel(body)), "profile", "it has sr-11-7, sr-26-2, unregulated");
    let body = RegisterModel { markets: vec![], ..model("a") };
    assert_invalid(world.run(&ana(), &Command::RegisterModel(body)), "markets", "at least one market");
    let body = RegisterModel { markets: vec![market("JP")], ..model("a") };
    assert_invalid(world.run(&ana(), &Command::RegisterModel(body)), "markets", "no market JP");
    let body = RegisterModel { markets: vec![market("US"), market("US")], ..model("a") };
    assert_invalid(world.run(&ana(), &Command::RegisterModel(body)), "markets", "twice");
}

#[test]
fn texts_of_ten_thousand_characters_and_control_characters_are_refused_by_field() {
    let long = "x".repeat(10_000);
    let mut world = TestWorld::new();
    let body = RegisterModel { title: long.clone(), purpose: "ring\u{7}".into(), ..model("a") };
    let refusal = world.run(&ana(), &Command::RegisterModel(body)).unwrap_err();
    assert_eq!(refusal.message, "2 fields need mending.");
    assert_eq!(refusal.missing[0].what, "title");
    assert!(refusal.missing[0].message.contains("10000 characters; at most 200"), "{refusal:?}");
    assert!(refusal.missing[1].message.contains("control character"), "{refusal:?}");

    let (mut world, id) = registered();
    let asked = RequestPromotion { to: Stage::Staging, market: None, note: long.clone(), blue_green: None };
    assert_invalid(world.run(&ana(), &Command::RequestPromotion(id.clone(), asked)), "note", "at most 4000");
    let amend = AmendLineage { lineage: lineage(2), reason: "\u{0}".into() };
    assert_invalid(world.run(&ana(), &Command::AmendLineage(id.clone(), amend)), "reason", "control character");
    let amend = AmendLineage { lineage: lineage(2), reason: " ".into() };
    assert_invalid(world.run(&ana(), &Command::AmendLineage(id.clone(), amend)), "reason", "must not be empty");
    let body = AttachEvidence { producer: long, ..world.evidence(&id, EvidencePath::Code, None, Verdict::Green) };
    assert_invalid(attach(&mut world, &id, body), "producer", "at most 200");
    let body = RegisterVersion { lineage: lineage(1), note: "x".repeat(2_001), origin: None, trigger: None };
    let register = Command::RegisterVersion("credit".parse().unwrap(), body);
    assert_invalid(world.run(&ana(), &register), "note", "at most 2000");
}

// --- Lineage ------------------------------------------------------------------------------------------------------

#[test]
fn lineage_is_frozen_once_the_version_left_none() {
    let (mut world, id) = registered();
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    let amend = AmendLineage { lineage: lineage(2), reason: "Better numbers.".into() };
    assert_refused(world.run(&ana(), &Command::AmendLineage(id, amend)), "lineage.frozen", "has left None");
}

#[test]
fn an_amendment_changes_something() {
    let (mut world, id) = registered();
    let amend = AmendLineage { lineage: lineage(1), reason: "Nothing.".into() };
    assert_refused(world.run(&ana(), &Command::AmendLineage(id, amend)), "lineage.changed", "already");
}

#[test]
fn parents_are_earlier_versions() {
    let (mut world, id) = registered();
    let mut child = lineage(2);
    child.parents.insert(3.try_into().unwrap());
    assert_invalid(register(&mut world, child.clone()), "lineage.parents", "Parent version 3");
    child.parents = [2.try_into().unwrap()].into();
    assert_invalid(register(&mut world, child.clone()), "lineage.parents", "not registered before");
    child.parents = [id.number].into();
    register(&mut world, child.clone()).unwrap();
    child.parents = [2.try_into().unwrap()].into();
    let amend = AmendLineage { lineage: child, reason: "Its own parent.".into() };
    let own = Command::AmendLineage(version_id("credit", 2), amend);
    assert_invalid(world.run(&ana(), &own), "lineage.parents", "Parent version 2");
}

#[test]
fn an_origin_is_imported_once() {
    let (mut world, _) = registered();
    let origin = Origin { system: "mlflow".into(), reference: "models:/credit/3".into() };
    let body = RegisterVersion { lineage: lineage(2), note: String::new(), origin: Some(origin), trigger: None };
    let import = Command::RegisterVersion("credit".parse().unwrap(), body);
    world.run(&ana(), &import).unwrap();
    let refusal = assert_refused(world.run(&ana(), &import), "version.origin_unique", "as credit version 2");
    assert_eq!(refusal.kind, RefusalKind::Conflict);
}

#[test]
fn numbers_are_what_the_ledger_can_hold() {
    let (mut world, _) = registered();
    let beyond = (1_i64 << 53) + 1;
    let mut huge = lineage(2);
    huge.hyperparameters.insert("hash".into(), Scalar::Int(beyond));
    huge.training.random_seed = Some(-beyond);
    let refusal = register(&mut world, huge).unwrap_err();
    let fields: Vec<&str> = refusal.missing.iter().map(|missing| missing.what.as_str()).collect();
    assert_eq!(fields, ["hash", "lineage.training.random_seed"]);
    assert!(refusal.missing[0].message.contains("as text"), "{refusal:?}");

    // The same number has one spelling, or a view folded again from the ledger would differ from the first.
    let mut odd = lineage(2);
    odd.hyperparameters.insert("depth".into(), Scalar::Float(6.0));
    odd.data.preprocessing.insert("clip".into(), Scalar::Float(-0.0));
    odd.metrics.insert("neg_mse".into(), -0.0);
    register(&mut world, odd).unwrap();
    let kept = &world.version(&version_id("credit", 2)).lineage;
    assert_eq!(kept.hyperparameters["depth"], Scalar::Int(6));
    assert_eq!(kept.data.preprocessing["clip"], Scalar::Int(0));
    assert!(kept.metrics["neg_mse"].is_sign_positive());
}

#[test]
fn a_lineage_that_fits_no_entry_is_refused_before_it_reaches_the_ledger() {
    let (mut world, _) = registered();
    let mut wide = lineage(2);
    for index in 0..400 {
        wide.hyperparameters.insert(format!("p{index}"), Scalar::Text("x".repeat(1_000)));
    }
    let refusal = register(&mut world, wide).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Invalid);
    assert!(refusal.message.contains("bytes"), "{refusal:?}");
}

#[test]
fn a_malformed_digest_never_becomes_a_lineage() {
    for (json, part) in [
        (r#"{"code": {"image_digest": "sha256:beef"}}"#, "64"),
        (r#"{"code": {"image": "x"}}"#, "unknown field `image`"),
        (r#"{"code": {"git_commit": "#, "EOF"),
    ] {
        let error = serde_json::from_str::<Lineage>(json).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let (mut world, _) = registered();
    let mut short = lineage(2);
    short.code.git_commit = Some("deadbeef".into());
    assert_invalid(register(&mut world, short), "lineage.code.git_commit", "40 or 64");
}

// --- Evidence -----------------------------------------------------------------------------------------------------

#[test]
fn evidence_for_another_artifact_does_not_count() {
    let (mut world, id) = registered();
    for path in EvidencePath::ALL {
        let place = path.is_per_market().then(|| market("US"));
        let body = AttachEvidence {
            bound_to: "ffffffffffffffffffffffffffffffffffffffff".into(),
            ..world.evidence(&id, path, place, Verdict::Green)
        };
        assert_refused(attach(&mut world, &id, body), "evidence.binding", "another artifact does not count");
    }
    assert!(world.version(&id).evidence.is_empty());
}

#[test]
fn a_file_that_names_another_commit_is_not_believed() {
    let (mut world, id) = registered();
    let file = br#"<testsuite><properties><property name="git_commit" value="abc"/></properties><testcase name="a"/></testsuite>"#;
    let parsed = domain::evidence::parse(file, &Thresholds::default()).unwrap();
    let body = AttachEvidence {
        facts: parsed.facts,
        names: parsed.names.map(|(_, value)| value),
        ..world.evidence(&id, EvidencePath::Code, None, Verdict::Green)
    };
    assert_refused(attach(&mut world, &id, body), "evidence.binding", "speaks of git commit abc");
}

#[test]
fn evidence_cannot_be_bound_to_what_the_lineage_does_not_state() {
    let mut world = TestWorld::new();
    world.register_model("credit", "unregulated");
    let id = world.register_version("credit", Lineage::default());
    let body = world.evidence(&id, EvidencePath::Data, None, Verdict::Green);
    let refusal = assert_refused(attach(&mut world, &id, body), "evidence.binding", "states no data version");
    assert_eq!(refusal.missing[0].what, "lineage (data version)");
}

#[test]
fn evidence_names_its_market_exactly_where_markets_part() {
    let (mut world, id) = registered();
    let body = world.evidence(&id, EvidencePath::Shadow, None, Verdict::Green);
    assert_invalid(attach(&mut world, &id, body), "market", "needs its market");
    let body = world.evidence(&id, EvidencePath::Code, us(), Verdict::Green);
    assert_invalid(attach(&mut world, &id, body), "market", "leave the market out");
    let body = world.evidence(&id, EvidencePath::Canary, Some(market("JP")), Verdict::Green);
    assert_invalid(attach(&mut world, &id, body), "market", "not registered for JP");
}

#[test]
fn the_same_file_is_attached_once() {
    let (mut world, id) = registered();
    let body = world.evidence(&id, EvidencePath::Code, None, Verdict::Green);
    attach(&mut world, &id, body.clone()).unwrap();
    let again = AttachEvidence { file_name: "renamed.xml".into(), ..body };
    let refusal = assert_refused(attach(&mut world, &id, again), "evidence.unique", "as evidence 1");
    assert_eq!(refusal.kind, RefusalKind::Conflict);
}

#[test]
fn evidence_is_not_produced_in_the_future() {
    let (mut world, id) = registered();
    let body = AttachEvidence {
        produced_at: world.now.plus_seconds(301),
        ..world.evidence(&id, EvidencePath::Code, None, Verdict::Green)
    };
    assert_invalid(attach(&mut world, &id, body.clone()), "produced_at", "lies in the future");
    let within = AttachEvidence { produced_at: world.now.plus_seconds(299), ..body };
    attach(&mut world, &id, within).unwrap();
}

#[test]
fn figures_are_finite() {
    let (mut world, id) = registered();
    let mut body = world.evidence(&id, EvidencePath::Model, None, Verdict::Green);
    body.facts.figures.push(Figure::new("auc", f64::INFINITY));
    assert_invalid(attach(&mut world, &id, body), "figures", "not a finite number");
}

#[test]
fn red_evidence_blocks_until_a_later_green_file_of_the_same_name() {
    let (mut world, id) = registered();
    world.attach_three_paths(&id);
    world.attach(&id, EvidencePath::Code, None, Verdict::Red);
    let refusal = assert_refused(world.request(&ben(), &id, Stage::Staging, None), "promotion.ready", "1 thing is");
    assert!(refusal.missing[0].message.starts_with("Evidence 4 (code.json) failed"), "{refusal:?}");

    // A green file of another name stands beside the red one and does not hide it.
    let other = AttachEvidence {
        file_name: "lint.json".into(),
        ..world.evidence(&id, EvidencePath::Code, None, Verdict::Green)
    };
    attach(&mut world, &id, other).unwrap();
    assert_refused(world.request(&ben(), &id, Stage::Staging, None), "promotion.ready", "1 thing is");

    world.attach(&id, EvidencePath::Code, None, Verdict::Green);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    assert_eq!(world.stage(&id, None), Stage::Staging);
}

#[test]
fn a_neutral_file_proves_nothing() {
    let (mut world, id) = registered();
    world.attach(&id, EvidencePath::Code, None, Verdict::Neutral);
    let requirement = world.requirement(&id, Stage::Staging, None, "evidence.code");
    assert!(!requirement.met);
    assert_eq!(requirement.details, ["The code-path evidence makes no claim that can be judged."]);
}

#[test]
fn evidence_expires_by_the_day_it_was_produced() {
    let (mut world, id) = registered();
    world.attach_three_paths(&id);
    world.days_pass(91);
    let refusal = assert_refused(world.request(&ben(), &id, Stage::Staging, None), "promotion.ready", "3 things");
    assert!(refusal.missing[0].message.contains("none of this git commit within the last 90 days"), "{refusal:?}");
    world.attach(&id, EvidencePath::Data, None, Verdict::Green);
    world.attach(&id, EvidencePath::Model, None, Verdict::Green);

    // Attaching an old result anew does not make it young.
    let old = AttachEvidence {
        produced_at: world.now.plus_days(-91),
        ..world.evidence(&id, EvidencePath::Code, None, Verdict::Green)
    };
    attach(&mut world, &id, old).unwrap();
    assert_refused(world.request(&ben(), &id, Stage::Staging, None), "promotion.ready", "1 thing is");
    world.attach(&id, EvidencePath::Code, None, Verdict::Green);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
}

#[test]
fn another_markets_evidence_does_not_count() {
    let (mut world, id) = registered();
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    let here = world.requirement(&id, Stage::Canary, Some(&market("US")), "evidence.shadow");
    let there = world.requirement(&id, Stage::Canary, Some(&market("EU")), "evidence.shadow");
    assert!(here.met);
    assert_eq!(there.details, ["1 attached, but none for EU of this weights digest within the last 90 days."]);
}

#[test]
fn other_data_or_another_repository_under_the_same_label_do_not_count() {
    type Change = fn(&mut Lineage);
    let changes: [(&str, Change, &str); 4] = [
        ("data", |l| l.data.dataset = Some("another".into()), "data.dataset"),
        ("data", |l| l.data.digest = Some(ledger::Digest::of(b"other rows")), "data.digest"),
        ("data", |l| l.data.schema_digest = Some(ledger::Digest::of(b"other columns")), "data.schema_digest"),
        ("code", |l| l.code.repository = Some("https://git.example/fork".into()), "code.repository"),
    ];
    for (path, change, field) in changes {
        let (mut world, id) = registered();
        world.attach_three_paths(&id);
        let mut other = lineage(1);
        change(&mut other);
        let amend = AmendLineage { lineage: other, reason: "It was trained on something else.".into() };
        world.run(&ana(), &Command::AmendLineage(id.clone(), amend)).unwrap();
        let refusal = assert_refused(world.request(&ben(), &id, Stage::Staging, None), "promotion.ready", "1 thing is");
        assert_eq!(refusal.missing[0].what, format!("evidence.{path}"));
        assert!(refusal.missing[0].message.contains(&format!("was made from another {field}")), "{refusal:?}");
        let kind = if path == "data" { EvidencePath::Data } else { EvidencePath::Code };
        world.attach(&id, kind, None, Verdict::Green);
        world.request(&ben(), &id, Stage::Staging, None).unwrap();
    }
}

#[test]
fn the_same_file_may_be_attached_again_for_other_data_under_the_same_label() {
    let (mut world, id) = registered();
    let body = world.evidence(&id, EvidencePath::Data, None, Verdict::Green);
    attach(&mut world, &id, body.clone()).unwrap();
    let made_from = &world.version(&id).evidence[0].made_from;
    assert!(made_from.contains_key("data.dataset") && made_from.contains_key("data.version"), "{made_from:?}");
    let mut other = lineage(1);
    other.data.dataset = Some("another".into());
    let amend = AmendLineage { lineage: other, reason: "It was trained on something else.".into() };
    world.run(&ana(), &Command::AmendLineage(id.clone(), amend)).unwrap();
    attach(&mut world, &id, body).unwrap();
}

#[test]
fn evidence_from_before_counts_as_it_was_recorded() {
    let (mut world, id) = registered();
    world.attach(&id, EvidencePath::Data, None, Verdict::Green);
    let mut old = world.version(&id).evidence[0].clone();
    old.made_from.clear();
    let again: domain::evidence::Evidence = serde_json::from_str(&serde_json::to_string(&old).unwrap()).unwrap();
    assert!(!serde_json::to_string(&old).unwrap().contains("made_from") && again == old);
    let mut other = lineage(1);
    other.data.dataset = Some("another".into());
    assert!(again.speaks_of(&other), "nothing more was recorded of it");
    other.data.version = Some("2027-01-01".into());
    assert!(!again.speaks_of(&other));
}

#[test]
fn a_suite_without_metrics_is_no_evaluation_where_policy_bounds_metrics() {
    let (mut world, id) = registered();
    world.attach(&id, EvidencePath::Code, None, Verdict::Green);
    world.attach(&id, EvidencePath::Data, None, Verdict::Green);
    let mut body = world.evidence(&id, EvidencePath::Model, None, Verdict::Green);
    body.facts.kind = domain::evidence::EvidenceKind::Deepchecks;
    body.facts.criteria = None;
    attach(&mut world, &id, body).unwrap();
    let refusal = assert_refused(world.request(&ben(), &id, Stage::Staging, None), "promotion.ready", "1 thing is");
    assert!(refusal.missing[0].message.contains("lacks offline evaluation"), "{refusal:?}");
}

// --- Rows ---------------------------------------------------------------------------------------------------------

/// The summary with which a version once reached Production: one figure, held against the bound that it brought along.
fn say_so(world: &mut TestWorld, id: &VersionId, path: EvidencePath) -> AttachEvidence {
    let file = format!(
        r#"{{"schema": "countersign/evaluation@1", "path": "{path}", "figures": [{{"name": "I say so", "value": 1, "at_least": 0}}]}}"#
    );
    let parsed = domain::evidence::parse(file.as_bytes(), &Thresholds::default()).unwrap();
    assert_eq!(parsed.facts.verdict, Verdict::Green);
    AttachEvidence { facts: parsed.facts, ..world.evidence(id, path, us(), Verdict::Green) }
}

#[test]
fn a_summary_takes_the_place_of_rows_on_neither_path() {
    for profile in ["unregulated", "sr-11-7", "sr-26-2"] {
        let mut world = TestWorld::new();
        world.register_model("credit", profile);
        let id = world.register_version("credit", lineage(1));
        for (path, column) in [(EvidencePath::Shadow, "challenger_score"), (EvidencePath::Canary, "user_id")] {
            let body = say_so(&mut world, &id, path);
            let refusal = assert_refused(attach(&mut world, &id, body), "evidence.rows", "asks on the");
            assert!(refusal.missing[0].message.contains(column), "{refusal:?}");
        }
    }
}

#[test]
fn a_summary_counts_under_a_policy_that_asks_for_no_rows_and_no_longer_once_it_does() {
    let (mut world, id) = registered();
    adopt_changed(&mut world, "checks = [\"shadow\"]\n", "");
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    let body = say_so(&mut world, &id, EvidencePath::Shadow);
    attach(&mut world, &id, body).unwrap();
    let us = market("US");
    assert!(world.requirement(&id, Stage::Canary, Some(&us), "evidence.shadow").met, "as it was when it was adopted");
    world.run(&adam(), &Command::AdoptPolicy(domain::policy::DEFAULT_POLICY.to_owned())).unwrap();
    let requirement = world.requirement(&id, Stage::Canary, Some(&us), "evidence.shadow");
    assert!(!requirement.met);
    assert!(requirement.details[0].contains("lacks the requests that both models scored"), "{requirement:?}");
}

#[test]
fn no_other_kind_of_file_stands_on_a_path_of_rows() {
    let (mut world, id) = registered();
    let mut body = world.evidence(&id, EvidencePath::Shadow, us(), Verdict::Green);
    body.facts.kind = domain::evidence::EvidenceKind::Junit;
    assert_refused(attach(&mut world, &id, body), "evidence.path", "belongs on the code path");
}

#[test]
fn rows_count_only_for_the_stay_in_the_stage_that_they_were_judged_for() {
    let (mut world, id) = registered();
    let early = world.evidence(&id, EvidencePath::Shadow, us(), Verdict::Green);
    assert_refused(attach(&mut world, &id, early), "evidence.stage", "is not in the shadow stage there");
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    world.days_pass(1);
    // Judged as though the trial had begun a day earlier than it did.
    let mut body = world.evidence(&id, EvidencePath::Shadow, us(), Verdict::Green);
    let earlier = world.now.plus_days(-2);
    body.facts.criteria = body.facts.criteria.map(|criteria| criteria.since(Some(earlier)));
    assert_refused(attach(&mut world, &id, body), "evidence.criteria", "send it again");
}

#[test]
fn rows_judged_by_thresholds_that_changed_since_are_asked_for_again() {
    let (mut world, id) = registered();
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    adopt_changed(&mut world, "min_pairs = 1000", "min_pairs = 2000");
    let requirement = world.requirement(&id, Stage::Canary, Some(&market("US")), "evidence.shadow");
    assert!(!requirement.met && requirement.details[0].contains("policy has changed since"), "{requirement:?}");
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    assert!(world.requirement(&id, Stage::Canary, Some(&market("US")), "evidence.shadow").met);
}

#[test]
fn a_gate_that_asks_for_rows_needs_the_thresholds_to_judge_them_by() {
    let text = domain::policy::DEFAULT_POLICY;
    let from = text.find("[profiles.sr-26-2.thresholds.shadow]").unwrap();
    let to = text.find("[profiles.sr-26-2.thresholds.canary]").unwrap();
    let fault = domain::policy::Policy::from_toml(&[&text[..from], &text[to..]].concat()).unwrap_err().to_string();
    assert!(fault.contains("the check shadow needs thresholds.shadow"), "{fault}");
}

// --- Who may ------------------------------------------------------------------------------------------------------

#[test]
fn a_token_does_no_more_than_its_scopes() {
    use domain::account::Scope;
    let (mut world, id) = registered();
    let body = world.evidence(&id, EvidencePath::Code, None, Verdict::Green);
    let mut reader = pipeline();
    reader.scopes = Some([Scope::Read].into());
    let refusal = assert_refused(
        world.run(&reader, &Command::AttachEvidence(id.clone(), body.clone())),
        "access.scope",
        "lacks the scope \"evidence\"",
    );
    assert_eq!(refusal.kind, RefusalKind::Forbidden);
    reader.scopes = Some([Scope::Evidence].into());
    world.run(&reader, &Command::AttachEvidence(id, body)).unwrap();
    for who in [audrey(), adam(), vera(), rosa(), paul()] {
        let register = Command::RegisterModel(model("other"));
        assert_refused(world.run(&who, &register), "access.role", "Data scientist");
    }
}
