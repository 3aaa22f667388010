//! HTML as the tool writes it, into words and back.

use serde_json::Value;

/// The words of a text that may be HTML.
pub(super) fn words(value: Option<&Value>) -> String {
    let Some(Value::String(html)) = value else { return String::new() };
    let mut text = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let read = if rest.starts_with('<') { tag(rest) } else { entity(rest) };
        // What only looks like markup stays as it is.
        let (taken, stands_for) = read.unwrap_or_else(|| (1, rest[..1].to_owned()));
        text.push_str(&stands_for);
        rest = &rest[taken..];
    }
    text.push_str(rest);
    let lines = text.lines().map(|line| line.trim_matches(|c: char| c.is_whitespace() || c == '\u{a0}'));
    let mut kept: Vec<&str> = Vec::new();
    for line in lines {
        if !(line.is_empty() && kept.last().is_none_or(|last| last.is_empty())) {
            kept.push(line);
        }
    }
    let joined = kept.join("\n");
    joined.trim().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Bytes of a character reference at most, such as `&#x1F600;`.
const LONGEST_REFERENCE: usize = 11;

/// How many bytes a tag takes, and the line break or list mark that it stands for.
fn tag(text: &str) -> Option<(usize, String)> {
    // It ends before another begins, so that no more is looked through than is taken, whatever stands there.
    let end = 1 + text[1..].find(['<', '>']).filter(|end| text[1 + end..].starts_with('>'))?;
    let inner = &text[1..end];
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
        return None;
    }
    let name = inner.split(|c: char| c.is_whitespace()).next().unwrap_or_default().to_ascii_lowercase();
    let stands_for = match name.trim_end_matches('/') {
        "br" | "/p" | "/div" | "/li" | "/ul" | "/ol" | "/h1" | "/h2" | "/h3" | "/tr" => "\n",
        "li" => "- ",
        _ => "",
    };
    Some((end + 1, stands_for.to_owned()))
}

/// How many bytes a character reference takes, and the character.
fn entity(text: &str) -> Option<(usize, String)> {
    let end = text.bytes().take(LONGEST_REFERENCE).position(|byte| byte == b';')?;
    let name = &text[1..end];
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let code = match name.strip_prefix('#')? {
                hex if hex.starts_with(['x', 'X']) => u32::from_str_radix(&hex[1..], 16).ok()?,
                decimal => decimal.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((end + 1, character.to_string()))
}

/// Words as HTML.
pub(super) fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>")
}
