//! What was decided and on what grounds: summary, lineage, evidence, gates, validation.

use ledger::Timestamp;

use super::super::layout::{Document, readable_time};
use super::super::table::{Cell, Column, Row, Table};
use super::{Dossier, Figure, Finding, Missing, Requirement, Status, Validation};

/// Draws sections 1 to 4.
pub(super) fn draw(document: &mut Document, dossier: &Dossier) {
    decision(document, dossier);
    lineage(document, dossier);
    evidence(document, dossier);
    validation(document, dossier);
}

/// A status as a cell; a dash if it has no word.
pub(super) fn status(status: &Status) -> Cell {
    if status.word.trim().is_empty() { Cell::empty() } else { Cell::status(status.tone, &status.word) }
}

/// To the second, for tables.
pub(super) fn time(time: Timestamp) -> Cell {
    Cell::text(readable_time(&time.to_string()).trim_end_matches(" UTC"))
}

/// To the second, or a dash.
pub(super) fn any_time(instant: Option<Timestamp>) -> Cell {
    instant.map_or_else(Cell::empty, time)
}

/// To the microsecond, as the ledger holds it.
pub(super) fn exact_time(time: Timestamp) -> String {
    format!("{} UTC", time.to_string().replacen('T', " ", 1).trim_end_matches('Z'))
}

fn decision(document: &mut Document, dossier: &Dossier) {
    document.heading(1, "1  Decision and version");
    document.key_values(&[("Outcome", status(&dossier.decision.outcome))]);
    if !dossier.decision.summary.trim().is_empty() {
        document.paragraph(&dossier.decision.summary);
    }
    document.heading(2, "Missing for the next stage");
    document.table(&missing(&dossier.decision.missing, "Nothing is missing."));

    document.heading(2, "Model");
    let model = &dossier.model;
    document.key_values(&[
        ("Name", Cell::strong(model.shown())),
        ("In the registry", Cell::text(&model.name)),
        ("Purpose", Cell::text(&model.purpose)),
        ("Owner", Cell::text(&model.owner)),
        ("Tier", Cell::text(&model.tier)),
        ("Regulation", Cell::text(&model.regulation)),
    ]);
    document.heading(2, "Version");
    let version = &dossier.version;
    document.key_values(&[
        ("Version", Cell::strong(&version.name)),
        ("Description", Cell::text(&version.description)),
        ("Registered", Cell::text(exact_time(version.registered_at))),
        ("Registered by", Cell::text(&version.registered_by)),
        ("Materiality", Cell::text(&version.materiality)),
    ]);
    document.heading(2, "Markets and stages");
    document.table(&Table {
        columns: vec![
            Column::points("Market", 84.0),
            Column::points("Stage", 64.0),
            Column::share("Status", 1.0),
            Column::points("Since (UTC)", 88.0),
            Column::share("Next", 1.5),
        ],
        rows: dossier
            .tracks
            .iter()
            .map(|track| {
                Row::new(vec![
                    Cell::strong(&track.market),
                    Cell::text(&track.stage),
                    status(&track.status),
                    any_time(track.since),
                    Cell::text(&track.next),
                ])
            })
            .collect(),
        empty: "The version stands in no stage yet.".to_owned(),
        ..Table::default()
    });
}

fn missing(missing: &[Missing], none: &str) -> Table {
    Table {
        columns: vec![
            Column::share("What is missing", 1.5),
            Column::share("Who can supply it", 1.0),
            Column::share("Rule", 1.0),
        ],
        rows: missing
            .iter()
            .map(|item| Row::new(vec![Cell::text(&item.what), Cell::text(&item.who), Cell::text(&item.rule)]))
            .collect(),
        empty: none.to_owned(),
        ..Table::default()
    }
}

fn lineage(document: &mut Document, dossier: &Dossier) {
    document.heading(1, "2  Lineage");
    for class in &dossier.lineage {
        document.heading(2, &class.class);
        document.table(&Table {
            columns: vec![Column::points("Field", 150.0), Column::share("Value", 1.0)],
            rows: class
                .fields
                .iter()
                .map(|field| {
                    let value = if field.is_identifier { Cell::mono(&field.value) } else { Cell::text(&field.value) };
                    Row::new(vec![Cell::text(&field.name), value])
                })
                .collect(),
            empty: "No field of this class is recorded.".to_owned(),
            ..Table::default()
        });
    }
    document.heading(2, "Parent versions");
    document.table(&Table {
        columns: vec![Column::share("Version", 1.2), Column::share("Relation", 1.0), Column::share("Stage", 1.0)],
        rows: dossier
            .parents
            .iter()
            .map(|parent| {
                Row::new(vec![Cell::strong(&parent.version), Cell::text(&parent.relation), Cell::text(&parent.stage)])
            })
            .collect(),
        empty: "The version names no parent.".to_owned(),
        ..Table::default()
    });
    document.heading(2, "Missing lineage");
    document.table(&missing(&dossier.missing_lineage, "The lineage is complete."));
}

fn evidence(document: &mut Document, dossier: &Dossier) {
    document.heading(1, "3  Evidence and gates");
    document.heading(2, "Evidence");
    if dossier.evidence.is_empty() {
        document.note("No evidence is attached.");
    }
    for item in &dossier.evidence {
        document.heading(3, &format!("{} path: {}", item.path, item.kind));
        document.key_values(&[
            ("Verdict", status(&item.verdict)),
            ("Says", Cell::text(&item.summary)),
            ("File", Cell::Stack(vec![Cell::text(&item.file), Cell::mono(item.digest.to_string())])),
            ("Bound to", stack(item.bound_to.iter().map(Cell::mono))),
            ("Produced by", Cell::text(format!("{}, {}", or_dash(&item.producer), exact_time(item.produced_at)))),
            (
                "Attached by",
                Cell::text(format!("{}, {}, entry {}", or_dash(&item.attached_by), exact_time(item.time), item.entry)),
            ),
        ]);
        if !item.failures.is_empty() {
            document.key_values(&[("Failed", stack(item.failures.iter().map(Cell::text)))]);
        }
        if !item.figures.is_empty() {
            document.table(&figures(&item.figures));
        }
    }

    document.heading(2, "Gates");
    if dossier.gates.is_empty() {
        document.note("No gate was evaluated.");
    }
    for gate in &dossier.gates {
        let market = gate.market.as_deref().map(|market| format!(" ({market})")).unwrap_or_default();
        document.heading(3, &format!("{}{market}", gate.name));
        document.key_values(&[
            ("Verdict", status(&gate.verdict)),
            ("Evaluated", Cell::text(format!("{}, entry {}", exact_time(gate.time), gate.entry))),
            ("Policy", Cell::text(&gate.policy)),
        ]);
        let inputs: Vec<(&str, Cell)> =
            gate.inputs.iter().map(|input| (input.name.as_str(), Cell::mono(input.digest.to_string()))).collect();
        if !inputs.is_empty() {
            document.key_values(&inputs);
        }
        if !gate.rules.is_empty() {
            document.table(&checklist("Rules checked", &gate.rules));
        }
        if !gate.figures.is_empty() {
            document.table(&figures(&gate.figures));
        }
    }
}

fn stack(cells: impl Iterator<Item = Cell>) -> Cell {
    let cells: Vec<Cell> = cells.collect();
    if cells.is_empty() { Cell::empty() } else { Cell::Stack(cells) }
}

fn or_dash(text: &str) -> &str {
    if text.trim().is_empty() { "–" } else { text }
}

/// Requirements with what meets them.
pub(super) fn checklist(caption: &str, requirements: &[Requirement]) -> Table {
    Table {
        caption: caption.to_owned(),
        columns: vec![
            Column::points("Status", 78.0),
            Column::share("Requirement", 1.3),
            Column::share("Met by, or who can supply it", 1.0),
        ],
        rows: requirements
            .iter()
            .map(|item| Row::new(vec![status(&item.status), Cell::text(&item.text), Cell::text(&item.by)]))
            .collect(),
        empty: "The policy asks for nothing at this step.".to_owned(),
    }
}

fn figures(figures: &[Figure]) -> Table {
    Table {
        columns: vec![
            Column::share("Figure", 1.0),
            Column::points("Value", 130.0).right(),
            Column::points("Threshold", 64.0).right(),
            Column::points("Verdict", 62.0),
        ],
        rows: figures
            .iter()
            .map(|figure| {
                let cells = [
                    Cell::text(&figure.name),
                    Cell::text(&figure.value),
                    Cell::text(&figure.threshold),
                    status(&figure.verdict),
                ];
                Row::new(cells.into())
            })
            .collect(),
        ..Table::default()
    }
}

fn validation(document: &mut Document, dossier: &Dossier) {
    document.heading(1, "4  Independent validation");
    if dossier.validations.is_empty() {
        document.note("No validation report is recorded.");
    }
    for report in &dossier.validations {
        validation_report(document, report);
    }
}

fn validation_report(document: &mut Document, report: &Validation) {
    document.heading(2, &report.title);
    let submitted =
        report.submitted_at.map_or_else(|| Cell::muted("not yet submitted"), |time| Cell::text(exact_time(time)));
    let mut pairs = vec![("Conclusion", status(&report.outcome))];
    if !report.scope.trim().is_empty() {
        pairs.push(("Scope", Cell::text(&report.scope)));
    }
    pairs.extend([
        ("Validator", Cell::text(format!("{}, {}", or_dash(&report.validator), or_dash(&report.team)))),
        ("Submitted", submitted),
        ("Entry hash", report.digest.map_or_else(Cell::empty, |digest| Cell::mono(digest.to_string()))),
    ]);
    document.key_values(&pairs);
    for section in &report.sections {
        document.heading(3, &section.title);
        if section.text.trim().is_empty() {
            document.note("This section is empty.");
        } else {
            document.paragraph(&section.text);
        }
    }
    document.heading(3, "Findings");
    document.table(&Table {
        columns: vec![
            Column::points("No.", 40.0),
            Column::share("Finding", 1.0),
            Column::points("Severity", 62.0),
            Column::points("Owner", 84.0),
            Column::points("Due", 54.0),
            Column::points("Status", 76.0),
        ],
        rows: report.findings.iter().map(finding).collect(),
        empty: "The report has no finding.".to_owned(),
        ..Table::default()
    });
}

fn finding(finding: &Finding) -> Row {
    let mut row = Row::new(vec![
        Cell::strong(&finding.id),
        Cell::text(&finding.title),
        status(&finding.severity),
        Cell::text(&finding.owner),
        finding.due.map_or_else(Cell::empty, |due| Cell::text(due.date())),
        status(&finding.status),
    ]);
    for (label, text) in
        [("Description", &finding.description), ("Remediation", &finding.remediation), ("Closure", &finding.closure)]
    {
        if !text.trim().is_empty() {
            row = row.detail(label, Cell::text(text));
        }
    }
    row
}
