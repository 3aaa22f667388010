//! Who asked, who signed, and what the ledger holds: requests, signatures, timeline.

use super::super::layout::Document;
use super::super::table::{Cell, Column, Row, Table};
use super::sections::{checklist, exact_time, status, time};
use super::{Dossier, PromotionRequest, Signature};

/// Draws sections 5 to 7.
pub(super) fn draw(document: &mut Document, dossier: &Dossier) {
    document.heading(1, "5  Promotion requests");
    if dossier.requests.is_empty() {
        document.note("No promotion was requested.");
    }
    for item in &dossier.requests {
        request(document, item);
    }
    signatures(document, &dossier.signatures);
    timeline(document, dossier);
}

fn request(document: &mut Document, request: &PromotionRequest) {
    let market = request.market.as_deref().map(|market| format!(" ({market})")).unwrap_or_default();
    document.heading(2, &format!("{}{market}", request.step));
    let mut pairs = vec![
        ("Status", status(&request.status)),
        ("Requested by", Cell::text(&request.requested_by)),
        ("Requested", Cell::text(format!("{}, entry {}", exact_time(request.requested_at), request.entry))),
        ("Reason", Cell::text(&request.reason)),
    ];
    if !request.outcome.trim().is_empty() {
        pairs.push(("Outcome", Cell::text(&request.outcome)));
    }
    if let Some(package) = request.package {
        pairs.push(("Package", Cell::mono(package.to_string())));
    }
    document.key_values(&pairs);
    if let Some(requirements) = &request.requirements {
        document.table(&checklist("Requirements", requirements));
    }
}

fn signatures(document: &mut Document, signatures: &[Signature]) {
    document.heading(1, "6  Signatures");
    document.note(
        "Each signature and each vote of the committee was made after signing in again and covers the package of exactly this digest; it \
         is stale once anything in the package has changed. An approval of the drift that the version was trained on covers no package.",
    );
    if signatures.is_empty() {
        document.note("No signature is recorded.");
    }
    for signature in signatures {
        document.heading(2, &signature.printed_name);
        let mut pairs = vec![
            ("Meaning", Cell::strong(&signature.meaning)),
            ("Date and time", Cell::text(exact_time(signature.time))),
            ("Role", Cell::text(&signature.role)),
            ("Signed", Cell::text(&signature.subject)),
        ];
        pairs.extend(signature.package.map(|package| ("Package", Cell::mono(package.to_string()))));
        pairs.push(("Entry", Cell::text(signature.entry.to_string())));
        pairs.push(("State", status(&signature.state)));
        if !signature.changed.is_empty() {
            let changed = signature.changed.iter().map(Cell::text).collect();
            pairs.push(("Changed since", Cell::Stack(changed)));
        }
        if !signature.comment.trim().is_empty() {
            pairs.push(("Comment", Cell::text(&signature.comment)));
        }
        document.key_values(&pairs);
    }
}

fn timeline(document: &mut Document, dossier: &Dossier) {
    document.heading(1, "7  Timeline");
    document.table(&Table {
        caption: "Ledger entries about this version".to_owned(),
        columns: vec![
            Column::points("Entry", 38.0).right(),
            Column::points("Sealed (UTC)", 86.0),
            Column::points("Actor", 96.0),
            Column::share("What happened", 1.0),
            Column::points("Entry hash", 62.0),
        ],
        rows: dossier
            .timeline
            .iter()
            .map(|entry| {
                Row::new(vec![
                    Cell::text(entry.sequence.to_string()),
                    time(entry.time),
                    Cell::text(&entry.actor),
                    Cell::text(&entry.event),
                    Cell::mono(entry.hash.short()),
                ])
            })
            .collect(),
        empty: "The ledger has no entry about this version.".to_owned(),
    });
}
