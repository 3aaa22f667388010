//! Sign-off: a signature covers the digest of the exact package that was read. When anything in the package
//! changes, the signature is stale and the gate closes again, saying what changed.

use std::collections::BTreeMap;

use ledger::{Digest, Timestamp, canonical_json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    account::Role,
    deployment::Strike,
    id::{AccountId, Market},
    materiality::{self, Basis},
    privacy::requirements,
    promotion::Question,
    refusal::{Missing, Refusal},
    registry::Version,
    stage::Stage,
};

/// A recorded signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignOff {
    /// The request that was signed.
    pub request: u32,
    /// The role in which.
    pub role: Role,
    /// By whom.
    pub signer: AccountId,
    /// What the signature means.
    pub meaning: String,
    /// What the signer adds.
    pub comment: String,
    /// Digest of the package that was signed.
    pub package: Digest,
    /// Digests of the package's parts, so that a later change can be named.
    pub parts: BTreeMap<String, Digest>,
    /// When.
    pub signed_at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// Everything that a signer reads, as one document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Package {
    /// The parts by name.
    pub parts: BTreeMap<String, Value>,
}

impl Package {
    /// The package of a promotion as it stands.
    pub fn of(question: &Question<'_>) -> Self {
        let version = question.version;
        let request = version.open_request(question.market).filter(|request| request.to == question.to);
        let evidence: Vec<Value> = version
            .evidence
            .iter()
            // Another market's evidence says nothing about this one.
            .filter(|e| e.market.is_none() || e.market.as_ref() == question.market)
            .map(|e| {
                json!({
                    "number": e.number, "path": e.path, "market": e.market, "file": e.file,
                    "bound_to": e.bound_to, "facts": e.facts, "entry": e.entry,
                })
            })
            .collect();
        let findings: Vec<Value> = version
            .findings
            .iter()
            .map(|f| json!({"number": f.number, "severity": f.severity, "title": f.title, "description": f.description, "state": f.state(), "entries": f.entries}))
            .collect();
        let request = request.map(|r| {
            let mut part = json!({"number": r.number, "to": r.to, "market": r.market, "requested_by": r.requested_by, "note": r.note, "entry": r.entry});
            // The votes are no part of what is voted on; who may vote and by which quorum is.
            if let (Some(committee), Some(part)) = (&r.committee, part.as_object_mut()) {
                part.insert(
                    "committee".into(),
                    json!({"members": committee.members, "quorum": committee.quorum, "approval_percent": committee.approval_percent}),
                );
            }
            if let Some(reason) = &r.blue_green {
                part["blue_green"] = json!(reason);
            }
            part
        });
        let report = version
            .report
            .as_ref()
            .map(|r| json!({"sections": r.sections, "outcome": r.outcome, "author": r.author, "entry": r.entry}));
        let parts = [
            (
                "version",
                json!({"model": version.id.model, "number": version.id.number, "registered_by": version.registered_by}),
            ),
            ("lineage", json!(version.lineage)),
            ("evidence", Value::Array(evidence)),
            ("validation report", json!(report)),
            ("findings", Value::Array(findings)),
            ("request", json!(request)),
            (
                "policy",
                json!({"version": question.policy.version, "digest": question.policy.digest, "profile": question.model.profile}),
            ),
        ];
        let mut parts: BTreeMap<String, Value> =
            parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if question.rules().is_some() {
            let (materiality, basis) = materiality::in_force(version, question.market);
            let basis = match basis {
                Basis::Set(set) => json!({"set_by": set.by, "reason": set.reason, "entry": set.entry}),
                Basis::Request(number, assessed) => json!({"request": number, "assessed": assessed}),
                Basis::Unknown => Value::Null,
            };
            let track = json!({"materiality": materiality, "depth": question.depth(), "basis": basis});
            parts.insert("materiality".into(), track);
        }
        let waivers: Vec<Value> = version
            .waivers
            .iter()
            .filter(|w| w.market.is_none() || w.market.as_ref() == question.market)
            .map(|w| {
                json!({
                    "number": w.number, "covers": w.covers, "control": w.control, "reason": w.reason,
                    "granted_by": w.granted_by, "expires_at": w.expires_at, "entry": w.entry,
                    "revoked": w.revoked.as_ref().map(|end| end.entry),
                })
            })
            .collect();
        if !waivers.is_empty() {
            parts.insert("waivers".into(), Value::Array(waivers));
        }
        // Only where there are some, so that packages signed before strikes were part of them stay what they were.
        parts.extend(strikes(question).map(|part| ("strikes".to_owned(), part)));
        // Only where there is one, so that packages signed before triggers were known stay what they were.
        if let Some(prompt) = &version.prompt {
            parts.insert("retraining trigger".to_owned(), json!(prompt));
        }
        // Only where the market asks for it, so that what was signed under other rules keeps its digest.
        parts.extend(privacy(question).map(|part| ("privacy".to_owned(), part)));
        Self { parts }
    }

    /// Digest of each part's canonical JSON.
    pub fn part_digests(&self) -> BTreeMap<String, Digest> {
        self.parts.iter().map(|(name, value)| (name.clone(), digest(value))).collect()
    }

    /// Digest of the whole: of the canonical JSON of its parts' digests.
    pub fn digest(&self) -> Digest {
        digest_of_parts(&self.part_digests())
    }
}

/// What the version's rollout in the market has counted against it, on the way to Production.
fn strikes(question: &Question<'_>) -> Option<Value> {
    let strikes = question.version.strikes.get(question.market.filter(|_| question.to == Stage::Production)?)?;
    let part = |strike: &Strike| {
        json!({
            "violations": strike.violations, "from_percent": strike.from_percent,
            "to_percent": strike.to_percent, "entry": strike.entry,
        })
    };
    Some(Value::Array(strikes.iter().map(part).collect()))
}

/// The assessment and the safeguards in force, where the market asks for them.
fn privacy(question: &Question<'_>) -> Option<Value> {
    requirements::rules(question)?;
    let approved = question.privacy.and_then(|file| file.approved.as_ref());
    let stated = question.privacy.and_then(|file| file.safeguards.as_ref());
    Some(json!({
        "assessment": approved.map(|a| json!({
            "content": a.draft.content, "digest": a.draft.digest, "entry": a.entry, "review_at": a.review_at,
            "reopened": a.reopened,
        })),
        "safeguards": stated.map(|s| {
            let mut told = json!({"statement": s.statement, "entry": s.entry, "confirmed": s.confirmed});
            if !s.lapsed.is_empty() {
                told["lapsed"] = json!(s.lapsed);
            }
            told
        }),
    }))
}

/// Digest of a package with these parts.
fn digest_of_parts(parts: &BTreeMap<String, Digest>) -> Digest {
    digest(&json!({"schema": "countersign/package@1", "parts": parts}))
}

/// JSON values always have a canonical form; should one not, its digest is that of nothing and matches no other.
fn digest(value: &Value) -> Digest {
    Digest::of(&canonical_json(value).unwrap_or_default())
}

/// Names of the parts that differ between what was signed and `package`; empty while the signature stands.
pub fn changed_since(signature: &SignOff, package: &Package) -> Vec<String> {
    changed_parts(&signature.parts, package)
}

/// Names of the parts that differ between what was read and `package`.
pub fn changed_parts(read: &BTreeMap<String, Digest>, package: &Package) -> Vec<String> {
    let now = package.part_digests();
    let mut changed: Vec<String> =
        now.iter().filter(|(name, digest)| read.get(*name) != Some(digest)).map(|(name, _)| name.clone()).collect();
    changed.extend(read.keys().filter(|name| !now.contains_key(*name)).cloned());
    changed
}

/// Refuses to sign or vote on a package that is not the one that was read, and names the parts that changed meanwhile:
/// by the digests that the reader gives, else by those of a signature or vote on that package.
pub(crate) fn check_read(
    version: &Version,
    package: &Package,
    (read, parts): (&Digest, &BTreeMap<String, Digest>),
    undone: &str,
) -> Result<(), Refusal> {
    let now = package.digest();
    if now == *read {
        return Ok(());
    }
    let votes = version.requests.iter().filter_map(|request| request.committee.as_ref()).flat_map(|c| &c.votes);
    let mut recorded = version
        .sign_offs
        .iter()
        .map(|signed| (&signed.package, &signed.parts))
        .chain(votes.map(|vote| (&vote.package, &vote.parts)));
    let known = if digest_of_parts(parts) == *read {
        Some(parts)
    } else {
        recorded.find(|(package, _)| *package == read).map(|(_, parts)| parts)
    };
    let changed = known.map(|parts| changed_parts(parts, package)).unwrap_or_default();
    let what = match changed.as_slice() {
        [] => "The package changed".to_owned(),
        [only] => format!("The {only} changed"),
        [all @ .., last] => format!("The {} and the {last} changed", all.join(", the ")),
    };
    Err(Refusal::conflict(
        "signing.stale_package",
        format!(
            "{what} after you opened the package: it is now {}, you read {}. {undone}: read it again.",
            now.short(),
            read.short()
        ),
        Missing::field("package", "Read the package as it is now, then sign or vote."),
    ))
}

/// What a person said to a version's promotion under their own name: a signature, a vote of the committee, an approval of
/// the drift that it was trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act<'v> {
    /// The role in which.
    pub role: Role,
    /// By whom.
    pub by: &'v AccountId,
    /// What it means.
    pub meaning: String,
    /// What the person added.
    pub comment: &'v str,
    /// The request, where it was on one.
    pub request: Option<u32>,
    /// The market, where it was no request's.
    pub market: Option<&'v Market>,
    /// Digest of the package that was read, and those of its parts.
    pub package: Option<(&'v Digest, &'v BTreeMap<String, Digest>)>,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// The entry of a later one that counts instead: of the same role, or of the same member of the committee.
    pub replaced_by: Option<u64>,
}

impl Version {
    /// Every such act, oldest first.
    pub fn acts(&self) -> Vec<Act<'_>> {
        let signed = self.sign_offs.iter().map(|signed| Act {
            role: signed.role,
            by: &signed.signer,
            meaning: signed.meaning.clone(),
            comment: &signed.comment,
            request: Some(signed.request),
            market: None,
            package: Some((&signed.package, &signed.parts)),
            at: signed.signed_at,
            entry: signed.entry,
            replaced_by: self
                .sign_offs
                .iter()
                .find(|later| {
                    later.entry > signed.entry && later.request == signed.request && later.role == signed.role
                })
                .map(|later| later.entry),
        });
        let committees = self.requests.iter().filter_map(|request| Some((request.number, request.committee.as_ref()?)));
        let votes = committees.flat_map(|(number, committee)| {
            committee.votes.iter().map(move |vote| Act {
                role: Role::RiskCommittee,
                by: &vote.member,
                meaning: vote.meaning.clone(),
                comment: &vote.comment,
                request: Some(number),
                market: None,
                package: Some((&vote.package, &vote.parts)),
                at: vote.at,
                entry: vote.entry,
                replaced_by: committee
                    .votes
                    .iter()
                    .find(|later| later.entry > vote.entry && later.member == vote.member)
                    .map(|later| later.entry),
            })
        });
        let drift = self.drift_approvals.iter().map(|(market, approval)| Act {
            role: approval.role,
            by: &approval.mark.by,
            meaning: format!("Approved the drift that this version was trained on, for {market}."),
            comment: &approval.statement,
            request: None,
            market: Some(market),
            package: None,
            at: approval.mark.at,
            entry: approval.mark.entry,
            replaced_by: None,
        });
        let mut acts: Vec<Act<'_>> = signed.chain(votes).chain(drift).collect();
        acts.sort_by_key(|act| act.entry);
        acts
    }
}
