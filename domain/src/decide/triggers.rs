//! Retraining triggers: configured, observed, fired or suppressed, answered, and approved where drift was the cause.

use std::collections::BTreeMap;

use ledger::Timestamp;

use crate::{
    account::{AccountKind, Role},
    command::RegisterVersion,
    event::Event,
    id::{ModelName, VersionId},
    policy::AdoptedPolicy,
    refusal::{InputCheck, Missing, Refusal},
    registry::Version,
    stage::Stage,
    statistics::{StatisticsError, psi_of_counts},
    trigger::{
        ApproveDrift, Cause, Circumstances, Configuration, Configured, DriftApproved, DriftObserved, Figure, Fired,
        Measured, ObserveDrift, ObservePerformance, PerformanceRule, Priority, Prompt, Reason, Retrain, Shift,
        Suppressed, TriggerPolicy, Triggers, Window, drifted,
    },
};

use super::Case;

/// Features of one observation, bins of one feature, metrics of one model: what fits an entry and a page.
const MAX_FEATURES: usize = 500;
const MAX_BINS: usize = 100;
const MAX_METRICS: usize = 20;
/// Characters of a feature's or metric's name.
const MAX_NAME: usize = 100;

const HOUR: i64 = 3_600_000_000;

impl Case<'_> {
    /// Policy's rules for triggers, and the policy they stand in.
    pub(super) fn trigger_policy(&self) -> Result<(&TriggerPolicy, &AdoptedPolicy), Refusal> {
        let adopted = self.policy()?;
        let rules = adopted.policy.triggers.as_ref().ok_or_else(|| {
            Refusal::rule(
                "policy.triggers",
                "The policy in force says nothing of retraining triggers; an administrator must adopt one that does.",
                vec![Missing::from("policy.triggers", "Adopt a policy with [triggers].", Role::Administrator)],
            )
        })?;
        Ok((rules, adopted))
    }

    /// The model's triggers as they are; empty ones if nothing is known yet.
    fn triggers(&self) -> Result<Triggers, Refusal> {
        let model = self.model()?;
        Ok(self.world.triggers.as_deref().cloned().unwrap_or_else(|| Triggers::new(model.name.clone())))
    }

    pub(super) fn configure_triggers(&self, body: &Configuration) -> Result<Vec<Event>, Refusal> {
        let triggers = self.triggers()?;
        let (rules, _) = self.trigger_policy()?;
        let thresholds = rules.thresholds(body);
        let mut check = InputCheck::default();
        if let Some(hours) = body.min_retrain_interval_hours {
            let bounds = rules.min_retrain_interval_hours;
            check.holds(
                "min_retrain_interval_hours",
                bounds.allows(hours),
                format!("Policy lets a model choose {} to {} hours.", bounds.lowest, bounds.highest),
            );
        }
        if let Some(threshold) = body.drift.as_ref().and_then(|drift| drift.psi_threshold) {
            let bounds = rules.psi_threshold;
            check.holds(
                "drift.psi_threshold",
                bounds.allows(threshold),
                format!("Policy lets a model choose a PSI threshold of {} to {}.", bounds.lowest, bounds.highest),
            );
        }
        if let Some(schedule) = &body.schedule {
            check.holds(
                "schedule",
                schedule.next_after(self.context.now).is_some(),
                format!("The schedule {schedule} has no slot on any day of the calendar."),
            );
            if let Some(gap) = schedule.shortest_gap_hours(self.context.now) {
                check.holds(
                    "schedule",
                    gap >= thresholds.min_retrain_interval_hours,
                    format!(
                        "Slots of {schedule} lie {gap} hours apart, but at least {} hours lie between two firings: the others would all be suppressed.",
                        thresholds.min_retrain_interval_hours
                    ),
                );
            }
        }
        check.holds("performance", body.performance.len() <= MAX_METRICS, format!("At most {MAX_METRICS} metrics."));
        for (index, rule) in body.performance.iter().enumerate() {
            check.text("performance.metric", &rule.metric, MAX_NAME);
            check.holds(
                "performance.floor",
                rule.floor.is_finite() && rule.floor > 0.0,
                format!("The floor of {} must be a number above 0.", rule.metric),
            );
            check.holds(
                "performance.window_days",
                (1..=366).contains(&rule.window_days),
                format!("The window of {} must be 1 to 366 days.", rule.metric),
            );
            check.holds(
                "performance.metric",
                body.performance[..index].iter().all(|other| other.metric != rule.metric),
                format!("The metric {} is named twice.", rule.metric),
            );
        }
        check.finish()?;
        if triggers.configured.is_some() && triggers.configuration == *body {
            return Err(Refusal::conflict(
                "trigger.changed",
                "The triggers are configured so already.",
                Missing::field("configuration", "Something that differs from what is configured."),
            ));
        }
        Ok(vec![Event::TriggersConfigured(Configured { configuration: body.clone() })])
    }

    /// What every observation must be: of a stretch of time that lies in the near past.
    fn check_stretch(&self, check: &mut InputCheck, rules: &TriggerPolicy, from: Timestamp, until: Timestamp) {
        let now = self.context.now;
        check.holds("until", from < until, "until must lie after from.");
        self.check_reported(check, "until", until);
        check.holds(
            "until",
            until >= now.plus_days(-i64::from(rules.observation_days)),
            format!("The data end more than {} days ago: too old to say how things are.", rules.observation_days),
        );
    }

    pub(super) fn observe_drift(&self, body: &ObserveDrift) -> Result<Vec<Event>, Refusal> {
        let triggers = self.triggers()?;
        let (rules, _) = self.trigger_policy()?;
        let mut check = InputCheck::default();
        check.text("source", &body.source, 200);
        self.check_stretch(&mut check, rules, body.from, body.until);
        check.holds(
            "features",
            (1..=MAX_FEATURES).contains(&body.features.len()),
            format!("Tell of 1 to {MAX_FEATURES} features."),
        );
        let mut features = BTreeMap::new();
        for (name, shift) in &body.features {
            check.text("features", name, MAX_NAME);
            let measured = match wrong_shift(name, shift, rules) {
                Some(wrong) => Err(wrong),
                None => measure(shift, rules.psi_bin_floor).map_err(|error| format!("{name}: {error}.")),
            };
            match measured {
                Ok(measured) => drop(features.insert(name.clone(), measured)),
                Err(wrong) => drop(check.holds("features", false, wrong)),
            }
        }
        check.finish()?;
        let figures = drifted(&features, rules.thresholds(&triggers.configuration).psi_threshold);
        let observed = Event::DriftObserved(DriftObserved {
            from: body.from,
            until: body.until,
            source: body.source.trim().to_owned(),
            bin_floor: rules.psi_bin_floor,
            features,
        });
        if triggers.configuration.drift.is_none() || figures.is_empty() {
            return Ok(vec![observed]);
        }
        let window = Window { from: body.from, until: body.until, source: body.source.trim().to_owned() };
        let outcome = self.drift_outcome(&triggers, figures, &window, self.context.next_seq)?;
        Ok(vec![observed, outcome])
    }

    /// What follows from features over the threshold, seen by the entry `observation` in `window`.
    pub(super) fn drift_outcome(
        &self,
        triggers: &Triggers,
        figures: Vec<Figure>,
        window: &Window,
        observation: u64,
    ) -> Result<Event, Refusal> {
        let mut about = self.circumstances(triggers, Cause::Drift)?;
        if figures.iter().any(|figure| figure.value > about.thresholds.psi_emergency) {
            about.priority = Priority::Emergency;
        }
        about.figures = figures;
        about.observation = Some(observation);
        about.window = Some(window.clone());
        let needed = about.thresholds.min_data_days.saturating_mul(24);
        Ok(self.outcome(triggers, about, Some(needed)))
    }

    /// What every firing rests on, of normal priority and without figures.
    fn circumstances(&self, triggers: &Triggers, cause: Cause) -> Result<Circumstances, Refusal> {
        let (rules, adopted) = self.trigger_policy()?;
        Ok(Circumstances {
            cause,
            priority: Priority::Normal,
            figures: Vec::new(),
            scheduled_for: None,
            observation: None,
            window: None,
            note: String::new(),
            thresholds: rules.thresholds(&triggers.configuration),
            policy: adopted.digest,
        })
    }

    pub(super) fn observe_performance(&self, body: &ObservePerformance) -> Result<Vec<Event>, Refusal> {
        let triggers = self.triggers()?;
        let (rules, _) = self.trigger_policy()?;
        let mut check = InputCheck::default();
        check.text("source", &body.source, 200).text("metric", &body.metric, MAX_NAME);
        check.holds("value", body.value.is_finite(), "value must be a finite number.");
        check.holds(
            "metric",
            triggers.performance.len() < 4 * MAX_METRICS || triggers.performance.contains_key(&body.metric),
            "So many metrics are told of already; configure those that matter.",
        );
        self.check_stretch(&mut check, rules, body.from, body.until);
        check.finish()?;
        let observed = Event::PerformanceObserved(body.clone());
        let rule = triggers.configuration.performance.iter().find(|rule| rule.metric == body.metric);
        let Some(rule) = rule.filter(|rule| body.value < rule.floor) else { return Ok(vec![observed]) };
        let window = Window { from: body.from, until: body.until, source: body.source.trim().to_owned() };
        let outcome = self.performance_outcome(&triggers, rule, body.value, &window, self.context.next_seq)?;
        Ok(vec![observed, outcome])
    }

    /// What follows from a metric below its floor, seen by the entry `observation` in `window`.
    pub(super) fn performance_outcome(
        &self,
        triggers: &Triggers,
        rule: &PerformanceRule,
        value: f64,
        window: &Window,
        observation: u64,
    ) -> Result<Event, Refusal> {
        let mut about = self.circumstances(triggers, Cause::Performance)?;
        if (rule.floor - value) / rule.floor * 100.0 > about.thresholds.severe_loss_percent {
            about.priority = Priority::Emergency;
        }
        about.figures = vec![Figure { name: rule.metric.clone(), value, limit: rule.floor }];
        about.observation = Some(observation);
        about.window = Some(window.clone());
        let needed = rule.window_days.saturating_mul(24);
        Ok(self.outcome(triggers, about, Some(needed)))
    }

    pub(super) fn retrain(&self, body: &Retrain) -> Result<Vec<Event>, Refusal> {
        let triggers = self.triggers()?;
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        // One that is suppressed is an entry too; whoever asked is told why by [`Triggers::refusal`].
        Ok(vec![self.manual_outcome(&triggers, body.reason.trim())?])
    }

    /// What follows from a person's wish.
    pub(super) fn manual_outcome(&self, triggers: &Triggers, reason: &str) -> Result<Event, Refusal> {
        let about = Circumstances { note: reason.to_owned(), ..self.circumstances(triggers, Cause::Manual)? };
        Ok(self.outcome(triggers, about, None))
    }

    /// What follows from a slot of the schedule.
    pub(super) fn slot_outcome(&self, triggers: &Triggers, slot: Timestamp) -> Result<Event, Refusal> {
        let about = Circumstances { scheduled_for: Some(slot), ..self.circumstances(triggers, Cause::Scheduled)? };
        Ok(self.outcome(triggers, about, None))
    }

    /// What the clock finds to do: nothing, or the latest slot of the schedule that was not dealt with yet.
    pub(super) fn tick_triggers(&self, model: &ModelName) -> Result<Vec<Event>, Refusal> {
        let Some(triggers) = self.world.triggers.as_deref() else { return Ok(Vec::new()) };
        debug_assert_eq!(triggers.model, *model);
        let Some(slot) = triggers.slot_due(self.context.now) else { return Ok(Vec::new()) };
        Ok(vec![self.slot_outcome(triggers, slot)?])
    }

    /// Fired, or suppressed with the reason. `needed_hours` are what the window of data must cover.
    ///
    /// Too little data suppresses an emergency as well, since its figures cannot be relied on, and so does a window that
    /// has fired already, since a message that is sent twice tells of one thing; the interval does not.
    fn outcome(&self, triggers: &Triggers, about: Circumstances, needed_hours: Option<u32>) -> Event {
        if let (Some(window), Some(needed_hours)) = (&about.window, needed_hours) {
            let covered = window.until.micros_since(window.from);
            if covered < i64::from(needed_hours) * HOUR {
                let hours = u32::try_from(covered / HOUR).unwrap_or_default();
                return Event::TriggerSuppressed(Suppressed {
                    reason: Reason::TooLittleData { hours, needed_hours },
                    about,
                });
            }
        }
        if let Some(first) = triggers.fired_by_window(&about) {
            let reason = Reason::SameWindow { firing: first.number, entry: first.mark.entry };
            return Event::TriggerSuppressed(Suppressed { reason, about });
        }
        let near = triggers.last().and_then(|last| {
            // From slot to slot, so that a clock that ticks a moment late does not swallow every other slot.
            let (since, at) = match (last.about.scheduled_for, about.scheduled_for) {
                (Some(before), Some(slot)) => (before, slot),
                _ => (last.mark.at, self.context.now),
            };
            let until = since.plus_hours(i64::from(about.thresholds.min_retrain_interval_hours));
            (at < until).then_some((last.number, until))
        });
        match (near, about.priority) {
            (Some((last, until)), Priority::Normal) => {
                Event::TriggerSuppressed(Suppressed { reason: Reason::Interval { last, until }, about })
            }
            (near, _) => {
                Event::TriggerFired(Fired { firing: triggers.fired + 1, bypassed: near.map(|(last, _)| last), about })
            }
        }
    }

    /// Because of which firing a new version was trained: the one that it names; else, for what a pipeline registers, the
    /// firing for drift that is at hand, so that leaving the number out does not evade its approval. Nor does naming an old
    /// one that was answered before the drift.
    pub(super) fn prompt(&self, body: &RegisterVersion) -> Result<Option<Prompt>, Refusal> {
        let triggers = self.world.triggers.as_deref();
        let Some(number) = body.trigger else {
            let by_pipeline = self.context.principal.kind == AccountKind::Service && body.origin.is_none();
            let open = triggers.filter(|_| by_pipeline).and_then(Triggers::drift_at_hand);
            return Ok(open.map(Prompt::of));
        };
        let firing = triggers.and_then(|triggers| triggers.firing(number)).ok_or_else(|| {
            let known = match triggers.and_then(Triggers::last) {
                Some(last) => format!("the latest firing is {}", last.number),
                None => "none fired yet".to_owned(),
            };
            Refusal::invalid(vec![Missing::field(
                "trigger",
                format!("There is no firing {number} to answer: {known}."),
            )])
        })?;
        if let Some(drift) = triggers.and_then(|triggers| triggers.drift_instead_of(firing)) {
            return Err(Refusal::invalid(vec![Missing::field(
                "trigger",
                format!(
                    "Firing {number} was answered before; firing {} for drift has come since: name that one.",
                    drift.number
                ),
            )]));
        }
        Ok(Some(Prompt::of(firing)))
    }

    pub(super) fn approve_drift(&self, id: &VersionId, body: &ApproveDrift) -> Result<Vec<Event>, Refusal> {
        if self.context.principal.kind != AccountKind::Human {
            return Err(Refusal::forbidden(
                "drift.person",
                "Only a person can approve what drift caused.",
                Missing::field("person", "A person who is signed in with a password."),
            ));
        }
        self.check_reauthenticated("An approval")?;
        let version = self.version(id)?;
        InputCheck::default().text("statement", &body.statement, 4_000).finish()?;
        let (policy, _) = self.trigger_policy()?;
        let prompt = version.prompt.as_ref().filter(|prompt| prompt.cause == Cause::Drift).ok_or_else(|| {
            Refusal::rule(
                "drift.caused",
                format!("{id} was not trained because of drift, so there is none to approve."),
                Missing::field("prompt", "Nothing need be done: no approval of drift is asked for."),
            )
        })?;
        self.check_approval_place(version, body)?;
        if version.developers.contains(self.actor()) {
            return Err(Refusal::forbidden(
                "drift.four_eyes",
                format!(
                    "You registered {id} or amended its lineage; somebody else looks at the drift it was trained on."
                ),
                Missing::of(
                    "drift.approval",
                    "Somebody of this role who did not build the version.",
                    policy.drift_approvers.iter().copied(),
                ),
            ));
        }
        let role = policy.drift_approvers.iter().find(|role| self.context.principal.is(**role)).ok_or_else(|| {
            let roles: Vec<&str> = policy.drift_approvers.iter().map(|role| role.title()).collect();
            Refusal::forbidden(
                "drift.approver",
                format!("Policy lets these approve drift: {}.", roles.join(", ")),
                Missing::of(
                    "drift.approval",
                    "An approval by somebody of this role.",
                    policy.drift_approvers.iter().copied(),
                ),
            )
        })?;
        if let Some(known) = version.drift_approvals.get(&body.market) {
            return Err(Refusal::conflict(
                "drift.once",
                format!("The drift is approved for {} already, by entry {}.", body.market, known.mark.entry),
                Missing::field("drift.approval", "Nothing need be done: the approval stands."),
            ));
        }
        let approved = DriftApproved {
            market: body.market.clone(),
            firing: prompt.firing,
            role: *role,
            statement: body.statement.trim().to_owned(),
        };
        self.followed_by_transition(id, Event::DriftApproved(approved))
    }

    /// Drift is approved for a market that the model has, between leaving None and entering Canary there.
    fn check_approval_place(&self, version: &Version, body: &ApproveDrift) -> Result<(), Refusal> {
        let model = self.model()?;
        if !model.markets.contains(&body.market) {
            let known: Vec<&str> = model.markets.iter().map(crate::id::Market::as_str).collect();
            return Err(Refusal::rule(
                "market.known",
                format!("{} is not registered for {}; its markets are {}.", model.name, body.market, known.join(", ")),
                Missing::field("market", "Name one of the model\u{2019}s markets."),
            ));
        }
        let stage = version.stage_in(Some(&body.market));
        if matches!(stage, Stage::Staging | Stage::Shadow) {
            return Ok(());
        }
        Err(Refusal::rule(
            "drift.place",
            format!(
                "{} is in {stage} for {}; drift is approved while a version is in Staging or Shadow, before Canary.",
                version.id, body.market
            ),
            Missing::from("stage", "A version in Staging or Shadow there.", Role::DataScientist),
        ))
    }
}

/// What is wrong with a feature's numbers.
fn wrong_shift(name: &str, shift: &Shift, rules: &TriggerPolicy) -> Option<String> {
    let bins = shift.reference.len();
    if rules.counts_required && shift.psi.is_some() {
        return Some(format!(
            "Policy asks for the counts of {name}, from which its index is reckoned here: give the rows of each bin in reference and actual, and leave psi out."
        ));
    }
    let rows = |counts: &[u64]| counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    if let Some(least) = rules.min_rows.filter(|_| bins > 0) {
        let (reference, actual) = (rows(&shift.reference), rows(&shift.actual));
        if reference.min(actual) < least {
            return Some(format!(
                "{name} rests on {reference} reference and {actual} observed rows; policy asks for at least {least} of each."
            ));
        }
    }
    match (shift.psi, bins, shift.actual.len()) {
        (Some(psi), 0, 0) if psi.is_finite() && psi >= 0.0 => None,
        (Some(_), 0, 0) => Some(format!("The index of {name} must be a finite number from 0.")),
        (None, _, actual) if bins == actual && (2..=MAX_BINS).contains(&bins) => {
            let is_empty = |counts: &[u64]| counts.iter().all(|count| *count == 0);
            (is_empty(&shift.reference) || is_empty(&shift.actual))
                .then(|| format!("{name} has a histogram without rows."))
        }
        (None, ..) => Some(format!(
            "{name} needs 2 to {MAX_BINS} bins, as many in actual as in reference{}.",
            if rules.counts_required { "" } else { "; or its psi" }
        )),
        _ => Some(format!("Give either the psi of {name} or its counts, not both.")),
    }
}

fn measure(shift: &Shift, bin_floor: f64) -> Result<Measured, StatisticsError> {
    let psi = match shift.psi {
        Some(psi) => psi,
        None => psi_of_counts(&shift.reference, &shift.actual, bin_floor)?,
    };
    Ok(Measured { psi, reference: shift.reference.clone(), actual: shift.actual.clone() })
}
