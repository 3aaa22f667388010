//! What a rollout waits for, and the next instant at which the clock alone could change a deployment.

use ledger::Timestamp;

use super::{Deployment, Rollout, Strategy, judge::Verdict, rules::RolloutRules};
use crate::{
    account::Role,
    policy::Policy,
    promotion::{Requirement, Topic},
};

/// What stands between a promoted rollout and its next step (or its end, at the last step), met or not: its traffic, what
/// must go on holding for the version ([`crate::promotion::Question::standing`]), and the approval, which is asked for
/// last, when all else holds. A blue-green switch asks for no traffic at the canary's share, only for the approval.
pub fn requirements(
    rollout: &Rollout,
    rules: Option<&RolloutRules>,
    standing: Vec<Requirement>,
    now: Timestamp,
) -> Vec<Requirement> {
    let mut all = vec![requirement(
        "rollout.promoted",
        Topic::SignOff,
        "The version was promoted to Production through its gate.".into(),
        (!rollout.promoted).then(|| "It is in Canary; ask for its promotion.".into()),
        Role::DataScientist,
    )];
    let Some(rules) = rules else {
        all.push(requirement(
            "policy.rollout",
            Topic::Evidence,
            "Policy has rules for rollouts in this market.".into(),
            Some("The policy in force has none; an administrator must adopt one that does.".into()),
            Role::Administrator,
        ));
        return all;
    };
    all.push(requirement(
        "rollout.running",
        Topic::Evidence,
        "The rollout is not on hold.".into(),
        rollout.held.as_ref().map(|hold| format!("On hold since {}: {}", hold.since, hold.reason)),
        Role::DataScientist,
    ));
    if rollout.strategy != Strategy::BlueGreen || rollout.step > 0 {
        all.extend(traffic(rollout, rules, now));
    }
    all.extend(standing);
    if let Some(slot) = &rules.approval {
        all.push(requirement(
            "rollout.approval",
            Topic::SignOff,
            format!("{} signs: \u{201c}{}\u{201d}", slot.role, slot.meaning),
            Some(format!("{} has not signed this step.", slot.role)),
            slot.role,
        ));
    }
    all
}

fn requirement(rule: &str, topic: Topic, sentence: String, unmet: Option<String>, supplier: Role) -> Requirement {
    Requirement {
        rule: rule.to_owned(),
        topic,
        sentence,
        met: unmet.is_none(),
        details: unmet.into_iter().collect(),
        supplier,
        waivable_by: None,
    }
}

/// What the traffic of a step must show before the next.
fn traffic(rollout: &Rollout, rules: &RolloutRules, now: Timestamp) -> [Requirement; 3] {
    let earliest = rollout.since.plus_hours(i64::from(rules.dwell_hours));
    let dwell = requirement(
        "rollout.dwell",
        Topic::Time,
        format!("At least {} hours are spent at {} %.", rules.dwell_hours, rollout.percent()),
        (now < earliest).then(|| format!("Reached on {earliest}.")),
        Role::Service,
    );
    let sample = requirement(
        "rollout.sample",
        Topic::Evidence,
        format!(
            "At least {} requests are answered within the guardrails at {} %.",
            rules.min_sample,
            rollout.percent()
        ),
        (rollout.sample < rules.min_sample).then(|| format!("{} so far.", rollout.sample)),
        Role::Service,
    );
    let last = rollout.last_observation();
    let green = requirement(
        "rollout.green",
        Topic::Evidence,
        "The last window observed at this step is green.".into(),
        match last {
            None => Some("No window was observed yet.".into()),
            Some(last) if last.verdict != Verdict::Green => {
                Some(format!("The window of entry {} is {}.", last.entry, last.verdict.title()))
            }
            Some(_) => None,
        },
        Role::Service,
    );
    [dwell, sample, green]
}

/// Whether nothing but the approval is missing, or nothing at all.
pub fn waits_for_approval_only(requirements: &[Requirement]) -> bool {
    requirements.iter().all(|requirement| requirement.met || requirement.rule == "rollout.approval")
}

/// The role whose signature alone a rollout's next step waits for, and from when on; that instant may lie ahead. `None`
/// while anything else is missing, or nothing can move because the kill switch is in use.
pub fn approval_wanted(deployment: &Deployment, policy: &Policy) -> Option<(Role, Timestamp)> {
    let rules = policy.markets.get(&deployment.market)?.rollout.as_ref()?;
    let slot = rules.approval.as_ref()?;
    let rollout = deployment.rollout.as_ref().filter(|_| deployment.kill_switch.is_none())?;
    let at = rollout.since.plus_hours(i64::from(rules.dwell_hours));
    waits_for_approval_only(&requirements(rollout, Some(rules), Vec::new(), at)).then_some((slot.role, at))
}

/// The next instant at which a tick could do something; it may lie in the past. `None` if only somebody's act could.
pub fn next_moment(deployment: &Deployment, policy: Option<&Policy>) -> Option<Timestamp> {
    let market = policy.and_then(|policy| policy.markets.get(&deployment.market));
    let rollout = deployment.rollout.as_ref().filter(|_| deployment.kill_switch.is_none());
    let step = rollout.zip(market.and_then(|market| market.rollout.as_ref())).and_then(|(rollout, rules)| {
        let at = rollout.since.plus_hours(i64::from(rules.dwell_hours));
        requirements(rollout, Some(rules), Vec::new(), at).iter().all(|requirement| requirement.met).then_some(at)
    });
    let release = deployment.releasable_standby().map(|standby| standby.until);
    let drill = deployment
        .open_drill()
        .zip(market.and_then(|market| market.rollback.as_ref()))
        .map(|(drill, rules)| drill.started_at.plus_minutes(i64::from(rules.drill_minutes)));
    [step, release, drill].into_iter().flatten().min()
}

/// From when on the next rollback drill waits for the model's owner, and when it is due. It begins to wait the policy's
/// notice before, and when it is due where the policy gives none; nothing waits while a drill is under way.
pub fn drill_wanted(deployment: &Deployment, policy: &Policy) -> Option<(Timestamp, Timestamp)> {
    let due = drill_due(deployment, policy).filter(|_| deployment.open_drill().is_none())?;
    let rules = policy.markets.get(&deployment.market)?.rollback.as_ref()?;
    Some((due.plus_days(-i64::from(rules.drill_notice_days)), due))
}

/// When the next rollback drill is due; `None` where policy asks for none or nothing serves the market.
pub fn drill_due(deployment: &Deployment, policy: &Policy) -> Option<Timestamp> {
    let rules = policy.markets.get(&deployment.market)?.rollback.as_ref()?;
    let champion = deployment.champion.as_ref()?;
    let since = deployment.last_passed_drill().map_or(champion.since, |drill| drill.started_at);
    Some(since.plus_days(i64::from(rules.drill_days)))
}
