//! The dossier of one model version: everything that speaks for or against its promotion, in one document.
//!
//! [`Dossier`] is plain data that storage fills in; [`render`] sets it. The same data, as canonical JSON, is attached to the PDF, and
//! its SHA-256 is the document's identifier, so a reader can check that page and data belong together.
//!
//! Signatures show printed name, date and time, and meaning, as 21 CFR 11.50 asks of the human-readable form of a signed record.

mod cover;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod sections;

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::layout::with_contents;
use super::pdf::OutlineEntry;
pub use super::table::Tone;
use super::{Attachment, Document, Meta, ReportError};

/// A status: its word, as the pages show it, and what it means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// An adjective or past participle, such as `Approved`, `Stale`, `Overdue`.
    pub word: String,
    /// Decides the shape beside the word.
    pub tone: Tone,
}

impl Status {
    /// A status of this word and tone.
    pub fn new(word: impl Into<String>, tone: Tone) -> Self {
        Self { word: word.into(), tone }
    }
}

/// The data of a dossier. Texts are shown as they are; lists are shown in the order given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dossier {
    /// The program and its version, such as `Countersign 0.1.0`.
    pub product: String,
    /// The model.
    pub model: Model,
    /// The version.
    pub version: Version,
    /// Where the version stands in each market.
    pub tracks: Vec<Track>,
    /// The checkpoint that everything here was read at.
    pub checkpoint: Checkpoint,
    /// What was decided, or what stands in the way of a decision.
    pub decision: Decision,
    /// Lineage fields by class.
    pub lineage: Vec<LineageClass>,
    /// Versions that this one was made from.
    pub parents: Vec<Parent>,
    /// Lineage fields that are required and missing.
    pub missing_lineage: Vec<Missing>,
    /// Evidence of the three paths.
    pub evidence: Vec<Evidence>,
    /// Results of gates, latest first.
    pub gates: Vec<Gate>,
    /// Validation reports, latest first.
    pub validations: Vec<Validation>,
    /// Requests for promotion, latest first.
    pub requests: Vec<PromotionRequest>,
    /// Signatures on packages of this version, earliest first.
    pub signatures: Vec<Signature>,
    /// Ledger entries about this version, earliest first.
    pub timeline: Vec<TimelineEntry>,
    /// What is left out because there is too much of it, a sentence each.
    pub omissions: Vec<String>,
}

/// The model that the version belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Its name in the registry.
    pub name: String,
    /// What people call it; the name, if empty.
    pub title: String,
    /// What it is for.
    pub purpose: String,
    /// Who answers for it.
    pub owner: String,
    /// Its tier (exposure × purpose), in words.
    pub tier: String,
    /// Whether and how it is regulated, in words.
    pub regulation: String,
}

impl Model {
    /// What people call it.
    fn shown(&self) -> &str {
        if self.title.trim().is_empty() { &self.name } else { &self.title }
    }
}

/// The version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its name, such as `3.1.0`.
    pub name: String,
    /// What it is, in its maker's words.
    pub description: String,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Who registered it, and who else changed its lineage.
    pub registered_by: String,
    /// Materiality of the change and why, in words.
    pub materiality: String,
}

/// Where the version stands in one market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// The market, or `All markets` before tracks part.
    pub market: String,
    /// The stage.
    pub stage: String,
    /// Its role there, such as champion, or what blocks the next stage.
    pub status: Status,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What comes next, in words.
    pub next: String,
}

/// A signed statement of the ledger's size and content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root hash of the tree over them.
    pub root: Digest,
    /// When it was signed; the dossier shows the state at this time.
    pub time: Timestamp,
    /// Name and id of the key that signed it.
    pub key: String,
}

/// The outcome in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Outcome in a word or two.
    pub outcome: Status,
    /// What was decided, by whom and why, in a few sentences.
    pub summary: String,
    /// What is missing for the next stage; empty if nothing.
    pub missing: Vec<Missing>,
}

/// Something that is missing and who can supply it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The field, evidence or act.
    pub what: String,
    /// The rule that asks for it.
    pub rule: String,
    /// Who can supply it.
    pub who: String,
}

/// Lineage fields of one class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageClass {
    /// Code, data, features, hyperparameters, environment or metrics.
    pub class: String,
    /// Its fields.
    pub fields: Vec<LineageField>,
}

/// One lineage field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageField {
    /// Its name.
    pub name: String,
    /// Its value as text.
    pub value: String,
    /// Whether the value is a digest, a commit or the like, to be set in the monospaced face.
    pub is_identifier: bool,
}

/// A version that this one was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Model and version.
    pub version: String,
    /// How they are related, such as `fine-tuned from`.
    pub relation: String,
    /// Where the parent stands now.
    pub stage: String,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Code, data or model path.
    pub path: String,
    /// What kind of evidence.
    pub kind: String,
    /// Verdict.
    pub verdict: Status,
    /// What the file says, in a sentence.
    pub summary: String,
    /// Name and size of the file.
    pub file: String,
    /// Digest of the file.
    pub digest: Digest,
    /// The artifacts it speaks about: a commit, a partition, digests.
    pub bound_to: Vec<String>,
    /// Who or what produced it.
    pub producer: String,
    /// When it was produced, as its producer says.
    pub produced_at: Timestamp,
    /// Who attached it.
    pub attached_by: String,
    /// When it was attached.
    pub time: Timestamp,
    /// Number of the entry that attached it.
    pub entry: u64,
    /// Figures parsed from the file.
    pub figures: Vec<Figure>,
    /// What failed, by name.
    pub failures: Vec<String>,
}

/// A measured figure and the threshold it is held against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured, with its unit.
    pub name: String,
    /// The value, formatted.
    pub value: String,
    /// The threshold in force, such as `≥ 0.90`; empty if none.
    pub threshold: String,
    /// Whether it is met.
    pub verdict: Status,
}

/// The result of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// The gate's name and the step it guards.
    pub name: String,
    /// The market, if the gate is one market's.
    pub market: Option<String>,
    /// Verdict.
    pub verdict: Status,
    /// Version of the policy whose thresholds were in force.
    pub policy: String,
    /// When it was evaluated.
    pub time: Timestamp,
    /// Number of the entry that records it.
    pub entry: u64,
    /// Rules that were checked, with what they found.
    pub rules: Vec<Requirement>,
    /// Figures with thresholds.
    pub figures: Vec<Figure>,
    /// The inputs that the result can be recomputed from.
    pub inputs: Vec<Input>,
}

/// Something that a gate looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// What it is, such as `package`.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

/// An independent validation report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// The report's title.
    pub title: String,
    /// Kind: full or abbreviated; empty if it is not recorded.
    pub scope: String,
    /// Who validated, by name.
    pub validator: String,
    /// Their team at the checkpoint.
    pub team: String,
    /// Conclusion.
    pub outcome: Status,
    /// When it was submitted; none while in progress.
    pub submitted_at: Option<Timestamp>,
    /// Hash of the entry that records the report as submitted.
    pub digest: Option<Digest>,
    /// The report's sections in order.
    pub sections: Vec<Section>,
    /// Its findings.
    pub findings: Vec<Finding>,
}

/// A section of a validation report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// Text; line breaks are kept.
    pub text: String,
}

/// A finding of a validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its short name, such as `F-3`.
    pub id: String,
    /// What was found, in a line.
    pub title: String,
    /// What was found, in full, and who raised it.
    pub description: String,
    /// Severity.
    pub severity: Status,
    /// Who must remedy it.
    pub owner: String,
    /// Until when.
    pub due: Option<Timestamp>,
    /// Open, remediated, closed, waived and the like.
    pub status: Status,
    /// The remedy; empty if none yet.
    pub remediation: String,
    /// Who verified the closure and when, or the waiver and its expiry, in words; empty if open.
    pub closure: String,
}

/// A request for promotion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionRequest {
    /// Number of the entry that opened it.
    pub entry: u64,
    /// From which stage to which, such as `None → Staging`.
    pub step: String,
    /// The market, if the step is one market's.
    pub market: Option<String>,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_at: Timestamp,
    /// Why, in their words.
    pub reason: String,
    /// Where it stands.
    pub status: Status,
    /// What became of it, by whom and why; empty while it is open.
    pub outcome: String,
    /// Digest of the package that is to be signed or was decided on; none where the record names none.
    pub package: Option<Digest>,
    /// The checklist; none where the record holds none.
    pub requirements: Option<Vec<Requirement>>,
}

/// One line of a request's checklist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// What the policy asks for.
    pub text: String,
    /// Met or missing.
    pub status: Status,
    /// What meets it, or who can supply it.
    pub by: String,
}

/// An electronic signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Printed name of the signer (21 CFR 11.50(a)(1)).
    pub printed_name: String,
    /// The role they signed in.
    pub role: String,
    /// When they signed (21 CFR 11.50(a)(2)).
    pub time: Timestamp,
    /// What the signature means (21 CFR 11.50(a)(3)).
    pub meaning: String,
    /// The signer's comment; may be empty.
    pub comment: String,
    /// The step that the signed package was for.
    pub subject: String,
    /// Digest of the exact package that was signed; none for an approval of drift.
    pub package: Option<Digest>,
    /// Number of the entry that holds the signature.
    pub entry: u64,
    /// Current or stale.
    pub state: Status,
    /// What changed in the package since; empty while current.
    pub changed: Vec<String>,
}

/// An entry of the ledger about this version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Its number.
    pub sequence: u64,
    /// When it was sealed.
    pub time: Timestamp,
    /// Who acted, as shown.
    pub actor: String,
    /// What happened, as a sentence.
    pub event: String,
    /// Digest of the entry's bytes.
    pub hash: Digest,
}

/// Sets the dossier as a PDF. Equal dossiers give equal bytes.
pub fn render(dossier: &Dossier) -> Result<Vec<u8>, ReportError> {
    let data = ledger::canonical_json(dossier)?;
    let id = Digest::of(&data);
    let mut document = with_contents(|contents| lay_out(dossier, id, contents))?;
    document.attach(Attachment {
        name: "dossier.json".to_owned(),
        media_type: "application/json".to_owned(),
        description: format!("The data of this dossier as canonical JSON; its SHA-256 is {}", id.hex()),
        bytes: data,
    });
    document.finish()
}

fn lay_out(dossier: &Dossier, id: Digest, contents: &[OutlineEntry]) -> Result<Document, ReportError> {
    let mut document = Document::new(Meta {
        title: format!("{} {}", dossier.model.shown(), dossier.version.name),
        subject: "Promotion dossier".to_owned(),
        author: dossier.product.clone(),
        created: dossier.checkpoint.time,
        id,
    })?;
    cover::draw(&mut document, dossier, id, contents);
    sections::draw(&mut document, dossier);
    record::draw(&mut document, dossier);
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_texts(bytes: &[u8]) -> Vec<String> {
        let file = lopdf::Document::load_mem(bytes).unwrap();
        file.get_pages().keys().map(|page| file.extract_text(&[*page]).unwrap()).collect()
    }

    #[test]
    fn equal_dossiers_give_equal_bytes_in_any_order_and_on_any_thread() {
        let (first, second) = (sample::dossier(), sample::nasty());
        let one = render(&first).unwrap();
        let two = render(&second).unwrap();
        assert_eq!(one, render(&first).unwrap());
        let threads: Vec<_> = (0..4)
            .map(|index| {
                let dossier = if index % 2 == 0 { second.clone() } else { first.clone() };
                std::thread::spawn(move || (index, render(&dossier).unwrap()))
            })
            .collect();
        for thread in threads {
            let (index, bytes) = thread.join().unwrap();
            assert!(bytes == if index % 2 == 0 { two.as_slice() } else { one.as_slice() }, "thread {index}");
        }
    }

    #[test]
    fn a_change_in_the_data_changes_identifier_and_bytes() {
        let mut dossier = sample::dossier();
        let before = render(&dossier).unwrap();
        dossier.decision.summary.push('.');
        let after = render(&dossier).unwrap();
        let id = |bytes: &[u8]| lopdf::Document::load_mem(bytes).unwrap().trailer.get(b"ID").unwrap().clone();
        assert_ne!(before, after);
        assert_ne!(id(&before), id(&after));
    }

    #[test]
    fn signatures_show_name_time_and_meaning() {
        let dossier = sample::dossier();
        let text = page_texts(&render(&dossier).unwrap()).concat().replace(['\n', ' '], "");
        for signature in &dossier.signatures {
            let time = sections::exact_time(signature.time);
            let package = signature.package.unwrap();
            for part in [&signature.printed_name, &signature.meaning, &time, &package.to_string()] {
                assert!(text.contains(&part.replace(' ', "")), "{part}");
            }
        }
    }

    #[test]
    fn the_pages_of_a_long_timeline_repeat_its_head() {
        let mut dossier = sample::dossier();
        let entry = dossier.timeline[0].clone();
        dossier.timeline = (0..500).map(|sequence| TimelineEntry { sequence, ..entry.clone() }).collect();
        let pages = page_texts(&render(&dossier).unwrap());
        let with_rows = pages.iter().filter(|text| text.contains("Entry hash")).count();
        let continued = pages.iter().filter(|text| text.contains("(continued)")).count();
        assert!(with_rows > 8 && continued >= with_rows - 1, "{with_rows} {continued}");
        assert!(pages.iter().enumerate().all(|(index, text)| text.contains(&format!(
            "Page {} of {}",
            index + 1,
            pages.len()
        ))));
    }

    #[test]
    fn the_attached_data_reads_back_as_the_dossier() {
        for dossier in [sample::dossier(), sample::nasty()] {
            let file = lopdf::Document::load_mem(&render(&dossier).unwrap()).unwrap();
            let data = file
                .objects
                .values()
                .filter_map(|object| object.as_stream().ok())
                .find(|stream| {
                    stream.dict.get(b"Type").is_ok_and(|kind| kind.as_name().is_ok_and(|name| name == b"EmbeddedFile"))
                })
                .unwrap();
            let bytes = data.decompressed_content().unwrap();
            assert_eq!(serde_json::from_slice::<Dossier>(&bytes).unwrap(), dossier);
            let id = file.trailer.get(b"ID").unwrap().as_array().unwrap()[0].as_str().unwrap().to_vec();
            assert_eq!(id, Digest::of(&bytes).as_bytes()[..16]);
        }
    }

    #[test]
    fn contents_name_the_right_pages() {
        let dossier = sample::dossier();
        let id = Digest::of(b"");
        let pass = |contents: &[OutlineEntry]| lay_out(&dossier, id, contents).unwrap().chapters();
        let first = pass(&[]);
        let second = pass(&first);
        assert_eq!(second, pass(&second));
        assert_eq!(second.len(), 7);
    }

    #[test]
    fn an_empty_dossier_is_still_a_document() {
        let pages = page_texts(&render(&sample::empty()).unwrap());
        assert!(pages.len() >= 2);
        assert!(pages.concat().contains("No signature"));
    }
}
