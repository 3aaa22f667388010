//! Bodies from files: JSON or YAML, with errors that name file, line and field.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use crate::cli::CliError;

/// Largest file that is read: the server takes no larger JSON body.
const MAX_BYTES: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Yaml,
}

/// By its name; else by its first character.
fn format(path: &Path, text: &str) -> Format {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "json" => Format::Json,
        "yaml" | "yml" => Format::Yaml,
        _ if text.trim_start().starts_with('{') => Format::Json,
        _ => Format::Yaml,
    }
}

/// Reads a body from a file, or from standard input if the file is `-`.
///
/// # Errors
/// It cannot be read or is not what is asked for: with file, line and field.
pub(super) fn read<T: DeserializeOwned>(path: &PathBuf) -> Result<T, CliError> {
    let (name, bytes) = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let outcome = std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes);
        ("standard input".to_owned(), outcome.map(|_| bytes))
    } else {
        let read = std::fs::File::open(path).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        (path.display().to_string(), read)
    };
    let bytes = bytes.map_err(|error| CliError::Failed(format!("{name} cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(CliError::Failed(format!("{name} is larger than 1 MiB; a model or version is described in less")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        CliError::Failed(format!("{name} is not UTF-8 text: byte {} is broken", error.utf8_error().valid_up_to()))
    })?;
    parse(&text, format(path, &text)).map_err(|reason| CliError::Failed(format!("{name}: {reason}")))
}

fn parse<T: DeserializeOwned>(text: &str, format: Format) -> Result<T, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err("it is empty".into());
    }
    if format == Format::Yaml {
        return serde_norway::from_str(text).map_err(|error| error.to_string());
    }
    serde_json::from_str(text).map_err(|error| {
        // JSON reads as YAML too, and that reader names the path of the field at fault.
        let named = || serde_norway::from_str::<T>(text).err().map(|error| error.to_string());
        match error.classify() {
            serde_json::error::Category::Eof => {
                format!("it breaks off at line {}, column {}", error.line(), error.column())
            }
            serde_json::error::Category::Data => named().unwrap_or_else(|| error.to_string()),
            _ => error.to_string(),
        }
    })
}

#[cfg(test)]
mod tests {
    use domain::command::{RegisterModel, RegisterVersion};

    use super::*;

    const YAML: &str = "
lineage:
  code:
    git_commit: 0123456789abcdef0123456789abcdef01234567
  hyperparameters: { depth: 6, rate: 0.1, fast: true, solver: lbfgs }
note: The first
";

    #[test]
    fn yaml_and_json_say_the_same() {
        let yaml: RegisterVersion = parse(YAML, Format::Yaml).unwrap();
        let json = serde_json::to_string_pretty(&yaml).unwrap();
        assert_eq!(parse::<RegisterVersion>(&json, format(Path::new("-"), &json)).unwrap(), yaml);
        assert_eq!(yaml.lineage.hyperparameters.len(), 4);
    }

    #[test]
    fn errors_name_line_and_field() {
        let wrong = YAML.replace("git_commit", "git_comit");
        let error = parse::<RegisterVersion>(&wrong, Format::Yaml).unwrap_err();
        assert!(error.contains("lineage.code") && error.contains("git_comit") && error.contains("line 4"), "{error}");

        let digest = "{\n  \"lineage\": {\n    \"model\": {\n      \"weights_digest\": \"sha256:12\"\n    }\n  }\n}";
        let error = parse::<RegisterVersion>(digest, Format::Json).unwrap_err();
        assert!(error.contains("lineage.model.weights_digest") && error.contains("line 4"), "{error}");

        let error = parse::<RegisterModel>("{\n  \"name\": \"credit\",\n  \"tit", Format::Json).unwrap_err();
        assert!(error.contains("breaks off at line 3"), "{error}");

        let error = parse::<RegisterModel>("name: credit\n", Format::Yaml).unwrap_err();
        assert!(error.contains("title"), "{error}");
        assert!(parse::<RegisterModel>(" \n", Format::Yaml).unwrap_err().contains("empty"));
    }

    #[test]
    fn the_format_follows_the_name_then_the_text() {
        assert_eq!(format(Path::new("a.yml"), "{"), Format::Yaml);
        assert_eq!(format(Path::new("a.JSON"), "a: 1"), Format::Json);
        assert_eq!(format(Path::new("-"), " {\n"), Format::Json);
        assert_eq!(format(Path::new("model"), "name: x"), Format::Yaml);
    }
}
