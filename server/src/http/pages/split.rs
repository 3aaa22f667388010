//! Which arm of a version's canary a user is in. The user id comes in the body of a request, so that no address and no
//! log holds it.

use app::{
    kit::{Choice, ErrorSummary, Fact, FieldError, Value},
    pages::SplitView,
};
use axum::{
    Form,
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use domain::{
    Market, VersionId,
    evidence::{Criteria, EvidencePath},
    split::{BUCKETS, Split, buckets_of_percent},
};

use serde::Deserialize;

use super::{Fields, PageError, Viewer, field, show, show_with, versions::shelf};
use crate::{
    http::extract::{App, VersionPath},
    service::Shelf,
};

fn view(shelf: &Shelf, fields: &[(String, String)], answer: Vec<Fact>, errors: Option<ErrorSummary>) -> SplitView {
    let chosen = field(fields, "market");
    SplitView {
        model: shelf.version.id.model.to_string(),
        version: shelf.version.id.number.get(),
        markets: shelf
            .model
            .markets
            .iter()
            .map(|market| Choice::new(market.to_string(), market.to_string()).chosen_if(market.as_str() == chosen))
            .collect(),
        user: if errors.is_some() { field(fields, "user").to_owned() } else { String::new() },
        percent: field(fields, "percent").to_owned(),
        answer,
        errors,
    }
}

/// What the form is filled with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SplitQuery {
    market: String,
    percent: String,
}

/// The form, filled with the market and the share that the address names; without a share, with that of the rollout under
/// way, if this version is on its way in.
pub async fn page(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Query(query): Query<SplitQuery>,
) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    let (mut market, mut percent) = (query.market, query.percent);
    if percent.is_empty() {
        let deployments = app.deployments(&shelf.model).await.map_err(|error| viewer.error(error))?;
        let mut under_way = deployments.values().filter_map(|deployment| {
            let rollout = deployment.rollout.as_ref().filter(|rollout| rollout.artifact.version == id.number)?;
            Some((deployment.market.to_string(), rollout.percent()))
        });
        if let Some((place, share)) = under_way.find(|(place, _)| market.is_empty() || market == *place) {
            (market, percent) = (place, share.to_string());
        }
    }
    let fields = [("market".to_owned(), market), ("percent".to_owned(), percent)];
    show(&viewer.frame, view(&shelf, &fields, Vec::new(), None)).await
}

/// The answer.
pub async fn check(
    State(app): State<App>,
    viewer: Viewer,
    VersionPath(id): VersionPath,
    Form(fields): Fields,
) -> Result<Response, PageError> {
    let shelf = shelf(&app, &viewer, &id).await?;
    match answer(&shelf, &id, &fields) {
        Ok(answer) => show(&viewer.frame, view(&shelf, &fields, answer, None)).await,
        Err((what, message)) => {
            let item = FieldError { field_id: what.into(), message, href: None };
            let errors = ErrorSummary::new("Nothing can be told", vec![item]);
            let view = view(&shelf, &fields, Vec::new(), Some(errors));
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &viewer.frame, view).await
        }
    }
}

fn answer(shelf: &Shelf, id: &VersionId, fields: &[(String, String)]) -> Result<Vec<Fact>, (&'static str, String)> {
    let market: Market = field(fields, "market").parse().map_err(|error| ("market", format!("{error}.")))?;
    if !shelf.model.markets.contains(&market) {
        return Err(("market", format!("{} is not registered for the market {market}.", id.model)));
    }
    let user = field(fields, "user");
    if user.is_empty() {
        return Err(("user", "Type a user id.".into()));
    }
    let typed = field(fields, "percent").trim();
    let split = if typed.is_empty() {
        let policy = &shelf.policy.policy;
        let criteria = policy
            .profiles
            .get(&shelf.model.profile)
            .and_then(|profile| Criteria::of_market(policy, profile, EvidencePath::Canary, id, &market).ok().flatten());
        let Some(Criteria::Canary(criteria)) = criteria else {
            return Err(("percent", format!("The policy states no share for canaries in {market}; type one.")));
        };
        criteria.split
    } else {
        let percent: f64 = typed.parse().unwrap_or(f64::NAN);
        if !(0.0..=100.0).contains(&percent) {
            return Err(("percent", "Type a number from 0 to 100.".into()));
        }
        Split::for_canary(id, &market, buckets_of_percent(percent))
    };
    Ok(vec![
        Fact::text("Who answers", split.arm(user).id()),
        Fact::text("Bucket", format!("{} of {BUCKETS}", split.bucket(user))),
        Fact::text("The challenger's", format!("buckets below {}", split.challenger_buckets)),
        Fact::new("Salt", Value::Mono(split.salt.clone())),
    ])
}
