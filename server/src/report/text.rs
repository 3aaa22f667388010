//! Text set in lines: styles, and line breaking by the widths of the glyphs.
//!
//! Lines break after a space if they can, else after a hyphen, slash or underscore inside a long name, else anywhere: a digest or a
//! field of ten thousand letters stays inside its column.

use super::font::{Face, Fonts, Glyph};

/// Rounding slack when comparing widths, in points.
const SLACK: f32 = 0.01;
/// Height of a capital as a fraction of the type size; the same in all text faces.
const CAP_HEIGHT: f32 = 0.714;

/// An RGB colour, each part from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour(pub f32, pub f32, pub f32);

impl Colour {
    /// Running text.
    pub const INK: Self = Self(0.10, 0.12, 0.15);
    /// Labels and notes; 7:1 on white.
    pub const MUTED: Self = Self(0.33, 0.37, 0.42);
    /// The accent: section numbers, links, the mark on the cover.
    pub const ACCENT: Self = Self(0.05, 0.33, 0.42);
    /// The shape beside a word that asks for attention.
    pub const AMBER: Self = Self(0.66, 0.40, 0.02);
    /// The shape beside a word that says no.
    pub const RED: Self = Self(0.66, 0.13, 0.13);
    /// Rules under heads.
    pub const RULE: Self = Self(0.55, 0.59, 0.64);
    /// Hairlines between rows.
    pub const HAIRLINE: Self = Self(0.84, 0.86, 0.88);
    /// The ground behind a table's head.
    pub const GROUND: Self = Self(0.955, 0.962, 0.968);
}

/// How a run of text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Typeface.
    pub face: Face,
    /// Type size in points.
    pub size: f32,
    /// Height of a line in points.
    pub leading: f32,
    /// Colour of the letters.
    pub colour: Colour,
}

impl Style {
    /// Running text.
    pub const BODY: Self = Self { face: Face::Regular, size: 9.4, leading: 14.0, colour: Colour::INK };
    /// Text in tables.
    pub const TABLE: Self = Self { face: Face::Regular, size: 8.2, leading: 11.8, colour: Colour::INK };
    /// Notes, captions, running heads.
    pub const SMALL: Self = Self { face: Face::Regular, size: 7.8, leading: 11.2, colour: Colour::MUTED };

    /// The same in another face. The monospaced face is set a little smaller, since its letters look larger.
    #[must_use]
    pub fn face(self, face: Face) -> Self {
        let size = if face == Face::Mono { self.size * 0.93 } else { self.size };
        Self { face, size, ..self }
    }

    /// The same in another colour.
    #[must_use]
    pub const fn colour(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    /// The same at another size and leading, both in points.
    #[must_use]
    pub const fn sized(self, size: f32, leading: f32) -> Self {
        Self { size, leading, ..self }
    }

    /// From the top of a line down to its baseline, in points: capitals stand centred in the leading.
    pub fn baseline(&self) -> f32 {
        f32::midpoint(self.leading, CAP_HEIGHT * self.size)
    }
}

/// A run of glyphs in one style.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Where the run starts, in points from the start of its line.
    pub x: f32,
    /// How it looks.
    pub style: Style,
    /// What it shows.
    pub glyphs: Vec<Glyph>,
}

/// One line of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Its runs, from left to right.
    pub spans: Vec<Span>,
    /// Its width in points, without the spaces at its end.
    pub width: f32,
}

#[cfg(test)]
impl Line {
    /// The line's characters.
    pub fn text(&self) -> String {
        self.spans.iter().flat_map(|span| &span.glyphs).map(|glyph| glyph.character).collect()
    }
}

/// The width of `text` on one line, in points.
pub fn width(fonts: &Fonts, style: Style, text: &str) -> f32 {
    text.chars().map(|character| fonts.glyph(style.face, character).advance * style.size).sum()
}

/// Sets `text` in one style, in lines no wider than `width` points.
pub fn wrap(fonts: &Fonts, style: Style, text: &str, width: f32) -> Vec<Line> {
    wrap_runs(fonts, &[(style, text)], width)
}

/// Sets runs in several styles one after the other, in lines no wider than `width` points. There is always at least one line.
pub fn wrap_runs(fonts: &Fonts, runs: &[(Style, &str)], width: f32) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut paragraph = Vec::new();
    for (style, text) in runs {
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\r' if characters.peek() == Some(&'\n') => {}
                '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                    break_paragraph(&std::mem::take(&mut paragraph), width, &mut lines);
                }
                '\t' => paragraph.push((*style, fonts.glyph(style.face, ' '))),
                _ => paragraph.push((*style, fonts.glyph(style.face, character))),
            }
        }
    }
    break_paragraph(&paragraph, width, &mut lines);
    lines
}

fn break_paragraph(glyphs: &[(Style, Glyph)], width: f32, lines: &mut Vec<Line>) {
    let mut start = 0;
    loop {
        let end = line_end(glyphs, start, width);
        lines.push(line(&glyphs[start..end]));
        start = end;
        if start >= glyphs.len() {
            return;
        }
    }
}

/// Where the line that starts at `start` ends. Spaces hang over the edge; at least one glyph is taken.
fn line_end(glyphs: &[(Style, Glyph)], start: usize, width: f32) -> usize {
    let mut reach = 0.0;
    let mut after_space = None;
    let mut after_joint = None;
    for (index, (style, glyph)) in glyphs.iter().enumerate().skip(start) {
        let advance = glyph.advance * style.size;
        if glyph.character == ' ' {
            reach += advance;
            after_space = Some(index + 1);
            continue;
        }
        if reach + advance > width + SLACK && index > start {
            return best_break(start, index, after_space, after_joint);
        }
        reach += advance;
        let previous = index.checked_sub(1).filter(|before| *before >= start).map(|before| glyphs[before].1.character);
        let next = glyphs.get(index + 1).map(|(_, next)| next.character);
        if glyph.is_stand_in() || is_joint(previous, glyph.character, next) {
            after_joint = Some(index + 1);
        }
    }
    glyphs.len()
}

/// A space is the best place to break, unless it would leave most of the line empty before a word that is cut anyway.
fn best_break(start: usize, overflow: usize, after_space: Option<usize>, after_joint: Option<usize>) -> usize {
    let taken = overflow - start;
    let fills = |at: usize| (at - start) * 3 >= taken;
    match (after_space, after_joint) {
        (Some(space), Some(joint)) if joint > space && !fills(space) => joint,
        (Some(space), _) => space,
        (None, Some(joint)) if fills(joint) => joint,
        _ => overflow,
    }
}

/// Whether a long name may be broken after `character`.
fn is_joint(previous: Option<char>, character: char, next: Option<char>) -> bool {
    let follows = |rule: fn(char) -> bool| next.is_some_and(rule);
    match character {
        '-' => previous.is_some_and(char::is_alphanumeric) && follows(char::is_alphanumeric),
        '/' | '_' | '&' | '?' | '=' | '–' | '—' => follows(char::is_alphanumeric),
        '.' | ',' | ':' => follows(char::is_alphabetic),
        _ => false,
    }
}

fn line(glyphs: &[(Style, Glyph)]) -> Line {
    let shown = glyphs.iter().rposition(|(_, glyph)| glyph.character != ' ').map_or(0, |last| last + 1);
    let mut line = Line::default();
    for (style, glyph) in &glyphs[..shown] {
        match line.spans.last_mut() {
            Some(span) if span.style == *style => span.glyphs.push(*glyph),
            _ => line.spans.push(Span { x: line.width, style: *style, glyphs: vec![*glyph] }),
        }
        line.width += glyph.advance * style.size;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, width: f32) -> Vec<String> {
        wrap(Fonts::get().unwrap(), Style::BODY, text, width).iter().map(Line::text).collect()
    }

    #[test]
    fn no_line_is_wider_than_its_column() {
        let fonts = Fonts::get().unwrap();
        let nasty = [
            "x".repeat(10_000),
            "sha256:".to_owned() + &"0f".repeat(32),
            "word ".repeat(2_000),
            "漢字かな交じり文".repeat(100),
            "feature_one/feature_two-three.four".repeat(40),
            " ".repeat(10_000),
            "👩\u{200d}💻 \u{202e}\u{0}\u{7}".repeat(50),
        ];
        for text in &nasty {
            for face in [Face::Regular, Face::SemiBold, Face::Mono, Face::Signs] {
                for width in [24.0, 61.5, 200.0, 487.0] {
                    for line in wrap(fonts, Style::TABLE.face(face), text, width) {
                        assert!(line.width <= width + SLACK, "{} > {width}", line.width);
                    }
                }
            }
        }
    }

    #[test]
    fn wrapping_loses_nothing_but_spaces_at_the_edge() {
        let text = "A long-winded sentence/path_with_joints, then κάτι ελληνικό и кириллица and 漢字 ".repeat(30);
        let joined: String = texts(&text, 90.0).concat();
        let squeeze = |text: &str| text.replace(' ', "");
        assert_eq!(squeeze(&joined), squeeze(&text));
    }

    #[test]
    fn words_stay_whole_where_they_can_and_new_lines_are_kept() {
        assert_eq!(texts("alpha beta", 40.0), ["alpha", "beta"]);
        assert_eq!(texts("one\ntwo\r\n\nthree", 400.0), ["one", "two", "", "three"]);
        assert_eq!(texts("", 400.0), [""]);
    }

    #[test]
    fn a_column_narrower_than_a_letter_still_ends() {
        assert_eq!(texts("abc", 1.0), ["a", "b", "c"]);
    }
}
