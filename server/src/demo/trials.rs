//! Shadow pairs and canary logs of the demo: rows as a serving system would have logged them, the same at every start.
//! What they show is set (rank agreement by segment, rates by arm); the server computes its figures from the rows.

use std::fmt::Write as _;

use domain::split::{Arm, Split};
use ledger::{Digest, Timestamp};

/// A shadow evaluation to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShadowTrial {
    /// Requests scored by both versions.
    pub(super) pairs: u32,
    /// Segments: name, share of the requests, Spearman's correlation that the scores are drawn with.
    pub(super) segments: &'static [(&'static str, f64, f64)],
    /// The challenger's latency over the champion's.
    pub(super) slower: f64,
    /// Titles in one ranking, where the model ranks.
    pub(super) list: Option<u32>,
}

/// A canary's assignment log to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct CanaryTrial {
    /// Users of both arms, a request each.
    pub(super) users: u32,
    /// Share of the champion's and of the challenger's users for whom the outcome came.
    pub(super) completed: [f64; 2],
    /// The challenger's latency over the champion's.
    pub(super) slower: f64,
    /// Failed requests of the challenger, one in so many; none for 0.
    pub(super) one_fails_in: u32,
    /// Seconds between two users, where the log is written anew at each look; else they spread over the time there was.
    pub(super) every_seconds: Option<u32>,
}

/// The stretch of time in which a trial's requests came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Stretch {
    /// The instant of a request to the second, requests spread evenly.
    fn at(self, index: u32, of: u32) -> String {
        let span = self.until.micros_since(self.from);
        written(self.from.plus_micros(span / i64::from(of + 1) * i64::from(index + 1)))
    }
}

fn written(at: Timestamp) -> String {
    format!("{}Z", &at.to_string()[..19])
}

/// Numbers that look drawn at random and are always the same for a seed (Steele, Lea and Flood's `SplitMix64`).
struct Draws(u64);

impl Draws {
    fn of(seed: &str) -> Self {
        let digest = Digest::of(seed.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest.as_bytes()[..8]);
        Self(u64::from_be_bytes(first))
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Above 0, at most 1.
    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.bits() >> 32).unwrap_or(u32::MAX)) / 4_294_967_296.0 + f64::EPSILON
    }

    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.share().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }
}

/// Pairs of scores as CSV. In each segment both scores have the same distribution, so that only their order differs.
pub(super) fn shadow(trial: &ShadowTrial, seed: &str, stretch: Stretch) -> String {
    let mut draws = Draws::of(seed);
    let mut file = String::from(
        "request_id,time,champion_score,challenger_score,champion_latency_ms,challenger_latency_ms,champion_features,challenger_features,served_by,challenger_timeout,segment",
    );
    file.push_str(if trial.list.is_some() { ",list\n" } else { "\n" });
    // Pearson's correlation of normal scores from Spearman's.
    let pearson = |spearman: f64| 2.0 * (std::f64::consts::PI * spearman / 6.0).sin();
    let segments: Vec<_> =
        trial.segments.iter().map(|(name, share, spearman)| (*name, *share, pearson(*spearman))).collect();
    for index in 0..trial.pairs {
        let mut place = draws.share();
        let chosen = segments.iter().find(|(_, share, _)| {
            place -= share;
            place <= 0.0
        });
        let Some((segment, _, correlation)) = chosen.or(segments.last()).copied() else { break };
        let champion = draws.normal();
        let challenger = correlation * champion + (1.0 - correlation * correlation).sqrt() * draws.normal();
        let score = |normal: f64| 1.0 / (1.0 + (1.2 - 0.8 * normal).exp());
        let latency = 34.0 * (0.32 * draws.normal()).exp();
        let slower = latency * trial.slower * (1.0 + 0.02 * draws.normal());
        let features = draws.bits() >> 32;
        let (champion, challenger) = (score(champion), score(challenger));
        // One request in 900 is given up at the time limit, in the shadow only.
        let timed_out = draws.share() < 1.0 / 900.0;
        let (challenger, slower) = if timed_out {
            (String::new(), String::new())
        } else {
            (format!("{challenger:.5}"), format!("{slower:.1}"))
        };
        // Writing to a String cannot fail.
        let _ = write!(
            file,
            "r{:06},{},{champion:.5},{challenger},{latency:.1},{slower},{features:08x},{features:08x},champion,{},{segment}",
            index + 1,
            stretch.at(index, trial.pairs),
            u8::from(timed_out),
        );
        if let Some(titles) = trial.list {
            let _ = write!(file, ",h{}", index / titles + 1);
        }
        file.push('\n');
    }
    file
}

/// An assignment log as CSV: each user in the arm of the published split.
pub(super) fn canary(trial: &CanaryTrial, split: &Split, seed: &str, stretch: Stretch) -> String {
    let mut draws = Draws::of(seed);
    let mut file = String::from("user_id,time,arm,latency_ms,error,complaint,completed\n");
    let mut met = [0_u32; 2];
    for index in 0..trial.users {
        let user = format!("u{:06}", index + 1);
        let arm = split.arm(&user);
        met[arm as usize] += 1;
        let nth = met[arm as usize];
        let latency = 41.0 * (0.3 * draws.normal()).exp();
        let (latency, fails_in) = match arm {
            Arm::Champion => (latency, 1_900),
            Arm::Challenger => (latency * trial.slower, trial.one_fails_in),
        };
        let failed = fails_in > 0 && nth % fails_in == 0;
        let complains = arm == Arm::Champion && nth % 1_100 == 0;
        // The share is met at every length, so that no start is unlucky.
        let share = trial.completed[arm as usize];
        let came = (f64::from(nth) * share).floor() > (f64::from(nth - 1) * share).floor();
        let at = match trial.every_seconds {
            Some(seconds) => written(stretch.from.plus_seconds(i64::from(index * seconds))),
            None => stretch.at(index, trial.users),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            file,
            "{user},{at},{arm},{latency:.1},{},{},{}",
            u8::from(failed),
            u8::from(complains),
            u8::from(came && !failed),
        );
    }
    file
}
