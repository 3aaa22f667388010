//! The parts that pages are made of, and the small values they show.
//!
//! A view model is built from these values, so that every page says a time, a digest or a status in the same way.

pub mod chart;
pub mod data;
pub mod exhibit;
pub mod form;
pub mod frame;
pub mod glyph;
pub mod graph;
pub mod psi;
pub mod record;
pub mod rows;
pub mod track;
pub mod value;

pub use chart::{Chart, ChartView, Point};
pub use data::{Pager, Region, Sort, SortHeading};
pub use exhibit::{Drawing, Exhibit, ExhibitView};
pub use form::{Choice, ErrorSummary, Field, FieldError, Summary};
pub use frame::{Empty, Head, Notice, NoticeBox, Section};
pub use glyph::{Glyph, Shape};
pub use graph::{Graph, GraphEdge, GraphNode, NodeKind};
pub use psi::{PsiBar, psi_rows};
pub use record::{Entry, Requirement, Tasks, Timeline};
pub use rows::{Row, RowLine, Rows, RowsView};
pub use track::{Line, MarketLine, Standing, Stop, StopRole, StopVersion, TrackLine};
pub use value::{Digest, DigestView, Due, Fact, Facts, Link, LinkView, Tag, TagView, Tone, Value, When, WhenView};
