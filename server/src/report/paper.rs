//! A paper: the common form of reports that are lists and facts rather than one version's dossier. Plain data that can be
//! set as PDF, written as CSV, and is JSON as it stands; the three say the same.

use ledger::Digest;
use serde::{Deserialize, Serialize};

use super::dossier::Checkpoint;
use super::layout::{grouped, readable_time, with_contents};
use super::pdf::OutlineEntry;
use super::table::{Cell, Column, Row, Table};
use super::text::{Colour, Style};
use super::{Attachment, Document, Meta, ReportError};
use crate::narrate::count;

/// The data of a paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    /// The program and its version.
    pub product: String,
    /// What kind of report, such as `Model inventory`.
    pub kind: String,
    /// What it is about.
    pub title: String,
    /// The question that it answers, in a sentence.
    pub question: String,
    /// What was asked for: filters, instants.
    pub asked: Vec<Named>,
    /// The checkpoint that everything here was read at.
    pub checkpoint: Checkpoint,
    /// Its parts.
    pub parts: Vec<Part>,
    /// What is left out because there is too much of it, a sentence each.
    pub omissions: Vec<String>,
}

/// A value with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// The value.
    pub value: Text,
}

impl Named {
    /// A plain value.
    pub fn plain(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: Text::Plain(value.into()) }
    }

    /// A digest or another identifier.
    pub fn id(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: Text::Id(value.into()) }
    }
}

/// A text and how it is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    /// Words and numbers.
    Plain(String),
    /// A digest, commit or the like.
    Id(String),
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Id(text) => text,
        }
    }

    fn cell(&self) -> Cell {
        match self {
            Self::Plain(text) => Cell::text(text),
            Self::Id(text) => Cell::mono(text),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

/// A part of a paper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its heading.
    pub title: String,
    /// Its depth: 1 for chapters, 2 and 3 beneath.
    pub level: u8,
    /// Paragraphs.
    pub text: Vec<String>,
    /// Facts.
    pub facts: Vec<Named>,
    /// Its table, if it has one.
    pub table: Option<Grid>,
}

impl Part {
    /// A chapter.
    pub fn chapter(title: impl Into<String>) -> Self {
        Self { title: title.into(), level: 1, ..Self::default() }
    }

    /// A section of the chapter before.
    pub fn section(title: impl Into<String>) -> Self {
        Self { title: title.into(), level: 2, ..Self::default() }
    }
}

/// A table of texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Heads, with the share of the width in percent.
    pub columns: Vec<(String, u8)>,
    /// Rows, a text for each column.
    pub rows: Vec<Vec<Text>>,
    /// What to say when there is no row.
    pub empty: String,
}

impl Grid {
    /// An empty table.
    pub fn new(columns: &[(&str, u8)], empty: &str) -> Self {
        Self {
            columns: columns.iter().map(|(title, share)| ((*title).to_owned(), *share)).collect(),
            rows: Vec::new(),
            empty: empty.to_owned(),
        }
    }
}

/// Sets a paper as PDF. Equal papers give equal bytes.
///
/// # Errors
/// See [`ReportError`].
pub fn pdf(paper: &Paper) -> Result<Vec<u8>, ReportError> {
    let data = json(paper)?;
    let id = Digest::of(&data);
    let mut document = with_contents(|contents| lay_out(paper, id, contents))?;
    document.attach(Attachment {
        name: "report.json".to_owned(),
        media_type: "application/json".to_owned(),
        description: format!("The data of this report as canonical JSON; its SHA-256 is {}", id.hex()),
        bytes: data,
    });
    document.finish()
}

/// A paper as canonical JSON.
///
/// # Errors
/// Its data has no canonical form.
pub fn json(paper: &Paper) -> Result<Vec<u8>, ReportError> {
    Ok(ledger::canonical_json(paper)?)
}

/// A paper as CSV (RFC 4180), with every value that its JSON has: blocks under heads of their own, a blank line between
/// them. The first column of each line names the part of the paper, with the parts above it; a block of words and facts
/// has the columns name and value, a table its own.
pub fn csv(paper: &Paper) -> String {
    let mut text = String::new();
    let checkpoint = &paper.checkpoint;
    let (time, size, root) = (checkpoint.time.to_string(), checkpoint.size.to_string(), checkpoint.root.to_string());
    csv_line(&mut text, PAIRS);
    for line in [
        ["Report", "Kind", paper.kind.as_str()],
        ["Report", "Title", &paper.title],
        ["Report", "Question", &paper.question],
        ["Report", "Made by", &paper.product],
        ["Checkpoint", "Ledger", &checkpoint.origin],
        ["Checkpoint", "Entries", &size],
        ["Checkpoint", "Root hash", &root],
        ["Checkpoint", "Signed at", &time],
        ["Checkpoint", "Signed by key", &checkpoint.key],
    ] {
        csv_line(&mut text, line);
    }
    for asked in &paper.asked {
        csv_line(&mut text, ["Asked for", &asked.name, asked.value.as_str()]);
    }
    for omission in &paper.omissions {
        csv_line(&mut text, ["Left out", "", omission]);
    }
    let mut above: Vec<&str> = Vec::new();
    for part in &paper.parts {
        above.truncate(usize::from(part.level.saturating_sub(1)));
        above.push(&part.title);
        csv_part(&mut text, &above.join(" / "), part);
    }
    text
}

/// The heads of a block of words and facts.
const PAIRS: [&str; 3] = ["Part", "Name", "Value"];

fn csv_part(text: &mut String, place: &str, part: &Part) {
    if !part.text.is_empty() || !part.facts.is_empty() || part.table.is_none() {
        text.push_str("\r\n");
        csv_line(text, PAIRS);
        // A part that holds nothing but others is named all the same.
        if part.text.is_empty() && part.facts.is_empty() {
            csv_line(text, [place, "", ""]);
        }
        for paragraph in &part.text {
            csv_line(text, [place, "", paragraph]);
        }
        for fact in &part.facts {
            csv_line(text, [place, &fact.name, fact.value.as_str()]);
        }
    }
    if let Some(grid) = &part.table {
        text.push_str("\r\n");
        csv_line(text, ["Part"].into_iter().chain(grid.columns.iter().map(|(title, _)| title.as_str())));
        for row in &grid.rows {
            csv_line(text, [place].into_iter().chain(row.iter().map(Text::as_str)));
        }
        if grid.rows.is_empty() {
            csv_line(text, [place, &grid.empty]);
        }
    }
}

/// Adds a line of CSV; a field that a spreadsheet would run as a formula is disarmed.
pub fn csv_line<'f>(text: &mut String, fields: impl IntoIterator<Item = &'f str>) {
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push('"');
        if field.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            text.push('\'');
        }
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    }
    text.push_str("\r\n");
}

fn lay_out(paper: &Paper, id: Digest, contents: &[OutlineEntry]) -> Result<Document, ReportError> {
    let mut document = Document::new(Meta {
        title: paper.title.clone(),
        subject: paper.kind.clone(),
        author: paper.product.clone(),
        created: paper.checkpoint.time,
        id,
    })?;
    cover(&mut document, paper, id, contents);
    for part in &paper.parts {
        draw(&mut document, part);
    }
    Ok(document)
}

fn cover(document: &mut Document, paper: &Paper, id: Digest, contents: &[OutlineEntry]) {
    document.cover();
    document.title(&paper.kind, &paper.title);
    document.text(Style::BODY.sized(11.0, 16.5).colour(Colour::MUTED), &paper.question);
    if !paper.asked.is_empty() {
        document.label("Asked for");
        document.key_values(&pairs(&paper.asked));
    }
    document.label("Generated from");
    let checkpoint = &paper.checkpoint;
    let time = readable_time(&checkpoint.time.to_string());
    document.key_values(&[
        ("Ledger", Cell::text(&checkpoint.origin)),
        ("Checkpoint", Cell::text(format!("{}, signed {time}", count(grouped(checkpoint.size), "entry", "entries")))),
        ("Root hash", Cell::mono(checkpoint.root.to_string())),
        ("Signed by key", Cell::mono(&checkpoint.key)),
        ("Document id", Cell::mono(id.to_string())),
        ("Made by", Cell::text(&paper.product)),
    ]);
    document.note(
        "The document id is the SHA-256 of the attached report.json, which holds everything shown here. An entry number leads to the \
         ledger's export, where its hash, the chain and the checkpoint can be verified offline.",
    );
    for omission in &paper.omissions {
        document.note(omission);
    }
    if !contents.is_empty() {
        document.label("Contents");
        document.contents(contents);
    }
    document.page_break();
}

fn pairs(named: &[Named]) -> Vec<(&str, Cell)> {
    named.iter().map(|named| (named.name.as_str(), named.value.cell())).collect()
}

fn draw(document: &mut Document, part: &Part) {
    document.heading(part.level.clamp(1, 3), &part.title);
    for text in &part.text {
        document.paragraph(text);
    }
    if !part.facts.is_empty() {
        document.key_values(&pairs(&part.facts));
    }
    if let Some(grid) = &part.table {
        document.table(&Table {
            columns: grid.columns.iter().map(|(title, share)| Column::share(title, f32::from(*share))).collect(),
            rows: grid.rows.iter().map(|row| Row::new(row.iter().map(Text::cell).collect())).collect(),
            empty: grid.empty.clone(),
            ..Table::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn paper(rows: usize) -> Paper {
        let mut grid = Grid::new(&[("Entry", 10), ("What", 60), ("Hash", 30)], "No entry.");
        grid.rows = (0..rows)
            .map(|row| vec![row.to_string().into(), "=1+1, \"quoted\"".into(), Text::Id(Digest::of(b"x").to_string())])
            .collect();
        Paper {
            product: "Countersign 0.1.0".into(),
            kind: "Audit extract".into(),
            title: "Credit default".into(),
            question: "What happened to this model?".into(),
            asked: vec![Named::plain("Model", "credit-default")],
            checkpoint: Checkpoint {
                origin: "test.example/log".into(),
                size: 12_345,
                root: Digest::of(b"root"),
                time: "2026-11-23T12:00:00.000000Z".parse().unwrap(),
                key: "test.example/log+1a2b".into(),
            },
            parts: vec![
                Part { text: vec!["Äußerst klar: 漢字.".into()], ..Part::chapter("1  What it is") },
                Part { facts: vec![Named::id("Digest", "sha256:ab")], ..Part::section("Facts") },
                Part { table: Some(grid), ..Part::chapter("2  Entries") },
            ],
            omissions: vec!["Older entries are left out.".into()],
        }
    }

    #[test]
    fn pdf_json_and_csv_say_the_same() {
        let paper = paper(300);
        let bytes = pdf(&paper).unwrap();
        assert_eq!(bytes, pdf(&paper).unwrap(), "equal papers give equal bytes");
        let file = lopdf::Document::load_mem(&bytes).unwrap();
        let pages: Vec<String> = file.get_pages().keys().map(|page| file.extract_text(&[*page]).unwrap()).collect();
        assert!(pages.len() > 4, "a long table goes over pages: {}", pages.len());
        assert!(pages[0].contains("Older entries are left out"));
        assert!(pages.last().unwrap().contains("299"));
        let back: Paper = serde_json::from_slice(&json(&paper).unwrap()).unwrap();
        assert_eq!(back, paper);
        let csv = csv(&paper);
        let (in_csv, mut in_json) = (fields(&csv), every_word(&paper));
        in_json.insert(paper.checkpoint.size.to_string());
        // A sentence for an empty table is in neither document where the table has rows.
        in_json.remove("No entry.");
        assert_eq!(in_json.difference(&in_csv).collect::<Vec<_>>(), Vec::<&String>::new(), "{csv}");
        assert!(csv.contains("\"1  What it is / Facts\",\"Digest\",\"sha256:ab\""), "{csv}");
        assert!(csv.contains("\"2  Entries\",\"299\",\"'=1+1, \"\"quoted\"\"\""), "a spreadsheet never runs a cell");
    }

    /// The fields of a CSV whose fields have no line breaks.
    fn fields(csv: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for line in csv.lines().filter(|line| !line.is_empty()) {
            for field in line[1..line.len() - 1].split("\",\"") {
                found.insert(field.trim_start_matches('\'').replace("\"\"", "\""));
                found.extend(field.split(" / ").map(str::to_owned));
            }
        }
        found
    }

    fn every_word(paper: &Paper) -> BTreeSet<String> {
        fn leaves(value: &serde_json::Value, found: &mut BTreeSet<String>) {
            match value {
                serde_json::Value::String(text) => drop(found.insert(text.clone())),
                serde_json::Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
                serde_json::Value::Object(members) => members.values().for_each(|member| leaves(member, found)),
                _ => {}
            }
        }
        let mut found = BTreeSet::new();
        leaves(&serde_json::to_value(paper).unwrap(), &mut found);
        found
    }

    #[test]
    fn a_paper_without_rows_says_so() {
        let file = lopdf::Document::load_mem(&pdf(&paper(0)).unwrap()).unwrap();
        let pages: Vec<u32> = file.get_pages().keys().copied().collect();
        assert!(file.extract_text(&pages).unwrap().contains("No entry."));
        assert!(csv(&paper(0)).contains("\"2  Entries\",\"No entry.\""));
    }
}
