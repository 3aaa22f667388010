//! A signature covers exactly what was read: anything that changes afterwards is named and closes the gate again.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use common::*;
use domain::{
    Command, Stage, VersionId,
    account::Role,
    approval::{Package, changed_since},
    evidence::{EvidencePath, Verdict},
    promotion::Requirement,
    validation::{Outcome, Severity},
};

/// A version whose request for the EU canary is signed by the validator and waits for the privacy officer.
fn half_signed() -> (TestWorld, VersionId) {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    world.request(&ben(), &id, Stage::Shadow, eu()).unwrap();
    world.days_pass(7);
    world.attach(&id, EvidencePath::Shadow, eu(), Verdict::Green);
    world.request(&ben(), &id, Stage::Canary, eu()).unwrap();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    (world, id)
}

fn validators_slot(world: &TestWorld, id: &VersionId) -> Requirement {
    world.requirement(id, Stage::Canary, Some(&market("EU")), "sign_off.mrm_validator")
}

#[track_caller]
fn assert_stale(world: &TestWorld, id: &VersionId, part: &str) {
    let entry = world.version(id).sign_offs[0].entry;
    let slot = validators_slot(world, id);
    assert!(!slot.met);
    assert_eq!(slot.details, [format!("The signature of entry {entry} is stale: {part} changed since.")]);
    let place = market("EU");
    let package = Package::of(&world.question(id, Stage::Canary, Some(&place)));
    assert_eq!(changed_since(&world.version(id).sign_offs[0], &package), [part]);
}

#[test]
fn evidence_between_two_signatures_makes_the_first_stale_until_it_is_given_again() {
    let (mut world, id) = half_signed();
    assert!(validators_slot(&world, &id).met);
    world.attach(&id, EvidencePath::Other, None, Verdict::Neutral);
    assert_stale(&world, &id, "evidence");

    world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&market("EU"))), Stage::Shadow, "one of two signatures is stale");

    let recorded = world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    assert_eq!(recorded.len(), 2, "signed again, and the transition follows");
    assert_eq!(world.stage(&id, Some(&market("EU"))), Stage::Canary);
    assert_eq!(world.version(&id).sign_offs.len(), 3, "the stale signature stays on record");
}

#[test]
fn a_colleague_may_replace_a_stale_signature() {
    let (mut world, id) = half_signed();
    world.attach(&id, EvidencePath::Other, None, Verdict::Neutral);
    world.sign(&vera(), Role::MrmValidator, &id).unwrap();
    world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&market("EU"))), Stage::Canary);
}

#[test]
fn a_finding_makes_signatures_stale() {
    let (mut world, id) = half_signed();
    world.raise(&vera(), &id, Severity::Low);
    assert_stale(&world, &id, "findings");
}

#[test]
fn a_report_makes_signatures_stale() {
    let (mut world, id) = half_signed();
    world.run(&vera(), &Command::RecordReport(id.clone(), report(Outcome::Approved))).unwrap();
    assert_stale(&world, &id, "validation report");
}

#[test]
fn another_policy_makes_signatures_stale() {
    let (mut world, id) = half_signed();
    adopt_changed(&mut world, "standby_days = 14", "standby_days = 30");
    assert_stale(&world, &id, "policy");
    world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&market("EU"))), Stage::Shadow);
}

#[test]
fn time_alone_changes_nothing_in_the_package() {
    let (mut world, id) = half_signed();
    world.days_pass(30);
    assert!(validators_slot(&world, &id).met);
    world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&market("EU"))), Stage::Canary);
}

#[test]
fn evidence_that_turns_red_or_old_after_the_request_stops_the_signature() {
    let (mut world, id) = half_signed();
    world.attach(&id, EvidencePath::Shadow, eu(), Verdict::Red);
    let refusal = assert_refused(world.sign(&paul(), Role::PrivacyOfficer, &id), "signing.complete", "1 thing is");
    assert_eq!(refusal.missing[0].what, "evidence.shadow");

    let (mut world, id) = half_signed();
    world.days_pass(91);
    let refusal = assert_refused(world.sign(&paul(), Role::PrivacyOfficer, &id), "signing.complete", "1 thing is");
    assert!(refusal.missing[0].message.contains("within the last 90 days"), "{refusal:?}");
}

#[test]
fn evidence_of_another_market_disturbs_no_signature() {
    let (mut world, id) = half_signed();
    world.request(&ana(), &id, Stage::Shadow, us()).unwrap();
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    assert!(validators_slot(&world, &id).met, "the US shadow evaluation is no part of the EU package");
    world.attach(&id, EvidencePath::Shadow, eu(), Verdict::Green);
    assert_stale(&world, &id, "evidence");
}

#[test]
fn a_strike_makes_signatures_stale_and_is_part_of_what_is_signed_again() {
    let (mut world, id) = half_signed();
    let place = market("EU");
    world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&place)), Stage::Canary);
    world.days_pass(2);
    world.attach(&id, EvidencePath::Canary, eu(), Verdict::Green);
    world.request(&ben(), &id, Stage::Production, eu()).unwrap();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    let signed = world.version(&id).sign_offs.last().unwrap().clone();
    let package = |world: &TestWorld| Package::of(&world.question(&id, Stage::Production, Some(&place)));
    assert_eq!(changed_since(&signed, &package(&world)), [""; 0]);
    assert!(!package(&world).parts.contains_key("strikes"), "without one, packages are what they were");

    let entry = world.observe(&id, &place, 0.05, 20_000).unwrap()[1].seq;
    assert_eq!(changed_since(&signed, &package(&world)), ["strikes"]);
    assert_eq!(package(&world).parts["strikes"][0]["entry"], entry);
    let slot = world.requirement(&id, Stage::Production, Some(&place), "sign_off.mrm_validator");
    assert!(!slot.met && slot.details[0].contains("strikes changed since"), "{slot:?}");
}

#[test]
fn a_strike_from_before_strikes_were_signed_changes_no_version() {
    let (mut world, id) = half_signed();
    let place = market("EU");
    world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    let recorded = world.observe(&id, &place, 0.05, 20_000).unwrap();
    let mut old = recorded[1].clone();
    assert_eq!(old.touches().len(), 2, "the market and the version");
    let domain::Event::RolloutStruck(struck) = &mut old.event else { panic!("{old:?}") };
    struck.kept_with_version = false;
    assert_eq!(old.touches().len(), 1);
    assert!(!old.event.payload().unwrap().to_string().contains("kept_with_version"), "the entry reads as it did");
}
