//! What an instance sees as its root: folders of the host, read-only, and a generated rest.

use std::path::{Path, PathBuf};

/// The name of the image that is made of the host's own programs.
pub const HOST: &str = "host";

/// What an image consists of. The rest (`/etc`, `/dev`, `/proc`, `/tmp`, `/job`) is generated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Folders and files of the host and where they are seen, read-only.
    pub binds: Vec<(PathBuf, PathBuf)>,
    /// Symbolic links: where, and what they hold.
    pub links: Vec<(PathBuf, PathBuf)>,
}

impl Image {
    /// `/usr` and what belongs to it, as far as the host has them.
    pub fn of_host() -> Image {
        let parts =
            ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/alternatives", "/etc/ld.so.cache"];
        Image::of_paths(parts.iter().map(Path::new))
    }

    /// An image that shows `paths` of the host where they are; links stay links, and what is missing is left out.
    pub fn of_paths<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Image {
        let mut image = Image::default();
        for path in paths {
            match std::fs::symlink_metadata(path) {
                Ok(found) if found.is_symlink() => {
                    if let Ok(target) = std::fs::read_link(path) {
                        image.links.push((path.into(), target));
                    }
                }
                Ok(_) => image.binds.push((path.into(), path.into())),
                Err(_) => {}
            }
        }
        image
    }

    /// Whether `path` inside the image leads to a file, links of the image followed.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let mut path = path.to_path_buf();
        for _ in 0..8 {
            let link = self.links.iter().find_map(|(at, to)| Some((path.strip_prefix(at).ok()?.to_owned(), to)));
            match link {
                Some((rest, to)) => path = Path::new("/").join(to).join(rest),
                None => break,
            }
        }
        let host = self.binds.iter().find_map(|(from, to)| {
            let rest = path.strip_prefix(to).ok()?;
            // Joined with nothing a path would end in a slash, which no file has.
            Some(if rest.as_os_str().is_empty() { from.clone() } else { from.join(rest) })
        });
        host.is_some_and(|host| host.exists())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_what_is_bound() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("usr/bin")).unwrap();
        std::fs::write(folder.path().join("usr/bin/sh"), "").unwrap();
        let image = Image {
            binds: vec![(folder.path().join("usr"), "/usr".into())],
            links: vec![("/bin".into(), "usr/bin".into())],
        };
        assert!(image.has(Path::new("/bin/sh")) && image.has(Path::new("/usr/bin/sh")));
        let file = folder.path().join("usr/bin/sh");
        assert!(Image { binds: vec![(file, "/sh".into())], links: Vec::new() }.has(Path::new("/sh")));
        assert!(!image.has(Path::new("/bin/node")) && !image.has(Path::new("/opt/sh")));
    }
}
