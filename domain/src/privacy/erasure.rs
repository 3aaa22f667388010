//! Erasure of personal data (GDPR Art. 17) and legal holds against it. The ledger keeps its entries; what is erased is
//! the value and the salt in the vault, after which the commitment in the entry says nothing any more.

use std::collections::BTreeSet;

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    account::{UnknownWord, find_word},
    id::AccountId,
};

/// Why personal data are erased, Art. 17(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErasureBasis {
    /// (a) no longer necessary.
    NoLongerNecessary,
    /// (b) consent withdrawn.
    ConsentWithdrawn,
    /// (c) objection.
    Objection,
    /// (d) unlawfully processed.
    UnlawfulProcessing,
    /// (e) a legal obligation to erase.
    LegalObligation,
    /// (f) collected from a child.
    Child,
}

impl ErasureBasis {
    /// Every basis.
    pub const ALL: [Self; 6] = [
        Self::NoLongerNecessary,
        Self::ConsentWithdrawn,
        Self::Objection,
        Self::UnlawfulProcessing,
        Self::LegalObligation,
        Self::Child,
    ];

    /// The basis's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::NoLongerNecessary => "no_longer_necessary",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::Objection => "objection",
            Self::UnlawfulProcessing => "unlawful_processing",
            Self::LegalObligation => "legal_obligation",
            Self::Child => "child",
        }
    }

    /// The basis as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::NoLongerNecessary => "Art. 17(1)(a): no longer necessary",
            Self::ConsentWithdrawn => "Art. 17(1)(b): consent withdrawn",
            Self::Objection => "Art. 17(1)(c): objection",
            Self::UnlawfulProcessing => "Art. 17(1)(d): unlawfully processed",
            Self::LegalObligation => "Art. 17(1)(e): legal obligation",
            Self::Child => "Art. 17(1)(f): collected from a child",
        }
    }
}

impl std::str::FromStr for ErasureBasis {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("basis for erasure", text, &Self::ALL, Self::id)
    }
}

/// Personal data were erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Erased {
    /// The fields.
    pub fields: BTreeSet<String>,
    /// Why.
    pub basis: ErasureBasis,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A legal hold: personal data that must not be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hold {
    /// Number within what it holds, from 1.
    pub number: u32,
    /// Why, without personal data.
    pub reason: String,
    /// By whom.
    pub placed_by: AccountId,
    /// When.
    pub placed_at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// Its end.
    pub released: Option<Release>,
}

/// The end of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Release {
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// The hold in force, if there is one.
pub fn in_force(holds: &[Hold]) -> Option<&Hold> {
    holds.iter().find(|hold| hold.released.is_none())
}
