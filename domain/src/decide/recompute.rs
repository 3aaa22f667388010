//! Computes the figures of an entry again with the rules that decided them. Called by [`crate::recompute`], which gives the
//! states that the entry was decided on.

use std::collections::{BTreeMap, BTreeSet};

use ledger::Digest;

use super::{Case, Context, observations::violations};
use crate::{
    access::Principal,
    account::AccountKind,
    aggregate::{AggregateId, World},
    approval::Package,
    deployment::{
        Cause as RollbackCause, Deployment, Rollout, StepPackage, clock,
        command::{Kill, Observe},
        event::{ChampionRolledBack, DrillFinished, KillEngaged, RolledBack, RoutingApplied, Struck},
        gate,
    },
    event::{Event, Recorded},
    id::{Market, ModelName},
    materiality::Assessed,
    policy::Policy,
    privacy::{
        dpia::{Cause as Reopened, plus_months},
        event::Approval,
    },
    promotion::Request,
    recompute::Comparison,
    refusal::{Missing, Refusal},
    registry::Version,
    statistics::psi_of_counts,
    trigger::{Cause, Circumstances, DriftObserved, Figure, Fired, Prompt, Suppressed, Triggers, Window},
    validation::depth_of,
};

/// Compares the computed figures of `recorded` with what comes out of `world`, the states before it; `following` are the
/// entries that were made with it.
pub(crate) fn recompute(recorded: &Recorded, world: &World, following: &[Recorded], out: &mut Comparison) {
    let context = Context {
        now: recorded.time,
        next_seq: recorded.seq,
        principal: Principal {
            account: recorded.actor.clone(),
            kind: AccountKind::Human,
            roles: BTreeSet::new(),
            team: String::new(),
            scopes: None,
        },
        reauthenticated: true,
        expected_revision: None,
    };
    let case = Case { world, context: &context };
    let done = match (&recorded.subject, &recorded.event) {
        (AggregateId::Deployment(model, market), event) => case.serving_again(model, market, event, out),
        (AggregateId::Triggers(_), event) => case.triggers_again(event, out),
        (AggregateId::Version(_), event) => case.version_again(event, out),
        (AggregateId::Dpia(_) | AggregateId::ReviewRequest(_), event) => case.privacy_again(event, out),
        (_, event) => case.others_again(event, following, out),
    };
    if let Err(refusal) = done {
        out.fails(format!("by the rules in force then it does not come about: {}", refusal.message));
    }
}

type Done = Result<(), Refusal>;

/// What the ledger must hold for the entry to have come about, and does not.
fn lacking(what: &str) -> Refusal {
    Refusal::rule("ledger.consistent", format!("the entries before it hold no {what}."), Missing::sound_ledger())
}

/// A judgement without its sentences: those are told in the words of the program that wrote the entry.
fn figures_of(assessed: Option<&Assessed>) -> Option<Assessed> {
    assessed.map(|assessed| Assessed { reasons: Vec::new(), ..assessed.clone() })
}

impl Case<'_> {
    fn others_again(&self, event: &Event, following: &[Recorded], out: &mut Comparison) -> Done {
        match event {
            Event::PolicyAdopted { toml, digest } => {
                out.same("digest", digest, Digest::of(toml.as_bytes()));
                if let Err(error) = Policy::read(toml) {
                    out.fails(error.to_string());
                }
            }
            Event::TierAssessed(body) => {
                let tiering = self.policy()?.policy.tiering.as_ref();
                let tier = tiering.and_then(|tiering| tiering.tier(&body.exposure, &body.purpose));
                out.same("from", body.from, self.model()?.tier).same("to", Some(body.to), tier);
            }
            Event::CampaignOpened(body) => {
                let called: usize = following
                    .iter()
                    .map(|later| match &later.event {
                        Event::CampaignCalled(called) => called.models.len(),
                        _ => 0,
                    })
                    .sum();
                out.same("models", body.models as usize, called);
            }
            Event::WebhookRotated(body) => {
                let rules = self.policy()?.policy.webhooks;
                let longest = rules.map_or(0, |rules| rules.longest_overlap_hours);
                out.same("longest_overlap_hours", body.longest_overlap_hours, longest);
            }
            _ => {}
        }
        Ok(())
    }

    // --- Versions -------------------------------------------------------------------------------------------------

    fn version_again(&self, event: &Event, out: &mut Comparison) -> Done {
        if let Event::VersionRegistered { prompt, .. } = event {
            let triggers = self.world.triggers.as_deref();
            let firing = prompt.as_ref().and_then(|prompt| triggers?.firing(prompt.firing));
            out.same("prompt", prompt, firing.map(Prompt::of));
            return Ok(());
        }
        let version = self.world.version.as_deref().ok_or_else(|| lacking("such version"))?;
        match event {
            Event::PromotionRequested { to, market, due_at, assessed, committee, .. } => {
                let gate = self.policy()?.policy.gate(&self.model()?.profile, *to, market.as_ref());
                let again = self.assess(version, market.as_ref())?;
                out.same("due_at", due_at, self.answer_due()?)
                    .same("assessed", figures_of(assessed.as_deref()), figures_of(again.as_ref()))
                    .same("committee", committee, self.convene(version, gate.as_ref()));
            }
            Event::PromotionSigned { request, package, parts, .. } => {
                self.package_again(version, *request, (package, parts), out)?;
            }
            Event::CommitteeVoted(body) => {
                self.package_again(version, body.request, (&body.package, &body.parts), out)?;
            }
            Event::StageTransitioned { request, requirements, .. } => {
                let request = Self::request_of(version, *request)?;
                let question = self.question(version, request.to, request.market.as_ref())?;
                let asked = question.requirements()?;
                let rules: Vec<&str> = asked.iter().map(|requirement| requirement.rule.as_str()).collect();
                out.payloads(event, &self.entering(version, request, requirements.clone())?);
                out.same("requirements", requirements, rules);
                for unmet in asked.iter().filter(|requirement| !requirement.met) {
                    out.fails(format!("{} was not met: {}", unmet.rule, unmet.details.join(" ")));
                }
            }
            Event::ReportRecorded { sections, depth, .. } => {
                out.same("depth", depth, Some(depth_of(sections)));
            }
            Event::MaterialitySet(body) => {
                out.same("from", Some(body.from), self.current_materiality(version, body.market.as_ref())?).same(
                    "lineage",
                    body.lineage,
                    version.lineage_digest,
                );
            }
            Event::WaiverGranted(body) => {
                out.same("max_days", body.max_days, self.waiver_rules()?.days_for(&body.covers));
            }
            Event::DpiaReopened(Reopened::Version { classes, .. }) => {
                let approved = self.world.privacy.as_ref().and_then(|file| file.approved.as_ref());
                out.same("classes", Some(classes), approved.map(|approved| approved.outside(&version.lineage)));
            }
            _ => {}
        }
        Ok(())
    }

    fn request_of(version: &Version, number: u32) -> Result<&Request, Refusal> {
        version.request(number).ok_or_else(|| lacking("such request"))
    }

    fn package_again(
        &self,
        version: &Version,
        request: u32,
        (package, parts): (&Digest, &BTreeMap<String, Digest>),
        out: &mut Comparison,
    ) -> Done {
        let request = Self::request_of(version, request)?;
        let again = Package::of(&self.question(version, request.to, request.market.as_ref())?);
        out.same("package", package, again.digest()).same("parts", parts, again.part_digests());
        Ok(())
    }

    // --- Privacy --------------------------------------------------------------------------------------------------

    fn privacy_again(&self, event: &Event, out: &mut Comparison) -> Done {
        let file = self.world.privacy.as_deref();
        let draft = file.and_then(|file| file.draft.as_ref());
        let written = draft.map(|draft| draft.content.digest());
        match event {
            Event::DpiaDrafted(body) => {
                out.same("fingerprints", &body.fingerprints, self.fingerprints(&body.content));
            }
            Event::DpiaAdvised(body) => {
                out.same("content", Some(body.content), written);
            }
            Event::DpiaApproved(body) => {
                out.same("content", Some(body.content), written);
                let draft = draft.ok_or_else(|| lacking("assessment"))?;
                let high = draft.content.high_residual(self.privacy_policy()?).count();
                self.approval_again(body, high, out)?;
            }
            Event::SafeguardsConfirmed { statement } => {
                let stated = file.and_then(|file| file.safeguards.as_ref());
                out.same("statement", Some(statement), stated.map(|stated| stated.digest));
            }
            Event::SafeguardsLapsed(body) => {
                let stated = file.and_then(|file| file.safeguards.as_ref());
                let kept = stated.map(|stated| stated.statement.kept_by(&body.account));
                out.same("safeguards", Some(&body.safeguards), kept.as_ref());
            }
            Event::ReviewReceived(body) => {
                let days = self.privacy_policy()?.review_request_days;
                out.same("due_at", body.due_at, body.received_at.plus_days(i64::from(days)));
            }
            Event::ReviewExtended(body) => {
                let review = self.world.review.as_deref().ok_or_else(|| lacking("such request"))?;
                out.same("rule", Some(body.rule), self.privacy_policy()?.review_extension).same(
                    "due_at",
                    body.due_at,
                    review.due_at.plus_days(i64::from(body.days)),
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// The approver chose the months, within policy's.
    fn approval_again(&self, body: &Approval, high_risks: usize, out: &mut Comparison) -> Done {
        let months = 1..=self.privacy_policy()?.review_months;
        let mut dates = months.map(|months| plus_months(self.context.now, months));
        let last = plus_months(self.context.now, self.privacy_policy()?.review_months);
        let review_at = dates.find(|date| *date == body.review_at).unwrap_or(last);
        out.same("review_at", body.review_at, review_at).same("high_risks", body.high_risks as usize, high_risks).same(
            "policy",
            body.policy,
            self.policy()?.digest,
        );
        Ok(())
    }

    // --- Triggers -------------------------------------------------------------------------------------------------

    fn triggers_again(&self, event: &Event, out: &mut Comparison) -> Done {
        match event {
            Event::DriftObserved(body) => self.drift_again(body, out),
            Event::TriggerFired(body) => {
                out.payloads(event, &self.outcome_again(&body.about)?);
                Ok(())
            }
            Event::TriggerSuppressed(body) => {
                out.payloads(event, &self.outcome_again(&body.about)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn drift_again(&self, body: &DriftObserved, out: &mut Comparison) -> Done {
        out.same("bin_floor", body.bin_floor, self.trigger_policy()?.0.psi_bin_floor);
        let counted = body.features.iter().filter(|(_, measured)| !measured.reference.is_empty());
        for (name, measured) in counted {
            match psi_of_counts(&measured.reference, &measured.actual, body.bin_floor) {
                Ok(psi) => out.same(&format!("the index of {name}"), measured.psi, psi),
                Err(error) => out.fails(format!("the index of {name}: {error}")),
            };
        }
        Ok(())
    }

    /// What the entry's circumstances lead to. Entries from before windows were kept are read without theirs.
    fn outcome_again(&self, about: &Circumstances) -> Result<Event, Refusal> {
        let mut event = self.outcome_with_window(about)?;
        if let (None, Event::TriggerFired(Fired { about, .. }) | Event::TriggerSuppressed(Suppressed { about, .. })) =
            (&about.window, &mut event)
        {
            about.window = None;
        }
        Ok(event)
    }

    fn outcome_with_window(&self, about: &Circumstances) -> Result<Event, Refusal> {
        let model = &self.model()?.name;
        let triggers = self.world.triggers.as_deref().cloned().unwrap_or_else(|| Triggers::new(model.clone()));
        let observation = about.observation.unwrap_or_default();
        match about.cause {
            Cause::Drift => {
                let seen = triggers.drift.as_ref().filter(|seen| seen.mark.entry == observation);
                let seen = seen.ok_or_else(|| lacking("look at the features by the entry that it names"))?;
                let limit = self.trigger_policy()?.0.thresholds(&triggers.configuration).psi_threshold;
                let over = seen.worst.iter().filter(|moved| moved.psi > limit);
                let figures = over.map(|moved| Figure { name: moved.name.clone(), value: moved.psi, limit }).collect();
                let window = Window { from: seen.from, until: seen.until, source: seen.source.clone() };
                self.drift_outcome(&triggers, figures, &window, observation)
            }
            Cause::Performance => {
                let seen = triggers.performance.iter().find(|(_, seen)| seen.mark.entry == observation);
                let (metric, seen) = seen.ok_or_else(|| lacking("value of a metric by the entry that it names"))?;
                let rule = triggers.configuration.performance.iter().find(|rule| rule.metric == *metric);
                let rule = rule.ok_or_else(|| lacking("floor of that metric"))?;
                let source = about.window.as_ref().map(|window| window.source.clone()).unwrap_or_default();
                let window = Window { from: seen.from, until: seen.until, source };
                self.performance_outcome(&triggers, rule, seen.value, &window, observation)
            }
            Cause::Scheduled => {
                let slot = triggers.slot_due(self.context.now).ok_or_else(|| lacking("slot that was due"))?;
                self.slot_outcome(&triggers, slot)
            }
            Cause::Manual => self.manual_outcome(&triggers, &about.note),
        }
    }

    // --- Serving --------------------------------------------------------------------------------------------------

    fn serving_again(&self, model: &ModelName, market: &Market, event: &Event, out: &mut Comparison) -> Done {
        if let Event::KillEngaged(body) = event {
            return self.kill_again(model, market, (body, event), out);
        }
        let state = self.deployment(model, market)?;
        match event {
            Event::RolloutObserved(body) => {
                let told = Observe {
                    version: body.version,
                    from: body.from,
                    to: body.to,
                    sample: body.sample,
                    figures: body.figures.clone(),
                };
                out.payloads(event, &Event::RolloutObserved(Box::new(self.judged(state, &told))));
            }
            Event::RolloutStruck(body) => self.strike_again(model, market, (body, event), out)?,
            Event::RolloutAdvanced(_) | Event::RolloutCompleted(_) => self.step_again(state, event, out)?,
            Event::RolloutApproved(body) => {
                let package = StepPackage::of(state, self.policy()?.digest).map(|package| package.digest());
                let percent = state.rollout.as_ref().map(Rollout::percent);
                out.same("package", Some(body.package), package).same("from_percent", Some(body.from_percent), percent);
            }
            Event::RolloutRolledBack(body) => self.rolled_back_again(state, body, out),
            Event::ChampionRolledBack(body) => champion_again(state, body, out),
            Event::RollbackBlocked(body) => {
                let why = self.fit_standby(state).err().map(|refusal| refusal.message);
                out.same("reason", Some(&body.reason), why);
            }
            Event::DrillFinished(body) => self.drill_again(state, body, out),
            Event::RoutingApplied(body) => self.applied_again(state, body, out),
            Event::GateAnswered(body) => {
                let standing = self.standing(state);
                let mut answer = gate::answer(state, body.check, body.version, &standing);
                if body.version.is_none() && (body.yes, &body.reason) != (answer.yes, &answer.reason) {
                    // Entries from before a question without a version was always a no: it was about the latest one.
                    let latest = gate::latest(state);
                    answer = latest.map_or(answer, |latest| gate::answer(state, body.check, Some(latest), &standing));
                }
                out.same("yes", body.yes, answer.yes);
                if body.check != gate::Check::Event {
                    out.same("reason", &body.reason, answer.reason);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn strike_again(
        &self,
        model: &ModelName,
        market: &Market,
        (body, event): (&Struck, &Event),
        out: &mut Comparison,
    ) -> Done {
        let mut draft = self.serving_draft(model, market)?;
        let observations = draft.state.rollout.iter().flat_map(|rollout| &rollout.observations);
        let mut broken =
            observations.filter(|seen| seen.entry == body.observation).map(|seen| violations(&seen.judged));
        let broken = broken.next_back().filter(|broken| !broken.is_empty());
        let broken = broken.ok_or_else(|| lacking("red window by the entry that it names"))?;
        self.strike(&mut draft, broken, body.observation)?;
        if let Some(Event::RolloutStruck(again)) = draft.events.first_mut() {
            again.kept_with_version = body.kept_with_version;
        }
        out.payloads(event, draft.events.first().ok_or_else(|| lacking("rollout"))?);
        Ok(())
    }

    fn step_again(&self, state: &Deployment, event: &Event, out: &mut Comparison) -> Done {
        let rollout = state.rollout.as_ref().ok_or_else(|| lacking("rollout"))?;
        let rules = self.market_rules(&state.market).and_then(|rules| rules.rollout.as_ref());
        let requirements = clock::requirements(rollout, rules, self.standing(state), self.context.now);
        // The approval is an entry of its own, just before.
        for unmet in requirements.iter().filter(|asked| !asked.met && asked.rule != "rollout.approval") {
            out.fails(format!("{} was not met: {}", unmet.rule, unmet.details.join(" ")));
        }
        let requirements = requirements.into_iter().map(|requirement| requirement.rule).collect();
        out.payloads(event, &self.forward(state, rollout, requirements)?);
        Ok(())
    }

    fn drill_again(&self, state: &Deployment, body: &DrillFinished, out: &mut Comparison) {
        let again = self.drill_result(state, body.millis, &body.note);
        out.payloads(
            &Event::DrillFinished(body.clone()),
            &Event::DrillFinished(again.unwrap_or(DrillFinished { drill: 0, ..body.clone() })),
        );
        // Somebody who ends a drill by hand tells the time; a system that acknowledges it is timed.
        let revision = state.open_drill().and_then(|drill| state.revisions.iter().find(|r| r.number == drill.entry));
        let timed: Vec<u64> = revision.into_iter().flat_map(|revision| revision.applied.values().copied()).collect();
        if !timed.is_empty() && !body.millis.is_some_and(|millis| timed.contains(&millis)) {
            out.same("millis", body.millis, timed.iter().max());
        }
    }

    fn applied_again(&self, state: &Deployment, body: &RoutingApplied, out: &mut Comparison) {
        let revision = state.revisions.iter().find(|revision| revision.number == body.revision);
        let millis = revision.map(|revision| self.millis_since(revision.at));
        out.same("millis", Some(body.millis), millis);
    }

    fn kill_again(
        &self,
        model: &ModelName,
        market: &Market,
        (body, event): (&KillEngaged, &Event),
        out: &mut Comparison,
    ) -> Done {
        let kill = Kill { to: body.to, reason: body.reason.clone() };
        let mut again = self.kill(model, market, &kill)?.pop();
        // It works where no policy can be read, and then knows neither its dates nor its names.
        if let (None, Some(Event::KillEngaged(again))) = (body.review_due, &mut again) {
            again.review_due = None;
            again.review_role = body.review_role;
            again.fallback.clone_from(&body.fallback);
        }
        out.payloads(event, &again.ok_or_else(|| lacking("kill switch"))?);
        Ok(())
    }

    fn rolled_back_again(&self, state: &Deployment, body: &RolledBack, out: &mut Comparison) {
        let rollout = state.rollout.as_ref();
        out.same("version", Some(body.version), rollout.map(|rollout| rollout.artifact.version));
        let percent = match (body.cause, rollout) {
            (RollbackCause::Strikes, Some(rollout)) => {
                let (strikes, allowed) = (rollout.strikes.len(), self.strikes_allowed(&state.market, rollout));
                if u32::try_from(strikes).is_ok_and(|strikes| strikes < allowed) {
                    out.fails(format!("{strikes} of the {allowed} strikes that end a rollout had been counted"));
                }
                rollout.strikes.last().map(|strike| strike.from_percent)
            }
            _ => rollout.map(Rollout::percent),
        };
        out.same("from_percent", Some(body.from_percent), percent);
    }
}

fn champion_again(state: &Deployment, body: &ChampionRolledBack, out: &mut Comparison) {
    let standby = state.standby.as_ref();
    let healthy_at = standby.and_then(|standby| standby.health.as_ref()).map(|health| health.at);
    out.same("from", Some(body.from), state.champion.as_ref().map(|seat| seat.artifact.version))
        .same("to", Some(body.to), standby.map(|standby| standby.artifact.version))
        .same("healthy_at", body.healthy_at, healthy_at);
}
