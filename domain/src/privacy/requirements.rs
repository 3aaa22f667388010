//! What a market's privacy rules ask of a promotion: an approved assessment that covers the version, no prohibited
//! feature, and the safeguards of Art. 22.

use super::{
    PrivacyFile, Step,
    dpia::{Approved, class_names},
    features,
    policy::{MarketPrivacy, PrivacyPolicy},
    safeguards::Lapse,
};
use crate::{
    account::Role,
    promotion::{Question, Requirement, Topic},
};

/// The rules that apply to this promotion, if the market has any at this stage.
pub fn rules<'a>(question: &'a Question<'_>) -> Option<(&'a MarketPrivacy, &'a PrivacyPolicy)> {
    let policy = &question.policy.policy;
    let rules = policy.markets.get(question.market?)?.privacy.as_ref()?;
    (question.to >= rules.from).then_some((rules, policy.privacy.as_ref()?))
}

/// The requirements, met or not.
pub fn of(question: &Question<'_>) -> Vec<Requirement> {
    let Some((rules, policy)) = rules(question) else { return Vec::new() };
    let mut all = Vec::new();
    if rules.dpia {
        all.push(dpia(question, policy));
    }
    if !rules.prohibited_features.is_empty() {
        all.push(prohibited_features(question, rules));
    }
    if rules.article22 {
        all.push(article22(question));
    }
    all
}

/// Why an approved assessment does not cover this promotion, a sentence each.
fn uncovered(question: &Question<'_>, approved: &Approved) -> Vec<String> {
    let mut why = Vec::new();
    let scope = &approved.draft.content.scope;
    if let Some(reopening) = &approved.reopened {
        why.push(format!("It was reopened by entry {}. {}", reopening.entry, reopening.cause.sentence()));
    } else if !approved.holds(question.now) {
        why.push(format!("Its review was due on {}.", approved.review_at));
    }
    if let Some(market) = question.market.filter(|market| !scope.markets.contains(market)) {
        why.push(format!("It does not assess the market {market}."));
    }
    let classes = approved.outside(&question.version.lineage);
    if !classes.is_empty() {
        let assessed = scope.version.map(|version| format!(" from version {version}, which it assessed"));
        why.push(format!("This version differs in {}{}.", class_names(&classes), assessed.unwrap_or_default()));
    }
    why
}

/// Classes in which the version differs from the assessed one, where an assessment in force would be reopened by it.
pub fn reopening(question: &Question<'_>) -> Option<std::collections::BTreeSet<crate::lineage::Class>> {
    rules(question).filter(|(rules, _)| rules.dpia)?;
    let approved = question.privacy?.approved.as_ref().filter(|approved| approved.reopened.is_none())?;
    let classes = approved.outside(&question.version.lineage);
    (!classes.is_empty()).then_some(classes)
}

fn dpia(question: &Question<'_>, policy: &PrivacyPolicy) -> Requirement {
    let file = question.privacy;
    let approved = file.and_then(|file| file.approved.as_ref());
    let mut details = approved.map_or_else(
        || vec![format!("No impact assessment of {} is approved.", question.model.name)],
        |approved| uncovered(question, approved),
    );
    let met = details.is_empty();
    let step = file.map_or(Step::Write, |file| file.step(policy));
    if met {
        details.extend(approved.map(|approved| format!("Approved by entry {}.", approved.entry)));
    } else {
        details.extend(match step {
            Step::Done => None,
            step => Some(format!(
                "The assessment as written {}.",
                if step == Step::Write { "is to be completed" } else { step.title() }
            )),
        });
    }
    Requirement {
        rule: "privacy.dpia".into(),
        topic: Topic::Privacy,
        sentence: "An approved data protection impact assessment covers this version in this market (GDPR Art. 35)."
            .into(),
        met,
        details,
        supplier: if matches!(step, Step::Write | Step::Done) { Role::DataScientist } else { Role::PrivacyOfficer },
        waivable_by: None,
    }
}

fn prohibited_features(question: &Question<'_>, rules: &MarketPrivacy) -> Requirement {
    let justified = |feature: &str| {
        let approved = question.privacy.and_then(|file: &PrivacyFile| file.approved.as_ref());
        approved.is_some_and(|approved| {
            approved.holds(question.now) && approved.draft.content.justified_features.contains_key(feature)
        })
    };
    let details: Vec<String> = features::hits(&question.version.lineage, &rules.prohibited_features)
        .into_iter()
        .filter(|hit| !hit.is_adjacent || !justified(hit.feature))
        .map(|hit| {
            if hit.is_adjacent {
                format!(
                    "{} may stand in for {}: an approved assessment must justify it, or the model do without.",
                    hit.feature, hit.prohibited
                )
            } else {
                format!("{} is prohibited here: {}.", hit.feature, hit.prohibited)
            }
        })
        .collect();
    Requirement {
        rule: "privacy.prohibited_features".into(),
        topic: Topic::Privacy,
        sentence: "The model reads no feature that this market prohibits.".into(),
        met: details.is_empty(),
        details,
        supplier: Role::DataScientist,
        waivable_by: None,
    }
}

fn article22(question: &Question<'_>) -> Requirement {
    let stated = question.privacy.and_then(|file| file.safeguards.as_ref());
    let (met, details, supplier) = match stated {
        None => (
            false,
            vec![format!("Nothing is stated yet on automated decisions of {}.", question.model.name)],
            Role::DataScientist,
        ),
        Some(stated) => match (&stated.confirmed, stated.statement.missing()) {
            (_, missing) if !missing.is_empty() => {
                (false, missing.into_iter().map(|missing| missing.message).collect(), Role::DataScientist)
            }
            (None, _) if stated.lapsed.is_empty() => (
                false,
                vec![format!("The statement of entry {} waits for the privacy officer's confirmation.", stated.entry)],
                Role::PrivacyOfficer,
            ),
            (Some(confirmed), _) if stated.lapsed.is_empty() => {
                (true, vec![format!("Confirmed by entry {}.", confirmed.entry)], Role::PrivacyOfficer)
            }
            _ => (false, stated.lapsed.iter().map(Lapse::sentence).collect(), Role::DataScientist),
        },
    };
    Requirement {
        rule: "privacy.article22".into(),
        topic: Topic::Privacy,
        sentence: "Automated decisions have a basis, and their safeguards have owners (GDPR Art. 22).".into(),
        met,
        details,
        supplier,
        waivable_by: None,
    }
}
