//! Beside the report: how material the change is, the committee's vote, waivers.

use app::{
    kit::{Choice, Fact, Link, Notice, Tag, Tone, Value},
    pages::validation::panels::{CommitteePanel, MaterialityPanel, Panels, WaiverForm, WaiverRow},
};
use axum::{
    Form,
    extract::{Path, State},
    response::Response,
};
use domain::{
    AccountId, Command, Market, Stage,
    access::Action,
    account::{AccountKind, Role},
    approval::Package,
    committee::{CastVote, Committee, Recuse, Voice},
    materiality::{Assessed, Basis, Materiality, SetMateriality, Told},
    promotion::{Request, RequestState},
    validation::{Depth, Finding},
    waiver::{Covers, GrantWaiver, RevokeWaiver, State as WaiverState, rank},
};
use ledger::{Digest, Timestamp};

use super::{
    super::{
        Fields, PageError, Viewer, field, prose, refuse,
        sign::{parts_of, parts_text},
        versions::question,
        words,
    },
    answer, finish, view,
};
use crate::{
    accounts::Names,
    http::{
        api::promotions::{digest_of, seal_proven},
        extract::{App, VersionPath, WriteHeaders},
        problem::Problem,
    },
    service::Shelf,
    storage::StoreError,
};

/// The panels of a version's validation.
pub(super) async fn panels(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    typed: &[(String, String)],
) -> Result<Panels, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let version = &shelf.version;
    let people = version
        .waivers
        .iter()
        .flat_map(|waiver| [&waiver.requested_by, &waiver.granted_by])
        .chain(version.materiality.iter().map(|set| &set.by))
        .chain(version.requests.iter().filter_map(|request| request.committee.as_ref()).flat_map(|c| &c.members))
        .map(AccountId::as_str);
    let names = app.names(people).await.map_err(failed)?;
    let mut panels = Panels::default();
    let steps = std::iter::once(None).chain(shelf.model.markets.iter().map(Some));
    for market in steps {
        if let Some(now) = app.assess(shelf, market).await.map_err(failed)? {
            panels.materiality.push(materiality_panel(app, viewer, shelf, market, &now, &names));
        }
    }
    let votes = version.requests.iter().rev();
    panels.committees = votes.filter_map(|request| committee_panel(app, viewer, shelf, request, &names)).collect();
    let now = app.clock.now();
    let mut waivers: Vec<_> = version.waivers.iter().collect();
    waivers.sort_by_key(|waiver| (!waiver.is_in_force(now), std::cmp::Reverse(waiver.number)));
    panels.waivers = waivers
        .into_iter()
        .map(|waiver| WaiverRow {
            number: waiver.number,
            covers: match &waiver.market {
                Some(market) => format!("{}, in {market}", waiver.covers),
                None => format!("{}, everywhere", waiver.covers),
            },
            state: {
                let state = version.waiver_state(waiver, now);
                Tag::new(if state == WaiverState::InForce { Tone::Warn } else { Tone::Quiet }, state.title())
            },
            expires: words::due(waiver.expires_at, now),
            control: waiver.control.clone(),
            about: vec![
                format!("asked for by {}", names.of(waiver.requested_by.as_str())),
                format!("granted by {} as {}", names.of(waiver.granted_by.as_str()), waiver.role),
                waiver.reason.clone(),
            ],
            entry: words::entry_link(waiver.entry),
            can_revoke: waiver.is_in_force(now) && viewer.can(Action::GrantWaiver),
        })
        .collect();
    panels.grant = waiver_form(app, viewer, shelf, typed).await?;
    Ok(panels)
}

fn materiality_panel(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    market: Option<&Market>,
    now: &Assessed,
    names: &Names,
) -> MaterialityPanel {
    let version = &shelf.version;
    let told = Told::of(version, market, Some(now));
    let judged = told.judged.unwrap_or(now);
    // What a person's word would change: until a judgement is made, the one that would be made.
    let verdict = if told.basis == Basis::Unknown { now.materiality } else { told.in_force };
    let tone = match told.basis {
        Basis::Unknown => Tone::Neutral,
        _ if told.in_force == Materiality::Material => Tone::Warn,
        _ => Tone::Good,
    };
    let mut facts = vec![Fact::text("Rests on", told.sentence())];
    if let Basis::Set(set) = &told.basis {
        facts.push(Fact::text("Set by", format!("{}: {}", names.of(set.by.as_str()), set.reason)));
        facts.push(Fact::new("Entry", Value::Link(Link::new(set.entry.to_string(), format!("/ledger/{}", set.entry)))));
    }
    facts.push(match judged.against {
        Some(against) => Fact::new(
            "Compared with",
            Value::Link(Link::new(
                format!("v{against}, the last one validated in full here"),
                format!("/models/{}/compare?a={against}&b={}", version.id.model, version.id.number),
            )),
        ),
        None => Fact::text("Compared with", "nothing: no version was validated in full here"),
    });
    facts.push(Fact::new("Why", Value::List(judged.reasons.clone())));
    facts.push(Fact::text(
        "Small changes since",
        format!("{} of {} that may pass", judged.small_changes, judged.allowed),
    ));
    let to = if market.is_some() { Stage::Production } else { Stage::Staging };
    let question = question(app, shelf, to, market);
    let depth = match (&told.basis, question.depth_if(now.materiality)) {
        (Basis::Unknown, Depth::Abbreviated) => {
            "full until promotion is asked for; abbreviated from then on, if it is judged as it would be now".to_owned()
        }
        _ => question.depth().title().to_owned(),
    };
    facts.push(Fact::text("Validation", depth));
    let may = viewer.can(Action::SetMateriality) && version.stage != Stage::Archived;
    let set = match verdict {
        Materiality::NonMaterial if may => Some(("material", "Raise it to material")),
        Materiality::Material if may && viewer.principal.is(Role::MrmValidator) => {
            Some(("non_material", "Lower it to non-material"))
        }
        _ => None,
    };
    MaterialityPanel {
        market: market.map(ToString::to_string).unwrap_or_default(),
        title: market.map_or_else(|| "Into Staging".to_owned(), |market| format!("In {market}")),
        tag: Tag::new(tone, told.word()),
        facts,
        set: set.map(|(value, label)| (value.to_owned(), label.to_owned())),
    }
}

fn committee_panel(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    request: &Request,
    names: &Names,
) -> Option<CommitteePanel> {
    let committee = request.committee.as_ref()?;
    let question = question(app, shelf, request.to, request.market.as_ref());
    let now = Package::of(&question);
    let rule = question.gate().ok().and_then(|gate| gate.committee).filter(|_| request.is_open());
    let (state, package, ready) = match &rule {
        Some(_) => {
            let requirements = question.requirements().unwrap_or_default();
            let requirement = requirements.iter().find(|requirement| requirement.rule == "committee.vote")?;
            let ready = requirements
                .iter()
                .all(|r| r.met || r.topic.is_signature() || r.topic == domain::promotion::Topic::Time);
            let tone = if requirement.met { Tone::Good } else { Tone::Active };
            let mut state = Notice::new(tone, requirement.sentence.clone());
            state.body.clone_from(&requirement.details);
            if !ready {
                state.body.push("Something else is missing first; the version page says what.".into());
            }
            (state, now.digest(), ready)
        }
        // A committee that was called and never had to vote is nothing to read.
        None => (decided(request, committee)?, committee.decided_on()?, false),
    };
    let members = committee
        .members
        .iter()
        .map(|member| {
            let (tag, entry) = match committee.vote_of(member) {
                _ if committee.is_recused(member) => (Tag::new(Tone::Quiet, "stood back"), None),
                None if request.is_open() => (Tag::new(Tone::Neutral, "open"), None),
                None => (Tag::new(Tone::Quiet, "did not vote"), None),
                Some(vote) => {
                    let tag = match vote.voice {
                        _ if vote.package != package => Tag::new(Tone::Warn, "stale"),
                        Voice::Approve => Tag::new(Tone::Good, "for"),
                        Voice::Reject => Tag::new(Tone::Bad, "against"),
                        Voice::Abstain => Tag::new(Tone::Quiet, "abstained"),
                    };
                    (tag, Some(words::entry_link(vote.entry)))
                }
            };
            (names.of(member.as_str()), tag, entry)
        })
        .collect();
    let me = &viewer.principal.account;
    let may = ready && viewer.can(Action::Vote) && committee.members.contains(me) && !committee.is_recused(me);
    let ballot = rule.filter(|_| may).map(|rule| {
        let voices = Voice::ALL.into_iter().map(|voice| {
            let label = match voice {
                Voice::Approve => "For",
                Voice::Reject => "Against",
                Voice::Abstain => "Abstain",
            };
            Choice::new(voice.id(), label).with_hint(voice.meaning(&rule.meaning))
        });
        (package.hex(), parts_text(&now), voices.collect())
    });
    Some(CommitteePanel {
        request: request.number,
        target: words::target(request.to, request.market.as_ref()),
        state,
        members,
        ballot,
    })
}

/// How a vote ended, for a request that is closed.
fn decided(request: &Request, committee: &Committee) -> Option<Notice> {
    let tally = committee.tally(&committee.decided_on()?);
    let tone = if matches!(request.state, RequestState::Granted { .. }) { Tone::Good } else { Tone::Quiet };
    let (entry, at) = match &request.state {
        RequestState::Open => return None,
        RequestState::Granted { at, entry }
        | RequestState::Declined { at, entry, .. }
        | RequestState::Withdrawn { at, entry, .. } => (*entry, *at),
    };
    let title = format!("Request {} was {} on {}", request.number, request.state.title(), words::day(at).text);
    let votes = format!(
        "{} for, {} against, {} abstained; {} of {} members voted, the quorum was {}.",
        tally.approve,
        tally.reject,
        tally.abstain,
        tally.present(),
        tally.eligible,
        tally.quorum
    );
    Some(Notice::new(tone, title).with_body(votes).with_link(words::entry_link(entry)))
}

async fn waiver_form(
    app: &App,
    viewer: &Viewer,
    shelf: &Shelf,
    typed: &[(String, String)],
) -> Result<Option<WaiverForm>, PageError> {
    let profile = shelf.policy.policy.profiles.get(&shelf.model.profile);
    let Some(rules) = profile.and_then(|profile| profile.waivers.as_ref()) else { return Ok(None) };
    let mine = viewer.principal.roles.iter().map(|role| rank(*role)).max().unwrap_or(0);
    let version = &shelf.version;
    if mine < rank(rules.approver) || !viewer.can(Action::GrantWaiver) || version.stage == Stage::Archived {
        return Ok(None);
    }
    let findings = version.findings.iter().filter(|finding| finding.is_open()).map(|finding: &Finding| {
        (format!("finding-{}", finding.number), format!("Finding {} ({})", finding.number, finding.severity.id()))
    });
    let rules_waived = rules.rules.iter().map(|rule| (format!("rule-{rule}"), format!("The rule {rule}")));
    let covers: Vec<Choice> = findings
        .chain(rules_waived)
        .map(|(value, label)| {
            let chosen = value == field(typed, "covers");
            Choice::new(value, label).chosen_if(chosen)
        })
        .collect();
    if covers.is_empty() {
        return Ok(None);
    }
    let accounts = app.all_accounts().await.map_err(|error| viewer.error(error))?;
    let below: Vec<_> = accounts
        .into_iter()
        .filter(|account| {
            account.kind == AccountKind::Human
                && !account.disabled
                && account.roles.iter().map(|role| rank(*role)).max().is_some_and(|rank| (1..mine).contains(&rank))
        })
        .collect();
    let names =
        app.names(below.iter().map(|account| account.id.as_str())).await.map_err(|error| viewer.error(error))?;
    let asked = match field(typed, "requested_by") {
        "" => version.registered_by.as_str(),
        typed => typed,
    };
    let latest = app.clock.now().plus_days(i64::from(rules.max_days) - 1);
    let expires = field(typed, "expires");
    Ok(Some(WaiverForm {
        covers,
        markets: std::iter::once(Choice::new("", "Everywhere"))
            .chain(shelf.model.markets.iter().map(|market| {
                Choice::new(market.to_string(), market.to_string())
                    .chosen_if(field(typed, "waiver_market") == market.as_str())
            }))
            .collect(),
        requesters: below
            .iter()
            .map(|account| {
                Choice::new(account.id.to_string(), names.of(account.id.as_str()))
                    .chosen_if(account.id.as_str() == asked)
            })
            .collect(),
        control: field(typed, "control").to_owned(),
        reason: field(typed, "waiver_reason").to_owned(),
        expires: if expires.is_empty() { words::day(app.clock.now().plus_days(30)).iso } else { expires.to_owned() },
        limit: format!("At most {} from now: {}.", domain::calendar::days(rules.max_days), words::day(latest).text),
    }))
}

fn market_of(text: &str) -> Result<Option<Market>, Problem> {
    if text.is_empty() { Ok(None) } else { Ok(Some(text.parse().map_err(domain::Refusal::from)?)) }
}

/// Raises or lowers the materiality of the change.
pub async fn set_materiality(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let market = field(&fields, "market");
    let input = match market {
        "" => "materiality_reason".to_owned(),
        market => format!("materiality_reason-{market}"),
    };
    let read = || -> Result<Command, Problem> {
        let materiality = match field(&fields, "materiality") {
            "material" => Materiality::Material,
            "non_material" => Materiality::NonMaterial,
            _ => return Err(refuse("materiality", "Choose material or non-material.")),
        };
        let reason = field(&fields, &input).to_owned();
        Ok(Command::SetMateriality(id.clone(), SetMateriality { market: market_of(market)?, materiality, reason }))
    };
    answer(&app, &viewer, &id, &fields, read(), &[("reason", &input)]).await
}

/// Votes on a request.
pub async fn vote(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let own = |name: &str| format!("{name}-{number}");
    let read = || -> Result<CastVote, Problem> {
        let voice = match field(&fields, &own("voice")) {
            "" => return Err(refuse(&own("voice"), "Choose how you vote.")),
            text => text.parse().map_err(|error| refuse(&own("voice"), format!("{error}")))?,
        };
        let package = Digest::from_hex(field(&fields, "package_digest"))
            .map_err(|error| refuse("package_digest", error.to_string()))?;
        Ok(CastVote { voice, package, parts: parts_of(&fields), comment: prose(&fields, &own("vote_comment")) })
    };
    let outcome = match read() {
        Ok(vote) => {
            let (digest, headers) = (digest_of(&vote), WriteHeaders::default());
            let command = (Command::Vote(id.clone(), number, vote), digest);
            seal_proven(&app, &headers, viewer.caller.clone(), field(&fields, &own("password")), command).await
        }
        Err(problem) => Err(problem),
    };
    let to = format!("{}/validation#committee", words::version_href(&id));
    let again = async |errors| {
        let shelf = super::shelf(&app, &viewer, &id).await?;
        view(&app, &viewer, &shelf, &fields, Some(errors)).await
    };
    let rename = [("comment", own("vote_comment")), ("password", own("password"))];
    let rename = rename.each_ref().map(|(from, to)| (*from, to.as_str()));
    viewer.answer(outcome, &to, &rename, again).await
}

/// Stands back from a vote.
pub async fn recuse(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let input = format!("recusal_reason-{number}");
    let reason = field(&fields, &input).to_owned();
    let command = Ok(Command::Recuse(id.clone(), number, Recuse { reason }));
    let password = format!("recusal_password-{number}");
    let outcome = viewer.seal_in_person(&app, command, &fields, &password).await;
    finish(&app, &viewer, &id, &fields, outcome, &[("reason", &input), ("password", &password)]).await
}

/// Grants a waiver.
pub async fn grant(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let read = || -> Result<Command, Problem> {
        let covers = match field(&fields, "covers").split_once('-') {
            Some(("finding", number)) => number.parse().ok().map(Covers::Finding),
            Some(("rule", rule)) => Some(Covers::Rule(rule.to_owned())),
            _ => None,
        };
        let covers = covers.ok_or_else(|| refuse("covers", "Choose what the waiver covers."))?;
        let expires_at: Timestamp = words::end_of_day(field(&fields, "expires"))
            .ok_or_else(|| refuse("expires", "Give the date as year, month and day, such as 2026-12-24."))?;
        let body = GrantWaiver {
            covers,
            market: market_of(field(&fields, "waiver_market"))?,
            control: field(&fields, "control").to_owned(),
            reason: field(&fields, "waiver_reason").to_owned(),
            requested_by: field(&fields, "requested_by").parse().map_err(domain::Refusal::from)?,
            expires_at,
        };
        Ok(Command::GrantWaiver(id.clone(), body))
    };
    let rename = [
        ("reason", "waiver_reason"),
        ("expires_at", "expires"),
        ("market", "waiver_market"),
        ("password", "waiver_password"),
    ];
    let outcome = viewer.seal_in_person(&app, read(), &fields, "waiver_password").await;
    finish(&app, &viewer, &id, &fields, outcome, &rename).await
}

/// Ends a waiver before its time.
pub async fn revoke(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Path((_, _, number)): Path<(String, String, u32)>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let reason = field(&fields, "revocation").to_owned();
    let command = Ok(Command::RevokeWaiver(id.clone(), number, RevokeWaiver { reason }));
    answer(&app, &viewer, &id, &fields, command, &[("reason", "revocation")]).await
}
