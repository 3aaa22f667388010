use std::collections::BTreeMap;

use domain::{
    materiality::{Materiality, assess},
    promotion::RequestState,
    stage::Stage,
    trigger::{Cause, Reason},
};

use super::*;
use crate::{config::ConfigArgs, fsck};

fn config(folder: &std::path::Path) -> Config {
    Config::load(&ConfigArgs { data: Some(folder.to_owned()), ..ConfigArgs::default() }, None).unwrap()
}

async fn open(config: &Config, now: Timestamp) -> Arc<Service> {
    Service::open(config.clone(), Arc::new(ManualClock::new(now))).await.unwrap()
}

fn id(model: &str, number: u32) -> VersionId {
    VersionId { model: model.parse().unwrap(), number: number.try_into().unwrap() }
}

async fn details(app: &Service, id: &VersionId, to: Stage, market: Option<&str>) -> Vec<String> {
    let shelf = app.version(id).await.unwrap().unwrap();
    let market = market.map(|market| market.parse().unwrap());
    let question = shelf.question(to, market.as_ref(), app.clock.now());
    let unmet = question.requirements().unwrap().into_iter().filter(|requirement| !requirement.met);
    unmet.flat_map(|requirement| requirement.details).collect()
}

#[tokio::test]
async fn the_story_plays_on_any_day_and_leaves_each_state_it_promises() {
    for now in ["2026-11-23T12:14:15.000000Z", "2027-01-02T00:03:00.000000Z", "2026-08-06T23:59:59.000000Z"] {
        let now: Timestamp = now.parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        fill_until(&config, now).await.unwrap();
        let app = open(&config, now).await;
        assert!(app.demo);
        let outcome = fsck::check(&app.store, &app.blobs, app.key.verifier(), None).await.unwrap();
        assert_eq!(outcome.faults, []);
        check_states(&app).await;
        check_work(&app, now).await;
        let head = app.store.head().await.unwrap();
        assert!(head.time <= now && now.days_since(head.time) < 1, "the story ends at {}", head.time);
        close(app).await;
        fill_until(&config, now.plus_days(1)).await.unwrap();
        assert_eq!(open(&config, now).await.store.head().await.unwrap(), head, "a second call changes nothing");
    }
}

async fn check_states(app: &Service) {
    let champion = async |model: &str| -> BTreeMap<String, u32> {
        let model = app.model(&model.parse().unwrap()).await.unwrap().unwrap();
        model.champions.iter().map(|(market, champion)| (market.to_string(), champion.version.get())).collect()
    };
    assert_eq!(champion("streamrec").await, BTreeMap::from([("EU".into(), 2), ("US".into(), 2)]));
    assert_eq!(champion("credit-default").await, BTreeMap::from([("US".into(), 1)]));
    assert_eq!(champion("churn-telecom").await, BTreeMap::from([("US".into(), 1)]));

    let deployment = async |model: &str, market: &str| {
        app.deployment(&model.parse().unwrap(), &market.parse().unwrap()).await.unwrap().unwrap()
    };
    let recommender = deployment("streamrec", "US").await;
    let coming = recommender.rollout.as_ref().unwrap();
    assert_eq!((coming.artifact.version.get(), coming.percent(), coming.strikes.len()), (3, 10, 1));
    let europe = deployment("streamrec", "EU").await;
    assert_eq!(europe.standby.as_ref().unwrap().artifact.version.get(), 1);
    assert_eq!(europe.last_passed_drill().unwrap().result.as_ref().unwrap().millis, Some(9_000));
    let rolled_back = &deployment("ticket-router", "US").await.ended[0];
    assert_eq!((rolled_back.ending, rolled_back.rollout.strikes.len()), (domain::deployment::Ending::RolledBack, 2));
    let tickets = app.version(&id("ticket-router", 1)).await.unwrap().unwrap().version;
    assert_eq!(tickets.stage_in(Some(&"US".parse().unwrap())), Stage::Archived);
    let churn = deployment("churn-telecom", "US").await;
    assert!(churn.kill_switch.is_none(), "it was used, reviewed and lifted");
    let used = churn.revisions.iter().find(|revision| revision.what == "kill_switch.engaged").unwrap();
    assert_eq!(used.applied.values().copied().collect::<Vec<_>>(), [740]);

    let declined = app.version(&id("credit-default", 2)).await.unwrap().unwrap().version;
    assert!(
        matches!(&declined.requests[0].state, RequestState::Declined { reason, .. } if reason.contains("disbursement"))
    );
    assert_eq!(declined.findings[0].state(), "remediated");

    let rec = app.version(&id("streamrec", 3)).await.unwrap().unwrap().version;
    assert_eq!(rec.stage_in(Some(&"US".parse().unwrap())), Stage::Canary);
    assert_eq!(rec.stage_in(Some(&"EU".parse().unwrap())), Stage::Shadow);
    let stale = details(app, &id("streamrec", 3), Stage::Canary, Some("EU")).await;
    assert!(stale.iter().any(|detail| detail.contains("stale: evidence changed")), "{stale:?}");

    for (number, expected) in [(3, Materiality::NonMaterial), (4, Materiality::Material)] {
        let before = app.version(&id("streamrec", number - 1)).await.unwrap().unwrap().version;
        let after = app.version(&id("streamrec", number)).await.unwrap().unwrap().version;
        let verdict = assess(Some(&before.lineage.diff(&after.lineage)));
        assert_eq!(verdict.materiality, expected, "version {number}: {:?}", verdict.reasons);
    }

    let lineage = details(app, &id("streamrec", 5), Stage::Staging, None).await;
    assert!(lineage.iter().any(|detail| detail.contains("lineage.training.random_seed")), "{lineage:?}");
    let segment = details(app, &id("credit-default", 1), Stage::Canary, Some("EU")).await;
    let weak = "Spearman's correlation in segment self-employed is 0.4";
    assert!(
        segment.iter().any(|detail| detail.contains("18 of 19 thresholds") && detail.contains(weak)),
        "{segment:?}"
    );
    check_trials(app).await;
    check_triggers(app).await;
    let assessed = app.privacy_file(&"streamrec".parse().unwrap()).await.unwrap().unwrap();
    assert!(assessed.approved.as_ref().is_some_and(|approved| approved.reopened.is_none()));
    let waits = details(app, &id("credit-default", 1), Stage::Canary, Some("EU")).await;
    assert!(waits.iter().any(|detail| detail.contains("waits for advice")), "{waits:?}");
    assert_eq!(app.version(&id("fraud-screen", 1)).await.unwrap().unwrap().version.stage, Stage::Archived);
}

/// What rows show is the same on every day: it is in the texts that people wrote about it.
async fn check_trials(app: &Service) {
    let credit = app.version(&id("credit-default", 1)).await.unwrap().unwrap().version;
    let shadow = credit.evidence.iter().find(|evidence| evidence.file_name == "shadow-results-eu.csv").unwrap();
    let correlations: Vec<(Option<&str>, f64, Option<bool>)> = shadow
        .facts
        .figures
        .iter()
        .filter(|figure| figure.name == "Spearman's correlation")
        .map(|figure| (figure.segment.as_deref(), figure.value, figure.passed))
        .collect();
    assert_eq!((shadow.facts.failures.len(), correlations.len()), (1, 5), "{:?}", shadow.facts.failures);
    let (segment, value, passed) = correlations.iter().find(|(segment, ..)| *segment == Some("self-employed")).unwrap();
    assert!(*passed == Some(false) && (0.35..0.47).contains(value), "{segment:?} {value}");
    assert!(correlations.iter().all(|(segment, value, _)| *segment == Some("self-employed") || *value > 0.85));
    assert!(correlations.iter().any(|(segment, value, _)| segment.is_none() && *value > 0.92));

    let polish = app.version(&id("streamrec", 2)).await.unwrap().unwrap().version;
    let figures = polish.evidence.iter().flat_map(|evidence| &evidence.facts.figures);
    let value = figures.filter(|figure| figure.segment.as_deref() == Some("Polish")).map(|figure| figure.value).next();
    let said = format!("Polish segment is {:.3} against", value.unwrap());
    assert!(polish.findings[0].description.contains(&said), "the finding should say: {said}");

    let tickets = app.version(&id("ticket-router", 1)).await.unwrap().unwrap().version;
    let uplifts: Vec<_> = tickets
        .evidence
        .iter()
        .filter(|evidence| evidence.path == EvidencePath::Canary)
        .map(|look| {
            let uplift = look.facts.figures.iter().find(|figure| figure.name == "relative uplift of completion");
            let interval = uplift.unwrap().interval.unwrap();
            (look.facts.verdict, interval.high - interval.low)
        })
        .collect();
    assert_eq!(uplifts.len(), 3);
    assert!(uplifts.iter().all(|(verdict, _)| *verdict == domain::evidence::Verdict::Red));
    assert!(uplifts.windows(2).all(|pair| pair[0].1 > pair[1].1), "the more users, the narrower: {uplifts:?}");
}

/// Schedule, drift, performance, a duplicate held back, too little data, an emergency that did not wait, and a version
/// that waits for somebody to look at the drift.
async fn check_triggers(app: &Service) {
    let triggers = app.store.all_triggers(10).await.unwrap();
    let of = |model: &str| triggers.iter().find(|triggers| triggers.model.as_str() == model).unwrap();
    let fired = |model: &str| -> Vec<(Cause, u8, Option<u32>)> {
        let firings = of(model).firings.iter();
        firings.map(|firing| (firing.about.cause, firing.about.priority.number(), firing.bypassed)).collect()
    };
    assert_eq!(
        fired("streamrec"),
        [(Cause::Scheduled, 2, None), (Cause::Performance, 2, None), (Cause::Drift, 1, Some(2))]
    );
    let slot = &of("streamrec").firings[0];
    assert_eq!(Some(slot.mark.at), slot.about.scheduled_for, "the clock stopped at the slot");
    let why: Vec<bool> = of("streamrec")
        .suppressions
        .iter()
        .map(|suppression| matches!(suppression.reason, Reason::TooLittleData { .. }))
        .collect();
    assert_eq!(why, [true, false]);
    assert_eq!(fired("churn-telecom"), [(Cause::Drift, 2, None)]);
    assert_eq!(of("churn-telecom").suppressed, 1);
    assert_eq!(fired("credit-default"), []);
    for (model, number, cause) in
        [("streamrec", 3, Cause::Scheduled), ("streamrec", 5, Cause::Drift), ("churn-telecom", 2, Cause::Drift)]
    {
        assert_eq!(app.version(&id(model, number)).await.unwrap().unwrap().version.cause(), cause, "{model} {number}");
    }
    let waits = details(app, &id("churn-telecom", 2), Stage::Canary, Some("US")).await;
    assert!(waits.len() == 1 && waits[0].contains("drift"), "{waits:?}");
    let waits = details(app, &id("fraud-screen", 2), Stage::Canary, Some("EU")).await;
    assert!(waits.iter().any(|detail| detail.contains("waits for advice")), "{waits:?}");
    assert!(!waits.iter().any(|detail| detail.contains("Evidence")), "{waits:?}");
}

async fn check_work(app: &Service, now: Timestamp) {
    let slots: Vec<String> = Role::ALL.iter().map(|role| role.id().to_owned()).collect();
    let accounts = app.all_accounts().await.unwrap();
    assert_eq!(accounts.len(), PEOPLE.len() + 1);
    let slots: Vec<String> = slots.into_iter().chain(accounts.iter().map(|account| account.id.to_string())).collect();
    let work = app.store.work_for(&slots, app.clock.now(), 0, 100).await.unwrap();
    let mut seen: Vec<_> = work
        .iter()
        .filter(|item| item.kind != "requested")
        .map(|item| (item.model.as_str(), item.version, item.kind.as_str(), item.due_at.is_some_and(|due| due < now)))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("churn-telecom", 0, "attest", false),
            ("churn-telecom", 2, "approve", false),
            ("credit-default", 0, "article22", false),
            ("credit-default", 0, "dpia", false),
            ("credit-default", 0, "review", false),
            ("credit-default", 1, "remediate", true),
            ("credit-default", 2, "verify", false),
            ("credit-default", 3, "remediate", false),
            ("credit-default", 3, "sign", true),
            ("credit-default", 4, "validate", false),
            ("fraud-screen", 0, "attest", false),
            ("fraud-screen", 0, "dpia", false),
            ("fraud-screen", 2, "remediate", false),
            ("fraud-screen", 2, "vote", false),
            ("streamrec", 0, "attest", false),
            ("streamrec", 3, "sign", false),
            ("ticket-router", 0, "attest", false),
        ]
    );
}

#[tokio::test]
async fn everybody_in_the_greeting_can_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    fill(&config).await.unwrap();
    let app = Service::open(config, Arc::new(SystemClock)).await.unwrap();
    let greeting = greeting();
    for (index, person) in PEOPLE.iter().enumerate() {
        assert!(greeting.contains(person.email) && greeting.contains(PASSPHRASE));
        app.sign_in(person.email, PASSPHRASE, &format!("origin {index}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_ledger_in_use_or_half_a_demo_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let app = Service::open(config.clone(), Arc::new(SystemClock)).await.unwrap();
    let head = app.store.head().await.unwrap();
    let error = fill(&config).await.unwrap_err().to_string();
    assert!(error.contains("for an empty ledger only"), "{error}");
    assert_eq!(app.store.head().await.unwrap(), head);
    app.store.put_setting(DEMO_SETTING, Some(FILLING)).await.unwrap();
    assert!(matches!(fill(&config).await, Err(DemoError::BrokenOff(_))));
}
