use std::{collections::BTreeSet, fmt::Write as _};

use super::*;
use crate::evidence::parse;

fn limits(margin: f64) -> ChampionLimits {
    ChampionLimits {
        margins: Metric::ALL.map(|metric| (metric, margin)).into(),
        segment_margins: BTreeMap::new(),
        confidence: 0.95,
        min_sample: 100,
        min_segment_sample: 50,
        segments: BTreeSet::new(),
        metrics: Vec::new(),
        relative: BTreeSet::new(),
    }
}

fn asked(limits: ChampionLimits) -> Thresholds {
    Thresholds { champion: Some(limits), ..Thresholds::default() }
}

/// Numbers between 0 and 1 that look drawn at random and are always the same.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(u32::MAX >> 1)
    }
}

/// Scores of two models: `lost` is how much of its knowledge the challenger has lost in the segment `young`.
fn table(n: usize, lost: f64) -> String {
    let mut draw = noise(7);
    let mut file = String::from("# metric: auc\n# champion-version: 3\nlabel,champion,challenger,segment\n");
    for _ in 0..n {
        let label = f64::from(u8::from(draw() < 0.4));
        let shared = draw() * 0.6;
        let segment = if draw() < 0.25 { "young" } else { "old" };
        let kept = if segment == "young" { 1.0 - lost } else { 1.0 };
        let champion = shared + 0.3 * label + 0.1 * draw();
        let challenger = shared + 0.3 * label * kept + 0.1 * draw();
        writeln!(file, "{label},{champion},{challenger},{segment}").unwrap();
    }
    file
}

fn read(file: &str, limits: ChampionLimits) -> Facts {
    parse(file.as_bytes(), &asked(limits)).unwrap().facts
}

#[test]
fn a_challenger_as_good_as_the_champion_passes_and_keeps_its_thresholds() {
    let facts = read(&table(4_000, 0.0), limits(0.02));
    assert_eq!((facts.verdict, facts.failures.len()), (Verdict::Green, 0), "{facts:?}");
    assert_eq!(facts.criteria, Some(Criteria::ChampionChallenger(limits(0.02))));
    assert_eq!(facts.compared, Some(Compared { version: version(3), weights: None }));
    let difference = &facts.figures[2];
    let interval = difference.interval.unwrap();
    assert!(interval.low < difference.value && difference.value < interval.high, "{difference:?}");
    assert_eq!(difference.n, Some(4_000));
    let segments: Vec<_> = facts.figures[3..].iter().map(|figure| figure.segment.as_deref().unwrap()).collect();
    assert_eq!(segments, ["old", "young"]);
}

#[test]
fn one_segment_fails_the_whole_and_is_named() {
    let lax = ChampionLimits { segment_margins: [(Metric::Auc, 0.5)].into(), ..limits(0.2) };
    let facts = read(&table(4_000, 0.9), lax);
    assert_eq!(facts.verdict, Verdict::Green, "a wide margin lets it pass: {facts:?}");
    let strict = ChampionLimits { segment_margins: [(Metric::Auc, 0.02)].into(), ..limits(0.2) };
    let facts = read(&table(4_000, 0.9), strict);
    assert_eq!(facts.verdict, Verdict::Red);
    assert_eq!(facts.failures.len(), 1, "{facts:?}");
    assert!(facts.failures[0].starts_with("in segment young the auc differs by -0."), "{facts:?}");
    assert!(facts.summary.contains("segment young"), "{}", facts.summary);
}

#[test]
fn the_interval_decides_and_not_the_point() {
    // With few pairs the difference itself is harmless; nobody can say that the margin holds.
    let few = read(&table(120, 0.0), ChampionLimits { min_segment_sample: 1_000, ..limits(0.001) });
    let difference = &few.figures[2];
    assert!(difference.value.abs() < 0.05 && difference.interval.unwrap().low < -0.001, "{difference:?}");
    assert_eq!((few.verdict, difference.passed), (Verdict::Red, Some(false)));
}

#[test]
fn samples_too_small_and_segments_required_are_told() {
    let demanding = ChampionLimits {
        min_sample: 5_000,
        min_segment_sample: 2_000,
        segments: ["young".to_owned(), "retired".to_owned()].into(),
        ..limits(0.5)
    };
    let facts = read(&table(4_000, 0.0), demanding);
    assert_eq!(facts.failures[0], "4000 pairs, asked at least 5000");
    assert_eq!(facts.failures[1], "segment retired is required and not in the file");
    assert!(facts.failures[2].starts_with("segment young has ") && facts.failures.len() == 3, "{facts:?}");
    let small = facts.figures.iter().find(|figure| figure.segment.as_deref() == Some("young")).unwrap();
    assert_eq!(small.passed, None, "a small segment is shown and not judged");
}

#[test]
fn a_metric_without_a_margin_is_not_accepted() {
    let only_loss = ChampionLimits { margins: [(Metric::LogLoss, 0.1)].into(), ..limits(0.1) };
    let facts = read(&table(400, 0.0), only_loss);
    assert_eq!(facts.failures, ["policy sets no margin for auc"]);
}

/// Whoever brings the file chooses neither the metric nor the unit.
#[test]
fn policys_metric_decides_and_a_unit_of_ones_own_buys_nothing() {
    let decided = |margin: f64| ChampionLimits {
        metrics: vec![Metric::Auc, Metric::SquaredError],
        relative: [Metric::SquaredError].into(),
        ..limits(margin)
    };
    let lost = table(4_000, 1.0).replace("# metric: auc", "# metric: squared_error");
    assert_eq!(read(&lost, limits(0.15)).verdict, Verdict::Green, "so it was: the squared error moves less");
    let facts = read(&lost, decided(0.15));
    assert_eq!((facts.verdict, facts.metric()), (Verdict::Red, Some("auc")), "{facts:#?}");
    assert!(facts.summary.ends_with("The file names squared_error; policy decides by auc."), "{}", facts.summary);
    // Labels of thousandths: a perfect champion, a challenger that has all of it the wrong way round.
    let mut tiny = String::from("# metric: squared_error\nlabel,champion,challenger\n");
    for case in 0..600 {
        let label = f64::from(case % 2) / 1_000.0;
        writeln!(tiny, "{label},{label},{}", 0.001 - label).unwrap();
    }
    assert_eq!(read(&tiny, limits(0.005)).verdict, Verdict::Green, "so it was");
    let facts = read(&tiny, decided(0.05));
    assert_eq!(facts.verdict, Verdict::Red);
    assert!(facts.failures[0].contains("<= 0.05 of the champion's value at the upper end"), "{facts:#?}");
    // The same in another unit comes out the same.
    let in_unit = |unit: f64| {
        let mut draw = noise(3);
        let mut file = String::from("label,champion,challenger\n");
        for _ in 0..600 {
            let label = draw() * 7.0;
            let (old, new) = (label + draw() - 0.5, label + draw() - 0.5);
            writeln!(file, "{},{},{}", label * unit, old * unit, new * unit).unwrap();
        }
        read(&file, decided(0.2)).verdict
    };
    assert_eq!(in_unit(1.0), in_unit(1_000_000.0));
    let classes_only = ChampionLimits { metrics: vec![Metric::Auc], ..limits(0.05) };
    let facts = read(&tiny, classes_only);
    assert_eq!(facts.failures[0], "policy decides by auc, which needs labels 0 and 1");
}

#[test]
fn an_array_of_pairs_and_a_table_with_semicolons_are_read() {
    let array = r#"[{"label": 1, "champion": 0.8, "challenger": 0.7}, {"label": 0, "champion": 0.2, "challenger": 0.3},
        {"label": 1, "champion": 0.6, "challenger": 0.9}, {"label": 0, "champion": 0.7, "challenger": 0.1}]"#;
    let table = "label;champion;challenger\n1;0.8;0.7\n0;0.2;0.3\n1;0.6;0.9\n0;0.7;0.1\n";
    let facts = read(array, limits(0.9));
    assert_eq!((facts.kind, &facts), (EvidenceKind::ChampionChallenger, &read(table, limits(0.9))));
    let odd = parse(br#"[{"label": 1, "champion": 0.8, "challenger": "x"}]"#, &asked(limits(0.9))).unwrap_err();
    assert!(odd.to_string().contains("/0/challenger: a number is expected"), "{odd}");
}

/// Ten pairs whose squared errors are 0.04 for the champion and 0.09 or 0.01 for the challenger.
fn loss_file(metric: &str) -> String {
    let row = |challenger: f64| format!(r#"{{"label": 1, "champion": 0.8, "challenger": {challenger}}}"#);
    let rows: Vec<String> = (0..10).map(|i| row(if i % 2 == 0 { 0.7 } else { 0.9 })).collect();
    format!(r#"{{"schema": "{SCHEMA}", "metric": "{metric}", "pairs": [{}]}}"#, rows.join(","))
}

#[test]
fn losses_are_compared_by_their_mean_difference_with_students_interval() {
    let lax = ChampionLimits { min_sample: 10, ..limits(0.05) };
    let facts = read(&loss_file("squared_error"), lax.clone());
    let difference = &facts.figures[2];
    // Differences are 0.05 and -0.03, five of each: mean 0.01, s = 0.04216, t(9) = 2.26216.
    assert!((difference.value - 0.01).abs() < 1e-12, "{difference:?}");
    let interval = difference.interval.unwrap();
    let half = 2.262_157 * (0.016_f64 / 9.0).sqrt() / 10.0_f64.sqrt();
    assert!((interval.high - 0.01 - half).abs() < 1e-6, "{interval:?} {half}");
    assert_eq!(facts.verdict, Verdict::Green);
    assert_eq!(
        read(
            &loss_file("squared_error"),
            ChampionLimits { margins: [(Metric::SquaredError, 0.04)].into(), ..lax.clone() }
        )
        .verdict,
        Verdict::Red
    );
    let absolute = read(&loss_file("absolute_error"), lax.clone());
    assert!((absolute.figures[2].value).abs() < 1e-12, "{absolute:?}");
    let log = read(&loss_file("log_loss"), lax);
    let expected = (-(0.7_f64.ln()) - 0.9_f64.ln()) / 2.0 + 0.8_f64.ln();
    assert!((log.figures[2].value - expected).abs() < 1e-12, "{log:?}");
}

#[test]
fn columns_and_pairs_say_the_same() {
    let columns = format!(
        r#"{{"schema": "{SCHEMA}", "metric": "squared_error", "columns": {{"label": [1,1,1,1,1,1,1,1,1,1],
        "champion": [0.8,0.8,0.8,0.8,0.8,0.8,0.8,0.8,0.8,0.8], "challenger": [0.7,0.9,0.7,0.9,0.7,0.9,0.7,0.9,0.7,0.9]}}}}"#
    );
    assert_eq!(read(&columns, limits(0.1)), read(&loss_file("squared_error"), limits(0.1)));
}

#[test]
fn without_a_policy_nothing_is_judged() {
    let facts = parse(table(400, 0.0).as_bytes(), &Thresholds::default()).unwrap().facts;
    assert_eq!((facts.verdict, facts.criteria), (Verdict::Neutral, None));
}

#[test]
fn faults_name_row_column_and_pointer() {
    let fault = |file: &str| parse(file.as_bytes(), &asked(limits(0.1))).unwrap_err().to_string();
    assert!(fault("label,champion,challenger\n1,0.5,nan\n").contains("line 2, column challenger: a finite number"));
    assert!(fault("label,champion,challenger\n1,0.5\n").contains("line 2: it has 2 cells"));
    assert!(fault("label,champion,challenger,segment\n1,0.5,0.5,\n").contains("line 2, column segment"));
    assert!(fault("# metric: accuracy\nlabel,champion,challenger\n").contains("the note metric"));
    assert!(fault("label,champion,challenger\n").contains("no pair"));
    assert!(fault("# metric: auc\nlabel,champion,challenger\n1,1,1\n2,1,1\n").contains("pair 2: its label is 2"));
    assert!(
        fault("label,champion,challenger\n1,1,1\n").contains("classes")
            || fault("label,champion,challenger\n1,1,1\n").contains("cases of each class")
    );
    let json = |body: &str| format!(r#"{{"schema": "{SCHEMA}", {body}}}"#);
    assert!(fault(&json(r#""pairs": [{"label": 1, "champion": 1}]"#)).contains("/pairs/0/challenger: it is missing"));
    assert!(
        fault(&json(r#""columns": {"label": [1], "champion": [1, 2], "challenger": [1]}"#))
            .contains("/columns/champion")
    );
    assert!(
        fault(&json(r#""champion": {"weights_digest": "sha256:1"}, "pairs": []"#)).contains("/champion/weights_digest")
    );
    assert!(fault(&json("\"metric\": \"auc\"")).contains("pairs or columns"));
    let half = r#""pairs": [{"label": 1, "champion": 1, "challenger": 1, "segment": "a"}, {"label": 0, "champion": 1, "challenger": 1}]"#;
    assert!(fault(&json(half)).contains("/pairs/1: some pairs name a segment"));
}
