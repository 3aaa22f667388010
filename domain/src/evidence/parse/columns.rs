//! Raw columns of reference and current data, from which the population stability index of each feature is computed
//! here: `{"schema": "countersign/columns@1", "data_version": "2026-10-01",
//!   "features": {"income": {"reference": [1.5, null, …], "current": […]}, "city": {"reference": ["a", …], "current": […]}}}`,
//! or CSV with a first column `dataset` that says `reference` or `current` and a column for each feature.
//!
//! Numbers fall into quantile bins of the reference; categories are their own bins; what is missing is a bin of its own.
//!
//! What a column holds is never guessed from most of it. In JSON the values' types say it. In CSV the notes `# numbers: a, b`
//! and `# categories: c` do; of a column that they do not name, either every cell is a finite number or none reads as a
//! number, else the file is refused with the line of the odd cell. An empty cell is a missing value; `NaN`, `inf` and `NULL`
//! are not.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    ParseError, Parsed, Reading, bounded, broken,
    csv::{Table, delimiter},
    node::Node,
};
use crate::{
    evidence::{
        Artifact, Criteria, EvidenceKind, Facts, Figure, MAX_FAILURES, MAX_FIGURES, Thresholds, Verdict,
        thresholds::DriftLimits,
    },
    statistics::{PsiBins, StatisticsError, psi, psi_of_shares},
};

/// Name of the format.
pub(super) const SCHEMA: &str = "countersign/columns@1";
const CSV: &str = "table of columns";
/// A feature with more texts than this is no category.
const MAX_CATEGORIES: usize = 1_000;
/// Features in one file at most.
const MAX_FEATURES: usize = 2_000;

/// Whether a table's header is that of this format.
pub(super) fn is_table(header: &str) -> bool {
    header.split(delimiter(header)).next().is_some_and(|first| first.trim().trim_matches('"') == "dataset")
}

/// One sample of one feature.
#[derive(Default)]
struct Sample<'a> {
    numbers: Vec<f64>,
    texts: BTreeMap<&'a str, u64>,
    missing: u64,
    count: u64,
}

impl<'a> Sample<'a> {
    fn number(&mut self, value: f64) {
        self.numbers.push(value);
        self.count += 1;
    }

    fn text(&mut self, value: &'a str) {
        *self.texts.entry(value).or_default() += 1;
        self.count += 1;
    }

    fn nothing(&mut self) {
        self.missing += 1;
        self.count += 1;
    }
}

#[derive(Default)]
struct Feature<'a> {
    name: String,
    reference: Sample<'a>,
    current: Sample<'a>,
}

/// Reads the JSON format.
pub(super) fn read(value: &Value, asked: &Thresholds, reading: Reading) -> Result<Parsed, ParseError> {
    let root = Node::root(SCHEMA, value);
    root.only(&["schema", "data_version", "features"])?;
    let mut measured = Vec::new();
    for (name, node) in root.need("features")?.entries()? {
        node.only(&["reference", "current"])?;
        let feature = Feature {
            name: bounded(name),
            reference: sample(&node.need("reference")?)?,
            current: sample(&node.need("current")?)?,
        };
        let figure = feature.whole(reading).and_then(|feature| feature.measure(asked.drift.as_ref()));
        measured.push(figure.map_err(|why| node.fault(why))?);
    }
    if measured.is_empty() || measured.len() > MAX_FEATURES {
        let reason = format!("it holds {} features; between 1 and {MAX_FEATURES} are read", measured.len());
        return Err(root.need("features")?.fault(reason));
    }
    let version = root.text_of("data_version")?;
    Ok(judge(measured, version, asked))
}

fn sample<'a>(node: &Node<'a>) -> Result<Sample<'a>, ParseError> {
    let values = node.value.as_array().ok_or_else(|| node.fault("an array of values is expected"))?;
    let mut sample = Sample::default();
    for (index, value) in values.iter().enumerate() {
        match value {
            Value::Null => sample.nothing(),
            Value::Number(number) => sample.number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => sample.text(text),
            Value::Bool(value) => sample.text(if *value { "true" } else { "false" }),
            _ => return Err(node.fault(format!("value {index} is neither number, text, true, false nor null"))),
        }
        if !sample.texts.is_empty() && !sample.numbers.is_empty() {
            return Err(node.fault(format!("value {index}: texts and numbers are mixed")));
        }
    }
    Ok(sample)
}

/// Reads the table.
pub(super) fn read_table(text: &str, asked: &Thresholds, reading: Reading) -> Result<Parsed, ParseError> {
    let mut table = Table::open(CSV, text)?;
    let version = table.notes.iter().find(|(key, _)| *key == "data_version").map(|(_, value)| *value);
    let width = table.header.len();
    if !(2..=MAX_FEATURES).contains(&width) {
        return Err(broken(
            CSV,
            "the header",
            format!("it names {} features; between 1 and {MAX_FEATURES} are read", width - 1),
        ));
    }
    for (key, list) in table.notes.iter().filter(|(key, _)| [NUMBERS, CATEGORIES].contains(key)) {
        if let Some(stranger) = names(list).find(|name| table.column(name).is_none()) {
            return Err(broken(CSV, format!("the note {key}"), format!("there is no column {:?}", bounded(stranger))));
        }
    }
    // What a column holds is known when all of its cells are seen, so they are kept until then.
    let mut rows = Vec::new();
    let mut seen = vec![Seen::default(); width];
    while let Some(row) = table.next_row()? {
        let is_current = match row.cells[0].as_ref() {
            "reference" => false,
            "current" => true,
            other => {
                return Err(table.fault(row.line, 0, format!("{:?} is neither reference nor current", bounded(other))));
            }
        };
        for (column, cell) in row.cells.iter().enumerate().skip(1) {
            seen[column].note(cell.trim(), row.line);
        }
        rows.push((is_current, row.cells));
    }
    let mut numeric = vec![true; width];
    for column in 1..width {
        let declared = declared(&table, &table.header[column])?;
        numeric[column] = seen[column].is_numeric(declared).map_err(|odd| {
            let name = bounded(&table.header[column]);
            table.fault(odd.line, column, odd.sentence(&name))
        })?;
    }
    let mut measured = Vec::new();
    for column in 1..width {
        let mut feature = Feature { name: bounded(&table.header[column]), ..Feature::default() };
        for (is_current, cells) in &rows {
            let sample = if *is_current { &mut feature.current } else { &mut feature.reference };
            let cell = cells[column].trim();
            match (cell.is_empty(), numeric[column]) {
                (true, _) => sample.nothing(),
                (false, true) => sample.number(cell.parse().unwrap_or(f64::NAN)),
                (false, false) => sample.text(cell),
            }
        }
        let name = feature.name.clone();
        let figure = feature.whole(reading).and_then(|feature| feature.measure(asked.drift.as_ref()));
        measured.push(figure.map_err(|why| broken(CSV, format!("column {name}"), why))?);
    }
    Ok(judge(measured, version, asked))
}

/// Notes that declare what columns hold.
const NUMBERS: &str = "numbers";
const CATEGORIES: &str = "categories";

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// What the notes declare of a column: numbers, categories, or nothing.
fn declared(table: &Table<'_>, column: &str) -> Result<Option<bool>, ParseError> {
    let said =
        |note: &str| table.notes.iter().any(|(key, list)| *key == note && names(list).any(|name| name == column));
    match (said(NUMBERS), said(CATEGORIES)) {
        (true, true) => {
            Err(broken(CSV, "the notes", format!("{:?} is declared as numbers and as categories", bounded(column))))
        }
        (true, false) => Ok(Some(true)),
        (false, true) => Ok(Some(false)),
        (false, false) => Ok(None),
    }
}

/// The cells of one column by how they read, each with how many there are and the first of them.
#[derive(Debug, Clone, Default)]
struct Seen {
    numbers: (u64, Option<(String, usize)>),
    /// What reads as a number and is none: `NaN`, `inf`.
    endless: (u64, Option<(String, usize)>),
    texts: (u64, Option<(String, usize)>),
}

/// A cell that does not fit its column.
struct Odd {
    cell: String,
    line: usize,
    others: u64,
    expected: Expected,
}

enum Expected {
    Declared,
    Number,
    Text,
}

impl Odd {
    fn sentence(&self, column: &str) -> String {
        let Self { cell, others, expected, .. } = self;
        match expected {
            Expected::Declared => {
                format!(
                    "{cell:?} is no finite number, which the file declares; leave the cell empty if the value is missing"
                )
            }
            Expected::Number => format!(
                "{cell:?} is no finite number while {others} cells are; leave it empty if the value is missing, or declare the column before the header with # categories: {column}"
            ),
            Expected::Text => format!(
                "{cell:?} reads as a number while {others} cells are texts; if the column is one of texts, declare it before the header with # categories: {column}"
            ),
        }
    }
}

impl Seen {
    fn note(&mut self, cell: &str, line: usize) {
        let (count, first) = match (cell, cell.parse::<f64>()) {
            ("", _) => return,
            (_, Ok(number)) if number.is_finite() => &mut self.numbers,
            (_, Ok(_)) => &mut self.endless,
            (_, Err(_)) => &mut self.texts,
        };
        *count += 1;
        first.get_or_insert_with(|| (bounded(cell), line));
    }

    /// Whether the column is one of numbers.
    fn is_numeric(&self, declared: Option<bool>) -> Result<bool, Odd> {
        let odd = |first: &Option<(String, usize)>, others: u64, expected: Expected| {
            first.clone().map(|(cell, line)| Odd { cell, line, others, expected })
        };
        let (numbers, texts) = (self.numbers.0, self.texts.0);
        let fault = match declared {
            Some(false) => return Ok(false),
            Some(true) => odd(&self.endless.1, numbers, Expected::Declared)
                .into_iter()
                .chain(odd(&self.texts.1, numbers, Expected::Declared))
                .min_by_key(|odd| odd.line),
            None if texts > numbers => {
                odd(&self.numbers.1, texts, Expected::Text).or_else(|| odd(&self.endless.1, texts, Expected::Text))
            }
            None => odd(&self.endless.1, numbers, Expected::Number)
                .into_iter()
                .chain(odd(&self.texts.1, numbers, Expected::Number))
                .min_by_key(|odd| odd.line),
        };
        fault.map_or(Ok(texts == 0), Err)
    }
}

struct Measured {
    name: String,
    /// Such as `10 bins`.
    cut: String,
    psi: f64,
    reference: u64,
    current: u64,
}

impl Feature<'_> {
    /// The feature, if either side holds a value: what is missing everywhere has not stayed as it was.
    fn whole(self, reading: Reading) -> Result<Self, String> {
        let empty = |sample: &Sample<'_>| sample.count > 0 && sample.missing == sample.count;
        let side = match (empty(&self.reference), empty(&self.current)) {
            _ if reading == Reading::Again => return Ok(self),
            (false, false) => return Ok(self),
            (true, true) => "reference and current hold",
            (true, false) => "reference holds",
            (false, true) => "current holds",
        };
        Err(format!("{side} no value, all are missing; leave the feature out, or mend what writes it"))
    }

    /// The index of this feature, missing values as a bin of their own.
    fn measure(self, limits: Option<&DriftLimits>) -> Result<Measured, String> {
        let Self { name, reference, current } = self;
        if reference.count == 0 || current.count == 0 {
            return Err("reference or current holds no value".into());
        }
        let bins = limits.map_or_else(PsiBins::default, DriftLimits::psi_bins);
        let (mut expected, mut found, cut) = if reference.numbers.is_empty() && current.numbers.is_empty() {
            let mut categories: Vec<&str> = reference.texts.keys().chain(current.texts.keys()).copied().collect();
            categories.sort_unstable();
            categories.dedup();
            if categories.len() > MAX_CATEGORIES {
                let reason = "different texts; such a feature is no category";
                return Err(format!("it holds {} {reason} (at most {MAX_CATEGORIES})", categories.len()));
            }
            let shares = |sample: &Sample<'_>| -> Vec<f64> {
                categories
                    .iter()
                    .map(|text| share(sample.texts.get(text).copied().unwrap_or(0), sample.count))
                    .collect()
            };
            (shares(&reference), shares(&current), format!("{} categories", categories.len()))
        } else if reference.texts.is_empty() && current.texts.is_empty() {
            if reference.numbers.is_empty() || current.numbers.is_empty() {
                return Err("reference or current holds no number".into());
            }
            let cut = psi(&reference.numbers, &current.numbers, bins).map_err(|error| error.to_string())?;
            let scaled = |shares: &[f64], sample: &Sample<'_>| -> Vec<f64> {
                let present = share(sample.count - sample.missing, sample.count);
                shares.iter().map(|share| share * present).collect()
            };
            let name = format!("{} bins", cut.reference.len());
            (scaled(&cut.reference, &reference), scaled(&cut.actual, &current), name)
        } else {
            return Err("reference and current are not both numbers or both texts".into());
        };
        if reference.missing + current.missing > 0 {
            expected.push(share(reference.missing, reference.count));
            found.push(share(current.missing, current.count));
        }
        let value = match psi_of_shares(&expected, &found, bins.floor) {
            Ok(value) => value,
            // One bin in both: nothing can have moved.
            Err(StatisticsError::TooFew { .. }) if expected.len() == 1 => 0.0,
            Err(error) => return Err(error.to_string()),
        };
        Ok(Measured { name, cut, psi: value + 0.0, reference: reference.count, current: current.count })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows stay far below 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

fn judge(mut measured: Vec<Measured>, version: Option<&str>, asked: &Thresholds) -> Parsed {
    let limits = asked.drift.as_ref();
    let total = measured.len();
    // The most moved first: those are kept should there be more than fit.
    measured.sort_by(|a, b| b.psi.total_cmp(&a.psi).then_with(|| a.name.cmp(&b.name)));
    let mut failures = Vec::new();
    let (mut drifted, mut short) = (0_usize, 0_usize);
    let mut figures = Vec::new();
    for feature in &measured {
        let few = limits.is_some_and(|limits| feature.reference.min(feature.current) < limits.min_rows);
        let moved = limits.is_some_and(|limits| feature.psi > limits.max_psi);
        drifted += usize::from(moved);
        short += usize::from(few);
        if let Some(limits) = limits {
            if few {
                failures.push(format!(
                    "{}: {} reference and {} current values, asked at least {} of each",
                    feature.name, feature.reference, feature.current, limits.min_rows
                ));
            } else if moved {
                failures.push(format!("{}: PSI {:.4}, asked at most {}", feature.name, feature.psi, limits.max_psi));
            }
        }
        let name = format!("PSI of {} ({})", feature.name, feature.cut);
        let figure = Figure::new(name, feature.psi).counted(feature.current);
        figures.push(match limits {
            Some(limits) => figure.asked(format!("<= {}", limits.max_psi), !moved),
            None => figure,
        });
    }
    let part = share(drifted as u64, total as u64);
    let floor = limits.map_or_else(PsiBins::default, DriftLimits::psi_bins).floor;
    let (verdict, summary) = match limits {
        None => (
            Verdict::Neutral,
            format!("PSI of {total} features; the policy in force sets no limit to hold them against."),
        ),
        Some(limits) => {
            let within = part <= limits.max_drifted_share;
            figures.insert(
                0,
                Figure::new("drifted share", part).asked(format!("<= {}", limits.max_drifted_share), within),
            );
            let verdict = if within && short == 0 { Verdict::Green } else { Verdict::Red };
            if verdict == Verdict::Green {
                failures.clear();
            }
            (
                verdict,
                format!(
                    "{drifted} of {total} features drifted (PSI over {}, shares of at least {floor}).",
                    limits.max_psi
                ),
            )
        }
    };
    failures.truncate(MAX_FAILURES);
    figures.truncate(MAX_FIGURES);
    let names = measured.into_iter().map(|feature| feature.name);
    let facts = Facts::new(EvidenceKind::Columns, verdict, summary).with(figures, failures).looking_at(names);
    Parsed {
        names: version.map(|version| (Artifact::DataVersion, version.to_owned())),
        ..Parsed::of(facts.judged_by(limits.cloned().map(Criteria::Drift)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::parse;

    fn asked(max_psi: f64) -> Thresholds {
        let drift = DriftLimits {
            max_psi,
            max_drifted_share: 0.0,
            bins: 4,
            floor: 1e-6,
            min_rows: 4,
            every_feature: false,
            bounds: BTreeMap::new(),
        };
        Thresholds { drift: Some(drift), ..Thresholds::default() }
    }

    /// The published check value: equal quarters against 0.2, 0.3, 0.2, 0.3.
    #[test]
    fn the_index_is_that_of_the_published_example() {
        let reference: Vec<String> = (0..4).flat_map(|i| vec![format!("\"{i}\""); 5]).collect();
        let current: Vec<String> =
            [4, 6, 4, 6].iter().enumerate().flat_map(|(i, n)| vec![format!("\"{i}\""); *n]).collect();
        let file = format!(
            r#"{{"schema": "{SCHEMA}", "data_version": "2026-10-01", "features": {{"city": {{"reference": [{}], "current": [{}]}}}}}}"#,
            reference.join(","),
            current.join(",")
        );
        let parsed = parse(file.as_bytes(), &asked(0.05)).unwrap();
        let figure = &parsed.facts.figures[1];
        assert!((figure.value - 0.040_546_510_810_816_42).abs() < 1e-12, "{figure:?}");
        assert_eq!(figure.name, "PSI of city (4 categories)");
        assert_eq!(parsed.names, Some((Artifact::DataVersion, "2026-10-01".into())));
        assert_eq!(parsed.facts.verdict, Verdict::Green);
        let red = parse(file.as_bytes(), &asked(0.04)).unwrap().facts;
        assert_eq!(
            (red.verdict, red.failures),
            (Verdict::Red, vec!["city: PSI 0.0405, asked at most 0.04".to_owned()])
        );
        assert_eq!(parse(file.as_bytes(), &Thresholds::default()).unwrap().facts.verdict, Verdict::Neutral);
    }

    #[test]
    fn a_table_says_the_same_as_the_document() {
        let document = format!(
            r#"{{"schema": "{SCHEMA}", "features": {{"income": {{"reference": [1, 2, 3, 4, 5, null], "current": [1, 1, 2, 9, null, null]}}}}}}"#
        );
        let table = "dataset,income\nreference,1\nreference,2\nreference,3\nreference,4\nreference,5\nreference,\n\
                     current,1\ncurrent,1\ncurrent,2\ncurrent,9\ncurrent,\ncurrent,\n";
        let (one, other) =
            (parse(document.as_bytes(), &asked(0.1)).unwrap(), parse(table.as_bytes(), &asked(0.1)).unwrap());
        assert_eq!(one.facts, other.facts);
        assert!(one.facts.figures[1].value > 0.1, "{one:?}");
    }

    #[test]
    fn what_is_missing_can_drift_too() {
        let file = |current: &str| {
            format!(
                r#"{{"schema": "{SCHEMA}", "features": {{"x": {{"reference": [1, 1, 1, 1], "current": [{current}]}}}}}}"#
            )
        };
        let same = parse(file("1, 1, 1, 1").as_bytes(), &asked(0.1)).unwrap().facts;
        assert_eq!(same.verdict, Verdict::Green);
        let gone = parse(file("1, 1, null, null").as_bytes(), &asked(0.1)).unwrap().facts;
        assert_eq!(gone.verdict, Verdict::Red);
        let few = parse(file("1, 1, 1").as_bytes(), &asked(0.1)).unwrap().facts;
        assert_eq!(few.failures, ["x: 4 reference and 3 current values, asked at least 4 of each"]);
    }

    #[test]
    fn a_feature_of_which_nothing_is_known_is_no_index_of_zero() {
        let fault = |reference: &str, current: &str| {
            let file = format!(
                r#"{{"schema": "{SCHEMA}", "features": {{"x": {{"reference": [{reference}], "current": [{current}]}}}}}}"#
            );
            parse(file.as_bytes(), &asked(0.1)).unwrap_err().to_string()
        };
        assert!(fault("null, null", "null").contains("/features/x: reference and current hold no value"));
        assert!(fault("\"a\"", "null, null").contains("current holds no value"));
        let table = "dataset;x\nreference;\ncurrent;\n";
        let said = parse(table.as_bytes(), &asked(0.1)).unwrap_err().to_string();
        assert!(said.contains("column x: reference and current hold no value"), "{said}");
    }

    #[test]
    fn tables_of_other_programs_are_read_and_a_foreign_byte_has_its_line() {
        let rows = "dataset,x\nreference,1\nreference,2\nreference,3\nreference,4\ncurrent,1\ncurrent,2\ncurrent,3\ncurrent,4\n";
        let comma = parse(rows.as_bytes(), &asked(0.1)).unwrap();
        assert_eq!(comma.facts.features, ["x".to_owned()].into());
        for between in [";", "\t"] {
            assert_eq!(parse(rows.replace(',', between).as_bytes(), &asked(0.1)).unwrap(), comma);
        }
        let mut odd = rows.as_bytes().to_vec();
        odd[26] = 0xff;
        let said = parse(&odd, &asked(0.1)).unwrap_err().to_string();
        assert!(said.contains("line 3, column 5: the byte 0xff is no UTF-8"), "{said}");
    }

    #[test]
    fn faults_name_feature_and_line() {
        let fault = |file: &str| parse(file.as_bytes(), &asked(0.1)).unwrap_err().to_string();
        let mixed =
            format!(r#"{{"schema": "{SCHEMA}", "features": {{"x": {{"reference": [1, "a"], "current": [1]}}}}}}"#);
        assert!(fault(&mixed).contains("/features/x/reference: value 1: texts and numbers are mixed"));
        let empty = format!(r#"{{"schema": "{SCHEMA}", "features": {{"x": {{"reference": [], "current": [1]}}}}}}"#);
        assert!(fault(&empty).contains("/features/x"));
        assert!(fault("dataset,x\nreference,1\nother,2\n").contains("line 3, column dataset"));
        // What holds numbers is not turned into categories by one cell.
        let numbers = |notes: &str, cell: &str| {
            let rows: Vec<String> = (0..500).map(|row| format!("reference,{row}.5\ncurrent,{row}.25\n")).collect();
            format!("{notes}dataset,income\n{}current,{cell}\n", rows.concat())
        };
        for cell in ["NaN", "inf", "-Infinity", "abc", "NULL", "1,5"] {
            let cell = if cell.contains(',') { format!("\"{cell}\"") } else { cell.to_owned() };
            for notes in ["", "# numbers: income\n"] {
                let line = if notes.is_empty() { 1_002 } else { 1_003 };
                let said = fault(&numbers(notes, &cell));
                assert!(
                    said.contains(&format!("line {line}, column income")) && said.contains("no finite number"),
                    "{said}"
                );
            }
        }
        assert!(parse(numbers("", "").as_bytes(), &asked(0.1)).is_ok(), "an empty cell is a missing value");
        let texts = "dataset,code\nreference,12A\nreference,13B\ncurrent,14\ncurrent,12A\n";
        assert!(fault(texts).contains("line 4, column code: \"14\" reads as a number while 3 cells are texts"));
        let declared = parse(format!("# categories: code\n{texts}").as_bytes(), &asked(0.1)).unwrap().facts;
        assert!(declared.figures[1].name.contains("3 categories"), "{declared:?}");
        assert!(fault(&format!("# categories: cod\n{texts}")).contains("the note categories: there is no column"));
        let both = format!("# categories: code\n# numbers: code\n{texts}");
        assert!(fault(&both).contains("as numbers and as categories"));
        assert!(fault("dataset,x\nreference,1\n").contains("column x: reference or current holds no value"));
    }
}
