//! The faces that reports are set in, and the width of every character.
//!
//! A character that a face lacks is looked for in the face of signs, then in the monospaced one; one that none has, and every
//! invisible or control character, becomes the replacement box. Nothing in a record vanishes from its report.

use std::sync::OnceLock;

use printpdf::ParsedFont;

use super::ReportError;

/// A typeface of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Face {
    /// Running text.
    Regular,
    /// Headings, table heads, emphasis.
    SemiBold,
    /// Digests and identifiers.
    Mono,
    /// Arrows, operators and shapes that text faces lack.
    Signs,
}

impl Face {
    /// The PostScript name, as the PDF gives it after the subset tag.
    pub const fn postscript_name(self) -> &'static str {
        match self {
            Self::Regular => "NotoSans-Regular",
            Self::SemiBold => "NotoSans-SemiBold",
            Self::Mono => "NotoSansMono-Regular",
            Self::Signs => "NotoSansMath-Regular",
        }
    }

    /// The name under which a page's resources list the face. Fixed, because printpdf would draw one from a process-wide counter.
    pub const fn resource_name(self) -> &'static str {
        match self {
            Self::Regular => "F1",
            Self::SemiBold => "F2",
            Self::Mono => "F3",
            Self::Signs => "F4",
        }
    }

    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("../../assets/fonts/NotoSans-Regular.ttf"),
            Self::SemiBold => include_bytes!("../../assets/fonts/NotoSans-SemiBold.ttf"),
            Self::Mono => include_bytes!("../../assets/fonts/NotoSansMono-Regular.ttf"),
            Self::Signs => include_bytes!("../../assets/fonts/NotoSansMath-Regular.ttf"),
        }
    }
}

/// One character as it will be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glyph {
    /// The character that the record holds.
    pub character: char,
    /// The face that draws it, which may be a fallback.
    pub face: Face,
    /// The glyph's number in that face; 0 is the replacement box.
    pub id: u16,
    /// Width as a fraction of the type size.
    pub advance: f32,
}

impl Glyph {
    /// Whether the replacement box stands in for the character.
    pub const fn is_stand_in(&self) -> bool {
        self.id == 0
    }
}

/// The faces, parsed once for the whole program.
#[derive(Debug)]
pub struct Fonts {
    regular: ParsedFont,
    semi_bold: ParsedFont,
    mono: ParsedFont,
    signs: ParsedFont,
}

impl Fonts {
    /// The program's fonts.
    pub fn get() -> Result<&'static Self, ReportError> {
        static FONTS: OnceLock<Result<Fonts, Face>> = OnceLock::new();
        FONTS.get_or_init(Self::load).as_ref().map_err(|face| ReportError::Font {
            face: face.postscript_name(),
            problem: "it does not parse as TrueType",
        })
    }

    fn load() -> Result<Self, Face> {
        let parse = |face: Face| ParsedFont::from_bytes(face.bytes(), 0, &mut Vec::new()).ok_or(face);
        Ok(Self {
            regular: parse(Face::Regular)?,
            semi_bold: parse(Face::SemiBold)?,
            mono: parse(Face::Mono)?,
            signs: parse(Face::Signs)?,
        })
    }

    /// The parsed face, with the whole file as its bytes.
    pub const fn parsed(&self, face: Face) -> &ParsedFont {
        match face {
            Face::Regular => &self.regular,
            Face::SemiBold => &self.semi_bold,
            Face::Mono => &self.mono,
            Face::Signs => &self.signs,
        }
    }

    /// How `character` is drawn when the text is set in `face`.
    pub fn glyph(&self, face: Face, character: char) -> Glyph {
        let found = [face, Face::Signs, Face::Mono].into_iter().find_map(|face| {
            let id = self.parsed(face).lookup_glyph_index(u32::from(character))?;
            (id != 0).then_some((face, id))
        });
        let (face, id) = found.unwrap_or((face, 0));
        Glyph { character, face, id, advance: self.advance(face, id) }
    }

    fn advance(&self, face: Face, id: u16) -> f32 {
        let parsed = self.parsed(face);
        let units = parsed.get_glyph_width(id).unwrap_or(0);
        f32::from(units) / f32::from(parsed.units_per_em.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT_FACES: [Face; 3] = [Face::Regular, Face::SemiBold, Face::Mono];

    #[test]
    fn latin_greek_and_cyrillic_are_drawn_by_the_face_itself() {
        let fonts = Fonts::get().unwrap();
        for face in TEXT_FACES {
            for character in "Aé\u{151}ßĲŁ ΑΩάώ ЖяЁҐқ 0129 “”–—…€№".chars() {
                let glyph = fonts.glyph(face, character);
                assert!(!glyph.is_stand_in() && glyph.face == face, "{character} in {face:?}");
            }
        }
    }

    #[test]
    fn operators_and_shapes_fall_back_to_the_face_of_signs() {
        let fonts = Fonts::get().unwrap();
        for character in "→≥≤≠−∞●○▲■×".chars() {
            assert!(!fonts.glyph(Face::Regular, character).is_stand_in(), "{character}");
        }
        assert_eq!(fonts.glyph(Face::Regular, '≥').face, Face::Signs);
    }

    #[test]
    fn what_no_face_has_is_a_box_with_a_width() {
        let fonts = Fonts::get().unwrap();
        for character in ['漢', '😀', 'ש', '\u{0}', '\u{7}', '\u{200b}', '\u{202e}', '\u{feff}'] {
            let glyph = fonts.glyph(Face::Regular, character);
            assert!(glyph.is_stand_in() && glyph.advance > 0.3, "{character:?}");
        }
    }

    #[test]
    fn digits_share_one_width_so_that_figures_line_up() {
        let fonts = Fonts::get().unwrap();
        for face in TEXT_FACES {
            let widths: Vec<_> = ('0'..='9').map(|digit| fonts.glyph(face, digit).advance.to_bits()).collect();
            assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{face:?}");
        }
    }
}
