//! Two versions of a model beside each other: what changed, and how weighty that is.

use app::{
    kit::{Fact, Notice, Tone, Value},
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
    lineage::Class,
    materiality::{self, Materiality},
    strategy,
};
use serde::Deserialize;

use super::{PageError, Viewer, models::find, show};
use crate::http::{extract::App, problem::Problem};

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
        shelf.map(|shelf| shelf.version).ok_or_else(missing)
    };
    let (before, after) = (load(query.a).await?, load(query.b).await?);
    let changes = before.lineage.diff(&after.lineage);
    let assessment = materiality::assess(Some(&changes));
    let tone = match assessment.materiality {
        Materiality::Material => Tone::Warn,
        Materiality::NonMaterial => Tone::Good,
    };
    let mut notice = Notice::new(tone, format!("The change is {}", assessment.materiality.title()));
    notice.body = assessment.reasons;
    let advice = strategy::advise(Some(&changes));
    notice.body.push(format!("To release it, {} fits: {}", advice.strategy.title(), advice.reasons.join(" ")));
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
                    note: change_note(change.before.as_deref(), change.after.as_deref()),
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

/// The relative change of a number, such as `+3.1 %`.
fn change_note(before: Option<&str>, after: Option<&str>) -> Option<String> {
    let before: f64 = before?.parse().ok()?;
    let after: f64 = after?.parse().ok()?;
    (before != 0.0 && before.is_finite() && after.is_finite())
        .then(|| format!("{:+.1} %", (after - before) / before.abs() * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_their_relative_change() {
        assert_eq!(change_note(Some("0.80"), Some("0.82")).as_deref(), Some("+2.5 %"));
        assert_eq!(change_note(Some("adam"), Some("sgd")), None);
        assert_eq!(change_note(Some("0"), Some("1")), None);
    }
}
