//! Figures as people read them: few digits, thousands set apart, and never so few that they tell another verdict than the
//! entry does. The entry and the file keep all digits.

/// Digits that a figure is shown with, where they tell the truth.
const DIGITS: i32 = 4;
/// Digits at most; a double has seventeen, and its last ones are the arithmetic's.
const MOST_DIGITS: i32 = 12;

/// A figure in few digits: `0.8952`, `12,345`, `3.1e-9`.
pub fn plain(value: f64) -> String {
    spelled(value, DIGITS)
}

/// A figure in as few digits as still meet or miss its threshold, such as `>= 0.75`, as the figure itself does.
pub fn against(value: f64, threshold: Option<&str>) -> String {
    let Some((is_met, bound)) = threshold.and_then(read) else { return plain(value) };
    let is_true =
        |shown: &String| shown.replace(',', "").parse().is_ok_and(|read| is_met(read, bound) == is_met(value, bound));
    (DIGITS..=MOST_DIGITS).map(|digits| spelled(value, digits)).find(is_true).unwrap_or_else(|| value.to_string())
}

/// A threshold with the signs that people write.
pub fn threshold(text: &str) -> String {
    text.replace(">=", "\u{2265}").replace("<=", "\u{2264}")
}

/// How a threshold compares.
type Comparison = fn(f64, f64) -> bool;

/// What a threshold compares with, and how.
fn read(threshold: &str) -> Option<(Comparison, f64)> {
    let (sign, bound) = threshold.split_once(' ')?;
    let met: Comparison = match sign {
        ">=" => |value, bound| value >= bound,
        "<=" => |value, bound| value <= bound,
        ">" => |value, bound| value > bound,
        "<" => |value, bound| value < bound,
        _ => return None,
    };
    Some((met, bound.trim().parse().ok()?))
}

fn spelled(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return grouped(&value.to_string());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a double is small")]
    let exponent = value.abs().log10().floor() as i32;
    if !(-6..15).contains(&exponent) {
        let few = usize::try_from(digits - 1).unwrap_or(0);
        let text = format!("{value:.few$e}");
        return match text.split_once('e') {
            Some((mantissa, power)) if mantissa.contains('.') => {
                format!("{}e{power}", mantissa.trim_end_matches('0').trim_end_matches('.'))
            }
            _ => text,
        };
    }
    let behind = usize::try_from(digits - 1 - exponent).unwrap_or(0);
    let text = format!("{value:.behind$}");
    grouped(if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text })
}

/// Thousands set apart, in front of the point.
fn grouped(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), app::grouped);
    format!("{sign}{whole}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_digits_say_enough() {
        for (value, words) in [
            (0.895_219_012_004_429, "0.8952"),
            (41.0, "41"),
            (-0.0, "0"),
            (8_000.0, "8,000"),
            (187_827_444.0, "187,827,444"),
            (12_345.678, "12,346"),
            (-0.091_23, "-0.09123"),
            (1e300, "1e300"),
            (-2.5e-30, "-2.5e-30"),
            (3.141_592e-9, "3.142e-9"),
        ] {
            assert_eq!(plain(value), words);
        }
    }

    #[test]
    fn rounding_never_carries_a_figure_over_its_threshold() {
        assert_eq!(against(0.849_99, Some(">= 0.85")), "0.84999");
        assert_eq!(against(0.850_01, Some("> 0.85")), "0.85001");
        assert_eq!(against(0.812_345, Some(">= 0.75")), "0.8123");
        assert_eq!(against(0.200_000_000_1, Some("<= 0.2")), "0.2000000001");
        assert_eq!(against(0.3, Some("as it was")), "0.3");
        assert_eq!(threshold(">= 0.85"), "\u{2265} 0.85");
    }
}
