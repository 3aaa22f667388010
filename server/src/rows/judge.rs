//! From a kept file with rows to its facts, by the thresholds in force for its version and market.

use domain::{
    Market, Refusal, VersionId,
    account::Role,
    evidence::{Criteria, EvidencePath, Facts},
    refusal::Missing,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{RowsError, format_of, read_facts};
use crate::{blobs::Blob, seal::SealError, service::Service, storage::StoreError};

/// Files with rows are large: one is read at a time, so that several uploads do not add up their memory.
static READING: Semaphore = Semaphore::const_new(1);

/// The facts of a file with a row for each request on a market's shadow or canary path; none if the path is another or
/// the file has no rows.
///
/// # Errors
/// The file is broken, with the place, or the policy has no thresholds to judge it by; or the storage failed.
pub async fn judge(
    app: &Service,
    version: &VersionId,
    path: Option<EvidencePath>,
    market: Option<&Market>,
    blob: &Blob,
) -> Result<Option<Facts>, SealError> {
    let (Some(path), Some(market)) = (path.filter(|path| path.is_per_market()), market) else { return Ok(None) };
    let file = app.blobs.location(&blob.digest);
    let begins = file.clone();
    let format = spawn_blocking(move || format_of(&begins)).await.map_err(|_| SealError::Closed)?;
    if format.map_err(unreadable)?.is_none() {
        return Ok(None);
    }
    // Whether version and market exist is for the command to say.
    let Some(shelf) = app.version(version).await? else { return Ok(None) };
    let policy = &shelf.policy.policy;
    let Some(profile) = policy.profiles.get(&shelf.model.profile) else { return Ok(None) };
    let criteria = Criteria::of_market(policy, profile, path, version, market).map_err(StoreError::Inconsistent)?;
    let Some(criteria) = criteria else {
        let (profile, message) = (&shelf.model.profile, Criteria::missing_for(&shelf.model.profile, path));
        let section = format!("profiles.{profile}.thresholds.{path}");
        let adopt = Missing::from(section.as_str(), format!("Adopt a policy with [{section}]."), Role::Administrator);
        return Err(Refusal::rule("policy.thresholds", message, vec![adopt]).into());
    };
    let entered = shelf.version.entered(path, market);
    let criteria = criteria.since(entered);
    // A version outside of the stage is refused for that, whatever its rows say.
    let latest = entered.and_then(|_| policy.limits.latest_row(app.clock.now()));
    let _one = READING.acquire().await.map_err(|_| SealError::Closed)?;
    match spawn_blocking(move || read_facts(&file, &criteria, latest)).await {
        Ok(Ok(facts)) => Ok(Some(facts)),
        Ok(Err(RowsError::Io(error))) => Err(unreadable(error)),
        Ok(Err(error)) => {
            let said = error.to_string();
            Err(refused(said.replacen("the ", "The ", 1)))
        }
        // A library's reader gave up on the file in the rudest way; the file is at fault.
        Err(_) => Err(refused("The file cannot be read: its format is broken.".into())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn unreadable(error: std::io::Error) -> SealError {
    StoreError::Inconsistent(error.to_string()).into()
}

fn refused(message: String) -> SealError {
    Refusal::invalid(vec![Missing::field("file", message)]).into()
}
