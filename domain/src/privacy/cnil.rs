//! The JSON of the PIA tool of the French authority (CNIL), in and out: `{pia, answers[], measures[], evaluations[],
//! comments[]}`, where an answer names its question by number and holds a text (HTML), a gauge from 1 to 4, or a list.
//!
//! What the tool has no place for stands, with the whole content, in the member `countersign`, which the tool passes over;
//! Countersign reads it back as long as the tool's own members say the same ([`own`]).
//!
//! Import says what it could not place; nothing is dropped silently. Names of people are never taken over, because an
//! entry must not hold any. The tool's gauges of a risk become the rating before, those of its evaluation the residual
//! rating.

use serde::Serialize;
use serde_json::Value;

mod export;
mod own;
mod words;

pub use export::export;
use words::words;

use super::dpia::{Content, Level, MAX_LISTED, MAX_PART, Measure, Part, Rating, Risk, RiskKind, SubjectViews};

/// The three risks of the method with the tens digit of their questions and the reference of their evaluation.
const RISKS: [(RiskKind, u64, &str); 3] = [
    (RiskKind::IllegitimateAccess, 32, "3.2"),
    (RiskKind::UnwantedModification, 33, "3.3"),
    (RiskKind::Disappearance, 34, "3.4"),
];
/// Members of `pia` that name people.
const NAMES: [&str; 7] =
    ["author_name", "evaluator_name", "validator_name", "dpos_names", "people_names", "user_pias", "guests"];
/// Members of `pia` that are read.
const READ: [&str; 8] = [
    "concerned_people_searched_opinion",
    "concerned_people_searched_content",
    "concerned_people_opinion",
    "dpo_opinion",
    "status",
    "rejected_reason",
    "applied_adjustements",
    "category",
];
/// Members of `pia` by which the tool keeps its own house, or that follow from others.
const HOUSEKEEPING: [&str; 13] = [
    "id",
    "name",
    "created_at",
    "updated_at",
    "is_example",
    "is_archive",
    "progress",
    "type",
    "dpo_status",
    "concerned_people_status",
    "structure_id",
    "structure_name",
    "structure_sector_name",
];
/// One side of a rating.
type Axis = fn(Rating) -> Level;

/// Characters of a measure's title.
const MAX_TITLE: usize = 200;
/// Characters of a text that is quoted in the list of what was not placed.
const QUOTED: usize = 200;

/// The question's number in the tool.
pub fn number(part: Part) -> u64 {
    match part {
        Part::Processing => 111,
        Part::Responsibilities => 112,
        Part::Standards => 113,
        Part::Data => 121,
        Part::LifeCycle => 122,
        Part::Assets => 123,
        Part::Purposes => 211,
        Part::LegalBasis => 212,
        Part::Minimisation => 213,
        Part::Accuracy => 214,
        Part::StorageDuration => 215,
        Part::Information => 221,
        Part::Consent => 222,
        Part::AccessAndPortability => 223,
        Part::RectificationAndErasure => 224,
        Part::RestrictionAndObjection => 225,
        Part::Processors => 226,
        Part::Transfers => 227,
    }
}

/// Something of a file that has no place here, or of an assessment that has none there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Unplaced {
    /// Where it stands, such as `answers[3]`.
    pub place: String,
    /// Why it was not taken over.
    pub why: String,
}

/// What was read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The content.
    pub content: Content,
    /// What could not be placed.
    pub unplaced: Vec<Unplaced>,
}

/// Why a file is not the tool's: where the fault lies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no file of the CNIL's PIA tool: {0}")]
pub struct NotPia(String);

/// Reads a file of the tool. Scope and justified features, of which it knows nothing, are those of `base`, unless
/// Countersign wrote the file and they stand beside.
///
/// # Errors
/// The text is no JSON, or not of this shape; the place is named.
pub fn import(text: &str, base: Option<&Content>) -> Result<Imported, NotPia> {
    let file: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|e| NotPia(e.to_string()))?;
    let read = read(&file, base)?;
    match file.get("countersign") {
        None | Some(Value::Null) => Ok(read),
        Some(member) => own::joined(&file, member, read),
    }
}

/// Reads the members that the tool itself writes.
fn read(file: &Value, base: Option<&Content>) -> Result<Imported, NotPia> {
    let pia = file.get("pia").filter(|pia| pia.is_object());
    let pia = pia.ok_or_else(|| NotPia("the member \"pia\" is missing or no object".into()))?;
    let list = |name: &str| match file.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items.iter().collect::<Vec<&Value>>()),
        Some(_) => Err(NotPia(format!("the member {name:?} is no list"))),
    };
    let mut reader = Reader {
        content: Content {
            scope: base.map(|base| base.scope.clone()).unwrap_or_default(),
            justified_features: base.map(|base| base.justified_features.clone()).unwrap_or_default(),
            ..Content::default()
        },
        unplaced: Vec::new(),
        risks: RISKS.map(|(kind, ..)| RiskDraft::new(kind)),
    };
    for (index, answer) in list("answers")?.into_iter().enumerate() {
        reader.answer(&format!("answers[{index}]"), answer)?;
    }
    for (index, measure) in list("measures")?.into_iter().enumerate() {
        reader.measure(&format!("measures[{index}]"), measure);
    }
    for (index, evaluation) in list("evaluations")?.into_iter().enumerate() {
        reader.evaluation(&format!("evaluations[{index}]"), evaluation);
    }
    for (index, comment) in list("comments")?.into_iter().enumerate() {
        let said = words(comment.get("description"));
        reader.put(&format!("comments[{index}]"), format!("Comments are not kept: {}", quoted(&said)));
    }
    reader.pia(pia);
    for (member, value) in file.as_object().into_iter().flatten() {
        let is_read =
            ["pia", "answers", "measures", "evaluations", "comments", "countersign"].contains(&member.as_str());
        if !is_read && !is_empty(value) {
            reader.put(member, "This part of the file has no place here.");
        }
    }
    Ok(reader.finish())
}

struct RiskDraft {
    risk: Risk,
    likelihood: Option<Level>,
    severity: Option<Level>,
    /// Titles of the measures against it, each with its place in the file.
    treated_by: Vec<(String, String)>,
    is_there: bool,
}

impl RiskDraft {
    fn new(kind: RiskKind) -> Self {
        let risk = Risk {
            kind,
            title: kind.title().to_owned(),
            description: String::new(),
            impacts: Vec::new(),
            threats: Vec::new(),
            sources: Vec::new(),
            initial: None,
            residual: None,
        };
        Self { risk, likelihood: None, severity: None, treated_by: Vec::new(), is_there: false }
    }
}

struct Reader {
    content: Content,
    unplaced: Vec<Unplaced>,
    risks: [RiskDraft; 3],
}

impl Reader {
    fn put(&mut self, place: &str, why: impl Into<String>) {
        self.unplaced.push(Unplaced { place: place.to_owned(), why: why.into() });
    }

    /// A text, cut to what is kept; the cut is told.
    fn cut(&mut self, place: &str, text: String, max: usize) -> String {
        let count = text.chars().count();
        if count <= max {
            return text;
        }
        self.put(place, format!("It has {count} characters; the first {max} are kept. Attach the whole as a file."));
        text.chars().take(max).collect()
    }

    fn answer(&mut self, place: &str, answer: &Value) -> Result<(), NotPia> {
        let reference = integer(answer.get("reference_to"))
            .ok_or_else(|| NotPia(format!("{place}.reference_to is no question's number")))?;
        let data = answer.get("data").cloned().unwrap_or_default();
        let text = words(data.get("text"));
        let listed = data.get("list").filter(|list| !is_empty(list));
        let gauge = data.get("gauge").filter(|gauge| !is_empty(gauge));
        if let Some(part) = Part::ALL.into_iter().find(|part| number(*part) == reference) {
            let text = self.cut(&format!("{place} (question {reference})"), text, MAX_PART);
            if !text.is_empty() {
                self.content.parts.insert(part, text);
            }
            if listed.is_some() || gauge.is_some() {
                self.put(place, format!("Question {reference} has a text here; its list and its gauge are not kept."));
            }
            return Ok(());
        }
        let (tens, question) = (reference / 10, reference % 10);
        let Some(at) = RISKS.iter().position(|(_, risk, _)| *risk == tens).filter(|_| (1..=6).contains(&question))
        else {
            if !text.is_empty() || listed.is_some() || gauge.is_some() {
                self.put(place, format!("Question {reference} is not known: {}", quoted(&text)));
            }
            return Ok(());
        };
        if question <= 4 && !text.is_empty() {
            self.put(place, format!("Question {reference} has a list here; its text is not kept: {}", quoted(&text)));
        }
        if (question <= 4 && gauge.is_some()) || (question >= 5 && listed.is_some()) {
            self.put(place, format!("Question {reference} has no gauge or no list here; what it holds is not kept."));
        }
        let items: Vec<String> = match listed {
            Some(Value::Array(items)) if question <= 4 => {
                if items.iter().any(|item| !item.is_string()) {
                    self.put(place, "It lists something that is no text.");
                }
                items.iter().map(|item| words(Some(item))).collect()
            }
            Some(_) if question <= 4 => {
                self.put(place, "Its list is no list.");
                Vec::new()
            }
            _ => Vec::new(),
        };
        let mut kept = Vec::new();
        for item in items.into_iter().filter(|item| !item.is_empty()) {
            kept.push(self.cut(place, item, 300));
        }
        if kept.len() > 20 {
            self.put(place, format!("It lists {}; the first 20 are kept.", kept.len()));
            kept.truncate(20);
        }
        let grade = integer(gauge).and_then(Level::of_grade);
        if question >= 5 && gauge.is_some() && grade.is_none() {
            self.put(place, "Its gauge is not one of 1 to 4.");
        }
        let mut description = self.risks[at].risk.description.clone();
        if question >= 5 && !text.is_empty() {
            let label = if question == 5 { "Severity" } else { "Likelihood" };
            let separator = if description.is_empty() { "" } else { "\n" };
            let text = self.cut(place, text, 700);
            description = format!("{description}{separator}{label}: {text}");
        }
        let draft = &mut self.risks[at];
        draft.is_there |= !kept.is_empty() || grade.is_some() || !text_is_blank(&description);
        draft.risk.description = description;
        match question {
            1 => draft.risk.impacts = kept,
            2 => draft.risk.threats = kept,
            3 => draft.risk.sources = kept,
            4 => {
                let cut = |title: String| title.chars().take(MAX_TITLE).collect();
                draft.treated_by.extend(kept.into_iter().map(|title| (place.to_owned(), cut(title))));
            }
            5 => draft.severity = grade,
            _ => draft.likelihood = grade,
        }
        Ok(())
    }

    fn measure(&mut self, place: &str, measure: &Value) {
        let title = words(measure.get("title"));
        let text = words(measure.get("content"));
        if title.is_empty() && text.is_empty() {
            return;
        }
        if self.content.measures.len() >= MAX_LISTED {
            self.put(place, format!("At most {MAX_LISTED} measures are kept: {}", quoted(&title)));
            return;
        }
        let title = if title.is_empty() { "Unnamed measure".to_owned() } else { self.cut(place, title, MAX_TITLE) };
        let description = self.cut(place, text, 1_500);
        let names = |draft: &&RiskDraft| draft.treated_by.iter().any(|(_, named)| *named == title);
        let treats = self.risks.iter().filter(names).map(|draft| draft.risk.kind).collect();
        self.content.measures.push(Measure { title, description, owner: None, treats });
    }

    fn evaluation(&mut self, place: &str, evaluation: &Value) {
        let reference = evaluation.get("reference_to").and_then(Value::as_str).unwrap_or_default();
        if let Some(at) = RISKS.iter().position(|(.., known)| *known == reference) {
            let gauge = |axis: &str| {
                integer(evaluation.get("gauges").and_then(|gauges| gauges.get(axis))).and_then(Level::of_grade)
            };
            // The tool draws severity along x and likelihood along y.
            match (gauge("x"), gauge("y")) {
                (Some(severity), Some(likelihood)) => {
                    self.risks[at].risk.residual = Some(Rating { likelihood, severity });
                }
                (None, None) => {}
                _ => self
                    .put(place, format!("The residual risk on {reference} has one gauge only; a rating needs both.")),
            }
        }
        for (member, what) in
            [("evaluation_comment", "evaluator\u{2019}s comment"), ("action_plan_comment", "action plan")]
        {
            let said = words(evaluation.get(member));
            if !said.is_empty() {
                self.put(place, format!("The {what} on {reference} is not kept: {}", quoted(&said)));
            }
        }
        if !words(evaluation.get("person_in_charge")).is_empty() {
            self.put(place, "It names a person in charge; name the measure\u{2019}s owner by account instead.");
        }
    }

    fn pia(&mut self, pia: &Value) {
        let sought = match pia.get("concerned_people_searched_opinion") {
            Some(Value::Bool(sought)) => *sought,
            other => integer(other) == Some(1),
        };
        let (member, other) = if sought {
            ("concerned_people_opinion", "concerned_people_searched_content")
        } else {
            ("concerned_people_searched_content", "concerned_people_opinion")
        };
        let said = words(pia.get(other));
        if !said.is_empty() {
            self.put(&format!("pia.{other}"), format!("There is one text on the views of people: {}", quoted(&said)));
        }
        let text = self.cut(&format!("pia.{member}"), words(pia.get(member)), MAX_PART);
        self.content.views = SubjectViews { sought, text };
        let advice = words(pia.get("dpo_opinion"));
        if !advice.is_empty() {
            self.put(
                "pia.dpo_opinion",
                format!("The privacy officer gives advice here, and signs for it: {}", quoted(&advice)),
            );
        }
        if integer(pia.get("status")).is_some_and(|status| status >= 2) {
            self.put("pia.status", "An approval made elsewhere is not one here; the privacy officer approves it here.");
        }
        for member in NAMES {
            let named = match pia.get(member) {
                Some(Value::Array(list)) => !list.is_empty(),
                other => !words(other).is_empty(),
            };
            if named {
                self.put(&format!("pia.{member}"), "Names of people are kept out of the ledger.");
            }
        }
        for member in ["rejected_reason", "applied_adjustements", "category"] {
            let said = words(pia.get(member));
            if !said.is_empty() {
                self.put(&format!("pia.{member}"), format!("There is no place for it: {}", quoted(&said)));
            }
        }
        for (member, value) in pia.as_object().into_iter().flatten() {
            let is_known = READ.iter().chain(&NAMES).chain(&HOUSEKEEPING).any(|known| known == member);
            if !is_known && !is_empty(value) {
                // What stands there is not repeated: it may be somebody's name.
                self.put(&format!("pia.{member}"), "There is no place for it.");
            }
        }
    }

    fn finish(mut self) -> Imported {
        for draft in self.risks {
            for (place, title) in &draft.treated_by {
                if !self.content.measures.iter().any(|measure| measure.title == *title) {
                    let why = format!("The file has no measure of this title: {}", quoted(title));
                    self.unplaced.push(Unplaced { place: place.clone(), why });
                }
            }
            if !draft.is_there && draft.risk.residual.is_none() {
                continue;
            }
            if draft.likelihood.is_some() != draft.severity.is_some() {
                let (place, why) = ("answers".to_owned(), "it has one gauge only; a rating needs both");
                self.unplaced.push(Unplaced { place, why: format!("{}: {why}.", draft.risk.kind.title()) });
            }
            let initial = draft.likelihood.zip(draft.severity);
            let initial = initial.map(|(likelihood, severity)| Rating { likelihood, severity });
            self.content.risks.push(Risk { initial, ..draft.risk });
        }
        Imported { content: self.content.tidied(), unplaced: self.unplaced }
    }
}

/// Whether a member says nothing: what the tool writes where nothing was entered.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(_) => words(Some(value)).is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

fn text_is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// A whole number, written as number or as text.
fn integer(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = line.chars().take(QUOTED).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    format!("\u{201c}{shown}\u{201d}")
}

#[cfg(test)]
mod tests {
    use super::{words::html, *};

    const FILE: &str = r#"{
      "pia": {"id": 4, "status": 3, "name": "Loans", "author_name": "Somebody", "dpo_opinion": "Fine.",
        "concerned_people_searched_opinion": true, "concerned_people_opinion": "<p>They want to be told.</p>"},
      "answers": [
        {"pia_id": 4, "reference_to": 111, "data": {"text": "<div>Scores <b>loans</b> &amp; more.<br>Daily.</div>", "gauge": null, "list": []}},
        {"pia_id": 4, "reference_to": "213", "data": {"text": "<ul><li>income</li><li>debts</li></ul>", "gauge": 0, "list": []}},
        {"pia_id": 4, "reference_to": 321, "data": {"text": null, "gauge": null, "list": ["Shame"]}},
        {"pia_id": 4, "reference_to": 324, "data": {"text": null, "gauge": null, "list": ["Encryption"]}},
        {"pia_id": 4, "reference_to": 325, "data": {"text": "Grave.", "gauge": 3, "list": []}},
        {"pia_id": 4, "reference_to": 326, "data": {"text": "", "gauge": 2, "list": []}},
        {"pia_id": 4, "reference_to": 999, "data": {"text": "Of another method", "gauge": null, "list": []}}
      ],
      "measures": [{"id": 1, "pia_id": 4, "title": "Encryption", "content": "At rest &#38; in transit"}],
      "evaluations": [
        {"reference_to": "3.2", "gauges": {"x": 3, "y": 1}, "evaluation_comment": "Good", "person_in_charge": "Somebody"},
        {"reference_to": "1.1", "gauges": {"x": 0, "y": 0}}
      ],
      "comments": [{"description": "Ask again", "reference_to": "111"}]
    }"#;

    #[test]
    fn what_only_looks_like_markup_costs_no_more_than_other_text() {
        for piece in ["&", "<b", "<", "&#x"] {
            let text = piece.repeat(300_000);
            let begun = std::time::Instant::now();
            assert_eq!(words(Some(&Value::from(text.clone()))), text);
            assert!(begun.elapsed().as_secs() < 5, "{piece}: {:?}", begun.elapsed());
        }
    }

    #[test]
    fn a_file_is_placed_and_what_has_no_place_is_told() {
        let Imported { content, unplaced } = import(FILE, None).unwrap();
        assert_eq!(content.parts[&Part::Processing], "Scores loans & more.\nDaily.");
        assert_eq!(content.parts[&Part::Minimisation], "- income\n- debts");
        let [risk] = content.risks.as_slice() else { panic!("{:?}", content.risks) };
        let initial = Rating { likelihood: Level::Limited, severity: Level::Significant };
        assert_eq!((risk.kind, risk.initial), (RiskKind::IllegitimateAccess, Some(initial)));
        let residual = Rating { likelihood: Level::Negligible, severity: Level::Significant };
        assert_eq!(risk.residual, Some(residual));
        assert_eq!(
            (risk.impacts.as_slice(), risk.description.as_str()),
            (&["Shame".to_owned()][..], "Severity: Grave.")
        );
        assert_eq!(content.measures[0].description, "At rest & in transit");
        assert_eq!(content.measures[0].treats, [RiskKind::IllegitimateAccess].into());
        assert_eq!(content.views, SubjectViews { sought: true, text: "They want to be told.".into() });
        let places: Vec<&str> = unplaced.iter().map(|one| one.place.as_str()).collect();
        assert_eq!(
            places,
            [
                "answers[6]",
                "evaluations[0]",
                "evaluations[0]",
                "comments[0]",
                "pia.dpo_opinion",
                "pia.status",
                "pia.author_name"
            ]
        );
        assert!(!unplaced.iter().any(|one| one.why.contains("Somebody")), "no name is told: {unplaced:?}");
    }

    #[test]
    fn what_a_question_has_no_room_for_is_told() {
        let file = r#"{
          "pia": {"concerned_people_searched_opinion": false, "concerned_people_opinion": "They like it.",
            "concerned_people_searched_content": "Too many.", "structure_data": {"a": "Somebody"}},
          "answers": [
            {"reference_to": 111, "data": {"text": "x", "gauge": 2, "list": ["y"]}},
            {"reference_to": 321, "data": {"text": "In words", "list": ["Shame", 7]}},
            {"reference_to": 324, "data": {"list": ["Nowhere described"]}},
            {"reference_to": 325, "data": {"text": "", "gauge": 9}},
            {"reference_to": 326, "data": {"text": "", "gauge": 2, "list": ["z"]}},
            {"reference_to": 888, "data": {"text": "", "gauge": 3}}
          ],
          "evaluations": [{"reference_to": "3.2", "gauges": {"x": 3, "y": 0}}],
          "attachments": [{"name": "plan.pdf"}]
        }"#;
        let unplaced = import(file, None).unwrap().unplaced;
        let told: Vec<String> = unplaced.iter().map(|one| format!("{} {}", one.place, one.why)).collect();
        for expected in [
            "answers[0] Question 111 has a text",
            "answers[1] Question 321 has a list here; its text is not kept: \u{201c}In words\u{201d}",
            "answers[1] It lists something that is no text",
            "answers[3] Its gauge is not one of 1 to 4",
            "answers[4] Question 326 has no gauge or no list",
            "answers[5] Question 888 is not known",
            "evaluations[0] The residual risk on 3.2 has one gauge only",
            "attachments This part of the file",
            "pia.concerned_people_opinion There is one text",
            "pia.structure_data There is no place for it",
            "answers[2] The file has no measure of this title: \u{201c}Nowhere described\u{201d}",
            "answers Illegitimate access to data: it has one gauge only",
        ] {
            assert!(told.iter().any(|one| one.starts_with(expected)), "{expected} is not among {told:#?}");
        }
        assert_eq!(told.len(), 12, "{told:#?}");
        assert!(!told.iter().any(|one| one.contains("Somebody")), "no name is told: {told:?}");
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_the_place() {
        for (text, place) in [
            ("{", "line 1"),
            ("{}", "\"pia\""),
            (r#"{"pia": {}, "answers": 3}"#, "\"answers\""),
            (r#"{"pia": {}, "answers": [{"reference_to": null}]}"#, "answers[0].reference_to"),
        ] {
            let error = import(text, None).unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
    }

    #[test]
    fn markup_becomes_words_and_what_only_looks_like_it_stays() {
        let text = |html: &str| words(Some(&Value::String(html.into())));
        assert_eq!(text("a < b && c;"), "a < b && c;");
        assert_eq!(text("<p>one</p><p>&nbsp;</p><p></p><p>two&hellip;</p>"), "one\n\ntwo&hellip;");
        assert_eq!(text("5 > 3 <unclosed"), "5 > 3 <unclosed");
        assert_eq!(text(&html("a < b\n& c")), "a < b\n& c");
    }
}
