//! Commands: what somebody wants, as data. The browser, the API, the command line and the importers all speak these.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    access::Action,
    account::{AccountKind, Role, Scope},
    aggregate::AggregateId,
    evidence::{Claim, EvidencePath, Facts},
    id::{AccountId, Market, ModelName, ProfileName, VersionId},
    lineage::Lineage,
    registry::{Origin, Tier},
    stage::Stage,
    validation::{Outcome, Section, Severity},
};

/// Enters a model into the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RegisterModel {
    /// Registry name, unique.
    pub name: ModelName,
    /// What people call it; at most 200 characters.
    pub title: String,
    /// What it is for; at most 4,000 characters.
    pub purpose: String,
    /// Weight: 1 is the heaviest.
    pub tier: Tier,
    /// Policy profile, such as `sr-11-7` or `unregulated`.
    pub profile: ProfileName,
    /// Where it may serve.
    pub markets: Vec<Market>,
}

/// Registers the next version of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RegisterVersion {
    /// Its lineage as far as known; what is missing can be added while the version is in None.
    #[serde(default)]
    pub lineage: Lineage,
    /// A line on what is new; at most 2,000 characters.
    #[serde(default)]
    pub note: String,
    /// Where it comes from, if imported. Importing the same origin again is refused as a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Replaces the lineage of a version that is still in None.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AmendLineage {
    /// The whole lineage as it should be.
    pub lineage: Lineage,
    /// Why it changed; at most 2,000 characters.
    pub reason: String,
}

/// Attaches a stored file as evidence. The facts are read by the server, never taken from the submitter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttachEvidence {
    /// The path it belongs to.
    pub path: EvidencePath,
    /// The market, for shadow and canary evidence.
    pub market: Option<Market>,
    /// What the file is called.
    pub file_name: String,
    /// The stored file.
    pub file: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The commit, data version or weights digest that it speaks of.
    pub bound_to: String,
    /// What produced it.
    pub producer: String,
    /// When it was produced.
    pub produced_at: Timestamp,
    /// What the server read from it.
    pub facts: Facts,
    /// The artifact that the file itself names, if it does.
    pub names: Option<String>,
    /// Further artifacts that the file says it speaks of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
}

/// Asks for promotion to the next stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RequestPromotion {
    /// The stage to enter.
    pub to: Stage,
    /// The market, from Shadow on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Market>,
    /// What the reviewers should know; at most 4,000 characters.
    #[serde(default)]
    pub note: String,
}

/// Turns a promotion request down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeclinePromotion {
    /// Why, and what would change the answer; at most 4,000 characters.
    pub reason: String,
}

/// Signs a promotion request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignPromotion {
    /// The role in which.
    pub role: Role,
    /// The meaning, word for word as the policy states it for this role.
    pub meaning: String,
    /// Digest of the package that was read.
    pub package: Digest,
    /// What the signer adds; at most 4,000 characters.
    #[serde(default)]
    pub comment: String,
}

/// Records the independent validation report; a later one takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordReport {
    /// Text of each section; at most 5,000 characters each. All but `findings` are required.
    pub sections: BTreeMap<Section, String>,
    /// The conclusion.
    pub outcome: Outcome,
}

/// Raises a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RaiseFinding {
    /// How grave.
    pub severity: Severity,
    /// What is wrong, in a line; at most 200 characters.
    pub title: String,
    /// What is wrong, in full; at most 4,000 characters.
    pub description: String,
    /// Who mends it; whoever registered the version, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountId>,
    /// By when.
    pub due_at: Timestamp,
}

/// Says how a finding was mended, or how its mending was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FindingNote {
    /// What was done or checked; at most 4,000 characters.
    pub note: String,
}

/// Retires a version for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ArchiveVersion {
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// Makes an account. Personal fields go to the vault; the ledger gets a salted commitment to each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateAccount {
    /// Pseudonymous id, made by the caller.
    pub id: AccountId,
    /// Person or machine.
    pub kind: AccountKind,
    /// Roles.
    pub roles: BTreeSet<Role>,
    /// Team.
    pub team: String,
    /// Commitments by field name.
    pub commitments: BTreeMap<String, Digest>,
}

/// Issues an API token; its secret is kept elsewhere, hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueToken {
    /// The account that it acts for.
    pub account: AccountId,
    /// Public id of the token, made by the caller.
    pub id: String,
    /// What the owner calls it.
    pub label: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Everything that can be asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// See [`RegisterModel`].
    RegisterModel(RegisterModel),
    /// See [`RegisterVersion`].
    RegisterVersion(ModelName, RegisterVersion),
    /// See [`AmendLineage`].
    AmendLineage(VersionId, AmendLineage),
    /// See [`AttachEvidence`].
    AttachEvidence(VersionId, AttachEvidence),
    /// See [`RequestPromotion`].
    RequestPromotion(VersionId, RequestPromotion),
    /// Takes a request back, by its number.
    WithdrawPromotion(VersionId, u32),
    /// See [`DeclinePromotion`].
    DeclinePromotion(VersionId, u32, DeclinePromotion),
    /// See [`SignPromotion`].
    SignPromotion(VersionId, u32, SignPromotion),
    /// See [`RecordReport`].
    RecordReport(VersionId, RecordReport),
    /// See [`RaiseFinding`].
    RaiseFinding(VersionId, RaiseFinding),
    /// Says that a finding is mended.
    RemediateFinding(VersionId, u32, FindingNote),
    /// Verifies that a finding is mended and closes it.
    CloseFinding(VersionId, u32, FindingNote),
    /// See [`ArchiveVersion`].
    ArchiveVersion(VersionId, ArchiveVersion),
    /// Adopts a policy, given as TOML.
    AdoptPolicy(String),
    /// See [`CreateAccount`].
    CreateAccount(CreateAccount),
    /// Gives an account these roles and this team instead of what it had.
    ChangeRoles(AccountId, BTreeSet<Role>, String),
    /// Stops an account from signing in or acting (`true`), or lets it again (`false`).
    DisableAccount(AccountId, bool),
    /// See [`IssueToken`].
    IssueToken(IssueToken),
    /// Ends a token before its time.
    RevokeToken(AccountId, String),
    /// Does what the passing of time alone has made due on an aggregate, if anything; see [`crate::clock`].
    Tick(AggregateId),
}

impl Command {
    /// What it takes to be allowed.
    pub fn action(&self, actor: &AccountId) -> Action {
        match self {
            Self::RegisterModel(_) => Action::RegisterModel,
            Self::RegisterVersion(..) | Self::AmendLineage(..) => Action::RegisterVersion,
            Self::AttachEvidence(..) => Action::AttachEvidence,
            Self::RequestPromotion(..) | Self::WithdrawPromotion(..) => Action::RequestPromotion,
            Self::DeclinePromotion(..) | Self::SignPromotion(..) => Action::SignOff,
            Self::RecordReport(..) | Self::RaiseFinding(..) | Self::CloseFinding(..) => Action::Validate,
            Self::RemediateFinding(..) => Action::RemediateFinding,
            Self::ArchiveVersion(..) => Action::Archive,
            Self::AdoptPolicy(_) => Action::AdoptPolicy,
            Self::Tick(_) => Action::KeepTime,
            Self::CreateAccount(_) | Self::ChangeRoles(..) | Self::DisableAccount(..) => Action::ManageAccounts,
            Self::IssueToken(IssueToken { account, .. }) | Self::RevokeToken(account, _) => {
                if account == actor {
                    Action::ManageOwnAccount
                } else {
                    Action::ManageAccounts
                }
            }
        }
    }

    /// The aggregates that the decision looks at, besides the policy; the first one is the one acted upon.
    pub fn reads(&self) -> Vec<AggregateId> {
        match self {
            Self::RegisterModel(body) => vec![AggregateId::Model(body.name.clone())],
            Self::RegisterVersion(model, _) => vec![AggregateId::Model(model.clone())],
            Self::AmendLineage(id, _)
            | Self::AttachEvidence(id, _)
            | Self::RequestPromotion(id, _)
            | Self::WithdrawPromotion(id, _)
            | Self::DeclinePromotion(id, ..)
            | Self::SignPromotion(id, ..)
            | Self::RecordReport(id, _)
            | Self::RemediateFinding(id, ..)
            | Self::CloseFinding(id, ..)
            | Self::ArchiveVersion(id, _) => {
                vec![AggregateId::Version(id.clone()), AggregateId::Model(id.model.clone())]
            }
            Self::RaiseFinding(id, body) => {
                let owner = body.owner.clone().map(AggregateId::Account);
                let mut read = vec![AggregateId::Version(id.clone()), AggregateId::Model(id.model.clone())];
                read.extend(owner);
                read
            }
            Self::AdoptPolicy(_) => Vec::new(),
            Self::Tick(id) => id.with_context(),
            Self::CreateAccount(CreateAccount { id, .. })
            | Self::ChangeRoles(id, ..)
            | Self::DisableAccount(id, _)
            | Self::IssueToken(IssueToken { account: id, .. })
            | Self::RevokeToken(id, _) => vec![AggregateId::Account(id.clone())],
        }
    }

    /// The stored file that the command refers to.
    pub fn evidence_file(&self) -> Option<Digest> {
        match self {
            Self::AttachEvidence(_, body) => Some(body.file),
            _ => None,
        }
    }
}
