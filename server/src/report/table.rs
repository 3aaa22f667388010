//! Tables that break over pages properly.
//!
//! A row is cut into strips of one line's height across all columns. A row that fits on the next page moves there whole; a taller one
//! is split between strips. The head is repeated on every page, with the caption marked as continued.

use super::font::{Face, Fonts};
use super::layout::{BOTTOM, Document, MARGIN, Strip, TEXT_WIDTH, TOP, height};
use super::text::{Colour, Line, Style, wrap, wrap_runs};

/// Space between columns in points.
const GUTTER: f32 = 12.0;
/// Space above and below the text of a row in points.
const PADDING: f32 = 3.2;
/// Space above a table in points.
const LEAD: f32 = 2.0;
/// Least width of a column in points.
const NARROWEST: f32 = 24.0;

/// What a status means, beside its word. Drawn as a shape, so that colour is never alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// In order: a filled circle.
    Good,
    /// Refused or failed: a square.
    Bad,
    /// Needs attention: a triangle.
    Attention,
    /// Open or merely so: an empty circle.
    #[default]
    Neutral,
}

impl Tone {
    const fn shape(self) -> (&'static str, Colour) {
        match self {
            Self::Good => ("●", Colour::ACCENT),
            Self::Bad => ("■", Colour::RED),
            Self::Attention => ("▲", Colour::AMBER),
            Self::Neutral => ("○", Colour::MUTED),
        }
    }
}

/// What stands in a table's field or beside a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Plain text.
    Text(String),
    /// Emphasised text.
    Strong(String),
    /// Quiet text.
    Muted(String),
    /// A digest or identifier, in the monospaced face.
    Mono(String),
    /// A shape and a word.
    Status(Tone, String),
    /// Several cells, one under the other.
    Stack(Vec<Self>),
}

impl Cell {
    /// Plain text; a dash if there is none.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.trim().is_empty() { Self::empty() } else { Self::Text(text) }
    }

    /// Emphasised text.
    pub fn strong(text: impl Into<String>) -> Self {
        Self::Strong(text.into())
    }

    /// Quiet text.
    pub fn muted(text: impl Into<String>) -> Self {
        Self::Muted(text.into())
    }

    /// A digest or identifier; a dash if there is none.
    pub fn mono(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.trim().is_empty() { Self::empty() } else { Self::Mono(text) }
    }

    /// A shape and a word.
    pub fn status(tone: Tone, word: impl Into<String>) -> Self {
        Self::Status(tone, word.into())
    }

    /// The dash that says: nothing is recorded here.
    pub fn empty() -> Self {
        Self::Muted("–".to_owned())
    }

    /// The cell's lines, no wider than `width` points. All have `style`'s leading.
    pub fn lines(&self, fonts: &Fonts, style: Style, width: f32) -> Vec<Line> {
        match self {
            Self::Text(text) => wrap(fonts, style, text, width),
            Self::Strong(text) => wrap(fonts, style.face(Face::SemiBold), text, width),
            Self::Muted(text) => wrap(fonts, style.colour(Colour::MUTED), text, width),
            Self::Mono(text) => wrap(fonts, style.face(Face::Mono), text, width),
            Self::Status(tone, word) => {
                let (shape, colour) = tone.shape();
                wrap_runs(fonts, &[(style, ""), (style.colour(colour), shape), (style, "\u{a0}"), (style, word)], width)
            }
            Self::Stack(cells) => cells.iter().flat_map(|cell| cell.lines(fonts, style, width)).collect(),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// On which side of its column a cell's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Figures.
    Right,
}

/// A column's width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Width {
    /// In points.
    Points(f32),
    /// A share of what the columns in points leave over.
    Share(f32),
}

/// A column: its head, width and alignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Head.
    pub title: String,
    /// Width.
    pub width: Width,
    /// Alignment of head and cells.
    pub align: Align,
}

impl Column {
    /// A column of fixed width in points.
    pub fn points(title: &str, points: f32) -> Self {
        Self { title: title.to_owned(), width: Width::Points(points), align: Align::Left }
    }

    /// A column that takes a share of the remaining width.
    pub fn share(title: &str, share: f32) -> Self {
        Self { title: title.to_owned(), width: Width::Share(share), align: Align::Left }
    }

    /// The same, set against its right edge.
    #[must_use]
    pub fn right(self) -> Self {
        Self { align: Align::Right, ..self }
    }
}

/// A row: a cell for each column, and lines across the whole table beneath them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// One cell for each column; missing ones stay empty.
    pub cells: Vec<Cell>,
    /// Labelled values across the table, such as full digests.
    pub details: Vec<(String, Cell)>,
}

impl Row {
    /// A row without details.
    pub const fn new(cells: Vec<Cell>) -> Self {
        Self { cells, details: Vec::new() }
    }

    /// The same with one more labelled value beneath.
    #[must_use]
    pub fn detail(mut self, label: &str, value: Cell) -> Self {
        self.details.push((label.to_owned(), value));
        self
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What the table shows; may be empty.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// What to say when there is no row.
    pub empty: String,
}

impl Table {
    /// Left edge and width of each column, in points. Columns too wide for the page are narrowed in proportion.
    fn columns(&self) -> Vec<(f32, f32)> {
        let gutters: f32 = self.columns.iter().skip(1).map(|_| GUTTER).sum();
        let room = TEXT_WIDTH - gutters;
        let fixed: f32 =
            self.columns.iter().map(|column| if let Width::Points(points) = column.width { points } else { 0.0 }).sum();
        let shares: f32 =
            self.columns.iter().map(|column| if let Width::Share(share) = column.width { share } else { 0.0 }).sum();
        let widths: Vec<f32> = self
            .columns
            .iter()
            .map(|column| match column.width {
                Width::Points(points) => points,
                Width::Share(share) => ((room - fixed) * share / shares.max(f32::EPSILON)).max(NARROWEST),
            })
            .collect();
        let total: f32 = widths.iter().sum();
        let scale = if total > room { room / total } else { 1.0 };
        let mut x = MARGIN;
        widths
            .into_iter()
            .map(|width| {
                let place = (x, width * scale);
                x += width * scale + GUTTER;
                place
            })
            .collect()
    }

    /// Lines of one cell per column as strips.
    fn strips(&self, cells: Vec<Vec<Line>>) -> Vec<Strip> {
        let count = cells.iter().map(Vec::len).max().unwrap_or(0);
        let mut strips = vec![Strip::space(Style::TABLE.leading); count];
        for ((lines, (x, width)), column) in cells.into_iter().zip(self.columns()).zip(&self.columns) {
            for (strip, line) in strips.iter_mut().zip(lines) {
                let indent = if column.align == Align::Right { width - line.width } else { 0.0 };
                strip.lines.push((x + indent, line));
            }
        }
        strips
    }

    fn row_strips(&self, fonts: &Fonts, row: &Row) -> Vec<Strip> {
        let cells = row
            .cells
            .iter()
            .zip(self.columns())
            .map(|(cell, (_, width))| cell.lines(fonts, Style::TABLE, width))
            .collect();
        let mut strips = self.strips(cells);
        let style = Style::TABLE.sized(7.6, 10.8);
        for (label, value) in &row.details {
            let label_line =
                wrap(fonts, style.colour(Colour::MUTED), label, 86.0).into_iter().next().unwrap_or_default();
            let offset = 92.0;
            for (index, line) in value.lines(fonts, style, TEXT_WIDTH - offset).into_iter().enumerate() {
                let mut strip = Strip::line(MARGIN + offset, line, style.leading);
                if index == 0 {
                    strip.lines.insert(0, (MARGIN, label_line.clone()));
                }
                strips.push(strip);
            }
        }
        strips.insert(0, Strip::space(PADDING));
        strips.push(Strip::space(PADDING));
        strips
    }

    fn head_strips(&self, fonts: &Fonts, continued: bool) -> Vec<Strip> {
        let mut strips = Vec::new();
        if !self.caption.is_empty() {
            let caption = if continued { format!("{} (continued)", self.caption) } else { self.caption.clone() };
            let style = Style::SMALL.face(Face::SemiBold);
            strips.extend(
                wrap(fonts, style, &caption, TEXT_WIDTH)
                    .into_iter()
                    .map(|line| Strip::line(MARGIN, line, style.leading)),
            );
            strips.push(Strip::space(2.0));
        }
        let style = Style::SMALL.face(Face::SemiBold).sized(7.6, Style::TABLE.leading);
        let cells = self
            .columns
            .iter()
            .zip(self.columns())
            .map(|(column, (_, width))| wrap(fonts, style, &column.title, width))
            .collect();
        let mut head = self.strips(cells);
        for strip in &mut head {
            strip.boxes.push(([MARGIN - 4.0, 0.0, TEXT_WIDTH + 8.0, strip.height], Colour::GROUND));
        }
        if let Some(first) = head.first_mut() {
            first.boxes.insert(0, ([MARGIN - 4.0, -2.0, TEXT_WIDTH + 8.0, 2.0], Colour::GROUND));
        }
        if let Some(last) = head.last_mut() {
            last.boxes.push(([MARGIN - 4.0, last.height, TEXT_WIDTH + 8.0, 2.0], Colour::GROUND));
            last.boxes.push(([MARGIN - 4.0, last.height + 2.0, TEXT_WIDTH + 8.0, 0.7], Colour::RULE));
            last.height += 2.7;
        }
        strips.append(&mut head);
        strips
    }

    /// Puts the table into the document.
    pub(super) fn flow(&self, document: &mut Document) {
        let fonts = document.fonts;
        let head = self.head_strips(fonts, false);
        let repeated = self.head_strips(fonts, true);
        let head_height = height(&head);
        let whole_page = BOTTOM - TOP - height(&repeated);
        let rows: Vec<Vec<Strip>> = if self.rows.is_empty() {
            let text = if self.empty.is_empty() { "None recorded." } else { &self.empty };
            let lines = wrap(fonts, Style::TABLE.colour(Colour::MUTED), text, TEXT_WIDTH);
            let lines = lines.into_iter().map(|line| Strip::line(MARGIN, line, Style::TABLE.leading));
            vec![[Strip::space(PADDING)].into_iter().chain(lines).chain([Strip::space(PADDING)]).collect()]
        } else {
            self.rows.iter().map(|row| self.row_strips(fonts, row)).collect()
        };

        let first_row = rows.first().map_or(0.0, |row| height(row));
        document.begin(LEAD + head_height + first_row.min(80.0));
        document.space(LEAD);
        document.place(head);
        for row in rows {
            let tall = height(&row) > whole_page * 0.45;
            let least = if tall { height(&row[..row.len().min(4)]) } else { height(&row) };
            if least > document.left() {
                document.page_break();
                document.place(repeated.iter().cloned());
            }
            for strip in row {
                if strip.height > document.left() && !strip.lines.is_empty() {
                    document.page_break();
                    document.place(repeated.iter().cloned());
                }
                document.place([strip]);
            }
            let y = Strip {
                height: 0.5,
                lines: Vec::new(),
                boxes: vec![([MARGIN - 4.0, 0.0, TEXT_WIDTH + 8.0, 0.4], Colour::HAIRLINE)],
            };
            if document.left() >= y.height {
                document.place([y]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dossier::sample;
    use super::super::text::Style;
    use super::*;

    fn table(rows: Vec<Row>) -> Table {
        Table {
            caption: "Caption".to_owned(),
            columns: vec![
                Column::points("No.", 40.0).right(),
                Column::share("Words", 1.0),
                Column::points("Digest", 70.0),
            ],
            rows,
            empty: String::new(),
        }
    }

    fn page_texts(table: &Table) -> Vec<String> {
        let mut document = Document::new(sample::meta()).unwrap();
        document.table(table);
        let file = lopdf::Document::load_mem(&document.finish().unwrap()).unwrap();
        file.get_pages().keys().map(|page| file.extract_text(&[*page]).unwrap()).collect()
    }

    #[test]
    fn each_page_repeats_the_head_and_no_row_is_lost_or_cut() {
        let rows = (0..500)
            .map(|index| {
                Row::new(vec![
                    Cell::text(index.to_string()),
                    Cell::text(format!("begin{index} {} end{index}", "w ".repeat(index % 90))),
                    Cell::empty(),
                ])
            })
            .collect();
        let pages = page_texts(&table(rows));
        assert!(pages.len() > 10);
        for (index, text) in pages.iter().enumerate() {
            assert!(text.contains("Words") && text.contains("Digest"), "page {index}");
            assert_eq!(text.contains("(continued)"), index > 0);
        }
        for row in 0..500 {
            let holds = |word: String| pages.iter().position(|text| text.split_whitespace().any(|found| found == word));
            assert_eq!(
                holds(format!("begin{row}")).unwrap(),
                holds(format!("end{row}")).unwrap(),
                "row {row} is split"
            );
        }
    }

    #[test]
    fn a_heading_and_the_head_are_never_left_without_a_row() {
        let table = table(vec![Row::new(vec![Cell::text("1"), Cell::text("first"), Cell::empty()])]);
        let mut document = Document::new(sample::meta()).unwrap();
        for index in 0..150_u8 {
            document.page_break();
            document.text(Style::TABLE, "filler");
            document.space(BOTTOM - TOP - Style::TABLE.leading - f32::from(index));
            document.heading(2, "Heading");
            document.table(&table);
        }
        let file = lopdf::Document::load_mem(&document.finish().unwrap()).unwrap();
        for page in file.get_pages().keys() {
            let text = file.extract_text(&[*page]).unwrap();
            assert_eq!(text.contains("Heading"), text.contains("first"), "page {page}: {text}");
            assert_eq!(text.contains("Words"), text.contains("first"), "page {page}: {text}");
        }
    }

    #[test]
    fn a_row_taller_than_a_page_is_split_and_loses_nothing() {
        let pages = page_texts(&table(vec![Row::new(vec![
            Cell::text("1"),
            Cell::text("q".repeat(20_000)),
            Cell::mono("z".repeat(3_000)),
        ])]));
        assert!(pages.len() > 2);
        let text = pages.concat();
        assert_eq!((text.matches('q').count(), text.matches('z').count()), (20_000, 3_000));
    }

    #[test]
    fn cells_stay_in_their_columns_and_figures_end_at_the_right_edge() {
        let fonts = Fonts::get().unwrap();
        let table = table(vec![]);
        let row = Row::new(vec![Cell::text("12345"), Cell::text("word ".repeat(60)), Cell::mono("0f".repeat(32))]);
        let columns = table.columns();
        assert!(columns.last().is_some_and(|(x, width)| x + width <= MARGIN + TEXT_WIDTH + 0.01));
        for strip in table.row_strips(fonts, &row) {
            for (x, line) in strip.lines {
                let (start, width) = columns.iter().rfind(|(start, _)| *start <= x + 0.01).unwrap();
                assert!(x + line.width <= start + width + 0.05);
                if *start == MARGIN {
                    assert!((x + line.width - start - width).abs() < 0.05, "figures end at the edge");
                }
            }
        }
    }

    #[test]
    fn columns_wider_than_the_page_are_narrowed() {
        let mut table = table(vec![]);
        table.columns = (0..12).map(|index| Column::points(&index.to_string(), 300.0)).collect();
        assert!(table.columns().last().is_some_and(|(x, width)| x + width <= MARGIN + TEXT_WIDTH + 0.01));
    }

    #[test]
    fn an_empty_table_says_so() {
        assert!(page_texts(&table(vec![])).concat().contains("None recorded."));
    }

    #[test]
    fn a_status_is_a_shape_and_a_word() {
        let fonts = Fonts::get().unwrap();
        let texts: Vec<String> = [Tone::Good, Tone::Bad, Tone::Attention, Tone::Neutral]
            .into_iter()
            .map(|tone| Cell::status(tone, "Word").lines(fonts, Style::TABLE, 200.0)[0].text())
            .collect();
        assert_eq!(texts, ["●\u{a0}Word", "■\u{a0}Word", "▲\u{a0}Word", "○\u{a0}Word"]);
    }
}
