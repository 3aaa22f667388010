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
    common::{Engine, Setup, TestServer},
    on_each_engine,
    raw::{another_at, assert_clean, faults},
    steps,
};

on_each_engine!(
    a_request_waits_for_its_time_and_no_longer,
    two_servers_do_once_what_is_due,
    a_change_of_policy_has_everything_looked_at_again,
);

/// A server in March, with a version in Shadow in the US that has asked for Canary in the last hours of its seven days.
async fn waiting(engine: Engine) -> (TestServer, Arc<ManualClock>, Timestamp) {
    let start: Timestamp = "2026-03-02T09:00:00.000000Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
    let version = steps::prepared(&server, "streamrec", "unregulated").await;
    steps::request(&server, &version, "staging", None).await.expect(201);
    steps::request(&server, &version, "shadow", Some("US")).await.expect(201);
    clock.set(start.plus_hours(164));
    steps::attach_for(&server, &version, "shadow", "US").await.expect(201);
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
    for hour in [164, 166, 167] {
        clock.set(start.plus_hours(hour));
        assert_eq!(clockwork::turn(&server.app).await.unwrap(), 0, "hour {hour}");
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
    let finding = serde_json::json!({
        "severity": "high", "title": "Few thin files", "description": "The sample holds few of them.",
        "due_at": start.plus_days(80),
    });
    let call = server.post("/api/v1/models/streamrec/versions/1/findings").json(&finding);
    call.as_role(Role::MrmValidator).await.send().await.expect(201);
    clock.set(start.plus_days(8));
    assert_eq!(clockwork::turn(&server.app).await.unwrap(), 0, "the finding blocks");
    let gate =
        "[profiles.unregulated.gates.canary]\nevidence = [\"shadow\"]\nchecks = [\"shadow\"]\nblocking_findings = ";
    let (high, critical) = (format!("{gate}\"high\""), format!("{gate}\"critical\""));
    let toml = domain::policy::DEFAULT_POLICY.replacen(&high, &critical, 1);
    server.app.sealer.seal(Order::new(Caller::System, Command::AdoptPolicy(toml))).await.unwrap();
    assert_eq!(clockwork::turn(&server.app).await.unwrap(), 1, "findings that are not critical let it through now");
    assert_eq!(stage(&server.app).await, Stage::Canary);
}
