//! Changing the secret of a webhook: who may, how long two secrets overlap, and what an old policy lets.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use common::*;
use domain::{
    Command, Event,
    policy::{DEFAULT_POLICY, Policy},
    webhook::{Filter, RegisterWebhook, RotateWebhook, Rotated},
};

const SECTION: &str = "[webhooks]\noverlap_hours = 24\nlongest_overlap_hours = 168\n";

fn world() -> TestWorld {
    let mut world = TestWorld::new();
    let register = RegisterWebhook {
        id: "ci".into(),
        label: "pipeline".into(),
        host: "https://ci.example".into(),
        filter: Filter::default(),
    };
    world.run(&adam(), &Command::RegisterWebhook(register)).unwrap();
    world
}

fn rotate(world: &mut TestWorld, id: &str, overlap_hours: Option<u32>) -> Result<Rotated, domain::Refusal> {
    let command = Command::RotateWebhook(RotateWebhook { id: id.into(), overlap_hours });
    match world.run(&adam(), &command)?.pop().unwrap().event {
        Event::WebhookRotated(body) => Ok(body),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_secret_is_changed_with_the_overlap_that_policy_allows() {
    let mut world = world();
    let command = Command::RotateWebhook(RotateWebhook { id: "ci".into(), overlap_hours: None });
    for who in [ana(), vera(), audrey(), pipeline()] {
        assert_refused(world.run(&who, &command), "access.role", "Administrator");
    }
    assert_refused(rotate(&mut world, "nothing", None), "subject.exists", "no such webhook");
    assert_invalid(rotate(&mut world, "ci", Some(169)), "overlap_hours", "168 hours at most");
    let before = world.now;
    let usual = rotate(&mut world, "ci", None).unwrap();
    let until = usual.overlap_until.unwrap();
    assert!((before.plus_hours(24)..=world.now.plus_hours(24)).contains(&until), "{until}");
    assert_eq!(usual.longest_overlap_hours, 168);
    assert_refused(rotate(&mut world, "ci", Some(1)), "webhook.overlap", "no third one fits");
    let at_once = rotate(&mut world, "ci", Some(0)).unwrap();
    assert_eq!(at_once.overlap_until, None, "a known secret ends although another overlap runs");
    rotate(&mut world, "ci", Some(168)).unwrap();
    world.days_pass(7);
    rotate(&mut world, "ci", Some(1)).unwrap();
}

#[test]
fn under_a_policy_without_the_section_a_secret_ends_at_once() {
    let mut world = world();
    adopt_changed(&mut world, SECTION, "");
    assert_invalid(rotate(&mut world, "ci", Some(1)), "overlap_hours", "0 hours at most");
    assert_eq!(rotate(&mut world, "ci", None).unwrap().overlap_until, None);
    let broken = DEFAULT_POLICY.replacen("overlap_hours = 24", "overlap_hours = 169", 1);
    assert!(Policy::from_toml(&broken).unwrap_err().to_string().contains("above longest_overlap_hours"));
}
