//! Aggregates: the units of consistency, each folded from the entries that touch it.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use crate::{
    account::Account,
    campaign::{self, Campaign},
    deployment::{self, Deployment},
    event::Recorded,
    id::{AccountId, Market, ModelName, VersionId},
    policy::AdoptedPolicy,
    privacy::{
        PrivacyFile,
        review::{Review, ReviewId},
    },
    registry::{Model, Version},
    trigger::Triggers,
    webhook::Webhooks,
};

mod fold;
mod world;

use fold::{adopted, apply_to_account, apply_to_model, apply_to_version, new_account, new_model, new_version};
pub use world::World;

/// Which aggregate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AggregateId {
    /// A model in the inventory.
    Model(ModelName),
    /// A version of a model.
    Version(VersionId),
    /// What serves the users of a model in one market.
    Deployment(ModelName, Market),
    /// An account.
    Account(AccountId),
    /// An attestation campaign.
    Campaign(u32),
    /// The policy in force.
    Policy,
    /// When a model is trained again.
    Triggers(ModelName),
    /// Where news is sent.
    Webhooks,
    /// The privacy file of a model: its impact assessment and Art. 22 statement.
    Dpia(ModelName),
    /// A request for human review.
    ReviewRequest(ReviewId),
}

impl AggregateId {
    /// The subject of an entry that concerns this aggregate.
    pub fn subject(&self) -> BTreeMap<String, String> {
        let pairs = match self {
            Self::Model(name) => vec![("model", name.to_string())],
            Self::Version(id) => vec![("model", id.model.to_string()), ("version", id.number.to_string())],
            Self::Deployment(model, market) => vec![("model", model.to_string()), ("market", market.to_string())],
            Self::Account(id) => vec![("account", id.to_string())],
            Self::Campaign(number) => vec![("campaign", number.to_string())],
            Self::Policy => vec![("policy", "current".to_owned())],
            Self::Triggers(name) => vec![("model", name.to_string()), ("triggers", "current".to_owned())],
            Self::Webhooks => vec![("webhooks", "current".to_owned())],
            Self::Dpia(name) => vec![("dpia", "current".to_owned()), ("model", name.to_string())],
            Self::ReviewRequest(id) => vec![("model", id.model.to_string()), ("review", id.number.to_string())],
        };
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// The aggregate and those without which nothing can be said of it, the policy aside.
    pub fn with_context(&self) -> Vec<Self> {
        match self {
            // The requirements of an open request depend on the model's privacy file.
            Self::Version(VersionId { model, .. }) => {
                vec![self.clone(), Self::Model(model.clone()), Self::Dpia(model.clone())]
            }
            Self::Triggers(model) | Self::Dpia(model) | Self::Deployment(model, _) => {
                vec![self.clone(), Self::Model(model.clone())]
            }
            Self::ReviewRequest(ReviewId { model, .. }) => vec![self.clone(), Self::Dpia(model.clone())],
            Self::Model(_) | Self::Account(_) | Self::Campaign(_) | Self::Policy | Self::Webhooks => vec![self.clone()],
        }
    }

    /// The aggregate that an entry's subject names; `None` if it names none.
    pub fn from_subject(subject: &BTreeMap<String, String>) -> Option<Self> {
        let get = |key: &str| subject.get(key).map(String::as_str);
        if let Some(number) = get("campaign") {
            return number.parse().ok().filter(|_| subject.len() == 1).map(Self::Campaign);
        }
        match (get("triggers"), get("webhooks"), subject.len()) {
            (None, None, _) => {}
            (Some("current"), None, 2) => return Some(Self::Triggers(get("model")?.parse().ok()?)),
            (None, Some("current"), 1) => return Some(Self::Webhooks),
            _ => return None,
        }
        match (get("model"), get("dpia"), get("review"), subject.len()) {
            (Some(model), Some("current"), None, 2) => return Some(Self::Dpia(model.parse().ok()?)),
            (Some(model), None, Some(number), 2) => {
                return Some(Self::ReviewRequest(ReviewId {
                    model: model.parse().ok()?,
                    number: number.parse().ok()?,
                }));
            }
            (_, None, None, _) => {}
            _ => return None,
        }
        if let (Some(model), Some(market), 2) = (get("model"), get("market"), subject.len()) {
            return Some(Self::Deployment(model.parse().ok()?, market.parse().ok()?));
        }
        match (get("model"), get("version"), get("account"), get("policy")) {
            (Some(model), Some(number), None, None) => {
                Some(Self::Version(VersionId { model: model.parse().ok()?, number: number.parse().ok()? }))
            }
            (Some(model), None, None, None) => Some(Self::Model(model.parse().ok()?)),
            (None, None, Some(account), None) => Some(Self::Account(account.parse().ok()?)),
            (None, None, None, Some("current")) => Some(Self::Policy),
            _ => None,
        }
    }
}

impl fmt::Display for AggregateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(name) => write!(f, "model/{name}"),
            Self::Version(id) => write!(f, "version/{}/{}", id.model, id.number),
            Self::Deployment(model, market) => write!(f, "deployment/{model}/{market}"),
            Self::Account(id) => write!(f, "account/{id}"),
            Self::Campaign(number) => write!(f, "campaign/{number}"),
            Self::Policy => f.write_str("policy"),
            Self::Triggers(name) => write!(f, "triggers/{name}"),
            Self::Webhooks => f.write_str("webhooks"),
            Self::Dpia(name) => write!(f, "dpia/{name}"),
            Self::ReviewRequest(id) => write!(f, "review/{}/{}", id.model, id.number),
        }
    }
}

impl FromStr for AggregateId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let parsed = match parts.as_slice() {
            ["policy"] => Some(Self::Policy),
            ["webhooks"] => Some(Self::Webhooks),
            ["triggers", name] => name.parse().ok().map(Self::Triggers),
            ["model", name] => name.parse().ok().map(Self::Model),
            ["account", id] => id.parse().ok().map(Self::Account),
            ["campaign", number] => number.parse().ok().map(Self::Campaign),
            ["dpia", name] => name.parse().ok().map(Self::Dpia),
            ["review", model, number] => model
                .parse()
                .ok()
                .zip(number.parse().ok().filter(|number| *number > 0))
                .map(|(model, number)| Self::ReviewRequest(ReviewId { model, number })),
            ["version", model, number] => model
                .parse()
                .ok()
                .zip(number.parse().ok())
                .map(|(model, number)| Self::Version(VersionId { model, number })),
            ["deployment", model, market] => {
                model.parse().ok().zip(market.parse().ok()).map(|(model, market)| Self::Deployment(model, market))
            }
            _ => None,
        };
        parsed.ok_or_else(|| format!("{text:?} names no aggregate"))
    }
}

/// The state of one aggregate.
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregate {
    /// A version.
    Version(Arc<Version>),
    /// A model.
    Model(Arc<Model>),
    /// What serves a market.
    Deployment(Arc<Deployment>),
    /// The policy in force.
    Policy(Arc<AdoptedPolicy>),
    /// An account.
    Account(Arc<Account>),
    /// An attestation campaign.
    Campaign(Arc<Campaign>),
    /// A model's triggers.
    Triggers(Arc<Triggers>),
    /// Where news is sent.
    Webhooks(Arc<Webhooks>),
    /// A privacy file.
    Dpia(Arc<PrivacyFile>),
    /// A request for human review.
    ReviewRequest(Arc<Review>),
}

/// An entry does not fit the state it is applied to: the ledger or the program is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} ({kind}) cannot be applied to {subject}: {reason}")]
pub struct FoldError {
    seq: u64,
    kind: &'static str,
    subject: String,
    reason: String,
}

impl Aggregate {
    /// The state as JSON.
    ///
    /// # Errors
    /// The state holds a number that JSON cannot express.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Version(version) => serde_json::to_string(&**version),
            Self::Model(model) => serde_json::to_string(&**model),
            Self::Deployment(deployment) => serde_json::to_string(&**deployment),
            Self::Policy(policy) => serde_json::to_string(&**policy),
            Self::Account(account) => serde_json::to_string(&**account),
            Self::Campaign(campaign) => serde_json::to_string(&**campaign),
            Self::Triggers(triggers) => serde_json::to_string(&**triggers),
            Self::Webhooks(webhooks) => serde_json::to_string(&**webhooks),
            Self::Dpia(file) => serde_json::to_string(&**file),
            Self::ReviewRequest(review) => serde_json::to_string(&**review),
        }
    }

    /// Reads the state of `id` from JSON.
    ///
    /// # Errors
    /// The text is not the state of such an aggregate.
    pub fn from_json(id: &AggregateId, text: &str) -> Result<Self, serde_json::Error> {
        Ok(match id {
            AggregateId::Version(_) => Self::Version(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Model(_) => Self::Model(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Deployment(..) => Self::Deployment(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Policy => Self::Policy(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Account(_) => Self::Account(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Campaign(_) => Self::Campaign(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Triggers(_) => Self::Triggers(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Webhooks => Self::Webhooks(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Dpia(_) => Self::Dpia(Arc::new(serde_json::from_str(text)?)),
            AggregateId::ReviewRequest(_) => Self::ReviewRequest(Arc::new(serde_json::from_str(text)?)),
        })
    }

    /// The state after `recorded`.
    ///
    /// # Errors
    /// The entry does not fit the state.
    pub fn fold(before: Option<&Self>, id: &AggregateId, recorded: &Recorded) -> Result<Self, FoldError> {
        let fault = |reason: &str| FoldError {
            seq: recorded.seq,
            kind: recorded.event.kind(),
            subject: id.to_string(),
            reason: reason.to_owned(),
        };
        match (id, before) {
            (AggregateId::Model(name), None) => new_model(name, recorded).map(|model| Self::Model(Arc::new(model))),
            (AggregateId::Version(id), None) => {
                new_version(id, recorded).map(|version| Self::Version(Arc::new(version)))
            }
            (AggregateId::Account(id), None) => {
                new_account(id, recorded).map(|account| Self::Account(Arc::new(account)))
            }
            (AggregateId::Campaign(number), before) => {
                let before = match before {
                    Some(Self::Campaign(campaign)) => Some(&**campaign),
                    _ => None,
                };
                campaign::fold(*number, before, recorded).map(|campaign| Self::Campaign(Arc::new(campaign)))
            }
            (AggregateId::Dpia(model), before) => {
                let before = match before {
                    Some(Self::Dpia(file)) => Some(&**file),
                    _ => None,
                };
                PrivacyFile::fold(before, model, recorded).map(|file| Self::Dpia(Arc::new(file)))
            }
            (AggregateId::ReviewRequest(id), before) => {
                let before = match before {
                    Some(Self::ReviewRequest(review)) => Some(&**review),
                    _ => None,
                };
                Review::fold(before, id, recorded).map(|review| Self::ReviewRequest(Arc::new(review)))
            }
            (AggregateId::Policy, before) => {
                let earlier = match before {
                    Some(Self::Policy(policy)) => policy.version,
                    _ => 0,
                };
                return adopted(earlier, recorded)
                    .map(|policy| Self::Policy(Arc::new(policy)))
                    .map_err(|why| fault(&why));
            }
            (AggregateId::Model(_), Some(Self::Model(model))) => {
                let mut model = Model::clone(model);
                apply_to_model(&mut model, recorded).map(|()| Self::Model(Arc::new(model)))
            }
            (AggregateId::Version(_), Some(Self::Version(version))) => {
                let mut version = Version::clone(version);
                apply_to_version(&mut version, recorded).map(|()| Self::Version(Arc::new(version)))
            }
            (AggregateId::Deployment(model, market), before) => {
                let before = match before {
                    Some(Self::Deployment(deployment)) => Some(&**deployment),
                    _ => None,
                };
                deployment::fold(before, model, market, recorded).map(|after| Self::Deployment(Arc::new(after)))
            }
            (AggregateId::Account(_), Some(Self::Account(account))) => {
                let mut account = Account::clone(account);
                apply_to_account(&mut account, recorded).map(|()| Self::Account(Arc::new(account)))
            }
            (AggregateId::Triggers(model), before) => {
                let mut triggers = match before {
                    Some(Self::Triggers(triggers)) => Triggers::clone(triggers),
                    _ => Triggers::new(model.clone()),
                };
                triggers.apply(recorded).map(|()| Self::Triggers(Arc::new(triggers)))
            }
            (AggregateId::Webhooks, before) => {
                let mut webhooks = match before {
                    Some(Self::Webhooks(webhooks)) => Webhooks::clone(webhooks),
                    _ => Webhooks::default(),
                };
                webhooks.apply(recorded).map(|()| Self::Webhooks(Arc::new(webhooks)))
            }
            _ => None,
        }
        .ok_or_else(|| fault("the event does not belong there"))
    }
}

#[cfg(test)]
mod tests {
    use ledger::{Digest, Timestamp};

    use super::*;
    use crate::{event::Event, policy::DEFAULT_POLICY};

    fn recorded(subject: AggregateId, event: Event) -> Recorded {
        Recorded { seq: 4, time: Timestamp::EPOCH, actor: "ana".parse().unwrap(), subject, event }
    }

    #[test]
    fn ids_read_back_from_their_text_and_their_subject() {
        for text in [
            "policy",
            "model/credit.v2",
            "version/credit/3",
            "account/a-1",
            "campaign/7",
            "triggers/credit",
            "webhooks",
            "dpia/credit",
            "review/credit/12",
            "deployment/credit/EU",
        ] {
            let id: AggregateId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!(AggregateId::from_subject(&id.subject()), Some(id));
        }
        for text in [
            "",
            "policy/1",
            "version/credit",
            "version/credit/0",
            "model/a/b",
            "account/<b>",
            "review/a",
            "review/a/0",
            "deployment/credit",
        ] {
            assert!(text.parse::<AggregateId>().is_err(), "{text}");
        }
        let odd = BTreeMap::from([("model".to_owned(), "m".to_owned()), ("account".to_owned(), "a".to_owned())]);
        assert_eq!(AggregateId::from_subject(&odd), None);
    }

    #[test]
    fn an_entry_that_does_not_belong_is_named() {
        let id: AggregateId = "version/credit/1".parse().unwrap();
        let early = recorded(id.clone(), Event::PromotionWithdrawn { request: 1 });
        let error = Aggregate::fold(None, &id, &early).unwrap_err().to_string();
        assert_eq!(
            error,
            "entry 4 (promotion.withdrawn) cannot be applied to version/credit/1: the event does not belong there"
        );
    }

    #[test]
    fn a_policy_is_folded_only_under_its_own_digest() {
        let adopt = |digest| {
            let event = Event::PolicyAdopted { toml: DEFAULT_POLICY.into(), digest };
            Aggregate::fold(None, &AggregateId::Policy, &recorded(AggregateId::Policy, event))
        };
        assert!(adopt(Digest::of(DEFAULT_POLICY.as_bytes())).is_ok());
        let error = adopt(Digest::of(b"another")).unwrap_err().to_string();
        assert!(error.contains("digest is not that of the policy's text"), "{error}");
    }
}
