//! The model inventory beyond the registry: tier by exposure and purpose, what the model reads and gives, who answers
//! for it, whether it is in use, when it was validated last and when it is due again (SR 11-7, section VI; SR 26-2).

use std::collections::BTreeMap;

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Event, Recorded},
    id::{AccountId, Market, VersionNumber},
    policy::Policy,
    registry::{Model, Tier},
    validation::{Depth, Outcome},
};

/// How exposure and purpose make a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Tiering {
    /// Classes of exposure, largest first.
    pub exposures: Vec<String>,
    /// Classes of purpose, gravest first.
    pub purposes: Vec<String>,
    /// The tier, by exposure and then purpose.
    pub matrix: BTreeMap<String, BTreeMap<String, Tier>>,
}

impl Tiering {
    /// The tier of a class of exposure and one of purpose; `None` if the policy knows them not.
    pub fn tier(&self, exposure: &str, purpose: &str) -> Option<Tier> {
        self.matrix.get(exposure)?.get(purpose).copied()
    }

    /// What is wrong with the matrix, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        for exposure in &self.exposures {
            for purpose in &self.purposes {
                if self.tier(exposure, purpose).is_none() {
                    return Err(format!("the tiering matrix has no tier for exposure {exposure}, purpose {purpose}"));
                }
            }
        }
        let known = |exposure: &String, row: &BTreeMap<String, Tier>| {
            self.exposures.contains(exposure) && row.keys().all(|purpose| self.purposes.contains(purpose))
        };
        match self.matrix.iter().find(|(exposure, row)| !known(exposure, row)) {
            Some((exposure, _)) => Err(format!(
                "the tiering matrix has a row {exposure} with a class that exposures or purposes do not list"
            )),
            None => Ok(()),
        }
    }
}

/// What the inventory says of a model beside its purpose; all of it may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Card {
    /// Products and business lines that use it; at most 2,000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub products: String,
    /// Where it must not be used; at most 2,000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub restrictions: String,
    /// What it reads; at most 2,000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub inputs: String,
    /// What it gives; at most 2,000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub outputs: String,
}

impl Card {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Judges a model's tier anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReassessTier {
    /// Class of exposure, as the policy names it.
    pub exposure: String,
    /// Class of purpose, as the policy names it.
    pub purpose: String,
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// A model's tier was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierAssessed {
    /// Class of exposure.
    pub exposure: String,
    /// Class of purpose.
    pub purpose: String,
    /// The tier before.
    pub from: Tier,
    /// The tier that the policy's matrix gives.
    pub to: Tier,
    /// Why.
    pub reason: String,
}

/// On what a model's tier rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TierBasis {
    /// Class of exposure.
    pub exposure: String,
    /// Class of purpose.
    pub purpose: String,
    /// Why.
    pub reason: String,
    /// Who judged.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// Amends what the inventory says of a model; fields left out stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AmendInventory {
    /// What the model is for; at most 4,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Products and business lines; at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub products: Option<String>,
    /// Where it must not be used; at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restrictions: Option<String>,
    /// What it reads; at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
    /// What it gives; at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<String>,
    /// Why it changed; at most 2,000 characters.
    pub reason: String,
}

/// What the inventory says of a model was amended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amended {
    /// What the model is for, from now on.
    pub purpose: String,
    /// The rest, from now on.
    pub card: Card,
    /// Why.
    pub reason: String,
}

/// Hands a model to another owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeOwner {
    /// Who answers for it from now on.
    pub owner: AccountId,
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// A model went to another owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerChanged {
    /// Who answered for it.
    pub from: AccountId,
    /// Who answers for it.
    pub to: AccountId,
    /// The new owner's team, which develops it from now on.
    pub team: String,
    /// Why.
    pub reason: String,
}

/// Opens a market to a model that is registered already. The market's own gates stand before every version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddMarket {
    /// The market, as the policy in force names it.
    pub market: Market,
    /// Why; at most 2,000 characters.
    pub reason: String,
}

/// A market was opened to a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketAdded {
    /// The market.
    pub market: Market,
    /// Why.
    pub reason: String,
}

/// Takes a model out of use for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RetireModel {
    /// Why, and what takes its place; at most 2,000 characters.
    pub reason: String,
}

/// A model was taken out of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRetired {
    /// Why.
    pub reason: String,
    /// Markets that it served or shadowed: nothing of it answers there from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub markets: Vec<Market>,
}

/// The end of a model's use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Retirement {
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// The latest validation of a model that did not reject it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastValidation {
    /// The version that was validated.
    pub version: VersionNumber,
    /// How deep.
    pub depth: Depth,
    /// The conclusion.
    pub outcome: Outcome,
    /// By whom.
    pub author: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// Whether a model is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ModelStatus {
    /// Serves nowhere yet.
    InDevelopment,
    /// Serves at least one market.
    InUse,
    /// Taken out of use; kept in the inventory.
    Retired,
}

impl ModelStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::InDevelopment, Self::InUse, Self::Retired];

    /// The status's id.
    pub fn id(self) -> &'static str {
        match self {
            Self::InDevelopment => "in_development",
            Self::InUse => "in_use",
            Self::Retired => "retired",
        }
    }

    /// The status as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::InDevelopment => "in development",
            Self::InUse => "in use",
            Self::Retired => "retired",
        }
    }
}

/// Whether the model is used: a version answers users of a market, be it on its way in.
pub fn status(model: &Model) -> ModelStatus {
    if model.retired.is_some() {
        ModelStatus::Retired
    } else if model.champions.is_empty() && model.rolling_out.is_empty() {
        ModelStatus::InDevelopment
    } else {
        ModelStatus::InUse
    }
}

/// When a model in use is to be validated again: the policy's interval for its tier after its last full validation;
/// after it came into use, if it never had one. `None` where the profile asks for no revalidation.
pub fn next_validation(model: &Model, policy: &Policy) -> Option<Timestamp> {
    if status(model) != ModelStatus::InUse {
        return None;
    }
    let rules = policy.profiles.get(&model.profile)?.validation.as_ref()?;
    let days = rules.revalidation_days.get(&model.tier)?;
    let from = match &model.last_validation {
        Some(last) => last.at,
        None => model.champions.values().map(|champion| champion.since).min()?,
    };
    Some(from.plus_days(i64::from(*days)))
}

/// Folds an entry on the model itself; `None` if it does not belong there.
pub(crate) fn apply(model: &mut Model, recorded: &Recorded) -> Option<()> {
    let Recorded { seq, time, actor, event, .. } = recorded;
    match event {
        Event::TierAssessed(body) => {
            model.tier = body.to;
            model.tier_basis = Some(TierBasis {
                exposure: body.exposure.clone(),
                purpose: body.purpose.clone(),
                reason: body.reason.clone(),
                by: actor.clone(),
                at: *time,
                entry: *seq,
            });
        }
        Event::InventoryAmended(body) => {
            model.purpose.clone_from(&body.purpose);
            model.card = body.card.clone();
        }
        Event::OwnerChanged(body) => {
            model.owner = body.to.clone();
            model.team.clone_from(&body.team);
        }
        // At the end, so that what counts by the place of a market in this list stays where it is.
        Event::MarketAdded(body) => model.markets.push(body.market.clone()),
        Event::ModelRetired(body) => {
            model.retired = Some(Retirement { reason: body.reason.clone(), by: actor.clone(), at: *time, entry: *seq });
            model.champions.clear();
            model.standbys.clear();
        }
        _ => return None,
    }
    Some(())
}

/// Notes a validation of a version of the model: one in full that did not reject it renews the model's.
pub(crate) fn note_validation(
    model: &mut Model,
    (version, depth, outcome): (VersionNumber, Depth, Outcome),
    recorded: &Recorded,
) {
    if outcome != Outcome::Rejected && depth == Depth::Full {
        let (author, at, entry) = (recorded.actor.clone(), recorded.time, recorded.seq);
        model.last_validation = Some(LastValidation { version, depth, outcome, author, at, entry });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_with_a_hole_or_a_stranger_is_refused() {
        let row = |tier| BTreeMap::from([("customers".to_owned(), tier)]);
        let whole = Tiering {
            exposures: vec!["large".into(), "small".into()],
            purposes: vec!["customers".into()],
            matrix: BTreeMap::from([("large".into(), row(Tier::One)), ("small".into(), row(Tier::Three))]),
        };
        assert_eq!(whole.check(), Ok(()));
        assert_eq!(whole.tier("large", "customers"), Some(Tier::One));
        assert_eq!(whole.tier("large", "decoration"), None);
        let mut hole = whole.clone();
        hole.matrix.remove("small");
        assert!(hole.check().unwrap_err().contains("small"));
        let mut stranger = whole;
        stranger.matrix.insert("huge".into(), row(Tier::One));
        assert!(stranger.check().unwrap_err().contains("huge"));
    }
}
