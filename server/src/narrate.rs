//! Entries as people read them: what happened, in a sentence. Pages, reports and the timeline share these words.

use domain::{Event, Recorded};

/// What the event did, as a sentence without its actor, such as "asked for promotion to Staging".
pub fn sentence(event: &Event) -> String {
    event.kind().to_owned()
}

/// The event that an entry holds, with what it concerns.
///
/// # Errors
/// The entry is not one that this program knows, with the reason.
pub fn recorded(entry: &ledger::Entry) -> Result<Recorded, String> {
    let subject = domain::AggregateId::from_subject(&entry.subject)
        .ok_or_else(|| format!("its subject {:?} names nothing known", entry.subject))?;
    let event = Event::from_entry(&entry.event, &entry.payload).map_err(|error| error.to_string())?;
    let actor = entry.actor.id.parse().map_err(|error| format!("{error}"))?;
    Ok(Recorded { seq: entry.seq, time: entry.time, actor, subject, event })
}

/// The event that a stored entry's bytes hold.
///
/// # Errors
/// The bytes are no entry, or not one that this program knows.
pub fn read(bytes: &[u8]) -> Result<Recorded, String> {
    recorded(&ledger::Entry::from_bytes(bytes).map_err(|error| error.to_string())?)
}
