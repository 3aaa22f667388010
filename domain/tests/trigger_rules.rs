//! Retraining triggers in the words of the rules: what fires, what is suppressed and why, what an emergency passes, and
//! whose approval a version trained on drifted data needs. A year of a model's life passes on a clock of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use std::collections::BTreeMap;

use common::*;
use domain::{
    Aggregate, AggregateId, Command, Event, Recorded, Refusal, Stage, VersionId,
    access::Principal,
    account::Role,
    clock,
    command::RegisterVersion,
    deployment::{ServingCommand, command::RollBack},
    evidence::{EvidencePath, Verdict},
    policy::DEFAULT_POLICY,
    trigger::{
        ApproveDrift, Cause, Configuration, DriftRule, Fired, ObserveDrift, ObservePerformance, PerformanceRule,
        Priority, Reason, Retrain, Shift, Suppressed, Triggers,
    },
};
use ledger::Timestamp;
use proptest::prelude::*;

const MODEL: &str = "streamrec";

fn triggers_id() -> AggregateId {
    AggregateId::Triggers(MODEL.parse().unwrap())
}

/// Weekly on Monday at 02:00, drift, and a floor under the click rate.
fn usual() -> Configuration {
    Configuration {
        schedule: Some("0 2 * * 1".parse().unwrap()),
        drift: Some(DriftRule::default()),
        performance: vec![PerformanceRule { metric: "ctr".into(), floor: 0.05, window_days: 3 }],
        min_retrain_interval_hours: None,
    }
}

/// A world with an unregulated model whose triggers are configured so.
fn world_with(configuration: &Configuration) -> TestWorld {
    let mut world = TestWorld::new();
    world.register_model(MODEL, "unregulated");
    configure(&mut world, configuration).unwrap();
    world
}

fn configure(world: &mut TestWorld, configuration: &Configuration) -> Result<Vec<Recorded>, Refusal> {
    world.run(&ana(), &Command::ConfigureTriggers(MODEL.parse().unwrap(), configuration.clone()))
}

fn triggers(world: &TestWorld) -> &Triggers {
    let Aggregate::Triggers(triggers) = &world.states[&triggers_id()] else { panic!("no triggers") };
    triggers
}

/// A look at `hours` of data that end now, with these indices.
fn look(world: &TestWorld, hours: i64, features: &[(&str, f64)]) -> ObserveDrift {
    ObserveDrift {
        from: world.now.plus_hours(-hours),
        until: world.now,
        source: "nightly drift job".into(),
        features: features.iter().map(|(name, psi)| ((*name).to_owned(), moved(*psi))).collect(),
    }
}

fn observe(world: &mut TestWorld, hours: i64, features: &[(&str, f64)]) -> Vec<Recorded> {
    let body = look(world, hours, features);
    world.run(&pipeline(), &Command::ObserveDrift(MODEL.parse().unwrap(), body)).unwrap()
}

fn measure(world: &mut TestWorld, value: f64, hours: i64) -> Vec<Recorded> {
    let body = ObservePerformance {
        metric: "ctr".into(),
        value,
        from: world.now.plus_hours(-hours),
        until: world.now,
        source: "outcomes job".into(),
        sample: Some(20_000),
    };
    world.run(&pipeline(), &Command::ObservePerformance(MODEL.parse().unwrap(), body)).unwrap()
}

fn tick(world: &mut TestWorld) -> Vec<Recorded> {
    let system = person("system", &[Role::Administrator], "");
    world.run(&system, &Command::Tick(triggers_id())).unwrap()
}

fn kinds(recorded: &[Recorded]) -> Vec<&'static str> {
    recorded.iter().map(|entry| entry.event.kind()).collect()
}

#[track_caller]
fn fired(recorded: &[Recorded]) -> &Fired {
    match &recorded.last().unwrap().event {
        Event::TriggerFired(fired) => fired,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn suppressed(recorded: &[Recorded]) -> &Suppressed {
    match &recorded.last().unwrap().event {
        Event::TriggerSuppressed(suppressed) => suppressed,
        other => panic!("{other:?}"),
    }
}

fn register(world: &mut TestWorld, who: &Principal, seed: u8, trigger: Option<u32>) -> Result<VersionId, Refusal> {
    let body = RegisterVersion { lineage: lineage(seed), note: String::new(), origin: None, trigger };
    let recorded = world.run(who, &Command::RegisterVersion(MODEL.parse().unwrap(), body))?;
    let AggregateId::Version(id) = &recorded[0].subject else { panic!("{recorded:?}") };
    Ok(id.clone())
}

fn approve(world: &mut TestWorld, who: &Principal, id: &VersionId, code: &str) -> Result<Vec<Recorded>, Refusal> {
    let body = ApproveDrift { market: market(code), statement: "A holiday; the logs are whole.".into() };
    world.run(who, &Command::ApproveDrift(id.clone(), body))
}

#[test]
fn drift_is_to_be_approved_once_there_is_something_to_judge_it_by() {
    let mut world = world_with(&usual());
    observe(&mut world, 24, &[("age", 0.31)]);
    let id = register(&mut world, &pipeline(), 7, Some(1)).unwrap();
    let wanted = |world: &TestWorld| -> Vec<(String, Timestamp)> {
        let (model, policy) = (world.model(MODEL), &world.policy().policy);
        let all = world.version(&id).drift_to_approve();
        all.map(|wanted| (wanted.market.to_string(), wanted.due(model, policy))).collect()
    };
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    let entered = world.version(&id).tracks[&market("US")].since;
    assert_eq!(wanted(&world), [], "Shadow has begun, and shown nothing yet");
    world.days_pass(1);
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    assert_eq!(wanted(&world), [("US".to_owned(), entered.plus_days(7))], "not before Shadow may end");
    world.days_pass(5);
    world.request(&ben(), &id, Stage::Canary, us()).unwrap();
    let due = world.version(&id).requests.last().unwrap().due_at;
    assert_eq!(wanted(&world), [("US".to_owned(), due)], "with the answer to the request");
    world.days_pass(30);
    assert_eq!(world.tick(&id), 0, "it is not skipped, however late it is");
    approve(&mut world, &vera(), &id, "US").unwrap();
    assert_eq!(world.stage(&id, us().as_ref()), Stage::Canary);
    assert_eq!(wanted(&world), []);
}

#[test]
fn an_observation_may_end_as_far_ahead_as_clocks_may_differ() {
    let mut world = world_with(&usual());
    let ahead = |world: &TestWorld, seconds: i64| {
        let body = ObserveDrift { until: world.now.plus_seconds(seconds), ..look(world, 24, &[("age", 0.1)]) };
        Command::ObserveDrift(MODEL.parse().unwrap(), body)
    };
    let late = ahead(&world, 301);
    assert_invalid(world.run(&pipeline(), &late), "until", "limits.clock_skew_minutes, which is 5");
    let fine = ahead(&world, 300);
    world.run(&pipeline(), &fine).unwrap();
    adopt_changed(&mut world, "clock_skew_minutes = 5\n", "");
    let late = ahead(&world, 1);
    assert_invalid(world.run(&pipeline(), &late), "until", "lies in the future");
    let fine = ahead(&world, 0);
    world.run(&pipeline(), &fine).unwrap();
}

#[test]
fn drift_over_the_threshold_on_a_day_of_data_fires_with_its_figures_and_thresholds() {
    let mut world = world_with(&usual());
    assert_eq!(kinds(&observe(&mut world, 24, &[("age", 0.25), ("city", 0.1)])), ["drift.observed"], "not over it");
    let recorded = observe(&mut world, 24, &[("age", 0.31), ("city", 0.1), ("hour", 0.45)]);
    assert_eq!(kinds(&recorded), ["drift.observed", "trigger.fired"]);
    let firing = fired(&recorded);
    assert_eq!((firing.firing, firing.about.cause, firing.about.priority), (1, Cause::Drift, Priority::Normal));
    let names: Vec<&str> = firing.about.figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["hour", "age"], "the furthest first");
    assert_eq!(firing.about.observation, Some(recorded[0].seq));
    assert!((firing.about.thresholds.psi_threshold - 0.25).abs() < f64::EPSILON);
    assert_eq!(firing.about.policy, world.policy().digest);
    assert_eq!(triggers(&world).drift.as_ref().unwrap().worst[0].name, "hour");
}

#[test]
fn the_server_reckons_the_index_from_counts_and_keeps_them_with_it() {
    let mut world = world_with(&usual());
    let counts = Shift { psi: None, reference: vec![250, 250, 250, 250], actual: vec![200, 300, 200, 300] };
    let mut body = look(&world, 24, &[]);
    body.features = BTreeMap::from([("age".to_owned(), counts)]);
    let recorded = world.run(&pipeline(), &Command::ObserveDrift(MODEL.parse().unwrap(), body)).unwrap();
    let Event::DriftObserved(seen) = &recorded[0].event else { panic!("{recorded:?}") };
    let measured = &seen.features["age"];
    assert!((measured.psi - 0.040_546_510_810_816_42).abs() < 1e-15);
    let again = domain::statistics::psi_of_counts(&measured.reference, &measured.actual, seen.bin_floor).unwrap();
    assert!((again - measured.psi).abs() < f64::EPSILON, "anybody reckons the same from the entry");
}

#[test]
fn less_than_a_day_of_data_fires_nothing_not_even_an_emergency() {
    let mut world = world_with(&usual());
    let recorded = observe(&mut world, 23, &[("age", 0.9)]);
    assert_eq!(suppressed(&recorded).reason, Reason::TooLittleData { hours: 23, needed_hours: 24 });
    assert_eq!(suppressed(&recorded).about.priority, Priority::Emergency);
    let recorded = measure(&mut world, 0.001, 71);
    assert_eq!(suppressed(&recorded).reason, Reason::TooLittleData { hours: 71, needed_hours: 72 });
}

#[test]
fn a_second_firing_within_a_day_is_suppressed_and_a_drift_emergency_bypasses_that() {
    let mut world = world_with(&usual());
    let first = observe(&mut world, 24, &[("age", 0.3)]);
    let at = first.last().unwrap().time;
    world.now = at.plus_hours(23);
    let second = observe(&mut world, 24, &[("age", 0.5)]);
    assert_eq!(
        suppressed(&second).reason,
        Reason::Interval { last: 1, until: at.plus_hours(24) },
        "0.5 is not above 0.5"
    );
    let emergency = observe(&mut world, 24, &[("age", 0.51)]);
    let firing = fired(&emergency);
    assert_eq!((firing.about.priority, firing.bypassed, firing.firing), (Priority::Emergency, Some(1), 2));
    assert_eq!((triggers(&world).fired, triggers(&world).suppressed), (2, 1));
    world.now = emergency.last().unwrap().time.plus_hours(24);
    assert_eq!(fired(&observe(&mut world, 24, &[("age", 0.3)])).bypassed, None, "the interval is over");
}

#[test]
fn a_metric_below_its_floor_fires_and_a_severe_loss_is_an_emergency() {
    let mut world = world_with(&usual());
    assert_eq!(kinds(&measure(&mut world, 0.05, 72)), ["performance.observed"], "at the floor is not below it");
    let firing = fired(&measure(&mut world, 0.045, 72)).clone();
    assert_eq!((firing.about.cause, firing.about.priority), (Cause::Performance, Priority::Normal));
    assert_eq!((firing.about.figures[0].value, firing.about.figures[0].limit), (0.045, 0.05));
    assert_eq!(fired(&measure(&mut world, 0.039, 72)).about.priority, Priority::Emergency, "22 % below the floor");
    let unknown = ObservePerformance {
        metric: "auc".into(),
        value: 0.1,
        from: world.now.plus_days(-9),
        until: world.now,
        source: "job".into(),
        sample: None,
    };
    let told = world.run(&pipeline(), &Command::ObservePerformance(MODEL.parse().unwrap(), unknown)).unwrap();
    assert_eq!(kinds(&told), ["performance.observed"], "a metric without a floor is only told");
}

#[test]
fn a_person_may_ask_but_not_twice_a_day() {
    let mut world = world_with(&usual());
    let ask = |world: &mut TestWorld, who: &Principal| {
        let body = Retrain { reason: "New labels arrived.".into() };
        world.run(who, &Command::Retrain(MODEL.parse().unwrap(), body))
    };
    assert_refused(ask(&mut world, &audrey()), "access.role", "retraining triggers");
    assert_eq!(fired(&ask(&mut world, &ana()).unwrap()).about.cause, Cause::Manual);
    let again = ask(&mut world, &ana()).unwrap();
    assert!(matches!(suppressed(&again).reason, Reason::Interval { last: 1, .. }), "it is an entry: {again:?}");
    assert_eq!((suppressed(&again).about.note.as_str(), triggers(&world).suppressed), ("New labels arrived.", 1));
    let refusal = triggers(&world).refusal(again[0].seq).unwrap();
    assert_eq!(refusal.rule, "trigger.interval");
    assert!(refusal.message.contains("Firing 1 is too near") && refusal.missing.len() == 2, "{refusal:?}");
    assert_eq!(triggers(&world).refusal(again[0].seq + 1), None);
}

#[test]
fn the_same_window_told_twice_fires_once_even_in_an_emergency() {
    let mut world = world_with(&usual());
    let body = look(&world, 24, &[("age", 0.9)]);
    let tell = |world: &mut TestWorld, body: &ObserveDrift| {
        world.run(&pipeline(), &Command::ObserveDrift(MODEL.parse().unwrap(), body.clone())).unwrap()
    };
    let first = tell(&mut world, &body);
    assert_eq!(fired(&first).about.priority, Priority::Emergency);
    let entry = first.last().unwrap().seq;
    let again = tell(&mut world, &body);
    assert_eq!(suppressed(&again).reason, Reason::SameWindow { firing: 1, entry });
    world.now = world.now.plus_days(3);
    assert_eq!(suppressed(&tell(&mut world, &body)).reason, Reason::SameWindow { firing: 1, entry }, "however late");
    let other = ObserveDrift { source: "another detector".into(), ..body.clone() };
    assert_eq!(fired(&tell(&mut world, &other)).firing, 2, "what another one sees is news");
    let later = ObserveDrift { until: body.until.plus_hours(1), ..body };
    assert_eq!(fired(&tell(&mut world, &later)).firing, 3, "so is another window");
}

#[test]
fn each_metric_of_a_window_is_a_cause_of_its_own() {
    let floor = |metric: &str| PerformanceRule { metric: metric.into(), floor: 0.05, window_days: 1 };
    let mut world = world_with(&Configuration { performance: vec![floor("ctr"), floor("auc")], ..usual() });
    let (from, until) = (world.now.plus_days(-2), world.now);
    let tell = |world: &mut TestWorld, metric: &str| {
        let source = "outcomes job".to_owned();
        let body = ObservePerformance { metric: metric.into(), value: 0.01, from, until, source, sample: None };
        world.run(&pipeline(), &Command::ObservePerformance(MODEL.parse().unwrap(), body)).unwrap()
    };
    assert_eq!(fired(&tell(&mut world, "ctr")).firing, 1);
    assert_eq!(fired(&tell(&mut world, "auc")).firing, 2);
    assert!(matches!(suppressed(&tell(&mut world, "ctr")).reason, Reason::SameWindow { firing: 1, .. }));
}

#[test]
fn a_missed_schedule_fires_once_and_not_for_every_slot_that_was_missed() {
    let daily = Configuration { schedule: Some("30 1 * * *".parse().unwrap()), ..Configuration::default() };
    let mut world = world_with(&daily);
    assert_eq!(tick(&mut world), [], "the slot of this morning lies before the configuration");
    world.now = at("2026-11-09T12:00:00.000000Z");
    let recorded = tick(&mut world);
    assert_eq!(kinds(&recorded), ["trigger.fired"]);
    assert_eq!(fired(&recorded).about.scheduled_for, Some(at("2026-11-09T01:30:00.000000Z")), "the latest slot");
    assert_eq!(tick(&mut world), [], "another server that ticks the same moment finds nothing");
    world.now = at("2026-11-10T01:30:00.000000Z");
    assert_eq!(kinds(&tick(&mut world)), ["trigger.fired"], "from slot to slot it is a day");
    assert_eq!(triggers(&world).fired, 2);
}

#[test]
fn a_schedule_is_suppressed_near_another_firing_and_its_slot_is_dealt_with() {
    let mut world = world_with(&usual());
    world.now = at("2026-11-08T20:00:00.000000Z");
    observe(&mut world, 24, &[("age", 0.4)]);
    world.now = at("2026-11-09T02:00:00.400000Z");
    let recorded = tick(&mut world);
    assert!(matches!(suppressed(&recorded).reason, Reason::Interval { last: 1, .. }), "{recorded:?}");
    assert_eq!(tick(&mut world), []);
    assert_eq!(triggers(&world).next_moment(), Some(at("2026-11-16T02:00:00.000000Z")));
}

#[test]
fn a_model_chooses_within_the_policys_bounds_only() {
    let mut world = world_with(&usual());
    let wrong = |change: &dyn Fn(&mut Configuration)| {
        let mut configuration = usual();
        change(&mut configuration);
        configuration
    };
    let cases: [(Configuration, &str, &str); 8] = [
        (wrong(&|c| c.min_retrain_interval_hours = Some(5)), "min_retrain_interval_hours", "6 to 720"),
        (wrong(&|c| c.drift = Some(DriftRule { psi_threshold: Some(0.6) })), "drift.psi_threshold", "0.1 to 0.5"),
        (wrong(&|c| c.drift = Some(DriftRule { psi_threshold: Some(f64::NAN) })), "drift.psi_threshold", "0.1 to 0.5"),
        (wrong(&|c| c.schedule = Some("0 * * * *".parse().unwrap())), "schedule", "1 hours apart"),
        (wrong(&|c| c.schedule = Some("0 0 30 2 *".parse().unwrap())), "schedule", "no slot"),
        (wrong(&|c| c.performance[0].floor = -0.1), "performance.floor", "above 0"),
        (wrong(&|c| c.performance[0].window_days = 0), "performance.window_days", "1 to 366"),
        (wrong(&|c| c.performance.push(c.performance[0].clone())), "performance.metric", "named twice"),
    ];
    for (configuration, field, part) in cases {
        assert_invalid(configure(&mut world, &configuration), field, part);
    }
    assert_refused(configure(&mut world, &usual()), "trigger.changed", "already");
    let closer = wrong(&|c| {
        c.min_retrain_interval_hours = Some(6);
        c.schedule = Some("0 0,6,12,18 * * *".parse().unwrap());
    });
    configure(&mut world, &closer).unwrap();
}

#[test]
fn policy_asks_for_the_counts_and_for_enough_of_them() {
    let mut world = world_with(&usual());
    let tell = |world: &mut TestWorld, shift: Shift| {
        let mut body = look(world, 24, &[]);
        body.features = BTreeMap::from([("age".to_owned(), shift)]);
        world.run(&pipeline(), &Command::ObserveDrift(MODEL.parse().unwrap(), body))
    };
    let counts =
        |reference: &[u64], actual: &[u64]| Shift { psi: None, reference: reference.into(), actual: actual.into() };
    let index = Shift { psi: Some(0.9), ..Shift::default() };
    assert_invalid(tell(&mut world, index), "features", "asks for the counts of age");
    // Two rows would make an emergency of nothing.
    assert_invalid(tell(&mut world, counts(&[1, 0], &[0, 1])), "features", "1 reference and 1 observed rows");
    assert_invalid(tell(&mut world, counts(&[500, 500], &[199, 0])), "features", "at least 200 of each");
    assert_eq!(kinds(&tell(&mut world, counts(&[100, 100], &[100, 100])).unwrap()), ["drift.observed"]);
}

/// The shipped policy as it was before it asked for counts.
fn older_policy() -> String {
    DEFAULT_POLICY.replace("counts_required = true\nmin_rows = 200\nmin_data_days", "min_data_days")
}

#[test]
fn an_older_policy_takes_an_index_as_it_did() {
    let mut world = world_with(&usual());
    world.run(&adam(), &Command::AdoptPolicy(older_policy())).unwrap();
    let mut body = look(&world, 24, &[]);
    body.features = BTreeMap::from([("age".to_owned(), Shift { psi: Some(0.3), ..Shift::default() })]);
    let recorded = world.run(&pipeline(), &Command::ObserveDrift(MODEL.parse().unwrap(), body)).unwrap();
    assert_eq!(kinds(&recorded), ["drift.observed", "trigger.fired"]);
}

#[test]
fn observations_that_cannot_be_are_refused() {
    let mut world = world_with(&usual());
    world.run(&adam(), &Command::AdoptPolicy(older_policy())).unwrap();
    let tell = |world: &mut TestWorld, change: &dyn Fn(&mut ObserveDrift)| {
        let mut body = look(world, 24, &[("age", 0.3)]);
        change(&mut body);
        world.run(&pipeline(), &Command::ObserveDrift(MODEL.parse().unwrap(), body))
    };
    let feature = |shift: Shift| BTreeMap::from([("age".to_owned(), shift)]);
    let counts =
        |reference: &[u64], actual: &[u64]| Shift { psi: None, reference: reference.into(), actual: actual.into() };
    assert_invalid(tell(&mut world, &|b| b.until = b.from), "until", "after from");
    assert_invalid(tell(&mut world, &|b| b.until = b.until.plus_days(3)), "until", "future");
    assert_invalid(
        tell(&mut world, &|b| (b.from, b.until) = (b.from.plus_days(-30), b.until.plus_days(-30))),
        "until",
        "more than 7 days ago",
    );
    assert_invalid(tell(&mut world, &|b| b.features.clear()), "features", "1 to 500");
    for psi in [f64::NAN, f64::INFINITY, -0.1] {
        assert_invalid(
            tell(&mut world, &|b| b.features = feature(Shift { psi: Some(psi), ..Shift::default() })),
            "features",
            "finite number",
        );
    }
    assert_invalid(tell(&mut world, &|b| b.features = feature(counts(&[1, 2], &[1]))), "features", "2 to 100 bins");
    assert_invalid(tell(&mut world, &|b| b.features = feature(counts(&[0, 0], &[1, 2]))), "features", "without rows");
    assert_invalid(
        tell(&mut world, &|b| b.features = feature(Shift { psi: Some(0.1), ..counts(&[1, 2], &[1, 2]) })),
        "features",
        "not both",
    );
    assert_refused(tell(&mut TestWorld::new(), &|_| ()), "subject.exists", "No such model");
}

#[test]
fn a_policy_without_triggers_lets_none_be_configured() {
    let mut world = TestWorld::new();
    world.register_model(MODEL, "unregulated");
    let (before, _) = DEFAULT_POLICY.split_once("# When a model is trained again").unwrap();
    world.run(&adam(), &Command::AdoptPolicy(before.into())).unwrap();
    let refusal = assert_refused(configure(&mut world, &usual()), "policy.triggers", "administrator");
    assert_eq!(refusal.missing[0].supplier, Some(Role::Administrator));
}

#[test]
fn contradictions_in_the_policys_triggers_are_named() {
    for (from, to, part) in [
        ("lowest = 6", "lowest = 0", "[triggers.min_retrain_interval_hours] lowest is 0"),
        ("default = 24", "default = 2", "outside of its bounds"),
        ("highest = 0.5", "highest = 0.7", "psi_emergency"),
        ("psi_moderate = 0.1", "psi_moderate = 0.3", "rise in this order"),
        ("\"data_scientist\", \"mrm_validator\"", "\"service\"", "cannot approve drift"),
    ] {
        assert!(DEFAULT_POLICY.contains(from), "{from}");
        let error = domain::policy::Policy::from_toml(&DEFAULT_POLICY.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains("triggers") && error.contains(part), "{error}");
    }
}

#[test]
fn a_version_says_which_firing_it_answers() {
    let mut world = world_with(&usual());
    assert_invalid(register(&mut world, &ana(), 1, Some(1)), "trigger", "none fired yet");
    observe(&mut world, 24, &[("age", 0.4)]);
    let by_hand = register(&mut world, &ana(), 1, None).unwrap();
    assert_eq!(world.version(&by_hand).cause(), Cause::Manual, "a person knows what it registers");
    let named = register(&mut world, &pipeline(), 2, Some(1)).unwrap();
    assert_eq!(world.version(&named).cause(), Cause::Drift);
    assert_eq!(triggers(&world).firing(1).unwrap().answers[0].version, named.number);
    assert_invalid(register(&mut world, &pipeline(), 3, Some(7)), "trigger", "the latest firing is 1");
    let later = register(&mut world, &pipeline(), 3, None).unwrap();
    assert_eq!(world.version(&later).cause(), Cause::Drift, "nothing else has fired since");
    world.days_pass(2);
    let wanted = Command::Retrain("streamrec".parse().unwrap(), Retrain { reason: "A new label.".into() });
    assert_eq!(fired(&world.run(&ana(), &wanted).unwrap()).firing, 2);
    let other = register(&mut world, &pipeline(), 4, None).unwrap();
    assert_eq!(world.version(&other).cause(), Cause::Manual, "the drift was answered, and something else fired since");
}

#[test]
fn an_earlier_answered_firing_does_not_evade_the_approval_either() {
    let mut world = world_with(&usual());
    world.now = at("2026-11-09T02:00:00.000000Z");
    tick(&mut world);
    register(&mut world, &pipeline(), 1, Some(1)).unwrap();
    world.days_pass(2);
    assert_eq!(fired(&observe(&mut world, 48, &[("age", 0.4)])).firing, 2);
    assert_invalid(register(&mut world, &pipeline(), 2, Some(1)), "trigger", "firing 2 for drift has come since");
    let named = register(&mut world, &pipeline(), 2, Some(2)).unwrap();
    assert_eq!(world.version(&named).cause(), Cause::Drift);
}

#[test]
fn a_pipeline_that_leaves_the_number_out_does_not_evade_the_approval() {
    let mut world = world_with(&usual());
    observe(&mut world, 24, &[("age", 0.4)]);
    let id = register(&mut world, &pipeline(), 1, None).unwrap();
    assert_eq!(world.version(&id).prompt.as_ref().unwrap().firing, 1);
}

/// A version in Shadow in the US, a week on, with green shadow evidence.
fn shadowed(world: &mut TestWorld, trigger: Option<u32>) -> VersionId {
    let id = register(world, &ana(), 1, trigger).unwrap();
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    world.days_pass(7);
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    id
}

#[test]
fn a_drift_triggered_version_waits_for_a_person_before_canary_and_a_scheduled_one_does_not() {
    let mut world = world_with(&usual());
    world.now = at("2026-11-09T02:00:00.000000Z");
    assert_eq!(fired(&tick(&mut world)).about.cause, Cause::Scheduled);
    let scheduled = shadowed(&mut world, Some(1));
    world.request(&ben(), &scheduled, Stage::Canary, us()).unwrap();
    assert_eq!(world.stage(&scheduled, us().as_ref()), Stage::Canary);
    let back = ServingCommand::RollBack(RollBack { version: scheduled.number, reason: "Another comes.".into() });
    world.run(&ben(), &Command::Serve(scheduled.model.clone(), market("US"), back)).unwrap();

    observe(&mut world, 48, &[("age", 0.31), ("hour", 0.28)]);
    let drifted = shadowed(&mut world, Some(2));
    let asked = world.request(&ben(), &drifted, Stage::Canary, us()).unwrap();
    assert_eq!(kinds(&asked), ["promotion.requested"], "it waits");
    let open = world.requirement(&drifted, Stage::Canary, us().as_ref(), "drift.approved");
    assert!(!open.met && open.details[0].contains("age, hour"), "{open:?}");

    assert_refused(approve(&mut world, &ana(), &drifted, "US"), "drift.four_eyes", "You registered");
    assert_refused(approve(&mut world, &rosa(), &drifted, "US"), "drift.approver", "Data scientist, MRM validator");
    assert_refused(approve(&mut world, &audrey(), &drifted, "US"), "access.role", "approve drift");
    assert_refused(approve(&mut world, &pipeline(), &drifted, "US"), "access.role", "approve drift");
    assert_refused(approve(&mut world, &victor(), &drifted, "JP"), "market.known", "US, EU");
    assert_refused(approve(&mut world, &victor(), &scheduled, "EU"), "drift.caused", "not trained because of drift");
    let tired = Asking { reauthenticated: false, ..Asking::from(&victor()) };
    let body = ApproveDrift { market: market("US"), statement: "Fine.".into() };
    let again = world.ask(&tired, &Command::ApproveDrift(drifted.clone(), body));
    assert_refused(again, "signing.reauthentication", "password");

    let approved = approve(&mut world, &victor(), &drifted, "US").unwrap();
    assert_eq!(kinds(&approved), ["drift.approved", "stage.transitioned"], "it was all that was missing");
    let Event::StageTransitioned { requirements, .. } = &approved[1].event else { panic!() };
    assert!(requirements.contains(&"drift.approved".to_owned()));
    assert!(!world.version(&drifted).drift_approvals.contains_key(&market("EU")), "each market has its own");
    assert_refused(approve(&mut world, &ben(), &drifted, "US"), "drift.place", "Canary");
    approve(&mut world, &ben(), &drifted, "EU").unwrap();
    assert_refused(approve(&mut world, &victor(), &drifted, "EU"), "drift.once", "already");
}

#[test]
fn an_approval_of_drift_lets_signatures_stand() {
    let mut world = world_with(&usual());
    observe(&mut world, 48, &[("age", 0.31)]);
    let id = register(&mut world, &ana(), 1, Some(1)).unwrap();
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.request(&ben(), &id, Stage::Shadow, eu()).unwrap();
    world.days_pass(7);
    world.attach(&id, EvidencePath::Shadow, eu(), Verdict::Green);
    world.request(&ben(), &id, Stage::Canary, eu()).unwrap();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    let second = world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    assert_eq!(kinds(&second), ["promotion.signed"], "the drift is not approved yet");
    let approved = approve(&mut world, &vera(), &id, "EU").unwrap();
    assert_eq!(kinds(&approved), ["drift.approved", "stage.transitioned"]);
}

/// Lets the clock run as the server's clockwork does: from one moment of the state to the next.
fn live_until(world: &mut TestWorld, end: Timestamp, day: &mut dyn FnMut(&mut TestWorld)) {
    while world.now < end {
        let next_day = world.now.plus_days(1);
        while let Some(moment) = next_moment(world).filter(|moment| *moment <= next_day) {
            world.now = world.now.max(moment);
            assert!(!tick(world).is_empty(), "a moment that has come makes something happen");
        }
        world.now = world.now.max(next_day);
        day(world);
    }
}

fn next_moment(world: &TestWorld) -> Option<Timestamp> {
    let state = &world.states[&triggers_id()];
    clock::moments(state, &domain::World::default()).into_iter().min()
}

#[test]
fn a_year_of_weekly_retraining_with_drift_in_spring_is_lived_in_a_second() {
    let mut world = world_with(&usual());
    let start = world.now;
    let mut days = 0;
    live_until(&mut world, start.plus_days(365), &mut |world| {
        days += 1;
        // Two weeks of moderate drift in spring, one extreme day in summer.
        match days {
            150..164 => drop(observe(world, 24, &[("season", 0.3)])),
            230 => drop(observe(world, 24, &[("season", 0.8)])),
            _ => drop(observe(world, 24, &[("season", 0.05)])),
        }
    });
    let count = |cause: Cause, is_firing: bool| {
        let about = |entry: &Recorded| match &entry.event {
            Event::TriggerFired(fired) if is_firing => Some(fired.about.cause),
            Event::TriggerSuppressed(suppressed) if !is_firing => Some(suppressed.about.cause),
            _ => None,
        };
        world.log.iter().filter(|entry| about(entry) == Some(cause)).count()
    };
    let slots = count(Cause::Scheduled, true) + count(Cause::Scheduled, false);
    assert_eq!(slots, 52, "every Monday of the year was dealt with, once");
    assert!(count(Cause::Scheduled, false) >= 1, "a slot near a firing for drift was suppressed");
    assert_eq!(count(Cause::Drift, true) + count(Cause::Drift, false), 15, "every day over the threshold was told of");
    assert!(count(Cause::Drift, true) >= 8, "{}", count(Cause::Drift, true));
    let times: Vec<(Timestamp, Priority)> = world
        .log
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::TriggerFired(fired) => Some((fired.about.scheduled_for.unwrap_or(entry.time), fired.about.priority)),
            _ => None,
        })
        .collect();
    for pair in times.windows(2) {
        let hours = pair[1].0.micros_since(pair[0].0) / 3_600_000_000;
        assert!(hours >= 23 || pair[1].1 == Priority::Emergency, "{hours} hours between two firings");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is observed whenever: two firings lie a day apart unless the later is an emergency; firings are
    /// numbered without gaps; what is not fired is recorded with its reason; and the fold of all entries is the state.
    #[test]
    fn no_sequence_of_observations_fires_twice_within_the_interval(
        steps in prop::collection::vec((1_i64..40, 0.0_f64..0.7, 1_i64..60, any::<bool>()), 1..60)
    ) {
        let mut world = world_with(&usual());
        for (wait, psi, covered, by_clock) in steps {
            world.now = world.now.plus_hours(wait);
            if by_clock {
                tick(&mut world);
            } else {
                observe(&mut world, covered, &[("f", psi)]);
            }
        }
        let mut last: Option<(Timestamp, Option<Timestamp>)> = None;
        let mut number = 0;
        for entry in &world.log {
            let Event::TriggerFired(fired) = &entry.event else { continue };
            number += 1;
            prop_assert_eq!(fired.firing, number);
            if let Some((at, slot)) = last {
                let gap = match (slot, fired.about.scheduled_for) {
                    (Some(before), Some(now)) => now.micros_since(before),
                    _ => entry.time.micros_since(at),
                };
                let is_emergency = fired.about.priority == Priority::Emergency;
                prop_assert!(gap >= 24 * 3_600_000_000 || is_emergency);
                prop_assert_eq!(fired.bypassed.is_some(), gap < 24 * 3_600_000_000);
            }
            last = Some((entry.time, fired.about.scheduled_for));
        }
        prop_assert_eq!(triggers(&world).fired, number);
        let mut again = std::collections::HashMap::new();
        for entry in &world.log {
            apply(&mut again, entry);
        }
        prop_assert_eq!(&again[&triggers_id()], &world.states[&triggers_id()]);
        let text = again[&triggers_id()].to_json().unwrap();
        prop_assert_eq!(&Aggregate::from_json(&triggers_id(), &text).unwrap(), &again[&triggers_id()]);
    }
}
