//! Writing a file of the tool.

use ledger::Timestamp;
use serde_json::{Value, json};

use super::{Axis, RISKS, number, words::html};
use crate::privacy::{
    PrivacyFile,
    dpia::{Content, Level, Rating, Risk, RiskKind},
};

/// A file that the tool can read, of the content as last written. The whole content stands in its member `countersign`,
/// which the tool passes over.
pub fn export(file: &PrivacyFile, title: &str, now: Timestamp) -> Option<Value> {
    let draft = file.draft.as_ref()?;
    let content = &draft.content;
    let approved = file.approved.as_ref().filter(|a| a.reopened.is_none() && a.draft.digest == draft.digest);
    let advice = approved.map(|approved| &approved.advice).or(file.advice.as_ref());
    let mut written = file_of(content, approved.is_some(), &now.to_string());
    let pia = &mut written["pia"];
    pia["name"] = json!(title);
    pia["dpo_status"] = json!(advice.map(|advice| u8::from(advice.favourable)));
    pia["dpo_opinion"] = json!(advice.map(|advice| html(&advice.text)).unwrap_or_default());
    pia["created_at"] = json!(draft.drafted_at.to_string());
    written["countersign"] = json!({
        "schema": "countersign/cnil@2", "model": file.model, "digest": draft.digest, "content": content,
        "unplaced": unplaced(content),
    });
    Some(written)
}

/// The members of the tool that a content gives.
pub(super) fn tool_file(content: &Content) -> Value {
    file_of(content, false, "")
}

/// What the tool shows less of than the content says, for whoever reads the file.
fn unplaced(content: &Content) -> Vec<Value> {
    let mut unplaced = Vec::new();
    let mut put = |place: String, why: &str| unplaced.push(json!({"place": place, "why": why}));
    for (index, risk) in content.risks.iter().enumerate() {
        if risk.kind == RiskKind::Other {
            put(format!("content.risks[{index}]"), "The tool knows three kinds of risk only.");
        } else if content.risks.iter().filter(|other| other.kind == risk.kind).count() > 1 {
            put(
                format!("content.risks[{index}]"),
                "The tool has one risk of a kind: it shows them as one, rated as the gravest.",
            );
        }
    }
    for (index, measure) in content.measures.iter().enumerate() {
        if measure.owner.is_some() {
            put(format!("content.measures[{index}].owner"), "The tool knows no accounts.");
        }
        if measure.treats.contains(&RiskKind::Other) {
            put(format!("content.measures[{index}].treats"), "The tool knows three kinds of risk only.");
        }
    }
    if !content.justified_features.is_empty() {
        put("content.justified_features".to_owned(), "The tool knows no features.");
    }
    put("content.scope".to_owned(), "The tool knows no markets and no versions.");
    unplaced
}

fn file_of(content: &Content, is_approved: bool, at: &str) -> Value {
    let mut answers = Vec::new();
    let mut answer = |reference: u64, data: Value| {
        answers.push(json!({
            "pia_id": 1, "reference_to": reference, "data": data, "created_at": at, "id": answers.len() + 1,
        }));
    };
    for (part, text) in &content.parts {
        answer(number(*part), json!({"text": html(text), "gauge": null, "list": []}));
    }
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
            "status": if is_approved { 3 } else { 0 }, "global_status": if is_approved { 2 } else { 0 },
            "gauges": {"x": gauge(|r| r.residual, severity).unwrap_or(0), "y": gauge(|r| r.residual, likelihood).unwrap_or(0)},
            "action_plan_comment": "", "evaluation_comment": "", "created_at": at,
        }));
    }
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
    json!({
        "pia": {
            "id": 1, "status": if is_approved { 2 } else { 0 }, "is_example": 0, "is_archive": 0,
            "name": "", "category": "", "author_name": "", "evaluator_name": "", "validator_name": "",
            "dpo_status": null, "dpo_opinion": "",
            "concerned_people_searched_opinion": views.sought,
            "concerned_people_searched_content": if views.sought { String::new() } else { html(&views.text) },
            "concerned_people_opinion": if views.sought { html(&views.text) } else { String::new() },
            "concerned_people_status": null, "rejected_reason": "", "applied_adjustements": "",
            "dpos_names": "", "people_names": "", "structure_id": "",
            "created_at": at, "updated_at": at,
        },
        "answers": answers, "measures": measures, "evaluations": evaluations, "comments": [],
    })
}

fn risk_words(risk: &Risk) -> String {
    // An imported description names its halves already.
    let description = risk.description.strip_prefix("Severity: ").unwrap_or(&risk.description);
    if risk.title == risk.kind.title() { description.to_owned() } else { format!("{}: {description}", risk.title) }
}
