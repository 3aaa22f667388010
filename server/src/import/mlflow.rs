//! Import from an MLflow model registry: registered models, their versions, the runs behind them, and the model files
//! as far as they can be reached.
//!
//! Each version is found again by its origin, the address of its page in MLflow, so an import can be repeated: what is
//! known already is left as it is.

mod artifact;
mod lineage;
mod rest;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use domain::{
    Market, ModelName, ProfileName,
    command::{RegisterModel, RegisterVersion},
    lineage::Lineage,
    registry::{Origin, Tier, Version},
};
use serde::Deserialize;

pub use rest::{Mlflow, MlflowError};

use crate::{
    cli::client::api::{Api, ApiError},
    seal::Receipt,
};
use lineage::{line, prose};
use rest::{ModelVersion, RegisteredModel};

/// The origin's system.
const SYSTEM: &str = "mlflow";

/// What to import, and as what.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names in MLflow; all, if empty.
    pub models: BTreeSet<String>,
    /// Names in Countersign by names in MLflow, where they differ.
    pub renames: BTreeMap<String, ModelName>,
    /// Profile of models that Countersign does not know yet.
    pub profile: ProfileName,
    /// Their markets.
    pub markets: Vec<Market>,
    /// Their tier.
    pub tier: Tier,
    /// The address that origins name; that of the server, if left out.
    pub known_as: Option<String>,
    /// Whether to write anything.
    pub mode: Mode,
}

/// Whether an import writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only tell what would be done.
    DryRun,
    /// Do it.
    Write,
}

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// MLflow.
    #[error(transparent)]
    Mlflow(#[from] MlflowError),
    /// Countersign.
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// What was done, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Versions registered, or that would be.
    pub registered: u32,
    /// Versions that were known.
    pub known: u32,
    /// Models or versions that were refused.
    pub refused: u32,
    /// Versions that MLflow itself does not hold ready.
    pub skipped: u32,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registered, known, refused, skipped } = self;
        write!(f, "{registered} versions registered, {known} already imported, {refused} refused, {skipped} skipped")
    }
}

/// One import, with what it did so far.
pub struct Import<'a> {
    mlflow: &'a Mlflow,
    api: &'a Api,
    options: &'a Options,
    say: &'a mut dyn FnMut(&str),
    /// What was done so far; still right when [`Import::run`] fails.
    pub tally: Tally,
}

/// What Countersign knows of a model.
#[derive(Default)]
struct Known {
    exists: bool,
    versions: BTreeMap<String, Version>,
}

#[derive(Deserialize)]
struct VersionPage {
    versions: Vec<VersionSummary>,
    next: Option<u32>,
}

#[derive(Deserialize)]
struct VersionSummary {
    number: u32,
}

impl<'a> Import<'a> {
    /// Prepares an import; `say` is given each line of its report.
    pub fn new(mlflow: &'a Mlflow, api: &'a Api, options: &'a Options, say: &'a mut dyn FnMut(&str)) -> Self {
        Self { mlflow, api, options, say, tally: Tally::default() }
    }

    fn say(&mut self, text: &str) {
        (self.say)(text);
    }

    /// Imports everything that was asked for. Refusals of single models or versions are told and counted.
    ///
    /// # Errors
    /// A server failed; what was registered until then stands, and [`Self::tally`] says how much it is.
    pub fn run(&mut self) -> Result<(), ImportError> {
        let release = self.mlflow.release()?.map(|release| format!(" {release}")).unwrap_or_default();
        let models = if self.options.models.is_empty() {
            self.mlflow.models()?
        } else {
            self.options.models.iter().map(|name| self.mlflow.model(name)).collect::<Result<_, _>>()?
        };
        self.say(&format!("MLflow{release} at {}: {} registered models", self.mlflow.base(), models.len()));
        for model in &models {
            self.model(model)?;
        }
        Ok(())
    }

    fn model(&mut self, model: &RegisteredModel) -> Result<(), ImportError> {
        let name = match self.options.renames.get(&model.name) {
            Some(name) => name.clone(),
            None => match model.name.parse::<ModelName>() {
                Ok(name) => name,
                Err(error) => {
                    self.tally.refused += 1;
                    let old = line(&model.name, 200);
                    self.say(&format!("{old}: not imported, {error}. Give it a name: --rename '{old}=NAME'"));
                    return Ok(());
                }
            },
        };
        let mut versions = self.mlflow.versions(&model.name)?;
        versions.sort_by_key(|version| version.version.parse::<u64>().unwrap_or(u64::MAX));
        let known = self.known(&name)?;
        if known.exists {
            self.say(&format!("{}: model {name} is registered", line(&model.name, 200)));
        } else if !self.register_model(model, &name)? {
            return Ok(());
        }
        for version in &versions {
            self.version(&name, version, &known)?;
        }
        Ok(())
    }

    /// Everything that Countersign holds of a model that was imported, by origin.
    fn known(&self, name: &ModelName) -> Result<Known, ApiError> {
        match self.api.get::<serde_json::Value>(&format!("/models/{name}"), &[]) {
            Ok(_) => {}
            Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => return Ok(Known::default()),
            Err(error) => return Err(error),
        }
        let mut known = Known { exists: true, ..Known::default() };
        let mut cursor = None;
        loop {
            let mut query = vec![("limit", "200".to_owned())];
            query.extend(cursor.map(|cursor: u32| ("cursor", cursor.to_string())));
            let page: VersionPage = self.api.get(&format!("/models/{name}/versions"), &query)?;
            for VersionSummary { number } in page.versions {
                let version: Version = self.api.get(&format!("/models/{name}/versions/{number}"), &[])?;
                if let Some(origin) = version.origin.clone().filter(|origin| origin.system == SYSTEM) {
                    known.versions.insert(origin.reference, version);
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(known);
            }
        }
    }

    /// Whether the model is there now, or would be.
    fn register_model(&mut self, model: &RegisteredModel, name: &ModelName) -> Result<bool, ImportError> {
        let old = line(&model.name, 200);
        let description = prose(&model.description, 4_000);
        let body = RegisterModel {
            name: name.clone(),
            title: old.clone(),
            purpose: if description.is_empty() { "Imported from MLflow".into() } else { description },
            tier: self.options.tier,
            profile: self.options.profile.clone(),
            markets: self.options.markets.clone(),
        };
        if self.options.mode == Mode::DryRun {
            self.say(&format!(
                "{old}: model {name} would be registered, tier {}, profile {}",
                body.tier.id(),
                body.profile
            ));
            return Ok(true);
        }
        match self.api.post::<Receipt>("/models", &body) {
            Ok(receipt) => {
                self.say(&format!("{old}: model {name} registered, entry {}", receipt.last_seq()));
                Ok(true)
            }
            Err(error) => {
                self.refused(&format!("{old}: model {name} not registered"), error)?;
                Ok(false)
            }
        }
    }

    fn refused(&mut self, what: &str, error: ApiError) -> Result<(), ImportError> {
        if !error.problem().is_some_and(crate::cli::client::api::Problem::is_refusal) {
            return Err(error.into());
        }
        self.tally.refused += 1;
        self.say(&format!("{what}: {error}"));
        Ok(())
    }

    fn origin(&self, version: &ModelVersion) -> Origin {
        let base = self.options.known_as.as_deref().unwrap_or(self.mlflow.base());
        let name = rest::encode(&version.name);
        Origin { system: SYSTEM.into(), reference: format!("{base}/#/models/{name}/versions/{}", version.version) }
    }

    fn version(&mut self, name: &ModelName, version: &ModelVersion, known: &Known) -> Result<(), ImportError> {
        let old = format!("{} {}", line(&version.name, 200), line(&version.version, 20));
        let origin = self.origin(version);
        if let Some(version) = known.versions.get(&origin.reference) {
            self.tally.known += 1;
            self.say(&format!("  {old}: already imported as {name}/{}", version.id.number));
            self.missing(&version.lineage);
            return Ok(());
        }
        if !matches!(version.status.as_str(), "" | "READY") {
            self.tally.skipped += 1;
            self.say(&format!("  {old}: skipped, MLflow calls it {}", line(&version.status, 50)));
            return Ok(());
        }
        let found = artifact::find(self.mlflow, version)?;
        let mapped = lineage::map(version, &found);
        let description = prose(&version.description, 2_000);
        let body = RegisterVersion {
            lineage: mapped.lineage,
            note: if description.is_empty() { format!("Imported from MLflow: {old}") } else { description },
            origin: Some(origin),
            trigger: None,
        };
        if self.options.mode == Mode::DryRun {
            self.tally.registered += 1;
            self.say(&format!("  {old}: would be registered"));
        } else {
            match self.api.post::<Receipt>(&format!("/models/{name}/versions"), &body) {
                Ok(receipt) => {
                    self.tally.registered += 1;
                    let number = receipt.version().unwrap_or_default();
                    self.say(&format!("  {old}: registered as {name}/{number}, entry {}", receipt.last_seq()));
                }
                Err(error) if error.problem().is_some_and(|problem| problem.rule() == "version.origin_unique") => {
                    self.tally.known += 1;
                    self.say(&format!("  {old}: already imported. {error}"));
                    return Ok(());
                }
                Err(error) => return self.refused(&format!("  {old}: not registered"), error),
            }
        }
        for note in found.notes.iter().chain(&mapped.notes) {
            self.say(&format!("    note: {note}"));
        }
        self.missing(&body.lineage);
        Ok(())
    }

    fn missing(&mut self, lineage: &Lineage) {
        for missing in lineage.missing() {
            self.say(&format!("    missing {}: {}", missing.what, missing.message));
        }
    }
}
