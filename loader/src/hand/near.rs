//! Which key somebody may have meant.

use etcstack_config::Entries;
use etcstack_config::validate::nearest;

use super::is_record;

/// What to say after: there is no such key.
pub(crate) fn hint(key: &str, entries: &Entries) -> String {
    let folder = format!("{}/", key.trim_end_matches('/'));
    if !key.ends_with('/') && entries.keys().any(|other| other.starts_with(&folder)) {
        let folder = folder.escape_debug();
        return format!("; there are keys below it: etcstack-loader get {folder}");
    }
    let others = entries.keys().filter(|other| !is_record(other));
    match nearest(key, others.map(String::as_str)) {
        Some(near) => format!("; perhaps {} is meant", near.escape_debug()),
        None => "; `etcstack-loader get /` lists what is there".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints() {
        let keys = ["general/MYSQL_HOST", "r/s/f.conf/lvm/size", "_etcstack/release"];
        let entries: Entries = keys.into_iter().map(|key| (key.to_owned(), vec![])).collect();
        for (key, words) in [
            ("general/MYSQL_HSOT", "perhaps general/MYSQL_HOST"),
            ("r/s/f.conf/LVM/size", "perhaps r/s/f.conf/lvm/size"),
            ("r/s", "below it: etcstack-loader get r/s/"),
            ("_etcstack/releas", "lists what is there"),
            ("x/", "lists what is there"),
        ] {
            assert!(hint(key, &entries).contains(words), "{key}: {}", hint(key, &entries));
        }
    }
}
