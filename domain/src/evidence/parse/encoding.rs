//! Text that is not UTF-8: UTF-16 by its byte order mark, and XML in the encoding that its declaration names.

use super::{ParseError, broken};

const XML: &str = "XML";
/// An XML declaration ends within so many bytes.
const DECLARATION: usize = 200;

/// The file as UTF-8 text where it is in another encoding that is read; nothing where it may be UTF-8.
pub(super) fn decoded(bytes: &[u8]) -> Result<Option<String>, ParseError> {
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return utf16(rest, u16::from_le_bytes).map(Some);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return utf16(rest, u16::from_be_bytes).map(Some);
    }
    let Some(named) = declared(bytes) else { return Ok(None) };
    match named.to_ascii_lowercase().as_str() {
        // Of UTF-16 without a mark the declaration could not have been read as it was.
        "utf-8" | "utf8" | "us-ascii" | "ascii" | "utf-16" => Ok(None),
        // Its 256 characters are the first 256 of Unicode.
        "iso-8859-1" | "latin1" | "latin-1" | "iso8859-1" => Ok(Some(in_utf8(bytes))),
        _ if bytes.is_ascii() => Ok(None),
        _ => Err(broken(
            XML,
            "its declaration",
            format!("it is in {:?}; UTF-8, UTF-16 and ISO-8859-1 are read. Save it as UTF-8", super::bounded(named)),
        )),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, ParseError> {
    let units = bytes.chunks(2).map(|pair| match pair {
        [a, b] => unit([*a, *b]),
        // Half a character at the end.
        _ => 0xD800,
    });
    let mut text = String::with_capacity(bytes.len() / 2);
    for (place, character) in char::decode_utf16(units).enumerate() {
        let wrong = |_| broken("UTF-16 text", format!("character {}", place + 1), "half a character stands there");
        text.push(character.map_err(wrong)?);
    }
    // The declaration said UTF-16, which the text is no more.
    if let Some(named) = declared(text.as_bytes()).map(str::to_owned) {
        text = text.replacen(&named, "utf-8", 1);
    }
    Ok(text)
}

fn in_utf8(bytes: &[u8]) -> String {
    let text: String = bytes.iter().copied().map(char::from).collect();
    match declared(bytes) {
        Some(named) => text.replacen(named, "utf-8", 1),
        None => text,
    }
}

/// The encoding that an XML declaration names.
fn declared(bytes: &[u8]) -> Option<&str> {
    let begin = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let begin = &begin[..begin.len().min(DECLARATION)];
    let end = begin.windows(2).position(|pair| pair == b"?>").filter(|_| begin.starts_with(b"<?xml"))?;
    let (_, rest) = std::str::from_utf8(&begin[..end]).ok()?.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(name, _)| name).filter(|name| !name.is_empty())
}
