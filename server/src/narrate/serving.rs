//! What happens to deployments, in sentences.

use domain::{
    Event, Stage,
    deployment::{Cause, Serving, Strategy, event},
};

use super::{count, cut, with_words};

/// A transition with how the version begins to serve.
pub(super) fn entered(told: &str, to: Stage, serving: &Serving) -> String {
    let share = match (to, serving.steps.as_slice()) {
        (Stage::Canary, [first, ..]) => format!(" at {first} % of users"),
        (Stage::Production, [_, next, ..]) => format!(" at {next} % of users"),
        (Stage::Production, [only]) => format!(" at {only} % of users"),
        _ => String::new(),
    };
    let at_once = match (serving.strategy, &serving.reason) {
        (Strategy::BlueGreen, Some(reason)) => format!("; at once, because: {}", cut(reason)),
        _ => String::new(),
    };
    format!("{told}{share}{at_once}")
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Strikes => "after the last strike that policy allows",
        Cause::Guardrail => "because guardrails were broken in a row",
        Cause::Decision => "by decision",
    }
}

/// What a strike did to the share of users.
fn moved(from: u8, to: u8) -> String {
    if from == to {
        format!("which stays at {to} % of users, the lowest step")
    } else {
        format!("which goes from {from} % to {to} % of users")
    }
}

/// The sentence of an event of a deployment.
pub(super) fn sentence(event: &Event) -> String {
    match event {
        Event::RolloutObserved(body) => observed(body),
        Event::RolloutStruck(body) => with_words(
            format!(
                "counted strike {} against version {}, {}",
                body.strike,
                body.version,
                moved(body.from_percent, body.to_percent)
            ),
            &body.violations.join(" "),
        ),
        Event::RolloutAdvanced(body) => {
            format!("moved version {} from {} % to {} % of users", body.version, body.from_percent, body.to_percent)
        }
        Event::RolloutApproved(body) => format!(
            "approved {} as {}: “{}”",
            if body.from_percent >= 100 {
                format!("that version {} becomes champion", body.version)
            } else {
                format!("the step after {} % for version {}", body.from_percent, body.version)
            },
            body.role,
            cut(&body.meaning)
        ),
        Event::RolloutHeld(body) => with_words(format!("held the rollout of version {}", body.version), &body.reason),
        Event::RolloutResumed(body) => {
            with_words(format!("let the rollout of version {} go on", body.version), &body.reason)
        }
        Event::RolloutCompleted(body) => {
            let former = match (body.former, body.standby_until) {
                (Some(former), Some(until)) => format!("; version {former} stays ready until {}", until.date()),
                _ => String::new(),
            };
            format!("made version {} champion{former}", body.version)
        }
        Event::RolloutRolledBack(body) => {
            with_words(format!("took version {} out of the market {}", body.version, cause(body.cause)), &body.reason)
        }
        Event::ChampionRolledBack(body) => with_words(
            format!("rolled back from version {} to version {} {}", body.from, body.to, cause(body.cause)),
            &body.reason,
        ),
        Event::RollbackBlocked(body) => {
            format!("could not roll version {} back: {} {}", body.version, cut(&body.reason), cut(&body.next))
        }
        Event::StandbyReported(body) => {
            let word = if body.healthy { "healthy" } else { "not healthy" };
            with_words(format!("reported the standby, version {}, {word}", body.version), &body.detail)
        }
        Event::StandbyReleased(body) => format!("released version {} from warm standby and archived it", body.version),
        Event::DrillStarted(body) => {
            let to = match body.to {
                Some(version) => format!("began rollback drill {} to version {version}", body.drill),
                None => format!(
                    "began rollback drill {}: no version is warm, so it rehearses the way to the fallback",
                    body.drill
                ),
            };
            with_words(to, &body.note)
        }
        Event::DrillFinished(body) => {
            let word = if body.passed { "passed" } else { "failed" };
            let took = body.millis.map(|millis| format!(" in {millis} ms")).unwrap_or_default();
            with_words(format!("ended rollback drill {}: {word}{took}", body.drill), &body.note)
        }
        other => switch(other),
    }
}

fn observed(body: &event::Observed) -> String {
    format!(
        "observed version {} at {} % until {}: {}, {}",
        body.version,
        body.percent,
        body.to.minute(),
        count(body.sample, "request", "requests"),
        body.verdict.title()
    )
}

/// The kill switch, and what serving systems report and ask.
fn switch(event: &Event) -> String {
    match event {
        Event::KillEngaged(body) => {
            let to = match &body.version {
                Some(artifact) => format!("version {}", artifact.version),
                None => format!("the fallback “{}”", cut(&body.fallback)),
            };
            with_words(format!("used the kill switch: everybody goes to {to}"), &body.reason)
        }
        Event::KillReviewed(body) => {
            let word = if body.may_lift { "it may serve again" } else { "it stays off" };
            with_words(format!("reviewed the use of the kill switch, {word}"), &body.text)
        }
        Event::KillLifted(body) => with_words("lifted the kill switch".to_owned(), &body.reason),
        Event::RoutingApplied(body) => format!(
            "routes by revision {} since {} ms after it was decided ({})",
            body.revision,
            body.millis,
            cut(&body.subscriber)
        ),
        Event::GateAnswered(body) => {
            let word = if body.yes { "yes" } else { "no" };
            with_words(format!("asked {} and was told {word}", body.check.id()), &body.reason)
        }
        other => format!("recorded {}", other.kind()),
    }
}

#[cfg(test)]
mod tests {
    use domain::deployment::{Check, KillTarget, Verdict};

    use super::*;

    fn number(number: u32) -> domain::VersionNumber {
        number.try_into().unwrap()
    }

    #[test]
    fn deployments_are_told_in_a_sentence() {
        let at: ledger::Timestamp = "2026-11-20T10:05:00.000000Z".parse().unwrap();
        let seen = event::Observed {
            version: number(3),
            percent: 25,
            from: at,
            to: at,
            sample: 1_200,
            figures: Vec::new(),
            judged: Vec::new(),
            verdict: Verdict::Red,
            policy: None,
        };
        let struck = event::Struck {
            version: number(3),
            strike: 1,
            violations: vec!["Error rate is 0.05.".into()],
            observation: 9,
            from_percent: 25,
            to_percent: 10,
            kept_with_version: false,
        };
        let back = event::RolledBack {
            version: number(3),
            from_percent: 10,
            cause: Cause::Strikes,
            reason: "Error rate is 0.06.".into(),
        };
        let kill = event::KillEngaged {
            to: KillTarget::Fallback,
            version: None,
            fallback: "rules".into(),
            reason: "A regulator called.".into(),
            review_due: None,
            review_role: domain::account::Role::MrmValidator,
        };
        let gate =
            event::GateAnswered { check: Check::Rollback, version: None, yes: false, reason: "It may stay.".into() };
        for (event, expected) in [
            (
                Event::RolloutObserved(Box::new(seen)),
                "observed version 3 at 25 % until 2026-11-20 10:05: 1200 requests, red",
            ),
            (
                Event::RolloutStruck(Box::new(struck)),
                "counted strike 1 against version 3, which goes from 25 % to 10 % of users: Error rate is 0.05",
            ),
            (
                Event::RolloutRolledBack(back),
                "took version 3 out of the market after the last strike that policy allows: Error rate is 0.06",
            ),
            (
                Event::KillEngaged(Box::new(kill)),
                "used the kill switch: everybody goes to the fallback “rules”: A regulator called",
            ),
            (Event::GateAnswered(gate), "asked rollback and was told no: It may stay"),
        ] {
            assert_eq!(super::super::sentence(&event), expected);
        }
    }
}
