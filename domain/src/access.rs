//! The one authorisation point: who may do what. Whatever is not allowed here is refused.

use std::collections::BTreeSet;

use crate::{
    account::{Account, AccountKind, Role, Scope},
    id::AccountId,
    refusal::Refusal,
};

/// Who is asking, and through what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub account: AccountId,
    /// Person or machine.
    pub kind: AccountKind,
    /// Roles held now.
    pub roles: BTreeSet<Role>,
    /// The team.
    pub team: String,
    /// The scopes of the token, where one is used; a browser session has no such limit.
    pub scopes: Option<BTreeSet<Scope>>,
}

impl Principal {
    /// The principal of an account that signed in itself (`scopes` absent) or through a token.
    pub fn of(account: &Account, scopes: Option<BTreeSet<Scope>>) -> Self {
        Self {
            account: account.id.clone(),
            kind: account.kind,
            roles: account.roles.clone(),
            team: account.team.clone(),
            scopes,
        }
    }

    /// Whether the role is held.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// Everything that can be asked of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See models, versions, lineage, evidence, validations.
    ReadRegistry,
    /// See ledger entries and proofs.
    ReadLedger,
    /// Take the ledger or reports out.
    Export,
    /// See accounts.
    ReadAccounts,
    /// Register a model.
    RegisterModel,
    /// Register a version or amend its lineage.
    RegisterVersion,
    /// Attach evidence.
    AttachEvidence,
    /// Ask for promotion or withdraw the request.
    RequestPromotion,
    /// Write a validation report; raise or close a finding.
    Validate,
    /// Say that a finding is mended.
    RemediateFinding,
    /// Sign a promotion off or decline it.
    SignOff,
    /// Archive a version.
    Archive,
    /// Adopt a policy.
    AdoptPolicy,
    /// Create, change, disable accounts; issue tokens for services.
    ManageAccounts,
    /// Issue or revoke one's own tokens, change one's own password.
    ManageOwnAccount,
    /// Report traffic, a standby's health, an applied routing; ask as a rollout controller.
    ReportServing,
    /// Hold, resume or roll back a rollout; drills.
    SteerRollout,
    /// Use the kill switch.
    Kill,
    /// Review a use of the kill switch.
    ReviewKill,
    /// Lift the kill switch.
    LiftKill,
    /// Let time do what a rule leaves to it; no door offers it.
    KeepTime,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 21] = [
        Self::ReadRegistry,
        Self::ReadLedger,
        Self::Export,
        Self::ReadAccounts,
        Self::RegisterModel,
        Self::RegisterVersion,
        Self::AttachEvidence,
        Self::RequestPromotion,
        Self::Validate,
        Self::RemediateFinding,
        Self::SignOff,
        Self::Archive,
        Self::AdoptPolicy,
        Self::ManageAccounts,
        Self::ManageOwnAccount,
        Self::ReportServing,
        Self::SteerRollout,
        Self::Kill,
        Self::ReviewKill,
        Self::LiftKill,
        Self::KeepTime,
    ];

    /// The roles that may.
    pub fn roles(self) -> &'static [Role] {
        use Role::{Administrator, Auditor, DataScientist, MrmValidator, PrivacyOfficer, RiskCommittee, Service};
        match self {
            Self::ReadRegistry | Self::ReadLedger => &Role::ALL,
            Self::Export => &[Auditor, MrmValidator, RiskCommittee, PrivacyOfficer, DataScientist, Administrator],
            Self::ReadAccounts => &[Administrator, Auditor],
            Self::RegisterModel | Self::Archive | Self::RemediateFinding => &[DataScientist],
            Self::RegisterVersion | Self::AttachEvidence | Self::RequestPromotion => &[DataScientist, Service],
            Self::Validate => &[MrmValidator],
            Self::SignOff | Self::ReviewKill => &[MrmValidator, RiskCommittee, PrivacyOfficer],
            Self::AdoptPolicy | Self::ManageAccounts | Self::KeepTime => &[Administrator],
            Self::ReportServing => &[Service],
            // Back is always safer than on: whoever watches may, machines too, at night and without people.
            Self::SteerRollout => &[DataScientist, MrmValidator, RiskCommittee, Service],
            // A person's decision, reviewed after and never before; an administrator is on call when nobody else is.
            Self::Kill => &[DataScientist, MrmValidator, RiskCommittee, PrivacyOfficer, Administrator],
            Self::LiftKill => &[DataScientist, MrmValidator, RiskCommittee],
            Self::ManageOwnAccount => {
                &[DataScientist, MrmValidator, RiskCommittee, PrivacyOfficer, Auditor, Administrator]
            }
        }
    }

    /// The scope that a token needs.
    pub fn scope(self) -> Scope {
        match self {
            Self::ReadRegistry | Self::ReadLedger | Self::Export => Scope::Read,
            Self::RegisterModel | Self::RegisterVersion => Scope::Register,
            Self::AttachEvidence => Scope::Evidence,
            Self::RequestPromotion | Self::Archive => Scope::Promote,
            Self::Validate | Self::RemediateFinding | Self::SignOff | Self::ReviewKill | Self::LiftKill => {
                Scope::Validate
            }
            Self::ReportServing | Self::SteerRollout | Self::Kill => Scope::Serve,
            Self::ReadAccounts | Self::AdoptPolicy | Self::ManageAccounts | Self::ManageOwnAccount | Self::KeepTime => {
                Scope::Admin
            }
        }
    }

    /// What it is, after "may not".
    pub fn verb(self) -> &'static str {
        match self {
            Self::ReadRegistry => "read the registry",
            Self::ReadLedger => "read the ledger",
            Self::Export => "export",
            Self::ReadAccounts => "see accounts",
            Self::RegisterModel => "register models",
            Self::RegisterVersion => "register versions or amend lineage",
            Self::AttachEvidence => "attach evidence",
            Self::RequestPromotion => "ask for promotion",
            Self::Validate => "write validations or findings",
            Self::RemediateFinding => "remediate findings",
            Self::SignOff => "sign off",
            Self::Archive => "archive versions",
            Self::AdoptPolicy => "adopt policies",
            Self::ManageAccounts => "manage accounts",
            Self::ManageOwnAccount => "manage this account",
            Self::ReportServing => "report what serves",
            Self::SteerRollout => "hold, resume or roll back rollouts",
            Self::Kill => "use the kill switch",
            Self::ReviewKill => "review a use of the kill switch",
            Self::LiftKill => "lift the kill switch",
            Self::KeepTime => "keep time",
        }
    }
}

/// Allows or refuses.
///
/// # Errors
/// The token's scopes or the account's roles do not allow the action; the refusal says which do.
pub fn authorise(principal: &Principal, action: Action) -> Result<(), Refusal> {
    let scope = action.scope();
    if principal.scopes.as_ref().is_some_and(|scopes| !scopes.contains(&scope)) {
        return Err(Refusal::forbidden(
            "access.scope",
            format!(
                "This token may not {}: it lacks the scope {:?}. Issue one that has it.",
                action.verb(),
                scope.id()
            ),
        ));
    }
    if action.roles().iter().any(|role| principal.is(*role)) {
        return Ok(());
    }
    let allowed = action.roles().iter().map(|role| role.title()).collect::<Vec<_>>().join(", ");
    Err(Refusal::forbidden(
        "access.role",
        format!("Your role may not {}. Ask somebody who is one of: {allowed}.", action.verb()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(roles: &[Role], scopes: Option<&[Scope]>) -> Principal {
        Principal {
            account: "someone".parse().unwrap(),
            kind: AccountKind::Human,
            roles: roles.iter().copied().collect(),
            team: String::new(),
            scopes: scopes.map(|scopes| scopes.iter().copied().collect()),
        }
    }

    #[test]
    fn nobody_without_a_role_may_do_anything() {
        for action in Action::ALL {
            assert!(authorise(&principal(&[], None), action).is_err(), "{action:?}");
        }
    }

    #[test]
    fn an_administrator_approves_nothing_and_an_auditor_changes_nothing() {
        let administrator = principal(&[Role::Administrator], None);
        for action in [Action::SignOff, Action::Validate, Action::RequestPromotion, Action::RegisterVersion] {
            assert!(authorise(&administrator, action).is_err(), "{action:?}");
        }
        let auditor = principal(&[Role::Auditor], None);
        let allowed: Vec<Action> =
            Action::ALL.into_iter().filter(|action| authorise(&auditor, *action).is_ok()).collect();
        assert_eq!(
            allowed,
            [Action::ReadRegistry, Action::ReadLedger, Action::Export, Action::ReadAccounts, Action::ManageOwnAccount]
        );
    }

    #[test]
    fn a_read_only_token_limits_even_a_mighty_account() {
        let everything = principal(&Role::ALL, Some(&[Scope::Read]));
        let allowed = Action::ALL.into_iter().filter(|action| authorise(&everything, *action).is_ok()).count();
        assert_eq!(allowed, 3);
        let refusal = authorise(&everything, Action::RegisterVersion).unwrap_err();
        assert!(refusal.message.contains("register"), "{refusal}");
    }
}
