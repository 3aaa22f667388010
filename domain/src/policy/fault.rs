//! Where in a policy's text a contradiction lies: the table that its sentence names.

/// The number of the line, from 1, at which the table begins that a sentence of [`super::Policy`]'s own checks names
/// at its start, such as `[markets.EU.rollout] steps …`, `profile sr-11-7, gate Canary: …` or `market EU: …`.
pub(super) fn line(text: &str, why: &str) -> Option<usize> {
    if let Some(section) = why.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
        // An inline table has no line of its own: the one around it does.
        let mut around = section;
        loop {
            if let Some(line) = header(text, around) {
                return Some(line);
            }
            around = around.rsplit_once('.')?.0;
        }
    }
    let named = |prefix: &str| {
        let rest = why.strip_prefix(prefix)?;
        rest.split([',', ':', ' ']).next().filter(|name| !name.is_empty()).map(str::to_owned)
    };
    let (table, name) = if let Some(name) = named("profile ") {
        ("profiles", name)
    } else if let Some(name) = named("market ") {
        ("markets", name)
    } else {
        return why.contains("tiering").then(|| header(text, "tiering")).flatten();
    };
    let gate = why.split_once(", gate ").and_then(|(_, rest)| rest.split(':').next()).map(str::to_lowercase);
    let exact = gate.map(|gate| format!("{table}.{name}.gates.{gate}"));
    exact.and_then(|exact| header(text, &exact)).or_else(|| header(text, &format!("{table}.{name}")))
}

/// The first line that opens this table or one below it.
fn header(text: &str, table: &str) -> Option<usize> {
    let opens = |line: &str| {
        let path = line.trim().trim_start_matches('[');
        line.trim().starts_with('[') && path.strip_prefix(table).is_some_and(|rest| rest.starts_with([']', '.']))
    };
    text.lines().position(opens).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "schema = 1\n[markets.EU]\n[tiering]\n[profiles.a]\n[profiles.ab]\n[[profiles.a.gates.canary.sign_offs]]\n";

    #[test]
    fn a_contradiction_is_found_by_the_table_it_names() {
        for (why, at) in [
            ("profile a, gate Canary: twice", Some(6)),
            ("profile a, gate Staging: nothing", Some(4)),
            ("profile ab has no gate for Canary", Some(5)),
            ("market EU: x", Some(2)),
            ("[markets.EU] min_shadow_days is 400", Some(2)),
            ("[profiles.a.gates.canary.sign_offs.0] x is 1", Some(6)),
            ("[limits] token_days is 0", None),
            ("the tiering matrix has a hole", Some(3)),
            ("at least one profile is needed", None),
            ("market JP: x", None),
        ] {
            assert_eq!(line(TEXT, why), at, "{why}");
        }
    }
}
