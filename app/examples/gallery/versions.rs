//! Invented data for the pages about one model and its versions.

use app::{
    kit::{
        Choice, Digest, Drawing, Entry, Exhibit, Fact, GraphEdge, GraphNode, Link, MarketLine, NodeKind, Notice, Pager,
        PsiBar, Requirement, RowLine, Standing, Stop, StopRole, StopVersion, Tag, Tone, TrackLine, Value, psi_rows,
    },
    pages::{
        CompareView, EvidenceView, LineageView, ModelView, OverviewView, ReceiptView, SignView, TimelineView,
        ValidationView, VersionHead, VersionNewView,
        compare::{DiffClass, DiffField},
        evidence::{EvidenceForm, EvidenceItem, EvidencePath},
        lineage::LineageClass,
        model::{Blocked, VersionRow},
        sign::{ChangedSince, PackagePart, Slot},
        validation::{
            FindingForm, FindingView, ReportForm, ReportSection,
            panels::{CommitteePanel, MaterialityPanel, Panels, WaiverRow},
        },
        version::{RequestFacts, Signature, StepPanel},
    },
};

use crate::records::{choices, digest, due, entry_line, when};

fn head() -> VersionHead {
    VersionHead {
        model: "credit-default".to_owned(),
        model_title: "Probability of default, retail".to_owned(),
        number: 4,
        standings: vec![Tag::new(Tone::Active, "None")],
        labels: vec!["Tier 1".to_owned(), "regulated".to_owned(), "material change".to_owned()],
        revision: 17,
        evidence_count: 5,
        open_findings: 2,
        sign_href: Some("/models/credit-default/versions/4/sign?request=r1".to_owned()),
        events_href: Some("/api/v1/events?model=credit-default&version=4".to_owned()),
    }
}

fn stop(stage: &str, standing: Standing, note: &str, versions: &[(&str, StopRole)]) -> Stop {
    Stop {
        stage: stage.to_owned(),
        standing,
        note: (!note.is_empty()).then(|| note.to_owned()),
        versions: versions
            .iter()
            .map(|(label, role)| StopVersion { label: (*label).to_owned(), href: "/".to_owned(), role: *role })
            .collect(),
    }
}

/// A regulated model in two markets.
pub fn model() -> ModelView {
    use Standing::{Ahead, Here};
    use StopRole::{Candidate, Champion, Standby};
    let line = TrackLine {
        shared: vec![
            stop("None", Here, "", &[("v5", Candidate), ("v4", Candidate)]),
            stop("Staging", Standing::Passed, "", &[]),
        ],
        markets: vec![
            MarketLine {
                market: "US".to_owned(),
                stops: vec![
                    stop("Shadow", Standing::Passed, "", &[]),
                    stop("Canary", Standing::Passed, "", &[]),
                    stop("Production", Here, "", &[("v3", Champion), ("v2", Standby)]),
                ],
            },
            MarketLine {
                market: "EU".to_owned(),
                stops: vec![
                    stop("Shadow", Here, "", &[("v3", Candidate)]),
                    stop("Canary", Ahead, "", &[]),
                    stop("Production", Here, "", &[("v2", Champion)]),
                ],
            },
        ],
    };
    let row = |label: &str, tone: Tone, stage: &str, change: &str| VersionRow {
        version: Link::new(label, "/models/credit-default/versions/4"),
        standings: vec![Tag::new(tone, stage)],
        change: Some(change.to_owned()),
        commit: Some(digest(label)),
        data: "loans".to_owned(),
        partition: "2026-10-01".to_owned(),
        registered_by: "Tomas Lindqvist".to_owned(),
        registered_at: when(19, "16:40"),
    };
    ModelView {
        name: "credit-default".to_owned(),
        title: "Probability of default, retail".to_owned(),
        purpose: "Estimates the probability that a retail borrower defaults within twelve months; decides limits and prices. Wrong, it denies credit to people who would repay.".to_owned(),
        labels: vec!["Tier 1".to_owned(), "regulated".to_owned()],
        facts: vec![
            Fact::text("Owner", "Tomas Lindqvist"),
            Fact::text("Requirements", "SR 11-7"),
            Fact::new("Champion US", Value::Link(Link::new("v3", "/"))),
            Fact::new("Champion EU", Value::Link(Link::new("v2", "/"))),
            Fact::new("Validation due", Value::Due(due("2026-11-11", "11 Nov 2026", Tone::Bad, "overdue"))),
        ],
        line: Some(line),
        beside_line: vec!["On their way in no market any more: v1.".to_owned()],
        blocked: vec![
            Blocked {
                version: Link::new("v4", "/models/credit-default/versions/4"),
                next: "Staging".to_owned(),
                missing: vec!["Data path: a data contract report for loans 2026-10-01.".to_owned(), "Sign-off by the risk committee.".to_owned()],
                count: 2,
                suppliers: vec!["Data scientist".to_owned(), "Risk committee".to_owned()],
            },
            Blocked {
                version: Link::new("v3", "/models/credit-default/versions/3"),
                next: "Canary in EU".to_owned(),
                count: 1,
                missing: vec!["4 more days in Shadow.".to_owned()],
                suppliers: Vec::new(),
            },
        ],
        versions: vec![
            row("v5", Tone::Neutral, "None", "not material"),
            row("v4", Tone::Active, "None, requested", "material"),
            row("v3", Tone::Serving, "US Production", "not material"),
            row("v1", Tone::Quiet, "Archived", "first version"),
        ],
        pager: Pager { summary: "1–4 of 5 versions".to_owned(), first: None, next: None },
        comparable: vec![5, 4, 3, 2, 1],
        recent: recent(),
        can_register: true,
        notice: Some(
            Notice::new(Tone::Bad, "The annual review is 12 days overdue.").with_body("An MRM validator writes it; until then no version can be promoted."),
        ),
    }
}

fn recent() -> Vec<Entry> {
    vec![
        Entry {
            tag: Some(Tag::new(Tone::Good, "current")),
            detail: Some("“Approved, subject to monthly monitoring of the thin-file segment.”".to_owned()),
            ..entry_line(1481, 23, "11:25", "Mireille Okafor", "signed off for Staging as MRM validator")
        },
        entry_line(1480, 23, "11:02", "Mireille Okafor", "completed the validation report: approved with conditions"),
        entry_line(1471, 20, "09:14", "Tomas Lindqvist", "asked for promotion to Staging"),
        Entry {
            tag: Some(Tag::new(Tone::Good, "green")),
            ..entry_line(1466, 20, "08:51", "ci-pipeline", "attached an offline evaluation for the model path")
        },
        entry_line(1460, 19, "16:40", "Tomas Lindqvist", "registered the version"),
    ]
}

/// Registering a version.
pub fn version_new() -> VersionNewView {
    VersionNewView {
        model: "credit-default".to_owned(),
        revision: 9,
        number: 5,
        lineage:
            "{\n  \"code\": {\n    \"git_commit\": \"\",\n    \"repository\": \"\",\n    \"image_digest\": \"\"\n  }\n}"
                .to_owned(),
        note: String::new(),
        errors: None,
    }
}

fn requirement(id: &str, sentence: &str, supplier: Option<&str>, link: Option<&str>, detail: &str) -> Requirement {
    Requirement {
        id: id.to_owned(),
        sentence: sentence.to_owned(),
        met: supplier.is_none(),
        supplier: supplier.map(str::to_owned),
        link: link.map(|label| Link::new(label, "/models/credit-default/versions/4/evidence")),
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
    }
}

fn requirements() -> Vec<Requirement> {
    vec![
        requirement("lineage", "Lineage is complete", None, None, ""),
        requirement(
            "evidence.code",
            "Code path is green for commit 4f1c09ab22d7",
            None,
            None,
            "Lint, types, unit, integration, image build.",
        ),
        requirement(
            "evidence.data",
            "Data path: a data contract report for loans 2026-10-01",
            Some("Data scientist"),
            Some("Attach it"),
            "Schema validation and PSI are there.",
        ),
        requirement("evidence.model", "Model path is green for weights 91ab03e7c2d4", None, None, ""),
        requirement(
            "validation",
            "Independent validation report is complete",
            None,
            None,
            "Approved with conditions, by Mireille Okafor.",
        ),
        requirement("findings", "No critical or high finding is open", None, None, ""),
        requirement(
            "signoff.committee",
            "Sign-off by the risk committee",
            Some("Risk committee"),
            Some("Review and sign"),
            "The change is material: new feature source.",
        ),
    ]
}

/// A version with an open request.
pub fn overview() -> OverviewView {
    use Standing::{Ahead, Here, Next};
    let market = |market: &str| MarketLine {
        market: market.to_owned(),
        stops: ["Shadow", "Canary", "Production"].map(|stage| stop(stage, Ahead, "", &[])).to_vec(),
    };
    OverviewView {
        head: head(),
        answer: Notice::new(Tone::Warn, "Not yet: 2 of 7 requirements for Staging are missing.")
            .with_body("A data scientist attaches the data contract report; then the risk committee signs."),
        line: TrackLine {
            shared: vec![stop("None", Here, "since 19 Nov", &[]), stop("Staging", Next, "2 of 7 missing", &[])],
            markets: vec![market("US"), market("EU")],
        },
        steps: vec![StepPanel {
            title: "Staging".to_owned(),
            target: "staging".to_owned(),
            market: String::new(),
            request: Some(RequestFacts {
                id: "r1".to_owned(),
                state: Tag::new(Tone::Active, "open"),
                requested_by: "Tomas Lindqvist".to_owned(),
                requested_at: when(20, "09:14"),
                reason: "Adds the bureau's thin-file attributes; AUC on the thin-file segment rises from 0.61 to 0.70."
                    .to_owned(),
                package: digest("package"),
                sign_href: Some("/models/credit-default/versions/4/sign?request=r1".to_owned()),
                can_withdraw: true,
            }),
            requirements: requirements(),
            can_request: false,
            who_asks: String::new(),
        }],
        signatures: vec![Signature {
            slot: "MRM validator".to_owned(),
            signer: "Mireille Okafor".to_owned(),
            meaning: "I validated this version independently and approve it with the stated conditions".to_owned(),
            request: "Staging".to_owned(),
            comment: None,
            package: Some(digest("package before")),
            when: when(23, "11:25"),
            seq: 1481,
            state: Tag::new(Tone::Warn, "stale"),
            changed: vec!["a finding was raised".to_owned()],
        }],
        facts: vec![
            Fact::text("Registered", "19 Nov 2026 by Tomas Lindqvist"),
            Fact::new("Commit", Value::Digest(digest("commit"))),
            Fact::text("Data", "loans 2026-10-01"),
            Fact::new("Weights", Value::Digest(digest("weights"))),
            Fact::text("Architecture", "gradient-boosted trees"),
            Fact::text("Features", "64, set 2026.4"),
            Fact::new("Parent", Value::Link(Link::new("v3", "/models/credit-default/versions/3"))),
            Fact::new("Compare", Value::Link(Link::new("v3 with v4", "/models/credit-default/compare?a=3&b=4"))),
        ],
        recent: recent(),
        reason: String::new(),
        can_archive: true,
        errors: None,
    }
}

/// A version's lineage, with a gap.
pub fn lineage() -> LineageView {
    let node = |id: &str, kind: NodeKind, label: &str, is_missing: bool| GraphNode {
        id: id.to_owned(),
        kind,
        label: label.to_owned(),
        href: (!is_missing).then(|| format!("#{id}")),
        is_subject: id == "v4",
        is_missing,
    };
    let edge = |from: &str, to: &str, relation: &str| GraphEdge {
        from: from.to_owned(),
        to: to.to_owned(),
        relation: relation.to_owned(),
    };
    LineageView {
        head: head(),
        missing: vec![requirement(
            "lineage.code.image_digest",
            "code.image_digest: the digest of the container image that trained the model",
            Some("Data scientist"),
            Some("Add it"),
            "",
        )],
        children: vec![Link::new("v14, staging", "/models/credit-default/versions/14/lineage")],
        more_children: None,
        classes: vec![
            LineageClass {
                title: "Code".to_owned(),
                facts: vec![
                    Fact::new("Commit", Value::Digest(digest("commit"))),
                    Fact::text("Repository", "https://git.example.org/credit/default-model"),
                    Fact::new("Image", Value::Missing("missing".to_owned())),
                ],
            },
            LineageClass {
                title: "Data".to_owned(),
                facts: vec![
                    Fact::text("Dataset", "loans"),
                    Fact::text("Partition", "2026-10-01"),
                    Fact::new("Schema", Value::Digest(digest("schema"))),
                ],
            },
            LineageClass {
                title: "Hyperparameters".to_owned(),
                facts: vec![Fact::text("learning_rate", "0.05"), Fact::text("max_depth", "6")],
            },
            LineageClass {
                title: "Metrics".to_owned(),
                facts: vec![Fact::text("auc", "0.8123"), Fact::text("brier", "0.0911")],
            },
        ],
        nodes: vec![
            node("data", NodeKind::Dataset, "loans 2026-10-01", false),
            node("features", NodeKind::Features, "credit features 2026.4, 64 features", false),
            node("code", NodeKind::Code, "4f1c09ab22d7", false),
            node("image", NodeKind::Image, "not recorded", true),
            node("run", NodeKind::Run, "mlflow 8d02f1", false),
            node("v3", NodeKind::Version, "credit-default v3", false),
            node("weights", NodeKind::Weights, "91ab03e7c2d4", false),
            node("v4", NodeKind::Version, "credit-default v4", false),
            node("us", NodeKind::Deployment, "US Shadow", false),
        ],
        edges: vec![
            edge("data", "run", "trained on"),
            edge("features", "run", "read by"),
            edge("code", "run", "ran"),
            edge("image", "run", "ran in"),
            edge("run", "weights", "produced"),
            edge("weights", "v4", "registered as"),
            edge("v3", "v4", "parent of"),
            edge("v4", "us", "stands in"),
        ],
        manifest_href: "/api/v1/models/credit-default/versions/4/manifest".to_owned(),
        compare: vec![Link::new("v3, its parent", "/"), Link::new("v2, champion in EU", "/")],
        amend: Some("{}".to_owned()),
        errors: None,
    }
}

/// A version's evidence.
pub fn evidence() -> EvidenceView {
    let item = |kind: &str, tone: Tone, verdict: &str, sentence: &str| EvidenceItem {
        kind: kind.to_owned(),
        verdict: Tag::new(tone, verdict),
        sentence: sentence.to_owned(),
        failures: Vec::new(),
        facts: vec![Fact::text("tests", "412"), Fact::text("failures", "0")],
        digest: digest(kind),
        href: "/evidence/x".to_owned(),
        size: "84 kB".to_owned(),
        bound_to: digest("commit"),
        file_name: "junit.xml".to_owned(),
        made_from: vec![
            Fact::text("repository", "git.example.org/credit"),
            Fact::new("commit", Value::Digest(digest("commit"))),
        ],
        producer: "ci.example.org/run/812".to_owned(),
        when: when(20, "08:51"),
        seq: 1466,
        note: None,
    };
    let path =
        |id: &str, title: &str, tone: Tone, state: &str, missing: &[&str], items: Vec<EvidenceItem>| EvidencePath {
            id: id.to_owned(),
            title: title.to_owned(),
            state: Tag::new(tone, state),
            bound_to: Some(digest("commit")),
            missing: missing.iter().map(|what| (*what).to_owned()).collect(),
            exhibits: if id == "data" { vec![drift_exhibit()] } else { Vec::new() },
            items,
        };
    EvidenceView {
        head: head(),
        paths: vec![
            path(
                "code",
                "Code path",
                Tone::Good,
                "green",
                &[],
                vec![
                    item("Unit tests", Tone::Good, "green", "412 tests, none failed"),
                    item("Lint", Tone::Good, "green", "no warnings"),
                ],
            ),
            path(
                "data",
                "Data path",
                Tone::Warn,
                "incomplete",
                &["Data contract report for loans 2026-10-01"],
                vec![item(
                    "PSI per feature",
                    Tone::Bad,
                    "does not count",
                    "bound to loans 2026-09-01, another partition",
                )],
            ),
            path(
                "model",
                "Model path",
                Tone::Good,
                "green",
                &[],
                vec![item("Offline evaluation", Tone::Good, "green", "AUC 0.812 against 0.804 of the champion")],
            ),
        ],
        upload: Some(EvidenceForm {
            kinds: choices(&["Unit tests (JUnit XML)", "Offline evaluation (JSON)"]),
            limit: "1 GiB".to_owned(),
            command: "countersign evidence credit-default 4 junit.xml".to_owned(),
            ..EvidenceForm::default()
        }),
        errors: None,
    }
}

fn drift_exhibit() -> Exhibit {
    let bar = |name: &str, psi: f64, call: &str| PsiBar { name: name.to_owned(), psi, call: call.to_owned() };
    let bars = [bar("bureau_score", 0.31, "0.060 too high"), bar("debt_to_income", 0.04, "within the limit")];
    let lines = vec![RowLine { at: 0.25, label: "at most".to_owned() }];
    let cell = |bar: &PsiBar| vec![Value::Text(bar.name.clone()), Value::Text(bar.psi.to_string())];
    Exhibit {
        table: bars.iter().map(cell).collect(),
        drawing: Drawing::Rows(psi_rows("Drift by feature: columns.csv", &bars, lines)),
        headings: ["Feature", "PSI"].map(str::to_owned).into(),
    }
}

fn panels(is_validator: bool) -> Panels {
    Panels {
        materiality: vec![MaterialityPanel {
            market: String::new(),
            title: "Into Staging".to_owned(),
            tag: Tag::new(Tone::Warn, "material"),
            facts: vec![
                Fact::text("Compared with", "v3, the last version validated in full"),
                Fact::new("Why", Value::List(vec!["Feature bureau_thin_file was added.".to_owned()])),
            ],
            set: is_validator.then(|| ("non_material".to_owned(), "Lower it to non-material".to_owned())),
        }],
        committees: vec![CommitteePanel {
            request: 2,
            target: "Production in US".to_owned(),
            state: Notice::new(Tone::Active, "1 for, 0 against, 0 abstained; the quorum is 2."),
            members: vec![
                ("Rosa Lindgren".to_owned(), Tag::new(Tone::Good, "for"), Some(Link::new("Entry 812", "/ledger/812"))),
                ("Rolf Amsel".to_owned(), Tag::new(Tone::Neutral, "open"), None),
            ],
            ballot: (!is_validator)
                .then(|| ("ab".repeat(32), "{}".to_owned(), choices(&["For", "Against", "Abstain"]))),
        }],
        waivers: vec![WaiverRow {
            number: 1,
            covers: "finding 3, in US".to_owned(),
            state: Tag::new(Tone::Warn, "in force"),
            expires: due("2026-12-15", "15 Dec 2026", Tone::Neutral, "due in 22 days"),
            control: "Each decline in the segment is read by an underwriter.".to_owned(),
            about: vec!["asked for by Tomas Lindqvist".to_owned(), "granted by Rosa Lindgren".to_owned()],
            entry: Link::new("Entry 790", "/ledger/790"),
            can_revoke: is_validator,
        }],
        grant: None,
    }
}

/// A validation, for its validator or for others.
pub fn validation(is_validator: bool) -> ValidationView {
    let section = |id: &str, title: &str, text: &str| ReportSection {
        id: id.to_owned(),
        title: title.to_owned(),
        guide: "What was examined, how, and what came out.".to_owned(),
        text: text.to_owned(),
    };
    ValidationView {
        head: head(),
        state: Notice::new(Tone::Active, "The report is a draft; 6 of 8 sections are written.")
            .with_body("Complete it to let the risk committee sign."),
        facts: vec![
            Fact::text("Validator", "Mireille Okafor, Model risk"),
            Fact::text("Materiality", "material"),
            Fact::text("Why", "New feature source: bureau thin-file attributes."),
            Fact::text("Kind", "Full revalidation"),
            Fact::new("Due", Value::Due(due("2026-11-25", "25 Nov 2026", Tone::Warn, "in 2 days"))),
        ],
        sections: vec![
            section(
                "purpose_and_scope",
                "Purpose and scope",
                "Version 4 replaces version 3 in both markets. This validation covers design, data and outcomes.",
            ),
            section(
                "conceptual_soundness",
                "Conceptual soundness",
                "Gradient-boosted trees with monotone constraints on income and utilisation are fit for the purpose.",
            ),
            section("limitations", "Limitations", ""),
        ],
        edit: is_validator
            .then(|| ReportForm { outcomes: choices(&["Approved", "Approved with conditions", "Rejected"]) }),
        findings: vec![
            FindingView {
                id: "f1".to_owned(),
                title: "Calibration drifts above 0.3 in the thin-file segment".to_owned(),
                detail: "Expected 31 %, observed 38 % (n = 2,114). Prices in that segment would be too low.".to_owned(),
                severity: Tag::new(Tone::Warn, "medium"),
                state: Tag::new(Tone::Active, "remediated"),
                owner: "Tomas Lindqvist".to_owned(),
                due: due("2026-12-15", "15 Dec 2026", Tone::Neutral, "in 22 days"),
                about: vec!["raised by Mireille Okafor on 22 Nov".to_owned()],
                remediation: Some("Isotonic recalibration on the segment; observed 32 %.".to_owned()),
                verification: None,
                can_remediate: false,
                can_verify: is_validator,
                can_reopen: false,
            },
            FindingView {
                id: "f2".to_owned(),
                title: "Monitoring has no owner at weekends".to_owned(),
                detail: "Alerts between Friday evening and Monday reach nobody.".to_owned(),
                severity: Tag::new(Tone::Neutral, "low"),
                state: Tag::new(Tone::Neutral, "open"),
                owner: "Ana Reyes".to_owned(),
                due: due("2026-12-15", "15 Dec 2026", Tone::Neutral, "in 22 days"),
                about: vec![],
                remediation: None,
                verification: None,
                can_remediate: !is_validator,
                can_verify: false,
                can_reopen: false,
            },
        ],
        raise: is_validator.then(|| FindingForm {
            severities: choices(&["critical", "high", "medium", "low"]),
            owners: choices(&["Tomas Lindqvist", "Ana Reyes"]),
            due: "2026-12-15".to_owned(),
            ..FindingForm::default()
        }),
        panels: panels(is_validator),
        errors: None,
    }
}

/// A package ready to be signed.
pub fn sign() -> SignView {
    let part = |title: &str, summary: &str, facts: Vec<Fact>, texts: Vec<(String, String)>| PackagePart {
        title: title.to_owned(),
        summary: summary.to_owned(),
        state: Some(Tag::new(Tone::Good, "complete")),
        facts,
        texts,
        link: Some(Link::new("In its place", "/")),
    };
    SignView {
        decline_reason: String::new(),
        head: head(),
        request: "r1".to_owned(),
        target: "Staging".to_owned(),
        request_facts: vec![
            Fact::text("Asked by", "Tomas Lindqvist"),
            Fact::new("Asked", Value::When(when(20, "09:14"))),
            Fact::text("Why", "Adds the bureau's thin-file attributes."),
            Fact::text("Materiality", "material: new feature source"),
        ],
        slot: "risk_committee".to_owned(),
        slot_title: "Risk committee".to_owned(),
        package: digest("package"),
        package_parts: "{}".to_owned(),
        can_decline: true,
        changed: Some(ChangedSince {
            signature: "Mireille Okafor signed on 23 Nov, 11:25".to_owned(),
            changes: vec!["A finding was raised: Calibration drifts above 0.3 in the thin-file segment.".to_owned()],
        }),
        parts: vec![
            part(
                "Lineage",
                "Complete. 4 fields differ from version 3.",
                vec![
                    Fact::new("Commit", Value::Digest(digest("commit"))),
                    Fact::new("Weights", Value::Digest(digest("weights"))),
                ],
                vec![],
            ),
            part(
                "Evidence",
                "5 files on three paths, all green.",
                vec![
                    Fact::text("Code path", "green, 412 tests"),
                    Fact::text("Model path", "green, AUC 0.812 against 0.804"),
                ],
                vec![],
            ),
            part(
                "Validation report",
                "Approved with conditions, by Mireille Okafor.",
                vec![],
                vec![(
                    "Conclusion".to_owned(),
                    "Fit for its purpose, provided that the thin-file segment is monitored monthly.".to_owned(),
                )],
            ),
        ],
        requirements: requirements(),
        slots: vec![
            Slot {
                title: "MRM validator".to_owned(),
                state: Tag::new(Tone::Warn, "stale"),
                who: "Mireille Okafor, 23 Nov".to_owned(),
            },
            Slot {
                title: "Risk committee".to_owned(),
                state: Tag::new(Tone::Neutral, "open"),
                who: "you can sign".to_owned(),
            },
        ],
        refusal: None,
        meanings: vec![
            Choice::new("approve", "I approve the promotion.")
                .with_hint("On the evidence and the report in this package."),
            Choice::new("approve_with_conditions", "I approve it with the conditions in my comment."),
            Choice::new("reject", "I reject it, for the reason in my comment.").with_hint("The request ends."),
        ],
        comment: String::new(),
        signer: "Ingrid Solheim".to_owned(),
        errors: None,
    }
}

/// A receipt.
pub fn receipt() -> ReceiptView {
    ReceiptView {
        head: head(),
        target: "Staging".to_owned(),
        signer: "Ingrid Solheim".to_owned(),
        slot_title: "Risk committee".to_owned(),
        meaning: "I approve the promotion.".to_owned(),
        comment: None,
        when: when(23, "12:02"),
        package: digest("package"),
        seq: 1482,
        hash: digest("1482"),
        next: "All signatures are there; the data contract report is still missing.".to_owned(),
        links: vec![Link::new("Back to credit-default v4", "/"), Link::new("Inbox", "/inbox")],
    }
}

/// A version's timeline.
pub fn timeline() -> TimelineView {
    TimelineView {
        head: head(),
        kinds: choices(&["Any event", "Signatures", "Evidence"]),
        actors: choices(&["Anyone", "Mireille Okafor"]),
        entries: recent(),
        pager: Pager { summary: "5 entries".to_owned(), first: None, next: None },
    }
}

/// Two versions side by side.
pub fn compare() -> CompareView {
    let field = |label: &str, before: Option<&str>, after: Option<&str>, note: &str| DiffField {
        label: label.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        note: (!note.is_empty()).then(|| note.to_owned()),
    };
    let Digest(old) = digest("old");
    let Digest(new) = digest("new");
    CompareView {
        model: "credit-default".to_owned(),
        a: 3,
        b: 4,
        versions: vec![5, 4, 3, 2, 1],
        materiality: Notice::new(Tone::Warn, "Material: full revalidation and the risk committee.")
            .with_body("Two features come from a source that version 3 did not read."),
        changed: vec![
            DiffClass { title: "Code".to_owned(), changes: vec![field("git_commit", Some(&old), Some(&new), "")] },
            DiffClass {
                title: "Features".to_owned(),
                changes: vec![
                    field("bureau_thin_file_score", None, Some("read"), "new source"),
                    field("months_at_address", Some("read"), None, ""),
                ],
            },
            DiffClass {
                title: "Metrics".to_owned(),
                changes: vec![field("auc", Some("0.8041"), Some("0.8123"), "+1.0 %")],
            },
        ],
        unchanged: vec![
            Fact::text("repository", "https://git.example.org/credit/default-model"),
            Fact::text("max_depth", "6"),
        ],
    }
}
