//! Cuts a TrueType file down to the glyphs that a document uses.
//!
//! printpdf embeds the whole file unless its heavy text-layout feature is on. Here glyph numbers stay as they are and the outlines of
//! unused glyphs become empty, so widths and text need no renumbering; what a CID font in a PDF does not read is dropped
//! (ISO 32000-1, 9.9). Tables are as in the OpenType specification.

use std::collections::BTreeSet;

/// The tables that an embedded `CIDFontType2` program needs, in the order of their tags.
const KEPT: [&[u8; 4]; 9] = [b"cvt ", b"fpgm", b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp", b"prep"];

/// The file with the outlines of `used` glyphs and of those they are composed from; `None` if it is not a TrueType file.
pub(super) fn subset(font: &[u8], used: &BTreeSet<u16>) -> Option<Vec<u8>> {
    let head = table(font, *b"head")?;
    let glyf = table(font, *b"glyf")?;
    let offsets = Offsets { loca: table(font, *b"loca")?, long: u16_at(head, 50)? != 0 };
    let glyph_count = u16_at(table(font, *b"maxp")?, 4)?;
    let keep = closure(glyf, &offsets, used)?;

    let mut outlines = Vec::new();
    let mut loca = Vec::new();
    for glyph in 0..glyph_count {
        loca.extend(u32::try_from(outlines.len()).ok()?.to_be_bytes());
        if keep.contains(&glyph) {
            outlines.extend_from_slice(offsets.outline(glyf, glyph)?);
            pad(&mut outlines);
        }
    }
    loca.extend(u32::try_from(outlines.len()).ok()?.to_be_bytes());

    let mut new_head = head.to_vec();
    new_head.get_mut(8..12)?.fill(0);
    new_head.get_mut(50..52)?.copy_from_slice(&1u16.to_be_bytes());

    let tables: Vec<(&[u8; 4], &[u8])> = KEPT
        .into_iter()
        .filter_map(|tag| match tag {
            b"glyf" => Some((tag, outlines.as_slice())),
            b"loca" => Some((tag, loca.as_slice())),
            b"head" => Some((tag, new_head.as_slice())),
            _ => table(font, *tag).map(|data| (tag, data)),
        })
        .collect();
    assemble(&tables)
}

/// Where each glyph's outline lies in `glyf`.
struct Offsets<'a> {
    loca: &'a [u8],
    long: bool,
}

impl Offsets<'_> {
    fn start(&self, index: usize) -> Option<usize> {
        if self.long {
            usize::try_from(u32_at(self.loca, index * 4)?).ok()
        } else {
            Some(usize::from(u16_at(self.loca, index * 2)?) * 2)
        }
    }

    fn outline<'g>(&self, glyf: &'g [u8], glyph: u16) -> Option<&'g [u8]> {
        let index = usize::from(glyph);
        glyf.get(self.start(index)?..self.start(index + 1)?)
    }
}

/// The used glyphs with `.notdef` and every component of a composite glyph.
fn closure(glyf: &[u8], offsets: &Offsets<'_>, used: &BTreeSet<u16>) -> Option<BTreeSet<u16>> {
    let mut keep = BTreeSet::new();
    let mut open: Vec<u16> = used.iter().copied().chain([0]).collect();
    while let Some(glyph) = open.pop() {
        if keep.insert(glyph) {
            open.extend(components(offsets.outline(glyf, glyph)?)?);
        }
    }
    Some(keep)
}

fn components(outline: &[u8]) -> Option<Vec<u16>> {
    const WORDS: u16 = 0x0001;
    const SCALE: u16 = 0x0008;
    const MORE: u16 = 0x0020;
    const XY_SCALE: u16 = 0x0040;
    const TWO_BY_TWO: u16 = 0x0080;

    let mut found = Vec::new();
    let is_composite = outline.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut at = 10;
    if !is_composite {
        return Some(found);
    }
    loop {
        let flags = u16_at(outline, at)?;
        found.push(u16_at(outline, at + 2)?);
        at += 4 + if flags & WORDS != 0 { 4 } else { 2 };
        at += match flags & (SCALE | XY_SCALE | TWO_BY_TWO) {
            0 => 0,
            SCALE => 2,
            XY_SCALE => 4,
            _ => 8,
        };
        if flags & MORE == 0 {
            return Some(found);
        }
    }
}

fn assemble(tables: &[(&[u8; 4], &[u8])]) -> Option<Vec<u8>> {
    let count = u16::try_from(tables.len()).ok()?;
    let selector = count.ilog2();
    let range = 16u16 << selector;
    let mut file = Vec::new();
    file.extend(0x0001_0000u32.to_be_bytes());
    for field in [count, range, u16::try_from(selector).ok()?, count * 16 - range] {
        file.extend(field.to_be_bytes());
    }
    let mut body = Vec::new();
    let body_start = 12 + tables.len() * 16;
    let mut head_at = None;
    for (tag, data) in tables {
        let offset = body_start + body.len();
        if *tag == b"head" {
            head_at = Some(offset);
        }
        file.extend_from_slice(*tag);
        file.extend(checksum(data).to_be_bytes());
        file.extend(u32::try_from(offset).ok()?.to_be_bytes());
        file.extend(u32::try_from(data.len()).ok()?.to_be_bytes());
        body.extend_from_slice(data);
        pad(&mut body);
    }
    file.extend(body);
    let adjustment = 0xB1B0_AFBAu32.wrapping_sub(checksum(&file));
    let at = head_at? + 8;
    file.get_mut(at..at + 4)?.copy_from_slice(&adjustment.to_be_bytes());
    Some(file)
}

fn checksum(data: &[u8]) -> u32 {
    data.chunks(4).fold(0, |sum: u32, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_be_bytes(word))
    })
}

fn pad(data: &mut Vec<u8>) {
    data.resize(data.len().next_multiple_of(4), 0);
}

fn table(font: &[u8], tag: [u8; 4]) -> Option<&[u8]> {
    let count = usize::from(u16_at(font, 4)?);
    (0..count).find_map(|index| {
        let record = 12 + index * 16;
        if font.get(record..record + 4)? != tag.as_slice() {
            return None;
        }
        let offset = usize::try_from(u32_at(font, record + 8)?).ok()?;
        let length = usize::try_from(u32_at(font, record + 12)?).ok()?;
        font.get(offset..offset.checked_add(length)?)
    })
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::super::font::{Face, Fonts};
    use super::*;

    #[test]
    fn keeps_used_outlines_and_their_components_and_empties_the_rest() {
        let fonts = Fonts::get().unwrap();
        let parsed = fonts.parsed(Face::Regular);
        let id = |character: char| parsed.lookup_glyph_index(u32::from(character)).unwrap();
        let small = subset(&parsed.original_bytes, &BTreeSet::from([id('A'), id('Ǻ')])).unwrap();
        assert!(small.len() * 3 < parsed.original_bytes.len());

        let offsets = Offsets { loca: table(&small, *b"loca").unwrap(), long: true };
        let glyf = table(&small, *b"glyf").unwrap();
        assert!(!offsets.outline(glyf, id('A')).unwrap().is_empty());
        assert!(!offsets.outline(glyf, 0).unwrap().is_empty());
        assert!(offsets.outline(glyf, id('B')).unwrap().is_empty());
        for component in components(offsets.outline(glyf, id('Ǻ')).unwrap()).unwrap() {
            assert!(!offsets.outline(glyf, component).unwrap().is_empty());
        }
        assert_eq!(checksum(&small), 0xB1B0_AFBA, "head's adjustment balances the file");
    }

    #[test]
    fn refuses_what_is_not_truetype_and_what_is_cut_short() {
        let whole = &Fonts::get().unwrap().parsed(Face::Mono).original_bytes;
        assert_eq!(subset(b"", &BTreeSet::new()), None);
        assert_eq!(subset(b"OTTO and nothing else", &BTreeSet::new()), None);
        assert_eq!(subset(&whole[..whole.len() / 2], &BTreeSet::from([5])), None);
    }
}
