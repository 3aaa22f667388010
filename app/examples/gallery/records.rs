//! Invented data for the pages that are not about one model.

use app::{
    islands::ProofAnswer,
    kit::{
        Choice, Digest, Due, Entry, ErrorSummary, Fact, FieldError, Link, Pager, Requirement, Sort, Tag, Tone, Value,
        When,
    },
    pages::{
        AccountView, EntryView, ErrorView, InboxView, LedgerView, ModelNewView, ModelsView, PeopleView, ReportsView,
        SetupView, SignInView, TokensView,
        inbox::{Bucket, BucketKind, InboxItem},
        ledger::LedgerRow,
        models::{MarketChampion, ModelRow},
        people::{AccountForm, AccountRow},
        reports::Export,
        sign_in::DemoAccount,
        tokens::TokenRow,
    },
};

/// The digest of some text.
pub fn digest(text: &str) -> Digest {
    Digest(ledger::Digest::of(text.as_bytes()).hex())
}

/// An instant of November 2026.
pub fn when(day: u8, time: &str) -> When {
    When::new(format!("2026-11-{day:02}T{time}:00Z"), format!("{day} Nov 2026, {time} UTC"))
}

/// A day of November or later.
pub fn due(iso: &str, text: &str, tone: Tone, words: &str) -> Due {
    Due { when: When::new(iso, text), tag: Tag::new(tone, words) }
}

/// Choices from labels, the first chosen.
pub fn choices(labels: &[&str]) -> Vec<Choice> {
    labels.iter().enumerate().map(|(index, label)| Choice::new(*label, *label).chosen_if(index == 0)).collect()
}

/// An entry of a timeline.
pub fn entry_line(seq: u64, day: u8, time: &str, actor: &str, sentence: &str) -> Entry {
    Entry {
        seq,
        when: when(day, time),
        actor: actor.to_owned(),
        sentence: sentence.to_owned(),
        subject: None,
        detail: None,
        tag: None,
        hash: digest(sentence),
    }
}

/// The sign-in page after a wrong password.
pub fn sign_in() -> SignInView {
    let account = |name: &str, role: &str, email: &str| DemoAccount {
        name: name.to_owned(),
        role: role.to_owned(),
        email: email.to_owned(),
        password: "correct horse battery".to_owned(),
    };
    SignInView {
        kept: None,
        email: "mireille@demo.example".to_owned(),
        next: "/inbox".to_owned(),
        demo_accounts: vec![
            account("Tomas Lindqvist", "Data scientist", "tomas@demo.example"),
            account("Mireille Okafor", "MRM validator", "mireille@demo.example"),
            account("Ruth Abendroth", "Auditor", "ruth@demo.example"),
        ],
        errors: Some(ErrorSummary::new(
            "You are not signed in",
            vec![FieldError::field(
                "password",
                "Address and password do not belong together. Check both and try again.",
            )],
        )),
    }
}

/// The first administrator's page.
pub fn setup() -> SetupView {
    SetupView { token: "t".to_owned(), ..SetupView::default() }
}

/// A validator's full inbox.
pub fn inbox() -> InboxView {
    let item = |label: &str, about: &[&str]| InboxItem {
        action: Link::new(label, "/models/credit-default/versions/4/sign"),
        about: about.iter().map(|words| (*words).to_owned()).collect(),
        since: Some(when(20, "09:14")),
        due: None,
        tag: None,
        waits_for: None,
    };
    InboxView {
        buckets: vec![
            Bucket {
                kind: BucketKind::Overdue,
                total: 1,
                items: vec![InboxItem {
                    due: Some(due("2026-11-11", "11 Nov 2026", Tone::Bad, "12 days overdue")),
                    ..item("Revalidate credit-default v3", &["Tier 1", "US, EU", "annual review"])
                }],
            },
            Bucket {
                kind: BucketKind::ToSign,
                total: 2,
                items: vec![
                    InboxItem {
                        due: Some(due("2026-11-25", "25 Nov 2026", Tone::Warn, "due in 2 days")),
                        ..item(
                            "Sign credit-default v4 for Staging",
                            &["Tier 1", "material change", "asked by Tomas Lindqvist"],
                        )
                    },
                    InboxItem {
                        tag: Some(Tag::new(Tone::Warn, "stale")),
                        ..item("Sign again: streamrec-ranker v12 for Canary in EU", &["package changed: 1 new finding"])
                    },
                ],
            },
            Bucket {
                kind: BucketKind::ToValidate,
                total: 1,
                items: vec![item("Write the report on fraud-screen v2", &["Tier 2", "full validation"])],
            },
            Bucket {
                kind: BucketKind::WaitingOnOthers,
                total: 1,
                items: vec![InboxItem {
                    waits_for: Some("Risk committee".to_owned()),
                    ..item("credit-default v4 to Staging", &["1 of 2 signatures"])
                }],
            },
        ],
        ..InboxView::default()
    }
}

/// An empty inbox.
pub fn inbox_empty() -> InboxView {
    InboxView {
        buckets: Vec::new(),
        empty_hint:
            "Versions whose promotion needs your signature or report appear here as soon as they are asked for."
                .to_owned(),
        empty_action: Some(Link::new("Browse the models", "/models")),
        ..InboxView::default()
    }
}

/// The inventory.
pub fn models() -> ModelsView {
    let row = |name: &str, title: &str, tier: &str, is_regulated: bool, open: u32, severe: u32, review: Due| ModelRow {
        name: Link::new(name, format!("/models/{name}")),
        title: title.to_owned(),
        tier: tier.to_owned(),
        is_regulated,
        owner: "Tomas Lindqvist".to_owned(),
        champions: vec![
            MarketChampion { market: "US".to_owned(), version: Some(Link::new("v3", "/")) },
            MarketChampion { market: "EU".to_owned(), version: is_regulated.then(|| Link::new("v2", "/")) },
        ],
        latest: Some((Link::new("v4", "/"), Tag::new(Tone::Active, "Staging"))),
        validation: Some(review),
        open_findings: open,
        severe_findings: severe,
        status: Some(Tag::new(Tone::Serving, "in use")),
        revalidation: is_regulated.then(|| due("2027-03-01", "1 Mar 2027", Tone::Neutral, "due in 98 days")),
        exceptions: u32::from(severe > 0),
    };
    ModelsView {
        tiers: choices(&["Any tier", "Tier 1", "Tier 2", "Tier 3"]),
        markets: choices(&["Any market", "US", "EU"]),
        due: choices(&["Any", "Overdue", "Within 30 days"]),
        statuses: choices(&["Any", "In development", "In use", "Retired"]),
        columns: vec![
            Sort { label: "Model".to_owned(), href: "?sort=-name".to_owned(), ascending: Some(true) },
            Sort { label: "Tier".to_owned(), href: "?sort=tier".to_owned(), ascending: None },
            Sort { label: "Validation due".to_owned(), href: "?sort=due".to_owned(), ascending: None },
        ],
        rows: vec![
            row(
                "credit-default",
                "Probability of default, retail",
                "Tier 1",
                true,
                3,
                1,
                due("2026-11-11", "11 Nov 2026", Tone::Bad, "overdue"),
            ),
            row(
                "fraud-screen",
                "Card fraud screening",
                "Tier 2",
                true,
                1,
                0,
                due("2026-12-04", "4 Dec 2026", Tone::Warn, "in 11 days"),
            ),
            row(
                "streamrec-ranker",
                "Home page ranking for StreamRec",
                "Tier 3",
                false,
                0,
                0,
                due("2027-06-01", "1 Jun 2027", Tone::Neutral, "in 6 months"),
            ),
        ],
        pager: Pager {
            summary: "1–3 of 3 models".to_owned(),
            first: None,
            next: Some("?after=streamrec-ranker".to_owned()),
        },
        csv_href: "/models.csv".to_owned(),
        can_register: true,
        ..ModelsView::default()
    }
}

/// The form for a new model, refused.
pub fn model_new() -> ModelNewView {
    ModelNewView {
        name: "Credit Default".to_owned(),
        tiers: vec![
            Choice::new("1", "Tier 1").with_hint("Decides on people's money or health, or moves the balance sheet."),
            Choice::new("2", "Tier 2").with_hint("Supports such decisions."),
            Choice::new("3", "Tier 3").with_hint("Neither.").chosen_if(true),
        ],
        profiles: choices(&["SR 11-7", "Unregulated"]),
        markets: choices(&["US", "EU"]),
        errors: Some(ErrorSummary::new(
            "The model was not registered",
            vec![FieldError::field(
                "name",
                "Use lower-case letters, digits and hyphens: Credit Default has a space and capitals.",
            )],
        )),
        ..ModelNewView::default()
    }
}

/// The ledger's newest entries.
pub fn ledger() -> LedgerView {
    let row = |seq: u64, kind: &str, actor: &str, sentence: &str, subject: &str| LedgerRow {
        seq,
        when: when(23, "11:25"),
        actor: actor.to_owned(),
        kind: kind.to_owned(),
        sentence: sentence.to_owned(),
        subject: Some(Link::new(subject, "/models/credit-default/versions/4")),
        hash: digest(&format!("{seq}")),
    };
    LedgerView {
        subject: String::new(),
        actors: choices(&["Anyone", "Mireille Okafor"]),
        kinds: choices(&["Any event", "version.registered"]),
        from: String::new(),
        to: String::new(),
        is_filtered: false,
        rows: vec![
            row(
                1481,
                "promotion.signed",
                "Mireille Okafor",
                "signed off as MRM validator for Staging",
                "credit-default v4",
            ),
            row(
                1480,
                "validation.completed",
                "Mireille Okafor",
                "completed the validation report: approved with conditions",
                "credit-default v4",
            ),
            row(1479, "evidence.attached", "ci-pipeline", "attached an offline evaluation, green", "credit-default v4"),
            row(
                1478,
                "promotion.refused",
                "Countersign",
                "refused a promotion to Production: Shadow and Canary are still to walk",
                "fraud-screen v2",
            ),
        ],
        pager: Pager { summary: "4 of 1,482 entries".to_owned(), first: None, next: Some("?after=1478".to_owned()) },
        checkpoint: vec![
            Fact::text("Entries", "1,482"),
            Fact::new("Root", Value::Digest(digest("root"))),
            Fact::new("Signed", Value::When(when(23, "11:25"))),
            Fact::new("Log", Value::Mono("countersign.example.org/log".to_owned())),
        ],
        note: "countersign.example.org/log\n1482\n6ZC3…=\n\n— countersign.example.org/log Az3gr…=".to_owned(),
        checkpoint_href: "/ledger/checkpoint".to_owned(),
        export_href: "/ledger/export".to_owned(),
    }
}

/// One entry with a proof that holds, and what the server would answer the browser.
pub fn entry() -> (EntryView, ProofAnswer) {
    let sealed = ledger::Entry {
        schema: ledger::SCHEMA,
        seq: 0,
        time: ledger::Timestamp::from_seconds(1_795_433_149),
        actor: ledger::Actor { id: "0199f3c2".to_owned(), kind: ledger::ActorKind::Human },
        event: "promotion.signed".to_owned(),
        subject: [("model", "credit-default"), ("version", "4")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        payload: serde_json::json!({ "meaning": "approve", "slot": "mrm_validator" }),
        evidence: vec![ledger::Digest::of(b"report")],
        prev: ledger::Digest::of(b""),
    };
    let bytes = sealed.to_bytes().expect("the invented entry is canonical");
    let key = ledger::SigningKey::from_seed("countersign.example.org/log", &[7; 32]).expect("the name is good");
    let root = ledger::merkle::leaf_hash(&bytes);
    let checkpoint = ledger::Checkpoint { origin: key.name().to_owned(), size: 1, root }
        .sign(&[&key])
        .expect("the checkpoint is good");
    let proof = ledger::TlogProof { extra: None, index: 0, hashes: Vec::new(), checkpoint };
    let answer = ProofAnswer {
        entry: String::from_utf8_lossy(&bytes).into_owned(),
        tlog_proof: proof.to_text(),
        verifier_key: key.verifier().to_string(),
    };
    let view = EntryView {
        recompute: None,
        seq: 0,
        sentence: "Mireille Okafor signed off credit-default v4 for Staging, as MRM validator.".to_owned(),
        when: when(23, "11:25"),
        facts: vec![
            Fact::new("Event", Value::Mono("promotion.signed".to_owned())),
            Fact::text("Actor", "Mireille Okafor (a person, account 0199f3c2)"),
            Fact::new("Subject", Value::Link(Link::new("credit-default v4", "/models/credit-default/versions/4"))),
            Fact::text("Schema", "1"),
        ],
        hash: Digest(ledger::Digest::of(&bytes).hex()),
        prev: (None, Digest(sealed.prev.hex())),
        next: Some((1, digest("1"))),
        leaf_hash: Digest(root.hex()),
        pretty: serde_json::to_string_pretty(&sealed).unwrap_or_default(),
        bytes: bytes.len(),
        evidence: vec![(digest("report"), Some(Link::new("Offline evaluation", "/evidence/x")))],
        tree_size: 1,
        root: Digest(root.hex()),
        proof: Vec::new(),
        proof_href: "/api/v1/ledger/entries/0/proof".to_owned(),
        proof_file_href: "/ledger/0/proof".to_owned(),
        raw_href: "/ledger/0/raw".to_owned(),
        key: key.verifier().to_string(),
        commands: "countersign verify ./ledger-export".to_owned(),
    };
    (view, answer)
}

/// What can be exported.
pub fn reports() -> ReportsView {
    let export = |question: &str, title: &str, about: &str, links: &[&str]| Export {
        question: question.to_owned(),
        title: title.to_owned(),
        about: about.to_owned(),
        links: links.iter().map(|label| Link::new(*label, "/export")).collect(),
    };
    ReportsView {
        makes: Vec::new(),
        jobs: Vec::new(),
        models: choices(&["credit-default", "fraud-screen", "streamrec-ranker"]),
        version: String::new(),
        exports: vec![
            export(
                "Which models do we run, and who answers for them?",
                "Inventory",
                "Every model with tier, owner, champions, validation dates and open findings.",
                &["CSV", "JSON"],
            ),
            export(
                "Has anything been altered since?",
                "Ledger export",
                "All entries, tiles, checkpoint, key and evidence; checked offline by countersign verify.",
                &["tar"],
            ),
            export(
                "Which findings are open?",
                "Findings",
                "Every finding with severity, owner, due date and state.",
                &["CSV"],
            ),
        ],
        suggested: vec![
            Link::new("credit-default v3 (US)", "/reports/dossier"),
            Link::new("credit-default v2 (EU)", "/reports/dossier"),
        ],
        checkpoint: "1,482 entries, root b7e2a04c19f3".to_owned(),
        errors: None,
    }
}

/// Accounts as an administrator sees them.
pub fn people() -> PeopleView {
    let row = |name: &str, email: &str, team: &str, roles: &[&str], is_disabled: bool| AccountRow {
        id: email.split('@').next().unwrap_or_default().to_owned(),
        name: name.to_owned(),
        email: Some(email.to_owned()),
        team: team.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        role_choices: choices(&["Data scientist", "MRM validator", "Auditor"]),
        state: if is_disabled { Tag::new(Tone::Quiet, "Disabled") } else { Tag::new(Tone::Good, "Active") },
        can_edit: true,
        is_disabled,
    };
    PeopleView {
        accounts: vec![
            row("Tomas Lindqvist", "tomas@demo.example", "Credit modelling", &["Data scientist"], false),
            row("Mireille Okafor", "mireille@demo.example", "Model risk", &["MRM validator"], false),
            row("Old Pipeline", "old@demo.example", "Platform", &["Service"], true),
        ],
        roles: vec![
            Choice::new("data_scientist", "Data scientist")
                .with_hint("Registers versions, attaches evidence, asks for promotion."),
            Choice::new("mrm_validator", "MRM validator")
                .with_hint("Validates, raises findings, signs off. Never on their own work."),
            Choice::new("administrator", "Administrator").with_hint("Manages accounts and policy. Approves nothing."),
        ],
        create: Some(AccountForm {
            kinds: choices(&["Person", "Service"]),
            roles: choices(&["Data scientist", "MRM validator", "Risk committee", "Auditor"]),
            ..AccountForm::default()
        }),
        invitation: Some(app::pages::people::Invitation {
            name: "Ana Reyes".to_owned(),
            url: "http://127.0.0.1:8080/setup/6f2c9d0e5a".to_owned(),
            expires: when(26, "11:25"),
        }),
        errors: None,
    }
}

/// Tokens of a data scientist.
pub fn tokens() -> TokensView {
    TokensView {
        reads_accounts: true,
        tokens: vec![TokenRow {
            id: "1".to_owned(),
            label: "nightly training".to_owned(),
            scopes: vec!["read".to_owned(), "register".to_owned()],
            issued: when(1, "10:00"),
            expires: When::new("2027-02-01", "1 Feb 2027"),
            state: Tag::new(Tone::Good, "Active"),
            can_revoke: true,
        }],
        issued: Some("csk_9d1f0c2b7a6e5d4c3b2a1908f7e6d5c4".to_owned()),
        label: String::new(),
        scopes: choices(&["read", "register", "evidence", "promote"]),
        lifetimes: choices(&["30 days", "90 days"]),
        errors: None,
    }
}

/// The reader's account.
pub fn account() -> AccountView {
    AccountView {
        name: "Mireille Okafor".to_owned(),
        facts: vec![
            Fact::text("Email address", "mireille@demo.example"),
            Fact::text("Team", "Model risk"),
            Fact::new("Roles", Value::List(vec!["MRM validator".to_owned()])),
            Fact::new("Id in the ledger", Value::Mono("0199f3c2-7d41-7b10-9c55-0f2f5f1c2a11".to_owned())),
        ],
        errors: None,
    }
}

/// A refusal.
pub fn error() -> ErrorView {
    ErrorView {
        status: 409,
        title: "credit-default v4 cannot go to Production yet".to_owned(),
        sentence: "A version walks every stage in order: Shadow and Canary are still to walk in EU.".to_owned(),
        advice: "Ask for Shadow in EU first.".to_owned(),
        missing: vec![Requirement {
            id: "stage.order".to_owned(),
            sentence: "Shadow in EU".to_owned(),
            met: false,
            supplier: Some("Data scientist".to_owned()),
            link: Some(Link::new("Ask for it", "/models/credit-default/versions/4")),
            detail: None,
        }],
        links: vec![Link::new("Back to the version", "/"), Link::new("Inbox", "/inbox")],
        request_id: Some("0199f3c2".to_owned()),
    }
}
