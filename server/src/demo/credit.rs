//! The credit-default model: regulated under SR 11-7, so each step waits for people who did not build it.

mod reports;

use std::collections::BTreeMap;

use domain::{
    committee::Voice,
    evidence::EvidencePath::{Canary, Code, Data, Model, Shadow},
    id::{IdError, VersionNumber},
    lineage::{Lineage, Scalar},
    privacy::{review::ReviewOutcome, safeguards::Safeguard},
    registry::Tier,
    stage::Stage,
    validation::{Outcome, Severity},
};
use ledger::Digest;

use super::{
    calendar::Calendar,
    cast::{ANA, HENRIK, LUKAS, MARTA, PRIYA, RUTH, TOMAS},
    files::{Bound, Check, Content, Suite},
    gates::Behaviour,
    privacy::{self, PrivacyAct},
    story::{NewFinding, Scene, Seen, Strand, trained},
    trials::{CanaryTrial, ShadowTrial},
};

const TESTS: &[Suite] = &[
    (
        "tests.unit.test_scorecard",
        &[
            "test_probability_is_between_0_and_1",
            "test_income_constraint_is_monotone",
            "test_utilisation_constraint_is_monotone",
            "test_missing_bureau_file_is_referred",
            "test_reason_codes_are_four_and_distinct",
        ],
    ),
    (
        "tests.unit.test_preprocessing",
        &[
            "test_winsorising_uses_training_limits",
            "test_median_of_training_set_is_used",
            "test_months_are_counted_from_application_date",
        ],
    ),
    (
        "tests.integration.test_decision_service",
        &[
            "test_bands_match_policy_table",
            "test_adverse_action_reasons_are_returned",
            "test_scores_equal_batch_scores",
        ],
    ),
    (
        "tests.behaviour.test_invariance",
        &["test_name_and_address_do_not_move_score", "test_currency_conversion_does_not_move_score"],
    ),
];
/// What is expected of the data of version 1, and of these features on top of its.
macro_rules! checks {
    ($($feature:literal),*) => {
        &[
            ("expect_column_values_to_be_unique", "application_id"),
            ("expect_column_values_to_not_be_null", "application_date"),
            ("expect_column_values_to_be_between", "annual_income"),
            ("expect_column_values_to_be_between", "debt_to_income"),
            ("expect_column_values_to_be_between", "bureau_score"),
            ("expect_column_values_to_be_in_set", "default_90dpd_12m"),
            ("expect_column_kl_divergence_to_be_less_than", "employment_months"),
            ("expect_column_values_to_be_between", "credit_utilisation"),
            ("expect_column_values_to_be_between", "months_since_oldest_trade"),
            ("expect_column_values_to_be_between", "inquiries_6m"),
            ("expect_column_values_to_be_between", "delinquencies_24m"),
            ("expect_column_values_to_be_between", "loan_to_income"),
            ("expect_column_values_to_be_in_set", "requested_term_months"),
            $(("expect_column_values_to_be_between", $feature)),*
        ]
    };
}
/// Features whose raw columns are attached: those of version 1, and these.
macro_rules! columns {
    ($($feature:literal),*) => {
        &[
            "annual_income",
            "debt_to_income",
            "credit_utilisation",
            "months_since_oldest_trade",
            "inquiries_6m",
            "delinquencies_24m",
            "loan_to_income",
            "employment_months",
            "requested_term_months",
            "bureau_score",
            $($feature),*
        ]
    };
}
/// By version.
const CHECKS: [&[Check]; 4] = [
    checks!(),
    checks!("balance_trend_90d"),
    checks!("balance_trend_90d_at_application"),
    checks!("balance_trend_90d_at_application", "rent_payments_on_time_24m"),
];
const COLUMNS: [&[&str]; 4] = [
    columns!(),
    columns!("balance_trend_90d"),
    columns!("balance_trend_90d_at_application"),
    columns!("balance_trend_90d_at_application", "rent_payments_on_time_24m"),
];
const OFFLINE: [&[(&str, f64, Bound)]; 4] = [
    &[
        ("auc", 0.781, Bound::AtLeast(0.75)),
        ("auc_out_of_time", 0.774, Bound::AtLeast(0.74)),
        ("ks", 0.421, Bound::AtLeast(0.38)),
        ("brier", 0.0613, Bound::AtMost(0.07)),
        ("calibration_error", 0.011, Bound::AtMost(0.02)),
        ("adverse_impact_ratio_lowest", 0.87, Bound::AtLeast(0.8)),
    ],
    &[
        ("auc", 0.842, Bound::AtLeast(0.781)),
        ("auc_out_of_time", 0.776, Bound::AtLeast(0.74)),
        ("ks", 0.517, Bound::AtLeast(0.38)),
        ("brier", 0.0549, Bound::AtMost(0.07)),
        ("calibration_error", 0.018, Bound::AtMost(0.02)),
        ("adverse_impact_ratio_lowest", 0.85, Bound::AtLeast(0.8)),
    ],
    &[
        ("auc", 0.793, Bound::AtLeast(0.781)),
        ("auc_out_of_time", 0.786, Bound::AtLeast(0.774)),
        ("ks", 0.438, Bound::AtLeast(0.38)),
        ("brier", 0.0598, Bound::AtMost(0.07)),
        ("calibration_error", 0.009, Bound::AtMost(0.02)),
        ("calibration_error_thin_file", 0.019, Bound::AtMost(0.02)),
        ("adverse_impact_ratio_lowest", 0.88, Bound::AtLeast(0.8)),
    ],
    &[
        ("auc", 0.806, Bound::AtLeast(0.793)),
        ("auc_out_of_time", 0.797, Bound::AtLeast(0.786)),
        ("ks", 0.456, Bound::AtLeast(0.38)),
        ("brier", 0.0581, Bound::AtMost(0.07)),
        ("calibration_error", 0.01, Bound::AtMost(0.02)),
        ("calibration_error_thin_file", 0.013, Bound::AtMost(0.02)),
        ("adverse_impact_ratio_lowest", 0.9, Bound::AtLeast(0.8)),
    ],
];
const SHADOW_US: ShadowTrial = ShadowTrial {
    pairs: 5_200,
    segments: &[("thin file", 0.11, 0.905), ("branch", 0.34, 0.958), ("online", 0.55, 0.952)],
    slower: 1.02,
    list: None,
};
/// Overall it agrees; for the self-employed, of whom training saw few in the EU, it does not.
const SHADOW_EU: ShadowTrial = ShadowTrial {
    pairs: 5_200,
    segments: &[
        ("self-employed", 0.045, 0.33),
        ("thin file", 0.1, 0.9),
        ("employed", 0.64, 0.971),
        ("retired", 0.215, 0.962),
    ],
    slower: 1.03,
    list: None,
};
/// Completed is an application that a clerk did not decide otherwise.
const CANARY_US: CanaryTrial =
    CanaryTrial { users: 6_000, completed: [0.967, 0.969], slower: 1.02, one_fails_in: 0, every_seconds: None };

/// The canary's tenth of applicants, over its four days.
const LIVE_CANARY: Seen = Seen::new(10_200, [0.0002, 0.0001, 0.0007], [1.02, 0.97, 1.07]);
/// What the windows after the promotion showed; applications are few, so the intervals are wide.
const LIVE: [Seen; 3] = [
    Seen::new(10_900, [0.0002, 0.0001, 0.0007], [1.01, 0.97, 1.05]),
    Seen::new(14_200, [0.0001, 0.0, 0.0005], [1.02, 0.99, 1.05]),
    Seen::new(21_600, [0.0001, 0.0, 0.0003], [1.01, 0.99, 1.03]),
];

fn first(calendar: Calendar) -> Lineage {
    let mut lineage = Lineage::default();
    lineage.code.repository = Some("https://git.northbank.example/risk/credit-default".into());
    lineage.data.dataset = Some("instalment-loan-applications".into());
    lineage.data.schema_digest = Some(Digest::of(b"instalment-loan-applications schema 12"));
    lineage.data.preprocessing = BTreeMap::from([
        ("impute_numeric".into(), Scalar::Text("median of the training set".into())),
        ("winsorise_upper_percentile".into(), Scalar::Float(99.5)),
        ("categorical_encoding".into(), Scalar::Text("weight of evidence".into())),
        ("performance_window_months".into(), Scalar::Int(12)),
        ("rejected_applications".into(), Scalar::Text("fuzzy augmentation".into())),
    ]);
    lineage.model.architecture = Some("gradient-boosted trees with monotone constraints".into());
    lineage.model.framework = Some("LightGBM 4.6.0".into());
    lineage.features.set_version = Some("credit-features 12".into());
    lineage.features.names = COLUMNS[0].iter().copied().map(String::from).collect();
    lineage.hyperparameters = BTreeMap::from([
        ("num_leaves".into(), Scalar::Int(31)),
        ("learning_rate".into(), Scalar::Float(0.05)),
        ("n_estimators".into(), Scalar::Int(600)),
        ("min_data_in_leaf".into(), Scalar::Int(200)),
        ("lambda_l2".into(), Scalar::Float(5.0)),
        ("feature_fraction".into(), Scalar::Float(0.8)),
        ("monotone_constraints_method".into(), Scalar::Text("advanced".into())),
    ]);
    lineage.training.random_seed = Some(1_107);
    trained(&mut lineage, "credit 1", &calendar.partition(45));
    metrics(&mut lineage, [0.781, 0.774, 0.421, 0.0613, 0.87]);
    lineage
}

fn metrics(lineage: &mut Lineage, values: [f64; 5]) {
    let names = ["auc", "auc_out_of_time", "ks", "brier", "adverse_impact_ratio_lowest"];
    lineage.metrics = names.map(String::from).into_iter().zip(values).collect();
}

/// What the bureau and the loan system promise.
const CONTRACT: &[&str] = &[
    "one row for each application",
    "the bureau's score is at most 30 days old",
    "amounts are in the currency of the market",
];
/// The behavioural suite.
const BEHAVIOUR: &[Behaviour] = &[
    ("monotonicity", "more income never raises the estimate", "DIR", 800, 9),
    ("monotonicity", "a missed payment never lowers the estimate", "DIR", 800, 14),
    ("fairness", "the applicant's name does not matter", "INV", 1_000, 0),
    ("robustness", "rounding of amounts does not matter", "INV", 1_000, 31),
    ("competence", "plain refusals and plain acceptances", "MFT", 400, 6),
];

fn paths(s: &mut Strand, day: u32, version: u32, offline: usize) {
    s.attach((day, 10, 12), version, Code, "pytest.xml", Content::Tests(TESTS));
    s.attach((day, 10, 13), version, Code, "ruff.sarif", Content::Lint);
    s.attach((day, 10, 22), version, Code, "image.json", Content::Image);
    s.attach((day, 10, 31), version, Data, "applications.json", Content::Checks(CHECKS[offline], &[]));
    s.attach((day, 10, 34), version, Data, "columns.csv", Content::Columns(COLUMNS[offline]));
    s.attach(
        (day, 10, 36),
        version,
        Data,
        "contract.json",
        Content::Contract("instalment-loan-applications", CONTRACT),
    );
    s.attach((day, 14, 3), version, Model, "offline-evaluation.json", Content::Evaluation(OFFLINE[offline]));
    s.attach((day, 14, 9), version, Model, "behaviour.json", Content::Behaviour(BEHAVIOUR));
}

/// The story of the credit-default model.
pub(super) fn scenes(calendar: Calendar) -> Result<Vec<Scene>, IdError> {
    let mut s = Strand::new(calendar, "credit-default", PRIYA).asked_for_by(TOMAS);
    s.register_model((36, 9, 30), Tier::One, "sr-11-7", &["US", "EU"], [
        "Credit default, retail instalment loans",
        "Estimates the probability that an applicant for a retail instalment loan is 90 days past due within 12 months of origination. The estimate sets the band accept, refer or decline for amounts up to 25,000, and the four reason codes of an adverse-action notice are derived from it. Not used for pricing, provisioning, limit increases or collections.",
    ]);
    s.judge_tier(
        (36, 16, 20),
        ANA,
        "large",
        "customer decision",
        "Decides on about 40,000 applications a year and some 600 million in new lending.",
    );
    s.card(
        (36, 17, 5),
        [
            "Retail instalment loans, branch and online, up to 25,000.",
            "Not for pricing, provisioning, limit increases or collections. Not for applicants under 21.",
            "Application form, bureau report, current-account data at application.",
            "Probability of default within 12 months; band accept, refer or decline; four reason codes.",
        ],
    );
    let mut lineage = first(calendar);
    first_version(&mut s, calendar, &lineage);
    refused(&mut s, calendar, &mut lineage);
    overdue(&mut s, calendar, &mut lineage);
    waiting(&mut s, calendar, &mut lineage);
    s.triggers((18, 11, 20), None, Some(0.2), &[]);
    s.drift(
        (2, 7, 5),
        168,
        &[("debt_to_income", 17), ("utilisation_3m", 24), ("months_on_book", 9), ("bureau_score", 12)],
    );
    s.open_campaign((5, 11, 0), HENRIK, 1, "Inventory, second half of the year", calendar.in_days(12));
    s.attest((4, 16, 30), 1, true, "");
    s.finish()
}

/// Version 1: validated, signed, serving the US; held up in the EU.
fn first_version(s: &mut Strand, calendar: Calendar, lineage: &Lineage) {
    s.register(
        (36, 9, 45),
        lineage,
        "Challenger to the 2019 logistic scorecard: boosted trees, monotone in income, utilisation and delinquencies.",
    );
    paths(s, 36, 1, 0);
    s.request((35, 10, 15), 1, Stage::Staging, None, "The scorecard's AUC on the same out-of-time sample is 0.741. Development documentation is in the repository under docs/mdd.pdf.");
    s.report((33, 15, 40), ANA, 1, Outcome::ApprovedWithConditions, reports::FIRST);
    s.raise((33, 16, 5), ANA, 1, NewFinding {
        severity: Severity::Medium,
        title: "Reason codes are unstable for near-ties",
        description: "For 4.1 % of declined applicants in the validation sample the fourth reason code changes when the model is refitted with another seed, because two contributions lie within 0.002 of each other. The notice to the applicant should not depend on the seed. Define a tie rule, document it in the adverse-action procedure and test it.",
        owner: None,
        due_at: calendar.in_days(-20),
    });
    s.sign((32, 11, 20), HENRIK, 1, None, "Report and development document read; the benchmark was rebuilt from the repository and gave the same AUC to four digits. Finding 1 does not stand in the way of Staging.");
    s.request((31, 9, 30), 1, Stage::Shadow, Some("US"), "Beside the scorecard, all channels.");
    s.remediate((27, 14, 45), 1, 1, "Contributions within 0.005 of each other are now ordered by the fixed list of the adverse-action procedure, version 3. A test covers 200 constructed ties; agreement between seeds is 100 %.");
    s.results((26, 9, 50), 1, Shadow, "US", Content::Shadow(&SHADOW_US));
    s.request((26, 10, 30), 1, Stage::Canary, Some("US"), "10 % of online applications.");
    s.close((25, 11, 15), HENRIK, 1, 1, "Refitted with five seeds on the validation sample: no reason code changed. The procedure's version 3 is in force since last Friday.");
    s.results((22, 16, 10), 1, Canary, "US", Content::Canary(&CANARY_US));
    s.request(
        (22, 16, 40),
        1,
        Stage::Production,
        Some("US"),
        "Four business days at 10 %; overrides by underwriters are at 3.1 %, as with the scorecard.",
    );
    s.vote((21, 15, 0), RUTH, 1, "US", Voice::Approve, "Approved in the committee's meeting of this day, item 4. The committee asks to see the first quarterly monitoring report.");
    s.vote((21, 15, 25), MARTA, 1, "US", Voice::Approve, "As in the minutes.");
    s.step((21, 16, 10), 1, "US", &LIVE_CANARY, None);
    s.roll_out((20, 16), 1, "US", &LIVE, None);
    s.request((20, 13, 10), 1, Stage::Shadow, Some("EU"), "Beside the present EU scorecard.");
    s.raise((19, 10, 45), HENRIK, 1, NewFinding {
        severity: Severity::Medium,
        title: "No alert on calibration in the thin-file segment",
        description: "The monitoring plan promises monthly calibration by segment. The job computes it, but nothing reads the thin-file row: the alert is set on the total only. Applicants with fewer than two trades are 11 % of volume and the segment in which the model was weakest in development. Add an alert at a calibration error of 0.02 and name who acts on it.",
        owner: Some(TOMAS),
        due_at: calendar.in_days(-6),
    });
    s.results((11, 14, 25), 1, Shadow, "EU", Content::Shadow(&SHADOW_EU));
    people(s);
}

/// The EU track waits for its impact assessment; applicants in the US have asked for human review meanwhile.
fn people(s: &mut Strand) {
    let asks = Safeguard::HumanIntervention;
    let first =
        ["loan-2026-118204", "Marisol Vega", "PO Box 118, Springfield", "My income from two jobs was counted once."];
    s.privacy((18, 9, 40), LUKAS, PrivacyAct::Receive(asks, first));
    s.privacy((18, 9, 55), LUKAS, PrivacyAct::Assign(1, TOMAS));
    s.privacy(
        (14, 15, 5),
        TOMAS,
        PrivacyAct::Answer(
            1,
            ReviewOutcome::Overturned,
            "Both incomes were read again by a person; the application is accepted.",
        ),
    );
    let second = [
        "loan-2026-120977",
        "Owen Pritchard",
        "o.pritchard@mail.example",
        "Nobody could tell me why. I want a person to look at it.",
    ];
    s.privacy((9, 11, 20), LUKAS, PrivacyAct::Receive(Safeguard::Contest, second));
    s.privacy((9, 11, 30), LUKAS, PrivacyAct::Assign(2, TOMAS));
    s.privacy((4, 16, 20), PRIYA, PrivacyAct::Draft(&privacy::CREDIT, TOMAS));
    let reasons = "Below the cut-off the system refuses by itself, and a refused loan touches a person\u{2019}s life.";
    s.privacy((4, 16, 45), PRIYA, PrivacyAct::State(reasons, true, TOMAS));
}

/// Version 2: looks better than it is, and is declined.
fn refused(s: &mut Strand, calendar: Calendar, lineage: &mut Lineage) {
    trained(lineage, "credit 2", &calendar.partition(30));
    lineage.features.set_version = Some("credit-features 13".into());
    lineage.features.names.insert("balance_trend_90d".into());
    lineage.data.schema_digest = Some(Digest::of(b"instalment-loan-applications schema 13"));
    lineage.hyperparameters.insert("num_leaves".into(), Scalar::Int(47));
    lineage.parents = [VersionNumber::FIRST].into();
    metrics(lineage, [0.842, 0.776, 0.517, 0.0549, 0.85]);
    s.register((28, 9, 35), lineage, "New feature from current-account data: the trend of the balance over 90 days.");
    paths(s, 28, 2, 1);
    s.request(
        (27, 10, 20),
        2,
        Stage::Staging,
        None,
        "AUC rises by six points. The feature is available for 78 % of applicants.",
    );
    s.raise((24, 14, 30), HENRIK, 2, NewFinding {
        severity: Severity::High,
        title: "balance_trend_90d looks past the decision",
        description: "The feature's window ends at disbursement, on average nine days after the decision. Borrowers who go on to default have often drawn down their account by then, so the model reads part of the outcome. Holding the window at the application date on a sample of 60,000 loans takes the AUC from 0.842 to 0.789; the out-of-time AUC of 0.776 tells the same, because in that sample the account data were frozen at application. Rebuild the feature as of the application date and check every other feature of the set for the same fault.",
        owner: None,
        due_at: calendar.in_days(9),
    });
    s.decline((23, 10, 50), HENRIK, 2, 1, "The gain is not real. balance_trend_90d is computed up to disbursement and so sees behaviour that no decision can know (finding 1); without it the version is no better than version 1. A version with the feature rebuilt as of the application date, a point-in-time check over the whole feature set, and an out-of-time AUC above 0.774 would be looked at afresh. I am glad to read the design of the rebuilt feature before it is trained.");
    s.remediate((14, 15, 55), 2, 1, "Feature rebuilt as balance_trend_90d_at_application in feature set 14: the window ends the day before the application. A point-in-time test now compares the latest source timestamp of all eleven features with the application date; it runs with every build. Version 3 is trained on it.");
}

/// Version 3: validated, but the signature is overdue.
fn overdue(s: &mut Strand, calendar: Calendar, lineage: &mut Lineage) {
    trained(lineage, "credit 3", &calendar.partition(17));
    lineage.features.set_version = Some("credit-features 14".into());
    lineage.features.names.remove("balance_trend_90d");
    lineage.features.names.insert("balance_trend_90d_at_application".into());
    lineage.data.schema_digest = Some(Digest::of(b"instalment-loan-applications schema 14"));
    lineage.hyperparameters.insert("num_leaves".into(), Scalar::Int(31));
    metrics(lineage, [0.793, 0.786, 0.438, 0.0598, 0.88]);
    let mut incomplete = lineage.clone();
    incomplete.code.image_digest = None;
    incomplete.data.schema_digest = None;
    s.register((15, 9, 40), &incomplete, "Balance trend as of the application date, after finding 1 of version 2.");
    s.amend(
        (15, 11, 30),
        3,
        lineage,
        "Image digest and schema digest added; the build had not finished when the version was registered.",
    );
    paths(s, 14, 3, 2);
    s.request((13, 10, 5), 3, Stage::Staging, None, "Mends the leakage found in version 2.");
    s.withdraw((13, 15, 25), 3, 1);
    s.request((12, 9, 35), 3, Stage::Staging, None, "Asked again: the development document named the feature of version 2 in table 7. Corrected, nothing else changed.");
    s.report((9, 16, 15), ANA, 3, Outcome::ApprovedWithConditions, reports::THIRD);
    s.raise((9, 16, 40), ANA, 3, NewFinding {
        severity: Severity::Medium,
        title: "Thin-file calibration passes by a hair",
        description: "Calibration error in the thin-file segment is 0.019 against a limit of 0.02, and its 95 % bootstrap interval reaches 0.024. The limit is met in the point estimate only. Either recalibrate the segment or state in the limitations how far the estimate may be off and what the referral rule does about it.",
        owner: None,
        due_at: calendar.in_days(16),
    });
}

/// Version 4: a material change whose validation has not begun.
fn waiting(s: &mut Strand, calendar: Calendar, lineage: &mut Lineage) {
    trained(lineage, "credit 4", &calendar.partition(6));
    lineage.features.set_version = Some("credit-features 15".into());
    lineage.features.names.insert("rent_payments_on_time_24m".into());
    lineage.data.schema_digest = Some(Digest::of(b"instalment-loan-applications schema 15"));
    lineage.data.preprocessing.insert("rent_history_missing".into(), Scalar::Text("own category".into()));
    lineage.hyperparameters.insert("n_estimators".into(), Scalar::Int(720));
    lineage.parents = VersionNumber::try_from(3).into_iter().collect();
    metrics(lineage, [0.806, 0.797, 0.456, 0.0581, 0.9]);
    s.register((4, 9, 55), lineage, "Rent payments of the last 24 months, where the applicant agreed to share them.");
    paths(s, 3, 4, 3);
    s.request((2, 10, 45), 4, Stage::Staging, None, "A new source of data, so a full validation. Consent texts and the agreement with the data provider are with the data protection office.");
}
