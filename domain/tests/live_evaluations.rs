//! Shadow and canary evaluations, row by row, judged by the shipped policy.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

use domain::{
    Market, VersionId,
    canary::{CanaryCriteria, CanaryLog},
    evidence::{
        Criteria, EvidencePath, Facts, Figure, Verdict,
        table::{Cell, CellFault, Rows},
    },
    policy::{DEFAULT_POLICY, Policy},
    shadow::{ShadowCriteria, ShadowPairs},
    split::Arm,
};

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn criteria(path: EvidencePath, profile: &str, market: &str) -> Criteria {
    let policy = Policy::from_toml(DEFAULT_POLICY).unwrap();
    let profile = &policy.profiles[&profile.parse().unwrap()];
    let market: Market = market.parse().unwrap();
    Criteria::of_market(&policy, profile, path, &version(), &market).unwrap().unwrap()
}

fn version() -> VersionId {
    VersionId { model: "credit".parse().unwrap(), number: "3".parse().unwrap() }
}

fn of_shadow(market: &str) -> ShadowCriteria {
    let Criteria::Shadow(criteria) = criteria(EvidencePath::Shadow, "sr-11-7", market) else { panic!() };
    criteria
}

fn of_canary(market: &str) -> CanaryCriteria {
    let Criteria::Canary(criteria) = criteria(EvidencePath::Canary, "unregulated", market) else { panic!() };
    criteria
}

#[track_caller]
fn figure<'a>(facts: &'a Facts, name: &str, segment: Option<&str>) -> &'a Figure {
    facts
        .figures
        .iter()
        .find(|figure| figure.name.starts_with(name) && figure.segment.as_deref() == segment)
        .unwrap_or_else(|| panic!("no {name} in {facts:#?}"))
}

#[track_caller]
fn failed_only(facts: &Facts, expected: &[&str]) {
    assert_eq!(facts.failures.len(), expected.len(), "{:#?}", facts.failures);
    for (failure, words) in facts.failures.iter().zip(expected) {
        assert!(failure.contains(words), "{failure:?} does not say {words:?}");
    }
    assert_eq!(facts.verdict, if expected.is_empty() { Verdict::Green } else { Verdict::Red });
}

// --- Shadow -------------------------------------------------------------------------------------------------------

/// One request as a shadow file has it, and ways to spoil it.
#[derive(Clone)]
struct Request {
    id: String,
    second: i64,
    scores: [Option<f64>; 2],
    latency: [Option<f64>; 2],
    features: [String; 2],
    served_by: &'static str,
    champion_error: bool,
    error: bool,
    timeout: bool,
    segment: &'static str,
    list: Option<i64>,
}

impl Request {
    fn cells(&self) -> [Cell<'_>; 14] {
        let number = |value: Option<f64>| value.map_or(Cell::Empty, Cell::Number);
        [
            Cell::Text(&self.id),
            Cell::Whole(self.second),
            number(self.scores[0]),
            number(self.scores[1]),
            number(self.latency[0]),
            number(self.latency[1]),
            Cell::Text(&self.features[0]),
            Cell::Text(&self.features[1]),
            Cell::Text(self.served_by),
            Cell::Bool(self.champion_error),
            Cell::Bool(self.error),
            Cell::Bool(self.timeout),
            if self.segment.is_empty() { Cell::Empty } else { Cell::Text(self.segment) },
            self.list.map_or(Cell::Empty, Cell::Whole),
        ]
    }
}

/// Eight days of traffic on which both models nearly agree.
fn traffic() -> Vec<Request> {
    let mut random = Random(7);
    (0..8_000_i64)
        .map(|number| {
            let score = random.unit();
            let near = 0.97 * score + 0.03 * random.unit();
            Request {
                id: format!("r{number}"),
                second: 1_795_000_000 + number * 86,
                scores: [Some(score), Some(near)],
                latency: [Some(10.0 + random.unit() * 10.0), Some(11.0 + random.unit() * 10.0)],
                features: [format!("f{}", number % 2_000), format!("f{}", number % 2_000)],
                served_by: "champion",
                champion_error: false,
                error: false,
                timeout: false,
                segment: ["adults", "kids", "seniors"][usize::try_from(number % 3).unwrap()],
                list: Some(number / 20),
            }
        })
        .collect()
}

fn shadowed(requests: &[Request], criteria: &ShadowCriteria) -> Facts {
    let mut pairs = ShadowPairs::default();
    for request in requests {
        pairs.take(&request.cells()).unwrap();
    }
    pairs.facts(criteria)
}

fn shadow_fault(request: &Request) -> CellFault {
    ShadowPairs::default().take(&request.cells()).unwrap_err()
}

#[test]
fn a_faithful_shadow_passes_in_both_markets() {
    for market in ["US", "EU"] {
        let facts = shadowed(&traffic(), &of_shadow(market));
        failed_only(&facts, &[]);
        assert_eq!(facts.criteria, Some(Criteria::Shadow(of_shadow(market))), "what it was held against is kept");
        let overall = figure(&facts, "Spearman", None);
        let interval = overall.interval.unwrap();
        assert!(interval.low < overall.value && overall.value < interval.high && overall.n == Some(8_000));
        assert!(figure(&facts, "Spearman", Some("kids")).passed == Some(true));
        assert_eq!(figure(&facts, "mean overlap of the first 10", None).n, Some(400));
        assert!(
            facts
                .figures
                .iter()
                .any(|figure| figure.name.contains("10 quantile bins") && figure.name.contains("floor 0.000001"))
        );
    }
}

/// The promise in the words of the rules: 0.92 overall with one segment at 0.4 fails, and says which.
#[test]
fn a_segment_that_disagrees_fails_the_whole_and_is_named() {
    let mut requests = traffic();
    let mut random = Random(3);
    for request in requests.iter_mut().filter(|request| request.segment == "kids").step_by(4) {
        request.scores[1] = Some(random.unit());
    }
    let us = of_shadow("US");
    let facts = shadowed(&requests, &us);
    assert!(figure(&facts, "Spearman", None).value > us.limits.min_spearman, "overall it looks well: {facts:#?}");
    failed_only(&facts, &["Spearman's correlation in segment kids is 0.7"]);
    assert_eq!(
        facts.figures.iter().find(|figure| figure.segment.is_some()).unwrap().segment.as_deref(),
        Some("kids"),
        "the weakest comes first"
    );
}

#[test]
fn the_eu_asks_for_more() {
    let mut requests = traffic();
    let mut random = Random(3);
    for request in requests.iter_mut().step_by(11) {
        request.scores[1] = Some(random.unit());
    }
    let in_us = shadowed(&requests, &of_shadow("US"));
    let in_eu = shadowed(&requests, &of_shadow("EU"));
    assert_eq!(in_us.verdict, Verdict::Green, "{:#?}", in_us.failures);
    assert!(in_eu.failures.iter().any(|failure| failure.contains("asked >= 0.92")), "{:#?}", in_eu.failures);
}

#[test]
fn each_rule_of_the_shadow_is_held() {
    type Spoil = fn(&mut Vec<Request>);
    let cases: [(Spoil, &str); 13] = [
        (|all| all[5].served_by = "challenger", "answers served by the challenger is 1"),
        (|all| all[5].features[1] = "g".into(), "share of identical inputs"),
        (
            |all| all.iter_mut().for_each(|request| request.features = ["f".into(), "f".into()]),
            "different inputs (counted up to 100000) is 1, asked >= 100",
        ),
        (
            // Eight dates are touched, and the time between the first and the last request is five days and a little.
            |all| {
                all.iter_mut().enumerate().for_each(|(at, request)| {
                    request.second = 1_795_046_000 + i64::try_from(at).unwrap() * 65;
                });
            },
            "hours from the first to the last request is 144.",
        ),
        (|all| all[5].id = "r6".into(), "rows that repeat a request is 1"),
        (|all| all.truncate(1_500), "scored pairs is 1500, asked >= 5000"),
        (|all| all.iter_mut().for_each(|request| request.second = 1_795_000_000), "days with traffic is 1, asked >= 7"),
        (|all| all.iter_mut().step_by(50).for_each(|request| request.error = true), "challenger's error rate is 0.02"),
        (|all| all.iter_mut().step_by(50).for_each(|request| request.latency[1] = Some(90.0)), "p99 latency ratio"),
        (
            |all| all.iter_mut().for_each(|request| request.scores[1] = request.scores[1].map(|score| score + 0.2)),
            "Kolmogorov",
        ),
        (|all| all.iter_mut().for_each(|request| request.segment = ""), "names no segments"),
        (
            |all| all.iter_mut().take(60).for_each(|request| request.segment = "new"),
            "Segment new has 60 scored pairs, asked >= 100",
        ),
        (
            |all| {
                // In the middle of each list, four change places with the four before them: hardly seen overall.
                for list in all.chunks_mut(20) {
                    list.sort_by(|a, b| a.scores[0].partial_cmp(&b.scores[0]).unwrap());
                    for place in 6..10 {
                        (list[place].scores[1], list[place + 4].scores[1]) =
                            (list[place + 4].scores[1], list[place].scores[1]);
                    }
                }
            },
            "mean overlap of the first 10",
        ),
    ];
    for (spoil, words) in cases {
        let mut requests = traffic();
        spoil(&mut requests);
        let facts = shadowed(&requests, &of_shadow("US"));
        assert_eq!(facts.verdict, Verdict::Red, "{words}");
        assert!(facts.failures.iter().any(|failure| failure.contains(words)), "{words}: {:#?}", facts.failures);
    }
}

/// Noise, but for the requests on which it happens to agree: the others are called errors of the champion, without a score.
#[test]
fn what_the_champion_did_not_score_is_not_passed_over() {
    let mut random = Random(5);
    let mut requests = traffic();
    for request in &mut requests {
        let (score, noise) = (request.scores[0].unwrap(), random.unit());
        (request.scores[1], request.list) = (Some(noise), None);
        if (score - noise).abs() > 0.12 {
            (request.scores[0], request.champion_error) = (None, true);
        }
    }
    // Enough of them are left over to be asked for no more pairs.
    let mut lenient = of_shadow("US");
    (lenient.limits.min_pairs, lenient.limits.min_segment_pairs) = (100, 10);
    let facts = shadowed(&requests, &lenient);
    assert!(figure(&facts, "Spearman", None).passed == Some(true), "what is left agrees: {facts:#?}");
    failed_only(&facts, &["percentage of requests that both models scored is 22.", "champion's error rate is 0.7"]);
    // Entries of before were not asked, and come out as they did.
    lenient.limits.min_scored_percent = None;
    lenient.limits.max_champion_error_rate = None;
    let kept = serde_json::to_string(&lenient).unwrap();
    assert!(!kept.contains("min_scored_percent") && !kept.contains("max_champion_error_rate"));
    failed_only(&shadowed(&requests, &serde_json::from_str(&kept).unwrap()), &[]);
}

#[test]
fn requests_of_another_time_are_not_of_this_trial() {
    let mut criteria = of_shadow("US");
    criteria.since = Some(ledger::Timestamp::from_seconds(1_795_000_000));
    failed_only(&shadowed(&traffic(), &criteria), &[]);
    criteria.since = Some(ledger::Timestamp::from_seconds(1_795_003_600));
    let facts = shadowed(&traffic(), &criteria);
    failed_only(&facts, &["hours from the stage's beginning to the first request is -1, asked >= 0"]);
}

#[test]
fn timeouts_may_slow_the_shadow_and_not_the_champion() {
    let mut requests = traffic();
    for request in requests.iter_mut().step_by(70) {
        request.timeout = true;
        request.scores[1] = None;
        request.latency[1] = None;
    }
    let lenient = |mut criteria: ShadowCriteria| {
        criteria.limits.max_error_rate = 0.05;
        criteria
    };
    let facts = shadowed(&requests, &lenient(of_shadow("US")));
    failed_only(&facts, &[]);
    assert_eq!(figure(&facts, "challenger's timeouts", None).value.to_bits(), 115.0_f64.to_bits());
    for request in requests.iter_mut().filter(|request| request.timeout) {
        request.latency[0] = Some(40.0);
    }
    let facts = shadowed(&requests, &lenient(of_shadow("US")));
    failed_only(&facts, &["champion's slowdown during timeouts is 2.6"]);
}

#[test]
fn a_row_that_cannot_be_used_names_its_cell() {
    let good = traffic().remove(0);
    let column = |spoil: fn(&mut Request)| {
        let mut bad = good.clone();
        spoil(&mut bad);
        shadow_fault(&bad)
    };
    assert_eq!(column(|request| request.scores[1] = None).column, Some("challenger_score"));
    assert!(column(|request| request.scores[1] = None).reason.contains("no error or timeout says why"));
    assert_eq!(column(|request| request.scores[0] = Some(f64::NAN)).column, Some("champion_score"));
    assert_eq!(column(|request| request.latency[0] = Some(-1.0)).column, Some("champion_latency_ms"));
    assert_eq!(column(|request| request.served_by = "canary").column, Some("served_by"));
    assert!(ShadowPairs::default().take(&good.cells()).is_ok(), "and the good one is no fault");
}

#[test]
fn constant_scores_have_no_correlation_and_fail() {
    let mut requests = traffic();
    for request in &mut requests {
        request.scores = [Some(0.5), Some(0.5)];
    }
    let facts = shadowed(&requests, &of_shadow("US"));
    assert!(facts.failures.iter().any(|failure| failure.contains("a column is constant")), "{:#?}", facts.failures);
    assert!(facts.failures.iter().any(|failure| failure.contains("(segment kids)")), "{:#?}", facts.failures);
}

#[test]
fn many_segments_fit_into_an_entry() {
    let mut requests = traffic();
    let names: Vec<&'static str> = (0..900).map(|number| &*format!("segment number {number}").leak()).collect();
    for (request, name) in requests.iter_mut().zip(names.iter().cycle()) {
        request.segment = name;
    }
    let facts = shadowed(&requests, &of_shadow("US"));
    assert_eq!(facts.failures.len(), 30, "all are too small");
    assert!(serde_json::to_vec(&facts).unwrap().len() < 20_000);
}

// --- Canary -------------------------------------------------------------------------------------------------------

#[derive(Clone)]
struct Visit {
    user: String,
    second: i64,
    arm: Arm,
    latency: f64,
    error: bool,
    complaint: bool,
    clicked: Option<bool>,
}

impl Visit {
    fn cells(&self) -> [Cell<'_>; 8] {
        [
            Cell::Text(&self.user),
            Cell::Whole(self.second),
            Cell::Text(self.arm.id()),
            Cell::Number(self.latency),
            Cell::Bool(self.error),
            Cell::Bool(self.complaint),
            self.clicked.map_or(Cell::Empty, Cell::Bool),
            Cell::Empty,
        ]
    }
}

/// Eight days of a canary, assigned as published; `rates` are the click-through of champion and challenger.
fn canary(criteria: &CanaryCriteria, rates: [f64; 2]) -> Vec<Visit> {
    let mut random = Random(11);
    (0..60_000_i64)
        .map(|number| {
            let user = format!("u{}", number % 12_000);
            let arm = criteria.split.arm(&user);
            Visit {
                second: 1_795_000_000 + number * 12,
                arm,
                latency: 20.0 + 10.0 * random.unit(),
                error: random.unit() < 0.001,
                complaint: false,
                clicked: Some(random.unit() < rates[arm as usize]),
                user,
            }
        })
        .collect()
}

fn judged(visits: &[Visit], criteria: &CanaryCriteria) -> Facts {
    let mut log = CanaryLog::new(criteria.split.clone());
    for visit in visits {
        log.take(&visit.cells()).unwrap();
    }
    log.facts(criteria)
}

#[test]
fn a_better_canary_passes_and_a_worse_one_does_not() {
    let us = of_canary("US");
    assert_eq!((us.split.challenger_buckets, us.min_days), (1_000, 3));
    let facts = judged(&canary(&us, [0.5, 0.56]), &us);
    failed_only(&facts, &[]);
    let uplift = figure(&facts, "relative uplift of click-through", None);
    assert!(uplift.value > 0.05 && uplift.interval.unwrap().low > -0.05, "{uplift:?}");
    let facts = judged(&canary(&us, [0.5, 0.45]), &us);
    failed_only(&facts, &["lower end of the uplift of click-through"]);
}

#[test]
fn the_eu_exposes_fewer_users_for_longer() {
    let eu = of_canary("EU");
    assert_eq!((eu.split.challenger_buckets, eu.min_days), (500, 7));
    assert_eq!(eu.split.salt, "credit/3/EU:");
    assert!(eu.limits.max_relative_loss < of_canary("US").limits.max_relative_loss);
}

#[test]
fn the_assignment_is_audited() {
    let us = of_canary("US");
    let good = canary(&us, [0.5, 0.56]);

    let mut both = good.clone();
    both[12_000].arm = if both[12_000].arm == Arm::Champion { Arm::Challenger } else { Arm::Champion };
    failed_only(&judged(&both, &us), &["users in both arms is 1"]);

    let mut moved = good.clone();
    let user = moved.iter().find(|visit| visit.arm == Arm::Champion).unwrap().user.clone();
    moved.iter_mut().filter(|visit| visit.user == user).for_each(|visit| visit.arm = Arm::Challenger);
    failed_only(&judged(&moved, &us), &["users outside of their arm of the split is 1"]);

    // A serving system that loses every third of the challenger's users: what is left looks right, and is not.
    let lost = |visit: &Visit| visit.arm == Arm::Challenger && visit.user.ends_with(['1', '4', '7']);
    let kept: Vec<Visit> = good.iter().filter(|visit| !lost(visit)).cloned().collect();
    let facts = judged(&kept, &us);
    assert!(facts.failures.iter().any(|failure| failure.starts_with("p of the sample ratio")), "{:#?}", facts.failures);
}

#[test]
fn guardrails_and_bounds_of_the_canary_are_held() {
    type Spoil = fn(&mut Vec<Visit>);
    let cases: [(Spoil, &str); 6] = [
        (
            |all| all.iter_mut().filter(|v| v.arm == Arm::Challenger).step_by(20).for_each(|v| v.error = true),
            "increase of the error rate",
        ),
        (
            |all| all.iter_mut().filter(|v| v.arm == Arm::Challenger).step_by(99).for_each(|v| v.complaint = true),
            "increase of users who complain",
        ),
        (|all| all.iter_mut().filter(|v| v.arm == Arm::Challenger).for_each(|v| v.latency *= 1.5), "p99 latency ratio"),
        (|all| all.iter_mut().for_each(|v| v.second = 0), "days with the challenger's traffic is 1, asked >= 3"),
        (|all| all.iter_mut().for_each(|v| v.clicked = None), "holds no outcome"),
        (|all| all.truncate(600), "challenger's users is"),
    ];
    let us = of_canary("US");
    for (spoil, words) in cases {
        let mut visits = canary(&us, [0.5, 0.56]);
        spoil(&mut visits);
        let facts = judged(&visits, &us);
        assert!(facts.failures.iter().any(|failure| failure.contains(words)), "{words}: {:#?}", facts.failures);
    }
}

/// Nobody of the challenger's users is less likely to click than the champion's if whoever does not is left out.
#[test]
fn outcomes_that_are_left_open_do_not_vanish() {
    let us = of_canary("US");
    let mut visits = canary(&us, [0.5, 0.05]);
    for visit in visits.iter_mut().filter(|visit| visit.arm == Arm::Challenger && visit.clicked == Some(false)) {
        visit.clicked = None;
    }
    let facts = judged(&visits, &us);
    let open = figure(&facts, "share of the challenger's click-through left open", None);
    assert!(open.value > 0.9 && open.passed == Some(false), "{facts:#?}");
    for words in ["share of the challenger's click-through left open", "difference of the arms' shares"] {
        assert!(facts.failures.iter().any(|failure| failure.starts_with(words)), "{:#?}", facts.failures);
    }
    let mut before = us.clone();
    (before.limits.max_missing_outcomes, before.limits.max_missing_outcome_difference) = (None, None);
    failed_only(&judged(&visits, &before), &[]);

    // Alike in both arms, and most of it unknown: too few users tell of the outcome.
    let mut visits = canary(&us, [0.5, 0.56]);
    for visit in visits.iter_mut().filter(|visit| !visit.user.ends_with("77")) {
        visit.clicked = None;
    }
    let facts = judged(&visits, &us);
    assert!(figure(&facts, "challenger's users whose click-through is known", None).passed == Some(false));
    assert!(figure(&facts, "challenger's users", None).passed == Some(true));
}

#[test]
fn few_requests_do_not_show_that_the_error_rate_stayed() {
    let us = of_canary("US");
    let mut visits = canary(&us, [0.5, 0.5]);
    // One request of each user, 200 of whom are the challenger's: one in 200 is within the limit, and proves nothing.
    visits.retain(|visit| visit.second < 1_795_000_000 + 12_000 * 12);
    let mut left = 220;
    visits.retain(|visit| {
        visit.arm == Arm::Champion || {
            left -= 1;
            left >= 0
        }
    });
    for visit in &mut visits {
        visit.error = false;
    }
    visits.iter_mut().find(|visit| visit.arm == Arm::Challenger).unwrap().error = true;
    let facts = judged(&visits, &us);
    assert_eq!(figure(&facts, "increase of the error rate", None).passed, Some(true), "{facts:#?}");
    let end = figure(&facts, "upper end of the increase of the error rate", None);
    assert!(end.passed == Some(false) && end.value > 0.02, "{end:?}");
}

#[test]
fn the_challengers_days_are_counted_from_its_first_to_its_last_request() {
    let us = of_canary("US");
    let mut visits = canary(&us, [0.5, 0.56]);
    // A day and two minutes of the challenger, around two midnights; the champion's go on.
    let midnight = 1_795_046_400_i64;
    for (at, visit) in visits.iter_mut().filter(|visit| visit.arm == Arm::Challenger).enumerate() {
        visit.second = midnight - 60 + i64::try_from(at).unwrap() % 86_520;
    }
    visits.iter_mut().find(|visit| visit.arm == Arm::Challenger).unwrap().second = midnight + 86_460;
    let facts = judged(&visits, &us);
    assert_eq!(figure(&facts, "days with the challenger's traffic", None).passed, Some(true), "{facts:#?}");
    failed_only(&facts, &["hours from the challenger's first to its last request is 24.03"]);
}

// --- Policy -------------------------------------------------------------------------------------------------------

#[test]
fn thresholds_of_a_market_must_fit_those_of_the_profiles() {
    let faults = [
        ("min_segment_spearman = 0.85", "min_segment_spearmann = 0.85", "no threshold min_segment_spearmann"),
        ("min_segment_spearman = 0.85", "min_segment_spearman = 1.5", "from -1 to 1 makes sense"),
        ("min_segment_spearman = 0.85", "min_segment_spearman = true", "market EU"),
        ("tuned_for = 10000", "tuned_for = 0", "tuned_for is 0"),
    ];
    for (before, after, words) in faults {
        let changed = DEFAULT_POLICY.replace(before, after);
        assert_ne!(changed, DEFAULT_POLICY);
        let fault = Policy::from_toml(&changed).unwrap_err().to_string();
        assert!(fault.contains(words), "{fault}");
    }
}

#[test]
fn a_policy_is_the_same_after_it_was_kept() {
    let policy = Policy::from_toml(DEFAULT_POLICY).unwrap();
    let kept = ledger::canonical_json(&policy).unwrap();
    assert_eq!(serde_json::from_slice::<Policy>(kept.as_ref()).unwrap(), policy);
    let own = DEFAULT_POLICY.replace("min_segment_spearman = 0.85", "min_segment_pairs = 250\nmax_psi = 1");
    let policy = Policy::from_toml(&own).unwrap();
    let profile = &policy.profiles[&"sr-11-7".parse().unwrap()];
    let of_market = Criteria::of_market(&policy, profile, EvidencePath::Shadow, &version(), &"EU".parse().unwrap());
    let Ok(Some(Criteria::Shadow(criteria))) = of_market else { panic!("{of_market:?}") };
    assert_eq!((criteria.limits.min_segment_pairs, criteria.limits.max_psi), (250, 1.0));
    let fraction = own.replace("min_segment_pairs = 250", "min_segment_pairs = 2.5");
    assert!(Policy::from_toml(&fraction).is_err(), "two and a half pairs");
}

#[test]
fn a_policy_without_these_tables_reads_as_before() {
    let lines: Vec<&str> = DEFAULT_POLICY.lines().collect();
    let mut kept = Vec::new();
    let mut dropping = false;
    for line in lines {
        if line.starts_with('[') {
            dropping = line.contains("thresholds");
        }
        // A gate that compares with the champion, or asks for checks, may need the thresholds for it.
        let needs = line == "champion = true" || line.starts_with("checks = ");
        if !dropping && !needs {
            kept.push(line);
        }
    }
    let policy = Policy::from_toml(&kept.join("\n")).unwrap();
    let profile = &policy.profiles[&"sr-11-7".parse().unwrap()];
    let market = "EU".parse().unwrap();
    assert_eq!(Criteria::of_market(&policy, profile, EvidencePath::Shadow, &version(), &market), Ok(None));
    assert!(!serde_json::to_string(&policy).unwrap().contains("thresholds"));
}
