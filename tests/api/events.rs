//! Live news: what was sealed is heard at once, in order, and none of it is left out.

use std::{
    io::{BufRead as _, BufReader},
    sync::mpsc,
    time::Duration,
};

use domain::{Command, account::Role};
use futures_util::future::join_all;
use serde_json::Value;

use countersign::seal::{Caller, Order};

use crate::{
    assert_problem,
    common::{TestServer, model, start},
    steps,
};

/// Listens on a thread; the pieces of news arrive on the channel.
async fn listen(server: &TestServer, query: &str) -> mpsc::Receiver<Value> {
    let token = server.token(Role::Auditor).await;
    let url = format!("{}/api/v1/events{query}", server.url);
    let (send, news) = mpsc::channel();
    let (ready, started) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let response = ureq::get(&url).header("authorization", &format!("Bearer {token}")).call().unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        ready.send(()).unwrap();
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let Ok(line) = line else { return };
            let Some(data) = line.strip_prefix("data: ").or_else(|| line.strip_prefix("data:")) else { continue };
            if send.send(serde_json::from_str(data).unwrap()).is_err() {
                return;
            }
        }
    });
    started.await.unwrap();
    news
}

async fn next(news: mpsc::Receiver<Value>, count: usize) -> (Vec<(u64, String)>, mpsc::Receiver<Value>) {
    tokio::task::spawn_blocking(move || {
        let heard = (0..count)
            .map(|_| {
                let news = news.recv_timeout(Duration::from_secs(4)).expect("news in time");
                (news["seq"].as_u64().unwrap(), news["event"].as_str().unwrap().to_owned())
            })
            .collect();
        (heard, news)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_commit_is_heard_at_once() {
    let server = start().await;
    server.token(Role::DataScientist).await;
    let news = listen(&server, "").await;
    let only = listen(&server, "?model=debit").await;
    let size = server.app.store.head().await.unwrap().size;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let (heard, news) = next(news, 1).await;
    assert_eq!(heard, [(size, "model.registered".to_owned())]);
    steps::register_model(&server, "debit", "unregulated").await.expect(201);
    steps::register_version(&server, "debit", &serde_json::json!({})).await;
    let (heard, _) = next(news, 2).await;
    assert_eq!(heard, [(size + 1, "model.registered".to_owned()), (size + 2, "version.registered".to_owned())]);
    let (heard, _) = next(only, 2).await;
    assert_eq!(heard[0].0, size + 1, "what concerns another model is not told");
}

#[tokio::test]
async fn whoever_comes_back_hears_all_that_was_missed() {
    let server = start().await;
    let ana = server.account(Role::DataScientist).await;
    server.token(Role::Auditor).await;
    let size = server.app.store.head().await.unwrap().size;
    let orders = (0..250).map(|n| {
        let body = serde_json::from_value(model(&format!("m{n}"))).unwrap();
        server.app.sealer.seal(Order::new(Caller::Account(ana.clone()), Command::RegisterModel(body)))
    });
    join_all(orders).await.into_iter().for_each(|sealed| drop(sealed.unwrap()));
    let news = listen(&server, &format!("?after={}", size - 1)).await;
    let (heard, _) = next(news, 250).await;
    let numbers: Vec<u64> = heard.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(numbers, (size..size + 250).collect::<Vec<_>>());

    // Far ahead is no failure.
    drop(listen(&server, "?after=18446744073709551615").await);
    let answer = server.get("/api/v1/events").send().await;
    assert_problem(&answer, 401, "access.authenticated");
}
