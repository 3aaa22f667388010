//! A small world to test the rules in: states by aggregate, a clock and a counter, all in memory. Every event goes
//! through its canonical JSON before it is folded, as it does in the ledger.

#![allow(dead_code, reason = "each test binary uses its own part of the world")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]
#![allow(clippy::unnecessary_wraps, reason = "markets are written as commands take them")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use domain::{
    AccountId, Aggregate, AggregateId, Command, Context, Event, Market, Recorded, Refusal, Stage, VersionId,
    VersionNumber, World,
    access::Principal,
    account::{Account, AccountKind, Role},
    approval::Package,
    campaign::{Listed, needs_inventory},
    command::{
        ArchiveVersion, AttachEvidence, CreateAccount, FindingNote, RaiseFinding, RecordReport, RegisterModel,
        RegisterVersion, RequestPromotion, SignPromotion,
    },
    committee::{CastVote, Voice, needs_roster},
    decide,
    deployment::{
        Deployment, Figure, ServingCommand, StepPackage,
        command::{ApproveStep, Observe},
    },
    evidence::{Compared, Criteria, EvidenceKind, EvidencePath, Facts, Verdict},
    inventory::{ChangeOwner, status},
    lineage::{Code, Data, Features, Lineage, ModelArtifact, Scalar, TrainingRun},
    materiality::wanted_baseline,
    policy::{AdoptedPolicy, DEFAULT_POLICY},
    privacy::{
        PrivacyFile,
        command::{AdviseDpia, ApproveDpia, ConfirmSafeguards, PrivacyCommand},
        dpia::{Content, Level, Measure, Part, Rating, Risk, RiskKind, Scope, SubjectViews},
        review::{Review, ReviewId},
        safeguards::{Article22, Basis, Keeper, Safeguard, leaver},
    },
    promotion::{Question, Requirement},
    registry::{Model, Standing, Tier, Version},
    validation::{Outcome, Section, Severity},
    waiver::GrantWaiver,
};
use ledger::{Digest, Timestamp, canonical_json};

/// Who asks, proved again or not, having seen which revision.
#[derive(Clone)]
pub struct Asking {
    pub principal: Principal,
    pub reauthenticated: bool,
    pub expected_revision: Option<u64>,
}

impl From<&Principal> for Asking {
    fn from(principal: &Principal) -> Self {
        Self { principal: principal.clone(), reauthenticated: true, expected_revision: None }
    }
}

#[derive(Clone)]
pub struct TestWorld {
    pub states: HashMap<AggregateId, Aggregate>,
    pub log: Vec<Recorded>,
    pub now: Timestamp,
    /// Who holds the risk committee's role.
    pub committee: Vec<Principal>,
    next_seq: u64,
    files: u32,
}

pub fn person(id: &str, roles: &[Role], team: &str) -> Principal {
    Principal {
        account: account(id),
        kind: AccountKind::Human,
        roles: roles.iter().copied().collect(),
        team: team.into(),
        scopes: None,
    }
}

/// Registers versions.
pub fn ana() -> Principal {
    person("ana", &[Role::DataScientist], "credit-dev")
}
/// Asks for promotion.
pub fn ben() -> Principal {
    person("ben", &[Role::DataScientist], "credit-dev")
}
/// Writes the validation reports.
pub fn vera() -> Principal {
    person("vera", &[Role::MrmValidator], "mrm")
}
/// Validates too.
pub fn victor() -> Principal {
    person("victor", &[Role::MrmValidator], "mrm")
}
pub fn rosa() -> Principal {
    person("rosa", &[Role::RiskCommittee], "risk")
}
/// Sits on the committee beside Rosa.
pub fn rolf() -> Principal {
    person("rolf", &[Role::RiskCommittee], "risk")
}
/// Sits on the committee too.
pub fn rita() -> Principal {
    person("rita", &[Role::RiskCommittee], "treasury")
}
pub fn paul() -> Principal {
    person("paul", &[Role::PrivacyOfficer], "privacy")
}
pub fn adam() -> Principal {
    person("adam", &[Role::Administrator], "platform")
}
pub fn audrey() -> Principal {
    person("audrey", &[Role::Auditor], "audit")
}
/// Writes impact assessments.
pub fn olga() -> Principal {
    person("olga", &[Role::DataScientist], "credit-dev")
}
/// Builds and validates, for different models.
pub fn dora() -> Principal {
    person("dora", &[Role::DataScientist, Role::MrmValidator], "mrm")
}

pub fn pipeline() -> Principal {
    Principal { kind: AccountKind::Service, ..person("pipeline", &[Role::Service], "credit-dev") }
}

/// The account behind a principal, as the ledger would have it.
pub fn as_account(principal: &Principal) -> Arc<Account> {
    Arc::new(Account {
        id: principal.account.clone(),
        kind: principal.kind,
        roles: principal.roles.clone(),
        team: principal.team.clone(),
        commitments: BTreeMap::new(),
        created_at: Timestamp::EPOCH,
        disabled: false,
        tokens: BTreeMap::new(),
        holds: Vec::new(),
        erased: None,
    })
}

pub fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}
pub fn market(code: &str) -> Market {
    code.parse().unwrap()
}
pub fn eu() -> Option<Market> {
    Some(market("EU"))
}
pub fn us() -> Option<Market> {
    Some(market("US"))
}
pub fn version_id(model: &str, number: u32) -> VersionId {
    VersionId { model: model.parse().unwrap(), number: number.try_into().unwrap() }
}
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A complete lineage; another seed gives other code, data and weights.
pub fn lineage(seed: u8) -> Lineage {
    let digest = |name: &str| Some(Digest::of(format!("{name}{seed}").as_bytes()));
    Lineage {
        code: Code {
            git_commit: Some(format!("{seed:02x}").repeat(20)),
            repository: Some("git.example/credit".into()),
            image_digest: digest("image"),
        },
        data: Data {
            dataset: Some("loans".into()),
            version: Some(format!("2026-10-{:02}", seed % 28 + 1)),
            digest: digest("data"),
            schema_digest: Some(Digest::of(b"schema")),
            preprocessing: BTreeMap::from([("impute".into(), Scalar::Text("median".into()))]),
        },
        model: ModelArtifact {
            weights_digest: digest("weights"),
            architecture: Some("gradient-boosted trees".into()),
            framework: Some("scikit-learn 1.7".into()),
        },
        features: Features {
            set_version: Some("12".into()),
            names: ["income", "utilisation"].map(String::from).into(),
        },
        hyperparameters: BTreeMap::from([("depth".into(), Scalar::Int(6)), ("rate".into(), Scalar::Float(0.1))]),
        training: TrainingRun { system: Some("mlflow".into()), id: Some(format!("run{seed}")), random_seed: Some(7) },
        metrics: BTreeMap::from([("auc".into(), 0.81)]),
        parents: BTreeSet::new(),
    }
}

pub fn facts(verdict: Verdict) -> Facts {
    let met = if verdict == Verdict::Green { 2 } else { 1 };
    Facts::new(EvidenceKind::Evaluation, verdict, format!("{met} of 2 thresholds met."))
}

/// The kind of file that is usual on a path.
pub fn usual_kind(path: EvidencePath) -> EvidenceKind {
    match path {
        EvidencePath::Code => EvidenceKind::Junit,
        EvidencePath::Data => EvidenceKind::GreatExpectations,
        EvidencePath::Other => EvidenceKind::Attachment,
        EvidencePath::Model => EvidenceKind::Evaluation,
        EvidencePath::Shadow => EvidenceKind::ShadowPairs,
        EvidencePath::Canary => EvidenceKind::CanaryLog,
    }
}

/// Counts of a feature whose index is this, to a part in ten thousand, and never above it.
pub fn moved(psi: f64) -> domain::trigger::Shift {
    const HALF: u64 = 500_000;
    let counts =
        |by: u64| domain::trigger::Shift { psi: None, reference: vec![HALF, HALF], actual: vec![HALF + by, HALF - by] };
    let index = |by: u64| {
        let counts = counts(by);
        domain::statistics::psi_of_counts(&counts.reference, &counts.actual, 1e-6).unwrap()
    };
    let (mut low, mut high) = (0, HALF);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        *(if index(middle) <= psi { &mut low } else { &mut high }) = middle;
    }
    counts(low)
}

pub fn report(outcome: Outcome) -> RecordReport {
    RecordReport {
        sections: Section::ALL.into_iter().map(|section| (section, format!("On {}.", section.title()))).collect(),
        outcome,
    }
}

/// A complete assessment of both markets that no change of a version reopens.
pub fn content() -> Content {
    let rating = |likelihood, severity| Some(Rating { likelihood, severity });
    Content {
        scope: Scope { markets: [market("US"), market("EU")].into(), ..Scope::default() },
        parts: Part::ALL
            .into_iter()
            .filter(|part| part.is_required())
            .map(|part| (part, format!("On {}.", part.title())))
            .collect(),
        risks: vec![Risk {
            kind: RiskKind::IllegitimateAccess,
            title: "Scores leak".into(),
            description: String::new(),
            impacts: vec!["Loss of standing".into()],
            threats: Vec::new(),
            sources: Vec::new(),
            initial: rating(Level::Significant, Level::Significant),
            residual: rating(Level::Negligible, Level::Significant),
        }],
        measures: vec![Measure {
            title: "Encryption at rest".into(),
            description: String::new(),
            owner: Some(account("olga")),
            treats: [RiskKind::IllegitimateAccess].into(),
        }],
        views: SubjectViews { sought: false, text: "A panel would learn the scorecard.".into() },
        justified_features: BTreeMap::new(),
    }
}

/// A complete statement: decided by machine alone, on a contract, with all three safeguards.
pub fn article22() -> Article22 {
    let keeper = || Keeper { owner: account("olga"), channel: "https://bank.example/review".into() };
    Article22 {
        solely_automated: true,
        significant_effect: true,
        reasons: "A score below the cut-off refuses the loan.".into(),
        basis: Some(Basis::Contract),
        safeguards: Safeguard::ALL.into_iter().map(|safeguard| (safeguard, keeper())).collect(),
        special_categories: false,
        special_basis: None,
    }
}

pub fn note(text: &str) -> FindingNote {
    FindingNote { note: text.into() }
}

impl TestWorld {
    /// A world on Monday, 2 November 2026, with the shipped policy adopted.
    pub fn new() -> Self {
        let mut world = Self {
            states: HashMap::new(),
            log: Vec::new(),
            now: at("2026-11-02T09:00:00.000000Z"),
            committee: vec![rosa(), rolf(), rita()],
            next_seq: 0,
            files: 0,
        };
        world.run(&adam(), &Command::AdoptPolicy(DEFAULT_POLICY.into())).unwrap();
        world
    }

    pub fn days_pass(&mut self, days: i64) {
        self.now = self.now.plus_days(days);
    }

    /// Decides as `principal`, freshly signed in, and folds what follows.
    pub fn run(&mut self, principal: &Principal, command: &Command) -> Result<Vec<Recorded>, Refusal> {
        self.ask(&principal.into(), command)
    }

    pub fn ask(&mut self, asking: &Asking, command: &Command) -> Result<Vec<Recorded>, Refusal> {
        let context = Context {
            now: self.now,
            next_seq: self.next_seq,
            principal: asking.principal.clone(),
            reauthenticated: asking.reauthenticated,
            expected_revision: asking.expected_revision,
        };
        let events = decide(&self.load(command), &context, command)?;
        let subject = self.subject(command);
        let mut recorded = Vec::new();
        for event in events {
            let sealed = Recorded {
                seq: self.next_seq,
                time: self.now,
                actor: asking.principal.account.clone(),
                subject: event.own_subject().unwrap_or_else(|| subject.clone()),
                event: through_the_ledger(&event),
            };
            assert_eq!(sealed.event, event, "an entry reads back as the event that was decided");
            self.next_seq += 1;
            apply(&mut self.states, &sealed);
            self.log.push(sealed.clone());
            recorded.push(sealed);
        }
        self.now = self.now.plus_seconds(1);
        Ok(recorded)
    }

    fn load(&self, command: &Command) -> World {
        let mut world = World::default();
        let put = |world: &mut World, ids: Vec<AggregateId>| {
            for state in ids.iter().filter_map(|id| self.states.get(id)) {
                world.put(state);
            }
        };
        put(&mut world, vec![AggregateId::Policy]);
        put(&mut world, command.reads());
        for state in command.also_reads(&world).iter().filter_map(|id| self.states.get(id)) {
            world.put_beside(state);
        }
        if let Command::GrantWaiver(_, GrantWaiver { requested_by: known, .. })
        | Command::RaiseFinding(_, RaiseFinding { owner: Some(known), .. })
        | Command::ChangeOwner(_, ChangeOwner { owner: known, .. }) = command
        {
            let everybody = [ana(), ben(), dora(), vera(), victor(), rosa(), rolf(), rita(), paul(), pipeline()];
            world.account = everybody.iter().find(|person| person.account == *known).map(as_account);
        }
        if let Some(Aggregate::Version(baseline)) =
            wanted_baseline(command, &world).and_then(|id| self.states.get(&AggregateId::Version(id)))
        {
            world.baseline = Some(baseline.clone());
        }
        if needs_roster(command, &world) {
            world.roster = self.committee.iter().map(as_account).collect();
        }
        if let Some(account) = leaver(command) {
            let files = self.states.values().filter_map(|state| match state {
                Aggregate::Dpia(file) if file.keeps(account) => Some(file.clone()),
                _ => None,
            });
            world.kept = files.collect();
        }
        if needs_inventory(command) {
            world.inventory = self
                .states
                .values()
                .filter_map(|state| match state {
                    Aggregate::Model(model) => Some(Listed {
                        model: model.name.clone(),
                        tier: model.tier,
                        owner: model.owner.clone(),
                        status: status(model),
                    }),
                    _ => None,
                })
                .collect();
            world.inventory.sort_by(|a, b| a.model.cmp(&b.model));
        }
        if let Command::RegisterVersion(model, RegisterVersion { origin: Some(origin), .. }) = command {
            world.same_origin = self
                .versions()
                .find(|version| version.id.model == *model && version.origin.as_ref() == Some(origin))
                .map(|version| version.id.clone());
        }
        world
    }

    fn subject(&self, command: &Command) -> AggregateId {
        match command {
            Command::RegisterVersion(model, _) => {
                let number = self.model(model.as_str()).next_version;
                AggregateId::Version(VersionId { model: model.clone(), number })
            }
            Command::AdoptPolicy(_) => AggregateId::Policy,
            Command::Privacy(PrivacyCommand::ReceiveReview(model, _)) => {
                let number = self.file(model.as_str()).map_or(0, |file| file.reviews) + 1;
                AggregateId::ReviewRequest(ReviewId { model: model.clone(), number })
            }
            other => other.reads()[0].clone(),
        }
    }

    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        self.states.values().filter_map(|state| match state {
            Aggregate::Version(version) => Some(&**version),
            _ => None,
        })
    }

    pub fn version(&self, id: &VersionId) -> &Version {
        let Aggregate::Version(version) = &self.states[&AggregateId::Version(id.clone())] else { panic!("no {id}") };
        version
    }

    pub fn model(&self, name: &str) -> &Model {
        let id = AggregateId::Model(name.parse().unwrap());
        let Aggregate::Model(model) = &self.states[&id] else { panic!("no {name}") };
        model
    }

    pub fn file(&self, model: &str) -> Option<&PrivacyFile> {
        match self.states.get(&AggregateId::Dpia(model.parse().unwrap())) {
            Some(Aggregate::Dpia(file)) => Some(file),
            _ => None,
        }
    }

    pub fn review(&self, model: &str, number: u32) -> &Review {
        let id = AggregateId::ReviewRequest(ReviewId { model: model.parse().unwrap(), number });
        let Aggregate::ReviewRequest(review) = &self.states[&id] else { panic!("no request {number} on {model}") };
        review
    }

    pub fn policy(&self) -> &AdoptedPolicy {
        let Aggregate::Policy(policy) = &self.states[&AggregateId::Policy] else { panic!("no policy") };
        policy
    }

    pub fn stage(&self, id: &VersionId, market: Option<&Market>) -> Stage {
        self.version(id).stage_in(market)
    }

    pub fn question<'a>(&'a self, id: &VersionId, to: Stage, market: Option<&'a Market>) -> Question<'a> {
        Question {
            model: self.model(id.model.as_str()),
            version: self.version(id),
            policy: self.policy(),
            privacy: self.file(id.model.as_str()),
            to,
            market,
            now: self.now,
        }
    }

    pub fn requirements(&self, id: &VersionId, to: Stage, market: Option<&Market>) -> Vec<Requirement> {
        self.question(id, to, market).requirements().unwrap()
    }

    /// The requirement of that rule for the next stage.
    pub fn requirement(&self, id: &VersionId, to: Stage, market: Option<&Market>, rule: &str) -> Requirement {
        let all = self.requirements(id, to, market);
        all.iter().find(|r| r.rule == rule).cloned().unwrap_or_else(|| panic!("no {rule} among {all:?}"))
    }

    // --- What people do -------------------------------------------------------------------------------------------

    pub fn register_model(&mut self, name: &str, profile: &str) {
        self.register_bare_model(name, profile);
        self.settle_privacy(name);
    }

    /// A model whose effect on people nobody looked at yet.
    pub fn register_bare_model(&mut self, name: &str, profile: &str) {
        let body = RegisterModel {
            name: name.parse().unwrap(),
            title: name.into(),
            purpose: "Decides.".into(),
            tier: Tier::One,
            profile: profile.parse().unwrap(),
            markets: vec![market("US"), market("EU")],
        };
        self.run(&ana(), &Command::RegisterModel(body)).unwrap();
    }

    /// A model with an approved assessment and confirmed safeguards: nothing that a market asks for is missing.
    pub fn settle_privacy(&mut self, model: &str) {
        self.account(&olga());
        self.privacy(&olga(), PrivacyCommand::DraftDpia(model.parse().unwrap(), Box::new(content()))).unwrap();
        self.advise(&paul(), model, true).unwrap();
        self.approve(&paul(), model, "").unwrap();
        self.privacy(&olga(), PrivacyCommand::StateSafeguards(model.parse().unwrap(), Box::new(article22()))).unwrap();
        self.confirm(&paul(), model).unwrap();
    }

    pub fn privacy(&mut self, who: &Principal, command: PrivacyCommand) -> Result<Vec<Recorded>, Refusal> {
        self.run(who, &Command::Privacy(command))
    }

    /// Makes the account of somebody, who may then own something.
    pub fn account(&mut self, who: &Principal) {
        if self.states.contains_key(&AggregateId::Account(who.account.clone())) {
            return;
        }
        let body = CreateAccount {
            id: who.account.clone(),
            kind: who.kind,
            roles: who.roles.clone(),
            team: who.team.clone(),
            commitments: BTreeMap::from([("name".to_owned(), Digest::of(who.account.as_str().as_bytes()))]),
        };
        self.run(&adam(), &Command::CreateAccount(body)).unwrap();
    }

    pub fn advise(&mut self, who: &Principal, model: &str, favourable: bool) -> Result<Vec<Recorded>, Refusal> {
        let content = self.file(model).and_then(|file| Some(file.draft.as_ref()?.digest)).unwrap_or(Digest::of(b""));
        let body = AdviseDpia { content, advice: "Read and discussed.".into(), favourable };
        self.privacy(who, PrivacyCommand::AdviseDpia(model.parse().unwrap(), body))
    }

    /// What somebody who reads the assessment now would submit to approve it.
    pub fn approval(&self, model: &str, comment: &str) -> PrivacyCommand {
        let content = self.file(model).and_then(|file| Some(file.draft.as_ref()?.digest)).unwrap_or(Digest::of(b""));
        let meaning = self.policy().policy.privacy.as_ref().unwrap().approval_meaning.clone();
        let body = ApproveDpia { content, meaning, comment: comment.into(), review_months: None };
        PrivacyCommand::ApproveDpia(model.parse().unwrap(), body)
    }

    pub fn approve(&mut self, who: &Principal, model: &str, comment: &str) -> Result<Vec<Recorded>, Refusal> {
        let approval = self.approval(model, comment);
        self.privacy(who, approval)
    }

    pub fn confirm(&mut self, who: &Principal, model: &str) -> Result<Vec<Recorded>, Refusal> {
        let statement = self.file(model).and_then(|file| Some(file.safeguards.as_ref()?.digest));
        let body = ConfirmSafeguards { statement: statement.unwrap_or(Digest::of(b"")) };
        self.privacy(who, PrivacyCommand::ConfirmSafeguards(model.parse().unwrap(), body))
    }

    pub fn register_version(&mut self, model: &str, lineage: Lineage) -> VersionId {
        let body = RegisterVersion { lineage, note: String::new(), origin: None, trigger: None };
        let recorded = self.run(&ana(), &Command::RegisterVersion(model.parse().unwrap(), body)).unwrap();
        let AggregateId::Version(id) = &recorded[0].subject else { panic!("{recorded:?}") };
        id.clone()
    }

    /// An evidence file for the version's own artifact, never attached before.
    pub fn evidence(
        &mut self,
        id: &VersionId,
        path: EvidencePath,
        market: Option<Market>,
        v: Verdict,
    ) -> AttachEvidence {
        self.files += 1;
        let model = self.model(id.model.as_str());
        let policy = &self.policy().policy;
        let profile = policy.profiles.get(&model.profile);
        let of_market = market.as_ref().zip(profile).and_then(|(market, profile)| {
            let asked = Criteria::of_market(policy, profile, path, id, market).unwrap();
            asked.map(|asked| asked.since(self.version(id).entered(path, market)))
        });
        let of_kind = profile.filter(|_| !path.is_per_market()).and_then(|p| p.thresholds.of(usual_kind(path)));
        let criteria = of_market.or(of_kind);
        // An older policy has no thresholds for rows, and takes a summary.
        let kind = if path.is_per_market() && criteria.is_none() && market.is_some() {
            EvidenceKind::Evaluation
        } else {
            usual_kind(path)
        };
        AttachEvidence {
            path,
            market,
            file_name: format!("{path}.json"),
            file: Digest::of(&self.files.to_be_bytes()),
            size_bytes: 100,
            bound_to: path.artifact().value_in(&self.version(id).lineage).unwrap_or_default(),
            producer: "pipeline run 812".into(),
            produced_at: self.now,
            facts: Facts {
                kind,
                features: self.version(id).lineage.features.names.clone(),
                ..facts(v).judged_by(criteria)
            },
            names: None,
            claims: Vec::new(),
            made_from: BTreeMap::new(),
        }
    }

    pub fn attach(&mut self, id: &VersionId, path: EvidencePath, market: Option<Market>, verdict: Verdict) {
        let body = self.evidence(id, path, market, verdict);
        self.run(&pipeline(), &Command::AttachEvidence(id.clone(), body)).unwrap();
    }

    pub fn attach_three_paths(&mut self, id: &VersionId) {
        for path in [EvidencePath::Code, EvidencePath::Data, EvidencePath::Model] {
            self.attach(id, path, None, Verdict::Green);
        }
        for body in self.further_checks(id) {
            self.run(&pipeline(), &Command::AttachEvidence(id.clone(), body)).unwrap();
        }
        self.compare_with_champions(id, Verdict::Green);
    }

    /// What the gate to Staging asks for beyond one file of the usual kind on each path, all green.
    pub fn further_checks(&mut self, id: &VersionId) -> Vec<AttachEvidence> {
        let profile = &self.policy().policy.profiles[&self.model(id.model.as_str()).profile];
        let (checks, thresholds) = (profile.gates[&Stage::Staging].checks.clone(), profile.thresholds.clone());
        let shown =
            [EvidencePath::Code, EvidencePath::Data, EvidencePath::Model].map(|path| usual_kind(path).shows(path));
        let missing = checks.into_iter().filter(|check| !shown.contains(&Some(*check)));
        missing
            .map(|check| {
                let fits = |kind: &EvidenceKind| kind.shows(check.path()) == Some(check);
                let kind = EvidenceKind::ALL.into_iter().find(fits).unwrap();
                let mut body = self.evidence(id, check.path(), None, Verdict::Green);
                body.file_name = format!("{check}.json");
                body.bound_to = kind.artifact(check.path()).value_in(&self.version(id).lineage).unwrap();
                body.facts = Facts { kind, ..body.facts.judged_by(thresholds.of(kind)) };
                body
            })
            .collect()
    }

    /// A comparison with each version that serves now, as policy asks for it.
    pub fn comparisons(&mut self, id: &VersionId, verdict: Verdict) -> Vec<AttachEvidence> {
        let model = self.model(id.model.as_str());
        let champions: BTreeSet<VersionNumber> =
            model.champions.values().map(|champion| champion.version).filter(|number| *number != id.number).collect();
        let thresholds = self.policy().policy.profiles[&model.profile].thresholds.clone();
        let criteria = thresholds.of(EvidenceKind::ChampionChallenger);
        let mut bodies = Vec::new();
        for number in champions {
            let rival = VersionId { model: id.model.clone(), number };
            let weights = self.version(&rival).lineage.model.weights_digest;
            let mut body = self.evidence(id, EvidencePath::Model, None, verdict);
            body.file_name = "champion.csv".into();
            body.facts = Facts {
                kind: EvidenceKind::ChampionChallenger,
                compared: Some(Compared { version: None, weights }),
                ..body.facts.judged_by(criteria.clone())
            };
            bodies.push(body);
        }
        bodies
    }

    pub fn compare_with_champions(&mut self, id: &VersionId, verdict: Verdict) {
        for body in self.comparisons(id, verdict) {
            self.run(&pipeline(), &Command::AttachEvidence(id.clone(), body)).unwrap();
        }
    }

    pub fn request(
        &mut self,
        who: &Principal,
        id: &VersionId,
        to: Stage,
        market: Option<Market>,
    ) -> Result<Vec<Recorded>, Refusal> {
        let body = RequestPromotion { to, market, note: String::new(), blue_green: None };
        self.run(who, &Command::RequestPromotion(id.clone(), body))
    }

    /// Gives time its turn at a version; answers how many entries came of it.
    pub fn tick(&mut self, id: &VersionId) -> usize {
        let system = person("system", &[Role::Administrator], "");
        self.run(&system, &Command::Tick(AggregateId::Version(id.clone()))).unwrap().len()
    }

    pub fn record_report(&mut self, who: &Principal, id: &VersionId) {
        self.run(who, &Command::RecordReport(id.clone(), report(Outcome::Approved))).unwrap();
    }

    /// What somebody who reads the package now would submit to sign the latest request.
    pub fn signature(&self, id: &VersionId, role: Role) -> (u32, SignPromotion) {
        let request = self.version(id).requests.last().unwrap();
        let question = self.question(id, request.to, request.market.as_ref());
        let gate = question.gate().unwrap();
        let meaning = gate.sign_offs.iter().find(|slot| slot.role == role).map(|slot| slot.meaning.clone());
        let package = Package::of(&question);
        let body = SignPromotion {
            role,
            meaning: meaning.unwrap_or_default(),
            package: package.digest(),
            parts: package.part_digests(),
            comment: String::new(),
        };
        (request.number, body)
    }

    pub fn sign(&mut self, who: &Principal, role: Role, id: &VersionId) -> Result<Vec<Recorded>, Refusal> {
        let (number, body) = self.signature(id, role);
        self.run(who, &Command::SignPromotion(id.clone(), number, body))
    }

    /// Votes on the latest request as a member who reads the package now.
    pub fn vote(&mut self, who: &Principal, voice: Voice, id: &VersionId) -> Result<Vec<Recorded>, Refusal> {
        let request = self.version(id).requests.last().unwrap();
        let number = request.number;
        let package = Package::of(&self.question(id, request.to, request.market.as_ref()));
        let (package, parts) = (package.digest(), package.part_digests());
        let body = CastVote { voice, package, parts, comment: "As the paper says.".into() };
        self.run(who, &Command::Vote(id.clone(), number, body))
    }

    pub fn raise(&mut self, who: &Principal, id: &VersionId, severity: Severity) -> u32 {
        self.raise_for(who, id, severity, None)
    }

    /// A finding whose owner is named.
    pub fn raise_for(&mut self, who: &Principal, id: &VersionId, severity: Severity, owner: Option<&Principal>) -> u32 {
        let body = RaiseFinding {
            severity,
            title: "Leaks the label".into(),
            description: "A feature is computed after the outcome.".into(),
            owner: owner.map(|owner| owner.account.clone()),
            due_at: self.now.plus_days(30),
        };
        self.run(who, &Command::RaiseFinding(id.clone(), body)).unwrap();
        self.version(id).findings.last().unwrap().number
    }

    pub fn archive(&mut self, id: &VersionId) -> Result<Vec<Recorded>, Refusal> {
        self.run(&ana(), &Command::ArchiveVersion(id.clone(), ArchiveVersion { reason: "No longer needed.".into() }))
    }

    /// A regulated model's version in Staging.
    pub fn regulated_in_staging(&mut self, model: &str, seed: u8) -> VersionId {
        let id = self.register_version(model, lineage(seed));
        self.attach_three_paths(&id);
        self.request(&ben(), &id, Stage::Staging, None).unwrap();
        self.record_report(&vera(), &id);
        self.sign(&victor(), Role::MrmValidator, &id).unwrap();
        assert_eq!(self.stage(&id, None), Stage::Staging);
        id
    }

    /// An unregulated model's version in Staging.
    pub fn unregulated_in_staging(&mut self, model: &str, seed: u8) -> VersionId {
        self.unregulated_of(model, lineage(seed))
    }

    /// The same, of a version of that lineage.
    pub fn unregulated_of(&mut self, model: &str, lineage: Lineage) -> VersionId {
        let id = self.register_version(model, lineage);
        self.attach_three_paths(&id);
        self.request(&ben(), &id, Stage::Staging, None).unwrap();
        assert_eq!(self.stage(&id, None), Stage::Staging);
        id
    }

    /// Walks from Staging to Canary, waiting and signing as the rules ask.
    pub fn walk_to_canary(&mut self, id: &VersionId, market: &Market) {
        let place = Some(market.clone());
        self.request(&ben(), id, Stage::Shadow, place.clone()).unwrap();
        self.days_pass(7);
        self.attach(id, EvidencePath::Shadow, place.clone(), Verdict::Green);
        self.request(&ben(), id, Stage::Canary, place.clone()).unwrap();
        self.sign_all(id, market);
        assert_eq!(self.stage(id, Some(market)), Stage::Canary);
    }

    /// Walks from Staging to Production, waiting and signing as the rules ask.
    pub fn walk_to_production(&mut self, id: &VersionId, market: &Market) {
        self.walk_to_canary(id, market);
        self.days_pass(7);
        self.attach(id, EvidencePath::Canary, Some(market.clone()), Verdict::Green);
        self.request(&ben(), id, Stage::Production, Some(market.clone())).unwrap();
        self.sign_all(id, market);
        assert_eq!(self.stage(id, Some(market)), Stage::Production);
    }

    /// Walks from Staging to the market's champion, every step green, waiting and signing as the rules ask.
    pub fn walk_to_champion(&mut self, id: &VersionId, market: &Market) {
        self.walk_to_production(id, market);
        self.roll_out(id, market);
    }

    /// The same for a version in Staging, and how its last request ended.
    pub fn walk_to_production_quickly(&mut self, id: &VersionId, market: &Market) -> domain::promotion::RequestState {
        self.walk_to_production(id, market);
        self.version(id).requests.last().unwrap().state.clone()
    }

    /// From the first step after the promotion to the end of the rollout.
    pub fn roll_out(&mut self, id: &VersionId, market: &Market) {
        for _ in 0..10 {
            if self.model(id.model.as_str()).standing(id.number, market) == Standing::Champion {
                return;
            }
            self.days_pass(2);
            self.observe(id, market, 0.001, 20_000).unwrap();
            if self.policy().policy.markets[market].rollout.as_ref().unwrap().approval.is_some() {
                self.approve_step(&victor(), id, market).unwrap();
            }
        }
        panic!("{id} did not become champion of {market}");
    }

    pub fn deployment(&self, model: &str, market: &Market) -> &Deployment {
        let id = AggregateId::Deployment(model.parse().unwrap(), market.clone());
        let Aggregate::Deployment(deployment) = &self.states[&id] else { panic!("no {id}") };
        deployment
    }

    pub fn serve(
        &mut self,
        who: &Principal,
        model: &str,
        market: &Market,
        command: ServingCommand,
    ) -> Result<Vec<Recorded>, Refusal> {
        self.run(who, &Command::Serve(model.parse().unwrap(), market.clone(), command))
    }

    /// Reports the last minutes of traffic, with that error rate.
    pub fn observe(
        &mut self,
        id: &VersionId,
        market: &Market,
        error_rate: f64,
        sample: u64,
    ) -> Result<Vec<Recorded>, Refusal> {
        self.now = self.now.plus_minutes(10);
        let figure = |metric: &str, value: f64| Figure {
            metric: metric.into(),
            value,
            lower: Some(value * 0.9),
            upper: Some(value * 1.1),
        };
        let body = Observe {
            version: id.number,
            from: self.now.plus_minutes(-9),
            to: self.now,
            sample,
            figures: vec![figure("error_rate", error_rate), figure("p99_ratio", 0.98)],
        };
        self.serve(&pipeline(), id.model.as_str(), market, ServingCommand::Observe(body))
    }

    /// What somebody who reads the step now would submit.
    pub fn step_approval(&self, id: &VersionId, market: &Market) -> ApproveStep {
        let rules = self.policy().policy.markets[market].rollout.as_ref().unwrap();
        let package = StepPackage::of(self.deployment(id.model.as_str(), market), self.policy().digest);
        ApproveStep {
            version: id.number,
            meaning: rules.approval.as_ref().map_or_else(String::new, |slot| slot.meaning.clone()),
            package: package.map_or(Digest::of(b"nothing"), |package| package.digest()),
            comment: String::new(),
        }
    }

    pub fn approve_step(&mut self, who: &Principal, id: &VersionId, market: &Market) -> Result<Vec<Recorded>, Refusal> {
        let body = self.step_approval(id, market);
        self.serve(who, id.model.as_str(), market, ServingCommand::Approve(body))
    }

    pub fn tick_market(&mut self, model: &str, market: &Market) -> Vec<Recorded> {
        let system = person("system", &[Role::Administrator], "");
        let place = AggregateId::Deployment(model.parse().unwrap(), market.clone());
        self.run(&system, &Command::Tick(place)).unwrap()
    }

    /// Signs and votes until the open request has led to its transition.
    pub fn sign_all(&mut self, id: &VersionId, market: &Market) {
        while let Some(request) = self.version(id).open_request(Some(market)) {
            let open = self.requirements(id, request.to, Some(market)).into_iter().find(|r| !r.met).unwrap();
            if open.rule == "committee.vote" {
                self.vote(&rosa(), Voice::Approve, id).unwrap();
                self.vote(&rolf(), Voice::Approve, id).unwrap();
                continue;
            }
            let (who, role) = match open.rule.as_str() {
                "sign_off.mrm_validator" => (victor(), Role::MrmValidator),
                "sign_off.risk_committee" => (rosa(), Role::RiskCommittee),
                "sign_off.privacy_officer" => (paul(), Role::PrivacyOfficer),
                _ => panic!("{open:?}"),
            };
            self.sign(&who, role, id).unwrap();
        }
    }
}

/// Adopts the shipped policy with `from` replaced by `to`.
pub fn adopt_changed(world: &mut TestWorld, from: &str, to: &str) {
    assert!(DEFAULT_POLICY.contains(from), "{from}");
    world.run(&adam(), &Command::AdoptPolicy(DEFAULT_POLICY.replace(from, to))).unwrap();
}

/// The event as it comes back from its entry's canonical JSON.
fn through_the_ledger(event: &Event) -> Event {
    let bytes = canonical_json(&event.payload().unwrap()).unwrap();
    Event::from_entry(event.kind(), &serde_json::from_slice(&bytes).unwrap()).unwrap()
}

/// Folds one entry into every aggregate that it touches.
pub fn apply(states: &mut HashMap<AggregateId, Aggregate>, recorded: &Recorded) {
    for id in recorded.touches() {
        let after = Aggregate::fold(states.get(&id), &id, recorded).unwrap();
        states.insert(id, after);
    }
}

/// Asserts a refusal by rule and a part of its message.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(result: Result<T, Refusal>, rule: &str, part: &str) -> Refusal {
    let refusal = result.expect_err("it must be refused");
    assert_eq!(refusal.rule, rule, "{refusal:?}");
    assert!(refusal.message.contains(part), "{part:?} is not in {refusal:?}");
    assert!(!refusal.missing.is_empty(), "it must say what is missing: {refusal:?}");
    refusal
}

/// Asserts a refusal for malformed input that names `field`.
#[track_caller]
pub fn assert_invalid<T: std::fmt::Debug>(result: Result<T, Refusal>, field: &str, part: &str) {
    let refusal = result.expect_err("it must be refused");
    assert_eq!(refusal.rule, "input.valid", "{refusal:?}");
    let named = refusal.missing.iter().any(|m| m.what == field && m.message.contains(part));
    assert!(named, "{field} / {part:?} is not in {refusal:?}");
}
