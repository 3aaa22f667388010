//! Facts of a container image: what `docker image inspect` prints, or the image's own manifest or index (OCI image
//! specification 1.1; Docker's manifest v2 has the same shape). The digest of a manifest is that of the file's bytes.
//!
//! The file claims to be of an image; the registry accepts it only if that is the image that the lineage names.

use ledger::Digest;
use serde_json::Value;

use super::{ParseError, Parsed, node::Node};
use crate::evidence::{Artifact, Claim, EvidenceKind, Facts, Figure, Verdict};

const INSPECTED: &str = "docker image inspect result";
const MANIFEST: &str = "image manifest";
const INDEX: &str = "image index";
/// Where an image names the commit that it was built from (OCI image specification, annotations).
const REVISION: &str = "org.opencontainers.image.revision";

/// Whether an array's first element is an inspected image.
pub(super) fn is_inspected(first: &Value) -> bool {
    first.get("Id").is_some() && (first.get("RepoDigests").is_some() || first.get("RootFS").is_some())
}

/// Whether the document is a manifest or an index.
pub(super) fn is_manifest(value: &Value) -> bool {
    value.get("schemaVersion").is_some_and(|version| version == 2)
        && (value.get("manifests").is_some() || (value.get("config").is_some() && value.get("layers").is_some()))
}

fn facts(summary: String, figures: Vec<Figure>, digests: &[Digest], commit: Option<&str>) -> Parsed {
    let mut claims =
        vec![Claim { artifact: Artifact::ImageDigest, any_of: digests.iter().map(ToString::to_string).collect() }];
    claims.extend(commit.map(|commit| Claim { artifact: Artifact::GitCommit, any_of: vec![commit.trim().to_owned()] }));
    Parsed { claims, ..Parsed::of(Facts::new(EvidenceKind::Image, Verdict::Green, summary).with(figures, Vec::new())) }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of images stay far below 2^52 bytes")]
fn sizes(layers: usize, bytes: u64) -> Vec<Figure> {
    vec![Figure::new("layers", layers as f64), Figure::new("bytes", bytes as f64)]
}

/// Reads what `docker image inspect` prints for one image.
pub(super) fn read_inspected(value: &Value) -> Result<Parsed, ParseError> {
    let root = Node::root(INSPECTED, value);
    let images = root.items()?;
    let [image] = images.as_slice() else {
        return Err(root.fault(format!("it describes {} images; inspect one", images.len())));
    };
    // The id is the digest of the image's configuration; with the containerd store, of its manifest.
    let mut digests = vec![image.need("Id")?.digest()?];
    for reference in image.list("RepoDigests")? {
        let text = reference.text()?;
        let digest = text.rsplit_once('@').and_then(|(_, digest)| digest.parse().ok());
        digests.push(digest.ok_or_else(|| reference.fault("a reference name@sha256:… is expected"))?);
    }
    if let Some(descriptor) = image.get("Descriptor") {
        digests.push(descriptor.need("digest")?.digest()?);
    }
    let layers = image.get("RootFS").map(|root| root.list("Layers")).transpose()?.unwrap_or_default().len();
    let bytes = image.get("Size").map(|size| size.count()).transpose()?.unwrap_or(0);
    let labels = image.get("Config").and_then(|config| config.get("Labels"));
    let commit = labels.map(|labels| labels.text_of(REVISION)).transpose()?.flatten();
    let platform = format!(
        "{}/{}",
        image.text_of("Os")?.unwrap_or("unknown"),
        image.text_of("Architecture")?.unwrap_or("unknown")
    );
    let summary = format!("Image {} for {}: {layers} layers.", digests[0].short(), super::bounded(&platform));
    Ok(facts(summary, sizes(layers, bytes), &digests, commit))
}

/// Reads a manifest or an index; `bytes` are the file's own.
pub(super) fn read_manifest(bytes: &[u8], value: &Value) -> Result<Parsed, ParseError> {
    let own = Digest::of(bytes);
    let mut digests = vec![own];
    if value.get("manifests").is_some() {
        let root = Node::root(INDEX, value);
        let list = root.need("manifests")?;
        let manifests = list.items()?;
        if manifests.is_empty() {
            return Err(list.fault("it lists no manifest"));
        }
        let mut bytes = 0;
        for manifest in &manifests {
            digests.push(manifest.need("digest")?.digest()?);
            bytes += manifest.need("size")?.count()?;
        }
        let commit = root.get("annotations").map(|notes| notes.text_of(REVISION)).transpose()?.flatten();
        let summary = format!("Image index {} of {} manifests.", own.short(), manifests.len());
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let figures = vec![Figure::new("manifests", manifests.len() as f64), Figure::new("bytes", bytes as f64)];
        return Ok(facts(summary, figures, &digests, commit));
    }
    let root = Node::root(MANIFEST, value);
    let config = root.need("config")?;
    digests.push(config.need("digest")?.digest()?);
    let layers = root.need("layers")?.items()?;
    let mut bytes = config.need("size")?.count()?;
    for layer in &layers {
        layer.need("digest")?.digest()?;
        bytes += layer.need("size")?.count()?;
    }
    let commit = root.get("annotations").map(|notes| notes.text_of(REVISION)).transpose()?.flatten();
    let summary = format!("Image {}: {} layers.", own.short(), layers.len());
    Ok(facts(summary, sizes(layers.len(), bytes), &digests, commit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Thresholds, parse};

    fn digest(of: &str) -> String {
        Digest::of(of.as_bytes()).to_string()
    }

    #[test]
    fn an_inspected_image_claims_its_id_its_digests_and_its_commit() {
        let (id, manifest, layer) = (digest("id"), digest("manifest"), digest("layer"));
        let file = format!(
            r#"[{{"Id": "{id}", "RepoTags": ["credit:1"], "RepoDigests": ["git.example/credit@{manifest}"], "Architecture": "amd64", "Os": "linux",
            "Size": 1234, "RootFS": {{"Type": "layers", "Layers": ["{layer}"]}}, "Config": {{"Labels": {{"{REVISION}": "abc"}}}}}}]"#
        );
        let parsed = parse(file.as_bytes(), &Thresholds::default()).unwrap();
        assert_eq!(parsed.claims[0], Claim { artifact: Artifact::ImageDigest, any_of: vec![id, manifest] });
        assert_eq!(parsed.claims[1], Claim { artifact: Artifact::GitCommit, any_of: vec!["abc".into()] });
        assert!(parsed.facts.summary.ends_with("for linux/amd64: 1 layers."), "{}", parsed.facts.summary);
        let broken = file.replace("@sha256:", "@sha512:");
        let error = parse(broken.as_bytes(), &Thresholds::default()).unwrap_err().to_string();
        assert!(error.contains("/0/RepoDigests/0"), "{error}");
    }

    #[test]
    fn a_manifest_is_named_by_its_bytes() {
        let (config, layer) = (digest("config"), digest("layer"));
        let file = format!(
            "{{\"schemaVersion\": 2, \"mediaType\": \"application/vnd.oci.image.manifest.v1+json\",\n\
            \"config\": {{\"mediaType\": \"application/vnd.oci.image.config.v1+json\", \"digest\": \"{config}\", \"size\": 7}},\n\
            \"layers\": [{{\"mediaType\": \"application/vnd.oci.image.layer.v1.tar+gzip\", \"digest\": \"{layer}\", \"size\": 100}}]}}"
        );
        let parsed = parse(file.as_bytes(), &Thresholds::default()).unwrap();
        assert_eq!(parsed.claims[0].any_of, [digest(&file), config]);
        assert_eq!(parsed.facts.figures[1].value.to_string(), "107");
        let broken = file.replace("\"size\": 100", "\"size\": -1");
        let error = parse(broken.as_bytes(), &Thresholds::default()).unwrap_err().to_string();
        assert!(error.contains("/layers/0/size"), "{error}");
    }

    #[test]
    fn an_index_claims_each_of_its_manifests() {
        let (one, two) = (digest("one"), digest("two"));
        let file = format!(
            r#"{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
            {{"digest": "{one}", "size": 5, "platform": {{"os": "linux", "architecture": "amd64"}}}}, {{"digest": "{two}", "size": 6}}]}}"#
        );
        let parsed = parse(file.as_bytes(), &Thresholds::default()).unwrap();
        assert_eq!(parsed.claims[0].any_of, [digest(&file), one, two]);
    }
}
