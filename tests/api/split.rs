//! The published split: page, command line, routing document and domain say the same of every user.

use std::process::{Command, Output};

use domain::{
    account::Role,
    split::{Split, buckets_of_percent},
};

use crate::{browser::Browser, common::start, steps};

const PAGE: &str = "/models/credit/versions/1/split";

fn on_the_shell(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign")).arg("split").args(arguments).output().unwrap()
}

/// The page without what stands on each.
fn main_of(page: &str) -> &str {
    &page[page.find("<main").unwrap()..]
}

/// The value beside a name in a list of facts.
fn fact<'p>(page: &'p str, name: &str) -> &'p str {
    let begins = format!("<dt>{name}</dt><dd>");
    let rest =
        &page[page.find(&begins).unwrap_or_else(|| panic!("{name} is not on {}", main_of(page))) + begins.len()..];
    &rest[..rest.find("</dd>").unwrap()]
}

#[tokio::test]
async fn page_shell_and_routing_put_a_user_into_the_same_arm() {
    let server = start().await;
    let version = steps::prepared(&server, "credit", "unregulated").await;
    steps::request(&server, &version, "staging", None).await.expect(201);
    steps::request(&server, &version, "shadow", Some("US")).await.expect(201);
    let vera = Browser::of(&server, Role::MrmValidator).await;
    let form = vera.get(PAGE).await;
    assert!(form.contains("name=\"user\"") && !form.contains("<dt>Who answers"), "{}", main_of(&form));
    let mut seen = std::collections::BTreeSet::new();
    for (number, percent) in (0..12).map(|number| (number, if number < 6 { 30 } else { 5 })) {
        let (user, share) = (format!("user-{number}"), percent.to_string());
        let fields = [("market", "EU"), ("user", &*user), ("percent", &share)];
        let page = String::from_utf8(vera.post(PAGE, &fields).await.expect(200).body).unwrap();
        let said = on_the_shell(&["--model", "credit", "--version", "1", "--market", "EU", "--percent", &share, &user]);
        let split = Split { salt: "credit/1/EU:".into(), challenger_buckets: buckets_of_percent(f64::from(percent)) };
        let (arm, bucket) = (split.arm(&user), split.bucket(&user));
        assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("{user}\t{bucket}\t{arm}\n"));
        assert_eq!(fact(&page, "Who answers"), arm.id());
        assert_eq!(fact(&page, "Bucket"), format!("{bucket} of 10000"));
        assert!(page.contains("credit/1/EU:"), "the salt is shown");
        seen.insert(arm.id());
    }
    assert_eq!(seen.len(), 2, "both arms were met");

    // Left out, the share is the one that the policy states for canaries in this market.
    let fields = [("market", "EU"), ("user", "user-1"), ("percent", "")];
    let page = String::from_utf8(vera.post(PAGE, &fields).await.expect(200).body).unwrap();
    assert_eq!(fact(&page, "The challenger's"), "buckets below 500");
}

#[tokio::test]
async fn the_routing_document_publishes_salt_and_buckets_of_the_same_function() {
    let clock =
        std::sync::Arc::new(countersign::clock::ManualClock::new("2026-11-02T09:00:00.000000Z".parse().unwrap()));
    let setup = crate::common::Setup::on(crate::common::Engine::Sqlite);
    let setup = crate::common::Setup { clock: clock.clone(), ..setup };
    let server = crate::common::TestServer::start_with(setup).await;
    let version = steps::prepared(&server, "credit", "unregulated").await;
    steps::walk_to_canary(&server, &clock, &version).await;
    let call = server.get("/api/v1/routing/credit/US").as_role(Role::Service).await;
    let routing = call.send().await.expect(200).json();
    let salt = routing["split"]["salt"].as_str().unwrap();
    let (from, to) = (routing["targets"][0]["from_bucket"].as_u64(), routing["targets"][0]["to_bucket"].as_u64());
    assert_eq!((salt, from, to), ("credit/1/US:", Some(0), Some(1_000)));
    let vera = Browser::of(&server, Role::MrmValidator).await;
    for number in 0..40 {
        let user = format!("user-{number}");
        let said = on_the_shell(&["--salt", salt, "--percent", "10", &user]);
        let said = String::from_utf8(said.stdout).unwrap();
        let bucket: u64 = said.split('\t').nth(1).unwrap().parse().unwrap();
        let arm = if bucket < 1_000 { "challenger" } else { "champion" };
        assert_eq!(said, format!("{user}\t{bucket}\t{arm}\n"));
        let fields = [("market", "US"), ("user", &*user), ("percent", "")];
        let page = String::from_utf8(vera.post(PAGE, &fields).await.expect(200).body).unwrap();
        assert_eq!(fact(&page, "Who answers"), arm);
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_refused_and_stays_typed() {
    let server = start().await;
    steps::prepared(&server, "credit", "unregulated").await;
    let vera = Browser::of(&server, Role::MrmValidator).await;
    for (market, user, percent, says) in [
        ("EU", "", "5", "Type a user id"),
        ("EU", "user-1", "101", "from 0 to 100"),
        ("EU", "user-1", "-1", "from 0 to 100"),
        ("EU", "user-1", "NaN", "from 0 to 100"),
        ("EU", "user-1", "a tenth", "from 0 to 100"),
        ("", "user-1", "5", "market"),
        ("JP", "user-1", "5", "JP"),
    ] {
        let fields = [("market", market), ("user", user), ("percent", percent)];
        let answer = vera.post(PAGE, &fields).await;
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 422, "{fields:?}: {}", main_of(&page));
        assert!(
            page.contains(says) && page.contains(&format!("value=\"{percent}\"")),
            "{says} is not in {}",
            main_of(&page)
        );
        assert!(!page.contains("<dt>Who answers"), "{}", main_of(&page));
    }
    for arguments in [
        &["--model", "credit", "--version", "1", "--market", "EU", "--percent", "101", "user-1"][..],
        &["--salt", "", "--percent", "5", "user-1"],
        &["--percent", "5", "user-1"],
    ] {
        let said = on_the_shell(arguments);
        assert_eq!(said.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&said.stdout));
    }
}
