//! Prohibited features: the names that a lineage lists, held against what a market prohibits.

use super::policy::ProhibitedFeature;
use crate::lineage::Lineage;

/// A feature that a market prohibits, or that may stand in for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The feature, as the lineage names it.
    pub feature: &'a str,
    /// The characteristic.
    pub prohibited: &'a str,
    /// The pattern that it fits.
    pub pattern: &'a str,
    /// Whether it only may stand in for the characteristic.
    pub is_adjacent: bool,
}

/// A name in the one form in which names are compared: letters and digits in lower case, `*` kept.
pub fn normalised(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric() || *c == '*').flat_map(char::to_lowercase).collect()
}

/// Whether a name fits a pattern; both normalised, `*` in the pattern stands for any characters.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    left.ends_with(last)
}

/// Every feature of `lineage` that fits a pattern, in the lineage's order; one that is prohibited is not told as
/// adjacent too.
pub fn hits<'a>(lineage: &'a Lineage, prohibited: &'a [ProhibitedFeature]) -> Vec<Hit<'a>> {
    let mut found = Vec::new();
    for feature in &lineage.features.names {
        let name = normalised(feature).replace('*', "");
        let hit = |rule: &'a ProhibitedFeature, patterns: &'a [String], is_adjacent| {
            patterns.iter().find(|pattern| fits(&normalised(pattern), &name)).map(|pattern| Hit {
                feature,
                prohibited: &rule.name,
                pattern,
                is_adjacent,
            })
        };
        let direct: Vec<Hit<'a>> = prohibited.iter().filter_map(|rule| hit(rule, &rule.patterns, false)).collect();
        if direct.is_empty() {
            found.extend(prohibited.iter().filter_map(|rule| hit(rule, &rule.adjacent, true)));
        } else {
            found.extend(direct);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whatever_the_case_and_the_separators() {
        for (pattern, name, expected) in [
            ("race", "Race", true),
            ("race", "trace", false),
            ("ethnic*", "ethnic_group_3", true),
            ("*religion*", "customer.religion-code", true),
            ("marital_status", "MaritalStatus", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
            ("ab*ba", "aba", false),
            ("*", "anything", true),
        ] {
            assert_eq!(fits(&normalised(pattern), &normalised(name)), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_feature_is_told_once_as_what_it_is() {
        let mut lineage = Lineage::default();
        lineage.features.names = ["income", "nationality", "post_code"].map(String::from).into();
        let origin = ProhibitedFeature {
            name: "ethnic origin".into(),
            patterns: vec!["nationality".into()],
            adjacent: vec!["postcode".into(), "nation*".into()],
        };
        let rules = [origin];
        let found: Vec<_> = hits(&lineage, &rules).into_iter().map(|hit| (hit.feature, hit.is_adjacent)).collect();
        assert_eq!(found, [("nationality", false), ("post_code", true)]);
    }
}
