//! Patterns over cgroup paths: `*` and `?` stay within one component, `**` crosses them.

/// A pattern over cgroup paths, such as `/batch/**` or `/system.slice/*.service`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob(Box<str>);

impl Glob {
    /// Wraps a pattern; every text is one.
    pub fn new(pattern: &str) -> Self {
        Glob(pattern.into())
    }

    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `path` matches.
    pub fn matches(&self, path: &str) -> bool {
        matches(self.0.as_bytes(), path.as_bytes())
    }
}

/// Backtracks to the last star only, `**` before `*`: linear in practice, and bounded by pattern times path.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    let mut double: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some(b'*') if pattern.get(p + 1) == Some(&b'*') => {
                p += 2;
                double = Some((p, t));
                star = None;
                continue;
            }
            Some(b'*') => {
                p += 1;
                star = Some((p, t));
                continue;
            }
            Some(&wanted) if t < path.len() && (wanted == path[t] || (wanted == b'?' && path[t] != b'/')) => {
                p += 1;
                t += 1;
                continue;
            }
            None if t == path.len() => return true,
            _ => {}
        }
        if let Some((after, from)) = star
            && from < path.len()
            && path[from] != b'/'
        {
            star = Some((after, from + 1));
            (p, t) = (after, from + 1);
        } else if let Some((after, from)) = double
            && from < path.len()
        {
            double = Some((after, from + 1));
            star = None;
            (p, t) = (after, from + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, path, expected) in [
            ("/system.slice/*.service", "/system.slice/nginx.service", true),
            ("/system.slice/*.service", "/system.slice/a/b.service", false),
            ("/batch/**", "/batch/a/b", true),
            ("/batch/**", "/batch", false),
            ("**/job-?", "/x/y/job-1", true),
            ("**/job-?", "/x/y/job-12", false),
            ("/a/**/z/*", "/a/b/c/z/d", true),
            ("/a/**/z/*", "/a/b/c/z/d/e", false),
            ("**", "/anything/at/all", true),
            ("/*a*b", "/xaxab", true),
            ("", "", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(path), expected, "{pattern} on {path}");
        }
    }
}
