//! The document: blocks that flow down A4 pages.
//!
//! Every block is cut into strips, a line's height each, and strips are put on pages one after the other; a block that does not fit is
//! moved or split between two strips. Running heads, page numbers and bookmarks are added at the end, when the pages are counted.

use ledger::{Digest, Timestamp};

use super::ReportError;
use super::font::{Face, Fonts};
use super::pdf::{self, Item, OutlineEntry, PAGE_HEIGHT, PAGE_WIDTH, Page};
use super::table::{Cell, Table};
use super::text::{Colour, Line, Style, width, wrap};

/// Left and right margin in points.
pub const MARGIN: f32 = 54.0;
/// Width of the text block in points.
pub const TEXT_WIDTH: f32 = PAGE_WIDTH - 2.0 * MARGIN;
/// Where the text block starts, in points from the top of the page.
pub const TOP: f32 = 70.0;
/// Where the text block ends, in points from the top of the page.
pub const BOTTOM: f32 = PAGE_HEIGHT - 64.0;
/// Width of the labels of a key–value list in points.
const LABEL_WIDTH: f32 = 128.0;
/// A block taller than this is split rather than moved to the next page.
const KEEP_WHOLE: f32 = (BOTTOM - TOP) * 0.3;

/// What the file says about itself.
#[derive(Clone, Debug)]
pub struct Meta {
    /// Title; also the running head on the left.
    pub title: String,
    /// Subject; also the running head on the right.
    pub subject: String,
    /// Who made the report.
    pub author: String,
    /// When the report's data was true; the file's creation date.
    pub created: Timestamp,
    /// Digest of the report's data; the file's identifier, printed at the foot of each page.
    pub id: Digest,
}

/// A file carried inside the PDF.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// File name.
    pub name: String,
    /// For example `application/json`.
    pub media_type: String,
    /// One sentence on what it holds.
    pub description: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A horizontal slice of a block, not to be cut: lines at their places, and a height in points.
#[derive(Clone, Debug, Default)]
pub struct Strip {
    /// Height in points.
    pub height: f32,
    /// Lines with the x of their left edge on the page and the style that sets their baseline.
    pub lines: Vec<(f32, Line)>,
    /// Filled areas: left edge on the page, top within the strip, width, height.
    pub boxes: Vec<([f32; 4], Colour)>,
}

impl Strip {
    /// Empty space.
    pub fn space(height: f32) -> Self {
        Self { height, ..Self::default() }
    }

    /// A line of text at `x`.
    pub fn line(x: f32, line: Line, height: f32) -> Self {
        Self { height, lines: vec![(x, line)], boxes: Vec::new() }
    }
}

/// How often the pages are laid out anew until the table of contents agrees with them.
const PASSES: usize = 4;

/// A document with a table of contents: contents need page numbers, which need the contents, so it is laid out again
/// until they agree, which the second pass nearly always does.
pub(super) fn with_contents(
    lay_out: impl Fn(&[OutlineEntry]) -> Result<Document, ReportError>,
) -> Result<Document, ReportError> {
    let mut contents: Vec<OutlineEntry> = Vec::new();
    let mut document = lay_out(&contents)?;
    for _ in 0..PASSES {
        let found = document.chapters();
        if found == contents {
            break;
        }
        contents = found;
        document = lay_out(&contents)?;
    }
    Ok(document)
}

/// A number with a no-break space between groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// A report in the making.
#[derive(Debug)]
pub struct Document {
    pub(super) fonts: &'static Fonts,
    meta: Meta,
    pages: Vec<Page>,
    y: f32,
    outline: Vec<OutlineEntry>,
    pending: Vec<(u8, String)>,
    attachments: Vec<Attachment>,
    plain_first_page: bool,
}

impl Document {
    /// An empty document.
    pub fn new(meta: Meta) -> Result<Self, ReportError> {
        let fonts = Fonts::get()?;
        Ok(Self {
            fonts,
            meta,
            pages: vec![Page::new()],
            y: TOP,
            outline: Vec::new(),
            pending: Vec::new(),
            attachments: Vec::new(),
            plain_first_page: false,
        })
    }

    /// Leaves the running head off the first page, which is a cover.
    pub const fn cover(&mut self) {
        self.plain_first_page = true;
    }

    /// Carries a file inside the PDF.
    pub fn attach(&mut self, file: Attachment) {
        self.attachments.push(file);
    }

    /// The title of a cover: a stroke, what kind of document this is, and its name.
    pub(super) fn title(&mut self, kind: &str, name: &str) {
        self.fill([MARGIN, 56.0, 34.0, 3.2], Colour::ACCENT);
        self.text(Style { face: Face::SemiBold, size: 9.4, leading: 15.0, colour: Colour::ACCENT }, kind);
        self.space(4.0);
        self.text(Style { face: Face::SemiBold, size: 25.0, leading: 33.0, colour: Colour::INK }, name);
    }

    /// A small label over a rule, for the parts of a cover.
    pub(super) fn label(&mut self, text: &str) {
        self.space(13.0);
        self.text(Style::SMALL.face(Face::SemiBold).sized(8.4, 13.0).colour(Colour::ACCENT), text);
        self.rule();
    }

    /// A heading of level 1 to 3. It becomes a bookmark, and is set together with the block that follows it.
    pub fn heading(&mut self, level: u8, text: &str) {
        self.pending.push((level, text.to_owned()));
    }

    /// Sets the headings that wait, on a page that has room for them and for `company` points of what follows.
    pub(super) fn begin(&mut self, company: f32) {
        let headings: Vec<Heading> = std::mem::take(&mut self.pending)
            .into_iter()
            .map(|(level, text)| Heading::new(self.fonts, level, text))
            .collect();
        let height: f32 = headings.iter().map(Heading::height).sum();
        self.need((height + company).min(BOTTOM - TOP));
        for heading in headings {
            if !self.at_top() {
                if heading.level == 1 {
                    self.fill([MARGIN, self.y + heading.before - 10.0, TEXT_WIDTH, 0.8], Colour::ACCENT);
                }
                self.y += heading.before;
            }
            let (page, top) = (self.pages.len() - 1, self.y);
            self.outline.push(OutlineEntry { level: heading.level, title: one_line(&heading.text), page, top });
            let leading = heading.style.leading;
            self.place(heading.lines.into_iter().map(|line| Strip::line(MARGIN, line, leading)));
            self.space(heading.after);
        }
    }

    /// Running text. Line breaks in it are kept.
    pub fn paragraph(&mut self, text: &str) {
        self.text(Style::BODY, text);
        self.space(5.0);
    }

    /// A small, quiet remark.
    pub fn note(&mut self, text: &str) {
        self.text(Style::SMALL, text);
        self.space(5.0);
    }

    /// Text in a style of one's own, without space around it.
    pub fn text(&mut self, style: Style, text: &str) {
        let lines = wrap(self.fonts, style, text, TEXT_WIDTH);
        self.lines(style, lines);
    }

    /// One cell, such as a status, across the page.
    pub fn cell(&mut self, style: Style, cell: &Cell) {
        let lines = cell.lines(self.fonts, style, TEXT_WIDTH);
        self.lines(style, lines);
    }

    /// At least two lines stay together, if there are as many.
    fn lines(&mut self, style: Style, lines: Vec<Line>) {
        self.begin(lines.iter().take(2).map(|_| style.leading).sum());
        self.place(lines.into_iter().map(|line| Strip::line(MARGIN, line, style.leading)));
    }

    /// Labels on the left, values on the right.
    pub fn key_values<L: AsRef<str>>(&mut self, pairs: &[(L, Cell)]) {
        let style = Style::BODY.sized(8.8, 12.8);
        let label_style = style.colour(Colour::MUTED);
        let rows: Vec<Vec<Strip>> = pairs
            .iter()
            .map(|(label, value)| {
                let labels = wrap(self.fonts, label_style, label.as_ref(), LABEL_WIDTH - 12.0);
                let values = value.lines(self.fonts, style, TEXT_WIDTH - LABEL_WIDTH);
                let count = labels.len().max(values.len());
                let (mut labels, mut values) = (labels.into_iter(), values.into_iter());
                let strips = (0..count).map(|_| {
                    let label = labels.next().map(|line| (MARGIN, line));
                    let value = values.next().map(|line| (MARGIN + LABEL_WIDTH, line));
                    Strip { height: style.leading, lines: label.into_iter().chain(value).collect(), boxes: Vec::new() }
                });
                strips.chain([Strip::space(2.4)]).collect()
            })
            .collect();
        let total: f32 = rows.iter().map(|row| height(row)).sum();
        self.begin(if total <= KEEP_WHOLE {
            total
        } else {
            rows.first().map_or(0.0, |row| height(row).min(KEEP_WHOLE))
        });
        for row in rows {
            let row_height = height(&row);
            self.need(if row_height <= KEEP_WHOLE { row_height } else { style.leading * 2.0 });
            self.place(row);
        }
        self.space(5.0);
    }

    /// A table; see [`Table`] for how it breaks over pages.
    pub fn table(&mut self, table: &Table) {
        table.flow(self);
        self.space(6.0);
    }

    /// A hairline across the text block, close under what was placed last.
    pub fn rule(&mut self) {
        self.begin(4.5);
        self.fill([MARGIN, self.y + 1.0, TEXT_WIDTH, 0.5], Colour::HAIRLINE);
        self.y += 4.5;
    }

    /// A table of contents for `entries`, each linked to its place. Its height depends only on their number as long as each fits a line.
    pub fn contents(&mut self, entries: &[OutlineEntry]) {
        let style = Style::BODY.sized(9.2, 15.5);
        self.begin(style.leading);
        for entry in entries {
            self.need(style.leading);
            let number = (entry.page + 1).to_string();
            let number_width = width(self.fonts, style, &number);
            let right = MARGIN + TEXT_WIDTH;
            let mut titles = wrap(self.fonts, style, &entry.title, TEXT_WIDTH - 40.0);
            titles.truncate(1);
            let mut strip = Strip { height: style.leading, ..Strip::default() };
            strip.boxes.push(([MARGIN, style.leading - 0.5, TEXT_WIDTH, 0.4], Colour::HAIRLINE));
            strip.lines.extend(titles.into_iter().map(|line| (MARGIN, line)));
            strip
                .lines
                .extend(wrap(self.fonts, style, &number, 40.0).into_iter().map(|line| (right - number_width, line)));
            let area = [MARGIN, self.y, TEXT_WIDTH, style.leading];
            self.page().push(Item::Link { area, page: entry.page, top: entry.top });
            self.place([strip]);
        }
        self.space(5.0);
    }

    /// The headings of level 1 with their pages.
    pub(super) fn chapters(&mut self) -> Vec<OutlineEntry> {
        self.outline().iter().filter(|entry| entry.level == 1).cloned().collect()
    }

    /// The headings so far, with their pages.
    pub fn outline(&mut self) -> &[OutlineEntry] {
        self.begin(0.0);
        &self.outline
    }

    /// Empty space, which a page break swallows.
    pub fn space(&mut self, points: f32) {
        if !self.at_top() {
            self.y += points;
        }
    }

    /// Goes on at the top of a new page, unless the page is still empty.
    pub fn page_break(&mut self) {
        if !self.pending.is_empty() {
            self.begin(0.0);
        }
        self.new_page();
    }

    fn new_page(&mut self) {
        if !self.at_top() {
            self.pages.push(Page::new());
            self.y = TOP;
        }
    }

    /// A filled rectangle at its place on the current page: left, top, width, height in points from the top left corner.
    pub fn fill(&mut self, area: [f32; 4], colour: Colour) {
        self.page().push(Item::Box { area, colour });
    }

    /// Breaks the page unless `points` are left on it.
    pub fn need(&mut self, points: f32) {
        if points > self.left() {
            self.new_page();
        }
    }

    /// Points left on the page.
    pub(super) fn left(&self) -> f32 {
        BOTTOM - self.y + 0.01
    }

    /// Whether nothing stands on the page yet.
    pub(super) fn at_top(&self) -> bool {
        self.y <= TOP
    }

    /// Puts strips one under the other, going on to new pages as needed.
    pub(super) fn place(&mut self, strips: impl IntoIterator<Item = Strip>) {
        for strip in strips {
            if strip.lines.is_empty() && strip.boxes.is_empty() {
                self.space(strip.height);
                continue;
            }
            self.need(strip.height);
            let y = self.y;
            let page = self.page();
            for ([x, top, width, height], colour) in strip.boxes {
                page.push(Item::Box { area: [x, y + top, width, height], colour });
            }
            for (x, line) in strip.lines {
                place_line(page, x, y, line);
            }
            self.y += strip.height;
        }
    }

    fn page(&mut self) -> &mut Page {
        if self.pages.is_empty() {
            self.pages.push(Page::new());
        }
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    /// Numbers the pages and writes the file.
    pub fn finish(mut self) -> Result<Vec<u8>, ReportError> {
        self.begin(0.0);
        let count = self.pages.len();
        let created = self.meta.created.to_string();
        let made = format!("State of {} · id {}", readable_time(&created), self.meta.id.short());
        for (index, page) in self.pages.iter_mut().enumerate() {
            let edges = Edges { fonts: self.fonts, page };
            edges.draw(&self.meta, &made, index + 1, count, index > 0 || !self.plain_first_page);
        }
        pdf::write(self.fonts, &self.meta, &self.pages, &self.outline, &self.attachments)
    }
}

fn place_line(page: &mut Page, x: f32, top: f32, line: Line) {
    // All runs of a line stand on the first one's baseline.
    let baseline = top + line.spans.first().map_or(0.0, |span| span.style.baseline());
    page.extend(line.spans.into_iter().map(|span| Item::Text { x, baseline, span }));
}

/// A heading with its lines and the space around it.
struct Heading {
    level: u8,
    text: String,
    style: Style,
    lines: Vec<Line>,
    before: f32,
    after: f32,
}

impl Heading {
    fn new(fonts: &Fonts, level: u8, text: String) -> Self {
        let (size, leading, colour, before, after) = match level {
            1 => (15.5, 21.0, Colour::INK, 26.0, 6.0),
            2 => (11.4, 16.0, Colour::INK, 15.0, 4.0),
            _ => (9.4, 14.0, Colour::MUTED, 10.0, 2.0),
        };
        let style = Style { face: Face::SemiBold, size, leading, colour };
        let lines = wrap(fonts, style, &text, TEXT_WIDTH);
        Self { level, text, style, lines, before, after }
    }

    fn height(&self) -> f32 {
        self.lines.iter().map(|_| self.style.leading).sum::<f32>() + self.before + self.after
    }
}

/// Height of strips one under the other.
pub(super) fn height(strips: &[Strip]) -> f32 {
    strips.iter().map(|strip| strip.height).sum()
}

/// Draws what stands above and below the text block.
struct Edges<'a> {
    fonts: &'a Fonts,
    page: &'a mut Page,
}

impl Edges<'_> {
    fn draw(mut self, meta: &Meta, made: &str, number: usize, count: usize, head: bool) {
        if head {
            self.pair(36.0, &meta.title, &meta.subject);
            self.page.push(Item::Box { area: [MARGIN, 51.0, TEXT_WIDTH, 0.5], colour: Colour::HAIRLINE });
        }
        self.page.push(Item::Box { area: [MARGIN, PAGE_HEIGHT - 49.0, TEXT_WIDTH, 0.5], colour: Colour::HAIRLINE });
        self.pair(PAGE_HEIGHT - 45.0, made, &format!("Page {number} of {count}"));
    }

    /// One text at the left edge and one at the right; each is cut to half the width.
    fn pair(&mut self, top: f32, left: &str, right: &str) {
        for (text, is_right) in [(left, false), (right, true)] {
            let Some(line) = wrap(self.fonts, Style::SMALL, &one_line(text), TEXT_WIDTH / 2.0 - 8.0).into_iter().next()
            else {
                continue;
            };
            let x = if is_right { MARGIN + TEXT_WIDTH - line.width } else { MARGIN };
            place_line(self.page, x, top, line);
        }
    }
}

/// Line breaks and other white space as single spaces.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `2026-11-23T11:24:05.123456Z` as `2026-11-23 11:24:05 UTC`.
pub(super) fn readable_time(rfc3339: &str) -> String {
    match rfc3339.split_once('T') {
        Some((date, time)) => format!("{date} {} UTC", time.get(..8).unwrap_or(time)),
        None => rfc3339.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dossier::sample;
    use super::*;

    #[test]
    fn numbers_are_grouped_in_threes() {
        let read = |number| grouped(number).replace('\u{a0}', " ");
        assert_eq!([read(7), read(1_000), read(1_234_567)], ["7", "1 000", "1 234 567"]);
    }

    fn document() -> Document {
        Document::new(sample::meta()).unwrap()
    }

    fn pages(bytes: &[u8]) -> usize {
        lopdf::Document::load_mem(bytes).unwrap().get_pages().len()
    }

    #[test]
    fn text_flows_over_as_many_pages_as_it_needs() {
        let mut document = document();
        let per_page = ((BOTTOM - TOP) / Style::BODY.leading).floor();
        assert!((45.0..60.0).contains(&per_page), "{per_page} lines to a page");
        document.text(Style::BODY, &"line\n".repeat(119));
        assert_eq!(pages(&document.finish().unwrap()), 3);
        assert_eq!(pages(&self::document().finish().unwrap()), 1);
    }

    #[test]
    fn nothing_stands_below_the_text_block() {
        let mut document = document();
        for _ in 0..40 {
            document.heading(2, "A heading that stays with its paragraph");
            document.paragraph(&"word ".repeat(90));
            document.key_values(&[("label", Cell::mono("0f".repeat(300)))]);
        }
        for item in document.pages.iter().flatten() {
            if let Item::Text { baseline, x, span } = item {
                assert!(*baseline < BOTTOM && *baseline > TOP && x + span.x < MARGIN + TEXT_WIDTH);
            }
        }
    }

    #[test]
    fn a_heading_is_never_last_on_its_page() {
        for lines in 1..60 {
            let mut document = document();
            document.text(Style::BODY, "line\n".repeat(lines).trim_end());
            document.heading(1, "Heading");
            document.heading(3, "Under it");
            document.key_values(&[("a", Cell::text("b")), ("c", Cell::text("d"))]);
            let last = document.pages.len() - 1;
            assert!(document.outline().iter().all(|entry| entry.page == last), "after {lines} lines");
        }
    }

    #[test]
    fn bookmarks_form_a_tree() {
        let mut document = document();
        for (level, title) in [(1, "One"), (2, "One a"), (3, "One a i"), (2, "One b"), (1, "Ζwei"), (3, "deep")] {
            document.heading(level, title);
        }
        let file = lopdf::Document::load_mem(&document.finish().unwrap()).unwrap();
        let deref = |object: &lopdf::Object| {
            file.get_object(object.as_reference().unwrap()).unwrap().as_dict().unwrap().clone()
        };
        let root = deref(file.catalog().unwrap().get(b"Outlines").unwrap());
        let first = deref(root.get(b"First").unwrap());
        assert_eq!(first.get(b"Title").unwrap().as_str().unwrap(), b"One");
        let child = deref(first.get(b"First").unwrap());
        assert_eq!(child.get(b"Title").unwrap().as_str().unwrap(), b"One a");
        assert_eq!(deref(child.get(b"Next").unwrap()).get(b"Title").unwrap().as_str().unwrap(), b"One b");
        let second = deref(first.get(b"Next").unwrap());
        assert!(second.get(b"Next").is_err() && second.get(b"First").is_ok());
    }

    #[test]
    fn times_read_well() {
        assert_eq!(readable_time("2026-11-23T11:24:05.123456Z"), "2026-11-23 11:24:05 UTC");
        assert_eq!(readable_time("never"), "never");
    }
}
