//! Checks an exported log from the first byte to the last.
//!
//! Bundles are checked side by side, each for itself: every entry's form, number, time and predecessor, and its
//! hash against the level-0 tile. What ties bundles to each other and to the checkpoint is folded in order, so the
//! first entry that fails is the one reported. Memory holds a bundle per thread, a window of results, and one
//! digest for each evidence file that entries refer to.

use std::{collections::HashMap, fmt, io};

use super::{
    CHECKPOINT, EVIDENCE, EVIDENCE_OMITTED, ExportSource, Listed, ListedKind, README, README_PATH, VERIFIER_KEY,
    evidence_path,
    parallel::{cores, each},
};
use crate::{
    ChainHead, Checkpoint, Digest, TilePath, Timestamp, TreeHead, VerifierKey, bundle,
    checkpoint::OpenCheckpoint,
    merkle::{fold_roots, perfect_roots},
    note::{KeyKind, Verified as Signer},
    pair, scan,
    tiles::TileId,
};

/// Bundles checked before their results are folded.
const WINDOW: u64 = 256;

/// How to check an export.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// The log's key as known from elsewhere. Without it the export only shows to be whole, not to be the log's.
    pub trusted_key: Option<VerifierKey>,
    /// Witnesses' keys; a bad cosignature by one of them is a fault, those of others are ignored.
    pub witnesses: Vec<VerifierKey>,
    /// Threads to use; one for each core if none is given.
    pub threads: Option<usize>,
}

/// What was found to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Name of the log.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them, as signed.
    pub root: Digest,
    /// The key that signed.
    pub key: VerifierKey,
    /// Whether that is the key known from elsewhere.
    pub key_trusted: bool,
    /// Witnesses that cosigned, of those whose keys were given.
    pub cosigned_by: Vec<Signer>,
    /// Entries checked; equal to `size`.
    pub entries: u64,
    /// Bytes of the entries.
    pub entry_bytes: u64,
    /// When the last entry was made.
    pub last_time: Option<Timestamp>,
    /// Evidence files checked.
    pub evidence_files: u64,
    /// Evidence files that entries refer to and the export names as left out.
    pub evidence_omitted: u64,
}

/// The first thing found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFault {
    /// Number of the entry concerned, from 0.
    pub entry: Option<u64>,
    /// File concerned.
    pub path: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for ExportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = self.entry {
            write!(f, "entry {entry}: ")?;
        }
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ExportFault {}

type Outcome<T> = Result<T, ExportFault>;

fn file_fault(path: impl fmt::Display, reason: impl fmt::Display) -> ExportFault {
    ExportFault { entry: None, path: Some(path.to_string()), reason: reason.to_string() }
}

fn entry_fault(entry: u64, path: impl fmt::Display, reason: impl fmt::Display) -> ExportFault {
    ExportFault { entry: Some(entry), ..file_fault(path, reason) }
}

fn unreadable(path: &str) -> impl Fn(io::Error) -> ExportFault {
    move |error| file_fault(path, format!("it cannot be read: {error}"))
}

fn require(source: &impl ExportSource, path: &str) -> Outcome<Vec<u8>> {
    source.read(path).map_err(unreadable(path))?.ok_or_else(|| file_fault(path, "the file is missing"))
}

fn require_text(source: &impl ExportSource, path: &str) -> Outcome<String> {
    String::from_utf8(require(source, path)?).map_err(|_| file_fault(path, "the text is not UTF-8"))
}

/// Checks all of an export: signature, entries, chain, tree, tiles, evidence, and that nothing else lies there.
pub fn verify_export(source: &impl ExportSource, options: &ExportOptions) -> Outcome<Verified> {
    let threads = options.threads.unwrap_or_else(cores).max(1);
    let key = read_key(source, options)?;
    let OpenCheckpoint { checkpoint, note } = read_checkpoint(source, &key, options)?;

    let mut fold = Fold::new(source, checkpoint.size);
    let bundles = checkpoint.size.div_ceil(256);
    let mut start = 0;
    while start < bundles {
        let window = start..bundles.min(start + WINDOW);
        start = window.end;
        let check = |index| check_bundle(source, index, checkpoint.size);
        for checked in each(window, threads, check, |checked: &CheckedBundle| checked.fault.is_some()) {
            fold.add(checked)?;
        }
    }
    fold.finish(&checkpoint)?;

    check_readme(source)?;
    let (evidence_files, evidence_omitted) = check_evidence(source, &fold.evidence, threads)?;
    check_nothing_else(source, "", checkpoint.size)?;
    Ok(Verified {
        size: checkpoint.size,
        root: checkpoint.root,
        key_trusted: options.trusted_key.is_some(),
        cosigned_by: note.verified.into_iter().filter(|by| by.kind == KeyKind::Cosignature).collect(),
        origin: checkpoint.origin,
        key,
        entries: fold.chain.size,
        entry_bytes: fold.entry_bytes,
        last_time: fold.chain.time,
        evidence_files,
        evidence_omitted,
    })
}

fn read_key(source: &impl ExportSource, options: &ExportOptions) -> Outcome<VerifierKey> {
    let text = require_text(source, VERIFIER_KEY)?;
    let key =
        text.strip_suffix('\n').ok_or_else(|| file_fault(VERIFIER_KEY, "the key is not followed by a line feed"))?;
    let key: VerifierKey = key.parse().map_err(|error| file_fault(VERIFIER_KEY, error))?;
    if key.kind() != KeyKind::Ed25519 {
        return Err(file_fault(VERIFIER_KEY, "this is a witness's key, not a log's"));
    }
    match &options.trusted_key {
        Some(trusted) if *trusted != key => {
            Err(file_fault(VERIFIER_KEY, format!("this is not the key you trust, {trusted}")))
        }
        _ => Ok(key),
    }
}

fn read_checkpoint(source: &impl ExportSource, key: &VerifierKey, options: &ExportOptions) -> Outcome<OpenCheckpoint> {
    let note = require_text(source, CHECKPOINT)?;
    let mut keys = vec![key.clone()];
    keys.extend(options.witnesses.iter().cloned());
    let open = Checkpoint::open(&note, &keys).map_err(|error| file_fault(CHECKPOINT, error))?;
    // A known key's line may stand there once only, so that the lines that count have one form.
    let lines = note.lines().filter(|line| line.starts_with('\u{2014}')).count();
    if lines != open.note.verified.len() + open.note.ignored {
        return Err(file_fault(CHECKPOINT, "a signature stands there twice"));
    }
    Ok(open)
}

/// What one bundle amounts to.
struct CheckedBundle {
    index: u64,
    /// What ties its first entry to the bundle before.
    first: Option<scan::Links>,
    /// Digest and time of the last good entry.
    last: Option<(Digest, Timestamp)>,
    entries: u64,
    entry_bytes: u64,
    /// Roots of the perfect subtrees over its leaves.
    roots: Vec<Digest>,
    /// What its entries refer to, and which does.
    evidence: Vec<(Digest, u64)>,
    fault: Option<ExportFault>,
}

fn check_bundle(source: &impl ExportSource, index: u64, size: u64) -> CheckedBundle {
    let mut checked = CheckedBundle {
        index,
        first: None,
        last: None,
        entries: 0,
        entry_bytes: 0,
        roots: Vec::new(),
        evidence: Vec::new(),
        fault: None,
    };
    checked.fault = fill_bundle(source, size, &mut checked).err();
    checked
}

fn fill_bundle(source: &impl ExportSource, size: u64, checked: &mut CheckedBundle) -> Outcome<()> {
    let first = checked.index * 256;
    let width = u16::try_from((size - first).min(256)).unwrap_or(256);
    let path = TilePath::entries(checked.index, width);
    let tile_path = TilePath::hashes(TileId { level: 0, index: checked.index }, width);
    let bundle = source.read(&path.to_string()).map_err(unreadable(&path.to_string()))?;
    let bundle = bundle.ok_or_else(|| entry_fault(first, path, "the file is missing"))?;
    let tile = require(source, &tile_path.to_string());
    let hashes = tile.as_deref().unwrap_or_default().as_chunks::<32>().0;

    let mut head = ChainHead { size: first, ..ChainHead::genesis() };
    let mut leaves = Vec::with_capacity(256);
    for entry in bundle::iter(&bundle) {
        let seq = head.size;
        let bytes = entry.map_err(|error| entry_fault(seq, path, error))?;
        if seq == first + u64::from(width) {
            return Err(entry_fault(seq, path, "the bundle holds more entries than the log has"));
        }
        let links = scan::entry(bytes).map_err(|error| entry_fault(seq, path, error))?;
        if seq == first {
            // The bundle before decides on this one; within the bundle the chain starts here.
            head = ChainHead { size: first, last: links.prev, time: None };
            checked.first = Some(links.clone());
        }
        head.check_link(links.seq, links.prev, links.time).map_err(|error| entry_fault(seq, path, error))?;
        let (digest, leaf) = pair::digest_and_leaf(bytes);
        if hashes.get(leaves.len()).is_some_and(|hash| hash != leaf.as_bytes()) {
            return Err(entry_fault(
                seq,
                path,
                format!("its hash is not the one in {tile_path}: one of the two was altered"),
            ));
        }
        head = ChainHead { size: seq + 1, last: digest, time: Some(links.time) };
        leaves.push(leaf);
        checked.entry_bytes += bytes.len() as u64;
        checked.evidence.extend(links.evidence.into_iter().map(|digest| (digest, seq)));
    }
    checked.entries = head.size - first;
    if checked.entries != u64::from(width) {
        return Err(entry_fault(
            head.size,
            path,
            format!("the bundle ends before it; the checkpoint covers {size} entries"),
        ));
    }
    expect_length(tile_path, &tile?, leaves.len())?;
    checked.last = head.time.map(|time| (head.last, time));
    checked.roots = perfect_roots(&leaves);
    Ok(())
}

fn expect_length(path: TilePath, tile: &[u8], hashes: usize) -> Outcome<()> {
    if tile.len() == hashes * 32 {
        Ok(())
    } else {
        Err(file_fault(path, format!("the tile has {} bytes, {} belong there", tile.len(), hashes * 32)))
    }
}

/// Joins bundles in order: the chain across their edges, the tree above them.
struct Fold<'a, S> {
    source: &'a S,
    size: u64,
    chain: ChainHead,
    /// The tree over full bundles, each of them one leaf.
    upper: TreeHead,
    /// Roots of the perfect subtrees in the last, partial bundle.
    rest: Vec<Digest>,
    evidence: HashMap<Digest, u64>,
    entry_bytes: u64,
}

impl<'a, S: ExportSource> Fold<'a, S> {
    fn new(source: &'a S, size: u64) -> Self {
        Self {
            source,
            size,
            chain: ChainHead::genesis(),
            upper: TreeHead::new(),
            rest: Vec::new(),
            evidence: HashMap::new(),
            entry_bytes: 0,
        }
    }

    fn add(&mut self, bundle: CheckedBundle) -> Outcome<()> {
        if let Some(first) = &bundle.first {
            let path =
                TilePath::entries(bundle.index, u16::try_from((self.size - self.chain.size).min(256)).unwrap_or(256));
            self.chain
                .check_link(first.seq, first.prev, first.time)
                .map_err(|error| entry_fault(self.chain.size, path, error))?;
        }
        if let Some(fault) = bundle.fault {
            return Err(fault);
        }
        if let Some((last, time)) = bundle.last {
            self.chain = ChainHead { size: self.chain.size + bundle.entries, last, time: Some(time) };
        }
        self.entry_bytes += bundle.entry_bytes;
        for (digest, entry) in bundle.evidence {
            self.evidence.entry(digest).or_insert(entry);
        }
        if bundle.entries == 256 {
            bundle.roots.iter().for_each(|root| self.upper.append(*root));
            let tiles = self.upper.completed_tiles();
            self.check_tiles(&tiles)
        } else {
            self.rest = bundle.roots;
            Ok(())
        }
    }

    fn check_tiles(&self, tiles: &[(TileId, Vec<Digest>)]) -> Outcome<()> {
        for (id, hashes) in tiles {
            let id = TileId { level: id.level + 1, ..*id };
            let path = TilePath::hashes(id, u16::try_from(hashes.len()).unwrap_or(256));
            let tile = require(self.source, &path.to_string())?;
            expect_length(path, &tile, hashes.len())?;
            let wrong = tile.as_chunks::<32>().0.iter().zip(hashes).position(|(found, hash)| found != hash.as_bytes());
            if let Some(position) = wrong {
                return Err(file_fault(
                    path,
                    format!("hash {position} of the tile is not the root of the entries under it"),
                ));
            }
        }
        Ok(())
    }

    fn finish(&mut self, checkpoint: &Checkpoint) -> Outcome<()> {
        let tiles = self.upper.changed_tiles();
        self.check_tiles(&tiles)?;
        let root = fold_roots(&[self.upper.roots(), &self.rest].concat());
        if root == checkpoint.root {
            return Ok(());
        }
        let reason = format!(
            "the entries have the root {root}, the log signed {}: entries were altered together with their tiles",
            checkpoint.root
        );
        Err(file_fault(CHECKPOINT, reason))
    }
}

fn check_readme(source: &impl ExportSource) -> Outcome<()> {
    match source.read(README_PATH).map_err(unreadable(README_PATH))? {
        Some(text) if text != README.as_bytes() => {
            Err(file_fault(README_PATH, "the text is not the one that exports carry"))
        }
        _ => Ok(()),
    }
}

/// Checks the evidence files against what entries refer to; gives how many are there and how many are left out.
fn check_evidence(
    source: &impl ExportSource,
    referenced: &HashMap<Digest, u64>,
    threads: usize,
) -> Outcome<(u64, u64)> {
    let mut present = Vec::new();
    for listed in list(source, EVIDENCE)? {
        let path = format!("{EVIDENCE}/{}", listed.name);
        let digest = Digest::from_hex(&listed.name)
            .ok()
            .filter(|digest| listed.kind == ListedKind::File && referenced.contains_key(digest));
        present.push(digest.ok_or_else(|| file_fault(path, "no entry refers to this file"))?);
    }
    present.sort_unstable();
    let check = |item: u64| {
        let digest = present[usize::try_from(item).unwrap_or_default()];
        let (path, entry) = (evidence_path(&digest), referenced[&digest]);
        match source.digest(&path).map_err(unreadable(&path))? {
            Some(found) if found == digest => Ok(()),
            Some(found) => Err(entry_fault(entry, path, format!("the file was altered: its digest is now {found}"))),
            None => Err(entry_fault(entry, path, "the file is missing")),
        }
    };
    each(0..present.len() as u64, threads, check, Outcome::is_err).into_iter().collect::<Outcome<()>>()?;

    let omitted = read_omitted(source)?;
    for digest in &omitted {
        let problem = match (referenced.contains_key(digest), present.binary_search(digest)) {
            (false, _) => "no entry refers to",
            (true, Ok(_)) => "the export does hold",
            (true, Err(_)) => continue,
        };
        return Err(file_fault(EVIDENCE_OMITTED, format!("it lists {digest}, which {problem}")));
    }
    let missing = referenced
        .iter()
        .filter(|(digest, _)| present.binary_search(digest).is_err() && omitted.binary_search(digest).is_err());
    match missing.map(|(digest, entry)| (entry, digest)).min() {
        Some((entry, digest)) => {
            Err(entry_fault(*entry, evidence_path(digest), "the file is missing, and not listed as left out"))
        }
        None => Ok((present.len() as u64, omitted.len() as u64)),
    }
}

fn read_omitted(source: &impl ExportSource) -> Outcome<Vec<Digest>> {
    let Some(bytes) = source.read(EVIDENCE_OMITTED).map_err(unreadable(EVIDENCE_OMITTED))? else {
        return Ok(Vec::new());
    };
    let fault = |reason: &dyn fmt::Display| file_fault(EVIDENCE_OMITTED, reason);
    let text = String::from_utf8(bytes).map_err(|_| fault(&"the text is not UTF-8"))?;
    let text = text.strip_suffix('\n').ok_or_else(|| fault(&"the last line does not end in a line feed"))?;
    let omitted =
        text.split('\n').map(str::parse).collect::<Result<Vec<Digest>, _>>().map_err(|error| fault(&error))?;
    if omitted.is_sorted_by(|a, b| a < b) {
        Ok(omitted)
    } else {
        Err(fault(&"the digests are not in order, or one is there twice"))
    }
}

fn list(source: &impl ExportSource, folder: &str) -> Outcome<Vec<Listed>> {
    source.list(folder).map_err(unreadable(folder))
}

/// Looks through all folders for files that do not belong there. Evidence was looked through before.
fn check_nothing_else(source: &impl ExportSource, folder: &str, size: u64) -> Outcome<()> {
    for Listed { name, kind } in list(source, folder)? {
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let belongs = match kind {
            ListedKind::File => {
                [CHECKPOINT, VERIFIER_KEY, EVIDENCE_OMITTED, README_PATH].contains(&path.as_str())
                    || TilePath::parse(&path).is_some_and(|tile| tile.belongs_to(size))
            }
            ListedKind::Folder if path == EVIDENCE => true,
            // No path of an export is nested deeper than this.
            ListedKind::Folder if path.starts_with("tile") && path.split('/').count() < 12 => {
                check_nothing_else(source, &path, size)?;
                true
            }
            _ => false,
        };
        if !belongs {
            return Err(file_fault(path, "this does not belong to the export"));
        }
    }
    Ok(())
}
