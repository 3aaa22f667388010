//! From the records to the papers: one function a kind of report.

use std::collections::BTreeMap;

use domain::{
    AccountId, Market, ModelName, VersionId,
    account::Role,
    as_of::{self, Answered, Approval, Grounds, Serving, Traffic},
};
use ledger::Timestamp;

use super::{
    Asked, dpia, inventory,
    places::Places,
    worker::{MakeError, Progress},
};
use crate::{
    accounts::Names,
    as_of::{ModelThen, PastError, Place, past},
    dossier::{self, reading::key_name},
    narrate,
    report::{
        dossier::Checkpoint,
        paper::{Grid, Named, Paper, Part, Text},
    },
    service::Service,
    storage::{
        StoreError,
        log::{EntryFilter, Head, StoredEntry},
    },
};

/// Rows read at a time.
pub(super) const PAGE: u64 = 500;
/// Entries that an extract holds at most, the newest.
const MAX_ENTRIES: usize = 20_000;
/// How often a report is read anew because something was sealed meanwhile.
pub(super) const ATTEMPTS: u32 = 5;

/// Fills the paper that was asked for.
pub(super) async fn collect(app: &Service, asked: &Asked, progress: &Progress) -> Result<Paper, MakeError> {
    match asked {
        Asked::ModelInventory {} => inventory::report(app, progress).await,
        Asked::Dpia { model } => dpia::report(app, model, progress).await,
        Asked::AsOf { at, model } => as_of(app, *at, model.as_ref()).await,
        Asked::MarketTimeline { model, market } => timeline(app, model, market, progress).await,
        Asked::AuditExtract { model, event, from, until } => {
            let filter = EntryFilter {
                model: model.as_ref().map(ToString::to_string),
                event: event.clone(),
                from: *from,
                until: *until,
                ..EntryFilter::default()
            };
            extract(app, asked, filter, progress).await
        }
        Asked::Validation { model, version } => {
            validation(app, &VersionId { model: model.clone(), number: *version }).await
        }
    }
}

pub(super) fn paper(asked: &Asked, title: impl Into<String>, question: &str, checkpoint: Checkpoint) -> Paper {
    Paper {
        product: format!("Countersign {}", env!("CARGO_PKG_VERSION")),
        kind: asked.kind().to_owned(),
        title: title.into(),
        question: question.to_owned(),
        asked: Vec::new(),
        checkpoint,
        parts: Vec::new(),
        omissions: Vec::new(),
    }
}

pub(super) fn checkpoint(app: &Service, head: &Head) -> Result<Checkpoint, MakeError> {
    let verifier = app.key.verifier();
    let open = ledger::Checkpoint::open(&head.checkpoint, std::slice::from_ref(verifier))
        .map_err(|error| StoreError::Inconsistent(format!("the checkpoint cannot be verified: {error}")))?;
    Ok(Checkpoint {
        origin: open.checkpoint.origin,
        size: open.checkpoint.size,
        root: open.checkpoint.root,
        time: head.time,
        key: key_name(verifier),
    })
}

async fn as_of(app: &Service, at: Timestamp, model: Option<&ModelName>) -> Result<Paper, MakeError> {
    let past = past(app, at, model).await.map_err(|error| match error {
        PastError::Store(error) => MakeError::Store(error),
        other => MakeError::Unknown(other.to_string()),
    })?;
    // The statement speaks of the first entries only, so it may be made at any later checkpoint: it names both.
    let head = app.store.head().await?;
    let asked = Asked::AsOf { at, model: model.cloned() };
    let title = match (model, past.models.first()) {
        (Some(_), Some(found)) => found.title.clone(),
        _ => "All models".to_owned(),
    };
    let question = "Which version served which market at this instant, who approved it, and under which policy?";
    let mut paper = paper(&asked, title, question, checkpoint(app, &head)?);
    paper.asked = vec![
        Named::plain("Instant", format!("{} UTC", at.to_string().replacen('T', " ", 1).trim_end_matches('Z'))),
        Named::plain("Entries sealed by then", past.size.to_string()),
        Named::id("Root of the tree over them", past.root.to_string()),
    ];
    if let Some(policy) = &past.policy {
        paper.asked.push(Named::plain(
            "Policy in force",
            format!("{}, adopted {} by entry {}", policy.title, policy.since.date(), policy.entry),
        ));
        paper.asked.push(Named::id("Policy digest", policy.digest.to_string()));
    }
    let mut grid = Grid::new(
        &[
            ("Model", 13),
            ("Market", 8),
            ("Users answered by", 14),
            ("Champion", 14),
            ("On its way in", 14),
            ("Shadow", 8),
            ("Standby", 12),
            ("Approved by", 17),
        ],
        "No version served a market at this instant, and none was on its way in.",
    );
    let mut switches = Grid::new(
        &[("Model", 15), ("Market", 8), ("Since (UTC)", 14), ("By", 14), ("Instead", 14), ("Entry", 8), ("Reason", 27)],
        "The kill switch was in use nowhere.",
    );
    let people = past.models.iter().flat_map(ModelThen::people).map(AccountId::as_str);
    let names = app.names(people).await?;
    for model in &past.models {
        for (market, serving, traffic) in model.markets() {
            let kill = traffic.and_then(|traffic| traffic.kill_switch.as_ref());
            grid.rows.push(traffic_row(model, (market, serving, traffic), &names));
            switches.rows.extend(kill.map(|kill| kill_row(model, market, (kill, traffic), &names)));
        }
    }
    paper.parts.push(Part { table: Some(grid), ..Part::chapter("1  What served") });
    paper.parts.push(Part { table: Some(switches), ..Part::chapter("2  Kill switches in use") });
    for (index, (market, version, place, grounds)) in past.models.iter().flat_map(ModelThen::grounds).enumerate() {
        let on_its_way = if place == Place::Challenger { ", on its way in" } else { "" };
        let title = format!("{}  {market}: version {version}{on_its_way}", index + 3);
        paper.parts.extend(grounds_parts(title, grounds, &names));
    }
    Ok(paper)
}

/// A market of a model in the statement.
fn traffic_row(
    model: &ModelThen,
    (market, serving, traffic): (&Market, Option<&Serving>, Option<&Traffic>),
    names: &Names,
) -> Vec<Text> {
    let answered = as_of::answered(serving, traffic).into_iter().map(|answer| match answer {
        Answered::Version(number, percent) => format!("v{number}: {percent} %"),
        Answered::Fallback(name, percent) => format!("fallback “{name}”: {percent} %"),
    });
    let mut answered: Vec<String> = answered.collect();
    if traffic.is_some_and(|traffic| traffic.kill_switch.is_some()) {
        answered.push("kill switch in use".to_owned());
    }
    let since = |what: String, at: Timestamp, entry: u64| format!("{what}\nsince {}, entry {entry}", at.minute());
    let champion = serving.map(|one| since(format!("v{}", one.version), one.since, one.entry));
    let challenger = traffic.and_then(|traffic| traffic.challenger.as_ref());
    let challenger = challenger.map(|one| since(format!("v{}, {}", one.version, one.standing()), one.since, one.entry));
    let mirror: Vec<String> = traffic.iter().flat_map(|one| &one.mirror).map(|number| format!("v{number}")).collect();
    let earlier = serving.filter(|_| traffic.is_none()).and_then(|serving| serving.standby.as_ref());
    let standby = traffic.and_then(|traffic| traffic.standby.as_ref()).map(|one| (one.version, one.until));
    let standby = standby.or(earlier.map(|one| (one.version, one.until)));
    let standby = standby.map(|(number, until)| format!("v{number}\nuntil {}", until.date()));
    vec![
        model.name.as_str().into(),
        market.as_str().into(),
        answered.join("\n").into(),
        champion.unwrap_or_default().into(),
        challenger.unwrap_or_default().into(),
        mirror.join(", ").into(),
        standby.unwrap_or_default().into(),
        approvers(serving, traffic, names).into(),
    ]
}

/// Who approved the versions of a market, each once, with the last of the entries by which they did.
fn approvers(serving: Option<&Serving>, traffic: Option<&Traffic>, names: &Names) -> String {
    let champion = serving.map(|one| (one.version, &one.approvals));
    let challenger = traffic.and_then(|traffic| traffic.challenger.as_ref()).map(|one| (one.version, &one.approvals));
    let mut told = Vec::new();
    for (version, approvals) in champion.into_iter().chain(challenger) {
        let latest: BTreeMap<_, _> = approvals.iter().map(|one| ((&one.signer, one.role), one.entry)).collect();
        let one = |((signer, role), entry): (&(&AccountId, Role), &u64)| {
            format!("v{version}: {}, {role}, entry {entry}", names.of(signer.as_str()))
        };
        told.extend(latest.iter().map(one));
        if latest.is_empty() {
            told.push(format!("v{version}: no signature was asked for"));
        }
    }
    told.join("\n")
}

/// A kill switch in use in the statement.
fn kill_row(
    model: &ModelThen,
    market: &Market,
    (kill, traffic): (&as_of::KillSwitch, Option<&Traffic>),
    names: &Names,
) -> Vec<Text> {
    let fallback = traffic.map_or_else(String::new, |traffic| format!("the fallback “{}”", traffic.fallback.name));
    let reviewed = kill
        .reviewed_at
        .map_or_else(|| " Not reviewed yet.".to_owned(), |at| format!(" Reviewed {} UTC.", at.minute()));
    vec![
        model.name.as_str().into(),
        market.as_str().into(),
        kill.since.minute().into(),
        names.of(kill.by.as_str()).into(),
        kill.version.map_or(fallback, |number| format!("version {number}")).into(),
        kill.entry.to_string().into(),
        format!("{}{reviewed}", kill.reason).into(),
    ]
}

fn signatures(approvals: &[Approval], names: &Names) -> String {
    if approvals.is_empty() {
        return "no signature was asked for".to_owned();
    }
    let one = |approval: &Approval| {
        format!(
            "{}, {}, {} UTC, entry {}: {}",
            names.of(approval.signer.as_str()),
            approval.role,
            approval.signed_at.minute(),
            approval.entry,
            approval.meaning
        )
    };
    approvals.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn grounds_parts(title: String, grounds: &Grounds, names: &Names) -> [Part; 2] {
    let mut facts = vec![
        Named::id("Weights", grounds.weights_digest.map(|digest| digest.to_string()).unwrap_or_default()),
        Named::id("Git commit", grounds.git_commit.clone().unwrap_or_default()),
        Named::plain("Data version", grounds.data_version.clone().unwrap_or_default()),
    ];
    facts.push(Named::plain(
        "Validation in force",
        grounds.validation.as_ref().map_or_else(
            || "none was recorded".to_owned(),
            |report| {
                let author = names.of(report.author.as_str());
                format!("{}, {author}, {}, entry {}", report.outcome.title(), report.recorded_at.date(), report.entry)
            },
        ),
    ));
    for finding in &grounds.open_findings {
        let name = format!("Open finding {}", finding.number);
        facts.push(Named::plain(&name, format!("{}: {}", finding.severity.id(), finding.title)));
    }
    let mut grid = Grid::new(
        &[("Entered", 18), ("Granted (UTC)", 18), ("Entry", 8), ("Asked by", 18), ("Signed by, meaning", 38)],
        "No promotion was granted.",
    );
    for step in &grounds.steps {
        let place = step.market.as_ref().map(|market| format!(" in {market}")).unwrap_or_default();
        grid.rows.push(vec![
            format!("{}{place}", step.to).into(),
            step.granted_at.minute().into(),
            step.entry.to_string().into(),
            names.of(step.requested_by.as_str()).into(),
            signatures(&step.approvals, names).into(),
        ]);
    }
    for share in &grounds.shares {
        grid.rows.push(vec![
            share.reached().into(),
            share.granted_at.minute().into(),
            share.entry.to_string().into(),
            "the rollout".into(),
            signatures(&share.approvals, names).into(),
        ]);
    }
    [Part { facts, ..Part::chapter(title) }, Part { table: Some(grid), ..Part::section("Approvals") }]
}

/// The columns of a table of entries.
pub(super) const ENTRY_COLUMNS: [(&str, u8); 5] =
    [("Entry", 8), ("Time (UTC)", 17), ("Who", 16), ("What", 37), ("Hash", 22)];

/// The rows of a table of entries.
pub(super) async fn entry_rows(app: &Service, entries: &[StoredEntry]) -> Result<Vec<Vec<Text>>, MakeError> {
    let mut actors: Vec<&str> = entries.iter().map(|entry| entry.actor.as_str()).collect();
    actors.sort_unstable();
    actors.dedup();
    let names = app.names(actors).await?;
    let rows = entries.iter().map(|entry| {
        let told = narrate::read(&entry.bytes)
            .map(|recorded| format!("{}: {}", recorded.subject, narrate::in_full(&recorded.event)));
        vec![
            entry.seq.to_string().into(),
            entry.time.minute().into(),
            names.of(&entry.actor).into(),
            told.unwrap_or_else(|_| entry.event.clone()).into(),
            Text::Id(entry.hash.to_string()),
        ]
    });
    Ok(rows.collect())
}

/// The entries that match, oldest first, and whether there are older ones that were left out.
async fn entries(
    app: &Service,
    filter: &EntryFilter,
    size: u64,
    progress: &Progress,
    keep: impl Fn(&StoredEntry) -> bool,
) -> Result<(Vec<StoredEntry>, bool), MakeError> {
    let mut found = Vec::new();
    let mut before = size;
    loop {
        let page = EntryFilter { before: Some(before), limit: PAGE, ..filter.clone() };
        let page = app.store.find_entries(&page).await?;
        progress.done(page.len() as u64);
        let Some(last) = page.last() else { break };
        before = last.seq;
        found.extend(page.into_iter().filter(&keep));
        if found.len() > MAX_ENTRIES {
            break;
        }
    }
    let more = found.len() > MAX_ENTRIES;
    found.truncate(MAX_ENTRIES);
    found.reverse();
    Ok((found, more))
}

fn left_out(paper: &mut Paper, more: bool) {
    if more {
        paper.omissions.push(format!(
            "Older entries are left out: at most {MAX_ENTRIES} are shown. Ask for a shorter time, or export the ledger."
        ));
    }
}

async fn extract(app: &Service, asked: &Asked, filter: EntryFilter, progress: &Progress) -> Result<Paper, MakeError> {
    let head = app.store.head().await?;
    let (found, more) = entries(app, &filter, head.size, progress, |_| true).await?;
    let mut paper = paper(asked, "Audit extract", "What was recorded, by whom, and when?", checkpoint(app, &head)?);
    let any = |text: Option<String>| text.unwrap_or_else(|| "any".to_owned());
    paper.asked = vec![
        Named::plain("Model", any(filter.model.clone())),
        Named::plain("Event", any(filter.event.clone())),
        Named::plain("From", filter.from.map_or_else(|| "the first entry".to_owned(), |time| time.to_string())),
        Named::plain("Until", filter.until.map_or_else(|| "the checkpoint".to_owned(), |time| time.to_string())),
    ];
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in &found {
        *kinds.entry(&entry.event).or_default() += 1;
    }
    let mut counts = Grid::new(&[("Event", 70), ("Entries", 30)], "No entry matches.");
    counts.rows = kinds.iter().map(|(event, count)| vec![(*event).into(), count.to_string().into()]).collect();
    let mut grid = Grid::new(&ENTRY_COLUMNS, "No entry matches.");
    grid.rows = entry_rows(app, &found).await?;
    paper.parts.push(Part { table: Some(grid), ..Part::chapter("1  Entries") });
    paper.parts.push(Part { table: Some(counts), ..Part::chapter("2  Entries by event") });
    left_out(&mut paper, more);
    Ok(paper)
}

async fn timeline(app: &Service, model: &ModelName, market: &Market, progress: &Progress) -> Result<Paper, MakeError> {
    let state = app.model(model).await?.ok_or_else(|| MakeError::Unknown(format!("There is no model {model}.")))?;
    if !state.markets.contains(market) {
        return Err(MakeError::Unknown(format!("{model} has no market {market}.")));
    }
    let head = app.store.head().await?;
    let filter = EntryFilter { model: Some(model.to_string()), ..EntryFilter::default() };
    let places = Places::read(&app.store, model, head.size).await?;
    let (found, more) = entries(app, &filter, head.size, progress, |entry| places.concern(entry, market)).await?;
    let asked = Asked::MarketTimeline { model: model.clone(), market: market.clone() };
    let question = "What happened to this model in this market, step by step?";
    let mut paper = paper(&asked, format!("{} in {market}", state.title), question, checkpoint(app, &head)?);
    paper.asked = vec![Named::plain("Model", model.as_str()), Named::plain("Market", market.as_str())];
    let champion = state.champions.get(market);
    let standby = state.standbys.get(market);
    paper.parts.push(Part {
        facts: vec![
            Named::plain(
                "Serves now",
                champion.map_or_else(
                    || "no version".to_owned(),
                    |champion| {
                        format!(
                            "v{}, since {} UTC, entry {}",
                            champion.version,
                            champion.since.minute(),
                            champion.entry
                        )
                    },
                ),
            ),
            Named::plain(
                "Warm standby",
                standby.map_or_else(
                    || "none".to_owned(),
                    |standby| format!("v{}, until {} UTC", standby.version, standby.until.minute()),
                ),
            ),
        ],
        ..Part::chapter("1  At the checkpoint")
    });
    let mut grid = Grid::new(&ENTRY_COLUMNS, "Nothing happened in this market yet.");
    grid.rows = entry_rows(app, &found).await?;
    paper.parts.push(Part { table: Some(grid), ..Part::chapter("2  Timeline") });
    left_out(&mut paper, more);
    Ok(paper)
}

async fn validation(app: &Service, id: &VersionId) -> Result<Paper, MakeError> {
    let dossier = dossier::collect(app, id).await.map_err(|problem| MakeError::Unknown(problem.detail))?;
    let asked = Asked::Validation { model: id.model.clone(), version: id.number };
    let title = format!("{}, version {}", dossier.model.title, dossier.version.name);
    let question = "What did the independent validation find, and who stands behind it?";
    let mut paper = paper(&asked, title, question, dossier.checkpoint);
    paper.asked = vec![
        Named::plain("Model", id.model.as_str()),
        Named::plain("Version", id.number.to_string()),
        Named::plain("Purpose", dossier.model.purpose),
        Named::plain("Materiality", dossier.version.materiality),
    ];
    let mut chapter = 0;
    for report in &dossier.validations {
        chapter += 1;
        let time = report.submitted_at.map(|time| format!("{} UTC", time.minute())).unwrap_or_default();
        paper.parts.push(Part {
            facts: vec![
                Named::plain("Validator", report.validator.as_str()),
                Named::plain("Team", report.team.as_str()),
                Named::plain("Conclusion", report.outcome.word.as_str()),
                Named::plain("Recorded", time),
                Named::id("Entry hash", report.digest.map(|digest| digest.to_string()).unwrap_or_default()),
            ],
            ..Part::chapter(format!("{chapter}  {}", report.title))
        });
        for section in &report.sections {
            paper.parts.push(Part {
                text: section.text.split("\n\n").map(str::to_owned).collect(),
                ..Part::section(section.title.clone())
            });
        }
        let mut grid = Grid::new(
            &[("Finding", 26), ("Severity", 10), ("Owner", 14), ("Due", 12), ("Status", 12), ("Remedy, closure", 26)],
            "No finding was raised.",
        );
        for finding in &report.findings {
            grid.rows.push(vec![
                format!("{} {}", finding.id, finding.title).into(),
                finding.severity.word.as_str().into(),
                finding.owner.as_str().into(),
                finding.due.map(Timestamp::date).unwrap_or_default().into(),
                finding.status.word.as_str().into(),
                [finding.remediation.as_str(), finding.closure.as_str()].join(" ").trim().into(),
            ]);
        }
        paper.parts.push(Part { table: Some(grid), ..Part::section("Findings") });
    }
    if dossier.validations.is_empty() {
        chapter += 1;
        let text = vec!["No validation report is recorded for this version.".to_owned()];
        paper.parts.push(Part { text, ..Part::chapter(format!("{chapter}  Validation")) });
    }
    let mut signed = Grid::new(
        &[("Name", 18), ("Role", 14), ("Time (UTC)", 16), ("Meaning", 31), ("Entry", 7), ("State", 14)],
        "No signature was given.",
    );
    for signature in &dossier.signatures {
        signed.rows.push(vec![
            signature.printed_name.as_str().into(),
            signature.role.as_str().into(),
            signature.time.minute().into(),
            signature.meaning.as_str().into(),
            signature.entry.to_string().into(),
            signature.state.word.as_str().into(),
        ]);
    }
    paper.parts.push(Part { table: Some(signed), ..Part::chapter(format!("{}  Signatures", chapter + 1)) });
    paper.omissions = dossier.omissions;
    Ok(paper)
}
