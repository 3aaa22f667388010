//! `countersign split`: the published split, worked out here and now, without a server or a data folder.

use std::io::{self, BufRead as _, Write as _};

use clap::Args;
use domain::{
    Market, ModelName, VersionId, VersionNumber,
    split::{self, Split},
};

use super::CliError;

/// Arguments of `countersign split`.
#[derive(Debug, Args)]
pub(super) struct SplitArgs {
    /// The model.
    #[arg(long, required_unless_present = "salt")]
    model: Option<ModelName>,
    /// The version on trial.
    #[arg(long, required_unless_present = "salt")]
    version: Option<VersionNumber>,
    /// The market.
    #[arg(long, required_unless_present = "salt")]
    market: Option<Market>,
    /// The salt itself, instead of model, version and market.
    #[arg(long, conflicts_with_all = ["model", "version", "market"])]
    salt: Option<String>,
    /// The challenger's share of users, in percent.
    #[arg(long)]
    percent: f64,
    /// User ids; without any, one is read from each line of the standard input.
    users: Vec<String>,
}

/// Prints user, bucket and arm, parted by tabs.
pub(super) fn run(args: &SplitArgs) -> Result<(), CliError> {
    if !(0.0..=100.0).contains(&args.percent) {
        return Err(CliError::Failed(format!("--percent is {}; it lies between 0 and 100", args.percent)));
    }
    if args.salt.as_ref().is_some_and(|salt| salt.trim().is_empty()) {
        return Err(CliError::Failed("--salt is empty: every split would then be the same one".to_owned()));
    }
    let salt = match (&args.salt, &args.model, args.version, &args.market) {
        (Some(salt), ..) => salt.clone(),
        (None, Some(model), Some(number), Some(market)) => {
            split::salt(&VersionId { model: model.clone(), number }, market)
        }
        _ => return Err(CliError::Failed("name --model, --version and --market, or --salt".into())),
    };
    let split = Split { salt, challenger_buckets: split::buckets_of_percent(args.percent) };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut tell = |user: &str| writeln!(out, "{user}\t{}\t{}", split.bucket(user), split.arm(user));
    let told = if args.users.is_empty() {
        io::stdin().lock().lines().try_for_each(|user| tell(user?.trim_end_matches('\r')))
    } else {
        args.users.iter().try_for_each(|user| tell(user))
    };
    match told.and_then(|()| out.flush()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(CliError::failed),
    }
}
