//! How material a change is, from the lineage diff: a new architecture or feature source needs the full validation,
//! fresh data alone does not. Chapter 29, question 16.

use serde::{Deserialize, Serialize};

use crate::lineage::{Change, Class};

/// How much validation a change needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Materiality {
    /// Same construction, fresh data: abbreviated validation.
    NonMaterial,
    /// A new construction: full validation and the risk committee.
    Material,
}

impl Materiality {
    /// The word as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::NonMaterial => "non-material",
            Self::Material => "material",
        }
    }
}

/// A verdict on a change with the reasons that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Assessment {
    /// The verdict.
    pub materiality: Materiality,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
}

/// Judges the change from a version to a later one. Without an earlier version everything is new, thus material.
pub fn assess(changes: Option<&[Change]>) -> Assessment {
    let Some(changes) = changes else {
        return Assessment {
            materiality: Materiality::Material,
            reasons: vec!["There is no earlier version to compare with: all of it is new.".into()],
        };
    };
    let mut reasons: Vec<String> = changes.iter().filter_map(material_reason).collect();
    if reasons.is_empty() {
        let reason = if changes.is_empty() {
            "The two lineages are equal."
        } else {
            "Architecture, features, preprocessing and schema are unchanged."
        };
        return Assessment { materiality: Materiality::NonMaterial, reasons: vec![reason.into()] };
    }
    reasons.dedup();
    Assessment { materiality: Materiality::Material, reasons }
}

fn material_reason(change: &Change) -> Option<String> {
    match (change.class, change.path.as_str()) {
        (Class::Model, "model.architecture") => Some(format!(
            "The architecture changed from {} to {}.",
            change.before.as_deref().unwrap_or("nothing"),
            change.after.as_deref().unwrap_or("nothing")
        )),
        (Class::Features, path) => path.strip_prefix("features.names.").map(|name| {
            let verb = if change.before.is_none() { "added" } else { "removed" };
            format!("Feature {name} was {verb}.")
        }),
        (Class::Data, "data.dataset") => Some("The training dataset is another one.".into()),
        (Class::Data, "data.schema_digest") => Some("The schema of the training data changed.".into()),
        (Class::Data, path) if path.starts_with("data.preprocessing.") => {
            Some("The preprocessing of the training data changed.".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::tests::complete;

    #[test]
    fn fresh_data_is_not_material_and_a_new_feature_is() {
        let before = complete(1);
        let fresh = complete(2);
        let verdict = assess(Some(&before.diff(&fresh)));
        assert_eq!(verdict.materiality, Materiality::NonMaterial, "{:?}", verdict.reasons);
        let mut wider = fresh.clone();
        wider.features.names.insert("postcode".into());
        let verdict = assess(Some(&before.diff(&wider)));
        assert_eq!(verdict.materiality, Materiality::Material);
        assert_eq!(verdict.reasons, ["Feature postcode was added."]);
        assert_eq!(assess(None).materiality, Materiality::Material);
    }
}
