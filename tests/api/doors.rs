//! Every door answers in the house's words: addresses that cannot be read, methods and bodies that do not fit, acts that ask
//! for their person, uploads that a rule refuses.

use std::collections::BTreeSet;

use countersign::{
    clock::Clock as _,
    seal::{Caller, Order},
};
use domain::{
    Command, VersionId,
    account::{Role, Scope},
};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::{
    assert_problem,
    browser::Browser,
    common::{Answer, PASSWORD, TestServer, digest, start},
    serving::canary,
    steps,
};

/// Every page's route, from the router's own lines.
fn page_routes() -> BTreeSet<&'static str> {
    let source = include_str!("../../server/src/http/pages/mod.rs");
    let routes = source.split(".route(").skip(1);
    let routes: BTreeSet<&str> = routes.filter_map(|rest| rest.split('"').nth(1)).collect();
    assert!(routes.len() > 90 && routes.contains("/ledger/{seq}"), "{routes:?}");
    routes
}

/// The route with this in place of each of its parameters.
fn filled(route: &str, with: &str) -> String {
    let mut parts = route.split('/').map(|part| if part.starts_with('{') { with } else { part });
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| path + "/" + part)
}

#[track_caller]
fn assert_page(answer: &Answer, what: &str) {
    let body = String::from_utf8_lossy(&answer.body);
    assert!((400..500).contains(&answer.status), "{what}: {} {body}", answer.status);
    assert!(answer.headers["content-type"].starts_with("text/html"), "{what}: {:?} {body}", answer.headers);
    assert!(body.contains("<h1"), "{what}: {body}");
    for words in ["Invalid URL", "Cannot parse", "Failed to", "deserialize", "invalid digit", "boundary"] {
        assert!(!body.contains(words), "{what} speaks a library's words, {words:?}: {body}");
    }
    assert!(answer.body.len() < 40_000, "{what}: {} bytes", answer.body.len());
}

/// A session's cookie.
async fn cookie(server: &TestServer, role: Role) -> String {
    server.account(role).await;
    let (_, session) = server.app.sign_in(&TestServer::email(role), PASSWORD, "test").await.unwrap();
    format!("countersign_session={session}")
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_answered_with_a_page() {
    let server = start().await;
    let cookie = cookie(&server, Role::Administrator).await;
    let long = "9".repeat(3_000);
    for route in page_routes().into_iter().filter(|route| route.contains('{') && !route.starts_with("/assets")) {
        for with in ["%ff", "-1", "99999999999999999999", "no-such-thing", "%00", &long] {
            let path = filled(route, with);
            let get = server.get(&path).header("cookie", &cookie).send().await;
            assert_page(&get, &format!("GET {route} with {with:.20}"));
            let form = server.post(&path).header("cookie", &cookie);
            let form = form.header("content-type", "application/x-www-form-urlencoded").send().await;
            // Whoever may not is told so before the address is looked at.
            assert_page(&form, &format!("POST {route} with {with:.20}"));
        }
    }
}

#[tokio::test]
async fn an_address_of_the_api_that_cannot_be_read_is_a_problem() {
    let server = start().await;
    let token = server.token(Role::Administrator).await;
    let document = server.get("/api/v1/openapi.json").send().await.expect(200).json();
    let mut seen = 0;
    for (route, item) in document["paths"].as_object().unwrap() {
        for with in ["%ff", "-1", "99999999999999999999", "no-such-thing"] {
            let path = filled(route, with);
            for method in item.as_object().unwrap().keys().filter(|_| route.contains('{')) {
                let call = match method.as_str() {
                    "get" => server.get(&path),
                    "put" => server.put(&path),
                    "delete" => server.delete(&path),
                    _ => server.post(&path),
                };
                let answer = call.bearer(&token).json(&json!({})).send().await;
                let what = format!("{method} {route} with {with}: {}", String::from_utf8_lossy(&answer.body));
                assert!((400..500).contains(&answer.status), "{} {what}", answer.status);
                let detail = assert_problem(&answer, answer.status, &answer.rule());
                assert!(!detail.contains("Invalid URL") && !detail.contains("Cannot parse"), "{what}");
                seen += 1;
            }
        }
    }
    assert!(seen > 200, "{seen}");
}

#[tokio::test]
async fn queries_methods_and_bodies_that_do_not_fit_are_told_in_words() {
    let server = start().await;
    let version = steps::prepared(&server, "credit", "unregulated").await;
    let own = cookie(&server, Role::DataScientist).await;
    let page = version.trim_start_matches("/api/v1").to_owned();
    for (path, words) in [
        ("/ledger?after=x", "a whole number from 0 on belongs there"),
        ("/ledger?after=-1", "a whole number from 0 on belongs there"),
        ("/models?after=-1", "whole number"),
        ("/models?after=99999999999999999999999", "too large"),
        ("/inbox?after=x", "after"),
        ("/as-of?after=-1", "after"),
        ("/privacy?after=x", "after"),
        ("/policy?version=x", "version"),
        ("/ledger/abc", "&quot;abc&quot; is no whole number"),
        ("/ledger/%ff", "no UTF-8 text"),
        ("/nowhere", "nothing at this address"),
    ] {
        let answer = server.get(path).header("cookie", &own).send().await;
        assert_page(&answer, path);
        let body = String::from_utf8_lossy(&answer.body).replace("\"abc\"", "&quot;abc&quot;");
        assert!(body.contains(words), "{path}: {words} is not in {body}");
    }
    let not_so = server.delete("/models").header("cookie", &own).send().await;
    assert_page(&not_so, "DELETE");
    assert_eq!(not_so.status, 405);
    assert!(not_so.headers["allow"].contains("GET"), "{:?}", not_so.headers);
    let json = server.post("/models").header("cookie", &own).json(&json!({})).send().await;
    assert_page(&json, "JSON for a form");
    assert_eq!(json.status, 415);
    let form = server.post(&format!("{page}/evidence")).header("cookie", &own);
    let form = form.header("content-type", "application/x-www-form-urlencoded").bytes(b"file=x".to_vec()).send().await;
    assert_page(&form, "a form without a file");
    let broken = server.post(&format!("{page}/evidence")).header("cookie", &own);
    let broken = broken.header("content-type", "multipart/form-data; boundary=x").bytes(b"--x\r\nnonsense".to_vec());
    assert_page(&broken.send().await, "a broken upload");
    let large = server.post("/models").header("cookie", &own);
    let large = large.header("content-type", "application/x-www-form-urlencoded").bytes(vec![b'a'; (1 << 20) + 1]);
    let large = large.send().await;
    assert_page(&large, "more than 1 MiB");
    assert_eq!(large.status, 413);
    // Whoever asks for JSON alone gets a problem, from a page's address too; a page stays a page.
    let json = server.get("/ledger/abc").header("cookie", &own).header("accept", "application/json").send().await;
    assert_problem(&json, 404, "subject.exists");
    let head = server.get("/api/v1/ledger/entries/abc").header("accept", "text/html").as_role(Role::Auditor).await;
    assert_problem(&head.send().await, 404, "subject.exists");
    let put = server.put("/api/v1/models").as_role(Role::DataScientist).await.send().await;
    assert_problem(&put, 405, "request.method");
    assert!(put.headers["allow"].contains("POST"), "{:?}", put.headers);
    let large = server.post("/api/v1/models").bytes(vec![b' '; (1 << 20) + 1]).as_role(Role::DataScientist).await;
    assert_problem(&large.send().await, 413, "request.readable");
}

#[tokio::test]
async fn what_asks_for_its_person_asks_at_every_door() {
    let (server, _) = canary().await;
    let version = steps::signable(&server, "credit").await;
    let finding = json!({
        "severity": "high", "title": "Few thin files", "description": "The sample holds few.",
        "due_at": server.app.clock.now().plus_days(30),
    });
    let call = server.post(&format!("{version}/findings")).json(&finding);
    call.as_role(Role::MrmValidator).await.send().await.expect(201);
    let kill = json!({ "to": "fallback", "reason": "A regulator called." });
    let call = server.post("/api/v1/rollouts/streamrec/US/kill").json(&kill);
    call.as_role(Role::Administrator).await.send().await.expect(200);
    let (asker, _) = server.colleague(Role::DataScientist).await;
    let eve = server.add_account(Role::Auditor, "Eve", "eve@bank.example", "audit").await;
    let waiver = json!({
        "covers": { "finding": 1 }, "control": "Read by a person.", "reason": "Mended soon.", "requested_by": asker,
        "expires_at": server.app.clock.now().plus_days(8),
    });
    let account = json!({
        "name": "Bob", "kind": "human", "email": "bob@bank.example", "password": PASSWORD, "roles": ["auditor"],
    });
    let policy = domain::policy::DEFAULT_POLICY.replace("evidence_days = 90", "evidence_days = 60");
    let cases = [
        ("POST", format!("{version}/waivers"), "password", waiver, Role::RiskCommittee),
        (
            "POST",
            "/api/v1/rollouts/streamrec/US/kill/review".to_owned(),
            "password",
            json!({ "text": "Looked at.", "may_lift": true }),
            Role::MrmValidator,
        ),
        ("POST", "/api/v1/policy".to_owned(), "password", json!({ "toml": policy }), Role::Administrator),
        ("POST", "/api/v1/accounts".to_owned(), "own_password", account, Role::Administrator),
        (
            "PUT",
            format!("/api/v1/accounts/{eve}/roles"),
            "own_password",
            json!({ "roles": ["administrator"], "team": "it" }),
            Role::Administrator,
        ),
    ];
    for (method, path, field, body, role) in cases {
        let size = server.app.store.head().await.unwrap().size;
        let send = async |password: Option<&str>| {
            let mut body = body.clone();
            if let Some(password) = password {
                body[field] = json!(password);
            }
            let call = if method == "PUT" { server.put(&path) } else { server.post(&path) };
            call.json(&body).as_role(role).await.send().await
        };
        server.token(role).await;
        let size = size.max(server.app.store.head().await.unwrap().size);
        for password in [None, Some("not the password")] {
            let detail = assert_problem(&send(password).await, 403, "signing.reauthentication");
            assert!(detail.contains("password"), "{path}: {detail}");
        }
        assert_eq!(server.app.store.head().await.unwrap().size, size, "{path}: nothing was sealed");
        let done = send(Some(PASSWORD)).await;
        assert!(matches!(done.status, 200 | 201), "{path}: {}", String::from_utf8_lossy(&done.body));
    }
    // The same on the pages, which say at which field.
    let admin = Browser::of(&server, Role::Administrator).await;
    let new = [("name", "Cal"), ("kind", "human"), ("email", "cal@bank.example"), ("roles", "auditor")];
    for password in ["", "wrong"] {
        let answer = admin.post("/people", &[&new[..], &[("own_password", password)]].concat()).await.expect(403);
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(page.contains("password") && page.contains("cal@bank.example"), "what was typed stays: {page}");
        assert!(!page.contains("value=\"wrong\""), "a password is never repeated");
    }
    let answer = admin.post("/people", &[&new[..], &[("own_password", PASSWORD)]].concat()).await.expect(200);
    assert!(String::from_utf8_lossy(&answer.body).contains("/setup/"));
    // A refused change of roles keeps what was chosen.
    let input = format!("{eve}-password");
    let fields = [("roles", "auditor"), ("roles", "risk_committee"), (input.as_str(), "wrong")];
    let answer = admin.post(&format!("/people/{eve}/roles"), &fields).await.expect(403);
    let page = String::from_utf8_lossy(&answer.body).into_owned();
    let form = page.split(&format!("action=\"/people/{eve}/roles\"")).nth(1).unwrap().split("</form>").next().unwrap();
    let chosen: Vec<&str> = form.split("<input").filter(|input| input.contains("checked")).collect();
    assert_eq!(chosen.len(), 2, "{form}");
    assert!(form.contains("The password is not right"), "{form}");
    // A machine never acts for a person, whatever it sends.
    let machine = server.account(Role::Service).await;
    let token = server.issue(&machine, &Scope::ALL, server.app.clock.now().plus_days(1)).await.token;
    let adopt = server.post("/api/v1/policy").json(&json!({ "toml": "", "password": PASSWORD })).bearer(&token);
    assert_problem(&adopt.send().await, 403, "access.role");
}

#[tokio::test]
async fn what_an_administrator_did_alone_stands_in_the_others_inbox() {
    let server = start().await;
    let other = server.add_account(Role::Administrator, "Olga Other", "olga@bank.example", "it").await;
    server.account(Role::Auditor).await;
    let policy = domain::policy::DEFAULT_POLICY.replace("evidence_days = 90", "evidence_days = 60");
    let adopt = server.post("/api/v1/policy").json(&json!({ "toml": policy, "password": PASSWORD }));
    adopt.as_role(Role::Administrator).await.send().await.expect(200);
    let roles = json!({ "roles": ["administrator", "auditor"], "team": "it", "own_password": PASSWORD });
    let change = server.put(&format!("/api/v1/accounts/{other}/roles")).json(&roles);
    change.as_role(Role::Administrator).await.send().await.expect(200);
    for email in ["olga@bank.example".to_owned(), TestServer::email(Role::Auditor)] {
        let page = Browser::of_account(&server, &email).await.get("/inbox").await;
        for part in [
            "Done by administrators",
            "Look at the policy that was adopted",
            "Olga Other holds the roles",
            "Test Administrator",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }
    let page = Browser::of(&server, Role::Administrator).await.get("/inbox").await;
    assert!(!page.contains("Done by administrators"), "nobody is told of their own acts");
    let page = Browser::of(&server, Role::DataScientist).await.get("/inbox").await;
    assert!(!page.contains("Done by administrators"), "it is for those who can object");
}

/// Files in the evidence folder, incoming ones among them.
fn kept(server: &TestServer) -> usize {
    let folders = std::fs::read_dir(server.dir().join("evidence")).unwrap();
    folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing_and_takes_nothing_away() {
    let server = start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let version = steps::register_version(&server, "credit", &crate::common::lineage()).await;
    let refused = steps::attach(&server, &version, "model", &digest('c'), "neither JSON nor anything").await;
    assert_problem(&refused, 422, "input.valid");
    assert_eq!(kept(&server), 0, "a file of no known kind");
    steps::attach(&server, &version, "other", &digest('c'), "the very same").await.expect(201);
    assert_eq!(kept(&server), 1);
    // The same content once more, for a version that takes none: the file that an entry names stays.
    steps::register_model(&server, "other", "unregulated").await.expect(201);
    let gone = steps::register_version(&server, "other", &crate::common::lineage()).await;
    let archive = server.post(&format!("{gone}/archive")).json(&json!({ "reason": "Gone." }));
    archive.as_role(Role::DataScientist).await.send().await.expect(200);
    for content in ["the very same", "something else"] {
        let answer = steps::attach(&server, &gone, "other", &digest('c'), content).await;
        assert_problem(&answer, 422, "stage.archived");
        assert_eq!(kept(&server), 1);
    }
    // Only to be looked at, from the page.
    let own = cookie(&server, Role::DataScientist).await;
    let page = version.trim_start_matches("/api/v1");
    let form = "--x\r\ncontent-disposition: form-data; name=\"kind\"\r\n\r\nother\r\n--x\r\ncontent-disposition: form-data; name=\"look\"\r\n\r\n1\r\n\
                --x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nlooked at\r\n--x--\r\n";
    let call = server.post(&format!("{page}/evidence")).header("cookie", &own);
    let call = call.header("content-type", "multipart/form-data; boundary=x").bytes(form.as_bytes().to_vec());
    assert!(String::from_utf8_lossy(&call.send().await.expect(200).body).contains("Nothing was attached"));
    assert_eq!(kept(&server), 1);
    let outcome = countersign::fsck::check(&server.app.store, &server.app.blobs, server.app.key.verifier(), None);
    let outcome = outcome.await.unwrap();
    assert_eq!((outcome.faults, outcome.strays), (vec![], vec![]));
}

#[tokio::test]
async fn istio_takes_no_name_that_could_not_be_one() {
    let (server, _) = canary().await;
    let ask = async |query: &str| {
        server
            .get(&format!("/api/v1/routing/streamrec/US/istio.yaml?{query}"))
            .as_role(Role::Auditor)
            .await
            .send()
            .await
    };
    let fine = ask("host=rec.prod.svc.cluster.local&user_header=X-User-Id").await.expect(200);
    let yaml = String::from_utf8(fine.body).unwrap();
    assert!(yaml.contains("host: \"rec.prod.svc.cluster.local\"") && yaml.contains("\"x-user-id\""), "{yaml}");
    for query in
        ["host=a%0Akind:%20Secret", "host=A_b", "host=a:80", "user_header=a%20b", "arm_header=x-user-id", "host="]
    {
        let answer = ask(query).await;
        assert_problem(&answer, 422, "input.valid");
    }
}

#[tokio::test]
async fn every_item_of_a_long_inbox_can_be_reached() {
    let server = start().await;
    let version = steps::signable(&server, "credit").await;
    let due = server.app.clock.now().plus_days(30);
    let owner = server.account(Role::DataScientist).await;
    let caller = Caller::Account(server.account(Role::MrmValidator).await);
    let before = badge(&Browser::of(&server, Role::DataScientist).await.get("/inbox").await);
    for number in 0..130 {
        let body = json!({
            "severity": "low", "title": format!("Finding {number:03}"), "description": "Seen.", "due_at": due, "owner": owner,
        });
        let body = serde_json::from_value(body).unwrap();
        let id = VersionId { model: "credit".parse().unwrap(), number: 1.try_into().unwrap() };
        server.app.sealer.seal(Order::new(caller.clone(), Command::RaiseFinding(id, body))).await.unwrap();
    }
    assert!(version.ends_with("/1"));
    let ben = Browser::of(&server, Role::DataScientist).await;
    let (mut path, mut found, mut pages) = ("/inbox".to_owned(), BTreeSet::new(), 0);
    loop {
        let page = ben.get(&path).await;
        pages += 1;
        assert_eq!(badge(&page), before + 130, "on every page");
        for item in page.split("#finding-").skip(1) {
            found.insert(item.split('"').next().unwrap().to_owned());
        }
        let Some(next) = page
            .split("href=\"")
            .filter_map(|rest| rest.split('"').next())
            .find(|href| href.starts_with("/inbox?after=") && *href != path && page.contains("Next page"))
        else {
            break;
        };
        path = next.to_owned();
        assert!(pages < 5, "{path}");
    }
    assert_eq!((found.len(), pages), (130, 2));
}

/// The count beside the inbox.
fn badge(page: &str) -> usize {
    page.split(r#"class="count""#).nth(1).map_or(0, |rest| {
        let digits: String = rest.chars().skip_while(|c| *c != '>').skip(1).take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    })
}

#[tokio::test]
async fn the_present_is_told_without_being_asked_a_page_at_a_time() {
    let (server, clock) = canary().await;
    for number in 0..30 {
        steps::register_model(&server, &format!("spare-{number:02}"), "unregulated").await.expect(201);
    }
    clock.set(clock.now().plus_minutes(1));
    let auditor = Browser::of(&server, Role::Auditor).await;
    let page = auditor.get("/as-of").await;
    assert!(page.contains("1–25 of 31 models") && page.contains("after=25"), "{page}");
    let minute: String = clock.now().to_string().chars().take(16).collect();
    assert!(page.contains(&format!("value=\"{minute}")), "the field holds the instant");
    let last = auditor.get("/as-of?after=25").await;
    assert!(last.contains("26–31 of 31 models") && last.contains("streamrec"), "{last}");
    let past = server.get(&format!("/api/v1/as-of?at={}", clock.now())).as_role(Role::Auditor).await.send().await;
    assert_eq!(past.expect(200).json()["models"].as_array().unwrap().len(), 31, "the API tells all of them");
    let early = server.get("/as-of?at=1999-01-01T00:00").header("cookie", &cookie(&server, Role::Auditor).await);
    assert!(String::from_utf8_lossy(&early.send().await.expect(422).body).contains("had no entry yet"));
}

#[tokio::test]
async fn what_happened_last_to_a_models_privacy_is_found_behind_all_else() {
    let server = start().await;
    let version = steps::prepared(&server, "credit", "unregulated").await;
    crate::privacy::approve(&server, "credit").await;
    for number in 0..70 {
        let content = format!("file {number}");
        steps::attach(&server, &version, "other", &digest('c'), &content).await.expect(201);
    }
    let page = Browser::of(&server, Role::Auditor).await.get("/privacy/models/credit").await;
    let entries = server.get("/api/v1/ledger/entries?event=dpia.approved").as_role(Role::Auditor).await.send().await;
    let approved = entries.expect(200).json();
    let seq: &Value = approved["entries"].as_array().map_or(&Value::Null, |entries| &entries[0]["seq"]);
    assert!(page.contains(&format!("/ledger/{seq}")) && page.contains("What happened last"), "{seq}: {page}");
}

#[tokio::test]
async fn a_failed_report_says_nothing_of_the_servers_inside() {
    let server = start().await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let body = json!({ "report": "model_inventory" });
    let call = server.post("/api/v1/reports").json(&body).as_role(Role::Auditor).await;
    let id = call.send().await.expect(202).json()["id"].as_str().unwrap().to_owned();
    let database = format!("sqlite://{}", server.dir().join("countersign.db").display());
    let mut connection = sqlx::SqliteConnection::connect(&database).await.unwrap();
    let harm = sqlx::query("UPDATE aggregate SET state = '{}' WHERE id = 'model/credit'");
    harm.execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    while countersign::reports::worker::turn(&server.app).await.unwrap() {}
    let job = server.get(&format!("/api/v1/reports/{id}")).as_role(Role::Auditor).await.send().await.expect(200).json();
    let problem = job["problem"].as_str().unwrap();
    assert!(problem.contains(&id) && problem.contains("Ask for it again"), "{problem}");
    assert!(!problem.contains("missing field") && !problem.contains("cannot be read"), "{problem}");
}
