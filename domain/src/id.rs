//! Names and numbers that identify things. A value that exists is valid: constructors check.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not a valid identifier: what was expected, what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {found:?} is not valid: {expected}")]
pub struct IdError {
    what: &'static str,
    found: String,
    expected: &'static str,
}

/// At most this many characters of a rejected text are repeated in an error.
const SHOWN: usize = 60;

fn rejected(what: &'static str, found: &str, expected: &'static str) -> IdError {
    let mut shown: String = found.chars().take(SHOWN).collect();
    if shown.len() < found.len() {
        shown.push('…');
    }
    IdError { what, found: shown, expected }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(rejected($what, text, $expected)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn word(text: &str, max: usize, extra: &[u8]) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= max
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || extra.contains(b))
}

text_id!(
    /// The registry name of a model, unique and part of its address.
    ModelName,
    "model name",
    "use 1 to 100 letters, digits, '.', '_' or '-', beginning with a letter or digit",
    |text| word(text, 100, b"._-") && text != "new"
);
text_id!(
    /// A market's code, such as `US` or `EU`. Which markets exist is policy.
    Market,
    "market",
    "use 2 to 16 capital letters, digits or '-', beginning with a letter, such as US or EU",
    |text| (2..=16).contains(&text.len())
        && text.as_bytes()[0].is_ascii_uppercase()
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
);
text_id!(
    /// The pseudonymous id of an account: all that an entry ever says of a person.
    AccountId,
    "account id",
    "use 1 to 64 letters, digits, '_' or '-', beginning with a letter or digit",
    |text| word(text, 64, b"_-")
);
text_id!(
    /// The name of a set of requirements in the policy, such as `sr-11-7` or `unregulated`.
    ProfileName,
    "policy profile",
    "use 1 to 40 letters, digits or '-', beginning with a letter or digit",
    |text| word(text, 40, b"-")
);

/// The number of a model version, counted from 1 within its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = u32, minimum = 1))]
#[serde(try_from = "u32", into = "u32")]
pub struct VersionNumber(u32);

impl VersionNumber {
    /// The first version of a model.
    pub const FIRST: Self = Self(1);

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number as an integer.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for VersionNumber {
    type Error = IdError;
    fn try_from(number: u32) -> Result<Self, IdError> {
        if number == 0 { Err(rejected("version number", "0", "versions are counted from 1")) } else { Ok(Self(number)) }
    }
}

impl From<VersionNumber> for u32 {
    fn from(number: VersionNumber) -> Self {
        number.0
    }
}

impl FromStr for VersionNumber {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let number: u32 =
            text.parse().map_err(|_| rejected("version number", text, "use a whole number from 1, such as 3"))?;
        number.try_into()
    }
}

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One version of one model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionId {
    /// The model.
    pub model: ModelName,
    /// The version's number within the model.
    pub number: VersionNumber,
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {}", self.model, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_markup_or_excess_are_refused_with_the_rule() {
        let error = "<script>alert(1)</script>".parse::<ModelName>().unwrap_err();
        assert!(error.to_string().contains("letters, digits"), "{error}");
        let long = "a".repeat(10_000).parse::<ModelName>().unwrap_err();
        assert!(long.to_string().len() < 250, "the whole text must not be echoed: {long}");
        assert!("".parse::<ModelName>().is_err());
        assert!("new".parse::<ModelName>().is_err(), "it would collide with /models/new");
        assert!("StreamRec-2.1_a".parse::<ModelName>().is_ok());
    }

    #[test]
    fn markets_are_short_capital_codes() {
        assert!("US".parse::<Market>().is_ok());
        assert!("us".parse::<Market>().is_err());
        assert!("U".parse::<Market>().is_err());
        assert!("".parse::<Market>().is_err());
    }

    #[test]
    fn version_numbers_count_from_one() {
        assert!("0".parse::<VersionNumber>().is_err());
        assert!("-1".parse::<VersionNumber>().is_err());
        assert_eq!("3".parse::<VersionNumber>().unwrap().next().get(), 4);
    }
}
