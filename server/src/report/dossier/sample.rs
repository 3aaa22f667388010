//! Dossiers for the tests: a plausible one, an empty one, and one that tries to break the layout.

use ledger::{Digest, Timestamp};

use super::super::Meta;
use super::*;

fn at(day: i64, hour: i64) -> Timestamp {
    Timestamp::from_seconds(1_762_214_400 + day * 86_400 + hour * 3_600 + 754).plus_micros(123_456 + day * 7_919)
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn good(word: &str) -> Status {
    Status::new(word, Tone::Good)
}

fn bad(word: &str) -> Status {
    Status::new(word, Tone::Bad)
}

fn attention(word: &str) -> Status {
    Status::new(word, Tone::Attention)
}

fn neutral(word: &str) -> Status {
    Status::new(word, Tone::Neutral)
}

/// Meta data for tests of the layout alone.
pub(crate) fn meta() -> Meta {
    Meta {
        title: "Test".to_owned(),
        subject: "Layout".to_owned(),
        author: "Countersign".to_owned(),
        created: at(0, 0),
        id: digest("meta"),
    }
}

/// Nothing but what every version has.
pub(crate) fn empty() -> Dossier {
    Dossier {
        product: "Countersign 0.1.0".to_owned(),
        model: Model::default(),
        version: Version {
            name: String::new(),
            description: String::new(),
            registered_at: at(0, 0),
            registered_by: String::new(),
            materiality: String::new(),
        },
        tracks: Vec::new(),
        checkpoint: Checkpoint { origin: String::new(), size: 0, root: digest(""), time: at(0, 0), key: String::new() },
        decision: Decision::default(),
        lineage: Vec::new(),
        parents: Vec::new(),
        missing_lineage: Vec::new(),
        evidence: Vec::new(),
        gates: Vec::new(),
        validations: Vec::new(),
        requests: Vec::new(),
        signatures: Vec::new(),
        timeline: Vec::new(),
        omissions: Vec::new(),
    }
}

fn figure(name: &str, value: &str, threshold: &str, verdict: Status) -> Figure {
    Figure { name: name.to_owned(), value: value.to_owned(), threshold: threshold.to_owned(), verdict }
}

fn class(name: &str, fields: &[(&str, &str, bool)]) -> LineageClass {
    let fields = fields
        .iter()
        .map(|(name, value, is_identifier)| LineageField {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
            is_identifier: *is_identifier,
        })
        .collect();
    LineageClass { class: name.to_owned(), fields }
}

fn lineage() -> Vec<LineageClass> {
    let image = digest("image").to_string();
    let weights = digest("weights").to_string();
    let schema = digest("schema").to_string();
    vec![
        class(
            "Code",
            &[
                ("Repository", "https://git.example.org/risk/credit-default", false),
                ("Commit", "9f2c1e07b4a85d3360c1aa7e5d1f0b9c8e7d6a54", true),
                ("Container image", &image, true),
            ],
        ),
        class(
            "Data",
            &[
                ("Training partition", "loans/2026-09", false),
                ("Rows", "1 842 113", false),
                ("Schema digest", &schema, true),
                ("Preprocessing", "winsorise 0.5 %, target-encode postcode_area, impute median", false),
            ],
        ),
        class(
            "Features",
            &[
                ("Feature set", "credit-core 12", false),
                (
                    "Features",
                    "age_of_oldest_account, debt_to_income_ratio, utilisation_3m, delinquencies_24m, inquiries_6m, months_at_address, income_verified, postcode_area_encoded",
                    false,
                ),
            ],
        ),
        class(
            "Hyperparameters",
            &[
                ("learning_rate", "0.05", false),
                ("max_depth", "6", false),
                ("n_estimators", "480", false),
                ("seed", "20260914", false),
            ],
        ),
        class("Environment", &[("Python", "3.12.6", false), ("xgboost", "2.1.1", false), ("Weights", &weights, true)]),
        class(
            "Metrics",
            &[("AUC (hold-out)", "0.8412", false), ("Brier score", "0.0731", false), ("KS", "0.5120", false)],
        ),
    ]
}

fn evidence() -> Vec<Evidence> {
    let commit = "commit 9f2c1e07b4a85d3360c1aa7e5d1f0b9c8e7d6a54".to_owned();
    vec![
        Evidence {
            path: "Code".into(),
            kind: "unit and integration tests (JUnit)".into(),
            verdict: good("Passed"),
            summary: "1 204 of 1 204 tests passed.".into(),
            file: "junit.xml, 41 KiB".into(),
            digest: digest("junit"),
            bound_to: vec![commit],
            producer: "CI pipeline 4711".into(),
            produced_at: at(1, 8),
            attached_by: "ci-pipeline (service)".into(),
            time: at(1, 9),
            entry: 171,
            failures: Vec::new(),
            figures: vec![
                figure("Tests run", "1 204", "", neutral("")),
                figure("Tests failed", "0", "= 0", good("Met")),
                figure("Line coverage", "91.4 %", "≥ 85 %", good("Met")),
            ],
        },
        Evidence {
            path: "Data".into(),
            kind: "population stability".into(),
            verdict: good("Passed"),
            summary: "All features are within their thresholds.".into(),
            file: "psi.json, 12 KiB".into(),
            digest: digest("psi"),
            bound_to: vec!["partition loans/2026-09".into(), digest("schema").to_string()],
            producer: "data platform".into(),
            produced_at: at(1, 8),
            attached_by: "ci-pipeline (service)".into(),
            time: at(1, 10),
            entry: 171,
            failures: Vec::new(),
            figures: vec![
                figure("PSI, debt_to_income_ratio", "0.04", "≤ 0.20", good("Met")),
                figure("PSI, utilisation_3m", "0.19", "≤ 0.20", attention("Close")),
            ],
        },
        Evidence {
            path: "Model".into(),
            kind: "offline evaluation against champion 3.0.2".into(),
            verdict: good("Passed"),
            summary: "1 of 1 thresholds met.".into(),
            file: "evaluation.json, 3 KiB".into(),
            digest: digest("eval"),
            bound_to: vec![digest("weights").to_string()],
            producer: "Dana Whitfield".into(),
            produced_at: at(2, 8),
            attached_by: "ci-pipeline (service)".into(),
            time: at(2, 14),
            entry: 172,
            failures: Vec::new(),
            figures: vec![figure("AUC difference, lower 95 % bound", "−0.0007", "≥ −0.0020", good("Met"))],
        },
    ]
}

fn validation() -> Validation {
    let text = "The sample covers two full business cycles and was drawn before any outcome was known. We refitted the model from the \
                reproduction manifest and obtained the recorded weights digest. Discrimination is stable across age bands and regions; \
                calibration drifts by less than one point in the top decile.";
    Validation {
        title: "Full validation VR-2026-031".into(),
        scope: "Full, because a feature source is new (bureau B)".into(),
        validator: "Miriam Okafor".into(),
        team: "Model Risk Management".into(),
        outcome: attention("Approved with conditions"),
        submitted_at: Some(at(9, 16)),
        digest: Some(digest("validation")),
        sections: [
            "Purpose and scope",
            "Conceptual soundness",
            "Data review",
            "Outcomes analysis",
            "Ongoing monitoring",
            "Limitations",
            "Conclusion",
        ]
        .into_iter()
        .map(|title| Section { title: title.into(), text: text.into() })
        .collect(),
        findings: vec![
            Finding {
                id: "F-1".into(),
                title: "Reject inference is not documented for applications before 2024".into(),
                description: "The report explains reject inference for later applications only.".into(),
                severity: bad("High"),
                owner: "Dana Whitfield".into(),
                due: Some(at(12, 0)),
                status: good("Closed"),
                remediation: "Method note added to the model document, section 4.3; sensitivity analysis attached."
                    .into(),
                closure: "Verified by Tomás Herrera on 2025-11-14, entry 187.".into(),
            },
            Finding {
                id: "F-2".into(),
                title: "Monitoring has no alert for the share of imputed incomes".into(),
                description: String::new(),
                severity: attention("Medium"),
                owner: "Data platform".into(),
                due: Some(at(40, 0)),
                status: neutral("Open"),
                remediation: String::new(),
                closure: String::new(),
            },
        ],
    }
}

fn signatures() -> Vec<Signature> {
    let sign = |name: &str, role: &str, day, meaning: &str, entry, state, changed: Vec<String>| Signature {
        printed_name: name.to_owned(),
        role: role.to_owned(),
        time: at(day, 15),
        meaning: meaning.to_owned(),
        comment: String::new(),
        subject: "None → Staging".to_owned(),
        package: Some(digest(if changed.is_empty() { "package 2" } else { "package 1" })),
        entry,
        state,
        changed,
    };
    vec![
        sign(
            "Miriam Okafor",
            "MRM validator",
            8,
            "Approval of the validation",
            179,
            attention("Stale"),
            vec!["Evidence added: Model path, offline evaluation".into(), "Finding F-1 closed".into()],
        ),
        sign("Miriam Okafor", "MRM validator", 11, "Approval of the validation", 191, good("Current"), Vec::new()),
        sign(
            "Jürgen Świątek",
            "Risk committee",
            12,
            "Approval of the promotion to Staging",
            196,
            good("Current"),
            Vec::new(),
        ),
    ]
}

fn timeline() -> Vec<TimelineEntry> {
    let events = [
        ("Dana Whitfield", "Registered version 3.1.0 with complete lineage"),
        ("ci-pipeline (service)", "Attached evidence to the code path: unit and integration tests, passed"),
        ("data-platform (service)", "Attached evidence to the data path: population stability, passed"),
        ("Dana Whitfield", "Attached evidence to the model path: offline evaluation against champion 3.0.2, passed"),
        ("Dana Whitfield", "Requested promotion from None to Staging"),
        ("Miriam Okafor", "Opened full validation VR-2026-031"),
        ("Miriam Okafor", "Raised finding F-1 (high): reject inference is not documented for applications before 2024"),
        ("Dana Whitfield", "Remediated finding F-1"),
        ("Tomás Herrera", "Verified the closure of finding F-1"),
        ("Miriam Okafor", "Signed the package: approval of the validation"),
        ("Jürgen Świątek", "Signed the package: approval of the promotion to Staging"),
        ("Countersign", "Promoted version 3.1.0 from None to Staging"),
    ];
    (0..)
        .zip(events)
        .map(|(index, (actor, event))| TimelineEntry {
            sequence: 168 + u64::try_from(index).unwrap() * 3,
            time: at(index, 9),
            actor: actor.to_owned(),
            event: event.to_owned(),
            hash: digest(event),
        })
        .collect()
}

fn track(market: &str, stage: &str, status: Status, day: Option<i64>, next: &str) -> Track {
    Track {
        market: market.to_owned(),
        stage: stage.to_owned(),
        status,
        since: day.map(|day| at(day, 15)),
        next: next.to_owned(),
    }
}

/// A regulated model's version on its way to Staging.
pub(crate) fn dossier() -> Dossier {
    let requirement =
        |text: &str, status: Status, by: &str| Requirement { text: text.to_owned(), status, by: by.to_owned() };
    Dossier {
        product: "Countersign 0.1.0".to_owned(),
        model: Model {
            name: "credit-default".to_owned(),
            title: "Credit default".to_owned(),
            purpose: "Estimates the probability that a retail loan defaults within twelve months; used in the decision on applications."
                .to_owned(),
            owner: "Retail Credit Risk".to_owned(),
            tier: "Tier 1: high exposure, decisions about people".to_owned(),
            regulation: "Regulated: SR 11-7, EU AI Act Annex III 5(b), GDPR Art. 22".to_owned(),
        },
        version: Version {
            name: "3.1.0".to_owned(),
            description: "Refit on September 2026 with verified income from bureau B.".to_owned(),
            registered_at: at(0, 9),
            registered_by: "Dana Whitfield, data scientist".to_owned(),
            materiality: "Material: a feature source is new (bureau B)".to_owned(),
        },
        tracks: vec![
            track("US", "Staging", good("Approved"), Some(12), "Shadow: at least 7 days, automated"),
            track("EU", "Staging", attention("Blocked"), Some(12), "Shadow: needs a DPIA approved by the privacy officer"),
        ],
        checkpoint: Checkpoint {
            origin: "countersign.example.org/log".to_owned(),
            size: 20_418,
            root: digest("root"),
            time: at(13, 8),
            key: "countersign.example.org/log+7c1f09ab".to_owned(),
        },
        decision: Decision {
            outcome: good("Promoted to Staging"),
            summary: "All requirements of the step None → Staging were met on 2025-11-16 and both signatures cover the current package. \
                      Finding F-2 (medium) stays open until its due date and does not block this step."
                .to_owned(),
            missing: vec![Missing {
                what: "Approved data protection impact assessment for the EU".to_owned(),
                rule: "privacy.dpia_required".to_owned(),
                who: "Privacy officer".to_owned(),
            }],
        },
        lineage: lineage(),
        parents: vec![Parent {
            version: "credit-default 3.0.2".to_owned(),
            relation: "refitted from".to_owned(),
            stage: "Production (US, EU)".to_owned(),
        }],
        missing_lineage: Vec::new(),
        evidence: evidence(),
        gates: vec![Gate {
            name: "Validation gate, None → Staging".to_owned(),
            market: None,
            verdict: good("Passed"),
            policy: "default 4, adopted 2025-10-02".to_owned(),
            time: at(11, 17),
            entry: 194,
            figures: vec![
                figure("AUC difference, lower 95 % bound", "−0.0007", "≥ −0.0020", good("Met")),
                figure("Behavioural tests failed", "0", "= 0", good("Met")),
                figure("Largest PSI of a feature", "0.19", "≤ 0.20", good("Met")),
            ],
            rules: Vec::new(),
            inputs: ["junit", "psi", "eval"]
                .map(|name| Input { name: name.to_owned(), digest: digest(name) })
                .into(),
        }],
        validations: vec![validation()],
        requests: vec![PromotionRequest {
            entry: 180,
            step: "None → Staging".to_owned(),
            market: None,
            requested_by: "Dana Whitfield".to_owned(),
            requested_at: at(4, 9),
            reason: "Quarterly refit; the champion's calibration has drifted by 1.3 points.".to_owned(),
            status: good("Granted"),
            outcome: "Granted by entry 197.".to_owned(),
            package: Some(digest("package 2")),
            requirements: Some(vec![
                requirement("Lineage is complete", good("Met"), "Entry 168"),
                requirement("Evidence of the code path is green", good("Met"), "CI pipeline 4711, entry 171"),
                requirement("Evidence of the data path is green", good("Met"), "Data platform, entry 174"),
                requirement("Evidence of the model path is green", good("Met"), "Dana Whitfield, entry 177"),
                requirement("Independent validation is approved", good("Met"), "Miriam Okafor, VR-2026-031"),
                requirement("No open finding of severity high or critical", good("Met"), "F-1 closed by Tomás Herrera"),
                requirement("Approval by the risk committee", good("Met"), "Jürgen Świątek, entry 196"),
            ]),
        }],
        signatures: signatures(),
        timeline: timeline(),
        omissions: Vec::new(),
    }
}

/// Long, strange and hostile values in every place.
pub(crate) fn nasty() -> Dossier {
    let long = "x".repeat(10_000);
    let words =
        "Жизнь и κόσμος, naïve <script>alert(1)</script> 漢字かな 😀 👩\u{200d}💻 \u{202e}evil\u{202c} ".repeat(120);
    let mut dossier = dossier();
    dossier.model.name = "<script>alert('модель Ωμέγα 模型')</script>".to_owned();
    dossier.model.title = format!("{} title", dossier.model.name);
    dossier.omissions = vec![words.clone()];
    dossier.model.purpose.clone_from(&words);
    dossier.version.description.clone_from(&long);
    dossier.version.name = "2026.11.23-rc.1+build.".to_owned() + &"9".repeat(120);
    dossier.decision.summary = format!("{words}\n\n{}", "\u{0}\u{7}\t\r\n");
    dossier.lineage[1].fields.push(LineageField { name: long.clone(), value: words.clone(), is_identifier: true });
    dossier.lineage[2].fields[1].value =
        (0..900).map(|index| format!("feature_{index}")).collect::<Vec<_>>().join(", ");
    dossier.lineage.push(LineageClass::default());
    dossier.missing_lineage = (0..60)
        .map(|index| Missing {
            what: format!("Field {index}"),
            rule: "lineage.complete".to_owned(),
            who: String::new(),
        })
        .collect();
    dossier.validations[0].sections[2].text.clone_from(&long);
    dossier.validations[0].findings[1].title.clone_from(&words);
    dossier.validations[0].findings[1].closure.clone_from(&long);
    dossier.signatures[0].printed_name = words.chars().take(600).collect();
    dossier.signatures[1].comment.clone_from(&words);
    let entry = dossier.timeline[1].clone();
    dossier.timeline.extend((0..500).map(|index| TimelineEntry { sequence: 1_000_000_000 + index, ..entry.clone() }));
    dossier.timeline[3].event = long;
    dossier.timeline[4].actor = words;
    dossier
}

/// Writes the samples to the folder that `DOSSIER_SAMPLES` names, so that a person can look at them.
#[test]
fn write_samples_to_look_at() {
    if let Ok(folder) = std::env::var("DOSSIER_SAMPLES") {
        for (name, dossier) in [("plain", dossier()), ("empty", empty()), ("nasty", nasty())] {
            let path = std::path::Path::new(&folder).join(name).with_extension("pdf");
            std::fs::write(path, render(&dossier).unwrap()).unwrap();
        }
    }
}
