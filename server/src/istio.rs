//! A routing document as Istio configuration: a `VirtualService` with weights, the shadow's mirror and a sticky route
//! for gateways that compute the split themselves, and a `DestinationRule` with a subset a version.

use domain::{Refusal, deployment::Routing, refusal::InputCheck};
use serde_json::{Value, json};

/// What the configuration is made for.
#[derive(Debug, Clone)]
pub struct Mesh {
    /// The Kubernetes service that stands before the versions.
    pub host: String,
    /// The header that carries the user's pseudonymous id; users stay with one pod of their version by it.
    pub user_header: String,
    /// The header in which a gateway says which arm it computed for the user.
    pub arm_header: String,
}

/// Characters of a DNS label, of a DNS name, of a Kubernetes label's value (RFC 1123; the Kubernetes API's conventions).
const LABEL: usize = 63;
const NAME: usize = 253;
/// Characters of a header's name.
const HEADER: usize = 100;

fn is_dns_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LABEL).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

fn is_dns_name(name: &str) -> bool {
    name.len() <= NAME && name.split('.').all(is_dns_label)
}

fn is_label_value(value: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    value.len() <= LABEL
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && is_end(value.chars().next())
        && is_end(value.chars().last())
}

/// As Istio asks: in lower case, with hyphens.
fn is_header(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=HEADER).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

impl Mesh {
    /// What is asked for, in the spelling that Istio takes.
    ///
    /// # Errors
    /// Which of the names could not stand in the configuration.
    pub fn new(routing: &Routing, host: Option<String>, user_header: &str, arm_header: &str) -> Result<Self, Refusal> {
        let host = host.map_or_else(|| object_name(routing.model.as_str()), |host| host.trim().to_owned());
        // A header's name is the same in any case (RFC 9110, section 5.1).
        let header = |name: &str| name.trim().to_ascii_lowercase();
        let (user_header, arm_header) = (header(user_header), header(arm_header));
        let header_words = "A header's name has letters, digits and hyphens, such as x-user-id.";
        InputCheck::default()
            .holds(
                "host",
                is_dns_name(&host),
                "host must be the DNS name of a Kubernetes service, in lower case and without a port, such as credit.risk.svc.cluster.local.",
            )
            .holds("user_header", is_header(&user_header), header_words)
            .holds("arm_header", is_header(&arm_header), header_words)
            .holds("arm_header", user_header != arm_header, "The user and the arm must stand in different headers.")
            .holds(
                "fallback",
                is_label_value(&routing.fallback.name),
                "The fallback's name in the policy cannot be the value of a Kubernetes label, which has up to 63 letters, digits, '-', '_' and '.' and begins and ends with a letter or digit. Name it so.",
            )
            .holds(
                "name",
                is_dns_name(&object_name(&format!("{}-{}", routing.model, routing.market))),
                "The names of model and market together make no name of a Kubernetes object, which has up to 253 letters, digits and hyphens and begins and ends with a letter or digit.",
            )
            .finish()?;
        Ok(Self { host, user_header, arm_header })
    }
}

/// A name of the registry as Kubernetes takes it.
fn object_name(name: &str) -> String {
    name.to_lowercase().replace(['.', '_'], "-")
}

/// The name of a version's subset.
fn subset(version: u32) -> String {
    format!("v{version}")
}

/// The two objects.
pub fn objects(routing: &Routing, mesh: &Mesh) -> [Value; 2] {
    let destination = |subset: &str| json!({"host": mesh.host, "subset": subset});
    let fallback = (routing.fallback.weight > 0).then(|| ("fallback".to_owned(), routing.fallback.weight));
    let arms: Vec<(String, u8)> = routing
        .targets
        .iter()
        .filter(|target| target.weight > 0)
        .map(|target| (subset(target.version.get()), target.weight))
        .chain(fallback)
        .collect();
    let mut by_weight = json!({
        "name": "by-weight",
        "route": arms.iter().map(|(arm, weight)| json!({"destination": destination(arm), "weight": weight})).collect::<Vec<_>>(),
    });
    match routing.mirror.as_slice() {
        [] => {}
        [one] => {
            by_weight["mirror"] = destination(&subset(one.version.get()));
            by_weight["mirrorPercentage"] = json!({"value": 100.0});
        }
        many => {
            let mirrors = many.iter().map(
                |shadow| json!({"destination": destination(&subset(shadow.version.get())), "percentage": {"value": 100.0}}),
            );
            by_weight["mirrors"] = mirrors.collect();
        }
    }
    // A gateway that computed the user's bucket says the arm; only where there is a choice.
    let sticky: Vec<Value> = arms
        .iter()
        .filter(|_| arms.len() > 1)
        .map(|(arm, _)| {
            let mut route = by_weight.clone();
            route["name"] = json!(format!("sticky-{arm}"));
            route["match"] = json!([{"headers": {mesh.arm_header.as_str(): {"exact": arm}}}]);
            route["route"] = json!([{"destination": destination(arm)}]);
            route
        })
        .collect();
    let name = object_name(&format!("{}-{}", routing.model, routing.market));
    let annotations = json!({
        "countersign/revision": routing.revision.to_string(),
        "countersign/salt": routing.split.salt,
        "countersign/fallback": routing.fallback.name,
        "countersign/kill-switch": if routing.kill_switch.is_some() { "in use" } else { "not in use" },
    });
    let metadata = json!({"name": name, "annotations": annotations});
    let mut subsets: Vec<Value> = routing
        .targets
        .iter()
        .map(|target| (target.version.get(), target.weights_digest))
        .chain(routing.mirror.iter().map(|shadow| (shadow.version.get(), shadow.weights_digest)))
        .map(|(version, _)| json!({"name": subset(version), "labels": {"version": subset(version)}}))
        .collect();
    subsets.push(json!({"name": "fallback", "labels": {"version": routing.fallback.name}}));
    let routes: Vec<Value> = sticky.into_iter().chain([by_weight]).collect();
    [
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": metadata,
            "spec": {"hosts": [mesh.host], "http": routes},
        }),
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": {"name": name},
            "spec": {
                "host": mesh.host,
                "trafficPolicy": {"loadBalancer": {"consistentHash": {"httpHeaderName": mesh.user_header}}},
                "subsets": subsets,
            },
        }),
    ]
}

/// Both objects as one YAML stream. Every text is quoted, so that no reader takes `no`, `1e3` or `12:30` for something
/// else: readers of YAML 1.1 and 1.2 do not agree on those.
pub fn yaml(routing: &Routing, mesh: &Mesh) -> String {
    let documents = objects(routing, mesh).map(|object| {
        let mut text = String::new();
        write_value(&mut text, &object, 0);
        text
    });
    documents.join("---\n")
}

/// A JSON text is a double-quoted scalar of YAML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Whether every reader takes a key for a text though it is not quoted.
fn is_plain(key: &str) -> bool {
    const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", ""];
    key.bytes().all(|byte| byte.is_ascii_alphabetic()) && !WORDS.contains(&key.to_ascii_lowercase().as_str())
}

/// Writes a mapping or sequence as a block, each line indented by `depth` twice; what is neither stands on its line.
fn write_value(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                out.push_str(&indent);
                out.push_str(&if is_plain(key) { key.clone() } else { quoted(key) });
                out.push(':');
                write_nested(out, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut block = String::new();
                write_value(&mut block, item, depth + 1);
                // The first line of the item stands behind the dash.
                out.push_str(&indent);
                out.push_str("- ");
                out.push_str(block.trim_start());
            }
        }
        Value::String(text) => {
            out.push_str(&indent);
            out.push_str(&quoted(text));
            out.push('\n');
        }
        other => {
            out.push_str(&indent);
            out.push_str(&other.to_string());
            out.push('\n');
        }
    }
}

fn write_nested(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write_value(out, value, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_value(out, value, depth);
        }
        _ => {
            out.push(' ');
            write_value(out, value, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        VersionNumber,
        deployment::{
            Artifact,
            routing::{Fallback, Part, Split, Target},
        },
    };

    use super::*;

    fn number(number: u32) -> VersionNumber {
        number.try_into().unwrap()
    }

    fn routing() -> Routing {
        let target = |version, part, weight, from_bucket, to_bucket| Target {
            version: number(version),
            part,
            weight,
            from_bucket,
            to_bucket,
            weights_digest: None,
            image_digest: None,
        };
        Routing {
            model: "Stream_rec".parse().unwrap(),
            market: "EU".parse().unwrap(),
            revision: 41,
            decided_at: None,
            decided_by: None,
            split: Split { function: "sha256-10000".into(), salt: "Stream_rec/3/EU:".into(), buckets: 10_000 },
            targets: vec![target(3, Part::Challenger, 5, 0, 500), target(2, Part::Champion, 95, 500, 10_000)],
            fallback: Fallback { name: "rules".into(), weight: 0 },
            mirror: vec![Artifact::unknown(number(4))],
            kill_switch: None,
            drill: None,
        }
    }

    #[test]
    fn a_canary_a_shadow_and_sticky_users_are_written_as_istio_takes_them() {
        let mesh =
            Mesh { host: "streamrec".into(), user_header: "x-user-id".into(), arm_header: "x-countersign-arm".into() };
        let yaml = yaml(&routing(), &mesh);
        insta::assert_snapshot!(yaml);
        // What is written by hand is read by the library as what was meant.
        let read: Vec<Value> = yaml.split("---\n").map(|one| serde_norway::from_str(one).unwrap()).collect();
        assert_eq!(read, objects(&routing(), &mesh));
        let weights: i64 = objects(&routing(), &mesh)[0]["spec"]["http"][2]["route"]
            .as_array()
            .unwrap()
            .iter()
            .map(|route| route["weight"].as_i64().unwrap())
            .sum();
        assert_eq!(weights, 100);
    }

    #[test]
    fn killed_everything_goes_one_way_and_nothing_is_mirrored() {
        let mut off = routing();
        off.targets.clear();
        off.mirror.clear();
        off.fallback.weight = 100;
        let mesh = Mesh { host: "h".into(), user_header: "u".into(), arm_header: "a".into() };
        let routes = &objects(&off, &mesh)[0]["spec"]["http"];
        assert_eq!(routes.as_array().unwrap().len(), 1, "there is no arm to choose");
        assert_eq!(routes[0]["route"][0]["destination"]["subset"], "fallback");
        assert_eq!(routes[0]["route"][0]["weight"], 100);
        assert!(routes[0].get("mirror").is_none());
    }

    #[test]
    fn words_that_yaml_takes_for_something_else_stay_texts() {
        let mesh = Mesh::new(&routing(), Some("no".into()), "on", "12-30").unwrap();
        let yaml = yaml(&routing(), &mesh);
        for part in ["host: \"no\"", "- \"no\"", "httpHeaderName: \"on\"", "\"12-30\":"] {
            assert!(yaml.contains(part), "{part} is not in {yaml}");
        }
    }

    #[test]
    fn names_that_cannot_stand_in_the_configuration_are_refused() {
        let mesh = |host: &str, user: &str, arm: &str| Mesh::new(&routing(), Some(host.into()), user, arm);
        let made = mesh("credit.risk.svc.cluster.local", "X-User-Id", "x-arm").unwrap();
        assert_eq!((made.host.as_str(), made.user_header.as_str()), ("credit.risk.svc.cluster.local", "x-user-id"));
        assert_eq!(Mesh::new(&routing(), None, "u", "a").unwrap().host, "stream-rec", "the model's name, if left out");
        let long = "a".repeat(64);
        for (host, user, arm, field) in [
            ("", "u", "a", "host"),
            ("a b", "u", "a", "host"),
            ("Upper", "u", "a", "host"),
            ("-a", "u", "a", "host"),
            ("a..b", "u", "a", "host"),
            ("a:8080", "u", "a", "host"),
            ("*.example.org", "u", "a", "host"),
            ("a\nkind: Secret", "u", "a", "host"),
            (long.as_str(), "u", "a", "host"),
            ("h", "", "a", "user_header"),
            ("h", "x user", "a", "user_header"),
            ("h", "u", "x: y", "arm_header"),
            ("h", "u", "a\r\nb", "arm_header"),
            ("h", "same", "SAME", "arm_header"),
        ] {
            let refusal = mesh(host, user, arm).unwrap_err();
            let fields: Vec<&str> = refusal.missing.iter().map(|missing| missing.what.as_str()).collect();
            assert_eq!(fields, [field], "{host:?} {user:?} {arm:?}");
        }
        let mut odd = routing();
        odd.fallback.name = "the old rules".into();
        let refusal = Mesh::new(&odd, None, "u", "a").unwrap_err();
        assert!(refusal.missing[0].message.contains("Kubernetes label"), "{refusal}");
    }
}
