//! Invented data for the pages of triggers and webhooks.

use app::{
    kit::{Choice, ErrorSummary, Fact, FieldError, Link, PsiBar, Requirement, RowLine, Tag, Tone, Value},
    pages::{
        DriftView, ModelTriggersView, TriggersView, VersionHead, WebhooksView,
        drift::MarketApproval,
        triggers::{DriftSeen, FiringRow, RouteView, TriggerForm, TriggerRow},
        webhooks::{DeadRow, EndpointRow, WebhookForm},
    },
};

use super::records::when;

fn bars() -> Vec<PsiBar> {
    let bar = |name: &str, psi: f64, call: &str| PsiBar { name: name.into(), psi, call: call.into() };
    vec![
        bar("hour_of_day", 0.61, "extreme"),
        bar("days_since_last_session_in_the_same_household", 0.31, "significant"),
        bar("genre", 0.14, "moderate"),
        bar("age", 0.02, "stable"),
    ]
}

fn lines() -> Vec<RowLine> {
    let line = |at: f64, label: &str| RowLine { at, label: label.into() };
    vec![line(0.1, "moderate"), line(0.25, "significant"), line(0.5, "extreme")]
}

fn row(day: u8, cause: &str, sentence: &str, priority: Tag) -> FiringRow {
    FiringRow {
        entry: Link::new("Entry 812", "/ledger/812"),
        when: when(day, "02:00"),
        cause: cause.into(),
        sentence: sentence.into(),
        priority,
        outcome: Vec::new(),
        note: String::new(),
    }
}

/// All models' triggers.
pub fn triggers() -> TriggersView {
    TriggersView {
        rows: vec![TriggerRow {
            model: Link::new("streamrec", "/models/streamrec/triggers"),
            kinds: vec!["Schedule 0 2 * * 1".into(), "drift".into()],
            next: Some(when(30, "02:00")),
            last: Some((
                "drift of hour_of_day (PSI 0.610)".into(),
                when(22, "04:00"),
                Tag::new(Tone::Bad, "1, emergency"),
            )),
            fired: 7,
            suppressed: 2,
        }],
        is_cut: false,
        maturity: Some("Maturity of the portfolio: 4 at level 0 (manual), 1 at level 1 (automated training).".into()),
        webhooks: Some(Link::new("Webhooks", "/webhooks")),
    }
}

/// One model's triggers, with a form that was refused.
pub fn model_triggers() -> ModelTriggersView {
    let emergency = Tag::new(Tone::Bad, "1, emergency");
    let answered = FiringRow {
        outcome: vec![Link::new("v8", "/models/streamrec/versions/8")],
        ..row(
            22,
            "Drift",
            "Firing 7: drift of hour_of_day (PSI 0.610); did not wait for the interval after firing 6",
            emergency,
        )
    };
    let held = FiringRow {
        note: "firing 6 is too near, until 2026-11-22 02:00 UTC".into(),
        ..row(21, "Drift", "drift of genre (PSI 0.310)", Tag::new(Tone::Neutral, "2, normal"))
    };
    let leg = |name: &str, from: u8, until: u8, why: &str| {
        (name.to_owned(), when(from, "09:00"), when(until, "09:00"), why.to_owned())
    };
    let error = FieldError::field(
        "schedule",
        "Slots of 0 * * * * lie 1 hours apart, but at least 24 hours lie between two firings.",
    );
    ModelTriggersView {
        model: "streamrec".into(),
        facts: vec![
            Fact::new("Schedule", Value::Mono("0 2 * * 1".into())),
            Fact::text("Drift", "PSI of any feature above 0.25"),
        ],
        firings: vec![answered],
        suppressions: vec![held],
        drift: Some(DriftSeen {
            about: "4 features, told by nightly in entry 811.".into(),
            bars: bars(),
            lines: lines(),
        }),
        routes: vec![RouteView {
            market: "US".into(),
            arrives: when(30, "15:00"),
            days: 12,
            legs: vec![
                leg("Shadow", 18, 25, "At least 7 days in US."),
                leg("Canary", 25, 28, "At least 3 days in US."),
            ],
        }],
        maturity: Some((
            "Level 1 of 3: automated training".into(),
            vec![Requirement {
                id: "maturity.automated_promotion".into(),
                sentence: "Level 2: within 180 days a version went through Shadow and Canary to Production.".into(),
                met: false,
                supplier: None,
                link: None,
                detail: Some("Have the pipeline ask for each step.".into()),
            }],
        )),
        form: Some(TriggerForm {
            schedule: "0 * * * *".into(),
            drift: vec![Choice::new("on", "Fires when any feature drifts").chosen_if(true)],
            performance: "ctr 0.05 3".into(),
            psi_hint: "Empty for the policy\u{2019}s 0.25; from 0.1 to 0.5.".into(),
            interval_hint: "Empty for the policy\u{2019}s 24; from 6 to 720.".into(),
            ..TriggerForm::default()
        }),
        errors: Some(ErrorSummary::new("Nothing was recorded", vec![error])),
    }
}

/// The drift behind a version, waiting for the reader.
pub fn drift() -> DriftView {
    let market = |code: &str, state: Tag, who: &str| MarketApproval {
        market: code.into(),
        state,
        who: who.into(),
        when: None,
        statement: String::new(),
    };
    DriftView {
        head: VersionHead { model: "streamrec".into(), number: 8, revision: 9, ..VersionHead::default() },
        facts: vec![Fact::text("Trigger", "Firing 7")],
        bars: bars(),
        lines: lines(),
        markets: vec![
            market("US", Tag::new(Tone::Good, "approved"), "Victor Adeyemi (MRM validator)"),
            market("EU", Tag::new(Tone::Warn, "waits"), ""),
        ],
        choices: vec![Choice::new("EU", "EU")],
        statement: String::new(),
        notice: None,
        errors: None,
    }
}

/// Webhooks, one of them in trouble, with a secret just made.
pub fn webhooks() -> WebhooksView {
    WebhooksView {
        endpoints: vec![EndpointRow {
            id: "4f0c2a".into(),
            overlap: None,
            label: "training pipeline".into(),
            host: "https://ci.example".into(),
            news: "trigger.fired of streamrec".into(),
            since: when(1, "09:00"),
            state: Tag::new(Tone::Bad, "1 given up"),
            dead: 1,
        }],
        dead: vec![DeadRow {
            webhook: "4f0c2a".into(),
            label: "training pipeline".into(),
            entry: Link::new("Entry 812", "/ledger/812"),
            seq: 812,
            attempts: 11,
            ended: Some(when(22, "21:00")),
            error: "it answered 503".into(),
        }],
        secret: Some(("The endpoint is registered.".into(), "whsec_ZXhhbXBsZQ==".into())),
        form: WebhookForm::default(),
        errors: None,
    }
}
