//! Commands: what somebody wants, as data. The browser, the API, the command line and the importers all speak these.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    access::Action,
    account::{AccountKind, Role, Scope},
    aggregate::{AggregateId, World},
    campaign::{Attest, OpenCampaign},
    committee::{CastVote, Recuse},
    deployment::ServingCommand,
    evidence::{Claim, EvidencePath, Facts},
    id::{AccountId, Market, ModelName, ProfileName, VersionId},
    inventory::{AddMarket, AmendInventory, ChangeOwner, ReassessTier, RetireModel},
    lineage::Lineage,
    materiality::SetMateriality,
    privacy::command::PrivacyCommand,
    registry::{Origin, Tier},
    stage::Stage,
    trigger::{ApproveDrift, Configuration, ObserveDrift, ObservePerformance, Retrain},
    validation::{Outcome, Section, Severity},
    waiver::{GrantWaiver, RevokeWaiver},
    webhook::{RegisterWebhook, RotateWebhook},
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
    /// The number of the retraining trigger's firing because of which it was trained, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<u32>,
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
    /// What of the lineage it was made from, by field: filled in when the command is decided, from the lineage in force.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub made_from: BTreeMap<String, String>,
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
    /// Asks that the version take over at once (blue-green) instead of step by step, and says why; at most 2,000
    /// characters. For changes of infrastructure; only on the way to Production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue_green: Option<String>,
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
    /// Digests of its parts as they were read, where they are known: a package that changed meanwhile is then refused with
    /// the names of the parts that did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Digest>,
    /// What the signer adds; at most 4,000 characters.
    #[serde(default)]
    pub comment: String,
}

/// Records the independent validation report; a later one takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordReport {
    /// Text of each section; at most 5,000 characters each. All but `findings` are required, or those that the policy
    /// names where the open request is on the abbreviated track.
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
    /// Opens a closed finding again.
    ReopenFinding(VersionId, u32, FindingNote),
    /// See [`SetMateriality`].
    SetMateriality(VersionId, SetMateriality),
    /// Votes on a request, by its number.
    Vote(VersionId, u32, CastVote),
    /// Stands back from the vote on a request.
    Recuse(VersionId, u32, Recuse),
    /// See [`GrantWaiver`].
    GrantWaiver(VersionId, GrantWaiver),
    /// Ends a waiver, by its number.
    RevokeWaiver(VersionId, u32, RevokeWaiver),
    /// See [`ReassessTier`].
    ReassessTier(ModelName, ReassessTier),
    /// See [`AmendInventory`].
    AmendInventory(ModelName, AmendInventory),
    /// See [`AddMarket`].
    AddMarket(ModelName, AddMarket),
    /// See [`ChangeOwner`].
    ChangeOwner(ModelName, ChangeOwner),
    /// See [`RetireModel`].
    RetireModel(ModelName, RetireModel),
    /// Opens a campaign under a number that is not taken.
    OpenCampaign(u32, OpenCampaign),
    /// Answers a campaign, by its number.
    Attest(u32, Attest),
    /// See [`ArchiveVersion`].
    ArchiveVersion(VersionId, ArchiveVersion),
    /// Adopts a policy, given as TOML.
    AdoptPolicy(String),
    /// See [`CreateAccount`].
    CreateAccount(CreateAccount),
    /// Gives an account these roles and this team instead of what it had.
    ChangeRoles(AccountId, BTreeSet<Role>, Option<String>),
    /// Stops an account from signing in or acting (`true`), or lets it again (`false`).
    DisableAccount(AccountId, bool),
    /// See [`IssueToken`].
    IssueToken(IssueToken),
    /// Ends a token before its time.
    RevokeToken(AccountId, String),
    /// Concerns what serves a model's users in a market.
    Serve(ModelName, Market, ServingCommand),
    /// Does what the passing of time alone has made due on an aggregate, if anything; see [`crate::clock`].
    Tick(AggregateId),
    /// Says when a model is to be trained again; see [`Configuration`].
    ConfigureTriggers(ModelName, Configuration),
    /// See [`ObserveDrift`].
    ObserveDrift(ModelName, ObserveDrift),
    /// See [`ObservePerformance`].
    ObservePerformance(ModelName, ObservePerformance),
    /// See [`Retrain`].
    Retrain(ModelName, Retrain),
    /// See [`ApproveDrift`].
    ApproveDrift(VersionId, ApproveDrift),
    /// See [`RegisterWebhook`].
    RegisterWebhook(RegisterWebhook),
    /// See [`RotateWebhook`].
    RotateWebhook(RotateWebhook),
    /// Stops sending news to an endpoint, by its id.
    RemoveWebhook(String),
    /// See [`PrivacyCommand`].
    Privacy(PrivacyCommand),
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
            Self::RecordReport(..)
            | Self::RaiseFinding(..)
            | Self::CloseFinding(..)
            | Self::ReopenFinding(..)
            | Self::ReassessTier(..) => Action::Validate,
            Self::SetMateriality(..) => Action::SetMateriality,
            Self::Vote(..) | Self::Recuse(..) => Action::Vote,
            Self::GrantWaiver(..) | Self::RevokeWaiver(..) => Action::GrantWaiver,
            Self::AmendInventory(..) | Self::AddMarket(..) | Self::ChangeOwner(..) | Self::RetireModel(..) => {
                Action::KeepInventory
            }
            Self::OpenCampaign(..) => Action::OpenCampaign,
            Self::Attest(..) => Action::Attest,
            Self::RemediateFinding(..) => Action::RemediateFinding,
            Self::ArchiveVersion(..) => Action::Archive,
            Self::AdoptPolicy(_) => Action::AdoptPolicy,
            Self::Tick(_) => Action::KeepTime,
            Self::ConfigureTriggers(..) | Self::Retrain(..) => Action::ConfigureTriggers,
            Self::ObserveDrift(..) | Self::ObservePerformance(..) => Action::Observe,
            Self::ApproveDrift(..) => Action::ApproveDrift,
            Self::RegisterWebhook(_) | Self::RotateWebhook(_) | Self::RemoveWebhook(_) => Action::ManageWebhooks,
            Self::Privacy(command) => command.action(),
            Self::Serve(_, _, command) => command.action(),
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
            Self::RegisterVersion(model, _) => {
                vec![AggregateId::Model(model.clone()), AggregateId::Triggers(model.clone())]
            }
            Self::ConfigureTriggers(model, _)
            | Self::ObserveDrift(model, _)
            | Self::ObservePerformance(model, _)
            | Self::Retrain(model, _) => {
                vec![AggregateId::Triggers(model.clone()), AggregateId::Model(model.clone())]
            }
            Self::RegisterWebhook(_) | Self::RotateWebhook(_) | Self::RemoveWebhook(_) => vec![AggregateId::Webhooks],
            Self::AmendLineage(id, _)
            | Self::AttachEvidence(id, _)
            | Self::RequestPromotion(id, _)
            | Self::WithdrawPromotion(id, _)
            | Self::DeclinePromotion(id, ..)
            | Self::SignPromotion(id, ..)
            | Self::RecordReport(id, _)
            | Self::RemediateFinding(id, ..)
            | Self::CloseFinding(id, ..)
            | Self::ReopenFinding(id, ..)
            | Self::SetMateriality(id, _)
            | Self::Vote(id, ..)
            | Self::Recuse(id, ..)
            | Self::RevokeWaiver(id, ..)
            | Self::ApproveDrift(id, _)
            | Self::ArchiveVersion(id, _) => AggregateId::Version(id.clone()).with_context(),
            Self::RaiseFinding(id, body) => {
                let owner = body.owner.clone().map(AggregateId::Account);
                let mut read = AggregateId::Version(id.clone()).with_context();
                read.extend(owner);
                read
            }
            Self::GrantWaiver(id, body) => {
                let mut read = AggregateId::Version(id.clone()).with_context();
                read.push(AggregateId::Account(body.requested_by.clone()));
                read
            }
            Self::ReassessTier(model, _)
            | Self::AmendInventory(model, _)
            | Self::AddMarket(model, _)
            | Self::RetireModel(model, _) => {
                vec![AggregateId::Model(model.clone())]
            }
            Self::ChangeOwner(model, body) => {
                vec![AggregateId::Model(model.clone()), AggregateId::Account(body.owner.clone())]
            }
            Self::OpenCampaign(number, _) => vec![AggregateId::Campaign(*number)],
            Self::Attest(number, body) => {
                vec![AggregateId::Campaign(*number), AggregateId::Model(body.model.clone())]
            }
            Self::AdoptPolicy(_) => Vec::new(),
            Self::Tick(id) => id.with_context(),
            Self::Privacy(command) => command.reads(),
            Self::Serve(model, market, command) => {
                let mut read = vec![AggregateId::Deployment(model.clone(), market.clone())];
                if !command.stands_alone() {
                    read.push(AggregateId::Model(model.clone()));
                }
                if let ServingCommand::Approve(body) = command {
                    read.push(AggregateId::Version(VersionId { model: model.clone(), number: body.version }));
                }
                read
            }
            Self::CreateAccount(CreateAccount { id, .. })
            | Self::ChangeRoles(id, ..)
            | Self::DisableAccount(id, _)
            | Self::IssueToken(IssueToken { account: id, .. })
            | Self::RevokeToken(id, _) => vec![AggregateId::Account(id.clone())],
        }
    }

    /// The aggregates that the decision looks at or changes beside those of [`Self::reads`], known once those are: what
    /// serves the markets of a version's model, and the versions that serve a market.
    pub fn also_reads(&self, world: &World) -> Vec<AggregateId> {
        match (self.reads().first(), self) {
            (_, Self::Serve(_, _, command)) if command.stands_alone() => Vec::new(),
            (Some(AggregateId::Version(VersionId { model, .. })), _)
            | (Some(AggregateId::Model(model)), Self::RetireModel(..)) => {
                let markets = world.model.iter().flat_map(|model| model.markets.iter());
                let markets = markets.map(|market| AggregateId::Deployment(model.clone(), market.clone()));
                let champion = self.market_at_once().and_then(|market| world.model.as_ref()?.champions.get(market));
                let champion = champion
                    .map(|champion| AggregateId::Version(VersionId { model: model.clone(), number: champion.version }));
                markets.chain(champion).collect()
            }
            (_, Self::Privacy(PrivacyCommand::ConfirmSafeguards(..))) => {
                let stated = world.privacy.as_ref().and_then(|file| file.safeguards.as_ref());
                let keepers = stated.into_iter().flat_map(|stated| stated.statement.safeguards.values());
                keepers.map(|keeper| AggregateId::Account(keeper.owner.clone())).collect()
            }
            (Some(AggregateId::Deployment(model, market)), _) => {
                let versions = world.deployments.get(market).map(|deployment| deployment.versions());
                let id = |number| AggregateId::Version(VersionId { model: model.clone(), number });
                let versions = versions.into_iter().flatten().map(id);
                versions.chain([AggregateId::Dpia(model.clone())]).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The market in which everybody is to be switched at once, if that is what is asked for.
    fn market_at_once(&self) -> Option<&Market> {
        match self {
            Self::RequestPromotion(_, body) if body.blue_green.is_some() => body.market.as_ref(),
            _ => None,
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
