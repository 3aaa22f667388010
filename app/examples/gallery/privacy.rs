//! Invented data for the pages on privacy.

use app::{
    kit::{Choice, Digest, ErrorSummary, Fact, FieldError, Link, Notice, Pager, Tag, Tone},
    pages::{
        PrivacyView,
        privacy::{
            DpiaLine,
            dpia::{Acts, ContentView, DpiaView, MeasureLine, Opinion, RiskLine, SafeguardsFacts},
            edit::{DpiaEditView, MeasureFields, PartField, RiskFields, SafeguardsView},
            erasures::{DecideForms, ErasuresView, HoldLine},
            register::{RecordForm, ReviewLine, ReviewView, ReviewsView},
        },
    },
};

use super::records::{choices, digest, due, entry_line, when};

/// The list of assessments.
pub fn list() -> PrivacyView {
    PrivacyView {
        rows: vec![DpiaLine {
            model: Link::new("credit", "/privacy/models/credit"),
            state: Tag::new(Tone::Warn, "reopened"),
            step: "waits for advice".to_owned(),
            review: Some(when(20, "10:00")),
            safeguards: Tag::new(Tone::Good, "confirmed"),
        }],
        pager: Pager { summary: "1–1 of 1 assessments".to_owned(), ..Pager::default() },
        register: "Requests for human review: 2 open, 1 overdue".to_owned(),
        missing: vec![Link::new("streamrec", "/privacy/models/streamrec")],
    }
}

/// A model's privacy file before approval.
pub fn dpia() -> DpiaView {
    DpiaView {
        model: "credit".to_owned(),
        model_title: "Credit default".to_owned(),
        revision: 4,
        state: Notice::new(Tone::Warn, "No impact assessment is approved"),
        missing: vec!["Write the part “Accuracy”.".to_owned()],
        facts: vec![Fact::text("Markets", "EU")],
        content: Some(ContentView {
            digest: Digest(digest("content").0),
            description: vec![("The processing".to_owned(), "Scores loans.\nDaily.".to_owned())],
            necessity: vec![("Legal basis".to_owned(), "Contract.".to_owned())],
            risks: vec![RiskLine {
                title: "Scores leak".to_owned(),
                about: vec!["Illegitimate access to data".to_owned()],
                initial: "significant, significant".to_owned(),
                residual: Tag::new(Tone::Good, "limited, significant"),
            }],
            measures: vec![MeasureLine {
                title: "Encryption".to_owned(),
                description: "At rest.".to_owned(),
                owner: "Tomás Ibarra".to_owned(),
                treats: "Illegitimate access to data".to_owned(),
            }],
            views: ("They were not asked.".to_owned(), "A panel would learn the scorecard.".to_owned()),
            justified: vec![("postcode".to_owned(), "Regional prices.".to_owned())],
        }),
        opinions: vec![Opinion {
            title: "Advice for the processing".to_owned(),
            state: Tag::new(Tone::Good, "current"),
            about: "Lukas Brandt, 20 Nov 2026".to_owned(),
            text: "Read with the engineers.".to_owned(),
            entry: Link::new("entry 7", "/ledger/7"),
        }],
        safeguards: SafeguardsFacts {
            state: Tag::new(Tone::Warn, "waits for confirmation"),
            facts: vec![Fact::text("Solely automated", "yes")],
            confirm: Some(digest("statement")),
            can_edit: true,
        },
        can_draft: true,
        can_export: true,
        acts: Acts {
            advise: true,
            consult: true,
            approve: Some(vec![Choice::new("I approve.", "I approve.")]),
            review_months: 12,
            reopen: true,
        },
        typed: vec![("comment".to_owned(), "All the same.".to_owned())],
        recent: vec![entry_line(7, 20, "10:00", "Lukas Brandt", "advised for the assessment")],
        errors: Some(ErrorSummary::new(
            "Not approved",
            vec![FieldError::field("password", "The password is not right.")],
        )),
    }
}

/// The form of an assessment.
pub fn edit() -> DpiaEditView {
    let part = |name: &str, title: &str| PartField {
        name: name.to_owned(),
        title: title.to_owned(),
        text: String::new(),
        needed: true,
    };
    let levels = || choices(&["not rated", "limited"]);
    DpiaEditView {
        model: "credit".to_owned(),
        revision: 4,
        markets: choices(&["US", "EU"]),
        classes: choices(&["features", "model"]),
        versions: choices(&["none", "v1"]),
        description: vec![part("processing", "The processing")],
        necessity: vec![part("legal_basis", "Legal basis")],
        risks: ["Scores leak", ""]
            .into_iter()
            .map(|title| RiskFields {
                title: title.to_owned(),
                kinds: choices(&["other"]),
                description: String::new(),
                lists: [const { String::new() }; 3],
                ratings: [levels(), levels(), levels(), levels()],
            })
            .collect(),
        measures: vec![MeasureFields {
            title: String::new(),
            description: String::new(),
            owners: choices(&["nobody yet", "Tomás Ibarra"]),
            treats: choices(&["other", "disappearance"]),
        }],
        sought: choices(&["Yes", "No"]),
        views: String::new(),
        justified: String::new(),
        errors: None,
    }
}

/// The form of a statement.
pub fn safeguards() -> SafeguardsView {
    SafeguardsView {
        model: "credit".to_owned(),
        revision: 4,
        automated: choices(&["Yes", "No"]),
        significant: choices(&["Yes", "No"]),
        reasons: String::new(),
        bases: choices(&["none", "contract"]),
        special: choices(&["Yes", "No"]),
        special_bases: choices(&["none", "consent"]),
        keepers: vec![(
            "contest".to_owned(),
            "Contesting the decision".to_owned(),
            choices(&["nobody yet"]),
            String::new(),
        )],
        errors: None,
    }
}

/// The register.
pub fn register() -> ReviewsView {
    ReviewsView {
        states: choices(&["all", "open"]),
        model: String::new(),
        rows: vec![ReviewLine {
            request: Link::new("credit 1", "/privacy/reviews/credit/1"),
            asks: "Contesting the decision".to_owned(),
            market: "EU".to_owned(),
            state: Tag::new(Tone::Warn, "unassigned"),
            assignee: String::new(),
            due: due("2026-11-20", "20 Nov 2026", Tone::Bad, "3 days overdue"),
        }],
        pager: Pager::default(),
        record: Some(RecordForm {
            models: choices(&["credit"]),
            asks: choices(&["Human intervention", "Contesting the decision"]),
            market: String::new(),
            decision: String::new(),
            person: [const { String::new() }; 3],
            received: String::new(),
        }),
        errors: None,
    }
}

/// One request.
pub fn request() -> ReviewView {
    ReviewView {
        model: "credit".to_owned(),
        number: 1,
        state: Notice::new(Tone::Bad, "Overdue since 20 Nov 2026"),
        facts: vec![Fact::text("Asks for", "Contesting the decision")],
        person: Some(vec![("Name".to_owned(), "Marisol Vega".to_owned())]),
        assign: Some(choices(&["nobody yet", "Tomás Ibarra"])),
        extend: Some(app::pages::privacy::register::ExtendForm { days: 59, until: "20 December 2026".into() }),
        answer: Some(choices(&["decision upheld", "decision overturned"])),
        erase: Some(choices(&["no longer necessary"])),
        can_hold: true,
        typed: Vec::new(),
        entries: vec![entry_line(9, 20, "11:00", "Lukas Brandt", "recorded a request")],
        errors: None,
    }
}

/// Erasures and holds.
pub fn erasures() -> ErasuresView {
    ErasuresView {
        holds: vec![HoldLine {
            subject: Link::new("privacy of credit", "/privacy/models/credit"),
            target: "dpia/credit".to_owned(),
            number: 1,
            reason: "Case 7 O 12/26".to_owned(),
            since: when(20, "10:00"),
        }],
        entries: vec![entry_line(12, 21, "09:00", "Lukas Brandt", "erased the personal data name, email")],
        decide: Some(DecideForms {
            typed: Vec::new(),
            grounds: choices(&["no longer necessary"]),
            erasable: choices(&["Request 1 on credit"]),
            holdable: choices(&["All requests on credit"]),
        }),
        errors: None,
    }
}
