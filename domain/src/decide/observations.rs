//! What is observed of the traffic of a version, and what follows: a strike against a rollout, or the way back of a
//! champion that broke its guardrails.

use crate::{
    account::Role,
    deployment::{
        Cause, Deployment, Judged, Rollout, Strategy, Verdict,
        command::Observe,
        event::{Observed, RollbackBlocked, RolledBack, Struck},
        judge,
    },
    event::Event,
    id::Market,
    refusal::{InputCheck, Missing, Refusal},
};

use super::{
    Case,
    rollouts::{Draft, next_fallback},
};

/// Figures that one report may state.
const MAX_FIGURES: usize = 20;
/// The largest figure that is taken: beyond it stands a reporter's fault, not a measurement.
const LARGEST_FIGURE: f64 = 1e15;

impl Case<'_> {
    pub(super) fn observe(&self, draft: &mut Draft<'_>, body: &Observe) -> Result<(), Refusal> {
        self.check_window(&draft.state, body)?;
        self.check_intervals(&draft.state, body)?;
        let observed = self.judged(&draft.state, body);
        let (verdict, violations) = (observed.verdict, violations(&observed.judged));
        let of_rollout = draft.state.rollout.as_ref().is_some_and(|rollout| rollout.artifact.version == body.version);
        let observation = draft.push(Event::RolloutObserved(Box::new(observed)))?;
        match (of_rollout, verdict) {
            (true, Verdict::Red) => self.strike(draft, violations, observation),
            (true, _) => self.advance(draft),
            (false, Verdict::Red) => self.champion_broke(draft, &violations),
            (false, _) => Ok(()),
        }
    }

    /// A figure measured on some requests is an estimate: judged as a point it would strike, or let through, by chance.
    fn check_intervals(&self, state: &Deployment, body: &Observe) -> Result<(), Refusal> {
        let rules = self.rollout_rules(&state.market);
        let bare = judge::without_interval(&body.figures, rules.map_or(&[], |rules| &rules.guardrails));
        if bare.is_empty() {
            return Ok(());
        }
        let titles: Vec<&str> = bare.iter().map(|guardrail| guardrail.title.as_str()).collect();
        let missing = bare.iter().map(|guardrail| {
            let message = format!(
                "State lower and upper of {}, such as the 95 % interval of the estimate; where it is no estimate, both are the value.",
                guardrail.metric
            );
            Missing::from(format!("figures.{}", guardrail.metric), message, Role::Service)
        });
        Err(Refusal::rule(
            "rollout.interval",
            format!(
                "Policy judges guardrails of {} by interval, and this report states none for: {}.",
                state.market,
                titles.join(", ")
            ),
            missing.collect::<Vec<_>>(),
        ))
    }

    /// A window as policy judges it.
    pub(super) fn judged(&self, state: &Deployment, body: &Observe) -> Observed {
        let rules = self.rollout_rules(&state.market);
        let (verdict, judged) = judge::judge(&body.figures, rules.map_or(&[], |rules| &rules.guardrails));
        let rollout = state.rollout.as_ref().filter(|rollout| rollout.artifact.version == body.version);
        let others = state.rollout.as_ref().map_or(0, Rollout::percent);
        Observed {
            version: body.version,
            percent: rollout.map_or(100 - others, Rollout::percent),
            from: body.from,
            to: body.to,
            sample: body.sample,
            figures: body.figures.clone(),
            judged,
            verdict,
            policy: self.world.policy.as_ref().map(|policy| policy.digest),
        }
    }

    fn check_window(&self, state: &Deployment, body: &Observe) -> Result<(), Refusal> {
        let mut check = InputCheck::default();
        self.check_reported(&mut check, "to", body.to);
        check
            .holds("to", body.to > body.from, "The window ends before it begins.")
            .holds("sample", body.sample > 0, "State how many requests the window held; one of none says nothing.")
            .holds("figures", body.figures.len() <= MAX_FIGURES, format!("At most {MAX_FIGURES} figures are kept."));
        for (index, figure) in body.figures.iter().enumerate() {
            check.text("figures.metric", &figure.metric, 40);
            let ends = [Some(figure.value), figure.lower, figure.upper];
            check.holds(
                "figures",
                ends.iter().flatten().all(|value| value.abs() <= LARGEST_FIGURE)
                    && figure.lower.is_none_or(|lower| lower <= figure.value)
                    && figure.upper.is_none_or(|upper| upper >= figure.value),
                format!(
                    "The figure {} must lie within its interval, none of them beyond {LARGEST_FIGURE:e}.",
                    index + 1
                ),
            );
            check.holds(
                "figures",
                !body.figures[..index].iter().any(|earlier| earlier.metric == figure.metric),
                format!("The figure {} is stated twice.", index + 1),
            );
        }
        let guardrails = self.rollout_rules(&state.market).map_or(&[][..], |rules| &rules.guardrails);
        for impossible in judge::impossible(&body.figures, guardrails) {
            check.holds("figures", false, impossible);
        }
        check.finish()?;
        if let Some(kill) = &state.kill_switch {
            return Err(Refusal::conflict(
                "kill_switch.lifted",
                "The kill switch is in use, so this version answers nobody.",
                super::kill_switch::to_be_lifted(kill),
            ));
        }
        let rollout = state.rollout.as_ref().filter(|rollout| rollout.artifact.version == body.version);
        let champion = state.champion.as_ref().filter(|champion| champion.artifact.version == body.version);
        let (begun, last) = match (rollout, champion) {
            (Some(rollout), _) => (rollout.since, rollout.last_observation()),
            (None, Some(champion)) => (champion.since, state.watch.last()),
            (None, None) => {
                return Err(Refusal::conflict(
                    "rollout.version",
                    format!("Version {} answers no users of {} now.", body.version, state.market),
                    Missing::from(
                        "version",
                        "A report on the version that answers users now: the champion, or the one on its way in.",
                        Role::Service,
                    ),
                ));
            }
        };
        if body.from < begun || last.is_some_and(|last| body.from < last.to) {
            let earliest = last.map_or(begun, |last| last.to.max(begun));
            return Err(Refusal::conflict(
                "rollout.window",
                format!(
                    "The window must begin at {earliest} or later: a window belongs to one step and is counted once."
                ),
                Missing::from("from", format!("A window that begins at {earliest} or later."), Role::Service),
            ));
        }
        Ok(())
    }

    /// A strike takes the version one step back, or leaves it at the lowest, which then has to be walked anew; the last that
    /// policy allows takes it out of the market. A blue-green switch goes back at once.
    pub(super) fn strike(
        &self,
        draft: &mut Draft<'_>,
        violations: Vec<String>,
        observation: u64,
    ) -> Result<(), Refusal> {
        let Some(rollout) = &draft.state.rollout else { return Ok(()) };
        let strike = u32::try_from(rollout.strikes.len()).unwrap_or(u32::MAX).saturating_add(1);
        let (version, from_percent) = (rollout.artifact.version, rollout.percent());
        let back = rollout.step.checked_sub(1).and_then(|step| rollout.steps.get(step).copied());
        let out = strike >= self.strikes_allowed(&draft.state.market, rollout);
        let to_percent = if out { 0 } else { back.unwrap_or(from_percent) };
        let reason = violations.join(" ");
        let struck =
            Struck { version, strike, violations, observation, from_percent, to_percent, kept_with_version: true };
        draft.push(Event::RolloutStruck(Box::new(struck)))?;
        if out {
            let cause = Cause::Strikes;
            draft.push(Event::RolloutRolledBack(RolledBack { version, from_percent, cause, reason }))?;
        }
        Ok(())
    }

    /// The strike that ends a rollout.
    pub(super) fn strikes_allowed(&self, market: &Market, rollout: &Rollout) -> u32 {
        match (rollout.strategy, self.rollout_rules(market)) {
            (Strategy::BlueGreen, _) | (_, None) => 1,
            (Strategy::Progressive, Some(rules)) => rules.strikes,
        }
    }

    /// A champion that broke guardrails often enough in a row goes back to the standby, if that is fit to serve.
    fn champion_broke(&self, draft: &mut Draft<'_>, violations: &[String]) -> Result<(), Refusal> {
        let market = draft.state.market.clone();
        let Some(rules) = self.rollback_rules(&market) else { return Ok(()) };
        if draft.state.broken_in_a_row < rules.violations {
            return Ok(());
        }
        let Some(champion) = draft.state.champion.as_ref().map(|seat| seat.artifact.version) else { return Ok(()) };
        let reason = violations.join(" ");
        match self.fit_standby(&draft.state) {
            Ok(_) => self.return_to_standby(draft, Cause::Guardrail, &reason),
            // One entry says that it was wanted; the windows that follow need no more of them.
            Err(refusal) if draft.state.broken_in_a_row == rules.violations => {
                let next = next_fallback(&draft.state);
                draft.push(Event::RollbackBlocked(RollbackBlocked {
                    version: champion,
                    reason: refusal.message,
                    next,
                }))?;
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }
}

/// What was violated, a sentence each.
pub(super) fn violations(judged: &[Judged]) -> Vec<String> {
    judged.iter().filter(|judged| judged.verdict == Verdict::Red).map(|judged| judged.sentence.clone()).collect()
}
