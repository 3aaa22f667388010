//! Each refusal around stages, requests, signatures, validation and findings.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use common::*;
use domain::{
    Command, RefusalKind, Stage, VersionId,
    account::{AccountKind, Role},
    command::{AmendLineage, DeclinePromotion, RaiseFinding},
    committee::Voice,
    evidence::{EvidencePath, Verdict},
    lineage::Lineage,
    promotion::RequestState,
    validation::{Outcome, Section, Severity},
};

/// A regulated version with a request for Staging that only waits for the validator's signature.
fn ready_to_sign() -> (TestWorld, VersionId) {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let id = world.register_version("credit", lineage(1));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.record_report(&vera(), &id);
    (world, id)
}

fn unregulated_in_staging() -> (TestWorld, VersionId) {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    (world, id)
}

/// An unregulated version whose request for the EU canary waits for two signatures.
fn waiting_for_two() -> (TestWorld, VersionId) {
    let (mut world, id) = unregulated_in_staging();
    world.request(&ben(), &id, Stage::Shadow, eu()).unwrap();
    world.days_pass(7);
    world.attach(&id, EvidencePath::Shadow, eu(), Verdict::Green);
    world.request(&ben(), &id, Stage::Canary, eu()).unwrap();
    (world, id)
}

fn decline(id: &VersionId, number: u32) -> Command {
    Command::DeclinePromotion(id.clone(), number, DeclinePromotion { reason: "The data are stale.".into() })
}

// --- The order of stages ------------------------------------------------------------------------------------------

#[test]
fn an_unknown_stage_is_refused_with_the_known_ones() {
    let error = "prod".parse::<Stage>().unwrap_err().to_string();
    assert!(error.contains("none, staging, shadow, canary, production and archived"), "{error}");
    let body = serde_json::from_str::<domain::command::RequestPromotion>(r#"{"to": "prod"}"#).unwrap_err();
    assert!(body.to_string().contains("`staging`"), "{body}");
}

#[test]
fn a_skipped_stage_is_refused_with_the_stages_still_to_walk() {
    let (mut world, id) = unregulated_in_staging();
    assert_refused(
        world.request(&ben(), &id, Stage::Production, us()),
        "stage.order",
        "Still to walk: Shadow, Canary, Production.",
    );
    assert_refused(world.request(&ben(), &id, Stage::Canary, us()), "stage.order", "Shadow, Canary.");
    let fresh = world.register_version("streamrec", lineage(2));
    assert_refused(world.request(&ben(), &fresh, Stage::Shadow, us()), "stage.order", "Staging, Shadow.");
    assert_eq!(world.stage(&id, Some(&market("US"))), Stage::Staging);
}

#[test]
fn going_back_or_standing_still_is_refused() {
    let (mut world, id) = unregulated_in_staging();
    assert_refused(world.request(&ben(), &id, Stage::None, None), "stage.order", "cannot go back to None");
    assert_refused(world.request(&ben(), &id, Stage::Staging, None), "stage.order", "is in Staging already");
    world.walk_to_canary(&id, &market("US"));
    assert_refused(world.request(&ben(), &id, Stage::Shadow, us()), "stage.order", "cannot go back to Shadow");
    assert_refused(world.request(&ben(), &id, Stage::Archived, None), "stage.order", "archive action");
}

#[test]
fn the_market_is_named_exactly_where_markets_part() {
    let (mut world, id) = unregulated_in_staging();
    assert_refused(world.request(&ben(), &id, Stage::Shadow, None), "market.needed", "US, EU");
    let unknown = Some(market("JP"));
    assert_refused(world.request(&ben(), &id, Stage::Shadow, unknown), "market.known", "not registered for JP");
    let fresh = world.register_version("streamrec", lineage(2));
    assert_refused(world.request(&ben(), &fresh, Stage::Staging, us()), "market.shared", "leave the market out");
}

#[test]
fn a_market_that_the_policy_dropped_opens_no_gate() {
    let (mut world, id) = unregulated_in_staging();
    world.walk_to_canary(&id, &market("EU"));
    world.attach(&id, EvidencePath::Canary, eu(), Verdict::Green);
    let policy = domain::policy::DEFAULT_POLICY.replace("markets.EU", "markets.XX");
    world.run(&adam(), &Command::AdoptPolicy(policy)).unwrap();
    assert_refused(world.request(&ben(), &id, Stage::Production, eu()), "policy.market", "no market EU");
    assert_eq!(world.stage(&id, Some(&market("EU"))), Stage::Canary);
}

#[test]
fn a_profile_that_the_policy_dropped_opens_no_gate() {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.register_version("streamrec", lineage(1));
    world.attach_three_paths(&id);
    let policy = domain::policy::DEFAULT_POLICY.replace("profiles.unregulated", "profiles.free");
    world.run(&adam(), &Command::AdoptPolicy(policy)).unwrap();
    assert_refused(world.request(&ben(), &id, Stage::Staging, None), "policy.profile", "no profile unregulated");
}

// --- Requests -----------------------------------------------------------------------------------------------------

#[test]
fn one_request_is_open_at_a_time_in_each_market() {
    let (mut world, id) = ready_to_sign();
    let refusal = assert_refused(world.request(&ana(), &id, Stage::Staging, None), "promotion.one_open", "Request 1");
    assert_eq!(refusal.kind, RefusalKind::Conflict);

    let (mut world, id) = waiting_for_two();
    assert_refused(world.request(&ben(), &id, Stage::Canary, eu()), "promotion.one_open", "Canary is open already");
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
}

#[test]
fn a_withdrawn_request_is_signed_or_withdrawn_no_more() {
    let (mut world, id) = ready_to_sign();
    world.run(&ben(), &Command::WithdrawPromotion(id.clone(), 1)).unwrap();
    assert!(matches!(world.version(&id).requests[0].state, RequestState::Withdrawn { .. }));
    assert_refused(world.sign(&victor(), Role::MrmValidator, &id), "promotion.open", "withdrawn already");
    assert_refused(world.run(&ben(), &Command::WithdrawPromotion(id.clone(), 1)), "promotion.open", "withdrawn");
    assert_refused(world.run(&victor(), &decline(&id, 1)), "promotion.open", "withdrawn");
    let refusal = assert_refused(world.run(&ben(), &Command::WithdrawPromotion(id.clone(), 9)), "subject.exists", "9");
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    // Asked again, it gets a new number, and nothing of the old request counts for it.
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    assert_eq!(world.version(&id).requests[1].number, 2);
}

#[test]
fn a_signature_on_a_withdrawn_request_does_not_count_for_the_next() {
    let (mut world, id) = waiting_for_two();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    let number = world.version(&id).requests.last().unwrap().number;
    world.run(&ben(), &Command::WithdrawPromotion(id.clone(), number)).unwrap();
    world.request(&ben(), &id, Stage::Canary, eu()).unwrap();
    world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&market("EU"))), Stage::Shadow);
    let signature = world.requirement(&id, Stage::Canary, Some(&market("EU")), "sign_off.mrm_validator");
    assert!(!signature.met);
}

#[test]
fn a_reviewer_declines_and_a_bystander_does_not() {
    let (mut world, id) = ready_to_sign();
    let refusal = assert_refused(world.run(&rosa(), &decline(&id, 1)), "signing.slot", "MRM validator");
    assert_eq!(refusal.kind, RefusalKind::Forbidden);
    assert_refused(world.run(&ben(), &decline(&id, 1)), "access.role", "sign off");
    let both = person("ben", &[Role::DataScientist, Role::MrmValidator], "mrm");
    assert_refused(world.run(&both, &decline(&id, 1)), "signing.four_eyes", "asked for its promotion to Staging");
    world.run(&victor(), &decline(&id, 1)).unwrap();
    assert!(
        matches!(&world.version(&id).requests[0].state, RequestState::Declined { reason, .. } if reason == "The data are stale.")
    );
    assert_refused(world.sign(&victor(), Role::MrmValidator, &id), "promotion.open", "declined already");
    assert_eq!(world.stage(&id, None), Stage::None);
}

#[test]
fn a_signer_who_thinks_better_of_it_may_decline() {
    let (mut world, id) = waiting_for_two();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    let number = world.version(&id).requests.last().unwrap().number;
    world.run(&victor(), &decline(&id, number)).unwrap();
    assert_eq!(world.version(&id).requests.last().unwrap().state.title(), "declined");
}

#[test]
fn a_request_that_nobody_signs_must_be_complete_when_it_is_made() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let id = world.regulated_in_staging("credit", 1);
    world.raise(&vera(), &id, Severity::High);
    let refusal = assert_refused(world.request(&ben(), &id, Stage::Shadow, us()), "promotion.ready", "1 thing is");
    assert_eq!(refusal.missing[0].what, "findings.closed");
    assert!(world.version(&id).open_request(us().as_ref()).is_none(), "nothing would ever complete it");
}

// --- Signatures ---------------------------------------------------------------------------------------------------

#[test]
fn nobody_signs_their_own_request() {
    let (mut world, id) = ready_to_sign();
    let both = person("ben", &[Role::DataScientist, Role::MrmValidator], "mrm");
    let refusal =
        assert_refused(world.sign(&both, Role::MrmValidator, &id), "signing.four_eyes", "You asked for its promotion");
    assert_eq!(refusal.kind, RefusalKind::Forbidden);
    assert!(world.version(&id).sign_offs.is_empty());
}

#[test]
fn nobody_signs_a_version_that_they_registered() {
    let (mut world, id) = ready_to_sign();
    let both = person("ana", &[Role::DataScientist, Role::MrmValidator], "mrm");
    assert_refused(world.sign(&both, Role::MrmValidator, &id), "signing.four_eyes", "You registered credit version 1");
}

#[test]
fn a_validator_of_the_developing_team_does_not_sign_a_regulated_model() {
    let (mut world, id) = ready_to_sign();
    let insider = person("ines", &[Role::MrmValidator], "credit-dev");
    assert_refused(world.sign(&insider, Role::MrmValidator, &id), "validation.independent", "credit-dev");
    let report = Command::RecordReport(id.clone(), report(Outcome::Approved));
    assert_refused(world.run(&insider, &report), "validation.independent", "independent of it");

    // The profile decides: an unregulated model does not ask for another team.
    let (mut world, id) = waiting_for_two();
    world.sign(&insider, Role::MrmValidator, &id).unwrap();
}

#[test]
fn nobody_signs_in_two_roles() {
    let (mut world, id) = waiting_for_two();
    let both = person("vera", &[Role::MrmValidator, Role::PrivacyOfficer], "mrm");
    world.sign(&both, Role::MrmValidator, &id).unwrap();
    assert_refused(world.sign(&both, Role::PrivacyOfficer, &id), "signing.four_eyes", "signed for it as MRM validator");
    assert_eq!(world.stage(&id, Some(&market("EU"))), Stage::Shadow);
}

#[test]
fn the_author_of_the_report_does_not_approve() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let id = world.regulated_in_staging("credit", 1);
    world.walk_to_canary(&id, &market("US"));
    world.days_pass(3);
    world.attach(&id, EvidencePath::Canary, us(), Verdict::Green);
    world.request(&ben(), &id, Stage::Production, us()).unwrap();
    let both = person("vera", &[Role::MrmValidator, Role::RiskCommittee], "mrm");
    assert_refused(world.sign(&both, Role::RiskCommittee, &id), "signing.slot", "the vote of the risk committee");
    let number = world.version(&id).requests.last().unwrap().number;
    world.run(&ben(), &Command::WithdrawPromotion(id.clone(), number)).unwrap();
    world.committee = vec![both.clone(), rosa(), rolf()];
    world.request(&ben(), &id, Stage::Production, us()).unwrap();
    assert_refused(world.vote(&both, Voice::Approve, &id), "signing.four_eyes", "wrote a validation report on it");
    world.record_report(&victor(), &id);
    assert_refused(world.vote(&both, Voice::Approve, &id), "signing.four_eyes", "wrote a validation report on it");
    world.vote(&rosa(), Voice::Approve, &id).unwrap();
}

#[test]
fn requester_and_validator_are_two_people_whichever_comes_first() {
    let both = dora();
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let id = world.register_version("credit", lineage(1));
    world.attach_three_paths(&id);
    world.record_report(&both, &id);
    assert_refused(
        world.request(&both, &id, Stage::Staging, None),
        "promotion.four_eyes",
        "wrote a validation report on it",
    );

    let id = world.register_version("credit", lineage(2));
    world.attach_three_paths(&id);
    world.request(&both, &id, Stage::Staging, None).unwrap();
    let report = Command::RecordReport(id.clone(), report(Outcome::Approved));
    assert_refused(world.run(&both, &report), "validation.independent", "asked for its promotion");
}

#[test]
fn the_meaning_is_the_policys_word_for_word() {
    let (mut world, id) = ready_to_sign();
    let (number, mut body) = world.signature(&id, Role::MrmValidator);
    body.meaning = "Looks good.".into();
    assert_refused(
        world.run(&victor(), &Command::SignPromotion(id, number, body)),
        "signing.meaning",
        "I validated this model independently",
    );
}

#[test]
fn a_signature_needs_the_password_once_more() {
    let (mut world, id) = ready_to_sign();
    let (number, body) = world.signature(&id, Role::MrmValidator);
    let asking = Asking { reauthenticated: false, ..(&victor()).into() };
    assert_refused(
        world.ask(&asking, &Command::SignPromotion(id, number, body)),
        "signing.reauthentication",
        "password once more",
    );
}

#[test]
fn a_machine_does_not_sign() {
    let (mut world, id) = ready_to_sign();
    let machine = domain::access::Principal { kind: AccountKind::Service, ..victor() };
    assert_refused(world.sign(&machine, Role::MrmValidator, &id), "signing.person", "Only a person");
    assert_refused(world.sign(&pipeline(), Role::MrmValidator, &id), "access.role", "may not sign off");
}

#[test]
fn a_role_that_is_not_held_or_not_asked_for_does_not_sign() {
    let (mut world, id) = ready_to_sign();
    assert_refused(world.sign(&rosa(), Role::MrmValidator, &id), "signing.role", "do not hold the role MRM validator");
    assert_refused(world.sign(&rosa(), Role::RiskCommittee, &id), "signing.slot", "waits for: MRM validator");
    for who in [adam(), audrey(), ana()] {
        assert_refused(world.sign(&who, Role::MrmValidator, &id), "access.role", "may not sign off");
    }
}

#[test]
fn a_signature_is_given_once() {
    let (mut world, id) = waiting_for_two();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    assert_refused(world.sign(&vera(), Role::MrmValidator, &id), "signing.once", "has signed this very package");
}

#[test]
fn a_package_with_new_evidence_must_be_read_again() {
    let (mut world, id) = ready_to_sign();
    let (number, body) = world.signature(&id, Role::MrmValidator);
    world.attach(&id, EvidencePath::Other, None, Verdict::Neutral);
    let refusal = assert_refused(
        world.run(&victor(), &Command::SignPromotion(id.clone(), number, body)),
        "signing.stale_package",
        "Nothing was signed",
    );
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
}

#[test]
fn a_package_with_another_lineage_must_be_read_again() {
    let (mut world, id) = ready_to_sign();
    let (number, body) = world.signature(&id, Role::MrmValidator);
    let mut amended = lineage(1);
    amended.metrics.insert("auc".into(), 0.99);
    let amend = AmendLineage { lineage: amended, reason: "Measured again.".into() };
    world.run(&ana(), &Command::AmendLineage(id.clone(), amend)).unwrap();
    assert_refused(
        world.run(&victor(), &Command::SignPromotion(id, number, body)),
        "signing.stale_package",
        "read it again",
    );
}

#[test]
fn lineage_amended_after_the_request_takes_its_evidence_along() {
    let (mut world, id) = ready_to_sign();
    let amend = AmendLineage { lineage: lineage(2), reason: "Another commit after all.".into() };
    world.run(&ana(), &Command::AmendLineage(id.clone(), amend)).unwrap();
    let refusal = assert_refused(world.sign(&victor(), Role::MrmValidator, &id), "signing.complete", "3 things are");
    let messages: Vec<&str> = refusal.missing.iter().map(|missing| missing.message.as_str()).collect();
    assert_eq!(messages[0], "3 attached, but none of this git commit within the last 90 days.");
}

#[test]
fn a_rejecting_report_is_not_signed_over() {
    let (mut world, id) = ready_to_sign();
    world.run(&vera(), &Command::RecordReport(id.clone(), report(Outcome::Rejected))).unwrap();
    let refusal = assert_refused(world.sign(&victor(), Role::MrmValidator, &id), "signing.complete", "1 thing is");
    assert!(refusal.missing[0].message.contains("rejects"), "{refusal:?}");
    world.run(&vera(), &Command::RecordReport(id.clone(), report(Outcome::ApprovedWithConditions))).unwrap();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
}

// --- Findings -----------------------------------------------------------------------------------------------------

#[test]
fn high_and_critical_findings_block_the_signature_until_somebody_else_verified_them() {
    for severity in [Severity::High, Severity::Critical] {
        let (mut world, id) = ready_to_sign();
        let finding = world.raise(&vera(), &id, severity);
        let refusal = assert_refused(world.sign(&victor(), Role::MrmValidator, &id), "signing.complete", "1 thing is");
        assert_eq!(refusal.missing[0].what, "findings.closed");
        assert!(refusal.missing[0].message.contains("Leaks the label"), "{refusal:?}");

        let close = Command::CloseFinding(id.clone(), finding, note("Recomputed without it."));
        assert_refused(world.run(&victor(), &close), "finding.remediated", "not mended yet");
        let mend = Command::RemediateFinding(id.clone(), finding, note("Feature removed."));
        world.run(&ana(), &mend).unwrap();
        let refusal = assert_refused(world.sign(&victor(), Role::MrmValidator, &id), "signing.complete", "1 thing is");
        assert!(refusal.missing[0].message.contains("remediated"), "{refusal:?}");

        world.run(&victor(), &close).unwrap();
        assert_eq!(world.version(&id).findings[0].state(), "closed");
        assert_eq!(world.version(&id).findings[0].entries.len(), 3);
        assert_refused(world.run(&victor(), &close), "finding.open", "closed already");
        assert_refused(world.run(&ana(), &mend), "finding.open", "closed already");
        world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    }
}

#[test]
fn whoever_mended_a_finding_does_not_close_it() {
    let (mut world, id) = ready_to_sign();
    let finding = world.raise(&vera(), &id, Severity::High);
    let both = dora();
    let mend = Command::RemediateFinding(id.clone(), finding, note("Feature removed."));
    let refusal = assert_refused(world.run(&both, &mend), "finding.owner", "its owner");
    assert_eq!(refusal.kind, RefusalKind::Forbidden);
    let finding = world.raise_for(&vera(), &id, Severity::High, Some(&both));
    world.run(&both, &Command::RemediateFinding(id.clone(), finding, note("Feature removed."))).unwrap();
    let close = Command::CloseFinding(id.clone(), finding, note("I looked."));
    let refusal = assert_refused(world.run(&both, &close), "finding.verified_by_another", "somebody else");
    assert_eq!(refusal.kind, RefusalKind::Forbidden);
    world.run(&vera(), &close).unwrap();
    // Nor does its owner, where the developer mended it.
    let finding = world.raise_for(&vera(), &id, Severity::High, Some(&both));
    world.run(&ana(), &Command::RemediateFinding(id.clone(), finding, note("Feature removed."))).unwrap();
    let close = Command::CloseFinding(id.clone(), finding, note("I looked."));
    assert_refused(world.run(&both, &close), "finding.verified_by_another", "yours to mend");
    world.run(&vera(), &close).unwrap();
}

#[test]
fn a_finding_is_given_to_somebody_who_may_mend_it() {
    let (mut world, id) = ready_to_sign();
    let body = RaiseFinding {
        severity: Severity::High,
        title: "Unstable".into(),
        description: "Coefficients change sign.".into(),
        owner: Some(victor().account),
        due_at: world.now.plus_days(30),
    };
    assert_invalid(world.run(&vera(), &Command::RaiseFinding(id, body)), "owner", "choose a data scientist");
}

#[test]
fn a_low_finding_does_not_block() {
    let (mut world, id) = ready_to_sign();
    world.raise(&vera(), &id, Severity::Medium);
    world.raise(&vera(), &id, Severity::Low);
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    assert_eq!(world.stage(&id, None), Stage::Staging);
}

#[test]
fn only_an_independent_validator_validates() {
    let (mut world, id) = ready_to_sign();
    let developer = person("ana", &[Role::DataScientist, Role::MrmValidator], "mrm");
    let write = Command::RecordReport(id.clone(), report(Outcome::Approved));
    assert_refused(world.run(&developer, &write), "validation.independent", "You registered this version");
    assert_refused(world.run(&rosa(), &write), "access.role", "MRM validator");
    let finding = world.raise(&vera(), &id, Severity::High);
    world.run(&ana(), &Command::RemediateFinding(id.clone(), finding, note("Done."))).unwrap();
    let close = Command::CloseFinding(id.clone(), finding, note("Fine."));
    assert_refused(world.run(&developer, &close), "validation.independent", "You registered this version");
}

#[test]
fn a_report_has_all_its_sections_and_a_finding_its_day() {
    let (mut world, id) = ready_to_sign();
    let mut body = report(Outcome::Approved);
    body.sections.remove(&Section::DataReview);
    body.sections.remove(&Section::Findings);
    body.sections.insert(Section::Limitations, "  ".into());
    body.sections.insert(Section::Conclusion, "x".repeat(10_000));
    let refusal = world.run(&vera(), &Command::RecordReport(id.clone(), body)).unwrap_err();
    let fields: Vec<&str> = refusal.missing.iter().map(|missing| missing.what.as_str()).collect();
    assert_eq!(fields, ["data_review", "limitations", "conclusion"], "only the section on findings may be empty");

    let finding = RaiseFinding {
        severity: Severity::Low,
        title: "x".repeat(201),
        description: "x".into(),
        owner: None,
        due_at: world.now,
    };
    let refusal = world.run(&vera(), &Command::RaiseFinding(id.clone(), finding)).unwrap_err();
    let fields: Vec<&str> = refusal.missing.iter().map(|missing| missing.what.as_str()).collect();
    assert_eq!(fields, ["title", "due_at"]);
    let nothing = Command::CloseFinding(id, 7, note("?"));
    assert_refused(world.run(&vera(), &nothing), "subject.exists", "no finding 7");
}

// --- Two people at once -------------------------------------------------------------------------------------------

#[test]
fn what_was_decided_on_an_older_state_is_not_written() {
    let (mut world, id) = ready_to_sign();
    let seen = world.version(&id).revision;
    world.attach(&id, EvidencePath::Other, None, Verdict::Neutral);
    let withdraw = Command::WithdrawPromotion(id.clone(), 1);
    let stale = Asking { expected_revision: Some(seen), ..(&ben()).into() };
    let refusal = assert_refused(world.ask(&stale, &withdraw), "version.unchanged", "after you opened it");
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    let fresh = Asking { expected_revision: Some(seen + 1), ..(&ben()).into() };
    world.ask(&fresh, &withdraw).unwrap();
}

#[test]
fn what_is_not_registered_is_not_found() {
    let mut world = TestWorld::new();
    let ghost = version_id("ghost", 1);
    assert_refused(world.request(&ben(), &ghost, Stage::Staging, None), "subject.exists", "No such model");
    world.register_model("credit", "sr-11-7");
    let none = version_id("credit", 1);
    let refusal = assert_refused(world.archive(&none), "subject.exists", "credit version 1 is not registered");
    assert_eq!(refusal.kind, RefusalKind::NotFound);
}

#[test]
fn whoever_amended_the_lineage_is_a_developer_too() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let id = world.register_version("credit", Lineage::default());
    let both = person("carl", &[Role::DataScientist, Role::MrmValidator], "mrm");
    let amend = AmendLineage { lineage: lineage(1), reason: "Completed.".into() };
    world.run(&both, &Command::AmendLineage(id.clone(), amend)).unwrap();
    let write = Command::RecordReport(id.clone(), report(Outcome::Approved));
    assert_refused(world.run(&both, &write), "validation.independent", "amended its lineage");
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.record_report(&vera(), &id);
    assert_refused(world.sign(&both, Role::MrmValidator, &id), "signing.four_eyes", "amended its lineage");
}

#[test]
fn a_validator_without_a_team_cannot_show_independence() {
    let (mut world, id) = ready_to_sign();
    let teamless = person("tess", &[Role::MrmValidator], "");
    assert_refused(world.sign(&teamless, Role::MrmValidator, &id), "validation.independent", "states no team");
}

#[test]
fn a_finding_is_owned_by_somebody_who_exists() {
    let (mut world, id) = ready_to_sign();
    let finding = RaiseFinding {
        severity: Severity::Low,
        title: "Typo".into(),
        description: "In section 2.".into(),
        owner: Some(account("nobody")),
        due_at: at("2030-01-01T00:00:00.000000Z"),
    };
    assert_invalid(world.run(&vera(), &Command::RaiseFinding(id, finding)), "owner", "no active account");
}
