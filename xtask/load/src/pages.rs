//! Page times with many versions in the registry, the server's memory while it serves them, and the bytes of the first page.

use std::{
    collections::BTreeSet,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use hyper::header;
use ledger::Timestamp;
use serde::Serialize;

use crate::{
    Args, Failure,
    drive::{Run, drive},
    http::{Call, Client},
    machine::Memory,
    scenario::{prepare_models, prepare_versions, promotions, register_model, register_version},
    server::Server,
};

const RUNS: usize = 3;
/// The model with all the versions.
const LARGE: &str = "streamrec";
/// Ready-made versions among the others, so that a page with evidence and history is met as well.
const MOVED_MODELS: usize = 10;

/// Pages, memory, bytes.
#[derive(Debug, Serialize)]
pub struct Pages {
    /// Models in the registry.
    pub models: usize,
    /// Versions of the large model.
    pub versions: usize,
    /// Figures by page.
    pub figures: Vec<PageFigure>,
    /// The server's memory after all of it.
    pub memory: Memory,
    /// Bytes over the wire until the first page stands.
    pub first_page: Vec<FirstPage>,
}

/// How long a page takes, one reader, until its last byte.
#[derive(Debug, Serialize)]
pub struct PageFigure {
    /// The page.
    pub page: &'static str,
    /// An address of it.
    pub address: String,
    /// The median of each figure over the runs.
    pub median: Run,
    /// The runs.
    pub runs: Vec<Run>,
}

/// What a page brings with it.
#[derive(Debug, Serialize)]
pub struct FirstPage {
    /// The page.
    pub page: &'static str,
    /// Sum of the bodies, compressed as browsers ask for it, in bytes.
    pub bytes: usize,
    /// Bytes by address.
    pub parts: Vec<(String, usize)>,
}

/// A page and its address at the n-th reading.
type Address<'a> = (&'static str, Box<dyn Fn(usize) -> String + 'a>);

/// Fills a registry and reads its pages; then one with ten times as many versions.
pub async fn measure(args: &Args) -> Result<Vec<Pages>, Failure> {
    let sizes = if args.quick { [50, 100] } else { [10_000, 100_000] };
    let mut measured = Vec::new();
    for versions in sizes {
        measured.push(measure_with(args, versions).await?);
    }
    Ok(measured)
}

async fn measure_with(args: &Args, versions: usize) -> Result<Pages, Failure> {
    let (models, reads) = if args.quick { (20, 20) } else { (1_000, 300) };
    println!("pages: filling a registry with {models} models and {versions} versions of one");
    let server = Server::start(&args.countersign, args.work.join(format!("pages-{versions}")), None).await?;
    prepare_models(&server, 0..models - 1).await?;
    let mut client = Client::connect(server.address).await?;
    client.send(&register_model(&server, LARGE)).await?.ok("registering a model")?;
    let calls = (0..versions).map(|_| register_version(&server, LARGE)).collect();
    drive(server.address, 32, calls).await?;
    prepare_versions(&server, MOVED_MODELS, 1..2).await?;
    drive(server.address, 16, promotions(&server, MOVED_MODELS, 1..2)).await?;

    let spread = |at: usize| 1 + at * 7_919 % versions;
    let moved = |at: usize| crate::scenario::model(at % MOVED_MODELS);
    let filled = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let filled = Timestamp::from_micros(i64::try_from(filled).unwrap_or(i64::MAX));
    let as_of = format!("/as-of?at={filled}");
    let pages: [Address; 15] = [
        ("Models", Box::new(|_| "/models".into())),
        ("Model", Box::new(|_| format!("/models/{LARGE}"))),
        ("Version", Box::new(move |at| format!("/models/{LARGE}/versions/{}", spread(at)))),
        ("Version in Staging", Box::new(move |at| format!("/models/{}/versions/1", moved(at)))),
        ("Lineage", Box::new(move |at| format!("/models/{LARGE}/versions/{}/lineage", spread(at)))),
        // Every version was made of this dataset and this feature: the most that an answer can have to go through.
        ("Impact of a dataset", Box::new(|_| "/lineage?what=dataset&value=views".into())),
        ("Impact of a feature", Box::new(|_| "/lineage?what=feature&value=genre_affinity&served=now".into())),
        ("Inbox", Box::new(|_| "/inbox".into())),
        ("Ledger", Box::new(|_| "/ledger".into())),
        ("Timeline", Box::new(move |at| format!("/models/{LARGE}/versions/{}/timeline", spread(at)))),
        ("Compare", Box::new(move |at| format!("/models/{LARGE}/compare?a={}&b={}", spread(at), spread(at + 1)))),
        ("Rollouts", Box::new(|_| "/rollouts".into())),
        ("Triggers", Box::new(|_| "/triggers".into())),
        ("Privacy", Box::new(|_| "/privacy".into())),
        ("As of", Box::new(move |_| as_of.clone())),
    ];
    let mut figures = Vec::new();
    for (page, address) in pages {
        let mut runs = Vec::new();
        for run in 0..=RUNS {
            let measured = read(&mut client, &server, reads, |at| address(at + run * reads)).await?;
            // The first one warms up.
            if run > 0 {
                runs.push(measured);
            }
        }
        figures.push(PageFigure { page, address: address(0), median: Run::median(&runs), runs });
    }
    let first_page = vec![
        first_page(&mut client, "Sign in", Call::get("/sign-in")).await?,
        first_page(&mut client, "Inbox", Call::get("/inbox").with(header::COOKIE, &server.cookie)).await?,
        first_page(&mut client, "Models", Call::get("/models").with(header::COOKIE, &server.cookie)).await?,
        first_page(&mut client, "Ledger", Call::get("/ledger").with(header::COOKIE, &server.cookie)).await?,
    ];
    let memory = server.memory();
    server.stop().await?;
    Ok(Pages { models, versions, figures, memory, first_page })
}

async fn read(
    client: &mut Client,
    server: &Server,
    times: usize,
    address: impl Fn(usize) -> String,
) -> Result<Run, Failure> {
    let mut taken = Vec::with_capacity(times);
    let begun = Instant::now();
    for at in 0..times {
        let call = as_browser(Call::get(address(at)).with(header::COOKIE, &server.cookie));
        let asked = Instant::now();
        let answer = client.send(&call).await?;
        taken.push(asked.elapsed());
        if !answer.status.is_success() {
            return Err(Failure::Unexpected(format!("{} was answered with {}", call.name(), answer.status)));
        }
    }
    Ok(Run::of(taken, begun.elapsed()))
}

fn as_browser(call: Call) -> Call {
    call.with(header::ACCEPT_ENCODING, "gzip, deflate, br").with(header::ACCEPT, "text/html,*/*")
}

/// Loads a page and all that it names, and what its boot script loads.
async fn first_page(client: &mut Client, page: &'static str, call: Call) -> Result<FirstPage, Failure> {
    let html = client.send(&call).await?.ok(page)?.text();
    let mut parts = vec![(call.name(), client.send(&as_browser(call)).await?.body.len())];
    let mut wanted: BTreeSet<String> = assets(&html);
    // Islands: the boot script loads the module and its loader.
    if let Some(boot) = wanted.iter().find(|address| address.starts_with("/boot.js")).cloned() {
        let query = boot.find('?').map_or("", |at| &boot[at..]);
        wanted.insert(format!("/pkg/app.js{query}"));
        wanted.insert(format!("/pkg/app_bg.wasm{query}"));
    }
    for address in wanted {
        let answer = client.send(&as_browser(Call::get(address.clone()))).await?.ok(&address)?;
        parts.push((address, answer.body.len()));
    }
    Ok(FirstPage { page, bytes: parts.iter().map(|(_, bytes)| bytes).sum(), parts })
}

/// Addresses of style sheets, scripts and images that a page names.
fn assets(html: &str) -> BTreeSet<String> {
    let tags = html.split('<').filter_map(|rest| rest.split('>').next());
    tags.filter_map(|tag| {
        let name = tag.split_ascii_whitespace().next()?;
        let attribute = match name {
            "link" => "href=\"",
            "script" | "img" => "src=\"",
            _ => return None,
        };
        let address = tag.split_once(attribute)?.1.split('"').next()?;
        Some(address.replace("&amp;", "&")).filter(|address| address.starts_with('/'))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_s_assets_are_found_and_its_links_are_not() {
        let html = "<link rel=\"stylesheet\" href=\"/style.css?v=1\"><script src=\"/page.js\" defer></script>\
                    <a href=\"/models\">Models</a><img src=\"data:x\">";
        assert_eq!(assets(html), BTreeSet::from(["/style.css?v=1".to_owned(), "/page.js".to_owned()]));
    }
}
