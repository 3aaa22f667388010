//! Checks an entry in the reader's own browser, with the same code that sealed it.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// What `/api/v1/ledger/entries/{seq}/proof` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofAnswer {
    /// The entry's bytes: canonical JSON, as text.
    pub entry: String,
    /// The entry's `.tlog-proof` file.
    pub tlog_proof: String,
    /// The log's verifier key, `name+hash+key`.
    pub verifier_key: String,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it held.
    pub holds: bool,
    /// What was checked, and what came out, in a sentence.
    pub sentence: String,
}

impl Finding {
    fn yes(sentence: impl Into<String>) -> Self {
        Self { holds: true, sentence: sentence.into() }
    }

    fn no(sentence: impl Into<String>) -> Self {
        Self { holds: false, sentence: sentence.into() }
    }
}

/// Checks an entry: its form, its hash against the one the page shows, its place in the tree, the checkpoint's
/// signature. Stops at the first check that fails.
pub fn verify(seq: u64, shown_hash: &str, answer: &ProofAnswer) -> Vec<Finding> {
    let mut findings = Vec::new();
    let bytes = answer.entry.as_bytes();
    match ledger::Entry::from_bytes(bytes) {
        Ok(entry) if entry.seq == seq => {
            findings.push(Finding::yes(format!("The bytes are entry {seq}, in canonical form.")));
        }
        Ok(entry) => {
            findings.push(Finding::no(format!("The bytes are entry {}, not entry {seq}.", entry.seq)));
            return findings;
        }
        Err(error) => {
            findings.push(Finding::no(format!("The bytes are no entry: {error}.")));
            return findings;
        }
    }
    let hash = ledger::Digest::of(bytes).hex();
    if hash != shown_hash {
        findings.push(Finding::no(format!("Their SHA-256 is {hash}, which is not the hash on this page.")));
        return findings;
    }
    findings.push(Finding::yes("Their SHA-256 is the hash on this page."));
    let proof = match ledger::TlogProof::from_text(&answer.tlog_proof) {
        Ok(proof) => proof,
        Err(error) => {
            findings.push(Finding::no(format!("The proof cannot be read: {error}.")));
            return findings;
        }
    };
    if proof.index != seq {
        findings.push(Finding::no(format!("The proof is about entry {}, not entry {seq}.", proof.index)));
        return findings;
    }
    let key = match answer.verifier_key.parse::<ledger::VerifierKey>() {
        Ok(key) => key,
        Err(error) => {
            findings.push(Finding::no(format!("The log's key cannot be read: {error}.")));
            return findings;
        }
    };
    let steps = proof.hashes.len();
    match proof.verify(bytes, &[key]) {
        Ok(open) => {
            findings.push(Finding::yes(format!(
                "A proof of length {steps} leads from the entry to the root of the tree at size {}.",
                open.checkpoint.size
            )));
            findings
                .push(Finding::yes(format!("The checkpoint with that root is signed by {}.", open.checkpoint.origin)));
        }
        Err(error) => findings.push(Finding::no(format!("The proof does not hold: {error}."))),
    }
    findings
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a browser gets beyond Idle"))]
enum Progress {
    Idle,
    Working,
    Failed(String),
    Checked(Vec<Finding>),
}

/// A button that fetches the entry and its proof and checks them here.
#[island]
pub fn VerifyEntry(
    /// The entry's number.
    seq: u64,
    /// The hash that the page shows, in hexadecimal.
    hash: String,
    /// Where the proof is fetched from.
    source: String,
) -> impl IntoView {
    let progress = RwSignal::new(Progress::Idle);
    let ready = RwSignal::new(false);
    mark_ready(ready);
    let start = move |_| start(seq, hash.clone(), source.clone(), progress);
    view! {
        <div>
            <p>
                <button class="button primary" type="button" hidden=move || !ready.get() on:click=start>
                    "Verify in this browser"
                </button>
            </p>
            <div class="verify-result" role="status" aria-live="polite">
                {move || match progress.get() {
                    Progress::Idle => ().into_any(),
                    Progress::Working => view! { <p>"Checking…"</p> }.into_any(),
                    Progress::Failed(reason) => view! { <p class="missing">{reason}</p> }.into_any(),
                    Progress::Checked(findings) => result(findings),
                }}
            </div>
        </div>
    }
}

fn result(findings: Vec<Finding>) -> AnyView {
    let holds = findings.iter().all(|finding| finding.holds);
    let lines = findings
        .into_iter()
        .map(|finding| {
            let (class, word, path) = if finding.holds {
                ("yes", "Holds: ", "M2 6.5 5 9.5 10.5 2.5")
            } else {
                ("no", "Fails: ", "M2 2 10 10M10 2 2 10")
            };
            view! {
                <li class=class>
                    <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
                        <path d=path fill="none" stroke="currentColor" stroke-width="2" />
                    </svg>
                    <span>
                        <span class="hidden-visually">{word}</span>
                        {finding.sentence}
                    </span>
                </li>
            }
        })
        .collect_view();
    let verdict = if holds {
        "Verified, by this browser."
    } else {
        "This entry does not verify. Tell an administrator and keep a copy of this page."
    };
    view! {
        <p class="strong">{verdict}</p>
        <ul role="list">{lines}</ul>
    }
    .into_any()
}

#[cfg(feature = "hydrate")]
fn mark_ready(ready: RwSignal<bool>) {
    // An effect runs after mounting, so that the markup still matches the server's while it is taken over.
    Effect::new(move |_| ready.set(true));
}

#[cfg(not(feature = "hydrate"))]
fn mark_ready(_ready: RwSignal<bool>) {}

#[cfg(feature = "hydrate")]
fn start(seq: u64, hash: String, source: String, progress: RwSignal<Progress>) {
    progress.set(Progress::Working);
    wasm_bindgen_futures::spawn_local(async move {
        progress.set(match fetch(&source).await {
            Ok(answer) => Progress::Checked(verify(seq, &hash, &answer)),
            Err(reason) => Progress::Failed(reason),
        });
    });
}

#[cfg(not(feature = "hydrate"))]
fn start(_seq: u64, _hash: String, _source: String, _progress: RwSignal<Progress>) {}

#[cfg(feature = "hydrate")]
async fn fetch(source: &str) -> Result<ProofAnswer, String> {
    use wasm_bindgen::JsCast;
    use wasm_bindgen_futures::JsFuture;

    let unreachable = |_| "The server could not be reached. Try again, or use the command below.".to_owned();
    let window = web_sys::window().ok_or("There is no window.")?;
    let response = JsFuture::from(window.fetch_with_str(source)).await.map_err(unreachable)?;
    let response: web_sys::Response = response.dyn_into().map_err(unreachable)?;
    if !response.ok() {
        return Err(format!("The server answered with status {}.", response.status()));
    }
    let text = JsFuture::from(response.text().map_err(unreachable)?).await.map_err(unreachable)?;
    serde_json::from_str(&text.as_string().unwrap_or_default())
        .map_err(|error| format!("The server's answer cannot be read: {error}."))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ledger::{Actor, ActorKind, Checkpoint, Digest, Entry, SigningKey, Timestamp, TlogProof};

    use super::*;

    fn sealed() -> (String, ProofAnswer) {
        let entry = Entry {
            schema: ledger::SCHEMA,
            seq: 0,
            time: "2026-11-23T11:00:00.000000Z".parse::<Timestamp>().unwrap(),
            actor: Actor { id: "a1".to_owned(), kind: ActorKind::System },
            event: "log.started".to_owned(),
            subject: BTreeMap::new(),
            payload: serde_json::json!({}),
            evidence: Vec::new(),
            prev: Digest::of(b""),
        };
        let bytes = entry.to_bytes().unwrap();
        let key = SigningKey::from_seed("example.org/log", &[7; 32]).unwrap();
        let root = ledger::merkle::leaf_hash(&bytes);
        let checkpoint = Checkpoint { origin: "example.org/log".to_owned(), size: 1, root }.sign(&[&key]).unwrap();
        let proof = TlogProof { extra: None, index: 0, hashes: Vec::new(), checkpoint }.to_text();
        let hash = Digest::of(&bytes).hex();
        (
            hash,
            ProofAnswer {
                entry: String::from_utf8(bytes).unwrap(),
                tlog_proof: proof,
                verifier_key: key.verifier().to_string(),
            },
        )
    }

    #[test]
    fn a_sealed_entry_verifies() {
        let (hash, answer) = sealed();
        let findings = verify(0, &hash, &answer);
        assert_eq!(findings.len(), 4);
        assert!(findings.iter().all(|finding| finding.holds), "{findings:?}");
    }

    #[test]
    fn each_tampering_is_named() {
        let (hash, good) = sealed();
        let last = |answer: &ProofAnswer, seq| verify(seq, &hash, answer).pop().unwrap();
        let mut answer = good.clone();
        answer.entry = answer.entry.replace("a1", "a2");
        assert!(last(&answer, 0).sentence.contains("not the hash on this page"));
        let mut answer = good.clone();
        answer.tlog_proof = answer.tlog_proof.replace("\n1\n", "\n2\n");
        assert!(!last(&answer, 0).holds);
        let mut answer = good.clone();
        answer.verifier_key = SigningKey::from_seed("example.org/log", &[8; 32]).unwrap().verifier().to_string();
        assert!(!last(&answer, 0).holds);
        assert!(last(&good, 1).sentence.contains("not entry 1"));
    }
}
