//! Live news as server-sent events: what was just sealed.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use domain::access::Action;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{
        extract::{App, Asker, Params},
        problem::Problem,
    },
    narrate,
    storage::log::{EntryFilter, StoredEntry},
};

/// How often the database is asked for entries that another server sealed.
const POLL: Duration = Duration::from_secs(5);

/// What to hear of.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventParams {
    /// Only of this model.
    model: Option<String>,
    /// Only of this version of it.
    version: Option<u32>,
    /// Entries after this number; those from now on, if left out.
    after: Option<u64>,
}

/// One piece of news.
#[derive(Debug, Serialize, ToSchema)]
pub struct News {
    /// Number of the entry.
    pub seq: u64,
    /// Event type.
    pub event: String,
    /// What happened, for people: without the name of who did it, which lies in the vault.
    pub sentence: String,
}

impl News {
    fn of(entry: StoredEntry) -> Self {
        let told = narrate::read(&entry.bytes).map(|recorded| narrate::sentence(&recorded.event));
        let words = told.unwrap_or_else(|_| format!("recorded {}", entry.event));
        let mut rest = words.chars();
        let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        Self { seq: entry.seq, event: entry.event, sentence: format!("{first}{}.", rest.as_str()) }
    }
}

/// Streams news of sealed entries.
#[utoipa::path(get, path = "/events", tag = "Ledger", params(EventParams),
    responses((status = 200, content_type = "text/event-stream", body = News), (status = "4XX", body = Problem)))]
pub async fn listen(
    State(app): State<App>,
    asker: Asker,
    headers: HeaderMap,
    Params(params): Params<EventParams>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    asker.may(&app, Action::ReadLedger).await?;
    // A browser that lost the connection says what it heard last.
    let heard = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let next = match heard.or(params.after) {
        Some(after) => after.saturating_add(1),
        None => app.store.head().await?.size,
    };
    let mut start = Listener { news: app.sealer.subscribe(), app, params, next, ready: Vec::new() };
    // What was sealed between the page and this question.
    start.look().await;
    let stream = futures_util::stream::unfold(start, |mut listener| async move {
        loop {
            if let Some(news) = listener.ready.pop() {
                let event = Event::default().event("sealed").id(news.seq.to_string());
                return Some((Ok(event.json_data(&news).unwrap_or_default()), listener));
            }
            // A local commit wakes at once; a commit of another server is found by asking now and then.
            match tokio::time::timeout(POLL, listener.news.recv()).await {
                Ok(Err(tokio::sync::broadcast::error::RecvError::Closed)) => return None,
                Ok(Ok(_) | Err(_)) | Err(_) => listener.look().await,
            }
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(20))))
}

struct Listener {
    app: App,
    news: tokio::sync::broadcast::Receiver<crate::seal::Sealed>,
    params: EventParams,
    next: u64,
    ready: Vec<News>,
}

impl Listener {
    /// Fetches what was sealed since, newest first, so that it is told oldest first from the end.
    async fn look(&mut self) {
        let filter = EntryFilter {
            model: self.params.model.clone(),
            version: self.params.version,
            limit: 100,
            ..EntryFilter::default()
        };
        match self.app.store.find_entries(&filter).await {
            Ok(entries) => {
                let new = entries.into_iter().take_while(|entry| entry.seq >= self.next);
                self.ready = new.map(News::of).collect();
                if let Some(newest) = self.ready.first() {
                    self.next = newest.seq + 1;
                }
            }
            Err(error) => tracing::warn!(%error, "news could not be read"),
        }
    }
}
