//! One reader for all JSON evidence: a member that stands twice in an object is refused. Readers disagree on which of both
//! counts, so a file could say one thing to the person who looks at it and another to the gate.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use super::parse::bounded;

/// Reads a document.
///
/// # Errors
/// It is no JSON, or an object has a member twice; with line and column.
pub fn read(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Once>(bytes).map(|Once(value)| value)
}

/// A value in whose objects each member stands once.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("the member {:?} stands there twice", bounded(&key))));
            }
            let Once(value) = members.next_value()?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_refused_with_its_place() {
        let error = read(b"{\"a\": 1,\n \"b\": [{\"c\": 1, \"c\": 2}]}").unwrap_err();
        assert!(error.to_string().contains("the member \"c\" stands there twice"), "{error}");
        assert_eq!((error.line(), error.column()), (2, 19), "{error}");
        let escaped = read(br#"{"a": 1, "\u0061": 2}"#).unwrap_err().to_string();
        assert!(escaped.contains("\"a\" stands there twice"), "written otherwise, it is the same member: {escaped}");
    }

    #[test]
    fn all_else_is_read_as_ever() {
        let file =
            br#"{"a": [1, -2, 0.5, 18446744073709551615, true, null, "x"], "b": {"a": {}}, "c": "\ud83d\ude00"}"#;
        assert_eq!(read(file).unwrap(), serde_json::from_slice::<Value>(file).unwrap());
        assert!(read(b"[1] 2").is_err() && read(b"").is_err() && read("[".repeat(1_000).as_bytes()).is_err());
    }
}
