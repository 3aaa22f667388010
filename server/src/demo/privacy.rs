//! Privacy in the demo: one assessment that is approved, two that wait, and people who ask for human review.

use std::collections::{BTreeMap, HashMap};

use domain::{
    AccountId, Command, ModelName, VersionNumber,
    lineage::Class,
    privacy::{
        command::{AdviseDpia, ApproveDpia, ConfirmSafeguards, PrivacyCommand},
        dpia::{Content, Level, Measure, Part, Rating, Risk, RiskKind, Scope, SubjectViews},
        review::{ReviewId, ReviewOutcome},
        safeguards::{Article22, Basis, Keeper, Safeguard},
    },
};

use super::{cast::Actor, not_there};
use crate::{
    privacy::{NewReview, answering, receiving},
    seal::{Caller, Order, SealError},
    service::Service,
};

/// Something done in matters of privacy; owners are named by actor.
pub(super) enum PrivacyAct {
    /// The assessment is written.
    Draft(&'static Assessment, Actor),
    /// Advice for the processing.
    Advise(&'static str),
    /// Approval with a comment.
    Approve(&'static str),
    /// The Art. 22 statement.
    State(&'static str, bool, Actor),
    /// Its confirmation.
    Confirm,
    /// A request for human review: decision, name, contact, text.
    Receive(Safeguard, [&'static str; 4]),
    /// A request is given to somebody.
    Assign(u32, Actor),
    /// A request is answered.
    Answer(u32, ReviewOutcome, &'static str),
}

/// What differs between the demo's assessments.
pub(super) struct Assessment {
    pub(super) markets: &'static [&'static str],
    pub(super) version: u32,
    pub(super) parts: &'static [(Part, &'static str)],
    /// Kind, title, description; before and after the measures as grades of likelihood and severity.
    pub(super) risks: &'static [(RiskKind, &'static str, &'static str, [u64; 4])],
    pub(super) measures: &'static [(&'static str, &'static str, RiskKind)],
    pub(super) views: &'static str,
}

pub(super) const STREAMREC: Assessment = Assessment {
    markets: &["US", "EU"],
    version: 1,
    parts: &[
        (
            Part::Processing,
            "Ranking of titles on the home screen from what a profile watched, for how long, at what time and on which kind of device. No profile is shown to other people.",
        ),
        (
            Part::Responsibilities,
            "Controller: the streaming company. Processor: the cloud provider that runs training and serving. No joint controllers.",
        ),
        (
            Part::Data,
            "Hashed profile id, watch events of 90 days, device class, locale. Read by the ranking service and by four engineers on call; kept 90 days in events, 13 months in aggregates.",
        ),
        (
            Part::LifeCycle,
            "Collected by the player, hashed at the edge, stored by day, joined to features at night, dropped after 90 days.",
        ),
        (
            Part::Purposes,
            "To offer titles that a viewer is likely to finish. Not for advertising, pricing or licensing.",
        ),
        (
            Part::LegalBasis,
            "Art. 6(1)(b): the service that was ordered includes recommendations. Profiles that switch them off get the list by popularity.",
        ),
        (
            Part::Minimisation,
            "Names, addresses, payment data and exact location never reach the model. Time of day is kept in four bands.",
        ),
        (
            Part::Accuracy,
            "Events are deduplicated; a viewer can remove titles from the history, and the next night they are gone from the features.",
        ),
        (Part::StorageDuration, "90 days for events, 13 months for aggregates without profile ids."),
        (
            Part::Information,
            "Privacy notice, section 4, and the row title \u{201c}Because you watched\u{201d} on the screen itself.",
        ),
        (Part::AccessAndPortability, "Viewing history can be downloaded from the account page as CSV."),
        (Part::RectificationAndErasure, "Single titles or the whole history can be removed from the account page."),
        (
            Part::RestrictionAndObjection,
            "The switch \u{201c}Personal recommendations\u{201d} stops the processing at once.",
        ),
    ],
    risks: &[
        (
            RiskKind::IllegitimateAccess,
            "Viewing history shows beliefs or orientation",
            "Titles watched can say more than people want others to know.",
            [2, 3, 1, 3],
        ),
        (
            RiskKind::Other,
            "Viewers are led into ever narrower choices",
            "Exposure narrows by week where the ranking feeds on itself.",
            [3, 2, 2, 2],
        ),
    ],
    measures: &[
        (
            "Hashing of profile ids at the edge",
            "Keys rotate each quarter; the join key never leaves the edge.",
            RiskKind::IllegitimateAccess,
        ),
        (
            "Exposure floor for new and distant titles",
            "At least 12 % of impressions; watched weekly by locale.",
            RiskKind::Other,
        ),
    ],
    views: "A panel of 24 viewers in three countries was asked in spring: they want to see why a title is offered, and to be able to take one out of their history.",
};

pub(super) const CREDIT: Assessment = Assessment {
    markets: &["EU"],
    version: 1,
    parts: &[
        (
            Part::Processing,
            "Probability of default within twelve months, for applications for consumer loans. Below the cut-off an application is refused by the system alone.",
        ),
        (Part::Responsibilities, "Controller: the bank. Processor: the credit bureau, for its own scores."),
        (Part::Data, "Application form, account conduct of 24 months, bureau data. Applicants of full age."),
        (Part::LifeCycle, "Collected with the application, scored once, kept with the loan file."),
        (Part::Purposes, "To lend to people who can repay, as the law on consumer credit asks."),
        (
            Part::LegalBasis,
            "Art. 6(1)(b) for the decision on the contract, Art. 6(1)(c) for the check of creditworthiness.",
        ),
        (Part::Minimisation, "41 of 180 available characteristics are used; each was tested for what it adds."),
        (Part::Accuracy, "Bureau data are refreshed on the day of the decision."),
        (Part::StorageDuration, "Seven years after the loan ends; refused applications six months."),
        (Part::Information, "Sheet on automated decisions with the application; main reasons in the refusal."),
        (Part::AccessAndPortability, "Branch or web form; answered within one month."),
        (Part::RectificationAndErasure, "Branch or web form; corrected data lead to a new score."),
        (Part::RestrictionAndObjection, "Web form; the score is frozen until it is settled."),
    ],
    risks: &[
        (
            RiskKind::Other,
            "People are refused who could repay",
            "Thin files and recent movers are rated worse than they are.",
            [3, 3, 2, 3],
        ),
        (
            RiskKind::IllegitimateAccess,
            "Financial circumstances become known",
            "Bureau data and account conduct in one place.",
            [2, 3, 1, 3],
        ),
    ],
    measures: &[
        (
            "Manual review of refusals near the cut-off",
            "Two clerks a day read 30 files within ten points of the cut-off.",
            RiskKind::Other,
        ),
        (
            "Separate storage of bureau data",
            "Encrypted under their own key; opened for one application at a time.",
            RiskKind::IllegitimateAccess,
        ),
    ],
    views: "Not asked: a panel would learn the scorecard. The consumer association was heard instead.",
};

pub(super) const FRAUD: Assessment = Assessment {
    markets: &["EU"],
    version: 2,
    parts: &[
        (
            Part::Processing,
            "A score for each card authorisation in the EU, within 25 ms. A high one declines this authorisation, a middle one asks the cardholder to confirm in the app.",
        ),
        (Part::Responsibilities, "Controller: the bank. Processor: the operator of the card network\u{2019}s gateway."),
        (
            Part::Data,
            "Hashed card number, amount, merchant category, country, and counts over 1, 24 and 168 hours. No names, no exact location, nothing about what was bought.",
        ),
        (
            Part::LifeCycle,
            "Received with the authorisation, counted, scored, kept with the authorisation\u{2019}s record.",
        ),
        (Part::Purposes, "To stop payments that the cardholder did not make."),
        (Part::LegalBasis, "Art. 6(1)(c): strong customer authentication and transaction monitoring under PSD2."),
        (Part::Minimisation, "Nine features; four more were tried and dropped because they added nothing."),
        (
            Part::Accuracy,
            "Counts are computed by the library that training uses; a cardholder\u{2019}s word corrects the label.",
        ),
        (Part::StorageDuration, "13 months for authorisations, 60 days for the counts."),
        (
            Part::Information,
            "Card conditions, section 8, and the message in the app when an authorisation is declined.",
        ),
        (Part::AccessAndPortability, "Web form; answered within one month."),
        (
            Part::RectificationAndErasure,
            "A report that the payment was one\u{2019}s own corrects the record the same day.",
        ),
        (
            Part::RestrictionAndObjection,
            "Not open to objection while the law asks for monitoring; said so in the conditions.",
        ),
    ],
    risks: &[
        (
            RiskKind::Other,
            "An honest payment is declined",
            "Somebody stands at a till and cannot pay; worse for those who carry one card only.",
            [3, 2, 2, 2],
        ),
        (
            RiskKind::IllegitimateAccess,
            "Payment habits become known",
            "Counts by merchant category say where somebody goes.",
            [2, 3, 1, 3],
        ),
    ],
    measures: &[
        (
            "Confirmation in the app before a decline",
            "Between 0.70 and 0.92 the cardholder is asked; the answer comes back within two minutes.",
            RiskKind::Other,
        ),
        (
            "Counts without merchants",
            "Only categories are counted, and the counts are dropped after 60 days.",
            RiskKind::IllegitimateAccess,
        ),
    ],
    views: "The bank\u{2019}s customer council read the draft in autumn: members want to be told at once, and why.",
};

fn rating([likelihood, severity]: [u64; 2]) -> Option<Rating> {
    let (likelihood, severity) = Level::of_grade(likelihood).zip(Level::of_grade(severity))?;
    Some(Rating { likelihood, severity })
}

fn content(assessment: &Assessment, owner: &AccountId) -> Content {
    let risks = assessment.risks.iter().map(|(kind, title, description, [likely, severe, left, grave])| Risk {
        kind: *kind,
        title: (*title).to_owned(),
        description: (*description).to_owned(),
        impacts: Vec::new(),
        threats: Vec::new(),
        sources: Vec::new(),
        initial: rating([*likely, *severe]),
        residual: rating([*left, *grave]),
    });
    let measures = assessment.measures.iter().map(|(title, description, treats)| Measure {
        title: (*title).to_owned(),
        description: (*description).to_owned(),
        owner: Some(owner.clone()),
        treats: [*treats].into(),
    });
    Content {
        scope: Scope {
            markets: assessment.markets.iter().filter_map(|market| market.parse().ok()).collect(),
            reopened_by: [Class::Features, Class::Model].into(),
            version: VersionNumber::try_from(assessment.version).ok(),
        },
        parts: assessment.parts.iter().map(|(part, text)| (*part, (*text).to_owned())).collect(),
        risks: risks.collect(),
        measures: measures.collect(),
        views: SubjectViews { sought: !assessment.views.starts_with("Not asked"), text: assessment.views.to_owned() },
        justified_features: BTreeMap::new(),
    }
}

fn statement(reasons: &str, significant_effect: bool, owner: &AccountId) -> Article22 {
    let keeper = |safeguard: Safeguard| Keeper {
        owner: owner.clone(),
        channel: format!("https://www.bank.example/decisions/{}", safeguard.id()),
    };
    let safeguards = Safeguard::ALL.into_iter().filter(|_| significant_effect);
    Article22 {
        solely_automated: true,
        significant_effect,
        reasons: reasons.to_owned(),
        basis: significant_effect.then_some(Basis::Contract),
        safeguards: safeguards.map(|one| (one, keeper(one))).collect(),
        special_categories: false,
        special_basis: None,
    }
}

/// The order of an act, as somebody gives it who read what is there.
pub(super) async fn order(
    app: &Service,
    cast: &HashMap<Actor, Caller>,
    caller: Caller,
    model: ModelName,
    act: PrivacyAct,
) -> Result<Order, SealError> {
    let account = |actor: Actor| match cast.get(actor) {
        Some(Caller::Account(id)) => Ok(id.clone()),
        _ => Err(not_there(actor)),
    };
    let file = app.privacy_file(&model).await?;
    let draft = || file.as_ref().and_then(|file| file.draft.as_ref()).ok_or_else(|| not_there("the assessment"));
    let review = |number| ReviewId { model: model.clone(), number };
    let mut reauthenticated = false;
    let command = match act {
        PrivacyAct::Draft(assessment, owner) => {
            PrivacyCommand::DraftDpia(model, Box::new(content(assessment, &account(owner)?)))
        }
        PrivacyAct::Advise(advice) => {
            let body = AdviseDpia { content: draft()?.digest, advice: advice.to_owned(), favourable: true };
            PrivacyCommand::AdviseDpia(model, body)
        }
        PrivacyAct::Approve(comment) => {
            reauthenticated = true;
            let policy = app.policy().await?;
            let rules = policy.policy.privacy.as_ref().ok_or_else(|| not_there("the section [privacy]"))?;
            let body = ApproveDpia {
                content: draft()?.digest,
                meaning: rules.approval_meaning.clone(),
                comment: comment.to_owned(),
                review_months: None,
            };
            PrivacyCommand::ApproveDpia(model, body)
        }
        PrivacyAct::State(reasons, significant, owner) => {
            PrivacyCommand::StateSafeguards(model, Box::new(statement(reasons, significant, &account(owner)?)))
        }
        PrivacyAct::Confirm => {
            let stated = file.as_ref().and_then(|file| file.safeguards.as_ref());
            let statement = stated.ok_or_else(|| not_there("the statement"))?.digest;
            PrivacyCommand::ConfirmSafeguards(model, ConfirmSafeguards { statement })
        }
        PrivacyAct::Receive(asks, [decision, name, contact, text]) => {
            let new = NewReview {
                asks,
                version: None,
                market: "US".parse().ok(),
                decision: decision.to_owned(),
                received_at: None,
                name: name.to_owned(),
                contact: contact.to_owned(),
                text: text.to_owned(),
            };
            return Ok(receiving(caller, model, new)?);
        }
        PrivacyAct::Assign(number, assignee) => PrivacyCommand::AssignReview(review(number), account(assignee)?),
        PrivacyAct::Answer(number, outcome, words) => return Ok(answering(caller, review(number), outcome, words)?),
    };
    Ok(Order { reauthenticated, ..Order::new(caller, Command::Privacy(command)) })
}
