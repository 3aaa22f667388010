//! Rollouts: steps, holds, rollback, standby, drills, what serving systems and rollout controllers report and ask. What
//! is observed, and the strikes that follow, is in [`super::observations`].

use std::sync::Arc;

use ledger::Timestamp;

use crate::{
    account::Role,
    aggregate::AggregateId,
    deployment::{
        Artifact, Cause, Deployment, Rollout, Serving, ServingCommand, StepPackage, Strategy, UNNAMED_FALLBACK, clock,
        command::{Applied, ApproveStep, AskGate, FinishDrill, Reason, ReportStandby, RollBack, StartDrill},
        event::{
            Advanced, Approved, ChampionRolledBack, Completed, DrillFinished, DrillStarted, GateAnswered, Held,
            RolledBack, RoutingApplied, StandbyReleased, StandbyReported,
        },
        gate,
        rules::{RollbackRules, RolloutRules, ServingRules},
    },
    event::{Event, Recorded},
    id::{Market, ModelName, VersionNumber},
    policy::MarketPolicy,
    promotion::Requirement,
    refusal::{InputCheck, Missing, Refusal},
    registry::Version,
    stage::Stage,
    strategy,
};

use super::Case;

/// A decision on a deployment in the making: events, and the state after them.
pub(super) struct Draft<'a> {
    case: &'a Case<'a>,
    place: AggregateId,
    pub(super) state: Deployment,
    pub(super) events: Vec<Event>,
}

impl Draft<'_> {
    pub(super) fn push(&mut self, event: Event) -> Result<u64, Refusal> {
        let seq = self.case.context.next_seq + self.events.len() as u64;
        let recorded = Recorded {
            seq,
            time: self.case.context.now,
            actor: self.case.actor().clone(),
            subject: self.place.clone(),
            event: event.clone(),
        };
        self.state.apply(&recorded).ok_or_else(|| {
            Refusal::rule(
                "ledger.consistent",
                format!("{} does not fit the state of {}.", event.kind(), self.place),
                Missing::sound_ledger(),
            )
        })?;
        self.events.push(event);
        Ok(seq)
    }
}

impl Case<'_> {
    pub(super) fn serve(
        &self,
        model: &ModelName,
        market: &Market,
        command: &ServingCommand,
    ) -> Result<Vec<Event>, Refusal> {
        // The kill switch and the systems that follow it come first: nothing may stand in their way.
        match command {
            ServingCommand::Kill(body) => return self.kill(model, market, body),
            ServingCommand::Applied(body) => return self.applied(model, market, body),
            ServingCommand::Ask(body) => return self.ask_gate(model, market, body),
            _ => {}
        }
        self.model()?;
        let mut draft = self.serving_draft(model, market)?;
        match command {
            ServingCommand::Observe(body) => self.observe(&mut draft, body),
            ServingCommand::Hold(body) => Self::hold(&mut draft, body),
            ServingCommand::Resume(body) => self.resume(&mut draft, body),
            ServingCommand::Approve(body) => self.approve_step(&mut draft, body),
            ServingCommand::RollBack(body) => self.roll_back(&mut draft, body),
            ServingCommand::ReportStandby(body) => self.report_standby(&mut draft, body),
            ServingCommand::StartDrill(body) => Self::start_drill(&mut draft, body),
            ServingCommand::FinishDrill(body) => self.finish_drill(&mut draft, body),
            ServingCommand::ReviewKill(body) => self.review_kill(&mut draft, body),
            ServingCommand::LiftKill(body) => Self::lift_kill(&mut draft, body),
            ServingCommand::Kill(_) | ServingCommand::Applied(_) | ServingCommand::Ask(_) => Ok(()),
        }?;
        Ok(draft.events)
    }

    pub(super) fn deployment(&self, model: &ModelName, market: &Market) -> Result<&Arc<Deployment>, Refusal> {
        self.world.deployments.get(market).ok_or_else(|| {
            Refusal::not_found(
                format!("No version of {model} has seen traffic of {market} yet."),
                Missing::from(
                    "version",
                    format!("Promote a version of {model} to Canary in {market} first."),
                    Role::DataScientist,
                ),
            )
        })
    }

    pub(super) fn serving_draft(&self, model: &ModelName, market: &Market) -> Result<Draft<'_>, Refusal> {
        let state = Deployment::clone(self.deployment(model, market)?);
        let place = AggregateId::Deployment(model.clone(), market.clone());
        Ok(Draft { case: self, place, state, events: Vec::new() })
    }

    /// The market's rules, as far as a policy can be read.
    pub(super) fn market_rules(&self, market: &Market) -> Option<&MarketPolicy> {
        self.world.policy.as_ref()?.policy.markets.get(market)
    }

    pub(super) fn rollout_rules(&self, market: &Market) -> Option<&RolloutRules> {
        self.market_rules(market)?.rollout.as_ref()
    }

    pub(super) fn rollback_rules(&self, market: &Market) -> Option<&RollbackRules> {
        self.market_rules(market)?.rollback.as_ref()
    }

    pub(super) fn serving_rules(&self) -> Option<&ServingRules> {
        self.world.policy.as_ref()?.policy.serving.as_ref()
    }

    // --- Entering -------------------------------------------------------------------------------------------------

    /// What a transition says of how the version begins to serve.
    pub(super) fn serving(&self, version: &Version, to: Stage, market: &Market, blue_green: Option<&str>) -> Serving {
        let mut steps = self.rollout_rules(market).map(|rules| rules.steps.clone()).unwrap_or_default();
        let strategy = if blue_green.is_some() && to == Stage::Production {
            steps = steps.first().map(|first| vec![*first, 100]).unwrap_or_default();
            Strategy::BlueGreen
        } else {
            Strategy::Progressive
        };
        steps.dedup();
        // Everybody at once, unless a person has to say so first; step by step, each step asks for what it asks.
        let at_once =
            strategy == Strategy::BlueGreen && self.rollout_rules(market).is_none_or(|rules| rules.approval.is_none());
        let step = (to == Stage::Production && !steps.is_empty()).then(|| if at_once { steps.len() - 1 } else { 0 });
        let known = self.world.deployments.get(market);
        let champion = self.world.model.as_ref().and_then(|model| model.champions.get(market));
        let fallback = self.serving_rules().map(|rules| rules.fallback_of(&version.id.model));
        Serving {
            artifact: Artifact::of(version),
            steps,
            step,
            strategy,
            reason: blue_green.filter(|_| to == Stage::Production).map(str::to_owned),
            fallback: fallback.or(known.map(|known| known.fallback.as_str())).unwrap_or(UNNAMED_FALLBACK).to_owned(),
            champion: champion
                .filter(|_| known.is_none_or(|known| known.champion.is_none()))
                .map(|champion| Artifact::unknown(champion.version)),
        }
    }

    /// Refuses to give everybody at once to a version that answers otherwise than the champion: blue-green is for changes
    /// of infrastructure (chapter 29, question 9), and it needs somebody to go back to.
    pub(super) fn check_blue_green(&self, version: &Version, market: &Market) -> Result<(), Refusal> {
        let seat = self.world.deployments.get(market).and_then(|deployment| deployment.champion.as_ref());
        let champion = self.world.champion.as_ref();
        let why = match seat.map(|seat| &seat.artifact) {
            None => format!("No version serves {market} yet, so there is none to go back to at once."),
            Some(serving) if serving.weights_digest.is_none() => {
                format!("The weights of champion {} are not known here.", serving.version)
            }
            Some(serving) if serving.weights_digest != version.lineage.model.weights_digest => {
                format!("The weights of {} are not those of champion {}.", version.id, serving.version)
            }
            Some(serving) => {
                let champion = champion.filter(|champion| champion.id.number == serving.version);
                let changes = champion.map(|champion| champion.lineage.diff(&version.lineage));
                let advice = strategy::advise(changes.as_deref());
                if advice.strategy == strategy::Strategy::BlueGreen {
                    return Ok(());
                }
                format!(
                    "{} is not champion {} on another machine: {}",
                    version.id,
                    serving.version,
                    advice.reasons.join(" ")
                )
            }
        };
        Err(Refusal::rule(
            "strategy.blue_green",
            format!("{why} Blue-green is for changes of infrastructure; a change of the model is let in step by step."),
            vec![Missing::from("strategy.blue_green", "Ask for promotion without blue-green.", Role::DataScientist)],
        ))
    }

    /// Refuses to let a version further into a market whose users cannot be given to it now.
    pub(super) fn check_market_is_free(&self, version: &Version, to: Stage, market: &Market) -> Result<(), Refusal> {
        let Some(deployment) = self.world.deployments.get(market) else { return Ok(()) };
        if !matches!(to, Stage::Canary | Stage::Production) {
            return Ok(());
        }
        if let Some(kill) = &deployment.kill_switch {
            return Err(Refusal::conflict(
                "kill_switch.lifted",
                format!(
                    "The kill switch of {} in {market} is in use since entry {}; it must be reviewed and lifted first.",
                    deployment.model, kill.entry
                ),
                super::kill_switch::to_be_lifted(kill),
            ));
        }
        match &deployment.rollout {
            Some(rollout) if rollout.artifact.version != version.id.number => Err(Refusal::conflict(
                "rollout.one_at_a_time",
                format!(
                    "Version {} is being let into {market} at {} %; one version at a time. Wait for its end, or roll it back.",
                    rollout.artifact.version,
                    rollout.percent()
                ),
                Missing::from(
                    "rollout",
                    format!("Wait until version {} is through, or roll it back.", rollout.artifact.version),
                    Role::DataScientist,
                ),
            )),
            Some(Rollout { held: Some(hold), .. }) => Err(Refusal::conflict(
                "rollout.running",
                format!("{} is on hold in {market} since entry {}: {}", version.id, hold.entry, hold.reason),
                Missing::from("rollout", "Resume the rollout, or roll it back.", Role::DataScientist),
            )),
            Some(rollout) if to == Stage::Production => match rollout.open_strike() {
                None => Ok(()),
                Some(strike) => Err(Refusal::conflict(
                    "rollout.struck",
                    format!(
                        "{} broke its guardrails in {market} (entry {}), and no window has been green since.",
                        version.id, strike.entry
                    ),
                    Missing::from("rollout.window", "A window within the guardrails.", Role::Service),
                )),
            },
            _ => Ok(()),
        }
    }

    /// What must go on holding for the version on its way into a market; nothing where none is.
    pub(super) fn standing(&self, state: &Deployment) -> Vec<Requirement> {
        let Some(rollout) = &state.rollout else { return Vec::new() };
        let entering = self.world.entering.as_ref().or(self.world.version.as_ref());
        let Some(version) = entering.filter(|version| version.id.number == rollout.artifact.version) else {
            return Vec::new();
        };
        self.question(version, rollout.gate_passed(), Some(&state.market))
            .map_or_else(|_| Vec::new(), |question| question.standing())
    }

    // --- Steps ----------------------------------------------------------------------------------------------------

    /// Takes the next step, or the last, if nothing is missing any more.
    pub(super) fn advance(&self, draft: &mut Draft<'_>) -> Result<(), Refusal> {
        self.advance_with(draft, false)
    }

    fn advance_with(&self, draft: &mut Draft<'_>, approved: bool) -> Result<(), Refusal> {
        if draft.state.kill_switch.is_some() {
            return Ok(());
        }
        let market = draft.state.market.clone();
        let Some(rollout) = &draft.state.rollout else { return Ok(()) };
        let requirements =
            clock::requirements(rollout, self.rollout_rules(&market), self.standing(&draft.state), self.context.now);
        let ready = if approved {
            clock::waits_for_approval_only(&requirements)
        } else {
            requirements.iter().all(|requirement| requirement.met)
        };
        if !ready {
            return Ok(());
        }
        let requirements = requirements.into_iter().map(|requirement| requirement.rule).collect();
        let forward = self.forward(&draft.state, rollout, requirements)?;
        draft.push(forward)?;
        Ok(())
    }

    /// The next step of a rollout that met these requirements, or its end at the last one.
    pub(super) fn forward(
        &self,
        state: &Deployment,
        rollout: &Rollout,
        requirements: Vec<String>,
    ) -> Result<Event, Refusal> {
        let (version, from_percent) = (rollout.artifact.version, rollout.percent());
        let policy = self.policy()?.digest;
        if let Some(to_percent) = rollout.next_percent() {
            return Ok(Event::RolloutAdvanced(Advanced { version, from_percent, to_percent, requirements, policy }));
        }
        let former = state.champion.as_ref().map(|champion| champion.artifact.version);
        let days = self.market_rules(&state.market).map_or(0, |rules| rules.standby_days);
        Ok(Event::RolloutCompleted(Completed {
            version,
            former,
            standby_until: former.map(|_| self.context.now.plus_days(i64::from(days))),
            released: state.standby.as_ref().filter(|_| former.is_some()).map(|standby| standby.artifact.version),
            requirements,
            policy,
        }))
    }

    fn rollout_of(state: &Deployment, version: Option<VersionNumber>) -> Result<&Rollout, Refusal> {
        let rollout = state.rollout.as_ref().filter(|rollout| version.is_none_or(|v| rollout.artifact.version == v));
        rollout.ok_or_else(|| {
            let what = version.map_or_else(|| "No version".to_owned(), |version| format!("Version {version}"));
            Refusal::conflict(
                "rollout.version",
                match &state.rollout {
                    Some(other) => format!(
                        "{what} is not the one on its way into {}: that is version {}.",
                        state.market, other.artifact.version
                    ),
                    None => format!("{what} is on its way into {} now.", state.market),
                },
                Missing::from(
                    "version",
                    "Name the version that is on its way in; one comes there by promotion to Canary.",
                    Role::DataScientist,
                ),
            )
        })
    }

    fn hold(draft: &mut Draft<'_>, body: &Reason) -> Result<(), Refusal> {
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        let rollout = Self::rollout_of(&draft.state, None)?;
        if let Some(hold) = &rollout.held {
            return Err(Refusal::conflict(
                "rollout.running",
                format!("It is on hold already (entry {}).", hold.entry),
                Missing::field("rollout", "Nothing need be done: it is on hold."),
            ));
        }
        let version = rollout.artifact.version;
        draft.push(Event::RolloutHeld(Held { version, reason: body.reason.trim().to_owned() }))?;
        Ok(())
    }

    fn resume(&self, draft: &mut Draft<'_>, body: &Reason) -> Result<(), Refusal> {
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        let rollout = Self::rollout_of(&draft.state, None)?;
        if rollout.held.is_none() {
            return Err(Refusal::conflict(
                "rollout.held",
                "The rollout is not on hold.",
                Missing::field("rollout", "Nothing need be done: it goes on by itself."),
            ));
        }
        let version = rollout.artifact.version;
        draft.push(Event::RolloutResumed(Held { version, reason: body.reason.trim().to_owned() }))?;
        self.advance(draft)
    }

    fn approve_step(&self, draft: &mut Draft<'_>, body: &ApproveStep) -> Result<(), Refusal> {
        self.check_in_person("sign", "A signature")?;
        InputCheck::default().optional_text("comment", &body.comment, 4_000).finish()?;
        let market = draft.state.market.clone();
        let rollout = Self::rollout_of(&draft.state, Some(body.version))?;
        let rules = self.rollout_rules(&market);
        let Some(slot) = rules.and_then(|rules| rules.approval.as_ref()) else {
            return Err(Refusal::rule(
                "signing.slot",
                format!("Steps in {market} wait for no signature."),
                Missing::field("signature", "Nothing need be done: the step is taken when its requirements are met."),
            ));
        };
        if !self.context.principal.is(slot.role) {
            return Err(Refusal::forbidden(
                "signing.role",
                format!("You do not hold the role {}.", slot.role),
                Missing::from("signature", "A signature of somebody who holds the role.", slot.role),
            ));
        }
        if slot.meaning != body.meaning {
            return Err(Refusal::rule(
                "signing.meaning",
                format!(
                    "The policy in force states the meaning of this signature as \u{201c}{}\u{201d}. Confirm exactly that.",
                    slot.meaning
                ),
                Missing::field("meaning", "Confirm the meaning as the policy states it, word by word."),
            ));
        }
        self.check_signer(self.version_of_step(body.version)?, slot.role)?;
        let policy = self.policy()?.digest;
        let digest = StepPackage::of(&draft.state, policy).map(|package| package.digest());
        if digest != Some(body.package) {
            return Err(Refusal::conflict(
                "signing.stale_package",
                "The step changed after you opened it. Nothing was signed: read it again.",
                Missing::field("package", "Read the step as it is now, then sign."),
            ));
        }
        let requirements = clock::requirements(rollout, rules, self.standing(&draft.state), self.context.now);
        if !clock::waits_for_approval_only(&requirements) {
            let missing: Vec<Requirement> =
                requirements.into_iter().filter(|r| !r.met && r.rule != "rollout.approval").collect();
            return Err(Refusal::rule(
                "signing.complete",
                "There is nothing complete to sign yet.",
                missing.into_iter().flat_map(Requirement::into_missing).collect::<Vec<_>>(),
            ));
        }
        let approved = Approved {
            version: body.version,
            from_percent: rollout.percent(),
            role: slot.role,
            meaning: slot.meaning.clone(),
            comment: body.comment.trim().to_owned(),
            package: body.package,
        };
        draft.push(Event::RolloutApproved(Box::new(approved)))?;
        self.advance_with(draft, true)
    }

    fn version_of_step(&self, number: VersionNumber) -> Result<&Version, Refusal> {
        let version = self.world.version.as_ref().filter(|version| version.id.number == number);
        version.map(|version| &**version).ok_or_else(|| {
            Refusal::not_found(
                "No such version is registered.",
                Missing::from("version", "Register the version, or name one that is registered.", Role::DataScientist),
            )
        })
    }

    // --- The way back ---------------------------------------------------------------------------------------------

    fn roll_back(&self, draft: &mut Draft<'_>, body: &RollBack) -> Result<(), Refusal> {
        InputCheck::default().text("reason", &body.reason, 2_000).finish()?;
        let reason = body.reason.trim();
        if let Some(rollout) = draft.state.rollout.as_ref().filter(|r| r.artifact.version == body.version) {
            let (version, from_percent) = (rollout.artifact.version, rollout.percent());
            let rolled_back = RolledBack { version, from_percent, cause: Cause::Decision, reason: reason.to_owned() };
            draft.push(Event::RolloutRolledBack(rolled_back))?;
            return Ok(());
        }
        if draft.state.champion.as_ref().is_none_or(|seat| seat.artifact.version != body.version) {
            return Err(Refusal::conflict(
                "rollback.version",
                format!(
                    "Version {} answers no users of {} now, so there is nothing to roll back.",
                    body.version, draft.state.market
                ),
                Missing::field(
                    "version",
                    "Name the version that answers users now: the champion, or the one on its way in.",
                ),
            ));
        }
        let kill = draft.state.kill_switch.as_ref();
        if let Some(kill) = kill.filter(|kill| kill.artifact.as_ref().is_some_and(|a| a.version == body.version)) {
            return Err(Refusal::conflict(
                "kill_switch.lifted",
                format!(
                    "The kill switch of entry {} has sent everybody to version {}; review and lift it first.",
                    kill.entry, body.version
                ),
                super::kill_switch::to_be_lifted(kill),
            ));
        }
        self.return_to_standby(draft, Cause::Decision, reason)
    }

    /// The standby, if it is fit to serve.
    pub(super) fn fit_standby<'s>(&self, state: &'s Deployment) -> Result<&'s crate::deployment::WarmStandby, Refusal> {
        let next = next_fallback(state);
        let Some(standby) = &state.standby else {
            return Err(Refusal::rule(
                "rollback.standby",
                format!("{} has no warm standby in {}. {next}", state.model, state.market),
                kill_instead(state),
            ));
        };
        let Some(rules) = self.rollback_rules(&state.market) else { return Ok(standby) };
        let version = standby.artifact.version;
        let unfit = match &standby.health {
            None => format!("Version {version}, the standby, was never reported healthy."),
            Some(health) if !health.healthy => {
                format!("Version {version}, the standby, was reported unhealthy at {}: {}", health.at, health.detail)
            }
            Some(health) if health.at.plus_minutes(i64::from(rules.health_minutes)) < self.context.now => format!(
                "Version {version}, the standby, was last reported healthy at {}, more than {} minutes ago.",
                health.at, rules.health_minutes
            ),
            Some(_) => return Ok(standby),
        };
        let mut missing = vec![Missing::from(
            "standby.health",
            format!("A report that version {version} is healthy, at most {} minutes old.", rules.health_minutes),
            Role::Service,
        )];
        missing.extend(kill_instead(state));
        Err(Refusal::rule("rollback.standby_healthy", format!("{unfit} {next}"), missing))
    }

    pub(super) fn return_to_standby(&self, draft: &mut Draft<'_>, cause: Cause, reason: &str) -> Result<(), Refusal> {
        let standby = self.fit_standby(&draft.state)?;
        let (to, healthy_at) = (standby.artifact.version, standby.health.as_ref().map(|health| health.at));
        let Some(from) = draft.state.champion.as_ref().map(|seat| seat.artifact.version) else { return Ok(()) };
        let back = ChampionRolledBack { from, to, cause, reason: reason.to_owned(), healthy_at };
        draft.push(Event::ChampionRolledBack(back))?;
        Ok(())
    }

    fn report_standby(&self, draft: &mut Draft<'_>, body: &ReportStandby) -> Result<(), Refusal> {
        InputCheck::default().optional_text("detail", &body.detail, 500).finish()?;
        let standby = draft.state.standby.as_ref().filter(|standby| standby.artifact.version == body.version);
        let Some(standby) = standby else {
            return Err(Refusal::conflict(
                "standby.version",
                format!("Version {} is not the warm standby of {}.", body.version, draft.state.market),
                Missing::field("version", "Name the warm standby of the market, where there is one."),
            ));
        };
        let every = self.serving_rules().map_or(0, |rules| rules.health_entry_minutes);
        let known = standby.health.as_ref().is_some_and(|health| {
            health.healthy == body.healthy && self.context.now < health.at.plus_minutes(i64::from(every))
        });
        if !known {
            let (version, healthy, detail) = (body.version, body.healthy, body.detail.trim().to_owned());
            draft.push(Event::StandbyReported(StandbyReported { version, healthy, detail }))?;
        }
        Ok(())
    }

    // --- Drills ---------------------------------------------------------------------------------------------------

    fn start_drill(draft: &mut Draft<'_>, body: &StartDrill) -> Result<(), Refusal> {
        InputCheck::default().optional_text("note", &body.note, 2_000).finish()?;
        if let Some(open) = draft.state.open_drill() {
            return Err(Refusal::conflict(
                "drill.one_open",
                format!("Drill {} is under way since entry {}.", open.number, open.entry),
                Missing::from(
                    "drill",
                    "The serving system\u{2019}s word that it applied the drill\u{2019}s document; then the drill ends.",
                    Role::Service,
                ),
            ));
        }
        if let Some(kill) = &draft.state.kill_switch {
            return Err(Refusal::conflict(
                "kill_switch.lifted",
                "The kill switch is in use: nobody rehearses while it is.",
                super::kill_switch::to_be_lifted(kill),
            ));
        }
        let started = DrillStarted {
            drill: draft.state.drills.last().map_or(0, |drill| drill.number) + 1,
            to: draft.state.standby.as_ref().map(|standby| standby.artifact.version),
            note: body.note.trim().to_owned(),
        };
        draft.push(Event::DrillStarted(started))?;
        Ok(())
    }

    fn finish_drill(&self, draft: &mut Draft<'_>, body: &FinishDrill) -> Result<(), Refusal> {
        InputCheck::default().text("note", &body.note, 2_000).finish()?;
        let Some(finished) = self.drill_result(&draft.state, body.millis, body.note.trim()) else {
            return Err(Refusal::conflict(
                "drill.open",
                "No drill is under way.",
                Missing::from("drill", "Begin a drill first.", Role::DataScientist),
            ));
        };
        draft.push(Event::DrillFinished(finished))?;
        Ok(())
    }

    /// How the open drill ends when it took `millis`; `None` if none is open.
    pub(super) fn drill_result(&self, state: &Deployment, millis: Option<u64>, note: &str) -> Option<DrillFinished> {
        let drill = state.open_drill()?.number;
        let target_seconds = self.rollback_rules(&state.market).map(|rules| rules.target_seconds);
        let passed =
            millis.is_some_and(|millis| target_seconds.is_none_or(|target| millis <= u64::from(target) * 1_000));
        Some(DrillFinished { drill, passed, millis, target_seconds, note: note.to_owned() })
    }

    // --- Serving systems and controllers --------------------------------------------------------------------------

    fn applied(&self, model: &ModelName, market: &Market, body: &Applied) -> Result<Vec<Event>, Refusal> {
        InputCheck::default().text("subscriber", &body.subscriber, 100).finish()?;
        let mut draft = self.serving_draft(model, market)?;
        let subscriber = body.subscriber.trim().to_owned();
        let known = draft.state.revisions.iter().find(|revision| revision.number == body.revision);
        let Some(revision) = known else {
            return Err(Refusal::conflict(
                "routing.revision",
                format!("{} is no revision of this document; it is at {}.", body.revision, draft.state.revision()),
                Missing::from(
                    "revision",
                    format!("A revision that the routing document has had, up to {}.", draft.state.revision()),
                    Role::Service,
                ),
            ));
        };
        if revision.applied.contains_key(&subscriber) {
            return Ok(Vec::new());
        }
        let millis = self.millis_since(revision.at);
        let ends_drill = draft.state.open_drill().is_some_and(|drill| drill.entry == body.revision);
        draft.push(Event::RoutingApplied(RoutingApplied { revision: body.revision, millis, subscriber }))?;
        if ends_drill && let Some(result) = self.drill_result(&draft.state, Some(millis), "Acknowledged.") {
            draft.push(Event::DrillFinished(result))?;
        }
        Ok(draft.events)
    }

    /// Whole milliseconds from an instant to now.
    pub(super) fn millis_since(&self, at: Timestamp) -> u64 {
        u64::try_from(self.context.now.micros_since(at) / 1_000).unwrap_or(0)
    }

    fn ask_gate(&self, model: &ModelName, market: &Market, body: &AskGate) -> Result<Vec<Event>, Refusal> {
        let deployment = self.deployment(model, market)?;
        let answer = gate::answer(deployment, body.check, body.version, &self.standing(deployment));
        let every = self.serving_rules().map(|rules| rules.answer_minutes);
        if !gate::must_record(deployment, body.check, body.version, &answer, every, self.context.now) {
            return Ok(Vec::new());
        }
        let reason = if body.check == gate::Check::Event { body.message.clone() } else { answer.reason };
        Ok(vec![Event::GateAnswered(GateAnswered {
            check: body.check,
            version: body.version,
            yes: answer.yes,
            reason,
        })])
    }

    // --- Time -----------------------------------------------------------------------------------------------------

    /// What the passing of time has made due: a step, the release of a standby, the failure of a drill.
    pub(super) fn deployment_comes_due(&self, model: &ModelName, market: &Market) -> Result<Vec<Event>, Refusal> {
        let mut draft = self.serving_draft(model, market)?;
        self.advance(&mut draft)?;
        let over = draft.state.releasable_standby().filter(|standby| standby.until <= self.context.now);
        if let Some(version) = over.map(|standby| standby.artifact.version) {
            draft.push(Event::StandbyReleased(StandbyReleased { version }))?;
        }
        let rules = self.rollback_rules(market);
        let late = draft.state.open_drill().zip(rules).is_some_and(|(drill, rules)| {
            drill.started_at.plus_minutes(i64::from(rules.drill_minutes)) <= self.context.now
        });
        if late && let Some(result) = self.drill_result(&draft.state, None, "Nobody acknowledged it in time.") {
            draft.push(Event::DrillFinished(result))?;
        }
        // Whoever closes the finding or approves the assessment does not touch the deployment: it is looked at again.
        if draft.events.is_empty()
            && let Some(unmet) = self.held_back(&draft.state)
        {
            return Err(Refusal::conflict("rollout.standing", unmet.why().to_owned(), unmet.into_missing()));
        }
        Ok(draft.events)
    }

    /// Why a step that is due otherwise cannot be taken: something that held at the gate holds no more.
    fn held_back(&self, state: &Deployment) -> Option<Requirement> {
        let rollout = state.rollout.as_ref().filter(|_| state.kill_switch.is_none())?;
        let rules = self.rollout_rules(&state.market);
        let all = clock::requirements(rollout, rules, self.standing(state), self.context.now);
        let unmet: Vec<Requirement> = all.into_iter().filter(|requirement| !requirement.met).collect();
        unmet.iter().all(|requirement| requirement.topic.must_go_on()).then_some(())?;
        unmet.into_iter().next()
    }
}

/// What can be done where there is no healthy standby.
pub(super) fn next_fallback(state: &Deployment) -> String {
    format!("The next fallback is the kill switch, which sends everybody to \u{201c}{}\u{201d}.", state.fallback)
}

/// The way out where no standby can take over: whoever decides on a rollback may stop the model instead.
fn kill_instead(state: &Deployment) -> Vec<Missing> {
    let message = format!("The kill switch, which sends everybody to \u{201c}{}\u{201d}.", state.fallback);
    Missing::of("kill_switch", &message, [Role::DataScientist, Role::MrmValidator, Role::RiskCommittee])
}
