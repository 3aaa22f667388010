//! A routing document as Istio configuration: a `VirtualService` with weights, the shadow's mirror and a sticky route
//! for gateways that compute the split themselves, and a `DestinationRule` with a subset a version.

use domain::deployment::Routing;
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
    let name = format!("{}-{}", routing.model, routing.market).to_lowercase().replace(['.', '_'], "-");
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

/// Both objects as one YAML stream.
///
/// # Errors
/// The values cannot be written as YAML.
pub fn yaml(routing: &Routing, mesh: &Mesh) -> Result<String, serde_norway::Error> {
    let documents: Result<Vec<String>, _> = objects(routing, mesh).iter().map(serde_norway::to_string).collect();
    Ok(documents?.join("---\n"))
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
        insta::assert_snapshot!(yaml(&routing(), &mesh).unwrap());
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
}
