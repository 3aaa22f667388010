//! The vault: personal values beside the ledger, each under a random salt. An entry holds the salted commitment to a
//! value, never the value; erasing value and salt leaves a commitment that nobody can open again.

use std::collections::{BTreeMap, HashMap};

use domain::{Aggregate, AggregateId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ledger::{Digest, canonical_json};
use sha2::Sha256;

use crate::{
    accounts::random_bytes,
    storage::{StoreError, Write, accounts::VaultField},
};

/// Bytes of a salt.
const SALT_BYTES: usize = 32;
/// Values read at a time.
const PAGE: u64 = 1_000;

/// The commitment to a personal value: HMAC-SHA-256 with its salt as key, over its canonical JSON.
pub(crate) fn commitment(salt: &[u8], value: &str) -> Digest {
    let bytes = canonical_json(&value).unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes a key of any length");
    mac.update(&bytes);
    Digest::from_bytes(mac.finalize().into_bytes().into())
}

/// Salts personal values of `owner`: the rows for the vault, and the commitments for the entry.
pub fn salted(
    owner: &str,
    values: impl IntoIterator<Item = (&'static str, String)>,
) -> (Vec<VaultField>, BTreeMap<String, Digest>) {
    let (mut rows, mut commitments) = (Vec::new(), BTreeMap::new());
    for (field, value) in values {
        let salt = random_bytes();
        commitments.insert(field.to_owned(), commitment(&salt, &value));
        rows.push(VaultField { account: owner.to_owned(), field: field.to_owned(), value, salt: salt.to_vec() });
    }
    (rows, commitments)
}

/// Under which name the vault keeps the personal values of an aggregate.
pub fn owner(id: &AggregateId) -> String {
    match id {
        AggregateId::Account(id) => id.to_string(),
        other => other.to_string(),
    }
}

/// The commitments that the vault must be able to open, by owner and field.
fn expected(states: &HashMap<AggregateId, Aggregate>) -> HashMap<(String, String), Digest> {
    let mut expected = HashMap::new();
    for (id, state) in states {
        let (commitments, erased) = match state {
            Aggregate::Account(account) => (&account.commitments, &account.erased),
            Aggregate::ReviewRequest(review) => (&review.commitments, &review.erased),
            _ => continue,
        };
        let is_erased = |field: &String| erased.as_ref().is_some_and(|erased| erased.fields.contains(field));
        for (field, digest) in commitments.iter().filter(|(field, _)| !is_erased(field)) {
            expected.insert((owner(id), field.clone()), *digest);
        }
    }
    expected
}

/// Holds every value of the vault against the commitment that the ledger has to it, and names what differs. The
/// values themselves are never told.
///
/// # Errors
/// The storage failed.
pub(crate) async fn compare(
    write: &mut Write,
    states: &HashMap<AggregateId, Aggregate>,
    fault: &mut impl FnMut(String),
) -> Result<(), StoreError> {
    let mut expected = expected(states);
    let mut after = (String::new(), String::new());
    loop {
        let page = write.vault_after(&after.0, &after.1, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.account.clone(), last.field.clone());
        for row in page {
            let name = format!("the personal value {} of {}", row.field, row.account);
            match expected.remove(&(row.account, row.field)) {
                None => {
                    fault(format!(
                        "{name} stands in the vault, but no entry holds a commitment to it that is in force"
                    ));
                }
                Some(_) if row.salt.len() != SALT_BYTES => fault(format!("{name} has no salt of {SALT_BYTES} bytes")),
                Some(digest) if commitment(&row.salt, &row.value) != digest => {
                    fault(format!("{name} is not the one that the ledger holds a commitment to"));
                }
                Some(_) => {}
            }
        }
    }
    for account in write.login_accounts().await? {
        let state = account.parse().ok().and_then(|id| states.get(&AggregateId::Account(id)));
        if matches!(state, Some(Aggregate::Account(account)) if account.erased.is_some()) {
            fault(format!(
                "the login of {account} is still there, though an entry erased the account's personal values"
            ));
        }
    }
    let mut missing: Vec<_> = expected.into_keys().collect();
    missing.sort();
    for (owner, field) in missing {
        fault(format!(
            "the personal value {field} of {owner} and its salt are not in the vault, and no entry erased them"
        ));
    }
    Ok(())
}
