//! Rollouts, by example: how a version takes over a market step by step, and everything that stops it.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use common::*;
use domain::{
    Aggregate, AggregateId, Command, Event, Market, Recorded, Stage, VersionId,
    account::Role,
    command::{FindingNote, RequestPromotion},
    deployment::{
        Cause, Check, Ending, Figure, KillTarget, Routing, ServingCommand, Strategy, Verdict,
        command::{AskGate, Kill, Observe, Reason, ReportStandby, RollBack},
        course::Course,
    },
    evidence::{EvidencePath, Verdict as EvidenceVerdict},
    lineage::Lineage,
    policy::DEFAULT_POLICY,
    promotion::RequestState,
    refusal::RefusalKind,
    registry::Standing,
    validation::Severity,
};
use ledger::Digest;

fn kinds(recorded: &[Recorded]) -> Vec<&'static str> {
    recorded.iter().map(|entry| entry.event.kind()).collect()
}

/// The lineage of `of` in another image, and nothing else.
fn another_image(of: u8) -> Lineage {
    let mut moved = lineage(of);
    moved.code.image_digest = lineage(of + 100).code.image_digest;
    moved
}

fn reason(text: &str) -> Reason {
    Reason { reason: text.into() }
}

/// Share of each version and of the fallback.
fn weights(world: &TestWorld, market: &Market) -> (Vec<(u32, u8)>, u8) {
    let routing = Routing::of(world.deployment("streamrec", market));
    let served: u32 = routing.targets.iter().map(|target| u32::from(target.weight)).sum();
    assert_eq!(served + u32::from(routing.fallback.weight), 100);
    (routing.targets.iter().map(|target| (target.version.get(), target.weight)).collect(), routing.fallback.weight)
}

fn in_production(market: &Market) -> (TestWorld, VersionId) {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    world.walk_to_production(&id, market);
    (world, id)
}

fn in_canary(market: &Market) -> (TestWorld, VersionId) {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    world.walk_to_canary(&id, market);
    (world, id)
}

/// Version 1 is champion, version 2 at its first step after the promotion.
fn second_rolling_out(place: &Market) -> (TestWorld, VersionId, VersionId) {
    let (mut world, first) = in_production(place);
    world.roll_out(&first, place);
    let second = world.unregulated_in_staging("streamrec", 2);
    world.walk_to_production(&second, place);
    (world, first, second)
}

#[test]
fn a_us_version_takes_over_by_10_25_50_and_100_percent() {
    let place = market("US");
    let (mut world, id) = in_canary(&place);
    assert_eq!(weights(&world, &place), (vec![(1, 10)], 90), "rules answer whom no version serves");
    world.days_pass(3);
    world.attach(&id, EvidencePath::Canary, us(), EvidenceVerdict::Green);
    world.request(&ben(), &id, Stage::Production, us()).unwrap();
    assert_eq!(world.stage(&id, Some(&place)), Stage::Production);
    assert_eq!(world.model("streamrec").standing(id.number, &place), Standing::RollingOut);
    for (now, next) in [(10, 25), (25, 50), (50, 100)] {
        assert_eq!(weights(&world, &place), (vec![(1, now)], 100 - now), "promotion alone raises no share");
        world.days_pass(1);
        assert_eq!(kinds(&world.observe(&id, &place, 0.001, 9_999).unwrap()), ["rollout.observed"], "sample too small");
        let recorded = world.observe(&id, &place, 0.001, 1).unwrap();
        assert_eq!(kinds(&recorded), ["rollout.observed", "rollout.advanced"]);
        let Event::RolloutAdvanced(body) = &recorded[1].event else { panic!() };
        assert_eq!((body.from_percent, body.to_percent), (now, next));
        assert!(body.requirements.contains(&"rollout.sample".to_owned()), "{body:?}");
    }
    assert_eq!(
        world.model("streamrec").standing(id.number, &place),
        Standing::RollingOut,
        "at 100 %, not yet champion"
    );
    world.days_pass(1);
    let recorded = world.observe(&id, &place, 0.001, 20_000).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.observed", "rollout.completed"]);
    assert_eq!(world.model("streamrec").standing(id.number, &place), Standing::Champion);
    assert!(world.model("streamrec").rolling_out.is_empty());
}

#[test]
fn time_takes_no_step_of_a_version_that_is_switched_off() {
    let place = market("US");
    let (mut world, id) = in_production(&place);
    world.observe(&id, &place, 0.001, 20_000).unwrap();
    let kill = Kill { to: KillTarget::Fallback, reason: "Harm.".into() };
    world.serve(&ben(), "streamrec", &place, ServingCommand::Kill(kill)).unwrap();
    world.days_pass(2);
    assert!(world.tick_market("streamrec", &place).is_empty(), "all else that a step takes is there");
}

#[test]
fn a_window_may_end_as_far_ahead_as_clocks_may_differ() {
    let place = market("US");
    let (mut world, id) = in_production(&place);
    let ending = |world: &TestWorld, seconds: i64| {
        let figure =
            |metric: &str, value: f64| Figure { metric: metric.into(), value, lower: Some(value), upper: Some(value) };
        ServingCommand::Observe(Observe {
            version: id.number,
            from: world.now.plus_minutes(-1),
            to: world.now.plus_seconds(seconds),
            sample: 10,
            figures: vec![figure("error_rate", 0.001), figure("p99_ratio", 1.0)],
        })
    };
    world.now = world.now.plus_minutes(30);
    let late = ending(&world, 301);
    assert_invalid(world.serve(&pipeline(), "streamrec", &place, late), "to", "limits.clock_skew_minutes");
    let fine = ending(&world, 300);
    world.serve(&pipeline(), "streamrec", &place, fine).unwrap();
}

#[test]
fn a_figure_without_its_interval_is_refused_where_policy_judges_by_interval() {
    let place = market("US");
    let (mut world, id) = in_production(&place);
    let bare = |world: &mut TestWorld, lower: Option<f64>, upper: Option<f64>| {
        world.now = world.now.plus_minutes(10);
        let exact =
            |metric: &str, value: f64| Figure { metric: metric.into(), value, lower: Some(value), upper: Some(value) };
        let rate = Figure { lower, upper, ..exact("error_rate", 0.011) };
        let body = Observe {
            version: id.number,
            from: world.now.plus_minutes(-9),
            to: world.now,
            sample: 200,
            figures: vec![rate, exact("p99_ratio", 1.0)],
        };
        world.serve(&pipeline(), "streamrec", &place, ServingCommand::Observe(body))
    };
    for (lower, upper) in [(None, None), (Some(0.002), None), (None, Some(0.03))] {
        let refusal = assert_refused(bare(&mut world, lower, upper), "rollout.interval", "Error rate");
        assert_eq!(refusal.missing.len(), 1, "the figure that states both ends is not named: {refusal:?}");
        assert!(refusal.missing[0].message.contains("State lower and upper of error_rate"), "{refusal:?}");
        assert_eq!(refusal.missing[0].supplier, Some(Role::Service));
    }
    // One error in ninety of two hundred requests proves nothing; said with its interval, it strikes nobody.
    let recorded = bare(&mut world, Some(0.003), Some(0.03)).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.observed"]);
    // A policy from before says nothing of intervals, and judges the point as it did.
    world.run(&adam(), &Command::AdoptPolicy(DEFAULT_POLICY.replace("interval = true\n", ""))).unwrap();
    assert_eq!(kinds(&bare(&mut world, None, None).unwrap()), ["rollout.observed", "rollout.struck"]);
}

#[test]
fn time_alone_advances_once_the_sample_is_there() {
    let place = market("US");
    let (mut world, id) = in_production(&place);
    world.observe(&id, &place, 0.001, 20_000).unwrap();
    assert_eq!(weights(&world, &place), (vec![(1, 25)], 75));
    world.observe(&id, &place, 0.001, 20_000).unwrap();
    assert!(world.tick_market("streamrec", &place).is_empty(), "the day is not over");
    let state = Aggregate::Deployment(world.deployment("streamrec", &place).clone().into());
    let mut view = domain::World::default();
    view.put(&Aggregate::Policy(world.policy().clone().into()));
    let moments = domain::clock::moments(&state, &view);
    assert_eq!(moments.len(), 1);
    world.now = moments[0];
    assert_eq!(kinds(&world.tick_market("streamrec", &place)), ["rollout.advanced"]);
    assert!(world.tick_market("streamrec", &place).is_empty(), "a tick too many does no harm");
}

#[test]
fn every_step_in_the_eu_waits_for_a_person() {
    let place = market("EU");
    let (mut world, id) = in_production(&place);
    assert_eq!(weights(&world, &place), (vec![(1, 5)], 95));
    assert_refused(world.approve_step(&victor(), &id, &place), "signing.complete", "nothing complete");
    world.days_pass(2);
    world.observe(&id, &place, 0.001, 20_000).unwrap();
    world.days_pass(30);
    assert!(world.tick_market("streamrec", &place).is_empty(), "time alone never exposes more users");
    for who in [ana(), ben(), rosa(), pipeline()] {
        assert!(world.approve_step(&who, &id, &place).is_err(), "{}", who.account);
    }
    let asking = Asking { reauthenticated: false, ..(&victor()).into() };
    let body = world.step_approval(&id, &place);
    let command = Command::Serve("streamrec".parse().unwrap(), place.clone(), ServingCommand::Approve(body.clone()));
    assert_refused(world.ask(&asking, &command), "signing.reauthentication", "password");
    world.observe(&id, &place, 0.001, 5).unwrap();
    assert_refused(world.run(&victor(), &command), "signing.stale_package", "read it again");
    let wrong = ServingCommand::Approve(domain::deployment::command::ApproveStep {
        meaning: "Fine.".into(),
        package: Digest::of(b"x"),
        ..body
    });
    assert_refused(world.serve(&victor(), "streamrec", &place, wrong), "signing.meaning", "I reviewed the results");
    let recorded = world.approve_step(&victor(), &id, &place).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.approved", "rollout.advanced"]);
    assert_eq!(weights(&world, &place), (vec![(1, 10)], 90));
    world.roll_out(&id, &place);
    assert_eq!(weights(&world, &place), (vec![(1, 100)], 0));
}

#[test]
fn a_developer_who_validates_elsewhere_approves_no_step_of_his_own() {
    let place = market("EU");
    let (mut world, id) = in_production(&place);
    world.days_pass(2);
    world.observe(&id, &place, 0.001, 20_000).unwrap();
    for id_of in ["ana", "ben"] {
        let who = person(id_of, &[Role::DataScientist, Role::MrmValidator], "elsewhere");
        assert_refused(world.approve_step(&who, &id, &place), "signing.four_eyes", "Ask a colleague");
    }
}

#[test]
fn the_first_strike_steps_back_and_the_second_rolls_back_fully() {
    let place = market("US");
    let (mut world, first, second) = second_rolling_out(&place);
    assert_eq!(weights(&world, &place), (vec![(2, 10), (1, 90)], 0));
    for share in [25, 50] {
        world.days_pass(1);
        world.observe(&second, &place, 0.001, 20_000).unwrap();
        assert_eq!(weights(&world, &place), (vec![(2, share), (1, 100 - share)], 0));
    }
    let recorded = world.observe(&second, &place, 0.05, 500).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.observed", "rollout.struck"]);
    let Event::RolloutStruck(strike) = &recorded[1].event else { panic!() };
    assert_eq!((strike.strike, strike.from_percent, strike.to_percent), (1, 50, 25));
    assert_eq!(strike.observation, recorded[0].seq);
    assert!(strike.violations[0].starts_with("Error rate is 0.05"), "{strike:?}");
    assert_eq!(weights(&world, &place), (vec![(2, 25), (1, 75)], 0));

    // The second chance is real: the step counts anew, and a green one leads on.
    world.days_pass(1);
    assert_eq!(world.deployment("streamrec", &place).rollout.as_ref().unwrap().sample, 0);
    world.observe(&second, &place, 0.001, 20_000).unwrap();
    assert_eq!(weights(&world, &place), (vec![(2, 50), (1, 50)], 0));

    // But strikes never lapse.
    let recorded = world.observe(&second, &place, 0.05, 500).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.observed", "rollout.struck", "rollout.rolled_back"]);
    assert_eq!(weights(&world, &place), (vec![(1, 100)], 0));
    assert_eq!(world.stage(&second, Some(&place)), Stage::Archived);
    assert_eq!(world.model("streamrec").standing(first.number, &place), Standing::Champion);
    let ended = &world.deployment("streamrec", &place).ended.last().unwrap();
    assert_eq!((ended.ending, ended.cause), (Ending::RolledBack, Some(Cause::Strikes)));
    assert_eq!(ended.rollout.strikes.len(), 2);
    let again = world.request(&ben(), &second, Stage::Shadow, us());
    assert_refused(again, "stage.archived", "Register a new version");
    world.request(&ben(), &second, Stage::Shadow, eu()).unwrap();
    assert_refused(world.observe(&second, &place, 0.001, 1), "rollout.version", "answers no users");
}

#[test]
fn an_interval_across_the_bound_neither_strikes_nor_advances() {
    let place = market("US");
    let (mut world, id) = in_production(&place);
    world.days_pass(2);
    let recorded = world.observe(&id, &place, 0.0095, 20_000).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.observed"]);
    let Event::RolloutObserved(body) = &recorded[0].event else { panic!() };
    assert_eq!(body.verdict, Verdict::Undecided);
    assert_eq!(body.judged[0].guardrail.at_most, Some(0.01), "the bound in force stands in the entry");
    assert_eq!(body.policy, Some(world.policy().digest));
    let recorded = world.observe(&id, &place, 0.001, 1).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.observed"], "what was undecided is no traffic to go on with");
    assert_eq!(kinds(&world.observe(&id, &place, 0.001, 20_000).unwrap())[1], "rollout.advanced");
}

#[test]
fn a_figure_that_nothing_can_measure_is_refused() {
    let place = market("US");
    let (mut world, id) = in_production(&place);
    world.days_pass(2);
    for impossible in [-0.001, 1.001] {
        let observed = world.observe(&id, &place, impossible, 20_000);
        assert_invalid(observed, "figures", "Error rate and its interval can only be from 0 to 1.");
    }
    assert_eq!(kinds(&world.observe(&id, &place, 0.0, 20_000).unwrap())[1], "rollout.advanced");
}

#[test]
fn a_strike_in_canary_keeps_the_canarys_share_and_the_second_ends_it() {
    let place = market("US");
    let (mut world, id) = in_canary(&place);
    world.days_pass(3);
    world.attach(&id, EvidencePath::Canary, us(), EvidenceVerdict::Red);
    world.observe(&id, &place, 0.05, 500).unwrap();
    assert_eq!(weights(&world, &place), (vec![(1, 10)], 90), "there is no lower step");
    let recorded = world.observe(&id, &place, 0.05, 500).unwrap();
    assert_eq!(kinds(&recorded)[2], "rollout.rolled_back");
    assert_eq!(weights(&world, &place), (vec![], 100));
    assert_refused(world.request(&ben(), &id, Stage::Production, us()), "stage.archived", "for good");
}

#[test]
fn a_canary_advances_by_its_gate_alone() {
    let place = market("US");
    let (mut world, id) = in_canary(&place);
    world.days_pass(30);
    assert_eq!(kinds(&world.observe(&id, &place, 0.001, 90_000).unwrap()), ["rollout.observed"]);
    assert!(world.tick_market("streamrec", &place).is_empty());
    assert_eq!(weights(&world, &place), (vec![(1, 10)], 90));
}

#[test]
fn one_version_at_a_time_is_let_in() {
    let place = market("US");
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let first = world.unregulated_in_staging("streamrec", 1);
    let second = world.unregulated_in_staging("streamrec", 2);
    world.walk_to_canary(&first, &place);
    world.request(&ben(), &second, Stage::Shadow, us()).unwrap();
    let mirror = Routing::of(world.deployment("streamrec", &place)).mirror;
    assert_eq!(mirror.len(), 1);
    assert_eq!(mirror[0].weights_digest, world.version(&second).lineage.model.weights_digest);
    world.days_pass(7);
    world.attach(&second, EvidencePath::Shadow, us(), EvidenceVerdict::Green);
    let asked = world.request(&ben(), &second, Stage::Canary, us());
    assert_refused(asked, "rollout.one_at_a_time", "Version 1 is being let into US at 10 %");
    let body = RollBack { version: first.number, reason: "Worse than what it replaces.".into() };
    world.serve(&pipeline(), "streamrec", &place, ServingCommand::RollBack(body)).unwrap();
    world.request(&ben(), &second, Stage::Canary, us()).unwrap();
    assert_eq!(world.stage(&second, Some(&place)), Stage::Canary);
    assert!(Routing::of(world.deployment("streamrec", &place)).mirror.is_empty());
}

#[test]
fn a_held_rollout_stays_where_it_is_until_it_is_resumed() {
    let place = market("US");
    let (mut world, id) = in_production(&place);
    assert_refused(
        world.serve(&ben(), "streamrec", &place, ServingCommand::Resume(reason("Go."))),
        "rollout.held",
        "not on hold",
    );
    world.serve(&ben(), "streamrec", &place, ServingCommand::Hold(reason("Black Friday."))).unwrap();
    world.days_pass(2);
    assert_eq!(kinds(&world.observe(&id, &place, 0.001, 20_000).unwrap()), ["rollout.observed"]);
    assert!(world.tick_market("streamrec", &place).is_empty());
    let struck = world.observe(&id, &place, 0.05, 20_000).unwrap();
    assert_eq!(kinds(&struck)[1], "rollout.struck", "a hold is no shelter from the guardrails");
    world.days_pass(2);
    world.observe(&id, &place, 0.001, 20_000).unwrap();
    let recorded = world.serve(&ben(), "streamrec", &place, ServingCommand::Resume(reason("Over."))).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.resumed", "rollout.advanced"]);
}

#[test]
fn windows_are_counted_once_and_belong_to_one_step() {
    let place = market("US");
    let (mut world, id) = in_production(&place);
    world.observe(&id, &place, 0.001, 100).unwrap();
    let window = |world: &TestWorld, from: i64, to: i64| {
        let figures = Vec::new();
        let (from, to) = (world.now.plus_minutes(from), world.now.plus_minutes(to));
        ServingCommand::Observe(Observe { version: id.number, from, to, sample: 1, figures })
    };
    let overlap = window(&world, -5, 0);
    assert_refused(world.serve(&pipeline(), "streamrec", &place, overlap), "rollout.window", "counted once");
    let before = window(&world, -5000, 0);
    assert_refused(world.serve(&pipeline(), "streamrec", &place, before), "rollout.window", "or later");
    let future = window(&world, 0, 6);
    assert_invalid(world.serve(&pipeline(), "streamrec", &place, future), "to", "clock");
    let reversed = window(&world, 0, -1);
    assert_invalid(world.serve(&pipeline(), "streamrec", &place, reversed), "to", "before it begins");
    world.days_pass(1);
    let silent = window(&world, -1, 0);
    let recorded = world.serve(&pipeline(), "streamrec", &place, silent).unwrap();
    let Event::RolloutObserved(body) = &recorded[0].event else { panic!() };
    assert_eq!(body.verdict, Verdict::Undecided, "what policy asks for was not reported");
    assert_refused(world.serve(&ana(), "streamrec", &place, window(&world, -1, 0)), "access.role", "may not report");
}

#[test]
fn blue_green_switches_at_once_and_back_at_once() {
    let place = market("US");
    let (mut world, _, _) = second_rolling_out(&place);
    let body = RollBack { version: 2.try_into().unwrap(), reason: "Out of the way.".into() };
    world.serve(&pipeline(), "streamrec", &place, ServingCommand::RollBack(body)).unwrap();
    let third = world.unregulated_in_staging("streamrec", 3);
    world.walk_to_canary(&third, &place);
    world.days_pass(3);
    world.attach(&third, EvidencePath::Canary, us(), EvidenceVerdict::Green);
    let hurry = Some("In a hurry.".to_owned());
    let body = RequestPromotion { to: Stage::Production, market: us(), note: String::new(), blue_green: hurry };
    let asked = world.run(&ben(), &Command::RequestPromotion(third.clone(), body));
    let refusal = assert_refused(asked, "strategy.blue_green", "not those of champion 1");
    assert_eq!(refusal.missing[0].supplier, Some(Role::DataScientist));
    let back = |world: &mut TestWorld, id: &VersionId| {
        let body = RollBack { version: id.number, reason: "Another first.".into() };
        world.serve(&pipeline(), "streamrec", &place, ServingCommand::RollBack(body)).unwrap();
    };
    back(&mut world, &third);

    let mut other = lineage(4);
    other.model.weights_digest = lineage(1).model.weights_digest;
    let fourth = world.unregulated_of("streamrec", other);
    world.walk_to_canary(&fourth, &place);
    world.days_pass(3);
    world.attach(&fourth, EvidencePath::Canary, us(), EvidenceVerdict::Green);
    let body = RequestPromotion {
        to: Stage::Production,
        market: us(),
        note: String::new(),
        blue_green: Some("The weights are the same.".into()),
    };
    let asked = world.run(&ben(), &Command::RequestPromotion(fourth.clone(), body));
    assert_refused(asked, "strategy.blue_green", "It learnt from other data.");
    back(&mut world, &fourth);

    let third = world.unregulated_of("streamrec", another_image(1));
    world.walk_to_canary(&third, &place);
    world.days_pass(3);
    world.attach(&third, EvidencePath::Canary, us(), EvidenceVerdict::Green);
    let mut ask =
        RequestPromotion { to: Stage::Production, market: us(), note: String::new(), blue_green: Some(" ".into()) };
    let run = |world: &mut TestWorld, body: &RequestPromotion| {
        world.run(&ben(), &Command::RequestPromotion(third.clone(), body.clone()))
    };
    assert_invalid(run(&mut world, &ask), "blue_green", "must not be empty");
    ask.blue_green = Some("Same weights, new serving runtime.".into());
    run(&mut world, &ask).unwrap();
    assert_eq!(weights(&world, &place), (vec![(5, 100), (1, 0)], 0));
    let rollout = world.deployment("streamrec", &place).rollout.as_ref().unwrap();
    assert_eq!(rollout.strategy, Strategy::BlueGreen);
    assert_eq!(rollout.strategy_reason.as_deref(), Some("Same weights, new serving runtime."));
    let recorded = world.observe(&third, &place, 0.05, 500).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.observed", "rollout.struck", "rollout.rolled_back"], "blue again");
    assert_eq!(weights(&world, &place), (vec![(1, 100)], 0));
}

#[test]
fn a_blue_green_switch_waits_for_the_person_whom_the_market_asks() {
    let place = market("EU");
    let (mut world, first) = in_production(&place);
    world.roll_out(&first, &place);
    let second = world.unregulated_of("streamrec", another_image(1));
    world.walk_to_canary(&second, &place);
    world.days_pass(7);
    world.attach(&second, EvidencePath::Canary, eu(), EvidenceVerdict::Green);
    let why = Some("Another image, the same weights.".to_owned());
    let body = RequestPromotion { to: Stage::Production, market: eu(), note: String::new(), blue_green: why };
    world.run(&ben(), &Command::RequestPromotion(second.clone(), body)).unwrap();
    world.sign(&victor(), Role::MrmValidator, &second).unwrap();
    assert_eq!(world.stage(&second, Some(&place)), Stage::Production);
    assert_eq!(weights(&world, &place), (vec![(2, 5), (1, 95)], 0), "nobody approved the switch yet");
    world.approve_step(&victor(), &second, &place).unwrap();
    assert_eq!(weights(&world, &place), (vec![(2, 100), (1, 0)], 0));
}

#[test]
fn a_finding_raised_on_the_way_in_stops_the_next_step_until_it_is_closed() {
    let place = market("US");
    let (mut world, id) = in_production(&place);
    let finding = world.raise(&vera(), &id, Severity::Critical);
    assert_eq!(kinds(&world.observe(&id, &place, 0.001, 20_000).unwrap()), ["rollout.observed"]);
    let tick = Command::Tick(AggregateId::Deployment("streamrec".parse().unwrap(), place.clone()));
    let system = person("system", &[Role::Administrator], "");
    let refusal = assert_refused(world.run(&system, &tick), "rollout.standing", "critical");
    assert_eq!(refusal.kind, RefusalKind::Conflict, "the clockwork asks again");
    let ask = |world: &mut TestWorld, check| {
        let body = AskGate { check, version: Some(id.number), message: String::new() };
        let told = world.serve(&pipeline(), "streamrec", &place, ServingCommand::Ask(body)).unwrap();
        let Event::GateAnswered(told) = &told[0].event else { panic!() };
        (told.yes, told.reason.clone())
    };
    let (yes, reason) = ask(&mut world, Check::ArgoMetric);
    assert!(!yes && reason.contains("Finding 1 (critical"), "{reason}");
    let note = || FindingNote { note: "Seen to.".into() };
    world.run(&ana(), &Command::RemediateFinding(id.clone(), finding, note())).unwrap();
    world.run(&vera(), &Command::CloseFinding(id.clone(), finding, note())).unwrap();
    assert!(ask(&mut world, Check::ArgoMetric).0);
    assert_eq!(kinds(&world.run(&system, &tick).unwrap()), ["rollout.advanced"]);
    assert!(!ask(&mut world, Check::ConfirmPromotion).0, "it has steps to go");
    world.roll_out(&id, &place);
    assert!(ask(&mut world, Check::ConfirmPromotion).0, "it is champion");
}

#[test]
fn a_strike_in_canary_is_not_forgotten_by_promotion() {
    let place = market("US");
    let (mut world, id) = in_canary(&place);
    world.days_pass(3);
    world.attach(&id, EvidencePath::Canary, us(), EvidenceVerdict::Green);
    world.observe(&id, &place, 0.05, 20_000).unwrap();
    let asked = world.request(&ben(), &id, Stage::Production, us());
    let refusal = assert_refused(asked, "rollout.struck", "no window has been green since");
    assert_eq!(refusal.missing[0].supplier, Some(Role::Service));
    world.days_pass(30);
    world.observe(&id, &place, 0.001, 1).unwrap();
    world.request(&ben(), &id, Stage::Production, us()).unwrap();
    assert_eq!(weights(&world, &place), (vec![(1, 10)], 90));
    assert!(world.tick_market("streamrec", &place).is_empty(), "one request within the guardrails is no traffic");
    assert_eq!(kinds(&world.observe(&id, &place, 0.001, 20_000).unwrap())[1], "rollout.advanced");
    assert_eq!(kinds(&world.observe(&id, &place, 0.05, 500).unwrap())[2], "rollout.rolled_back", "the second strike");
}

#[test]
fn an_entry_from_before_the_step_was_stated_goes_on_at_the_second() {
    let place = market("US");
    let (world, id) = in_production(&place);
    let transition = world.log.iter().rev().find(|r| r.event.kind() == "stage.transitioned").unwrap();
    let Event::StageTransitioned { serving: Some(serving), .. } = &transition.event else { panic!() };
    assert_eq!(serving.step, Some(0));
    let mut old = transition.clone();
    let Event::StageTransitioned { serving: Some(serving), .. } = &mut old.event else { panic!() };
    serving.step = None;
    let place_id = AggregateId::Deployment("streamrec".parse().unwrap(), place.clone());
    let mut state = None;
    for recorded in world.log.iter().filter(|r| r.touches().contains(&place_id) && r.seq <= old.seq) {
        let recorded = if recorded.seq == old.seq { &old } else { recorded };
        state = Some(Aggregate::fold(state.as_ref(), &place_id, recorded).unwrap());
    }
    let Some(Aggregate::Deployment(then)) = state else { panic!() };
    assert_eq!(then.rollout.as_ref().unwrap().percent(), 25);
    assert_eq!(then.rollout.as_ref().unwrap().artifact.version, id.number);
}

#[test]
fn a_replaced_champion_is_released_and_archived_when_its_time_is_over() {
    let place = market("US");
    let (mut world, first, second) = second_rolling_out(&place);
    world.roll_out(&second, &place);
    let until = world.deployment("streamrec", &place).standby.as_ref().unwrap().until;
    assert_eq!(until, world.model("streamrec").champions[&place].since.plus_days(14));
    world.now = until.plus_seconds(-1);
    assert!(world.tick_market("streamrec", &place).is_empty());
    world.now = until;
    assert_eq!(kinds(&world.tick_market("streamrec", &place)), ["standby.released"]);
    assert_eq!(world.stage(&first, Some(&place)), Stage::Archived);
    assert!(world.model("streamrec").standbys.is_empty());
    assert!(world.deployment("streamrec", &place).standby.is_none());

    // A version that no market needs any more can be archived as a whole.
    world.archive(&first).unwrap();
    assert_eq!(world.stage(&first, None), Stage::Archived);
}

#[test]
fn a_second_succession_releases_the_standby_before() {
    let place = market("US");
    let (mut world, first, second) = second_rolling_out(&place);
    world.roll_out(&second, &place);
    let third = world.unregulated_in_staging("streamrec", 3);
    adopt_changed(&mut world, "standby_days = 14", "standby_days = 90");
    let request = world.walk_to_production_quickly(&third, &place);
    assert!(matches!(request, RequestState::Granted { .. }));
    world.roll_out(&third, &place);
    assert_eq!(world.stage(&first, Some(&place)), Stage::Archived);
    assert_eq!(world.model("streamrec").standing(second.number, &place), Standing::WarmStandby);
}

#[test]
fn a_champion_goes_back_only_to_a_standby_that_was_healthy_lately() {
    let place = market("US");
    let (mut world, first, second) = second_rolling_out(&place);
    world.roll_out(&second, &place);
    let back = |version: &VersionId| {
        ServingCommand::RollBack(RollBack { version: version.number, reason: "Complaints.".into() })
    };
    let health = |version: &VersionId, healthy| {
        let detail = "GET /ready".into();
        ServingCommand::ReportStandby(ReportStandby { version: version.number, healthy, detail })
    };
    let refusal = world.serve(&ben(), "streamrec", &place, back(&second));
    let refusal = assert_refused(refusal, "rollback.standby_healthy", "never reported healthy");
    assert!(refusal.message.contains("kill switch") && refusal.message.contains("rules"), "{refusal}");
    world.serve(&pipeline(), "streamrec", &place, health(&first, false)).unwrap();
    assert_refused(world.serve(&ben(), "streamrec", &place, back(&second)), "rollback.standby_healthy", "unhealthy");
    world.serve(&pipeline(), "streamrec", &place, health(&first, true)).unwrap();
    world.now = world.now.plus_minutes(16);
    assert_refused(world.serve(&ben(), "streamrec", &place, back(&second)), "rollback.standby_healthy", "15 minutes");
    assert_eq!(world.serve(&pipeline(), "streamrec", &place, health(&first, true)).unwrap().len(), 1);
    assert!(world.serve(&pipeline(), "streamrec", &place, health(&first, true)).unwrap().is_empty(), "no flood");
    let wrong = world.serve(&ben(), "streamrec", &place, back(&first));
    assert_refused(wrong, "rollback.version", "nothing to roll back");
    let recorded = world.serve(&pipeline(), "streamrec", &place, back(&second)).unwrap();
    assert_eq!(kinds(&recorded), ["champion.rolled_back"]);
    assert_eq!(weights(&world, &place), (vec![(1, 100)], 0));
    assert_eq!(world.stage(&second, Some(&place)), Stage::Archived);
    assert_eq!(world.model("streamrec").standing(first.number, &place), Standing::Champion);
    let nowhere = world.serve(&ben(), "streamrec", &place, back(&first));
    assert_refused(nowhere, "rollback.standby", "no warm standby");
}

#[test]
fn at_night_guardrails_take_a_champion_back_without_people() {
    let place = market("US");
    let (mut world, first, second) = second_rolling_out(&place);
    world.roll_out(&second, &place);
    assert_eq!(kinds(&world.observe(&second, &place, 0.05, 100).unwrap()), ["rollout.observed"], "once may be noise");
    let recorded = world.observe(&second, &place, 0.05, 100).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.observed", "rollback.blocked"]);
    let Event::RollbackBlocked(blocked) = &recorded[1].event else { panic!() };
    assert!(blocked.next.contains("kill switch"), "{blocked:?}");
    let body = ReportStandby { version: first.number, healthy: true, detail: String::new() };
    world.serve(&pipeline(), "streamrec", &place, ServingCommand::ReportStandby(body)).unwrap();
    let recorded = world.observe(&second, &place, 0.05, 100).unwrap();
    assert_eq!(kinds(&recorded), ["rollout.observed", "champion.rolled_back"]);
    assert_eq!(weights(&world, &place), (vec![(1, 100)], 0));
}

#[test]
fn a_version_that_answers_users_is_rolled_back_before_it_is_archived() {
    let place = market("US");
    let (mut world, id) = in_production(&place);
    assert_refused(world.archive(&id), "rollout.ended", "Roll it back there first");
    let body = RollBack { version: id.number, reason: "Enough.".into() };
    world.serve(&ben(), "streamrec", &place, ServingCommand::RollBack(body)).unwrap();
    world.archive(&id).unwrap();
}

#[test]
fn an_archived_shadow_is_mirrored_no_more() {
    let place = market("US");
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    let before = world.deployment("streamrec", &place).revision();
    world.archive(&id).unwrap();
    assert!(Routing::of(world.deployment("streamrec", &place)).mirror.is_empty());
    assert!(world.deployment("streamrec", &place).revision() > before);
}

#[test]
fn under_a_policy_without_steps_production_succeeds_at_once_as_it_always_did() {
    let place = market("US");
    let mut world = TestWorld::new();
    let start = DEFAULT_POLICY.find("[serving]").unwrap();
    let end = DEFAULT_POLICY.find("[markets.US]").unwrap();
    let mut old = format!("{}{}", &DEFAULT_POLICY[..start], &DEFAULT_POLICY[end..]);
    for market in ["US", "EU"] {
        let from = old.find(&format!("[markets.{market}.rollout]")).unwrap();
        let rest = &old[from..];
        let role = rest.find("review_role").unwrap();
        let to = from + role + rest[role..].find('\n').unwrap();
        old.replace_range(from..to, "");
    }
    world.run(&adam(), &Command::AdoptPolicy(old)).unwrap();
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    world.walk_to_production(&id, &place);
    assert_eq!(world.model("streamrec").standing(id.number, &place), Standing::Champion);
    assert_eq!(weights(&world, &place), (vec![(1, 100)], 0));
    let second = world.unregulated_in_staging("streamrec", 2);
    world.walk_to_production(&second, &place);
    assert_eq!(weights(&world, &place), (vec![(2, 100)], 0));
    assert_eq!(world.model("streamrec").standing(id.number, &place), Standing::WarmStandby);
}

#[test]
fn a_champion_from_before_there_were_deployments_keeps_its_users() {
    // A ledger written before: its transitions say nothing of serving.
    let place = market("US");
    let (mut world, first) = in_production(&place);
    world.roll_out(&first, &place);
    let second = world.unregulated_in_staging("streamrec", 2);
    world.states.remove(&AggregateId::Deployment("streamrec".parse().unwrap(), place.clone()));
    world.walk_to_canary(&second, &place);
    assert_eq!(weights(&world, &place), (vec![(2, 10), (1, 90)], 0));
}

#[test]
fn the_course_read_from_the_ledger_tells_the_shares_that_the_state_held() {
    for place in ["US", "EU"].map(market) {
        let (mut world, id) = in_production(&place);
        let told = |world: &TestWorld| {
            let mut course = Course::new(place.clone(), id.number);
            world.log.iter().for_each(|recorded| course.take(recorded));
            course.rollout.unwrap().moves
        };
        let rollout = world.deployment("streamrec", &place).rollout.as_ref().unwrap();
        assert_eq!(told(&world), rollout.moves, "promotion alone raises no share");
        world.roll_out(&id, &place);
        assert_eq!(told(&world), world.deployment("streamrec", &place).ended.last().unwrap().rollout.moves);
    }
}
