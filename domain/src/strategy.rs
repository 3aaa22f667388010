//! Which way of releasing fits a change: a canary, or blue-green (chapter 29, question 9).
//!
//! Blue-green switches all traffic at once and back at once. It fits a change whose behaviour is settled before anyone
//! meets it: another image, another framework, the same weights. A canary fits whatever users must judge.

use serde::{Deserialize, Serialize};

use crate::{
    lineage::{Change, Class},
    materiality::SET_VERSION,
};

/// A way of releasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// A small share of users first, then more, measured at each step.
    Canary,
    /// All users at once, with the old version ready to take over again.
    BlueGreen,
}

impl Strategy {
    /// The strategy as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
        }
    }
}

/// Advice, with the reasons that led to it. It binds nobody: the stages of the registry are walked either way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Advice {
    /// The strategy that fits.
    pub strategy: Strategy,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
}

/// What fits the change from the version that serves to a later one.
pub fn advise(changes: Option<&[Change]>) -> Advice {
    let Some(changes) = changes else {
        return Advice {
            strategy: Strategy::Canary,
            reasons: vec!["No version serves yet, so how users take to this one is unknown.".into()],
        };
    };
    let touches = |class: Class| changes.iter().any(|change| change.class == class);
    // The name of a feature set is no feature: how the same ones are computed may differ all the same.
    let renamed_only = changes.iter().filter(|change| change.class == Class::Features).all(|c| c.path == SET_VERSION);
    let features = if renamed_only {
        "It looks at the same features of another version of the feature set, which may compute them differently."
    } else {
        "It looks at other features."
    };
    let reasons: Vec<String> = [
        (Class::Model, "The model itself changed, and only users' behaviour shows whether it is better."),
        (Class::Data, "It learnt from other data."),
        (Class::Features, features),
        (Class::Hyperparameters, "It was trained with other hyperparameters."),
        (Class::Code, "The code changed, and with it perhaps how features are computed."),
    ]
    .into_iter()
    .filter(|(class, _)| touches(*class))
    .map(|(_, reason)| reason.to_owned())
    .collect();
    if !reasons.is_empty() {
        return Advice { strategy: Strategy::Canary, reasons };
    }
    let reason = if touches(Class::Environment) {
        "Only the environment changed: same weights, same features, so its answers can be tested before it serves, and switching back is instant."
    } else {
        "Nothing that bears on its answers changed."
    };
    Advice { strategy: Strategy::BlueGreen, reasons: vec![reason.into()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::tests::complete;

    #[test]
    fn infrastructure_switches_at_once_and_models_do_not() {
        let serving = complete(1);
        let mut image = serving.clone();
        image.code.image_digest = Some(ledger::Digest::of(b"another image"));
        let advice = advise(Some(&serving.diff(&image)));
        assert_eq!(advice.strategy, Strategy::BlueGreen, "{advice:?}");
        assert!(advice.reasons[0].contains("Only the environment changed"));

        let mut weights = image.clone();
        weights.model.weights_digest = Some(ledger::Digest::of(b"other weights"));
        let advice = advise(Some(&serving.diff(&weights)));
        assert_eq!(advice.strategy, Strategy::Canary);
        assert_eq!(advice.reasons.len(), 1, "{advice:?}");
        assert_eq!(advise(Some(&serving.diff(&complete(2)))).strategy, Strategy::Canary);
        assert_eq!(advise(None).strategy, Strategy::Canary);
        assert_eq!(advise(Some(&[])).strategy, Strategy::BlueGreen);
    }
}
