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
    /// The role that can supply it; absent where anyone with access can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Role>,
}

impl Missing {
    /// Something missing that `supplier` can bring.
    pub fn from(what: impl Into<String>, message: impl Into<String>, supplier: Role) -> Self {
        Self { what: what.into(), message: message.into(), supplier: Some(supplier) }
    }

    /// A field of the input that is wrong.
    pub fn field(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self { what: what.into(), message: message.into(), supplier: None }
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
    /// What is missing, one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

impl Refusal {
    fn new(kind: RefusalKind, rule: &str, message: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), kind, message: message.into(), missing: Vec::new() }
    }

    /// A rule of the registry or the policy says no.
    pub fn rule(rule: &str, message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Rule, rule, message)
    }

    /// The actor may not do this.
    pub fn forbidden(rule: &str, message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Forbidden, rule, message)
    }

    /// The thing acted upon does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotFound, "subject.exists", message)
    }

    /// Somebody acted first, or the name is taken.
    pub fn conflict(rule: &str, message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, rule, message)
    }

    /// The input is malformed: `fields` says where.
    pub fn invalid(fields: Vec<Missing>) -> Self {
        let message = match fields.as_slice() {
            [only] => only.message.clone(),
            many => format!("{} fields need mending.", many.len()),
        };
        Self { missing: fields, ..Self::new(RefusalKind::Invalid, "input.valid", message) }
    }

    /// The same refusal with what is missing.
    #[must_use]
    pub fn with_missing(mut self, missing: Vec<Missing>) -> Self {
        self.missing = missing;
        self
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
