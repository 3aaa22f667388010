//! Commands that work on a data folder or an export, without a server.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use domain::{Aggregate, AggregateId, Command, Market, deployment::ServingCommand};
use ledger::{
    VerifierKey,
    export::{ExportOptions, FolderSource, verify_export},
};

use super::{CliError, client::serving::KillArgs};
use crate::{
    blobs::Blobs,
    clock::SystemClock,
    config::{Config, ConfigArgs},
    export, fsck as check, keys, recompute as again,
    seal::{Caller, Order, SealError, Sealer},
    storage::Store,
};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The exported folder.
    dir: PathBuf,
    /// The key that must have signed it, as you know it from another way than the export itself.
    #[arg(long)]
    key: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct FsckArgs {
    /// A checkpoint kept elsewhere: the ledger must have grown from it.
    #[arg(long)]
    against: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// A new or empty folder.
    dir: PathBuf,
    /// Leave evidence files out and list their digests.
    #[arg(long)]
    omit_evidence: bool,
}

#[derive(Debug, Args)]
pub(super) struct RecomputeArgs {
    /// The entry's number.
    entry: u64,
    /// An exported folder to read entry and file from; without it, the data folder is read.
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
}

/// Checks an export.
pub(super) fn verify(args: &VerifyArgs) -> Result<(), CliError> {
    if !args.dir.is_dir() {
        return Err(CliError::Failed(format!("{} is not a folder; name the folder of an export", args.dir.display())));
    }
    let key: Option<VerifierKey> = match &args.key {
        None => None,
        Some(text) => Some(text.trim().parse().map_err(|error| CliError::Failed(format!("--key: {error}")))?),
    };
    let options = ExportOptions { trusted_key: key, ..ExportOptions::default() };
    let verified =
        verify_export(&FolderSource(args.dir.clone()), &options).map_err(|fault| CliError::No(fault.to_string()))?;
    println!("verified {} entries of {}", verified.size, verified.origin);
    println!("root     {}", verified.root);
    println!("evidence {} files checked, {} left out", verified.evidence_files, verified.evidence_omitted);
    println!("key      {}", verified.key);
    if !verified.key_trusted {
        println!("note     the key is the export's own; compare it with the one you know, or pass it with --key");
    }
    Ok(())
}

async fn open(args: &ConfigArgs) -> Result<(Config, Store, Blobs, VerifierKey), CliError> {
    let config = Config::load(args, None).map_err(CliError::failed)?;
    if config.database_url.is_none() && !config.data.join("countersign.db").exists() {
        return Err(CliError::Failed(format!(
            "{} holds no ledger; name the data folder with --data",
            config.data.display()
        )));
    }
    let store = Store::open(config.database_url.as_deref(), &config.data).await.map_err(CliError::failed)?;
    let key = keys::load(&config.signing_key, config.log_origin.as_deref(), &store).await.map_err(CliError::failed)?;
    let blobs = Blobs::open(config.data.join("evidence"), config.max_upload_bytes).await.map_err(CliError::failed)?;
    Ok((config, store, blobs, key.verifier().clone()))
}

/// Compares what is stored with what the entries prove.
pub(super) async fn fsck(config: &ConfigArgs, args: &FsckArgs) -> Result<(), CliError> {
    let (_, store, blobs, key) = open(config).await?;
    let outside = match &args.against {
        None => None,
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|error| CliError::Failed(format!("{} cannot be read: {error}", path.display())))?,
        ),
    };
    let outcome = check::check(&store, &blobs, &key, outside.as_deref()).await.map_err(CliError::failed)?;
    for fault in &outcome.faults {
        println!("fault: {fault}");
    }
    if outcome.faults.is_empty() {
        println!("{} entries and {} states agree", outcome.entries, outcome.states);
        if !outcome.strays.is_empty() {
            let bytes: u64 = outcome.strays.iter().map(|blob| blob.size_bytes).sum();
            println!(
                "note: {} evidence files ({bytes} bytes) are named by no entry; `countersign sweep` removes them",
                outcome.strays.len()
            );
        }
        Ok(())
    } else {
        Err(CliError::No(format!(
            "{} faults. If the entries themselves are whole, `countersign rebuild` mends states, views and tree",
            outcome.faults.len()
        )))
    }
}

/// Removes evidence files that no entry names.
pub(super) async fn sweep(config: &ConfigArgs) -> Result<(), CliError> {
    let (_, store, blobs, key) = open(config).await?;
    let outcome = check::check(&store, &blobs, &key, None).await.map_err(CliError::failed)?;
    // What a broken ledger does not name may be what it lost.
    if !outcome.faults.is_empty() {
        return Err(CliError::No(format!(
            "the ledger has {} faults, so nothing was removed; `countersign fsck` names them",
            outcome.faults.len()
        )));
    }
    for blob in &outcome.strays {
        blobs.remove(&blob.digest).await.map_err(CliError::failed)?;
        println!("removed {} ({} bytes)", blob.digest, blob.size_bytes);
    }
    println!("{} evidence files that no entry names were removed", outcome.strays.len());
    Ok(())
}

/// Says whether an entry's computed figures come out again.
pub(super) async fn recompute(config: &ConfigArgs, args: &RecomputeArgs) -> Result<(), CliError> {
    let outcome = if let Some(folder) = &args.export {
        again::of_export(args.entry, folder)
    } else {
        let (_, store, blobs, _) = open(config).await?;
        let Some(entry) = store.entry(args.entry).await.map_err(CliError::failed)? else {
            return Err(CliError::Failed(format!("the ledger has no entry {}", args.entry)));
        };
        again::of_entry(&store, &blobs, args.entry, &entry.bytes).await
    };
    let done = outcome.map_err(CliError::failed)?;
    match (&done.kind, &done.file) {
        (Some(kind), Some(file)) => println!("entry {}: {}, file {file}", done.seq, kind.title()),
        _ => println!("entry {}: {}", done.seq, done.event),
    }
    for difference in &done.differences {
        println!("differs: {difference}");
    }
    if done.equal == Some(false) {
        return Err(CliError::No(done.sentence()));
    }
    println!("{}", done.sentence());
    Ok(())
}

/// Writes states, views and tree anew.
pub(super) async fn rebuild(config: &ConfigArgs) -> Result<(), CliError> {
    let (_, store, _, _) = open(config).await?;
    let outcome = check::rebuild(&store).await.map_err(|error| match error {
        check::FsckError::Broken(_) => CliError::No(error.to_string()),
        other => CliError::failed(other),
    })?;
    println!("rebuilt {} states from {} entries", outcome.states, outcome.entries);
    Ok(())
}

/// Exports the ledger.
pub(super) async fn export(config: &ConfigArgs, args: &ExportArgs) -> Result<(), CliError> {
    let (_, store, blobs, key) = open(config).await?;
    let size = export::to_folder(&store, &blobs, &key.to_string(), args.omit_evidence, &args.dir)
        .await
        .map_err(CliError::failed)?;
    println!(
        "exported {size} entries to {}; check them with: countersign verify {}",
        args.dir.display(),
        args.dir.display()
    );
    Ok(())
}

/// `countersign kill --local`: seals into the ledger itself, beside a running server or without one. Whoever can read
/// the signing key may; the entry says that it was done on the machine.
pub(super) async fn kill(config: &ConfigArgs, args: &KillArgs) -> Result<(), CliError> {
    let config = Config::load(config, None).map_err(CliError::failed)?;
    let store = Store::open(config.database_url.as_deref(), &config.data).await.map_err(CliError::failed)?;
    let key = keys::load_in_need(&config.signing_key, config.log_origin.as_deref(), &store);
    let key = key.await.map_err(CliError::failed)?;
    let sealer = Sealer::start(store.clone(), Arc::new(key), Arc::new(SystemClock));
    let body = args.body();
    let mut refused = None;
    for market in local_markets(&store, args).await? {
        let command = Command::Serve(args.model.clone(), market.clone(), ServingCommand::Kill(body.clone()));
        match sealer.seal(Order::new(Caller::System, command)).await {
            Ok(receipt) if args.json => println!("{}", serde_json::to_string(&receipt).map_err(CliError::failed)?),
            Ok(receipt) => println!("{} is off in {market}: entry {}", args.model, receipt.last_seq()),
            Err(error) => {
                eprintln!("{market}: {error}");
                refused = Some(error);
            }
        }
    }
    refused.map_or(Ok(()), |error| match error {
        SealError::Refused(refusal) => Err(CliError::No(refusal.to_string())),
        other => Err(CliError::failed(other)),
    })
}

/// The markets that are meant, told by whatever can still be read.
async fn local_markets(store: &Store, args: &KillArgs) -> Result<Vec<Market>, CliError> {
    if let Some(market) = &args.market {
        return Ok(vec![market.clone()]);
    }
    let mut markets = store.deployed_markets(&args.model).await.unwrap_or_default();
    if let Ok(Some(Aggregate::Model(model))) = store.aggregate(&AggregateId::Model(args.model.clone())).await {
        markets.extend(model.markets.iter().cloned());
    }
    markets.sort();
    markets.dedup();
    if markets.is_empty() {
        return Err(CliError::Failed(format!("no market of {} can be told; name it with --market", args.model)));
    }
    Ok(markets)
}

/// Prints the OpenAPI document.
pub(super) fn openapi() -> Result<(), CliError> {
    println!("{}", crate::http::openapi().to_pretty_json().map_err(CliError::failed)?);
    Ok(())
}
