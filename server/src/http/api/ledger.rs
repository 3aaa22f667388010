//! The ledger: entries, proofs, checkpoint, tiles, export. What an independent tool needs to check everything.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use domain::access::Action;
use ledger::{
    Digest, TilePath, Timestamp,
    merkle::leaf_hash,
    tiles::{TileId, consistency_proof, inclusion_proof, tiles_for_consistency, tiles_for_inclusion},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::models::{MAX_PAGE, cut_page};
use crate::{
    dossier::capitalised,
    http::{
        extract::{App, Asker, Params, Path},
        problem::Problem,
    },
    recompute::{Recomputation, RecomputeError, of_entry},
    service::Service,
    storage::{
        StoreError,
        log::{EntryFilter, StoredEntry},
    },
};

/// Filters of the ledger.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EntryParams {
    /// Of this model.
    pub model: Option<String>,
    /// Of this version of it, and of its markets' deployments what concerns the version.
    pub version: Option<u32>,
    /// By this account.
    pub actor: Option<String>,
    /// Of this event type, such as `promotion.signed`.
    pub event: Option<String>,
    /// Sealed at this time or later.
    pub from: Option<Timestamp>,
    /// Sealed before this time.
    pub until: Option<Timestamp>,
    /// The `next` of the page before.
    pub cursor: Option<u64>,
    /// At most so many, up to 200.
    pub limit: Option<u64>,
}

/// An entry with its hash.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryView {
    /// Number.
    pub seq: u64,
    /// When it was sealed.
    pub time: Timestamp,
    /// Pseudonymous id of whoever commanded it.
    pub actor: String,
    /// Event type.
    pub event: String,
    /// SHA-256 of the entry's bytes; the next entry names it.
    pub hash: Digest,
    /// The entry itself.
    #[schema(value_type = Object)]
    pub entry: serde_json::Value,
}

impl TryFrom<StoredEntry> for EntryView {
    type Error = StoreError;
    fn try_from(stored: StoredEntry) -> Result<Self, StoreError> {
        let entry = serde_json::from_slice(&stored.bytes)
            .map_err(|error| StoreError::Inconsistent(format!("entry {} is not JSON: {error}", stored.seq)))?;
        Ok(Self {
            seq: stored.seq,
            time: stored.time,
            actor: stored.actor,
            event: stored.event,
            hash: stored.hash,
            entry,
        })
    }
}

/// One page of entries, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<EntryView>,
    /// Cursor of the next page, if there is one.
    pub next: Option<u64>,
}

/// Lists entries, newest first.
#[utoipa::path(get, path = "/ledger/entries", tag = "Ledger", operation_id = "list_entries", params(EntryParams),
    responses((status = 200, body = EntryPage), (status = "4XX", body = Problem)))]
pub async fn entries(
    State(app): State<App>,
    asker: Asker,
    Params(params): Params<EntryParams>,
) -> Result<Json<EntryPage>, Problem> {
    asker.may(&app, Action::ReadLedger).await?;
    let limit = params.limit.unwrap_or(50).clamp(1, MAX_PAGE);
    let filter = EntryFilter {
        model: params.model,
        version: params.version,
        actor: params.actor,
        event: params.event,
        from: params.from,
        until: params.until,
        before: params.cursor,
        limit: limit + 1,
        ..EntryFilter::default()
    };
    let mut stored = app.store.find_entries(&filter).await?;
    let next = cut_page(&mut stored, limit, |entry| entry.seq);
    let entries = stored.into_iter().map(EntryView::try_from).collect::<Result<_, _>>()?;
    Ok(Json(EntryPage { entries, next }))
}

async fn find(app: &Service, seq: u64) -> Result<StoredEntry, Problem> {
    app.store.entry(seq).await?.ok_or_else(|| Problem::not_found(format!("The ledger has no entry {seq} yet.")))
}

/// The exact bytes of an entry.
#[utoipa::path(get, path = "/ledger/entries/{seq}", tag = "Ledger", operation_id = "show_entry", params(("seq" = u64, Path)),
    responses((status = 200, content_type = "application/json", body = Object), (status = "4XX", body = Problem)))]
pub async fn entry(State(app): State<App>, asker: Asker, Path(seq): Path<u64>) -> Result<Response, Problem> {
    asker.may(&app, Action::ReadLedger).await?;
    let entry = find(&app, seq).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], entry.bytes).into_response())
}

/// Computes the figures of an entry again: from its file, by the thresholds that the entry recorded, or from the entries
/// before it, by the policy in force then. `rests_on` says which; `nothing` where the entry holds no computed figure.
#[utoipa::path(get, path = "/ledger/entries/{seq}/recompute", tag = "Ledger", operation_id = "recompute_entry", params(("seq" = u64, Path)),
    responses((status = 200, body = Recomputation), (status = "4XX", body = Problem)))]
pub async fn recompute(
    State(app): State<App>,
    asker: Asker,
    Path(seq): Path<u64>,
) -> Result<Json<Recomputation>, Problem> {
    asker.may(&app, Action::ReadLedger).await?;
    Ok(Json(recomputed(&app, seq).await?))
}

/// Whether the figures of an entry come out again.
pub async fn recomputed(app: &App, seq: u64) -> Result<Recomputation, Problem> {
    let entry = find(app, seq).await?;
    of_entry(&app.store, &app.blobs, seq, &entry.bytes).await.map_err(|error| match error {
        RecomputeError::NoFile(_) | RecomputeError::NoEntry(_) => {
            Problem::not_found(format!("{}.", capitalised(&error.to_string())))
        }
        other => StoreError::Inconsistent(other.to_string()).into(),
    })
}

/// Everything needed to check one entry without trusting this server, given the verifier key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProofView {
    /// Number of the entry.
    pub seq: u64,
    /// The entry's bytes, as text: hash exactly these.
    pub entry: String,
    /// Hash of the entry as a leaf of the tree.
    pub leaf: Digest,
    /// Hashes from the leaf's sibling to the root.
    pub proof: Vec<Digest>,
    /// Size of the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: Digest,
    /// The signed checkpoint of that size.
    pub checkpoint: String,
    /// The key that signed it.
    pub verifier_key: String,
    /// The same as a `.tlog-proof` file.
    pub tlog_proof: String,
}

/// The inclusion proof of an entry under the present checkpoint.
///
/// # Errors
/// There is no such entry, or the tree is inconsistent.
pub async fn proof_of(app: &Service, seq: u64) -> Result<ProofView, Problem> {
    let stored = find(app, seq).await?;
    let head = app.store.head().await?;
    let tiles = app.store.tiles(&tiles_for_inclusion(seq, head.size)).await?;
    let inconsistent = |error: &dyn std::fmt::Display| StoreError::Inconsistent(error.to_string());
    let proof = inclusion_proof(seq, head.size, &tiles).map_err(|error| inconsistent(&error))?;
    let opened = ledger::Checkpoint::open(&head.checkpoint, &[app.key.verifier().clone()])
        .map_err(|error| inconsistent(&error))?;
    let file =
        ledger::TlogProof { extra: None, index: seq, hashes: proof.clone(), checkpoint: head.checkpoint.clone() };
    Ok(ProofView {
        seq,
        leaf: leaf_hash(&stored.bytes),
        entry: String::from_utf8(stored.bytes).map_err(|error| inconsistent(&error))?,
        proof,
        size: head.size,
        root: opened.checkpoint.root,
        checkpoint: head.checkpoint,
        verifier_key: app.key.verifier().to_string(),
        tlog_proof: file.to_text(),
    })
}

/// The inclusion proof of an entry under the present checkpoint.
#[utoipa::path(get, path = "/ledger/entries/{seq}/proof", tag = "Ledger", operation_id = "inclusion_proof", params(("seq" = u64, Path)),
    responses((status = 200, body = ProofView), (status = "4XX", body = Problem)))]
pub async fn proof(State(app): State<App>, asker: Asker, Path(seq): Path<u64>) -> Result<Json<ProofView>, Problem> {
    asker.may(&app, Action::ReadLedger).await?;
    Ok(Json(proof_of(&app, seq).await?))
}

/// The inclusion proof of an entry as a `.tlog-proof` file.
#[utoipa::path(get, path = "/ledger/entries/{seq}/proof.tlog", tag = "Ledger", params(("seq" = u64, Path)),
    responses((status = 200, content_type = "text/plain", body = String), (status = "4XX", body = Problem)))]
pub async fn proof_file(State(app): State<App>, asker: Asker, Path(seq): Path<u64>) -> Result<String, Problem> {
    asker.may(&app, Action::ReadLedger).await?;
    Ok(proof_of(&app, seq).await?.tlog_proof)
}

/// Two sizes of the ledger.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConsistencyParams {
    /// The earlier size.
    from: u64,
    /// The later size; the present one, if left out.
    to: Option<u64>,
}

/// A proof that the later ledger holds the earlier one unchanged.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsistencyView {
    /// The earlier size.
    pub from: u64,
    /// The later size.
    pub to: u64,
    /// The proof's hashes.
    pub proof: Vec<Digest>,
}

/// Proves that the ledger only grew between two sizes.
#[utoipa::path(get, path = "/ledger/consistency", tag = "Ledger", operation_id = "consistency_proof", params(ConsistencyParams),
    responses((status = 200, body = ConsistencyView), (status = "4XX", body = Problem)))]
pub async fn consistency(
    State(app): State<App>,
    asker: Asker,
    Params(params): Params<ConsistencyParams>,
) -> Result<Json<ConsistencyView>, Problem> {
    asker.may(&app, Action::ReadLedger).await?;
    let size = app.store.head().await?.size;
    let to = params.to.unwrap_or(size);
    if params.from > to || to > size {
        return Err(Problem::bad_request(format!("from and to must satisfy from ≤ to ≤ {size}, the present size.")));
    }
    let tiles = app.store.tiles(&tiles_for_consistency(params.from, to)).await?;
    let proof =
        consistency_proof(params.from, to, &tiles).map_err(|error| StoreError::Inconsistent(error.to_string()))?;
    Ok(Json(ConsistencyView { from: params.from, to, proof }))
}

/// The signed checkpoint (C2SP tlog-checkpoint).
#[utoipa::path(get, path = "/ledger/checkpoint", tag = "Ledger", operation_id = "show_checkpoint",
    responses((status = 200, content_type = "text/plain", body = String), (status = "4XX", body = Problem)))]
pub async fn checkpoint(State(app): State<App>, asker: Asker) -> Result<Response, Problem> {
    asker.may(&app, Action::ReadLedger).await?;
    let head = app.store.head().await?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, head.checkpoint).into_response())
}

/// The key that checkpoints are verified with (signed-note verifier key).
#[utoipa::path(get, path = "/ledger/verifier-key", tag = "Ledger", operation_id = "show_verifier_key",
    responses((status = 200, content_type = "text/plain", body = String), (status = "4XX", body = Problem)))]
pub async fn verifier_key(State(app): State<App>, asker: Asker) -> Result<String, Problem> {
    asker.may(&app, Action::ReadLedger).await?;
    Ok(format!("{}\n", app.key.verifier()))
}

/// Whether the ledger has this file at `size`, or had it when it was smaller: whoever holds an older checkpoint reads
/// the narrower tiles of that size.
fn belonged(tile: &TilePath, size: u64) -> bool {
    let (level, index) = match *tile {
        TilePath::Entries { index, .. } => (0, index),
        TilePath::Hashes { id, .. } => (id.level, id.index),
    };
    let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
    index.checked_mul(256).and_then(|first| first.checked_add(tile.width().into())).is_some_and(|end| end <= hashes)
}

/// A tile or entry bundle (C2SP tlog-tiles); the address after `/tile/` is the tile's path.
#[utoipa::path(get, path = "/ledger/tile/{*path}", tag = "Ledger", operation_id = "read_tile", params(("path" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = "4XX", body = Problem)))]
pub async fn tile(State(app): State<App>, asker: Asker, Path(path): Path<String>) -> Result<Response, Problem> {
    asker.may(&app, Action::ReadLedger).await?;
    let size = app.store.head().await?.size;
    let tile = TilePath::parse(&format!("tile/{path}"))
        .filter(|tile| belonged(tile, size))
        .ok_or_else(|| Problem::not_found("There is no such tile at the present size."))?;
    let bytes = match tile {
        TilePath::Entries { index, width } => {
            let stored = app.store.entries_from(index * 256, u64::from(width)).await?;
            let entries: Vec<&[u8]> = stored.iter().map(|entry| entry.bytes.as_slice()).collect();
            ledger::bundle::encode(&entries).map_err(|error| StoreError::Inconsistent(error.to_string()))?
        }
        TilePath::Hashes { id, width } => {
            let id: TileId = id;
            let tiles = app.store.tiles(&[id]).await?;
            let hashes = tiles.get(&id).map(Vec::as_slice).unwrap_or_default();
            hashes.iter().take(usize::from(width)).flat_map(|hash| *hash.as_bytes()).collect()
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
    ];
    Ok((headers, bytes).into_response())
}

/// What goes into an export.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportParams {
    /// Whether evidence files are left out; their digests are listed then.
    #[serde(default)]
    pub omit_evidence: bool,
}

/// The whole ledger as a tar archive: unpack it and run `countersign verify` on the folder.
#[utoipa::path(get, path = "/ledger/export", tag = "Ledger", operation_id = "export_ledger", params(ExportParams),
    responses((status = 200, content_type = "application/x-tar", body = Vec<u8>), (status = "4XX", body = Problem)))]
pub async fn export(
    State(app): State<App>,
    asker: Asker,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    asker.may(&app, Action::Export).await?;
    let size = app.store.head().await?.size;
    let what = if params.omit_evidence { "-without-evidence" } else { "" };
    let stream = crate::export::tar_stream(app, params.omit_evidence);
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"countersign-ledger-{size}{what}.tar\"")),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}
