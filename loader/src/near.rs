//! Which keys somebody may have meant.

use etcstack_config::Entries;
use etcstack_config::key::SYSTEM;
use etcstack_config::validate::nearest;

/// So many are named.
const MOST: usize = 3;

/// The keys that end so, those for an option of this name in the same file, and the one that
/// differs least.
fn keys(written: &str, entries: &Entries) -> Vec<String> {
    let system = format!("{SYSTEM}/");
    let all = || entries.keys().map(String::as_str).filter(|key| !key.starts_with(&system));
    let tail = format!("/{}", written.trim_matches('/'));
    let mut found: Vec<&str> = all().filter(|key| key.ends_with(&tail)).collect();
    found.extend(nearest(written, all().filter(|key| !found.contains(key))));
    let mut parts = written.splitn(4, '/');
    let file: Vec<_> = parts.by_ref().take(3).collect();
    if let Some((_, option)) = parts.next().and_then(|rest| rest.rsplit_once('/')) {
        let (folder, name) = (format!("{}/", file.join("/")), format!("/{option}"));
        let same = |key: &&str| key.starts_with(&folder) && key.ends_with(&name);
        let others: Vec<_> = all().filter(same).filter(|key| !found.contains(key)).collect();
        found.extend(others);
    }
    found.into_iter().take(MOST).map(str::to_owned).collect()
}

/// What to say after: there is no such key.
pub(crate) fn hint(key: &str, entries: &Entries) -> String {
    let folder = format!("{}/", key.trim_end_matches('/'));
    if !key.ends_with('/') && entries.keys().any(|other| other.starts_with(&folder)) {
        let folder = folder.escape_debug();
        return format!("; there are keys below it: etcstack-loader get {folder}");
    }
    let near: Vec<_> =
        keys(key, entries).iter().map(|key| key.escape_debug().to_string()).collect();
    if near.is_empty() {
        return "; `etcstack-loader get /` lists what is there".to_owned();
    }
    format!("; perhaps this is meant: {}", near.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints() {
        let names = [
            "general/MYSQL_HOST",
            "r/s/f.conf/DEFAULT/debug",
            "r/s/f.conf/api/limit",
            "r/s/f.conf/lvm/size",
            "_etcstack/release",
        ];
        let entries: Entries = names.map(|key| (key.to_owned(), Vec::new())).into();
        for (key, words) in [
            ("general/MYSQL_HSOT", "meant: general/MYSQL_HOST"),
            ("r/s/f.conf/LVM/size", "meant: r/s/f.conf/lvm/size"),
            ("f.conf/DEFAULT/debug", "meant: r/s/f.conf/DEFAULT/debug"),
            ("r/s/f.conf/database/limit", "meant: r/s/f.conf/api/limit"),
            ("r/s", "below it: etcstack-loader get r/s/"),
            ("_etcstack/releas", "lists what is there"),
            ("elsewhere/entirely/x.conf/y", "lists what is there"),
            ("x/", "lists what is there"),
        ] {
            assert!(hint(key, &entries).contains(words), "{key}: {}", hint(key, &entries));
        }
    }
}
