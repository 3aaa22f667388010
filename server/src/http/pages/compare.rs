//! Two versions of a model beside each other: what changed, and how weighty that is.

use app::{
    kit::{Fact, Link, Notice, Tone, Value},
    pages::{
        CompareView,
        compare::{DiffClass, DiffField},
    },
};
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use domain::{
    VersionId,
    access::Action,
    lineage::{Change, Class},
    materiality::{self, Materiality, Told},
    strategy,
};
use serde::Deserialize;

use super::{PageError, Viewer, models::find, show, words};
use crate::{
    http::{extract::App, problem::Problem},
    service::Shelf,
};

/// Which versions to compare.
#[derive(Debug, Deserialize)]
pub struct CompareQuery {
    a: u32,
    b: u32,
}

/// Compares two versions of a model.
pub async fn page(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<String>,
    Query(query): Query<CompareQuery>,
) -> Result<Response, PageError> {
    viewer.may(Action::ReadRegistry)?;
    let model = find(&app, &viewer, &name).await?;
    let load = async |number: u32| {
        let missing = || viewer.error(Problem::not_found(format!("{name} has no version {number}.")));
        let id = VersionId { model: model.name.clone(), number: number.try_into().map_err(|_| missing())? };
        let shelf = app.version(&id).await.map_err(|error| viewer.error(error))?;
        shelf.ok_or_else(missing)
    };
    let (before, shelf) = (load(query.a).await?.version, load(query.b).await?);
    let after = &shelf.version;
    let changes = before.lineage.diff(&after.lineage);
    let assessment = materiality::assess(Some(&changes));
    let tone = match assessment.materiality {
        Materiality::Material => Tone::Warn,
        Materiality::NonMaterial => Tone::Good,
    };
    let mut notice = Notice::new(
        tone,
        format!("Seen from the two lineages alone, the change is {}", assessment.materiality.title()),
    );
    notice.body = assessment.reasons;
    let advice = strategy::advise(Some(&changes));
    notice.body.push(format!("To release it, {} fits: {}", advice.strategy.title(), advice.reasons.join(" ")));
    let counts = verdicts(&app, &viewer, query.a, &shelf).await?;
    if !counts.is_empty() {
        let href = format!("{}/validation#materiality", words::version_href(&after.id));
        notice = notice.with_link(Link::new(format!("Materiality of v{}", query.b), href));
    }
    notice.body.extend(counts);
    let classes = Class::ALL
        .into_iter()
        .map(|class| DiffClass {
            title: class.title().to_owned(),
            changes: changes
                .iter()
                .filter(|change| change.class == class)
                .map(|change| DiffField {
                    label: change.path.clone(),
                    before: change.before.clone(),
                    after: change.after.clone(),
                    note: change_note(change),
                })
                .collect(),
        })
        .filter(|class: &DiffClass| !class.changes.is_empty())
        .collect();
    let unchanged = before
        .lineage
        .fields()
        .into_iter()
        .filter(|field| !changes.iter().any(|change| change.path == field.path))
        .map(|field| Fact::new(field.path, Value::Mono(field.value)))
        .collect();
    let total = model.next_version.get() - 1;
    let view = CompareView {
        model: name,
        a: query.a,
        b: query.b,
        versions: (1..=total).rev().take(500).collect(),
        materiality: notice,
        changed: classes,
        unchanged,
    };
    show(&viewer.frame, view).await
}

/// What the gates of the later version look at, where its change is measured from the earlier one: the verdict that its
/// validation page shows, with the small changes before it and people's word.
async fn verdicts(app: &App, viewer: &Viewer, from: u32, shelf: &Shelf) -> Result<Vec<String>, PageError> {
    let mut told = Vec::new();
    for market in std::iter::once(None).chain(shelf.model.markets.iter().map(Some)) {
        let now = app.assess(shelf, market).await.map_err(|error| viewer.error(error))?;
        let Some(now) = now else { continue };
        let verdict = Told::of(&shelf.version, market, Some(&now));
        if verdict.judged.and_then(|judged| judged.against).is_some_and(|against| against.get() == from) {
            let place = market.map_or_else(|| "Into Staging".to_owned(), |market| format!("In {market}"));
            told.push(format!("{place}: {}", verdict.sentence()));
        }
    }
    Ok(told)
}

/// The relative change of a measured or chosen number, such as `+3.1 %`. A version or a seed that is written as a number
/// is a name and has none.
fn change_note(change: &Change) -> Option<String> {
    let measured = matches!(change.class, Class::Metrics) || change.path.starts_with("hyperparameters.");
    let (before, after) = (change.before.as_deref(), change.after.as_deref());
    let (before, after): (f64, f64) = (before?.parse().ok()?, after?.parse().ok()?);
    (measured && before != 0.0 && before.is_finite() && after.is_finite())
        .then(|| format!("{:+.1} %", (after - before) / before.abs() * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_their_relative_change() {
        let note = |class, path: &str, before: &str, after: &str| {
            let (before, after) = (Some(before.to_owned()), Some(after.to_owned()));
            change_note(&Change { class, path: path.to_owned(), before, after })
        };
        assert_eq!(note(Class::Metrics, "metrics.auc", "0.80", "0.82").as_deref(), Some("+2.5 %"));
        assert_eq!(note(Class::Hyperparameters, "hyperparameters.depth", "4", "6").as_deref(), Some("+50.0 %"));
        assert_eq!(note(Class::Hyperparameters, "hyperparameters.optimizer", "adam", "sgd"), None);
        assert_eq!(note(Class::Metrics, "metrics.auc", "0", "1"), None);
        assert_eq!(note(Class::Features, "features.set_version", "1", "2"), None);
        assert_eq!(note(Class::Hyperparameters, "training.random_seed", "1", "2"), None);
    }
}
