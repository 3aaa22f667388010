//! A regulated version on its way to Shadow, sealed as in service, and what its dossier says at each turn.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::{
    AccountId, Command, Stage, VersionId,
    account::{AccountKind, Role},
    approval::Package,
    command::{
        AmendLineage, AttachEvidence, DeclinePromotion, FindingNote, RaiseFinding, RecordReport, RegisterModel,
        RegisterVersion, RequestPromotion, SignPromotion,
    },
    evidence::{EvidenceKind, EvidencePath, Facts, Figure, Verdict},
    lineage::{Code, Data, Features, Lineage, ModelArtifact, Scalar, TrainingRun},
    policy::DEFAULT_POLICY,
    promotion::Question,
    registry::Tier,
    validation::{Outcome, Section, Severity},
};
use ledger::Digest;

use super::*;
use crate::{
    accounts::NewAccount,
    clock::{Clock as _, ManualClock},
    config::{Config, ConfigArgs},
    seal::{Caller, Order, Receipt, SealError},
};

const MEANING: &str = "I validated this model independently of its development and approve its promotion.";
const COMMITTEE: &str = "The risk committee approves the use of this model in Staging.";

/// A service over a fresh ledger, with the people of the story.
struct House {
    app: Arc<Service>,
    clock: Arc<ManualClock>,
    ana: AccountId,
    ben: AccountId,
    vera: AccountId,
    rosa: AccountId,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let args = ConfigArgs { data: Some(folder.path().to_owned()), ..ConfigArgs::default() };
        let clock = Arc::new(ManualClock::new("2026-11-02T09:00:00.000000Z".parse().unwrap()));
        let app = Service::open(Config::load(&args, None).unwrap(), clock.clone()).await.unwrap();
        let ana = person(&app, "Ana Ibáñez", Role::DataScientist, "Credit models").await;
        let ben = person(&app, "Ben Walker", Role::DataScientist, "Credit models").await;
        let vera = person(&app, "Vera Świątek", Role::MrmValidator, "Model risk management").await;
        let rosa = person(&app, "Rosa Okafor", Role::RiskCommittee, "Risk").await;
        Self { app, clock, ana, ben, vera, rosa, _folder: folder }
    }

    async fn seal(&self, who: &AccountId, command: Command) -> Result<Receipt, SealError> {
        let order = Order { reauthenticated: true, ..Order::new(Caller::Account(who.clone()), command) };
        let receipt = self.app.sealer.seal(order).await;
        self.clock.set(self.clock.now().plus_seconds(1));
        receipt
    }

    async fn attach(&self, path: EvidencePath, name: &str) -> u64 {
        let now = self.app.version(&id(2)).await.unwrap().unwrap();
        let figures = vec![Figure::new("area under the curve", 0.8412).asked(">= 0.8", true)];
        let kind = match path {
            EvidencePath::Code => EvidenceKind::Junit,
            EvidencePath::Data => EvidenceKind::GreatExpectations,
            _ => EvidenceKind::Evaluation,
        };
        let profile = &now.policy.policy.profiles[&now.model.profile];
        let thresholds = profile.thresholds.clone();
        let command = AttachEvidence {
            path,
            market: None,
            file_name: name.into(),
            file: Digest::of(name.as_bytes()),
            size_bytes: 4_096,
            bound_to: path.artifact().value_in(&now.version.lineage).unwrap(),
            producer: "ci run 812".into(),
            produced_at: self.clock.now().plus_days(-1),
            facts: Facts::new(kind, Verdict::Green, "1 of 1 thresholds met.")
                .with(figures, Vec::new())
                .judged_by(thresholds.of(kind))
                .looking_at(now.version.lineage.features.names.clone()),
            names: None,
            claims: Vec::new(),
            made_from: std::collections::BTreeMap::new(),
        };
        self.seal(&self.ana, Command::AttachEvidence(id(2), command)).await.unwrap().last_seq()
    }

    async fn request(&self, to: Stage, market: Option<&str>) -> Receipt {
        let market = market.map(|market| market.parse().unwrap());
        let body = RequestPromotion { to, market, note: "The quarterly refit.".into(), blue_green: None };
        self.seal(&self.ben, Command::RequestPromotion(id(2), body)).await.unwrap()
    }

    async fn sign(&self, who: &AccountId, role: Role, meaning: &str) -> Receipt {
        let now = self.app.version(&id(2)).await.unwrap().unwrap();
        let request = now.version.requests.last().unwrap();
        let package = Package::of(&Question {
            model: &now.model,
            version: &now.version,
            policy: &now.policy,
            privacy: now.privacy.as_deref(),
            to: request.to,
            market: request.market.as_ref(),
            now: self.clock.now(),
        });
        let body = SignPromotion {
            role,
            meaning: meaning.into(),
            package: package.digest(),
            parts: package.part_digests(),
            comment: "Read in full: naïve, μ = 0.07.".into(),
        };
        self.seal(who, Command::SignPromotion(id(2), request.number, body)).await.unwrap()
    }

    async fn adopt(&self, toml: &str) {
        let adopt = Order::new(Caller::System, Command::AdoptPolicy(toml.to_owned()));
        self.app.sealer.seal(adopt).await.unwrap();
    }

    async fn dossier(&self) -> Dossier {
        collect(&self.app, &id(2)).await.unwrap()
    }

    /// Model, two versions, evidence on three paths.
    async fn register(&self) {
        let second_slot = format!("[profiles.sr-11-7.gates.shadow]\n# {COMMITTEE}");
        let slot = format!(
            "[[profiles.sr-11-7.gates.staging.sign_offs]]\nrole = \"risk_committee\"\nmeaning = \"{COMMITTEE}\"\n\n{second_slot}"
        );
        // One file on each path is enough of a story here.
        let all =
            r#"checks = ["lint", "tests", "image", "expectations", "drift", "contract", "evaluation", "behaviour"]"#;
        let three = r#"checks = ["tests", "expectations", "evaluation"]"#;
        assert!(DEFAULT_POLICY.contains(all));
        self.adopt(&DEFAULT_POLICY.replace(all, three).replace("[profiles.sr-11-7.gates.shadow]", &slot)).await;
        let model = RegisterModel {
            name: "credit-default".parse().unwrap(),
            title: "Credit default".into(),
            purpose: "Estimates how likely a retail loan defaults within twelve months.".into(),
            tier: Tier::One,
            profile: "sr-11-7".parse().unwrap(),
            markets: vec!["US".parse().unwrap(), "EU".parse().unwrap()],
        };
        self.seal(&self.ana, Command::RegisterModel(model)).await.unwrap();
        for number in [1, 2] {
            let body = RegisterVersion {
                lineage: lineage(number),
                note: format!("Refit {number} on fresh data."),
                origin: None,
                trigger: None,
            };
            self.seal(&self.ana, Command::RegisterVersion("credit-default".parse().unwrap(), body)).await.unwrap();
        }
    }

    async fn attach_all(&self) {
        for (path, name) in
            [(EvidencePath::Code, "unit.json"), (EvidencePath::Data, "data.json"), (EvidencePath::Model, "eval.json")]
        {
            self.attach(path, name).await;
        }
    }

    /// Finding and report.
    async fn validate(&self) -> Receipt {
        let finding = RaiseFinding {
            severity: Severity::Medium,
            title: "Reject inference is not documented".into(),
            description: "Applications before 2024 are treated without a word on how.".into(),
            owner: None,
            due_at: self.clock.now().plus_days(30),
        };
        self.seal(&self.vera, Command::RaiseFinding(id(2), finding)).await.unwrap();
        let sections = Section::ALL.map(|section| (section, format!("On {}: sound.", section.title()))).into();
        let report = RecordReport { sections, outcome: Outcome::ApprovedWithConditions };
        self.seal(&self.vera, Command::RecordReport(id(2), report)).await.unwrap()
    }
}

async fn person(app: &Service, name: &str, role: Role, team: &str) -> AccountId {
    let login = name.split(' ').next().unwrap().to_lowercase();
    let new = NewAccount {
        name: name.into(),
        email: Some(format!("{login}@bank.example")),
        password: Some("correct horse battery staple".into()),
        team: team.into(),
        roles: BTreeSet::from([role]),
        kind: AccountKind::Human,
    };
    let receipt = app.create_account(Caller::System, new).await.unwrap();
    receipt.subject.rsplit('/').next().unwrap().parse().unwrap()
}

fn id(number: u32) -> VersionId {
    VersionId { model: "credit-default".parse().unwrap(), number: number.try_into().unwrap() }
}

/// A complete lineage; the second version reads one feature more and names the first as parent.
fn lineage(number: u32) -> Lineage {
    let digest = |name: &str| Some(Digest::of(format!("{name}{number}").as_bytes()));
    let mut names = BTreeSet::from(["income".to_owned(), "utilisation_3m".to_owned()]);
    let mut parents = BTreeSet::new();
    if number == 2 {
        names.insert("bureau_b_score".into());
        parents.insert(1.try_into().unwrap());
    }
    Lineage {
        code: Code {
            git_commit: Some(format!("{number:02x}").repeat(20)),
            repository: Some("git.bank.example/credit".into()),
            image_digest: digest("image"),
        },
        data: Data {
            dataset: Some("loans".into()),
            version: Some(format!("2026-10-0{number}")),
            digest: digest("data"),
            schema_digest: Some(Digest::of(b"schema")),
            preprocessing: BTreeMap::from([("impute".into(), Scalar::Text("median".into()))]),
        },
        model: ModelArtifact {
            weights_digest: digest("weights"),
            architecture: Some("gradient-boosted trees".into()),
            framework: Some("scikit-learn 1.7".into()),
        },
        features: Features { set_version: Some("12".into()), names },
        hyperparameters: BTreeMap::from([("depth".into(), Scalar::Int(6))]),
        training: TrainingRun { system: Some("mlflow".into()), id: Some("run7".into()), random_seed: Some(7) },
        metrics: BTreeMap::from([("auc".into(), 0.8412)]),
        parents,
    }
}

fn missing(dossier: &Dossier) -> Vec<(&str, &str, &str)> {
    let missing = &dossier.decision.missing;
    missing.iter().map(|item| (item.what.as_str(), item.rule.as_str(), item.who.as_str())).collect()
}

fn states(dossier: &Dossier) -> Vec<(&str, &str, Vec<&str>)> {
    let signatures = dossier.signatures.iter();
    signatures
        .map(|one| {
            (one.printed_name.as_str(), one.state.word.as_str(), one.changed.iter().map(String::as_str).collect())
        })
        .collect()
}

/// Writes a dossier to the folder that `DOSSIER_SAMPLES` names, so that a person can look at it.
fn keep(name: &str, pdf: &[u8]) {
    if let Ok(folder) = std::env::var("DOSSIER_SAMPLES") {
        std::fs::write(std::path::Path::new(&folder).join(name), pdf).unwrap();
    }
}

fn text(pdf: &[u8]) -> String {
    let file = lopdf::Document::load_mem(pdf).unwrap();
    let pages: Vec<u32> = file.get_pages().keys().copied().collect();
    file.extract_text(&pages).unwrap().replace(['\n', ' ', '\u{a0}'], "")
}

#[tokio::test]
async fn a_fresh_version_says_what_it_is_and_what_is_missing() {
    let house = House::new().await;
    house.register().await;
    let mut incomplete = lineage(2);
    incomplete.code.repository = None;
    let amend = AmendLineage { lineage: incomplete, reason: "The repository is about to move.".into() };
    house.seal(&house.ben, Command::AmendLineage(id(2), amend)).await.unwrap();
    let dossier = house.dossier().await;

    assert_eq!((dossier.model.name.as_str(), dossier.model.title.as_str()), ("credit-default", "Credit default"));
    assert_eq!(dossier.model.owner, "Ana Ibáñez, team Credit models");
    assert_eq!(dossier.model.tier, "Tier 1 (heaviest by exposure and purpose)");
    assert_eq!(dossier.model.regulation, "SR 11-7 / OCC 2011-12 (Federal Reserve SR 11-7, OCC Bulletin 2011-12)");
    assert_eq!(dossier.version.name, "2");
    assert_eq!(dossier.version.registered_by, "Ana Ibáñez, team Credit models; lineage amended by Ben Walker");
    assert_eq!(dossier.version.description, "Refit 2 on fresh data.");
    assert!(
        dossier
            .version
            .materiality
            .ends_with("not judged before promotion is asked for, and taken to be material until then."),
        "{}",
        dossier.version.materiality
    );
    assert_eq!(dossier.decision.outcome, neutral("Not requested"));
    assert_eq!(
        missing(&dossier)[..2],
        [
            (
                "Staging: lineage.code.repository: State the repository that holds the commit.",
                "lineage.complete",
                "Data scientist"
            ),
            ("Staging: No code-path evidence is attached.", "evidence.code", "Data scientist"),
        ]
    );
    assert_eq!(dossier.missing_lineage.len(), 1);
    let track = &dossier.tracks[0];
    assert_eq!((dossier.tracks.len(), track.market.as_str(), track.stage.as_str()), (1, "All markets", "None"));
    assert_eq!(track.next, "Staging: waits for lineage, evidence, the validation report, signatures.");
    assert_eq!(dossier.parents.len(), 1);
    assert_eq!(dossier.parents[0].version, "credit-default version 1");
    let features = dossier.lineage.iter().find(|class| class.class == "Features").unwrap();
    assert_eq!(features.fields[1].value, "bureau_b_score, income, utilisation_3m");
    let told: Vec<(&str, &str)> =
        dossier.timeline.iter().map(|entry| (entry.actor.as_str(), entry.event.as_str())).collect();
    assert_eq!(
        told,
        [
            ("Ana Ibáñez", "Registered the version: Refit 2 on fresh data"),
            ("Ben Walker", "Changed the lineage: The repository is about to move"),
        ]
    );
    assert!(collect(&house.app, &id(3)).await.unwrap_err().detail.contains("credit-default version 3"));
}

#[tokio::test]
async fn signatures_go_stale_and_the_decision_is_told_with_its_grounds() {
    let house = House::new().await;
    house.register().await;
    house.attach_all().await;
    let requested = house.request(Stage::Staging, None).await;
    let report = house.validate().await;
    let first = house.sign(&house.vera, Role::MrmValidator, MEANING).await;

    let dossier = house.dossier().await;
    assert_eq!(states(&dossier), [("Vera Świątek", "Current", vec![])]);
    assert_eq!(dossier.decision.outcome, attention("Awaiting signature"));
    assert_eq!(
        missing(&dossier),
        [("Staging: Risk committee has not signed yet.", "sign_off.risk_committee", "Risk committee")]
    );
    assert_eq!(dossier.requests[0].package, dossier.signatures[0].package);
    let judged = &dossier.version.materiality;
    assert!(judged.starts_with("Into Staging: Judged to be material"), "as it was frozen with the request: {judged}");

    house.attach(EvidencePath::Model, "behaviour.json").await;
    let dossier = house.dossier().await;
    assert_eq!(states(&dossier), [("Vera Świątek", "Stale", vec!["Evidence"])]);
    let checklist = dossier.requests[0].requirements.as_ref().unwrap();
    let stale = checklist.iter().find(|line| line.text.starts_with("MRM validator signs")).unwrap();
    assert_eq!(stale.status, attention("Missing"));
    assert_eq!(stale.by, format!("The signature of entry {} is stale: evidence changed since.", first.last_seq()));

    house.sign(&house.vera, Role::MrmValidator, MEANING).await;
    let granted = house.sign(&house.rosa, Role::RiskCommittee, COMMITTEE).await;
    house.adopt(DEFAULT_POLICY).await;
    let shadow = house.request(Stage::Shadow, Some("US")).await;
    let shadow_ends = format!("Canary in US: Reached on {}.", shadow.time.plus_days(7));
    let dossier = house.dossier().await;
    assert_eq!(
        states(&dossier),
        [
            ("Vera Świątek", "Superseded", vec!["Evidence"]),
            ("Vera Świątek", "As granted", vec![]),
            ("Rosa Okafor", "As granted", vec![]),
        ]
    );
    let signature = &dossier.signatures[2];
    assert_eq!((signature.role.as_str(), signature.meaning.as_str()), ("Risk committee", COMMITTEE));
    assert_eq!(signature.subject, "None → Staging, request 1");
    assert_eq!(signature.entry, granted.entries[0].seq);
    assert_eq!(signature.time, granted.time);

    assert_eq!(dossier.decision.outcome, good("Promoted to Shadow in US"));
    assert!(dossier.decision.summary.contains("The gate asked for no signature."), "{}", dossier.decision.summary);
    let tracks: Vec<_> = dossier.tracks.iter().map(|track| (track.market.as_str(), track.stage.as_str())).collect();
    assert_eq!(tracks, [("US", "Shadow"), ("EU", "Staging")]);
    assert_eq!(dossier.tracks[1].since, Some(granted.time));
    assert_eq!(dossier.tracks[1].status, good("Ready"));
    assert!(missing(&dossier).contains(&(
        "Canary in US: No shadow-path evidence for US is attached.",
        "evidence.shadow",
        "Data scientist"
    )));
    assert!(missing(&dossier).contains(&(shadow_ends.as_str(), "stage.minimum_time", "Nobody; time passes")));

    let [shadow, staging] = dossier.gates.as_slice() else { panic!("{:?}", dossier.gates) };
    assert_eq!((shadow.name.as_str(), shadow.market.as_deref()), ("Staging → Shadow", Some("US")));
    assert!(shadow.policy.contains("version 3"), "{}", shadow.policy);
    assert!(staging.policy.contains("version 2, adopted by entry"), "{}", staging.policy);
    assert_eq!(staging.entry, granted.last_seq());
    let signed = staging.rules.last().unwrap();
    assert_eq!(signed.text, format!("Risk committee signs: “{COMMITTEE}”"), "worded by the policy of that time");
    assert_eq!(signed.by, format!("Signed by Rosa Okafor, entry {}", granted.entries[0].seq));
    assert_eq!(Some(staging.inputs[0].digest), signature.package);

    let staging = dossier.requests.last().unwrap();
    assert_eq!((staging.entry, staging.status.word.as_str()), (requested.last_seq(), "Granted"));
    assert!(staging.outcome.ends_with("Signed by Vera Świątek (MRM validator) and Rosa Okafor (Risk committee)."));

    let validation = &dossier.validations[0];
    assert_eq!(validation.title, format!("Report of entry {}", report.last_seq()));
    assert_eq!(validation.digest, Some(report.entries[0].hash));
    assert_eq!((validation.validator.as_str(), validation.team.as_str()), ("Vera Świątek", "Model risk management"));
    assert_eq!((validation.sections.len(), validation.findings.len()), (8, 1));
    assert_eq!(validation.findings[0].owner, "Ana Ibáñez");

    assert_eq!(dossier.evidence.len(), 4);
    let evidence = &dossier.evidence[0];
    assert_eq!((evidence.path.as_str(), evidence.verdict.word.as_str()), ("Code", "Passed"));
    assert_eq!(evidence.bound_to, [format!("git commit {}", "02".repeat(20))]);
    assert_eq!(
        (evidence.figures[0].value.as_str(), evidence.figures[0].threshold.as_str()),
        ("0.8412", "\u{2265} 0.8")
    );

    let head = house.app.store.head().await.unwrap();
    assert_eq!((dossier.checkpoint.size, dossier.checkpoint.time), (head.size, head.time));
    assert!(dossier.checkpoint.key.starts_with(&format!("{}+", dossier.checkpoint.origin)));
    assert!(dossier.omissions.is_empty());
    keep("granted.pdf", &render(&house.app, &id(2)).await.unwrap());
}

#[tokio::test]
async fn declined_requests_and_closed_findings_keep_their_reasons() {
    let house = House::new().await;
    house.register().await;
    house.attach_all().await;
    house.validate().await;
    house.request(Stage::Staging, None).await;
    let reason = DeclinePromotion { reason: "Document reject inference first.".into() };
    let declined = house.seal(&house.vera, Command::DeclinePromotion(id(2), 1, reason)).await.unwrap();
    let note = |text: &str| FindingNote { note: text.into() };
    house.seal(&house.ana, Command::RemediateFinding(id(2), 1, note("Written down."))).await.unwrap();
    let closed = house.seal(&house.vera, Command::CloseFinding(id(2), 1, note("Read it."))).await.unwrap();
    house.validate().await;

    let dossier = house.dossier().await;
    assert_eq!(dossier.decision.outcome, bad("Declined"));
    let outcome = format!(
        "Declined by Vera Świątek on 2026-11-02 (entry {}): Document reject inference first.",
        declined.last_seq()
    );
    assert_eq!(dossier.requests[0].outcome, outcome);
    assert_eq!((dossier.requests[0].package, &dossier.requests[0].requirements), (None, &None));
    let [latest, replaced] = dossier.validations.as_slice() else { panic!("{:?}", dossier.validations) };
    assert_eq!((latest.findings.len(), latest.sections.len()), (2, 8));
    assert_eq!((replaced.findings.len(), replaced.sections.len()), (0, 0));
    let finding = &latest.findings[0];
    assert_eq!(finding.status, good("Closed"));
    assert_eq!(
        finding.closure,
        format!("Read it.\nVerified by Vera Świątek on 2026-11-02 (entry {}).", closed.last_seq())
    );
}

#[tokio::test]
async fn the_same_ledger_gives_the_same_bytes_whenever_it_is_asked() {
    let house = House::new().await;
    house.register().await;
    house.attach_all().await;
    house.request(Stage::Staging, None).await;
    house.validate().await;
    house.sign(&house.vera, Role::MrmValidator, MEANING).await;
    let pdf = render(&house.app, &id(2)).await.unwrap();
    let now = house.clock.now();
    house.clock.set(now.plus_days(400));
    assert!(pdf == render(&house.app, &id(2)).await.unwrap(), "the clock must not show in the dossier");
    keep("waiting.pdf", &pdf);
    let text = text(&pdf);
    let dossier = house.dossier().await;
    let package = dossier.signatures[0].package.unwrap().to_string();
    for part in ["Vera Świątek", MEANING, "Credit default", "Ana Ibáñez", "bureau_b_score", &package] {
        assert!(text.contains(&part.replace(' ', "")), "{part}");
    }

    house.clock.set(now);
    house.sign(&house.rosa, Role::RiskCommittee, COMMITTEE).await;
    assert!(pdf != render(&house.app, &id(2)).await.unwrap(), "a new entry shows");
}
