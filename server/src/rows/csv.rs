//! Values separated by commas, semicolons or tabs (RFC 4180) with a header, in UTF-8.

use std::io::BufRead;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{Cell, Format, MAX_ROW_BYTES, Rows, RowsError};

const MAX_FIELDS: usize = 1_000;

/// One record at a time, in a buffer that does not grow.
struct Records<R> {
    input: R,
    core: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    fields: usize,
}

impl<R: BufRead> Records<R> {
    fn new(mut input: R) -> Result<Self, RowsError> {
        let header = input.fill_buf()?;
        let header = header.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let between = [b',', b';', b'\t'].into_iter().find(|between| header.contains(between));
        let delimiter = between.unwrap_or(b',');
        let core = ReaderBuilder::new().delimiter(delimiter).build();
        Ok(Self { input, core, text: vec![0; MAX_ROW_BYTES], ends: vec![0; MAX_FIELDS], fields: 0 })
    }

    /// Passes over empty lines, and over the second byte of a line end that ended the record before, so that the line
    /// told is the one in which the next record begins.
    fn skip_line_ends(&mut self) -> Result<(), RowsError> {
        loop {
            let input = self.input.fill_buf()?;
            let ends = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
            let (bytes, lines) =
                ends.fold((0, 0), |(bytes, lines), byte| (bytes + 1, lines + u64::from(*byte == b'\n')));
            if bytes == 0 {
                return Ok(());
            }
            self.input.consume(bytes);
            self.core.set_line(self.core.line() + lines);
        }
    }

    /// Goes to the next record; answers the line that it begins in, or nothing at the end.
    fn next(&mut self) -> Result<Option<u64>, RowsError> {
        self.skip_line_ends()?;
        let line = self.core.line();
        let (mut text, mut fields) = (0, 0);
        loop {
            let input = self.input.fill_buf()?;
            let (result, taken, written, ended) =
                self.core.read_record(input, &mut self.text[text..], &mut self.ends[fields..]);
            self.input.consume(taken);
            text += written;
            fields += ended;
            let reason = match result {
                ReadRecordResult::InputEmpty => continue,
                ReadRecordResult::Record => {
                    self.fields = fields;
                    return Ok(Some(line));
                }
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::OutputFull => {
                    format!("the row is longer than {MAX_ROW_BYTES} bytes; a quotation mark may be left open")
                }
                ReadRecordResult::OutputEndsFull => format!("the row has more than {MAX_FIELDS} fields"),
            };
            return Err(Format::Csv.broken(format!(" at line {line}"), reason));
        }
    }

    fn field(&self, index: usize, line: u64) -> Result<&str, RowsError> {
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        std::str::from_utf8(&self.text[begin..self.ends[index]])
            .map_err(|_| Format::Csv.broken(format!(" at line {line}, field {}", index + 1), "it is not UTF-8"))
    }
}

pub fn read(input: impl BufRead, rows: &mut dyn Rows) -> Result<(), RowsError> {
    let mut records = Records::new(input)?;
    let columns = rows.columns();
    let Some(line) = records.next()? else {
        return Err(Format::Csv.broken("", "it is empty"));
    };
    let header: Vec<String> = (0..records.fields)
        .map(|index| records.field(index, line).map(|name| name.trim().to_owned()))
        .collect::<Result<_, _>>()?;
    if let Some(twice) = header.iter().enumerate().find(|(index, name)| header[..*index].contains(name)) {
        let name: String = twice.1.chars().take(80).collect();
        return Err(Format::Csv.broken(" at its header", format!("the column {name:?} stands there twice")));
    }
    Format::Csv.check_columns(columns, |name| header.iter().any(|known| known == name))?;
    let places: Vec<Option<usize>> =
        columns.iter().map(|column| header.iter().position(|name| name == column.name)).collect();
    while let Some(line) = records.next()? {
        if records.fields != header.len() {
            return Err(Format::Csv.broken(
                format!(" at line {line}"),
                format!("it has {} fields, the header {}", records.fields, header.len()),
            ));
        }
        let mut cells = Vec::with_capacity(places.len());
        for place in &places {
            cells.push(match place {
                Some(index) => match records.field(*index, line)? {
                    text if text.trim().is_empty() => Cell::Empty,
                    text => Cell::Text(text),
                },
                None => Cell::Empty,
            });
        }
        rows.take(&cells).map_err(|fault| Format::Csv.fault(&format!("line {line}"), &fault))?;
    }
    Ok(())
}
