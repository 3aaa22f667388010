//! Every computed figure comes out again from the entries, and one that was tampered with does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use domain::{
    AggregateId, Command, Event, Market, Recorded, Stage, VersionId,
    account::Role,
    campaign::OpenCampaign,
    command::RegisterVersion,
    deployment::{
        KillTarget, ServingCommand,
        command::{Applied, AskGate, FinishDrill, Kill, ReportStandby, RollBack, StartDrill},
        gate::Check,
    },
    evidence::{EvidencePath, Recomputed, Verdict},
    inventory::ReassessTier,
    lineage::Class,
    materiality::{Materiality, SetMateriality},
    policy::DEFAULT_POLICY,
    privacy::{
        command::{ExtendReview, PrivacyCommand, ReceiveReview},
        dpia::Scope,
        review::ReviewId,
        safeguards::Safeguard,
    },
    recompute::{Grounds, Past, grounds, of_entry},
    trigger::{Configuration, DriftRule, ObserveDrift, ObservePerformance, PerformanceRule, Retrain, Shift},
    validation::Severity,
    waiver::{Covers, GrantWaiver},
    webhook::{Filter, RegisterWebhook, RotateWebhook},
};
use ledger::Digest;
use serde_json::{Value, json};

fn again(log: &[Recorded], recorded: &Recorded) -> Recomputed {
    let mut past = Past::of(recorded);
    for entry in log {
        past.take(entry).unwrap();
    }
    of_entry(recorded, &past)
}

fn serve(world: &mut TestWorld, place: &Market, command: ServingCommand) -> Vec<Recorded> {
    world.serve(&ben(), "streamrec", place, command).unwrap()
}

fn pipe(world: &mut TestWorld, place: &Market, command: ServingCommand) -> Vec<Recorded> {
    world.serve(&pipeline(), "streamrec", place, command).unwrap()
}

/// A regulated model up to the committee's vote, with materiality, a waiver, tiers and a campaign.
fn regulated(world: &mut TestWorld) {
    for member in [rosa(), rolf(), rita()] {
        world.account(&member);
    }
    world.register_model("credit", "sr-11-7");
    let first = world.regulated_in_staging("credit", 1);
    world.walk_to_champion(&first, &market("US"));
    let second = world.register_version("credit", lineage(2));
    world.attach_three_paths(&second);
    world.raise(&vera(), &second, Severity::High);
    let waiver = GrantWaiver {
        covers: Covers::Finding(1),
        market: None,
        control: "A person reads each decline".into(),
        reason: "The mending is being tested.".into(),
        requested_by: ben().account,
        expires_at: world.now.plus_days(30),
    };
    let reason = "The vendor changed the bureau's feed.".to_owned();
    let raise = SetMateriality { market: None, materiality: Materiality::Material, reason };
    world.request(&ben(), &second, Stage::Staging, None).unwrap();
    world.run(&ben(), &Command::SetMateriality(second.clone(), raise)).unwrap();
    world.run(&rosa(), &Command::GrantWaiver(second, waiver)).unwrap();
    let tier =
        ReassessTier { exposure: "medium".into(), purpose: "customer experience".into(), reason: "Half.".into() };
    world.run(&vera(), &Command::ReassessTier("credit".parse().unwrap(), tier)).unwrap();
    let campaign = OpenCampaign {
        title: "Inventory 2026".into(),
        statement: "What the inventory says of my model is right.".into(),
        tiers: BTreeSet::new(),
        owners: BTreeSet::new(),
        due_at: world.now.plus_days(30),
    };
    world.run(&vera(), &Command::OpenCampaign(1, campaign)).unwrap();
}

/// Two strikes, a champion that breaks its guardrails, a drill, the kill switch, a controller's questions.
fn served(world: &mut TestWorld) {
    let (place, europe) = (market("US"), market("EU"));
    world.register_model("streamrec", "unregulated");
    let first = world.unregulated_in_staging("streamrec", 1);
    world.walk_to_champion(&first, &place);
    let second = world.unregulated_in_staging("streamrec", 2);
    world.walk_to_champion(&second, &place);
    world.walk_to_production(&second, &europe);
    world.days_pass(2);
    world.observe(&second, &europe, 0.001, 20_000).unwrap();
    world.approve_step(&victor(), &second, &europe).unwrap();
    serve(world, &europe, ServingCommand::RollBack(RollBack { version: second.number, reason: "A complaint.".into() }));
    let third = world.unregulated_in_staging("streamrec", 3);
    world.walk_to_production(&third, &place);
    for _ in 0..2 {
        world.observe(&third, &place, 0.2, 20_000).unwrap();
    }
    serve(world, &place, ServingCommand::StartDrill(StartDrill { note: "Q4".into() }));
    world.now = world.now.plus_seconds(2);
    let revision = world.deployment("streamrec", &place).revision();
    pipe(world, &place, ServingCommand::Applied(Applied { revision, subscriber: "gateway".into() }));
    serve(world, &place, ServingCommand::StartDrill(StartDrill { note: String::new() }));
    let slow = FinishDrill { millis: Some(61_000), note: "Pods were cold.".into() };
    serve(world, &place, ServingCommand::FinishDrill(slow));
    let ask = AskGate { check: Check::ConfirmRollout, version: None, message: String::new() };
    pipe(world, &place, ServingCommand::Ask(ask));
    for _ in 0..2 {
        world.observe(&second, &place, 0.2, 20_000).unwrap();
    }
    let health = ReportStandby { version: first.number, healthy: true, detail: String::new() };
    pipe(world, &place, ServingCommand::ReportStandby(health));
    world.observe(&second, &place, 0.2, 20_000).unwrap();
    let kill = Kill { to: KillTarget::Fallback, reason: "A regulator called.".into() };
    world.serve(&ben(), "streamrec", &place, ServingCommand::Kill(kill)).unwrap();
}

/// Drift from counts that fires, a metric that is suppressed, a slot, a person's wish, a version that answers.
fn retrained(world: &mut TestWorld) {
    let model = || "streamrec".parse().unwrap();
    let configuration = Configuration {
        schedule: Some("0 2 * * 1".parse().unwrap()),
        drift: Some(DriftRule::default()),
        performance: vec![PerformanceRule { metric: "ctr".into(), floor: 0.05, window_days: 3 }],
        min_retrain_interval_hours: None,
    };
    world.run(&ana(), &Command::ConfigureTriggers(model(), configuration)).unwrap();
    let counted = |actual: [u64; 3]| Shift { psi: None, reference: vec![100, 100, 100], actual: actual.to_vec() };
    let drift = ObserveDrift {
        from: world.now.plus_hours(-24),
        until: world.now,
        source: "nightly".into(),
        features: [("age".to_owned(), counted([250, 40, 10]))].into(),
    };
    world.run(&pipeline(), &Command::ObserveDrift(model(), drift.clone())).unwrap();
    world.run(&pipeline(), &Command::ObserveDrift(model(), drift)).unwrap();
    let ctr = ObservePerformance {
        metric: "ctr".into(),
        value: 0.045,
        from: world.now.plus_days(-3),
        until: world.now,
        source: "outcomes".into(),
        sample: None,
    };
    world.run(&pipeline(), &Command::ObservePerformance(model(), ctr)).unwrap();
    let body = RegisterVersion { lineage: lineage(9), note: String::new(), origin: None, trigger: Some(1) };
    world.run(&pipeline(), &Command::RegisterVersion(model(), body)).unwrap();
    world.days_pass(8);
    let system = person("system", &[Role::Administrator], "");
    world.run(&system, &Command::Tick(AggregateId::Triggers(model()))).unwrap();
    world.days_pass(3);
    world.run(&ana(), &Command::Retrain(model(), Retrain { reason: "New catalogue.".into() })).unwrap();
    world.run(&ana(), &Command::Retrain(model(), Retrain { reason: "At once.".into() })).unwrap();
}

/// An assessment that a version reopens, a request for human review, a secret, another policy.
fn private(world: &mut TestWorld) {
    let model = || "loans".parse().unwrap();
    world.register_model("loans", "unregulated");
    let first = world.unregulated_in_staging("loans", 1);
    let mut scoped = content();
    scoped.scope = Scope { reopened_by: [Class::Features].into(), version: Some(first.number), ..scoped.scope };
    world.privacy(&olga(), PrivacyCommand::DraftDpia(model(), Box::new(scoped))).unwrap();
    world.advise(&paul(), "loans", true).unwrap();
    world.approve(&paul(), "loans", "").unwrap();
    let mut wider = lineage(2);
    wider.features.names.insert("tenure".into());
    let second = world.register_version("loans", wider);
    world.attach_three_paths(&second);
    world.request(&ben(), &second, Stage::Staging, None).unwrap();
    world.request(&ben(), &second, Stage::Shadow, eu()).unwrap();
    world.days_pass(7);
    world.attach(&second, EvidencePath::Shadow, eu(), Verdict::Green);
    world.request(&ben(), &second, Stage::Canary, eu()).unwrap();
    let commitments: BTreeMap<String, Digest> =
        ["name", "contact", "text"].map(|field| (field.to_owned(), Digest::of(field.as_bytes()))).into();
    let received = ReceiveReview {
        asks: Safeguard::HumanIntervention,
        version: None,
        market: eu(),
        decision: "loan/2026-118".into(),
        received_at: None,
        commitments,
    };
    world.privacy(&paul(), PrivacyCommand::ReceiveReview(model(), received)).unwrap();
    let review = ReviewId { model: model(), number: 1 };
    world.account(&paul());
    world.privacy(&paul(), PrivacyCommand::AssignReview(review.clone(), paul().account)).unwrap();
    let body = ExtendReview { reason: "The file is in another country.".into(), days: None, informed_at: None };
    world.privacy(&paul(), PrivacyCommand::ExtendReview(review, body)).unwrap();
    let hook = RegisterWebhook {
        id: "ci".into(),
        label: "pipeline".into(),
        host: "https://ci.example".into(),
        filter: Filter::default(),
    };
    world.run(&adam(), &Command::RegisterWebhook(hook)).unwrap();
    world.run(&adam(), &Command::RotateWebhook(RotateWebhook { id: "ci".into(), overlap_hours: None })).unwrap();
}

fn story() -> TestWorld {
    let mut world = TestWorld::new();
    regulated(&mut world);
    served(&mut world);
    retrained(&mut world);
    private(&mut world);
    let stricter = DEFAULT_POLICY.replace("health_minutes = 15", "health_minutes = 10");
    world.run(&adam(), &Command::AdoptPolicy(stricter)).unwrap();
    world
}

/// A figure of an entry, where it stands in the payload, and what it is changed to.
const TAMPERED: &[(&str, &str, &str)] = &[
    ("campaign", "attestation.campaign_opened", "/models"),
    ("champion", "champion.rolled_back", "/healthy_at"),
    ("vote", "committee.voted", "/package"),
    ("content", "dpia.approved", "/content"),
    ("high risks", "dpia.approved", "/high_risks"),
    ("review date", "dpia.approved", "/review_at"),
    ("advice", "dpia.advised", "/content"),
    ("fingerprint", "dpia.drafted", "/fingerprints/features"),
    ("classes", "dpia.reopened", "/classes"),
    ("index", "drift.observed", "/features/age/psi"),
    ("floor", "drift.observed", "/bin_floor"),
    ("drill", "drill.finished", "/passed"),
    ("time of a drill", "drill.finished", "/millis"),
    ("target of a drill", "drill.finished", "/target_seconds"),
    ("answer", "gate.answered", "/yes"),
    ("review due", "kill_switch.engaged", "/review_due"),
    ("materiality before", "materiality.set", "/from"),
    ("digest", "policy.adopted", "/digest"),
    ("due date", "promotion.requested", "/due_at"),
    ("materiality", "promotion.requested", "/assessed/materiality"),
    ("small changes", "promotion.requested", "/assessed/small_changes"),
    ("quorum", "promotion.requested", "/committee/quorum"),
    ("members", "promotion.requested", "/committee/members"),
    ("package", "promotion.signed", "/package"),
    ("parts", "promotion.signed", "/parts/lineage"),
    ("extension", "review.extended", "/due_at"),
    ("review", "review.received", "/due_at"),
    ("blocked", "rollback.blocked", "/reason"),
    ("share after", "rollout.advanced", "/to_percent"),
    ("requirements", "rollout.advanced", "/requirements"),
    ("step", "rollout.approved", "/package"),
    ("standby", "rollout.completed", "/standby_until"),
    ("verdict", "rollout.observed", "/verdict"),
    ("guardrail", "rollout.observed", "/judged/0/guardrail/at_most"),
    ("guardrail's verdict", "rollout.observed", "/judged/0/verdict"),
    ("share", "rollout.observed", "/percent"),
    ("measured", "rollout.observed", "/figures/0/lower"),
    ("share before", "rollout.rolled_back", "/from_percent"),
    ("strike", "rollout.struck", "/strike"),
    ("share after a strike", "rollout.struck", "/to_percent"),
    ("violations", "rollout.struck", "/violations"),
    ("time to apply", "routing.applied", "/millis"),
    ("statement", "safeguards.confirmed", "/statement"),
    ("materiality of a transition", "stage.transitioned", "/materiality"),
    ("package of a transition", "stage.transitioned", "/package"),
    ("requirements of a transition", "stage.transitioned", "/requirements"),
    ("weights", "stage.transitioned", "/weights"),
    ("steps", "stage.transitioned", "/serving/steps"),
    ("tier", "tier.assessed", "/to"),
    ("priority", "trigger.fired", "/priority"),
    ("figure", "trigger.fired", "/figures/0/value"),
    ("threshold", "trigger.fired", "/thresholds/psi_threshold"),
    ("interval", "trigger.suppressed", "/reason/interval/until"),
    ("depth", "validation.recorded", "/depth"),
    ("prompt", "version.registered", "/prompt/figures/0/value"),
    ("longest waiver", "waiver.granted", "/max_days"),
    ("longest overlap", "webhook.rotated", "/longest_overlap_hours"),
];

/// Another value of the same shape.
fn other(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!(!value),
        Value::Number(number) if number.is_f64() => json!(number.as_f64().unwrap() * 0.5),
        Value::Number(number) => json!(number.as_u64().unwrap() + 1),
        Value::Array(list) => json!(list[1..]),
        Value::String(text) => match text.as_str() {
            "green" => json!("red"),
            "undecided" | "red" => json!("green"),
            "material" => json!("non_material"),
            "non_material" => json!("material"),
            "normal" => json!("emergency"),
            "emergency" => json!("normal"),
            "full" => json!("abbreviated"),
            "1" | "3" => json!("2"),
            "2" => json!("1"),
            text if text.starts_with("sha256:") => json!(Digest::of(b"another")),
            text if text.starts_with("20") && text.ends_with('Z') => json!(at(text).plus_days(1)),
            text => json!(format!("{text} Or so.")),
        },
        other => panic!("{other}"),
    }
}

#[test]
fn every_entry_of_a_long_story_comes_out_again() {
    let world = story();
    let mut covered: BTreeMap<&str, usize> = BTreeMap::new();
    for recorded in &world.log {
        let done = again(&world.log, recorded);
        assert!(done.is_equal(), "entry {} {}: {:?}", recorded.seq, recorded.event.kind(), done.differences);
        match grounds(&recorded.event) {
            Grounds::Ledger => {
                assert!(done.figures > 0, "{}", recorded.event.kind());
                *covered.entry(recorded.event.kind()).or_default() += done.figures;
            }
            Grounds::Nothing | Grounds::File => assert_eq!(done.figures, 0, "{}", recorded.event.kind()),
        }
    }
    let tampered: BTreeSet<&str> = TAMPERED.iter().map(|(_, kind, _)| *kind).collect();
    assert_eq!(covered.keys().copied().collect::<BTreeSet<_>>(), tampered, "the story holds every kind with figures");
}

#[test]
fn a_figure_that_was_tampered_with_is_named() {
    let world = story();
    for (what, kind, pointer) in TAMPERED {
        let mut found = world.log.iter().filter(|recorded| {
            recorded.event.kind() == *kind
                && recorded
                    .event
                    .payload()
                    .unwrap()
                    .pointer(pointer)
                    .is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()))
        });
        let honest = found.next().unwrap_or_else(|| panic!("no {kind} with {pointer}"));
        let mut payload = honest.event.payload().unwrap();
        let place = payload.pointer_mut(pointer).unwrap();
        *place = other(place);
        let event = Event::from_entry(kind, &payload).unwrap_or_else(|error| panic!("{what}: {error}"));
        let forged = Recorded { event, ..honest.clone() };
        let done = again(&world.log, &forged);
        assert!(!done.is_equal(), "{what}: {kind} {pointer} was changed and nobody noticed: {payload}");
    }
}

#[test]
fn what_was_told_is_no_computed_figure() {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    // A policy that takes an index as it is told.
    let policy = DEFAULT_POLICY.replace("counts_required = true", "counts_required = false");
    world.run(&adam(), &Command::AdoptPolicy(policy)).unwrap();
    let told = ObserveDrift {
        from: world.now.plus_hours(-24),
        until: world.now,
        source: "nightly".into(),
        features: [("age".to_owned(), Shift { psi: Some(0.3), ..Shift::default() })].into(),
    };
    let recorded = world.run(&pipeline(), &Command::ObserveDrift("streamrec".parse().unwrap(), told)).unwrap();
    assert_eq!(grounds(&recorded[0].event), Grounds::Nothing, "the sender reckoned it");
    let id: VersionId = world.register_version("streamrec", lineage(1));
    assert_eq!(grounds(&world.log.last().unwrap().event), Grounds::Nothing, "{id}");
}

#[test]
fn an_entry_without_the_ones_it_rests_on_does_not_come_about() {
    let world = story();
    let struck = world.log.iter().find(|recorded| recorded.event.kind() == "rollout.struck").unwrap();
    let Event::RolloutStruck(body) = &struck.event else { panic!() };
    let mut past = Past::of(struck);
    for entry in world.log.iter().filter(|entry| entry.seq != body.observation) {
        past.take(entry).unwrap();
    }
    let done = of_entry(struck, &past);
    assert!(done.differences[0].contains("no red window"), "{:?}", done.differences);
}
