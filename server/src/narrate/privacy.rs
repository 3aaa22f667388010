//! Entries of privacy in words.

use domain::{Event, Market, privacy::safeguards::titles};

use super::{clause, count, cut, in_market, with_words};

/// What a privacy event did; nothing for any other.
pub(super) fn sentence(event: &Event) -> String {
    match event {
        Event::DpiaDrafted(body) => {
            let markets: Vec<&str> = body.content.scope.markets.iter().map(Market::as_str).collect();
            let place = if markets.is_empty() { String::new() } else { format!(" for {}", markets.join(", ")) };
            let (risks, measures) = (body.content.risks.len(), body.content.measures.len());
            format!(
                "wrote the impact assessment{place}: {}, {} ({})",
                count(risks, "risk", "risks"),
                count(measures, "measure", "measures"),
                body.content.digest().short()
            )
        }
        Event::DpiaAdvised(body) => {
            let tone = if body.favourable { "for" } else { "against" };
            with_words(format!("advised {tone} the assessment {}", body.content.short()), &body.advice)
        }
        Event::DpiaConsulted(body) => {
            format!("recorded the consultation of {} ({})", cut(&body.authority), cut(&body.reference))
        }
        Event::DpiaApproved(body) => {
            let high = match body.high_risks {
                0 => String::new(),
                1 => ", with 1 high residual risk".to_owned(),
                many => format!(", with {many} high residual risks"),
            };
            format!(
                "approved the assessment {}{high}, to be looked at again by {}: \u{201c}{}\u{201d}",
                body.content.short(),
                body.review_at.date(),
                cut(&body.meaning)
            )
        }
        Event::DpiaReopened(cause) => with_words("reopened the assessment".to_owned(), &cause.sentence()),
        Event::SafeguardsStated(statement) => {
            let applies = if statement.applies() { "applies" } else { "does not apply" };
            with_words(format!("stated that Art. 22 {applies}"), &statement.reasons)
        }
        Event::SafeguardsConfirmed { statement } => format!("confirmed the Art. 22 statement {}", statement.short()),
        Event::SafeguardsLapsed(body) => {
            format!("left {} of Art. 22 without an owner, with the account disabled", titles(&body.safeguards))
        }
        Event::ReviewReceived(body) => format!(
            "recorded a request on decision {}{}: {}, due {}",
            cut(&body.decision),
            in_market("in", body.market.as_ref()),
            body.asks.title().to_lowercase(),
            body.due_at.date()
        ),
        Event::ReviewAssigned { assignee } => format!("assigned the request to {assignee}"),
        Event::ReviewExtended(body) => with_words(
            format!(
                "extended the deadline to {}; the person was told on {}",
                body.due_at.date(),
                body.informed_at.date()
            ),
            &body.reason,
        ),
        Event::ReviewAnswered { outcome, .. } => format!("answered the request: {}", outcome.title()),
        Event::HoldPlaced { hold, reason } => with_words(format!("placed legal hold {hold}"), reason),
        Event::HoldReleased { hold, reason } => with_words(format!("released legal hold {hold}"), reason),
        Event::ErasurePerformed { fields, basis, note } => {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            with_words(format!("erased the personal data {} ({})", fields.join(", "), basis.title()), note)
        }
        Event::ErasureRefused { hold, by, basis, note } => {
            let what = format!("was refused an erasure ({}) by legal hold {hold} on {}", basis.title(), clause(by));
            with_words(what, note)
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use domain::privacy::{
        dpia::Cause, erasure::ErasureBasis, event::Extended, policy::ReviewExtension, review::ReviewOutcome,
    };
    use ledger::Timestamp;

    use super::*;

    #[test]
    fn privacy_is_told_in_a_sentence_and_never_names_a_person() {
        let basis = ErasureBasis::ConsentWithdrawn;
        for (event, expected) in [
            (
                Event::DpiaReopened(Cause::Risk { reason: "A breach.".into() }),
                "reopened the assessment: The risk changed: A breach",
            ),
            (Event::ReviewAssigned { assignee: "vera".parse().unwrap() }, "assigned the request to vera"),
            (
                Event::ReviewExtended(Box::new(Extended {
                    reason: "Three systems decided together.".into(),
                    informed_at: Timestamp::EPOCH.plus_days(20),
                    due_at: Timestamp::EPOCH.plus_days(89),
                    days: 59,
                    rule: ReviewExtension { days: 59, inform_days: 28 },
                })),
                "extended the deadline to 1970-03-31; the person was told on 1970-01-21: Three systems decided together",
            ),
            (
                Event::ReviewAnswered {
                    outcome: ReviewOutcome::Upheld,
                    commitments: std::collections::BTreeMap::new(),
                },
                "answered the request: decision upheld",
            ),
            (Event::HoldPlaced { hold: 2, reason: "Case 7 O 12/26.".into() }, "placed legal hold 2: Case 7 O 12/26"),
            (
                Event::ErasurePerformed {
                    fields: ["email", "name"].map(String::from).into(),
                    basis,
                    note: String::new(),
                },
                "erased the personal data email, name (Art. 17(1)(b): consent withdrawn)",
            ),
            (
                Event::ErasureRefused { hold: 2, by: "dpia/credit".into(), basis, note: "Asked by letter.".into() },
                "was refused an erasure (Art. 17(1)(b): consent withdrawn) by legal hold 2 on dpia/credit: Asked by letter",
            ),
        ] {
            assert_eq!(sentence(&event), expected);
        }
    }
}
