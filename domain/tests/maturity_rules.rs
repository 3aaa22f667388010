//! Maturity, climbed level by level through what pipelines and people do.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use domain::{
    Aggregate, AggregateId, Command, Stage, VersionId,
    access::Principal,
    command::RegisterVersion,
    evidence::{EvidencePath, Verdict},
    maturity::{Maturity, Subject},
    trigger::{ApproveDrift, Configuration, DriftRule, ObserveDrift, Retrain},
};

const MODEL: &str = "streamrec";

fn assess(world: &TestWorld) -> Maturity {
    let versions: Vec<_> = world.versions().collect();
    let triggers = match world.states.get(&AggregateId::Triggers(MODEL.parse().unwrap())) {
        Some(Aggregate::Triggers(triggers)) => Some(&**triggers),
        _ => None,
    };
    let policy = world.policy().policy.maturity.unwrap();
    let services = BTreeSet::from([account("pipeline")]);
    Subject { versions: &versions, triggers, services: &services, policy, now: world.now }.assess()
}

fn met(found: &Maturity) -> Vec<&str> {
    found.criteria.iter().filter(|c| c.met).map(|c| c.rule.trim_start_matches("maturity.")).collect()
}

fn observe(world: &mut TestWorld, psi: f64) {
    let body = ObserveDrift {
        from: world.now.plus_days(-1),
        until: world.now,
        source: "nightly".into(),
        features: BTreeMap::from([("age".to_owned(), moved(psi))]),
    };
    world.run(&pipeline(), &Command::ObserveDrift(MODEL.parse().unwrap(), body)).unwrap();
}

fn register(world: &mut TestWorld, who: &Principal, seed: u8, trigger: Option<u32>) -> VersionId {
    let body = RegisterVersion { lineage: lineage(seed), note: String::new(), origin: None, trigger };
    let recorded = world.run(who, &Command::RegisterVersion(MODEL.parse().unwrap(), body)).unwrap();
    let AggregateId::Version(id) = &recorded[0].subject else { panic!() };
    id.clone()
}

/// To Production in the US, every step asked for by `who`.
fn walk(world: &mut TestWorld, who: &Principal, id: &VersionId, is_drift: bool) {
    world.attach_three_paths(id);
    world.request(who, id, Stage::Staging, None).unwrap();
    world.request(who, id, Stage::Shadow, us()).unwrap();
    world.days_pass(7);
    world.attach(id, EvidencePath::Shadow, us(), Verdict::Green);
    if is_drift {
        let body = ApproveDrift { market: market("US"), statement: "Genuine.".into() };
        world.run(&victor(), &Command::ApproveDrift(id.clone(), body)).unwrap();
    }
    world.request(who, id, Stage::Canary, us()).unwrap();
    world.days_pass(3);
    world.attach(id, EvidencePath::Canary, us(), Verdict::Green);
    world.request(who, id, Stage::Production, us()).unwrap();
    assert_eq!(world.stage(id, us().as_ref()), Stage::Production);
    world.roll_out(id, &market("US"));
}

#[test]
fn levels_are_reached_by_what_the_ledger_shows_and_lost_with_time() {
    let mut world = TestWorld::new();
    world.register_model(MODEL, "unregulated");
    let found = assess(&world);
    assert_eq!((found.level, found.title.as_str()), (0, "Manual"));
    assert!(found.criteria.iter().all(|c| c.missing.is_some() && c.evidence.is_empty()));

    // A person who asks, answered by a pipeline, is no automation.
    let drift = Configuration { drift: Some(DriftRule::default()), ..Configuration::default() };
    world.run(&ana(), &Command::ConfigureTriggers(MODEL.parse().unwrap(), drift)).unwrap();
    let body = Retrain { reason: "Labels.".into() };
    world.run(&ana(), &Command::Retrain(MODEL.parse().unwrap(), body)).unwrap();
    register(&mut world, &pipeline(), 1, Some(1));
    assert_eq!(assess(&world).level, 0);

    // Nor is a trigger that a person answers and walks.
    world.days_pass(2);
    observe(&mut world, 0.3);
    let by_hand = register(&mut world, &ana(), 2, Some(2));
    walk(&mut world, &ben(), &by_hand, true);
    assert_eq!(met(&assess(&world)), ["self_healing"], "the observation is ten days old");
    assert_eq!(assess(&world).level, 0, "a level needs all below it");

    observe(&mut world, 0.4);
    let automated = register(&mut world, &pipeline(), 3, Some(3));
    assert_eq!(assess(&world).level, 1);
    walk(&mut world, &pipeline(), &automated, true);
    assert_eq!(assess(&world).level, 2, "nobody has looked for drift for ten days");
    observe(&mut world, 0.01);
    let found = assess(&world);
    assert_eq!((found.level, found.title.as_str()), (3, "Self-healing"));
    for criterion in &found.criteria {
        assert!(criterion.met && !criterion.evidence.is_empty() && criterion.missing.is_none());
        assert!(criterion.evidence.iter().all(|seq| world.log.iter().any(|entry| entry.seq == *seq)));
    }

    world.days_pass(200);
    assert_eq!(assess(&world).level, 0, "what was half a year ago says nothing of today");
}
