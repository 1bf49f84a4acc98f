//! What has to be done besides, where a secret gets a new value.

use super::super::Kind;

/// What notes hold about those whom somebody has to tell.
const BY_HAND: &str = "has to know it as well";

/// For a set of fernet keys.
const SET: &str = "the staged key becomes the one that tokens are made with, that one an older one, \
    the oldest goes, and a new one is staged. Tokens stay valid as long as the key that made them is \
    there: do not shift again before those of the oldest key have run out";

/// Words of names, and who else has to know the new password.
const OTHERS: [(&[&str], &str); 6] = [
    (
        &["DB", "DATABASE", "MYSQL", "MARIADB", "GALERA", "POSTGRES", "POSTGRESQL"],
        "the database has to know it as well, or the services do not get in: ALTER USER … IDENTIFIED \
         BY …, at the same time",
    ),
    (
        &["RABBIT", "RABBITMQ", "AMQP"],
        "the message bus has to know it as well: rabbitmqctl change_password USER, at the same time",
    ),
    (
        &["METADATA"],
        "nova's API and neutron's metadata agents compare it: machines get no metadata until all of \
         them have restarted",
    ),
    (&["MEMCACHE", "MEMCACHED"], "what is in the cache cannot be read any more and is made anew"),
    (&["HORIZON"], "everybody who is logged in to the dashboard has to log in again"),
    (
        &["ENCRYPTION", "KEK", "CRYPTO"],
        "what was encrypted with the old one cannot be read any more: keep the old one where the \
         service takes several, and encrypt anew first",
    ),
];

/// Files that name an account with its password, and what their services make of them: those of the
/// data that comes with the images.
const LISTS: [(&str, &str); 5] = [
    ("keystone/bootstrap.env", "keystone"),
    ("mariadb/root-password", "the database server"),
    ("rabbitmq/definitions.json", "the message bus"),
    ("database/databases.yaml", "the database server, where the one before opens for a while too"),
    ("identity/resources.yaml", "keystone"),
];

/// The notes for a variable that these keys use, or for a set of them. The one about manifests is for
/// all.
pub(super) fn of(name: &str, kind: Kind, keys: &[&str], is_set: bool) -> Vec<String> {
    let words: Vec<_> = name.split('_').collect();
    // Who has the first of them sets it; the account is what the others log in with.
    let first = LISTS.iter().find_map(|list| keys.iter().find_map(|key| setter(key, list)));
    let mut notes = Vec::from_iter(first.clone());
    let for_others = OTHERS.iter().filter(|(names, note)| {
        let is_theirs = note.contains(BY_HAND) && first.is_some();
        !is_theirs && names.iter().any(|name| words.contains(name))
    });
    notes.extend(for_others.map(|(_, note)| (*note).to_owned()));
    if is_set {
        notes.push(SET.to_owned());
    } else if notes.is_empty() {
        notes.extend(of_kind(kind).map(str::to_owned));
    }
    notes.push(
        "manifests of images may use it as well (environment.export, [ready], [[wait_for]]); that \
         is not in the store"
            .to_owned(),
    );
    notes
}

/// Who sets it, where a key is this file in any role.
fn setter(key: &str, (file, whom): &(&str, &str)) -> Option<String> {
    let role = key.strip_suffix(file)?.strip_suffix('/').filter(|role| !role.contains('/'))?;
    let (service, _) = file.split_once('/')?;
    Some(format!("{role}/{service} sets it in {whom}"))
}

fn of_kind(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Password => {
            "whoever checks it has to know it as well: for the password of a user in keystone, \
             `openstack user set --password-prompt USER`, at the same time"
        }
        Kind::Cookie => {
            "members of a cluster with different cookies do not talk to each other: stop all of \
             them, and start them with the new one"
        }
        Kind::Fernet => {
            "what was made with this key is not valid any more. To lose nothing, keys are rotated \
             in steps; for the keys of tokens, the name without its number does it, as in \
             KEYSTONE_FERNET_KEYS"
        }
        Kind::Hex => {
            "swift finds none of its objects any more: this must never change once there is data"
        }
        Kind::Uuid => {
            "whatever is known by the old UUID, such as libvirt's secret, has to be \
             defined anew on every node"
        }
        Kind::Base64 => "the name server has to have the same key, or it refuses changes of zones",
        Kind::External => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_by_name_and_by_kind() {
        for (name, kind, part) in [
            ("GLANCE_DB_PASSWORD", Kind::Password, "database"),
            ("RABBIT_PASSWORD", Kind::Password, "rabbitmqctl"),
            ("NOVA_PASSWORD", Kind::Password, "keystone"),
            ("FERNET_KEY_0", Kind::Fernet, "steps"),
            ("SWIFT_HASH_PATH_SUFFIX", Kind::Hex, "never"),
        ] {
            let notes = of(name, kind, &["r/glance/glance.conf/a/b"], false);
            assert!(notes[0].contains(part) && notes.len() == 2, "{name}: {notes:?}");
        }
        assert_eq!(of("X", Kind::External, &[], false).len(), 1);
        assert!(of("FERNET_KEYS", Kind::Fernet, &[], true)[0].contains("staged"));
    }

    #[test]
    fn nothing_is_asked_of_people_that_the_data_does() {
        for (name, key, note) in [
            ("A_DB_PASSWORD", "r/database/databases.yaml", "r/database sets it in the database"),
            ("A_PASSWORD", "r/identity/resources.yaml", "r/identity sets it in keystone"),
            ("RABBIT_PASSWORD", "r/rabbitmq/definitions.json", "r/rabbitmq sets it in the message"),
        ] {
            let notes = of(name, Kind::Password, &[key], false);
            assert!(notes[0].starts_with(note) && notes.len() == 2, "{notes:?}");
        }
        let keys = ["r/database/databases.yaml", "r/mariadb/root-password"];
        let notes = of("MYSQL_ROOT_PASSWORD", Kind::Password, &keys, false);
        assert!(notes[0] == "r/mariadb sets it in the database server" && notes.len() == 2);
        // Who compares it has to restart all the same.
        let notes = of("METADATA_PASSWORD", Kind::Password, &["r/mariadb/root-password"], false);
        assert!(notes[1].contains("metadata") && notes.len() == 3, "{notes:?}");
    }
}
