//! Which versions an entry of a deployment concerns, so that it stands on their own timelines too. The entry names the
//! version that it is about; what befalls the whole market (kill switch, drill, routing) concerns whoever served it then.

use std::collections::BTreeSet;

use super::{Artifact, Deployment, Routing};
use crate::{event::Event, id::VersionNumber};

/// The versions that an entry on a deployment concerns; `before` is the deployment as the entry found it.
pub fn concerned(event: &Event, before: Option<&Deployment>) -> BTreeSet<VersionNumber> {
    let named: Vec<Option<VersionNumber>> = match event {
        Event::RolloutObserved(body) => vec![Some(body.version)],
        Event::RolloutStruck(body) => vec![Some(body.version)],
        Event::RolloutAdvanced(body) => vec![Some(body.version)],
        Event::RolloutApproved(body) => vec![Some(body.version)],
        Event::RolloutHeld(body) | Event::RolloutResumed(body) => vec![Some(body.version)],
        Event::RolloutCompleted(body) => vec![Some(body.version), body.former, body.released],
        Event::RolloutRolledBack(body) => vec![Some(body.version)],
        Event::ChampionRolledBack(body) => vec![Some(body.from), Some(body.to)],
        Event::RollbackBlocked(body) => vec![Some(body.version)],
        Event::StandbyReported(body) => vec![Some(body.version)],
        Event::StandbyReleased(body) => vec![Some(body.version)],
        Event::DrillStarted(body) => {
            let champion = before.and_then(|before| before.champion.as_ref());
            vec![body.to, champion.map(|champion| champion.artifact.version)]
        }
        Event::DrillFinished(body) => {
            let drill = before.and_then(|before| before.drills.iter().find(|drill| drill.number == body.drill));
            let champion = before.and_then(|before| before.champion.as_ref());
            vec![drill.and_then(|drill| drill.to), champion.map(|champion| champion.artifact.version)]
        }
        Event::KillEngaged(body) => {
            let target = body.version.as_ref().map(|artifact| artifact.version);
            return before.into_iter().flat_map(served).chain(target).collect();
        }
        Event::KillReviewed(_) | Event::KillLifted(_) => return before.into_iter().flat_map(served).collect(),
        Event::RoutingApplied(_) => {
            let routing = before.map(Routing::of);
            return routing.iter().flat_map(|routing| &routing.targets).map(|target| target.version).collect();
        }
        Event::GateAnswered(body) => {
            let rollout = before.and_then(|before| before.rollout.as_ref());
            vec![body.version.or(rollout.map(|rollout| rollout.artifact.version))]
        }
        _ => Vec::new(),
    };
    named.into_iter().flatten().collect()
}

/// Whoever answers users, or would if the kill switch were not in use, and whom it sends them to.
fn served(deployment: &Deployment) -> impl Iterator<Item = VersionNumber> {
    let rollout = deployment.rollout.as_ref().map(|rollout| &rollout.artifact);
    let champion = deployment.champion.as_ref().map(|champion| &champion.artifact);
    let instead = deployment.kill_switch.as_ref().and_then(|kill| kill.artifact.as_ref());
    [rollout, champion, instead].into_iter().flatten().map(|artifact: &Artifact| artifact.version)
}
