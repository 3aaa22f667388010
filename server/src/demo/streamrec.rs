//! `StreamRec`, a content recommender: unregulated, in two markets that move at their own pace.

use std::collections::BTreeMap;

use domain::{
    evidence::EvidencePath::{Canary, Code, Data, Model, Shadow},
    id::{IdError, VersionNumber},
    lineage::{Lineage, Scalar},
    registry::Tier,
    stage::Stage,
    validation::Severity,
};
use ledger::Digest;

use super::{
    calendar::Calendar,
    cast::{ANA, HENRIK, LUKAS, MEI, PIPELINE},
    files::{Bound, Check, Content, Suite},
    privacy::{self, PrivacyAct},
    story::{NewFinding, Scene, Seen, Strand, trained},
    trials::{CanaryTrial, ShadowTrial},
    triggers::monthly_since,
};

const TESTS: &[Suite] = &[
    (
        "tests.unit.test_features",
        &[
            "test_history_is_truncated_to_50",
            "test_unknown_title_gets_cold_embedding",
            "test_genre_affinity_sums_to_one",
            "test_locale_falls_back_to_language",
        ],
    ),
    (
        "tests.unit.test_ranker",
        &[
            "test_scores_are_finite",
            "test_top_k_has_no_duplicates",
            "test_watched_titles_are_filtered",
            "test_parental_rating_is_respected",
        ],
    ),
    (
        "tests.integration.test_serving",
        &["test_empty_history_is_served", "test_timeout_returns_popular_titles", "test_batch_and_single_agree"],
    ),
    ("tests.behaviour.test_fairness", &["test_language_share_within_bounds", "test_new_titles_get_exposure"]),
];
const CHECKS: &[Check] = &[
    ("expect_column_values_to_not_be_null", "user_id_hash"),
    ("expect_column_values_to_match_regex", "title_id"),
    ("expect_column_values_to_be_between", "watched_seconds"),
    ("expect_column_values_to_be_in_set", "device_class"),
    ("expect_column_values_to_be_in_set", "market"),
    ("expect_column_kl_divergence_to_be_less_than", "genre"),
];
const OFFLINE: [&[(&str, f64, Bound)]; 4] = [
    &[
        ("ndcg_at_10", 0.3412, Bound::AtLeast(0.33)),
        ("recall_at_50", 0.2874, Bound::AtLeast(0.28)),
        ("coverage_at_100", 0.412, Bound::AtLeast(0.38)),
        ("kids_profile_unsafe_rate", 0.0, Bound::AtMost(0.0)),
        ("evaluated_users", 250_000.0, Bound::Free),
    ],
    &[
        ("ndcg_at_10", 0.3586, Bound::AtLeast(0.3412)),
        ("recall_at_50", 0.3021, Bound::AtLeast(0.28)),
        ("coverage_at_100", 0.437, Bound::AtLeast(0.38)),
        ("kids_profile_unsafe_rate", 0.0, Bound::AtMost(0.0)),
        ("evaluated_users", 250_000.0, Bound::Free),
    ],
    &[
        ("ndcg_at_10", 0.3651, Bound::AtLeast(0.3586)),
        ("recall_at_50", 0.3118, Bound::AtLeast(0.28)),
        ("coverage_at_100", 0.446, Bound::AtLeast(0.38)),
        ("kids_profile_unsafe_rate", 0.0, Bound::AtMost(0.0)),
        ("evaluated_users", 250_000.0, Bound::Free),
    ],
    &[
        ("ndcg_at_10", 0.3789, Bound::AtLeast(0.3586)),
        ("recall_at_50", 0.3204, Bound::AtLeast(0.28)),
        ("coverage_at_100", 0.421, Bound::AtLeast(0.38)),
        ("kids_profile_unsafe_rate", 0.0, Bound::AtMost(0.0)),
        ("evaluated_users", 250_000.0, Bound::Free),
    ],
];
const SHADOW: ShadowTrial = ShadowTrial {
    pairs: 1_500,
    segments: &[("new users", 0.18, 0.91), ("kids profiles", 0.15, 0.93), ("all other profiles", 0.67, 0.952)],
    slower: 1.04,
    list: Some(15),
};
const SHADOW_EU: ShadowTrial = ShadowTrial {
    pairs: 1_600,
    segments: &[("German", 0.4, 0.957), ("French", 0.35, 0.951), ("Polish", 0.12, 0.862), ("English", 0.13, 0.946)],
    slower: 1.06,
    list: Some(15),
};
const SHADOW_EU_SEGMENTS: ShadowTrial = ShadowTrial {
    pairs: 1_200,
    segments: &[("Greek", 0.3, 0.944), ("Finnish", 0.32, 0.95), ("users without history", 0.38, 0.939)],
    slower: 1.05,
    list: Some(15),
};
/// Completed is a session in which something was watched to its end or beyond half of it.
const CANARY: CanaryTrial =
    CanaryTrial { users: 2_600, completed: [0.962, 0.971], slower: 1.03, one_fails_in: 0, every_seconds: None };
const CANARY_EU: CanaryTrial =
    CanaryTrial { users: 6_000, completed: [0.97, 0.978], slower: 1.02, one_fails_in: 0, every_seconds: None };
const CANARY_LOOKS: [CanaryTrial; 2] = [
    CanaryTrial { users: 2_600, completed: [0.962, 0.958], slower: 1.04, one_fails_in: 0, every_seconds: Some(60) },
    CanaryTrial { users: 5_200, completed: [0.962, 0.958], slower: 1.04, one_fails_in: 0, every_seconds: Some(60) },
];

/// What the windows after a promotion showed, a day each.
const LIVE: [Seen; 4] = [
    Seen::new(412_000, [0.0004, 0.0003, 0.0005], [1.02, 1.0, 1.04]).with_outcome([0.014, 0.006, 0.022]),
    Seen::new(655_000, [0.0003, 0.0003, 0.0004], [1.03, 1.01, 1.05]).with_outcome([0.017, 0.011, 0.023]),
    Seen::new(1_280_000, [0.0003, 0.0002, 0.0004], [1.02, 1.01, 1.03]).with_outcome([0.018, 0.014, 0.022]),
    Seen::new(2_610_000, [0.0003, 0.0003, 0.0003], [1.01, 1.0, 1.02]).with_outcome([0.019, 0.016, 0.022]),
];
/// The canary's twentieth of EU profiles.
const LIVE_SMALL: Seen =
    Seen::new(196_000, [0.0005, 0.0003, 0.0007], [1.02, 0.99, 1.05]).with_outcome([0.013, 0.001, 0.025]);
const LIVE_CANARY: Seen =
    Seen::new(158_000, [0.0011, 0.0009, 0.0013], [1.04, 1.01, 1.07]).with_outcome([0.012, -0.001, 0.025]);
/// An index that was cold after a failover.
const LIVE_COLD: Seen =
    Seen::new(24_000, [0.0174, 0.0151, 0.0199], [1.31, 1.24, 1.38]).with_outcome([-0.021, -0.034, -0.008]);

fn first(calendar: Calendar) -> Lineage {
    let mut lineage = Lineage::default();
    lineage.code.repository = Some("https://git.streamhouse.example/ml/streamrec".into());
    lineage.data.dataset = Some("watch-events".into());
    lineage.data.schema_digest = Some(Digest::of(b"watch-events schema 7"));
    lineage.data.preprocessing = BTreeMap::from([
        ("history_length".into(), Scalar::Int(50)),
        ("minimum_watched_seconds".into(), Scalar::Int(30)),
        ("sessions_split_after_minutes".into(), Scalar::Int(20)),
    ]);
    lineage.model.architecture = Some("two-tower retrieval with a DLRM ranker".into());
    lineage.model.framework = Some("PyTorch 2.8.0".into());
    lineage.features.set_version = Some("rec-features 21".into());
    lineage.features.names = [
        "watch_history_50",
        "genre_affinity_90d",
        "time_of_day",
        "device_class",
        "locale",
        "title_age_days",
        "title_embedding",
        "popularity_7d_market",
    ]
    .map(String::from)
    .into();
    lineage.hyperparameters = BTreeMap::from([
        ("embedding_dim".into(), Scalar::Int(64)),
        ("learning_rate".into(), Scalar::Float(0.001)),
        ("batch_size".into(), Scalar::Int(4_096)),
        ("epochs".into(), Scalar::Int(6)),
        ("negative_samples".into(), Scalar::Int(20)),
        ("dropout".into(), Scalar::Float(0.1)),
        ("optimizer".into(), Scalar::Text("adamw".into())),
    ]);
    lineage.training.random_seed = Some(20_260);
    trained(&mut lineage, "streamrec 1", &calendar.partition(38));
    metrics(&mut lineage, 0.3412, 0.2874, 0.412);
    lineage
}

fn metrics(lineage: &mut Lineage, ndcg: f64, recall: f64, coverage: f64) {
    lineage.metrics = BTreeMap::from([
        ("ndcg_at_10".into(), ndcg),
        ("recall_at_50".into(), recall),
        ("coverage_at_100".into(), coverage),
    ]);
}

fn paths(s: &mut Strand, day: u32, version: u32, offline: usize) {
    s.attach((day, 9, 52), version, Code, "pytest.xml", Content::Tests(TESTS));
    s.attach((day, 10, 8), version, Data, "watch-events.json", Content::Checks(CHECKS, &[]));
    s.attach((day, 13, 35), version, Model, "offline-evaluation.json", Content::Evaluation(OFFLINE[offline]));
}

/// The story of `StreamRec`.
pub(super) fn scenes(calendar: Calendar) -> Result<Vec<Scene>, IdError> {
    let mut s = Strand::new(calendar, "streamrec", MEI);
    s.register_model((36, 9, 5), Tier::Three, "unregulated", &["US", "EU"], [
        "StreamRec content recommender",
        "Ranks the titles on the home screen and the row \u{201c}Because you watched\u{201d}. A wrong ranking costs attention, not money or rights; titles above a profile's parental rating are removed before ranking and again after it. Not used for pricing, for advertising, or to decide what is licensed.",
    ]);
    let lineage = first_two(&mut s, calendar);
    third(&mut s, calendar, lineage);
    s.finish()
}

/// Versions 1 and 2, from registration to serving both markets. Answers the lineage of version 2.
fn first_two(s: &mut Strand, calendar: Calendar) -> Lineage {
    let mut lineage = first(calendar);
    s.register((36, 9, 20), &lineage, "First version in this registry; replaces the popularity baseline.");
    paths(s, 36, 1, 0);
    s.request(
        (36, 15, 0),
        1,
        Stage::Staging,
        None,
        "Offline evaluation beats the popularity baseline on every locale.",
    );
    for market in ["US", "EU"] {
        s.request((35, 9, 30), 1, Stage::Shadow, Some(market), "");
    }
    s.privacy((34, 10, 0), MEI, PrivacyAct::Draft(&privacy::STREAMREC, MEI));
    let reasons =
        "The ranking is made by machine alone; it decides what is shown first, not what somebody may see or must pay.";
    s.privacy((34, 10, 20), MEI, PrivacyAct::State(reasons, false, MEI));
    s.privacy((33, 15, 10), LUKAS, PrivacyAct::Confirm);
    let advice = "Read with the engineers. The switch must stay one step from the home screen; with that I see no reason against it.";
    s.privacy((33, 15, 30), LUKAS, PrivacyAct::Advise(advice));
    s.privacy((32, 9, 20), LUKAS, PrivacyAct::Approve("To be looked at again when the session features come."));
    s.results((30, 10, 20), 1, Shadow, "US", Content::Shadow(&SHADOW));
    s.results((30, 10, 35), 1, Shadow, "EU", Content::Shadow(&SHADOW_EU));
    s.request((30, 11, 0), 1, Stage::Canary, Some("US"), "10 % of US profiles.");
    s.request((30, 11, 5), 1, Stage::Canary, Some("EU"), "5 % of EU profiles, adults only in the first week.");
    s.sign((29, 9, 40), ANA, 1, Some("EU"), "Segment figures checked against the raw job output.");
    s.sign((29, 14, 15), LUKAS, 1, Some("EU"), "Covered by the assessment; no new purpose, no new data category.");
    s.results((27, 12, 10), 1, Canary, "US", Content::Canary(&CANARY));
    s.request((27, 13, 0), 1, Stage::Production, Some("US"), "Uplift is positive with its whole interval.");
    s.results((24, 15, 30), 1, Canary, "EU", Content::Canary(&CANARY_EU));
    s.request((24, 16, 0), 1, Stage::Production, Some("EU"), "Seven days at 5 % without a complaint.");
    s.sign((23, 10, 25), ANA, 1, Some("EU"), "");

    s.step((27, 14, 30), 1, "US", &LIVE[0], None);
    s.roll_out((26, 14), 1, "US", &LIVE[1..], None);
    s.step((23, 10, 40), 1, "EU", &LIVE_SMALL, Some((ANA, "")));
    let comments = ["Week one by locale read.", "", "Polish and Greek segments looked at one by one.", "No complaint."];
    s.roll_out((22, 11), 1, "EU", &LIVE, Some((ANA, &comments)));

    trained(&mut lineage, "streamrec 2", &calendar.partition(25));
    lineage.hyperparameters.insert("embedding_dim".into(), Scalar::Int(96));
    lineage.hyperparameters.insert("epochs".into(), Scalar::Int(8));
    lineage.parents = [VersionNumber::FIRST].into();
    metrics(&mut lineage, 0.3586, 0.3021, 0.437);
    s.register((24, 9, 15), &lineage, "Wider embeddings and eight epochs on fresh watch events.");
    paths(s, 24, 2, 1);
    s.request((23, 9, 30), 2, Stage::Staging, None, "NDCG@10 rises from 0.341 to 0.359 on the same users.");
    s.request((23, 11, 10), 2, Stage::Shadow, Some("US"), "");
    s.request((23, 11, 12), 2, Stage::Shadow, Some("EU"), "");
    s.results((18, 13, 5), 2, Shadow, "US", Content::Shadow(&SHADOW));
    s.results((18, 13, 20), 2, Shadow, "EU", Content::Shadow(&SHADOW_EU));
    s.request((18, 14, 0), 2, Stage::Canary, Some("US"), "10 % of US profiles.");
    s.request((18, 14, 5), 2, Stage::Canary, Some("EU"), "5 % of EU profiles.");
    s.sign((17, 9, 50), HENRIK, 2, Some("EU"), "The Polish segment is close to its limit; watch it in the canary.");
    s.raise((17, 10, 30), HENRIK, 2, NewFinding {
        severity: Severity::Low,
        title: "Exposure of Polish titles is not reported by week",
        description: "Rank agreement in the Polish segment is 0.860 against a limit of 0.85. The weekly dashboard sums all locales, so a drift in this segment would be seen only in the monthly review. Report share of impressions and click-through by locale each week.",
        owner: None,
        due_at: calendar.in_days(-3),
    });
    s.sign(
        (16, 11, 45),
        HENRIK,
        2,
        Some("EU"),
        "Signed again: my own finding 1 became part of the package. It does not block.",
    );
    s.sign((16, 15, 20), LUKAS, 2, Some("EU"), "No change in the data used or in what people are shown about it.");
    s.remediate((13, 16, 10), 2, 1, "The dashboard \u{201c}StreamRec by locale\u{201d} now shows impressions, click-through and rank agreement for each locale by week, with an alert at 0.86.");
    s.close(
        (12, 10, 5),
        ANA,
        2,
        1,
        "Dashboard and alert seen; the alert fired on a replay of last week's data with the threshold raised to 0.87.",
    );
    s.results((14, 9, 55), 2, Canary, "US", Content::Canary(&CANARY));
    s.request(
        (14, 10, 30),
        2,
        Stage::Production,
        Some("US"),
        "Click-through up 1.9 %, interval above zero since day 3.",
    );
    s.results((9, 16, 5), 2, Canary, "EU", Content::Canary(&CANARY_EU));
    s.request(
        (9, 16, 30),
        2,
        Stage::Production,
        Some("EU"),
        "Seven days at 5 %; no locale fell behind the control group.",
    );
    s.sign((8, 9, 35), ANA, 2, Some("EU"), "Canary results by locale read; finding 1 is closed.");
    s.step((14, 11, 0), 2, "US", &LIVE[0], None);
    s.roll_out((13, 11), 2, "US", &LIVE[1..], None);
    s.step((8, 9, 50), 2, "EU", &LIVE_SMALL, Some((HENRIK, "")));
    let comments = ["Rank agreement by locale is steady.", "", "", "Read together with the weekly dashboard."];
    s.roll_out((7, 10), 2, "EU", &LIVE, Some((HENRIK, &comments)));
    s.standby((2, 9, 5), 1, "EU");
    s.drill((3, 13, 30), "EU", "Quarterly drill: back to version 1 on the standby pool.", 9);
    lineage
}

/// Monthly by schedule; then click-through falls, and hours later the inputs drift so far that it cannot wait.
fn retraining(s: &mut Strand, calendar: Calendar) {
    s.triggers((18, 10, 5), Some(&monthly_since(&calendar.partition(16))), None, &[("click_through", 0.05, 3)]);
    s.drift(
        (10, 6, 10),
        24,
        &[("device_class", 12), ("genre_affinity_90d", 22), ("locale", 6), ("title_age_days", 18)],
    );
    s.drift((8, 6, 10), 9, &[("device_class", 79), ("genre_affinity_90d", 20), ("locale", 5), ("title_age_days", 15)]);
    s.performance((9, 6, 40), 3, "click_through", 0.0562, 1_912_000);
    s.performance((3, 6, 40), 3, "click_through", 0.0471, 2_204_000);
    s.drift(
        (3, 15, 25),
        24,
        &[("device_class", 112), ("genre_affinity_90d", 38), ("locale", 8), ("title_age_days", 61)],
    );
    s.drift(
        (3, 18, 25),
        24,
        &[("device_class", 78), ("genre_affinity_90d", 36), ("locale", 8), ("title_age_days", 58)],
    );
}

/// Version 3 on its way, version 4 in Staging, version 5 hardly begun.
fn third(s: &mut Strand, calendar: Calendar, mut lineage: Lineage) {
    retraining(s, calendar);
    trained(&mut lineage, "streamrec 3", &calendar.partition(17));
    lineage.hyperparameters.insert("negative_samples".into(), Scalar::Int(50));
    lineage.parents = VersionNumber::try_from(2).into_iter().collect();
    metrics(&mut lineage, 0.3651, 0.3118, 0.446);
    let note = "Monthly retraining on fresh data; 50 negative samples instead of 20, as agreed with the team.";
    s.answer(calendar.at((16, 9, 10)), 1, &lineage, note);
    paths(s, 16, 3, 2);
    s.request((15, 10, 0), 3, Stage::Staging, None, "Same construction as version 2.");
    s.request((15, 10, 20), 3, Stage::Shadow, Some("US"), "");
    s.request((12, 9, 15), 3, Stage::Shadow, Some("EU"), "Started later: the EU pool was short of capacity.");
    s.results((6, 10, 40), 3, Shadow, "US", Content::Shadow(&SHADOW));
    s.request((6, 11, 10), 3, Stage::Canary, Some("US"), "10 % of US profiles.");
    s.observe((5, 16, 10), 3, "US", &LIVE_CANARY);
    s.results((4, 14, 50), 3, Canary, "US", Content::Canary(&CANARY_LOOKS[0]));
    s.observe((3, 8, 40), 3, "US", &LIVE_COLD);
    s.results_of((2, 16, 45), 3, Canary, "US", "second-look", Content::Canary(&CANARY_LOOKS[1]));
    s.observe((2, 17, 15), 3, "US", &LIVE_CANARY);
    s.results((2, 16, 20), 3, Shadow, "EU", Content::Shadow(&SHADOW_EU));
    s.request(
        (1, 9, 10),
        3,
        Stage::Canary,
        Some("EU"),
        "5 % of EU profiles. The figures for the small languages follow as soon as the job is through.",
    );
    s.sign((1, 11, 40), ANA, 3, Some("EU"), "Rank agreement and latency are within limits in every segment reported.");
    s.results_of((1, 15, 25), 3, Shadow, "EU", "small-languages", Content::Shadow(&SHADOW_EU_SEGMENTS));

    trained(&mut lineage, "streamrec 4", &calendar.partition(6));
    lineage.data.schema_digest = Some(Digest::of(b"watch-events schema 8"));
    lineage.data.preprocessing.insert("session_window_events".into(), Scalar::Int(12));
    lineage.features.set_version = Some("rec-features 22".into());
    lineage.features.names.insert("session_intent_vector".into());
    lineage.hyperparameters.insert("learning_rate".into(), Scalar::Float(0.0008));
    lineage.parents = VersionNumber::try_from(3).into_iter().collect();
    metrics(&mut lineage, 0.3789, 0.3204, 0.421);
    s.register((5, 9, 25), &lineage, "New feature: a vector of what the viewer seems to want in this session.");
    s.attach((5, 9, 50), 4, Data, "watch-events.json", Content::Checks(CHECKS, &["device_class"]));
    s.attach((5, 9, 55), 4, Code, "pytest.xml", Content::Tests(TESTS));
    s.attach((4, 11, 30), 4, Data, "watch-events.json", Content::Checks(CHECKS, &[]));
    s.attach((4, 11, 45), 4, Model, "offline-evaluation.json", Content::Evaluation(OFFLINE[3]));
    s.request((4, 13, 20), 4, Stage::Staging, None, "The first data check failed because a new television was missing from the list of device classes; the list is mended and the same partition checked again.");

    let now = calendar.now;
    let mut lineage = lineage;
    trained(&mut lineage, "streamrec 5", &calendar.partition(1));
    lineage.code.image_digest = None;
    lineage.model.framework = None;
    lineage.data.schema_digest = None;
    lineage.training.random_seed = None;
    lineage.parents = VersionNumber::try_from(4).into_iter().collect();
    metrics(&mut lineage, 0.3795, 0.3199, 0.424);
    s.answer(
        now.plus_minutes(-25),
        3,
        &lineage,
        "Retraining after the emergency, registered by the pipeline; the build of its image is not through yet.",
    );
    s.attach_at(now.plus_minutes(-22), PIPELINE, 5, Code, "pytest.xml", Content::Tests(TESTS));
}
