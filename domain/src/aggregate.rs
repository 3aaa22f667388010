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
    event::{Event, Recorded},
    evidence::Evidence,
    id::{AccountId, ModelName, VersionId, VersionNumber},
    lineage::Lineage,
    policy::{AdoptedPolicy, Policy},
    promotion::{Request, RequestState},
    registry::{Champion, Model, Standby, Track, Version},
    stage::Stage,
    validation::{Closure, Finding, Remediation, Report},
};

/// Which aggregate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AggregateId {
    /// A model in the inventory.
    Model(ModelName),
    /// A version of a model.
    Version(VersionId),
    /// An account.
    Account(AccountId),
    /// The policy in force.
    Policy,
}

impl AggregateId {
    /// The subject of an entry that concerns this aggregate.
    pub fn subject(&self) -> BTreeMap<String, String> {
        let pairs = match self {
            Self::Model(name) => vec![("model", name.to_string())],
            Self::Version(id) => vec![("model", id.model.to_string()), ("version", id.number.to_string())],
            Self::Account(id) => vec![("account", id.to_string())],
            Self::Policy => vec![("policy", "current".to_owned())],
        };
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// The aggregate and those without which nothing can be said of it, the policy aside.
    pub fn with_context(&self) -> Vec<Self> {
        match self {
            Self::Version(VersionId { model, .. }) => vec![self.clone(), Self::Model(model.clone())],
            Self::Model(_) | Self::Account(_) | Self::Policy => vec![self.clone()],
        }
    }

    /// The aggregate that an entry's subject names; `None` if it names none.
    pub fn from_subject(subject: &BTreeMap<String, String>) -> Option<Self> {
        let get = |key: &str| subject.get(key).map(String::as_str);
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
            Self::Account(id) => write!(f, "account/{id}"),
            Self::Policy => f.write_str("policy"),
        }
    }
}

impl FromStr for AggregateId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let parsed = match parts.as_slice() {
            ["policy"] => Some(Self::Policy),
            ["model", name] => name.parse().ok().map(Self::Model),
            ["account", id] => id.parse().ok().map(Self::Account),
            ["version", model, number] => model
                .parse()
                .ok()
                .zip(number.parse().ok())
                .map(|(model, number)| Self::Version(VersionId { model, number })),
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
    /// The policy in force.
    Policy(Arc<AdoptedPolicy>),
    /// An account.
    Account(Arc<Account>),
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
            Self::Policy(policy) => serde_json::to_string(&**policy),
            Self::Account(account) => serde_json::to_string(&**account),
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
            AggregateId::Policy => Self::Policy(Arc::new(serde_json::from_str(text)?)),
            AggregateId::Account(_) => Self::Account(Arc::new(serde_json::from_str(text)?)),
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
            (AggregateId::Account(_), Some(Self::Account(account))) => {
                let mut account = Account::clone(account);
                apply_to_account(&mut account, recorded).map(|()| Self::Account(Arc::new(account)))
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
    })
}

fn apply_to_model(model: &mut Model, recorded: &Recorded) -> Option<()> {
    let AggregateId::Version(VersionId { number, .. }) = &recorded.subject else { return None };
    match &recorded.event {
        Event::VersionRegistered { .. } => model.next_version = number.next(),
        Event::StageTransitioned { market: Some(market), standby_until, weights, .. } => {
            let champion = Champion { version: *number, since: recorded.time, entry: recorded.seq, weights: *weights };
            let former = model.champions.insert(market.clone(), champion);
            if let (Some(former), Some(until)) = (former, standby_until) {
                let standby =
                    Standby { version: former.version, since: recorded.time, until: *until, weights: former.weights };
                model.standbys.insert(market.clone(), standby);
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
    let Event::VersionRegistered { lineage, note, team, origin } = &recorded.event else { return None };
    Some(Version {
        id: id.clone(),
        registered_by: recorded.actor.clone(),
        developers: BTreeSet::from([recorded.actor.clone()]),
        team: team.clone(),
        registered_at: recorded.time,
        note: note.clone(),
        origin: origin.clone(),
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
        Event::PromotionRequested { request, to, market, note, due_at } => version.requests.push(Request {
            number: *request,
            to: *to,
            market: market.clone(),
            requested_by: actor.clone(),
            requested_at: time,
            due_at: *due_at,
            note: note.clone(),
            entry: seq,
            state: RequestState::Open,
        }),
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
        Event::ReportRecorded { sections, outcome } => {
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
        Event::VersionArchived { reason } => {
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
    /// The version that was imported from the same origin before, if any.
    pub same_origin: Option<VersionId>,
}

impl World {
    /// Puts a state in.
    pub fn put(&mut self, aggregate: &Aggregate) {
        match aggregate {
            Aggregate::Version(version) => self.version = Some(version.clone()),
            Aggregate::Model(model) => self.model = Some(model.clone()),
            Aggregate::Policy(policy) => self.policy = Some(policy.clone()),
            Aggregate::Account(account) => self.account = Some(account.clone()),
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
        for text in ["policy", "model/credit.v2", "version/credit/3", "account/a-1"] {
            let id: AggregateId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!(AggregateId::from_subject(&id.subject()), Some(id));
        }
        for text in ["", "policy/1", "version/credit", "version/credit/0", "model/a/b", "account/<b>"] {
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
