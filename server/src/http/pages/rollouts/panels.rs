//! The panels of one market's page: shares, routing, the rollout with its charts, the way back, the kill switch.

use app::{
    grouped,
    kit::{Fact, Link, Notice, Requirement, Tag, Tone, Value},
    pages::rollout::{
        Approval, BackPanel, DrillRow, EndedRow, KillPanel, RolloutPanel, Share, StepMark, StrikeRow, WindowRow,
    },
};
use domain::{
    VersionId, VersionNumber,
    access::Action,
    deployment::{
        Artifact, Deployment, Drill, Ended, Ending, Observation, Rollout, Routing, StepPackage, Strategy, Strike,
        Verdict, clock, routing::Part, rules::RolloutRules,
    },
    policy::AdoptedPolicy,
    promotion,
};
use ledger::{Digest, Timestamp};

use super::version;
use crate::{
    accounts::Names,
    http::pages::{Viewer, charts::rollout_charts, words},
};

/// What the page is made from.
pub(super) struct Shown<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) standing: &'a [promotion::Requirement],
    pub(super) policy: &'a AdoptedPolicy,
    pub(super) names: &'a Names,
    pub(super) viewer: &'a Viewer,
    pub(super) now: Timestamp,
}

impl Shown<'_> {
    fn rules(&self) -> Option<&RolloutRules> {
        self.policy.policy.markets.get(&self.deployment.market)?.rollout.as_ref()
    }

    fn version(&self, number: VersionNumber) -> Link {
        version(self.deployment.model.as_str(), number)
    }

    pub(super) fn notices(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        if let Some(kill) = &self.deployment.kill_switch {
            let due = match (&kill.review, kill.review_due) {
                (Some(review), _) if review.may_lift => "It was reviewed and can be lifted.".to_owned(),
                (Some(_), _) => "Its review says that it stays off.".to_owned(),
                (None, Some(due)) => {
                    format!("The review by {} is {}.", kill.review_role, words::due(due, self.now).tag.word)
                }
                (None, None) => format!("A review by {} is due at once.", kill.review_role),
            };
            let notice = Notice::new(Tone::Bad, "The kill switch is in use.").with_body(kill.reason.clone());
            notices.push(notice.with_body(due).with_link(words::entry_link(kill.entry)));
        }
        if let Some(hold) = self.deployment.rollout.as_ref().and_then(|rollout| rollout.held.as_ref()) {
            let title =
                format!("On hold by {} since {}.", self.names.of(hold.by.as_str()), words::when(hold.since).text);
            notices.push(
                Notice::new(Tone::Warn, title).with_body(hold.reason.clone()).with_link(words::entry_link(hold.entry)),
            );
        }
        if let Some(due) = clock::drill_due(self.deployment, &self.policy.policy).filter(|due| *due <= self.now) {
            let word = words::due(due, self.now).tag.word;
            notices.push(Notice::new(Tone::Warn, format!("A rollback drill is {word}.")));
        }
        notices
    }

    pub(super) fn shares(&self, routing: &Routing) -> Vec<Share> {
        let digest = |digest: &Option<Digest>| digest.as_ref().map(words::digest);
        let target = |target: &domain::deployment::routing::Target| Share {
            who: Some(self.version(target.version)),
            name: String::new(),
            part: match target.part {
                Part::Champion => Tag::new(Tone::Serving, "Champion"),
                Part::Challenger => Tag::new(Tone::Active, "On its way in"),
                Part::Previous => Tag::new(Tone::Warn, "Previous, by the kill switch"),
            },
            percent: Some(target.weight),
            weights: digest(&target.weights_digest),
            image: digest(&target.image_digest),
        };
        let shadow = |shadow: &Artifact| Share {
            who: Some(self.version(shadow.version)),
            name: String::new(),
            part: Tag::new(Tone::Neutral, "Shadow"),
            percent: None,
            weights: digest(&shadow.weights_digest),
            image: digest(&shadow.image_digest),
        };
        let fallback = Share {
            who: None,
            name: format!("Fallback \u{201c}{}\u{201d}", routing.fallback.name),
            part: Tag::new(Tone::Quiet, "Rules"),
            percent: Some(routing.fallback.weight),
            weights: None,
            image: None,
        };
        routing.targets.iter().map(target).chain([fallback]).chain(routing.mirror.iter().map(shadow)).collect()
    }

    pub(super) fn routing(&self, routing: &Routing) -> Vec<Fact> {
        let mut facts = vec![Fact::new("Revision", Value::Link(words::entry_link(routing.revision)))];
        facts.extend(self.deployment.rollout.as_ref().map(|rollout| {
            let (model, number) = (self.deployment.model.clone(), rollout.artifact.version);
            let href = words::split_href(&VersionId { model, number }, &self.deployment.market, rollout.percent());
            Fact::new("Who is in it", Value::Link(Link::new(format!("Users of the {} %", rollout.percent()), href)))
        }));
        facts.extend(routing.decided_at.map(|at| Fact::new("Decided", Value::When(words::when(at)))));
        let applied = self.deployment.revisions.last().map(|revision| &revision.applied);
        let told: Vec<String> =
            applied.into_iter().flatten().map(|(who, millis)| format!("{who} after {millis} ms")).collect();
        facts.push(Fact::new(
            "Applied by",
            if told.is_empty() {
                Value::Missing("no serving system has reported it yet".into())
            } else {
                Value::List(told)
            },
        ));
        if self.deployment.rollout.is_some() {
            facts.push(Fact::new("Split salt", Value::Mono(routing.split.salt.clone())));
        }
        let place = format!("/api/v1/routing/{}/{}", routing.model, routing.market);
        facts.push(Fact::new(
            "Documents",
            Value::Many(vec![
                Value::Link(Link::new("Routing (JSON)", place.clone())),
                Value::Link(Link::new("Istio (YAML)", format!("{place}/istio.yaml"))),
            ]),
        ));
        facts
    }

    pub(super) fn rollout(&self, rollout: &Rollout) -> RolloutPanel {
        let rules = self.rules();
        let requirements = clock::requirements(rollout, rules, self.standing.to_vec(), self.now);
        let slot = rules.and_then(|rules| rules.approval.as_ref());
        let ready = clock::waits_for_approval_only(&requirements);
        let approval = slot
            .filter(|slot| ready && self.viewer.principal.is(slot.role) && self.viewer.can(Action::SignOff))
            .zip(StepPackage::of(self.deployment, self.policy.digest))
            .map(|(slot, package)| Approval {
                next: rollout
                    .next_percent()
                    .map_or_else(|| "taking over as champion".to_owned(), |percent| format!("{percent} % of users")),
                meaning: slot.meaning.clone(),
                package: words::digest(&package.digest()),
                signer: self.names.of(self.viewer.principal.account.as_str()),
            });
        let strategy = match (&rollout.strategy, &rollout.strategy_reason) {
            (Strategy::BlueGreen, Some(reason)) => format!("Blue-green, at once: {reason}"),
            (strategy, _) => format!("{}, since {}.", strategy.title(), words::when(rollout.started_at).text),
        };
        RolloutPanel {
            version: self.version(rollout.artifact.version),
            number: rollout.artifact.version.get(),
            strategy,
            steps: rollout
                .steps
                .iter()
                .enumerate()
                .map(|(index, percent)| StepMark {
                    percent: *percent,
                    state: match index.cmp(&rollout.step) {
                        std::cmp::Ordering::Less => Tag::new(Tone::Good, "passed"),
                        std::cmp::Ordering::Equal => Tag::new(Tone::Active, "here"),
                        std::cmp::Ordering::Greater => Tag::new(Tone::Quiet, "ahead"),
                    },
                    is_here: index == rollout.step,
                })
                .collect(),
            requirements: requirements.into_iter().map(requirement).collect(),
            strikes: strikes(rollout),
            charts: rollout_charts(rollout, self.now),
            windows: rollout.observations.iter().rev().take(super::SHOWN_WINDOWS).map(window).collect(),
            course: None,
            is_held: rollout.held.is_some(),
            can_steer: self.viewer.can(Action::SteerRollout),
            approval,
        }
    }

    pub(super) fn back(&self) -> BackPanel {
        let deployment = self.deployment;
        let mut facts = Vec::new();
        match &deployment.standby {
            None => facts.push(Fact::new("Warm standby", Value::Missing("none".into()))),
            Some(standby) => {
                facts.push(Fact::new("Warm standby", Value::Link(self.version(standby.artifact.version))));
                facts.push(Fact::new("Kept until", Value::When(words::day(standby.until))));
                let health = match &standby.health {
                    None => Value::Missing("never reported".into()),
                    Some(health) => {
                        let tag = if health.healthy {
                            Tag::new(Tone::Good, "healthy")
                        } else {
                            Tag::new(Tone::Bad, "not healthy")
                        };
                        Value::Many(vec![Value::Tag(tag), Value::When(words::when(health.at))])
                    }
                };
                facts.push(Fact::new("Health", health));
            }
        }
        facts.push(Fact::text("Next fallback", format!("\u{201c}{}\u{201d}, by the kill switch", deployment.fallback)));
        if let Some(due) = clock::drill_due(deployment, &self.policy.policy) {
            facts.push(Fact::new("Next drill", Value::Due(words::due(due, self.now))));
        }
        BackPanel {
            facts,
            champion: deployment
                .champion
                .as_ref()
                .filter(|_| deployment.standby.is_some())
                .map(|champion| champion.artifact.version.get()),
            drills: deployment.drills.iter().rev().take(5).map(drill).collect(),
            is_drilling: deployment.open_drill().is_some(),
            can_steer: self.viewer.can(Action::SteerRollout),
        }
    }

    pub(super) fn kill(&self) -> Option<KillPanel> {
        let kill = self.deployment.kill_switch.as_ref()?;
        let to = match &kill.artifact {
            Some(artifact) => Value::Link(self.version(artifact.version)),
            None => Value::Text(format!("the fallback \u{201c}{}\u{201d}", self.deployment.fallback)),
        };
        let mut facts = vec![
            Fact::new("Everybody goes to", to),
            Fact::text("By", self.names.of(kill.by.as_str())),
            Fact::new("Since", Value::When(words::when(kill.at))),
            Fact::text("Why", kill.reason.clone()),
            Fact::new("Proof", Value::Link(words::entry_link(kill.entry))),
        ];
        let applied = self.deployment.revisions.iter().find(|revision| revision.number == kill.entry);
        let told: Vec<String> = applied
            .into_iter()
            .flat_map(|revision| &revision.applied)
            .map(|(who, millis)| format!("{who} {millis} ms after the decision"))
            .collect();
        facts.push(Fact::new(
            "Routing changed",
            if told.is_empty() {
                Value::Missing("no serving system has reported it yet".into())
            } else {
                Value::List(told)
            },
        ));
        match (&kill.review, kill.review_due) {
            (Some(review), _) => {
                let word = if review.may_lift { "it may serve again" } else { "it stays off" };
                facts.push(Fact::text("Reviewed", format!("{}: {word}", self.names.of(review.by.as_str()))));
                facts.push(Fact::text("What it found", review.text.clone()));
            }
            (None, Some(due)) => facts.push(Fact::new("Review due", Value::Due(words::due(due, self.now)))),
            (None, None) => facts.push(Fact::text("Review due", "at once")),
        }
        let me = &self.viewer.principal;
        Some(KillPanel {
            facts,
            can_review: me.is(kill.review_role)
                && !kill.was_used_by(&me.account)
                && self.viewer.can(Action::ReviewKill),
            can_lift: kill.review.as_ref().is_some_and(|review| review.may_lift) && self.viewer.can(Action::LiftKill),
        })
    }

    pub(super) fn ended(&self, ended: &Ended) -> EndedRow {
        let mut way: Vec<String> = ended.rollout.moves.iter().map(|step| step.percent.to_string()).collect();
        way.dedup();
        EndedRow {
            version: self.version(ended.rollout.artifact.version),
            ending: match ended.ending {
                Ending::Completed => Tag::new(Tone::Good, "became champion"),
                Ending::RolledBack => Tag::new(Tone::Bad, "rolled back"),
            },
            way: format!("{} %", way.join(", ")),
            strikes: ended.rollout.strikes.len(),
            reason: ended.reason.clone(),
            when: words::when(ended.at),
            entry: words::entry_link(ended.entry),
            struck: strikes(&ended.rollout),
            charts: rollout_charts(&ended.rollout, ended.at),
            windows: ended.rollout.observations.iter().rev().map(window).collect(),
            course: {
                let (model, market) = (self.deployment.model.as_str(), self.deployment.market.as_str());
                let shown = ended.rollout.observations.len();
                let words = match shown {
                    0 => "The whole course".to_owned(),
                    shown => format!("The last {shown} windows are shown here; the whole course, with every window"),
                };
                Link::new(words, super::course::href(model, market, ended.rollout.artifact.version))
            },
        }
    }
}

pub(super) fn strikes(rollout: &Rollout) -> Vec<StrikeRow> {
    let row = |(index, strike): (usize, &Strike)| StrikeRow {
        number: index + 1,
        what: strike.violations.join(" "),
        moved: if strike.from_percent == strike.to_percent {
            format!("Stays at {} % of users, the lowest step", strike.to_percent)
        } else {
            format!("{} % to {} % of users", strike.from_percent, strike.to_percent)
        },
        when: words::when(strike.at),
        entry: words::entry_link(strike.entry),
    };
    rollout.strikes.iter().enumerate().map(row).collect()
}

fn requirement(requirement: domain::promotion::Requirement) -> Requirement {
    Requirement {
        id: requirement.rule,
        sentence: requirement.sentence,
        met: requirement.met,
        supplier: (!requirement.met).then(|| requirement.supplier.title().to_owned()),
        link: None,
        detail: (!requirement.details.is_empty()).then(|| requirement.details.join(" ")),
    }
}

pub(in crate::http::pages) fn verdict(verdict: Verdict) -> Tag {
    let tone = match verdict {
        Verdict::Green => Tone::Good,
        Verdict::Undecided => Tone::Warn,
        Verdict::Red => Tone::Bad,
    };
    Tag::new(tone, verdict.title())
}

pub(in crate::http::pages) fn interval(value: f64, lower: Option<f64>, upper: Option<f64>) -> String {
    use app::kit::chart::number;
    match lower.zip(upper) {
        Some((lower, upper)) => format!("{} ({} to {})", number(value), number(lower), number(upper)),
        None => number(value),
    }
}

pub(super) fn window(observation: &Observation) -> WindowRow {
    WindowRow {
        until: words::when(observation.to),
        percent: observation.percent,
        sample: grouped(observation.sample),
        figures: observation
            .figures
            .iter()
            .map(|figure| {
                let own = observation.judged.iter().find(|judged| judged.guardrail.metric == figure.metric);
                let title =
                    own.map_or_else(|| figure.metric.replace('_', " "), |judged| judged.guardrail.title.clone());
                format!("{title}: {}", interval(figure.value, figure.lower, figure.upper))
            })
            .collect(),
        verdict: verdict(observation.verdict),
        entry: words::entry_link(observation.entry),
    }
}

fn drill(drill: &Drill) -> DrillRow {
    let result = drill.result.as_ref();
    DrillRow {
        number: drill.number,
        when: words::when(drill.started_at),
        result: match result {
            None => Tag::new(Tone::Active, "under way"),
            Some(result) if result.passed => Tag::new(Tone::Good, "passed"),
            Some(_) => Tag::new(Tone::Bad, "failed"),
        },
        took: match result.map(|result| (result.millis, result.target_seconds)) {
            Some((Some(millis), Some(target))) => format!("{millis} ms; the target is {target} s"),
            Some((Some(millis), None)) => format!("{millis} ms"),
            Some((None, _)) => "never applied".to_owned(),
            None => "waits for a subscriber".to_owned(),
        },
        note: drill.note.clone(),
        entry: words::entry_link(drill.entry),
    }
}
