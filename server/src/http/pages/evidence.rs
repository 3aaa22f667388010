//! A version's evidence: what each path shows and lacks, and the upload.

use app::{
    grouped,
    kit::{Choice, Digest as DigestText, ErrorSummary, Fact, Tag, Tone, Value},
    pages::{
        EvidenceView,
        evidence::{EvidenceForm, EvidenceItem, EvidencePath as PathView},
    },
};
use axum::{
    extract::{Multipart, Path, State},
    response::Response,
};
use domain::{
    Market, Stage,
    access::Action,
    evidence::{Evidence, EvidencePath, Facts, Figure, Verdict},
    promotion::CHAMPION_RULE,
    registry::Version,
};

use super::{
    PageError, Viewer,
    charts::evidence_exhibits,
    done, field, refuse, show, show_with,
    versions::{head, shelf},
    words,
};
use crate::{
    attach::{NewEvidence, attach as attach_file, read},
    blobs::{Blob, Upload},
    dossier::capitalised,
    figures,
    http::{
        api::evidence::{file_response, settle},
        extract::{App, VersionPath, WriteHeaders},
        problem::Problem,
    },
    seal::Receipt,
    service::Shelf,
};

/// A figure with all that is known of it: `0.95 [0.94 to 0.96], of 8000 (asked ≥ 0.9)`.
fn figure(figure: &Figure) -> Fact {
    let value = figures::against(figure.value, figure.threshold.as_deref());
    let interval = figure
        .interval
        .map(|interval| format!(" [{} to {}]", figures::plain(interval.low), figures::plain(interval.high)));
    let n = figure.n.map(|n| format!(", of {}", grouped(n)));
    let threshold = figure.threshold.as_ref().map(|threshold| format!(" (asked {})", figures::threshold(threshold)));
    let text = [Some(value), interval, n, threshold].into_iter().flatten().collect();
    let value = match figure.passed {
        Some(false) => Value::Many(vec![Value::Text(text), Value::Tag(Tag::new(Tone::Bad, "failed"))]),
        _ => Value::Text(text),
    };
    let name = match &figure.segment {
        Some(segment) => format!("{}, segment {segment}", figure.name),
        None => figure.name.clone(),
    };
    Fact::new(name, value)
}

/// What a file was made from, in the lineage's fields and in words.
fn made_from(evidence: &Evidence) -> Vec<Fact> {
    let fact = |(path, value): (&String, &String)| {
        let is_digest = value.len() >= 40 && value.trim_start_matches("sha256:").bytes().all(|b| b.is_ascii_hexdigit());
        let value = if is_digest {
            Value::Digest(DigestText(value.trim_start_matches("sha256:").to_owned()))
        } else {
            Value::Text(value.clone())
        };
        Fact::new(source(path), value)
    };
    evidence.made_from.iter().map(fact).collect()
}

/// A field of the lineage, as one says what a file was made from.
fn source(path: &str) -> &str {
    match path {
        "code.repository" => "repository",
        "code.git_commit" => "commit",
        "code.image_digest" => "image",
        "data.dataset" => "dataset",
        "data.version" => "partition",
        "data.digest" => "data",
        "data.schema_digest" => "schema",
        "model.weights_digest" => "weights",
        other => other,
    }
}

/// Why a file does not count, or what its verdict asks for.
fn remark(version: &Version, evidence: &Evidence) -> Option<String> {
    if !evidence.speaks_of(&version.lineage) {
        let changed = evidence.changed_in(&version.lineage);
        let changed: Vec<&str> = changed.iter().map(|path| source(path)).collect();
        return Some(match changed.as_slice() {
            [] => format!("The lineage names another {} now.", evidence.artifact().title()),
            changed => format!("The lineage names another {} now.", changed.join(" and another ")),
        });
    }
    if let Some(later) = version.replacement(evidence) {
        return Some(format!("Evidence {} took its place.", later.number));
    }
    (evidence.facts.verdict == Verdict::Red).then(|| {
        format!(
            "It holds the path back until a newer file of this kind, by the same name {}, takes its place.",
            evidence.file_name
        )
    })
}

fn evidence_item(version: &Version, evidence: &Evidence) -> EvidenceItem {
    let counts = evidence.speaks_of(&version.lineage);
    let verdict = match (counts, evidence.facts.verdict) {
        (false, _) => Tag::new(Tone::Quiet, "does not count"),
        (true, _) if version.replacement(evidence).is_some() => Tag::new(Tone::Quiet, "replaced"),
        (true, Verdict::Green) => Tag::new(Tone::Good, "passed"),
        (true, Verdict::Red) => Tag::new(Tone::Bad, "failed"),
        (true, Verdict::Neutral) => Tag::new(Tone::Neutral, "no verdict"),
    };
    let facts: Vec<Fact> = evidence.facts.figures.iter().map(figure).collect();
    EvidenceItem {
        kind: match &evidence.market {
            Some(market) => format!("{}, {market}", evidence.facts.kind.title()),
            None => evidence.facts.kind.title().to_owned(),
        },
        failures: evidence.facts.failures.clone(),
        verdict,
        file_name: evidence.file_name.clone(),
        sentence: evidence.facts.summary.clone(),
        facts,
        digest: words::digest(&evidence.file),
        href: format!("{}/evidence/{}", words::version_href(&version.id), evidence.number),
        size: words::size(evidence.size_bytes),
        bound_to: DigestText(evidence.bound_to.trim_start_matches("sha256:").to_owned()),
        producer: evidence.producer.clone(),
        when: words::when(evidence.attached_at),
        seq: evidence.entry,
        made_from: made_from(evidence),
        note: remark(version, evidence),
    }
}

fn evidence_view(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    fields: &[(String, String)],
    errors: Option<ErrorSummary>,
    looked_at: Option<String>,
) -> EvidenceView {
    let version = &shelf.version;
    let titles = [
        (EvidencePath::Code, "Code path"),
        (EvidencePath::Data, "Data path"),
        (EvidencePath::Model, "Model path"),
        (EvidencePath::Shadow, "Shadow evaluation"),
        (EvidencePath::Canary, "Canary evaluation"),
        (EvidencePath::Other, "Other files"),
    ];
    let paths = titles
        .into_iter()
        .filter(|(path, _)| {
            matches!(path, EvidencePath::Code | EvidencePath::Data | EvidencePath::Model)
                || version.evidence.iter().any(|evidence| evidence.path == *path)
        })
        .map(|(path, title)| {
            let own: Vec<&Evidence> = version.evidence.iter().rev().filter(|evidence| evidence.path == path).collect();
            let counts =
                |evidence: &&&Evidence| evidence.speaks_of(&version.lineage) && version.replacement(evidence).is_none();
            let counting = own.iter().filter(counts);
            let (mut green, mut red) = (false, false);
            for evidence in counting {
                green |= evidence.facts.verdict == Verdict::Green;
                red |= evidence.facts.verdict == Verdict::Red;
            }
            let state = match (green, red) {
                _ if path == EvidencePath::Other => Tag::new(Tone::Neutral, "kept"),
                (_, true) => Tag::new(Tone::Bad, "failed"),
                (true, false) => Tag::new(Tone::Good, "passed"),
                (false, false) => Tag::new(Tone::Warn, "missing"),
            };
            let artifact = path.artifact();
            let bound = artifact.value_in(&version.lineage);
            let lacking = lacking(shelf, path, app.clock.now());
            let missing = match (&bound, own.is_empty()) {
                (None, _) => vec![format!("The lineage states no {} to bind evidence to.", artifact.title())],
                (Some(_), true) if lacking.is_empty() => vec!["Nothing is attached yet.".to_owned()],
                _ => lacking,
            };
            let state = if state.tone == Tone::Good && !missing.is_empty() {
                Tag::new(Tone::Warn, "incomplete")
            } else {
                state
            };
            PathView {
                id: path.id().to_owned(),
                title: title.to_owned(),
                state,
                bound_to: bound.map(|value| DigestText(value.trim_start_matches("sha256:").to_owned())),
                missing,
                exhibits: evidence_exhibits(version, path),
                items: own.into_iter().map(|evidence| evidence_item(version, evidence)).collect(),
            }
        })
        .collect();
    let may = viewer.can(Action::AttachEvidence) && version.stage != Stage::Archived;
    EvidenceView {
        head: head(app, shelf, viewer),
        paths,
        upload: may.then(|| EvidenceForm {
            kinds: evidence_kinds(shelf, field(fields, "kind")),
            producer: field(fields, "producer").to_owned(),
            note: field(fields, "note").to_owned(),
            formats: domain::evidence::FORMATS.map(str::to_owned).into(),
            detected: looked_at,
            limit: words::size(app.config.max_upload_bytes),
            command: format!(
                "countersign attach --model {} --version {} --path code --bound-to COMMIT --producer CI FILE",
                version.id.model, version.id.number
            ),
        }),
        errors,
    }
}

/// What the gate to Staging asks for on a path and the version does not show yet; nothing, once it has passed.
fn lacking(shelf: &Shelf, path: EvidencePath, now: ledger::Timestamp) -> Vec<String> {
    if shelf.version.stage != Stage::None {
        return Vec::new();
    }
    let question = shelf.question(Stage::Staging, None, now);
    let Ok(gate) = question.gate() else { return Vec::new() };
    let checks = question.checks(&gate, path).into_iter().filter(|(_, shown)| !shown);
    let mut lacking: Vec<String> = checks.map(|(check, _)| capitalised(check.title())).collect();
    if path == EvidencePath::Model && gate.champion {
        let unmet = question.requirements().unwrap_or_default().into_iter();
        let unmet = unmet.filter(|requirement| requirement.rule == CHAMPION_RULE && !requirement.met);
        lacking.extend(unmet.flat_map(|requirement| requirement.details));
    }
    lacking
}

/// The choice that leaves the path to the file.
const DETECTED: &str = "detected";

/// The kinds a file may be: `path`, or `path market` where a market is concerned.
fn evidence_kinds(shelf: &Shelf, chosen: &str) -> Vec<Choice> {
    let mut kinds = vec![
        (DETECTED.to_owned(), "Found from the file itself".to_owned()),
        ("code".to_owned(), "Code path: test results, lint results, image facts".to_owned()),
        ("data".to_owned(), "Data path: expectations, drift, data contract".to_owned()),
        ("model".to_owned(), "Model path: evaluation, behavioural tests, champion and challenger".to_owned()),
    ];
    for market in &shelf.model.markets {
        for (path, title) in [("shadow", "Shadow"), ("canary", "Canary")] {
            let what = format!("{title} evaluation in {market} (requests as CSV, JSON Lines or Parquet; or JSON)");
            kinds.push((format!("{path} {market}"), what));
        }
    }
    kinds.push(("other".to_owned(), "Any other file, kept as it is".to_owned()));
    kinds.into_iter().map(|(value, label)| Choice::new(value.clone(), label).chosen_if(value == chosen)).collect()
}

/// The evidence.
pub async fn evidence(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    let view = evidence_view(&app, &viewer, &shelf, &[], None, None);
    show(&viewer.frame, view).await
}

/// Attaches a file, or only says what it is.
pub async fn attach(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    form: Multipart,
) -> Result<Response, PageError> {
    viewer.may(Action::AttachEvidence)?;
    let shelf = shelf(&app, &viewer, &id).await?;
    let mut fields = Vec::new();
    match receive(&app, &viewer, &shelf, form, &mut fields).await {
        Ok(Received::Attached(receipt)) => Ok(done(&format!("{}/evidence", words::version_href(&id)), &receipt)),
        Ok(Received::LookedAt(said)) => {
            let view = evidence_view(&app, &viewer, &shelf, &fields, None, Some(said));
            show(&viewer.frame, view).await
        }
        Err(problem) => {
            let errors =
                Some(words::summary(&problem, &[("file_name", "file"), ("bound_to", "file"), ("path", "kind")]));
            let view = evidence_view(&app, &viewer, &shelf, &fields, errors, None);
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

/// What became of an upload.
enum Received {
    Attached(Receipt),
    /// What the file is, in a sentence.
    LookedAt(String),
}

async fn receive(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    form: Multipart,
    fields: &mut Vec<(String, String)>,
) -> Result<Received, Problem> {
    let mut file = None;
    let outcome = match take_in(app, form, fields, &mut file).await {
        Ok(()) => {
            judge(app, viewer, shelf, fields, file.as_ref().map(|(name, upload)| (name.as_str(), upload.blob))).await
        }
        Err(problem) => Err(problem),
    };
    let Some((_, upload)) = file else { return outcome };
    match outcome {
        Ok(Received::Attached(receipt)) => settle(upload, Ok(receipt)).await.map(Received::Attached),
        Ok(looked_at) => {
            upload.refuse().await;
            Ok(looked_at)
        }
        Err(problem) => settle(upload, Err(problem)).await.map(Received::Attached),
    }
}

/// Reads the form: its file is kept for the time being, its texts are put into `fields`.
async fn take_in(
    app: &App,
    mut form: Multipart,
    fields: &mut Vec<(String, String)>,
    file: &mut Option<(String, Upload)>,
) -> Result<(), Problem> {
    /// Bytes of all text fields together: they are shown again when the form is refused.
    const MAX_TEXT: usize = 20_000;
    /// Text fields at most; the form has five.
    const MAX_FIELDS: usize = 20;
    let unreadable = |error: axum::extract::multipart::MultipartError| Problem {
        status: error.status().as_u16(),
        ..Problem::bad_request(format!("The upload broke off or is not readable: {}", error.body_text()))
    };
    let mut room = MAX_TEXT;
    while let Some(mut part) = form.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "file" {
            if file.is_some() {
                return Err(refuse("file", "Attach one file at a time."));
            }
            let file_name = part.file_name().unwrap_or_default().to_owned();
            *file = Some((file_name, app.blobs.put(part).await?));
            continue;
        }
        let mut text = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(unreadable)? {
            text.extend_from_slice(&chunk);
            if name.len() + text.len() > room || fields.len() == MAX_FIELDS {
                return Err(Problem::bad_request(format!(
                    "The form takes {MAX_FIELDS} fields and {MAX_TEXT} bytes of text at most; shorten it."
                )));
            }
        }
        room -= name.len() + text.len();
        fields.push((name, String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(())
}

/// Attaches the file as the form asks, or says what it is.
async fn judge(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    fields: &[(String, String)],
    file: Option<(&str, Blob)>,
) -> Result<Received, Problem> {
    let Some((file_name, blob)) = file.filter(|(name, blob)| !name.is_empty() || blob.size_bytes > 0) else {
        return Err(refuse("file", "Choose a file."));
    };
    let kind = field(fields, "kind").to_owned();
    let (path, market) = kind.split_once(' ').map_or((kind.as_str(), None), |(path, market)| (path, Some(market)));
    let path: Option<EvidencePath> = match path {
        DETECTED => None,
        path => Some(path.parse().map_err(|error| refuse("kind", format!("{error}")))?),
    };
    let market = market.map(str::parse::<Market>).transpose().map_err(|error| refuse("kind", error.to_string()))?;
    if !field(fields, "look").is_empty() {
        let parsed = read(app, shelf, path, market.as_ref(), &blob).await?;
        return Ok(Received::LookedAt(what_it_is(file_name, &parsed.facts)));
    }
    let producer = field(fields, "producer").trim();
    let note = field(fields, "note").trim();
    let producer = if note.is_empty() { producer.to_owned() } else { format!("{producer} ({note})") };
    // The page offers evidence for this very version: it is bound to what the lineage states.
    let new =
        NewEvidence { file_name: file_name.to_owned(), path, market, bound_to: None, producer, produced_at: None };
    let order = attach_file(app, viewer.caller.clone(), shelf.version.id.clone(), new, blob).await?;
    Ok(Received::Attached(WriteHeaders::default().seal(app, order, blob.digest).await?))
}

/// What a file was found to be, and how it would be judged.
fn what_it_is(file_name: &str, facts: &Facts) -> String {
    let paths = facts.kind.paths().iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    format!(
        "{file_name}: {}, for the {paths} path; {}. {} Nothing was attached: choose the file again to attach it.",
        facts.kind.title(),
        facts.verdict.title(),
        facts.summary
    )
}

/// An evidence file as it was attached.
pub async fn download(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    let found = shelf.version.evidence.iter().find(|evidence| evidence.number == number);
    let Some(evidence) = found else {
        return Err(viewer.error(Problem::not_found(format!("{id} has no evidence {number}."))));
    };
    file_response(&app, &evidence.file, &evidence.file_name).await.map_err(|problem| viewer.error(problem))
}
