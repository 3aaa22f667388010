//! The routing document for serving systems: read, waited for, streamed, and as Istio configuration.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Json, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use domain::{access::Action, deployment::Routing};
use futures_util::Stream;
use serde::Deserialize;
use utoipa::IntoParams;

use super::rollouts::find;
use crate::{
    http::{
        extract::{App, Asker, Params, PlacePath},
        problem::Problem,
    },
    istio::{self, Mesh},
};

/// Longest wait of one request, in seconds.
const MAX_WAIT: u64 = 60;

/// What to wait for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct WaitParams {
    /// Answer once the revision is beyond this one.
    after: Option<u64>,
    /// Wait at most so many seconds for that, up to 60; 30, if left out.
    wait: Option<u64>,
}

fn etag(routing: &Routing) -> String {
    format!("\"{}\"", routing.revision)
}

fn answer(routing: Routing) -> Response {
    let tag = etag(&routing);
    ([(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache".to_owned())], Json(routing)).into_response()
}

/// How traffic is routed. With `after`, waits until it is routed otherwise; 304 if it is not in time.
#[utoipa::path(get, path = "/routing/{model}/{market}", tag = "Routing", operation_id = "routing",
    params(("model" = String, Path), ("market" = String, Path), WaitParams),
    responses((status = 200, body = Routing), (status = 304, description = "Unchanged"), (status = "4XX", body = Problem)))]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    PlacePath { model, market }: PlacePath,
    Params(params): Params<WaitParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let mut follower = app.follow(model.clone(), market.clone());
    let Some(after) = params.after else {
        let routing = Routing::of(&*find(&app, &model, &market).await?);
        let known = headers.get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
        return Ok(if known == Some(etag(&routing).as_str()) {
            (StatusCode::NOT_MODIFIED, [(header::ETAG, etag(&routing))]).into_response()
        } else {
            answer(routing)
        });
    };
    let wait = Duration::from_secs(params.wait.unwrap_or(30).min(MAX_WAIT));
    let waited = tokio::time::timeout(wait, follower.beyond(after)).await;
    // An account or token may have ended while it waited.
    asker.may(&app, Action::ReadRegistry).await?;
    match waited {
        Ok(found) => found?.map(answer).ok_or_else(|| Problem::from(crate::seal::SealError::Closed)),
        Err(_) => Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, format!("\"{after}\""))]).into_response()),
    }
}

/// The routing document at once, and again whenever it changes.
#[utoipa::path(get, path = "/routing/{model}/{market}/events", tag = "Routing", operation_id = "routing_events",
    params(("model" = String, Path), ("market" = String, Path)),
    responses((status = 200, content_type = "text/event-stream", body = Routing), (status = "4XX", body = Problem)))]
pub async fn events(
    State(app): State<App>,
    asker: Asker,
    PlacePath { model, market }: PlacePath,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let heard = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let start = (app.follow(model, market), heard.unwrap_or(0));
    let stream = futures_util::stream::unfold((start, app, asker), |((mut follower, after), app, asker)| async move {
        let found = follower.beyond(after).await;
        // An account or token may have ended since the stream began.
        asker.may(&app, Action::ReadRegistry).await.ok()?;
        match found {
            Ok(Some(routing)) => {
                let revision = routing.revision;
                let event = Event::default().event("routing").id(revision.to_string());
                Some((Ok(event.json_data(&routing).unwrap_or_default()), ((follower, revision), app, asker)))
            }
            // The reader connects again and says what it heard last.
            Ok(None) | Err(_) => None,
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// What the Istio configuration is made for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct MeshParams {
    /// The Kubernetes service before the versions; the model's name, if left out.
    host: Option<String>,
    /// Header with the user's pseudonymous id; `x-user-id`, if left out.
    user_header: String,
    /// Header in which a gateway says the arm that it computed; `x-countersign-arm`, if left out.
    arm_header: String,
}

impl Default for MeshParams {
    fn default() -> Self {
        Self { host: None, user_header: "x-user-id".into(), arm_header: "x-countersign-arm".into() }
    }
}

/// The routing document as an Istio `VirtualService` and `DestinationRule`.
#[utoipa::path(get, path = "/routing/{model}/{market}/istio.yaml", tag = "Routing", operation_id = "routing_istio",
    params(("model" = String, Path), ("market" = String, Path), MeshParams),
    responses((status = 200, content_type = "application/yaml", body = String), (status = "4XX", body = Problem)))]
pub async fn istio(
    State(app): State<App>,
    asker: Asker,
    PlacePath { model, market }: PlacePath,
    Params(params): Params<MeshParams>,
) -> Result<Response, Problem> {
    asker.may(&app, Action::ReadRegistry).await?;
    let routing = Routing::of(&*find(&app, &model, &market).await?);
    let mesh = Mesh::new(&routing, params.host, &params.user_header, &params.arm_header)?;
    let headers = [(header::CONTENT_TYPE, "application/yaml".to_owned()), (header::ETAG, etag(&routing))];
    Ok((headers, istio::yaml(&routing, &mesh)).into_response())
}
