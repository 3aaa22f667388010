//! The pages: each handler authorises, loads, fills a view model of `app` and answers with the document, or acts and
//! redirects. Pages hold no rules; a refused form is shown again with what to mend.

mod administration;
mod api_reference;
mod as_of;
mod assets;
mod campaigns;
mod charts;
mod compare;
mod evidence;
pub mod faults;
mod impact;
mod inbox;
mod inventory;
pub mod kept;
mod ledger;
mod models;
mod people;
mod policy;
mod privacy;
mod reading;
mod record;
mod reports;
mod rollbacks;
mod rollouts;
mod session;
mod sign;
mod split;
mod triggers;
mod validation;
mod versions;
mod webhooks;
mod words;

use app::{
    CheckpointBadge, Page, Shell, Theme, User,
    kit::{ErrorSummary, Link, Notice, Tone},
    pages::ErrorView,
};
use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, FromRequestParts, OptionalFromRequestParts},
    http::{HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use domain::{
    access::{self, Action, Principal},
    refusal::Missing,
};

use super::{
    extract::{App, SESSION_COOKIE, WriteHeaders, cookie},
    problem::Problem,
};
use crate::{
    seal::{self, Caller, Order, Receipt},
    service::Service,
    storage::StoreError,
};

/// Fields of a posted form; a name may come several times.
pub type Fields = Form<Vec<(String, String)>>;

/// The first value of a form's field, or nothing.
pub fn field<'f>(fields: &'f [(String, String)], name: &str) -> &'f str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

/// Every value of a form's field.
pub fn fields_named<'f>(fields: &'f [(String, String)], name: &str) -> impl Iterator<Item = &'f str> {
    fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// A form's prose. A browser sends line ends as CR LF; the record keeps LF.
pub fn prose(fields: &[(String, String)], name: &str) -> String {
    field(fields, name).replace("\r\n", "\n")
}

/// One input of a form is wrong.
pub fn refuse(input: &str, message: impl Into<String>) -> Problem {
    domain::Refusal::invalid(vec![Missing::field(input, message)]).into()
}

/// Who looks at a page.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// For commands.
    pub caller: Caller,
    /// For questions of access.
    pub principal: Principal,
    /// The session's secret, to end it.
    pub secret: String,
    /// What the request brought for the frame of the page.
    pub frame: Frame,
}

impl Viewer {
    /// Refuses unless the viewer may do this.
    ///
    /// # Errors
    /// A page that says who may.
    pub fn may(&self, action: Action) -> Result<(), PageError> {
        access::authorise(&self.principal, action).map_err(|refusal| self.error(Problem::from(refusal)))
    }

    /// Whether the viewer may do this.
    pub fn can(&self, action: Action) -> bool {
        access::authorise(&self.principal, action).is_ok()
    }

    /// The page that shows a problem to this viewer.
    pub fn error(&self, problem: impl Into<Problem>) -> PageError {
        PageError(Box::new((problem.into(), self.frame.clone())))
    }

    /// Seals a command for this viewer; `fields` may carry the revision that the form was made from.
    ///
    /// # Errors
    /// A rule refused it or the storage failed.
    pub async fn seal(
        &self,
        app: &Service,
        command: domain::Command,
        fields: &[(String, String)],
    ) -> Result<Receipt, Problem> {
        let expected_revision = field(fields, "revision").parse().ok();
        let order = Order { expected_revision, ..Order::new(self.caller.clone(), command) };
        WriteHeaders::default().seal(app, order, ::ledger::Digest::of(b"")).await
    }

    /// Seals the command that was read from a form as one that asks for its person: `input` is where the password was
    /// typed once more.
    ///
    /// # Errors
    /// The form could not be read, the password is wrong, a rule refused the command, or the storage failed.
    pub async fn seal_in_person(
        &self,
        app: &Service,
        command: Result<domain::Command, Problem>,
        fields: &[(String, String)],
        input: &str,
    ) -> Result<Receipt, Problem> {
        let command = command?;
        let by = app.prove(self.caller.clone(), field(fields, input)).await?;
        let order = Order { expected_revision: field(fields, "revision").parse().ok(), ..by.order(command) };
        WriteHeaders::default().seal(app, order, ::ledger::Digest::of(b"")).await
    }

    /// Seals the command that was read from a form, unless the reading already said what is wrong.
    ///
    /// # Errors
    /// The form could not be read, a rule refused the command, or the storage failed.
    pub async fn seal_read(
        &self,
        app: &Service,
        command: Result<domain::Command, Problem>,
        fields: &[(String, String)],
    ) -> Result<Receipt, Problem> {
        self.seal(app, command?, fields).await
    }

    /// Seals the command that was read from a form and goes on to `to`. Where that was refused, `again` makes the page
    /// with the form once more, from the summary of what to mend; `rename` says which input stands for which field.
    ///
    /// # Errors
    /// The page could not be made again.
    pub async fn settle<P: Page>(
        &self,
        app: &Service,
        (fields, command): (&[(String, String)], Result<domain::Command, Problem>),
        to: &str,
        rename: &[(&str, &str)],
        again: impl AsyncFnOnce(ErrorSummary) -> Result<P, PageError>,
    ) -> Result<Response, PageError> {
        let outcome = self.seal_read(app, command, fields).await;
        self.answer(outcome, to, rename, again).await
    }

    /// Goes on to `to` with what was sealed, or shows the page with the form once more, as [`Self::settle`] does.
    ///
    /// # Errors
    /// The page could not be made again.
    pub async fn answer<P: Page>(
        &self,
        outcome: Result<Receipt, Problem>,
        to: &str,
        rename: &[(&str, &str)],
        again: impl AsyncFnOnce(ErrorSummary) -> Result<P, PageError>,
    ) -> Result<Response, PageError> {
        match outcome {
            Ok(receipt) => Ok(done(to, &receipt)),
            Err(problem) => {
                let page = again(words::summary(&problem, rename)).await?;
                show_with(problem.status_code(), &self.frame, page).await
            }
        }
    }

    /// The slots of work that wait for this viewer: its roles and itself.
    pub fn slots(&self) -> Vec<String> {
        let roles = self.principal.roles.iter().map(|role| role.id().to_owned());
        roles.chain([self.principal.account.to_string()]).collect()
    }
}

/// What the frame of every page needs from the request.
#[derive(Debug, Clone)]
pub struct Frame {
    path: String,
    theme: Theme,
    notice: Option<String>,
    app: Option<AppHandle>,
    viewer: Option<Onlooker>,
}

/// Who looks, as far as the frame shows it.
#[derive(Debug, Clone)]
struct Onlooker {
    account: String,
    /// The slots of work counted beside the inbox.
    slots: Vec<String>,
    roles: String,
}

/// The program; named apart so that `Frame` can be printed.
#[derive(Clone)]
struct AppHandle(App);

impl std::fmt::Debug for AppHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}

impl Frame {
    fn new(parts: &Parts, app: &App) -> Self {
        let theme = cookie(&parts.headers, "theme").map_or(Theme::Auto, |theme| Theme::from_id(&theme));
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Self { path, theme, notice: cookie(&parts.headers, "notice"), app: Some(AppHandle(app.clone())), viewer: None }
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let frame = Frame::new(parts, app);
        let Some(secret) = cookie(&parts.headers, SESSION_COOKIE) else { return Err(to_sign_in(&parts.uri)) };
        let account = match app.session_account(&secret).await {
            Ok(Some(account)) => account,
            Ok(None) => return Err(to_sign_in(&parts.uri)),
            Err(error) => return Err(PageError(Box::new((error.into(), frame))).into_response()),
        };
        let caller = Caller::Account(account.id.clone());
        let principal = match seal::principal(&caller, Some(&account), app.clock.now()) {
            Ok(principal) => principal,
            Err(refusal) => return Err(PageError(Box::new((refusal.into(), frame))).into_response()),
        };
        let roles: Vec<&str> = principal.roles.iter().map(|role| role.title()).collect();
        let roles = roles.join(", ");
        // A form that comes back after its session had ended is shown, never acted upon: see `kept`.
        let caller = if kept::is_resumed(&parts.uri) { Caller::Resumed } else { caller };
        let mut viewer = Self { caller, principal, secret, frame };
        viewer.frame.viewer = Some(Onlooker { account: account.id.to_string(), slots: viewer.slots(), roles });
        Ok(viewer)
    }
}

/// A frame for pages that need no sign-in.
impl FromRequestParts<App> for Frame {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self::new(parts, app))
    }
}

impl OptionalFromRequestParts<App> for Viewer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Self::Rejection> {
        Ok(<Self as FromRequestParts<App>>::from_request_parts(parts, app).await.ok())
    }
}

fn to_sign_in(uri: &Uri) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let next = crate::http::escape(path);
    Redirect::to(&format!("/sign-in?next={next}")).into_response()
}

/// A page that could not be shown as asked.
pub struct PageError(Box<(Problem, Frame)>);

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (problem, frame) = *self.0;
        let status = problem.status_code();
        let advice = match status {
            StatusCode::BAD_REQUEST => "Nothing was written. Go back, mend what is named, and send it again.",
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                "Nothing was written. Open the page itself and use its form."
            }
            StatusCode::PAYLOAD_TOO_LARGE => "Nothing was written. Shorten it, or attach the long part as a file.",
            StatusCode::NOT_FOUND => "Check the address, or start from the list of models.",
            StatusCode::FORBIDDEN => "Somebody who holds the right role can do it.",
            StatusCode::CONFLICT => "Go back, load the page again and repeat what still applies.",
            StatusCode::UNPROCESSABLE_ENTITY => "Nothing was written. Supply what is missing, then try again.",
            _ => "Nothing was written. Try again in a moment; if it goes on, tell an administrator.",
        };
        let view = ErrorView {
            status: problem.status,
            title: problem.title,
            sentence: problem.detail,
            advice: advice.to_owned(),
            missing: words::missing(problem.missing),
            links: vec![Link::new("Models", "/models"), Link::new("Inbox", "/inbox")],
            request_id: None,
        };
        // The frame around an error never asks the database: that may be what failed.
        let shell = Shell { path: frame.path.clone(), theme: frame.theme, ..bare_shell() };
        document(status, &shell, view)
    }
}

fn bare_shell() -> Shell {
    Shell {
        nonce: nonce(),
        assets: assets::version().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Shell::default()
    }
}

/// A fresh nonce for one answer's Content-Security-Policy.
fn nonce() -> String {
    let mut bytes = [0; 16];
    // Without randomness the nonce is empty and the browser runs no script: safe, and the page still reads.
    if getrandom::fill(&mut bytes).is_err() {
        return String::new();
    }
    BASE64_STANDARD_NO_PAD.encode(bytes)
}

/// A page in its frame.
///
/// # Errors
/// The storage failed.
pub async fn show(frame: &Frame, page: impl Page) -> Result<Response, PageError> {
    show_with(StatusCode::OK, frame, page).await
}

/// A page in its frame, with another status: forms that were refused. What the frame tells beside the page (checkpoint,
/// name, what waits) is left out where it cannot be read: it never stands in the way of the page itself.
///
/// # Errors
/// None now; callers are ready for one.
pub async fn show_with(status: StatusCode, frame: &Frame, page: impl Page) -> Result<Response, PageError> {
    let mut shell = Shell { path: frame.path.clone(), theme: frame.theme, ..bare_shell() };
    if let Some(AppHandle(app)) = &frame.app {
        shell.is_demo = app.demo;
        if let Some(onlooker) = &frame.viewer {
            shell.checkpoint = or_without("the checkpoint", checkpoint(app).await).flatten();
            let names = or_without("a name", app.names([onlooker.account.as_str()]).await);
            let inbox = app.store.count_work(&onlooker.slots, app.clock.now()).await;
            shell.user = Some(User {
                name: names.map_or_else(|| onlooker.account.clone(), |names| names.of(&onlooker.account)),
                roles: onlooker.roles.clone(),
                inbox: or_without("the inbox", inbox).map_or(0, |inbox| u32::try_from(inbox).unwrap_or(u32::MAX)),
            });
        }
    }
    let had_notice = frame.notice.is_some();
    shell.notice = frame.notice.as_deref().and_then(notice_from).filter(|_| status == StatusCode::OK);
    let mut response = document(status, &shell, page);
    if had_notice {
        set_cookie(&mut response, "notice=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }
    Ok(response)
}

async fn checkpoint(app: &App) -> Result<Option<CheckpointBadge>, StoreError> {
    let head = app.store.head().await?;
    let opened = ::ledger::Checkpoint::open(&head.checkpoint, &[app.key.verifier().clone()]).ok();
    Ok(opened.map(|opened| CheckpointBadge { size: head.size, root: words::digest(&opened.checkpoint.root) }))
}

/// What was read, or nothing and a line in the log.
fn or_without<T>(what: &str, read: Result<T, StoreError>) -> Option<T> {
    read.inspect_err(|error| tracing::warn!(%error, "the frame of a page goes without {what}")).ok()
}

fn document(status: StatusCode, shell: &Shell, page: impl Page) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'nonce-{}' 'strict-dynamic' 'wasm-unsafe-eval'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        shell.nonce
    );
    let html = app::render(shell, page);
    let mut response = (status, axum::response::Html(html)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// What happened, told on the next page: a word for the kind and the entry's number, so that no text travels in a
/// cookie.
fn notice_from(cookie: &str) -> Option<Notice> {
    let (kind, seq) = cookie.split_once('-')?;
    let seq: u64 = seq.parse().ok()?;
    let title = match kind {
        "done" => format!("Recorded as entry {seq}."),
        "moved" => "Nothing was missing any more: the version moved on.".to_owned(),
        _ => return None,
    };
    Some(Notice::new(Tone::Good, title).with_link(words::entry_link(seq)))
}

/// Goes on to `to` after a command, saying there what was recorded.
pub fn done(to: &str, receipt: &Receipt) -> Response {
    let moved = receipt.entries.iter().any(|entry| entry.event == "stage.transitioned");
    let mut response = Redirect::to(to).into_response();
    let kind = if moved { "moved" } else { "done" };
    set_cookie(
        &mut response,
        &format!("notice={kind}-{}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", receipt.last_seq()),
    );
    response
}

/// Every page's route.
#[expect(clippy::too_many_lines, reason = "a line for each route")]
pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(inbox::show))
        .route("/inbox", get(inbox::show))
        .route("/sign-in", get(session::sign_in_page).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/setup/{token}", get(session::setup_page).post(session::set_up))
        .route("/theme", post(session::theme))
        .route("/account", get(session::account_page))
        .route("/account/password", post(session::change_password))
        .route("/models", get(models::list).post(models::register))
        .route("/models.csv", get(models::csv))
        .route("/models/new", get(models::new))
        .route("/models/{model}", get(models::model))
        .route("/models/{model}/compare", get(compare::page))
        .route("/triggers", get(triggers::list))
        .route("/models/{model}/triggers", get(triggers::model).post(triggers::configure))
        .route("/models/{model}/retrain", post(triggers::retrain))
        .route("/models/{model}/versions/{version}/drift", get(triggers::drift).post(triggers::approve))
        .route("/webhooks", get(webhooks::page).post(webhooks::register))
        .route("/webhooks/{webhook}/rotate", post(webhooks::rotate))
        .route("/webhooks/{webhook}/remove", post(webhooks::remove))
        .route("/webhooks/{webhook}/replay", post(webhooks::replay))
        .route("/models/{model}/versions", post(versions::register))
        .route("/models/{model}/versions/new", get(versions::new))
        .route("/models/{model}/versions/{version}", get(versions::overview))
        .route("/models/{model}/versions/{version}/requests", post(versions::request))
        .route("/models/{model}/versions/{version}/requests/{number}/withdraw", post(versions::withdraw))
        .route("/models/{model}/versions/{version}/archive", post(versions::archive))
        .route("/lineage", get(impact::page))
        .route("/models/{model}/versions/{version}/lineage", get(record::lineage).post(record::amend))
        // The file has the evidence's own limit, kept while it streams in.
        .route(
            "/models/{model}/versions/{version}/evidence",
            get(evidence::evidence).post(evidence::attach).layer(DefaultBodyLimit::disable()),
        )
        .route("/models/{model}/versions/{version}/evidence/{number}", get(evidence::download))
        .route("/models/{model}/versions/{version}/split", get(split::page).post(split::check))
        .route("/models/{model}/versions/{version}/timeline", get(record::timeline))
        .route("/models/{model}/versions/{version}/validation", get(validation::page).post(validation::record))
        .route("/models/{model}/versions/{version}/findings", post(validation::raise))
        .route("/models/{model}/versions/{version}/findings/{number}/remediate", post(validation::remediate))
        .route("/models/{model}/versions/{version}/findings/{number}/close", post(validation::close))
        .route("/models/{model}/versions/{version}/findings/{number}/reopen", post(validation::reopen))
        .route("/models/{model}/versions/{version}/materiality", post(validation::panels::set_materiality))
        .route("/models/{model}/versions/{version}/requests/{number}/vote", post(validation::panels::vote))
        .route("/models/{model}/versions/{version}/requests/{number}/recuse", post(validation::panels::recuse))
        .route("/models/{model}/versions/{version}/waivers", post(validation::panels::grant))
        .route("/models/{model}/versions/{version}/waivers/{number}/revoke", post(validation::panels::revoke))
        .route("/models/{model}/inventory", get(inventory::page).post(inventory::amend))
        .route("/models/{model}/tier", post(inventory::tier))
        .route("/models/{model}/markets", post(inventory::add_market))
        .route("/models/{model}/owner", post(inventory::owner))
        .route("/models/{model}/retire", post(inventory::retire))
        .route("/campaigns", get(campaigns::list).post(campaigns::open))
        .route("/campaigns/{number}", get(campaigns::page))
        .route("/campaigns/{number}/attest", post(campaigns::attest))
        .route("/policy", get(policy::page).post(policy::adopt))
        .route("/models/{model}/versions/{version}/sign", get(sign::page).post(sign::sign))
        .route("/models/{model}/versions/{version}/decline", post(sign::decline))
        .route("/models/{model}/versions/{version}/sign/{seq}", get(sign::receipt))
        .route("/rollouts", get(rollouts::list))
        .route("/rollouts/{model}/{market}", get(rollouts::page))
        .route("/rollouts/{model}/{market}/past", get(rollouts::course::past))
        .route("/rollouts/{model}/{market}/versions/{version}", get(rollouts::course::page))
        .route("/rollouts/{model}/{market}/hold", post(rollouts::acts::hold))
        .route("/rollouts/{model}/{market}/resume", post(rollouts::acts::resume))
        .route("/rollouts/{model}/{market}/rollback", post(rollouts::acts::roll_back))
        .route("/rollouts/{model}/{market}/approve", post(rollouts::acts::approve))
        .route("/rollouts/{model}/{market}/drills", post(rollouts::acts::start_drill))
        .route("/rollouts/{model}/{market}/drills/finish", post(rollouts::acts::finish_drill))
        .route("/rollouts/{model}/{market}/kill", get(rollouts::acts::kill_page).post(rollouts::acts::kill))
        .route("/rollouts/{model}/{market}/kill/review", post(rollouts::acts::review_kill))
        .route("/rollouts/{model}/{market}/kill/lift", post(rollouts::acts::lift_kill))
        .route("/models/{model}/versions/{version}/dossier.pdf", get(reports::dossier))
        .route("/privacy", get(privacy::list))
        .route("/privacy/models/{model}", get(privacy::model))
        .route("/privacy/models/{model}/edit", get(privacy::edit).post(privacy::save))
        .route("/privacy/models/{model}/advice", post(privacy::advise))
        .route("/privacy/models/{model}/consultation", post(privacy::consult))
        .route("/privacy/models/{model}/approve", post(privacy::approve))
        .route("/privacy/models/{model}/reopen", post(privacy::reopen))
        .route("/privacy/models/{model}/import", post(privacy::import))
        .route("/privacy/models/{model}/safeguards", get(privacy::safeguards).post(privacy::state))
        .route("/privacy/models/{model}/safeguards/confirm", post(privacy::confirm))
        .route("/privacy/reviews", get(privacy::reviews).post(privacy::record))
        .route("/privacy/reviews/{model}/{number}", get(privacy::review))
        .route("/privacy/reviews/{model}/{number}/assign", post(privacy::assign))
        .route("/privacy/reviews/{model}/{number}/extend", post(privacy::extend))
        .route("/privacy/reviews/{model}/{number}/answer", post(privacy::answer_review))
        .route("/privacy/reviews/{model}/{number}/hold", post(privacy::hold_review))
        .route("/privacy/reviews/{model}/{number}/erase", post(privacy::erase_review))
        .route("/privacy/erasures", get(privacy::erasures).post(privacy::erase))
        .route("/privacy/holds", post(privacy::hold))
        .route("/privacy/holds/release", post(privacy::release))
        .route("/ledger", get(ledger::list))
        .route("/ledger/{seq}", get(ledger::entry))
        .route("/as-of", get(as_of::page))
        .route("/reports", get(reports::page).post(reports::ask))
        .route("/reports/{id}", get(reports::job))
        .route("/reports/{id}/{format}", get(reports::fetch))
        .route("/reports/dossier", get(reports::dossier_of))
        .route("/people", get(people::page).post(people::create))
        .route("/people/{account}/roles", post(people::change_roles))
        .route("/people/{account}/disable", post(people::disable))
        .route("/people/{account}/enable", post(people::enable))
        .route("/people/tokens", get(people::tokens).post(people::issue_token))
        .route("/people/tokens/{token}/revoke", post(people::revoke_token))
        .route("/docs/api", get(api_reference::page))
        .merge(assets::router())
}

/// What is answered where no route fits; [`faults`] makes a page of it.
pub async fn not_found() -> Problem {
    Problem::not_found("There is nothing at this address.")
}
