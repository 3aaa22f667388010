//! One market with a champion and a canary; whatever is reported and commanded in whatever order: two strikes end in
//! full rollback, who was taken out never answers users again, the shares sum to 100 %, and while the kill switch is in
//! use nobody but its target answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
};

use common::*;
use domain::{
    AggregateId, Event, Market, Recorded, Stage, VersionId,
    deployment::{
        KillTarget, Routing, ServingCommand,
        command::{Applied, FinishDrill, Kill, Reason, ReportStandby, ReviewKill, RollBack, StartDrill},
    },
    evidence::{EvidencePath, Verdict},
    registry::Standing,
};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};

#[derive(Debug, Clone)]
enum Step {
    Observe { challenger: bool, error_rate: f64 },
    Wait { hours: i64 },
    Tick,
    Promote { blue_green: bool },
    Approve,
    Hold,
    Resume,
    RollBack { challenger: bool },
    Health { healthy: bool },
    Kill { to: KillTarget },
    Review { may_lift: bool },
    Lift,
    Drill,
    Applied,
    Next,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        24 => (prop::bool::weighted(0.8), select(vec![0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.0048, 0.05]))
            .prop_map(|(challenger, error_rate)| Step::Observe { challenger, error_rate }),
        16 => (6_i64..60).prop_map(|hours| Step::Wait { hours }),
        4 => Just(Step::Tick),
        10 => prop::bool::weighted(0.2).prop_map(|blue_green| Step::Promote { blue_green }),
        14 => Just(Step::Approve),
        1 => Just(Step::Hold),
        6 => Just(Step::Resume),
        1 => prop::bool::weighted(0.3).prop_map(|challenger| Step::RollBack { challenger }),
        2 => prop::bool::weighted(0.8).prop_map(|healthy| Step::Health { healthy }),
        1 => select(KillTarget::ALL.to_vec()).prop_map(|to| Step::Kill { to }),
        8 => prop::bool::weighted(0.8).prop_map(|may_lift| Step::Review { may_lift }),
        8 => Just(Step::Lift),
        1 => Just(Step::Drill),
        2 => Just(Step::Applied),
        6 => Just(Step::Next),
    ]
}

struct Scene {
    world: TestWorld,
    place: Market,
    seed: u8,
}

impl Scene {
    /// A champion and a canary in the market.
    fn new(place: &Market) -> Self {
        let mut world = TestWorld::new();
        world.register_model("streamrec", "unregulated");
        let first = world.unregulated_in_staging("streamrec", 1);
        world.walk_to_champion(&first, place);
        let mut scene = Self { world, place: place.clone(), seed: 1 };
        scene.next();
        scene
    }

    /// Another version enters Canary, if the market is free.
    fn next(&mut self) {
        let deployment = self.world.deployment("streamrec", &self.place);
        if deployment.rollout.is_some() || deployment.kill_switch.is_some() {
            return;
        }
        self.seed = self.seed.wrapping_add(1);
        let mut lineage = lineage(self.seed);
        if self.seed.is_multiple_of(2) {
            // A change of infrastructure alone, which may be let in at once.
            lineage.model.weights_digest = self.world.version(&self.champion()).lineage.model.weights_digest;
        }
        let id = self.world.unregulated_of("streamrec", lineage);
        self.world.walk_to_canary(&id, &self.place);
        self.world.attach(&id, EvidencePath::Canary, Some(self.place.clone()), Verdict::Green);
    }

    fn challenger(&self) -> Option<VersionId> {
        let rollout = self.world.deployment("streamrec", &self.place).rollout.as_ref()?;
        Some(version_id("streamrec", rollout.artifact.version.get()))
    }

    fn champion(&self) -> VersionId {
        let champion = self.world.deployment("streamrec", &self.place).champion.as_ref().unwrap();
        version_id("streamrec", champion.artifact.version.get())
    }

    /// What the step leads to; nothing if a rule refuses it.
    fn take(&mut self, step: &Step) -> Option<Vec<Recorded>> {
        let place = self.place.clone();
        let reason = || Reason { reason: "Because.".into() };
        let command = match step {
            Step::Observe { challenger, error_rate } => {
                let id = if *challenger { self.challenger()? } else { self.champion() };
                return self.world.observe(&id, &place, *error_rate, 20_000).ok();
            }
            Step::Wait { hours } => {
                self.world.now = self.world.now.plus_hours(*hours);
                return None;
            }
            Step::Tick => return Some(self.world.tick_market("streamrec", &place)),
            Step::Promote { blue_green } => {
                let body = domain::command::RequestPromotion {
                    to: Stage::Production,
                    market: Some(place),
                    note: String::new(),
                    blue_green: blue_green.then(|| "New runtime.".into()),
                };
                let id = self.challenger()?;
                let asked = self.world.run(&ben(), &domain::Command::RequestPromotion(id.clone(), body)).ok();
                if self.world.version(&id).open_request(Some(&self.place)).is_some() {
                    return self.world.sign(&victor(), domain::account::Role::MrmValidator, &id).ok();
                }
                return asked;
            }
            Step::Approve => {
                let id = self.challenger()?;
                return self.world.approve_step(&victor(), &id, &place).ok();
            }
            Step::Next => {
                self.next();
                return None;
            }
            Step::Hold => ServingCommand::Hold(reason()),
            Step::Resume => ServingCommand::Resume(reason()),
            Step::RollBack { challenger } => {
                let id = if *challenger { self.challenger()? } else { self.champion() };
                ServingCommand::RollBack(RollBack { version: id.number, reason: "Worse.".into() })
            }
            Step::Health { healthy } => {
                let standby = self.world.deployment("streamrec", &place).standby.as_ref()?;
                let (version, detail) = (standby.artifact.version, String::new());
                ServingCommand::ReportStandby(ReportStandby { version, healthy: *healthy, detail })
            }
            Step::Kill { to } => ServingCommand::Kill(Kill { to: *to, reason: "Harm.".into() }),
            Step::Review { may_lift } => {
                ServingCommand::ReviewKill(ReviewKill { text: "Looked at.".into(), may_lift: *may_lift })
            }
            Step::Lift => ServingCommand::LiftKill(reason()),
            Step::Drill => match self.world.deployment("streamrec", &place).open_drill() {
                None => ServingCommand::StartDrill(StartDrill { note: String::new() }),
                Some(_) => ServingCommand::FinishDrill(FinishDrill { millis: Some(800), note: "By hand.".into() }),
            },
            Step::Applied => {
                let revision = self.world.deployment("streamrec", &place).revision();
                ServingCommand::Applied(Applied { revision, subscriber: "gateway".into() })
            }
        };
        let who = match &command {
            ServingCommand::ReviewKill(_) => victor(),
            ServingCommand::ReportStandby(_) | ServingCommand::Applied(_) => pipeline(),
            _ => ben(),
        };
        self.world.serve(&who, "streamrec", &place, command).ok()
    }
}

/// What was counted from the entries alone.
#[derive(Default)]
struct Count {
    strikes: HashMap<u32, u32>,
    out: BTreeSet<u32>,
    at_once: BTreeSet<u32>,
    rollbacks: u32,
    completed: u32,
    kills: u32,
    applied: u32,
}

impl Count {
    fn see(&mut self, recorded: &[Recorded]) {
        for (index, entry) in recorded.iter().enumerate() {
            match &entry.event {
                Event::StageTransitioned { serving: Some(serving), .. }
                    if serving.strategy == domain::deployment::Strategy::BlueGreen =>
                {
                    self.at_once.insert(serving.artifact.version.get());
                }
                Event::RolloutStruck(body) => {
                    let strikes = self.strikes.entry(body.version.get()).or_default();
                    *strikes += 1;
                    assert_eq!(*strikes, body.strike);
                    let next = recorded.get(index + 1).map(|next| next.event.kind());
                    let full = next == Some("rollout.rolled_back");
                    let at_once = self.at_once.contains(&body.version.get());
                    assert!(!at_once || full, "a blue-green switch goes back with its first strike");
                    assert_eq!(full, at_once || *strikes == 2, "the second strike, and only it, rolls back fully");
                }
                Event::RolloutRolledBack(body) => {
                    self.rollbacks += 1;
                    assert!(self.out.insert(body.version.get()));
                }
                Event::ChampionRolledBack(body) => {
                    self.rollbacks += 1;
                    assert!(self.out.insert(body.from.get()));
                }
                Event::StandbyReleased(body) => assert!(self.out.insert(body.version.get())),
                Event::RolloutCompleted(body) => {
                    self.completed += 1;
                    if let Some(released) = body.released {
                        self.out.insert(released.get());
                    }
                }
                Event::KillEngaged(_) => self.kills += 1,
                Event::RoutingApplied(_) => self.applied += 1,
                _ => {}
            }
        }
    }

    fn check(&self, scene: &Scene) {
        let deployment = scene.world.deployment("streamrec", &scene.place);
        let routing = Routing::of(deployment);
        let served: u32 = routing.targets.iter().map(|target| u32::from(target.weight)).sum();
        assert_eq!(served + u32::from(routing.fallback.weight), 100);
        for target in &routing.targets {
            assert!(!self.out.contains(&target.version.get()), "version {} is out for good", target.version);
        }
        if deployment.kill_switch.is_some() {
            assert!(routing.targets.len() <= 1 && routing.mirror.is_empty());
            let switched = routing.targets.iter().map(|target| target.weight).chain([routing.fallback.weight]).max();
            assert_eq!(switched, Some(100), "all or nothing");
        }
        for version in scene.world.versions().filter(|version| self.out.contains(&version.id.number.get())) {
            assert_eq!(version.stage_in(Some(&scene.place)), Stage::Archived, "{}", version.id);
        }
        let champions = scene.world.versions().filter(|version| {
            scene.world.model("streamrec").standing(version.id.number, &scene.place) == Standing::Champion
        });
        assert_eq!(champions.count(), 1);
    }
}

#[test]
fn two_strikes_end_in_full_rollback_and_nobody_returns() {
    for code in ["US", "EU"] {
        let place = market(code);
        let reached = RefCell::new(Count::default());
        let config = Config { cases: 160, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&prop::collection::vec(step(), 20..160), |steps| {
                let mut scene = Scene::new(&place);
                let mut count = Count::default();
                for step in &steps {
                    if let Some(recorded) = scene.take(step) {
                        count.see(&recorded);
                    }
                    count.check(&scene);
                }
                // Folding again from the first entry gives the same state.
                let mut again = HashMap::new();
                scene.world.log.iter().for_each(|recorded| apply(&mut again, recorded));
                let id = AggregateId::Deployment("streamrec".parse().unwrap(), place.clone());
                let text = scene.world.states[&id].to_json().unwrap();
                assert_eq!(again[&id].to_json().unwrap(), text);
                assert_eq!(domain::Aggregate::from_json(&id, &text).unwrap(), again[&id]);
                let mut reached = reached.borrow_mut();
                reached.rollbacks += count.rollbacks;
                reached.completed += count.completed;
                reached.kills += count.kills;
                reached.applied += count.applied;
                let twice = count.strikes.values().filter(|strikes| **strikes == 2).count();
                *reached.strikes.entry(0).or_default() += u32::try_from(twice).unwrap();
                Ok(())
            })
            .unwrap();
        let reached = reached.into_inner();
        println!(
            "{code}: {} second strikes, {} rollbacks, {} completed, {} kill switches, {} applied",
            reached.strikes[&0], reached.rollbacks, reached.completed, reached.kills, reached.applied
        );
        let somewhere =
            reached.strikes[&0] >= 20 && reached.completed >= (if code == "US" { 3 } else { 0 }) && reached.kills >= 20;
        assert!(somewhere && reached.applied >= 20, "the walks must get somewhere to prove anything");
    }
}
