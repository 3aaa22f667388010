//! From an uploaded file to the command that attaches it: the facts are read here, from the file itself.

use domain::{
    Command, Market, Refusal, VersionId,
    command::AttachEvidence,
    evidence::{Criteria, EvidenceKind, EvidencePath, Facts, ParseError, Parsed, Verdict, parse},
    refusal::Missing,
};
use ledger::Timestamp;
use tokio::sync::Semaphore;

use crate::{
    blobs::{Blob, BlobError},
    rows::{RowsError, format_of, read_facts},
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
    } else if let Some(facts) = read_rows(app, &version, &new, &blob).await? {
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

/// Files with rows are large: one is read at a time, so that several uploads do not add up their memory.
static READING: Semaphore = Semaphore::const_new(1);

/// The facts of a shadow or canary file with a row for each request; none if it is another kind of file.
async fn read_rows(
    app: &Service,
    version: &VersionId,
    new: &NewEvidence,
    blob: &Blob,
) -> Result<Option<Facts>, SealError> {
    let (Some(path), Some(market)) = (new.path.filter(|path| path.is_per_market()), &new.market) else {
        return Ok(None);
    };
    let file = app.blobs.location(&blob.digest);
    let begins = file.clone();
    let unreadable = |error: std::io::Error| SealError::from(StoreError::Inconsistent(error.to_string()));
    let format = tokio::task::spawn_blocking(move || format_of(&begins)).await.map_err(|_| SealError::Closed)?;
    if format.map_err(unreadable)?.is_none() {
        return Ok(None);
    }
    // Whether version and market exist is for the command to say.
    let Some(shelf) = app.version(version).await? else { return Ok(None) };
    let policy = &shelf.policy.policy;
    let Some(profile) = policy.profiles.get(&shelf.model.profile) else { return Ok(None) };
    let Some(criteria) =
        Criteria::of_market(policy, profile, path, version, market).map_err(StoreError::Inconsistent)?
    else {
        return Err(refused(format!(
            "The policy in force states no {path} thresholds for {market}, so this file cannot be judged; an administrator can adopt one that does."
        )));
    };
    let _one = READING.acquire().await.map_err(|_| SealError::Closed)?;
    let read = tokio::task::spawn_blocking(move || read_facts(&file, &criteria)).await;
    match read {
        Ok(Ok(facts)) => Ok(Some(facts)),
        Ok(Err(RowsError::Io(error))) => Err(unreadable(error)),
        Ok(Err(error)) => Err(refused(capitalise(&error.to_string()))),
        // A library's reader gave up on the file in the rudest way; the file is at fault.
        Err(_) => Err(refused("The file cannot be read: its format is broken.".into())),
    }
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
