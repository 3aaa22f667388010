//! Whole paths through the registry, in the words of the rules.

mod common;

use common::*;
use domain::{
    Command, Event, Stage,
    account::Role,
    command::AmendLineage,
    committee::Voice,
    evidence::{EvidencePath, Verdict},
    lineage::Lineage,
    promotion::RequestState,
    registry::Standing,
};

fn kinds(recorded: &[domain::Recorded]) -> Vec<&'static str> {
    recorded.iter().map(|entry| entry.event.kind()).collect()
}

#[test]
fn a_regulated_version_reaches_staging_and_is_told_at_each_step_what_is_missing() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let id = world.register_version("credit", Lineage::default());

    let refusal = assert_refused(world.request(&ben(), &id, Stage::Staging, None), "promotion.ready", "18 things");
    let lineage_fields: Vec<&str> = refusal
        .missing
        .iter()
        .filter(|missing| missing.what == "lineage.complete")
        .map(|missing| missing.message.split(':').next().unwrap())
        .collect();
    assert_eq!(
        lineage_fields,
        [
            "lineage.code.git_commit",
            "lineage.code.repository",
            "lineage.code.image_digest",
            "lineage.data.dataset",
            "lineage.data.version",
            "lineage.data.schema_digest",
            "lineage.model.weights_digest",
            "lineage.model.architecture",
            "lineage.model.framework",
            "lineage.features.set_version",
            "lineage.features.names",
            "lineage.training.id",
            "lineage.training.random_seed",
            "lineage.hyperparameters",
            "lineage.metrics",
        ]
    );

    let amended = AmendLineage { lineage: lineage(1), reason: "The run has ended.".into() };
    world.run(&ana(), &Command::AmendLineage(id.clone(), amended)).unwrap();
    let refusal = assert_refused(world.request(&ben(), &id, Stage::Staging, None), "promotion.ready", "3 things");
    let paths: Vec<&str> = refusal.missing.iter().map(|missing| missing.what.as_str()).collect();
    assert_eq!(paths, ["evidence.code", "evidence.data", "evidence.model"]);

    world.attach(&id, EvidencePath::Code, None, Verdict::Green);
    world.attach(&id, EvidencePath::Data, None, Verdict::Green);
    for body in world.further_checks(&id) {
        world.run(&pipeline(), &Command::AttachEvidence(id.clone(), body)).unwrap();
    }
    let refusal = assert_refused(world.request(&ben(), &id, Stage::Staging, None), "promotion.ready", "1 thing is");
    assert_eq!(refusal.missing[0].message, "The model path lacks offline evaluation (countersign/evaluation@1).");
    world.attach(&id, EvidencePath::Model, None, Verdict::Green);

    let asked = world.request(&ben(), &id, Stage::Staging, None).unwrap();
    assert_eq!(kinds(&asked), ["promotion.requested"]);
    let refusal = assert_refused(world.sign(&victor(), Role::MrmValidator, &id), "signing.complete", "1 thing is");
    assert_eq!(refusal.missing[0].what, "validation.report");
    assert_eq!(refusal.missing[0].supplier, Some(Role::MrmValidator));

    world.record_report(&vera(), &id);
    let signed = world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    assert_eq!(kinds(&signed), ["promotion.signed", "stage.transitioned"]);
    let Event::StageTransitioned { from, to, requirements, package, policy, .. } = &signed[1].event else { panic!() };
    assert_eq!((*from, *to), (Stage::None, Stage::Staging));
    assert_eq!(
        requirements,
        &[
            "lineage.complete",
            "evidence.code",
            "evidence.data",
            "evidence.model",
            "champion.not_worse",
            "validation.report",
            "findings.closed",
            "sign_off.mrm_validator"
        ]
    );
    assert_eq!(*package, world.version(&id).sign_offs[0].package, "it was decided on the package that was signed");
    assert_eq!(*policy, world.policy().digest);
    let version = world.version(&id);
    assert_eq!(version.stage, Stage::Staging);
    assert_eq!(version.stage_entry, signed[1].seq);
    assert!(matches!(version.requests[0].state, RequestState::Granted { entry, .. } if entry == signed[1].seq));
}

#[test]
fn the_validators_may_also_sign_their_own_report() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let id = world.register_version("credit", lineage(1));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.record_report(&vera(), &id);
    world.sign(&vera(), Role::MrmValidator, &id).unwrap();
    assert_eq!(world.stage(&id, None), Stage::Staging);
}

#[test]
fn an_unregulated_version_enters_staging_on_request_once_nothing_is_missing() {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.register_version("streamrec", lineage(1));
    assert_refused(world.request(&ana(), &id, Stage::Staging, None), "promotion.ready", "3 things");
    world.attach_three_paths(&id);
    let recorded = world.request(&ana(), &id, Stage::Staging, None).unwrap();
    assert_eq!(kinds(&recorded), ["promotion.requested", "stage.transitioned"]);
    assert_eq!(world.stage(&id, None), Stage::Staging);
    assert!(world.version(&id).open_request(None).is_none());
}

#[test]
fn us_and_eu_walk_independently_with_their_own_minimum_days() {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    let (us_market, eu_market) = (market("US"), market("EU"));

    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    assert_eq!(world.stage(&id, Some(&us_market)), Stage::Shadow);
    assert_eq!(world.stage(&id, Some(&eu_market)), Stage::Staging, "the other market has not moved");

    // Shadow evidence for the US does nothing for the EU, and a day too early is too early.
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    world.days_pass(6);
    world.request(&ben(), &id, Stage::Canary, us()).unwrap();
    world.tick(&id);
    assert_eq!(world.stage(&id, Some(&us_market)), Stage::Shadow, "six days are not seven");
    world.days_pass(1);
    world.tick(&id);
    assert_eq!(world.stage(&id, Some(&us_market)), Stage::Canary, "no signature is asked for in the US");

    world.request(&ben(), &id, Stage::Shadow, eu()).unwrap();
    world.days_pass(7);
    let refusal = assert_refused(world.request(&ben(), &id, Stage::Canary, eu()), "promotion.ready", "1 thing is");
    assert!(refusal.missing[0].message.contains("for EU"), "{refusal:?}");
    world.attach(&id, EvidencePath::Shadow, eu(), Verdict::Green);
    world.request(&ben(), &id, Stage::Canary, eu()).unwrap();
    assert_eq!(world.stage(&id, Some(&eu_market)), Stage::Shadow, "the EU waits for two signatures");
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&eu_market)), Stage::Shadow);
    world.sign(&paul(), Role::PrivacyOfficer, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&eu_market)), Stage::Canary);

    // Three days of canary do for the US (passed long ago), seven for the EU.
    world.attach(&id, EvidencePath::Canary, us(), Verdict::Green);
    world.attach(&id, EvidencePath::Canary, eu(), Verdict::Green);
    world.request(&ben(), &id, Stage::Production, us()).unwrap();
    assert_eq!(world.stage(&id, Some(&us_market)), Stage::Production);
    world.days_pass(3);
    world.request(&ben(), &id, Stage::Production, eu()).unwrap();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&eu_market)), Stage::Canary, "signed, but only time can do the rest");
    world.days_pass(4);
    world.tick(&id);
    assert_eq!(world.stage(&id, Some(&eu_market)), Stage::Production);
    assert_eq!(world.model("streamrec").standing(id.number, &us_market), Standing::RollingOut);
    world.roll_out(&id, &us_market);
    assert_eq!(world.model("streamrec").standing(id.number, &us_market), Standing::Champion);
    assert_eq!(
        world.model("streamrec").standing(id.number, &eu_market),
        Standing::RollingOut,
        "the EU goes its own way"
    );
    world.roll_out(&id, &eu_market);
    assert_eq!(world.model("streamrec").standing(id.number, &eu_market), Standing::Champion);
    assert_eq!(world.version(&id).furthest_stage(), Stage::Production);
}

#[test]
fn the_us_canary_takes_three_days() {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    world.walk_to_canary(&id, &market("US"));
    world.attach(&id, EvidencePath::Canary, us(), Verdict::Green);
    world.days_pass(2);
    world.request(&ben(), &id, Stage::Production, us()).unwrap();
    assert_eq!(world.tick(&id), 0, "a tick too early does nothing");
    world.days_pass(1);
    assert_eq!(world.tick(&id), 1);
    assert_eq!(world.tick(&id), 0, "a tick too many does nothing");
    assert_eq!(world.stage(&id, Some(&market("US"))), Stage::Production);
}

#[test]
fn a_regulated_version_walks_to_production_with_the_committees_word() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let id = world.regulated_in_staging("credit", 1);
    world.walk_to_canary(&id, &market("US"));
    world.days_pass(3);
    world.attach(&id, EvidencePath::Canary, us(), Verdict::Green);
    world.request(&ben(), &id, Stage::Production, us()).unwrap();
    assert_eq!(world.stage(&id, Some(&market("US"))), Stage::Canary, "the committee has not signed");
    world.vote(&rosa(), Voice::Approve, &id).unwrap();
    assert_eq!(world.stage(&id, Some(&market("US"))), Stage::Canary, "one of two is no quorum");
    let recorded = world.vote(&rolf(), Voice::Approve, &id).unwrap();
    assert_eq!(kinds(&recorded), ["committee.voted", "stage.transitioned"]);
    assert_eq!(world.stage(&id, Some(&market("US"))), Stage::Production);
}

#[test]
fn a_new_champion_puts_the_old_one_in_warm_standby_until_its_time_is_over() {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let us_market = market("US");
    let old = world.unregulated_in_staging("streamrec", 1);
    world.walk_to_champion(&old, &us_market);
    assert!(world.model("streamrec").standbys.is_empty());
    assert_refused(world.archive(&old), "champion.kept", "serves US");

    let new = world.unregulated_in_staging("streamrec", 2);
    world.walk_to_champion(&new, &us_market);
    let model = world.model("streamrec");
    assert_eq!(model.standing(new.number, &us_market), Standing::Champion);
    assert_eq!(model.standing(old.number, &us_market), Standing::WarmStandby);
    let until = model.standbys[&us_market].until;
    assert_eq!(until, model.champions[&us_market].since.plus_days(14));

    world.days_pass(13);
    assert_refused(world.archive(&old), "standby.kept", "warm standby of US");
    world.days_pass(1);
    assert!(world.now >= until);
    world.archive(&old).unwrap();
    assert_eq!(world.stage(&old, None), Stage::Archived);
    assert!(world.model("streamrec").standbys.is_empty(), "an archived version is no way back");
    assert_refused(world.archive(&new), "champion.kept", "serves US");
}

#[test]
fn archived_never_returns() {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.register_version("streamrec", lineage(1));
    world.attach_three_paths(&id);
    world.archive(&id).unwrap();
    for stage in [Stage::Staging, Stage::None] {
        assert_refused(world.request(&ben(), &id, stage, None), "stage.archived", "Register a new version");
    }
    assert_refused(world.request(&ben(), &id, Stage::Shadow, us()), "stage.archived", "for good");
    assert_refused(world.archive(&id), "stage.archived", "already");
    let body = world.evidence(&id, EvidencePath::Code, None, Verdict::Green);
    assert_refused(world.run(&ana(), &Command::AttachEvidence(id.clone(), body)), "stage.archived", "nothing more");
    let late = Command::RecordReport(id.clone(), report(domain::validation::Outcome::Approved));
    assert_refused(world.run(&vera(), &late), "stage.archived", "validated no more");
    let amend = AmendLineage { lineage: lineage(2), reason: "Again".into() };
    assert_refused(world.run(&ana(), &Command::AmendLineage(id, amend)), "lineage.frozen", "new version");

    // It comes back only as a new version that walks the whole way.
    let again = world.register_version("streamrec", lineage(1));
    assert_eq!(world.stage(&again, None), Stage::None);
    assert_refused(world.request(&ben(), &again, Stage::Production, us()), "stage.order", "Staging, Shadow, Canary");
}

#[test]
fn archiving_withdraws_what_was_asked() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let id = world.register_version("credit", lineage(1));
    world.attach_three_paths(&id);
    world.request(&ben(), &id, Stage::Staging, None).unwrap();
    world.record_report(&vera(), &id);
    world.archive(&id).unwrap();
    assert!(matches!(world.version(&id).requests[0].state, RequestState::Withdrawn { .. }));
    assert_refused(world.sign(&victor(), Role::MrmValidator, &id), "promotion.open", "withdrawn");
}
