//! One module per page: its view model, and what it looks like.
//!
//! # Contract with the server
//!
//! Every form posts `application/x-www-form-urlencoded` unless marked *multipart*. Text fields keep what was typed
//! when a page is shown again with an [`ErrorSummary`]; a [`FieldError::field_id`](crate::kit::FieldError) is the
//! field's name. `revision` is the aggregate's revision that the reader saw, for optimistic concurrency.
//! `M` stands for `/models/{model}`, `V` for `/models/{model}/versions/{n}`.
//!
//! | page | view model | address | forms: address, then fields |
//! |---|---|---|---|
//! | Sign in | [`SignInView`] | `/sign-in` | `POST /sign-in`: `email`, `password`, `next` |
//! | Setup | [`SetupView`] | `/setup/{token}` | `POST /setup/{token}`: `name`, `email`, `password` |
//! | Inbox | [`InboxView`] | `/`, `/inbox` | – |
//! | Models | [`ModelsView`] | `/models` | `GET`: `q`, `tier`, `market`, `due`, `sort`, `after` |
//! | New model | [`ModelNewView`] | `/models/new` | `POST /models`: `name`, `title`, `purpose`, `tier`, `profile`, `markets`* |
//! | Model | [`ModelView`] | `M` | `GET M/compare`: `a`, `b` |
//! | New version | [`VersionNewView`] | `M/versions/new` | *multipart* `POST M/versions`: `lineage`, `lineage_file`, `note`, `revision` |
//! | Version | [`OverviewView`] | `V` | `POST V/requests`: `target`, `market`, `reason`, `revision`; `POST V/requests/{id}/withdraw`: `reason`, `revision`; `POST V/archive`: `archive_reason`, `revision` |
//! | Lineage | [`LineageView`] | `V/lineage` | *multipart* `POST V/lineage`: `lineage`, `lineage_file`, `revision` |
//! | Impact | [`ImpactView`] | `/lineage` | `GET`: `what`, `value`, `part`, `served`, `after` |
//! | Evidence | [`EvidenceView`] | `V/evidence` | *multipart* `POST V/evidence`: `kind`, `file`, `producer`, `note` |
//! | Validation | [`ValidationView`] | `V/validation` | `POST V/validation`: `purpose_and_scope` … `conclusion`, `outcome`, `revision`; `POST V/findings`: `title`, `detail`, `severity`, `owner`, `due`; `POST V/findings/{id}/remediate`: `remediation`; `POST V/findings/{id}/close`: `verification`; `POST V/findings/{id}/reopen`: `reopening`; `POST V/materiality`: `market`, `materiality`, `materiality_reason`; `POST V/requests/{id}/vote`: `package_digest`, `package_parts`, `voice-{id}`, `vote_comment-{id}`, `password-{id}`; `POST V/requests/{id}/recuse`: `recusal_reason-{id}`; `POST V/waivers`: `covers`, `waiver_market`, `control`, `waiver_reason`, `requested_by`, `expires`; `POST V/waivers/{id}/revoke`: `revocation` |
//! | Sign | [`SignView`] | `V/sign?request=` | `POST V/sign`: `request`, `slot`, `package_digest`, `package_parts`, `meaning`, `comment`, `password`; `POST V/decline`: `request`, `decline_reason` |
//! | Receipt | [`ReceiptView`] | `V/sign/{seq}` | – |
//! | Timeline | [`TimelineView`] | `V/timeline` | `GET`: `kind`, `actor`, `after` |
//! | Compare | [`CompareView`] | `M/compare?a=&b=` | `GET`: `a`, `b` |
//! | Triggers | [`TriggersView`] | `/triggers` | – |
//! | Model’s triggers | [`ModelTriggersView`] | `M/triggers` | `POST M/triggers`: `schedule`, `drift`, `psi_threshold`, `performance`, `min_retrain_interval_hours`; `POST M/retrain`: `reason` |
//! | Drift | [`DriftView`] | `V/drift` | `POST V/drift`: `market`, `statement`, `password`, `revision` |
//! | Webhooks | [`WebhooksView`] | `/webhooks` | `POST /webhooks`: `label`, `url`, `events`, `model`; `POST /webhooks/{id}/remove`; `POST /webhooks/{id}/replay`: `seq` |
//! | Privacy | [`PrivacyView`] | `/privacy` | – |
//! | Privacy of a model | [`privacy::dpia::DpiaView`] | `/privacy/models/{model}` | `POST …/advice`: `content`, `advice`, `favourable`; `POST …/consultation`: `content`, `authority`, `reference`, `answer`; `POST …/approve`: `content`, `meaning`, `comment`, `review_months`, `password`; `POST …/reopen`: `reason`; `POST …/safeguards/confirm`: `statement`; *multipart* `POST …/import`: `file` |
//! | Assessment | [`privacy::edit::DpiaEditView`] | `/privacy/models/{model}/edit` | `POST` the same: `markets`*, `version`, `classes`*, the parts' ids, `risk-N-…`, `measure-N-…`, `sought`, `views`, `justified` |
//! | Art. 22 | [`privacy::edit::SafeguardsView`] | `/privacy/models/{model}/safeguards` | `POST` the same |
//! | Register | [`privacy::register::ReviewsView`] | `/privacy/reviews` | `GET`: `state`, `of`, `after`; `POST`: `model`, `asks`, `decision`, `market`, `received`, `name`, `contact`, `text` |
//! | Request | [`privacy::register::ReviewView`] | `/privacy/reviews/{model}/{n}` | `POST …/assign`: `assignee`; `POST …/answer`: `outcome`, `answer`; `POST …/hold`: `reason`; `POST …/erase`: `basis`, `note` |
//! | Erasures | [`privacy::erasures::ErasuresView`] | `/privacy/erasures` | `POST /privacy/erasures`: `target`, `basis`, `note`; `POST /privacy/holds`: `hold_target`, `reason`; `POST /privacy/holds/release`: `target`, `hold`, `release_reason` |
//! | Rollouts | [`RolloutsView`] | `/rollouts` | `GET`: `q`, `market`, `state`, `after` |
//! | Rollout | [`RolloutView`] | `R` = `/rollouts/{model}/{market}` | `POST R/hold`, `R/resume`: `hold_reason`; `R/rollback`: `version`, `rollback_reason` or `champion_reason`; `R/approve`: `version`, `meaning`, `package`, `comment`, `password`; `R/drills`, `R/drills/finish`: `drill_note`, `millis`; `R/kill/review`: `review_text`, `may_lift`; `R/kill/lift`: `lift_reason` |
//! | Course of a rollout | [`CourseView`] | `R/versions/{n}` | `GET`: `after` |
//! | Rollouts that are over | [`PastRolloutsView`] | `R/past` | `GET`: `before` |
//! | Kill switch | [`KillView`] | `R/kill` | `POST R/kill`: `to`, `scope`, `reason` |
//! | Ledger | [`LedgerView`] | `/ledger` | `GET`: `subject`, `actor`, `kind`, `from`, `to`, `after` |
//! | Entry | [`EntryView`] | `/ledger/{seq}` | – |
//! | As of | [`AsOfView`] | `/as-of` | `GET`: `at`, `model` |
//! | Inventory | [`InventoryView`] | `M/inventory` | `POST M/inventory`: `purpose`, `products`, `restrictions`, `inputs`, `outputs`, `card_reason`; `POST M/tier`: `exposure`, `purpose_class`, `tier_reason`; `POST M/owner`: `owner`, `owner_reason`; `POST M/retire`: `retire_reason` |
//! | Attestations | [`CampaignsView`] | `/campaigns` | `POST /campaigns`: `title`, `statement`, `tiers`*, `due` |
//! | Campaign | [`CampaignView`] | `/campaigns/{n}` | `POST /campaigns/{n}/attest`: `model`, `holds`, `comment`, `password` |
//! | Policy | [`PolicyView`] | `/policy?a=&b=` or `?version=` | *multipart* `POST /policy`: `toml`, `toml_file`, `act` |
//! | Reports | [`ReportsView`] | `/reports` | `GET /reports/dossier`: `model`, `version`, `market`; `POST /reports`: `report`, `model`, `version`, `market`, `at`, `event`, `from`, `until` |
//! | Report | [`ReportJobView`] | `/reports/{id}` | – |
//! | People | [`PeopleView`] | `/people` | `POST /people`: `name`, `email`, `team`, `roles`*, `kind`; `POST /people/{id}/roles`: `roles`*; `POST /people/{id}/disable`, `/enable` |
//! | Tokens | [`TokensView`] | `/people/tokens` | `POST /people/tokens`: `label`, `scopes`*, `days`; `POST /people/tokens/{id}/revoke` |
//! | Account | [`AccountView`] | `/account` | `POST /account/password`: `current_password`, `new_password` |
//! | API reference | [`ApiReferenceView`] | `/docs/api` | – |
//! | Error | [`ErrorView`] | any | – |
//!
//! `*` may be sent several times. Every page also has `POST /theme` (`theme`, `back`) and `POST /sign-out`.
//! Static files: `/style.css` (the four files of `style/` in the order tokens, layout, components, print),
//! `/page.js`, `/boot.js`, `/icon.svg` from `public/`, `/pkg/app.js` and `/pkg/app_bg.wasm` from the WASM build.

use leptos::prelude::AnyView;

use crate::kit::{ErrorSummary, Link};

pub mod account;
pub mod api_reference;
pub mod as_of;
pub mod campaigns;
pub mod compare;
pub mod course;
pub mod drift;
pub mod entry;
pub mod error;
pub mod evidence;
pub mod impact;
pub mod inbox;
pub mod inventory;
pub mod kill;
pub mod ledger;
pub mod lineage;
pub mod model;
pub mod model_new;
pub mod models;
pub mod people;
pub mod policy;
pub mod privacy;
pub mod report_job;
pub mod reports;
pub mod rollout;
pub mod rollouts;
pub mod sign;
pub mod sign_in;
pub mod split;
pub mod timeline;
pub mod tokens;
pub mod triggers;
pub mod validation;
pub mod version;
pub mod version_head;
pub mod version_new;
pub mod webhooks;

pub use account::AccountView;
pub use api_reference::ApiReferenceView;
pub use as_of::AsOfView;
pub use campaigns::{CampaignView, CampaignsView};
pub use compare::CompareView;
pub use course::{CourseView, PastRolloutsView};
pub use drift::DriftView;
pub use entry::EntryView;
pub use error::ErrorView;
pub use evidence::EvidenceView;
pub use impact::ImpactView;
pub use inbox::InboxView;
pub use inventory::InventoryView;
pub use kill::KillView;
pub use ledger::LedgerView;
pub use lineage::LineageView;
pub use model::ModelView;
pub use model_new::ModelNewView;
pub use models::ModelsView;
pub use people::PeopleView;
pub use policy::PolicyView;
pub use privacy::PrivacyView;
pub use report_job::ReportJobView;
pub use reports::ReportsView;
pub use rollout::RolloutView;
pub use rollouts::RolloutsView;
pub use sign::{ReceiptView, SignView};
pub use sign_in::{SetupView, SignInView};
pub use split::SplitView;
pub use timeline::TimelineView;
pub use tokens::TokensView;
pub use triggers::{ModelTriggersView, TriggersView};
pub use validation::ValidationView;
pub use version::OverviewView;
pub use version_head::VersionHead;
pub use version_new::VersionNewView;
pub use webhooks::WebhooksView;

/// A view model that knows its page.
pub trait Page {
    /// The heading, for the document's title.
    fn title(&self) -> String;

    /// The room of the house, marked in the main navigation.
    fn room(&self) -> Option<Room>;

    /// The way up from here.
    fn crumbs(&self) -> Vec<Link> {
        Vec::new()
    }

    /// Why a form was not accepted.
    fn errors(&self) -> Option<&ErrorSummary> {
        None
    }

    /// Whether the page holds an island and thus loads WASM.
    fn has_island(&self) -> bool {
        false
    }

    /// After how many seconds the page loads itself again, scripting or not.
    fn reload_seconds(&self) -> Option<u32> {
        None
    }

    /// The page, without what stands around it.
    fn body(self) -> AnyView;
}

/// The rooms of the main navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// What waits for me.
    Inbox,
    /// The inventory and all that hangs on it.
    Models,
    /// When models are trained again.
    Triggers,
    /// Impact assessments, safeguards, the human-review register, erasures and holds.
    Privacy,
    /// What serves where.
    Rollouts,
    /// Entries and their proofs.
    Ledger,
    /// Exports.
    Reports,
    /// Any past instant.
    AsOf,
    /// The rules in force, and before.
    Policy,
    /// Accounts and tokens.
    People,
}

impl Room {
    /// Every room, in the order of the navigation.
    pub const ALL: [Self; 10] = [
        Self::Inbox,
        Self::Models,
        Self::Rollouts,
        Self::Triggers,
        Self::Privacy,
        Self::Ledger,
        Self::AsOf,
        Self::Reports,
        Self::Policy,
        Self::People,
    ];

    /// The room's name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Inbox => "Inbox",
            Self::Models => "Models",
            Self::Triggers => "Triggers",
            Self::Privacy => "Privacy",
            Self::Rollouts => "Rollouts",
            Self::Ledger => "Ledger",
            Self::Reports => "Reports",
            Self::AsOf => "As of",
            Self::Policy => "Policy",
            Self::People => "People",
        }
    }

    /// The room's address.
    pub fn href(self) -> &'static str {
        match self {
            Self::Inbox => "/inbox",
            Self::Models => "/models",
            Self::Triggers => "/triggers",
            Self::Privacy => "/privacy",
            Self::Rollouts => "/rollouts",
            Self::Ledger => "/ledger",
            Self::Reports => "/reports",
            Self::AsOf => "/as-of",
            Self::Policy => "/policy",
            Self::People => "/people",
        }
    }
}
