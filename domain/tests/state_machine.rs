//! Random people send random commands in random order. Whatever they try: no stage is skipped, Archived is left by
//! nobody, no gate opens with a requirement unmet, a market has one champion, and folding the entries again from the
//! first gives the same states.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

mod common;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use common::*;
use domain::{
    Aggregate, AggregateId, Command, Event, Market, Recorded, Stage, VersionId,
    access::Principal,
    account::Role,
    command::{AmendLineage, ArchiveVersion, DeclinePromotion, RaiseFinding, RegisterVersion, RequestPromotion},
    evidence::{EvidencePath, Verdict},
    lineage::Lineage,
    registry::{Standing, Version},
    validation::{Outcome, Severity},
};
use ledger::{Digest, Timestamp};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};

const MODELS: [&str; 2] = ["credit", "streamrec"];
const MARKETS: [&str; 2] = ["US", "EU"];

/// One step; numbers pick among whatever exists by then.
#[derive(Debug, Clone)]
enum Step {
    Register {
        model: usize,
        seed: u8,
        complete: bool,
    },
    Amend {
        version: usize,
        seed: u8,
    },
    Attach {
        version: usize,
        path: EvidencePath,
        market: usize,
        verdict: Verdict,
        foreign: bool,
    },
    Request {
        version: usize,
        to: Stage,
        market: Option<usize>,
    },
    Withdraw {
        version: usize,
        request: u32,
    },
    Decline {
        version: usize,
        request: u32,
    },
    Sign {
        version: usize,
        request: u32,
        role: Role,
        read: bool,
    },
    Report {
        version: usize,
        outcome: Outcome,
    },
    Raise {
        version: usize,
        severity: Severity,
    },
    Remediate {
        version: usize,
        finding: u32,
    },
    Close {
        version: usize,
        finding: u32,
    },
    Archive {
        version: usize,
    },
    Adopt {
        standby_days: u32,
    },
    Wait {
        days: i64,
    },
    /// Does the next thing that the rules ask for, so that the walk gets somewhere; now and then anybody tries it.
    Advance {
        version: usize,
        market: usize,
        anybody: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let v = || 0_usize..6;
    let m = || 0_usize..2;
    let n = || 1_u32..4;
    let verdict = || select(vec![Verdict::Green, Verdict::Green, Verdict::Red, Verdict::Neutral]);
    prop_oneof![
        2 => (m(), 0_u8..20, prop::bool::weighted(0.8))
            .prop_map(|(model, seed, complete)| Step::Register { model, seed, complete }),
        1 => (v(), 0_u8..20).prop_map(|(version, seed)| Step::Amend { version, seed }),
        2 => (v(), select(EvidencePath::ALL.to_vec()), m(), verdict(), prop::bool::weighted(0.1))
            .prop_map(|(version, path, market, verdict, foreign)| Step::Attach { version, path, market, verdict, foreign }),
        3 => (v(), select(Stage::ALL.to_vec()), prop::option::of(m()))
            .prop_map(|(version, to, market)| Step::Request { version, to, market }),
        1 => (v(), n()).prop_map(|(version, request)| Step::Withdraw { version, request }),
        1 => (v(), n()).prop_map(|(version, request)| Step::Decline { version, request }),
        3 => (v(), n(), select(Role::ALL.to_vec()), prop::bool::weighted(0.8))
            .prop_map(|(version, request, role, read)| Step::Sign { version, request, role, read }),
        1 => (v(), select(Outcome::ALL.to_vec())).prop_map(|(version, outcome)| Step::Report { version, outcome }),
        1 => (v(), select(Severity::ALL.to_vec())).prop_map(|(version, severity)| Step::Raise { version, severity }),
        1 => (v(), n()).prop_map(|(version, finding)| Step::Remediate { version, finding }),
        1 => (v(), n()).prop_map(|(version, finding)| Step::Close { version, finding }),
        3 => v().prop_map(|version| Step::Archive { version }),
        1 => (1_u32..40).prop_map(|standby_days| Step::Adopt { standby_days }),
        2 => (1_i64..12).prop_map(|days| Step::Wait { days }),
        90 => (v(), m(), prop::bool::weighted(0.1))
            .prop_map(|(version, market, anybody)| Step::Advance { version, market, anybody }),
    ]
}

fn people() -> Vec<Principal> {
    let dora = person("dora", &[Role::DataScientist, Role::MrmValidator], "mrm");
    let mighty = person(
        "olga",
        &[Role::DataScientist, Role::MrmValidator, Role::RiskCommittee, Role::PrivacyOfficer],
        "somewhere",
    );
    vec![ana(), ben(), vera(), victor(), rosa(), paul(), adam(), audrey(), pipeline(), dora, mighty]
}

/// What an onlooker who trusts nothing but the entries writes down.
#[derive(Default)]
struct Onlooker {
    /// The shared stage, and since when each market's track is where it is.
    shared: HashMap<VersionId, Stage>,
    tracks: HashMap<(VersionId, Market), (Stage, Timestamp)>,
    champions: BTreeMap<(String, Market), VersionId>,
    kept_until: HashMap<(VersionId, Market), Timestamp>,
    archived: BTreeSet<VersionId>,
    productions: u32,
    successions: u32,
}

impl Onlooker {
    /// Looks at one entry, with the version as it stands after it.
    fn see(&mut self, recorded: &Recorded, world: &TestWorld) {
        let AggregateId::Version(id) = &recorded.subject else { return };
        let version = world.version(id);
        match &recorded.event {
            Event::VersionRegistered { .. } => {
                assert!(self.shared.insert(id.clone(), Stage::None).is_none(), "{id} was registered twice");
            }
            Event::StageTransitioned { request, from, to, market, package, .. } => {
                assert!(!self.archived.contains(id), "{id} left Archived");
                let was = self.walk(id, *to, market.as_ref(), recorded.time);
                assert_eq!(was, *from);
                assert_eq!(was.next(), Some(*to), "{id} skipped a stage");
                check_gate(version, *request, package, recorded.time);
                if let (Stage::Production, Some(market)) = (to, market) {
                    self.crown(id, market, &recorded.event, world);
                }
            }
            Event::VersionArchived { .. } => {
                assert!(self.archived.insert(id.clone()), "{id} was archived twice");
                for code in MARKETS {
                    let place = market(code);
                    let champion = self.champions.get(&(id.model.to_string(), place.clone()));
                    assert_ne!(champion, Some(id), "a champion was archived");
                    if let Some(until) = self.kept_until.get(&(id.clone(), place)) {
                        assert!(recorded.time >= *until, "a warm standby was archived before its time");
                    }
                }
            }
            Event::LineageAmended { .. } => assert_eq!(self.shared[id], Stage::None, "{id} was frozen"),
            Event::FindingRemediated { .. } => {}
            _ => assert!(!self.archived.contains(id), "{} on archived {id}", recorded.event.kind()),
        }
    }

    /// Moves on and says where it was.
    fn walk(&mut self, id: &VersionId, to: Stage, market: Option<&Market>, time: Timestamp) -> Stage {
        let Some(market) = market else {
            return self.shared.insert(id.clone(), to).unwrap();
        };
        let shared = self.shared[id];
        let before = self.tracks.insert((id.clone(), market.clone()), (to, time));
        let Some((stage, since)) = before else { return shared };
        let days = match (to, market.as_str()) {
            (Stage::Production, "US") => 3,
            _ => 7,
        };
        assert!(time >= since.plus_days(days), "{id} spent too short a time in {stage} in {market}");
        stage
    }

    fn crown(&mut self, id: &VersionId, market: &Market, event: &Event, world: &TestWorld) {
        self.productions += 1;
        let Event::StageTransitioned { standby_until, .. } = event else { unreachable!() };
        let seat = (id.model.to_string(), market.clone());
        match (self.champions.insert(seat, id.clone()), standby_until) {
            (Some(former), Some(until)) => {
                self.successions += 1;
                assert_eq!(world.model(id.model.as_str()).standing(former.number, market), Standing::WarmStandby);
                // One way back is kept in each market: an earlier one is released by a second succession.
                self.kept_until.retain(|(version, place), _| version.model != id.model || place != market);
                self.kept_until.insert((former, market.clone()), *until);
            }
            (None, None) => {}
            other => panic!("a successor keeps its predecessor, a first champion none: {other:?}"),
        }
    }

    fn compare(&self, world: &TestWorld) {
        for version in world.versions() {
            let id = &version.id;
            assert_eq!(version.stage == Stage::Archived, self.archived.contains(id));
            for code in MARKETS {
                let place = market(code);
                let track = self.tracks.get(&(id.clone(), place.clone())).map(|(stage, _)| *stage);
                let expected =
                    if self.archived.contains(id) { Stage::Archived } else { track.unwrap_or(self.shared[id]) };
                assert_eq!(version.stage_in(Some(&place)), expected, "{id} in {code}");
                let champion = self.champions.get(&(id.model.to_string(), place.clone())) == Some(id);
                let standing = world.model(id.model.as_str()).standing(id.number, &place);
                assert_eq!(standing == Standing::Champion, champion, "{id} in {code}");
            }
        }
    }
}

/// The gate's rules once more, written down from the rules' text rather than from the code.
fn check_gate(version: &Version, request: u32, package: &Digest, now: Timestamp) {
    let request = version.request(request).unwrap();
    let regulated = version.id.model.as_str() == "credit";
    let paths: &[EvidencePath] = match request.to {
        Stage::Staging => &[EvidencePath::Code, EvidencePath::Data, EvidencePath::Model],
        Stage::Canary => &[EvidencePath::Shadow],
        Stage::Production => &[EvidencePath::Canary],
        _ => &[],
    };
    for path in paths {
        let latest = version.evidence.iter().rev().find(|e| {
            e.path == *path && (!path.is_per_market() || e.market == request.market) && e.speaks_of(&version.lineage)
        });
        // Every file in this test has its path's name, so that the latest one decides.
        let latest = latest.unwrap_or_else(|| panic!("no {path} evidence"));
        assert_eq!(latest.facts.verdict, Verdict::Green);
        assert!(latest.produced_at >= now.plus_days(-90));
    }
    if request.to == Stage::Staging {
        assert!(version.lineage.missing().is_empty());
    }
    if regulated {
        let report = version.report.as_ref().expect("a regulated version has a report");
        assert_ne!(report.outcome, Outcome::Rejected);
        assert_ne!(report.author, request.requested_by);
        assert_ne!(report.author, version.registered_by);
    }
    if request.to != Stage::Shadow || regulated {
        assert!(!version.findings.iter().any(|finding| finding.is_open() && finding.severity >= Severity::High));
    }
    let mut roles: Vec<Role> = Vec::new();
    match (request.to, regulated) {
        (Stage::Staging, true) => roles.push(Role::MrmValidator),
        (Stage::Production, true) => roles.push(Role::RiskCommittee),
        _ => {}
    }
    if request.market == eu() {
        match request.to {
            Stage::Canary => roles.extend([Role::MrmValidator, Role::PrivacyOfficer]),
            Stage::Production => roles.push(Role::MrmValidator),
            _ => {}
        }
    }
    let mut signers = BTreeSet::from([request.requested_by.clone(), version.registered_by.clone()]);
    if request.requested_by == version.registered_by {
        signers.insert(account("nobody"));
    }
    let before = signers.len();
    for role in &roles {
        let signature = version.sign_offs.iter().rev().find(|s| s.request == request.number && s.role == *role);
        let signature = signature.unwrap_or_else(|| panic!("{role} did not sign"));
        assert_eq!(signature.package, *package, "{role} signed another package");
        let signer = people().into_iter().find(|p| p.account == signature.signer).unwrap();
        assert!(signer.is(*role));
        signers.insert(signature.signer.clone());
    }
    assert_eq!(signers.len(), before + roles.len(), "each is another person");
}

fn nth(world: &TestWorld, index: usize) -> Option<VersionId> {
    let mut ids: Vec<VersionId> = world.versions().map(|version| version.id.clone()).collect();
    ids.sort();
    (!ids.is_empty()).then(|| ids[index % ids.len()].clone())
}

/// The next thing that the rules ask for on the way of `id` in `market`.
fn advance(world: &mut TestWorld, id: &VersionId, place: &Market) -> Option<(Principal, Command)> {
    let shared = world.stage(id, None) == Stage::None;
    let here = (!shared).then(|| place.clone());
    let to = world.stage(id, here.as_ref()).next()?;
    let open = world.version(id).open_request(here.as_ref()).map(|request| request.number);
    let unmet = world.requirements(id, to, here.as_ref()).into_iter().find(|r| !r.met);
    let Some(unmet) = unmet.filter(|r| !r.rule.starts_with("sign_off") || open.is_some()) else {
        return Some((
            ben(),
            Command::RequestPromotion(id.clone(), RequestPromotion { to, market: here, note: String::new() }),
        ));
    };
    let sign = |world: &TestWorld, who: Principal, role: Role| {
        let body = signature_of(world, id, open.unwrap_or(0), role)?;
        Some((who, Command::SignPromotion(id.clone(), open?, body)))
    };
    match unmet.rule.as_str() {
        "lineage.complete" => {
            let body = AmendLineage { lineage: lineage(3), reason: "Complete it.".into() };
            Some((ana(), Command::AmendLineage(id.clone(), body)))
        }
        "stage.minimum_time" => {
            world.days_pass(7);
            None
        }
        "validation.report" => Some((vera(), Command::RecordReport(id.clone(), report(Outcome::Approved)))),
        "findings.closed" => {
            let finding = world.version(id).findings.iter().find(|f| f.is_open() && f.severity >= Severity::High)?;
            Some(match finding.remediation {
                None => (ben(), Command::RemediateFinding(id.clone(), finding.number, note("Mended."))),
                Some(_) => (victor(), Command::CloseFinding(id.clone(), finding.number, note("Verified."))),
            })
        }
        "sign_off.mrm_validator" => sign(world, victor(), Role::MrmValidator),
        "sign_off.risk_committee" => sign(world, rosa(), Role::RiskCommittee),
        "sign_off.privacy_officer" => sign(world, paul(), Role::PrivacyOfficer),
        "champion.not_worse" => {
            let mut bodies = world.comparisons(id, Verdict::Green);
            let turn = world.version(id).evidence.len() % bodies.len();
            Some((pipeline(), Command::AttachEvidence(id.clone(), bodies.swap_remove(turn))))
        }
        evidence => {
            let path: EvidencePath = evidence.strip_prefix("evidence.")?.parse().unwrap();
            let body = world.evidence(id, path, here.filter(|_| path.is_per_market()), Verdict::Green);
            Some((pipeline(), Command::AttachEvidence(id.clone(), body)))
        }
    }
}

/// The signature of somebody who reads the package of that request now.
fn signature_of(world: &TestWorld, id: &VersionId, number: u32, role: Role) -> Option<domain::command::SignPromotion> {
    let request = world.version(id).request(number)?;
    let question = world.question(id, request.to, request.market.as_ref());
    let gate = question.gate().ok()?;
    let slot = gate.sign_offs.iter().find(|slot| slot.role == role)?;
    Some(domain::command::SignPromotion {
        role,
        meaning: slot.meaning.clone(),
        package: domain::approval::Package::of(&question).digest(),
        comment: String::new(),
    })
}

fn command(world: &mut TestWorld, who: &Principal, step: &Step) -> Option<(Principal, Command)> {
    let place = |index: &usize| market(MARKETS[*index]);
    let version = |world: &TestWorld, index: &usize| nth(world, *index);
    let command = match step {
        Step::Register { model, seed, complete } => {
            let lineage = if *complete { lineage(*seed) } else { Lineage::default() };
            let body = RegisterVersion { lineage, note: String::new(), origin: None };
            Command::RegisterVersion(MODELS[*model].parse().unwrap(), body)
        }
        Step::Amend { version: index, seed } => {
            let body = AmendLineage { lineage: lineage(*seed), reason: "Corrected.".into() };
            Command::AmendLineage(version(world, index)?, body)
        }
        Step::Attach { version: index, path, market, verdict, foreign } => {
            let id = version(world, index)?;
            let mut body = world.evidence(&id, *path, path.is_per_market().then(|| place(market)), *verdict);
            if *foreign {
                body.bound_to = "another".into();
            }
            Command::AttachEvidence(id, body)
        }
        Step::Request { version: index, to, market } => {
            let body = RequestPromotion { to: *to, market: market.as_ref().map(place), note: String::new() };
            Command::RequestPromotion(version(world, index)?, body)
        }
        Step::Withdraw { version: index, request } => Command::WithdrawPromotion(version(world, index)?, *request),
        Step::Decline { version: index, request } => {
            Command::DeclinePromotion(version(world, index)?, *request, DeclinePromotion { reason: "No.".into() })
        }
        Step::Sign { version: index, request, role, read } => {
            let id = version(world, index)?;
            let mut body = signature_of(world, &id, *request, *role)?;
            if !read {
                body.package = Digest::of(b"something read long ago");
            }
            Command::SignPromotion(id, *request, body)
        }
        Step::Report { version: index, outcome } => Command::RecordReport(version(world, index)?, report(*outcome)),
        Step::Raise { version: index, severity } => {
            let body = RaiseFinding {
                severity: *severity,
                title: "Unstable".into(),
                description: "Scores jump.".into(),
                owner: None,
                due_at: world.now.plus_days(9),
            };
            Command::RaiseFinding(version(world, index)?, body)
        }
        Step::Remediate { version: index, finding } => {
            Command::RemediateFinding(version(world, index)?, *finding, note("Mended."))
        }
        Step::Close { version: index, finding } => {
            Command::CloseFinding(version(world, index)?, *finding, note("Seen."))
        }
        Step::Archive { version: index } => {
            Command::ArchiveVersion(version(world, index)?, ArchiveVersion { reason: "Old.".into() })
        }
        Step::Adopt { standby_days } => {
            let toml =
                domain::policy::DEFAULT_POLICY.replace("standby_days = 14", &format!("standby_days = {standby_days}"));
            Command::AdoptPolicy(toml)
        }
        Step::Wait { days } => {
            world.days_pass(*days);
            return None;
        }
        Step::Advance { version: index, market, anybody } => {
            let id = version(world, index)?;
            let (right, command) = advance(world, &id, &place(market))?;
            return Some((if *anybody { who.clone() } else { right }, command));
        }
    };
    Some((who.clone(), command))
}

/// Folds all entries from the first and compares; states survive being written and read.
fn check_folds(world: &TestWorld) {
    let mut again = HashMap::new();
    for recorded in &world.log {
        apply(&mut again, recorded);
    }
    assert_eq!(again.len(), world.states.len());
    for (id, state) in &world.states {
        let text = state.to_json().unwrap();
        assert_eq!(again[id].to_json().unwrap(), text, "{id} folds differently");
        assert_eq!(&Aggregate::from_json(id, &text).unwrap(), state, "{id} does not survive its JSON");
        assert_eq!(id.to_string().parse::<AggregateId>().as_ref(), Ok(id));
        assert_eq!(AggregateId::from_subject(&id.subject()).as_ref(), Some(id));
    }
}

#[test]
fn no_sequence_of_commands_breaks_a_rule() {
    let everybody = people();
    let steps = prop::collection::vec((0..everybody.len(), step()), 40..240);
    let reached = RefCell::new((0, 0, 0));
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&steps, |steps| {
            let mut world = TestWorld::new();
            world.register_model("credit", "sr-11-7");
            world.register_model("streamrec", "unregulated");
            let mut onlooker = Onlooker::default();
            for (who, step) in &steps {
                let Some((who, command)) = command(&mut world, &everybody[*who], step) else { continue };
                if let Ok(recorded) = world.run(&who, &command) {
                    for entry in &recorded {
                        onlooker.see(entry, &world);
                    }
                }
            }
            onlooker.compare(&world);
            check_folds(&world);
            let mut reached = reached.borrow_mut();
            reached.0 += onlooker.productions;
            reached.1 += onlooker.successions;
            reached.2 += u32::try_from(onlooker.archived.len()).unwrap();
            Ok(())
        })
        .unwrap();
    let (productions, successions, archived) = reached.into_inner();
    println!("{productions} promotions to Production, {successions} successions, {archived} archived");
    assert!(productions >= 10 && successions >= 1 && archived >= 5, "the walks must get somewhere to prove anything");
}
