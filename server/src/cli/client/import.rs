//! `countersign import`.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};
use domain::{Market, ModelName, ProfileName, registry::Tier};

use super::{
    CliError, EXIT_CODES,
    api::{Api, Remote},
};
use crate::import::mlflow::{Import, ImportError, Mlflow, Mode, Options};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ImportArgs {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// Take over models and versions of an MLflow registry, with their lineage as far as MLflow knows it.
    ///
    /// What MLflow does not know stays missing and is listed. Tags such as `countersign.code.image_digest` on a run or
    /// version state fields that MLflow lacks. An import can be repeated: nothing is registered twice.
    #[command(after_help = EXIT_CODES)]
    Mlflow(MlflowArgs),
}

#[derive(Debug, Args)]
struct MlflowArgs {
    /// Address of the MLflow server. Credentials are those of MLflow itself: `MLFLOW_TRACKING_USERNAME` and
    /// `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`, in the environment.
    #[arg(long)]
    url: String,
    /// Only this model, by its name in MLflow; may be given several times.
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Give a model another name in Countersign; may be given several times.
    #[arg(long, value_name = "OLD=NEW", value_parser = rename)]
    rename: Vec<(String, ModelName)>,
    /// Policy profile of models that Countersign does not know yet.
    #[arg(long, default_value = "unregulated")]
    profile: ProfileName,
    /// Their markets.
    #[arg(long, value_delimiter = ',', default_values = ["US", "EU"])]
    markets: Vec<Market>,
    /// Their tier: 1, 2 or 3.
    #[arg(long, default_value = "3", value_parser = tier)]
    tier: Tier,
    /// The address under which this registry was imported before, if it has moved since.
    #[arg(long, value_name = "URL")]
    known_as: Option<String>,
    /// Only tell what would be done.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

fn rename(text: &str) -> Result<(String, ModelName), String> {
    // Names in MLflow may hold `=`; those here cannot.
    let (old, new) = text.rsplit_once('=').ok_or("write OLD=NEW")?;
    Ok((old.to_owned(), new.parse().map_err(|error| format!("{error}"))?))
}

fn tier(text: &str) -> Result<Tier, String> {
    Tier::ALL.into_iter().find(|tier| tier.id() == text).ok_or_else(|| "tiers are 1, 2 and 3".to_owned())
}

/// Runs an import.
pub(super) fn run(args: ImportArgs) -> Result<(), CliError> {
    let From::Mlflow(args) = args.from;
    let mlflow = Mlflow::new(&args.url).map_err(CliError::failed)?;
    let api = Api::new(&args.remote)?;
    let options = Options {
        models: args.model.into_iter().collect::<BTreeSet<_>>(),
        renames: args.rename.into_iter().collect::<BTreeMap<_, _>>(),
        profile: args.profile,
        markets: args.markets,
        tier: args.tier,
        known_as: args.known_as.map(|url| url.trim_end_matches('/').to_owned()),
        mode: if args.dry_run { Mode::DryRun } else { Mode::Write },
    };
    let mut say = |text: &str| println!("{text}");
    let mut import = Import::new(&mlflow, &api, &options, &mut say);
    let outcome = import.run();
    let tally = import.tally;
    let done = if args.dry_run { format!("nothing was written; it would be: {tally}") } else { tally.to_string() };
    match outcome {
        Ok(()) if tally.refused == 0 => {
            println!("{done}");
            Ok(())
        }
        Ok(()) => Err(CliError::No(done)),
        Err(error) => {
            let text = format!(
                "{error}\nThe import stopped there: {done}. Run it again to go on; nothing is registered twice"
            );
            Err(match &error {
                ImportError::Api(api) if api.problem().is_some_and(super::api::Problem::is_refusal) => {
                    CliError::No(text)
                }
                _ => CliError::Failed(text),
            })
        }
    }
}
