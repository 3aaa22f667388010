//! The first page: which version this is about, where it stands, what was decided, and which state of the ledger says so.

use ledger::Digest;

use super::super::font::Face;
use super::super::layout::{Document, MARGIN};
use super::super::pdf::OutlineEntry;
use super::super::table::{Cell, Column, Row, Table};
use super::super::text::{Colour, Style};
use super::Dossier;
use super::sections::{any_time, exact_time, status};

/// Draws the cover and starts a new page after it.
pub(super) fn draw(document: &mut Document, dossier: &Dossier, id: Digest, contents: &[OutlineEntry]) {
    document.cover();
    document.fill([MARGIN, 56.0, 34.0, 3.2], Colour::ACCENT);
    let over = Style { face: Face::SemiBold, size: 9.4, leading: 15.0, colour: Colour::ACCENT };
    document.text(over, "Promotion dossier");
    document.space(4.0);
    document
        .text(Style { face: Face::SemiBold, size: 25.0, leading: 33.0, colour: Colour::INK }, dossier.model.shown());
    document.text(Style::BODY.sized(14.5, 22.0).colour(Colour::MUTED), &format!("Version {}", dossier.version.name));
    document.space(10.0);
    if !dossier.model.purpose.trim().is_empty() {
        document.text(Style::BODY.sized(10.4, 15.4), &shortened(&dossier.model.purpose));
    }

    label(document, "Outcome");
    document.cell(Style::BODY.sized(11.4, 17.0).face(Face::SemiBold), &status(&dossier.decision.outcome));
    if !dossier.decision.summary.trim().is_empty() {
        document.space(2.0);
        document.text(Style::BODY, &shortened(&dossier.decision.summary));
    }

    label(document, "Where it stands");
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

    label(document, "Generated from");
    let checkpoint = &dossier.checkpoint;
    document.key_values(&[
        ("Ledger", Cell::text(&checkpoint.origin)),
        (
            "Checkpoint",
            Cell::text(format!("{} entries, signed {}", grouped(checkpoint.size), exact_time(checkpoint.time))),
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
        label(document, "Contents");
        document.contents(contents);
    }
    document.page_break();
}

fn label(document: &mut Document, text: &str) {
    document.space(13.0);
    document.text(Style::SMALL.face(Face::SemiBold).sized(8.4, 13.0).colour(Colour::ACCENT), text);
    document.rule();
}

/// The start of a text that section 1 gives in full.
fn shortened(text: &str) -> String {
    const MOST: usize = 320;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain(['…']).collect() }
}

/// A number with a thin space between groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_threes() {
        let read = |number| grouped(number).replace('\u{a0}', " ");
        assert_eq!([read(7), read(1_000), read(1_234_567)], ["7", "1 000", "1 234 567"]);
    }
}
