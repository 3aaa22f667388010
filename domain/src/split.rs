//! The published split: which users a canary answers.
//!
//! ```text
//! bucket(user) = the first 8 bytes of SHA-256(salt ‖ user id), read as a big-endian number, modulo 10,000
//! ```
//!
//! Salt and user id are UTF-8, with nothing between them. A user is the challenger's if their bucket is below the
//! challenger's share in buckets (a bucket is a hundredth of a percent). So the same user always meets the same arm, a
//! growing share keeps the users that it has, and a serving system needs nothing from us but salt and share.

use std::fmt;

use ledger::DigestBuilder;
use serde::{Deserialize, Serialize};

use crate::id::{Market, VersionId};

/// Into so many buckets users are split.
pub const BUCKETS: u16 = 10_000;

/// Which model answers a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// The model in production.
    Champion,
    /// The version on trial.
    Challenger,
}

impl Arm {
    /// The arm as files write it.
    pub fn id(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Challenger => "challenger",
        }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A split of one market's users between the champion and one challenger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// What is hashed before the user id.
    pub salt: String,
    /// Buckets that are the challenger's, of [`BUCKETS`].
    pub challenger_buckets: u16,
}

impl Split {
    /// The split for a version's canary in a market. Each version and market has a salt of its own, so that trials do
    /// not always meet the same users.
    pub fn for_canary(version: &VersionId, market: &Market, challenger_buckets: u16) -> Self {
        Self { salt: salt(version, market), challenger_buckets: challenger_buckets.min(BUCKETS) }
    }

    /// The user's bucket, below [`BUCKETS`].
    pub fn bucket(&self, user: &str) -> u16 {
        bucket(&self.salt, user)
    }

    /// Who answers the user.
    pub fn arm(&self, user: &str) -> Arm {
        if self.bucket(user) < self.challenger_buckets { Arm::Challenger } else { Arm::Champion }
    }
}

/// A share in percent, in buckets: a bucket is a hundredth of a percent.
pub fn buckets_of_percent(percent: f64) -> u16 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held between 0 and 10,000")]
    let buckets = (percent.clamp(0.0, 100.0) * 100.0).round() as u16;
    buckets
}

/// The salt of a version's canary in a market: `model/version/market:`, such as `credit/3/EU:`.
pub fn salt(version: &VersionId, market: &Market) -> String {
    format!("{}/{}/{market}:", version.model, version.number)
}

/// The user's bucket under a salt, below [`BUCKETS`].
pub fn bucket(salt: &str, user: &str) -> u16 {
    let mut hash = DigestBuilder::new();
    hash.update(salt.as_bytes());
    hash.update(user.as_bytes());
    let digest = hash.finish();
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    #[expect(clippy::cast_possible_truncation, reason = "below 10,000")]
    let bucket = (u64::from_be_bytes(first) % u64::from(BUCKETS)) as u16;
    bucket
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::sample_ratio_mismatch;

    fn version(number: u32) -> VersionId {
        VersionId { model: "credit".parse().unwrap(), number: number.try_into().unwrap() }
    }

    fn split(share: u16) -> Split {
        Split::for_canary(&version(3), &"EU".parse().unwrap(), share)
    }

    /// Worked out with `sha256sum`: `printf 'credit/3/EU:user-1' | sha256sum`.
    #[test]
    fn the_bucket_is_that_of_the_documentation() {
        assert_eq!(split(500).salt, "credit/3/EU:");
        assert_eq!(bucket("credit/3/EU:", "user-1"), 2851);
    }

    #[test]
    fn a_growing_share_keeps_its_users() {
        for user in (0..2_000).map(|number| format!("user-{number}")) {
            let arms: Vec<Arm> = [0, 500, 1_000, 2_500, 10_000].map(|share| split(share).arm(&user)).to_vec();
            assert!(arms.is_sorted(), "{user}: {arms:?}");
            assert_eq!((arms[0], arms[4]), (Arm::Champion, Arm::Challenger));
        }
    }

    #[test]
    fn users_spread_evenly_and_differently_by_version() {
        let (first, other) = (split(1_000), Split::for_canary(&version(4), &"EU".parse().unwrap(), 1_000));
        let users: Vec<String> = (0..50_000).map(|number| format!("user-{number}")).collect();
        let of = |split: &Split| users.iter().filter(|user| split.arm(user) == Arm::Challenger).count() as u64;
        let both = users
            .iter()
            .filter(|user| first.arm(user) == Arm::Challenger && other.arm(user) == Arm::Challenger)
            .count();
        let challengers = of(&first);
        let ratio = sample_ratio_mismatch(&[50_000 - challengers, challengers], &[0.9, 0.1]).unwrap();
        assert!(ratio.p_value > 0.001, "{ratio:?}");
        assert!((400..600).contains(&both), "a tenth of a tenth, {both}");
    }
}
