//! The demo's story as data: scenes, each at its time, written model by model and then played in order of time.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Command, Market, ModelName, VersionId,
    campaign::{Attest, OpenCampaign},
    command::{
        AmendLineage, ArchiveVersion, DeclinePromotion, FindingNote, RaiseFinding, RecordReport, RegisterModel,
        RegisterVersion, RequestPromotion,
    },
    committee::Voice,
    deployment::{
        Figure, KillTarget, ServingCommand,
        command::{Kill, Observe, Reason, ReportStandby, ReviewKill, StartDrill},
    },
    evidence::EvidencePath,
    id::{IdError, VersionNumber},
    inventory::{AmendInventory, ReassessTier},
    lineage::Lineage,
    registry::Tier,
    stage::Stage,
    validation::{Outcome, Section, Severity},
};
use ledger::{Digest, Timestamp};

use super::{
    calendar::{Calendar, When},
    cast::{Actor, PIPELINE},
    files::Content,
    privacy::PrivacyAct,
};

/// Somebody does something.
pub(super) struct Scene {
    /// When.
    pub(super) at: Timestamp,
    /// Who.
    pub(super) by: Actor,
    /// What.
    pub(super) act: Act,
}

/// What is done.
pub(super) enum Act {
    /// A command as it stands.
    Command(Box<Command>),
    /// A finding, to be mended by somebody.
    Raise(VersionId, RaiseFinding, Option<Actor>),
    /// A file is made and attached.
    Attach(VersionId, Upload),
    /// The open request of a market is signed.
    Sign(VersionId, Option<Market>, &'static str),
    /// The open request of a market is voted on.
    Vote(VersionId, Option<Market>, Voice, &'static str),
    /// A campaign is answered.
    Attest(u32, Attest),
    /// Something in matters of privacy.
    Privacy(ModelName, PrivacyAct),
    /// The step at which a version stands in a market is approved.
    ApproveStep(VersionId, Market, &'static str),
    /// A serving system acknowledges the routing of a market.
    Acknowledge(ModelName, Market, &'static str),
}

/// A file to attach.
pub(super) struct Upload {
    pub(super) path: EvidencePath,
    pub(super) market: Option<Market>,
    pub(super) file_name: String,
    pub(super) content: Content,
}

/// A model's part of the story, in the making. A name that is not valid is told at the end.
pub(super) struct Strand {
    /// The calendar.
    pub(super) calendar: Calendar,
    model: &'static str,
    developer: Actor,
    requester: Actor,
    scenes: Vec<Scene>,
    error: Option<IdError>,
}

impl Strand {
    /// The story of `model`, whose developer acts where nobody else is named.
    pub(super) fn new(calendar: Calendar, model: &'static str, developer: Actor) -> Self {
        Self { calendar, model, developer, requester: developer, scenes: Vec::new(), error: None }
    }

    /// The same, with a colleague who asks for promotions.
    #[must_use]
    pub(super) fn asked_for_by(mut self, requester: Actor) -> Self {
        self.requester = requester;
        self
    }

    /// The model's name.
    pub(super) fn name(&self) -> Result<ModelName, IdError> {
        self.model.parse()
    }

    /// Who acts where nobody else is named.
    pub(super) fn developer(&self) -> Actor {
        self.developer
    }

    /// The scenes.
    pub(super) fn finish(self) -> Result<Vec<Scene>, IdError> {
        self.error.map_or(Ok(self.scenes), Err)
    }

    pub(super) fn put(&mut self, at: Timestamp, by: Actor, act: Result<Act, IdError>) {
        match act {
            Ok(act) => self.scenes.push(Scene { at, by, act }),
            Err(error) => self.error = Some(error),
        }
    }

    pub(super) fn command(&mut self, when: When, by: Actor, command: Result<Command, IdError>) {
        self.put(self.calendar.at(when), by, command.map(|command| Act::Command(Box::new(command))));
    }

    pub(super) fn version(&self, number: u32) -> Result<VersionId, IdError> {
        Ok(VersionId { model: self.model.parse()?, number: VersionNumber::try_from(number)? })
    }

    pub(super) fn register_model(&mut self, when: When, tier: Tier, profile: &str, markets: &[&str], what: [&str; 2]) {
        let [title, purpose] = what.map(str::to_owned);
        let model = || -> Result<Command, IdError> {
            let markets = markets.iter().map(|market| market.parse()).collect::<Result<_, _>>()?;
            let (name, profile) = (self.model.parse()?, profile.parse()?);
            Ok(Command::RegisterModel(RegisterModel { name, title, purpose, tier, profile, markets }))
        };
        let command = model();
        self.command(when, self.developer, command);
    }

    pub(super) fn register(&mut self, when: When, lineage: &Lineage, note: &str) {
        self.register_at(self.calendar.at(when), self.developer, lineage, note);
    }

    /// Registered by `by` at an instant that may lie outside working hours.
    pub(super) fn register_at(&mut self, at: Timestamp, by: Actor, lineage: &Lineage, note: &str) {
        let body = RegisterVersion { lineage: lineage.clone(), note: note.to_owned(), origin: None, trigger: None };
        let command = self.model.parse().map(|model: ModelName| Command::RegisterVersion(model, body));
        self.put(at, by, command.map(|command| Act::Command(Box::new(command))));
    }

    pub(super) fn amend(&mut self, when: When, number: u32, lineage: &Lineage, reason: &str) {
        let body = AmendLineage { lineage: lineage.clone(), reason: reason.to_owned() };
        let command = self.version(number).map(|id| Command::AmendLineage(id, body));
        self.command(when, self.developer, command);
    }

    pub(super) fn attach(&mut self, when: When, number: u32, path: EvidencePath, file_name: &str, content: Content) {
        self.attach_at(self.calendar.at(when), self.developer, number, path, file_name, content);
    }

    /// Attached by `by` at an instant that may lie outside working hours.
    pub(super) fn attach_at(
        &mut self,
        at: Timestamp,
        by: Actor,
        number: u32,
        path: EvidencePath,
        file_name: &str,
        content: Content,
    ) {
        let upload = Upload { path, market: None, file_name: file_name.to_owned(), content };
        let act = self.version(number).map(|id| Act::Attach(id, upload));
        self.put(at, by, act);
    }

    /// Shadow or canary results of a market.
    pub(super) fn results(&mut self, when: When, number: u32, path: EvidencePath, market: &str, content: Content) {
        self.results_of(when, number, path, market, "results", content);
    }

    /// As [`Self::results`], of the part of the evaluation named.
    pub(super) fn results_of(
        &mut self,
        when: When,
        number: u32,
        path: EvidencePath,
        market: &str,
        part: &str,
        content: Content,
    ) {
        let file_name = format!("{path}-{part}-{}.csv", market.to_lowercase());
        let act = market.parse().and_then(|market: Market| {
            Ok(Act::Attach(self.version(number)?, Upload { path, market: Some(market), file_name, content }))
        });
        self.put(self.calendar.at(when), self.developer, act);
    }

    pub(super) fn request(&mut self, when: When, number: u32, to: Stage, market: Option<&str>, note: &str) {
        let command = market.map(str::parse).transpose().and_then(|market| {
            let body = RequestPromotion { to, market, note: note.to_owned(), blue_green: None };
            Ok(Command::RequestPromotion(self.version(number)?, body))
        });
        self.command(when, self.requester, command);
    }

    pub(super) fn withdraw(&mut self, when: When, number: u32, request: u32) {
        let command = self.version(number).map(|id| Command::WithdrawPromotion(id, request));
        self.command(when, self.developer, command);
    }

    pub(super) fn decline(&mut self, when: When, by: Actor, number: u32, request: u32, reason: &str) {
        let body = DeclinePromotion { reason: reason.to_owned() };
        let command = self.version(number).map(|id| Command::DeclinePromotion(id, request, body));
        self.command(when, by, command);
    }

    pub(super) fn sign(&mut self, when: When, by: Actor, number: u32, market: Option<&str>, comment: &'static str) {
        let act =
            market.map(str::parse).transpose().and_then(|market| Ok(Act::Sign(self.version(number)?, market, comment)));
        self.put(self.calendar.at(when), by, act);
    }

    pub(super) fn vote(&mut self, when: When, by: Actor, number: u32, market: &str, voice: Voice, why: &'static str) {
        let act = market.parse().and_then(|market| Ok(Act::Vote(self.version(number)?, Some(market), voice, why)));
        self.put(self.calendar.at(when), by, act);
    }

    /// The tier, judged by exposure and purpose.
    pub(super) fn judge_tier(&mut self, when: When, by: Actor, exposure: &str, purpose: &str, reason: &str) {
        let (exposure, purpose, reason) = (exposure.to_owned(), purpose.to_owned(), reason.to_owned());
        let body = ReassessTier { exposure, purpose, reason };
        let command = self.model.parse().map(|model| Command::ReassessTier(model, body));
        self.command(when, by, command);
    }

    /// What the inventory says beside the purpose.
    pub(super) fn card(&mut self, when: When, [products, restrictions, inputs, outputs]: [&str; 4]) {
        let body = AmendInventory {
            purpose: None,
            products: Some(products.to_owned()),
            restrictions: Some(restrictions.to_owned()),
            inputs: Some(inputs.to_owned()),
            outputs: Some(outputs.to_owned()),
            reason: "First entry of the card.".to_owned(),
        };
        let command = self.model.parse().map(|model| Command::AmendInventory(model, body));
        self.command(when, self.developer, command);
    }

    /// The model's owner answers a campaign.
    pub(super) fn attest(&mut self, when: When, campaign: u32, holds: bool, comment: &str) {
        let comment = comment.to_owned();
        let act = self.model.parse().map(|model| Act::Attest(campaign, Attest { model, holds, comment }));
        self.put(self.calendar.at(when), self.developer, act);
    }

    /// A campaign over the whole inventory.
    pub(super) fn open_campaign(&mut self, when: When, by: Actor, number: u32, title: &str, due_at: Timestamp) {
        let body = OpenCampaign {
            title: title.to_owned(),
            statement: "What the inventory says of this model is complete and right.".to_owned(),
            tiers: BTreeSet::new(),
            owners: BTreeSet::new(),
            due_at,
        };
        self.command(when, by, Ok(Command::OpenCampaign(number, body)));
    }

    pub(super) fn privacy(&mut self, when: When, by: Actor, act: PrivacyAct) {
        let act = self.model.parse().map(|model| Act::Privacy(model, act));
        self.put(self.calendar.at(when), by, act);
    }

    /// The sections' texts in the report's order.
    pub(super) fn report(&mut self, when: When, by: Actor, number: u32, outcome: Outcome, sections: [&str; 8]) {
        let sections: BTreeMap<Section, String> = Section::ALL.into_iter().zip(sections.map(str::to_owned)).collect();
        let command = self.version(number).map(|id| Command::RecordReport(id, RecordReport { sections, outcome }));
        self.command(when, by, command);
    }

    pub(super) fn raise(&mut self, when: When, by: Actor, number: u32, finding: NewFinding) {
        let NewFinding { severity, title, description, owner, due_at } = finding;
        let (title, description) = (title.to_owned(), description.to_owned());
        let finding = RaiseFinding { severity, title, description, owner: None, due_at };
        let act = self.version(number).map(|id| Act::Raise(id, finding, owner));
        self.put(self.calendar.at(when), by, act);
    }

    pub(super) fn remediate(&mut self, when: When, number: u32, finding: u32, note: &str) {
        let body = FindingNote { note: note.to_owned() };
        let command = self.version(number).map(|id| Command::RemediateFinding(id, finding, body));
        self.command(when, self.developer, command);
    }

    pub(super) fn close(&mut self, when: When, by: Actor, number: u32, finding: u32, note: &str) {
        let body = FindingNote { note: note.to_owned() };
        let command = self.version(number).map(|id| Command::CloseFinding(id, finding, body));
        self.command(when, by, command);
    }

    /// Something about what serves a market.
    fn serve(&mut self, when: When, by: Actor, market: &str, command: ServingCommand) {
        let at = self.calendar.at(when);
        self.serve_at(at, by, market, command);
    }

    fn serve_at(&mut self, at: Timestamp, by: Actor, market: &str, command: ServingCommand) {
        let act = self
            .model
            .parse()
            .and_then(|model: ModelName| Ok(Act::Command(Box::new(Command::Serve(model, market.parse()?, command)))));
        self.put(at, by, act);
    }

    /// The last hours of a version's traffic: error rate, p99 against the champion, and what users did, each with its
    /// interval.
    pub(super) fn observe(&mut self, when: When, number: u32, market: &str, seen: &Seen) {
        let at = self.calendar.at(when);
        let figure = |metric: &str, [value, lower, upper]: [f64; 3]| Figure {
            metric: metric.to_owned(),
            value,
            lower: Some(lower),
            upper: Some(upper),
        };
        let mut figures = vec![figure("error_rate", seen.error_rate), figure("p99_ratio", seen.p99_ratio)];
        figures.extend(seen.outcome_change.map(|values| figure("outcome_change", values)));
        let observe = VersionNumber::try_from(number).map(|version| {
            let (from, to) = (at.plus_hours(-4), at.plus_minutes(-2));
            ServingCommand::Observe(Observe { version, from, to, sample: seen.sample, figures })
        });
        match observe {
            Ok(command) => self.serve_at(at, PIPELINE, market, command),
            Err(error) => self.error = Some(error),
        }
    }

    /// A green window and, a quarter of an hour later, the approval of the next step where an approver is named.
    pub(super) fn step(
        &mut self,
        (day, hour, minute): When,
        number: u32,
        market: &str,
        seen: &Seen,
        approver: Option<(Actor, &'static str)>,
    ) {
        self.observe((day, hour, minute), number, market, seen);
        if let Some((who, comment)) = approver {
            let act =
                market.parse().and_then(|market: Market| Ok(Act::ApproveStep(self.version(number)?, market, comment)));
            self.put(self.calendar.at((day, hour, minute)).plus_minutes(15), who, act);
        }
    }

    /// Walks a promoted version up the steps after the canary's, green each day and an hour later than the day before,
    /// approved where `approver` is named.
    pub(super) fn roll_out(
        &mut self,
        (from_day, from_hour): (u32, u32),
        number: u32,
        market: &str,
        seen: &[Seen],
        approver: Option<(Actor, &[&'static str])>,
    ) {
        for ((day, hour), (index, seen)) in (0..=from_day).rev().zip(from_hour..).zip(seen.iter().enumerate()) {
            let approver = approver.map(|(who, comments)| (who, comments.get(index).copied().unwrap_or("")));
            self.step((day, hour, 40), number, market, seen, approver);
        }
    }

    pub(super) fn kill(&mut self, when: When, by: Actor, market: &str, reason: &str) {
        let kill = Kill { to: KillTarget::Fallback, reason: reason.to_owned() };
        self.serve(when, by, market, ServingCommand::Kill(kill));
        self.acknowledge(self.calendar.at(when).plus_micros(740_000), market);
    }

    pub(super) fn review_kill(&mut self, when: When, by: Actor, market: &str, text: &str) {
        let review = ReviewKill { text: text.to_owned(), may_lift: true };
        self.serve(when, by, market, ServingCommand::ReviewKill(review));
    }

    pub(super) fn lift_kill(&mut self, when: When, by: Actor, market: &str, reason: &str) {
        self.serve(when, by, market, ServingCommand::LiftKill(Reason { reason: reason.to_owned() }));
    }

    /// A rollback drill that the serving layer acknowledges after some seconds.
    pub(super) fn drill(&mut self, when: When, market: &str, note: &str, seconds: i64) {
        self.serve(when, self.developer, market, ServingCommand::StartDrill(StartDrill { note: note.to_owned() }));
        self.acknowledge(self.calendar.at(when).plus_seconds(seconds), market);
    }

    fn acknowledge(&mut self, at: Timestamp, market: &str) {
        let gateway = if market == "US" { "gateway us-east" } else { "gateway eu-central" };
        let act = self.model.parse().and_then(|model: ModelName| Ok(Act::Acknowledge(model, market.parse()?, gateway)));
        self.put(at, PIPELINE, act);
    }

    pub(super) fn standby(&mut self, when: When, number: u32, market: &str) {
        match VersionNumber::try_from(number) {
            Ok(version) => {
                let detail = "GET /ready answered 200 in 11 ms on 3 of 3 pods".to_owned();
                let report = ReportStandby { version, healthy: true, detail };
                self.serve(when, PIPELINE, market, ServingCommand::ReportStandby(report));
            }
            Err(error) => self.error = Some(error),
        }
    }

    pub(super) fn archive(&mut self, when: When, number: u32, reason: &str) {
        let body = ArchiveVersion { reason: reason.to_owned() };
        let command = self.version(number).map(|id| Command::ArchiveVersion(id, body));
        self.command(when, self.developer, command);
    }
}

/// What a window of traffic showed: each figure with its interval.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) sample: u64,
    pub(super) error_rate: [f64; 3],
    pub(super) p99_ratio: [f64; 3],
    pub(super) outcome_change: Option<[f64; 3]>,
}

impl Seen {
    pub(super) const fn new(sample: u64, error_rate: [f64; 3], p99_ratio: [f64; 3]) -> Self {
        Self { sample, error_rate, p99_ratio, outcome_change: None }
    }

    pub(super) const fn with_outcome(self, outcome_change: [f64; 3]) -> Self {
        Self { outcome_change: Some(outcome_change), ..self }
    }
}

/// A finding to be raised.
#[derive(Clone, Copy)]
pub(super) struct NewFinding {
    pub(super) severity: Severity,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    /// Who mends it, if not whoever registered the version.
    pub(super) owner: Option<Actor>,
    pub(super) due_at: Timestamp,
}

/// Gives a lineage the artifacts of one training run: everything that a new run changes, whatever else it keeps.
pub(super) fn trained(lineage: &mut Lineage, run: &str, partition: &str) {
    let digest = |what: &str| Digest::of(format!("countersign demo: {what} of {run}").as_bytes());
    lineage.code.git_commit = Some(digest("commit").hex()[..40].to_owned());
    lineage.code.image_digest = Some(digest("image"));
    lineage.data.version = Some(partition.to_owned());
    lineage.data.digest = Some(digest("data"));
    lineage.model.weights_digest = Some(digest("weights"));
    lineage.training.system = Some("mlflow".to_owned());
    lineage.training.id = Some(digest("run").hex()[..32].to_owned());
}
