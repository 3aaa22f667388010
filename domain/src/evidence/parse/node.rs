//! Walks a JSON document and knows at every step where it stands, so that a fault is told with its JSON pointer
//! (RFC 6901).

use ledger::Digest;
use serde_json::Value;

use super::{ParseError, bounded, broken};

/// A value in a document, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    /// The format that is being read.
    kind: &'static str,
    /// The value.
    pub(super) value: &'a Value,
    pointer: String,
}

impl<'a> Node<'a> {
    /// The document itself.
    pub(super) fn root(kind: &'static str, value: &'a Value) -> Self {
        Self { kind, value, pointer: String::new() }
    }

    fn child(&self, step: &str, value: &'a Value) -> Self {
        Self { kind: self.kind, value, pointer: self.below(step) }
    }

    fn below(&self, step: &str) -> String {
        // A key comes from the file and goes into a message.
        format!("{}/{}", self.pointer, bounded(step).replace('~', "~0").replace('/', "~1"))
    }

    /// The fault `reason` at this place.
    pub(super) fn fault(&self, reason: impl Into<String>) -> ParseError {
        let place = if self.pointer.is_empty() { "the top level".to_owned() } else { self.pointer.clone() };
        broken(self.kind, place, reason)
    }

    /// The member `key`, unless it is missing or null.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        self.value.get(key).filter(|value| !value.is_null()).map(|value| self.child(key, value))
    }

    /// The member `key`, which must be there.
    pub(super) fn need(&self, key: &str) -> Result<Self, ParseError> {
        self.get(key).ok_or_else(|| broken(self.kind, self.below(key), "it is missing"))
    }

    /// The elements of an array.
    pub(super) fn items(&self) -> Result<Vec<Self>, ParseError> {
        let items = self.value.as_array().ok_or_else(|| self.fault("an array is expected"))?;
        Ok(items.iter().enumerate().map(|(index, value)| self.child(&index.to_string(), value)).collect())
    }

    /// The elements of the array `key`; none if it is missing.
    pub(super) fn list(&self, key: &str) -> Result<Vec<Self>, ParseError> {
        self.get(key).map_or_else(|| Ok(Vec::new()), |node| node.items())
    }

    /// The members of an object.
    pub(super) fn entries(&self) -> Result<Vec<(&'a str, Self)>, ParseError> {
        let members = self.value.as_object().ok_or_else(|| self.fault("an object is expected"))?;
        Ok(members.iter().map(|(key, value)| (key.as_str(), self.child(key, value))).collect())
    }

    /// The text.
    pub(super) fn text(&self) -> Result<&'a str, ParseError> {
        self.value.as_str().ok_or_else(|| self.fault("a text is expected"))
    }

    /// The text of the member `key`, if it is there.
    pub(super) fn text_of(&self, key: &str) -> Result<Option<&'a str>, ParseError> {
        self.get(key).map(|node| node.text()).transpose()
    }

    /// The truth value.
    pub(super) fn truth(&self) -> Result<bool, ParseError> {
        self.value.as_bool().ok_or_else(|| self.fault("true or false is expected"))
    }

    /// The finite number.
    pub(super) fn number(&self) -> Result<f64, ParseError> {
        // Adding zero turns -0 into 0: canonical JSON knows no -0, and facts are read back from it.
        self.value
            .as_f64()
            .filter(|number| number.is_finite())
            .map(|number| number + 0.0)
            .ok_or_else(|| self.fault("a number is expected"))
    }

    /// The number of the member `key`, if it is there.
    pub(super) fn number_of(&self, key: &str) -> Result<Option<f64>, ParseError> {
        self.get(key).map(|node| node.number()).transpose()
    }

    /// The count: a whole number, not negative.
    pub(super) fn count(&self) -> Result<u64, ParseError> {
        let whole = self.value.as_u64().filter(|count| *count < 1 << 52);
        whole.ok_or_else(|| self.fault("a whole number is expected, 0 or more"))
    }

    /// The digest `sha256:…`.
    pub(super) fn digest(&self) -> Result<Digest, ParseError> {
        self.text()?.parse().map_err(|_| self.fault("a digest sha256:… with 64 hex digits is expected"))
    }

    /// Refuses members other than `known`: a misspelt threshold must not pass unseen.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ParseError> {
        match self.entries()?.iter().find(|(key, _)| !known.contains(key)) {
            None => Ok(()),
            Some((_, stranger)) => {
                Err(stranger.fault(format!("it is not known; this format knows {}", known.join(", "))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_names_its_pointer() {
        let document = json!({"a/b": [{"n": "x"}], "far": null});
        let root = Node::root("file", &document);
        let first = root.need("a/b").unwrap().items().unwrap().remove(0);
        let error = first.need("n").unwrap().number().unwrap_err().to_string();
        assert!(error.contains("/a~1b/0/n: a number is expected"), "{error}");
        assert!(root.need("far").unwrap_err().to_string().contains("/far: it is missing"));
        assert!(root.only(&["far"]).unwrap_err().to_string().contains("/a~1b"));
        assert!(root.items().unwrap_err().to_string().contains("the top level"));
    }

    #[test]
    fn numbers_are_finite_counts_are_whole_and_zero_has_one_sign() {
        let document = json!([-0.0, 1.5, -1, 3, "sha256:00"]);
        let items = Node::root("file", &document).items().unwrap();
        assert!(items[0].number().unwrap().is_sign_positive());
        assert!(items[1].count().is_err() && items[2].count().is_err());
        assert_eq!(items[3].count().unwrap(), 3);
        assert!(items[4].digest().unwrap_err().to_string().contains("64 hex digits"));
    }
}
