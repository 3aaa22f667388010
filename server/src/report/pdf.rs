//! From placed text and boxes to the bytes of a PDF.
//!
//! printpdf writes pages and fonts; what it does not offer, or takes from the clock or a process-wide counter, is set afterwards in
//! lopdf's tree: nested bookmarks, links, attachments, dates, the file identifier. Equal input gives equal bytes.

use std::collections::{BTreeMap, BTreeSet};

use lopdf::{Dictionary, Object, ObjectId, Stream, StringFormat, dictionary};
use printpdf::{
    Codepoint, Color, DictItem, FontId, Op, PaintMode, PdfDocument, PdfFont, PdfFontHandle, PdfPage, PdfSaveOptions,
    Pt, Rect, Rgb, TextItem, TextMatrix,
};

use super::ReportError;
use super::font::{Face, Fonts, Glyph};
use super::layout::{Attachment, Meta};
use super::subset::subset;
use super::text::{Colour, Span};

/// Width of an A4 page in points.
pub const PAGE_WIDTH: f32 = 595.28;
/// Height of an A4 page in points.
pub const PAGE_HEIGHT: f32 = 841.89;

/// Something at its place on a page. Coordinates are points from the top left corner.
#[derive(Clone, Debug)]
pub enum Item {
    /// A run of text.
    Text {
        /// Left edge of the line that the run belongs to.
        x: f32,
        /// Its baseline.
        baseline: f32,
        /// The run; its own `x` is added.
        span: Span,
    },
    /// A filled rectangle, used for rules too.
    Box {
        /// Left, top, width and height.
        area: [f32; 4],
        /// Its colour.
        colour: Colour,
    },
    /// An area that leads to another place in the document.
    Link {
        /// Left, top, width and height.
        area: [f32; 4],
        /// Index of the page it leads to.
        page: usize,
        /// How far down that page, in points.
        top: f32,
    },
}

/// The items of one page, in reading order.
pub type Page = Vec<Item>;

/// A heading as the bookmarks and the table of contents know it.
#[derive(Clone, Debug, PartialEq)]
pub struct OutlineEntry {
    /// 1 to 3.
    pub level: u8,
    /// The heading's text.
    pub title: String,
    /// Index of its page, from 0.
    pub page: usize,
    /// How far down the page it stands, in points.
    pub top: f32,
}

/// Writes the document.
pub fn write(
    fonts: &Fonts,
    meta: &Meta,
    pages: &[Page],
    outline: &[OutlineEntry],
    attachments: &[Attachment],
) -> Result<Vec<u8>, ReportError> {
    let mut document = PdfDocument::new("");
    for (face, used) in used_glyphs(pages) {
        document.resources.fonts.map.insert(font_id(face), embed(fonts, face, &used)?);
    }
    document.pages = pages.iter().map(|items| page(items)).collect();

    let mut warnings = Vec::new();
    let mut tree = document
        .to_lopdf_document(&PdfSaveOptions { image_optimization: None, ..PdfSaveOptions::default() }, &mut warnings);
    if let Some(warning) = warnings.first() {
        return Err(ReportError::Pdf(format!("{warning:?}")));
    }
    complete(&mut tree, meta, pages, outline, attachments).map_err(|error| ReportError::Pdf(error.to_string()))?;

    tree.compress();
    let mut bytes = Vec::new();
    tree.save_to(&mut bytes)?;
    Ok(bytes)
}

fn font_id(face: Face) -> FontId {
    FontId(face.resource_name().to_owned())
}

fn used_glyphs(pages: &[Page]) -> BTreeMap<Face, BTreeSet<u16>> {
    let mut used: BTreeMap<Face, BTreeSet<u16>> = BTreeMap::new();
    for item in pages.iter().flatten() {
        if let Item::Text { span, .. } = item {
            for glyph in &span.glyphs {
                used.entry(glyph.face).or_default().insert(glyph.id);
            }
        }
    }
    used
}

/// The face with only the used outlines. The tag before the name says that it is a subset (ISO 32000-1, 9.6.4).
fn embed(fonts: &Fonts, face: Face, used: &BTreeSet<u16>) -> Result<PdfFont, ReportError> {
    let mut parsed = fonts.parsed(face).clone();
    parsed.original_bytes = subset(&parsed.original_bytes, used)
        .ok_or(ReportError::Font { face: face.postscript_name(), problem: "its outlines cannot be read" })?;
    let tag = match face {
        Face::Regular => "CSIGNA",
        Face::SemiBold => "CSIGNB",
        Face::Mono => "CSIGNC",
        Face::Signs => "CSIGND",
    };
    parsed.font_name = Some(format!("{tag}+{}", face.postscript_name()));
    Ok(PdfFont::new(parsed))
}

fn page(items: &[Item]) -> PdfPage {
    let mut ops = Vec::new();
    for item in items {
        match item {
            Item::Text { x, baseline, span } => text(&mut ops, x + span.x, *baseline, span),
            Item::Box { area: [x, y, width, height], colour } => {
                ops.push(Op::SetFillColor { col: color(*colour) });
                ops.push(Op::DrawRectangle {
                    rectangle: Rect {
                        x: Pt(round(*x)),
                        y: Pt(round(PAGE_HEIGHT - y - height)),
                        width: Pt(round(*width)),
                        height: Pt(round(*height)),
                        mode: Some(PaintMode::Fill),
                        winding_order: None,
                    },
                });
            }
            Item::Link { .. } => {}
        }
    }
    let a4 = Rect {
        x: Pt(0.0),
        y: Pt(0.0),
        width: Pt(PAGE_WIDTH),
        height: Pt(PAGE_HEIGHT),
        mode: None,
        winding_order: None,
    };
    PdfPage { media_box: a4.clone(), trim_box: a4.clone(), crop_box: a4, ops }
}

fn text(ops: &mut Vec<Op>, x: f32, baseline: f32, span: &Span) {
    ops.push(Op::StartTextSection);
    ops.push(Op::SetFillColor { col: color(span.style.colour) });
    ops.push(Op::SetTextMatrix { matrix: TextMatrix::Translate(Pt(round(x)), Pt(round(PAGE_HEIGHT - baseline))) });
    for run in span.glyphs.chunk_by(|a, b| a.face == b.face && a.is_stand_in() == b.is_stand_in()) {
        let Some(first) = run.first() else { continue };
        let font = PdfFontHandle::External(font_id(first.face));
        ops.push(Op::SetFont { font, size: Pt(round(span.style.size)) });
        if first.is_stand_in() {
            stand_ins(ops, run);
        } else {
            let text = run.iter().map(|glyph| glyph.character).collect();
            ops.push(Op::ShowText { items: vec![TextItem::Text(text)] });
        }
    }
    ops.push(Op::EndTextSection);
}

/// Replacement boxes, marked with the characters they stand for, so that copying and searching find them (ISO 32000-1, 14.9.4).
fn stand_ins(ops: &mut Vec<Op>, run: &[Glyph]) {
    let actual: String =
        run.iter().map(|glyph| if glyph.character.is_control() { '\u{fffd}' } else { glyph.character }).collect();
    let properties =
        BTreeMap::from([("ActualText".to_owned(), DictItem::String { data: utf16(&actual), literal: false })]);
    ops.push(Op::BeginMarkedContentWithProperties {
        tag: "Span".to_owned(),
        properties: DictItem::Dict { map: properties },
    });
    let boxes = run.iter().map(|glyph| Codepoint::with_cid(glyph.id, 0.0, "\u{fffd}".to_owned())).collect();
    ops.push(Op::ShowText { items: vec![TextItem::GlyphIds(boxes)] });
    ops.push(Op::EndMarkedContent);
}

fn color(Colour(r, g, b): Colour) -> Color {
    Color::Rgb(Rgb { r, g, b, icc_profile: None })
}

/// Hundredths of a point are finer than any printer and keep the file short.
fn round(points: f32) -> f32 {
    (points * 100.0).round() / 100.0
}

/// A text string in UTF-16BE with its byte order mark.
fn utf16(text: &str) -> Vec<u8> {
    [0xFE, 0xFF].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
}

fn text_string(text: &str) -> Object {
    if text.chars().all(|character| character == ' ' || character.is_ascii_graphic()) {
        Object::String(text.as_bytes().to_vec(), StringFormat::Literal)
    } else {
        Object::String(utf16(text), StringFormat::Hexadecimal)
    }
}

fn complete(
    tree: &mut lopdf::Document,
    meta: &Meta,
    pages: &[Page],
    outline: &[OutlineEntry],
    attachments: &[Attachment],
) -> lopdf::Result<()> {
    "1.7".clone_into(&mut tree.version);
    let page_ids: Vec<ObjectId> = tree.get_pages().into_values().collect();
    for (id, items) in page_ids.iter().zip(pages) {
        let links: Vec<Object> = items.iter().filter_map(|item| link(item, &page_ids)).collect();
        let page = tree.get_object_mut(*id)?.as_dict_mut()?;
        if links.is_empty() {
            page.remove(b"Annots");
        } else {
            page.set("Annots", links);
        }
    }

    let date = pdf_date(&meta.created.to_string());
    let outlines = add_outline(tree, outline, &page_ids);
    let files: Vec<(String, ObjectId)> =
        attachments.iter().map(|file| (file.name.clone(), add_attachment(tree, file, &date))).collect();
    let catalog = tree.catalog_mut()?;
    catalog.set("Lang", text_string("en"));
    catalog.set("ViewerPreferences", dictionary! { "DisplayDocTitle" => true });
    if let Some(outlines) = outlines {
        catalog.set("Outlines", outlines);
        catalog.set("PageMode", "UseOutlines");
    }
    if !files.is_empty() {
        let names: Vec<Object> =
            files.iter().flat_map(|(name, id)| [text_string(name), Object::Reference(*id)]).collect();
        catalog.set("Names", dictionary! { "EmbeddedFiles" => dictionary! { "Names" => names } });
        catalog.set("AF", files.iter().map(|(_, id)| Object::Reference(*id)).collect::<Vec<_>>());
    }

    let info = dictionary! {
        "Title" => text_string(&meta.title),
        "Subject" => text_string(&meta.subject),
        "Author" => text_string(&meta.author),
        "Creator" => text_string("Countersign"),
        "Producer" => text_string("Countersign (printpdf)"),
        "CreationDate" => text_string(&date),
        "ModDate" => text_string(&date),
    };
    let info_id = tree.trailer.get(b"Info")?.as_reference()?;
    tree.set_object(info_id, info);
    let id = Object::String(
        meta.id.hex().into_bytes().chunks(2).take(16).filter_map(hex_pair).collect(),
        StringFormat::Hexadecimal,
    );
    tree.trailer.set("ID", vec![id.clone(), id]);
    Ok(())
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

/// `2026-11-23T11:24:05.123456Z` as `D:20261123112405Z`.
fn pdf_date(rfc3339: &str) -> String {
    let digits: String = rfc3339.chars().filter(char::is_ascii_digit).take(14).collect();
    format!("D:{digits}Z")
}

fn link(item: &Item, page_ids: &[ObjectId]) -> Option<Object> {
    let Item::Link { area: [x, y, width, height], page, top } = item else { return None };
    let bottom = PAGE_HEIGHT - y - height;
    Some(Object::Dictionary(dictionary! {
        "Type" => "Annot",
        "Subtype" => "Link",
        "Rect" => [*x, bottom, x + width, bottom + height].map(|edge| Object::Real(round(edge))).to_vec(),
        "Border" => vec![Object::Integer(0); 3],
        "Dest" => destination(*page_ids.get(*page)?, *top),
    }))
}

/// A place on a page, a little above `top`, at the reader's own zoom.
fn destination(page: ObjectId, top: f32) -> Object {
    let y = round((PAGE_HEIGHT - top + 8.0).min(PAGE_HEIGHT));
    Object::Array(vec![Object::Reference(page), "XYZ".into(), Object::Null, Object::Real(y), Object::Null])
}

/// Adds the bookmarks as a tree: a heading's children are the deeper headings that follow it.
fn add_outline(tree: &mut lopdf::Document, outline: &[OutlineEntry], page_ids: &[ObjectId]) -> Option<ObjectId> {
    if outline.is_empty() {
        return None;
    }
    let root = tree.new_object_id();
    let ids: Vec<ObjectId> = outline.iter().map(|_| tree.new_object_id()).collect();
    let parents: Vec<Option<usize>> = (0..outline.len())
        .map(|index| (0..index).rev().find(|before| outline[*before].level < outline[index].level))
        .collect();
    let children = |parent: Option<usize>| -> Vec<usize> {
        (0..outline.len()).filter(|index| parents[*index] == parent).collect()
    };

    for (index, entry) in outline.iter().enumerate() {
        let siblings = children(parents[index]);
        let place = siblings.iter().position(|sibling| *sibling == index).unwrap_or(0);
        let mut item = dictionary! {
            "Title" => text_string(&entry.title),
            "Parent" => parents[index].map_or(root, |parent| ids[parent]),
            "Dest" => destination(*page_ids.get(entry.page)?, entry.top),
        };
        if let Some(before) = place.checked_sub(1) {
            item.set("Prev", ids[siblings[before]]);
        }
        if let Some(next) = siblings.get(place + 1) {
            item.set("Next", ids[*next]);
        }
        // A negative count leaves the branch folded until the reader opens it.
        set_children(&mut item, &children(Some(index)), &ids, -1);
        tree.set_object(ids[index], item);
    }
    let mut outlines = dictionary! { "Type" => "Outlines" };
    set_children(&mut outlines, &children(None), &ids, 1);
    tree.set_object(root, outlines);
    Some(root)
}

fn set_children(item: &mut Dictionary, children: &[usize], ids: &[ObjectId], sign: i64) {
    if let (Some(first), Some(last)) = (children.first(), children.last()) {
        item.set("First", ids[*first]);
        item.set("Last", ids[*last]);
        item.set("Count", sign * i64::try_from(children.len()).unwrap_or(i64::MAX));
    }
}

fn add_attachment(tree: &mut lopdf::Document, file: &Attachment, date: &str) -> ObjectId {
    let size = i64::try_from(file.bytes.len()).unwrap_or(i64::MAX);
    let stream = tree.add_object(Stream::new(
        dictionary! {
            "Type" => "EmbeddedFile",
            "Subtype" => file.media_type.as_str(),
            "Params" => dictionary! { "Size" => size, "CreationDate" => text_string(date), "ModDate" => text_string(date) },
        },
        file.bytes.clone(),
    ));
    tree.add_object(dictionary! {
        "Type" => "Filespec",
        "F" => text_string(&file.name),
        "UF" => text_string(&file.name),
        "Desc" => text_string(&file.description),
        "AFRelationship" => "Data",
        "EF" => dictionary! { "F" => stream, "UF" => stream },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_strings_take_their_pdf_form() {
        assert_eq!(pdf_date("2026-11-23T11:24:05.123456Z"), "D:20261123112405Z");
        assert_eq!(text_string("plain"), Object::String(b"plain".to_vec(), StringFormat::Literal));
        assert_eq!(text_string("Ж"), Object::String(vec![0xFE, 0xFF, 0x04, 0x16], StringFormat::Hexadecimal));
    }
}
