//! Random people send random commands in random order. Whatever they try: no stage is skipped, Archived is left by
//! nobody, no gate opens with a requirement unmet, a market has one champion, two strikes end a rollout, what is killed
//! stays off until it is reviewed and lifted, shares sum to 100 %, and folding the entries again from the first gives
//! the same states.

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
    committee::{CastVote, Recuse, Voice, Vote},
    deployment::{
        self, Figure, KillTarget, Routing, ServingCommand,
        command::{Kill, Observe, Reason, ReportStandby, ReviewKill, RollBack},
    },
    evidence::{Compared, EvidencePath, Verdict},
    lineage::Lineage,
    materiality::{Materiality, SetBy, SetMateriality},
    privacy::{
        self,
        command::{AdviseDpia, ConfirmSafeguards, PrivacyCommand, ReopenDpia},
    },
    promotion::Request,
    registry::{Standing, Version},
    trigger::{ApproveDrift, Cause, Configuration, DriftRule, ObserveDrift},
    validation::{Outcome, Section, Severity},
    waiver::{Covers, GrantWaiver},
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
    /// Asks for the stage after the next one, or one further, or for a new beginning of what is archived, as somebody who
    /// may ask.
    Leap {
        version: usize,
        market: usize,
        far: bool,
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
    Vote {
        version: usize,
        request: u32,
        voice: Voice,
        read: bool,
    },
    Recuse {
        version: usize,
        request: u32,
    },
    Judge {
        version: usize,
        market: Option<usize>,
        materiality: Materiality,
    },
    Waive {
        version: usize,
        finding: u32,
        days: i64,
    },
    Reopen {
        version: usize,
        finding: u32,
    },
    Observe {
        version: usize,
        market: usize,
        error_rate: f64,
        sample: u64,
        /// Since whatever happened before.
        minutes: i64,
    },
    /// Health, hold, resume, rollback, kill switch, its review and lifting, a tick.
    Serve {
        model: usize,
        market: usize,
        version: usize,
        what: usize,
    },
    /// Reopens the impact assessment or states the safeguards anew, or else takes what waits there a step on.
    Privacy {
        model: usize,
        what: usize,
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
        6 => (v(), m(), any::<bool>()).prop_map(|(version, market, far)| Step::Leap { version, market, far }),
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
        3 => (v(), n(), select(Voice::ALL.to_vec()), prop::bool::weighted(0.8))
            .prop_map(|(version, request, voice, read)| Step::Vote { version, request, voice, read }),
        1 => (v(), n()).prop_map(|(version, request)| Step::Recuse { version, request }),
        2 => (v(), prop::option::of(m()), select(vec![Materiality::Material, Materiality::NonMaterial]))
            .prop_map(|(version, market, materiality)| Step::Judge { version, market, materiality }),
        2 => (v(), n(), 1_i64..120).prop_map(|(version, finding, days)| Step::Waive { version, finding, days }),
        1 => (v(), n()).prop_map(|(version, finding)| Step::Reopen { version, finding }),
        // Too soon and in time, on too few requests and on enough: each is asked of a step by itself.
        14 => (v(), m(), select(vec![0.001, 0.001, 0.0048, 0.05]), select(vec![500, 20_000]), select(vec![6, 1_600]))
            .prop_map(|(version, market, error_rate, sample, minutes)| {
                Step::Observe { version, market, error_rate, sample, minutes }
            }),
        4 => (m(), m(), v(), 0_usize..9)
            .prop_map(|(model, market, version, what)| Step::Serve { model, market, version, what }),
        3 => (m(), 0_usize..5).prop_map(|(model, what)| Step::Privacy { model, what }),
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
    vec![ana(), ben(), vera(), victor(), rosa(), rolf(), paul(), adam(), audrey(), pipeline(), dora, mighty]
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
    /// Versions that were taken out of a market, and by how many strikes each was hit.
    out: BTreeSet<(VersionId, Market)>,
    strikes: HashMap<(VersionId, Market), u32>,
    approved: Option<(VersionId, Market)>,
    /// Of each version on its way in: since when it has its share, the requests answered since, the last window's verdict.
    steps: HashMap<(VersionId, Market), (Timestamp, u64, Option<deployment::Verdict>)>,
    /// Markets whose kill switch is in use, by whom, and whether a review lets it be lifted.
    killed: HashMap<(String, Market), (String, bool)>,
    /// Since when a model's impact assessment is approved, and the models whose safeguards are confirmed.
    assessed: HashMap<String, Timestamp>,
    safeguarded: BTreeSet<String>,
    productions: u32,
    crowned: u32,
    successions: u32,
    rollbacks: u32,
    kills: u32,
}

impl Onlooker {
    /// Looks at one entry, with the version as it stands after it.
    fn see(&mut self, recorded: &Recorded, world: &TestWorld) {
        if let AggregateId::Deployment(model, place) = &recorded.subject {
            return self.see_serving(model.as_str(), place, recorded, world);
        }
        if let AggregateId::Dpia(model) = &recorded.subject {
            return self.see_privacy(model.as_str(), recorded);
        }
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
                self.check_rivals(version, *to, world);
                if *market == eu() && *to >= Stage::Canary {
                    self.check_privacy(version, recorded.time);
                }
                if let Some(market) = market {
                    // Promotion raises no share: the canary's time and traffic count for the step after it.
                    if *to == Stage::Canary {
                        self.steps.insert((id.clone(), market.clone()), (recorded.time, 0, None));
                    }
                    assert!(!self.out.contains(&(id.clone(), market.clone())), "{id} came back to {market}");
                    let place = (id.model.to_string(), market.clone());
                    assert!(
                        *to == Stage::Shadow || !self.killed.contains_key(&place),
                        "{id} entered a market that is off"
                    );
                }
                self.productions += u32::from(*to == Stage::Production);
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

    fn see_privacy(&mut self, model: &str, recorded: &Recorded) {
        match &recorded.event {
            Event::DpiaApproved(_) => drop(self.assessed.insert(model.to_owned(), recorded.time)),
            Event::DpiaReopened(_) => drop(self.assessed.remove(model)),
            Event::SafeguardsStated(_) => drop(self.safeguarded.remove(model)),
            Event::SafeguardsConfirmed { .. } => drop(self.safeguarded.insert(model.to_owned())),
            _ => {}
        }
    }

    /// What the EU asks on behalf of the people who are decided about.
    fn check_privacy(&self, version: &Version, now: Timestamp) {
        let model = version.id.model.as_str();
        let since = self.assessed.get(model).expect("an approved impact assessment that nobody reopened");
        assert!(now < since.plus_days(366), "it is looked at again each year");
        assert!(self.safeguarded.contains(model), "confirmed safeguards");
        assert!(!version.lineage.features.names.contains("gender"), "a prohibited feature");
    }

    /// On its way into Staging a version was held against each champion of its model, and was not worse.
    fn check_rivals(&self, version: &Version, to: Stage, world: &TestWorld) {
        let rivals = self
            .champions
            .iter()
            .filter(|((model, _), _)| to == Stage::Staging && *model == *version.id.model.as_str());
        for (_, rival) in rivals {
            let weights = world.version(rival).lineage.model.weights_digest;
            let names = |compared: &Compared| compared.weights == weights;
            let latest = version
                .evidence
                .iter()
                .rev()
                .find(|e| e.facts.compared.as_ref().is_some_and(names) && e.speaks_of(&version.lineage));
            let latest = latest.unwrap_or_else(|| panic!("{} was not held against {rival}", version.id));
            assert_eq!(latest.facts.verdict, Verdict::Green, "{} is worse than {rival}", version.id);
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

    /// Looks at an entry of what serves a market.
    fn see_serving(&mut self, model: &str, place: &Market, recorded: &Recorded, world: &TestWorld) {
        let id = |number: domain::VersionNumber| version_id(model, number.get());
        let seat = (model.to_owned(), place.clone());
        let off = self.killed.contains_key(&seat);
        let approved = self.approved.take();
        match &recorded.event {
            Event::RolloutObserved(body) => {
                assert!(!off, "a model that is off was observed");
                assert!(!self.out.contains(&(id(body.version), place.clone())));
                if let Some((_, sample, last)) = self.steps.get_mut(&(id(body.version), place.clone())) {
                    *sample += body.sample;
                    *last = Some(body.verdict);
                }
            }
            Event::RolloutStruck(body) => {
                self.steps.insert((id(body.version), place.clone()), (recorded.time, 0, None));
                let strikes = self.strikes.entry((id(body.version), place.clone())).or_default();
                *strikes += 1;
                assert_eq!(body.strike, *strikes);
                assert!(body.to_percent <= body.from_percent);
            }
            Event::RolloutApproved(body) => {
                let version = world.version(&id(body.version));
                assert!(!version.developers.contains(&recorded.actor), "a developer approved a step");
                self.approved = Some((id(body.version), place.clone()));
            }
            Event::RolloutAdvanced(body) => {
                assert!(!off && body.to_percent > body.from_percent);
                self.check_step(&id(body.version), place, approved.as_ref(), world, recorded.time);
                self.steps.insert((id(body.version), place.clone()), (recorded.time, 0, None));
            }
            Event::RolloutCompleted(body) => {
                assert!(!off);
                self.check_step(&id(body.version), place, approved.as_ref(), world, recorded.time);
                self.out.extend(body.released.map(|version| (id(version), place.clone())));
                self.crown(&id(body.version), place, body.standby_until, world);
            }
            Event::RolloutRolledBack(body) => {
                self.rollbacks += 1;
                assert!(self.out.insert((id(body.version), place.clone())), "it was out already");
            }
            Event::ChampionRolledBack(body) => {
                self.rollbacks += 1;
                assert!(self.out.insert((id(body.from), place.clone())), "it was out already");
                assert!(!self.out.contains(&(id(body.to), place.clone())), "a released standby came back");
                self.kept_until.remove(&(id(body.to), place.clone()));
                assert_eq!(self.champions.insert(seat.clone(), id(body.to)), Some(id(body.from)));
            }
            Event::StandbyReleased(body) => {
                let until = self.kept_until.remove(&(id(body.version), place.clone())).unwrap();
                assert!(recorded.time >= until, "released before its time");
                self.out.insert((id(body.version), place.clone()));
            }
            Event::KillEngaged(_) => {
                self.kills += 1;
                self.killed.insert(seat.clone(), (recorded.actor.to_string(), false));
            }
            Event::KillReviewed(body) => {
                let (by, may) = self.killed.get_mut(&seat).unwrap();
                assert_ne!(*by, recorded.actor.to_string(), "reviewed by whoever used it");
                *may = body.may_lift;
            }
            Event::KillLifted(_) => assert!(self.killed.remove(&seat).unwrap().1, "lifted without a review"),
            _ => {}
        }
    }

    /// A step forward: the version is in Production, has fewer than two strikes, spent a day and ten thousand requests at
    /// its share with a green window last, and where the market asks for a person, a person has just approved.
    fn check_step(
        &self,
        id: &VersionId,
        place: &Market,
        approved: Option<&(VersionId, Market)>,
        world: &TestWorld,
        now: Timestamp,
    ) {
        let key = (id.clone(), place.clone());
        let (since, sample, last) = self.steps[&key];
        assert!(now >= since.plus_hours(24), "{id} went on too soon");
        assert!(sample >= 10_000, "{id} went on after {sample} requests");
        assert_eq!(last, Some(deployment::Verdict::Green), "{id} went on without a green window");
        assert_eq!(self.tracks[&key].0, Stage::Production, "{id} went on without its gate");
        assert!(self.strikes.get(&key).is_none_or(|strikes| *strikes < 2));
        assert!(!self.out.contains(&key));
        let asks = world.policy().policy.markets[place].rollout.as_ref().unwrap().approval.is_some();
        assert_eq!(approved == Some(&key), asks, "{id} in {place}");
    }

    fn crown(&mut self, id: &VersionId, market: &Market, standby_until: Option<Timestamp>, world: &TestWorld) {
        self.crowned += 1;
        let seat = (id.model.to_string(), market.clone());
        match (self.champions.insert(seat, id.clone()), standby_until) {
            (Some(former), Some(until)) => {
                self.successions += 1;
                assert_eq!(world.model(id.model.as_str()).standing(former.number, market), Standing::WarmStandby);
                // One way back is kept in each market: an earlier one is released by a second succession.
                self.kept_until.retain(|(version, place), _| version.model != id.model || place != market);
                self.kept_until.insert((former, market.clone()), until);
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
                let key = (id.clone(), place.clone());
                let track = self.tracks.get(&key).map(|(stage, _)| *stage);
                let gone = self.archived.contains(id) || self.out.contains(&key);
                let expected = if gone { Stage::Archived } else { track.unwrap_or(self.shared[id]) };
                assert_eq!(version.stage_in(Some(&place)), expected, "{id} in {code}");
                let champion = self.champions.get(&(id.model.to_string(), place.clone())) == Some(id);
                let standing = world.model(id.model.as_str()).standing(id.number, &place);
                assert_eq!(standing == Standing::Champion, champion, "{id} in {code}");
                assert!(self.strikes.get(&key).is_none_or(|strikes| *strikes < 2 || gone), "two strikes end a rollout");
            }
        }
        for state in world.states.values() {
            let Aggregate::Deployment(deployment) = state else { continue };
            let routing = Routing::of(deployment);
            let served: u32 = routing.targets.iter().map(|target| u32::from(target.weight)).sum();
            assert_eq!(served + u32::from(routing.fallback.weight), 100, "{routing:?}");
            let buckets: u32 = routing.targets.iter().map(|target| target.to_bucket - target.from_bucket).sum();
            assert_eq!(buckets, served * 100, "{routing:?}");
            let seat = (deployment.model.to_string(), deployment.market.clone());
            assert_eq!(deployment.kill_switch.is_some(), self.killed.contains_key(&seat));
            let champion = deployment.champion.as_ref().map(|champion| champion.artifact.version);
            let model = world.model(deployment.model.as_str());
            assert_eq!(champion, model.champions.get(&deployment.market).map(|champion| champion.version));
            let standby = deployment.standby.as_ref().map(|standby| standby.artifact.version);
            assert_eq!(standby, model.standbys.get(&deployment.market).map(|standby| standby.version));
            let coming = deployment.rollout.as_ref().map(|rollout| rollout.artifact.version);
            assert_eq!(coming, model.rolling_out.get(&deployment.market).copied());
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
    if request.to == Stage::Canary && version.cause() == Cause::Drift {
        let approval = version.drift_approvals.get(request.market.as_ref().unwrap()).expect("somebody looked");
        assert!(!version.developers.contains(&approval.mark.by));
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
        let waived = |number: u32| {
            version.waivers.iter().any(|waiver| {
                waiver.covers == Covers::Finding(number)
                    && waiver.revoked.is_none()
                    && now < waiver.expires_at
                    && waiver.expires_at <= waiver.granted_at.plus_days(90)
                    && waiver.granted_by != waiver.requested_by
            })
        };
        let open = version.findings.iter().filter(|finding| finding.is_open() && finding.severity >= Severity::High);
        assert!(open.into_iter().all(|finding| waived(finding.number)), "an open finding without a waiver");
    }
    // What the change counts as: a person's word for this very lineage, else what was judged with the request.
    let judged = request.assessed.as_ref().filter(|assessed| assessed.lineage == version.lineage_digest);
    let material_before = |entry: u64| {
        let said = |set: &&SetBy| set.market == request.market && set.lineage == version.lineage_digest;
        let word = version.materiality.iter().rev().filter(said).find(|set| set.entry < entry);
        word.map(|set| set.to).or(judged.map(|a| a.materiality)) != Some(Materiality::NonMaterial)
    };
    let material = material_before(u64::MAX);
    if regulated && material {
        let report = version.report.as_ref().unwrap();
        let mut whole = Section::ALL.iter().filter(|section| **section != Section::Findings);
        assert!(whole.all(|section| !report.sections[section].is_empty()), "a full validation");
    }
    // Lowering it after the request, or after a vote, sends no committee home.
    let sat = material || material_before(request.entry);
    let sat = sat || request.committee.as_ref().is_some_and(|committee| !committee.votes.is_empty());
    let voted = regulated && sat && request.to == Stage::Production;
    if voted {
        check_vote(version, request, package);
    }
    let mut roles: Vec<Role> = Vec::new();
    match (request.to, regulated) {
        (Stage::Staging, true) => roles.push(Role::MrmValidator),
        (Stage::Production, true) if !voted => roles.push(Role::RiskCommittee),
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
        assert!(!regulated, "requester and developer are two people");
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

/// The committee's vote counted once more: frozen members, none of them with another part in it, quorum and majority.
fn check_vote(version: &Version, request: &Request, package: &Digest) {
    let committee = request.committee.as_ref().expect("a committee was called");
    let mut latest: BTreeMap<&str, &Vote> = BTreeMap::new();
    for vote in &committee.votes {
        latest.insert(vote.member.as_str(), vote);
    }
    latest.retain(|member, vote| {
        vote.package == *package && !committee.recusals.iter().any(|recusal| recusal.member.as_str() == *member)
    });
    let count = |voice: Voice| latest.values().filter(|vote| vote.voice == voice).count();
    let (yes, no) = (count(Voice::Approve), count(Voice::Reject));
    assert!(latest.len() >= 2, "the quorum is two");
    assert!(yes * 100 >= 60 * (yes + no), "60 % carry it");
    for vote in latest.values() {
        assert!(committee.members.contains(&vote.member), "the members were fixed");
        assert_ne!(vote.member, request.requested_by);
        assert!(!version.developers.contains(&vote.member));
        assert_ne!(version.report.as_ref().map(|report| &report.author), Some(&vote.member));
        assert!(people().into_iter().any(|p| p.account == vote.member && p.is(Role::RiskCommittee)));
    }
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
    let stage = world.stage(id, here.as_ref());
    if stage == Stage::Production {
        return onward(world, id, place);
    }
    let to = stage.next()?;
    let open = world.version(id).open_request(here.as_ref()).map(|request| request.number);
    let unmet = world.requirements(id, to, here.as_ref()).into_iter().find(|r| !r.met);
    let Some(unmet) = unmet.filter(|r| !r.topic.is_signature() || open.is_some()) else {
        return Some((
            ben(),
            Command::RequestPromotion(
                id.clone(),
                RequestPromotion { to, market: here, note: String::new(), blue_green: None },
            ),
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
        "drift.approved" => {
            let body = ApproveDrift { market: place.clone(), statement: "Genuine.".into() };
            Some((vera(), Command::ApproveDrift(id.clone(), body)))
        }
        "privacy.dpia" => Some(assess(world, id.model.as_str())),
        "privacy.article22" => Some(safeguard(world, id.model.as_str())),
        "sign_off.mrm_validator" => sign(world, victor(), Role::MrmValidator),
        "sign_off.risk_committee" => sign(world, rosa(), Role::RiskCommittee),
        "committee.vote" => {
            let number = open?;
            let Some(committee) = world.version(id).request(number)?.committee.clone() else {
                return Some((ben(), Command::WithdrawPromotion(id.clone(), number)));
            };
            let body = vote_of(world, id, number, Voice::Approve)?;
            let waiting = |who: &Principal| {
                committee.members.contains(&who.account)
                    && !committee.is_recused(&who.account)
                    && committee.vote_of(&who.account).is_none_or(|vote| vote.package != body.package)
            };
            match [rosa(), rolf()].into_iter().find(waiting) {
                Some(member) => Some((member, Command::Vote(id.clone(), number, body))),
                None => Some((ben(), Command::WithdrawPromotion(id.clone(), number))),
            }
        }
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

/// The next thing that a model's impact assessment waits for.
fn assess(world: &TestWorld, model: &str) -> (Principal, Command) {
    let name: domain::ModelName = model.parse().unwrap();
    let file = world.file(model).unwrap();
    match file.step(world.policy().policy.privacy.as_ref().unwrap()) {
        privacy::Step::Write => (olga(), Command::Privacy(PrivacyCommand::DraftDpia(name, Box::new(content())))),
        privacy::Step::Approve => (paul(), Command::Privacy(world.approval(model, "Read."))),
        // Where all is done, the advice is refused.
        privacy::Step::Advise | privacy::Step::Consult | privacy::Step::Done => {
            let content = file.draft.as_ref().unwrap().digest;
            let body = AdviseDpia { content, advice: "Sound.".into(), favourable: true };
            (paul(), Command::Privacy(PrivacyCommand::AdviseDpia(name, body)))
        }
    }
}

/// The next thing that a model's statement under Art. 22 waits for.
fn safeguard(world: &TestWorld, model: &str) -> (Principal, Command) {
    let name: domain::ModelName = model.parse().unwrap();
    let statement = world.file(model).unwrap().safeguards.as_ref().unwrap().digest;
    (paul(), Command::Privacy(PrivacyCommand::ConfirmSafeguards(name, ConfirmSafeguards { statement })))
}

/// The vote of somebody who reads the package of that request now.
fn vote_of(world: &TestWorld, id: &VersionId, number: u32, voice: Voice) -> Option<CastVote> {
    let request = world.version(id).request(number)?;
    let package = domain::approval::Package::of(&world.question(id, request.to, request.market.as_ref())).digest();
    Some(CastVote { voice, package, parts: BTreeMap::new(), comment: "So.".into() })
}

/// The next thing on the way of a promoted version to champion.
fn onward(world: &mut TestWorld, id: &VersionId, place: &Market) -> Option<(Principal, Command)> {
    let model = id.model.as_str();
    if world.model(model).standing(id.number, place) != Standing::RollingOut {
        return None;
    }
    if let Some(kill) = &world.deployment(model, place).kill_switch {
        let reviewed = kill.review.is_some();
        let who = if kill.by == victor().account { vera() } else { victor() };
        let review = ServingCommand::ReviewKill(ReviewKill { text: "Looked at.".into(), may_lift: true });
        let lift = ServingCommand::LiftKill(Reason { reason: "Reviewed.".into() });
        let command = if reviewed { lift } else { review };
        return Some((who, Command::Serve(id.model.clone(), place.clone(), command)));
    }
    let rollout = world.deployment(model, place).rollout.as_ref()?;
    if rollout.last_observation().is_some() && place.as_str() == "EU" {
        let body = world.step_approval(id, place);
        return Some((victor(), Command::Serve(id.model.clone(), place.clone(), ServingCommand::Approve(body))));
    }
    world.days_pass(2);
    Some((pipeline(), observation(world, id, place, 0.001, 20_000)))
}

fn observation(world: &TestWorld, id: &VersionId, place: &Market, error_rate: f64, sample: u64) -> Command {
    let figure = |metric: &str, value: f64| Figure {
        metric: metric.into(),
        value,
        lower: Some(value * 0.9),
        upper: Some(value * 1.1),
    };
    let body = Observe {
        version: id.number,
        from: world.now.plus_minutes(-5),
        to: world.now,
        sample,
        figures: vec![figure("error_rate", error_rate), figure("p99_ratio", 1.0)],
    };
    Command::Serve(id.model.clone(), place.clone(), ServingCommand::Observe(body))
}

fn serving(
    world: &TestWorld,
    model: usize,
    place: &Market,
    version: usize,
    what: usize,
) -> (Option<Principal>, Command) {
    let reason = || Reason { reason: "Because.".into() };
    let guess: domain::VersionNumber = u32::try_from(version + 1).unwrap().try_into().unwrap();
    let id = AggregateId::Deployment(MODELS[model].parse().unwrap(), place.clone());
    let serves = world.states.get(&id).map_or_else(Vec::new, |state| match state {
        Aggregate::Deployment(deployment) => deployment.versions(),
        _ => Vec::new(),
    });
    let number = serves.get(version % serves.len().max(1)).copied().unwrap_or(guess);
    let command = match what {
        0 | 1 => {
            ServingCommand::ReportStandby(ReportStandby { version: number, healthy: what == 0, detail: String::new() })
        }
        2 => ServingCommand::Hold(reason()),
        3 => ServingCommand::Resume(reason()),
        4 => ServingCommand::RollBack(RollBack { version: number, reason: "Worse.".into() }),
        5 => {
            let to = if version.is_multiple_of(2) { KillTarget::Previous } else { KillTarget::Fallback };
            ServingCommand::Kill(Kill { to, reason: "Harm.".into() })
        }
        6 => ServingCommand::ReviewKill(ReviewKill { text: "Looked at.".into(), may_lift: version > 0 }),
        7 => ServingCommand::LiftKill(reason()),
        _ => {
            return (Some(person("system", &[Role::Administrator], "")), Command::Tick(id));
        }
    };
    let who = (what < 2).then(pipeline).or((what == 6).then(victor));
    (who, Command::Serve(MODELS[model].parse().unwrap(), place.clone(), command))
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
        parts: BTreeMap::new(),
        comment: String::new(),
    })
}

#[expect(clippy::too_many_lines, reason = "one arm for each step, none of them long")]
fn command(world: &mut TestWorld, who: &Principal, step: &Step) -> Option<(Principal, Command)> {
    let place = |index: &usize| market(MARKETS[*index]);
    let version = |world: &TestWorld, index: &usize| nth(world, *index);
    let command = match step {
        Step::Register { model, seed, complete } => {
            let mut lineage = if *complete || *seed % 4 != 0 { lineage(*seed) } else { Lineage::default() };
            // Whatever evidence is bound to is there; one field that completeness asks for is not.
            if !complete {
                lineage.training.random_seed = None;
            }
            // Each fifth learns from what the EU prohibits.
            if *seed % 5 == 4 {
                lineage.features.names.insert("gender".into());
            }
            // Each third lineage was trained because of the drift that both models begin with.
            let trigger = (*seed % 3 == 0).then_some(1);
            let body = RegisterVersion { lineage, note: String::new(), origin: None, trigger };
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
            let body =
                RequestPromotion { to: *to, market: market.as_ref().map(place), note: String::new(), blue_green: None };
            Command::RequestPromotion(version(world, index)?, body)
        }
        Step::Leap { version: index, market, far } => {
            let id = version(world, index)?;
            let stage = world.version(&id).stage_in(Some(&place(market)));
            let to = match stage.next().and_then(Stage::next) {
                Some(next) if *far => next.next().unwrap_or(next),
                Some(next) => next,
                // Whatever is archived begs to be let in again.
                None if stage == Stage::Archived => [Stage::Staging, Stage::Shadow][usize::from(*far)],
                None => return None,
            };
            let market = to.is_per_market().then(|| place(market));
            let body = RequestPromotion { to, market, note: String::new(), blue_green: None };
            return Some((ben(), Command::RequestPromotion(id, body)));
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
        Step::Vote { version: index, request, voice, read } => {
            let id = version(world, index)?;
            let mut body = vote_of(world, &id, *request, *voice)?;
            if !read {
                body.package = Digest::of(b"something read long ago");
            }
            Command::Vote(id, *request, body)
        }
        Step::Recuse { version: index, request } => {
            Command::Recuse(version(world, index)?, *request, Recuse { reason: "A conflict.".into() })
        }
        Step::Judge { version: index, market, materiality } => {
            let body = SetMateriality {
                market: market.as_ref().map(place),
                materiality: *materiality,
                reason: "On reflection.".into(),
            };
            Command::SetMateriality(version(world, index)?, body)
        }
        Step::Waive { version: index, finding, days } => {
            let body = GrantWaiver {
                covers: Covers::Finding(*finding),
                market: None,
                control: "Watched.".into(),
                reason: "Soon mended.".into(),
                requested_by: account("ben"),
                expires_at: world.now.plus_days(*days),
            };
            Command::GrantWaiver(version(world, index)?, body)
        }
        Step::Reopen { version: index, finding } => {
            Command::ReopenFinding(version(world, index)?, *finding, note("It is back."))
        }
        Step::Observe { version: index, market, error_rate, sample, minutes } => {
            let id = version(world, index)?;
            world.now = world.now.plus_minutes(*minutes);
            return Some((pipeline(), observation(world, &id, &place(market), *error_rate, *sample)));
        }
        Step::Serve { model, market, version, what } => {
            let (right, command) = serving(world, *model, &place(market), *version, *what);
            return Some((right.unwrap_or_else(|| who.clone()), command));
        }
        Step::Privacy { model, what } => {
            let model = MODELS[*model];
            let name: domain::ModelName = model.parse().unwrap();
            let (right, command) = match what {
                0 => {
                    let body = ReopenDpia { reason: "The risk changed.".into() };
                    (olga(), Command::Privacy(PrivacyCommand::ReopenDpia(name, body)))
                }
                1 => {
                    let mut statement = article22();
                    statement.reasons = format!("As of {}.", world.now);
                    (olga(), Command::Privacy(PrivacyCommand::StateSafeguards(name, Box::new(statement))))
                }
                2 | 3 => assess(world, model),
                _ => safeguard(world, model),
            };
            return Some((right, command));
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

/// Has a model's trigger for drift fire.
fn drift(world: &mut TestWorld, model: &str) {
    let model: domain::ModelName = model.parse().unwrap();
    let configuration = Configuration { drift: Some(DriftRule::default()), ..Configuration::default() };
    world.run(&ana(), &Command::ConfigureTriggers(model.clone(), configuration)).unwrap();
    let body = ObserveDrift {
        from: world.now.plus_days(-1),
        until: world.now,
        source: "nightly".into(),
        features: BTreeMap::from([("age".to_owned(), moved(0.4))]),
    };
    assert_eq!(world.run(&pipeline(), &Command::ObserveDrift(model, body)).unwrap().len(), 2);
}

#[test]
fn no_sequence_of_commands_breaks_a_rule() {
    let everybody = people();
    let steps = prop::collection::vec((0..everybody.len(), step()), 40..280);
    let reached = RefCell::new([0; 6]);
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&steps, |steps| {
            let mut world = TestWorld::new();
            world.committee = everybody.iter().filter(|person| person.is(Role::RiskCommittee)).cloned().collect();
            world.register_model("credit", "sr-11-7");
            world.register_model("streamrec", "unregulated");
            for model in MODELS {
                drift(&mut world, model);
            }
            let mut onlooker = Onlooker::default();
            let begun: Vec<Recorded> = world.log.clone();
            for entry in &begun {
                onlooker.see(entry, &world);
            }
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
            let archived = u32::try_from(onlooker.archived.len()).unwrap();
            let seen = [onlooker.productions, onlooker.crowned, onlooker.successions, archived];
            for (sum, seen) in reached.iter_mut().zip(seen.into_iter().chain([onlooker.rollbacks, onlooker.kills])) {
                *sum += seen;
            }
            Ok(())
        })
        .unwrap();
    let [productions, crowned, successions, archived, rollbacks, kills] = reached.into_inner();
    println!(
        "{productions} promotions to Production, {crowned} champions, {successions} successions, {archived} archived, \
         {rollbacks} rollbacks, {kills} kill switches"
    );
    let somewhere = productions >= 10 && crowned >= 5 && archived >= 3 && successions + rollbacks >= 2 && kills >= 5;
    assert!(somewhere, "the walks must get somewhere to prove anything");
}
