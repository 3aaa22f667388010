//! What time alone makes due.

use crate::{
    aggregate::AggregateId,
    event::Event,
    refusal::{Refusal, RefusalKind},
};

use super::Case;

impl Case<'_> {
    /// What has become due on the aggregate by now; nothing, if nothing has.
    pub(super) fn tick(&self, id: &AggregateId) -> Result<Vec<Event>, Refusal> {
        let due = match id {
            AggregateId::Version(id) => self.requests_come_due(id),
            AggregateId::Deployment(model, market) => self.deployment_comes_due(model, market),
            AggregateId::Triggers(model) => self.tick_triggers(model),
            AggregateId::Dpia(_) => Ok(self.reviews_come_due()),
            AggregateId::Model(_)
            | AggregateId::Account(_)
            | AggregateId::Campaign(_)
            | AggregateId::Policy
            | AggregateId::Webhooks
            | AggregateId::ReviewRequest(_) => Ok(Vec::new()),
        };
        match due {
            // What a rule still forbids is not due; somebody who commanded it would be told why.
            Err(refusal) if refusal.kind == RefusalKind::Rule => Ok(Vec::new()),
            other => other,
        }
    }
}
