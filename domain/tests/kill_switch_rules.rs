//! The kill switch, drills, and what serving systems and controllers are told, by example.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use common::*;
use domain::{
    AggregateId, Command, Context, Event, Market, Recorded, Stage, VersionId, World,
    access::Principal,
    account::Role,
    decide,
    deployment::{
        Check, KillTarget, Routing, ServingCommand, clock,
        command::{Applied, AskGate, FinishDrill, Kill, Reason, ReportStandby, ReviewKill, RollBack, StartDrill},
        gate,
    },
    evidence::{EvidencePath, Verdict},
};

fn us_market() -> Market {
    market("US")
}

fn kill(to: KillTarget) -> ServingCommand {
    ServingCommand::Kill(Kill { to, reason: "A regulator called.".into() })
}

fn review(may_lift: bool) -> ServingCommand {
    ServingCommand::ReviewKill(ReviewKill { text: "The feed was poisoned; it is clean again.".into(), may_lift })
}

fn lift() -> ServingCommand {
    ServingCommand::LiftKill(Reason { reason: "Reviewed.".into() })
}

fn kinds(recorded: &[Recorded]) -> Vec<&'static str> {
    recorded.iter().map(|entry| entry.event.kind()).collect()
}

/// Two champions in succession: version 2 serves, version 1 is the standby.
fn scene() -> (TestWorld, VersionId, VersionId) {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let first = world.unregulated_in_staging("streamrec", 1);
    world.walk_to_champion(&first, &us_market());
    let second = world.unregulated_in_staging("streamrec", 2);
    world.walk_to_champion(&second, &us_market());
    (world, first, second)
}

fn routing(world: &TestWorld) -> Routing {
    Routing::of(world.deployment("streamrec", &us_market()))
}

fn serve(world: &mut TestWorld, who: &Principal, command: ServingCommand) -> Result<Vec<Recorded>, domain::Refusal> {
    world.serve(who, "streamrec", &us_market(), command)
}

#[test]
fn one_act_sends_everybody_to_the_previous_version_without_asking_for_its_health() {
    let (mut world, first, _) = scene();
    let recorded = serve(&mut world, &rosa(), kill(KillTarget::Previous)).unwrap();
    let Event::KillEngaged(body) = &recorded[0].event else { panic!() };
    assert_eq!(body.review_due, Some(recorded[0].time.plus_days(5)));
    assert_eq!(body.review_role, Role::MrmValidator);
    let now = routing(&world);
    assert_eq!((now.targets.len(), now.targets[0].version, now.targets[0].weight), (1, first.number, 100));
    assert_eq!(now.revision, recorded[0].seq);
    assert_refused(serve(&mut world, &rosa(), kill(KillTarget::Previous)), "kill_switch.engaged", "already");
    serve(&mut world, &paul(), kill(KillTarget::Fallback)).unwrap();
    assert_eq!((routing(&world).targets.len(), routing(&world).fallback.weight), (0, 100), "and on to the rules");
}

#[test]
fn whoever_used_it_since_it_was_lifted_last_does_not_review_it() {
    let (mut world, _, _) = scene();
    serve(&mut world, &vera(), kill(KillTarget::Previous)).unwrap();
    assert_refused(serve(&mut world, &vera(), review(true)), "kill_switch.four_eyes", "somebody else");
    serve(&mut world, &ben(), kill(KillTarget::Fallback)).unwrap();
    assert_refused(serve(&mut world, &vera(), review(true)), "kill_switch.four_eyes", "somebody else");
    let mo = person("mo", &[Role::MrmValidator], "mrm");
    serve(&mut world, &mo, review(true)).unwrap();
    serve(&mut world, &vera(), lift()).unwrap();
    serve(&mut world, &ben(), kill(KillTarget::Fallback)).unwrap();
    serve(&mut world, &vera(), review(true)).unwrap();
}

#[test]
fn while_another_version_comes_in_the_previous_one_is_the_champion() {
    let (mut world, _, second) = scene();
    let third = world.unregulated_in_staging("streamrec", 3);
    world.walk_to_canary(&third, &us_market());
    serve(&mut world, &ben(), kill(KillTarget::Previous)).unwrap();
    assert_eq!(routing(&world).targets[0].version, second.number);
    assert_eq!(routing(&world).targets[0].weight, 100);
}

#[test]
fn it_works_when_everything_else_refuses() {
    // No policy, no model, no version, no record of the market: nothing but a person and a reason.
    let context = Context {
        now: at("2026-11-02T03:00:00.000000Z"),
        next_seq: 9,
        principal: adam(),
        reauthenticated: false,
        expected_revision: None,
    };
    let command = Command::Serve("streamrec".parse().unwrap(), us_market(), kill(KillTarget::Previous));
    let place = AggregateId::Deployment("streamrec".parse().unwrap(), us_market());
    assert_eq!(command.reads(), [place], "nothing else is even read");
    assert!(command.also_reads(&World::default()).is_empty());
    let events = decide(&World::default(), &context, &command).unwrap();
    let Event::KillEngaged(body) = &events[0] else { panic!() };
    assert_eq!((body.to, body.fallback.as_str()), (KillTarget::Fallback, "rules"), "there is no previous version");
    assert_eq!(body.review_due, None, "due at once");
    let nameless = Command::Serve(
        "streamrec".parse().unwrap(),
        us_market(),
        ServingCommand::Kill(Kill { to: KillTarget::Fallback, reason: "  ".into() }),
    );
    assert_invalid(decide(&World::default(), &context, &nameless), "reason", "must not be empty");
    for who in [audrey(), pipeline()] {
        let context = Context { principal: who, ..context.clone() };
        assert_refused(decide(&World::default(), &context, &command), "access.role", "kill switch");
    }
}

#[test]
fn what_is_off_stays_off_until_somebody_else_reviewed_it() {
    let (mut world, _, second) = scene();
    serve(&mut world, &vera(), kill(KillTarget::Fallback)).unwrap();
    assert_refused(serve(&mut world, &ben(), lift()), "kill_switch.reviewed", "not reviewed yet");
    assert_refused(serve(&mut world, &vera(), review(true)), "kill_switch.four_eyes", "somebody else");
    assert_refused(serve(&mut world, &rosa(), review(true)), "kill_switch.reviewer", "MRM validator");
    serve(&mut world, &victor(), review(false)).unwrap();
    assert_refused(serve(&mut world, &ben(), lift()), "kill_switch.reviewed", "must not serve again yet");
    serve(&mut world, &victor(), review(true)).unwrap();
    serve(&mut world, &ben(), lift()).unwrap();
    assert_eq!(routing(&world).targets[0].version, second.number);
    assert!(routing(&world).kill_switch.is_none());
    assert_refused(serve(&mut world, &ben(), lift()), "kill_switch.engaged", "not in use");
}

#[test]
fn nothing_enters_advances_or_is_observed_while_the_model_is_off() {
    let (mut world, _, _) = scene();
    let third = world.unregulated_in_staging("streamrec", 3);
    world.walk_to_canary(&third, &us_market());
    world.days_pass(3);
    world.attach(&third, EvidencePath::Canary, us(), Verdict::Green);
    world.request(&ben(), &third, Stage::Production, us()).unwrap();
    world.days_pass(1);
    serve(&mut world, &ben(), kill(KillTarget::Fallback)).unwrap();
    assert_refused(world.observe(&third, &us_market(), 0.05, 9), "kill_switch.lifted", "answers nobody");
    world.days_pass(3);
    assert!(world.tick_market("streamrec", &us_market()).iter().all(|e| e.event.kind() != "rollout.advanced"));
    let fourth = world.unregulated_in_staging("streamrec", 4);
    world.request(&ben(), &fourth, Stage::Shadow, us()).unwrap();
    world.days_pass(7);
    world.attach(&fourth, EvidencePath::Shadow, us(), Verdict::Green);
    let asked = world.request(&ben(), &fourth, Stage::Canary, us());
    assert_refused(asked, "kill_switch.lifted", "reviewed and lifted first");
    serve(&mut world, &victor(), review(true)).unwrap();
    serve(&mut world, &ben(), lift()).unwrap();
    let rollout = world.deployment("streamrec", &us_market()).rollout.clone().unwrap();
    assert_eq!((rollout.percent(), rollout.sample), (10, 0), "the step is walked anew");
    assert!(world.tick_market("streamrec", &us_market()).is_empty());
}

#[test]
fn the_time_from_the_decision_to_the_routing_change_is_measured() {
    let (mut world, _, _) = scene();
    let recorded = serve(&mut world, &ben(), kill(KillTarget::Fallback)).unwrap();
    let revision = recorded[0].seq;
    world.now = recorded[0].time.plus_micros(42_500);
    let applied =
        |revision, subscriber: &str| ServingCommand::Applied(Applied { revision, subscriber: subscriber.into() });
    let report = serve(&mut world, &pipeline(), applied(revision, "gateway eu-1")).unwrap();
    let Event::RoutingApplied(body) = &report[0].event else { panic!() };
    assert_eq!((body.millis, body.revision), (42, revision));
    assert!(serve(&mut world, &pipeline(), applied(revision, "gateway eu-1")).unwrap().is_empty(), "said once");
    assert_eq!(serve(&mut world, &pipeline(), applied(revision, "gateway eu-2")).unwrap().len(), 1);
    let unknown = serve(&mut world, &pipeline(), applied(revision + 50, "gateway eu-1"));
    assert_refused(unknown, "routing.revision", "no revision of this document");
    assert_eq!(routing(&world).revision, revision, "saying so changes no routing");
}

#[test]
fn drills_are_measured_and_overdue_ones_show() {
    let (mut world, _, _) = scene();
    let policy = world.policy().policy.clone();
    let due = clock::drill_due(world.deployment("streamrec", &us_market()), &policy).unwrap();
    assert_eq!(due, world.model("streamrec").champions[&us_market()].since.plus_days(90));
    let started = serve(&mut world, &ben(), ServingCommand::StartDrill(StartDrill { note: "Q4".into() })).unwrap();
    assert_eq!(routing(&world).drill, Some(1));
    assert_eq!(routing(&world).revision, started[0].seq, "subscribers see a new revision with the same weights");
    let again = serve(&mut world, &ben(), ServingCommand::StartDrill(StartDrill { note: String::new() }));
    assert_refused(again, "drill.one_open", "under way");
    world.now = started[0].time.plus_seconds(2);
    let body = Applied { revision: started[0].seq, subscriber: "gateway".into() };
    let recorded = serve(&mut world, &pipeline(), ServingCommand::Applied(body)).unwrap();
    assert_eq!(kinds(&recorded), ["routing.applied", "drill.finished"]);
    let drill = world.deployment("streamrec", &us_market()).last_passed_drill().unwrap().clone();
    assert_eq!(drill.result.as_ref().unwrap().millis, Some(2_000));
    let due = clock::drill_due(world.deployment("streamrec", &us_market()), &policy).unwrap();
    assert_eq!(due, started[0].time.plus_days(90));

    // Too slow is not passed; nobody answering is not passed either, and the clock says so.
    serve(&mut world, &ben(), ServingCommand::StartDrill(StartDrill { note: String::new() })).unwrap();
    let slow = FinishDrill { millis: Some(61_000), note: "Pods were cold.".into() };
    serve(&mut world, &ben(), ServingCommand::FinishDrill(slow)).unwrap();
    serve(&mut world, &ben(), ServingCommand::StartDrill(StartDrill { note: String::new() })).unwrap();
    world.now = world.now.plus_minutes(15);
    let recorded = world.tick_market("streamrec", &us_market());
    assert_eq!(kinds(&recorded), ["drill.finished"]);
    let results: Vec<bool> = world
        .deployment("streamrec", &us_market())
        .drills
        .iter()
        .map(|drill| drill.result.as_ref().unwrap().passed)
        .collect();
    assert_eq!(results, [true, false, false]);
}

#[test]
fn a_question_that_names_no_version_is_never_a_yes_once_none_is_on_its_way() {
    let (mut world, _, second) = scene();
    let third = world.unregulated_in_staging("streamrec", 3);
    let ask = |world: &mut TestWorld, check| {
        let body = AskGate { check, version: None, message: String::new() };
        let recorded = serve(world, &pipeline(), ServingCommand::Ask(body)).unwrap();
        let Event::GateAnswered(told) = &recorded.last().expect("an entry").event else { panic!("{recorded:?}") };
        (told.yes, told.reason.clone())
    };
    assert!(world.deployment("streamrec", &us_market()).champion.is_some(), "{second:?} serves everybody");
    for check in [Check::ConfirmRollout, Check::ConfirmPromotion, Check::ArgoMetric] {
        let (yes, reason) = ask(&mut world, check);
        assert!(!yes && reason.starts_with("No version is on its way in"), "{check:?}: {reason}");
    }
    world.walk_to_canary(&third, &us_market());
    assert!(ask(&mut world, Check::ArgoMetric).0, "now it is clear which is meant");
    let body = RollBack { version: third.number, reason: "Worse.".into() };
    serve(&mut world, &ben(), ServingCommand::RollBack(body)).unwrap();
    assert!(!ask(&mut world, Check::ArgoMetric).0);
    assert!(ask(&mut world, Check::Rollback).0, "back is safe: it is about the one that was on its way in last");
}

#[test]
fn controllers_are_answered_from_what_stands_and_leave_a_trace_without_a_flood() {
    let (mut world, _, _) = scene();
    let third = world.unregulated_in_staging("streamrec", 3);
    let number = Some(third.number);
    let ask = |world: &mut TestWorld, check| {
        let answer = gate::answer(world.deployment("streamrec", &us_market()), check, number, &[]);
        let body = AskGate { check, version: number, message: "Scaled up.".into() };
        let entries = serve(world, &pipeline(), ServingCommand::Ask(body)).unwrap().len();
        (answer.yes, entries)
    };
    assert_eq!(ask(&mut world, Check::ConfirmRollout), (false, 1), "it has not entered Canary");
    assert_eq!(ask(&mut world, Check::Rollback), (false, 1), "and nothing is to be rolled back");
    world.walk_to_canary(&third, &us_market());
    assert_eq!(ask(&mut world, Check::ConfirmRollout), (true, 1));
    assert_eq!(ask(&mut world, Check::ConfirmRollout), (true, 0), "asked again at once");
    assert_eq!(ask(&mut world, Check::ConfirmPromotion), (false, 1), "its gate is not passed");
    let argo = |world: &mut TestWorld, version: u32| {
        let version = domain::VersionNumber::try_from(version).ok();
        let body = AskGate { check: Check::ArgoMetric, version, message: String::new() };
        serve(world, &pipeline(), ServingCommand::Ask(body)).unwrap().len()
    };
    let first: Vec<usize> = [1, 2, 90, 91].map(|version| argo(&mut world, version)).into();
    assert_eq!(first, [1, 1, 1, 1], "each answer is an entry, that about a version which nobody knows too");
    let again: usize = [1, 2, 91, 91, 1, 2].map(|version| argo(&mut world, version)).iter().sum();
    assert_eq!(again, 0, "analyses side by side leave no flood");
    world.now = world.now.plus_minutes(15);
    assert_eq!(ask(&mut world, Check::ConfirmRollout), (true, 1), "once in a while it is told again");
    world.days_pass(3);
    world.attach(&third, EvidencePath::Canary, us(), Verdict::Green);
    world.request(&ben(), &third, Stage::Production, us()).unwrap();
    assert!(!ask(&mut world, Check::ConfirmPromotion).0, "it is not champion before its last step");
    assert_eq!(ask(&mut world, Check::ArgoMetric), (true, 1));
    serve(&mut world, &ben(), ServingCommand::Hold(Reason { reason: "Wait.".into() })).unwrap();
    assert_eq!(ask(&mut world, Check::ArgoMetric), (false, 1));
    assert_eq!(ask(&mut world, Check::Rollback), (false, 1), "a hold is no rollback");
    let body = RollBack { version: third.number, reason: "Worse.".into() };
    serve(&mut world, &ben(), ServingCommand::RollBack(body)).unwrap();
    assert_eq!(ask(&mut world, Check::Rollback), (true, 1), "yes means: roll back");
    assert_eq!(ask(&mut world, Check::ArgoMetric), (false, 1), "a no as before, for another reason");
    assert_eq!(ask(&mut world, Check::ArgoMetric), (false, 0), "the same answer as a moment before");
    assert_eq!(ask(&mut world, Check::Event), (true, 1));
    assert_eq!(ask(&mut world, Check::Event), (true, 1), "every event is recorded");
    let Event::GateAnswered(told) = &world.log.last().unwrap().event else { panic!() };
    assert_eq!(told.reason, "Scaled up.");
    assert_refused(
        serve(
            &mut world,
            &ana(),
            ServingCommand::Ask(AskGate { check: Check::Event, version: None, message: "x".into() }),
        ),
        "access.role",
        "report what serves",
    );
}

#[test]
fn a_standby_of_another_version_is_not_reported() {
    let (mut world, _, second) = scene();
    let body = ReportStandby { version: second.number, healthy: true, detail: String::new() };
    let reported = serve(&mut world, &pipeline(), ServingCommand::ReportStandby(body));
    assert_refused(reported, "standby.version", "not the warm standby");
}

#[test]
fn a_user_who_was_let_in_stays_in_while_the_share_grows() {
    let (mut world, _, _) = scene();
    let third = world.unregulated_in_staging("streamrec", 3);
    world.walk_to_canary(&third, &us_market());
    let canary = routing(&world);
    assert_eq!(canary.split.salt, "streamrec/3/US:");
    assert_eq!((canary.targets[0].from_bucket, canary.targets[0].to_bucket), (0, 1_000));
    assert_eq!((canary.targets[1].from_bucket, canary.targets[1].to_bucket), (1_000, 10_000));
    world.days_pass(3);
    world.attach(&third, EvidencePath::Canary, us(), Verdict::Green);
    world.request(&ben(), &third, Stage::Production, us()).unwrap();
    assert_eq!(routing(&world).targets, canary.targets, "promotion raises no share");
    world.observe(&third, &us_market(), 0.001, 20_000).unwrap();
    let quarter = routing(&world);
    assert_eq!(quarter.split, canary.split);
    assert_eq!((quarter.targets[0].from_bucket, quarter.targets[0].to_bucket), (0, 2_500));
}

#[test]
fn a_standby_to_which_everybody_was_sent_is_not_released_until_the_switch_is_lifted() {
    let (mut world, first, _) = scene();
    serve(&mut world, &rosa(), kill(KillTarget::Previous)).unwrap();
    assert_eq!(routing(&world).targets[0].version, first.number);
    let place = AggregateId::Deployment("streamrec".parse().unwrap(), us_market());
    let system = person("system", &[Role::Administrator], "");
    world.days_pass(30);
    assert_eq!(world.run(&system, &Command::Tick(place.clone())).unwrap(), [], "its time is over, its service is not");
    let out = ServingCommand::RollBack(RollBack { version: first.number, reason: "Worse.".into() });
    assert!(serve(&mut world, &ben(), out).is_err(), "and it is not taken out of the market either");
    serve(&mut world, &victor(), review(true)).unwrap();
    serve(&mut world, &victor(), lift()).unwrap();
    let released = world.run(&system, &Command::Tick(place)).unwrap();
    assert!(matches!(released[0].event, Event::StandbyReleased(_)));
}
