//! Where tiles and entry bundles lie: the paths of the tlog-tiles layout.

use std::fmt;

use crate::tiles::{TILE_WIDTH, TileId};

/// The file of one tile or entry bundle, as served and as exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TilePath {
    /// Hashes of the tree.
    Hashes {
        /// Which tile.
        id: TileId,
        /// Hashes in it, 1 to 256.
        width: u16,
    },
    /// The entries under one level-0 tile.
    Entries {
        /// Number of the bundle.
        index: u64,
        /// Entries in it, 1 to 256.
        width: u16,
    },
}

impl TilePath {
    /// Path of a hash tile.
    pub const fn hashes(id: TileId, width: u16) -> Self {
        Self::Hashes { id, width }
    }

    /// Path of an entry bundle.
    pub const fn entries(index: u64, width: u16) -> Self {
        Self::Entries { index, width }
    }

    /// How many hashes or entries the file holds.
    pub const fn width(&self) -> u16 {
        match *self {
            Self::Hashes { width, .. } | Self::Entries { width, .. } => width,
        }
    }

    /// Reads a path such as `tile/0/x001/x234/067` or `tile/entries/000.p/5`; only the one right spelling is read.
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, parse_decimal(width).filter(|width| (1..256).contains(width))?),
            None => (rest, u64::from(TILE_WIDTH)),
        };
        let index = decode_index(number)?;
        let width = u16::try_from(width).ok()?;
        if kind == "entries" {
            return Some(Self::Entries { index, width });
        }
        let level = u8::try_from(parse_decimal(kind)?).ok().filter(|level| *level < 64)?;
        Some(Self::Hashes { id: TileId { level, index }, width })
    }

    /// All files of a log of `size` entries: bundles first, then tiles by level, each by number.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let bundles = widths(size).map(|(index, width)| Self::Entries { index, width });
        let levels = (0..8_u8).map_while(move |level| {
            let hashes = size >> (8 * u32::from(level));
            (hashes > 0).then_some((level, hashes))
        });
        let tiles = levels.flat_map(|(level, hashes)| {
            widths(hashes).map(move |(index, width)| Self::Hashes { id: TileId { level, index }, width })
        });
        bundles.chain(tiles)
    }

    /// Whether a log of exactly `size` entries has this file.
    pub fn belongs_to(&self, size: u64) -> bool {
        let (shift, index) = match *self {
            Self::Entries { index, .. } => (0, index),
            Self::Hashes { id, .. } => (8 * u32::from(id.level), id.index),
        };
        let hashes = size.checked_shr(shift).unwrap_or(0);
        index
            .checked_mul(256)
            .and_then(|first| hashes.checked_sub(first))
            .is_some_and(|left| left.min(256) == u64::from(self.width()))
    }
}

/// Width of the partial tile at the end of a row of `hashes`; 0 if the row ends with a full one.
pub(crate) fn partial_width(hashes: u64) -> u16 {
    u16::from(low_byte(hashes))
}

/// `number` modulo 256.
pub(crate) fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// Number and width of each tile over a row of `hashes`.
fn widths(hashes: u64) -> impl Iterator<Item = (u64, u16)> {
    let last = Some(partial_width(hashes)).filter(|width| *width > 0);
    (0..hashes / 256).map(|index| (index, TILE_WIDTH)).chain(last.map(|width| (hashes / 256, width)))
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match *self {
            Self::Hashes { id: TileId { level, index }, width } => {
                write!(f, "tile/{level}/")?;
                (index, width)
            }
            Self::Entries { index, width } => {
                f.write_str("tile/entries/")?;
                (index, width)
            }
        };
        f.write_str(&encode_index(index))?;
        if width < TILE_WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
    }
}

/// Writes a tile's number in groups of three digits: 1234067 is `x001/x234/067`.
pub fn encode_index(index: u64) -> String {
    let mut text = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    text
}

/// Reads what [`encode_index`] writes, and nothing else.
pub fn decode_index(text: &str) -> Option<u64> {
    let mut groups = text.split('/').peekable();
    let mut index = 0_u64;
    while let Some(group) = groups.next() {
        let digits = if groups.peek().is_some() { group.strip_prefix('x')? } else { group };
        if digits.len() != 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    (encode_index(index) == text).then_some(index)
}

/// Reads a decimal number without sign or leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_from_the_specification() {
        assert_eq!(encode_index(1_234_067), "x001/x234/067");
        assert_eq!(decode_index("x001/x234/067"), Some(1_234_067));
        assert_eq!(encode_index(0), "000");
        assert_eq!(encode_index(999), "999");
        assert_eq!(encode_index(1000), "x001/000");
        for bad in [
            "",
            "0",
            "00",
            "0000",
            "x000",
            "x000/001",
            "001/001",
            "x001/x001",
            "x001/",
            "/001",
            "x001//001",
            "+01",
            "x01/001",
        ] {
            assert_eq!(decode_index(bad), None, "{bad}");
        }
        assert_eq!(decode_index("x999/x999/x999/x999/x999/x999/x999/999"), None);
    }

    /// The example of the tlog-tiles specification.
    #[test]
    fn tiles_of_size_70_000() {
        let paths: Vec<_> = TilePath::all(70_000).collect();
        let hashes = |level: u8| {
            paths
                .iter()
                .filter(|path| matches!(path, TilePath::Hashes { id, .. } if id.level == level))
                .copied()
                .collect::<Vec<_>>()
        };
        assert_eq!(hashes(0).len(), 274);
        assert_eq!(hashes(0)[273].to_string(), "tile/0/273.p/112");
        assert_eq!(hashes(0)[272].to_string(), "tile/0/272");
        assert_eq!(hashes(1).iter().map(ToString::to_string).collect::<Vec<_>>(), ["tile/1/000", "tile/1/001.p/17"]);
        assert_eq!(hashes(2).iter().map(ToString::to_string).collect::<Vec<_>>(), ["tile/2/000.p/1"]);
        assert!(hashes(3).is_empty());
        assert_eq!(paths.len(), 274 + 274 + 2 + 1);
        assert_eq!(paths[273].to_string(), "tile/entries/273.p/112");
    }

    #[test]
    fn membership_is_the_list() {
        for size in [0, 1, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537] {
            let all: HashSet<_> = TilePath::all(size).collect();
            assert!(all.iter().all(|path| path.belongs_to(size)), "{size}");
            for index in 0..300 {
                for width in [1, 2, 231, 232, 233, 255, 256] {
                    for path in [
                        TilePath::entries(index, width),
                        TilePath::hashes(TileId { level: 0, index }, width),
                        TilePath::hashes(TileId { level: 1, index }, width),
                        TilePath::hashes(TileId { level: 9, index }, width),
                    ] {
                        assert_eq!(path.belongs_to(size), all.contains(&path), "{size} {path}");
                    }
                }
            }
        }
    }

    #[test]
    fn only_one_spelling() {
        for bad in [
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/0",
            "tile/entries/000.p/",
            "tile/entries/",
            "tile/0",
            "tiles/0/000",
            "tile/x/000",
            "tile/0/000/",
            "tile/+1/000",
        ] {
            assert_eq!(TilePath::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn paths_round_trip(level in 0_u8..64, index: u64, width in 1_u16..=256) {
            for path in [TilePath::hashes(TileId { level, index }, width), TilePath::entries(index, width)] {
                prop_assert_eq!(TilePath::parse(&path.to_string()), Some(path));
            }
        }

        #[test]
        fn whatever_parses_is_spelt_so(path in "tile/(entries|[0-9]{1,2})/(x[0-9]{3}/)?[0-9]{2,3}(\\.p/[0-9]{1,3})?") {
            if let Some(parsed) = TilePath::parse(&path) {
                prop_assert_eq!(parsed.to_string(), path);
            }
        }
    }
}
