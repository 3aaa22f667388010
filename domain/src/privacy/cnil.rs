//! The JSON of the PIA tool of the French authority (CNIL), in and out: `{pia, answers[], measures[], evaluations[],
//! comments[]}`, where an answer names its question by number and holds a text (HTML), a gauge from 1 to 4, or a list.
//!
//! Import says what it could not place; nothing is dropped silently. Names of people are never taken over, because an
//! entry must not hold any. The tool's gauges of a risk become the rating before, those of its evaluation the residual
//! rating.

use serde::Serialize;
use serde_json::Value;

mod export;
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
/// One side of a rating.
type Axis = fn(Rating) -> Level;

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

/// Reads a file of the tool. Scope and justified features, of which it knows nothing, are those of `base`.
///
/// # Errors
/// The text is no JSON, or not of this shape; the place is named.
pub fn import(text: &str, base: Option<&Content>) -> Result<Imported, NotPia> {
    let file: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|e| NotPia(e.to_string()))?;
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
    Ok(reader.finish())
}

struct RiskDraft {
    risk: Risk,
    likelihood: Option<Level>,
    severity: Option<Level>,
    treated_by: Vec<String>,
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
        if let Some(part) = Part::ALL.into_iter().find(|part| number(*part) == reference) {
            let text = self.cut(&format!("{place} (question {reference})"), text, MAX_PART);
            if !text.is_empty() {
                self.content.parts.insert(part, text);
            }
            return Ok(());
        }
        let (tens, question) = (reference / 10, reference % 10);
        let Some(at) = RISKS.iter().position(|(_, risk, _)| *risk == tens).filter(|_| (1..=6).contains(&question))
        else {
            if !text.is_empty() {
                self.put(place, format!("Question {reference} is not known: {}", quoted(&text)));
            }
            return Ok(());
        };
        let items: Vec<String> = match data.get("list") {
            Some(Value::Array(items)) => items.iter().map(|item| words(Some(item))).collect(),
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
        let gauge = integer(data.get("gauge")).and_then(Level::of_grade);
        let mut description = self.risks[at].risk.description.clone();
        if question >= 5 && !text.is_empty() {
            let label = if question == 5 { "Severity" } else { "Likelihood" };
            let separator = if description.is_empty() { "" } else { "\n" };
            let text = self.cut(place, text, 700);
            description = format!("{description}{separator}{label}: {text}");
        }
        let draft = &mut self.risks[at];
        draft.is_there |= !kept.is_empty() || gauge.is_some() || !text_is_blank(&description);
        draft.risk.description = description;
        match question {
            1 => draft.risk.impacts = kept,
            2 => draft.risk.threats = kept,
            3 => draft.risk.sources = kept,
            4 => draft.treated_by = kept,
            5 => draft.severity = gauge,
            _ => draft.likelihood = gauge,
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
        let title = if title.is_empty() { "Unnamed measure".to_owned() } else { self.cut(place, title, 200) };
        let description = self.cut(place, text, 1_500);
        let treats = self.risks.iter().filter(|draft| draft.treated_by.contains(&title)).map(|draft| draft.risk.kind);
        let treats = treats.collect();
        self.content.measures.push(Measure { title, description, owner: None, treats });
    }

    fn evaluation(&mut self, place: &str, evaluation: &Value) {
        let reference = evaluation.get("reference_to").and_then(Value::as_str).unwrap_or_default();
        if let Some(at) = RISKS.iter().position(|(.., known)| *known == reference) {
            let gauge = |axis: &str| {
                integer(evaluation.get("gauges").and_then(|gauges| gauges.get(axis))).and_then(Level::of_grade)
            };
            // The tool draws severity along x and likelihood along y.
            if let (Some(severity), Some(likelihood)) = (gauge("x"), gauge("y")) {
                self.risks[at].risk.residual = Some(Rating { likelihood, severity });
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
        let member = if sought { "concerned_people_opinion" } else { "concerned_people_searched_content" };
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
    }

    fn finish(mut self) -> Imported {
        for draft in self.risks {
            if !draft.is_there && draft.risk.residual.is_none() {
                continue;
            }
            let initial = draft.likelihood.zip(draft.severity);
            let initial = initial.map(|(likelihood, severity)| Rating { likelihood, severity });
            self.content.risks.push(Risk { initial, ..draft.risk });
        }
        Imported { content: self.content.tidied(), unplaced: self.unplaced }
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
    use crate::privacy::{PrivacyFile, dpia::Draft};
    use ledger::Timestamp;

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
    fn what_is_exported_is_imported_again_unchanged() {
        let content = import(FILE, None).unwrap().content;
        let mut file = PrivacyFile::new("loans".parse().unwrap());
        file.draft = Some(Draft {
            digest: content.digest(),
            content: content.clone(),
            fingerprints: std::collections::BTreeMap::new(),
            authors: std::collections::BTreeSet::new(),
            drafted_at: Timestamp::EPOCH,
            entry: 1,
        });
        let text = export(&file, "Loans", Timestamp::EPOCH).unwrap().to_string();
        let again = import(&text, Some(&content)).unwrap();
        assert_eq!(again.content, content);
        assert_eq!(again.unplaced, []);
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
