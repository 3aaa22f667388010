//! Privacy where it touches what lies beside the ledger: personal values of the human-review register, and files of the
//! CNIL's tool.

use domain::{
    AggregateId, Command, ModelName, Refusal, VersionId,
    access::Principal,
    account::Role,
    privacy::{
        cnil::{self, Imported, Unplaced},
        command::{AnswerReview, PrivacyCommand, ReceiveReview},
        review::{Review, ReviewId, ReviewOutcome},
        safeguards::Safeguard,
    },
    refusal::{InputCheck, Missing},
};
use ledger::Timestamp;
use serde::Serialize;

use crate::{
    seal::{Beside, Caller, Order, Receipt},
    service::Service,
    storage::StoreError,
    vault,
};

/// A request for human review as it comes in.
#[derive(Debug, Clone)]
pub struct NewReview {
    /// What is asked for.
    pub asks: Safeguard,
    /// The version that decided, if known.
    pub version: Option<domain::VersionNumber>,
    /// The market.
    pub market: Option<domain::Market>,
    /// A pseudonymous reference of the decision.
    pub decision: String,
    /// When the person asked; now, if left out.
    pub received_at: Option<Timestamp>,
    /// The person's name.
    pub name: String,
    /// How the person is reached.
    pub contact: String,
    /// What the person wrote.
    pub text: String,
}

/// The personal values of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Person {
    /// The person's name.
    pub name: Option<String>,
    /// How the person is reached.
    pub contact: Option<String>,
    /// What the person wrote.
    pub text: Option<String>,
    /// What the person was told.
    pub answer: Option<String>,
}

/// The order to enter a request into the register, its personal values beside it.
///
/// # Errors
/// A personal value is too long. That name and contact are there is the rule's to say, with all else that lacks.
pub fn receiving(caller: Caller, model: ModelName, new: NewReview) -> Result<Order, Refusal> {
    InputCheck::default()
        .optional_text("name", &new.name, 200)
        .optional_text("contact", &new.contact, 500)
        .optional_text("text", &new.text, 10_000)
        .finish()?;
    let tidy = |text: String| text.replace("\r\n", "\n").trim().to_owned();
    let values = [("name", tidy(new.name)), ("contact", tidy(new.contact)), ("text", tidy(new.text))];
    let (rows, commitments) = vault::salted("", values.into_iter().filter(|(_, value)| !value.is_empty()));
    let body = ReceiveReview {
        asks: new.asks,
        version: new.version,
        market: new.market,
        decision: new.decision,
        received_at: new.received_at,
        commitments,
    };
    let command = Command::Privacy(PrivacyCommand::ReceiveReview(model, body));
    Ok(Order { beside: Beside { vault: rows, ..Beside::default() }, ..Order::new(caller, command) })
}

/// The order to answer a request, the words beside it.
///
/// # Errors
/// The answer is blank or too long.
pub fn answering(caller: Caller, id: ReviewId, outcome: ReviewOutcome, answer: &str) -> Result<Order, Refusal> {
    InputCheck::default().text("answer", answer, 10_000).finish()?;
    let (rows, commitments) = vault::salted("", [("answer", answer.replace("\r\n", "\n").trim().to_owned())]);
    let command = Command::Privacy(PrivacyCommand::AnswerReview(id, AnswerReview { outcome, commitments }));
    Ok(Order { beside: Beside { vault: rows, ..Beside::default() }, ..Order::new(caller, command) })
}

/// Why an erasure was not carried out, if a legal hold refused it. The refusal itself is sealed.
pub fn refused_erasure(receipt: &Receipt) -> Option<Refusal> {
    let refused = receipt.entries.iter().find(|entry| entry.event == "erasure.refused")?;
    Some(Refusal::conflict(
        "erasure.held",
        format!(
            "A legal hold stands on this personal data, so nothing was erased. That it was asked for and refused is entry {}.",
            refused.seq
        ),
        Missing::from("hold", "Release the hold when its reason has passed, then ask again.", Role::PrivacyOfficer),
    ))
}

/// What a hold or an erasure is about, as forms and requests write it.
///
/// # Errors
/// The text names nothing that holds personal data.
pub fn target(text: &str) -> Result<AggregateId, Refusal> {
    let known = text
        .parse()
        .ok()
        .filter(|id| matches!(id, AggregateId::Account(_) | AggregateId::ReviewRequest(_) | AggregateId::Dpia(_)));
    known.ok_or_else(|| {
        let message = "Write account/ID, review/MODEL/NUMBER, or dpia/MODEL for all requests on a model.";
        Refusal::invalid(vec![Missing::field("target", message)])
    })
}

/// Reads a file of the CNIL's tool into a draft; what has no place is answered beside it.
///
/// # Errors
/// The storage failed, or the file is none of the tool's.
pub async fn import_cnil(
    app: &Service,
    model: &ModelName,
    text: &str,
) -> Result<Result<(PrivacyCommand, Vec<Unplaced>), Refusal>, StoreError> {
    let file = app.privacy_file(model).await?;
    let base = file.as_ref().and_then(|file| file.draft.as_ref()).map(|draft| &draft.content);
    let (text, base) = (text.to_owned(), base.cloned());
    let read = tokio::task::spawn_blocking(move || cnil::import(&text, base.as_ref())).await;
    // The reader gave up on the file in the rudest way; the file is at fault.
    let Ok(read) = read else {
        let message = "The file cannot be read: its format is broken.";
        return Ok(Err(Refusal::invalid(vec![Missing::field("file", message)])));
    };
    Ok(match read {
        Ok(imported) => {
            let Imported { content, unplaced } = known_here(app, model, imported).await?;
            Ok((PrivacyCommand::DraftDpia(model.clone(), Box::new(content)), unplaced))
        }
        Err(error) => Err(Refusal::invalid(vec![Missing::field("file", error.to_string())])),
    })
}

/// A file of another Countersign, or of another model, may name owners, markets and a version that are not there: they
/// are told and left out, so that the rest can be taken over.
async fn known_here(app: &Service, model: &ModelName, mut imported: Imported) -> Result<Imported, StoreError> {
    let mut unknown = |place: String, why: String| imported.unplaced.push(Unplaced { place, why });
    for (index, measure) in imported.content.measures.iter_mut().enumerate() {
        let Some(owner) = &measure.owner else { continue };
        if app.account(owner).await?.is_none_or(|account| account.disabled) {
            let why = format!("There is no active account {owner} here; name another owner.");
            unknown(format!("countersign.content.measures[{index}].owner"), why);
            measure.owner = None;
        }
    }
    let scope = &mut imported.content.scope;
    let markets = app.model(model).await?.map(|model| model.markets.clone()).unwrap_or_default();
    for market in &scope.markets - &markets.into_iter().collect() {
        unknown("countersign.content.scope.markets".to_owned(), format!("{model} is not registered for {market}."));
        scope.markets.remove(&market);
    }
    if let Some(number) = scope.version
        && app.version(&VersionId { model: model.clone(), number }).await?.is_none()
    {
        let why = format!("{model} has no version {number}, so no change of class reopens the assessment.");
        unknown("countersign.content.scope.version".to_owned(), why);
        scope.version = None;
        scope.reopened_by.clear();
    }
    Ok(imported)
}

impl Service {
    /// The personal values of a request, if the reader may see them.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn person_of(&self, review: &Review, reader: &Principal) -> Result<Option<Person>, StoreError> {
        if !review.shows_person_to(reader) {
            return Ok(None);
        }
        let owner = vault::owner(&AggregateId::ReviewRequest(review.id.clone()));
        let mut fields = self.store.vault(&[owner]).await?;
        let mut take = |name: &str| {
            let at = fields.iter().position(|field| field.field == name)?;
            Some(fields.swap_remove(at).value)
        };
        Ok(Some(Person { name: take("name"), contact: take("contact"), text: take("text"), answer: take("answer") }))
    }
}
