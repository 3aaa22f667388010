//! Where news is sent.

use crate::{
    account::Role,
    event::Event,
    refusal::{InputCheck, Missing, Refusal},
    webhook::{RegisterWebhook, Registered, Removed, RotateWebhook, Rotated, names_an_event},
};

use super::Case;

/// Endpoints that news is sent to.
const MAX_WEBHOOKS: usize = 50;
/// Event types that one endpoint may name.
const MAX_PATTERNS: usize = 50;

impl Case<'_> {
    pub(super) fn register_webhook(&self, body: &RegisterWebhook) -> Result<Vec<Event>, Refusal> {
        let mut check = InputCheck::default();
        check.text("label", &body.label, 100).text("url", &body.host, 300);
        check.holds("events", body.filter.events.len() <= MAX_PATTERNS, format!("Name at most {MAX_PATTERNS} events."));
        for pattern in &body.filter.events {
            let shown: String = pattern.chars().take(60).collect();
            check.holds(
                "events",
                names_an_event(pattern),
                format!("There is no event {shown:?}; write one such as trigger.fired, or a family such as trigger.*."),
            );
        }
        check.finish()?;
        let known = self.world.webhooks.as_deref().map(|webhooks| &webhooks.endpoints);
        if known.is_some_and(|known| known.contains_key(&body.id)) {
            return Err(Refusal::conflict(
                "webhook.unique",
                "An endpoint of this id exists already.",
                Missing::field("webhook", "Another id."),
            ));
        }
        if known.is_some_and(|known| known.len() >= MAX_WEBHOOKS) {
            return Err(Refusal::rule(
                "webhook.count",
                format!("{MAX_WEBHOOKS} endpoints are served; remove one first."),
                Missing::from(
                    "webhooks",
                    "Room for one more: remove an endpoint that is not in use.",
                    Role::Administrator,
                ),
            ));
        }
        Ok(vec![Event::WebhookRegistered(Registered {
            webhook: body.id.clone(),
            label: body.label.trim().to_owned(),
            host: body.host.clone(),
            filter: body.filter.clone(),
        })])
    }

    pub(super) fn rotate_webhook(&self, body: &RotateWebhook) -> Result<Vec<Event>, Refusal> {
        let endpoint = self.world.webhooks.as_deref().and_then(|webhooks| webhooks.endpoints.get(&body.id));
        let endpoint = endpoint.ok_or_else(|| {
            Refusal::not_found(
                "There is no such webhook.",
                Missing::from("webhook", "Register the endpoint, or name one that is registered.", Role::Administrator),
            )
        })?;
        // Where policy says nothing, a replaced secret ends at once.
        let (usual, longest) = match self.policy()?.policy.webhooks {
            Some(rules) => (rules.overlap_hours, rules.longest_overlap_hours),
            None => (0, 0),
        };
        let hours = body.overlap_hours.unwrap_or(usual);
        InputCheck::default()
            .holds(
                "overlap_hours",
                hours <= longest,
                format!("Policy lets two secrets overlap {longest} hours at most."),
            )
            .finish()?;
        if let Some(until) = endpoint.overlap(self.context.now).filter(|_| hours > 0) {
            return Err(Refusal::conflict(
                "webhook.overlap",
                format!(
                    "The secret was changed a while ago and the one before it signs until {} UTC; no third one fits. Wait, or change it without overlap, which ends both at once.",
                    until.minute()
                ),
                Missing::from("overlap", "Wait until then, or change it without overlap.", Role::Administrator),
            ));
        }
        Ok(vec![Event::WebhookRotated(Rotated {
            webhook: body.id.clone(),
            overlap_until: (hours > 0).then(|| self.context.now.plus_hours(i64::from(hours))),
            longest_overlap_hours: longest,
        })])
    }

    pub(super) fn remove_webhook(&self, id: &str) -> Result<Vec<Event>, Refusal> {
        let known = self.world.webhooks.as_deref().is_some_and(|webhooks| webhooks.endpoints.contains_key(id));
        if !known {
            return Err(Refusal::not_found(
                "There is no such webhook.",
                Missing::from("webhook", "Register the endpoint, or name one that is registered.", Role::Administrator),
            ));
        }
        Ok(vec![Event::WebhookRemoved(Removed { webhook: id.to_owned() })])
    }
}
