//! How digests and timestamps look in an OpenAPI document.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use crate::{Digest, Timestamp};

fn text(description: &str, pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).pattern(Some(pattern)).into()
}

impl PartialSchema for Digest {
    fn schema() -> RefOr<Schema> {
        text("A SHA-256 digest: `sha256:` and 64 lowercase hex digits.", "^sha256:[0-9a-f]{64}$")
    }
}

impl ToSchema for Digest {}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        text(
            "A point in time, RFC 3339 in UTC with six digits of a second.",
            r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        )
    }
}

impl ToSchema for Timestamp {}
