//! The validation gate's word on champion and challenger, on what each path must show, and on what a file may claim.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use common::*;
use domain::{
    Command, RefusalKind, Stage, VersionId,
    command::AttachEvidence,
    evidence::{Artifact, Check, Claim, Compared, EvidenceKind, EvidencePath, Facts, Figure, Verdict},
};
use ledger::Digest;

const RULE: &str = "champion.not_worse";

/// A model whose version 1 serves the US, and a version 2 with the evidence of the three paths but no comparison.
fn challenged() -> (TestWorld, VersionId, VersionId) {
    let mut world = TestWorld::new();
    world.register_model("credit", "unregulated");
    let champion = world.unregulated_in_staging("credit", 1);
    world.walk_to_champion(&champion, &market("US"));
    let challenger = world.register_version("credit", lineage(2));
    for path in [EvidencePath::Code, EvidencePath::Data, EvidencePath::Model] {
        world.attach(&challenger, path, None, Verdict::Green);
    }
    (world, champion, challenger)
}

fn attach(world: &mut TestWorld, id: &VersionId, body: AttachEvidence) {
    world.run(&pipeline(), &Command::AttachEvidence(id.clone(), body)).unwrap();
}

#[test]
fn the_first_version_has_nobody_to_be_compared_with() {
    let mut world = TestWorld::new();
    world.register_model("credit", "unregulated");
    let id = world.register_version("credit", lineage(1));
    let requirement = world.requirement(&id, Stage::Staging, None, RULE);
    assert!(requirement.met);
    assert!(requirement.details[0].contains("the thresholds of the model path decide"), "{requirement:?}");
}

#[test]
fn a_challenger_is_compared_with_the_champion_in_force() {
    let (mut world, _, challenger) = challenged();
    let refusal =
        assert_refused(world.request(&ben(), &challenger, Stage::Staging, None), "promotion.ready", "1 thing");
    assert_eq!(refusal.missing[0].what, RULE);
    assert!(refusal.missing[0].message.contains("version 1, the champion of US"), "{refusal:?}");
    world.compare_with_champions(&challenger, Verdict::Green);
    world.request(&ben(), &challenger, Stage::Staging, None).unwrap();
    assert_eq!(world.stage(&challenger, None), Stage::Staging);
}

#[test]
fn a_comparison_with_somebody_else_or_with_nobody_does_not_count() {
    let (mut world, _, challenger) = challenged();
    for (compared, hint) in [
        (Some(Compared { version: None, weights: Some(Digest::of(b"another")) }), ""),
        (Some(Compared::default()), "names no champion"),
        // The number alone is not enough where the ledger knows the weights.
        (Some(Compared { version: Some(1.try_into().unwrap()), weights: None }), ""),
    ] {
        let mut body = world.comparisons(&challenger, Verdict::Green).remove(0);
        body.facts.compared = compared;
        attach(&mut world, &challenger, body);
        let requirement = world.requirement(&challenger, Stage::Staging, None, RULE);
        assert!(!requirement.met && requirement.details[0].contains(hint), "{requirement:?}");
    }
}

#[test]
fn the_refusal_names_the_segment_that_fails() {
    let (mut world, _, challenger) = challenged();
    let mut body = world.comparisons(&challenger, Verdict::Red).remove(0);
    body.facts.failures = vec!["in segment young the auc differs by -0.0400".into()];
    attach(&mut world, &challenger, body);
    let refusal =
        assert_refused(world.request(&ben(), &challenger, Stage::Staging, None), "promotion.ready", "1 thing");
    assert_eq!(refusal.missing.len(), 1, "the failure is told once: {refusal:?}");
    let message = &refusal.missing[0].message;
    assert!(message.contains("Against version 1, the champion of US: in segment young"), "{message}");
}

#[test]
fn a_new_champion_asks_for_a_new_comparison() {
    let (mut world, _, challenger) = challenged();
    world.compare_with_champions(&challenger, Verdict::Red);
    let third = world.unregulated_in_staging("credit", 3);
    world.walk_to_champion(&third, &market("US"));
    let requirement = world.requirement(&challenger, Stage::Staging, None, RULE);
    assert!(requirement.details[0].contains("No comparison with version 3"), "{requirement:?}");
    world.compare_with_champions(&challenger, Verdict::Green);
    world.request(&ben(), &challenger, Stage::Staging, None).unwrap();
}

#[test]
fn each_market_may_have_its_own_champion() {
    let (mut world, champion, challenger) = challenged();
    let third = world.unregulated_in_staging("credit", 3);
    world.walk_to_champion(&third, &market("EU"));
    let requirement = world.requirement(&challenger, Stage::Staging, None, RULE);
    assert_eq!(requirement.details.len(), 2, "{requirement:?}");
    assert_eq!(world.comparisons(&challenger, Verdict::Green).len(), 2);
    world.compare_with_champions(&challenger, Verdict::Green);
    assert!(world.requirement(&challenger, Stage::Staging, None, RULE).met);
    assert_eq!(
        world.model("credit").champions[&market("US")].weights,
        world.version(&champion).lineage.model.weights_digest
    );
}

/// Whoever is worse by one metric does not get in by attaching another.
#[test]
fn a_red_comparison_is_not_taken_back_by_another_metric() {
    let (mut world, _, challenger) = challenged();
    let by = |world: &mut TestWorld, metric: &str, verdict: Verdict| {
        let mut body = world.comparisons(&challenger, verdict).remove(0);
        body.facts.figures = vec![Figure::new(format!("champion {metric}"), 0.5)];
        if verdict == Verdict::Red {
            body.facts.failures = vec![format!("overall the {metric} differs")];
        }
        body.file_name = format!("{metric}-{verdict:?}.csv");
        attach(world, &challenger, body);
        world.requirement(&challenger, Stage::Staging, None, RULE)
    };
    assert!(!by(&mut world, "auc", Verdict::Red).met);
    let requirement = by(&mut world, "squared_error", Verdict::Green);
    assert!(!requirement.met, "{requirement:?}");
    assert!(requirement.details.iter().any(|said| said.contains("overall the auc differs")), "{requirement:?}");
    let requirement = by(&mut world, "auc", Verdict::Green);
    assert!(requirement.met, "the same metric, measured again, takes the place of the first: {requirement:?}");
    assert!(!by(&mut world, "squared_error", Verdict::Red).met, "and the worst of both counts");
}

#[test]
fn a_changed_margin_has_the_same_file_judged_again() {
    let (mut world, _, challenger) = challenged();
    let body = world.comparisons(&challenger, Verdict::Green).remove(0);
    attach(&mut world, &challenger, body.clone());
    adopt_changed(&mut world, "margins = { auc = 0.01,", "margins = { auc = 0.005,");
    let requirement = world.requirement(&challenger, Stage::Staging, None, RULE);
    assert!(requirement.details[0].contains("thresholds that policy has changed since"), "{requirement:?}");

    let stale = world.run(&pipeline(), &Command::AttachEvidence(challenger.clone(), body.clone()));
    let refusal = assert_refused(stale, "evidence.criteria", "send it again");
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    let again = world.comparisons(&challenger, Verdict::Green).remove(0);
    attach(&mut world, &challenger, AttachEvidence { file: body.file, ..again });
    assert!(world.requirement(&challenger, Stage::Staging, None, RULE).met);
}

// --- What a path must show ----------------------------------------------------------------------------------------

#[test]
fn drift_and_expectations_look_at_each_feature_of_the_lineage() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let id = world.register_version("credit", lineage(1));
    let rule = "evidence.data";
    world.attach_three_paths(&id);
    assert!(world.requirement(&id, Stage::Staging, None, rule).met);

    let mut columns = world.further_checks(&id).into_iter().find(|body| body.file_name == "drift.json").unwrap();
    columns.facts.features = ["shoe_size".to_owned(), "income".to_owned()].into();
    attach(&mut world, &id, columns.clone());
    let requirement = world.requirement(&id, Stage::Staging, None, rule);
    assert!(!requirement.met);
    assert_eq!(
        requirement.details,
        [
            "The evidence for drift does not look at each feature of the lineage; missing: utilisation. Attach a file that names them as the lineage does."
        ]
    );
    let question = world.question(&id, Stage::Staging, None);
    let gate = &world.policy().policy.profiles[&"sr-11-7".parse().unwrap()].gates[&Stage::Staging];
    assert!(question.checks(gate, EvidencePath::Data).contains(&(Check::Drift, false)), "nor does the page say so");

    // Several files look at more than one; a red one at nothing.
    let mut rest = columns.clone();
    (rest.file_name, rest.file) = ("rest.json".into(), Digest::of(b"rest"));
    rest.facts.features = ["utilisation".to_owned()].into();
    attach(&mut world, &id, rest);
    assert!(world.requirement(&id, Stage::Staging, None, rule).met);
    let mut expectations = world.evidence(&id, EvidencePath::Data, None, Verdict::Green);
    expectations.facts.features.clear();
    attach(&mut world, &id, expectations);
    let requirement = world.requirement(&id, Stage::Staging, None, rule);
    assert!(requirement.details[0].contains("expectations") && requirement.details[0].contains("income, utilisation"));

    // A policy of before does not ask.
    adopt_changed(&mut world, "every_feature = true", "every_feature = false");
    columns = world.further_checks(&id).into_iter().find(|body| body.file_name == "drift.json").unwrap();
    columns.facts.features = ["shoe_size".to_owned()].into();
    columns.file_name = "rest.json".into();
    attach(&mut world, &id, columns.clone());
    (columns.file_name, columns.file) = ("drift.json".into(), Digest::of(b"columns"));
    attach(&mut world, &id, columns);
    assert!(world.requirement(&id, Stage::Staging, None, rule).met);
}

#[test]
fn a_path_lists_what_it_lacks() {
    let mut world = TestWorld::new();
    adopt_changed(
        &mut world,
        r#"checks = ["tests", "expectations", "evaluation"]"#,
        r#"checks = ["tests", "lint", "image", "expectations", "evaluation"]"#,
    );
    world.register_model("credit", "unregulated");
    let id = world.register_version("credit", lineage(1));
    world.attach(&id, EvidencePath::Code, None, Verdict::Green);
    let requirement = world.requirement(&id, Stage::Staging, None, "evidence.code");
    let lacking = [
        "The code path lacks lint results (SARIF).",
        "The code path lacks image facts (docker image inspect, or the image's manifest).",
    ];
    assert_eq!(requirement.details, lacking);
    let question = world.question(&id, Stage::Staging, None);
    let gate = question.gate().unwrap();
    let checks = question.checks(&gate, EvidencePath::Code);
    assert_eq!(checks, [(Check::Tests, true), (Check::Lint, false), (Check::Image, false)]);

    let criteria = world.policy().policy.profiles[&"unregulated".parse().unwrap()].thresholds.of(EvidenceKind::Lint);
    let image = world.version(&id).lineage.code.image_digest.unwrap().to_string();
    for kind in [EvidenceKind::Lint, EvidenceKind::Image] {
        let mut body = world.evidence(&id, EvidencePath::Code, None, Verdict::Green);
        body.facts = Facts { kind, ..body.facts };
        if kind == EvidenceKind::Lint {
            body.facts.criteria.clone_from(&criteria);
        } else {
            body.bound_to.clone_from(&image);
        }
        attach(&mut world, &id, body);
    }
    assert!(world.requirement(&id, Stage::Staging, None, "evidence.code").met);
}

#[test]
fn a_policy_that_asks_for_what_nothing_judges_contradicts_itself() {
    let fault = |from: &str, to: &str| {
        let text = domain::policy::DEFAULT_POLICY.replace(from, to);
        domain::policy::Policy::from_toml(&text).unwrap_err().to_string()
    };
    let told = fault(r#"evidence = ["code", "data", "model"]"#, r#"evidence = ["code", "data"]"#);
    assert!(told.contains("the check evaluation is shown on the model path"), "{told}");
    let told = fault("confidence = 0.95", "confidence = 95");
    assert!(told.contains("thresholds.champion] confidence is 95"), "{told}");
    let told = fault("[profiles.unregulated.thresholds.champion]", "[profiles.unregulated.thresholds.rival]");
    assert!(told.contains("rival"), "{told}");
}

// --- What a file claims -------------------------------------------------------------------------------------------

#[test]
fn image_facts_are_bound_to_the_image_and_not_to_the_commit() {
    let mut world = TestWorld::new();
    world.register_model("credit", "unregulated");
    let id = world.register_version("credit", lineage(1));
    let lineage = world.version(&id).lineage.clone();
    let image = lineage.code.image_digest.unwrap().to_string();
    let mut body = world.evidence(&id, EvidencePath::Code, None, Verdict::Green);
    body.facts.kind = EvidenceKind::Image;
    let run = |world: &mut TestWorld, body: AttachEvidence| {
        world.run(&pipeline(), &Command::AttachEvidence(id.clone(), body))
    };
    assert_refused(run(&mut world, body.clone()), "evidence.binding", "image digest");

    body.bound_to.clone_from(&image);
    let claim =
        |artifact, any_of: &[&str]| Claim { artifact, any_of: any_of.iter().map(ToString::to_string).collect() };
    let another = Digest::of(b"another image").to_string();
    body.claims = vec![claim(Artifact::ImageDigest, &[&another])];
    assert_refused(run(&mut world, body.clone()), "evidence.binding", "speaks of image digest");
    body.claims = vec![claim(Artifact::ImageDigest, &[&another, &image]), claim(Artifact::GitCommit, &["abc"])];
    assert_refused(run(&mut world, body.clone()), "evidence.binding", "speaks of git commit abc");
    body.claims[1] = claim(Artifact::GitCommit, &[&lineage.code.git_commit.unwrap()]);
    run(&mut world, body).unwrap();
    assert!(world.version(&id).evidence[0].speaks_of(&world.version(&id).lineage));
}
