//! The whole course of a rollout, though the state keeps a part of it; the drills that are due; a team that stays.

use std::sync::Arc;

use countersign::{
    clock::{Clock as _, ManualClock},
    fsck,
};
use domain::account::Role;
use ledger::Timestamp;
use serde_json::json;

use crate::{
    browser::Browser,
    common::{Engine, Setup, TestServer},
    steps,
};

async fn at_canary(engine: Engine) -> (TestServer, Arc<ManualClock>) {
    let start: Timestamp = "2026-03-02T09:00:00.000000Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::on(engine) }).await;
    let first = steps::prepared(&server, "streamrec", "unregulated").await;
    steps::walk_to_canary(&server, &clock, &first).await;
    (server, clock)
}

#[tokio::test]
async fn every_window_of_a_rollout_is_shown_while_it_lasts_and_after_it_was_rolled_back() {
    for engine in Engine::available() {
        let (server, clock) = at_canary(engine).await;
        for _ in 0..80 {
            steps::observe(&server, &clock, "streamrec/US", 1, 0.001).await.expect(200);
        }
        let browser = Browser::of(&server, Role::Auditor).await;
        let page = browser.get("/rollouts/streamrec/US").await;
        assert!(page.contains("The last 20 of 80 windows; the whole course"), "{page}");
        assert!(page.contains("in 80 windows, lately"), "the chart is over all of them");

        let course = "/rollouts/streamrec/US/versions/1";
        let page = browser.get(course).await;
        for part in ["1–50 of 80 windows", "under way", "80: 80 ", "in 80 windows, lately"] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        let rest = browser.get(&format!("{course}?after=50")).await;
        assert!(rest.contains("51–80 of 80 windows"), "{rest}");
        // No window stands on both pages, and none is missing.
        let entries = |page: &str| -> Vec<String> {
            let table = page.split("Windows observed of").nth(1).unwrap();
            table.split("href=\"/ledger/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        let mut all: Vec<String> = [entries(&page), entries(&rest)].concat();
        assert_eq!(all.len(), 80);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 80);

        let body = json!({ "version": 1, "reason": "Users complain." });
        let call = server.post("/api/v1/rollouts/streamrec/US/rollback").json(&body).as_role(Role::DataScientist).await;
        call.send().await.expect(200);
        let page = browser.get("/rollouts/streamrec/US").await;
        assert!(page.contains("The last 10 windows are shown here; the whole course, with every window"), "{page}");
        let page = browser.get(course).await;
        for part in ["1–50 of 80 windows", "rolled back", "Users complain.", "10, 0 %"] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        let past = browser.get("/rollouts/streamrec/US/past").await;
        assert!(past.contains(course) && past.contains("Users complain."), "{past}");

        let answer = server.get("/rollouts/streamrec/US/versions/9").send().await;
        assert_eq!(answer.status, 303, "a stranger signs in first");
        let session = server.app.sign_in(&TestServer::email(Role::Auditor), crate::common::PASSWORD, "test").await;
        let cookie = format!("countersign_session={}", session.unwrap().1);
        for path in
            ["/rollouts/streamrec/US/versions/9", "/rollouts/streamrec/EU/versions/1", "/rollouts/streamrec/EU/past"]
        {
            assert_eq!(server.get(path).header("cookie", &cookie).send().await.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn a_drill_waits_for_the_owner_before_it_is_due_and_is_overdue_on_the_overview() {
    for engine in Engine::available() {
        let (server, clock) = at_canary(engine).await;
        steps::promote(&server, &clock, "/api/v1/models/streamrec/versions/1").await;
        steps::roll_out(&server, &clock, "streamrec", 1).await;
        let crowned = clock.now();
        let inbox = async || Browser::of(&server, Role::DataScientist).await.get("/inbox").await;
        let asks = "Rollback drill of streamrec in US";
        clock.set(crowned.plus_days(75));
        assert!(!inbox().await.contains(asks), "fifteen days before, nobody is asked");
        clock.set(crowned.plus_days(77));
        let page = inbox().await;
        assert!(page.contains(asks) && page.contains("To exercise"), "{page}");
        // A session ends after two weeks, so each look is a new one.
        let auditor = async |path: &str| Browser::of(&server, Role::Auditor).await.get(path).await;
        assert!(!auditor("/inbox").await.contains(asks), "it waits for the owner");
        let page = auditor("/rollouts").await;
        assert!(page.contains("Next drill") && !page.contains("overdue."), "{page}");
        clock.set(crowned.plus_days(91));
        let page = auditor("/rollouts").await;
        assert!(page.contains("1 rollback drill is overdue."), "{page}");
        assert!(auditor("/rollouts?state=drill_overdue").await.contains("href=\"/rollouts/streamrec/US\""));
        let listed = server.get("/api/v1/rollouts?drill_overdue=true").as_role(Role::Auditor).await.send().await;
        assert_eq!(listed.expect(200).json()["total"], 1);

        // A drill under way asks for none; one that passed puts the next one off.
        let call = server.post("/api/v1/rollouts/streamrec/US/drills").json(&json!({ "note": "Quarterly." }));
        call.as_role(Role::DataScientist).await.send().await.expect(200);
        assert!(!inbox().await.contains(asks));
        let body = json!({ "millis": 900, "note": "Fast." });
        let call = server.post("/api/v1/rollouts/streamrec/US/drills/finish").json(&body);
        call.as_role(Role::DataScientist).await.send().await.expect(200);
        assert!(!inbox().await.contains(asks));
        let listed = server.get("/api/v1/rollouts?drill_overdue=true").as_role(Role::Auditor).await.send().await;
        assert_eq!(listed.expect(200).json()["total"], 0);
        let checked = fsck::check(&server.app.store, &server.app.blobs, server.app.key.verifier(), None).await.unwrap();
        assert_eq!(checked.faults, []);
    }
}

#[tokio::test]
async fn changing_roles_leaves_a_team_that_is_not_named_as_it_is() {
    let server = TestServer::start_on(Engine::Sqlite).await;
    let account = server.account(Role::MrmValidator).await;
    let team = async || server.app.account(&account).await.unwrap().unwrap().team.clone();
    let before = team().await;
    assert!(!before.is_empty());
    let path = format!("/api/v1/accounts/{account}/roles");
    let change =
        async |body: serde_json::Value| server.put(&path).json(&body).as_role(Role::Administrator).await.send().await;
    change(json!({ "roles": ["mrm_validator", "auditor"], "own_password": crate::common::PASSWORD })).await.expect(200);
    assert_eq!(team().await, before, "absent is unchanged");
    change(json!({ "roles": ["mrm_validator", "auditor"], "own_password": crate::common::PASSWORD })).await.expect(409);
    change(json!({ "roles": ["mrm_validator", "auditor"], "team": "Other", "own_password": crate::common::PASSWORD }))
        .await
        .expect(200);
    assert_eq!(team().await, "Other");
    change(json!({ "roles": ["mrm_validator", "auditor"], "team": "", "own_password": crate::common::PASSWORD }))
        .await
        .expect(200);
    assert_eq!(team().await, "", "an empty text takes it away");
}
