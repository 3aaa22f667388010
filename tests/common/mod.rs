//! What the integration tests share: the real router over a real database on a free port, with an account and a token
//! for each role, made when first asked for. Databases and folders are gone when the [`TestServer`] is dropped.
//!
//! `tests/<name>/main.rs` says `#[path = "../common/mod.rs"] mod common;`.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::wrong_self_convention,
    reason = "each test binary uses a part of this, and a broken set-up must panic"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
};

use countersign::{
    accounts::{IssuedToken, NewAccount},
    clock::{Clock, SystemClock},
    config::Config,
    http,
    seal::Caller,
    service::Service,
};
use domain::{
    AccountId, AggregateId,
    account::{AccountKind, Role, Scope},
};
use ledger::Timestamp;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};

/// The password of every person here.
pub const PASSWORD: &str = "correct horse battery staple";
/// Names a PostgreSQL on which databases can be made and dropped.
pub const POSTGRES_URL: &str = "COUNTERSIGN_TEST_POSTGRES_URL";

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file in the test's folder.
    Sqlite,
    /// A database of its own on the server that [`POSTGRES_URL`] names.
    Postgres,
}

impl Engine {
    /// The engines that this machine offers. Says so loudly where PostgreSQL is left out.
    pub fn available() -> Vec<Self> {
        if std::env::var_os(POSTGRES_URL).is_some() {
            vec![Self::Sqlite, Self::Postgres]
        } else {
            eprintln!("SKIPPED on PostgreSQL: {POSTGRES_URL} is not set; `cargo xtask test` sets it");
            vec![Self::Sqlite]
        }
    }
}

/// How a server is set up.
pub struct Setup {
    /// Its database.
    pub engine: Engine,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Largest evidence file, in bytes.
    pub max_upload_bytes: u64,
    /// Where its data folder is made; where temporary files belong, if left out.
    pub within: Option<PathBuf>,
    /// The tablespace of its PostgreSQL database; the server's default, if left out.
    pub tablespace: Option<String>,
    /// Whether its ledger begins with the demo's story, and not empty.
    pub demo: bool,
}

impl Setup {
    /// The usual: the machine's clock, files of at most 1 GiB, an empty ledger.
    pub fn on(engine: Engine) -> Self {
        let clock = Arc::new(SystemClock);
        Self { engine, clock, max_upload_bytes: 1 << 30, within: None, tablespace: None, demo: false }
    }
}

/// A PostgreSQL database that is dropped with this.
pub struct Database {
    /// Its address.
    pub url: String,
    admin: String,
    name: String,
}

impl Database {
    /// Makes an empty database.
    pub async fn create() -> Self {
        Self::create_in(None).await
    }

    /// Makes an empty database in this tablespace.
    pub async fn create_in(tablespace: Option<&str>) -> Self {
        let admin = std::env::var(POSTGRES_URL).unwrap_or_else(|_| panic!("{POSTGRES_URL} is not set"));
        let name = format!("countersign_test_{}", uuid::Uuid::new_v4().simple());
        let place = tablespace.map(|space| format!(" TABLESPACE {space}")).unwrap_or_default();
        administer(&admin, format!("CREATE DATABASE {name}{place}")).await;
        let (address, options) = admin.split_once('?').map_or((&*admin, None), |(left, right)| (left, Some(right)));
        let host = address
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'))
            .map_or(address.len(), |(host, _)| address.find("://").unwrap() + 3 + host.len());
        let options = options.map(|options| format!("?{options}")).unwrap_or_default();
        Self { url: format!("{}/{name}{options}", &address[..host]), admin, name }
    }
}

/// Runs one statement on the server that [`POSTGRES_URL`] names.
pub async fn administer(url: &str, statement: String) {
    let options = PgConnectOptions::from_str(url).unwrap().disable_statement_logging();
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The one text that a query on the server that [`POSTGRES_URL`] names answers.
pub async fn ask(url: &str, query: &'static str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let answer = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, statement) = (self.admin.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        // Within a runtime nothing can be waited for, so another thread brings its own.
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(administer(&admin, statement));
        });
        if dropped.join().is_err() {
            eprintln!("the database {} could not be dropped", self.name);
        }
    }
}

/// An answer of the server.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The rule that a problem names, such as `stage.order`.
    pub fn rule(&self) -> String {
        let json = self.json();
        let kind = json["type"].as_str().unwrap_or_default();
        kind.strip_prefix("urn:countersign:problem:").unwrap_or(kind).to_owned()
    }

    /// Panics with the body unless the status is this.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// A request that is being put together.
pub struct Call<'s> {
    server: &'s TestServer,
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call<'_> {
    /// Sends this token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends the token of an account with this role and every scope.
    pub async fn as_role(self, role: Role) -> Self {
        let token = self.server.token(role).await;
        self.bearer(&token)
    }

    /// Sends the token of another person of this role.
    pub async fn as_colleague(self, role: Role) -> Self {
        let (_, token) = self.server.colleague(role).await;
        self.bearer(&token)
    }

    /// Sends this header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends this JSON.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string().into_bytes())
    }

    /// Sends these bytes.
    pub fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Sends it all and waits for the answer, whatever its status.
    pub async fn send(self) -> Answer {
        let mut request =
            ureq::http::Request::builder().method(self.method).uri(format!("{}{}", self.server.url, self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(self.body).unwrap();
        let agent = self.server.agent.clone();
        tokio::task::spawn_blocking(move || {
            let mut response = agent.run(request).unwrap();
            let headers = response.headers().iter();
            let headers = headers
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect();
            let status = response.status().as_u16();
            let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
            Answer { status, headers, body }
        })
        .await
        .unwrap()
    }
}

/// A running server with everything behind it.
pub struct TestServer {
    /// Its address, such as `http://127.0.0.1:40123`.
    pub url: String,
    /// The program.
    pub app: Arc<Service>,
    agent: ureq::Agent,
    people: Mutex<BTreeMap<Role, AccountId>>,
    colleagues: Mutex<BTreeMap<Role, AccountId>>,
    /// The tokens of both, with their last instant.
    tokens: Mutex<BTreeMap<AccountId, (String, Timestamp)>>,
    task: JoinHandle<()>,
    // Dropped last, in this order: the database before the folder.
    database: Option<Database>,
    folder: TempDir,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server on SQLite.
pub async fn start() -> TestServer {
    TestServer::start_on(Engine::Sqlite).await
}

impl TestServer {
    /// A server on this engine.
    pub async fn start_on(engine: Engine) -> Self {
        Self::start_with(Setup::on(engine)).await
    }

    /// A server, set up so.
    pub async fn start_with(setup: Setup) -> Self {
        let folder = setup.within.as_deref().map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
        let database = match setup.engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Database::create_in(setup.tablespace.as_deref()).await),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = listener.local_addr().unwrap();
        let url = format!("http://{listen}");
        let config = Config {
            data: folder.path().to_owned(),
            database_url: database.as_ref().map(|database| database.url.clone()),
            listen,
            public_url: url.clone(),
            signing_key: folder.path().join("signing-key"),
            log_origin: Some("test.example/countersign".into()),
            max_upload_bytes: setup.max_upload_bytes,
            session_idle_minutes: 60,
            trusted_proxies: Vec::new(),
            webhooks: countersign::config::WebhookSettings::default(),
        };
        if setup.demo {
            countersign::demo::fill(&config).await.unwrap();
        }
        let app = Service::open(config, setup.clock).await.unwrap();
        let router = http::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .timeout_global(Some(std::time::Duration::from_mins(1)))
            .build()
            .new_agent();
        Self {
            url,
            app,
            agent,
            people: Mutex::default(),
            colleagues: Mutex::default(),
            tokens: Mutex::default(),
            task,
            database,
            folder,
        }
    }

    /// The data folder.
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The address of the database, if it is PostgreSQL.
    pub fn database_url(&self) -> Option<&str> {
        self.database.as_ref().map(|database| &*database.url)
    }

    /// The e-mail address of the account that [`Self::account`] makes for a role.
    pub fn email(role: Role) -> String {
        format!("{}@bank.example", role.id().replace('_', "."))
    }

    /// Makes one more person or machine and answers its id.
    pub async fn add_account(&self, role: Role, name: &str, email: &str, team: &str) -> AccountId {
        let human = role != Role::Service;
        let new = NewAccount {
            name: name.to_owned(),
            email: human.then(|| email.to_owned()),
            password: human.then(|| PASSWORD.to_owned()),
            team: team.to_owned(),
            roles: BTreeSet::from([role]),
            kind: if human { AccountKind::Human } else { AccountKind::Service },
        };
        let receipt = self.app.create_account(Caller::System, new).await.unwrap();
        match receipt.subject.parse() {
            Ok(AggregateId::Account(id)) => id,
            other => panic!("no account but {other:?}"),
        }
    }

    /// The account of this role, made when first asked for. Each role is its own team; the password is [`PASSWORD`].
    pub async fn account(&self, role: Role) -> AccountId {
        let mut people = self.people.lock().await;
        if let Some(id) = people.get(&role) {
            return id.clone();
        }
        let id = self.add_account(role, &format!("Test {}", role.title()), &Self::email(role), role.id()).await;
        people.insert(role, id.clone());
        id
    }

    /// A token of the role's account with every scope; good for 30 days, and issued anew when they are over.
    pub async fn token(&self, role: Role) -> String {
        let id = self.account(role).await;
        self.token_of(&id).await
    }

    /// A token of this account with every scope; good for 30 days, and issued anew when they are over.
    pub async fn token_of(&self, id: &AccountId) -> String {
        let mut tokens = self.tokens.lock().await;
        let now = self.app.clock.now();
        if let Some((token, _)) = tokens.get(id).filter(|(_, until)| *until > now) {
            return token.clone();
        }
        let until = now.plus_days(30);
        let token = self.issue(id, &Scope::ALL, until).await.token;
        tokens.insert(id.clone(), (token.clone(), until));
        token
    }

    /// Another person of this role, in the same team, with a token of every scope; made when first asked for.
    pub async fn colleague(&self, role: Role) -> (AccountId, String) {
        let mut colleagues = self.colleagues.lock().await;
        let id = if let Some(id) = colleagues.get(&role) {
            id.clone()
        } else {
            let (name, email) = (format!("Second {}", role.title()), format!("second.{}", Self::email(role)));
            let id = self.add_account(role, &name, &email, role.id()).await;
            colleagues.insert(role, id.clone());
            id
        };
        let token = self.token_of(&id).await;
        (id, token)
    }

    /// A token of this account with these scopes.
    pub async fn issue(&self, account: &AccountId, scopes: &[Scope], expires_at: Timestamp) -> IssuedToken {
        // People issue their own tokens; those of services are issued for them.
        let known = self.app.account(account).await.unwrap().unwrap();
        let caller = match known.kind {
            AccountKind::Human => Caller::Account(account.clone()),
            AccountKind::Service => Caller::System,
        };
        let scopes = scopes.iter().copied().collect();
        self.app.issue_token(caller, account.clone(), "test".into(), scopes, expires_at).await.unwrap()
    }

    fn call(&self, method: &'static str, path: &str) -> Call<'_> {
        Call { server: self, method, path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A GET of a whole path, such as `/api/v1/models`.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call("GET", path)
    }

    /// A POST to a whole path.
    pub fn post(&self, path: &str) -> Call<'_> {
        self.call("POST", path)
    }

    /// A PUT to a whole path.
    pub fn put(&self, path: &str) -> Call<'_> {
        self.call("PUT", path)
    }

    /// A DELETE of a whole path.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call("DELETE", path)
    }
}

/// A model as the API takes it: unregulated, tier 3, in US and EU.
pub fn model(name: &str) -> Value {
    json!({
        "name": name, "title": format!("The model {name}"), "purpose": "To be tested.",
        "tier": "3", "profile": "unregulated", "markets": ["US", "EU"],
    })
}

/// The git commit of [`lineage`].
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// The data version of [`lineage`].
pub const DATA_VERSION: &str = "2026-10-01";

/// The digest that `lineage` states for the weights: `sha256:` and 64 times the digit.
pub fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// A complete lineage as the API takes it.
pub fn lineage() -> Value {
    json!({
        "code": { "git_commit": COMMIT, "repository": "https://git.bank.example/credit", "image_digest": digest('a') },
        "data": { "dataset": "loans", "version": DATA_VERSION, "schema_digest": digest('b') },
        "model": { "weights_digest": digest('c'), "architecture": "gradient-boosted trees", "framework": "scikit-learn 1.9" },
        "features": { "set_version": "7", "names": ["age_of_account", "income"] },
        "hyperparameters": { "learning_rate": 0.1, "max_depth": 6 },
        "training": { "system": "mlflow", "id": "run-1", "random_seed": 42 },
        "metrics": { "auc": 0.81 },
    })
}
