//! Opening a market to a model that is registered already: who may, and that nothing is promoted by it.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use common::*;
use domain::{
    Command, Event, Refusal, Stage,
    access::Principal,
    account::Role,
    command::RegisterModel,
    inventory::{AddMarket, RetireModel},
    registry::Tier,
};

fn world() -> TestWorld {
    let mut world = TestWorld::new();
    let model = RegisterModel {
        name: "credit".parse().unwrap(),
        title: "Credit".into(),
        purpose: "To be tested.".into(),
        tier: Tier::Three,
        profile: "unregulated".parse().unwrap(),
        markets: vec![market("US")],
    };
    world.run(&ana(), &Command::RegisterModel(model)).unwrap();
    world
}

fn add(world: &mut TestWorld, who: &Principal, code: &str, reason: &str) -> Result<Event, Refusal> {
    let body = AddMarket { market: market(code), reason: reason.into() };
    let sealed = world.run(who, &Command::AddMarket("credit".parse().unwrap(), body))?;
    assert_eq!(sealed.len(), 1, "nothing follows from it");
    Ok(sealed.into_iter().next().unwrap().event)
}

#[test]
fn a_market_is_opened_by_the_models_own_side_or_mrm_once_and_for_a_reason() {
    let mut world = world();
    let stranger = person("sven", &[Role::DataScientist], "marketing");
    assert_refused(add(&mut world, &stranger, "EU", "Launch."), "inventory.own_side", "kept by its owner");
    for who in [pipeline(), paul(), rosa(), adam(), audrey()] {
        assert_refused(add(&mut world, &who, "EU", "Launch."), "access.role", "inventory");
    }
    assert_invalid(add(&mut world, &ana(), "EU", " "), "reason", "");
    assert_invalid(add(&mut world, &ana(), "JP", "Launch."), "market", "no market JP; it has EU, US");
    assert_refused(add(&mut world, &ana(), "US", "Launch."), "market.added", "already");
    add(&mut world, &vera(), "EU", " Launch in the autumn. ").unwrap();
    assert_eq!(world.model("credit").markets, [market("US"), market("EU")], "at the end of the list");
    assert_refused(add(&mut world, &ana(), "EU", "Launch."), "market.added", "already");
    let retire = Command::RetireModel("credit".parse().unwrap(), RetireModel { reason: "Gone.".into() });
    world.run(&ana(), &retire).unwrap();
    assert_refused(add(&mut world, &ana(), "EU", "Launch."), "model.retired", "retired on");
}

#[test]
fn a_version_that_serves_elsewhere_begins_its_way_there() {
    let mut world = world();
    let id = world.register_version("credit", lineage(1));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.walk_to_production(&id, &market("US"));
    assert_refused(world.request(&ben(), &id, Stage::Shadow, eu()), "market.known", "its markets are US");
    add(&mut world, &ana(), "EU", "Launch.").unwrap();
    assert_eq!(world.stage(&id, Some(&market("EU"))), Stage::Staging, "what is shared is shared, no more");
    assert_eq!(world.stage(&id, Some(&market("US"))), Stage::Production, "untouched");
    assert_refused(world.request(&ben(), &id, Stage::Canary, eu()), "stage.order", "Shadow");
    world.request(&ben(), &id, Stage::Shadow, eu()).unwrap();
    let missing = world.requirement(&id, Stage::Canary, Some(&market("EU")), "privacy.dpia");
    assert!(!missing.met, "the EU asks for its assessment: {missing:?}");
}
