//! What the passing of time does: the instants at which a rule is to be asked again although nobody commanded anything.
//!
//! [`moments`] says when to look at an aggregate; [`crate::Command::Tick`] looks, and [`crate::decide`] answers with
//! what has become due, or with nothing. A tick too many therefore does no harm, and one that was missed is made up for.

use ledger::Timestamp;

use crate::{
    aggregate::{Aggregate, World},
    deployment,
    promotion::Question,
};

/// The instants at which time alone may make something happen to `state`, in no order, past ones too. `world` holds
/// the states of [`crate::AggregateId::with_context`] and the policy.
pub fn moments(state: &Aggregate, world: &World) -> Vec<Timestamp> {
    match state {
        Aggregate::Version(version) => {
            let (Some(model), Some(policy)) = (&world.model, &world.policy) else { return Vec::new() };
            let requests = version.requests.iter().filter(|request| request.is_open());
            requests
                .map(|request| {
                    let (to, market, now) = (request.to, request.market.as_ref(), request.requested_at);
                    let privacy = world.privacy.as_deref();
                    Question { model, version, policy, privacy, to, market, now }.earliest().unwrap_or(now)
                })
                .collect()
        }
        Aggregate::Deployment(deployment) => {
            let policy = world.policy.as_ref().map(|policy| &policy.policy);
            deployment::clock::next_moment(deployment, policy).into_iter().collect()
        }
        Aggregate::Triggers(triggers) => triggers.next_moment().into_iter().collect(),
        Aggregate::Dpia(file) => {
            let approved = file.approved.iter().filter(|approved| approved.reopened.is_none());
            approved.map(|approved| approved.review_at).collect()
        }
        Aggregate::Model(_)
        | Aggregate::Policy(_)
        | Aggregate::Account(_)
        | Aggregate::Campaign(_)
        | Aggregate::Webhooks(_)
        | Aggregate::ReviewRequest(_) => Vec::new(),
    }
}
