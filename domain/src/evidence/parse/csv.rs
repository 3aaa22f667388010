//! Reads comma-separated values (RFC 4180), also with semicolons or tabs between the cells, as the header has them: quotes with doubled quotes inside, either kind of line end. Lines that
//! begin with `#` before the header are `# key: value` and say of what the file speaks.

use std::borrow::Cow;

use super::{ParseError, bounded, broken};

/// A table that is read row by row.
pub(super) struct Table<'a> {
    kind: &'static str,
    delimiter: char,
    rest: &'a str,
    /// The line on which the next row begins, from 1.
    line: usize,
    /// What stands in the lines before the header.
    pub(super) notes: Vec<(&'a str, &'a str)>,
    /// Names of the columns.
    pub(super) header: Vec<Cow<'a, str>>,
}

/// A row: its line, and a cell for each column.
pub(super) struct Row<'a> {
    pub(super) line: usize,
    pub(super) cells: Vec<Cow<'a, str>>,
}

/// The first line that is neither empty nor a note, to tell what a file is.
pub(super) fn header_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default()
}

/// What stands between cells: a semicolon or a tab where the header holds no comma and one of them.
pub(super) fn delimiter(header: &str) -> char {
    [',', ';', '\t'].into_iter().find(|between| header.contains(*between)).unwrap_or(',')
}

impl<'a> Table<'a> {
    /// Reads notes and header.
    pub(super) fn open(kind: &'static str, text: &'a str) -> Result<Self, ParseError> {
        let mut table = Self {
            kind,
            delimiter: delimiter(header_line(text)),
            rest: text,
            line: 1,
            notes: Vec::new(),
            header: Vec::new(),
        };
        loop {
            let (line, rest) = table.rest.split_once('\n').unwrap_or((table.rest, ""));
            if table.rest.is_empty() {
                return Err(broken(kind, format!("line {}", table.line), "there is no header"));
            }
            let line = line.trim_end_matches('\r');
            if let Some(note) = line.strip_prefix('#') {
                let (key, value) = note.split_once(':').ok_or_else(|| {
                    broken(kind, format!("line {}", table.line), "a note before the header reads # key: value")
                })?;
                table.notes.push((key.trim(), value.trim()));
            } else if !line.trim().is_empty() {
                break;
            }
            table.rest = rest;
            table.line += 1;
        }
        let header = table.next_cells()?;
        table.header = header.map(|row| row.cells).unwrap_or_default();
        for (index, name) in table.header.iter().enumerate() {
            if table.header[..index].contains(name) {
                return Err(broken(kind, "the header", format!("the column {:?} stands there twice", bounded(name))));
            }
        }
        Ok(table)
    }

    /// The position of a column.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// The fault `reason` in a row's column.
    pub(super) fn fault(&self, line: usize, column: usize, reason: impl Into<String>) -> ParseError {
        let name = self.header.get(column).map(|name| bounded(name)).unwrap_or_default();
        broken(self.kind, format!("line {line}, column {name}"), reason)
    }

    /// The next row that is not empty.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'a>>, ParseError> {
        while let Some(row) = self.next_cells()? {
            if row.cells.len() == 1 && row.cells[0].trim().is_empty() {
                continue;
            }
            if row.cells.len() != self.header.len() {
                let found = row.cells.len();
                let reason = format!("it has {found} cells where the header has {}", self.header.len());
                return Err(broken(self.kind, format!("line {}", row.line), reason));
            }
            return Ok(Some(row));
        }
        Ok(None)
    }

    fn next_cells(&mut self) -> Result<Option<Row<'a>>, ParseError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        let mut cells = Vec::with_capacity(self.header.len());
        loop {
            let (cell, end) = self.cell(line)?;
            cells.push(cell);
            if end != Some(self.delimiter) {
                self.line += 1;
                return Ok(Some(Row { line, cells }));
            }
        }
    }

    /// The next cell, and what ended it: what stands between cells, a line end, or the end of the file.
    fn cell(&mut self, line: usize) -> Result<(Cow<'a, str>, Option<char>), ParseError> {
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let mut from = 0;
            let close = loop {
                let Some(at) = quoted[from..].find('"').map(|at| at + from) else {
                    return Err(broken(self.kind, format!("line {line}"), "a quote is opened and never closed"));
                };
                if quoted[at + 1..].starts_with('"') {
                    from = at + 2;
                } else {
                    break at;
                }
            };
            let inner = &quoted[..close];
            self.line += inner.matches('\n').count();
            self.rest = &quoted[close + 1..];
            let (left, end) = self.up_to_end();
            if !left.is_empty() {
                return Err(broken(self.kind, format!("line {}", self.line), "text follows a closing quote"));
            }
            let cell = if inner.contains('"') { Cow::Owned(inner.replace("\"\"", "\"")) } else { inner.into() };
            return Ok((cell, end));
        }
        let (cell, end) = self.up_to_end();
        Ok((cell.into(), end))
    }

    fn up_to_end(&mut self) -> (&'a str, Option<char>) {
        let Some(at) = self.rest.find([self.delimiter, '\n']) else {
            return (std::mem::take(&mut self.rest).trim_end_matches('\r'), None);
        };
        let end = char::from(self.rest.as_bytes()[at]);
        let cell = &self.rest[..at];
        self.rest = &self.rest[at + 1..];
        (if end == '\n' { cell.trim_end_matches('\r') } else { cell }, Some(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<(usize, Vec<String>)>, ParseError> {
        let mut table = Table::open("table", text)?;
        let mut all = Vec::new();
        while let Some(row) = table.next_row()? {
            all.push((row.line, row.cells.iter().map(ToString::to_string).collect()));
        }
        Ok(all)
    }

    #[test]
    fn notes_quotes_and_both_line_ends_are_read() {
        let text = "# metric: auc\r\n\n# champion: sha256:aa\nlabel,\"na\"\"me\"\r\n1,\"a, b\nc\"\r\n\n0,\n";
        let table = Table::open("table", text).unwrap();
        assert_eq!(table.notes, [("metric", "auc"), ("champion", "sha256:aa")]);
        assert_eq!(table.header, ["label", "na\"me"]);
        assert_eq!(
            rows(text).unwrap(),
            [(5, vec!["1".into(), "a, b\nc".into()]), (8, vec!["0".into(), String::new()])]
        );
        assert_eq!(rows("a,b\n1,2").unwrap().len(), 1, "the last line may lack its end");
    }

    #[test]
    fn semicolons_and_tabs_are_told_from_the_header() {
        assert_eq!(rows("# a: b\nx;y\n\"1;2\";3,5\n").unwrap(), [(3, vec!["1;2".into(), "3,5".into()])]);
        assert_eq!(rows("x\ty\n1\t2;3\n").unwrap(), [(2, vec!["1".into(), "2;3".into()])]);
        assert!(rows("x,y\n1;2\n").is_err(), "a comma in the header decides");
    }

    #[test]
    fn faults_name_their_line() {
        let fault = |text: &str| rows(text).unwrap_err().to_string();
        assert!(fault("a,b\n1,2\n3\n").contains("line 3: it has 1 cells where the header has 2"));
        assert!(fault("a,b\n1,\"2\n").contains("line 2: a quote is opened"));
        assert!(fault("a,b\n1,\"2\"x\n").contains("line 2: text follows"));
        assert!(fault("a,a\n").contains("twice"));
        assert!(fault("# only: notes\n").contains("no header"));
        assert!(fault("# nothing\na\n").contains("line 1"));
    }
}
