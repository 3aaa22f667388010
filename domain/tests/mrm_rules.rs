//! Model risk management in the words of its rules: materiality and its tracks, the committee's vote, waivers that
//! expire into a block, findings opened again, the inventory, attestations.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use std::collections::BTreeMap;

use common::*;
use domain::{
    Aggregate, AggregateId, Command, Event, RefusalKind, Stage, VersionId,
    access::Principal,
    account::{AccountKind, Role},
    campaign::{Attest, Campaign, OpenCampaign},
    command::{AmendLineage, ArchiveVersion, CreateAccount, RecordReport},
    committee::{Recuse, Voice},
    deployment::{KillTarget, ServingCommand, command::Kill},
    evidence::{EvidencePath, Verdict},
    inventory::{self, AmendInventory, ChangeOwner, ModelStatus, ReassessTier, RetireModel},
    materiality::{self, Basis, Materiality, SetMateriality},
    policy::DEFAULT_POLICY,
    promotion::RequestState,
    registry::Tier,
    validation::{Outcome, Section, Severity},
    waiver::{Covers, GrantWaiver, RevokeWaiver},
};
use proptest::{prelude::*, test_runner::Config};

fn regulated() -> TestWorld {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    world
}

/// A regulated version whose request for Production in the US only waits for the committee.
fn before_the_committee() -> (TestWorld, VersionId) {
    let mut world = regulated();
    let id = world.regulated_in_staging("credit", 1);
    to_the_committee(&mut world, &id);
    (world, id)
}

fn to_the_committee(world: &mut TestWorld, id: &VersionId) {
    world.walk_to_canary(id, &market("US"));
    world.days_pass(3);
    world.attach(id, EvidencePath::Canary, us(), Verdict::Green);
    world.request(&ben(), id, Stage::Production, us()).unwrap();
}

fn abbreviated() -> RecordReport {
    let rules = materiality_rules();
    let sections = rules.abbreviated_sections.iter().map(|section| (*section, "Read.".to_owned())).collect();
    RecordReport { sections, outcome: Outcome::Approved }
}

fn materiality_rules() -> materiality::Rules {
    let policy = domain::policy::Policy::from_toml(DEFAULT_POLICY).unwrap();
    policy.profiles[&"sr-11-7".parse().unwrap()].validation.clone().unwrap()
}

fn set(id: &VersionId, materiality: Materiality) -> Command {
    let reason = "Seen the code.".into();
    Command::SetMateriality(id.clone(), SetMateriality { market: None, materiality, reason })
}

fn kinds(recorded: &[domain::Recorded]) -> Vec<&'static str> {
    recorded.iter().map(|entry| entry.event.kind()).collect()
}

// --- Materiality --------------------------------------------------------------------------------------------------

#[test]
fn the_first_version_is_material_and_fresh_data_is_not() {
    let mut world = regulated();
    let first = world.regulated_in_staging("credit", 1);
    let judged = world.version(&first).requests[0].assessed.clone().unwrap();
    assert_eq!((judged.materiality, judged.against), (Materiality::Material, None));
    assert!(judged.reasons[0].contains("was validated in full yet"), "{judged:?}");

    let second = world.register_version("credit", lineage(2));
    world.attach_three_paths(&second);
    world.request(&ben(), &second, Stage::Staging, None).unwrap();
    let judged = world.version(&second).requests[0].assessed.clone().unwrap();
    assert_eq!((judged.materiality, judged.against), (Materiality::NonMaterial, Some(first.number)));
    assert_eq!((judged.small_changes, judged.allowed), (0, 5), "the number in force is recorded");

    // The abbreviated validation asks for the sections that the policy names, and no fewer.
    let mut report = abbreviated();
    report.sections.remove(&Section::DataReview);
    let command = Command::RecordReport(second.clone(), report);
    assert_invalid(world.run(&vera(), &command), "data_review", "must not be empty");
    world.run(&vera(), &Command::RecordReport(second.clone(), abbreviated())).unwrap();
    let recorded = world.sign(&victor(), Role::MrmValidator, &second).unwrap();
    let Event::StageTransitioned { materiality, .. } = &recorded[1].event else { panic!("{recorded:?}") };
    assert_eq!(*materiality, Some(Materiality::NonMaterial));
    assert_eq!(world.model("credit").baselines.shared.as_ref().unwrap().since, [second.number]);
}

#[test]
fn a_new_architecture_or_feature_asks_for_the_full_report() {
    let mut world = regulated();
    world.regulated_in_staging("credit", 1);
    let mut wider = lineage(2);
    wider.features.names.insert("postcode".into());
    wider.model.architecture = Some("neural network".into());
    let id = world.register_version("credit", wider);
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    let judged = world.version(&id).requests[0].assessed.clone().unwrap();
    assert_eq!(judged.materiality, Materiality::Material);
    assert_eq!(judged.reasons[0], "Feature postcode stands close to a prohibited one.");
    assert!(judged.reasons.iter().any(|reason| reason.contains("gradient-boosted trees to neural network")));
    let command = Command::RecordReport(id, abbreviated());
    assert_invalid(world.run(&vera(), &command), "conceptual_soundness", "must not be empty");
}

#[test]
fn many_small_changes_add_up() {
    let mut world = regulated();
    adopt_changed(&mut world, "small_changes = 5", "small_changes = 2");
    world.regulated_in_staging("credit", 1);
    for seed in 2..4 {
        let id = world.regulated_in_staging("credit", seed);
        assert_eq!(world.version(&id).requests[0].assessed.as_ref().unwrap().materiality, Materiality::NonMaterial);
    }
    let third = world.regulated_in_staging("credit", 4);
    let judged = world.version(&third).requests[0].assessed.clone().unwrap();
    assert_eq!((judged.materiality, judged.small_changes, judged.allowed), (Materiality::Material, 2, 2));
    assert!(judged.reasons[0].contains("the policy lets 2 pass"), "{judged:?}");
    // It was validated in full, so that the count begins again with it.
    let baseline = world.model("credit").baselines.shared.clone().unwrap();
    assert_eq!((baseline.version, baseline.since.len()), (third.number, 0));
}

#[test]
fn a_lineage_amended_after_the_judgement_is_material_until_it_is_judged_again() {
    let mut world = regulated();
    world.regulated_in_staging("credit", 1);
    let id = world.register_version("credit", lineage(2));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    assert_eq!(materiality::in_force(world.version(&id), None).0, Materiality::NonMaterial);
    let mut other = lineage(2);
    other.model.architecture = Some("neural network".into());
    let amended = AmendLineage { lineage: other, reason: "The wrong file.".into() };
    world.run(&ana(), &Command::AmendLineage(id.clone(), amended)).unwrap();
    let (materiality, basis) = materiality::in_force(world.version(&id), None);
    assert_eq!((materiality, basis), (Materiality::Material, Basis::Unknown));
    world.attach_three_paths(&id);
    world.run(&vera(), &Command::RecordReport(id.clone(), report(Outcome::Approved))).unwrap();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    assert_eq!(world.stage(&id, None), Stage::Staging);
}

#[test]
fn anyone_raises_materiality_and_only_mrm_lowers_it_with_a_reason() {
    let mut world = regulated();
    world.regulated_in_staging("credit", 1);
    let id = world.register_version("credit", lineage(2));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    assert_refused(world.run(&ben(), &set(&id, Materiality::NonMaterial)), "materiality.changed", "already");
    world.run(&ben(), &set(&id, Materiality::Material)).unwrap();
    let refusal =
        assert_refused(world.run(&ana(), &set(&id, Materiality::NonMaterial)), "materiality.lowered_by_mrm", "MRM");
    assert_eq!(refusal.missing[0].supplier, Some(Role::MrmValidator));
    let refusal = world.run(&rosa(), &set(&id, Materiality::NonMaterial));
    assert_refused(refusal, "materiality.lowered_by_mrm", "MRM");
    let auditor = person("aud", &[Role::Auditor], "audit");
    assert_refused(world.run(&auditor, &set(&id, Materiality::Material)), "access.role", "materiality");
    let insider = person("ines", &[Role::MrmValidator], "credit-dev");
    assert_refused(world.run(&insider, &set(&id, Materiality::NonMaterial)), "validation.independent", "credit-dev");
    let asker = person("ben", &[Role::DataScientist, Role::MrmValidator], "mrm");
    assert_refused(world.run(&asker, &set(&id, Materiality::NonMaterial)), "validation.independent", "You asked");
    let silent = SetMateriality { market: None, materiality: Materiality::NonMaterial, reason: " ".into() };
    assert_invalid(world.run(&vera(), &Command::SetMateriality(id.clone(), silent)), "reason", "must not be empty");

    world.run(&vera(), &set(&id, Materiality::NonMaterial)).unwrap();
    assert_eq!(materiality::in_force(world.version(&id), None).0, Materiality::NonMaterial);
    // The word was for this lineage: another one is judged anew.
    let amended = AmendLineage { lineage: lineage(3), reason: "Corrected.".into() };
    world.run(&ana(), &Command::AmendLineage(id.clone(), amended)).unwrap();
    assert_eq!(materiality::in_force(world.version(&id), None), (Materiality::Material, Basis::Unknown));
}

#[test]
fn raising_it_makes_signatures_stale() {
    let mut world = regulated();
    world.regulated_in_staging("credit", 1);
    let id = world.register_version("credit", lineage(2));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.record_report(&vera(), &id);
    let (number, read) = world.signature(&id, Role::MrmValidator);
    world.run(&ben(), &set(&id, Materiality::Material)).unwrap();
    let stale = world.run(&victor(), &Command::SignPromotion(id.clone(), number, read));
    assert_refused(stale, "signing.stale_package", "The materiality changed after you opened");
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
}

#[test]
fn a_profile_without_rules_tells_no_material_change_from_another() {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    assert!(world.version(&id).requests[0].assessed.is_none());
    assert_refused(world.run(&ben(), &set(&id, Materiality::NonMaterial)), "materiality.asked", "unregulated");
}

#[test]
fn each_market_is_measured_from_its_own_version() {
    let mut world = regulated();
    let first = world.regulated_in_staging("credit", 1);
    world.walk_to_champion(&first, &market("US"));
    let second = world.regulated_in_staging("credit", 2);
    world.request(&ben(), &second, Stage::Shadow, us()).unwrap();
    let judged = world.version(&second).requests.last().unwrap().assessed.clone().unwrap();
    assert_eq!((judged.materiality, judged.against), (Materiality::NonMaterial, Some(first.number)));
    let eu_request = world.request(&ben(), &second, Stage::Shadow, eu());
    // In the EU nothing was validated yet: the whole report is needed, which was recorded here.
    eu_request.unwrap();
    let judged = world.version(&second).requests.last().unwrap().assessed.clone().unwrap();
    assert_eq!((judged.materiality, judged.against), (Materiality::Material, None));
    assert!(judged.reasons[0].contains("for EU"), "{judged:?}");
}

#[test]
fn depth_follows_the_tier_under_sr_26_2() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-26-2");
    let id = world.regulated_in_staging("credit", 1);
    let us_market = market("US");
    let gate = |world: &TestWorld| world.question(&id, Stage::Production, Some(&us_market)).gate().unwrap();
    assert!(gate(&world).committee.is_some(), "tier 1: the committee votes on a material change");
    let tier = |exposure: &str, purpose: &str| {
        let body = ReassessTier { exposure: exposure.into(), purpose: purpose.into(), reason: "Asked anew.".into() };
        Command::ReassessTier("credit".parse().unwrap(), body)
    };
    world.run(&vera(), &tier("small", "internal")).unwrap();
    assert_eq!(world.model("credit").tier, Tier::Three);
    assert!(gate(&world).committee.is_none(), "tier 3: one member signs");
    assert!(gate(&world).sign_offs.iter().any(|slot| slot.role == Role::RiskCommittee));
    let sections = world.question(&id, Stage::Production, Some(&us_market)).sections();
    assert_eq!(sections, materiality_rules().abbreviated_sections);
}

// --- The committee ------------------------------------------------------------------------------------------------

#[test]
fn the_committee_carries_a_material_change_with_quorum_and_majority() {
    let (mut world, id) = before_the_committee();
    let committee = world.version(&id).requests.last().unwrap().committee.clone().unwrap();
    assert_eq!(committee.members, ["rita", "rolf", "rosa"].map(account));
    assert_eq!((committee.quorum, committee.approval_percent), (2, 60), "frozen with the request");
    assert_eq!(kinds(&world.vote(&rosa(), Voice::Approve, &id).unwrap()), ["committee.voted"]);
    assert_eq!(kinds(&world.vote(&rolf(), Voice::Reject, &id).unwrap()), ["committee.voted"]);
    let requirement = world.requirement(&id, Stage::Production, us().as_ref(), "committee.vote");
    assert!(!requirement.met && requirement.details[0].contains("1 for, 1 against"), "{requirement:?}");
    let recorded = world.vote(&rita(), Voice::Approve, &id).unwrap();
    assert_eq!(kinds(&recorded), ["committee.voted", "stage.transitioned"]);
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Production);
    let grounds = domain::as_of::grounds(world.version(&id), &market("US"));
    let approvals = &grounds.steps.last().unwrap().approvals;
    // Gathered from entries, without the version's state, they are the same.
    let mut gathered = domain::as_of::Approvals::default();
    for recorded in &world.log {
        gathered.take(recorded);
    }
    let mut all: Vec<_> = grounds.steps.iter().flat_map(|step| step.approvals.clone()).collect();
    all.sort_by_key(|approval| approval.entry);
    assert_eq!(gathered.of(&market("US"), id.number), all);
    assert!(all.len() > approvals.len() && gathered.of(&market("EU"), id.number).len() < all.len(), "{all:?}");
    let signers: Vec<&str> = approvals.iter().map(|approval| approval.signer.as_str()).collect();
    assert_eq!(signers, ["rosa", "rita"], "who said yes is told for any past instant");
}

#[test]
fn a_lost_vote_closes_the_request() {
    let (mut world, id) = before_the_committee();
    world.vote(&rosa(), Voice::Approve, &id).unwrap();
    world.vote(&rolf(), Voice::Reject, &id).unwrap();
    let recorded = world.vote(&rita(), Voice::Abstain, &id).unwrap();
    assert_eq!(kinds(&recorded), ["committee.voted", "promotion.declined"]);
    let state = &world.version(&id).requests.last().unwrap().state;
    assert!(matches!(state, RequestState::Declined { reason, .. } if reason.contains("1 for, 1 against, 1 abstained")));
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Canary);
}

#[test]
fn only_those_on_the_frozen_committee_vote_and_each_with_a_clear_head() {
    let (mut world, id) = before_the_committee();
    let newcomer = person("nina", &[Role::RiskCommittee], "risk");
    world.committee.push(newcomer.clone());
    assert_refused(world.vote(&newcomer, Voice::Approve, &id), "committee.frozen", "fixed when promotion was asked");
    assert_refused(world.vote(&victor(), Voice::Approve, &id), "access.role", "risk committee");
    assert_refused(world.sign(&rosa(), Role::RiskCommittee, &id), "signing.slot", "vote of the risk committee");
    let number = world.version(&id).requests.last().unwrap().number;
    let silent = domain::committee::CastVote {
        voice: Voice::Reject,
        package: ledger::Digest::of(b"old"),
        parts: BTreeMap::new(),
        comment: String::new(),
    };
    let command = Command::Vote(id.clone(), number, silent.clone());
    assert_invalid(world.run(&rosa(), &command), "comment", "must not be empty");
    let old = domain::committee::CastVote { voice: Voice::Approve, ..silent };
    let command = Command::Vote(id.clone(), number, old);
    assert_refused(world.run(&rosa(), &command), "signing.stale_package", "No vote was cast");
    let asking = Asking { reauthenticated: false, ..(&rosa()).into() };
    assert_refused(world.ask(&asking, &command), "signing.reauthentication", "password");
    world.vote(&rosa(), Voice::Approve, &id).unwrap();
    assert_refused(world.vote(&rosa(), Voice::Approve, &id), "signing.once", "already");
    world.vote(&rosa(), Voice::Abstain, &id).unwrap();
}

#[test]
fn a_vote_goes_stale_with_the_package() {
    let (mut world, id) = before_the_committee();
    world.vote(&rosa(), Voice::Approve, &id).unwrap();
    world.attach(&id, EvidencePath::Other, None, Verdict::Neutral);
    let requirement = world.requirement(&id, Stage::Production, us().as_ref(), "committee.vote");
    assert!(requirement.details.iter().any(|detail| detail.contains("earlier package")), "{requirement:?}");
    world.vote(&rolf(), Voice::Approve, &id).unwrap();
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Canary, "Rosa's vote counts no more");
    world.vote(&rosa(), Voice::Approve, &id).unwrap();
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Production);
}

#[test]
fn whoever_stands_back_votes_no_more_and_a_quorum_out_of_reach_is_said() {
    let (mut world, id) = before_the_committee();
    let number = world.version(&id).requests.last().unwrap().number;
    let recuse = Command::Recuse(id.clone(), number, Recuse { reason: "My sister leads the team.".into() });
    let tired = Asking { reauthenticated: false, ..(&rosa()).into() };
    assert_refused(world.ask(&tired, &recuse).map(drop), "signing.reauthentication", "A recusal needs your password");
    world.run(&rosa(), &recuse).unwrap();
    assert_refused(world.vote(&rosa(), Voice::Approve, &id), "committee.recused", "stood back");
    world.run(&rolf(), &recuse).unwrap();
    let requirement = world.requirement(&id, Stage::Production, us().as_ref(), "committee.vote");
    assert!(requirement.details[0].contains("quorum of 2 cannot be reached"), "{requirement:?}");
    world.vote(&rita(), Voice::Approve, &id).unwrap();
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Canary);
}

#[test]
fn a_recusal_can_decide_the_vote() {
    let (mut world, id) = before_the_committee();
    world.vote(&rosa(), Voice::Approve, &id).unwrap();
    world.vote(&rolf(), Voice::Reject, &id).unwrap();
    let number = world.version(&id).requests.last().unwrap().number;
    let recuse = Command::Recuse(id.clone(), number, Recuse { reason: "A conflict.".into() });
    assert_eq!(kinds(&world.run(&rita(), &recuse).unwrap()), ["committee.recused", "promotion.declined"]);
}

#[test]
fn a_request_whose_committee_is_too_small_is_refused_with_who_can_mend_it() {
    let mut world = regulated();
    let id = world.regulated_in_staging("credit", 1);
    world.walk_to_canary(&id, &market("US"));
    world.days_pass(3);
    world.attach(&id, EvidencePath::Canary, us(), Verdict::Green);
    world.committee = vec![rosa(), person("ana", &[Role::RiskCommittee], "risk")];
    let refusal =
        assert_refused(world.request(&ben(), &id, Stage::Production, us()), "committee.quorum", "1 member who had no");
    assert_eq!(refusal.missing[0].supplier, Some(Role::Administrator));
}

#[test]
fn one_member_signs_what_is_not_material() {
    let mut world = regulated();
    let first = world.regulated_in_staging("credit", 1);
    world.walk_to_champion(&first, &market("US"));
    let second = world.regulated_in_staging("credit", 2);
    to_the_committee(&mut world, &second);
    assert_refused(world.vote(&rosa(), Voice::Approve, &second), "committee.asked", "no vote");
    world.sign(&rosa(), Role::RiskCommittee, &second).unwrap();
    assert_eq!(world.stage(&second, us().as_ref()), Stage::Production);
    assert_eq!(world.model("credit").baselines.markets[&market("US")].since, [second.number]);
}

#[test]
fn neither_a_lower_materiality_nor_another_policy_sends_a_sitting_committee_home() {
    let lower = |id: &VersionId| {
        let body =
            SetMateriality { market: us(), materiality: Materiality::NonMaterial, reason: "A small change.".into() };
        Command::SetMateriality(id.clone(), body)
    };
    // Before any vote MRM may lower it; this request goes before the committee that was called with it all the same.
    let (mut world, id) = before_the_committee();
    world.run(&victor(), &lower(&id)).unwrap();
    assert_refused(world.sign(&rosa(), Role::RiskCommittee, &id), "signing.slot", "vote of the risk committee");
    world.vote(&rosa(), Voice::Reject, &id).unwrap();
    world.vote(&rolf(), Voice::Reject, &id).unwrap();
    assert_eq!(kinds(&world.vote(&rita(), Voice::Approve, &id).unwrap())[1], "promotion.declined");

    let (mut world, id) = before_the_committee();
    world.vote(&rosa(), Voice::Reject, &id).unwrap();
    let refusal = assert_refused(world.run(&victor(), &lower(&id)), "materiality.voted", "not chosen after a vote");
    assert_eq!(refusal.missing[0].supplier, Some(Role::RiskCommittee));
    // Nor does another request of the same lineage begin anew.
    let number = world.version(&id).requests.last().unwrap().number;
    world.run(&ben(), &Command::WithdrawPromotion(id.clone(), number)).unwrap();
    world.request(&ben(), &id, Stage::Production, us()).unwrap();
    assert_refused(world.run(&victor(), &lower(&id)), "materiality.voted", "not chosen after a vote");

    let (mut world, id) = before_the_committee();
    world.vote(&rosa(), Voice::Reject, &id).unwrap();
    let section = "[profiles.sr-11-7.gates.production.committee]\nquorum = 2\napproval_percent = 60\nmeaning = \"The risk committee approves full service of this model in this market.\"\n";
    adopt_changed(&mut world, section, "");
    assert_refused(world.sign(&rolf(), Role::RiskCommittee, &id), "signing.slot", "vote of the risk committee");
    for member in [rolf(), rita(), rosa()] {
        world.vote(&member, Voice::Approve, &id).unwrap();
        if world.stage(&id, us().as_ref()) == Stage::Production {
            break;
        }
    }
    let committee = world.version(&id).requests.last().unwrap().committee.clone().unwrap();
    assert_eq!((committee.quorum, committee.votes.last().unwrap().meaning.as_str()), (2, "I vote for this promotion."));
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Production);
}

#[test]
fn raised_after_the_request_it_goes_before_the_committee_called_with_it() {
    let mut world = regulated();
    let first = world.regulated_in_staging("credit", 1);
    world.walk_to_champion(&first, &market("US"));
    let second = world.regulated_in_staging("credit", 2);
    to_the_committee(&mut world, &second);
    let raise = SetMateriality { market: us(), materiality: Materiality::Material, reason: "New use.".into() };
    world.run(&victor(), &Command::SetMateriality(second.clone(), raise)).unwrap();
    world.vote(&rosa(), Voice::Approve, &second).unwrap();
    world.vote(&rita(), Voice::Approve, &second).unwrap();
    assert_eq!(world.stage(&second, us().as_ref()), Stage::Production);
    assert_eq!(world.model("credit").baselines.markets[&market("US")].version, second.number);
}

#[test]
fn an_older_policy_with_a_single_signature_still_works() {
    let mut world = TestWorld::new();
    let section = DEFAULT_POLICY.find("[profiles.sr-11-7.validation]").unwrap();
    let end = DEFAULT_POLICY.find("[profiles.sr-11-7.gates.staging]").unwrap();
    let committee = DEFAULT_POLICY.find("[profiles.sr-11-7.gates.production.committee]").unwrap();
    let after = DEFAULT_POLICY.find("[profiles.sr-26-2]").unwrap();
    let older = [&DEFAULT_POLICY[..section], &DEFAULT_POLICY[end..committee], &DEFAULT_POLICY[after..]].concat();
    let asks = |line: &&str| *line == "champion = true" || line.starts_with("checks = ");
    let older = older.lines().filter(|line| !asks(line)).collect::<Vec<_>>().join("\n");
    world.run(&adam(), &Command::AdoptPolicy(older)).unwrap();
    world.register_model("credit", "sr-11-7");
    let id = world.regulated_in_staging("credit", 1);
    to_the_committee(&mut world, &id);
    let request = world.version(&id).requests.last().unwrap();
    assert!(request.assessed.is_none() && request.committee.is_none());
    world.sign(&rosa(), Role::RiskCommittee, &id).unwrap();
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Production);
    assert!(world.model("credit").baselines.is_empty());
}

// --- Four people --------------------------------------------------------------------------------------------------

#[test]
fn a_developer_does_not_ask_for_the_promotion_of_a_regulated_version() {
    let mut world = regulated();
    let id = world.register_version("credit", lineage(1));
    world.attach_three_paths(&id);
    let refusal = assert_refused(world.request(&ana(), &id, Stage::Staging, None), "promotion.four_eyes", "colleague");
    assert_eq!((refusal.kind, refusal.missing[0].supplier), (RefusalKind::Forbidden, Some(Role::DataScientist)));
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
}

#[test]
fn a_report_whose_author_turned_developer_is_signed_by_nobody() {
    let mut world = regulated();
    let dora = person("dora", &[Role::DataScientist, Role::MrmValidator], "mrm");
    let id = world.register_version("credit", lineage(1));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.record_report(&dora, &id);
    let amended = AmendLineage { lineage: lineage(2), reason: "Corrected.".into() };
    world.run(&dora, &Command::AmendLineage(id.clone(), amended)).unwrap();
    world.attach_three_paths(&id);
    assert_refused(world.sign(&victor(), Role::MrmValidator, &id), "signing.four_eyes", "another validator records");
    world.record_report(&vera(), &id);
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
}

#[test]
fn a_request_is_withdrawn_and_a_version_archived_by_its_own_side_alone() {
    let mut world = regulated();
    let id = world.register_version("credit", lineage(1));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    let stranger = person("sven", &[Role::DataScientist], "marketing");
    let withdraw = Command::WithdrawPromotion(id.clone(), 1);
    let refusal = assert_refused(world.run(&stranger, &withdraw), "version.own_side", "whoever asked for it");
    assert!(refusal.message.contains("team credit-dev"), "{refusal}");
    let archive = Command::ArchiveVersion(id.clone(), ArchiveVersion { reason: "Not mine.".into() });
    assert_refused(world.run(&stranger, &archive), "version.own_side", "a developer of credit version 1");
    let teamless = person("sven", &[Role::DataScientist], "");
    assert_refused(world.run(&teamless, &withdraw), "version.own_side", "Only its own side");
    let colleague = person("cora", &[Role::DataScientist], "credit-dev");
    world.run(&colleague, &withdraw).unwrap();
    world.run(&colleague, &archive).unwrap();
}

// --- Findings and waivers -----------------------------------------------------------------------------------------

/// A version in Staging with an open high finding.
fn with_a_finding() -> (TestWorld, VersionId) {
    let mut world = regulated();
    let id = world.regulated_in_staging("credit", 1);
    world.raise(&vera(), &id, Severity::High);
    (world, id)
}

fn waiver(world: &TestWorld, days: i64) -> GrantWaiver {
    GrantWaiver {
        covers: Covers::Finding(1),
        market: us(),
        control: "A person reads each decline".into(),
        reason: "The mending is being tested.".into(),
        requested_by: account("ben"),
        expires_at: world.now.plus_days(days),
    }
}

fn grant(world: &mut TestWorld, who: &Principal, id: &VersionId, body: GrantWaiver) -> Result<(), domain::Refusal> {
    world.run(who, &Command::GrantWaiver(id.clone(), body)).map(drop)
}

#[test]
fn a_waiver_opens_the_gate_of_its_market_until_it_expires() {
    let (mut world, id) = with_a_finding();
    assert_refused(world.request(&ben(), &id, Stage::Shadow, us()), "promotion.ready", "1 thing is");
    let body = waiver(&world, 10);
    grant(&mut world, &rosa(), &id, body).unwrap();
    assert_refused(world.request(&ben(), &id, Stage::Shadow, eu()), "promotion.ready", "1 thing is");
    let told = world.requirement(&id, Stage::Shadow, us().as_ref(), "findings.closed");
    assert!(told.met && told.details[0].contains("Waived until 2026-11-12"), "{told:?}");
    assert!(told.details[0].contains("A person reads each decline."), "{told:?}");
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    world.days_pass(9);
    world.request(&ben(), &id, Stage::Canary, us()).unwrap();
    world.attach(&id, EvidencePath::Canary, us(), Verdict::Green);
    world.days_pass(1);
    let told = world.requirement(&id, Stage::Production, us().as_ref(), "findings.closed");
    assert!(!told.met, "the gate shut by itself: {told:?}");
}

#[test]
fn an_expired_waiver_stops_a_vote_under_way() {
    let (mut world, id) = before_the_committee();
    world.raise(&vera(), &id, Severity::Critical);
    let body = waiver(&world, 5);
    grant(&mut world, &rita(), &id, body).unwrap();
    world.vote(&rosa(), Voice::Approve, &id).unwrap();
    world.days_pass(5);
    let refusal = assert_refused(world.vote(&rolf(), Voice::Approve, &id), "signing.complete", "1 thing is");
    assert_eq!(refusal.missing[0].what, "findings.closed");
}

#[test]
fn a_waiver_is_granted_from_above_by_somebody_with_no_part_in_it() {
    let (mut world, id) = with_a_finding();
    let body = waiver(&world, 10);
    let refusal = assert_refused(grant(&mut world, &vera(), &id, body.clone()), "waiver.approver", "Risk committee");
    assert_eq!(refusal.missing[0].supplier, Some(Role::RiskCommittee));
    let from_a_peer = GrantWaiver { requested_by: account("rolf"), ..body.clone() };
    assert_refused(grant(&mut world, &rosa(), &id, from_a_peer), "waiver.approver_above", "stands above");
    let own = GrantWaiver { requested_by: account("rosa"), ..body.clone() };
    assert_refused(grant(&mut world, &rosa(), &id, own), "waiver.approver_above", "stands above");
    let developer = person("ana", &[Role::DataScientist, Role::RiskCommittee], "risk");
    assert_refused(grant(&mut world, &developer, &id, body.clone()), "waiver.four_eyes", "You registered");
    let apart = GrantWaiver { requested_by: account("victor"), ..body.clone() };
    assert_refused(grant(&mut world, &rosa(), &id, apart), "waiver.requester", "own side");
    let robot = GrantWaiver { requested_by: account("pipeline"), ..body.clone() };
    assert_invalid(grant(&mut world, &rosa(), &id, robot), "requested_by", "person's account");
    let unknown = GrantWaiver { requested_by: account("nobody"), ..body.clone() };
    assert_invalid(grant(&mut world, &rosa(), &id, unknown), "requested_by", "no active person's account");
    let long = GrantWaiver { expires_at: world.now.plus_days(91), ..body.clone() };
    assert_invalid(grant(&mut world, &rosa(), &id, long), "expires_at", "90 days at most");
    let rule = GrantWaiver { covers: Covers::Rule("evidence.shadow".into()), ..body.clone() };
    assert_refused(grant(&mut world, &rosa(), &id, rule), "waiver.rule", "champion.not_worse");
    let missing = GrantWaiver { covers: Covers::Finding(9), ..body.clone() };
    assert_refused(grant(&mut world, &rosa(), &id, missing), "subject.exists", "no finding 9");
    grant(&mut world, &rosa(), &id, body).unwrap();
}

#[test]
fn a_rule_that_the_policy_lets_be_waived_is_met_by_a_waiver() {
    let mut world = regulated();
    let id = world.regulated_in_staging("credit", 1);
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    world.request(&ben(), &id, Stage::Canary, us()).unwrap();
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Shadow, "the request waits for its time");
    let body = GrantWaiver { covers: Covers::Rule("stage.minimum_time".into()), ..waiver(&world, 2) };
    grant(&mut world, &rosa(), &id, body).unwrap();
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Canary);
}

#[test]
fn a_waiver_stands_though_the_request_that_it_would_let_through_still_cannot_go_on() {
    let mut world = regulated();
    let id = world.regulated_in_staging("credit", 1);
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    world.request(&ben(), &id, Stage::Canary, us()).unwrap();
    let kill = Kill { to: KillTarget::Fallback, reason: "A regulator called.".into() };
    let kill = Command::Serve(id.model.clone(), market("US"), ServingCommand::Kill(kill));
    world.run(&adam(), &kill).unwrap();
    let body = GrantWaiver { covers: Covers::Rule("stage.minimum_time".into()), ..waiver(&world, 2) };
    grant(&mut world, &rosa(), &id, body).unwrap();
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Shadow, "the market is off");
    let told = world.requirement(&id, Stage::Canary, us().as_ref(), "stage.minimum_time");
    assert!(told.met, "the waiver stands: {told:?}");
}

#[test]
fn what_changes_who_decides_asks_for_its_person() {
    let (mut world, id) = with_a_finding();
    let tired = |who: &Principal| Asking { reauthenticated: false, ..Asking::from(who) };
    let body = waiver(&world, 10);
    let made = CreateAccount {
        id: account("new"),
        kind: AccountKind::Human,
        roles: [Role::Auditor].into(),
        team: String::new(),
        commitments: BTreeMap::default(),
    };
    let policy = DEFAULT_POLICY.replace("evidence_days = 90", "evidence_days = 60");
    let roles = Command::ChangeRoles(account("new"), [Role::DataScientist].into(), Some("dev".into()));
    for (who, command) in [
        (rosa(), Command::GrantWaiver(id, body)),
        (adam(), Command::CreateAccount(made)),
        (adam(), roles),
        (adam(), Command::AdoptPolicy(policy)),
    ] {
        assert_refused(world.ask(&tired(&who), &command).map(drop), "signing.reauthentication", "password once more");
        let machine = Principal { kind: AccountKind::Service, ..who.clone() };
        assert_refused(world.run(&machine, &command).map(drop), "signing.person", "Only a person");
        world.run(&who, &command).unwrap();
    }
}

#[test]
fn a_revoked_waiver_counts_no_more() {
    let (mut world, id) = with_a_finding();
    let body = waiver(&world, 10);
    grant(&mut world, &rosa(), &id, body).unwrap();
    let revoke = Command::RevokeWaiver(id.clone(), 1, RevokeWaiver { reason: "The control failed.".into() });
    assert_refused(world.run(&ben(), &revoke), "access.role", "waivers");
    world.run(&vera(), &revoke).unwrap();
    assert_refused(world.run(&vera(), &revoke), "waiver.in_force", "revoked already");
    assert_refused(world.request(&ben(), &id, Stage::Shadow, us()), "promotion.ready", "1 thing is");
}

#[test]
fn a_closed_finding_is_opened_again_by_a_validator_with_a_reason() {
    let (mut world, id) = with_a_finding();
    let reopen = Command::ReopenFinding(id.clone(), 1, note("The leak is back in the new feature set."));
    assert_refused(world.run(&vera(), &reopen), "finding.closed", "is open");
    world.run(&ana(), &Command::RemediateFinding(id.clone(), 1, note("Mended."))).unwrap();
    world.run(&vera(), &Command::CloseFinding(id.clone(), 1, note("Seen."))).unwrap();
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    assert_refused(world.run(&ana(), &reopen), "access.role", "findings");
    assert_invalid(world.run(&vera(), &Command::ReopenFinding(id.clone(), 1, note(" "))), "note", "must not be empty");
    world.run(&vera(), &reopen).unwrap();
    let finding = world.version(&id).finding(1).unwrap();
    assert_eq!((finding.state(), finding.reopened, finding.entries.len()), ("open", 1, 4));
    let told = world.requirement(&id, Stage::Canary, us().as_ref(), "findings.closed");
    assert!(!told.met);
}

// --- The inventory ------------------------------------------------------------------------------------------------

fn credit() -> domain::ModelName {
    "credit".parse().unwrap()
}

#[test]
fn the_tier_comes_from_the_policys_matrix_and_from_somebody_independent() {
    let mut world = regulated();
    let body = |exposure: &str, purpose: &str| {
        let body = ReassessTier { exposure: exposure.into(), purpose: purpose.into(), reason: "Half the book.".into() };
        Command::ReassessTier(credit(), body)
    };
    assert_refused(world.run(&ana(), &body("large", "regulatory")), "access.role", "validations");
    let insider = person("ines", &[Role::MrmValidator], "credit-dev");
    assert_refused(world.run(&insider, &body("large", "regulatory")), "validation.independent", "its team");
    assert_invalid(world.run(&vera(), &body("huge", "regulatory")), "exposure", "large, medium, small");
    world.run(&vera(), &body("medium", "customer experience")).unwrap();
    let model = world.model("credit");
    assert_eq!((model.tier, model.tier_basis.as_ref().unwrap().exposure.as_str()), (Tier::Two, "medium"));
    assert_refused(world.run(&vera(), &body("medium", "customer experience")), "tier.changed", "already");
}

#[test]
fn the_card_the_owner_and_the_end_of_a_model_are_its_own_sides_or_mrms() {
    let mut world = regulated();
    let stranger = person("sven", &[Role::DataScientist], "marketing");
    let amend = |restrictions: &str| {
        let body = AmendInventory {
            restrictions: Some(restrictions.into()),
            reason: "After the review.".into(),
            ..AmendInventory::default()
        };
        Command::AmendInventory(credit(), body)
    };
    assert_refused(world.run(&stranger, &amend("Not for pricing.")), "inventory.own_side", "credit-dev");
    world.run(&ben(), &amend("Not for pricing.")).unwrap();
    assert_refused(world.run(&vera(), &amend("Not for pricing.")), "inventory.changed", "already");
    let model = world.model("credit");
    assert_eq!((model.card.restrictions.as_str(), model.purpose.as_str()), ("Not for pricing.", "Decides."));

    let hand = |owner: &str| {
        Command::ChangeOwner(credit(), ChangeOwner { owner: account(owner), reason: "Ana moves on.".into() })
    };
    assert_invalid(world.run(&vera(), &hand("pipeline")), "owner", "active person");
    world.run(&ana(), &hand("ben")).unwrap();
    assert_refused(world.run(&ana(), &hand("ben")), "owner.changed", "already");
    assert_eq!(world.model("credit").owner, account("ben"));

    let id = world.regulated_in_staging("credit", 1);
    world.walk_to_champion(&id, &market("US"));
    assert_eq!(inventory::status(world.model("credit")), ModelStatus::InUse);
    let retire = Command::RetireModel(credit(), RetireModel { reason: "The product ended.".into() });
    assert_refused(world.run(&stranger, &retire), "inventory.own_side", "MRM");
    world.run(&vera(), &retire).unwrap();
    assert_eq!(inventory::status(world.model("credit")), ModelStatus::Retired);
    assert_refused(world.run(&vera(), &retire), "model.retired", "was retired on 2026-");
    world.archive(&id).unwrap();
}

#[test]
fn a_model_in_use_is_due_again_by_its_tiers_interval_after_its_last_full_validation() {
    let mut world = regulated();
    let id = world.regulated_in_staging("credit", 1);
    let due = |world: &TestWorld| inventory::next_validation(world.model("credit"), &world.policy().policy);
    assert_eq!(due(&world), None, "nothing is due before it is used");
    world.walk_to_champion(&id, &market("US"));
    let last = world.model("credit").last_validation.clone().unwrap();
    assert_eq!(last.author, account("vera"));
    assert_eq!(due(&world), Some(last.at.plus_days(365)));
    world.days_pass(300);
    world.record_report(&victor(), &id);
    let again = world.model("credit").last_validation.clone().unwrap();
    assert_eq!(due(&world), Some(again.at.plus_days(365)));
    assert!(again.at > last.at);
    let rejected = Command::RecordReport(id, report(Outcome::Rejected));
    world.run(&vera(), &rejected).unwrap();
    assert_eq!(world.model("credit").last_validation, Some(again), "a rejection renews nothing");
}

// --- Attestations -------------------------------------------------------------------------------------------------

fn campaign(world: &TestWorld, number: u32) -> &Campaign {
    let Aggregate::Campaign(campaign) = &world.states[&AggregateId::Campaign(number)] else { panic!("no {number}") };
    campaign
}

fn open(world: &TestWorld, tiers: &[Tier]) -> OpenCampaign {
    OpenCampaign {
        title: "Inventory 2026".into(),
        statement: "What the inventory says of my model is complete and right.".into(),
        tiers: tiers.iter().copied().collect(),
        owners: std::collections::BTreeSet::default(),
        due_at: world.now.plus_days(30),
    }
}

#[test]
fn every_owner_attests_or_objects_and_the_late_are_known() {
    let mut world = regulated();
    world.register_model("streamrec", "unregulated");
    world.register_model("old", "unregulated");
    let retire = RetireModel { reason: "Gone.".into() };
    world.run(&ana(), &Command::RetireModel("old".parse().unwrap(), retire)).unwrap();
    let hand = ChangeOwner { owner: account("ben"), reason: "His now.".into() };
    world.run(&ana(), &Command::ChangeOwner("streamrec".parse().unwrap(), hand)).unwrap();

    let body = open(&world, &[]);
    assert_refused(world.run(&ana(), &Command::OpenCampaign(1, body.clone())), "access.role", "campaigns");
    let nobody = open(&world, &[Tier::Three]);
    assert_refused(world.run(&vera(), &Command::OpenCampaign(1, nobody)), "campaign.models", "No model");
    let opened = world.run(&vera(), &Command::OpenCampaign(1, body.clone())).unwrap();
    assert_eq!(kinds(&opened), ["attestation.campaign_opened", "attestation.called"]);
    assert_refused(world.run(&vera(), &Command::OpenCampaign(1, body)), "campaign.unique", "open already");
    let called: BTreeMap<String, String> =
        campaign(&world, 1).models.iter().map(|(model, owner)| (model.to_string(), owner.to_string())).collect();
    let expected = [("credit", "ana"), ("streamrec", "ben")].map(|(m, o)| (m.to_owned(), o.to_owned()));
    assert_eq!(called, BTreeMap::from(expected), "a retired model is not called");

    let attest = |model: &str, holds: bool, comment: &str| {
        Command::Attest(1, Attest { model: model.parse().unwrap(), holds, comment: comment.into() })
    };
    assert_refused(world.run(&ben(), &attest("credit", true, "")), "attestation.owner", "Only the owner");
    assert_refused(world.run(&ana(), &attest("old", true, "")), "subject.exists", "does not call old");
    assert_invalid(world.run(&ben(), &attest("streamrec", false, " ")), "comment", "must not be empty");
    let asking = Asking { reauthenticated: false, ..(&ana()).into() };
    assert_refused(world.ask(&asking, &attest("credit", true, "")), "signing.reauthentication", "password");
    world.run(&ana(), &attest("credit", true, "")).unwrap();
    assert_refused(world.run(&ana(), &attest("credit", true, "")), "attestation.once", "already");
    world.days_pass(31);
    assert!(campaign(&world, 1).is_overdue(world.now));
    world.run(&ben(), &attest("streamrec", false, "The inputs are those of version 1.")).unwrap();
    assert!(!campaign(&world, 1).is_overdue(world.now), "late, but answered");
    assert_eq!((campaign(&world, 1).objections(), campaign(&world, 1).outstanding().count()), (1, 0));
}

#[test]
fn a_large_inventory_is_called_in_entries_that_fit() {
    let mut world = TestWorld::new();
    for number in 0..450 {
        world.register_model(&format!("model-{number:03}"), "unregulated");
    }
    let body = open(&world, &[]);
    let opened = world.run(&vera(), &Command::OpenCampaign(1, body)).unwrap();
    assert_eq!(opened.len(), 1 + 3);
    assert_eq!(campaign(&world, 1).models.len(), 450);
    for entry in &opened {
        assert!(entry.event.payload().unwrap().to_string().len() < 60_000);
    }
}

// --- Policy -------------------------------------------------------------------------------------------------------

#[test]
fn a_policy_that_contradicts_itself_on_these_is_refused() {
    let mut world = TestWorld::new();
    for (from, to, part) in [
        ("quorum = 2", "quorum = 0", "quorum is 0"),
        ("approval_percent = 60", "approval_percent = 101", "approval_percent is 101, and from 1 to 100"),
        ("max_days = 90", "max_days = 0", "max_days is 0"),
        ("approver = \"risk_committee\"", "approver = \"auditor\"", "cannot grant waivers"),
        ("[tiering.matrix.small]\nregulatory = \"2\"", "[tiering.matrix.small]", "no tier for exposure small"),
        (
            "abbreviated_sections = [\"purpose_and_scope\", \"data_review\", \"outcomes_analysis\", \"conclusion\"]",
            "abbreviated_sections = []",
            "at least one section",
        ),
    ] {
        assert!(DEFAULT_POLICY.contains(from), "{from}");
        let policy = Command::AdoptPolicy(DEFAULT_POLICY.replacen(from, to, 1));
        let refusal = world.run(&adam(), &policy).unwrap_err();
        assert!(refusal.message.contains(part), "{part:?} is not in {refusal}");
    }
}

#[test]
fn a_third_market_is_a_matter_of_policy_alone() {
    let mut world = TestWorld::new();
    let more = format!("{DEFAULT_POLICY}\n{JAPAN}");
    world.run(&adam(), &Command::AdoptPolicy(more)).unwrap();
    let body = domain::command::RegisterModel {
        name: "streamrec".parse().unwrap(),
        title: "Recommender".into(),
        purpose: "Ranks.".into(),
        tier: Tier::Two,
        profile: "unregulated".parse().unwrap(),
        markets: vec![market("JP")],
    };
    world.run(&ana(), &Command::RegisterModel(body)).unwrap();
    let id = world.unregulated_in_staging("streamrec", 1);
    let jp = Some(market("JP"));
    assert_refused(world.request(&ben(), &id, Stage::Shadow, us()), "market.known", "not registered for US");
    world.request(&ben(), &id, Stage::Shadow, jp.clone()).unwrap();
    world.attach(&id, EvidencePath::Shadow, jp.clone(), Verdict::Green);
    world.days_pass(9);
    world.request(&ben(), &id, Stage::Canary, jp.clone()).unwrap();
    let time = world.requirement(&id, Stage::Canary, jp.as_ref(), "stage.minimum_time");
    assert!(!time.met && time.sentence.contains("At least 10 days"), "{time:?}");
    world.days_pass(1);
    assert_eq!(world.stage(&id, jp.as_ref()), Stage::Shadow, "the market's own signature is missing");
    world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    assert_eq!(world.stage(&id, jp.as_ref()), Stage::Canary);
}

const JAPAN: &str = r#"
[markets.JP]
title = "Japan"
min_shadow_days = 10
min_canary_days = 5
standby_days = 21
[[markets.JP.sign_offs.canary]]
role = "privacy_officer"
meaning = "I reviewed the handling of personal information under the APPI and approve it."
"#;

// --- Property -----------------------------------------------------------------------------------------------------

proptest! {
    #![proptest_config(Config { cases: 256, failure_persistence: None, ..Config::default() })]

    /// However a committee of any size votes, changes its mind, stands back: it carries exactly when at least the
    /// quorum spoke and enough of those who took a side said yes.
    #[test]
    fn a_vote_carries_exactly_by_quorum_and_share(
        size in 1_usize..9,
        quorum in 1_u32..9,
        percent in 1_u32..=100,
        acts in prop::collection::vec((0_usize..9, 0_usize..4, prop::bool::ANY), 0..24),
    ) {
        use domain::committee::{Committee, Convened, Recusal, Vote};
        let members: Vec<_> = (0..size).map(|n| account(&format!("m{n}"))).collect();
        let mut committee = Committee::from(&Convened { members: members.clone(), quorum, approval_percent: percent });
        let (now, old) = (ledger::Digest::of(b"now"), ledger::Digest::of(b"old"));
        let mut last: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        let mut back: Vec<usize> = Vec::new();
        for (member, act, fresh) in acts {
            let member = member % size;
            if act == 3 {
                let recusal = Recusal { member: members[member].clone(), reason: String::new(), at: at("2026-11-02T09:00:00.000000Z"), entry: 1 };
                committee.recusals.push(recusal);
                back.push(member);
                continue;
            }
            committee.votes.push(Vote {
                member: members[member].clone(),
                voice: Voice::ALL[act],
                meaning: String::new(),
                comment: String::new(),
                package: if fresh { now } else { old },
                parts: BTreeMap::new(),
                at: at("2026-11-02T09:00:00.000000Z"),
                entry: 1,
            });
            last.insert(member, fresh.then_some(act));
        }
        let counted: Vec<usize> =
            last.into_iter().filter(|(member, _)| !back.contains(member)).filter_map(|(_, act)| act).collect();
        let of = |wanted: usize| counted.iter().filter(|act| **act == wanted).count();
        let (yes, no) = (of(0), of(1));
        let expected = counted.len() >= quorum as usize && yes > 0 && yes * 100 >= percent as usize * (yes + no);
        let tally = committee.tally(&now);
        prop_assert_eq!(tally.carried(), expected);
        prop_assert!(!(tally.carried() && tally.lost()));
    }
}
