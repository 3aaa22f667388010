//! What the shipped profiles let be waived, and that everything else is refused, whoever grants.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use std::collections::BTreeSet;

use common::*;
use domain::{
    Command, Stage, VersionId,
    evidence::{EvidencePath, Verdict},
    policy::{DEFAULT_POLICY, Policy},
    waiver::{Covers, GrantWaiver},
};

fn body(world: &TestWorld, rule: &str, days: i64) -> GrantWaiver {
    GrantWaiver {
        covers: Covers::Rule(rule.to_owned()),
        market: us(),
        control: "Two validators read the results every day".into(),
        reason: "The champion was found to read a broken feed.".into(),
        requested_by: account("ben"),
        expires_at: world.now.plus_days(days),
    }
}

fn grant(world: &mut TestWorld, id: &VersionId, body: GrantWaiver) -> Result<(), domain::Refusal> {
    world.run(&rosa(), &Command::GrantWaiver(id.clone(), body)).map(drop)
}

fn world(profile: &str) -> (TestWorld, VersionId) {
    let mut world = TestWorld::new();
    for who in [ana(), ben(), vera(), rosa(), rolf(), rita(), olga()] {
        world.account(&who);
    }
    world.committee = vec![rosa(), rolf(), rita()];
    world.register_model("credit", profile);
    let id = world.register_version("credit", lineage(1));
    (world, id)
}

/// Every rule that a gate of any stage and market asks of the version.
fn asked(world: &TestWorld, id: &VersionId) -> BTreeSet<String> {
    let mut rules: BTreeSet<String> =
        world.requirements(id, Stage::Staging, None).into_iter().map(|requirement| requirement.rule).collect();
    for stage in [Stage::Shadow, Stage::Canary, Stage::Production] {
        for market in [market("US"), market("EU")] {
            rules.extend(world.requirements(id, stage, Some(&market)).into_iter().map(|requirement| requirement.rule));
        }
    }
    // It is asked of what stands in Shadow or Canary only.
    rules.insert("stage.minimum_time".to_owned());
    rules
}

#[test]
fn the_shipped_profiles_let_practice_be_waived_and_nothing_else() {
    let shipped: [(&str, &[&str]); 2] = [
        ("sr-11-7", &["champion.not_worse", "stage.minimum_time"]),
        ("sr-26-2", &["champion.not_worse", "stage.minimum_time"]),
    ];
    for (profile, waivable) in shipped {
        let (mut world, id) = world(profile);
        let asked = asked(&world, &id);
        for known in ["lineage.complete", "evidence.code", "validation.report", "privacy.dpia", "findings.closed"] {
            assert!(asked.contains(known), "{profile} asks for {known}: {asked:?}");
        }
        for rule in waivable {
            assert!(asked.contains(*rule), "{profile}: {rule} may be waived, but no gate asks for it");
        }
        let others = ["kill_switch.review", "privacy.", "", "sign_off.privacy_officer", "drift.approved"];
        for rule in asked.iter().map(String::as_str).chain(others).filter(|rule| !waivable.contains(rule)) {
            let body = body(&world, rule, 5);
            let refusal = assert_refused(grant(&mut world, &id, body), "waiver.rule", "lets no waiver cover");
            assert!(refusal.message.contains(waivable[0]), "it says what may be: {refusal}");
        }
    }
    let (mut world, id) = world("unregulated");
    let free = body(&world, "stage.minimum_time", 5);
    assert_refused(grant(&mut world, &id, free), "waiver.granted", "grants no waivers");
}

#[test]
fn a_rule_has_its_own_longest_waiver_and_is_asked_again_when_it_ends() {
    let (mut world, _) = world("sr-11-7");
    let id = world.regulated_in_staging("credit", 2);
    for (rule, most) in [("stage.minimum_time", 14), ("champion.not_worse", 30)] {
        let long = body(&world, rule, most + 1);
        assert_invalid(grant(&mut world, &id, long), "expires_at", &format!("{most} days at most"));
    }
    let whole = body(&world, "champion.not_worse", 30);
    grant(&mut world, &id, whole).unwrap();
    let short = body(&world, "stage.minimum_time", 14);
    grant(&mut world, &id, short).unwrap();
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    let told = world.requirement(&id, Stage::Canary, us().as_ref(), "stage.minimum_time");
    assert!(told.met && told.details[0].contains("Two validators read the results every day."), "{told:?}");
    let other = world.requirement(&id, Stage::Canary, us().as_ref(), "evidence.shadow");
    assert!(other.met, "what is not waived is shown by its own evidence: {other:?}");
    let policy = Policy::from_toml(DEFAULT_POLICY).unwrap();
    assert_eq!(policy.profiles[&"sr-11-7".parse().unwrap()].waivers.as_ref().unwrap().max_days, 90);
    let expired = world.now.plus_days(14);
    let version = world.version(&id).clone();
    assert!(version.waived(&Covers::Rule("stage.minimum_time".into()), us().as_ref(), expired).is_none());
}
