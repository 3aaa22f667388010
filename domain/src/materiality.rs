//! How material a change is, from the lineage diff: a new architecture or feature source needs the full validation,
//! fresh data alone does not (chapter 29, question 16), and many small changes add up (PRA SS1/23). What was judged
//! when promotion was asked for is frozen with the request; people may raise it, and MRM may lower it with a reason.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    aggregate::World,
    command::Command,
    id::{AccountId, Market, VersionId, VersionNumber},
    lineage::{Change, Class},
    promotion::Request,
    registry::{Model, Tier, Version},
    stage::Stage,
    validation::{Depth, Section},
};

/// The lineage's name for the version of the feature set: which features are read, it does not say.
pub(crate) const SET_VERSION: &str = "features.set_version";
/// Reasons that an assessment names one by one.
const MAX_REASONS: usize = 20;

/// How much validation a change needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Materiality {
    /// Same construction, fresh data: abbreviated validation.
    NonMaterial,
    /// A new construction: full validation and the risk committee.
    Material,
}

impl Materiality {
    /// The word as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::NonMaterial => "non-material",
            Self::Material => "material",
        }
    }
}

/// A verdict on a change with the reasons that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Assessment {
    /// The verdict.
    pub materiality: Materiality,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
}

/// Judges the change from a version to a later one. Without an earlier version everything is new, thus material.
pub fn assess(changes: Option<&[Change]>) -> Assessment {
    let Some(changes) = changes else {
        return Assessment {
            materiality: Materiality::Material,
            reasons: vec!["There is no earlier version to compare with: all of it is new.".into()],
        };
    };
    let mut reasons: Vec<String> = changes.iter().filter_map(material_reason).collect();
    if reasons.is_empty() {
        let reason = if changes.is_empty() {
            "The two lineages are equal."
        } else if changes.iter().any(|change| change.path == SET_VERSION) {
            "The feature set goes by another version and holds the same features; architecture, preprocessing and schema are unchanged."
        } else {
            "Architecture, features, preprocessing and schema are unchanged."
        };
        return Assessment { materiality: Materiality::NonMaterial, reasons: vec![reason.into()] };
    }
    reasons.dedup();
    Assessment { materiality: Materiality::Material, reasons }
}

fn material_reason(change: &Change) -> Option<String> {
    match (change.class, change.path.as_str()) {
        (Class::Model, "model.architecture") => Some(format!(
            "The architecture changed from {} to {}.",
            change.before.as_deref().unwrap_or("nothing"),
            change.after.as_deref().unwrap_or("nothing")
        )),
        (Class::Features, path) => path.strip_prefix("features.names.").map(|name| {
            let verb = if change.before.is_none() { "added" } else { "removed" };
            format!("Feature {name} was {verb}.")
        }),
        (Class::Data, "data.dataset") => Some("The training dataset is another one.".into()),
        (Class::Data, "data.schema_digest") => Some("The schema of the training data changed.".into()),
        (Class::Data, path) if path.starts_with("data.preprocessing.") => {
            Some("The preprocessing of the training data changed.".into())
        }
        _ => None,
    }
}

/// What a profile says on materiality and on how deep a validation goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// So many non-material versions may follow one that was validated in full; the next one is material.
    pub small_changes: u32,
    /// Features so close to a prohibited one that adding them is named as such, whole names.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub prohibited_adjacent: BTreeSet<String>,
    /// The report's sections that an abbreviated validation must hold.
    pub abbreviated_sections: BTreeSet<Section>,
    /// After so many days a model in use is validated anew, by tier.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revalidation_days: BTreeMap<Tier, u32>,
    /// So many days before a revalidation is due or a waiver expires it stands in the inbox.
    pub notice_days: u32,
    /// How deep the validation goes, by tier; a tier left out follows the change alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub depth: BTreeMap<Tier, DepthRule>,
}

/// How deep the validation of a tier goes (SR 26-2: depth follows exposure and purpose).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DepthRule {
    /// For a material change.
    pub material: Depth,
    /// For a change that is not.
    pub non_material: Depth,
    /// Whether a material change goes before the committee where a gate has one.
    pub committee: bool,
}

impl Rules {
    /// How deep a version of a model of `tier` is validated.
    pub fn depth(&self, tier: Tier, materiality: Materiality) -> Depth {
        match (self.depth.get(&tier), materiality) {
            (Some(rule), Materiality::Material) => rule.material,
            (Some(rule), Materiality::NonMaterial) => rule.non_material,
            (None, Materiality::Material) => Depth::Full,
            (None, Materiality::NonMaterial) => Depth::Abbreviated,
        }
    }

    /// Whether the committee votes on it.
    pub fn committee(&self, tier: Tier, materiality: Materiality) -> bool {
        materiality == Materiality::Material && self.depth.get(&tier).is_none_or(|rule| rule.committee)
    }

    /// What is wrong with the rules, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.abbreviated_sections.is_empty() {
            return Err("an abbreviated validation needs at least one section".into());
        }
        if self.revalidation_days.values().any(|days| *days == 0) {
            return Err("a revalidation interval of 0 days would always be overdue".into());
        }
        Ok(())
    }
}

/// The last version of a model that was validated in full, and what followed it, in one market or before markets part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Baseline {
    /// The version.
    pub version: VersionNumber,
    /// When it passed the gate.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// Non-material versions that passed the gate since, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub since: Vec<VersionNumber>,
}

/// The baselines of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Baselines {
    /// Into Staging, which all markets share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<Baseline>,
    /// Into Production, by market.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub markets: BTreeMap<Market, Baseline>,
}

impl Baselines {
    /// Whether nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.shared.is_none() && self.markets.is_empty()
    }

    fn of(&self, market: Option<&Market>) -> Option<&Baseline> {
        market.map_or(self.shared.as_ref(), |market| self.markets.get(market))
    }

    /// Notes that a version passed into Staging or, in a market, into Production.
    pub(crate) fn passed(
        &mut self,
        version: VersionNumber,
        market: Option<&Market>,
        materiality: Materiality,
        (at, entry): (Timestamp, u64),
    ) {
        let fresh = Baseline { version, at, entry, since: Vec::new() };
        match (market, materiality) {
            (None, Materiality::Material) => self.shared = Some(fresh),
            (Some(market), Materiality::Material) => drop(self.markets.insert(market.clone(), fresh)),
            (market, Materiality::NonMaterial) => {
                let known = match market {
                    None => self.shared.as_mut(),
                    Some(market) => self.markets.get_mut(market),
                };
                if let Some(baseline) = known.filter(|baseline| !baseline.since.contains(&version)) {
                    baseline.since.push(version);
                }
            }
        }
    }
}

/// The version that a change is measured from: the last one validated in full that passed into Production in the
/// market (into Staging, before markets part); in a ledger older than that rule, the champion.
pub fn measured_from(model: &Model, market: Option<&Market>) -> Option<VersionNumber> {
    model.baselines.of(market).map(|baseline| baseline.version).or_else(|| match market {
        Some(market) => model.champions.get(market).map(|champion| champion.version),
        None => model.champions.values().map(|champion| champion.version).max(),
    })
}

/// A judgement as it is frozen with a request, with what it was judged from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Assessed {
    /// The verdict.
    pub materiality: Materiality,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
    /// The version that the change was measured from; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<VersionNumber>,
    /// Non-material versions since that one.
    pub small_changes: u32,
    /// How many of them the policy allowed.
    pub allowed: u32,
    /// Digest of the lineage that was judged.
    pub lineage: Digest,
}

/// Judges a version's change in a market. `baseline` is the version that [`measured_from`] names, if it names one.
pub fn judge(
    rules: &Rules,
    model: &Model,
    market: Option<&Market>,
    version: &Version,
    baseline: Option<&Version>,
) -> Assessed {
    // A version compared with itself (validated, then rolled back) is no change.
    let changes = baseline.map(|baseline| baseline.lineage.diff(&version.lineage));
    let Assessment { materiality: lineage_verdict, reasons } = assess(changes.as_deref());
    let mut materiality = lineage_verdict;
    let mut named: Vec<String> = changes
        .iter()
        .flatten()
        .filter(|change| change.before.is_none())
        .filter_map(|change| change.path.strip_prefix("features.names."))
        .filter(|name| rules.prohibited_adjacent.contains(*name))
        .map(|name| format!("Feature {name} stands close to a prohibited one."))
        .collect();
    let small = model.baselines.of(market).map_or(0, |baseline| baseline.since.len());
    let small = u32::try_from(small).unwrap_or(u32::MAX);
    if let Some(baseline) = baseline
        && small >= rules.small_changes
    {
        materiality = Materiality::Material;
        named.push(format!(
            "{small} non-material versions followed version {}, the last one validated in full; the policy lets {} pass.",
            baseline.id.number, rules.small_changes
        ));
    }
    if baseline.is_none() {
        // There may be earlier versions; none of them is one to measure from.
        let place = market.map(|market| format!(" for {market}")).unwrap_or_default();
        named.push(format!("No version of this model was validated in full{place} yet: all of it counts as new."));
    } else if lineage_verdict == Materiality::Material || materiality == Materiality::NonMaterial {
        named.extend(reasons);
    }
    if named.len() > MAX_REASONS {
        let more = named.len() - MAX_REASONS;
        named.truncate(MAX_REASONS);
        named.push(format!("{more} more changes of this kind."));
    }
    Assessed {
        materiality,
        reasons: named,
        against: baseline.map(|baseline| baseline.id.number),
        small_changes: small,
        allowed: rules.small_changes,
        lineage: version.lineage_digest,
    }
}

/// Raises or lowers a version's materiality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetMateriality {
    /// The market whose gates it concerns; left out, the gate into Staging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Market>,
    /// What it is from now on.
    pub materiality: Materiality,
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// Materiality was raised or lowered by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// The market whose gates it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Market>,
    /// What it was.
    pub from: Materiality,
    /// What it is from now on.
    pub to: Materiality,
    /// Why.
    pub reason: String,
    /// Digest of the lineage for which this was said.
    pub lineage: Digest,
}

/// What a person said of a version's materiality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetBy {
    /// The market whose gates it concerns.
    pub market: Option<Market>,
    /// What it was before.
    pub from: Materiality,
    /// What it is since.
    pub to: Materiality,
    /// Why.
    pub reason: String,
    /// Digest of the lineage for which this was said: another lineage is judged anew.
    pub lineage: Digest,
    /// Who said so.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// On what the materiality in force rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis<'a> {
    /// A person's word.
    Set(&'a SetBy),
    /// The judgement frozen with a request.
    Request(u32, &'a Assessed),
    /// Nothing yet: judged when promotion is asked for, and material until then.
    Unknown,
}

/// The materiality that the gates of a market look at.
pub fn in_force<'a>(version: &'a Version, market: Option<&Market>) -> (Materiality, Basis<'a>) {
    match (said(version, market).next(), frozen(version, market)) {
        // What was said holds on: a later request freezes a new judgement, and the person's word stands above it.
        (Some(set), _) => (set.to, Basis::Set(set)),
        (None, Some((number, assessed))) => (assessed.materiality, Basis::Request(number, assessed)),
        (None, None) => (Materiality::Material, Basis::Unknown),
    }
}

/// The one verdict that is told of a change in a place, wherever it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// What the gates look at: frozen with the request or set by a person, and material until then.
    pub in_force: Materiality,
    /// On what it rests.
    pub basis: Basis<'a>,
    /// The judgement behind it: the frozen one, or the one that would be made now, where it is known.
    pub judged: Option<&'a Assessed>,
}

impl<'a> Told<'a> {
    /// The verdict on a version in a market; `now` is how the change would be judged now, where that was looked up.
    pub fn of(version: &'a Version, market: Option<&Market>, now: Option<&'a Assessed>) -> Self {
        let (in_force, basis) = in_force(version, market);
        let judged = match basis {
            Basis::Request(_, frozen) => Some(frozen),
            Basis::Set(_) => frozen(version, market).map(|(_, assessed)| assessed).or(now),
            Basis::Unknown => now,
        };
        Self { in_force, basis, judged }
    }

    /// The verdict in a few words: until promotion is asked for, none is given.
    pub fn word(&self) -> &'static str {
        match self.basis {
            Basis::Unknown => "not judged yet",
            _ => self.in_force.title(),
        }
    }

    /// On what it rests and what follows, in a sentence.
    pub fn sentence(&self) -> String {
        let against = match self.judged.map(|judged| judged.against) {
            Some(Some(number)) => format!(" against version {number}"),
            _ => String::new(),
        };
        let place = |entry: u64| format!("entry {entry}");
        match &self.basis {
            Basis::Set(set) => format!("Taken to be {}: set by a person ({}).", set.to.title(), place(set.entry)),
            Basis::Request(number, frozen) => {
                format!("Judged to be {}{against} when request {number} was made.", frozen.materiality.title())
            }
            Basis::Unknown => match self.judged {
                Some(now) => format!(
                    "Not judged before promotion is asked for, and taken to be material until then. Asked for now, it would be judged to be {}{against}.",
                    now.materiality.title()
                ),
                None => "Not judged before promotion is asked for, and taken to be material until then.".to_owned(),
            },
        }
    }
}

/// The latest judgement frozen with a request for this market, if it was made of the lineage in force.
fn frozen<'a>(version: &'a Version, market: Option<&Market>) -> Option<(u32, &'a Assessed)> {
    version
        .requests
        .iter()
        .rev()
        .filter(|request| request.market.as_ref() == market)
        .find_map(|request| request.assessed.as_ref().map(|assessed| (request.number, assessed)))
        .filter(|(_, assessed)| assessed.lineage == version.lineage_digest)
}

/// What people said of the lineage in force in a market, the latest first.
fn said<'v>(version: &'v Version, market: Option<&Market>) -> impl Iterator<Item = &'v SetBy> {
    let here = move |set: &&SetBy| set.market.as_ref() == market && set.lineage == version.lineage_digest;
    version.materiality.iter().rev().filter(here)
}

/// What the change counted as when the request was made: a person's word until then, else the judgement frozen with it.
pub(crate) fn when_asked(version: &Version, request: &Request) -> Materiality {
    let word = said(version, request.market.as_ref()).find(|set| set.entry < request.entry);
    let judged = request.assessed.as_ref().filter(|assessed| assessed.lineage == version.lineage_digest);
    word.map(|set| set.to).or(judged.map(|assessed| assessed.materiality)).unwrap_or(Materiality::Material)
}

/// The further version that a decision looks at, once the model is known.
pub fn wanted_baseline(command: &Command, world: &World) -> Option<VersionId> {
    let market = match command {
        Command::RequestPromotion(_, body) => body.market.as_ref(),
        Command::SetMateriality(_, body) => body.market.as_ref(),
        _ => return None,
    };
    let model = world.model.as_ref()?;
    measured_from(model, market).map(|number| VersionId { model: model.name.clone(), number })
}

/// Whether passing into this stage makes a version the one that later changes are measured from.
pub fn is_milestone(to: Stage) -> bool {
    matches!(to, Stage::Staging | Stage::Production)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::tests::complete;

    #[test]
    fn fresh_data_is_not_material_and_a_new_feature_is() {
        let before = complete(1);
        let fresh = complete(2);
        let verdict = assess(Some(&before.diff(&fresh)));
        assert_eq!(verdict.materiality, Materiality::NonMaterial, "{:?}", verdict.reasons);
        let mut wider = fresh.clone();
        wider.features.names.insert("postcode".into());
        let verdict = assess(Some(&before.diff(&wider)));
        assert_eq!(verdict.materiality, Materiality::Material);
        assert_eq!(verdict.reasons, ["Feature postcode was added."]);
        assert_eq!(assess(None).materiality, Materiality::Material);
    }

    #[test]
    fn another_name_of_the_feature_set_alone_is_told_as_that() {
        let before = complete(1);
        let mut renamed = before.clone();
        renamed.features.set_version = Some("2".into());
        let changes = before.diff(&renamed);
        let verdict = assess(Some(&changes));
        assert_eq!(verdict.materiality, Materiality::NonMaterial);
        assert!(verdict.reasons[0].contains("holds the same features"), "{:?}", verdict.reasons);
        let advice = crate::strategy::advise(Some(&changes));
        assert!(advice.reasons[0].contains("same features"), "the two do not contradict each other: {advice:?}");
    }
}
