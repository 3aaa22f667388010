//! The demo: an empty ledger is filled with seven weeks of a story worth clicking through. It is played through the
//! same commands as everything else, on a clock that is moved, so every rule held when its entry was sealed.
//!
//! The module `story` is the form of it; `streamrec`, `credit` and `others` are its content.

mod calendar;
mod cast;
mod credit;
mod files;
mod gates;
mod others;
mod privacy;
mod story;
mod streamrec;
#[cfg(test)]
mod tests;
mod trials;
mod triggers;

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
    io,
    sync::Arc,
};

use domain::{
    AggregateId, Command, Refusal, VersionId,
    account::{AccountKind, Role, Scope},
    approval::Package,
    command::SignPromotion,
    committee::{CastVote, Voice},
    deployment::{
        ServingCommand, StepPackage,
        command::{Applied, ApproveStep},
    },
    evidence::{Criteria, EvidencePath},
    id::{IdError, Market},
    refusal::Missing,
};
use futures_util::stream;
use ledger::Timestamp;
use tokio::sync::broadcast::error::RecvError;

use crate::{
    accounts::{By, NewAccount},
    attach::{self, NewEvidence},
    blobs::BlobError,
    clock::{Clock, ManualClock, SystemClock},
    clockwork,
    config::Config,
    seal::{Caller, Order, SealError},
    service::{DEMO_SETTING, Service, Shelf, StartError},
    storage::{Store, StoreError},
};
use calendar::{Calendar, When};
use cast::{Actor, DANIEL, PIPELINE};
pub use cast::{PASSPHRASE, PEOPLE, Person};
use files::Content;
use story::{Act, Scene, Upload};
use trials::Stretch;

/// When the ledger begins.
const BEGINNING: When = (36, 7, 45);
/// Value of the setting while the demo is being written.
const FILLING: &str = "filling";
/// Value of the setting once the demo is complete.
const COMPLETE: &str = "complete";

/// Why the demo was not written.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The program does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger has entries that are not the demo's.
    #[error(
        "--demo is for an empty ledger only, and the one in {0} has entries already. Nothing was changed. Leave --demo out, or name another data folder with --data"
    )]
    InUse(String),
    /// An earlier demo was not written to its end.
    #[error("an earlier --demo broke off, so {0} holds half a story. Remove it and start again")]
    BrokenOff(String),
    /// A scene was refused.
    #[error("the demo's scene of {at} by {by} was refused: {source}")]
    Scene {
        /// When it plays.
        at: Timestamp,
        /// Who acts.
        by: &'static str,
        /// Why.
        source: SealError,
    },
    /// An evidence file could not be kept.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// A name in the story is none.
    #[error(transparent)]
    Name(#[from] IdError),
}

/// Fills an empty ledger with the demo; does nothing if it holds the demo already.
///
/// # Errors
/// The ledger holds something else, or cannot be opened or written.
pub async fn fill(config: &Config) -> Result<(), DemoError> {
    fill_until(config, SystemClock.now()).await
}

/// Plays the story so that it ends at `now`.
async fn fill_until(config: &Config, now: Timestamp) -> Result<(), DemoError> {
    let calendar = Calendar { now };
    if !needs_filling(config).await? {
        return Ok(());
    }
    let clock = Arc::new(ManualClock::new(calendar.at(BEGINNING)));
    let app = Service::open(config.clone(), clock.clone()).await?;
    app.store.put_setting(DEMO_SETTING, Some(FILLING)).await?;
    let cast = admit(&app).await.map_err(|source| DemoError::Scene { at: clock.now(), by: "Countersign", source })?;
    let mut scenes = streamrec::scenes(calendar)?;
    scenes.extend(credit::scenes(calendar)?);
    scenes.extend(others::scenes(calendar)?);
    scenes.sort_by_key(|scene| scene.at);
    for scene in scenes {
        run_until(&app, &clock, scene.at).await?;
        let (at, by) = (scene.at, scene.by);
        play(&app, &cast, scene).await.map_err(|source| DemoError::Scene { at, by, source })?;
    }
    run_until(&app, &clock, now).await?;
    app.store.put_setting(DEMO_SETTING, Some(COMPLETE)).await?;
    close(app).await;
    Ok(())
}

/// Moves the clock on to `until`, stopping wherever a rule of time has its turn, as a server that runs meanwhile does.
async fn run_until(app: &Service, clock: &ManualClock, until: Timestamp) -> Result<(), DemoError> {
    loop {
        let due = app.store.next_due().await?.filter(|due| *due < until);
        let at = due.map_or(until, |due| due.max(clock.now()));
        clock.set(at);
        clockwork::turn(app).await.map_err(|source| DemoError::Scene { at, by: "Countersign", source })?;
        if due.is_none() {
            return Ok(());
        }
    }
}

/// Whether the ledger is empty; an error if it holds anything but the demo. An adopted policy counts too: its entry
/// has the time of its making, and no history can be written before it.
async fn needs_filling(config: &Config) -> Result<bool, DemoError> {
    std::fs::create_dir_all(&config.data).map_err(|error| StartError::Folder(config.data.clone(), error))?;
    let store = Store::open(config.database_url.as_deref(), &config.data).await?;
    let place = || match &config.database_url {
        Some(_) => "the PostgreSQL database".to_owned(),
        None => config.data.display().to_string(),
    };
    match (store.setting(DEMO_SETTING).await?.as_deref(), store.head().await?.size) {
        (Some(FILLING), _) => Err(DemoError::BrokenOff(place())),
        (Some(_), _) => Ok(false),
        (None, 0) => Ok(true),
        (None, _) => Err(DemoError::InUse(place())),
    }
}

/// Drops the service and waits until its sealing task has ended, so that the next one opens on a quiet database.
async fn close(app: Arc<Service>) {
    let mut news = app.sealer.subscribe();
    drop(app);
    while !matches!(news.recv().await, Err(RecvError::Closed)) {}
}

/// Makes the accounts; how each actor calls from then on.
async fn admit(app: &Service) -> Result<HashMap<Actor, Caller>, SealError> {
    let mut cast = HashMap::new();
    for person in PEOPLE {
        let new = NewAccount {
            name: person.name.to_owned(),
            email: Some(person.email.to_owned()),
            password: Some(PASSPHRASE.to_owned()),
            team: person.team.to_owned(),
            roles: BTreeSet::from([person.role]),
            kind: AccountKind::Human,
        };
        cast.insert(person.email, Caller::Account(created(app, Caller::System, new).await?));
    }
    let administrator = cast.get(DANIEL).cloned().unwrap_or(Caller::System);
    let new = NewAccount {
        name: "Training pipeline".to_owned(),
        email: None,
        password: None,
        team: "ML platform".to_owned(),
        roles: BTreeSet::from([Role::Service]),
        kind: AccountKind::Service,
    };
    let pipeline = created(app, administrator.clone(), new).await?;
    let scopes = BTreeSet::from([Scope::Read, Scope::Register, Scope::Evidence, Scope::Promote, Scope::Serve]);
    let expires_at = app.clock.now().plus_days(180);
    let label = "nightly retraining, GitHub Actions".to_owned();
    // The secret is dropped here: nobody has it.
    let token = app.issue_token(administrator, pipeline.clone(), label, scopes, expires_at).await?.id;
    cast.insert(PIPELINE, Caller::Token(pipeline, token));
    Ok(cast)
}

async fn created(app: &Service, caller: Caller, new: NewAccount) -> Result<domain::AccountId, SealError> {
    let receipt = app.create_account(By { caller, reauthenticated: true }, new).await?;
    match receipt.subject.parse() {
        Ok(AggregateId::Account(id)) => Ok(id),
        _ => Err(not_there(&receipt.subject)),
    }
}

fn not_there(what: &str) -> SealError {
    Refusal::not_found(
        format!("{what} is not there; the demo's story is wrong."),
        Missing::field("story", "Mend the story."),
    )
    .into()
}

async fn play(app: &Service, cast: &HashMap<Actor, Caller>, scene: Scene) -> Result<(), SealError> {
    let caller = cast.get(scene.by).cloned().ok_or_else(|| not_there(scene.by))?;
    let order = match scene.act {
        // The people of the story prove who they are wherever they are asked to.
        Act::Command(command) => Order { reauthenticated: true, ..Order::new(caller, *command) },
        Act::Raise(id, mut finding, owner) => {
            finding.owner = match owner.and_then(|owner| cast.get(owner)) {
                Some(Caller::Account(id)) => Some(id.clone()),
                _ => None,
            };
            Order::new(caller, Command::RaiseFinding(id, finding))
        }
        Act::Attach(id, upload) => {
            let is_evaluation = upload.path == EvidencePath::Model && matches!(upload.content, Content::Evaluation(_));
            let order = attachment(app, caller.clone(), id.clone(), upload).await?;
            if is_evaluation {
                app.sealer.seal(order).await?;
                return compare(app, caller, &id).await;
            }
            order
        }
        Act::Vote(id, market, voice, why) => ballot(app, caller, &id, market.as_ref(), (voice, why)).await?,
        Act::Attest(number, body) => {
            Order { reauthenticated: true, ..Order::new(caller, Command::Attest(number, body)) }
        }
        Act::Privacy(model, act) => privacy::order(app, cast, caller, model, act).await?,
        Act::Sign(id, market, comment) => signature(app, cast, scene.by, &id, market.as_ref(), comment).await?,
        Act::ApproveStep(id, market, comment) => approval(app, caller, &id, &market, comment).await?,
        Act::Acknowledge(model, market, subscriber) => {
            let deployment = app.deployment(&model, &market).await?.ok_or_else(|| not_there("the deployment"))?;
            let applied = Applied { revision: deployment.revision(), subscriber: subscriber.to_owned() };
            Order::new(caller, Command::Serve(model, market, ServingCommand::Applied(applied)))
        }
    };
    app.sealer.seal(order).await.map(drop)
}

/// Attaches a comparison with each champion in force, as the gate to Staging asks for it.
async fn compare(app: &Service, caller: Caller, id: &VersionId) -> Result<(), SealError> {
    let shelf = app.version(id).await?.ok_or_else(|| not_there(&id.to_string()))?;
    // Whoever serves, and whoever is about to: the gate asks for the champion of the day on which it is passed.
    let model = &shelf.model;
    let serving = model.champions.values().map(|champion| champion.version).chain(model.rolling_out.values().copied());
    let rivals: BTreeSet<_> = serving
        .filter(|version| *version != id.number)
        .filter_map(|version| Some((version, *model.promoted_weights.get(&version)?)))
        .collect();
    for (version, weights) in rivals {
        let upload = Upload {
            path: EvidencePath::Model,
            market: None,
            file_name: format!("against-v{version}.csv"),
            content: Content::Pairs(version, weights),
        };
        app.sealer.seal(attachment(app, caller.clone(), id.clone(), upload).await?).await?;
    }
    Ok(())
}

/// A trial's rows, from its beginning in the market until `until`; `None` where the content has none.
fn rows(shelf: &Shelf, path: EvidencePath, market: &Market, content: Content, until: Timestamp) -> Option<String> {
    let id = &shelf.version.id;
    let stretch = Stretch { from: shelf.version.entered(path, market)?.plus_minutes(3), until };
    let seed = format!("{id} {path} {market}");
    match content {
        Content::Shadow(trial) => Some(trials::shadow(trial, &seed, stretch)),
        Content::Canary(trial) => {
            let policy = &shelf.policy.policy;
            let profile = policy.profiles.get(&shelf.model.profile)?;
            match Criteria::of_market(policy, profile, path, id, market).ok()?? {
                Criteria::Canary(criteria) => Some(trials::canary(trial, &criteria.split, &seed, stretch)),
                _ => None,
            }
        }
        _ => None,
    }
}

async fn attachment(app: &Service, caller: Caller, id: VersionId, upload: Upload) -> Result<Order, SealError> {
    let Upload { path, market, file_name, content } = upload;
    let shelf = app.version(&id).await?.ok_or_else(|| not_there(&id.to_string()))?;
    let bound_to = content.artifact(path).value_in(&shelf.version.lineage).ok_or_else(|| not_there("the artifact"))?;
    let seed = format!("{id} {path} {file_name} {}", app.clock.now());
    let produced_at = app.clock.now().plus_minutes(-i64::from(files::made_up(&seed, 40) + 5));
    let rows = market.as_ref().and_then(|market| rows(&shelf, path, market, content, produced_at));
    let bytes = rows.unwrap_or_else(|| content.render(&bound_to, produced_at)).into_bytes();
    let upload = app.blobs.put(stream::iter([Ok::<_, io::Error>(bytes)])).await.map_err(|error| match error {
        BlobError::Full => StoreError::Full,
        other => StoreError::Inconsistent(other.to_string()),
    })?;
    // The story holds nothing that is refused.
    let blob = upload.blob;
    upload.accept().await;
    let run = files::made_up(&seed, 9_000) + 1_000;
    let producer = match path {
        EvidencePath::Code => format!("github-actions run {run}"),
        EvidencePath::Data => format!("great-expectations checkpoint {run}"),
        EvidencePath::Shadow | EvidencePath::Canary => format!("rollout-metrics job {run}"),
        EvidencePath::Model | EvidencePath::Other => format!("mlflow evaluation {run}"),
    };
    let produced_at = Some(produced_at);
    let new = NewEvidence { file_name, path: Some(path), market, bound_to: Some(bound_to), producer, produced_at };
    attach::attach(app, caller, id, new, blob).await
}

/// Signs as a person does who read the package as it is at this instant, in the role that the person holds.
async fn signature(
    app: &Service,
    cast: &HashMap<Actor, Caller>,
    by: Actor,
    id: &VersionId,
    market: Option<&Market>,
    comment: &str,
) -> Result<Order, SealError> {
    let caller = cast.get(by).cloned().ok_or_else(|| not_there(by))?;
    let role = PEOPLE.iter().find(|person| person.email == by).map(|person| person.role);
    let shelf = app.version(id).await?.ok_or_else(|| not_there(&id.to_string()))?;
    let request = shelf.version.open_request(market).ok_or_else(|| not_there("the request"))?;
    let question = shelf.question(request.to, market, app.clock.now());
    let gate = question.gate()?;
    let slot = gate.sign_offs.iter().find(|slot| Some(slot.role) == role).ok_or_else(|| not_there("the slot"))?;
    let package = Package::of(&question);
    let body = SignPromotion {
        role: slot.role,
        meaning: slot.meaning.clone(),
        package: package.digest(),
        parts: package.part_digests(),
        comment: comment.to_owned(),
    };
    let command = Command::SignPromotion(id.clone(), request.number, body);
    Ok(Order { reauthenticated: true, ..Order::new(caller, command) })
}

/// Votes as a member does who read the package as it is at this instant.
async fn ballot(
    app: &Service,
    caller: Caller,
    id: &VersionId,
    market: Option<&Market>,
    (voice, why): (Voice, &str),
) -> Result<Order, SealError> {
    let shelf = app.version(id).await?.ok_or_else(|| not_there(&id.to_string()))?;
    let request = shelf.version.open_request(market).ok_or_else(|| not_there("the request"))?;
    let question = shelf.question(request.to, market, app.clock.now());
    let package = Package::of(&question);
    let (package, parts) = (package.digest(), package.part_digests());
    let body = CastVote { voice, package, parts, comment: why.to_owned() };
    let command = Command::Vote(id.clone(), request.number, body);
    Ok(Order { reauthenticated: true, ..Order::new(caller, command) })
}

/// Approves the step of a rollout as somebody does who read it as it is at this instant.
async fn approval(
    app: &Service,
    caller: Caller,
    id: &VersionId,
    market: &Market,
    comment: &str,
) -> Result<Order, SealError> {
    let deployment = app.deployment(&id.model, market).await?.ok_or_else(|| not_there("the deployment"))?;
    let policy = app.policy().await?;
    let rules = policy.policy.markets.get(market).and_then(|market| market.rollout.as_ref());
    let slot = rules.and_then(|rules| rules.approval.as_ref()).ok_or_else(|| not_there("the step's slot"))?;
    let package = StepPackage::of(&deployment, policy.digest).ok_or_else(|| not_there("the rollout"))?;
    let body = ApproveStep {
        version: id.number,
        meaning: slot.meaning.clone(),
        package: package.digest(),
        comment: comment.to_owned(),
    };
    let command = Command::Serve(id.model.clone(), market.clone(), ServingCommand::Approve(body));
    Ok(Order { reauthenticated: true, ..Order::new(caller, command) })
}

/// How to sign in to the demo.
pub fn greeting() -> String {
    let width = |text: fn(&Person) -> &str| PEOPLE.iter().map(|person| text(person).chars().count()).max().unwrap_or(0);
    let (name, email) = (width(|person| person.name), width(|person| person.email));
    let mut text = format!(
        "\nThis ledger holds the demo. Its accounts and their passphrase are public: keep it on this machine, and put \
         nothing real into it.\n\n  passphrase for everybody: {PASSPHRASE}\n\n"
    );
    for person in PEOPLE {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:name$}  {:email$}  {}", person.name, person.email, person.role.title());
    }
    text
}
