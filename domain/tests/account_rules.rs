//! Each refusal around accounts, tokens and the policy.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use domain::{
    Aggregate, AggregateId, Command, Recorded, Refusal, RefusalKind,
    account::{Account, AccountKind, Role, Scope},
    command::{CreateAccount, IssueToken},
    policy::DEFAULT_POLICY,
};

fn create(world: &mut TestWorld, id: &str, kind: AccountKind, roles: &[Role]) -> Result<Vec<Recorded>, Refusal> {
    let body = CreateAccount {
        id: account(id),
        kind,
        roles: roles.iter().copied().collect(),
        team: "platform".into(),
        commitments: BTreeMap::new(),
    };
    world.run(&adam(), &Command::CreateAccount(body))
}

fn peopled() -> TestWorld {
    let mut world = TestWorld::new();
    create(&mut world, "adam", AccountKind::Human, &[Role::Administrator]).unwrap();
    create(&mut world, "ana", AccountKind::Human, &[Role::DataScientist]).unwrap();
    create(&mut world, "pipeline", AccountKind::Service, &[Role::Service]).unwrap();
    world
}

fn state<'a>(world: &'a TestWorld, id: &str) -> &'a Account {
    let Aggregate::Account(found) = &world.states[&AggregateId::Account(account(id))] else { panic!("no {id}") };
    found
}

fn token(world: &TestWorld, owner: &str, id: &str, days: i64) -> Command {
    Command::IssueToken(IssueToken {
        account: account(owner),
        id: id.into(),
        label: "CI".into(),
        scopes: [Scope::Evidence].into(),
        expires_at: world.now.plus_days(days),
    })
}

#[test]
fn an_administrator_holds_no_role_that_approves() {
    for role in [Role::MrmValidator, Role::RiskCommittee, Role::PrivacyOfficer] {
        let mut world = peopled();
        let both = [Role::Administrator, role];
        assert_invalid(create(&mut world, "mo", AccountKind::Human, &both), "roles", "cannot also hold");
        let change = Command::ChangeRoles(account("adam"), both.into(), None);
        assert_invalid(world.run(&adam(), &change), "roles", "cannot also hold");
    }
}

#[test]
fn people_and_services_hold_their_own_kinds_of_role() {
    let mut world = peopled();
    assert_invalid(create(&mut world, "a", AccountKind::Human, &[]), "roles", "at least one role");
    assert_invalid(create(&mut world, "a", AccountKind::Human, &[Role::Service]), "roles", "service accounts");
    let signing = [Role::Service, Role::MrmValidator];
    assert_invalid(create(&mut world, "a", AccountKind::Service, &signing), "roles", "people hold the others");
    let refusal = assert_refused(
        create(&mut world, "ana", AccountKind::Human, &[Role::Auditor]),
        "account.unique",
        "exists already",
    );
    assert_eq!(refusal.kind, RefusalKind::Conflict);
}

#[test]
fn an_administrator_neither_disables_nor_demotes_themselves() {
    let mut world = peopled();
    let own = Command::DisableAccount(account("adam"), true);
    assert_refused(world.run(&adam(), &own), "account.own_administration", "ask another administrator");
    let demote = Command::ChangeRoles(account("adam"), [Role::Auditor].into(), None);
    assert_refused(world.run(&adam(), &demote), "account.own_administration", "ask another administrator");
    assert!(!state(&world, "adam").disabled);
}

#[test]
fn accounts_are_disabled_and_enabled_once_at_a_time() {
    let mut world = peopled();
    let (off, on) = (Command::DisableAccount(account("ana"), true), Command::DisableAccount(account("ana"), false));
    assert_refused(world.run(&adam(), &on), "account.changed", "enabled already");
    world.run(&adam(), &off).unwrap();
    assert!(state(&world, "ana").disabled);
    assert_refused(world.run(&adam(), &off), "account.changed", "disabled already");
    assert_refused(world.run(&ana(), &token(&world, "ana", "t1", 1)), "account.enabled", "disabled");
    world.run(&adam(), &on).unwrap();
    assert!(!state(&world, "ana").disabled);
    assert_refused(world.run(&ana(), &off), "access.role", "Administrator");
    let ghost = Command::DisableAccount(account("ghost"), true);
    assert_refused(world.run(&adam(), &ghost), "subject.exists", "No such account");
}

#[test]
fn roles_change_only_to_something_else() {
    let mut world = peopled();
    let same = Command::ChangeRoles(account("ana"), [Role::DataScientist].into(), Some("platform".into()));
    assert_refused(world.run(&adam(), &same), "account.changed", "already");
    let more = Command::ChangeRoles(account("ana"), [Role::DataScientist, Role::Auditor].into(), Some("credit".into()));
    world.run(&adam(), &more).unwrap();
    assert_eq!(state(&world, "ana").team, "credit");
    world.run(&adam(), &Command::ChangeRoles(account("ana"), [Role::Auditor].into(), None)).unwrap();
    assert_eq!(state(&world, "ana").team, "credit", "a team that is not named stays");
    let again = Command::ChangeRoles(account("ana"), [Role::Auditor].into(), None);
    assert_refused(world.run(&adam(), &again), "account.changed", "already");
    let long = Command::ChangeRoles(account("ana"), [Role::Auditor].into(), Some("x".repeat(10_000)));
    assert_invalid(world.run(&adam(), &long), "team", "at most 100");
}

#[test]
fn a_token_ends_within_the_policys_time_and_after_it_began() {
    let mut world = peopled();
    assert_invalid(world.run(&ana(), &token(&world, "ana", "t", 366)), "expires_at", "365 days at most");
    assert_invalid(world.run(&ana(), &token(&world, "ana", "t", 0)), "expires_at", "before it begins");
    assert_invalid(world.run(&ana(), &token(&world, "ana", "t", -1)), "expires_at", "before it begins");
    world.run(&ana(), &token(&world, "ana", "t", 365)).unwrap();
    let mut through_a_token = ana();
    through_a_token.scopes = Some([Scope::Admin].into());
    assert_invalid(world.run(&through_a_token, &token(&world, "ana", "u", 1)), "scopes", "more scopes than its own");
    through_a_token.scopes = Some([Scope::Admin, Scope::Evidence].into());
    world.run(&through_a_token, &token(&world, "ana", "v", 1)).unwrap();
    let Command::IssueToken(mut body) = token(&world, "ana", "u", 1) else { unreachable!() };
    body.scopes = BTreeSet::new();
    body.label = "x".repeat(10_000);
    let refusal = world.run(&ana(), &Command::IssueToken(body)).unwrap_err();
    let fields: Vec<&str> = refusal.missing.iter().map(|missing| missing.what.as_str()).collect();
    assert_eq!(fields, ["label", "scopes"]);
}

#[test]
fn a_persons_tokens_are_their_own_and_a_services_the_administrators() {
    let mut world = peopled();
    assert_refused(world.run(&adam(), &token(&world, "ana", "t", 1)), "token.own", "issued by that person");
    assert_refused(world.run(&ana(), &token(&world, "adam", "t", 1)), "access.role", "Administrator");
    assert_refused(world.run(&pipeline(), &token(&world, "pipeline", "t", 1)), "access.role", "manage this account");
    world.run(&adam(), &token(&world, "pipeline", "t", 1)).unwrap();
}

#[test]
fn a_token_is_issued_and_revoked_once() {
    let mut world = peopled();
    world.run(&ana(), &token(&world, "ana", "t", 30)).unwrap();
    let revoke = Command::RevokeToken(account("ana"), "t".into());
    world.run(&adam(), &revoke).unwrap();
    assert!(state(&world, "ana").tokens["t"].revoked);
    assert_refused(world.run(&adam(), &revoke), "token.active", "revoked already");
    assert_refused(world.run(&ana(), &token(&world, "ana", "t", 30)), "token.unique", "exists already");
    assert!(state(&world, "ana").tokens["t"].revoked, "a revoked token does not come back");
    let other = Command::RevokeToken(account("ana"), "u".into());
    assert_refused(world.run(&ana(), &other), "subject.exists", "no such token");
    assert_refused(world.run(&ana(), &Command::RevokeToken(account("adam"), "t".into())), "access.role", "manage");
}

#[test]
fn an_account_holds_a_hundred_living_tokens() {
    let mut world = peopled();
    for index in 0..100 {
        world.run(&ana(), &token(&world, "ana", &format!("t{index}"), 30)).unwrap();
    }
    assert_refused(world.run(&ana(), &token(&world, "ana", "more", 30)), "token.count", "revoke one first");
    world.run(&ana(), &Command::RevokeToken(account("ana"), "t0".into())).unwrap();
    world.run(&ana(), &token(&world, "ana", "more", 30)).unwrap();
    world.days_pass(31);
    world.run(&ana(), &token(&world, "ana", "later", 30)).unwrap();
}

// --- Policy -------------------------------------------------------------------------------------------------------

#[track_caller]
fn adopt(from: &str, to: &str) -> Result<Vec<Recorded>, Refusal> {
    assert!(DEFAULT_POLICY.contains(from), "{from}");
    TestWorld::new().run(&adam(), &Command::AdoptPolicy(DEFAULT_POLICY.replacen(from, to, 1)))
}

#[test]
fn a_policy_that_contradicts_itself_or_holds_the_unknown_is_refused() {
    assert_invalid(adopt("schema = 1", "schema = 2"), "policy", "schema 2 is not known");
    assert_invalid(adopt("schema = 1", "schema = "), "toml", "cannot be read");
    assert_invalid(adopt("token_days", "token_weeks"), "toml", "unknown field `token_weeks`");
    assert_invalid(adopt("\"mrm_validator\"", "\"janitor\""), "toml", "unknown variant `janitor`");
    assert_invalid(adopt("gates.shadow]", "gates.shade]"), "toml", "unknown variant `shade`");
    assert_invalid(adopt("[profiles.unregulated.gates.shadow]", ""), "policy", "no gate for Shadow");
    assert_invalid(
        adopt("profiles.unregulated.gates.shadow", "profiles.unregulated.gates.archived"),
        "policy",
        "no promotion enters",
    );
    assert_invalid(adopt("\"privacy_officer\"", "\"mrm_validator\""), "policy", "asked to sign twice");
    assert_invalid(adopt("\"privacy_officer\"", "\"auditor\""), "policy", "cannot sign off");
    assert_invalid(adopt("markets.EU.sign_offs.canary", "markets.EU.sign_offs.staging"), "policy", "all markets share");
    assert_invalid(
        adopt("\"The risk committee approves full service of this model in this market.\"", "\" \""),
        "policy",
        "needs a meaning",
    );
    assert_invalid(adopt("[\"code\", \"data\", \"model\"]", "[\"shadow\"]"), "policy", "belongs to one market");
    let bare = "schema = 1\ntitle = \"t\"\n[limits]\ntoken_days = 1\nevidence_days = 1\n[markets]\n[profiles]\n";
    let bare = TestWorld::new().run(&adam(), &Command::AdoptPolicy(bare.into()));
    assert_invalid(bare, "policy", "at least one profile");
    let long = format!("{DEFAULT_POLICY}\n#{}", "x".repeat(48 * 1024));
    assert_invalid(TestWorld::new().run(&adam(), &Command::AdoptPolicy(long)), "toml", "at most 49152");
}

#[test]
fn the_policy_in_force_is_not_adopted_again_and_others_only_by_an_administrator() {
    let mut world = TestWorld::new();
    let same = Command::AdoptPolicy(DEFAULT_POLICY.into());
    assert_refused(world.run(&adam(), &same), "policy.changed", "in force already");
    assert_refused(world.run(&vera(), &same), "access.role", "Administrator");
    adopt_changed(&mut world, "standby_days = 14", "standby_days = 30");
    assert_eq!(world.policy().version, 2);
}

#[test]
fn numbers_in_the_rules_come_from_the_policy() {
    use domain::{
        Stage,
        evidence::{EvidencePath, Verdict},
    };
    let mut world = TestWorld::new();
    adopt_changed(&mut world, "min_shadow_days = 7", "min_shadow_days = 2");
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    world.request(&ben(), &id, Stage::Shadow, us()).unwrap();
    world.attach(&id, EvidencePath::Shadow, us(), Verdict::Green);
    world.days_pass(1);
    world.request(&ben(), &id, Stage::Canary, us()).unwrap();
    assert_eq!(world.tick(&id), 0);
    world.days_pass(1);
    assert_eq!(world.tick(&id), 1);
    assert_eq!(world.stage(&id, Some(&market("US"))), Stage::Canary);
}
