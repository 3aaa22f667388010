//! From states to what view models hold: dates, digests, tags, requirements, entries, in the words that pages use.

use app::kit::{Digest as DigestText, Due, Entry, ErrorSummary, FieldError, Link, Pager, Requirement, Tag, Tone, When};
use chrono::{DateTime, Utc};
use domain::{
    AggregateId, Event, Market, Recorded, Stage, VersionId,
    inventory::ModelStatus,
    promotion::{self, Topic},
    refusal::Missing,
    registry::{Model, Standing, Version},
    validation::Severity,
};
use ledger::{Digest, Timestamp};

use crate::{
    accounts::Names,
    dossier::capitalised,
    http::{escape, problem::Problem},
    narrate,
    seal::RESUMED_RULE,
    storage::log::StoredEntry,
};

/// An instant as `23 Nov 2026, 11:25 UTC`.
pub fn when(time: Timestamp) -> When {
    let at: DateTime<Utc> = time.into();
    When::new(at.format("%Y-%m-%dT%H:%M:%SZ").to_string(), at.format("%-d %b %Y, %H:%M UTC").to_string())
}

/// A date as `23 Nov 2026`.
pub fn day(time: Timestamp) -> When {
    let at: DateTime<Utc> = time.into();
    When::new(at.format("%Y-%m-%d").to_string(), at.format("%-d %b %Y").to_string())
}

/// A due date with how near it is. Days are counted as the calendar does, in UTC, as every date on a page is: what is due
/// on the next date is due tomorrow, however few hours that is away.
pub fn due(at: Timestamp, now: Timestamp) -> Due {
    let date = |time: Timestamp| DateTime::<Utc>::from(time).date_naive();
    let days = date(at).signed_duration_since(date(now)).num_days();
    let count = |days: i64| if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let tag = match days {
        ..0 => Tag::new(Tone::Bad, format!("{} overdue", count(-days))),
        0 if at < now => Tag::new(Tone::Bad, "overdue since today"),
        0 => Tag::new(Tone::Warn, "due today"),
        1 => Tag::new(Tone::Warn, "due tomorrow"),
        2 => Tag::new(Tone::Warn, "due in 2 days"),
        _ => Tag::new(Tone::Neutral, format!("due in {}", count(days))),
    };
    Due { when: day(at), tag }
}

/// A digest for showing: 64 hex digits.
pub fn digest(digest: &Digest) -> DigestText {
    DigestText(digest.hex())
}

/// Address of a version's page.
pub fn version_href(id: &VersionId) -> String {
    format!("/models/{}/versions/{}", id.model, id.number)
}

/// Address of the page that tells who is in a version's share of a market's users.
pub fn split_href(id: &VersionId, market: &Market, percent: u8) -> String {
    format!("{}/split?market={market}&percent={percent}", version_href(id))
}

/// Address of a review request's page.
pub fn review_href(id: &domain::privacy::review::ReviewId) -> String {
    format!("/privacy/reviews/{}/{}", id.model, id.number)
}

/// An entry of the ledger.
pub fn entry_link(seq: u64) -> Link {
    Link::new(format!("Entry {seq}"), format!("/ledger/{seq}"))
}

/// Where an aggregate is shown.
pub fn subject_link(id: &AggregateId) -> Link {
    match id {
        AggregateId::Model(name) => Link::new(name.to_string(), format!("/models/{name}")),
        AggregateId::Version(id) => Link::new(format!("{} v{}", id.model, id.number), version_href(id)),
        AggregateId::Deployment(model, market) => {
            Link::new(format!("{model} in {market}"), format!("/rollouts/{model}/{market}"))
        }
        AggregateId::Account(_) => Link::new("account", "/people"),
        AggregateId::Campaign(number) => Link::new(format!("campaign {number}"), format!("/campaigns/{number}")),
        AggregateId::Policy => Link::new("policy", "/policy"),
        AggregateId::Triggers(name) => Link::new(format!("{name} triggers"), format!("/models/{name}/triggers")),
        AggregateId::Webhooks => Link::new("webhooks", "/webhooks"),
        AggregateId::Dpia(name) => Link::new(format!("privacy of {name}"), format!("/privacy/models/{name}")),
        AggregateId::ReviewRequest(id) => Link::new(id.to_string(), review_href(id)),
    }
}

/// Where a privacy requirement is met.
fn privacy_link(version: &VersionId, rule: &str) -> Link {
    let model = &version.model;
    match rule {
        "privacy.article22" => Link::new("See the safeguards", format!("/privacy/models/{model}#safeguards")),
        "privacy.prohibited_features" => Link::new("See the lineage", format!("{}/lineage", version_href(version))),
        _ => Link::new("See the assessment", format!("/privacy/models/{model}")),
    }
}

/// `Staging`, or `Canary in EU`.
pub fn target(stage: Stage, market: Option<&Market>) -> String {
    market.map_or_else(|| stage.title().to_owned(), |market| format!("{stage} in {market}"))
}

/// Where a version stands: one tag for the shared stages, one for each market from Shadow on.
pub fn standings(model: &Model, version: &Version) -> Vec<Tag> {
    if version.stage == Stage::Archived {
        return vec![Tag::new(Tone::Quiet, "Archived")];
    }
    if version.tracks.is_empty() {
        let tone = if version.stage == Stage::None { Tone::Neutral } else { Tone::Active };
        let word = if version.stage == Stage::None { "Registered" } else { version.stage.title() };
        return vec![Tag::new(tone, word)];
    }
    version
        .tracks
        .iter()
        .map(|(market, track)| match model.standing(version.id.number, market) {
            Standing::Champion => Tag::new(Tone::Serving, format!("{market} Champion")),
            Standing::WarmStandby => Tag::new(Tone::Active, format!("{market} Warm standby")),
            Standing::RollingOut => Tag::new(Tone::Active, format!("{market} {}, rolling out", track.stage)),
            Standing::Other if track.stage == Stage::Archived => Tag::new(Tone::Quiet, format!("{market} Archived")),
            Standing::Other if track.stage == Stage::Production => Tag::new(Tone::Quiet, format!("{market} replaced")),
            Standing::Other => Tag::new(Tone::Active, format!("{market} {}", track.stage)),
        })
        .collect()
}

/// The tag of a model's status.
pub fn status(status: ModelStatus) -> Tag {
    let tone = match status {
        ModelStatus::InDevelopment => Tone::Neutral,
        ModelStatus::InUse => Tone::Serving,
        ModelStatus::Retired => Tone::Quiet,
    };
    Tag::new(tone, status.title())
}

/// Where a page of `total` rows stands; `href` leads to the page that begins at an offset.
pub fn pager(offset: u64, shown: usize, total: u64, what: &str, href: impl Fn(u64) -> String) -> Pager {
    let last = offset.saturating_add(shown as u64);
    Pager {
        summary: match (total, shown) {
            (0, _) => String::new(),
            (_, 0) => format!("None here of {total} {what}"),
            _ => format!("{}–{last} of {total} {what}", offset.saturating_add(1)),
        },
        first: (offset > 0).then(|| href(0)),
        next: (last < total).then(|| href(last)),
    }
}

/// The address of a list with what is asked of it, empty values left out, from its `after`-th row on.
pub fn list_href<'v>(path: &str, asked: impl IntoIterator<Item = (&'v str, &'v str)>, after: u64) -> String {
    let asked = asked.into_iter().filter(|(_, value)| !value.is_empty());
    let mut pairs: Vec<String> = asked.map(|(name, value)| format!("{name}={}", escape(value))).collect();
    if after > 0 {
        pairs.push(format!("after={after}"));
    }
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// The end of a day that a form names as `YYYY-MM-DD`.
pub fn end_of_day(text: &str) -> Option<Timestamp> {
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(23, 59, 59)?.and_utc().into())
}

/// The tag of a severity.
pub fn severity(severity: Severity) -> Tag {
    let tone = match severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warn,
        Severity::Low => Tone::Neutral,
    };
    Tag::new(tone, severity.id())
}

/// A requirement with where it can be met.
pub fn requirement(version: &VersionId, requirement: promotion::Requirement, signable: Option<&str>) -> Requirement {
    let place = match requirement.topic {
        Topic::Lineage => Some(("Complete the lineage", "lineage")),
        // Where something was attached and failed, the figures are the next thing to look at.
        Topic::Evidence if requirement.details.iter().any(|detail| detail.starts_with("Evidence ")) => {
            Some(("See the figures", "evidence"))
        }
        Topic::Evidence => Some(("Attach evidence", "evidence")),
        Topic::Validation => Some(("Write the report", "validation#report")),
        Topic::Findings => Some(("See the findings", "validation#findings-list")),
        Topic::Committee => Some(("See the vote", "validation#committee")),
        Topic::Approval => Some(("See the drift", "drift")),
        Topic::Time | Topic::SignOff | Topic::Privacy => None,
    };
    let link = place.map(|(label, page)| Link::new(label, format!("{}/{page}", version_href(version))));
    let link = if requirement.topic == Topic::Privacy { Some(privacy_link(version, &requirement.rule)) } else { link };
    let link =
        if requirement.topic == Topic::SignOff { signable.map(|href| Link::new("Read and sign", href)) } else { link };
    let waivable = requirement.waivable_by.filter(|_| !requirement.met);
    let details =
        waivable.map(|role| format!("{role} may waive it for a time.")).into_iter().chain(requirement.details);
    let detail = Some(details.collect::<Vec<_>>().join(" ")).filter(|detail| !detail.is_empty());
    Requirement {
        id: requirement.rule,
        sentence: requirement.sentence,
        met: requirement.met,
        supplier: (!requirement.met && requirement.topic != Topic::Time)
            .then(|| requirement.supplier.title().to_owned()),
        link: link.filter(|_| !requirement.met),
        detail,
    }
}

/// What a refusal misses, as requirements.
pub fn missing(items: Vec<Missing>) -> Vec<Requirement> {
    items
        .into_iter()
        .map(|item| Requirement {
            id: item.what,
            sentence: item.message,
            met: false,
            supplier: item.supplier.map(|role| role.title().to_owned()),
            link: None,
            detail: None,
        })
        .collect()
}

/// A problem above a form: its sentence, then each thing to mend. `rename` turns the field names of commands into
/// those of the form.
pub fn summary(problem: &Problem, rename: &[(&str, &str)]) -> ErrorSummary {
    let items: Vec<FieldError> = if problem.missing.is_empty() {
        vec![FieldError::general(problem.detail.clone(), None)]
    } else {
        problem
            .missing
            .iter()
            .map(|missing| {
                let field =
                    rename.iter().find(|(from, _)| *from == missing.what).map_or(missing.what.as_str(), |(_, to)| to);
                match &missing.supplier {
                    Some(role) => FieldError::general(format!("{} ({role})", missing.message), None),
                    None => FieldError::field(field.to_owned(), missing.message.clone()),
                }
            })
            .collect()
    };
    if problem.is(RESUMED_RULE) {
        let items = problem.missing.iter().map(|missing| FieldError::general(missing.message.clone(), None));
        return ErrorSummary::new("You are signed in again", items.collect());
    }
    // One thing to mend is the whole sentence already; above it stands what became of the form.
    let says_it_all = problem.missing.iter().any(|missing| missing.message == problem.detail);
    let title = if problem.missing.is_empty() {
        problem.title.clone()
    } else if says_it_all {
        "Nothing was recorded".to_owned()
    } else {
        problem.detail.clone()
    };
    ErrorSummary::new(title, items)
}

/// The actor's id and subject's label that names are needed for.
pub fn read(stored: &StoredEntry) -> Option<Recorded> {
    narrate::read(&stored.bytes).ok()
}

/// What an entry did, in a sentence without its actor.
pub fn sentence(stored: &StoredEntry) -> String {
    read(stored).map_or_else(
        || format!("{} (not known to this program)", stored.event),
        |recorded| narrate::sentence(&recorded.event),
    )
}

/// The same, with the name of whoever it speaks of beside its actor.
pub fn told(stored: &StoredEntry, names: &Names) -> String {
    match read(stored).map(|recorded| recorded.event) {
        Some(Event::ReviewAssigned { assignee }) => {
            format!("assigned the request to {}", names.of(assignee.as_str()))
        }
        _ => sentence(stored),
    }
}

/// Everybody whom entries name: who acted, and whom they speak of.
pub fn people(stored: &[StoredEntry]) -> Vec<String> {
    let assigned = stored.iter().filter_map(|stored| match read(stored)?.event {
        Event::ReviewAssigned { assignee } => Some(assignee.to_string()),
        _ => None,
    });
    stored.iter().map(|stored| stored.actor.clone()).chain(assigned).collect()
}

/// Entries for a timeline.
pub fn entries(stored: &[StoredEntry], names: &Names, with_subject: bool) -> Vec<Entry> {
    stored
        .iter()
        .map(|stored| {
            let recorded = read(stored);
            Entry {
                seq: stored.seq,
                when: when(stored.time),
                actor: names.of(&stored.actor),
                sentence: told(stored, names),
                subject: recorded.filter(|_| with_subject).map(|recorded| subject_link(&recorded.subject)),
                detail: None,
                tag: None,
                hash: digest(&stored.hash),
            }
        })
        .collect()
}

/// Entries for a market's timeline: each names the version that it is about.
pub fn entries_of_market(stored: &[StoredEntry], names: &Names) -> Vec<Entry> {
    let entries = entries(stored, names, false).into_iter().zip(stored);
    entries
        .map(|(entry, stored)| {
            let told = read(stored).map(|recorded| narrate::told(&recorded));
            Entry { sentence: told.unwrap_or(entry.sentence), ..entry }
        })
        .collect()
}

/// Entries for a version's own timeline: those of a market's deployment lead there.
pub fn entries_of_version(stored: &[StoredEntry], names: &Names) -> Vec<Entry> {
    let place = |stored: &StoredEntry| match read(stored)?.subject {
        AggregateId::Deployment(model, market) => {
            Some(Link::new(format!("in {market}"), format!("/rollouts/{model}/{market}")))
        }
        _ => None,
    };
    let entries = entries(stored, names, false).into_iter().zip(stored);
    entries.map(|(entry, stored)| Entry { subject: place(stored), ..entry }).collect()
}

/// A type of event as people read it: `Promotion signed` for `promotion.signed`.
pub fn event(kind: &str) -> String {
    let words = kind.replace(['.', '_'], " ");
    match words.strip_prefix("dpia ") {
        Some(rest) => format!("DPIA {rest}"),
        None => capitalised(&words),
    }
}

/// A size in bytes as people read it.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_dates_say_how_near_they_are() {
        let now: Timestamp = "2026-11-23T12:00:00.000000Z".parse().unwrap();
        assert_eq!(due(now.plus_days(-12), now).tag.word, "12 days overdue");
        assert_eq!(due(now.plus_days(1), now).tag.word, "due tomorrow");
        assert_eq!(due(now.plus_days(5), now).tag.tone, Tone::Neutral);
        assert_eq!(due(now, now).tag.word, "due today");
        assert_eq!(when(now).text, "23 Nov 2026, 12:00 UTC");
    }

    #[test]
    fn events_are_named_apart_and_in_words() {
        assert_eq!(event("promotion.signed"), "Promotion signed");
        assert_eq!(event("dpia.drafted"), "DPIA drafted");
        let words: std::collections::BTreeSet<String> = domain::Event::KINDS.into_iter().map(event).collect();
        assert_eq!(words.len(), domain::Event::KINDS.len());
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let word = |due_at: &str, now: &str| due(at(due_at), at(now)).tag.word;
        let (noon, late) = ("2026-11-23T12:00:00.000000Z", "2026-11-23T23:00:00.000000Z");
        assert_eq!(word("2026-11-24T01:00:00.000000Z", late), "due tomorrow", "two hours, and another date");
        assert_eq!(word("2026-11-23T23:59:59.000000Z", "2026-11-23T00:00:01.000000Z"), "due today");
        assert_eq!(
            word("2026-11-25T23:00:00.000000Z", noon),
            "due in 2 days",
            "two dates on, though less than 60 hours"
        );
        assert_eq!(word("2026-11-26T00:30:00.000000Z", late), "due in 3 days", "three dates on, though 49.5 hours");
        assert_eq!(word("2026-11-23T11:00:00.000000Z", noon), "overdue since today");
        assert_eq!(word("2026-11-22T23:30:00.000000Z", "2026-11-23T00:30:00.000000Z"), "1 day overdue");
    }
}
