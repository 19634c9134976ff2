//! What a container is an instance of: its image where Docker's records say so, else its first process.

use std::fs;

use serde::Deserialize;

use crate::Roots;
use crate::cgroup::Place;
use crate::cgroup::kind::container_id;
use crate::network::first_process;

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "Config")]
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "Image")]
    image: String,
}

/// The application of the container at `place`, where something tells.
pub(super) fn application(place: &Place<'_>, roots: &Roots) -> Option<String> {
    let mut components = place.path.rsplit('/');
    let id = container_id(components.next()?, components.next())?;
    let record = roots.var.join("lib/docker/containers").join(id).join("config.v2.json");
    let record: Option<Record> = fs::read(record).ok().and_then(|text| serde_json::from_slice(&text).ok());
    match record {
        Some(record) => Some(image_name(&record.config.image).to_owned()),
        None => {
            let pid = first_process(place)?.to_string();
            let command = fs::read_to_string(roots.proc.join(pid).join("comm")).ok()?;
            Some(command.trim_end().to_owned())
        }
    }
}

/// The image without registry, tag and digest: `registry:5000/team/web:1.2` is `team/web`.
fn image_name(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    let image = match image.split_once('/') {
        Some((registry, rest)) if registry.contains(['.', ':']) || registry == "localhost" => rest,
        _ => image,
    };
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_lose_registry_and_tag() {
        for (image, expected) in [
            ("nginx", "nginx"),
            ("nginx:1.25", "nginx"),
            ("registry:5000/team/web:1.2", "team/web"),
            ("ghcr.io/a/b@sha256:00ff", "a/b"),
            ("team/web", "team/web"),
        ] {
            assert_eq!(image_name(image), expected);
        }
    }
}
