//! Live news as server-sent events: what was just sealed.

use std::{collections::VecDeque, convert::Infallible, ops::ControlFlow, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use domain::access::Action;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{
    self,
    error::{RecvError, TryRecvError},
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{
        extract::{App, Asker, Params},
        problem::Problem,
    },
    narrate,
    storage::log::StoredEntry,
};

/// How many entries are read at a time.
const PAGE: u64 = 100;
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
#[utoipa::path(get, path = "/events", tag = "Ledger", operation_id = "listen_events", params(EventParams),
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
    // Heard from before the head is read, so that nothing falls between the two.
    let news = app.sealer.subscribe();
    let next = match heard.or(params.after) {
        Some(after) => after.saturating_add(1),
        None => app.store.head().await?.size,
    };
    let start = Listener { news, app, asker, params, next, more: true, ready: VecDeque::new() };
    let stream = futures_util::stream::unfold(start, |mut listener| async move {
        loop {
            if let Some(news) = listener.ready.pop_front() {
                let event = Event::default().event("sealed").id(news.seq.to_string());
                return Some((Ok(event.json_data(&news).unwrap_or_default()), listener));
            }
            if !listener.more && listener.wait().await.is_break() {
                return None;
            }
            // An account or token may have ended since the stream began.
            listener.asker.may(&listener.app, Action::ReadLedger).await.ok()?;
            listener.look().await;
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(20))))
}

struct Listener {
    app: App,
    asker: Asker,
    news: broadcast::Receiver<crate::seal::Sealed>,
    params: EventParams,
    next: u64,
    /// Whether there may be more to read than was read last.
    more: bool,
    ready: VecDeque<News>,
}

impl Listener {
    /// Waits for a commit of this server, which wakes at once, or until it is time to ask for those of others.
    async fn wait(&mut self) -> ControlFlow<()> {
        match tokio::time::timeout(POLL, self.news.recv()).await {
            Ok(Err(RecvError::Closed)) => return ControlFlow::Break(()),
            Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => {}
        }
        // One look finds all of them.
        while matches!(self.news.try_recv(), Ok(_) | Err(TryRecvError::Lagged(_))) {}
        ControlFlow::Continue(())
    }

    /// Fetches what was sealed since, oldest first, a page at a time.
    async fn look(&mut self) {
        let (model, version) = (self.params.model.as_deref(), self.params.version);
        match self.app.store.entries_since(self.next, model, version, PAGE).await {
            Ok(entries) => {
                self.more = entries.len() as u64 == PAGE;
                if let Some(newest) = entries.last() {
                    self.next = newest.seq + 1;
                }
                self.ready = entries.into_iter().map(News::of).collect();
            }
            Err(error) => {
                self.more = false;
                tracing::warn!(%error, "news could not be read");
            }
        }
    }
}
