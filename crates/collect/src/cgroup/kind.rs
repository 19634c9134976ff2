//! What a cgroup is, told from its path: a service, a container, or one of forerun's own.

use model::TargetKind;

/// What the path of a group tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) kind: TargetKind,
    /// What it is an instance of, where the path tells.
    pub(crate) application: Option<String>,
}

/// Classifies the group at `path`; `None` for a group that is neither service, container nor forerun's own.
pub(crate) fn classify(path: &str, has_children: bool) -> Option<Kind> {
    let mut components = path.rsplit('/').filter(|component| !component.is_empty());
    let name = components.next()?;
    let parent = components.next();
    let is_own = path.split('/').rev().skip(1).any(|component| matches!(component, "forerun" | "forerun.service"));
    if is_own {
        let application = Some(without_instance(name).to_owned());
        return (!has_children).then_some(Kind { kind: TargetKind::Own, application });
    }
    if container_id(name, parent).is_some() {
        return Some(Kind { kind: TargetKind::Container, application: None });
    }
    let service = name.strip_suffix(".service").or_else(|| name.strip_suffix(".scope"))?;
    // A user's service manager holds that user's services, which are targets of their own; forerun leaves itself alone.
    let holds_others = service == "init" || service == "forerun" || (service.starts_with("user@") && has_children);
    let is_monitor = service.contains("-conmon-");
    (!holds_others && !is_monitor).then(|| {
        let service = service.strip_prefix("app-").unwrap_or(service);
        Kind { kind: TargetKind::Service, application: Some(without_instance(service).to_owned()) }
    })
}

/// The container's id (or name, for LXC) when a group of that name below `parent` is a container.
pub(crate) fn container_id<'n>(name: &'n str, parent: Option<&str>) -> Option<&'n str> {
    const PREFIXES: [&str; 6] = ["docker-", "libpod-", "cri-containerd-", "crio-", "nerdctl-", "containerd-"];
    let bare = name.strip_suffix(".scope").unwrap_or(name);
    if let Some(id) = PREFIXES.iter().find_map(|prefix| bare.strip_prefix(prefix)) {
        return is_hex(id, 12).then_some(id);
    }
    if let Some(payload) = bare.strip_prefix("lxc.payload.") {
        return Some(payload);
    }
    match parent {
        Some("lxc") => Some(name),
        Some("docker") if is_hex(name, 12) => Some(name),
        _ => is_hex(name, 64).then_some(name),
    }
}

fn is_hex(text: &str, length_min: usize) -> bool {
    text.len() >= length_min && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The name without what tells instances apart: `web@3`, `web-3` and `web.3` are all `web`.
pub(crate) fn without_instance(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(template, _)| template);
    let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    match stem.strip_suffix(['-', '.', '_']) {
        Some(stem) if stem.len() + 1 < name.len() && !stem.is_empty() => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_what_they_hold() {
        let id = "3f0c".repeat(16);
        for (path, children, expected) in [
            ("/system.slice/nginx.service".into(), false, "Service nginx"),
            ("/system.slice/system-getty.slice/getty@tty1.service".into(), false, "Service getty"),
            ("/system.slice".into(), true, "-"),
            ("/user.slice/user-1000.slice/user@1000.service".into(), true, "-"),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service".into(), false, "Service sync"),
            ("/user.slice/user-1000.slice/session-4.scope".into(), false, "Service session"),
            ("/init.scope".into(), false, "-"),
            ("/system.slice/forerun.service".into(), false, "-"),
            (format!("/system.slice/docker-{id}.scope"), false, "Container ?"),
            (format!("/docker/{id}"), false, "Container ?"),
            (format!("/process/x/docker/{id}"), false, "Container ?"),
            (format!("/machine.slice/libpod-{id}.scope"), true, "Container ?"),
            (format!("/machine.slice/libpod-conmon-{id}.scope"), false, "-"),
            (format!("/kubepods/burstable/pod11-22/{id}"), false, "Container ?"),
            ("/kubepods/burstable/pod11-22".into(), true, "-"),
            (format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"), false, "Container ?"),
            ("/lxc/web".into(), false, "Container ?"),
            ("/forerun/examples/web-2".into(), false, "Own web"),
            ("/forerun/examples".into(), true, "-"),
            ("/system.slice/forerun.service/examples/batch".into(), false, "Own batch"),
            ("/process_api/0332ad3e6aafa6e2dfeffc56d3f6658c".into(), false, "-"),
            ("/batch".into(), false, "-"),
        ] {
            let got = classify(&path, children)
                .map_or("-".into(), |found| format!("{:?} {}", found.kind, found.application.as_deref().unwrap_or("?")));
            assert_eq!(got, expected, "{path}");
        }
    }

    #[test]
    fn instances_share_a_name() {
        for (name, expected) in [("web-3", "web"), ("web3", "web3"), ("a@b", "a"), ("42", "42"), ("-1", "-1"), ("x_9", "x")]
        {
            assert_eq!(without_instance(name), expected);
        }
    }
}
