//! The policy: in force, its versions, what changed, and adopting another.

use app::{
    kit::{Choice, ErrorSummary, Fact, Link, Tag, Tone, Value},
    pages::{
        PolicyView,
        policy::{AdoptForm, PolicyDiff, PolicyDiffRow, PolicyVersionRow},
    },
};
use axum::{
    extract::{Multipart, Query, State},
    http::StatusCode,
    response::Response,
};
use domain::{
    Command,
    access::Action,
    policy::{self, Policy, PolicyChange},
};
use serde::Deserialize;

use super::{PageError, Viewer, done, field, prose, refuse, show, show_with, words};
use crate::{
    http::{
        api::policy::{PolicyVersion, history},
        extract::App,
        problem::Problem,
    },
    storage::StoreError,
};

/// Which versions to compare, or to show.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PolicyQuery {
    a: Option<u32>,
    b: Option<u32>,
    version: Option<u32>,
}

fn rows(changes: Vec<PolicyChange>) -> Vec<PolicyDiffRow> {
    changes
        .into_iter()
        .map(|change| PolicyDiffRow {
            path: change.path,
            before: change.before,
            after: change.after,
            tag: change.is_number.then(|| Tag::new(Tone::Warn, "number")),
        })
        .collect()
}

fn market_rows(policy: &Policy) -> Vec<[String; 6]> {
    policy
        .markets
        .iter()
        .map(|(code, market)| {
            let signs: Vec<String> = market
                .sign_offs
                .iter()
                .flat_map(|(stage, slots)| slots.iter().map(move |slot| format!("{} ({stage})", slot.role)))
                .collect();
            [
                code.to_string(),
                market.title.clone(),
                market.min_shadow_days.to_string(),
                market.min_canary_days.to_string(),
                market.standby_days.to_string(),
                if signs.is_empty() { "nobody".to_owned() } else { signs.join(", ") },
            ]
        })
        .collect()
}

async fn view(
    app: &App,
    viewer: &Viewer,
    query: &PolicyQuery,
    form: AdoptForm,
    errors: Option<ErrorSummary>,
) -> Result<PolicyView, PageError> {
    let failed = |error: StoreError| viewer.error(error);
    let in_force = app.policy().await.map_err(failed)?;
    let history = history(app).await.map_err(failed)?;
    let names = app.names(history.iter().map(|version| version.adopted_by.as_str())).await.map_err(failed)?;
    let find = |number: u32| history.iter().find(|version| version.version == number);
    let diff = match (query.a.and_then(find), query.b.and_then(find)) {
        (Some(before), Some(after)) => Some(PolicyDiff {
            title: format!("From version {} to version {}", before.version, after.version),
            changes: rows(policy::diff(&before.toml, &after.toml)),
        }),
        _ => None,
    };
    let shown = query.version.and_then(find);
    let choices = |chosen: Option<u32>| {
        history
            .iter()
            .map(|version| {
                Choice::new(version.version.to_string(), format!("Version {}", version.version))
                    .chosen_if(chosen == Some(version.version))
            })
            .collect::<Vec<_>>()
    };
    let before = query.a.or_else(|| in_force.version.checked_sub(1));
    let row = |version: &PolicyVersion| PolicyVersionRow {
        version: Link::new(format!("Version {}", version.version), format!("/policy?version={}#text", version.version)),
        title: version.title.clone(),
        when: words::when(version.adopted_at),
        who: names.of(&version.adopted_by),
        entry: Link::new(format!("entry {}", version.entry), format!("/ledger/{}", version.entry)),
        changes: (version.version > 1).then(|| {
            let before = version.version - 1;
            Link::new("What changed", format!("/policy?a={before}&b={}#diff", version.version))
        }),
        in_force: version.version == in_force.version,
    };
    Ok(PolicyView {
        facts: vec![
            Fact::text("Policy", in_force.policy.title.clone()),
            Fact::text("Version", in_force.version.to_string()),
            Fact::new("Adopted", Value::When(words::when(in_force.adopted_at))),
            Fact::new(
                "Entry",
                Value::Link(Link::new(in_force.entry.to_string(), format!("/ledger/{}", in_force.entry))),
            ),
            Fact::new("Digest", Value::Digest(words::digest(&in_force.digest))),
            Fact::new(
                "Profiles",
                Value::List(in_force.policy.profiles.values().map(|profile| profile.title.clone()).collect()),
            ),
        ],
        markets: market_rows(&in_force.policy),
        versions: history.iter().map(row).collect(),
        compare: (choices(before), choices(query.b.or(Some(in_force.version)))),
        diff,
        text: match shown {
            Some(version) => (format!("Text of version {}", version.version), version.toml.clone()),
            None => (format!("Text of version {}, in force", in_force.version), in_force.toml.clone()),
        },
        adopt: viewer.can(Action::AdoptPolicy).then(|| AdoptForm {
            text: if form.text.is_empty() { in_force.toml.clone() } else { form.text },
            preview: form.preview,
        }),
        errors,
    })
}

/// The page.
pub async fn page(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<PolicyQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let view = view(&app, &viewer, &query, AdoptForm::default(), None).await?;
    show(&viewer.frame, view).await
}

/// The form's fields, and the policy's text: the file's if one was chosen, else what was typed.
async fn read(mut form: Multipart) -> Result<(Vec<(String, String)>, String), Problem> {
    let unreadable = |error: axum::extract::multipart::MultipartError| Problem {
        status: error.status().as_u16(),
        ..Problem::bad_request(error.body_text())
    };
    let (mut fields, mut file) = (Vec::new(), String::new());
    while let Some(part) = form.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        let text = part.text().await.map_err(unreadable)?;
        if name == "toml_file" { file = text } else { fields.push((name, text)) }
    }
    // A browser sends line ends as CR LF; the ledger keeps LF, so that the digest is that of the file.
    let toml = if file.trim().is_empty() { prose(&fields, "toml") } else { file };
    Ok((fields, toml))
}

/// Adopts a policy, or shows what adopting it would change.
pub async fn adopt(State(app): State<App>, viewer: Viewer, form: Multipart) -> Result<Response, PageError> {
    viewer.may(Action::AdoptPolicy)?;
    let (fields, toml) = read(form).await.map_err(|problem| viewer.error(problem))?;
    let looking = field(&fields, "act") == "look";
    let outcome = if looking {
        match Policy::from_toml(&toml) {
            Ok(_) => {
                let in_force = app.policy().await.map_err(|error| viewer.error(error))?;
                let title = format!("Adopting it would change this, from version {}", in_force.version);
                let preview = Some(PolicyDiff { title, changes: rows(policy::diff(&in_force.toml, &toml)) });
                let form = AdoptForm { text: toml, preview };
                let view = view(&app, &viewer, &PolicyQuery::default(), form, None).await?;
                return show_with(StatusCode::OK, &viewer.frame, view).await;
            }
            Err(error) => Err(refuse("toml", error.to_string())),
        }
    } else {
        viewer.seal_in_person(&app, Ok(Command::AdoptPolicy(toml.clone())), &fields, "password").await
    };
    match outcome {
        Ok(receipt) => Ok(done("/policy", &receipt)),
        Err(problem) => {
            let errors = words::summary(&problem, &[("policy", "toml")]);
            let form = AdoptForm { text: toml, preview: None };
            let view = view(&app, &viewer, &PolicyQuery::default(), form, Some(errors)).await?;
            show_with(problem.status_code(), &viewer.frame, view).await
        }
    }
}
