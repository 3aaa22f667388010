//! Webhooks out, as the ledger knows them: which endpoint hears of what. Its address and its secret lie beside the
//! ledger, because either may open a door; the entry names the endpoint's host.

use std::collections::BTreeMap;

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Event, Recorded},
    id::{AccountId, ModelName},
};

/// Has news sent to an endpoint from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterWebhook {
    /// Public id, made by the caller.
    pub id: String,
    /// What people call it; at most 100 characters.
    pub label: String,
    /// Scheme, host and port of its address, such as `https://ci.example`.
    pub host: String,
    /// Which news.
    pub filter: Filter,
}

/// Gives an endpoint a new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateWebhook {
    /// Public id.
    pub id: String,
    /// Hours for which messages are signed with the secret of before, too; as policy says, if left out.
    pub overlap_hours: Option<u32>,
}

/// `[webhooks]`: what policy says of the secrets that sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Hours for which a replaced secret signs beside the new one, if nothing else is asked for.
    pub overlap_hours: u32,
    /// The longest overlap, in hours.
    pub longest_overlap_hours: u32,
}

impl Rules {
    pub(crate) fn check(self) -> Result<(), String> {
        if self.overlap_hours > self.longest_overlap_hours {
            return Err(format!(
                "overlap_hours is {}, above longest_overlap_hours, {}",
                self.overlap_hours, self.longest_overlap_hours
            ));
        }
        Ok(())
    }
}

/// Which entries are news to an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Event types such as `trigger.fired`, or all of a family such as `trigger.*`; all of them, if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Only of this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
}

impl Filter {
    /// Whether an entry of this type that concerns this model is news.
    pub fn admits(&self, event: &str, model: Option<&str>) -> bool {
        let wanted = self.events.is_empty() || self.events.iter().any(|pattern| matches(pattern, event));
        let concerned = self.model.as_ref().is_none_or(|own| model == Some(own.as_str()));
        wanted && concerned
    }
}

fn matches(pattern: &str, event: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(family) => event.split_once('.').is_some_and(|(first, _)| first == family),
        None => pattern == event,
    }
}

/// Whether any known event type is meant.
pub(crate) fn names_an_event(pattern: &str) -> bool {
    Event::KINDS.iter().any(|kind| matches(pattern, kind))
}

/// `webhook.registered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Public id.
    pub webhook: String,
    /// What people call it.
    pub label: String,
    /// Scheme, host and port.
    pub host: String,
    /// Which news.
    pub filter: Filter,
}

/// `webhook.rotated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotated {
    /// Public id.
    pub webhook: String,
    /// Until when the secret of before signs too; absent if it ended at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_until: Option<Timestamp>,
    /// The longest overlap that the policy in force allowed, in hours.
    pub longest_overlap_hours: u32,
}

/// `webhook.removed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Public id.
    pub webhook: String,
}

/// Where news is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhooks {
    /// The endpoints by id.
    pub endpoints: BTreeMap<String, Endpoint>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Endpoint {
    /// What people call it.
    pub label: String,
    /// Scheme, host and port.
    pub host: String,
    /// Which news.
    pub filter: Filter,
    /// Who registered it.
    pub registered_by: AccountId,
    /// When.
    pub registered_at: Timestamp,
    /// By which entry; what came before is no news.
    pub entry: u64,
    /// The latest change of its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated: Option<Rotation>,
}

/// A change of an endpoint's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rotation {
    /// Who changed it.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// Until when the secret of before signs too; absent if it ended at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub overlap_until: Option<Timestamp>,
}

impl Endpoint {
    /// Until when the secret of before still signs; nothing if it does not.
    pub fn overlap(&self, now: Timestamp) -> Option<Timestamp> {
        self.rotated.as_ref().and_then(|rotation| rotation.overlap_until).filter(|until| now < *until)
    }
}

impl Webhooks {
    /// Takes an entry in; `None` if it does not belong here.
    pub(crate) fn apply(&mut self, recorded: &Recorded) -> Option<()> {
        match &recorded.event {
            Event::WebhookRegistered(body) => {
                let endpoint = Endpoint {
                    label: body.label.clone(),
                    host: body.host.clone(),
                    filter: body.filter.clone(),
                    registered_by: recorded.actor.clone(),
                    registered_at: recorded.time,
                    entry: recorded.seq,
                    rotated: None,
                };
                self.endpoints.insert(body.webhook.clone(), endpoint);
            }
            Event::WebhookRotated(body) => {
                let endpoint = self.endpoints.get_mut(&body.webhook)?;
                endpoint.rotated = Some(Rotation {
                    by: recorded.actor.clone(),
                    at: recorded.time,
                    entry: recorded.seq,
                    overlap_until: body.overlap_until,
                });
            }
            Event::WebhookRemoved(body) => drop(self.endpoints.remove(&body.webhook)?),
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_admits_types_families_and_models() {
        let filter = Filter { events: vec!["trigger.*".into(), "stage.transitioned".into()], model: None };
        assert!(filter.admits("trigger.fired", None) && filter.admits("stage.transitioned", Some("credit")));
        assert!(!filter.admits("triggers.configured", Some("credit")), "another family");
        assert!(!filter.admits("token.issued", None));
        let model = Filter { events: Vec::new(), model: Some("credit".parse().unwrap()) };
        assert!(model.admits("version.registered", Some("credit")));
        assert!(!model.admits("version.registered", Some("credit2")) && !model.admits("policy.adopted", None));
        assert!(names_an_event("drift.*") && !names_an_event("drift") && !names_an_event("*") && !names_an_event(".*"));
    }
}
