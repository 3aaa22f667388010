//! How long the kill switch takes to reach who follows the routing: from the moment at which a person's request leaves until a
//! follower holds the new document, over server-sent events and by long poll, on a quiet server and on one that seals.

use std::{
    cell::Cell,
    fmt::Write as _,
    rc::Rc,
    time::{Duration, Instant},
};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::json;
use tokio::task::LocalSet;

use crate::{
    Args, Failure,
    drive::Run,
    http::{Call, Client},
    scenario::{model, prepare_models, register_version},
    server::Server,
};

/// A long poll says nothing before its answer, so it is given this long to arrive.
const ARRIVAL: Duration = Duration::from_millis(20);
/// Clients that register versions meanwhile, in the second half.
const BUSY: usize = 16;

/// Both ways of following, quiet and busy.
#[derive(Debug, Serialize)]
pub struct Killing {
    /// Uses of the kill switch for each figure, each on a model of its own.
    pub uses: usize,
    /// Each way of following.
    pub figures: Vec<KillFigure>,
}

/// One way of following.
#[derive(Debug, Serialize)]
pub struct KillFigure {
    /// How the follower follows.
    pub how: &'static str,
    /// Clients that seal meanwhile.
    pub busy_clients: usize,
    /// Times until the follower held the document.
    pub times: Run,
}

impl Killing {
    /// As a table.
    pub fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n{:<24}{:>16}{:>9}{:>9}{:>9}", "kill switch", "clients beside", "p50 ms", "p99 ms", "max ms")?;
        for KillFigure { how, busy_clients, times } in &self.figures {
            let Run { p50_ms, p99_ms, max_ms, .. } = times;
            writeln!(out, "{how:<24}{busy_clients:>16}{p50_ms:>9.2}{p99_ms:>9.2}{max_ms:>9.2}")?;
        }
        Ok(())
    }
}

/// Measures.
pub async fn measure(args: &Args) -> Result<Killing, Failure> {
    let uses = if args.quick { 10 } else { 500 };
    println!("kill switch: {uses} uses on a quiet server, {uses} beside {BUSY} clients that seal");
    let server = Server::start(&args.countersign, args.work.join("kill"), None).await?;
    prepare_models(&server, 0..2 * uses).await?;
    let mut figures = Vec::new();
    for (busy_clients, models) in [(0, 0..uses), (BUSY, uses..2 * uses)] {
        let all = LocalSet::new();
        let (ends, server) = (Rc::new(Cell::new(false)), &server);
        for client in 0..busy_clients {
            let (ends, address, call) = (ends.clone(), server.address, register_version(server, &model(client)));
            all.spawn_local(async move {
                let mut client = Client::connect(address).await?;
                while !ends.get() {
                    client.send(&call).await?.ok("registering a version")?;
                }
                Ok::<_, Failure>(())
            });
        }
        let (mut streamed, mut polled) = (Vec::new(), Vec::new());
        let begun = Instant::now();
        all.run_until(async {
            for number in models {
                let [stream, poll] = once(server, &model(number)).await?;
                streamed.push(stream);
                polled.push(poll);
            }
            Ok::<_, Failure>(())
        })
        .await?;
        ends.set(true);
        all.await;
        for (how, times) in [("server-sent events", streamed), ("long poll", polled)] {
            figures.push(KillFigure { how, busy_clients, times: Run::of(times, begun.elapsed()) });
        }
    }
    server.stop().await?;
    Ok(Killing { uses, figures })
}

/// Uses the kill switch of a model in the US once; how long the stream and the poll took to bring the document.
async fn once(server: &Server, model: &str) -> Result<[Duration; 2], Failure> {
    let place = format!("/api/v1/routing/{model}/US");
    let mut follower = Client::connect(server.address).await?;
    let stream = follower.begin(&Call::get(format!("{place}/events")).bearer(&server.token)).await?;
    if !stream.status().is_success() {
        return Err(Failure::Unexpected(format!("following {place} was answered with {}", stream.status())));
    }
    let stream = tokio::task::spawn_local(first_event(stream.into_body()));
    let mut poller = Client::connect(server.address).await?;
    let poll = Call::get(format!("{place}?after=0&wait=30")).bearer(&server.token);
    let poll = tokio::task::spawn_local(async move {
        let answer = poller.send(&poll).await?.ok("the long poll")?;
        Ok((Instant::now(), answer.text()))
    });
    tokio::time::sleep(ARRIVAL).await;

    let mut person = Client::connect(server.address).await?;
    let body = json!({ "to": "fallback", "reason": "Measured." });
    let kill = Call::json(format!("/api/v1/rollouts/{model}/US/kill"), &body).bearer(&server.token);
    let begun = Instant::now();
    person.send(&kill).await?.ok("the kill switch")?;
    let mut taken = [Duration::ZERO; 2];
    for (follower, taken) in [stream, poll].into_iter().zip(&mut taken) {
        let held: Result<(Instant, String), Failure> =
            follower.await.map_err(|error| Failure::Unexpected(format!("a follower broke off: {error}")))?;
        let (at, document) = held?;
        if !document.contains("\"kill_switch\"") {
            return Err(Failure::Unexpected(format!("the document says nothing of the kill switch: {document}")));
        }
        *taken = at.duration_since(begun);
    }
    Ok(taken)
}

/// Reads a stream until its first whole event stands.
async fn first_event(mut body: Incoming) -> Result<(Instant, String), Failure> {
    let mut text = String::new();
    while let Some(frame) = body.frame().await {
        if let Some(bytes) = frame?.data_ref() {
            text.push_str(&String::from_utf8_lossy(bytes));
        }
        if text.contains("event: routing") && text.ends_with("\n\n") {
            return Ok((Instant::now(), text));
        }
    }
    Err(Failure::Unexpected("the stream ended without an event".into()))
}
