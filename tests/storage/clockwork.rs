//! Rules of time: done when they are due, once, however many servers there are, and made up for after a standstill.

use std::sync::Arc;

use countersign::{
    clock::ManualClock,
    clockwork,
    seal::{Caller, Order},
    service::Service,
};
use domain::{AggregateId, Command, Market, Stage, VersionId, account::Role};
use ledger::Timestamp;

use crate::{
    common::{Engine, Setup, TestServer, digest},
    on_each_engine,
    raw::{another_at, assert_clean, faults},
    steps,
};

on_each_engine!(
    a_request_waits_for_its_time_and_no_longer,
    two_servers_do_once_what_is_due,
    a_change_of_policy_has_everything_looked_at_again,
);

const SHADOW: &str = r#"{"schema": "countersign/evaluation@1", "path": "shadow",
    "figures": [{"name": "spearman", "value": 0.93, "at_least": 0.85}]}"#;

/// A server in March, with a version in Shadow in the US that has asked for Canary on its first day.
async fn waiting(engine: Engine) -> (TestServer, Arc<ManualClock>, Timestamp) {
    let start: Timestamp = "2026-03-02T09:00:00.000000Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
    let version = steps::prepared(&server, "streamrec", "unregulated").await;
    steps::request(&server, &version, "staging", None).await.expect(201);
    steps::request(&server, &version, "shadow", Some("US")).await.expect(201);
    let address = format!(
        "{version}/evidence?path=shadow&market=US&bound_to={}&file_name=shadow.json&producer=eval",
        digest('c')
    );
    server.post(&address).bytes(SHADOW.into()).as_role(Role::DataScientist).await.send().await.expect(201);
    steps::request(&server, &version, "canary", Some("US")).await.expect(201);
    (server, clock, start)
}

async fn stage(app: &Service) -> Stage {
    let AggregateId::Version(id) = "version/streamrec/1".parse().unwrap() else { unreachable!() };
    let market: Market = "US".parse().unwrap();
    app.version(&VersionId::clone(&id)).await.unwrap().unwrap().version.stage_in(Some(&market))
}

async fn a_request_waits_for_its_time_and_no_longer(engine: Engine) {
    let (server, clock, start) = waiting(engine).await;
    for day in [0, 3, 6] {
        clock.set(start.plus_days(day));
        assert_eq!(clockwork::turn(&server.app).await.unwrap(), 0, "day {day}");
        assert_eq!(stage(&server.app).await, Stage::Shadow);
    }
    assert!(server.app.store.due(clock_now(&clock), 10).await.unwrap().is_empty(), "nothing is looked at twice");

    // The server stands still over the hour itself and makes up for it.
    let later = another_at(&server, clock.clone()).await.unwrap();
    clock.set(start.plus_days(9));
    assert_eq!(clockwork::turn(&later).await.unwrap(), 1);
    assert_eq!(stage(&later).await, Stage::Canary);
    let last = later.store.head().await.unwrap().size - 1;
    let entry = later.store.entry(last).await.unwrap().unwrap();
    assert_eq!((entry.actor.as_str(), entry.event.as_str()), ("system", "stage.transitioned"));
    assert_eq!(clockwork::turn(&later).await.unwrap(), 0);
    assert_clean(&faults(&later).await);
}

fn clock_now(clock: &ManualClock) -> Timestamp {
    countersign::clock::Clock::now(clock)
}

async fn two_servers_do_once_what_is_due(engine: Engine) {
    let (server, clock, start) = waiting(engine).await;
    let other = another_at(&server, clock.clone()).await.unwrap();
    clock.set(start.plus_days(7));
    let (here, there) = tokio::join!(clockwork::turn(&server.app), clockwork::turn(&other));
    assert_eq!(here.unwrap() + there.unwrap(), 1);
    assert_clean(&faults(&server.app).await);
}

async fn a_change_of_policy_has_everything_looked_at_again(engine: Engine) {
    let (server, clock, start) = waiting(engine).await;
    clock.set(start.plus_days(2));
    assert_eq!(clockwork::turn(&server.app).await.unwrap(), 0);
    let toml = domain::policy::DEFAULT_POLICY.replacen("min_shadow_days = 7", "min_shadow_days = 2", 1);
    server.app.sealer.seal(Order::new(Caller::System, Command::AdoptPolicy(toml))).await.unwrap();
    assert_eq!(clockwork::turn(&server.app).await.unwrap(), 1, "two days are enough now");
    assert_eq!(stage(&server.app).await, Stage::Canary);
}
