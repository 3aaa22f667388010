//! Accounts, roles, tokens and the policy.

use std::{collections::BTreeSet, sync::Arc};

use ledger::Digest;

use crate::{
    account::{Account, AccountKind, Role},
    command::{CreateAccount, IssueToken},
    event::Event,
    id::AccountId,
    policy::{Policy, PolicyError},
    refusal::{InputCheck, Missing, Refusal},
};

use super::Case;

/// API tokens that one account may hold at a time.
const MAX_TOKENS: usize = 100;

fn check_roles(check: &mut InputCheck, kind: AccountKind, roles: &BTreeSet<Role>) {
    check.holds("roles", !roles.is_empty(), "Give the account at least one role.");
    match kind {
        AccountKind::Service => check.holds(
            "roles",
            roles.iter().all(|role| matches!(role, Role::Service | Role::Auditor)),
            "A service account holds the role service or auditor only; people hold the others.",
        ),
        AccountKind::Human => {
            check.holds("roles", !roles.contains(&Role::Service), "The role service belongs to service accounts.")
        }
    };
    check.holds(
        "roles",
        !roles.contains(&Role::Administrator)
            || !roles
                .iter()
                .any(|role| matches!(role, Role::MrmValidator | Role::RiskCommittee | Role::PrivacyOfficer)),
        "An administrator cannot also hold a role that approves.",
    );
}

impl Case<'_> {
    fn account(&self) -> Result<&Arc<Account>, Refusal> {
        self.world.account.as_ref().ok_or_else(|| {
            Refusal::not_found(
                "No such account.",
                Missing::from("account", "Name an account that exists, or create it.", Role::Administrator),
            )
        })
    }

    pub(super) fn adopt_policy(&self, toml: &str) -> Result<Vec<Event>, Refusal> {
        self.check_in_person("adopt a policy", "Adopting a policy")?;
        let digest = Digest::of(toml.as_bytes());
        Policy::from_toml(toml).map_err(|error| {
            let field = match &error {
                PolicyError::Unreadable(_) => "toml",
                PolicyError::Inconsistent(_) => "policy",
            };
            Refusal::invalid(vec![Missing::field(field, error.to_string())])
        })?;
        if self.world.policy.as_ref().is_some_and(|policy| policy.digest == digest) {
            return Err(Refusal::conflict(
                "policy.changed",
                "This very policy is in force already.",
                Missing::field("policy", "A policy that differs from the one in force."),
            ));
        }
        Ok(vec![Event::PolicyAdopted { toml: toml.to_owned(), digest }])
    }

    pub(super) fn create_account(&self, body: &CreateAccount) -> Result<Vec<Event>, Refusal> {
        self.check_in_person("make an account", "Making an account")?;
        if self.world.account.is_some() {
            return Err(Refusal::conflict(
                "account.unique",
                "An account of this id exists already.",
                Missing::field("account", "Another id."),
            ));
        }
        let mut check = InputCheck::default();
        check.optional_text("team", &body.team, 100);
        check_roles(&mut check, body.kind, &body.roles);
        check.finish()?;
        Ok(vec![Event::AccountCreated {
            kind: body.kind,
            roles: body.roles.clone(),
            team: body.team.trim().to_owned(),
            commitments: body.commitments.clone(),
        }])
    }

    pub(super) fn change_roles(&self, roles: &BTreeSet<Role>, team: Option<&str>) -> Result<Vec<Event>, Refusal> {
        self.check_in_person("change roles", "A change of roles")?;
        let account = self.account()?;
        let team = team.unwrap_or(&account.team);
        let mut check = InputCheck::default();
        check.optional_text("team", team, 100);
        check_roles(&mut check, account.kind, roles);
        check.finish()?;
        if account.id == *self.actor() && !roles.contains(&Role::Administrator) {
            return Err(Refusal::rule(
                "account.own_administration",
                "You would take the administrator's role from yourself; ask another administrator to do so.",
                Missing::from("administrator", "Another administrator changes your roles.", Role::Administrator),
            ));
        }
        if account.roles == *roles && account.team == team.trim() {
            return Err(Refusal::conflict(
                "account.changed",
                "The account has these roles and this team already.",
                Missing::field("roles", "Other roles or another team."),
            ));
        }
        Ok(vec![Event::RolesChanged { roles: roles.clone(), team: team.trim().to_owned() }])
    }

    pub(super) fn disable_account(&self, id: &AccountId, disable: bool) -> Result<Vec<Event>, Refusal> {
        let account = self.account()?;
        if id == self.actor() {
            return Err(Refusal::rule(
                "account.own_administration",
                "You cannot disable yourself; ask another administrator.",
                Missing::from("administrator", "Another administrator disables your account.", Role::Administrator),
            ));
        }
        match (disable, account.disabled) {
            (true, false) => Ok([Event::AccountDisabled {}].into_iter().chain(self.safeguards_lost_with(id)).collect()),
            (false, true) if account.erased.is_some() => Err(Refusal::rule(
                "account.erased",
                "The account's name and address were erased; nobody can sign in to it. Make a new account.",
                Missing::from("account", "A new account for this person.", Role::Administrator),
            )),
            (false, true) => Ok(vec![Event::AccountEnabled {}]),
            (_, disabled) => Err(Refusal::conflict(
                "account.changed",
                format!("The account is {} already.", if disabled { "disabled" } else { "enabled" }),
                Missing::field("disabled", "Nothing need be done: the account is as you want it."),
            )),
        }
    }

    pub(super) fn issue_token(&self, body: &IssueToken) -> Result<Vec<Event>, Refusal> {
        let account = self.account()?;
        let days = self.policy()?.policy.limits.token_days;
        let now = self.context.now;
        InputCheck::default()
            .text("label", &body.label, 100)
            .holds("scopes", !body.scopes.is_empty(), "Choose at least one scope.")
            .holds(
                "scopes",
                self.context
                    .principal
                    .scopes
                    .as_ref()
                    .is_none_or(|mine| body.scopes.iter().all(|scope| mine.contains(scope))),
                "A token issues no token with more scopes than its own; sign in to issue this one.",
            )
            .holds("expires_at", body.expires_at > now, "The token would end before it begins.")
            .holds(
                "expires_at",
                body.expires_at <= now.plus_days(i64::from(days)),
                format!("Policy lets a token live {days} days at most."),
            )
            .finish()?;
        if account.disabled {
            return Err(Refusal::rule(
                "account.enabled",
                "The account is disabled.",
                Missing::from("account", "Enable the account first.", Role::Administrator),
            ));
        }
        if account.id != *self.actor() && account.kind == AccountKind::Human {
            return Err(Refusal::forbidden(
                "token.own",
                "A person's tokens are issued by that person; an administrator issues those of services.",
                Missing::field("person", "The person signs in and issues the token."),
            ));
        }
        if account.tokens.contains_key(&body.id) {
            return Err(Refusal::conflict(
                "token.unique",
                "A token of this id exists already.",
                Missing::field("token", "Another id."),
            ));
        }
        if account.tokens.values().filter(|token| !token.revoked && token.expires_at > now).count() >= MAX_TOKENS {
            return Err(Refusal::rule(
                "token.count",
                format!("The account holds {MAX_TOKENS} tokens; revoke one first."),
                Missing::field("tokens", "Room for one more: revoke a token that is not in use."),
            ));
        }
        Ok(vec![Event::TokenIssued {
            token: body.id.clone(),
            label: body.label.trim().to_owned(),
            scopes: body.scopes.clone(),
            expires_at: body.expires_at,
        }])
    }

    pub(super) fn revoke_token(&self, token: &str) -> Result<Vec<Event>, Refusal> {
        let account = self.account()?;
        match account.tokens.get(token) {
            None => Err(Refusal::not_found(
                "The account has no such token.",
                Missing::field("token", "Name one of the account\u{2019}s tokens."),
            )),
            Some(known) if known.revoked => Err(Refusal::conflict(
                "token.active",
                "The token is revoked already.",
                Missing::field("token", "Nothing need be done: the token opens no door."),
            )),
            Some(_) => Ok(vec![Event::TokenRevoked { token: token.to_owned() }]),
        }
    }
}
