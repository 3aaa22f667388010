//! From an uploaded file to the command that attaches it: the facts are read here, from the file itself.

use domain::{
    Command, Market, Refusal, VersionId,
    command::AttachEvidence,
    evidence::{EvidenceKind, EvidencePath, Facts, ParseError, Parsed, Verdict, parse},
    refusal::Missing,
};
use ledger::Timestamp;

use crate::{
    blobs::{Blob, BlobError},
    rows,
    seal::{Caller, Order, SealError},
    service::Service,
    storage::StoreError,
};

/// The largest file whose facts are read, in bytes; a larger one can be kept as an attachment.
const MAX_PARSED: u64 = 32 << 20;

/// What the submitter says of a file.
#[derive(Debug, Clone)]
pub struct NewEvidence {
    /// What it is called.
    pub file_name: String,
    /// The path, where it is not left to the file.
    pub path: Option<EvidencePath>,
    /// The market, for shadow and canary evidence.
    pub market: Option<Market>,
    /// The artifact that it speaks of.
    pub bound_to: String,
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
    let parsed = if new.path == Some(EvidencePath::Other) {
        attachment()
    } else if let Some(facts) = rows::judge(app, &version, new.path, new.market.as_ref(), &blob).await? {
        Parsed { facts, path: new.path, names: None }
    } else {
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
        let parsed = tokio::task::spawn_blocking(move || parse(&bytes)).await.map_err(|_| SealError::Closed)?;
        parsed.map_err(|error: ParseError| refused(capitalise(&error.to_string())))?
    };
    let Some(path) = new.path.or(parsed.path) else {
        return Err(refused(
            "Say on which path this evidence belongs: code, data, model, shadow, canary or other.".into(),
        ));
    };
    if let Some(natural) = parsed.path
        && !fits(natural, path)
    {
        return Err(refused(format!("{} belongs on the {natural} path, not on {path}.", parsed.facts.kind.title())));
    }
    let names = parsed.names.filter(|(artifact, _)| *artifact == path.artifact()).map(|(_, value)| value);
    let command = AttachEvidence {
        path,
        market: new.market,
        file_name: new.file_name,
        file: blob.digest,
        size_bytes: blob.size_bytes,
        bound_to: new.bound_to.trim().to_owned(),
        producer: new.producer,
        produced_at: new.produced_at.unwrap_or_else(|| app.clock.now()),
        facts: parsed.facts,
        names,
    };
    Ok(Order::new(caller, Command::AttachEvidence(version, command)))
}

/// Test results serve the code path only, data checks the data path; evaluations serve model, shadow and canary.
fn fits(natural: EvidencePath, path: EvidencePath) -> bool {
    natural == path
        || (!matches!(natural, EvidencePath::Code | EvidencePath::Data)
            && !matches!(path, EvidencePath::Code | EvidencePath::Data))
}

fn attachment() -> Parsed {
    Parsed {
        facts: Facts {
            kind: EvidenceKind::Attachment,
            verdict: Verdict::Neutral,
            summary: "Kept as it is; no facts were read.".into(),
            figures: Vec::new(),
            failures: Vec::new(),
            criteria: None,
        },
        path: None,
        names: None,
    }
}

fn refused(message: String) -> SealError {
    Refusal::invalid(vec![Missing::field("file", message)]).into()
}

fn capitalise(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
