//! How a rule says no: which rule, in one sentence why, what is missing, and who can supply it.

use serde::{Deserialize, Serialize};

use crate::{account::Role, id::IdError};

/// The family of a refusal; the HTTP and exit codes follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The input itself is malformed or out of bounds.
    Invalid,
    /// The actor may not do this.
    Forbidden,
    /// The thing acted upon does not exist.
    NotFound,
    /// Somebody else acted first, or the thing already exists.
    Conflict,
    /// A rule of the registry or the policy says no.
    Rule,
}

/// One thing that is missing, and who can supply it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Missing {
    /// The field, requirement or artifact, such as `lineage.code.git_commit`.
    pub what: String,
    /// One sentence: what is wrong and how to mend it.
    pub message: String,
    /// The role that can supply it; absent where whoever asks can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Role>,
}

impl Missing {
    /// Something missing that `supplier` can bring.
    pub fn from(what: impl Into<String>, message: impl Into<String>, supplier: Role) -> Self {
        Self { what: what.into(), message: message.into(), supplier: Some(supplier) }
    }

    /// Something that whoever asks can mend: a field of the input that is wrong, a choice that does not stand.
    pub fn field(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self { what: what.into(), message: message.into(), supplier: None }
    }

    /// Something missing that each of these roles can bring.
    pub fn of(what: &str, message: &str, suppliers: impl IntoIterator<Item = Role>) -> Vec<Self> {
        suppliers.into_iter().map(|role| Self::from(what, message, role)).collect()
    }

    /// What is missing where entries contradict each other: nobody who works in the app can mend that.
    pub fn sound_ledger() -> Self {
        Self::from("ledger", "Run `countersign fsck` and keep what it says; do not write on.", Role::Administrator)
    }
}

impl From<Missing> for Vec<Missing> {
    fn from(missing: Missing) -> Self {
        vec![missing]
    }
}

/// A rule's no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("{message}")]
pub struct Refusal {
    /// The rule's stable id, such as `stage.order`.
    pub rule: String,
    /// The family.
    pub kind: RefusalKind,
    /// One sentence that explains the rule as it applies here.
    pub message: String,
    /// What is missing, one by one; a refusal that is made here names at least one thing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// Every constructor asks for what is missing, so that no rule can say no without telling how to go on. An empty list
/// names the rule itself.
impl Refusal {
    fn new(kind: RefusalKind, rule: &str, message: impl Into<String>, missing: impl Into<Vec<Missing>>) -> Self {
        let (message, mut missing) = (message.into(), missing.into());
        if missing.is_empty() {
            missing.push(Missing::field(rule, message.clone()));
        }
        Self { rule: rule.to_owned(), kind, message, missing }
    }

    /// A rule of the registry or the policy says no.
    pub fn rule(rule: &str, message: impl Into<String>, missing: impl Into<Vec<Missing>>) -> Self {
        Self::new(RefusalKind::Rule, rule, message, missing)
    }

    /// The actor may not do this.
    pub fn forbidden(rule: &str, message: impl Into<String>, missing: impl Into<Vec<Missing>>) -> Self {
        Self::new(RefusalKind::Forbidden, rule, message, missing)
    }

    /// The thing acted upon does not exist.
    pub fn not_found(message: impl Into<String>, missing: impl Into<Vec<Missing>>) -> Self {
        Self::new(RefusalKind::NotFound, "subject.exists", message, missing)
    }

    /// Somebody acted first, or the name is taken.
    pub fn conflict(rule: &str, message: impl Into<String>, missing: impl Into<Vec<Missing>>) -> Self {
        Self::new(RefusalKind::Conflict, rule, message, missing)
    }

    /// The input is malformed: `fields` says where.
    pub fn invalid(fields: Vec<Missing>) -> Self {
        let message = match fields.as_slice() {
            [only] => only.message.clone(),
            many => format!("{} fields need mending.", many.len()),
        };
        Self::new(RefusalKind::Invalid, "input.valid", message, fields)
    }
}

impl From<IdError> for Refusal {
    fn from(error: IdError) -> Self {
        Self::invalid(vec![Missing::field("id", error.to_string())])
    }
}

/// Collects what is wrong with an input, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct InputCheck {
    wrong: Vec<Missing>,
}

impl InputCheck {
    /// Free text that must not be blank and have at most `max` characters.
    pub fn text(&mut self, field: &str, value: &str, max: usize) -> &mut Self {
        if value.trim().is_empty() {
            self.wrong.push(Missing::field(field, format!("The {} must not be empty.", spoken(field))));
        }
        self.optional_text(field, value, max)
    }

    /// Free text that may be blank and has at most `max` characters, none of them a control character but line
    /// breaks and tabs.
    pub fn optional_text(&mut self, field: &str, value: &str, max: usize) -> &mut Self {
        let count = value.chars().count();
        if count > max {
            self.wrong.push(Missing::field(
                field,
                format!(
                    "The {} has {count} characters; at most {max} are kept. Shorten it, or attach the text as a file.",
                    spoken(field)
                ),
            ));
        }
        if value.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.wrong
                .push(Missing::field(field, format!("The {} holds a control character; remove it.", spoken(field))));
        }
        self
    }

    /// A condition on a field, with the sentence to show where it does not hold.
    pub fn holds(&mut self, field: &str, condition: bool, message: impl Into<String>) -> &mut Self {
        if !condition {
            self.wrong.push(Missing::field(field, message));
        }
        self
    }

    /// Ok, or one refusal with all that was wrong.
    pub fn finish(&mut self) -> Result<(), Refusal> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Refusal::invalid(std::mem::take(&mut self.wrong))) }
    }
}

/// A field's name as people say it: `sections.data_review` is the data review.
fn spoken(field: &str) -> String {
    field.rsplit('.').next().unwrap_or(field).replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_never_echoed_whole() {
        let mut check = InputCheck::default();
        check
            .text("title", " \n", 10)
            .text("purpose", &"x".repeat(10_000), 4_000)
            .optional_text("note", "a\u{1b}[31mb", 10)
            .optional_text("comment", "two\nlines\tand a tab", 100)
            .holds("markets", false, "Name at least one market.");
        let refusal = check.finish().unwrap_err();
        let fields: Vec<&str> = refusal.missing.iter().map(|missing| missing.what.as_str()).collect();
        assert_eq!(fields, ["title", "purpose", "note", "markets"]);
        assert_eq!(refusal.message, "4 fields need mending.");
        assert!(refusal.missing.iter().all(|missing| missing.message.len() < 200));
        assert!(check.finish().is_ok(), "what was told is not told again");
    }

    #[test]
    fn a_refusal_always_says_what_is_missing() {
        let refusal = Refusal::rule("rule.some", "It is so.", Vec::new());
        assert_eq!(refusal.missing, [Missing::field("rule.some", "It is so.")]);
        let roles = Missing::of("signature", "A signature.", [Role::MrmValidator, Role::RiskCommittee]);
        let refusal = Refusal::forbidden("signing.role", "You may not.", roles);
        let suppliers: Vec<_> = refusal.missing.iter().filter_map(|missing| missing.supplier).collect();
        assert_eq!(suppliers, [Role::MrmValidator, Role::RiskCommittee]);
    }

    #[test]
    fn lengths_count_characters_and_not_bytes() {
        assert!(InputCheck::default().text("title", &"é".repeat(10), 10).finish().is_ok());
        assert!(InputCheck::default().text("title", &"é".repeat(11), 10).finish().is_err());
    }

    #[test]
    fn a_single_fault_is_the_message_itself() {
        let refusal = InputCheck::default().text("label", "", 10).finish().unwrap_err();
        assert_eq!(refusal.to_string(), "The label must not be empty.");
        let refusal = InputCheck::default().text("sections.data_review", "", 10).finish().unwrap_err();
        assert_eq!(refusal.to_string(), "The data review must not be empty.");
        assert_eq!(serde_json::to_value(&refusal).unwrap()["kind"], "invalid");
    }
}
