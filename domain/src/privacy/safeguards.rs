//! Automated individual decisions, GDPR Art. 22: whether a model makes them, on which basis, and who keeps the
//! safeguards.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, Timestamp, canonical_json};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Role, UnknownWord, find_word},
    command::Command,
    id::AccountId,
    refusal::{InputCheck, Missing, Refusal},
};

/// Why such a decision is allowed at all, Art. 22(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// (a) necessary for a contract with the data subject.
    Contract,
    /// (b) authorised by Union or Member State law.
    Law,
    /// (c) explicit consent.
    Consent,
}

impl Basis {
    /// Every basis.
    pub const ALL: [Self; 3] = [Self::Contract, Self::Law, Self::Consent];

    /// The basis's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Law => "law",
            Self::Consent => "consent",
        }
    }

    /// The basis as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Contract => "Art. 22(2)(a): necessary for a contract",
            Self::Law => "Art. 22(2)(b): authorised by law",
            Self::Consent => "Art. 22(2)(c): explicit consent",
        }
    }
}

impl std::str::FromStr for Basis {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("basis", text, &Self::ALL, Self::id)
    }
}

/// Why special categories may be used in it, Art. 22(4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SpecialBasis {
    /// Art. 9(2)(a).
    ExplicitConsent,
    /// Art. 9(2)(g).
    SubstantialPublicInterest,
}

impl SpecialBasis {
    /// Every basis.
    pub const ALL: [Self; 2] = [Self::ExplicitConsent, Self::SubstantialPublicInterest];

    /// The basis's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::ExplicitConsent => "explicit_consent",
            Self::SubstantialPublicInterest => "substantial_public_interest",
        }
    }

    /// The basis as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::ExplicitConsent => "Art. 9(2)(a): explicit consent",
            Self::SubstantialPublicInterest => "Art. 9(2)(g): substantial public interest",
        }
    }
}

impl std::str::FromStr for SpecialBasis {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("basis for special categories", text, &Self::ALL, Self::id)
    }
}

/// A right of the person decided about, Art. 22(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Safeguard {
    /// To obtain human intervention.
    HumanIntervention,
    /// To express one's point of view.
    OwnView,
    /// To contest the decision.
    Contest,
}

impl Safeguard {
    /// All three.
    pub const ALL: [Self; 3] = [Self::HumanIntervention, Self::OwnView, Self::Contest];

    /// The safeguard's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::HumanIntervention => "human_intervention",
            Self::OwnView => "own_view",
            Self::Contest => "contest",
        }
    }

    /// The safeguard as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::HumanIntervention => "Human intervention",
            Self::OwnView => "Expressing one\u{2019}s view",
            Self::Contest => "Contesting the decision",
        }
    }
}

impl std::str::FromStr for Safeguard {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("safeguard", text, &Self::ALL, Self::id)
    }
}

/// Who keeps a safeguard and where people turn to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Keeper {
    /// The account that answers for it.
    pub owner: AccountId,
    /// Where people turn to, such as a form's address; at most 500 characters. A channel, not somebody's name.
    pub channel: String,
}

/// What is stated of a model under Art. 22.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Article22 {
    /// Whether decisions rest solely on automated processing.
    pub solely_automated: bool,
    /// Whether they have a legal or similarly significant effect.
    pub significant_effect: bool,
    /// Why it is so; at most 2,500 characters.
    pub reasons: String,
    /// On which basis; needed where both are true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// The safeguards of Art. 22(3).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub safeguards: BTreeMap<Safeguard, Keeper>,
    /// Whether decisions rest on special categories of data (Art. 9(1)).
    #[serde(default)]
    pub special_categories: bool,
    /// Why they may, Art. 22(4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_basis: Option<SpecialBasis>,
}

impl Article22 {
    /// Digest of the canonical JSON: what a confirmation is about.
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical_json(self).unwrap_or_default())
    }

    /// Whether Art. 22(1) applies: decided by machine alone, with a significant effect.
    pub fn applies(&self) -> bool {
        self.solely_automated && self.significant_effect
    }

    /// What an account keeps.
    pub fn kept_by(&self, account: &AccountId) -> BTreeSet<Safeguard> {
        self.safeguards.iter().filter(|(_, keeper)| keeper.owner == *account).map(|(safeguard, _)| *safeguard).collect()
    }

    /// Checks lengths.
    ///
    /// # Errors
    /// One refusal that names every field at fault.
    pub fn check(&self) -> Result<(), Refusal> {
        let mut check = InputCheck::default();
        check.text("reasons", &self.reasons, 2_500);
        for (safeguard, keeper) in &self.safeguards {
            check.text(&format!("safeguards.{}.channel", safeguard.id()), &keeper.channel, 500);
        }
        check.finish()
    }

    /// What Art. 22 asks for and is not stated, one by one.
    pub fn missing(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        let mut put = |what: String, message: String| missing.push(Missing::from(what, message, Role::DataScientist));
        if self.applies() {
            if self.basis.is_none() {
                put(
                    "article22.basis".into(),
                    "State the basis: a contract, a law, or explicit consent (Art. 22(2)).".into(),
                );
            }
            for safeguard in Safeguard::ALL.into_iter().filter(|one| !self.safeguards.contains_key(one)) {
                put(
                    format!("article22.safeguards.{}", safeguard.id()),
                    format!("Name owner and channel for: {} (Art. 22(3)).", safeguard.title().to_lowercase()),
                );
            }
        }
        if self.special_categories && self.special_basis.is_none() {
            put(
                "article22.special_basis".into(),
                "Special categories need explicit consent or substantial public interest (Art. 22(4)).".into(),
            );
        }
        missing
    }
}

/// A statement as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stated {
    /// What is stated.
    pub statement: Article22,
    /// Its digest.
    pub digest: Digest,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// The privacy officer's confirmation of exactly this statement.
    pub confirmed: Option<Confirmation>,
    /// Keepers whose accounts were disabled since it was stated, or since it was last confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lapsed: Vec<Lapse>,
}

impl Stated {
    /// Whether it is confirmed and every keeper still acts.
    pub fn stands(&self) -> bool {
        self.confirmed.is_some() && self.lapsed.is_empty()
    }
}

/// A keeper whose account was disabled: nobody answers for its safeguards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lapse {
    /// The account.
    pub account: AccountId,
    /// What it kept.
    pub safeguards: BTreeSet<Safeguard>,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

impl Lapse {
    /// What was lost, in a sentence.
    pub fn sentence(&self) -> String {
        format!(
            "Nobody owns {} since entry {}: the account was disabled. State another owner, or enable the account and confirm the statement again.",
            titles(&self.safeguards),
            self.entry
        )
    }
}

/// `human intervention and contesting the decision`, for sentences.
pub fn titles(safeguards: &BTreeSet<Safeguard>) -> String {
    let titles: Vec<String> = safeguards.iter().map(|safeguard| safeguard.title().to_lowercase()).collect();
    titles.join(" and ")
}

/// The account whose safeguards a command takes away; the decision needs to know what it keeps, in
/// [`World::kept`](crate::aggregate::World::kept).
pub fn leaver(command: &Command) -> Option<&AccountId> {
    match command {
        Command::DisableAccount(id, true) => Some(id),
        _ => None,
    }
}

/// A privacy officer's confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Confirmation {
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Article22 {
        Article22 {
            solely_automated: true,
            significant_effect: true,
            reasons: "A score below the cut-off refuses the loan.".into(),
            basis: Some(Basis::Contract),
            safeguards: Safeguard::ALL
                .into_iter()
                .map(|one| {
                    (one, Keeper { owner: "olga".parse().unwrap(), channel: "https://bank.example/review".into() })
                })
                .collect(),
            special_categories: false,
            special_basis: None,
        }
    }

    #[test]
    fn article_22_asks_for_basis_and_three_safeguards_where_it_applies() {
        assert!(statement().missing().is_empty());
        let bare = Article22 { basis: None, safeguards: BTreeMap::new(), ..statement() };
        assert_eq!(bare.missing().len(), 4);
        let with_a_human = Article22 { solely_automated: false, ..bare.clone() };
        assert!(!with_a_human.applies() && with_a_human.missing().is_empty());
        let mut two = statement();
        two.safeguards.remove(&Safeguard::Contest);
        assert_eq!(two.missing()[0].what, "article22.safeguards.contest");
        let special = Article22 { special_categories: true, ..with_a_human };
        assert_eq!(special.missing()[0].what, "article22.special_basis");
    }

    #[test]
    fn ids_are_what_requests_and_entries_spell() {
        for basis in Basis::ALL {
            assert_eq!(serde_json::to_value(basis).unwrap(), basis.id());
            assert_eq!(basis.id().parse::<Basis>().unwrap(), basis);
        }
        for one in Safeguard::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.id());
        }
        for one in SpecialBasis::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.id());
            assert_eq!(one.id().parse::<SpecialBasis>().unwrap(), one);
        }
    }
}
