//! What every page promises: nothing that a strict Content-Security-Policy would refuse, every reference to an id
//! leads to exactly one element, and what people typed stays text.

use std::collections::HashMap;

use app::{Page, Shell, User, pages::ErrorView, render};

#[path = "../examples/gallery/privacy.rs"]
mod privacy;
#[path = "../examples/gallery/records.rs"]
mod records;
#[path = "../examples/gallery/risk.rs"]
mod risk;
#[path = "../examples/gallery/triggers.rs"]
mod triggers;
#[path = "../examples/gallery/versions.rs"]
mod versions;

fn shell() -> Shell {
    Shell {
        nonce: "n0nce".to_owned(),
        path: "/models?q=a".to_owned(),
        user: Some(User { name: "Ada".to_owned(), roles: "Auditor".to_owned(), inbox: 1 }),
        ..Shell::default()
    }
}

fn html(page: impl Page) -> String {
    render(&shell(), page)
}

fn every_page() -> Vec<(&'static str, String)> {
    vec![
        ("sign-in", html(records::sign_in())),
        ("setup", html(records::setup())),
        ("inbox", html(records::inbox())),
        ("empty inbox", html(records::inbox_empty())),
        ("models", html(records::models())),
        ("new model", html(records::model_new())),
        ("model", html(versions::model())),
        ("new version", html(versions::version_new())),
        ("version", html(versions::overview())),
        ("lineage", html(versions::lineage())),
        ("evidence", html(versions::evidence())),
        ("validation", html(versions::validation(true))),
        ("validation, read", html(versions::validation(false))),
        ("sign", html(versions::sign())),
        ("receipt", html(versions::receipt())),
        ("timeline", html(versions::timeline())),
        ("compare", html(versions::compare())),
        ("triggers", html(triggers::triggers())),
        ("model's triggers", html(triggers::model_triggers())),
        ("drift", html(triggers::drift())),
        ("webhooks", html(triggers::webhooks())),
        ("ledger", html(records::ledger())),
        ("entry", html(records::entry().0)),
        ("reports", html(records::reports())),
        ("policy", html(risk::policy())),
        ("inventory", html(risk::inventory())),
        ("campaigns", html(risk::campaigns())),
        ("campaign", html(risk::campaign())),
        ("people", html(records::people())),
        ("tokens", html(records::tokens())),
        ("account", html(records::account())),
        ("privacy", html(privacy::list())),
        ("impact assessment", html(privacy::dpia())),
        ("assessment form", html(privacy::edit())),
        ("safeguards form", html(privacy::safeguards())),
        ("register", html(privacy::register())),
        ("review request", html(privacy::request())),
        ("erasures", html(privacy::erasures())),
        ("error", html(records::error())),
    ]
}

/// The values of an attribute, wherever it stands.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    html.split(&format!(" {attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn no_page_needs_more_than_a_strict_policy_allows() {
    for (name, html) in every_page() {
        assert!(values(&html, "style").is_empty(), "{name} has an inline style");
        for handler in ["onclick", "onsubmit", "onload", "onchange"] {
            assert!(values(&html, handler).is_empty(), "{name} has an inline handler");
        }
        for script in html.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').unwrap();
            assert!(tag.contains("nonce=\"n0nce\"") && tag.contains("src="), "{name}: <script{tag}>");
            assert!(rest.starts_with("</script>"), "{name} has an inline script");
        }
        for address in values(&html, "src").into_iter().chain(values(&html, "action")) {
            assert!(address.starts_with('/'), "{name} reaches out to {address}");
        }
    }
}

#[test]
fn every_reference_leads_to_one_element() {
    for (name, html) in every_page() {
        let mut ids: HashMap<&str, u32> = HashMap::new();
        for id in values(&html, "id") {
            *ids.entry(id).or_default() += 1;
        }
        if let Some((id, _)) = ids.iter().find(|(_, count)| **count > 1) {
            panic!("{name} has the id {id} twice");
        }
        let references = ["for", "aria-labelledby", "aria-describedby"];
        for id in references.iter().flat_map(|attribute| values(&html, attribute)).flat_map(|ids| ids.split(' ')) {
            assert!(ids.contains_key(id), "{name} refers to {id}, which is not there");
        }
    }
}

#[test]
fn every_page_has_one_heading_and_a_title() {
    for (name, html) in every_page() {
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        assert!(html.contains(" · Countersign</title>"), "{name}");
    }
}

#[test]
fn only_pages_with_an_island_load_wasm() {
    for (name, html) in every_page() {
        assert_eq!(html.contains("/boot.js"), html.contains("<leptos-island"), "{name}");
    }
}

#[test]
fn what_people_typed_stays_text() {
    let typed = "<script>alert(1)</script>\"'&";
    let mut view = records::error();
    view.sentence = typed.to_owned();
    view.missing[0].id = typed.to_owned();
    let html = html(ErrorView { title: typed.to_owned(), ..view });
    assert!(!html.contains("<script>alert"));
    assert!(!html.contains(" data-rule=\"<script>"));
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

/// One component makes every text area that shows what was typed or stored before.
#[test]
fn what_stands_in_a_text_area_stays_in_it() {
    let mut view = records::model_new();
    view.purpose = "\nlimit &lt; 5 & more</textarea></form><h1>INJ</h1>".to_owned();
    let html = html(view);
    let area = html.split("<textarea").nth(1).and_then(|area| area.split("</textarea>").next()).unwrap();
    let text = area.split_once('>').unwrap().1;
    assert_eq!(text, "\n\nlimit &amp;lt; 5 &amp; more&lt;/textarea>&lt;/form>&lt;h1>INJ&lt;/h1>");
}

#[test]
fn a_refused_form_says_so_in_the_title_and_at_the_field() {
    let html = html(records::model_new());
    assert!(html.contains("<title>Error: New model"));
    assert!(html.contains("href=\"#name\""));
    assert!(html.contains("aria-describedby=\"name-hint name-error\""));
    assert!(html.contains("value=\"Credit Default\""));
}
