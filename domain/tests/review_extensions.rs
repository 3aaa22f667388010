//! Extending the deadline of a request for human review (GDPR Art. 12(3)): once, for a reason, in time, told in time.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use common::*;
use domain::{
    Event, Refusal,
    policy::{DEFAULT_POLICY, Policy},
    privacy::{
        command::{AnswerReview, ExtendReview, PrivacyCommand, ReceiveReview},
        review::{ReviewId, ReviewOutcome},
        safeguards::Safeguard,
    },
};
use ledger::Digest;

const EXTENSION: &str = "[privacy.review_extension]\ndays = 59\ninform_days = 28\n";

fn id() -> ReviewId {
    ReviewId { model: "credit".parse().unwrap(), number: 1 }
}

fn commitments(fields: &[&str]) -> std::collections::BTreeMap<String, Digest> {
    fields.iter().map(|field| ((*field).to_owned(), Digest::of(field.as_bytes()))).collect()
}

/// A model with one request, which came in `days_ago`.
fn world(days_ago: i64) -> TestWorld {
    let mut world = TestWorld::new();
    for who in [olga(), vera()] {
        world.account(&who);
    }
    world.register_bare_model("credit", "unregulated");
    let body = ReceiveReview {
        asks: Safeguard::Contest,
        version: None,
        market: eu(),
        decision: "loan/118".into(),
        received_at: Some(world.now.plus_days(-days_ago)),
        commitments: commitments(&["name", "contact"]),
    };
    world.privacy(&paul(), PrivacyCommand::ReceiveReview(id().model, body)).unwrap();
    world
}

fn extend(reason: &str) -> ExtendReview {
    ExtendReview { reason: reason.into(), days: None, informed_at: None }
}

fn ask(world: &mut TestWorld, who: &domain::access::Principal, body: ExtendReview) -> Result<Event, Refusal> {
    let sealed = world.privacy(who, PrivacyCommand::ExtendReview(id(), body))?;
    Ok(sealed.into_iter().next().unwrap().event)
}

#[test]
fn a_deadline_is_extended_once_by_what_policy_allows_and_the_entry_holds_the_rule() {
    let mut world = world(0);
    let due = world.review("credit", 1).due_at;
    world.days_pass(20);
    let now = world.now;
    let Event::ReviewExtended(body) = ask(&mut world, &paul(), extend("Three systems decided together.")).unwrap()
    else {
        panic!("another event")
    };
    assert_eq!((body.days, body.rule.days, body.rule.inform_days), (59, 59, 28));
    let review = world.review("credit", 1).clone();
    assert_eq!(review.due_at, due.plus_days(59));
    let extension = review.extension.as_ref().unwrap();
    assert_eq!((extension.was_due_at, &*extension.reason), (due, "Three systems decided together."));
    assert!(extension.informed_at >= now, "told when it was recorded, if nothing else is said");
    assert!(!review.is_overdue(due.plus_days(1)) && review.is_overdue(due.plus_days(60)));
    let again = ask(&mut world, &paul(), extend("More of it."));
    assert_refused(again, "review.extension_once", &format!("entry {}", extension.entry));
    let answer = AnswerReview { outcome: ReviewOutcome::Upheld, commitments: commitments(&["answer"]) };
    world.privacy(&paul(), PrivacyCommand::AnswerReview(id(), answer)).unwrap();
    assert_refused(ask(&mut world, &paul(), extend("Too slow.")), "review.open", "answered by entry");
}

#[test]
fn fewer_days_may_be_added_and_the_person_may_have_been_told_before() {
    let mut world = world(10);
    let (due, told) = (world.review("credit", 1).due_at, world.now.plus_days(-2));
    let body = ExtendReview { days: Some(14), informed_at: Some(told), ..extend("Many requests at once.") };
    world.privacy(&paul(), PrivacyCommand::AssignReview(id(), account("vera"))).unwrap();
    ask(&mut world, &vera(), body).unwrap();
    let review = world.review("credit", 1);
    assert_eq!((review.due_at, review.extension.as_ref().unwrap().informed_at), (due.plus_days(14), told));
}

#[test]
fn it_is_refused_too_late_without_a_reason_or_beyond_the_policy() {
    let mut early = world(0);
    assert_invalid(ask(&mut early, &paul(), extend("  ")), "reason", "");
    for days in [0, 60] {
        let body = ExtendReview { days: Some(days), ..extend("Complex.") };
        assert_invalid(ask(&mut early, &paul(), body), "days", "1 to 59 days");
    }
    for told in [early.now.plus_days(1), early.now.plus_days(-1)] {
        let body = ExtendReview { informed_at: Some(told), ..extend("Complex.") };
        assert_invalid(ask(&mut early, &paul(), body), "informed_at", "after the request came in");
    }
    let mut last = world(28);
    last.now = last.review("credit", 1).received_at.plus_days(28);
    let limit = last.now;
    let mut after = world(28);
    after.now = limit.plus_seconds(60);
    assert_refused(ask(&mut after, &paul(), extend("Complex.")), "review.extension_in_time", "within 28 days");
    let mut lapsed = world(31);
    let told = ExtendReview { informed_at: Some(lapsed.now.plus_days(-10)), ..extend("Complex.") };
    assert_refused(ask(&mut lapsed, &paul(), told), "review.extension_in_time", "Answer the request");
}

#[test]
fn only_whoever_may_see_the_person_extends_and_only_where_policy_lets() {
    let mut world = world(0);
    assert_refused(ask(&mut world, &vera(), extend("Complex.")), "review.assigned", "not assigned to you");
    assert_refused(ask(&mut world, &audrey(), extend("Complex.")), "access.role", "Privacy officer");
    assert_refused(ask(&mut world, &pipeline(), extend("Complex.")), "access.role", "Privacy officer");
    world.privacy(&paul(), PrivacyCommand::AssignReview(id(), account("vera"))).unwrap();
    adopt_changed(&mut world, EXTENSION, "");
    assert_refused(ask(&mut world, &vera(), extend("Complex.")), "review.extension", "no deadline be extended");
}

#[test]
fn an_extension_of_no_days_is_no_policy() {
    for (from, to) in [("days = 59", "days = 0"), ("inform_days = 28", "inform_days = 0")] {
        let toml = DEFAULT_POLICY.replacen(EXTENSION, &EXTENSION.replacen(from, to, 1), 1);
        assert!(Policy::from_toml(&toml).unwrap_err().to_string().contains("review_extension"), "{to}");
    }
}
