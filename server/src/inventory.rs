//! The inventory as everybody is told it: the list's page and CSV, the API and the report take each model's line from
//! here, so that none of them can say something else.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    Aggregate, AggregateId, ModelName, VersionId, VersionNumber,
    campaign::Campaign,
    inventory::{ModelStatus, TierBasis},
    registry::Model,
    waiver::{Covers, State},
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    report::paper::csv_line,
    service::Service,
    storage::{StoreError, registry::ModelRow},
};

/// Campaigns looked through for a model's attestation, newest first.
const CAMPAIGNS: usize = 12;
/// States read at a time.
const STATES: usize = 200;

/// One model of the inventory.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ModelSummary)]
pub struct Listing {
    /// Registry name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Tier.
    pub tier: String,
    /// On which exposure and purpose the tier rests, and why; absent while it is as registered.
    pub tier_basis: Option<TierBasis>,
    /// Policy profile.
    pub profile: String,
    /// Number of versions.
    pub versions: u64,
    /// Markets.
    pub markets: Vec<String>,
    /// Version that serves each market.
    pub champions: BTreeMap<String, u32>,
    /// Version on its way into each market.
    pub rolling_out: BTreeMap<String, u32>,
    /// Open findings on any version.
    pub open_findings: u64,
    /// How many of them are critical or high.
    pub severe_findings: u64,
    /// Owner's account.
    pub owner: String,
    /// `in_development`, `in_use` or `retired`.
    pub status: String,
    /// When it was registered.
    #[schema(value_type = String)]
    pub registered_at: Timestamp,
    /// When it was validated in full last.
    #[schema(value_type = Option<String>)]
    pub validated_at: Option<Timestamp>,
    /// When it is to be validated again.
    #[schema(value_type = Option<String>)]
    pub next_validation: Option<Timestamp>,
    /// Whether that date is past.
    pub validation_overdue: bool,
    /// The earliest date by which something waits on it, if anything does.
    #[schema(value_type = Option<String>)]
    pub next_due: Option<Timestamp>,
    /// Waivers in force on any version.
    pub exceptions: u64,
    /// How its owner answered the latest campaign that called it; absent if none of the last twelve did.
    pub attestation: Option<Attested>,
}

impl Listing {
    /// The status as people read it.
    pub fn status_title(&self) -> &'static str {
        ModelStatus::ALL.into_iter().find(|status| status.id() == self.status).map_or("unknown", ModelStatus::title)
    }
}

/// The columns of the inventory as CSV. New ones are added at the end, so that what reads by place goes on reading.
const COLUMNS: [&str; 29] = [
    "name",
    "title",
    "tier",
    "profile",
    "status",
    "owner",
    "versions",
    "champions",
    "last_validation",
    "next_validation",
    "open_findings",
    "exceptions",
    "next_due",
    "registered_at",
    "exposure",
    "purpose",
    "tier_reason",
    "validation_overdue",
    "severe_findings",
    "attestation",
    "attestation_campaign",
    "attestation_due",
    "markets",
    "rolling_out",
    "tier_judged_at",
    "tier_entry",
    "attestation_given",
    "attestation_entry",
    "attestation_comment",
];

/// The inventory's header line as CSV.
pub fn csv_header(text: &mut String) {
    text.push_str(&COLUMNS.join(","));
    text.push_str("\r\n");
}

/// A model's line as CSV; `owner` is how its owner is told, by name or by account.
pub fn csv_row(text: &mut String, listing: &Listing, owner: &str) {
    let (basis, attested) = (listing.tier_basis.as_ref(), listing.attestation.as_ref());
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let entry = |entry: Option<u64>| entry.map(|entry| entry.to_string()).unwrap_or_default();
    let versions = |by_market: &BTreeMap<String, u32>| {
        by_market.iter().map(|(market, number)| format!("{market}: {number}")).collect::<Vec<_>>().join("; ")
    };
    let cells: [String; COLUMNS.len()] = [
        listing.name.clone(),
        listing.title.clone(),
        listing.tier.clone(),
        listing.profile.clone(),
        listing.status.clone(),
        owner.to_owned(),
        listing.versions.to_string(),
        versions(&listing.champions),
        time(listing.validated_at),
        time(listing.next_validation),
        listing.open_findings.to_string(),
        listing.exceptions.to_string(),
        time(listing.next_due),
        listing.registered_at.to_string(),
        basis.map(|basis| basis.exposure.clone()).unwrap_or_default(),
        basis.map(|basis| basis.purpose.clone()).unwrap_or_default(),
        basis.map(|basis| basis.reason.clone()).unwrap_or_default(),
        listing.validation_overdue.to_string(),
        listing.severe_findings.to_string(),
        attested.map(|one| one.state.title().to_owned()).unwrap_or_default(),
        attested.map(|one| one.title.clone()).unwrap_or_default(),
        time(attested.map(|one| one.due_at)),
        listing.markets.join("; "),
        versions(&listing.rolling_out),
        time(basis.map(|basis| basis.at)),
        entry(basis.map(|basis| basis.entry)),
        time(attested.and_then(|one| one.given_at)),
        entry(attested.and_then(|one| one.entry)),
        attested.map(|one| one.comment.clone()).unwrap_or_default(),
    ];
    csv_line(text, cells.iter().map(String::as_str));
}

/// How a model stands in the latest attestation campaign that called it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attested {
    /// The campaign's number.
    pub campaign: u32,
    /// What people call it.
    pub title: String,
    /// How it stands.
    pub state: AttestationState,
    /// By when the owner was to answer.
    #[schema(value_type = String)]
    pub due_at: Timestamp,
    /// When the owner answered.
    #[schema(value_type = Option<String>)]
    pub given_at: Option<Timestamp>,
    /// By which entry.
    pub entry: Option<u64>,
    /// What is wrong, where the owner objected.
    pub comment: String,
}

/// How an owner answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttestationState {
    /// Not yet.
    Outstanding,
    /// Not in time.
    Overdue,
    /// That the statement holds.
    Attested,
    /// That it does not.
    Objected,
}

impl AttestationState {
    /// The state as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Outstanding => "outstanding",
            Self::Overdue => "overdue",
            Self::Attested => "attested",
            Self::Objected => "objected",
        }
    }
}

/// A waiver in force.
#[derive(Debug, Clone)]
pub struct Exception {
    /// The version.
    pub version: VersionId,
    /// The waiver's number on it.
    pub waiver: u32,
    /// What it covers.
    pub covers: Covers,
    /// What stands in its place.
    pub control: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// By which entry it was granted.
    pub entry: u64,
}

/// The lines of models, in the order of `rows`.
///
/// # Errors
/// The storage failed.
pub async fn listings(app: &Service, rows: Vec<ModelRow>, now: Timestamp) -> Result<Vec<Listing>, StoreError> {
    let names: Vec<ModelName> = rows.iter().filter_map(|row| row.name.parse().ok()).collect();
    let mut models = models(app, &names).await?;
    let mut attested = attestations(app, &names, now).await?;
    let listing = |row: ModelRow| {
        let model = models.remove(&row.name);
        let rolling_out = model.iter().flat_map(|model| &model.rolling_out);
        let rolling_out = rolling_out.map(|(market, number)| (market.to_string(), number.get())).collect();
        Listing {
            rolling_out,
            tier_basis: model.and_then(|model| model.tier_basis.clone()),
            attestation: attested.remove(&row.name),
            validation_overdue: row.next_validation.is_some_and(|due| due < now),
            name: row.name,
            title: row.title,
            tier: row.tier,
            profile: row.profile,
            versions: row.versions,
            markets: row.markets,
            champions: row.champions,
            open_findings: row.open_findings,
            severe_findings: row.severe_findings,
            owner: row.owner,
            status: row.status,
            registered_at: row.registered_at,
            validated_at: row.validated_at,
            next_validation: row.next_validation,
            next_due: row.next_due,
            exceptions: row.exceptions,
        }
    };
    Ok(rows.into_iter().map(listing).collect())
}

async fn models(app: &Service, names: &[ModelName]) -> Result<BTreeMap<String, Arc<Model>>, StoreError> {
    let mut models = BTreeMap::new();
    for names in names.chunks(STATES) {
        let ids: Vec<AggregateId> = names.iter().cloned().map(AggregateId::Model).collect();
        for (_, state) in app.store.aggregates(&ids).await? {
            if let Aggregate::Model(model) = state {
                models.insert(model.name.to_string(), model);
            }
        }
    }
    Ok(models)
}

/// How models stand in the latest campaigns that called them, by name.
///
/// # Errors
/// The storage failed.
pub async fn attestations(
    app: &Service,
    names: &[ModelName],
    now: Timestamp,
) -> Result<BTreeMap<String, Attested>, StoreError> {
    let mut found: BTreeMap<String, Attested> = BTreeMap::new();
    for number in app.store.campaigns().await?.into_iter().take(CAMPAIGNS) {
        if found.len() == names.len() {
            break;
        }
        let Some(Aggregate::Campaign(campaign)) = app.store.aggregate(&AggregateId::Campaign(number)).await? else {
            continue;
        };
        for name in names.iter().filter(|name| campaign.models.contains_key(*name)) {
            found.entry(name.to_string()).or_insert_with(|| attested(&campaign, name, now));
        }
    }
    Ok(found)
}

fn attested(campaign: &Campaign, name: &ModelName, now: Timestamp) -> Attested {
    let given = campaign.given.get(name);
    let state = match given {
        Some(given) if given.holds => AttestationState::Attested,
        Some(_) => AttestationState::Objected,
        None if now > campaign.due_at => AttestationState::Overdue,
        None => AttestationState::Outstanding,
    };
    Attested {
        campaign: campaign.number,
        title: campaign.title.clone(),
        state,
        due_at: campaign.due_at,
        given_at: given.map(|given| given.at),
        entry: given.map(|given| given.entry),
        comment: given.map(|given| given.comment.clone()).unwrap_or_default(),
    }
}

/// The waivers in force on a model's versions: those that [`Listing::exceptions`] counts.
///
/// # Errors
/// The storage failed.
pub async fn exceptions(app: &Service, model: &ModelName, now: Timestamp) -> Result<Vec<Exception>, StoreError> {
    let numbers = app.store.waived_versions(model.as_str(), now).await?;
    let id = |number: VersionNumber| AggregateId::Version(VersionId { model: model.clone(), number });
    let ids: Vec<AggregateId> = numbers.into_iter().map(id).collect();
    let mut found = Vec::new();
    for ids in ids.chunks(STATES) {
        for (_, state) in app.store.aggregates(ids).await? {
            let Aggregate::Version(version) = state else { continue };
            let latest = version.latest_waivers().into_iter();
            let in_force = latest.filter(|waiver| version.waiver_state(waiver, now) == State::InForce);
            found.extend(in_force.map(|waiver| Exception {
                version: version.id.clone(),
                waiver: waiver.number,
                covers: waiver.covers.clone(),
                control: waiver.control.clone(),
                expires_at: waiver.expires_at,
                entry: waiver.entry,
            }));
        }
    }
    found.sort_by_key(|exception| (std::cmp::Reverse(exception.version.number), exception.waiver));
    Ok(found)
}
