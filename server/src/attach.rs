//! From an uploaded file to the command that attaches it: the facts are read here, from the file itself.

use std::collections::BTreeMap;

use domain::{
    Command, Market, Refusal, VersionId,
    account::Role,
    command::AttachEvidence,
    evidence::{Artifact, EvidenceKind, EvidencePath, Facts, ParseError, Parsed, Thresholds, Verdict, parse},
    refusal::Missing,
};
use ledger::Timestamp;
use tokio::sync::Semaphore;

use crate::{
    blobs::{Blob, BlobError},
    dossier::capitalised,
    rows,
    seal::{Caller, Order, SealError},
    service::{Service, Shelf},
    storage::StoreError,
};

/// The largest file whose facts are read, in bytes; a larger one can be kept as an attachment.
const MAX_PARSED: u64 = 32 << 20;
/// What a file holds can take many times its bytes: one is read at a time, so that uploads do not add up their memory.
static PARSING: Semaphore = Semaphore::const_new(1);

/// What the submitter says of a file.
#[derive(Debug, Clone)]
pub struct NewEvidence {
    /// What it is called.
    pub file_name: String,
    /// The path, where it is not left to the file.
    pub path: Option<EvidencePath>,
    /// The market, for shadow and canary evidence.
    pub market: Option<Market>,
    /// The artifact that it speaks of; the one that the lineage states, if nothing is said.
    pub bound_to: Option<String>,
    /// What produced it.
    pub producer: String,
    /// When.
    pub produced_at: Option<Timestamp>,
}

/// The order to attach a kept file.
///
/// # Errors
/// The file is of no known kind or broken, with the place; or the storage failed.
pub async fn attach(
    app: &Service,
    caller: Caller,
    version: VersionId,
    new: NewEvidence,
    blob: Blob,
) -> Result<Order, SealError> {
    let Some(shelf) = app.version(&version).await? else {
        return Err(Refusal::not_found(
            format!("{version} is not registered."),
            Missing::from("version", "Register the version, or name one that is registered.", Role::DataScientist),
        )
        .into());
    };
    let parsed = read(app, &shelf, new.path, new.market.as_ref(), &blob).await?;
    let Some(path) = new.path.or(parsed.path) else {
        return Err(refused(
            "Say on which path this evidence belongs: code, data, model, shadow, canary or other.".into(),
        ));
    };
    let kind = parsed.facts.kind;
    if !kind.paths().contains(&path) {
        let natural = kind.paths().iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        return Err(refused(format!(
            "A file of this kind ({}) belongs on the {natural} path, not on {path}.",
            kind.title()
        )));
    }
    if let Some(own) = parsed.path.filter(|own| own.is_per_market() && *own != path) {
        return Err(refused(format!("The file says that it is of the {own} path; it cannot be attached on {path}.")));
    }
    let artifact = kind.artifact(path);
    let names = parsed.names.filter(|(named, _)| *named == artifact).map(|(_, value)| value);
    let bound_to = bound(&shelf, path, artifact, new.bound_to.as_deref().map(str::trim));
    let command = AttachEvidence {
        path,
        market: new.market,
        file_name: new.file_name,
        file: blob.digest,
        size_bytes: blob.size_bytes,
        bound_to,
        producer: new.producer,
        produced_at: new.produced_at.unwrap_or_else(|| app.clock.now()),
        facts: parsed.facts,
        names,
        claims: parsed.claims,
        made_from: BTreeMap::new(),
    };
    Ok(Order::new(caller, Command::AttachEvidence(version, command)))
}

/// Reads a kept file that is to be evidence for a version, judged by the policy in force.
///
/// # Errors
/// The file is of no known kind or broken, with the place; or the storage failed.
pub async fn read(
    app: &Service,
    shelf: &Shelf,
    path: Option<EvidencePath>,
    market: Option<&Market>,
    blob: &Blob,
) -> Result<Parsed, SealError> {
    if path == Some(EvidencePath::Other) {
        return Ok(attachment());
    }
    if let Some(facts) = rows::judge(app, &shelf.version.id, path, market, blob).await? {
        return Ok(Parsed { facts, path, names: None, claims: Vec::new() });
    }
    let _one = PARSING.acquire().await.map_err(|_| SealError::Closed)?;
    let bytes = app.blobs.read(&blob.digest, MAX_PARSED).await.map_err(|error| match error {
        BlobError::Full => StoreError::Full,
        other => StoreError::Inconsistent(other.to_string()),
    })?;
    let Some(bytes) = bytes else {
        return Err(refused(format!(
            "Facts are read from files of at most {} MiB; attach this one on the path \"other\".",
            MAX_PARSED >> 20
        )));
    };
    let asked = thresholds(shelf);
    let parsed = tokio::task::spawn_blocking(move || parse(&bytes, &asked)).await.map_err(|_| SealError::Closed)?;
    parsed.map_err(|error: ParseError| refused(capitalised(&error.to_string())))
}

/// What the policy in force asks of evidence for this model.
pub fn thresholds(shelf: &Shelf) -> Thresholds {
    let profile = shelf.policy.policy.profiles.get(&shelf.model.profile);
    profile.map(|profile| profile.thresholds.clone()).unwrap_or_default()
}

/// The artifact that a file is attached for. Whoever names the commit for a file about the image means the image that
/// was built from it, as the lineage states both.
fn bound(shelf: &Shelf, path: EvidencePath, artifact: Artifact, named: Option<&str>) -> String {
    let lineage = &shelf.version.lineage;
    match named {
        Some(named) if artifact == path.artifact() || path.artifact().value_in(lineage).as_deref() != Some(named) => {
            named.to_owned()
        }
        _ => artifact.value_in(lineage).unwrap_or_default(),
    }
}

fn attachment() -> Parsed {
    let facts = Facts::new(EvidenceKind::Attachment, Verdict::Neutral, "Kept as it is; no facts were read.");
    Parsed { facts, path: None, names: None, claims: Vec::new() }
}

fn refused(message: String) -> SealError {
    Refusal::invalid(vec![Missing::field("file", message)]).into()
}
