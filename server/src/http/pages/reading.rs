//! Reads a form input by input and keeps every fault, so that all of them are told at once.

use domain::refusal::Missing;

use super::field;
use crate::http::problem::Problem;

/// What is wrong with a form so far.
#[derive(Debug, Default)]
pub struct Reading {
    wrong: Vec<Missing>,
    /// A fault that is no single input's.
    other: Option<Problem>,
}

impl Reading {
    /// What was read, or nothing and its fault kept.
    pub fn take<T>(&mut self, read: Result<T, impl Into<Problem>>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(problem) => {
                let problem = problem.into();
                if problem.missing.is_empty() {
                    self.other.get_or_insert(problem);
                } else {
                    self.wrong.extend(problem.missing);
                }
                None
            }
        }
    }

    /// A text that the rule behind the form wants filled: named here already where something else is wrong too.
    pub fn filled(&mut self, fields: &[(String, String)], input: &str, message: &str) {
        if field(fields, input).trim().is_empty() {
            self.wrong.push(Missing::field(input, message));
        }
    }

    /// The whole form from what was read of it, or all of its faults. `whole` answers nothing only where an input was
    /// faulty.
    ///
    /// # Errors
    /// Something is wrong.
    pub fn finish<T>(self, whole: Option<T>) -> Result<T, Problem> {
        if let Some(problem) = self.other {
            return Err(problem);
        }
        match whole {
            Some(whole) if self.wrong.is_empty() => Ok(whole),
            _ => Err(domain::Refusal::invalid(self.wrong).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::pages::refuse;

    #[test]
    fn every_fault_is_told_at_once() {
        let fields = [("name".to_owned(), " ".to_owned())];
        let mut reading = Reading::default();
        let days = reading.take("x".parse::<u32>().map_err(|_| refuse("days", "Give a whole number of days.")));
        reading.filled(&fields, "name", "Say who asks.");
        let problem = reading.finish(days).unwrap_err();
        let told: Vec<&str> = problem.missing.iter().map(|missing| missing.what.as_str()).collect();
        assert_eq!((told, problem.status), (vec!["days", "name"], 422));
        let mut reading = Reading::default();
        let days = reading.take("3".parse::<u32>().map_err(|_| refuse("days", "Give a whole number of days.")));
        assert_eq!(reading.finish(days).unwrap(), 3);
    }
}
