//! Signing: the package in full, what changed since the last signature, meaning, password; then the receipt.

use std::collections::BTreeMap;

use app::{
    kit::{Choice, Digest as DigestText, ErrorSummary, Fact, Link, Notice, Tag, Tone, Value},
    pages::{
        ReceiptView, SignView,
        sign::{ChangedSince, PackagePart, Slot},
    },
};
use axum::{
    Form,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use domain::{
    Command, Event, Stage, VersionId,
    access::Action,
    account::Role,
    approval::{self, Package},
    command::{DeclinePromotion, SignPromotion},
    decide::may_sign,
    deployment::Strike,
    evidence::Verdict,
    materiality::{Basis, Materiality, Told},
    promotion::{Question, Request},
    registry::Version,
    validation::Section,
};
use ledger::{Digest, Timestamp};
use serde::Deserialize;

use super::{
    Fields, PageError, Viewer, done, field, prose, refuse, show, show_with,
    versions::{head, question, shelf},
    words,
};
use crate::{
    accounts::Names,
    http::{
        api::promotions::seal_signature,
        extract::{App, VersionPath, WriteHeaders},
        problem::Problem,
    },
    narrate::{self, count},
    service::Shelf,
    storage::StoreError,
};

/// Which request.
#[derive(Debug, Deserialize)]
pub struct SignQuery {
    request: u32,
}

fn find<'s>(shelf: &'s Shelf, viewer: &Viewer, number: u32) -> Result<&'s Request, PageError> {
    let id = &shelf.version.id;
    shelf
        .version
        .request(number)
        .ok_or_else(|| viewer.error(Problem::not_found(format!("{id} has no promotion request {number}."))))
}

#[expect(clippy::too_many_lines, reason = "one part of the package after the other")]
fn parts(app: &App, shelf: &Shelf, request: &Request, names: &Names) -> Vec<PackagePart> {
    let version = &shelf.version;
    let place = words::version_href(&version.id);
    let missing = version.lineage.missing();
    let lineage = PackagePart {
        title: "Lineage".into(),
        summary: "Code, data and model artifacts, and all it takes to rebuild them.".into(),
        state: Some(if missing.is_empty() {
            Tag::new(Tone::Good, "complete")
        } else {
            Tag::new(Tone::Warn, "incomplete")
        }),
        facts: version
            .lineage
            .fields()
            .into_iter()
            .map(|field| match field.value.strip_prefix("sha256:") {
                Some(hex) => Fact::new(field.path, Value::Digest(DigestText(hex.to_owned()))),
                None => Fact::new(field.path, Value::Mono(field.value)),
            })
            .collect(),
        texts: Vec::new(),
        link: Some(Link::new("Lineage", format!("{place}/lineage"))),
    };
    let red = version.evidence.iter().any(|e| e.speaks_of(&version.lineage) && e.facts.verdict == Verdict::Red);
    let evidence = PackagePart {
        title: "Evidence".into(),
        summary: format!(
            "{}, each read by the server and bound to an artifact.",
            count(version.evidence.len(), "file", "files")
        ),
        state: Some(if red { Tag::new(Tone::Warn, "holds failures") } else { Tag::new(Tone::Good, "no failure") }),
        facts: version
            .evidence
            .iter()
            .map(|e| {
                Fact::new(
                    format!("{} path: {}", e.path, e.file_name),
                    Value::Many(vec![
                        Value::Text(format!("{} {}", e.facts.verdict.title(), e.facts.summary)),
                        Value::Digest(words::digest(&e.file)),
                    ]),
                )
            })
            .collect(),
        texts: Vec::new(),
        link: Some(Link::new("Evidence", format!("{place}/evidence"))),
    };
    let report = version.report.as_ref().map(|report| PackagePart {
        title: "Validation report".into(),
        summary: format!("By {}, recorded {}.", names.of(report.author.as_str()), words::when(report.recorded_at).text),
        state: Some(Tag::new(
            if report.outcome == domain::validation::Outcome::Rejected { Tone::Bad } else { Tone::Good },
            report.outcome.title(),
        )),
        facts: Vec::new(),
        texts: Section::ALL
            .into_iter()
            .filter_map(|section| report.sections.get(&section).map(|text| (section.title().to_owned(), text.clone())))
            .filter(|(_, text)| !text.is_empty())
            .collect(),
        link: Some(Link::new("Validation", format!("{place}/validation"))),
    });
    let findings = PackagePart {
        title: "Findings".into(),
        summary: match version.findings.iter().filter(|finding| finding.is_open()).count() {
            0 => "None is open.".into(),
            1 => "1 is open.".into(),
            many => format!("{many} are open."),
        },
        state: None,
        facts: version
            .findings
            .iter()
            .map(|finding| {
                let tags = vec![
                    Value::Tag(words::severity(finding.severity)),
                    Value::Text(format!("{}, owned by {}", finding.state(), names.of(finding.owner.as_str()))),
                ];
                Fact::new(format!("{}. {}", finding.number, finding.title), Value::Many(tags))
            })
            .collect(),
        texts: version.findings.iter().map(|f| (format!("Finding {}", f.number), f.description.clone())).collect(),
        link: Some(Link::new("Findings", format!("{place}/validation"))),
    };
    let risk = risk_parts(shelf, request, names, (&place, app.clock.now()));
    let privacy = super::privacy::package_part(app, shelf, request);
    let rules = PackagePart {
        title: "Request and policy".into(),
        summary: format!("Request {} and the rules under which it is judged.", request.number),
        state: None,
        facts: vec![
            Fact::text("Target", words::target(request.to, request.market.as_ref())),
            Fact::text("Asked by", names.of(request.requested_by.as_str())),
            Fact::text("Registered by", names.of(version.registered_by.as_str())),
            Fact::text("Policy", format!("{}, version {}", shelf.policy.policy.title, shelf.policy.version)),
            Fact::new("Policy digest", Value::Digest(words::digest(&shelf.policy.digest))),
            Fact::text("Profile", shelf.model.profile.to_string()),
        ],
        texts: Vec::new(),
        link: None,
    };
    [Some(lineage), Some(evidence), report, Some(findings), privacy]
        .into_iter()
        .flatten()
        .chain(risk)
        .chain([rules])
        .collect()
}

/// Materiality, waivers and the committee, as far as the package holds them.
fn risk_parts(shelf: &Shelf, request: &Request, names: &Names, (place, now): (&str, Timestamp)) -> Vec<PackagePart> {
    let version = &shelf.version;
    let profile = shelf.policy.policy.profiles.get(&shelf.model.profile);
    let mut parts = Vec::new();
    if profile.is_some_and(|profile| profile.validation.is_some()) {
        let told = Told::of(version, request.market.as_ref(), None);
        let said = match &told.basis {
            Basis::Set(set) => vec![format!("{}: {}", names.of(set.by.as_str()), set.reason)],
            _ => Vec::new(),
        };
        let reasons = said.into_iter().chain(told.judged.into_iter().flat_map(|judged| judged.reasons.clone()));
        let tone = if told.in_force == Materiality::Material { Tone::Warn } else { Tone::Good };
        parts.push(PackagePart {
            title: "Materiality".into(),
            summary: told.sentence(),
            state: Some(Tag::new(tone, told.word())),
            facts: reasons.map(|reason| Fact::text("Why", reason)).collect(),
            texts: Vec::new(),
            link: Some(Link::new("Materiality", format!("{place}/validation#materiality"))),
        });
    }
    let waivers: Vec<_> = version.waivers.iter().filter(|w| w.market.is_none() || w.market == request.market).collect();
    if !waivers.is_empty() {
        parts.push(PackagePart {
            title: "Waivers".into(),
            summary: format!("{} granted for this step, ended ones included.", waivers.len()),
            state: None,
            facts: waivers
                .into_iter()
                .map(|waiver| {
                    let until = words::day(waiver.expires_at).text;
                    let state = version.waiver_state(waiver, now).title();
                    let by = names.of(waiver.granted_by.as_str());
                    let text = format!("{state}, until {until}, granted by {by}. {}", waiver.control);
                    Fact::text(format!("{}. {}", waiver.number, waiver.covers), text)
                })
                .collect(),
            texts: Vec::new(),
            link: Some(Link::new("Waivers", format!("{place}/validation#waivers"))),
        });
    }
    if let Some(committee) = &request.committee {
        let members: Vec<String> = committee.members.iter().map(|member| names.of(member.as_str())).collect();
        parts.push(PackagePart {
            title: "Risk committee".into(),
            summary: format!(
                "Fixed with the request: quorum {}, {} % of yes and no.",
                committee.quorum, committee.approval_percent
            ),
            state: None,
            facts: vec![Fact::text("Members", members.join(", "))],
            texts: Vec::new(),
            link: Some(Link::new("The vote", format!("{place}/validation#committee"))),
        });
    }
    parts
}

/// Why this viewer cannot sign, as far as that is known before trying.
fn refusal(
    viewer: &Viewer,
    shelf: &Shelf,
    request: &Request,
    role: Option<Role>,
    question: &Question<'_>,
) -> Option<Notice> {
    let me = &viewer.principal.account;
    let no = |title: &str, body: &str| Some(Notice::new(Tone::Warn, title).with_body(body));
    if !request.is_open() {
        return no(&format!("This request is {}", request.state.title()), "There is nothing to sign any more.");
    }
    let voter = request.is_open() && request.committee.as_ref().is_some_and(|c| c.members.contains(me));
    if voter && role.is_none_or(|role| !viewer.principal.is(role)) {
        return Some(
            Notice::new(Tone::Active, "You vote on this as a member of the risk committee")
                .with_body("Read the package here, then vote beside the report.")
                .with_link(Link::new(
                    "Vote",
                    format!("{}/validation#committee", words::version_href(&shelf.version.id)),
                )),
        );
    }
    let Some(role) = role.filter(|role| viewer.principal.is(*role)) else {
        return no("Your signature is not asked for", "You can read the package; the roles listed above sign it.");
    };
    let refusal = may_sign(question, request, &viewer.principal, role).err()?;
    let title = match refusal.rule.as_str() {
        "signing.complete" => "There is nothing complete to sign yet",
        "signing.once" => "This very package is signed in your role",
        "signing.four_eyes" | "validation.independent" => "You cannot sign this version",
        _ => "Your signature is not asked for",
    };
    if refusal.rule == "signing.once" {
        return no(title, "If anything in it changes, the signature goes stale and it can be signed again.");
    }
    let mut notice = Notice::new(Tone::Warn, title);
    if refusal.rule == "signing.complete" {
        notice.body.extend(refusal.missing.into_iter().map(|missing| missing.message));
    } else {
        notice.body.push(refusal.message);
    }
    Some(notice)
}

/// Whether the viewer may decline: whoever may sign, and whoever could if it were complete.
fn may_decline(viewer: &Viewer, question: &Question<'_>, request: &Request, role: Option<Role>) -> bool {
    role.is_some_and(|role| match may_sign(question, request, &viewer.principal, role) {
        Ok(()) => true,
        Err(refusal) => refusal.rule == "signing.complete",
    })
}

/// The strikes on the version's way into the market, which whoever signs it for Production signs as well.
fn strikes(version: &Version, request: &Request) -> Option<Fact> {
    let strikes = version.strikes.get(request.market.as_ref()?).filter(|_| request.to == Stage::Production)?;
    let told = |(index, strike): (usize, &Strike)| {
        let (from, to) = (strike.from_percent, strike.to_percent);
        format!("{} (entry {}, {from} % to {to} %): {}", index + 1, strike.entry, strike.violations.join(" "))
    };
    Some(Fact::text("Strikes", strikes.iter().enumerate().map(told).collect::<Vec<_>>().join(" ")))
}

async fn view(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    request: &Request,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<SignView, PageError> {
    let version = &shelf.version;
    let question = question(app, shelf, request.to, request.market.as_ref());
    let gate = question.gate().map_err(|refusal| viewer.error(refusal))?;
    let requirements = question.requirements().map_err(|refusal| viewer.error(refusal))?;
    let package = Package::of(&question);
    let people = version
        .sign_offs
        .iter()
        .map(|signed| &signed.signer)
        .chain(version.findings.iter().map(|finding| &finding.owner))
        .chain(version.report.iter().map(|report| &report.author))
        .chain(version.waivers.iter().map(|waiver| &waiver.granted_by))
        .chain(version.materiality.iter().map(|set| &set.by))
        .chain(request.committee.iter().flat_map(|committee| &committee.members))
        .chain([&request.requested_by, &version.registered_by, &viewer.principal.account])
        .map(domain::AccountId::as_str);
    let names = app.names(people).await.map_err(|error| viewer.error(error))?;
    let role = question.slot_for(&gate, &viewer.principal, &requirements);
    let last = version.sign_offs.iter().rev().find(|signed| signed.request == request.number);
    let changed = last
        .map(|signed| (signed, approval::changed_since(signed, &package)))
        .filter(|(_, changed)| !changed.is_empty());
    let meaning =
        role.and_then(|role| gate.sign_offs.iter().find(|slot| slot.role == role)).map(|slot| slot.meaning.clone());
    Ok(SignView {
        head: head(app, shelf, viewer),
        request: request.number.to_string(),
        target: words::target(request.to, request.market.as_ref()),
        request_facts: [
            Fact::text("Asked by", names.of(request.requested_by.as_str())),
            Fact::new("Asked", Value::When(words::when(request.requested_at))),
            Fact::new("Answer due", Value::Due(words::due(request.due_at, app.clock.now()))),
            Fact::text(
                "Why",
                if request.note.is_empty() { "No reason was given.".to_owned() } else { request.note.clone() },
            ),
        ]
        .into_iter()
        .chain(strikes(version, request))
        .collect(),
        slot: role.map_or("", Role::id).to_owned(),
        slot_title: role.map_or("", Role::title).to_owned(),
        package: DigestText(package.digest().hex()),
        package_parts: parts_text(&package),
        changed: changed.map(|(signed, changed)| ChangedSince {
            signature: format!(
                "{} signed as {} on {}",
                names.of(signed.signer.as_str()),
                signed.role.title(),
                words::when(signed.signed_at).text
            ),
            changes: changed.into_iter().map(|part| format!("The {part} changed.")).collect(),
        }),
        parts: parts(app, shelf, request, &names),
        refusal: refusal(viewer, shelf, request, role, &question),
        can_decline: may_decline(viewer, &question, request, role),
        slots: gate
            .sign_offs
            .iter()
            .map(|slot| {
                let signed =
                    version.sign_offs.iter().rev().find(|s| s.request == request.number && s.role == slot.role);
                let met = requirements.iter().any(|r| r.met && r.rule == format!("sign_off.{}", slot.role.id()));
                Slot {
                    title: slot.role.title().to_owned(),
                    state: match (signed, met) {
                        (_, true) => Tag::new(Tone::Good, "signed"),
                        (Some(_), false) => Tag::new(Tone::Warn, "stale"),
                        (None, false) => Tag::new(Tone::Neutral, "open"),
                    },
                    who: signed.map_or_else(
                        || format!("Anyone with the role {} who had no other part in it", slot.role.title()),
                        |s| format!("{}, {}", names.of(s.signer.as_str()), words::when(s.signed_at).text),
                    ),
                }
            })
            .collect(),
        requirements: requirements.into_iter().map(|r| words::requirement(&version.id, r, None)).collect(),
        meanings: meaning
            .into_iter()
            .map(|meaning| Choice::new(meaning.clone(), meaning.clone()).chosen_if(field(typed, "meaning") == meaning))
            .collect(),
        comment: field(typed, "comment").to_owned(),
        decline_reason: field(typed, "decline_reason").to_owned(),
        signer: names.of(viewer.principal.account.as_str()),
        errors,
    })
}

/// The page.
pub async fn page(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Query(query): Query<SignQuery>,
) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    let request = find(&shelf, &viewer, query.request)?;
    let view = view(&app, &viewer, &shelf, request, &[], None).await?;
    show(&viewer.frame, view).await
}

/// Digests of a package's parts for a form's hidden field.
pub(super) fn parts_text(package: &Package) -> String {
    serde_json::to_string(&package.part_digests()).unwrap_or_default()
}

/// The digests that the form brings back; none where it brings something else, and then no changed part can be named.
pub(super) fn parts_of(fields: &[(String, String)]) -> BTreeMap<String, Digest> {
    serde_json::from_str(field(fields, "package_parts")).unwrap_or_default()
}

fn read(fields: &[(String, String)]) -> Result<SignPromotion, Problem> {
    let role = field(fields, "slot").parse().map_err(|error| refuse("slot", format!("{error}")))?;
    let package = Digest::from_hex(field(fields, "package_digest"))
        .map_err(|error| refuse("package_digest", error.to_string()))?;
    let meaning = field(fields, "meaning");
    if meaning.is_empty() {
        return Err(refuse("meaning", "Confirm what your signature means."));
    }
    let (meaning, comment) = (meaning.to_owned(), prose(fields, "comment"));
    Ok(SignPromotion { role, package, parts: parts_of(fields), meaning, comment })
}

async fn refused(
    app: &App,
    viewer: &Viewer,
    id: &VersionId,
    fields: &[(String, String)],
    number: u32,
    problem: Problem,
) -> Result<Response, PageError> {
    let shelf = shelf(app, viewer, id).await?;
    let request = find(&shelf, viewer, number)?;
    let errors = words::summary(&problem, &[]);
    let view = view(app, viewer, &shelf, request, fields, Some(errors)).await?;
    show_with(problem.status_code(), &viewer.frame, view).await
}

/// Signs.
pub async fn sign(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::SignOff)?;
    let number: u32 = field(&fields, "request").parse().unwrap_or_default();
    let outcome = match read(&fields) {
        Ok(body) => {
            let headers = WriteHeaders::default();
            seal_signature(&app, &headers, viewer.caller.clone(), id.clone(), number, field(&fields, "password"), body)
                .await
        }
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(receipt) => {
            let seq = receipt.entries.first().map_or(0, |entry| entry.seq);
            let to = format!("{}/sign/{seq}", words::version_href(&id));
            Ok(axum::response::Redirect::to(&to).into_response())
        }
        Err(problem) => refused(&app, &viewer, &id, &fields, number, problem).await,
    }
}

/// Declines.
pub async fn decline(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let number: u32 = field(&fields, "request").parse().unwrap_or_default();
    let reason = prose(&fields, "decline_reason");
    let command = Command::DeclinePromotion(id.clone(), number, DeclinePromotion { reason });
    match viewer.seal(&app, command, &fields).await {
        Ok(receipt) => Ok(done(&words::version_href(&id), &receipt)),
        Err(mut problem) => {
            for missing in &mut problem.missing {
                if missing.what == "reason" {
                    missing.what = "decline_reason".into();
                }
            }
            refused(&app, &viewer, &id, &fields, number, problem).await
        }
    }
}

/// The receipt of a signature.
pub async fn receipt(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Path((_, _, seq)): Path<(String, String, u64)>,
) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    let failed = |error: StoreError| viewer.error(error);
    let none = || viewer.error(Problem::not_found(format!("Entry {seq} is not a signature on {id}.")));
    let signed = shelf.version.sign_offs.iter().find(|signed| signed.entry == seq).ok_or_else(none)?;
    let stored = app.store.entry(seq).await.map_err(failed)?.ok_or_else(none)?;
    let names = app.names([signed.signer.as_str()]).await.map_err(failed)?;
    let request = shelf.version.request(signed.request).ok_or_else(none)?;
    let target = words::target(request.to, request.market.as_ref());
    let followed = app.store.entry(seq + 1).await.map_err(failed)?.and_then(|next| narrate::read(&next.bytes).ok());
    let moved = followed.is_some_and(
        |next| matches!(next.event, Event::StageTransitioned { request: number, .. } if number == signed.request),
    );
    let next = if moved {
        format!("Nothing was missing any more: the version is in {target} now.")
    } else if request.is_open() {
        "Others still have to sign or supply something; the version page says what.".to_owned()
    } else {
        format!("The request is {}.", request.state.title())
    };
    let place = words::version_href(&id);
    let view = ReceiptView {
        head: head(&app, &shelf, &viewer),
        target,
        signer: names.of(signed.signer.as_str()),
        slot_title: signed.role.title().to_owned(),
        meaning: signed.meaning.clone(),
        comment: Some(signed.comment.clone()).filter(|comment| !comment.is_empty()),
        when: words::when(signed.signed_at),
        package: words::digest(&signed.package),
        seq,
        hash: words::digest(&stored.hash),
        next,
        links: vec![
            Link::new("The version", place.clone()),
            Link::new("Dossier (PDF)", format!("{place}/dossier.pdf")),
            Link::new("Inbox", "/inbox"),
        ],
    };
    show(&viewer.frame, view).await
}
