//! The program's parts, put together: what the API, the pages, the command line and the importers work with.

use std::sync::Arc;

use domain::{
    Aggregate, AggregateId, Market, ModelName, VersionId, World,
    access::{self, Action, Principal},
    deployment::Deployment,
    materiality::{self, Assessed},
    policy::AdoptedPolicy,
    privacy::{
        PrivacyFile,
        review::{Review, ReviewId},
    },
    promotion::{Question, Requirement},
    registry::{Model, Version},
    stage::Stage,
    trigger::Triggers,
};
use ledger::{SigningKey, Timestamp};

use crate::{
    accounts::{AttemptLimiter, TokenCache},
    blobs::{BlobError, Blobs},
    clock::Clock,
    config::Config,
    fsck,
    keys::{self, KeyFileError},
    seal::{self, Caller, Order, SealError, Sealer},
    secrets::{SecretError, Secrets},
    storage::{Store, StoreError},
    webhooks,
};

/// Why the program does not start. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error("the data folder {0} cannot be used: {1}")]
    Folder(std::path::PathBuf, std::io::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The evidence folder.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The secrets beside the ledger.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The first entry.
    #[error("the first entry could not be sealed: {0}")]
    Seal(#[from] SealError),
}

/// See the module.
pub struct Service {
    /// Settings.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// Evidence files.
    pub blobs: Blobs,
    /// The one way in.
    pub sealer: Sealer,
    /// The key that signs checkpoints.
    pub key: Arc<SigningKey>,
    /// The key that seals secrets at rest.
    pub secrets: Secrets,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How often passwords can be tried.
    pub attempts: AttemptLimiter,
    /// Token secrets seen lately.
    pub tokens: TokenCache,
    /// Rung when a report was asked for.
    pub report_bell: tokio::sync::Notify,
    /// Whether this ledger holds the demo.
    pub demo: bool,
}

/// The setting that marks a demo ledger.
pub const DEMO_SETTING: &str = "demo";

/// The setting that a migration leaves which added views that earlier entries call for.
const VIEWS_SETTING: &str = "views";

/// Writes the views anew after such a migration. A ledger that is broken keeps the views that it has: `fsck` tells why.
async fn renew_views(store: &Store) -> Result<(), StoreError> {
    tracing::info!("the views are written anew from the entries, once after an upgrade");
    match fsck::rebuild(store).await {
        Ok(_) => store.put_setting(VIEWS_SETTING, None).await,
        Err(fsck::FsckError::Store(error)) => Err(error),
        Err(error) => {
            tracing::error!(%error, "the views are as they were before the upgrade");
            Ok(())
        }
    }
}

impl Service {
    /// Opens everything, and adopts the shipped policy if the ledger is empty.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Arc<Self>, StartError> {
        std::fs::create_dir_all(&config.data).map_err(|error| StartError::Folder(config.data.clone(), error))?;
        let store = Store::open(config.database_url.as_deref(), &config.data).await?;
        let key = Arc::new(keys::load(&config.signing_key, config.log_origin.as_deref(), &store).await?);
        let secrets = Secrets::of(&key)?;
        webhooks::seal_stored(&store, &secrets).await?;
        let blobs = Blobs::open(config.data.join("evidence"), config.max_upload_bytes).await?;
        if store.setting(VIEWS_SETTING).await?.is_some() {
            renew_views(&store).await?;
        }
        let sealer = Sealer::start(store.clone(), key.clone(), clock.clone());
        if store.head().await?.size == 0 {
            let adopt = domain::Command::AdoptPolicy(domain::policy::DEFAULT_POLICY.to_owned());
            match sealer.seal(Order::new(Caller::System, adopt)).await {
                // Another server over the same database was quicker.
                Err(SealError::Refused(refusal)) if refusal.kind == domain::RefusalKind::Conflict => {}
                other => drop(other?),
            }
        }
        let demo = store.setting(DEMO_SETTING).await?.is_some();
        Ok(Arc::new(Self {
            config,
            store,
            blobs,
            sealer,
            key,
            secrets,
            clock,
            attempts: AttemptLimiter::default(),
            tokens: TokenCache::default(),
            report_bell: tokio::sync::Notify::new(),
            demo,
        }))
    }

    /// The principal that a caller is now. Every query passes here before it looks at anything.
    ///
    /// # Errors
    /// The account or token does not count, the action is not allowed, or the storage failed.
    pub async fn authorise(&self, caller: &Caller, action: Action) -> Result<Principal, SealError> {
        let account = match caller {
            Caller::Account(id) | Caller::Token(id, _) => self.account(id).await?,
            Caller::System | Caller::Resumed => None,
        };
        let principal = seal::principal(caller, account.as_deref(), self.clock.now())?;
        access::authorise(&principal, action)?;
        Ok(principal)
    }

    /// The policy in force.
    ///
    /// # Errors
    /// The storage failed, or there is none.
    pub async fn policy(&self) -> Result<Arc<AdoptedPolicy>, StoreError> {
        match self.store.aggregate(&AggregateId::Policy).await? {
            Some(Aggregate::Policy(policy)) => Ok(policy),
            _ => Err(StoreError::Inconsistent("no policy is adopted".into())),
        }
    }

    /// A model.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn model(&self, name: &ModelName) -> Result<Option<Arc<Model>>, StoreError> {
        Ok(match self.store.aggregate(&AggregateId::Model(name.clone())).await? {
            Some(Aggregate::Model(model)) => Some(model),
            _ => None,
        })
    }

    /// A model's retraining triggers; nothing where none were ever configured or told of.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn triggers(&self, name: &ModelName) -> Result<Option<Arc<Triggers>>, StoreError> {
        Ok(match self.store.aggregate(&AggregateId::Triggers(name.clone())).await? {
            Some(Aggregate::Triggers(triggers)) => Some(triggers),
            _ => None,
        })
    }

    /// The privacy file of a model, if anything is in it.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn privacy_file(&self, model: &ModelName) -> Result<Option<Arc<PrivacyFile>>, StoreError> {
        Ok(match self.store.aggregate(&AggregateId::Dpia(model.clone())).await? {
            Some(Aggregate::Dpia(file)) => Some(file),
            _ => None,
        })
    }

    /// What must go on holding for the version on its way into a market; nothing where none is.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn standing(&self, deployment: &Deployment) -> Result<Vec<Requirement>, StoreError> {
        let Some(rollout) = &deployment.rollout else { return Ok(Vec::new()) };
        let id = VersionId { model: deployment.model.clone(), number: rollout.artifact.version };
        let Some(found) = self.version(&id).await? else { return Ok(Vec::new()) };
        Ok(found.question(rollout.gate_passed(), Some(&deployment.market), self.clock.now()).standing())
    }

    /// A request for human review.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn review(&self, id: &ReviewId) -> Result<Option<Arc<Review>>, StoreError> {
        Ok(match self.store.aggregate(&AggregateId::ReviewRequest(id.clone())).await? {
            Some(Aggregate::ReviewRequest(review)) => Some(review),
            _ => None,
        })
    }

    /// A version with its model and the policy in force, in one query.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn version(&self, id: &VersionId) -> Result<Option<Shelf>, StoreError> {
        let mut ids = AggregateId::Version(id.clone()).with_context();
        ids.push(AggregateId::Policy);
        let mut world = World::default();
        for (_, state) in self.store.aggregates(&ids).await? {
            world.put(&state);
        }
        Ok(match (world.model, world.version, world.policy) {
            (Some(model), Some(version), Some(policy)) => {
                Some(Shelf { model, version, policy, privacy: world.privacy })
            }
            _ => None,
        })
    }
}

impl Service {
    /// How material a version's change in a market would be judged now, and from which version it is measured; `None`
    /// where the profile tells no material change from another.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn assess(&self, of: &Shelf, market: Option<&Market>) -> Result<Option<Assessed>, StoreError> {
        let profile = of.policy.policy.profiles.get(&of.model.profile);
        let Some(rules) = profile.and_then(|profile| profile.validation.as_ref()) else { return Ok(None) };
        let baseline = match materiality::measured_from(&of.model, market) {
            Some(number) => {
                let id = VersionId { model: of.model.name.clone(), number };
                match self.store.aggregate(&AggregateId::Version(id)).await? {
                    Some(Aggregate::Version(version)) => Some(version),
                    _ => None,
                }
            }
            None => None,
        };
        Ok(Some(materiality::judge(rules, &of.model, market, &of.version, baseline.as_deref())))
    }
}

/// A version with what is needed to judge it.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// The model.
    pub model: Arc<Model>,
    /// The version.
    pub version: Arc<Version>,
    /// The policy in force.
    pub policy: Arc<AdoptedPolicy>,
    /// The model's privacy file, if anything is in it.
    pub privacy: Option<Arc<PrivacyFile>>,
}

impl Shelf {
    /// What a promotion would be judged on at `now`.
    pub fn question<'s>(&'s self, to: Stage, market: Option<&'s Market>, now: Timestamp) -> Question<'s> {
        let Self { model, version, policy, privacy } = self;
        Question { model, version, policy, privacy: privacy.as_deref(), to, market, now }
    }
}
