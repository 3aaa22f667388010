//! What changed from one policy to another, place by place, changed numbers first.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::{Table, Value};

/// One difference between two policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyChange {
    /// Where, such as `markets.EU.min_canary_days`.
    pub path: String,
    /// What stood there; absent if it is new.
    pub before: Option<String>,
    /// What stands there; absent if it is gone.
    pub after: Option<String>,
    /// Whether a number changed.
    pub is_number: bool,
}

/// Every place that differs from one policy's text to another's, numbers first, then in the order of paths. A text
/// that is no TOML counts as empty.
pub fn diff(before: &str, after: &str) -> Vec<PolicyChange> {
    let read = |text: &str| {
        let mut leaves = BTreeMap::new();
        flatten(String::new(), Value::Table(text.parse::<Table>().unwrap_or_default()), &mut leaves);
        leaves
    };
    let (mut before, mut after) = (read(before), read(after));
    let mut paths: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    paths.sort();
    paths.dedup();
    let mut changes: Vec<PolicyChange> = paths
        .into_iter()
        .filter_map(|path| {
            let (before, after) = (before.remove(&path), after.remove(&path));
            if before == after {
                return None;
            }
            let is_number = [&before, &after]
                .into_iter()
                .flatten()
                .any(|value| matches!(value, Value::Integer(_) | Value::Float(_)));
            Some(PolicyChange { path, before: before.map(shown), after: after.map(shown), is_number })
        })
        .collect();
    // A changed number before one that is new or gone, those before words; the sort keeps the order of paths.
    changes.sort_by_key(|change| (!change.is_number, change.before.is_none() || change.after.is_none()));
    changes
}

fn flatten(path: String, value: Value, leaves: &mut BTreeMap<String, Value>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                flatten(below(&name), value, leaves);
            }
        }
        // Sign-offs are told apart by who signs, not by their place in the list.
        Value::Array(items) if items.iter().any(Value::is_table) => {
            for (index, item) in items.into_iter().enumerate() {
                let name = item.get("role").or_else(|| item.get("name")).and_then(Value::as_str);
                let name = name.map_or_else(|| (index + 1).to_string(), str::to_owned);
                flatten(below(&name), item, leaves);
            }
        }
        value => drop(leaves.insert(path, value)),
    }
}

fn shown(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Array(items) => items.into_iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::DEFAULT_POLICY;

    #[test]
    fn changed_numbers_come_first() {
        let after = DEFAULT_POLICY.replacen("title = \"European Union\"", "title = \"EU and EEA\"", 1).replacen(
            "evidence_days = 90",
            "evidence_days = 60",
            1,
        );
        let changes = diff(DEFAULT_POLICY, &after);
        let told: Vec<(&str, Option<&str>, Option<&str>)> = changes
            .iter()
            .map(|change| (change.path.as_str(), change.before.as_deref(), change.after.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("limits.evidence_days", Some("90"), Some("60")),
                ("markets.EU.title", Some("European Union"), Some("EU and EEA"))
            ]
        );
        assert!(diff(DEFAULT_POLICY, DEFAULT_POLICY).is_empty());
    }

    #[test]
    fn a_signature_is_told_by_its_role() {
        let less = "[[a.sign_offs]]\nrole = \"x\"\nmeaning = \"I did.\"\n";
        let more = "[[a.sign_offs]]\nrole = \"y\"\nmeaning = \"Me too.\"\n[[a.sign_offs]]\nrole = \"x\"\nmeaning = \"I did.\"\n";
        let paths: Vec<String> = diff(less, more).into_iter().map(|change| change.path).collect();
        assert_eq!(paths, ["a.sign_offs.y.meaning", "a.sign_offs.y.role"]);
    }

    #[test]
    fn a_text_that_is_no_policy_is_all_new() {
        let changes = diff("not toml", "a = 1\nb = \"x\"\n");
        assert_eq!(changes.len(), 2);
        assert!(changes[0].is_number && changes[0].before.is_none());
    }
}
