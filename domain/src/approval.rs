//! Sign-off: a signature covers the digest of the exact package that was read. When anything in the package
//! changes, the signature is stale and the gate closes again, saying what changed.

use std::collections::BTreeMap;

use ledger::{Digest, Timestamp, canonical_json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{account::Role, id::AccountId, promotion::Question};

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
            let mut request = json!({"number": r.number, "to": r.to, "market": r.market, "requested_by": r.requested_by, "note": r.note, "entry": r.entry});
            if let Some(reason) = &r.blue_green {
                request["blue_green"] = json!(reason);
            }
            request
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
        Self { parts: parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
    }

    /// Digest of each part's canonical JSON.
    pub fn part_digests(&self) -> BTreeMap<String, Digest> {
        self.parts.iter().map(|(name, value)| (name.clone(), digest(value))).collect()
    }

    /// Digest of the whole: of the canonical JSON of its parts' digests.
    pub fn digest(&self) -> Digest {
        digest(&json!({"schema": "countersign/package@1", "parts": self.part_digests()}))
    }
}

/// JSON values always have a canonical form; should one not, its digest is that of nothing and matches no other.
fn digest(value: &Value) -> Digest {
    Digest::of(&canonical_json(value).unwrap_or_default())
}

/// Names of the parts that differ between what was signed and `package`; empty while the signature stands.
pub fn changed_since(signature: &SignOff, package: &Package) -> Vec<String> {
    let now = package.part_digests();
    let mut changed: Vec<String> = now
        .iter()
        .filter(|(name, digest)| signature.parts.get(*name) != Some(digest))
        .map(|(name, _)| name.clone())
        .collect();
    changed.extend(signature.parts.keys().filter(|name| !now.contains_key(*name)).cloned());
    changed
}
