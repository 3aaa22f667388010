//! The JSON of the PIA tool of the French authority (CNIL), in and out: `{pia, answers[], measures[], evaluations[],
//! comments[]}`, where an answer names its question by number and holds a text (HTML), a gauge from 1 to 4, or a list.
//!
//! Import says what it could not place; nothing is dropped silently. Names of people are never taken over, because an
//! entry must not hold any. The tool's gauges of a risk become the rating before, those of its evaluation the residual
//! rating.

use ledger::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    PrivacyFile,
    dpia::{Content, Level, MAX_LISTED, MAX_PART, Measure, Part, Rating, Risk, RiskKind, SubjectViews},
};

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

/// The words of a text that may be HTML.
fn words(value: Option<&Value>) -> String {
    let Some(Value::String(html)) = value else { return String::new() };
    let mut text = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let read = if rest.starts_with('<') { tag(rest) } else { entity(rest) };
        // What only looks like markup stays as it is.
        let (taken, stands_for) = read.unwrap_or_else(|| (1, rest[..1].to_owned()));
        text.push_str(&stands_for);
        rest = &rest[taken..];
    }
    text.push_str(rest);
    let lines = text.lines().map(|line| line.trim_matches(|c: char| c.is_whitespace() || c == '\u{a0}'));
    let mut kept: Vec<&str> = Vec::new();
    for line in lines {
        if !(line.is_empty() && kept.last().is_none_or(|last| last.is_empty())) {
            kept.push(line);
        }
    }
    let joined = kept.join("\n");
    joined.trim().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Bytes of a character reference at most, such as `&#x1F600;`.
const LONGEST_REFERENCE: usize = 11;

/// How many bytes a tag takes, and the line break or list mark that it stands for.
fn tag(text: &str) -> Option<(usize, String)> {
    // It ends before another begins, so that no more is looked through than is taken, whatever stands there.
    let end = 1 + text[1..].find(['<', '>']).filter(|end| text[1 + end..].starts_with('>'))?;
    let inner = &text[1..end];
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
        return None;
    }
    let name = inner.split(|c: char| c.is_whitespace()).next().unwrap_or_default().to_ascii_lowercase();
    let stands_for = match name.trim_end_matches('/') {
        "br" | "/p" | "/div" | "/li" | "/ul" | "/ol" | "/h1" | "/h2" | "/h3" | "/tr" => "\n",
        "li" => "- ",
        _ => "",
    };
    Some((end + 1, stands_for.to_owned()))
}

/// How many bytes a character reference takes, and the character.
fn entity(text: &str) -> Option<(usize, String)> {
    let end = text.bytes().take(LONGEST_REFERENCE).position(|byte| byte == b';')?;
    let name = &text[1..end];
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let code = match name.strip_prefix('#')? {
                hex if hex.starts_with(['x', 'X']) => u32::from_str_radix(&hex[1..], 16).ok()?,
                decimal => decimal.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((end + 1, character.to_string()))
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>")
}

/// A file that the tool can read, of the content as last written. What the tool has no place for stands in its member
/// `countersign`, which the tool passes over.
pub fn export(file: &PrivacyFile, title: &str, now: Timestamp) -> Option<Value> {
    let draft = file.draft.as_ref()?;
    let content = &draft.content;
    let at = now.to_string();
    let approved = file.approved.as_ref().filter(|a| a.reopened.is_none() && a.draft.digest == draft.digest);
    let advice = approved.map(|approved| &approved.advice).or(file.advice.as_ref());
    let mut answers = Vec::new();
    let mut answer = |reference: u64, data: Value| {
        answers.push(json!({
            "pia_id": 1, "reference_to": reference, "data": data, "created_at": at, "id": answers.len() + 1,
        }));
    };
    for (part, text) in &content.parts {
        answer(number(*part), json!({"text": html(text), "gauge": null, "list": []}));
    }
    let mut unplaced = Vec::new();
    let mut evaluations = Vec::new();
    for (kind, tens, reference) in RISKS {
        let of_kind: Vec<&Risk> = content.risks.iter().filter(|risk| risk.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let lists: [fn(&Risk) -> &Vec<String>; 3] = [|risk| &risk.impacts, |risk| &risk.threats, |risk| &risk.sources];
        for (question, list) in (1..).zip(lists) {
            let all: Vec<&String> = of_kind.iter().flat_map(|risk| list(risk)).collect();
            answer(tens * 10 + question, json!({"text": null, "gauge": null, "list": all}));
        }
        let measures: Vec<&String> =
            content.measures.iter().filter(|measure| measure.treats.contains(&kind)).map(|m| &m.title).collect();
        answer(tens * 10 + 4, json!({"text": null, "gauge": null, "list": measures}));
        // The tool has one rating a kind: the gravest.
        let gauge = |of: fn(&Risk) -> Option<Rating>, axis: Axis| {
            of_kind.iter().filter_map(|risk| of(risk)).map(axis).max().map(Level::grade)
        };
        let (severity, likelihood): (Axis, Axis) = (|rating| rating.severity, |rating| rating.likelihood);
        let words: Vec<String> = of_kind.iter().map(|risk| risk_words(risk)).collect();
        answer(
            tens * 10 + 5,
            json!({"text": html(&words.join("\n")), "gauge": gauge(|r| r.initial, severity), "list": []}),
        );
        answer(tens * 10 + 6, json!({"text": "", "gauge": gauge(|r| r.initial, likelihood), "list": []}));
        evaluations.push(json!({
            "id": evaluations.len() + 1, "pia_id": 1, "reference_to": reference,
            "status": if approved.is_some() { 3 } else { 0 }, "global_status": if approved.is_some() { 2 } else { 0 },
            "gauges": {"x": gauge(|r| r.residual, severity).unwrap_or(0), "y": gauge(|r| r.residual, likelihood).unwrap_or(0)},
            "action_plan_comment": "", "evaluation_comment": "", "created_at": at,
        }));
    }
    for risk in content.risks.iter().filter(|risk| risk.kind == RiskKind::Other) {
        unplaced.push(json!({"place": "risks", "why": "The tool knows three kinds of risk only.", "value": risk}));
    }
    for (feature, why) in &content.justified_features {
        unplaced.push(
            json!({"place": "justified_features", "why": "The tool knows no features.", "value": {feature: why}}),
        );
    }
    unplaced.push(json!({"place": "scope", "why": "The tool knows no versions.", "value": content.scope}));
    let measures: Vec<Value> = content
        .measures
        .iter()
        .enumerate()
        .map(|(index, measure)| {
            json!({
                "id": index + 1, "pia_id": 1, "title": measure.title, "content": html(&measure.description),
                "placeholder": "measures.default_placeholder", "created_at": at,
            })
        })
        .collect();
    let views = &content.views;
    Some(json!({
        "pia": {
            "id": 1, "status": if approved.is_some() { 2 } else { 0 }, "is_example": 0, "is_archive": 0,
            "name": title, "category": "", "author_name": "", "evaluator_name": "", "validator_name": "",
            "dpo_status": advice.map(|advice| u8::from(advice.favourable)),
            "dpo_opinion": advice.map(|advice| html(&advice.text)).unwrap_or_default(),
            "concerned_people_searched_opinion": views.sought,
            "concerned_people_searched_content": if views.sought { String::new() } else { html(&views.text) },
            "concerned_people_opinion": if views.sought { html(&views.text) } else { String::new() },
            "concerned_people_status": null, "rejected_reason": "", "applied_adjustements": "",
            "dpos_names": "", "people_names": "", "structure_id": "",
            "created_at": draft.drafted_at.to_string(), "updated_at": at,
        },
        "answers": answers, "measures": measures, "evaluations": evaluations, "comments": [],
        "countersign": {"schema": "countersign/cnil@1", "model": file.model, "digest": draft.digest, "unplaced": unplaced},
    }))
}

fn risk_words(risk: &Risk) -> String {
    // An imported description names its halves already.
    let description = risk.description.strip_prefix("Severity: ").unwrap_or(&risk.description);
    if risk.title == risk.kind.title() { description.to_owned() } else { format!("{}: {description}", risk.title) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::dpia::Draft;

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
