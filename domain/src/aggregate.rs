//! Aggregates: the units of consistency, each folded from the entries that touch it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    sync::Arc,
};

use ledger::{Digest, canonical_json};

use crate::{
    account::{Account, Token},
    approval::SignOff,
    campaign::{self, Campaign, Listed},
    committee::{self, Committee},
    deployment::{self, Deployment},
    event::{Event, Recorded},
    evidence::Evidence,
    id::{AccountId, Market, ModelName, VersionId, VersionNumber},
    inventory,
    lineage::Lineage,
    materiality::{self, Baselines},
    policy::{AdoptedPolicy, Policy},
    privacy::{
        self, PrivacyFile,
        review::{Review, ReviewId},
    },
    promotion::{Request, RequestState},
    registry::{Model, Track, Version},
    stage::Stage,
    trigger::{DriftApproval, Triggers},
    validation::{Closure, Finding, Remediation, Report},
    waiver,
    webhook::Webhooks,
};

/// Which aggregate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AggregateId {
    /// A model in the inventory.
    Model(ModelName),
    /// A version of a model.
    Version(VersionId),
    /// What serves the users of a model in one market.
    Deployment(ModelName, Market),
    /// An account.
    Account(AccountId),
    /// An attestation campaign.
    Campaign(u32),
    /// The policy in force.
    Policy,
    /// When a model is trained again.
    Triggers(ModelName),
    /// Where news is sent.
    Webhooks,
    /// The privacy file of a model: its impact assessment and Art. 22 statement.
    Dpia(ModelName),
    /// A request for human review.
    ReviewRequest(ReviewId),
}

impl AggregateId {
    /// The subject of an entry that concerns this aggregate.
    pub fn subject(&self) -> BTreeMap<String, String> {
        let pairs = match self {
            Self::Model(name) => vec![("model", name.to_string())],
            Self::Version(id) => vec![("model", id.model.to_string()), ("version", id.number.to_string())],
            Self::Deployment(model, market) => vec![("model", model.to_string()), ("market", market.to_string())],
            Self::Account(id) => vec![("account", id.to_string())],
            Self::Campaign(number) => vec![("campaign", number.to_string())],
            Self::Policy => vec![("policy", "current".to_owned())],
            Self::Triggers(name) => vec![("model", name.to_string()), ("triggers", "current".to_owned())],
            Self::Webhooks => vec![("webhooks", "current".to_owned())],
            Self::Dpia(name) => vec![("dpia", "current".to_owned()), ("model", name.to_string())],
            Self::ReviewRequest(id) => vec![("model", id.model.to_string()), ("review", id.number.to_string())],
        };
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// The aggregate and those without which nothing can be said of it, the policy aside.
    pub fn with_context(&self) -> Vec<Self> {
        match self {
            // The requirements of an open request depend on the model's privacy file.
            Self::Version(VersionId { model, .. }) => {
                vec![self.clone(), Self::Model(model.clone()), Self::Dpia(model.clone())]
            }
            Self::Triggers(model) | Self::Dpia(model) | Self::Deployment(model, _) => {
                vec![self.clone(), Self::Model(model.clone())]
            }
            Self::ReviewRequest(ReviewId { model, .. }) => vec![self.clone(), Self::Dpia(model.clone())],
            Self::Model(_) | Self::Account(_) | Self::Campaign(_) | Self::Policy | Self::Webhooks => vec![self.clone()],
        }
    }

    /// The aggregate that an entry's subject names; `None` if it names none.
    pub fn from_subject(subject: &BTreeMap<String, String>) -> Option<Self> {
        let get = |key: &str| subject.get(key).map(String::as_str);
        if let Some(number) = get("campaign") {
            return number.parse().ok().filter(|_| subject.len() == 1).map(Self::Campaign);
        }
        match (get("triggers"), get("webhooks"), subject.len()) {
            (None, None, _) => {}
            (Some("current"), None, 2) => return Some(Self::Triggers(get("model")?.parse().ok()?)),
            (None, Some("current"), 1) => return Some(Self::Webhooks),
            _ => return None,
        }
        match (get("model"), get("dpia"), get("review"), subject.len()) {
            (Some(model), Some("current"), None, 2) => return Some(Self::Dpia(model.parse().ok()?)),
            (Some(model), None, Some(number), 2) => {
                return Some(Self::ReviewRequest(ReviewId {
                    model: model.parse().ok()?,
                    number: number.parse().ok()?,
                }));
            }
            (_, None, None, _) => {}
            _ => return None,
        }
        if let (Some(model), Some(market), 2) = (get("model"), get("market"), subject.len()) {
            return Some(Self::Deployment(model.parse().ok()?, market.parse().ok()?));
        }
        match (get("model"), get("version"), get("account"), get("policy")) {
            (Some(model), Some(number), None, None) => {
                Some(Self::Version(VersionId { model: model.parse().ok()?, number: number.parse().ok()? }))
            }
            (Some(model), None, None, None) => Some(Self::Model(model.parse().ok()?)),
            (None, None, Some(account), None) => Some(Self::Account(account.parse().ok()?)),
            (None, None, None, Some("current")) => Some(Self::Policy),
            _ => None,
        }
    }
}

impl fmt::Display for AggregateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(name) => write!(f, "model/{name}"),
            Self::Version(id) => write!(f, "version/{}/{}", id.model, id.number),
            Self::Deployment(model, market) => write!(f, "deployment/{model}/{market}"),
            Self::Account(id) => write!(f, "account/{id}"),
            Self::Campaign(number) => write!(f, "campaign/{number}"),
            Self::Policy => f.write_str("policy"),
            Self::Triggers(name) => write!(f, "triggers/{name}"),
            Self::Webhooks => f.write_str("webhooks"),
            Self::Dpia(name) => write!(f, "dpia/{name}"),
            Self::ReviewRequest(id) => write!(f, "review/{}/{}", id.model, id.number),
        }
    }
}

impl FromStr for AggregateId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let parsed = match parts.as_slice() {
            ["policy"] => Some(Self::Policy),
            ["webhooks"] => Some(Self::Webhooks),
            ["triggers", name] => name.parse().ok().map(Self::Triggers),
            ["model", name] => name.parse().ok().map(Self::Model),
            ["account", id] => id.parse().ok().map(Self::Account),
            ["campaign", number] => number.parse().ok().map(Self::Campaign),
            ["dpia", name] => name.parse().ok().map(Self::Dpia),
            ["review", model, number] => model
                .parse()
                .ok()
                .zip(number.parse().ok().filter(|number| *number > 0))
                .map(|(model, number)| Self::ReviewRequest(ReviewId { model, number })),
            ["version", model, number] => model
                .parse()
                .ok()
                .zip(number.parse().ok())
                .map(|(model, number)| Self::Version(VersionId { model, number })),
            ["deployment", model, market] => {
                model.parse().ok().zip(market.parse().ok()).map(|(model, market)| Self::Deployment(model, market))
            }
            _ => None,
        };
        parsed.ok_or_else(|| format!("{text:?} names no aggregate"))
    }
}

/// The state of one aggregate.
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregate {
    /// A version.
    Version(Arc<Version>),
    /// A model.
    Model(Arc<Model>),
    /// What serves a market.
    Deployment(Arc<Deployment>),
    /// The policy in force.
    Policy(Arc<AdoptedPolicy>),
    /// An account.
    Account(Arc<Account>),
    /// An attestation campaign.
    Campaign(Arc<Campaign>),
    /// A model's triggers.
    Triggers(Arc<Triggers>),
    /// Where news is sent.
    Webhooks(Arc<Webhooks>),
    /// A privacy file.
    Dpia(Arc<PrivacyFile>),
    /// A request for human review.
    ReviewRequest(Arc<Review>),
}

/// An entry does not fit the state it is applied to: the ledger or the program is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} ({kind}) cannot be applied to {subject}: {reason}")]
pub struct FoldError {
    seq: u64,
    kind: &'static str,
    subject: String,
    reason: String,
}

impl Aggregate {
    /// The state as JSON.
    ///
    /// # Errors
    /// The state holds a number that JSON cannot express.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Version(version) => serde_json::to_string(&**version),
            Self::Model(model) => serde_json::to_string(&**model),
            Self::Deployment(deployment) => serde_json::to_string(&**deployment),
            Self::Policy(policy) => serde_json::to_string(&**policy),
            Self::Account(account) => serde_json::to_string(&**account),
            Self::Campaign(campaign) => serde_json::to_string(&**campaign),
            Self::Triggers(triggers) => serde_json::to_string(&**triggers),
            Self::Webhooks(webhooks) => serde_json::to_string(&**webhooks),
            Self::Dpia(file) => serde_json::to_string(&**file),
            Self::ReviewRequest(review) => serde_json::to_string(&**review),
        }
    }

    /// Reads the state of `id` from JSON.
    ///
    /// # Errors
    /// The text is not the state of such an aggregate.
    pub fn from_json(id: &AggregateId, text: &str) -> Result<Self, serde_json::Error> {
        Ok(match id {
            AggregateId::Version(_) => Self::Version(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Model(_) => Self::Model(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Deployment(..) => Self::Deployment(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Policy => Self::Policy(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Account(_) => Self::Account(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Campaign(_) => Self::Campaign(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Triggers(_) => Self::Triggers(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Webhooks => Self::Webhooks(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Dpia(_) => Self::Dpia(Arc::new(serde_json::from_str(text)?)),
            AggregateId::ReviewRequest(_) => Self::ReviewRequest(Arc::new(serde_json::from_str(text)?)),
        })
    }

    /// The state after `recorded`.
    ///
    /// # Errors
    /// The entry does not fit the state.
    pub fn fold(before: Option<&Self>, id: &AggregateId, recorded: &Recorded) -> Result<Self, FoldError> {
        let fault = |reason: &str| FoldError {
            seq: recorded.seq,
            kind: recorded.event.kind(),
            subject: id.to_string(),
            reason: reason.to_owned(),
        };
        match (id, before) {
            (AggregateId::Model(name), None) => new_model(name, recorded).map(|model| Self::Model(Arc::new(model))),
            (AggregateId::Version(id), None) => {
                new_version(id, recorded).map(|version| Self::Version(Arc::new(version)))
            }
            (AggregateId::Account(id), None) => {
                new_account(id, recorded).map(|account| Self::Account(Arc::new(account)))
            }
            (AggregateId::Campaign(number), before) => {
                let before = match before {
                    Some(Self::Campaign(campaign)) => Some(&**campaign),
                    _ => None,
                };
                campaign::fold(*number, before, recorded).map(|campaign| Self::Campaign(Arc::new(campaign)))
            }
            (AggregateId::Dpia(model), before) => {
                let before = match before {
                    Some(Self::Dpia(file)) => Some(&**file),
                    _ => None,
                };
                PrivacyFile::fold(before, model, recorded).map(|file| Self::Dpia(Arc::new(file)))
            }
            (AggregateId::ReviewRequest(id), before) => {
                let before = match before {
                    Some(Self::ReviewRequest(review)) => Some(&**review),
                    _ => None,
                };
                Review::fold(before, id, recorded).map(|review| Self::ReviewRequest(Arc::new(review)))
            }
            (AggregateId::Policy, before) => {
                let earlier = match before {
                    Some(Self::Policy(policy)) => policy.version,
                    _ => 0,
                };
                return adopted(earlier, recorded)
                    .map(|policy| Self::Policy(Arc::new(policy)))
                    .map_err(|why| fault(&why));
            }
            (AggregateId::Model(_), Some(Self::Model(model))) => {
                let mut model = Model::clone(model);
                apply_to_model(&mut model, recorded).map(|()| Self::Model(Arc::new(model)))
            }
            (AggregateId::Version(_), Some(Self::Version(version))) => {
                let mut version = Version::clone(version);
                apply_to_version(&mut version, recorded).map(|()| Self::Version(Arc::new(version)))
            }
            (AggregateId::Deployment(model, market), before) => {
                let before = match before {
                    Some(Self::Deployment(deployment)) => Some(&**deployment),
                    _ => None,
                };
                deployment::fold(before, model, market, recorded).map(|after| Self::Deployment(Arc::new(after)))
            }
            (AggregateId::Account(_), Some(Self::Account(account))) => {
                let mut account = Account::clone(account);
                apply_to_account(&mut account, recorded).map(|()| Self::Account(Arc::new(account)))
            }
            (AggregateId::Triggers(model), before) => {
                let mut triggers = match before {
                    Some(Self::Triggers(triggers)) => Triggers::clone(triggers),
                    _ => Triggers::new(model.clone()),
                };
                triggers.apply(recorded).map(|()| Self::Triggers(Arc::new(triggers)))
            }
            (AggregateId::Webhooks, before) => {
                let mut webhooks = match before {
                    Some(Self::Webhooks(webhooks)) => Webhooks::clone(webhooks),
                    _ => Webhooks::default(),
                };
                webhooks.apply(recorded).map(|()| Self::Webhooks(Arc::new(webhooks)))
            }
            _ => None,
        }
        .ok_or_else(|| fault("the event does not belong there"))
    }
}

fn new_model(name: &ModelName, recorded: &Recorded) -> Option<Model> {
    let Event::ModelRegistered { title, purpose, team, tier, profile, markets } = &recorded.event else { return None };
    Some(Model {
        name: name.clone(),
        title: title.clone(),
        purpose: purpose.clone(),
        owner: recorded.actor.clone(),
        team: team.clone(),
        tier: *tier,
        profile: profile.clone(),
        markets: markets.clone(),
        registered_at: recorded.time,
        next_version: VersionNumber::FIRST,
        champions: BTreeMap::new(),
        standbys: BTreeMap::new(),
        baselines: Baselines::default(),
        last_validation: None,
        tier_basis: None,
        card: inventory::Card::default(),
        retired: None,
        rolling_out: BTreeMap::new(),
        promoted_weights: BTreeMap::new(),
    })
}

fn apply_to_model(model: &mut Model, recorded: &Recorded) -> Option<()> {
    if matches!(recorded.subject, AggregateId::Model(_)) {
        return inventory::apply(model, recorded);
    }
    if let AggregateId::Deployment(_, market) = &recorded.subject {
        return deployment::apply_to_model(model, market, recorded);
    }
    let AggregateId::Version(VersionId { number, .. }) = &recorded.subject else { return None };
    if let Event::StageTransitioned { to, market, materiality: Some(verdict), .. } = &recorded.event
        && materiality::is_milestone(*to)
    {
        model.baselines.passed(*number, market.as_ref(), *verdict, (recorded.time, recorded.seq));
    }
    match &recorded.event {
        Event::VersionRegistered { .. } => model.next_version = number.next(),
        Event::StageTransitioned { market: None, .. } => {}
        Event::ReportRecorded { outcome, depth: Some(depth), .. } => {
            inventory::note_validation(model, (*number, *depth, *outcome), recorded);
        }
        Event::StageTransitioned { market: Some(market), standby_until, serving, to, weights, .. } => {
            if let Some(weights) = weights {
                model.promoted_weights.insert(*number, *weights);
            }
            // Where policy has no steps, and before there were any, entering Production is succeeding the champion.
            if *to == Stage::Production && serving.as_ref().is_none_or(|serving| serving.steps.is_empty()) {
                model.rolling_out.remove(market);
                deployment::succeed(model, market, recorded, *number, *standby_until);
            } else {
                model.rolling_out.insert(market.clone(), *number);
            }
        }
        Event::VersionArchived { .. } => model.standbys.retain(|_, standby| standby.version != *number),
        _ => return None,
    }
    Some(())
}

fn lineage_digest(lineage: &Lineage) -> Digest {
    Digest::of(&canonical_json(lineage).unwrap_or_default())
}

fn new_version(id: &VersionId, recorded: &Recorded) -> Option<Version> {
    let Event::VersionRegistered { lineage, note, team, origin, prompt } = &recorded.event else { return None };
    Some(Version {
        id: id.clone(),
        registered_by: recorded.actor.clone(),
        developers: BTreeSet::from([recorded.actor.clone()]),
        team: team.clone(),
        registered_at: recorded.time,
        note: note.clone(),
        origin: origin.clone(),
        prompt: prompt.clone(),
        drift_approvals: BTreeMap::new(),
        lineage_digest: lineage_digest(lineage),
        lineage: lineage.clone(),
        stage: Stage::None,
        stage_entry: recorded.seq,
        tracks: BTreeMap::new(),
        evidence: Vec::new(),
        requests: Vec::new(),
        report: None,
        findings: Vec::new(),
        sign_offs: Vec::new(),
        archived: None,
        materiality: Vec::new(),
        waivers: Vec::new(),
        revision: 1,
        updated_at: recorded.time,
    })
}

#[expect(clippy::too_many_lines, reason = "one arm for each event, none of them long")]
fn apply_to_version(version: &mut Version, recorded: &Recorded) -> Option<()> {
    let Recorded { seq, time, actor, event, .. } = recorded;
    let (seq, time) = (*seq, *time);
    version.revision += 1;
    version.updated_at = time;
    if let AggregateId::Deployment(_, market) = &recorded.subject {
        deployment::apply_to_version(version, market, recorded);
        return Some(());
    }
    match event {
        Event::LineageAmended { lineage, .. } => {
            version.developers.insert(actor.clone());
            version.lineage_digest = lineage_digest(lineage);
            version.lineage = lineage.clone();
        }
        Event::EvidenceAttached(body) => version.evidence.push(Evidence {
            number: u32::try_from(version.evidence.len()).ok()? + 1,
            path: body.path,
            market: body.market.clone(),
            file_name: body.file_name.clone(),
            file: body.file,
            size_bytes: body.size_bytes,
            bound_to: body.bound_to.clone(),
            facts: body.facts.clone(),
            producer: body.producer.clone(),
            produced_at: body.produced_at,
            attached_by: actor.clone(),
            attached_at: time,
            entry: seq,
        }),
        Event::PromotionRequested { request, to, market, note, due_at, assessed, committee, blue_green } => {
            version.requests.push(Request {
                number: *request,
                to: *to,
                market: market.clone(),
                requested_by: actor.clone(),
                requested_at: time,
                due_at: *due_at,
                note: note.clone(),
                blue_green: blue_green.clone(),
                entry: seq,
                state: RequestState::Open,
                assessed: assessed.as_deref().cloned(),
                committee: committee.as_ref().map(Committee::from),
            });
        }
        Event::PromotionWithdrawn { request } => {
            request_mut(version, *request)?.state = RequestState::Withdrawn { at: time, by: actor.clone(), entry: seq };
        }
        Event::PromotionDeclined { request, reason } => {
            request_mut(version, *request)?.state =
                RequestState::Declined { at: time, by: actor.clone(), reason: reason.clone(), entry: seq };
        }
        Event::PromotionSigned { request, role, meaning, comment, package, parts } => version.sign_offs.push(SignOff {
            request: *request,
            role: *role,
            signer: actor.clone(),
            meaning: meaning.clone(),
            comment: comment.clone(),
            package: *package,
            parts: parts.clone(),
            signed_at: time,
            entry: seq,
        }),
        Event::StageTransitioned { request, to, market, .. } => {
            request_mut(version, *request)?.state = RequestState::Granted { at: time, entry: seq };
            match market {
                None => {
                    version.stage = *to;
                    version.stage_entry = seq;
                }
                Some(market) => {
                    version.tracks.insert(market.clone(), Track { stage: *to, since: time, entry: seq });
                }
            }
        }
        Event::ReportRecorded { sections, outcome, .. } => {
            version.report = Some(Report {
                sections: sections.clone(),
                outcome: *outcome,
                author: actor.clone(),
                recorded_at: time,
                entry: seq,
            });
        }
        Event::FindingRaised { finding, severity, title, description, owner, due_at } => {
            version.findings.push(Finding {
                number: *finding,
                severity: *severity,
                title: title.clone(),
                description: description.clone(),
                owner: owner.clone(),
                due_at: *due_at,
                raised_by: actor.clone(),
                raised_at: time,
                remediation: None,
                closure: None,
                entries: vec![seq],
                reopened: 0,
            });
        }
        Event::FindingRemediated { finding, note } => {
            let finding = finding_mut(version, *finding)?;
            finding.remediation = Some(Remediation { note: note.clone(), by: actor.clone(), at: time });
            finding.entries.push(seq);
        }
        Event::FindingClosed { finding, note } => {
            let finding = finding_mut(version, *finding)?;
            finding.closure = Some(Closure { note: note.clone(), by: actor.clone(), at: time });
            finding.entries.push(seq);
        }
        Event::FindingReopened(body) => {
            let finding = finding_mut(version, body.finding)?;
            finding.remediation = None;
            finding.closure = None;
            finding.reopened += 1;
            finding.entries.push(seq);
        }
        Event::MaterialitySet(body) => version.materiality.push(materiality::SetBy {
            market: body.market.clone(),
            from: body.from,
            to: body.to,
            reason: body.reason.clone(),
            lineage: body.lineage,
            by: actor.clone(),
            at: time,
            entry: seq,
        }),
        Event::CommitteeVoted(_) | Event::CommitteeRecused(_) => committee::apply(version, recorded)?,
        Event::WaiverGranted(_) | Event::WaiverRevoked(_) => waiver::apply(version, recorded)?,
        Event::DriftApproved(body) => {
            version.drift_approvals.insert(body.market.clone(), DriftApproval::of(body, recorded));
        }
        Event::VersionArchived { reason, .. } => {
            version.stage = Stage::Archived;
            version.stage_entry = seq;
            version.archived = Some(reason.clone());
            for request in version.requests.iter_mut().filter(|request| request.is_open()) {
                request.state = RequestState::Withdrawn { at: time, by: actor.clone(), entry: seq };
            }
        }
        _ => return None,
    }
    Some(())
}

fn request_mut(version: &mut Version, number: u32) -> Option<&mut Request> {
    version.requests.iter_mut().find(|request| request.number == number)
}

fn finding_mut(version: &mut Version, number: u32) -> Option<&mut Finding> {
    version.findings.iter_mut().find(|finding| finding.number == number)
}

fn new_account(id: &AccountId, recorded: &Recorded) -> Option<Account> {
    let Event::AccountCreated { kind, roles, team, commitments } = &recorded.event else { return None };
    Some(Account {
        id: id.clone(),
        kind: *kind,
        roles: roles.clone(),
        team: team.clone(),
        commitments: commitments.clone(),
        created_at: recorded.time,
        disabled: false,
        tokens: BTreeMap::new(),
        holds: Vec::new(),
        erased: None,
    })
}

fn apply_to_account(account: &mut Account, recorded: &Recorded) -> Option<()> {
    match &recorded.event {
        Event::RolesChanged { roles, team } => {
            account.roles.clone_from(roles);
            account.team.clone_from(team);
        }
        Event::AccountDisabled {} => account.disabled = true,
        Event::AccountEnabled {} => account.disabled = false,
        Event::TokenIssued { token, label, scopes, expires_at } => {
            let issued = Token {
                label: label.clone(),
                scopes: scopes.clone(),
                issued_at: recorded.time,
                expires_at: *expires_at,
                revoked: false,
            };
            account.tokens.insert(token.clone(), issued);
        }
        Event::TokenRevoked { token } => account.tokens.get_mut(token)?.revoked = true,
        Event::HoldPlaced { .. } | Event::HoldReleased { .. } => privacy::fold_hold(&mut account.holds, recorded)?,
        Event::ErasurePerformed { .. } => account.erased = privacy::fold_erasure(account.erased.as_ref(), recorded),
        Event::ErasureRefused { .. } => {}
        _ => return None,
    }
    Some(())
}

fn adopted(earlier: u32, recorded: &Recorded) -> Result<AdoptedPolicy, String> {
    let Event::PolicyAdopted { toml, digest } = &recorded.event else {
        return Err("only policies are adopted".into());
    };
    if Digest::of(toml.as_bytes()) != *digest {
        return Err("the digest is not that of the policy's text".into());
    }
    Ok(AdoptedPolicy {
        version: earlier + 1,
        adopted_at: recorded.time,
        entry: recorded.seq,
        digest: *digest,
        toml: toml.clone(),
        policy: Policy::from_toml(toml).map_err(|error| error.to_string())?,
    })
}

/// The states that a decision looks at.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The policy in force; absent only before the first entry.
    pub policy: Option<Arc<AdoptedPolicy>>,
    /// The model concerned.
    pub model: Option<Arc<Model>>,
    /// The version concerned.
    pub version: Option<Arc<Version>>,
    /// The account concerned.
    pub account: Option<Arc<Account>>,
    /// The triggers of the model concerned.
    pub triggers: Option<Arc<Triggers>>,
    /// Where news is sent.
    pub webhooks: Option<Arc<Webhooks>>,
    /// Every account that the command names.
    pub accounts: BTreeMap<AccountId, Arc<Account>>,
    /// The privacy file of the model concerned.
    pub privacy: Option<Arc<PrivacyFile>>,
    /// The request for human review concerned.
    pub review: Option<Arc<Review>>,
    /// What serves the model's markets, as far as the command concerns them.
    pub deployments: BTreeMap<Market, Arc<Deployment>>,
    /// The version that was imported from the same origin before, if any.
    pub same_origin: Option<VersionId>,
    /// The attestation campaign concerned.
    pub campaign: Option<Arc<Campaign>>,
    /// The version that a change is measured from, where [`materiality::wanted_baseline`] names one.
    pub baseline: Option<Arc<Version>>,
    /// Who holds the risk committee's role, where [`committee::needs_roster`] asks.
    pub roster: Vec<Arc<Account>>,
    /// Every model, where [`campaign::needs_inventory`] asks.
    pub inventory: Vec<Listed>,
}

impl World {
    /// Puts a state in.
    pub fn put(&mut self, aggregate: &Aggregate) {
        match aggregate {
            Aggregate::Version(version) => self.version = Some(version.clone()),
            Aggregate::Model(model) => self.model = Some(model.clone()),
            Aggregate::Policy(policy) => self.policy = Some(policy.clone()),
            Aggregate::Account(account) => {
                self.accounts.insert(account.id.clone(), account.clone());
                self.account = Some(account.clone());
            }
            Aggregate::Campaign(campaign) => self.campaign = Some(campaign.clone()),
            Aggregate::Triggers(triggers) => self.triggers = Some(triggers.clone()),
            Aggregate::Webhooks(webhooks) => self.webhooks = Some(webhooks.clone()),
            Aggregate::Dpia(file) => self.privacy = Some(file.clone()),
            Aggregate::ReviewRequest(review) => self.review = Some(review.clone()),
            Aggregate::Deployment(deployment) => {
                self.deployments.insert(deployment.market.clone(), deployment.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ledger::Timestamp;

    use super::*;
    use crate::policy::DEFAULT_POLICY;

    fn recorded(subject: AggregateId, event: Event) -> Recorded {
        Recorded { seq: 4, time: Timestamp::EPOCH, actor: "ana".parse().unwrap(), subject, event }
    }

    #[test]
    fn ids_read_back_from_their_text_and_their_subject() {
        for text in [
            "policy",
            "model/credit.v2",
            "version/credit/3",
            "account/a-1",
            "campaign/7",
            "triggers/credit",
            "webhooks",
            "dpia/credit",
            "review/credit/12",
            "deployment/credit/EU",
        ] {
            let id: AggregateId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!(AggregateId::from_subject(&id.subject()), Some(id));
        }
        for text in [
            "",
            "policy/1",
            "version/credit",
            "version/credit/0",
            "model/a/b",
            "account/<b>",
            "review/a",
            "review/a/0",
            "deployment/credit",
        ] {
            assert!(text.parse::<AggregateId>().is_err(), "{text}");
        }
        let odd = BTreeMap::from([("model".to_owned(), "m".to_owned()), ("account".to_owned(), "a".to_owned())]);
        assert_eq!(AggregateId::from_subject(&odd), None);
    }

    #[test]
    fn an_entry_that_does_not_belong_is_named() {
        let id: AggregateId = "version/credit/1".parse().unwrap();
        let early = recorded(id.clone(), Event::PromotionWithdrawn { request: 1 });
        let error = Aggregate::fold(None, &id, &early).unwrap_err().to_string();
        assert_eq!(
            error,
            "entry 4 (promotion.withdrawn) cannot be applied to version/credit/1: the event does not belong there"
        );
    }

    #[test]
    fn a_policy_is_folded_only_under_its_own_digest() {
        let adopt = |digest| {
            let event = Event::PolicyAdopted { toml: DEFAULT_POLICY.into(), digest };
            Aggregate::fold(None, &AggregateId::Policy, &recorded(AggregateId::Policy, event))
        };
        assert!(adopt(Digest::of(DEFAULT_POLICY.as_bytes())).is_ok());
        let error = adopt(Digest::of(b"another")).unwrap_err().to_string();
        assert!(error.contains("digest is not that of the policy's text"), "{error}");
    }
}
