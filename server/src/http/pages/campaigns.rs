//! Attestation campaigns.

use app::{
    kit::{Choice, ErrorSummary, Fact, Link, Tag, Tone, Value},
    pages::{
        CampaignView, CampaignsView,
        campaigns::{AttestationRow, CampaignForm, CampaignRow},
    },
};
use axum::{
    Form,
    extract::{Path, State},
    response::Response,
};
use domain::{
    AccountId, Aggregate, AggregateId, Command, ModelName,
    access::Action,
    campaign::{Attest, Campaign, OpenCampaign},
    registry::Tier,
};

use super::{Fields, PageError, Viewer, field, fields_named, prose, reading::Reading, refuse, show, words};
use crate::{
    http::{
        api::{
            campaigns::{all, find, next_number},
            promotions::{digest_of, seal_proven},
        },
        extract::{App, WriteHeaders},
        problem::Problem,
    },
    storage::StoreError,
};

async fn list_view(
    app: &App,
    viewer: &Viewer,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<CampaignsView, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let now = app.clock.now();
    let campaigns = all(app).await.map_err(|error| viewer.error(error))?;
    let chosen: Vec<&str> = fields_named(typed, "tiers").collect();
    let due = field(typed, "due");
    Ok(CampaignsView {
        rows: campaigns
            .iter()
            .map(|campaign| {
                let mut due = words::due(campaign.due_at, now);
                if campaign.outstanding().next().is_none() {
                    due.tag = Tag::new(Tone::Good, "complete");
                }
                CampaignRow {
                    title: Link::new(campaign.title.clone(), format!("/campaigns/{}", campaign.number)),
                    due,
                    answered: format!("{} of {} answered", campaign.given.len(), campaign.models.len()),
                    objections: u32::try_from(campaign.objections()).unwrap_or(u32::MAX),
                }
            })
            .collect(),
        open: viewer.can(Action::OpenCampaign).then(|| CampaignForm {
            title: field(typed, "title").to_owned(),
            statement: match field(typed, "statement") {
                "" => "What the inventory says of this model is complete and right.".to_owned(),
                typed => typed.to_owned(),
            },
            tiers: Tier::ALL
                .into_iter()
                .map(|tier| {
                    Choice::new(tier.id(), format!("Tier {}", tier.id())).chosen_if(chosen.contains(&tier.id()))
                })
                .collect(),
            due: if due.is_empty() { words::day(now.plus_days(30)).iso } else { due.to_owned() },
        }),
        errors,
    })
}

/// Every campaign.
pub async fn list(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    let view = list_view(&app, &viewer, &[], None).await?;
    show(&viewer.frame, view).await
}

/// Opens a campaign.
pub async fn open(State(app): State<App>, viewer: Viewer, Form(fields): Fields) -> Result<Response, PageError> {
    let number = next_number(&app).await.map_err(|error| viewer.error(error))?;
    let read = || -> Result<Command, Problem> {
        let wrong = |what: &str, message: String| {
            Problem::from(domain::Refusal::invalid(vec![domain::refusal::Missing::field(what, message)]))
        };
        let mut tiers = std::collections::BTreeSet::new();
        for tier in fields_named(&fields, "tiers") {
            tiers.insert(tier.parse().map_err(|error| wrong("tiers", format!("{error}")))?);
        }
        let due_at = words::end_of_day(field(&fields, "due"))
            .ok_or_else(|| wrong("due", "Give the due date as year, month and day, such as 2026-12-24.".into()))?;
        let body = OpenCampaign {
            title: field(&fields, "title").to_owned(),
            statement: field(&fields, "statement").to_owned(),
            tiers,
            owners: std::collections::BTreeSet::default(),
            due_at,
        };
        Ok(Command::OpenCampaign(number, body))
    };
    let again = async |errors| list_view(&app, &viewer, &fields, Some(errors)).await;
    viewer.settle(&app, (&fields, read()), &format!("/campaigns/{number}"), &[("due_at", "due")], again).await
}

async fn view(
    app: &App,
    viewer: &Viewer,
    campaign: &Campaign,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<CampaignView, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let now = app.clock.now();
    // Who owns a model now answers for it, whoever owned it when the campaign was opened.
    let mut owners = campaign.models.clone();
    let models: Vec<AggregateId> = campaign.models.keys().cloned().map(AggregateId::Model).collect();
    for chunk in models.chunks(200) {
        for (_, state) in app.store.aggregates(chunk).await.map_err(failed)? {
            if let Aggregate::Model(model) = state {
                owners.insert(model.name.clone(), model.owner.clone());
            }
        }
    }
    let people = owners.values().chain([&campaign.opened_by]).map(AccountId::as_str);
    let names = app.names(people).await.map_err(failed)?;
    let chosen = field(typed, "model");
    let row = |(model, owner): (&ModelName, &AccountId)| {
        let given = campaign.given.get(model);
        let state = match given {
            Some(answer) if answer.holds => Tag::new(Tone::Good, "attested"),
            Some(_) => Tag::new(Tone::Bad, "objected"),
            None if now > campaign.due_at => Tag::new(Tone::Bad, "overdue"),
            None => Tag::new(Tone::Neutral, "waiting"),
        };
        AttestationRow {
            model: Link::new(model.to_string(), format!("/models/{model}/inventory")),
            owner: names.of(owner.as_str()),
            state,
            comment: given.map(|answer| answer.comment.clone()).unwrap_or_default(),
            given: given.map(|answer| {
                let entry = Link::new(format!("entry {}", answer.entry), format!("/ledger/{}", answer.entry));
                (words::when(answer.at), entry)
            }),
        }
    };
    let mut ordered: Vec<(&ModelName, &AccountId)> = owners.iter().collect();
    ordered.sort_by_key(|(model, _)| (campaign.given.contains_key(*model), (*model).clone()));
    Ok(CampaignView {
        number: campaign.number,
        title: campaign.title.clone(),
        statement: campaign.statement.clone(),
        facts: vec![
            Fact::text("Opened by", names.of(campaign.opened_by.as_str())),
            Fact::new("Opened", Value::When(words::when(campaign.opened_at))),
            Fact::new("Due", Value::Due(words::due(campaign.due_at, now))),
            Fact::text("Answers", format!("{} of {}", campaign.given.len(), campaign.models.len())),
            Fact::text("Objections", campaign.objections().to_string()),
            Fact::new(
                "Entry",
                Value::Link(Link::new(campaign.entry.to_string(), format!("/ledger/{}", campaign.entry))),
            ),
        ],
        mine: owners
            .iter()
            .filter(|(model, owner)| **owner == viewer.principal.account && !campaign.given.contains_key(*model))
            .map(|(model, _)| Choice::new(model.to_string(), model.to_string()).chosen_if(chosen == model.as_str()))
            .collect(),
        rows: ordered.into_iter().map(row).collect(),
        comment: field(typed, "comment").to_owned(),
        errors,
    })
}

/// One campaign.
pub async fn page(State(app): State<App>, viewer: Viewer, Path(number): Path<u32>) -> Result<Response, PageError> {
    let campaign = find(&app, number).await.map_err(|problem| viewer.error(problem))?;
    let view = view(&app, &viewer, &campaign, &[], None).await?;
    show(&viewer.frame, view).await
}

/// Answers for one model.
pub async fn attest(
    State(app): State<App>,
    viewer: Viewer,
    Path(number): Path<u32>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let read = || -> Result<Attest, Problem> {
        let mut reading = Reading::default();
        let model = reading.take(field(&fields, "model").parse().map_err(|_| refuse("model", "Choose the model.")));
        let holds = reading.take(match field(&fields, "holds") {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err(refuse("holds", "Say whether it holds.")),
        });
        let (model, holds) = reading.finish(model.zip(holds))?;
        Ok(Attest { model, holds, comment: prose(&fields, "comment") })
    };
    let outcome = match read() {
        Ok(body) => {
            let (digest, headers) = (digest_of(&body), WriteHeaders::default());
            let command = (Command::Attest(number, body), digest);
            seal_proven(&app, &headers, viewer.caller.clone(), field(&fields, "password"), command).await
        }
        Err(problem) => Err(problem),
    };
    let again = async |errors| {
        let campaign = find(&app, number).await.map_err(|problem| viewer.error(problem))?;
        view(&app, &viewer, &campaign, &fields, Some(errors)).await
    };
    viewer.answer(outcome, &format!("/campaigns/{number}"), &[], again).await
}
