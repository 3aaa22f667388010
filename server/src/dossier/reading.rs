//! Everything that a dossier tells, read from storage as it stood at one checkpoint.

use std::{collections::BTreeMap, sync::Arc};

use axum::http::StatusCode;
use domain::{
    AccountId, Aggregate, AggregateId, Event, Market, Recorded, Refusal, Stage, VersionId,
    id::VersionNumber,
    policy::{AdoptedPolicy, Policy},
    promotion::{Question, Request, RequestState, Requirement},
    registry::Version,
};
use ledger::{Checkpoint, Digest, Timestamp};

use super::failed;
use crate::{
    accounts::Names,
    http::problem::Problem,
    narrate,
    service::{Service, Shelf},
    storage::{
        StoreError,
        log::{EntryFilter, Head, StoredEntry},
    },
};

/// Entries in the timeline at most; the newest ones are kept.
pub(super) const MAX_TIMELINE: usize = 5_000;
/// Promotion requests shown at most; the newest ones are kept.
pub(super) const MAX_REQUESTS: usize = 200;
/// Entries of one kind, such as transitions, that are looked at.
const MAX_OF_A_KIND: u64 = 1_000;
/// Entries read at once, so that their bytes need not be held all together.
const PAGE: u64 = 500;
/// How often reading starts anew because the version changed meanwhile.
const ATTEMPTS: usize = 5;

/// An entry with the hash of its bytes.
pub(super) struct Sealed {
    pub recorded: Recorded,
    pub hash: Digest,
}

/// An entry of the timeline; the name of its actor is looked up later.
pub(super) struct Line {
    pub seq: u64,
    pub time: Timestamp,
    pub actor: String,
    pub sentence: String,
    pub hash: Digest,
}

/// The next stage in one place, and what it asks for.
pub(super) struct Step<'a> {
    pub to: Stage,
    pub market: Option<&'a Market>,
    pub requirements: Result<Vec<Requirement>, Refusal>,
}

impl Step<'_> {
    /// Requirements that are not met.
    pub fn unmet(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements.iter().flatten().filter(|requirement| !requirement.met)
    }
}

/// See the module.
pub(super) struct Reading {
    pub head: Head,
    pub head_checkpoint: Checkpoint,
    /// Name and id of the key that signed the checkpoint.
    pub key: String,
    pub shelf: Shelf,
    /// Parents and the version before this one.
    pub relatives: BTreeMap<VersionNumber, Arc<Version>>,
    /// When the shared part of the way reached its present stage.
    pub stage_since: Timestamp,
    /// Newest first.
    pub transitions: Vec<Sealed>,
    /// Validation reports, newest first.
    pub reports: Vec<Sealed>,
    /// Policies that a transition was decided on, newest first.
    policies: Vec<AdoptedPolicy>,
    /// Oldest first.
    pub lines: Vec<Line>,
    /// Whether there are entries older than those in `lines`.
    pub has_earlier: bool,
    pub names: Names,
    pub teams: BTreeMap<AccountId, String>,
}

impl Reading {
    /// Reads a version and what belongs to it.
    pub async fn new(app: &Service, id: &VersionId) -> Result<Self, Problem> {
        for _ in 0..ATTEMPTS {
            let reading = Self::read(app, id).await?;
            if reading.still_holds(app).await? {
                return Ok(reading);
            }
        }
        Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "report.settled",
            "The version is changing",
            format!("{id} changed each time while its dossier was read. Try again in a moment."),
        ))
    }

    async fn read(app: &Service, id: &VersionId) -> Result<Self, Problem> {
        let head = app.store.head().await?;
        let shelf = app.version(id).await?.ok_or_else(|| Problem::not_found(format!("There is no {id}.")))?;
        let verifier = app.key.verifier();
        let open = Checkpoint::open(&head.checkpoint, std::slice::from_ref(verifier))
            .map_err(|error| failed(&format!("the checkpoint of size {}: {error}", head.size)))?;
        let key = open
            .note
            .verified
            .iter()
            .find(|by| by.name == open.checkpoint.origin)
            .map_or_else(String::new, |_| key_name(verifier));
        let (lines, has_earlier) = timeline(app, id, head.size).await?;
        let transitions = of_kind(app, id, head.size, "stage.transitioned").await?;
        let policies = policies(app, &shelf.policy, &transitions, head.size).await?;
        let reports = of_kind(app, id, head.size, "validation.recorded").await?;
        let stage_since = app.store.entry(shelf.version.stage_entry).await?.map(|entry| entry.time);
        let authors = reports.iter().map(|report| &report.recorded.actor);
        let teams = teams(app, authors).await?;
        let names = names(app, &shelf, &lines, &reports).await?;
        Ok(Self {
            relatives: relatives(app, &shelf.version).await?,
            stage_since: stage_since.unwrap_or(shelf.version.registered_at),
            head_checkpoint: open.checkpoint,
            head,
            key,
            shelf,
            transitions,
            reports,
            policies,
            lines,
            has_earlier,
            names,
            teams,
        })
    }

    /// Whether what was read after the head still was as the head knows it.
    async fn still_holds(&self, app: &Service) -> Result<bool, StoreError> {
        let size = self.head.size;
        let model = self.shelf.model.name.to_string();
        let roles = "account.roles_changed".to_owned();
        let latest = [
            EntryFilter { model: Some(model), limit: 1, ..EntryFilter::default() },
            EntryFilter { event: Some(roles), limit: 1, ..EntryFilter::default() },
        ];
        for filter in latest {
            if app.store.find_entries(&filter).await?.iter().any(|entry| entry.seq >= size) {
                return Ok(false);
            }
        }
        Ok(self.shelf.policy.entry < size)
    }

    /// What a promotion would be judged on, with `policy` in force, at the time of the checkpoint.
    pub fn question<'a>(&'a self, to: Stage, market: Option<&'a Market>, policy: &'a AdoptedPolicy) -> Question<'a> {
        let (model, version, privacy) = (&self.shelf.model, &self.shelf.version, self.shelf.privacy.as_deref());
        Question { model, version, policy, privacy, to, market, now: self.head.time }
    }

    /// The question of a request under the policy in force.
    pub fn question_of<'a>(&'a self, request: &'a Request) -> Question<'a> {
        self.question(request.to, request.market.as_ref(), &self.shelf.policy)
    }

    /// The next step in each place where there is one.
    pub fn next_steps(&self) -> Vec<Step<'_>> {
        let version = &self.shelf.version;
        let places: Vec<Option<&Market>> = match version.stage {
            Stage::Archived => Vec::new(),
            Stage::None => vec![None],
            _ => self.shelf.model.markets.iter().map(Some).collect(),
        };
        places
            .into_iter()
            .filter_map(|market| version.stage_in(market).next().map(|to| (market, to)))
            .map(|(market, to)| {
                let requirements = self.question(to, market, &self.shelf.policy).requirements();
                Step { to, market, requirements }
            })
            .collect()
    }

    /// The policy of that digest that was in force at an entry.
    pub fn policy_at(&self, digest: Digest, entry: u64) -> Option<&AdoptedPolicy> {
        self.policies.iter().find(|policy| policy.digest == digest && policy.entry < entry)
    }

    /// The transition that a request led to.
    pub fn transition_of(&self, request: u32) -> Option<&Sealed> {
        self.transitions.iter().find(|sealed| {
            matches!(&sealed.recorded.event, Event::StageTransitioned { request: number, .. } if *number == request)
        })
    }

    /// The name to show for an account.
    pub fn name(&self, id: &AccountId) -> String {
        self.names.of(id.as_str())
    }
}

/// The key's name and id as verifier keys are written, without the key itself.
pub(crate) fn key_name(key: &ledger::VerifierKey) -> String {
    let [a, b, c, d] = key.id();
    format!("{}+{a:02x}{b:02x}{c:02x}{d:02x}", key.name())
}

fn of_version(id: &VersionId, before: u64, limit: u64) -> EntryFilter {
    EntryFilter {
        model: Some(id.model.to_string()),
        version: Some(id.number.get()),
        before: Some(before),
        limit,
        ..EntryFilter::default()
    }
}

fn line(entry: &StoredEntry) -> Line {
    let sentence = narrate::read(&entry.bytes).map_or_else(
        |_| format!("{} (not known to this program)", entry.event),
        |recorded| match &recorded.subject {
            AggregateId::Deployment(_, market) => format!("in {market}: {}", narrate::in_full(&recorded.event)),
            _ => narrate::in_full(&recorded.event),
        },
    );
    Line { seq: entry.seq, time: entry.time, actor: entry.actor.clone(), sentence, hash: entry.hash }
}

async fn timeline(app: &Service, id: &VersionId, size: u64) -> Result<(Vec<Line>, bool), StoreError> {
    let mut lines: Vec<Line> = Vec::new();
    let mut before = size;
    let mut has_earlier = false;
    while !has_earlier {
        let page = app.store.find_entries(&of_version(id, before, PAGE)).await?;
        let Some(last) = page.last() else { break };
        before = last.seq;
        lines.extend(page.iter().map(line));
        has_earlier = lines.len() > MAX_TIMELINE;
    }
    lines.truncate(MAX_TIMELINE);
    lines.reverse();
    Ok((lines, has_earlier))
}

async fn of_kind(app: &Service, id: &VersionId, size: u64, event: &str) -> Result<Vec<Sealed>, StoreError> {
    let filter = EntryFilter { event: Some(event.to_owned()), ..of_version(id, size, MAX_OF_A_KIND) };
    let entries = app.store.find_entries(&filter).await?;
    Ok(entries
        .iter()
        .filter_map(|entry| Some(Sealed { recorded: narrate::read(&entry.bytes).ok()?, hash: entry.hash }))
        .collect())
}

/// The policies that the transitions were decided on. Mostly that is the one in force, which needs no reading.
async fn policies(
    app: &Service,
    current: &AdoptedPolicy,
    transitions: &[Sealed],
    size: u64,
) -> Result<Vec<AdoptedPolicy>, StoreError> {
    let mut policies = vec![current.clone()];
    let earlier = transitions.iter().any(|sealed| sealed.recorded.seq < current.entry);
    if !earlier {
        return Ok(policies);
    }
    let filter = EntryFilter {
        event: Some("policy.adopted".to_owned()),
        before: Some(size.min(current.entry)),
        limit: MAX_OF_A_KIND,
        ..EntryFilter::default()
    };
    let used = |of: Digest| {
        transitions
            .iter()
            .any(|sealed| matches!(&sealed.recorded.event, Event::StageTransitioned { policy, .. } if *policy == of))
    };
    let mut version = current.version;
    for entry in app.store.find_entries(&filter).await? {
        version = version.saturating_sub(1);
        let Ok(Recorded { seq, time, event: Event::PolicyAdopted { toml, digest }, .. }) = narrate::read(&entry.bytes)
        else {
            continue;
        };
        if let (true, Ok(policy)) = (used(digest), Policy::read(&toml)) {
            policies.push(AdoptedPolicy { version, adopted_at: time, entry: seq, digest, toml, policy });
        }
    }
    Ok(policies)
}

async fn relatives(app: &Service, version: &Version) -> Result<BTreeMap<VersionNumber, Arc<Version>>, StoreError> {
    let VersionId { model, number } = &version.id;
    let before = number.get().checked_sub(1).and_then(|before| VersionNumber::try_from(before).ok());
    let ids: Vec<AggregateId> = version
        .lineage
        .parents
        .iter()
        .copied()
        .chain(before.filter(|before| !version.lineage.parents.contains(before)))
        .map(|number| AggregateId::Version(VersionId { model: model.clone(), number }))
        .collect();
    let found = app.store.aggregates(&ids).await?;
    Ok(found
        .into_iter()
        .filter_map(|(_, state)| match state {
            Aggregate::Version(version) => Some((version.id.number, version)),
            _ => None,
        })
        .collect())
}

async fn teams(
    app: &Service,
    accounts: impl Iterator<Item = &AccountId>,
) -> Result<BTreeMap<AccountId, String>, StoreError> {
    let mut teams = BTreeMap::new();
    for id in accounts {
        if !teams.contains_key(id) {
            let team = app.account(id).await?.map(|account| account.team.clone()).unwrap_or_default();
            teams.insert(id.clone(), team);
        }
    }
    Ok(teams)
}

/// Names of everybody that the version's state or timeline tells of.
async fn names(app: &Service, shelf: &Shelf, lines: &[Line], reports: &[Sealed]) -> Result<Names, StoreError> {
    let version = &shelf.version;
    // Whoever closed, remediated, withdrew or declined did so in an entry of this version; most are in the timeline,
    // the rest may be older than its newest entries.
    let closers = version.requests.iter().filter_map(|request| match &request.state {
        RequestState::Declined { by, .. } | RequestState::Withdrawn { by, .. } => Some(by),
        _ => None,
    });
    let findings = version.findings.iter().flat_map(|finding| {
        let done = finding.remediation.as_ref().map(|done| &done.by);
        let closed = finding.closure.as_ref().map(|closed| &closed.by);
        [Some(&finding.owner), Some(&finding.raised_by), done, closed].into_iter().flatten()
    });
    let acts = version.acts();
    let accounts = [&shelf.model.owner, &version.registered_by]
        .into_iter()
        .chain(&version.developers)
        .chain(version.requests.iter().map(|request| &request.requested_by))
        .chain(closers)
        .chain(findings)
        .chain(version.evidence.iter().map(|evidence| &evidence.attached_by))
        .chain(acts.iter().map(|act| act.by))
        .chain(version.materiality.iter().map(|set| &set.by))
        .chain(reports.iter().map(|report| &report.recorded.actor))
        .map(AccountId::as_str)
        .chain(lines.iter().map(|line| line.actor.as_str()));
    app.names(accounts).await
}
