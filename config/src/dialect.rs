//! The syntaxes of the files that services read.

use std::fmt;
use std::str::FromStr;

/// How a file is read by its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// oslo.config's INI: nearly every `*.conf` of OpenStack.
    Oslo,
    /// Python's configparser: PasteDeploy and Swift.
    Configparser,
    /// MariaDB's option files.
    Mysql,
    /// Options without sections: `rabbitmq.conf`, `rsyncd.conf`, `libvirtd.conf`.
    Plain,
    /// Any other text: the whole file, with variables filled in.
    Text,
}

impl Dialect {
    const NAMES: [(&'static str, Self); 5] = [
        ("oslo", Self::Oslo),
        ("configparser", Self::Configparser),
        ("mysql", Self::Mysql),
        ("plain", Self::Plain),
        ("text", Self::Text),
    ];

    /// The dialect that a file of this name has where nothing else says so.
    pub fn by_name(file: &str) -> Self {
        let name = file.rsplit('/').next().unwrap_or(file);
        match name {
            "rabbitmq.conf" | "rsyncd.conf" | "libvirtd.conf" | "qemu.conf" => Self::Plain,
            "swift.conf"
            | "proxy-server.conf"
            | "account-server.conf"
            | "container-server.conf"
            | "object-server.conf"
            | "internal-client.conf" => Self::Configparser,
            _ if name.ends_with("paste.ini") => Self::Configparser,
            _ if name.ends_with(".cnf") => Self::Mysql,
            _ if name.ends_with(".conf") || name.ends_with(".ini") => Self::Oslo,
            _ => Self::Text,
        }
    }

    /// Appends what a variable holds, so that the file's reader gets just that text back.
    ///
    /// oslo.config reads `$$` and `\$` as one dollar, so that a backslash in front of `$$` would
    /// take the first dollar for itself: there the other escape is the right one.
    pub(crate) fn push_escaped(self, out: &mut String, text: &str) {
        for character in text.chars() {
            match (self, character) {
                (Self::Oslo, '$') if out.ends_with('\\') => out.push('\\'),
                (Self::Oslo, '$') => out.push('$'),
                (Self::Configparser, '%') => out.push('%'),
                _ => {}
            }
            out.push(character);
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, dialect)| dialect == self).map_or("?", |n| n.0);
        f.write_str(name)
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, dialect)| *dialect).ok_or_else(|| {
            let known: Vec<_> = Self::NAMES.iter().map(|(known, _)| *known).collect();
            format!("unknown dialect {name:?}; known are {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (file, dialect) in [
            ("cinder.conf", Dialect::Oslo),
            ("ml2_conf.ini", Dialect::Oslo),
            ("glance-api-paste.ini", Dialect::Configparser),
            ("api-paste.ini", Dialect::Configparser),
            ("proxy-server.conf", Dialect::Configparser),
            ("rsyncd.conf", Dialect::Plain),
            ("my.cnf", Dialect::Mysql),
            ("policy.yaml", Dialect::Text),
            ("local_settings.py", Dialect::Text),
            ("fernet-keys/0", Dialect::Text),
            ("plugins/ml2/ml2_conf.ini", Dialect::Oslo),
        ] {
            assert_eq!(Dialect::by_name(file), dialect, "{file}");
            assert_eq!(dialect.to_string().parse(), Ok(dialect));
        }
        assert!("ini".parse::<Dialect>().unwrap_err().contains("oslo"));
    }

    #[test]
    fn escapes() {
        for (dialect, text, escaped) in [
            (Dialect::Oslo, "pa$word%", "pa$$word%"),
            (Dialect::Oslo, r"a\$b", r"a\\$b"),
            (Dialect::Oslo, "$$", "$$$$"),
            (Dialect::Configparser, "pa$word%", "pa$word%%"),
            (Dialect::Text, "pa$word%", "pa$word%"),
        ] {
            let mut out = String::new();
            dialect.push_escaped(&mut out, text);
            assert_eq!(out, escaped);
        }
    }
}
