//! What the larger privacy events hold.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::{dpia::Content, policy::ReviewExtension, safeguards::Safeguard};
use crate::{
    id::{AccountId, Market, ModelName, VersionNumber},
    lineage::Class,
};

/// An assessment was written or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drafted {
    /// The whole content.
    pub content: Content,
    /// Fingerprints of the assessed version, of the classes that the scope names.
    pub fingerprints: BTreeMap<Class, Digest>,
}

/// The privacy officer gave advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advised {
    /// The content that it is about.
    pub content: Digest,
    /// The words.
    pub advice: String,
    /// Whether it speaks for the processing.
    pub favourable: bool,
}

/// The supervisory authority was consulted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consulted {
    /// The content that it is about; entries of earlier releases do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// The authority.
    pub authority: String,
    /// Its file reference.
    pub reference: String,
    /// What it answered.
    pub answer: String,
}

/// The account that kept safeguards of a model was disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperLeft {
    /// The model whose statement names it.
    pub model: ModelName,
    /// The account.
    pub account: AccountId,
    /// What it kept.
    pub safeguards: BTreeSet<Safeguard>,
}

/// The privacy officer approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The content that the signature covers.
    pub content: Digest,
    /// What the signature means.
    pub meaning: String,
    /// What the approver added.
    pub comment: String,
    /// When it must be looked at again.
    pub review_at: Timestamp,
    /// Residual risks that were high when it was approved.
    pub high_risks: u32,
    /// The policy in force.
    pub policy: Digest,
}

/// Somebody asked for human review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// What is asked for.
    pub asks: Safeguard,
    /// The version that decided, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// The market.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Market>,
    /// A pseudonymous reference of the decision.
    pub decision: String,
    /// When the person asked.
    pub received_at: Timestamp,
    /// By when it is answered.
    pub due_at: Timestamp,
    /// Salted commitments to the personal fields.
    pub commitments: BTreeMap<String, Digest>,
}

/// The deadline of a request was extended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    /// Why it is necessary, as the person was told.
    pub reason: String,
    /// When the person was told.
    pub informed_at: Timestamp,
    /// By when it is answered now.
    pub due_at: Timestamp,
    /// Days that were added.
    pub days: u32,
    /// The rule in force: days that could be added, and days within which the person was to be told.
    pub rule: ReviewExtension,
}
