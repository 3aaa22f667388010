//! A version's own timeline holds what happened to it while it served, though a market's deployment is the subject of
//! those entries; its dossier and the market's report hold the same.

use domain::{VersionId, account::Role};
use serde_json::json;

use crate::{
    browser::Browser,
    common::TestServer,
    serving::{canary, post},
    steps,
};

/// Types of the entries on a version's timeline, newest first.
async fn events(server: &TestServer, version: u32, more: &str) -> Vec<String> {
    let path = format!("/api/v1/ledger/entries?model=streamrec&version={version}&limit=200{more}");
    let page = server.get(&path).as_role(Role::Auditor).await.send().await.expect(200).json();
    page["entries"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn rollout_routing_and_kill_switch_stand_on_the_timelines_of_the_versions_they_befall() {
    let (server, clock) = canary().await;
    steps::promote(&server, &clock, "/api/v1/models/streamrec/versions/2").await;
    let now = server.get("/api/v1/routing/streamrec/US").as_role(Role::Service).await.send().await.json();
    let applied = json!({ "revision": now["revision"], "subscriber": "gateway" });
    post(&server, Role::Service, "/routing/streamrec/US/applied", &applied).await.expect(200);
    steps::observe(&server, &clock, "streamrec/US", 2, 0.05).await.expect(200);
    let kill = json!({ "to": "fallback", "reason": "A regulator called." });
    post(&server, Role::Administrator, "/rollouts/streamrec/US/kill", &kill).await.expect(200);
    let third = steps::register_version(&server, "streamrec", &crate::common::lineage()).await;

    let second = events(&server, 2, "").await;
    let of_service: Vec<&str> = second.iter().map(String::as_str).take(4).collect();
    assert_eq!(of_service, ["kill_switch.engaged", "rollout.struck", "rollout.observed", "routing.applied"]);
    assert!(second.contains(&"stage.transitioned".to_owned()), "its own entries stand beside them: {second:?}");
    let first = events(&server, 1, "").await;
    assert_eq!(first[0], "kill_switch.engaged", "the champion was switched off as well");
    assert!(first.contains(&"rollout.completed".to_owned()) && !first.contains(&"rollout.struck".to_owned()));
    assert!(!events(&server, 3, "").await.contains(&"kill_switch.engaged".to_owned()), "{third} served nobody");
    // Filters and pages meet both kinds of entries.
    assert_eq!(events(&server, 2, "&event=rollout.struck").await, ["rollout.struck"]);
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/ledger/entries?model=streamrec&version=2&limit=3{cursor}");
        let page = server.get(&path).as_role(Role::Auditor).await.send().await.expect(200).json();
        paged.extend(page["entries"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap().to_owned()));
        match page["next"].as_u64() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, second, "no gap, no overlap");

    let page = Browser::of(&server, Role::Auditor).await.get("/models/streamrec/versions/2/timeline").await;
    for part in ["used the kill switch", "counted strike 1", "/rollouts/streamrec/US", "in US"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let id = VersionId { model: "streamrec".parse().unwrap(), number: 2.try_into().unwrap() };
    let dossier = countersign::dossier::collect(&server.app, &id).await.unwrap();
    let told: Vec<&str> = dossier.timeline.iter().rev().take(2).map(|entry| entry.event.as_str()).collect();
    assert!(told[0].starts_with("In US: used the kill switch"), "{told:?}");
    assert!(told[1].starts_with("In US: counted strike 1"), "{told:?}");

    let asked = json!({ "report": "market_timeline", "model": "streamrec", "market": "US" });
    let id = post(&server, Role::Auditor, "/reports", &asked).await.expect(202).json()["id"].clone();
    while countersign::reports::worker::turn(&server.app).await.unwrap() {}
    let call = server.get(&format!("/api/v1/reports/{}/json", id.as_str().unwrap())).as_role(Role::Auditor).await;
    let report = String::from_utf8(call.send().await.expect(200).body).unwrap();
    for part in [
        "used the kill switch",
        "counted strike 1 against version 2",
        "made version 1 champion",
        "attached JUnit test results",
        "asked for promotion to Staging",
    ] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
}

#[tokio::test]
async fn what_entries_concern_is_proved_by_fsck_and_written_anew_by_rebuild() {
    let (server, _) = canary().await;
    let app = &server.app;
    let check = async || {
        let outcome = countersign::fsck::check(&app.store, &app.blobs, app.key.verifier(), None).await.unwrap();
        outcome.faults.into_iter().map(|fault| fault.what).collect::<Vec<_>>()
    };
    assert_eq!(check().await, Vec::<String>::new());
    let before = events(&server, 1, "").await;
    let mut write = app.store.begin().await.unwrap();
    write.drop_views().await.unwrap();
    write.commit().await.unwrap();
    assert!(check().await.iter().any(|fault| fault.starts_with("entry_about is not")), "a lost row is a fault");
    countersign::fsck::rebuild(&app.store).await.unwrap();
    assert_eq!(check().await, Vec::<String>::new());
    assert_eq!(events(&server, 1, "").await, before);

    // A migration that adds views leaves a mark, and the next start writes them, once.
    let mut write = app.store.begin().await.unwrap();
    write.drop_views().await.unwrap();
    write.commit().await.unwrap();
    app.store.put_setting("views", Some("stale")).await.unwrap();
    countersign::service::Service::open(app.config.clone(), app.clock.clone()).await.unwrap();
    assert_eq!(check().await, Vec::<String>::new());
    assert_eq!(app.store.setting("views").await.unwrap(), None);
}
