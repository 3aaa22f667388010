//! The profile `sr-26-2`, from training to Production: what it judges row files by, and what is said where it could not.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use common::*;
use domain::{
    Command, Market, Refusal, Stage, VersionId,
    account::Role,
    evidence::{Criteria, EvidenceKind, EvidencePath, Facts, Verdict},
    policy::DEFAULT_POLICY,
    registry::Standing,
};

/// Attaches a file with rows as the server judges it: by the thresholds that policy has for profile and market.
fn rows(world: &mut TestWorld, id: &VersionId, path: EvidencePath, place: &Market) -> Result<(), Refusal> {
    let kind = if path == EvidencePath::Shadow { EvidenceKind::ShadowPairs } else { EvidenceKind::CanaryLog };
    let policy = &world.policy().policy;
    let profile = &policy.profiles[&world.model(id.model.as_str()).profile];
    let criteria = Criteria::of_market(policy, profile, path, id, place).unwrap();
    let criteria = criteria.map(|criteria| criteria.since(world.version(id).entered(path, place)));
    let mut body = world.evidence(id, path, Some(place.clone()), Verdict::Green);
    body.facts = Facts { kind, ..body.facts.judged_by(criteria) };
    world.run(&pipeline(), &Command::AttachEvidence(id.clone(), body)).map(drop)
}

#[test]
fn a_version_walks_from_training_to_champion_in_both_markets_on_files_with_rows() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-26-2");
    let id = world.regulated_in_staging("credit", 1);
    for place in [market("US"), market("EU")] {
        world.request(&ben(), &id, Stage::Shadow, Some(place.clone())).unwrap();
        world.days_pass(7);
        assert!(!world.requirement(&id, Stage::Canary, Some(&place), "evidence.shadow").met);
        rows(&mut world, &id, EvidencePath::Shadow, &place).unwrap();
        world.request(&ben(), &id, Stage::Canary, Some(place.clone())).unwrap();
        world.sign_all(&id, &place);
        assert_eq!(world.stage(&id, Some(&place)), Stage::Canary);
        world.days_pass(7);
        rows(&mut world, &id, EvidencePath::Canary, &place).unwrap();
        world.request(&ben(), &id, Stage::Production, Some(place.clone())).unwrap();
        world.sign_all(&id, &place);
        assert_eq!(world.stage(&id, Some(&place)), Stage::Production);
        world.roll_out(&id, &place);
        assert_eq!(world.model("credit").standing(id.number, &place), Standing::Champion);
    }
    let judged = world.version(&id).evidence.iter().filter(|evidence| evidence.path.is_per_market());
    assert!(judged.clone().count() == 4 && judged.clone().all(|evidence| evidence.facts.criteria.is_some()));
}

#[test]
fn the_second_version_is_compared_with_the_first() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-26-2");
    let first = world.regulated_in_staging("credit", 1);
    world.walk_to_champion(&first, &market("US"));
    let second = world.register_version("credit", lineage(2));
    let asked = world.requirement(&second, Stage::Staging, None, "champion.not_worse");
    assert!(!asked.met && asked.details[0].contains("version 1"), "{asked:?}");
}

#[test]
fn a_policy_without_the_section_is_told_which_one_is_missing() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-26-2");
    let id = world.regulated_in_staging("credit", 1);
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    let from = DEFAULT_POLICY.find("[profiles.sr-26-2.thresholds.shadow]").unwrap();
    let until = DEFAULT_POLICY.find("[profiles.sr-26-2.thresholds.canary]").unwrap();
    let silent = [&DEFAULT_POLICY[..from], &DEFAULT_POLICY[until..]].concat().replace("checks = [\"shadow\"]\n", "");
    world.run(&adam(), &Command::AdoptPolicy(silent)).unwrap();
    let refusal = assert_refused(
        rows(&mut world, &id, EvidencePath::Shadow, &market("US")),
        "policy.thresholds",
        "no section [profiles.sr-26-2.thresholds.shadow]",
    );
    assert_eq!(refusal.missing[0].what, "profiles.sr-26-2.thresholds.shadow");
    assert_eq!(refusal.missing[0].supplier, Some(Role::Administrator));
}
