//! The first page: which version this is about, where it stands, what was decided, and which state of the ledger says so.

use ledger::Digest;

use super::super::font::Face;
use super::super::layout::{Document, grouped};
use super::super::pdf::OutlineEntry;
use super::super::table::{Cell, Column, Row, Table};
use super::super::text::{Colour, Style};
use super::Dossier;
use super::sections::{any_time, exact_time, status};
use crate::narrate::count;

/// Draws the cover and starts a new page after it.
pub(super) fn draw(document: &mut Document, dossier: &Dossier, id: Digest, contents: &[OutlineEntry]) {
    document.cover();
    document.title("Promotion dossier", dossier.model.shown());
    document.text(Style::BODY.sized(14.5, 22.0).colour(Colour::MUTED), &format!("Version {}", dossier.version.name));
    document.space(10.0);
    if !dossier.model.purpose.trim().is_empty() {
        document.text(Style::BODY.sized(10.4, 15.4), &shortened(&dossier.model.purpose));
    }

    document.label("Outcome");
    document.cell(Style::BODY.sized(11.4, 17.0).face(Face::SemiBold), &status(&dossier.decision.outcome));
    if !dossier.decision.summary.trim().is_empty() {
        document.space(2.0);
        document.text(Style::BODY, &shortened(&dossier.decision.summary));
    }

    document.label("Where it stands");
    document.table(&Table {
        columns: vec![
            Column::share("Market", 1.0),
            Column::share("Stage", 1.0),
            Column::share("Status", 1.3),
            Column::points("Since (UTC)", 104.0),
        ],
        rows: dossier
            .tracks
            .iter()
            .map(|track| {
                let cells = [
                    Cell::strong(&track.market),
                    Cell::text(&track.stage),
                    status(&track.status),
                    any_time(track.since),
                ];
                Row::new(cells.into())
            })
            .collect(),
        empty: "The version stands in no stage yet.".to_owned(),
        ..Table::default()
    });

    document.label("Generated from");
    let checkpoint = &dossier.checkpoint;
    document.key_values(&[
        ("Ledger", Cell::text(&checkpoint.origin)),
        (
            "Checkpoint",
            Cell::text(format!(
                "{}, signed {}",
                count(grouped(checkpoint.size), "entry", "entries"),
                exact_time(checkpoint.time)
            )),
        ),
        ("Root hash", Cell::mono(checkpoint.root.to_string())),
        ("Signed by key", Cell::mono(&checkpoint.key)),
        ("Document id", Cell::mono(id.to_string())),
        ("Made by", Cell::text(&dossier.product)),
    ]);
    document.note(
        "The document id is the SHA-256 of the attached dossier.json, which holds everything shown here. An entry number leads to the \
         ledger's export, where its hash, the chain and the checkpoint can be verified offline.",
    );

    for omission in &dossier.omissions {
        document.note(omission);
    }

    if !contents.is_empty() {
        document.label("Contents");
        document.contents(contents);
    }
    document.page_break();
}

/// The start of a text that section 1 gives in full.
fn shortened(text: &str) -> String {
    const MOST: usize = 320;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain(['…']).collect() }
}
