//! The syntaxes of the files that services read.

use std::fmt;
use std::str::FromStr;

use crate::document::{Configparser, Grammar, Libvirt, Mysql, Oslo, Plain, Rsync};

/// How a file is read by its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// oslo.config's INI: nearly every `*.conf` of OpenStack.
    Oslo,
    /// Python's configparser: PasteDeploy, and Swift's `swift.conf`.
    Configparser,
    /// The same with Swift's own idea of `%`: the files of its servers.
    Swift,
    /// MariaDB's option files.
    Mysql,
    /// Options without sections: `rabbitmq.conf`.
    Plain,
    /// rsync's daemon: options of all modules, then modules.
    Rsync,
    /// libvirt's daemons: numbers, quoted texts and lists, without sections.
    Libvirt,
    /// Any other text: the whole file, with variables filled in.
    Text,
    /// Any bytes: the whole file, which its key holds in base64.
    Binary,
}

/// What the names of files end in that are no text: Swift's rings, keys and certificates.
const BINARY: [&str; 5] = [".gz", ".der", ".p12", ".pfx", ".jks"];

impl Dialect {
    const NAMES: [(&'static str, Self); 9] = [
        ("oslo", Self::Oslo),
        ("configparser", Self::Configparser),
        ("swift", Self::Swift),
        ("mysql", Self::Mysql),
        ("plain", Self::Plain),
        ("rsync", Self::Rsync),
        ("libvirt", Self::Libvirt),
        ("text", Self::Text),
        ("binary", Self::Binary),
    ];

    /// The dialect that a file of this name has where nothing else says so.
    pub fn by_name(file: &str) -> Self {
        let name = file.rsplit('/').next().unwrap_or(file);
        match name {
            "rabbitmq.conf" => Self::Plain,
            "rsyncd.conf" => Self::Rsync,
            "libvirtd.conf" | "qemu.conf" | "qemu-lockd.conf" | "qemu-sanlock.conf" => {
                Self::Libvirt
            }
            _ if name.starts_with("virt") && name.ends_with("d.conf") => Self::Libvirt,
            "swift.conf"
            | "container-sync-realms.conf"
            | "dispersion.conf"
            | "drive-audit.conf"
            | "memcache.conf" => Self::Configparser,
            "proxy-server.conf"
            | "account-server.conf"
            | "container-server.conf"
            | "object-server.conf"
            | "internal-client.conf"
            | "object-expirer.conf"
            | "container-reconciler.conf"
            | "backend-ratelimit.conf"
            | "keymaster.conf" => Self::Swift,
            _ if name.ends_with("paste.ini") => Self::Configparser,
            _ if name.ends_with(".cnf") => Self::Mysql,
            _ if BINARY.iter().any(|end| name.ends_with(end)) => Self::Binary,
            _ if name.ends_with(".conf") || name.ends_with(".ini") => Self::Oslo,
            _ => Self::Text,
        }
    }

    /// The rules of its reader; `None` where the file is one whole, in which nothing is an option.
    pub fn grammar(self) -> Option<&'static dyn Grammar> {
        match self {
            Self::Oslo => Some(&Oslo),
            Self::Configparser => Some(&Configparser::PASTE_DEPLOY),
            Self::Swift => Some(&Configparser::SWIFT),
            Self::Mysql => Some(&Mysql),
            Self::Plain => Some(&Plain),
            Self::Rsync => Some(&Rsync),
            Self::Libvirt => Some(&Libvirt),
            Self::Text | Self::Binary => None,
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
            ("swift.conf", Dialect::Configparser),
            ("proxy-server.conf", Dialect::Swift),
            ("rabbitmq.conf", Dialect::Plain),
            ("rsyncd.conf", Dialect::Rsync),
            ("virtqemud.conf", Dialect::Libvirt),
            ("qemu-lockd.conf", Dialect::Libvirt),
            ("my.cnf", Dialect::Mysql),
            ("policy.yaml", Dialect::Text),
            ("local_settings.py", Dialect::Text),
            ("fernet-keys/0", Dialect::Text),
            ("object.ring.gz", Dialect::Binary),
            ("plugins/ml2/ml2_conf.ini", Dialect::Oslo),
        ] {
            assert_eq!(Dialect::by_name(file), dialect, "{file}");
            assert_eq!(dialect.to_string().parse(), Ok(dialect));
        }
        assert!("ini".parse::<Dialect>().unwrap_err().contains("oslo"));
    }
}
