//! The one authorisation point: who may do what. Whatever is not allowed here is refused.

use std::collections::BTreeSet;

use crate::{
    account::{Account, AccountKind, Role, Scope},
    id::AccountId,
    refusal::{Missing, Refusal},
    registry::{Model, Version},
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
    /// Raise or, as a validator, lower the materiality of a version.
    SetMateriality,
    /// Vote on the risk committee, or stand back.
    Vote,
    /// Grant or end a waiver.
    GrantWaiver,
    /// Amend what the inventory says of a model, hand it over, retire it.
    KeepInventory,
    /// Open an attestation campaign.
    OpenCampaign,
    /// Answer an attestation campaign.
    Attest,
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
    /// Say when a model is trained again, or have it trained by hand.
    ConfigureTriggers,
    /// Tell how the live data and metrics of a model are.
    Observe,
    /// Approve a version trained because of drift before Canary; policy says which of these roles.
    ApproveDrift,
    /// Say where news is sent; see and repeat deliveries.
    ManageWebhooks,
    /// Write impact assessments and Art. 22 statements; say that a risk changed.
    DraftPrivacy,
    /// Advise, approve, confirm, assign, hold, erase.
    DecidePrivacy,
    /// Enter a request for human review into the register.
    RecordReview,
    /// Answer a request for human review that is assigned to one.
    AnswerReview,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 35] = [
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
        Self::SetMateriality,
        Self::Vote,
        Self::GrantWaiver,
        Self::KeepInventory,
        Self::OpenCampaign,
        Self::Attest,
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
        Self::ConfigureTriggers,
        Self::Observe,
        Self::ApproveDrift,
        Self::ManageWebhooks,
        Self::DraftPrivacy,
        Self::DecidePrivacy,
        Self::RecordReview,
        Self::AnswerReview,
    ];

    /// The roles that may.
    pub fn roles(self) -> &'static [Role] {
        use Role::{Administrator, Auditor, DataScientist, MrmValidator, PrivacyOfficer, RiskCommittee, Service};
        match self {
            Self::ReadRegistry | Self::ReadLedger => &Role::ALL,
            Self::Export => &[Auditor, MrmValidator, RiskCommittee, PrivacyOfficer, DataScientist, Administrator],
            Self::ReadAccounts => &[Administrator, Auditor],
            Self::RegisterModel | Self::Archive | Self::RemediateFinding | Self::ConfigureTriggers => &[DataScientist],
            Self::RegisterVersion | Self::AttachEvidence | Self::RequestPromotion | Self::Observe => {
                &[DataScientist, Service]
            }
            Self::Validate | Self::OpenCampaign => &[MrmValidator],
            Self::SignOff | Self::ReviewKill => &[MrmValidator, RiskCommittee, PrivacyOfficer],
            Self::SetMateriality => &[DataScientist, Service, MrmValidator, RiskCommittee, PrivacyOfficer],
            Self::Vote => &[RiskCommittee],
            Self::GrantWaiver => &[MrmValidator, RiskCommittee],
            Self::KeepInventory => &[DataScientist, MrmValidator],
            Self::Attest | Self::ApproveDrift => &[DataScientist, MrmValidator, RiskCommittee, PrivacyOfficer],
            Self::AdoptPolicy | Self::ManageAccounts | Self::KeepTime | Self::ManageWebhooks => &[Administrator],
            Self::DraftPrivacy => &[DataScientist, PrivacyOfficer],
            Self::DecidePrivacy => &[PrivacyOfficer],
            Self::RecordReview => &[PrivacyOfficer, DataScientist, Service],
            Self::AnswerReview => &[PrivacyOfficer, DataScientist, MrmValidator, RiskCommittee],
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
            Self::RegisterModel
            | Self::RegisterVersion
            | Self::ConfigureTriggers
            | Self::DraftPrivacy
            | Self::RecordReview => Scope::Register,
            Self::AttachEvidence | Self::Observe => Scope::Evidence,
            Self::RequestPromotion | Self::Archive | Self::SetMateriality => Scope::Promote,
            Self::Validate
            | Self::RemediateFinding
            | Self::SignOff
            | Self::ApproveDrift
            | Self::Vote
            | Self::GrantWaiver
            | Self::KeepInventory
            | Self::OpenCampaign
            | Self::Attest
            | Self::DecidePrivacy
            | Self::AnswerReview
            | Self::ReviewKill
            | Self::LiftKill => Scope::Validate,
            Self::ReportServing | Self::SteerRollout | Self::Kill => Scope::Serve,
            Self::ReadAccounts
            | Self::AdoptPolicy
            | Self::ManageAccounts
            | Self::ManageOwnAccount
            | Self::KeepTime
            | Self::ManageWebhooks => Scope::Admin,
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
            Self::SetMateriality => "set the materiality of a change",
            Self::Vote => "vote on the risk committee",
            Self::GrantWaiver => "grant or end waivers",
            Self::KeepInventory => "keep the inventory",
            Self::OpenCampaign => "open attestation campaigns",
            Self::Attest => "attest",
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
            Self::ConfigureTriggers => "configure retraining triggers",
            Self::Observe => "tell observations",
            Self::ApproveDrift => "approve drift",
            Self::ManageWebhooks => "manage webhooks",
            Self::DraftPrivacy => "write impact assessments",
            Self::DecidePrivacy => "decide on privacy",
            Self::RecordReview => "record requests for human review",
            Self::AnswerReview => "answer requests for human review",
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
            Missing::field(
                "scope",
                format!("A token that has the scope {}; whoever owns the account issues it.", scope.id()),
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
        Missing::of("role", "Somebody of this role does it.", action.roles().iter().copied()),
    ))
}

/// Whether the principal is of a version's own side: its developers, their team, the model's owner or team, and for a
/// request whoever made it.
pub fn is_own_side(principal: &Principal, model: &Model, version: &Version, requester: Option<&AccountId>) -> bool {
    let mine = principal.team.trim();
    let same_team = !mine.is_empty() && (mine == version.team.trim() || mine == model.team.trim());
    let me = &principal.account;
    same_team || requester == Some(me) || version.developers.contains(me) || model.owner == *me
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
