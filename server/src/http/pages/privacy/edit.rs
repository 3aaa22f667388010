//! The forms of an assessment and of an Art. 22 statement.

use std::collections::{BTreeMap, BTreeSet};

use app::{
    kit::{Choice, ErrorSummary},
    pages::privacy::edit::{DpiaEditView, MeasureFields, PartField, RiskFields, SafeguardsView},
};
use axum::{
    Form,
    extract::{Path, State},
    response::Response,
};
use domain::{
    AccountId, Command,
    access::Action,
    account::{Account, AccountKind, Role},
    lineage::Class,
    privacy::{
        command::PrivacyCommand,
        dpia::{Content, Level, MAX_LISTED, Measure, Part, Rating, Risk, RiskKind, Scope, SubjectViews},
        safeguards::{Article22, Basis, Keeper, Safeguard, SpecialBasis},
    },
    refusal::Missing,
};

use super::Room;
use crate::{
    http::{
        extract::App,
        pages::{Fields, PageError, Viewer, done, field, fields_named, prose, show, show_with, words},
        problem::Problem,
    },
    storage::StoreError,
};

/// Blank rows after those that are filled in.
const BLANK_ROWS: usize = 2;
/// Classes of change that a scope may name: those in which something else than fresh data can show.
const CLASSES: [Class; 6] =
    [Class::Code, Class::Data, Class::Features, Class::Model, Class::Hyperparameters, Class::Environment];

fn class_id(class: Class) -> String {
    class.title().to_lowercase()
}

/// People who may own something, with their names; only those who hold one of `roles`, if any is named.
pub(super) async fn people(app: &App, viewer: &Viewer, roles: &[Role]) -> Result<Vec<(String, String)>, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let accounts = app.all_accounts().await.map_err(failed)?;
    let fits = |account: &Account| roles.is_empty() || roles.iter().any(|role| account.roles.contains(role));
    let accounts: Vec<_> = accounts
        .into_iter()
        .filter(|account| account.kind == AccountKind::Human && !account.disabled && fits(account))
        .collect();
    let names = app.names(accounts.iter().map(|account| account.id.as_str())).await.map_err(failed)?;
    Ok(accounts.iter().map(|account| (account.id.to_string(), names.of(account.id.as_str()))).collect())
}

pub(super) fn choose_person(people: &[(String, String)], chosen: &str) -> Vec<Choice> {
    let blank = Choice::new("", "nobody yet").chosen_if(chosen.is_empty());
    let people = people.iter().map(|(id, name)| Choice::new(id, name).chosen_if(id == chosen));
    std::iter::once(blank).chain(people).collect()
}

fn levels(chosen: Option<Level>) -> Vec<Choice> {
    let blank = Choice::new("", "not rated").chosen_if(chosen.is_none());
    let levels = Level::ALL.into_iter();
    let levels = levels.map(|level| {
        Choice::new(level.id(), format!("{} {}", level.grade(), level.id())).chosen_if(Some(level) == chosen)
    });
    std::iter::once(blank).chain(levels).collect()
}

fn risk_fields(risk: Option<&Risk>) -> RiskFields {
    let lines = |list: fn(&Risk) -> &Vec<String>| risk.map(|risk| list(risk).join("\n")).unwrap_or_default();
    let (initial, residual) = (risk.and_then(|risk| risk.initial), risk.and_then(|risk| risk.residual));
    let kind = risk.map_or(RiskKind::Other, |risk| risk.kind);
    RiskFields {
        title: risk.map(|risk| risk.title.clone()).unwrap_or_default(),
        kinds: RiskKind::ALL.into_iter().map(|one| Choice::new(one.id(), one.title()).chosen_if(one == kind)).collect(),
        description: risk.map(|risk| risk.description.clone()).unwrap_or_default(),
        lists: [lines(|risk| &risk.impacts), lines(|risk| &risk.threats), lines(|risk| &risk.sources)],
        ratings: [
            levels(initial.map(|rating| rating.likelihood)),
            levels(initial.map(|rating| rating.severity)),
            levels(residual.map(|rating| rating.likelihood)),
            levels(residual.map(|rating| rating.severity)),
        ],
    }
}

fn measure_fields(measure: Option<&Measure>, people: &[(String, String)]) -> MeasureFields {
    let owner = measure.and_then(|measure| measure.owner.as_ref()).map_or("", AccountId::as_str);
    MeasureFields {
        title: measure.map(|measure| measure.title.clone()).unwrap_or_default(),
        description: measure.map(|measure| measure.description.clone()).unwrap_or_default(),
        owners: choose_person(people, owner),
        treats: RiskKind::ALL
            .into_iter()
            .map(|kind| {
                let chosen = measure.is_some_and(|measure| measure.treats.contains(&kind));
                Choice::new(kind.id(), kind.title()).chosen_if(chosen)
            })
            .collect(),
    }
}

fn yes_or_no(is: Option<bool>) -> Vec<Choice> {
    vec![Choice::new("yes", "Yes").chosen_if(is == Some(true)), Choice::new("no", "No").chosen_if(is == Some(false))]
}

async fn edit_view(
    app: &App,
    viewer: &Viewer,
    room: &Room,
    content: &Content,
    errors: Option<ErrorSummary>,
) -> Result<DpiaEditView, PageError> {
    let people = people(app, viewer, &[]).await?;
    let parts = |necessity: bool| {
        Part::ALL
            .into_iter()
            .filter(|part| part.is_necessity() == necessity)
            .map(|part| PartField {
                name: part.id().to_owned(),
                title: part.title().to_owned(),
                text: content.parts.get(&part).cloned().unwrap_or_default(),
                needed: part.is_required(),
            })
            .collect()
    };
    let rows = |count: usize| count.saturating_add(BLANK_ROWS).min(MAX_LISTED);
    let scope = &content.scope;
    let newest = room.model.next_version.get() - 1;
    let versions = (1..=newest).rev().take(50).map(|number| {
        let chosen = scope.version.is_some_and(|version| version.get() == number);
        Choice::new(number.to_string(), format!("v{number}")).chosen_if(chosen)
    });
    let none = Choice::new("", "none").chosen_if(scope.version.is_none());
    let justified = content.justified_features.iter().map(|(feature, why)| format!("{feature}: {why}"));
    Ok(DpiaEditView {
        model: room.model.name.to_string(),
        revision: room.revision(),
        markets: room
            .model
            .markets
            .iter()
            .map(|market| Choice::new(market.to_string(), market.to_string()).chosen_if(scope.markets.contains(market)))
            .collect(),
        classes: CLASSES
            .into_iter()
            .map(|class| Choice::new(class_id(class), class.title()).chosen_if(scope.reopened_by.contains(&class)))
            .collect(),
        versions: std::iter::once(none).chain(versions).collect(),
        description: parts(false),
        necessity: parts(true),
        risks: (0..rows(content.risks.len())).map(|index| risk_fields(content.risks.get(index))).collect(),
        measures: (0..rows(content.measures.len()))
            .map(|index| measure_fields(content.measures.get(index), &people))
            .collect(),
        sought: yes_or_no(Some(content.views.sought)),
        views: content.views.text.clone(),
        justified: justified.collect::<Vec<_>>().join("\n"),
        errors,
    })
}

/// The form.
pub async fn edit(State(app): State<App>, viewer: Viewer, Path(model): Path<String>) -> Result<Response, PageError> {
    viewer.may(Action::DraftPrivacy)?;
    let room = Room::open(&app, &viewer, &model).await?;
    let content = room.draft().map(|draft| draft.content.clone()).unwrap_or_default();
    let view = edit_view(&app, &viewer, &room, &content, None).await?;
    show(&viewer.frame, view).await
}

/// Reads the form into a content; what cannot be read is named beside it.
fn read(fields: &[(String, String)]) -> (Content, Vec<Missing>) {
    let mut wrong = Vec::new();
    let lines = |name: &str| -> Vec<String> {
        field(fields, name).lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    };
    let mut content = Content {
        scope: Scope {
            markets: fields_named(fields, "markets").filter_map(|market| market.parse().ok()).collect(),
            reopened_by: fields_named(fields, "classes")
                .filter_map(|id| CLASSES.into_iter().find(|class| class_id(*class) == id))
                .collect(),
            version: field(fields, "version").parse().ok(),
        },
        parts: Part::ALL.into_iter().map(|part| (part, field(fields, part.id()).to_owned())).collect(),
        views: SubjectViews { sought: field(fields, "sought") == "yes", text: field(fields, "views").to_owned() },
        ..Content::default()
    };
    for number in 1..=MAX_LISTED {
        let name = |part: &str| format!("risk-{number}-{part}");
        let title = field(fields, &name("title")).trim().to_owned();
        if title.is_empty() {
            continue;
        }
        let mut rating = |likelihood: &str, severity: &str| {
            let [one, two] = [likelihood, severity].map(|part| field(fields, &name(part)).parse::<Level>().ok());
            if one.is_some() != two.is_some() {
                let message = format!("\u{201c}{title}\u{201d} needs both likelihood and severity.");
                wrong.push(Missing::field(name(if one.is_none() { likelihood } else { severity }), message));
            }
            one.zip(two).map(|(likelihood, severity)| Rating { likelihood, severity })
        };
        let (initial, residual) =
            (rating("likelihood", "severity"), rating("residual_likelihood", "residual_severity"));
        content.risks.push(Risk {
            kind: field(fields, &name("kind")).parse().unwrap_or(RiskKind::Other),
            description: field(fields, &name("description")).to_owned(),
            impacts: lines(&name("impacts")),
            threats: lines(&name("threats")),
            sources: lines(&name("sources")),
            initial,
            residual,
            title,
        });
    }
    for number in 1..=MAX_LISTED {
        let name = |part: &str| format!("measure-{number}-{part}");
        let title = field(fields, &name("title")).trim().to_owned();
        if title.is_empty() {
            continue;
        }
        let treats: BTreeSet<RiskKind> =
            fields_named(fields, &name("treats")).filter_map(|kind| kind.parse().ok()).collect();
        content.measures.push(Measure {
            description: field(fields, &name("description")).to_owned(),
            owner: field(fields, &name("owner")).parse().ok(),
            treats,
            title,
        });
    }
    for line in lines("justified") {
        match line.split_once(':') {
            Some((feature, why)) => {
                content.justified_features.insert(feature.trim().to_owned(), why.trim().to_owned());
            }
            None => {
                wrong.push(Missing::field("justified", format!("A colon is missing after the feature in {line:?}.")));
            }
        }
    }
    (content, wrong)
}

/// Turns the names of a content's fields into those of the form.
fn rename(problem: &mut Problem) {
    for missing in &mut problem.missing {
        let name = missing.what.strip_prefix("parts.").unwrap_or(&missing.what);
        missing.what = match name.split('.').collect::<Vec<_>>().as_slice() {
            ["risks", number, part] => format!("risk-{number}-{part}"),
            ["measures", number, part] => format!("measure-{number}-{part}"),
            ["scope", part] => (*part).to_owned(),
            ["justified_features"] => "justified".to_owned(),
            _ => name.to_owned(),
        };
    }
}

/// Saves a draft.
pub async fn save(
    State(app): State<App>,
    viewer: Viewer,
    Path(model): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::DraftPrivacy)?;
    let room = Room::open(&app, &viewer, &model).await?;
    let (content, wrong) = read(&fields);
    let outcome = if wrong.is_empty() {
        let command = PrivacyCommand::DraftDpia(room.model.name.clone(), Box::new(content.clone()));
        viewer.seal(&app, Command::Privacy(command), &fields).await
    } else {
        Err(domain::Refusal::invalid(wrong).into())
    };
    match outcome {
        Ok(receipt) => Ok(done(&format!("/privacy/models/{model}"), &receipt)),
        Err(mut problem) => {
            rename(&mut problem);
            let errors = Some(words::summary(&problem, &[]));
            let view = edit_view(&app, &viewer, &room, &content, errors).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}

fn options<T: Copy + PartialEq>(
    blank: &str,
    all: &[T],
    id: fn(T) -> &'static str,
    title: fn(T) -> &'static str,
    chosen: Option<T>,
) -> Vec<Choice> {
    let blank = Choice::new("", blank).chosen_if(chosen.is_none());
    let all = all.iter().map(|one| Choice::new(id(*one), title(*one)).chosen_if(Some(*one) == chosen));
    std::iter::once(blank).chain(all).collect()
}

async fn safeguards_view(
    app: &App,
    viewer: &Viewer,
    room: &Room,
    typed: Option<&Article22>,
    errors: Option<ErrorSummary>,
) -> Result<SafeguardsView, PageError> {
    let people = people(app, viewer, &[]).await?;
    let stated = room.file.as_ref().and_then(|file| file.safeguards.as_ref()).map(|stated| &stated.statement);
    let statement = typed.or(stated);
    let keeper = |safeguard: Safeguard| statement.and_then(|statement| statement.safeguards.get(&safeguard));
    Ok(SafeguardsView {
        model: room.model.name.to_string(),
        revision: room.revision(),
        automated: yes_or_no(statement.map(|one| one.solely_automated)),
        significant: yes_or_no(statement.map(|one| one.significant_effect)),
        reasons: statement.map(|one| one.reasons.clone()).unwrap_or_default(),
        bases: options("none", &Basis::ALL, Basis::id, Basis::title, statement.and_then(|one| one.basis)),
        special: yes_or_no(statement.map(|one| one.special_categories)),
        special_bases: options(
            "none",
            &SpecialBasis::ALL,
            SpecialBasis::id,
            SpecialBasis::title,
            statement.and_then(|one| one.special_basis),
        ),
        keepers: Safeguard::ALL
            .into_iter()
            .map(|one| {
                let owner = keeper(one).map_or("", |keeper| keeper.owner.as_str());
                let channel = keeper(one).map(|keeper| keeper.channel.clone()).unwrap_or_default();
                (one.id().to_owned(), one.title().to_owned(), choose_person(&people, owner), channel)
            })
            .collect(),
        errors,
    })
}

/// The form of the statement.
pub async fn safeguards(
    State(app): State<App>,
    viewer: Viewer,
    Path(model): Path<String>,
) -> Result<Response, PageError> {
    viewer.may(Action::DraftPrivacy)?;
    let room = Room::open(&app, &viewer, &model).await?;
    let view = safeguards_view(&app, &viewer, &room, None, None).await?;
    show(&viewer.frame, view).await
}

/// Saves a statement.
pub async fn state(
    State(app): State<App>,
    viewer: Viewer,
    Path(model): Path<String>,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    viewer.may(Action::DraftPrivacy)?;
    let room = Room::open(&app, &viewer, &model).await?;
    let mut wrong = Vec::new();
    let mut answered = |name: &str| match field(&fields, name) {
        "yes" => true,
        "no" => false,
        _ => {
            wrong.push(Missing::field(name, "Answer yes or no."));
            false
        }
    };
    let (solely_automated, significant_effect, special_categories) =
        (answered("solely_automated"), answered("significant_effect"), answered("special_categories"));
    let mut safeguards = BTreeMap::new();
    for safeguard in Safeguard::ALL {
        let part = |part: &str| field(&fields, &format!("{}-{part}", safeguard.id())).trim().to_owned();
        if let Ok(owner) = part("owner").parse() {
            safeguards.insert(safeguard, Keeper { owner, channel: part("channel") });
        }
    }
    let statement = Article22 {
        solely_automated,
        significant_effect,
        reasons: prose(&fields, "reasons").trim().to_owned(),
        basis: field(&fields, "basis").parse().ok(),
        safeguards,
        special_categories,
        special_basis: field(&fields, "special_basis").parse().ok(),
    };
    let outcome = if wrong.is_empty() {
        let command = PrivacyCommand::StateSafeguards(room.model.name.clone(), Box::new(statement.clone()));
        viewer.seal(&app, Command::Privacy(command), &fields).await
    } else {
        Err(domain::Refusal::invalid(wrong).into())
    };
    match outcome {
        Ok(receipt) => Ok(done(&format!("/privacy/models/{model}#safeguards"), &receipt)),
        Err(mut problem) => {
            for missing in &mut problem.missing {
                if let ["safeguards", id, part] = missing.what.split('.').collect::<Vec<_>>().as_slice() {
                    missing.what = format!("{id}-{part}");
                }
            }
            let errors = Some(words::summary(&problem, &[]));
            let view = safeguards_view(&app, &viewer, &room, Some(&statement), errors).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}
