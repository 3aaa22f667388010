//! What administrators did alone, as the inbox tells of it to those who can object: one person may adopt a policy and make
//! accounts, so that somebody else sees it without looking for it.

use app::{
    kit::{Link, Tag, Tone},
    pages::inbox::InboxItem,
};
use domain::{AggregateId, Event, account::Role};

use super::{PageError, Viewer, words};
use crate::{
    http::extract::App,
    storage::{StoreError, log::EntryFilter},
};

/// Days for which it is news.
const NOTICE_DAYS: i64 = 14;
/// Pieces of news shown at most; the ledger has them all.
const SHOWN: u64 = 50;

/// What an entry says of an administrator's act, and where to look at it.
fn told(event: &Event, subject: &AggregateId, name: &str) -> Option<(String, String)> {
    let roles =
        |roles: &std::collections::BTreeSet<Role>| roles.iter().map(|role| role.title()).collect::<Vec<_>>().join(", ");
    match event {
        Event::PolicyAdopted { .. } => {
            Some(("Look at the policy that was adopted".to_owned(), "/policy#versions".to_owned()))
        }
        Event::AccountCreated { roles: held, .. } => {
            Some((format!("{name} got an account as {}", roles(held)), "/people".to_owned()))
        }
        Event::RolesChanged { roles: held, .. } => {
            Some((format!("{name} holds the roles {} now", roles(held)), "/people".to_owned()))
        }
        _ => None,
    }
    .filter(|_| matches!(subject, AggregateId::Policy | AggregateId::Account(_)))
}

/// What other administrators did lately, the latest first: for administrators, the risk committee and auditors.
pub async fn notices(app: &App, viewer: &Viewer) -> Result<Vec<InboxItem>, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let me = &viewer.principal;
    if ![Role::Administrator, Role::RiskCommittee, Role::Auditor].into_iter().any(|role| me.is(role)) {
        return Ok(Vec::new());
    }
    let filter = EntryFilter {
        events: vec!["policy.adopted", "account.created", "account.roles_changed"],
        from: Some(app.clock.now().plus_days(-NOTICE_DAYS)),
        limit: SHOWN,
        ..EntryFilter::default()
    };
    let mut found = app.store.find_entries(&filter).await.map_err(failed)?;
    // The program itself adopts the first policy and makes the first account, each from a link or file of whoever runs it.
    found.retain(|entry| entry.actor != "system" && entry.actor != me.account.as_str());
    let read: Vec<_> = found.iter().filter_map(|entry| Some((entry, words::read(entry)?))).collect();
    let people = read.iter().filter_map(|(_, recorded)| match &recorded.subject {
        AggregateId::Account(id) => Some(id.as_str()),
        _ => None,
    });
    let names = app.names(people.chain(found.iter().map(|entry| entry.actor.as_str()))).await.map_err(failed)?;
    let item = |(entry, recorded): &(&crate::storage::log::StoredEntry, domain::Recorded)| {
        let name = match &recorded.subject {
            AggregateId::Account(id) => names.of(id.as_str()),
            _ => String::new(),
        };
        let (words, href) = told(&recorded.event, &recorded.subject, &name)?;
        Some(InboxItem {
            action: Link::new(words, href),
            about: vec![format!("by {}, entry {}", names.of(&entry.actor), entry.seq)],
            since: Some(words::when(entry.time)),
            due: None,
            tag: Some(Tag::new(Tone::Neutral, "one person")),
            waits_for: None,
        })
    };
    Ok(read.iter().filter_map(item).collect())
}
