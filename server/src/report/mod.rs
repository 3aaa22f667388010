//! Reports as PDF: what an examiner takes away, made from plain data and nothing else.
//!
//! [`dossier`] turns the record of one model version into a document. Beneath it lies a small layout engine: [`font`] measures,
//! [`text`] breaks lines, [`layout`] and [`table`] flow blocks over pages, [`pdf`] writes the file. None of them reads a clock, draws a
//! random number or touches storage, so the same input gives the same bytes.
//!
//! The files are ordinary PDF 1.7 with embedded, subset fonts, bookmarks and attachments. They do not claim PDF/A.

pub mod dossier;
pub mod font;
pub mod layout;
pub mod paper;
pub mod pdf;
mod subset;
pub mod table;
pub mod text;

pub use layout::{Attachment, Document, Meta};

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A font compiled into the program could not be read; the build is damaged.
    #[error("the embedded font {face} cannot be used: {problem}")]
    Font {
        /// The PostScript name of the face.
        face: &'static str,
        /// What was wrong with it.
        problem: &'static str,
    },
    /// The PDF writer complained about what it was given.
    #[error("the PDF could not be written: {0}")]
    Pdf(String),
    /// The finished document could not be written out.
    #[error("the PDF could not be written: {0}")]
    Write(#[from] std::io::Error),
    /// The data attached to the report has no canonical form.
    #[error("the data of the report could not be attached: {0}")]
    Data(#[from] ledger::canonical::CanonicalError),
}
