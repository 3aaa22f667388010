//! What is told of a version is told from one place: whether somebody may sign, how a waiver stands, who acts next, what
//! changed since a package was read, whose names stand behind it, and how material its change counts.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use std::collections::BTreeMap;

use common::*;
use domain::{
    Command, Refusal, Stage, VersionId,
    access::Principal,
    account::Role,
    approval::Package,
    command::{FindingNote, RecordReport, SignPromotion},
    committee::Voice,
    decide::may_sign,
    evidence::{EvidencePath, Verdict},
    materiality::{Materiality, SetMateriality, Told},
    policy::DEFAULT_POLICY,
    validation::{Outcome, Severity},
    waiver::{Covers, GrantWaiver, State},
};

fn regulated() -> TestWorld {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    world
}

/// A request to Staging that waits for its signatures.
fn waiting(world: &mut TestWorld) -> VersionId {
    let id = world.register_version("credit", lineage(1));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.record_report(&vera(), &id);
    id
}

/// Whether somebody may sign the latest request, by the page's question and by trying it.
fn asked_and_tried(
    world: &TestWorld,
    who: &Principal,
    role: Role,
    id: &VersionId,
) -> (Option<Refusal>, Option<Refusal>) {
    let request = world.version(id).requests.last().unwrap();
    let asked = may_sign(&world.question(id, request.to, request.market.as_ref()), request, who, role).err();
    let tried = world.clone().sign(who, role, id).err();
    (asked, tried)
}

#[test]
fn whoever_asks_whether_they_may_sign_hears_what_signing_would_answer() {
    let mut world = regulated();
    let id = waiting(&mut world);
    let own_team = person("vic", &[Role::MrmValidator], "risk");
    let mut refused = 0;
    for who in [victor(), vera(), rosa(), ana(), ben(), adam(), audrey(), own_team] {
        for role in [Role::MrmValidator, Role::RiskCommittee] {
            let (asked, tried) = asked_and_tried(&world, &who, role, &id);
            assert_eq!(asked, tried, "{} as {role}", who.account);
            refused += usize::from(asked.is_some());
        }
    }
    assert!(refused >= 12, "{refused}");
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    let request = world.version(&id).requests.last().unwrap();
    if !request.is_open() {
        let asked = may_sign(&world.question(&id, Stage::Staging, None), request, &vera(), Role::MrmValidator);
        assert_refused(asked, "promotion.open", "granted already");
    }
}

#[test]
fn an_incomplete_request_is_told_before_anybody_tries_to_sign_it() {
    let mut world = regulated();
    let id = world.register_version("credit", lineage(1));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    let (asked, tried) = asked_and_tried(&world, &victor(), Role::MrmValidator, &id);
    assert_eq!(asked, tried);
    assert_refused(asked.map_or(Ok(()), Err), "signing.complete", "nothing complete");
}

#[test]
fn a_stale_package_is_refused_with_the_names_of_the_parts_that_changed() {
    let mut world = regulated();
    let id = waiting(&mut world);
    let (number, read) = world.signature(&id, Role::MrmValidator);
    world.attach(&id, EvidencePath::Other, None, Verdict::Neutral);
    world.raise(&vera(), &id, Severity::Low);
    let sign = |body: SignPromotion| Command::SignPromotion(id.clone(), number, body);
    let named = "The evidence and the findings changed after you opened the package";
    assert_refused(world.run(&victor(), &sign(read.clone())), "signing.stale_package", named);
    // Parts that are not those of the package named are believed in nothing.
    let mut wrong = read.clone();
    wrong.parts.insert("policy".into(), ledger::Digest::of(b"other"));
    assert_refused(world.run(&victor(), &sign(wrong)), "signing.stale_package", "The package changed after");
    let silent = SignPromotion { parts: BTreeMap::new(), ..read };
    assert_refused(world.run(&victor(), &sign(silent)), "signing.stale_package", "The package changed after");
}

#[test]
fn a_finding_waits_for_its_owner_first_and_for_the_validators_once_it_is_mended() {
    let mut world = regulated();
    let id = waiting(&mut world);
    let finding = world.raise(&vera(), &id, Severity::High);
    let told = world.requirement(&id, Stage::Staging, None, "findings.closed");
    assert_eq!((told.supplier, told.waivable_by), (Role::DataScientist, Some(Role::RiskCommittee)));
    assert!(told.details[0].contains("Its owner mends it next"), "{told:?}");
    assert_eq!(told.who(), "Data scientist can supply it; Risk committee may waive it for a time.");
    let note = FindingNote { note: "Documented.".into() };
    world.run(&ana(), &Command::RemediateFinding(id.clone(), finding, note.clone())).unwrap();
    let told = world.requirement(&id, Stage::Staging, None, "findings.closed");
    assert_eq!(told.supplier, Role::MrmValidator);
    world.run(&vera(), &Command::CloseFinding(id.clone(), finding, note)).unwrap();
    let told = world.requirement(&id, Stage::Staging, None, "findings.closed");
    assert_eq!((told.met, told.waivable_by, told.who()), (true, None, String::new()));
}

#[test]
fn a_waiver_of_a_closed_finding_is_no_longer_needed_until_the_finding_is_opened_again() {
    let mut world = regulated();
    let id = waiting(&mut world);
    let finding = world.raise(&vera(), &id, Severity::High);
    let body = GrantWaiver {
        covers: Covers::Finding(finding),
        market: None,
        control: "Each decline is read by a person.".into(),
        reason: "The mending is tested.".into(),
        requested_by: account("ana"),
        expires_at: world.now.plus_days(10),
    };
    world.run(&rosa(), &Command::GrantWaiver(id.clone(), body)).unwrap();
    let state = |world: &TestWorld| {
        let version = world.version(&id);
        (version.waiver_state(&version.waivers[0], world.now), version.latest_waivers().len())
    };
    assert_eq!(state(&world), (State::InForce, 1));
    let note = FindingNote { note: "Documented.".into() };
    world.run(&ana(), &Command::RemediateFinding(id.clone(), finding, note.clone())).unwrap();
    world.run(&vera(), &Command::CloseFinding(id.clone(), finding, note.clone())).unwrap();
    assert_eq!(state(&world), (State::NoLongerNeeded, 0));
    world.run(&vera(), &Command::ReopenFinding(id.clone(), finding, note)).unwrap();
    assert_eq!(state(&world), (State::InForce, 1));
    world.days_pass(11);
    assert_eq!(state(&world).0, State::Expired);
}

/// A report with the sections of the abbreviated track only.
fn abbreviated() -> RecordReport {
    let policy = domain::policy::Policy::from_toml(DEFAULT_POLICY).unwrap();
    let rules = policy.profiles[&"sr-11-7".parse().unwrap()].validation.clone().unwrap();
    let sections = rules.abbreviated_sections.iter().map(|section| (*section, "Read.".to_owned())).collect();
    RecordReport { sections, outcome: Outcome::Approved }
}

#[test]
fn an_abbreviated_report_that_is_refused_hears_why_and_how_to_mend_it() {
    let mut world = regulated();
    world.regulated_in_staging("credit", 1);
    let id = world.register_version("credit", lineage(2));
    world.attach_three_paths(&id);
    let record = Command::RecordReport(id.clone(), abbreviated());
    let refusal = assert_refused(world.run(&vera(), &record), "input.valid", "Ask for promotion first");
    assert!(!refusal.missing.is_empty(), "and the sections are named: {refusal:?}");
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.clone().run(&vera(), &record).unwrap();
    let raise = SetMateriality { market: None, materiality: Materiality::Material, reason: "A new use.".into() };
    world.run(&ben(), &Command::SetMateriality(id.clone(), raise)).unwrap();
    assert_refused(world.run(&vera(), &record), "input.valid", "to Staging counts as material");
    let nothing = RecordReport { sections: BTreeMap::new(), outcome: Outcome::Approved };
    assert_refused(world.run(&vera(), &Command::RecordReport(id, nothing)), "input.valid", "fields need mending");
}

#[test]
fn materiality_is_told_in_one_way_before_a_request_with_it_and_after_a_persons_word() {
    let mut world = regulated();
    world.regulated_in_staging("credit", 1);
    let id = world.register_version("credit", lineage(2));
    world.attach_three_paths(&id);
    let told = Told::of(world.version(&id), None, None);
    assert_eq!((told.word(), told.in_force), ("not judged yet", Materiality::Material));
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    let told = Told::of(world.version(&id), None, None);
    assert_eq!((told.word(), told.in_force), ("non-material", Materiality::NonMaterial));
    assert_eq!(told.sentence(), "Judged to be non-material against version 1 when request 1 was made.");
    let raise = SetMateriality { market: None, materiality: Materiality::Material, reason: "A new use.".into() };
    world.run(&ben(), &Command::SetMateriality(id.clone(), raise)).unwrap();
    let told = Told::of(world.version(&id), None, None);
    assert_eq!(told.word(), "material");
    assert!(told.sentence().contains("set by a person"), "{}", told.sentence());
    assert_eq!(told.judged.map(|judged| judged.materiality), Some(Materiality::NonMaterial));
}

#[test]
fn votes_stand_among_the_signatures_and_the_later_one_of_a_member_counts() {
    let mut world = regulated();
    let id = world.regulated_in_staging("credit", 1);
    world.walk_to_canary(&id, &market("US"));
    world.days_pass(3);
    world.attach(&id, EvidencePath::Canary, us(), Verdict::Green);
    world.request(&ben(), &id, Stage::Production, us()).unwrap();
    let package = Package::of(&world.question(&id, Stage::Production, us().as_ref())).digest();
    world.vote(&rosa(), Voice::Abstain, &id).unwrap();
    world.vote(&rosa(), Voice::Approve, &id).unwrap();
    let acts = world.version(&id).acts();
    let votes: Vec<_> = acts.iter().filter(|act| act.role == Role::RiskCommittee).collect();
    assert_eq!(votes.len(), 2, "{acts:?}");
    assert_eq!((votes[0].replaced_by, votes[1].replaced_by), (Some(votes[1].entry), None));
    assert_eq!(votes[1].package.map(|(package, _)| *package), Some(package));
    assert!(acts.windows(2).all(|two| two[0].entry < two[1].entry), "in the order of the ledger");
    assert!(acts.iter().any(|act| act.role == Role::MrmValidator), "beside the signatures: {acts:?}");
}
