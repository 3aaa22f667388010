//! Each statement is answered through an index, however long the ledger is: whatever SQLite is asked while the demo's story
//! is sealed and while its pages and its API are read, it plans without going through a table that grows with use.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use countersign::demo::PASSPHRASE;
use domain::account::Role;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};
use tracing_subscriber::{Layer, layer::SubscriberExt as _};

use crate::{
    browser::Browser,
    common::{Engine, Setup, TestServer},
};

/// Tables that hold a row for each of something few: a migration, a webhook, a model, what one market runs of it, a person's
/// request for a review. Their lists count themselves.
const FEW: [&str; 6] = ["_sqlx_migrations", "deployment_view", "dpia_view", "model_view", "review_view", "webhook"];
/// Statements that are to go through everything, with the reason.
const WHOLE: [(&str, &str); 2] = [
    ("INSERT INTO due (aggregate, at) SELECT", "when the server starts, each state is asked for its next moment"),
    ("SELECT DISTINCT model, version FROM work_item", "a new policy changes what waits, for every version with work"),
];
/// How many addresses of one shape are read.
const OF_A_SHAPE: usize = 3;

type Statements = Arc<Mutex<BTreeSet<String>>>;

/// Hears what sqlx tells of each statement.
struct Listener(Statements);

#[derive(Default)]
struct Told {
    summary: String,
    statement: String,
}

impl tracing::field::Visit for Told {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.trim().clone_into(&mut self.statement),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
}

impl<S: tracing::Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target() != "sqlx::query" {
            return;
        }
        let mut told = Told::default();
        event.record(&mut told);
        // A short statement is its own summary.
        let statement = if told.statement.is_empty() { told.summary } else { told.statement };
        self.0.lock().unwrap().insert(statement);
    }
}

/// What an address looks like apart from names and numbers.
fn shape(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let segments: Vec<&str> = path.split('/').collect();
    let fixed = |segment: &&str| segment.chars().all(|letter| letter.is_ascii_lowercase());
    let names: Vec<&str> = segments.iter().copied().filter(fixed).collect();
    let asked: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    format!("{} {} {}", segments.len(), names.last().unwrap_or(&""), asked.join(" "))
}

/// Addresses of this server that a page links to.
fn links(page: &str) -> impl Iterator<Item = String> {
    let hrefs = page.split("href=\"/").skip(1).filter_map(|rest| rest.split('"').next());
    hrefs.map(|href| format!("/{}", href.split('#').next().unwrap_or_default()).replace("&amp;", "&"))
}

/// Follows the links, some of each shape.
async fn read_pages(server: &TestServer, email: &str) -> usize {
    let reader = Browser::with_password(server, email, PASSPHRASE).await;
    let mut seen = BTreeSet::new();
    let mut shapes: BTreeMap<String, usize> = BTreeMap::new();
    let mut next = VecDeque::from(["/inbox".to_owned()]);
    let mut read = 0;
    while let Some(address) = next.pop_front() {
        let answer = reader.ask(&address).await;
        assert!(answer.status < 500, "{address}: {}", String::from_utf8_lossy(&answer.body));
        read += 1;
        if !answer.headers.get("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            continue;
        }
        for link in links(&String::from_utf8(answer.body).unwrap()) {
            let of_its_shape = shapes.entry(shape(&link)).or_default();
            if *of_its_shape < OF_A_SHAPE && !link.starts_with("/assets") && seen.insert(link.clone()) {
                *of_its_shape += 1;
                next.push_back(link);
            }
        }
    }
    read
}

/// Asks each address of the API that is read.
async fn read_api(server: &TestServer) {
    let token = server.token(Role::Auditor).await;
    for (path, item) in countersign::http::openapi().paths.paths {
        // A feed ends when the client hangs up, which this one does not.
        if item.get.is_none() || path.ends_with("/events") {
            continue;
        }
        let path = [("model", "streamrec"), ("market", "US"), ("version", "2"), ("number", "1"), ("seq", "5")]
            .iter()
            .fold(path, |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        let answer = server.get(&path).bearer(&token).send().await;
        assert!(answer.status < 500, "{path}: {}", String::from_utf8_lossy(&answer.body));
    }
}

/// The table behind a name in a plan: itself, or what the statement calls so. None, if it is a part of the statement.
fn table<'s>(sql: &'s str, name: &'s str, tables: &BTreeSet<String>) -> Option<&'s str> {
    let bare = |word: &'s str| word.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let words: Vec<&str> = sql.split_whitespace().map(bare).collect();
    let called = words.windows(2).find(|pair| pair[1] == name && tables.contains(pair[0])).map(|pair| pair[0]);
    if tables.contains(name) { Some(name) } else { called }
}

#[tokio::test]
async fn no_statement_goes_through_a_table_that_grows() {
    let statements = Statements::default();
    // The workers of sqlx are threads of their own, so it must be heard in the whole process; nextest gives each test its own.
    let listener = tracing_subscriber::registry().with(Listener(statements.clone()));
    tracing::subscriber::set_global_default(listener).unwrap();
    let server = TestServer::start_with(Setup { demo: true, ..Setup::on(Engine::Sqlite) }).await;
    let read = read_pages(&server, "ana.validator@demo.example").await
        + read_pages(&server, "daniel.admin@demo.example").await;
    read_api(&server).await;

    let file = server.dir().join("countersign.db");
    let mut database = SqliteConnection::connect(&file.display().to_string()).await.unwrap();
    let names =
        sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'").fetch_all(&mut database).await.unwrap();
    let tables: BTreeSet<String> = names.iter().map(|row| row.get(0)).collect();
    let statements = std::mem::take(&mut *statements.lock().unwrap());
    let (mut planned, mut faults) = (0, Vec::new());
    for sql in &statements {
        let is_data = ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb));
        if !is_data || WHOLE.iter().any(|(beginning, _)| sql.starts_with(beginning)) {
            continue;
        }
        let steps = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut database).await;
        planned += 1;
        for step in steps.unwrap() {
            let step: String = step.get(3);
            let Some(scanned) = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()) else { continue };
            let Some(table) = table(sql, scanned, &tables) else { continue };
            // In the order of an index, and no further than the page that is asked for.
            let is_page = step.contains("INDEX") && sql.contains("LIMIT");
            if !FEW.contains(&table) && !is_page {
                faults.push(format!("{step} ({table}):\n  {sql}"));
            }
        }
    }
    assert!(read > 100 && planned > 120, "only {read} pages were read and {planned} statements were heard");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
