//! What our users and roles are called: `CLOUD.ROLE.SERVICE`.

use std::fmt::Write;

/// For a store that is all of etcd.
const DEFAULT: &str = "etcstack";

/// The names of one cloud.
pub(super) struct Names {
    /// Without the dot after it.
    cloud: String,
}

impl Names {
    /// With the name that somebody has given to the cloud.
    pub(super) fn new(cloud: &str) -> Result<Self, String> {
        if cloud.is_empty() || encode(cloud) != cloud {
            return Err("--name-prefix holds letters, digits, - and _ only".into());
        }
        Ok(Self { cloud: cloud.to_owned() })
    }

    /// Named after the store's prefix, so that clouds which share an etcd have different names.
    pub(super) fn of_store(prefix: &str) -> Self {
        let name = prefix.trim_matches('/');
        Self { cloud: if name.is_empty() { DEFAULT.into() } else { encode(name) } }
    }

    pub(super) fn service(&self, role: &str, service: &str) -> String {
        format!("{}.{}.{}", self.cloud, encode(role), encode(service))
    }

    pub(super) fn loader(&self) -> String {
        format!("{}.loader", self.cloud)
    }

    pub(super) fn operator_read(&self) -> String {
        format!("{}.operator-read", self.cloud)
    }

    /// Whether somebody belongs to this cloud.
    pub(super) fn is_ours(&self, name: &str) -> bool {
        self.rest(name).is_some()
    }

    /// Whether this may be the name of a service: those are removed when the service is gone.
    pub(super) fn is_service(&self, name: &str) -> bool {
        self.rest(name).is_some_and(|rest| parts(rest) == 2)
    }

    fn rest<'a>(&self, name: &'a str) -> Option<&'a str> {
        let rest = name.strip_prefix(&self.cloud)?.strip_prefix('.')?;
        // Two dots are an escape: the cloud of that name is another one.
        (!rest.starts_with('.')).then_some(rest)
    }
}

/// Letters, digits, `-` and `_` stay; of others each byte becomes two dots and two digits. So a
/// single dot stands between parts only, and a name can be a file's and a key of a Secret.
fn encode(part: &str) -> String {
    let mut out = String::new();
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "..{byte:02x}");
        }
    }
    out
}

/// How many parts single dots make.
fn parts(text: &str) -> usize {
    1 + text.replace("..", "").matches('.').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_do_not_mix() {
        let (all, one, two) =
            (Names::of_store(""), Names::of_store("cloud/"), Names::of_store("cloud/one/"));
        assert_eq!(all.service("controller", "glance"), "etcstack.controller.glance");
        assert_eq!(one.service("compute", "nova.x"), "cloud.compute.nova..2ex");
        assert_eq!(two.loader(), "cloud..2fone.loader");
        assert!(one.is_ours("cloud.compute.nova") && !one.is_ours("cloud2.compute.nova"));
        assert!(!one.is_ours(&two.loader()) && !one.is_ours("root") && !all.is_ours("cloud"));
    }

    #[test]
    fn services() {
        let names = Names::of_store("");
        assert!(names.is_service(&names.service("a.b", "c/d")));
        for name in [names.loader(), names.operator_read(), "etcstack.joe".into(), "a.b.c".into()] {
            assert!(!names.is_service(&name), "{name}");
        }
        assert_ne!(names.service("a.b", "c"), names.service("a", "b.c"));
    }

    #[test]
    fn given_names() {
        assert!(Names::new("cloud-1").is_ok());
        for bad in ["", "a.b", "a/b", "a b"] {
            assert!(Names::new(bad).is_err(), "{bad}");
        }
    }
}
