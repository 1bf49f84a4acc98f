//! What has to be done besides, where a secret gets a new value.

use super::super::Kind;

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

/// The notes for a variable. The one about manifests is for all.
pub(super) fn of(name: &str, kind: Kind) -> Vec<String> {
    let words: Vec<_> = name.split('_').collect();
    let for_others =
        OTHERS.iter().filter(|(names, _)| names.iter().any(|name| words.contains(name)));
    let mut notes: Vec<&str> = for_others.map(|(_, note)| *note).collect();
    if notes.is_empty() {
        notes.extend(of_kind(kind));
    }
    notes.push(
        "manifests of images may use it as well (environment.export, [ready], [[wait_for]]); that \
         is not in the store",
    );
    notes.into_iter().map(str::to_owned).collect()
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
            "what was made with this key is not valid any more; to lose nothing, keys are rotated \
             in steps: a new one staged, then primary, the old one removed last"
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
            let notes = of(name, kind);
            assert!(notes[0].contains(part) && notes.len() == 2, "{name}: {notes:?}");
        }
        assert_eq!(of("X", Kind::External).len(), 1);
    }
}
