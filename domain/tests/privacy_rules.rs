//! Impact assessments, prohibited features, safeguards, the human-review register, holds and erasure: the rules by
//! example, and what they refuse.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use domain::{
    AggregateId, Command, Event, Stage, VersionId,
    account::{AccountKind, Role},
    evidence::{EvidencePath, Verdict},
    lineage::Class,
    privacy::{
        PrivacyFile, Step,
        command::{
            AnswerReview, ApproveDpia, Erase, HoldReason, PrivacyCommand, ReceiveReview, RecordConsultation, ReopenDpia,
        },
        dpia::{Cause, Content, Level, Part, Rating},
        erasure::ErasureBasis,
        policy::retention,
        review::{ReviewId, ReviewOutcome},
        safeguards::Safeguard,
    },
};
use ledger::Digest;
use proptest::prelude::*;

fn model() -> domain::ModelName {
    "credit".parse().unwrap()
}

fn bare() -> TestWorld {
    let mut world = TestWorld::new();
    world.account(&olga());
    world.register_bare_model("credit", "unregulated");
    world
}

fn draft(content: Content) -> PrivacyCommand {
    PrivacyCommand::DraftDpia(model(), Box::new(content))
}

fn reopen(reason: &str) -> PrivacyCommand {
    PrivacyCommand::ReopenDpia(model(), ReopenDpia { reason: reason.into() })
}

fn step(world: &TestWorld) -> Step {
    world.file("credit").unwrap().step(world.policy().policy.privacy.as_ref().unwrap())
}

/// A version in Shadow in the EU with green evidence for the canary.
fn before_canary(world: &mut TestWorld, lineage: domain::lineage::Lineage) -> VersionId {
    let id = world.register_version("credit", lineage);
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.request(&ben(), &id, Stage::Shadow, eu()).unwrap();
    world.days_pass(7);
    world.attach(&id, EvidencePath::Shadow, eu(), Verdict::Green);
    id
}

fn canary(world: &TestWorld, id: &VersionId, rule: &str) -> domain::promotion::Requirement {
    world.requirement(id, Stage::Canary, Some(&market("EU")), rule)
}

// --- From draft to approval ---------------------------------------------------------------------------------------

#[test]
fn an_assessment_goes_from_draft_over_advice_to_approval_and_review() {
    let mut world = bare();
    world.privacy(&olga(), draft(Content::default())).unwrap();
    assert_eq!(step(&world), Step::Write);
    let refusal = assert_refused(world.advise(&paul(), "credit", true), "dpia.complete", "not complete");
    assert!(refusal.missing.iter().any(|missing| missing.what == "dpia.parts.legal_basis"), "{refusal:?}");
    world.privacy(&olga(), draft(content())).unwrap();
    assert_eq!(step(&world), Step::Advise);
    assert_refused(world.approve(&paul(), "credit", ""), "dpia.advised", "no advice");
    world.advise(&paul(), "credit", true).unwrap();
    assert_eq!(step(&world), Step::Approve);
    world.approve(&paul(), "credit", "").unwrap();
    assert_eq!(step(&world), Step::Done);
    let approved = world.file("credit").unwrap().approved.clone().unwrap();
    assert_eq!(approved.review_at.to_string(), "2027-11-02T09:00:06.000000Z");
    assert!(approved.holds(world.now));
    world.days_pass(365);
    assert!(!approved.holds(world.now), "a year later its review is due");
    assert_refused(world.advise(&paul(), "credit", true), "dpia.open", "approved already");
}

#[test]
fn whoever_wrote_on_it_neither_advises_nor_approves() {
    let mut world = bare();
    let petra = person("petra", &[Role::PrivacyOfficer], "privacy");
    world.privacy(&petra, draft(Content { measures: Vec::new(), ..content() })).unwrap();
    world.privacy(&olga(), draft(content())).unwrap();
    assert_refused(world.advise(&petra, "credit", true), "dpia.four_eyes", "You wrote on this");
    world.advise(&paul(), "credit", true).unwrap();
    assert_refused(world.approve(&petra, "credit", ""), "dpia.four_eyes", "You wrote on this");
    world.approve(&paul(), "credit", "").unwrap();
    // A new round has its own authors.
    world.privacy(&olga(), reopen("A breach at the processor.")).unwrap();
    let mut changed = content();
    changed.parts.insert(Part::Processors, "A new one.".into());
    world.privacy(&olga(), draft(changed)).unwrap();
    world.advise(&petra, "credit", true).unwrap();
    world.approve(&petra, "credit", "").unwrap();
}

#[test]
fn a_signature_covers_exactly_what_was_read() {
    let mut world = bare();
    world.privacy(&olga(), draft(content())).unwrap();
    world.advise(&paul(), "credit", true).unwrap();
    let read = world.approval("credit", "");
    let mut changed = content();
    changed.views.text = "They were asked after all.".into();
    world.privacy(&olga(), draft(changed.clone())).unwrap();
    assert_refused(world.privacy(&paul(), read), "signing.stale_package", "you read");
    assert_refused(world.approve(&paul(), "credit", ""), "dpia.advised", "no advice on this content");
    assert_refused(world.privacy(&olga(), draft(changed)), "dpia.changed", "this very thing");
}

#[test]
fn an_approval_needs_a_person_the_password_and_the_policys_words() {
    let mut world = bare();
    world.privacy(&olga(), draft(content())).unwrap();
    world.advise(&paul(), "credit", true).unwrap();
    let PrivacyCommand::ApproveDpia(name, body) = world.approval("credit", "") else { panic!() };
    let approve = |body: ApproveDpia| Command::Privacy(PrivacyCommand::ApproveDpia(name.clone(), body));
    let machine = domain::access::Principal { kind: AccountKind::Service, ..paul() };
    assert_refused(world.run(&machine, &approve(body.clone())), "signing.person", "Only a person");
    let tired = Asking { reauthenticated: false, ..Asking::from(&paul()) };
    assert_refused(world.ask(&tired, &approve(body.clone())), "signing.reauthentication", "password");
    let words = ApproveDpia { meaning: "Fine.".into(), ..body.clone() };
    assert_refused(world.run(&paul(), &approve(words)), "signing.meaning", "remaining risk acceptable");
    let long = ApproveDpia { review_months: Some(13), ..body.clone() };
    assert_invalid(world.run(&paul(), &approve(long)), "review_months", "12 months at most");
    assert_refused(world.run(&olga(), &approve(body)), "access.role", "Privacy officer");
}

#[test]
fn a_risk_that_stays_high_needs_prior_consultation() {
    let mut world = bare();
    let mut high = content();
    high.risks[0].residual = Some(Rating { likelihood: Level::Significant, severity: Level::Maximum });
    world.privacy(&olga(), draft(high)).unwrap();
    world.advise(&paul(), "credit", false).unwrap();
    assert_eq!(step(&world), Step::Consult);
    let refusal = assert_refused(world.approve(&paul(), "credit", ""), "dpia.consulted", "Art. 36");
    assert!(refusal.missing[0].message.contains("Scores leak"), "{refusal:?}");
    world.privacy(&paul(), consult(&world)).unwrap();
    assert_invalid(world.approve(&paul(), "credit", ""), "comment", "speaks against it");
    let recorded = world.approve(&paul(), "credit", "The authority's conditions are met.").unwrap();
    assert!(matches!(&recorded[0].event, Event::DpiaApproved(body) if body.high_risks == 1), "{recorded:?}");
}

#[test]
fn safeguards_whose_owner_is_gone_close_the_gate() {
    let mut world = TestWorld::new();
    world.register_model("credit", "unregulated");
    let id = before_canary(&mut world, lineage(1));
    let rule = "privacy.article22";
    assert!(canary(&world, &id, rule).met);
    let disable = |disable| Command::DisableAccount(olga().account, disable);
    let recorded = world.run(&adam(), &disable(true)).unwrap();
    assert_eq!(
        recorded.iter().map(|one| one.event.kind()).collect::<Vec<_>>(),
        ["account.disabled", "safeguards.lapsed"]
    );
    assert_eq!(recorded[1].subject, AggregateId::Dpia(model()));
    let unmet = canary(&world, &id, rule);
    assert!(!unmet.met && unmet.details[0].contains("Nobody owns human intervention"), "{unmet:?}");
    assert_refused(world.confirm(&paul(), "credit"), "safeguards.owners", "disabled");
    // Enabled again, the account does not take its safeguards back by itself: somebody confirms that it does.
    world.run(&adam(), &disable(false)).unwrap();
    assert!(!canary(&world, &id, rule).met);
    world.confirm(&paul(), "credit").unwrap();
    assert!(canary(&world, &id, rule).met);
    // Another owner does as well.
    world.run(&adam(), &disable(true)).unwrap();
    world.account(&ana());
    let mut statement = article22();
    statement.safeguards.values_mut().for_each(|keeper| keeper.owner = ana().account);
    world.privacy(&ben(), PrivacyCommand::StateSafeguards(model(), Box::new(statement))).unwrap();
    world.confirm(&paul(), "credit").unwrap();
    assert!(canary(&world, &id, rule).met);
}

/// The authority's answer on the assessment as it stands.
fn consult(world: &TestWorld) -> PrivacyCommand {
    let draft = world.file("credit").and_then(|file| file.draft.as_ref());
    let content = draft.map_or_else(|| Content::default().digest(), |draft| draft.digest);
    let body = RecordConsultation {
        content,
        authority: "BfDI".into(),
        reference: "24-193 II#0815".into(),
        answer: "No objection under the conditions of the letter.".into(),
    };
    PrivacyCommand::RecordConsultation(model(), body)
}

#[test]
fn a_changed_assessment_needs_its_consultation_again() {
    let mut world = bare();
    let mut high = content();
    high.risks[0].residual = Some(Rating { likelihood: Level::Significant, severity: Level::Maximum });
    world.privacy(&olga(), draft(high.clone())).unwrap();
    let early = consult(&world);
    world.privacy(&paul(), early.clone()).unwrap();
    high.parts.insert(Part::Purposes, "Something quite different.".into());
    world.privacy(&olga(), draft(high.clone())).unwrap();
    world.advise(&paul(), "credit", true).unwrap();
    assert_eq!(step(&world), Step::Consult);
    assert_refused(world.approve(&paul(), "credit", ""), "dpia.consulted", "Art. 36");
    assert_refused(world.privacy(&paul(), early), "signing.stale_package", "changed after you opened it");
    world.privacy(&paul(), consult(&world)).unwrap();
    world.approve(&paul(), "credit", "").unwrap();
    let approved = world.file("credit").unwrap().approved.clone().unwrap();
    assert_eq!(approved.consultation.unwrap().content, Some(approved.draft.digest));
}

#[test]
fn a_consultation_of_an_earlier_release_is_about_the_text_that_stood_then() {
    let mut world = bare();
    let mut high = content();
    high.risks[0].residual = Some(Rating { likelihood: Level::Significant, severity: Level::Maximum });
    world.privacy(&olga(), draft(high.clone())).unwrap();
    world.advise(&paul(), "credit", true).unwrap();
    world.privacy(&paul(), consult(&world)).unwrap();
    let mut told = serde_json::to_value(world.file("credit").unwrap()).unwrap();
    told["consultation"].as_object_mut().unwrap().remove("content").unwrap();
    let mut old: PrivacyFile = serde_json::from_value(told).unwrap();
    let policy = world.policy().policy.privacy.clone().unwrap();
    assert_eq!(old.step(&policy), Step::Approve);
    old.draft.as_mut().unwrap().entry += 9;
    assert_eq!(old.step(&policy), Step::Consult, "the text was written after the consultation");
}

#[test]
fn drafts_are_refused_where_they_name_what_is_not_there() {
    let mut world = bare();
    let mut unknown = content();
    unknown.scope.markets.insert(market("JP"));
    assert_invalid(world.privacy(&olga(), draft(unknown)), "scope.markets", "not registered for JP");
    let mut nobody = content();
    nobody.measures[0].owner = Some(account("nobody"));
    assert_invalid(world.privacy(&olga(), draft(nobody)), "measures.1.owner", "no active account");
    let mut version = content();
    version.scope.version = Some(9.try_into().unwrap());
    assert_invalid(world.privacy(&olga(), draft(version)), "scope.version", "no version 9");
    let mut long = content();
    long.parts = Part::ALL.into_iter().map(|part| (part, "\u{10348}".repeat(2_500))).collect();
    assert_invalid(world.privacy(&olga(), draft(long)), "body", "attach the long part as a file");
    assert_refused(world.privacy(&audrey(), draft(content())), "access.role", "impact assessments");
    let stale = Asking { expected_revision: Some(7), ..Asking::from(&olga()) };
    assert_refused(world.ask(&stale, &Command::Privacy(draft(content()))), "privacy.unchanged", "changed after you");
}

// --- What a market asks of a promotion ----------------------------------------------------------------------------

#[test]
fn the_eu_waits_for_the_assessment_and_the_us_does_not() {
    let mut world = bare();
    let id = before_canary(&mut world, lineage(1));
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    world.days_pass(7);
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    world.request(&ben(), &id, Stage::Canary, us()).unwrap();
    assert_eq!(world.stage(&id, Some(&market("US"))), Stage::Canary);
    assert!(!world.requirements(&id, Stage::Shadow, Some(&market("EU"))).iter().any(|r| r.rule.starts_with("privacy")));

    world.request(&ben(), &id, Stage::Canary, eu()).unwrap();
    let missing = canary(&world, &id, "privacy.dpia");
    assert!(!missing.met && missing.details[0].contains("No impact assessment of credit is approved."), "{missing:?}");
    assert_eq!((missing.supplier, canary(&world, &id, "privacy.article22").met), (Role::DataScientist, false));
    assert_refused(world.sign(&victor(), Role::MrmValidator, &id), "signing.complete", "nothing complete to sign");
    world.settle_privacy("credit");
    assert!(canary(&world, &id, "privacy.dpia").met && canary(&world, &id, "privacy.article22").met);
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&market("EU"))), Stage::Canary);
}

#[test]
fn an_assessment_says_why_it_does_not_cover_a_promotion() {
    let mut world = bare();
    let id = before_canary(&mut world, lineage(1));
    let mut us_only = content();
    us_only.scope.markets = [market("US")].into();
    world.privacy(&olga(), draft(us_only)).unwrap();
    world.advise(&paul(), "credit", true).unwrap();
    let waits = canary(&world, &id, "privacy.dpia");
    assert_eq!(waits.supplier, Role::PrivacyOfficer);
    assert!(waits.details[1].contains("waits for approval"), "{waits:?}");
    world.approve(&paul(), "credit", "").unwrap();
    assert!(canary(&world, &id, "privacy.dpia").details[0].contains("does not assess the market EU"));
    world.settle_privacy("credit");
    assert!(canary(&world, &id, "privacy.dpia").met);
    world.privacy(&paul(), reopen("A new source of data.")).unwrap();
    assert_refused(world.privacy(&paul(), reopen("Again.")), "dpia.approved", "open already");
    let reopened = canary(&world, &id, "privacy.dpia");
    assert!(reopened.details[0].contains("The risk changed: A new source of data."), "{reopened:?}");
    world.advise(&paul(), "credit", true).unwrap();
    world.approve(&paul(), "credit", "").unwrap();
    world.days_pass(370);
    assert!(canary(&world, &id, "privacy.dpia").details[0].contains("Its review was due on"));
}

#[test]
fn a_version_that_differs_in_what_the_scope_names_reopens_the_assessment() {
    let mut world = bare();
    let first = before_canary(&mut world, lineage(1));
    let mut scoped = content();
    scoped.scope.version = Some(first.number);
    scoped.scope.reopened_by = [Class::Features, Class::Model].into();
    world.privacy(&olga(), draft(scoped.clone())).unwrap();
    world.advise(&paul(), "credit", true).unwrap();
    world.approve(&paul(), "credit", "").unwrap();
    world.privacy(&olga(), PrivacyCommand::StateSafeguards(model(), Box::new(article22()))).unwrap();
    world.confirm(&paul(), "credit").unwrap();

    // Fresh data and weights alone are no new processing.
    let retrained = before_canary(&mut world, lineage(2));
    assert!(canary(&world, &retrained, "privacy.dpia").met);
    let recorded = world.request(&ben(), &retrained, Stage::Canary, eu()).unwrap();
    assert_eq!(recorded.len(), 1);

    let mut wider = lineage(3);
    wider.features.names.insert("device_age".into());
    let third = before_canary(&mut world, wider);
    assert!(canary(&world, &third, "privacy.dpia").details[0].contains("differs in features from version 1"));
    let before = world.version(&third).revision;
    let recorded = world.request(&ben(), &third, Stage::Canary, eu()).unwrap();
    let cause = Cause::Version { version: third.number, classes: BTreeSet::from([Class::Features]) };
    assert_eq!(recorded[1].event, Event::DpiaReopened(cause));
    assert_eq!(world.version(&third).revision, before + 1, "the reopening is an entry on the assessment");
    assert_eq!(step(&world), Step::Advise);
    assert!(!canary(&world, &retrained, "privacy.dpia").met, "until it is approved again, it covers nobody");

    scoped.scope.version = Some(third.number);
    world.privacy(&olga(), draft(scoped)).unwrap();
    world.advise(&paul(), "credit", true).unwrap();
    world.approve(&paul(), "credit", "").unwrap();
    assert!(canary(&world, &third, "privacy.dpia").met);
}

#[test]
fn the_review_date_reopens_an_assessment_without_anybody() {
    let mut world = bare();
    world.settle_privacy("credit");
    let system = person("system", &[Role::Administrator], "");
    let tick = Command::Tick(AggregateId::Dpia(model()));
    let state = world.states[&AggregateId::Dpia(model())].clone();
    let review_at = world.file("credit").unwrap().approved.as_ref().unwrap().review_at;
    assert_eq!(domain::clock::moments(&state, &domain::World::default()), [review_at]);
    assert_eq!(world.run(&system, &tick).unwrap(), []);
    world.days_pass(365);
    let recorded = world.run(&system, &tick).unwrap();
    assert_eq!(recorded[0].event, Event::DpiaReopened(Cause::ReviewDate {}));
    assert_eq!(world.run(&system, &tick).unwrap(), [], "once");
    assert_eq!(step(&world), Step::Advise);
}

#[test]
fn a_signature_goes_stale_when_the_assessment_changes() {
    let mut world = bare();
    world.settle_privacy("credit");
    let id = before_canary(&mut world, lineage(1));
    world.request(&ben(), &id, Stage::Canary, eu()).unwrap();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    world.privacy(&paul(), reopen("A breach.")).unwrap();
    let stale = canary(&world, &id, "sign_off.mrm_validator");
    assert!(!stale.met && stale.details[0].contains("stale: privacy changed"), "{stale:?}");
}

#[test]
fn prohibited_features_are_named_and_proxies_need_a_justification() {
    let mut world = bare();
    world.settle_privacy("credit");
    let mut reads = lineage(1);
    reads.features.names.extend(["Nationality".to_owned(), "post-code".to_owned()]);
    let id = before_canary(&mut world, reads);
    let found = canary(&world, &id, "privacy.prohibited_features");
    assert_eq!(
        found.details,
        [
            "Nationality is prohibited here: racial or ethnic origin.",
            "post-code may stand in for racial or ethnic origin: an approved assessment must justify it, or the model do without.",
        ]
    );
    let mut justified = content();
    justified.justified_features = BTreeMap::from([(
        "post-code".to_owned(),
        "Regional prices; its effect by group is watched monthly.".to_owned(),
    )]);
    world.privacy(&olga(), draft(justified)).unwrap();
    assert_eq!(canary(&world, &id, "privacy.prohibited_features").details.len(), 2, "a draft justifies nothing");
    world.advise(&paul(), "credit", true).unwrap();
    world.approve(&paul(), "credit", "").unwrap();
    let found = canary(&world, &id, "privacy.prohibited_features");
    assert_eq!(found.details, ["Nationality is prohibited here: racial or ethnic origin."]);
    assert!(!world.requirements(&id, Stage::Shadow, Some(&market("US"))).iter().any(|r| r.rule.contains("prohibited")));
}

#[test]
fn safeguards_are_confirmed_by_somebody_else_and_only_when_whole() {
    let mut world = bare();
    let state = |statement| PrivacyCommand::StateSafeguards(model(), Box::new(statement));
    let mut partial = article22();
    partial.safeguards.remove(&Safeguard::OwnView);
    world.privacy(&olga(), state(partial)).unwrap();
    let refusal = assert_refused(world.confirm(&paul(), "credit"), "safeguards.complete", "1 thing is");
    assert_eq!(refusal.missing[0].what, "article22.safeguards.own_view");
    let mut nobody = article22();
    nobody.safeguards.get_mut(&Safeguard::Contest).unwrap().owner = account("nobody");
    assert_invalid(world.privacy(&olga(), state(nobody)), "safeguards.contest.owner", "no active account");
    world.privacy(&paul(), state(article22())).unwrap();
    assert_refused(world.privacy(&olga(), state(article22())), "safeguards.changed", "this very thing");
    assert_refused(world.confirm(&paul(), "credit"), "safeguards.four_eyes", "You made this statement");
    let petra = person("petra", &[Role::PrivacyOfficer], "privacy");
    world.confirm(&petra, "credit").unwrap();
    assert_refused(world.confirm(&petra, "credit"), "safeguards.open", "confirmed already");
}

// --- The human-review register ------------------------------------------------------------------------------------

fn commitments(fields: &[&str]) -> BTreeMap<String, Digest> {
    fields.iter().map(|field| ((*field).to_owned(), Digest::of(field.as_bytes()))).collect()
}

fn received() -> ReceiveReview {
    ReceiveReview {
        asks: Safeguard::HumanIntervention,
        version: None,
        market: eu(),
        decision: "loan/2026-118".into(),
        received_at: None,
        commitments: commitments(&["name", "contact", "text"]),
    }
}

fn receive(body: ReceiveReview) -> PrivacyCommand {
    PrivacyCommand::ReceiveReview(model(), body)
}

fn request(number: u32) -> ReviewId {
    ReviewId { model: model(), number }
}

fn answer(number: u32) -> PrivacyCommand {
    let body = AnswerReview { outcome: ReviewOutcome::Overturned, commitments: commitments(&["answer"]) };
    PrivacyCommand::AnswerReview(request(number), body)
}

#[test]
fn a_request_is_numbered_assigned_answered_and_late_after_its_deadline() {
    let mut world = bare();
    world.account(&vera());
    world.privacy(&pipeline(), receive(received())).unwrap();
    world.privacy(&paul(), receive(received())).unwrap();
    let review = world.review("credit", 2).clone();
    assert_eq!((review.state(), world.file("credit").unwrap().reviews), ("unassigned", 2));
    assert_eq!(review.due_at, review.received_at.plus_days(28));
    assert!(!review.is_overdue(review.due_at) && review.is_overdue(review.due_at.plus_seconds(1)));

    assert!(review.shows_person_to(&paul()) && !review.shows_person_to(&audrey()) && !review.shows_person_to(&vera()));
    assert_refused(world.privacy(&vera(), answer(2)), "review.assigned", "not assigned to you");
    world.privacy(&paul(), PrivacyCommand::AssignReview(request(2), account("vera"))).unwrap();
    assert!(world.review("credit", 2).shows_person_to(&vera()));
    assert_refused(
        world.privacy(&paul(), PrivacyCommand::AssignReview(request(2), account("vera"))),
        "review.changed",
        "already",
    );
    world.privacy(&vera(), answer(2)).unwrap();
    let review = world.review("credit", 2);
    assert_eq!((review.state(), review.commitments.len()), ("answered", 4));
    assert!(!review.is_overdue(review.due_at.plus_days(1)));
    assert_refused(world.privacy(&vera(), answer(2)), "review.open", "decision overturned");
    assert_eq!(world.review("credit", 1).state(), "unassigned", "each request is its own");
}

#[test]
fn requests_are_refused_without_a_person_or_with_personal_words_in_the_reference() {
    let mut world = bare();
    let nameless = ReceiveReview { commitments: commitments(&["contact"]), ..received() };
    assert_invalid(world.privacy(&paul(), receive(nameless)), "name", "Say who asks");
    let named = ReceiveReview { decision: "loan of Jane Roe".into(), ..received() };
    assert_invalid(world.privacy(&paul(), receive(named)), "decision", "no name or address");
    let late = ReceiveReview { received_at: Some(world.now.plus_days(1)), ..received() };
    assert_invalid(world.privacy(&paul(), receive(late)), "received_at", "future");
    let unknown = ReceiveReview { version: Some(3.try_into().unwrap()), ..received() };
    assert_invalid(world.privacy(&paul(), receive(unknown)), "version", "no such version");
    let odd = ReceiveReview { commitments: commitments(&["name", "contact", "salary"]), ..received() };
    assert_invalid(world.privacy(&paul(), receive(odd)), "commitments", "Personal fields are");
    assert_refused(world.privacy(&audrey(), receive(received())), "access.role", "Privacy officer");
    world.privacy(&paul(), receive(received())).unwrap();
    assert_refused(
        world.privacy(&paul(), PrivacyCommand::AssignReview(request(1), account("nobody"))),
        "subject.exists",
        "no account",
    );
    world.account(&audrey());
    assert_refused(
        world.privacy(&paul(), PrivacyCommand::AssignReview(request(1), account("audrey"))),
        "review.role",
        "may not answer",
    );
    world.account(&pipeline());
    assert_refused(
        world.privacy(&paul(), PrivacyCommand::AssignReview(request(1), account("pipeline"))),
        "review.human",
        "goes to a person",
    );
}

// --- Holds and erasure --------------------------------------------------------------------------------------------

fn erase() -> Erase {
    Erase { basis: ErasureBasis::NoLongerNecessary, note: String::new() }
}

fn hold() -> HoldReason {
    HoldReason { reason: "Case 7 O 12/26".into() }
}

#[test]
fn a_request_is_erased_once_it_is_answered_and_nothing_holds_it() {
    let mut world = bare();
    let target = AggregateId::ReviewRequest(request(1));
    let file = AggregateId::Dpia(model());
    world.privacy(&paul(), receive(received())).unwrap();
    let ask = || PrivacyCommand::Erase(AggregateId::ReviewRequest(request(1)), erase());
    assert_refused(world.privacy(&paul(), ask()), "erasure.answered", "Answer it first");
    world.privacy(&paul(), answer(1)).unwrap();

    world.privacy(&paul(), PrivacyCommand::PlaceHold(target.clone(), hold())).unwrap();
    let refused = world.privacy(&paul(), ask()).unwrap();
    let Event::ErasureRefused { hold: 1, by, .. } = &refused[0].event else { panic!("{refused:?}") };
    assert_eq!(by, "review/credit/1", "the refusal is an entry");
    assert!(world.review("credit", 1).erased.is_none());
    world.privacy(&paul(), PrivacyCommand::ReleaseHold(target.clone(), 1, hold())).unwrap();
    assert_refused(
        world.privacy(&paul(), PrivacyCommand::ReleaseHold(target.clone(), 1, hold())),
        "hold.in_force",
        "released already",
    );

    world.privacy(&paul(), PrivacyCommand::PlaceHold(file.clone(), hold())).unwrap();
    let refused = world.privacy(&paul(), ask()).unwrap();
    assert!(matches!(&refused[0].event, Event::ErasureRefused { by, .. } if by == "dpia/credit"), "{refused:?}");
    world.privacy(&paul(), PrivacyCommand::ReleaseHold(file, 1, hold())).unwrap();

    world.privacy(&paul(), ask()).unwrap();
    let erased = world.review("credit", 1).erased.clone().unwrap();
    assert_eq!(erased.fields, ["answer", "contact", "name", "text"].map(String::from).into());
    assert_refused(world.privacy(&paul(), ask()), "erasure.once", "erased by entry");
    assert_refused(
        world.privacy(&paul(), PrivacyCommand::PlaceHold(target, hold())),
        "hold.in_time",
        "nothing is left",
    );
}

#[test]
fn an_account_is_erased_once_it_is_disabled_and_never_comes_back() {
    let mut world = bare();
    let target = AggregateId::Account(account("olga"));
    let ask = PrivacyCommand::Erase(target.clone(), erase());
    let refusal = assert_refused(world.privacy(&paul(), ask.clone()), "erasure.disabled", "in use");
    assert_eq!(refusal.missing[0].supplier, Some(Role::Administrator));
    world.run(&adam(), &Command::DisableAccount(account("olga"), true)).unwrap();
    assert_refused(world.privacy(&audrey(), ask.clone()), "access.role", "Privacy officer");
    world.privacy(&paul(), PrivacyCommand::PlaceHold(target.clone(), hold())).unwrap();
    assert!(matches!(world.privacy(&paul(), ask.clone()).unwrap()[0].event, Event::ErasureRefused { .. }));
    world.privacy(&paul(), PrivacyCommand::ReleaseHold(target, 1, hold())).unwrap();
    world.privacy(&paul(), ask).unwrap();
    assert_refused(world.run(&adam(), &Command::DisableAccount(account("olga"), false)), "account.erased", "erased");
    let model = PrivacyCommand::Erase(AggregateId::Dpia(model()), erase());
    assert_refused(world.privacy(&paul(), model), "subject.exists", "Only an account or a review request");
}

#[test]
fn the_longest_retention_wins() {
    let mut world = bare();
    let kept = retention(&world.policy().policy, world.model("credit"));
    let rules: Vec<_> = kept.rules.iter().map(|rule| (rule.source.as_str(), rule.years)).collect();
    assert_eq!((kept.years, rules), (10, vec![("European Union (EU)", 10), ("Internal practice", 7)]));
    adopt_changed(&mut world, "retention_years = 10\n", "");
    assert_eq!(retention(&world.policy().policy, world.model("credit")).years, 7);
}

// --- Policy -------------------------------------------------------------------------------------------------------

#[test]
fn a_policy_without_privacy_asks_for_none_and_contradictions_are_named() {
    let mut world = bare();
    let start = domain::policy::DEFAULT_POLICY.find("[markets.EU.privacy]").unwrap();
    let end = domain::policy::DEFAULT_POLICY.find("[profiles.unregulated]").unwrap();
    let without = format!("{}{}", &domain::policy::DEFAULT_POLICY[..start], &domain::policy::DEFAULT_POLICY[end..]);
    world.run(&adam(), &Command::AdoptPolicy(without)).unwrap();
    let id = before_canary(&mut world, lineage(1));
    assert!(!world.requirements(&id, Stage::Canary, Some(&market("EU"))).iter().any(|r| r.rule.starts_with("privacy")));

    let adopt = |from: &str, to: &str| Command::AdoptPolicy(domain::policy::DEFAULT_POLICY.replace(from, to));
    for (from, to, part) in [
        ("from = \"canary\"", "from = \"staging\"", "all markets share"),
        ("review_months = 12", "review_months = 0", "[privacy] review_months is 0"),
        ("patterns = [\"sex\", \"gender\"]", "patterns = [\"*\"]", "match every feature"),
        ("patterns = [\"sex\", \"gender\"]", "patterns = []", "needs a name and a pattern"),
    ] {
        assert_invalid(world.run(&adam(), &adopt(from, to)), "policy", part);
    }
    let start = domain::policy::DEFAULT_POLICY.find("[privacy]").unwrap();
    let end = domain::policy::DEFAULT_POLICY.find("[markets.US]").unwrap();
    let headless = format!("{}{}", &domain::policy::DEFAULT_POLICY[..start], &domain::policy::DEFAULT_POLICY[end..]);
    assert_invalid(world.run(&adam(), &Command::AdoptPolicy(headless)), "policy", "no section [privacy]");
}

// --- Whatever the order -------------------------------------------------------------------------------------------

#[derive(Debug, Clone)]
enum Move {
    Draft(u8),
    Advise(bool),
    Approve(bool),
    Consult,
    Reopen,
    Receive,
    Answer(u32),
    Hold(u32),
    Release(u32, u32),
    Erase(u32),
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let n = || 1_u32..4;
    let one = prop_oneof![
        3 => (0_u8..4).prop_map(Move::Draft),
        4 => any::<bool>().prop_map(Move::Advise),
        4 => prop::bool::weighted(0.8).prop_map(Move::Approve),
        1 => Just(Move::Consult),
        1 => Just(Move::Reopen),
        2 => Just(Move::Receive),
        2 => n().prop_map(Move::Answer),
        1 => n().prop_map(Move::Hold),
        1 => (n(), 1_u32..3).prop_map(|(request, hold)| Move::Release(request, hold)),
        2 => n().prop_map(Move::Erase),
        1 => (1_i64..200).prop_map(Move::Wait),
    ];
    prop::collection::vec(one, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever people do in whatever order: nothing is approved without advice on exactly that content, without its
    /// consultation where a risk stays high, or by an author; nothing that is held is erased; and folding the entries
    /// again gives the same states.
    #[test]
    fn no_order_of_commands_breaks_a_promise(moves in moves()) {
        let mut world = bare();
        for one in moves {
            let target = |number| AggregateId::ReviewRequest(request(number));
            let _ = match one {
                Move::Draft(variant) => {
                    let mut content = content();
                    content.views.text = format!("Variant {variant}.");
                    if variant == 3 {
                        content.risks[0].residual = content.risks[0].initial;
                    }
                    world.privacy(&if variant == 2 { paul() } else { olga() }, draft(content))
                }
                Move::Advise(favourable) => world.advise(&paul(), "credit", favourable),
                Move::Approve(comment) => world.approve(&paul(), "credit", if comment { "All the same." } else { "" }),
                Move::Consult => {
                    let consulted = consult(&world);
                    world.privacy(&paul(), consulted)
                }
                Move::Reopen => world.privacy(&olga(), reopen("Changed.")),
                Move::Receive => world.privacy(&pipeline(), receive(received())),
                Move::Answer(number) => world.privacy(&paul(), answer(number)),
                Move::Hold(number) => world.privacy(&paul(), PrivacyCommand::PlaceHold(target(number), hold())),
                Move::Release(number, held) => {
                    world.privacy(&paul(), PrivacyCommand::ReleaseHold(target(number), held, hold()))
                }
                Move::Erase(number) => world.privacy(&paul(), PrivacyCommand::Erase(target(number), erase())),
                Move::Wait(days) => {
                    world.days_pass(days);
                    Ok(Vec::new())
                }
            };
        }
        if let Some(approved) = world.file("credit").and_then(|file| file.approved.as_ref()) {
            let policy = world.policy().policy.privacy.clone().unwrap();
            prop_assert_eq!(approved.advice.content, approved.draft.digest);
            prop_assert!(!approved.draft.authors.contains(&approved.by));
            let about = approved.consultation.as_ref().and_then(|consultation| consultation.content);
            let is_consulted = about == Some(approved.draft.digest);
            prop_assert!(is_consulted || approved.draft.content.high_residual(&policy).count() == 0);
            prop_assert!(approved.advice.favourable || !approved.comment.is_empty());
        }
        let mut holds: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for recorded in &world.log {
            let held = holds.entry(recorded.subject.to_string()).or_default();
            match &recorded.event {
                Event::HoldPlaced { hold, .. } => drop(held.insert(*hold)),
                Event::HoldReleased { hold, .. } => drop(held.remove(hold)),
                Event::ErasurePerformed { .. } => prop_assert!(held.is_empty(), "{recorded:?} in spite of {held:?}"),
                Event::ErasureRefused { hold, .. } => prop_assert!(held.contains(hold)),
                _ => {}
            }
        }
        let mut again = std::collections::HashMap::new();
        for recorded in &world.log {
            apply(&mut again, recorded);
        }
        prop_assert_eq!(&again, &world.states);
    }
}
