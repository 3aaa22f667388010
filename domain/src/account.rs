//! Accounts, roles and token scopes. Names and addresses of people are not here: they lie in the vault, and the
//! ledger holds a salted commitment to each.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    id::AccountId,
    privacy::erasure::{Erased, Hold},
};

/// What somebody may be. One account may hold several roles; four-eyes rules are checked by person, not by role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Registers versions, attaches evidence, asks for promotion.
    DataScientist,
    /// Independent model risk management: validates, raises findings, signs off.
    MrmValidator,
    /// Approves material changes.
    RiskCommittee,
    /// Keeps privacy records.
    PrivacyOfficer,
    /// Reads and exports everything, changes nothing.
    Auditor,
    /// Manages accounts and policy; approves nothing.
    Administrator,
    /// A pipeline or a serving system.
    Service,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::DataScientist,
        Self::MrmValidator,
        Self::RiskCommittee,
        Self::PrivacyOfficer,
        Self::Auditor,
        Self::Administrator,
        Self::Service,
    ];

    /// The role's id in files and requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::DataScientist => "data_scientist",
            Self::MrmValidator => "mrm_validator",
            Self::RiskCommittee => "risk_committee",
            Self::PrivacyOfficer => "privacy_officer",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
            Self::Service => "service",
        }
    }

    /// The role's name as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::DataScientist => "Data scientist",
            Self::MrmValidator => "MRM validator",
            Self::RiskCommittee => "Risk committee",
            Self::PrivacyOfficer => "Privacy officer",
            Self::Auditor => "Auditor",
            Self::Administrator => "Administrator",
            Self::Service => "Service",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// A text that names no member of a fixed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {set} {found:?}; use one of {known}")]
pub struct UnknownWord {
    set: &'static str,
    found: String,
    known: String,
}

/// Finds the member of a fixed set that `text` names.
pub(crate) fn find_word<T: Copy>(
    set: &'static str,
    text: &str,
    all: &[T],
    id: fn(T) -> &'static str,
) -> Result<T, UnknownWord> {
    all.iter().copied().find(|&member| id(member) == text).ok_or_else(|| UnknownWord {
        set,
        found: text.chars().take(40).collect(),
        known: all.iter().map(|&member| id(member)).collect::<Vec<_>>().join(", "),
    })
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("role", text, &Self::ALL, Self::id)
    }
}

/// What an API token may do, at most: never more than its account's roles allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Read models, versions, evidence and the ledger.
    Read,
    /// Register models and versions, amend lineage.
    Register,
    /// Attach evidence.
    Evidence,
    /// Ask for, withdraw and follow promotions.
    Promote,
    /// Write validation reports and findings, sign off (each signature still asks for the password).
    Validate,
    /// Read routing, report rollouts and standbys, answer controllers, roll back, use the kill switch.
    Serve,
    /// Manage accounts, tokens and policy.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Register, Self::Evidence, Self::Promote, Self::Validate, Self::Serve, Self::Admin];

    /// The scope's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Register => "register",
            Self::Evidence => "evidence",
            Self::Promote => "promote",
            Self::Validate => "validate",
            Self::Serve => "serve",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("scope", text, &Self::ALL, Self::id)
    }
}

/// What the ledger knows of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Account {
    /// Pseudonymous id.
    pub id: AccountId,
    /// Whether a person or a machine acts through it.
    pub kind: AccountKind,
    /// Roles held now.
    pub roles: BTreeSet<Role>,
    /// The team, for the independence of validators.
    pub team: String,
    /// Salted commitments to the personal fields in the vault, by field name.
    pub commitments: BTreeMap<String, Digest>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Disabled accounts can neither sign in nor act.
    pub disabled: bool,
    /// API tokens by id.
    pub tokens: BTreeMap<String, Token>,
    /// Legal holds on its personal fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// The erasure of its personal fields, after which nobody acts through it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Erased>,
}

/// Whether a person or a machine acts through an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// A person.
    Human,
    /// A pipeline or serving system: has tokens and no password.
    Service,
}

/// An API token as the ledger knows it; its secret is never here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// What the owner calls it.
    pub label: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Ended before its time.
    pub revoked: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_unknown_words_name_the_known_ones() {
        for role in Role::ALL {
            assert_eq!(role.id().parse::<Role>().unwrap(), role);
            assert_eq!(serde_json::to_value(role).unwrap(), role.id());
        }
        for scope in Scope::ALL {
            assert_eq!(scope.id().parse::<Scope>().unwrap(), scope);
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.id());
        }
        let error = format!("root{}", "x".repeat(10_000)).parse::<Role>().unwrap_err().to_string();
        assert!(error.contains("mrm_validator") && error.len() < 250, "{error}");
    }
}
