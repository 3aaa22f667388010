//! One model's place in the inventory, and keeping it.

use app::{
    kit::{Choice, ErrorSummary, Fact, Link, Tag, Tone, Value},
    pages::{InventoryView, inventory::CardForm},
};
use axum::{
    Form,
    extract::{Path, State},
    response::Response,
};
use domain::{
    AccountId, Command,
    access::Action,
    account::{AccountKind, Role},
    inventory::{self, AddMarket, AmendInventory, ChangeOwner, ModelStatus, ReassessTier, RetireModel},
    registry::Model,
};

use super::{Fields, PageError, Viewer, field, models::find, prose, refuse, show, words};
use crate::{
    accounts::Names,
    http::{extract::App, problem::Problem},
    inventory::{AttestationState, Exception, attestations, exceptions},
    storage::StoreError,
};

fn facts(model: &Model, policy: &domain::policy::Policy, names: &Names, now: ledger::Timestamp) -> Vec<Fact> {
    let mut facts = vec![Fact::text("Owner", names.of(model.owner.as_str()))];
    if !model.team.is_empty() {
        facts.push(Fact::text("Team", model.team.clone()));
    }
    facts.push(Fact::text("Profile", model.profile.to_string()));
    let markets: Vec<&str> = model.markets.iter().map(domain::Market::as_str).collect();
    facts.push(Fact::text("Markets", markets.join(", ")));
    match &model.tier_basis {
        Some(basis) => {
            facts.push(Fact::text("Exposure", basis.exposure.clone()));
            facts.push(Fact::text("Purpose class", basis.purpose.clone()));
            facts.push(Fact::text("Tier judged by", format!("{}: {}", names.of(basis.by.as_str()), basis.reason)));
            facts.push(Fact::new(
                "Entry",
                Value::Link(Link::new(basis.entry.to_string(), format!("/ledger/{}", basis.entry))),
            ));
        }
        None => facts.push(Fact::new("Tier", Value::Missing("as registered; nobody judged it yet".into()))),
    }
    facts.push(match &model.last_validation {
        Some(last) => Fact::new(
            "Last validation",
            Value::Many(vec![
                Value::Link(Link::new(
                    format!("v{}, {}", last.version, last.outcome.title().to_lowercase()),
                    format!("/models/{}/versions/{}/validation", model.name, last.version),
                )),
                Value::When(words::day(last.at)),
            ]),
        ),
        None => Fact::new("Last validation", Value::Missing("none in full yet".into())),
    });
    facts.push(match inventory::next_validation(model, policy) {
        Some(due) => Fact::new("Next validation", Value::Due(words::due(due, now))),
        None => Fact::new("Next validation", Value::Missing("none is asked for".into())),
    });
    if let Some(end) = &model.retired {
        let who = names.of(end.by.as_str());
        facts.push(Fact::text("Retired", format!("{} by {who}: {}", words::day(end.at).text, end.reason)));
    }
    facts.push(Fact::new("Registered", Value::When(words::day(model.registered_at))));
    facts
}

/// Waivers in force on the model's versions, a sentence and where.
async fn waived(app: &App, viewer: &Viewer, model: &Model) -> Result<Vec<(String, Link)>, PageError> {
    let found = exceptions(app, &model.name, app.clock.now()).await.map_err(|error| viewer.error(error))?;
    let told = |exception: &Exception| {
        let sentence = format!(
            "v{}, {}: expires on {}. In its place: {}",
            exception.version.number,
            exception.covers,
            words::day(exception.expires_at).text,
            exception.control
        );
        let href = format!("{}/validation#waiver-{}", words::version_href(&exception.version), exception.waiver);
        (sentence, Link::new(format!("Waiver {}", exception.waiver), href))
    };
    Ok(found.iter().map(told).collect())
}

/// How the owner answered the latest campaign.
async fn attestation(app: &App, viewer: &Viewer, model: &Model) -> Result<Fact, PageError> {
    let now = app.clock.now();
    let mut found =
        attestations(app, std::slice::from_ref(&model.name), now).await.map_err(|error| viewer.error(error))?;
    let Some(attested) = found.remove(model.name.as_str()) else {
        return Ok(Fact::new("Attestation", Value::Missing("no campaign called it".into())));
    };
    let tone = match attested.state {
        AttestationState::Attested => Tone::Good,
        AttestationState::Outstanding => Tone::Neutral,
        AttestationState::Overdue | AttestationState::Objected => Tone::Bad,
    };
    let campaign = Link::new(attested.title, format!("/campaigns/{}", attested.campaign));
    let mut value = vec![Value::Tag(Tag::new(tone, attested.state.title())), Value::Link(campaign)];
    if !attested.comment.is_empty() {
        value.push(Value::Text(attested.comment));
    }
    Ok(Fact::new("Attestation", Value::Many(value)))
}

async fn view(
    app: &App,
    viewer: &Viewer,
    name: &str,
    typed: &[(String, String)],
    errors: Option<ErrorSummary>,
) -> Result<InventoryView, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let failed = |error: StoreError| viewer.error(error);
    let model = find(app, viewer, name).await?;
    let policy = app.policy().await.map_err(failed)?;
    let people = [Some(&model.owner), model.tier_basis.as_ref().map(|b| &b.by), model.retired.as_ref().map(|r| &r.by)];
    let names = app.names(people.into_iter().flatten().map(AccountId::as_str)).await.map_err(failed)?;
    let status = inventory::status(&model);
    let living = status != ModelStatus::Retired;
    let is_validator = viewer.principal.is(Role::MrmValidator);
    let mine = model.owner == viewer.principal.account
        || (!model.team.trim().is_empty() && model.team.trim() == viewer.principal.team.trim());
    let keeps = living && viewer.can(Action::KeepInventory) && (is_validator || mine);
    let value = |name: &str, now: &str| match field(typed, name) {
        "" => now.to_owned(),
        typed => typed.to_owned(),
    };
    let card = [
        ("purpose", "Purpose", model.purpose.clone()),
        ("products", "Products", model.card.products.clone()),
        ("restrictions", "Restrictions", model.card.restrictions.clone()),
        ("inputs", "Inputs", model.card.inputs.clone()),
        ("outputs", "Outputs", model.card.outputs.clone()),
    ];
    let tiering = policy.policy.tiering.as_ref().filter(|_| living && viewer.can(Action::Validate) && !mine);
    let basis = model.tier_basis.as_ref();
    let classes = |names: &[String], now: Option<&String>, typed: &str| {
        names
            .iter()
            .map(|name| {
                let chosen = if typed.is_empty() { now == Some(name) } else { name == typed };
                Choice::new(name.clone(), name.clone()).chosen_if(chosen)
            })
            .collect::<Vec<_>>()
    };
    let owners = if keeps { Some(owners(app, viewer, &model).await?) } else { None };
    let others = policy.policy.markets.iter().filter(|(code, _)| !model.markets.contains(code));
    let others = others.map(|(code, market)| {
        let choice = Choice::new(code.to_string(), market.title.clone());
        choice.chosen_if(field(typed, "new_market") == code.as_str())
    });
    let others: Vec<Choice> = others.collect();
    let reasons = ["market_reason", "tier_reason", "card_reason", "owner_reason", "retire_reason"];
    let mut facts = facts(&model, &policy.policy, &names, app.clock.now());
    facts.push(attestation(app, viewer, &model).await?);
    Ok(InventoryView {
        model: model.name.to_string(),
        title: model.title.clone(),
        tags: vec![Tag::new(Tone::Neutral, format!("Tier {}", model.tier.id())), words::status(status)],
        facts,
        card: card.iter().map(|(_, label, text)| ((*label).to_owned(), text.clone())).collect(),
        exceptions: waived(app, viewer, &model).await?,
        amend: keeps.then(|| CardForm {
            fields: card
                .iter()
                .map(|(name, label, now)| ((*name).to_owned(), (*label).to_owned(), value(name, now)))
                .collect(),
        }),
        tier: tiering.map(|tiering| {
            (
                classes(&tiering.exposures, basis.map(|basis| &basis.exposure), field(typed, "exposure")),
                classes(&tiering.purposes, basis.map(|basis| &basis.purpose), field(typed, "purpose_class")),
            )
        }),
        owners,
        markets: (keeps && !others.is_empty()).then_some(others),
        reason: reasons.iter().map(|name| field(typed, name)).find(|text| !text.is_empty()).unwrap_or("").to_owned(),
        errors,
    })
}

async fn owners(app: &App, viewer: &Viewer, model: &Model) -> Result<Vec<Choice>, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let accounts = app.all_accounts().await.map_err(failed)?;
    let people: Vec<_> = accounts
        .into_iter()
        .filter(|account| account.kind == AccountKind::Human && !account.disabled && account.id != model.owner)
        .filter(|account| account.roles.contains(&Role::DataScientist))
        .collect();
    let names = app.names(people.iter().map(|account| account.id.as_str())).await.map_err(failed)?;
    Ok(people.iter().map(|account| Choice::new(account.id.to_string(), names.of(account.id.as_str()))).collect())
}

/// The page.
pub async fn page(State(app): State<App>, viewer: Viewer, Path(name): Path<String>) -> Result<Response, PageError> {
    let view = view(&app, &viewer, &name, &[], None).await?;
    show(&viewer.frame, view).await
}

async fn settle(
    app: &App,
    viewer: &Viewer,
    (name, fields): (&str, &[(String, String)]),
    command: Result<Command, Problem>,
    rename: &[(&str, &str)],
) -> Result<Response, PageError> {
    let to = format!("/models/{name}/inventory");
    let again = async |errors| view(app, viewer, name, fields, Some(errors)).await;
    viewer.settle(app, (fields, command), &to, rename, again).await
}

/// Judges the tier.
pub async fn tier(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let model = find(&app, &viewer, &name).await?;
    let body = ReassessTier {
        exposure: field(&fields, "exposure").to_owned(),
        purpose: field(&fields, "purpose_class").to_owned(),
        reason: field(&fields, "tier_reason").to_owned(),
    };
    let command = Ok(Command::ReassessTier(model.name.clone(), body));
    settle(&app, &viewer, (&name, &fields), command, &[("reason", "tier_reason"), ("purpose", "purpose_class")]).await
}

/// Amends the card.
pub async fn amend(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let model = find(&app, &viewer, &name).await?;
    let get = |name: &str| Some(prose(&fields, name));
    let body = AmendInventory {
        purpose: get("purpose"),
        products: get("products"),
        restrictions: get("restrictions"),
        inputs: get("inputs"),
        outputs: get("outputs"),
        reason: field(&fields, "card_reason").to_owned(),
    };
    let command = Ok(Command::AmendInventory(model.name.clone(), body));
    settle(&app, &viewer, (&name, &fields), command, &[("reason", "card_reason")]).await
}

/// Opens a market to the model.
pub async fn add_market(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let model = find(&app, &viewer, &name).await?;
    let market = field(&fields, "new_market").parse();
    let command = market.map_err(|error| refuse("new_market", format!("Choose a market: {error}.")));
    let command = command.map(|market| {
        let reason = field(&fields, "market_reason").to_owned();
        Command::AddMarket(model.name.clone(), AddMarket { market, reason })
    });
    settle(&app, &viewer, (&name, &fields), command, &[("reason", "market_reason"), ("market", "new_market")]).await
}

/// Hands the model to another owner.
pub async fn owner(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let model = find(&app, &viewer, &name).await?;
    let command = field(&fields, "owner").parse().map_err(|error| Problem::from(domain::Refusal::from(error)));
    let command = command.map(|owner| {
        let reason = field(&fields, "owner_reason").to_owned();
        Command::ChangeOwner(model.name.clone(), ChangeOwner { owner, reason })
    });
    settle(&app, &viewer, (&name, &fields), command, &[("reason", "owner_reason"), ("id", "owner")]).await
}

/// Retires the model.
pub async fn retire(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let model = find(&app, &viewer, &name).await?;
    let reason = field(&fields, "retire_reason").to_owned();
    let command = Ok(Command::RetireModel(model.name.clone(), RetireModel { reason }));
    settle(&app, &viewer, (&name, &fields), command, &[("reason", "retire_reason")]).await
}
