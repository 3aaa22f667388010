//! Renders every page with invented data into `target/gallery/`, to look at them without a server:
//! `cargo run -p app --example gallery`, then open `target/gallery/index.html`.

use std::{fmt::Write as _, fs, io, path::Path};

use app::{CheckpointBadge, Page, Shell, Theme, User, render};

mod privacy;
mod records;
mod risk;
mod triggers;
mod versions;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let out = root.join("target/gallery");
    fs::create_dir_all(&out)?;
    let mut style = String::new();
    for name in ["tokens", "layout", "components", "print"] {
        style += &fs::read_to_string(root.join("style").join(name).with_extension("css"))?;
    }
    fs::write(out.join("style.css"), style)?;
    for name in ["page.js", "boot.js", "icon.svg"] {
        fs::copy(root.join("public").join(name), out.join(name))?;
    }
    let mut index = String::new();
    let mut show = |name: &str, page: &dyn Fn(&Shell) -> String| -> io::Result<()> {
        for theme in [Theme::Light, Theme::Dark] {
            let file = format!("{name}.{}.html", theme.id());
            // Opened as files, pages have no root to refer to.
            let html =
                page(&shell(theme)).replace("=\"/style.css", "=\"style.css").replace("src=\"/page.js", "src=\"page.js");
            fs::write(out.join(&file), html)?;
            let _ = writeln!(index, "<li><a href=\"{file}\">{file}</a></li>");
        }
        Ok(())
    };
    macro_rules! pages {
        ($($name:literal => $view:expr),* $(,)?) => { $( show($name, &|shell| draw(shell, $view))?; )* };
    }
    pages! {
        "sign-in" => records::sign_in(),
        "setup" => records::setup(),
        "inbox" => records::inbox(),
        "inbox-empty" => records::inbox_empty(),
        "models" => records::models(),
        "model-new" => records::model_new(),
        "model" => versions::model(),
        "version-new" => versions::version_new(),
        "version" => versions::overview(),
        "lineage" => versions::lineage(),
        "evidence" => versions::evidence(),
        "validation" => versions::validation(true),
        "validation-read" => versions::validation(false),
        "sign" => versions::sign(),
        "receipt" => versions::receipt(),
        "timeline" => versions::timeline(),
        "compare" => versions::compare(),
        "triggers" => triggers::triggers(),
        "model-triggers" => triggers::model_triggers(),
        "drift" => triggers::drift(),
        "webhooks" => triggers::webhooks(),
        "ledger" => records::ledger(),
        "entry" => records::entry().0,
        "reports" => records::reports(),
        "policy" => risk::policy(),
        "inventory" => risk::inventory(),
        "campaigns" => risk::campaigns(),
        "campaign" => risk::campaign(),
        "people" => records::people(),
        "tokens" => records::tokens(),
        "account" => records::account(),
        "privacy" => privacy::list(),
        "dpia" => privacy::dpia(),
        "dpia-edit" => privacy::edit(),
        "safeguards" => privacy::safeguards(),
        "register" => privacy::register(),
        "request" => privacy::request(),
        "erasures" => privacy::erasures(),
        "error" => records::error(),
    }
    fs::write(out.join("proof.json"), serde_json::to_string(&records::entry().1)?)?;
    fs::write(out.join("index.html"), format!("<!DOCTYPE html><title>Gallery</title><ul>{index}</ul>"))?;
    println!("{}", out.join("index.html").display());
    Ok(())
}

fn draw(shell: &Shell, page: impl Page) -> String {
    let mut shell = shell.clone();
    if page.room().is_none() && page.title() != "Your account" {
        shell.user = None;
    }
    render(&shell, page)
}

fn shell(theme: Theme) -> Shell {
    Shell {
        nonce: "example".to_owned(),
        path: "/".to_owned(),
        user: Some(User { name: "Mireille Okafor".to_owned(), roles: "MRM validator".to_owned(), inbox: 5 }),
        theme,
        is_demo: true,
        checkpoint: Some(CheckpointBadge { size: 1_482, root: records::digest("root") }),
        assets: "1".to_owned(),
        version: "0.1.0".to_owned(),
        notice: None,
    }
}
