//! Options that an earlier release had, and passwords in files that are none of oslo.config's.

use serde_json::Value;

use crate::{folder, source, validate};

const OLD: &str = r#"{"format":1,"options":[
{"group":"DEFAULT","name":"debug","type":"boolean value"},
{"group":"DEFAULT","name":"plain","type":"string value"},
{"group":"DEFAULT","name":"moved","type":"string value"},
{"group":"DEFAULT","name":"common","type":"string value"},
{"group":"DEFAULT","name":"two","type":"string value","removal":"use one"},
{"group":"DEFAULT","name":"doomed","type":"string value","removal":"use debug"},
{"group":"DEFAULT","name":"backends","type":"list value","rules":{}},
{"group":"backend","name":"volume_clear","type":"string value"},
{"group":"gone","name":"x","type":"string value"},
{"group":"new","name":"home","type":"string value","deprecated":[["DEFAULT","old_home"]]}
],"templates":[
{"group":"example","name":"region","type":"string value","owner":"backends"}
]}"#;
const NEW: &str = r#"{"format":1,"options":[
{"group":"DEFAULT","name":"debug","type":"boolean value"},
{"group":"DEFAULT","name":"backends","type":"list value","rules":{}},
{"group":"new","name":"home","type":"string value"},
{"group":"new","name":"moved","type":"string value"},
{"group":"a","name":"common","type":"string value"},
{"group":"b","name":"common","type":"string value"},
{"group":"c","name":"common","type":"string value"},
{"group":"d","name":"common","type":"string value"},
{"group":"a","name":"two","type":"string value"},
{"group":"b","name":"two","type":"string value"}
]}"#;
const CONF: &str = "\
[DEFAULT]
plain = 1
doomed = 1
old_home = 1
backends = fast
plian = 1
ancient = 1
[gone]
x = 1
y = 1
[fast]
volume_clear = 1
ancient = 1
region = 1
[DEFAULT]
moved = 1
two = 1
common = 1
";

fn data() -> tempfile::TempDir {
    let ancient = OLD.replace("\"name\":\"plain\"", "\"name\":\"ancient\"");
    folder(&[
        ("d/general/A", "1"),
        ("d/role/svc/svc.conf", CONF),
        ("d/validate.toml", "used = [\"A\"]\n"),
        ("d/catalog/2025.2/svc.json", &ancient),
        ("d/catalog/2026.1/svc.json", OLD),
        ("d/catalog/2026.2/svc.json", NEW),
        ("d/catalog/2027.1/svc.json", OLD),
    ])
}

#[test]
fn what_earlier_releases_had() {
    let folder = data();
    let run = validate(folder.path(), &["d", "--release", "2026.2"]);
    let expected = "\
d/role/svc/svc.conf:2:1: error[removed-option]: plain in [DEFAULT] was removed in 2026.2 (was in 2026.1); delete it, since it is ignored
d/role/svc/svc.conf:3:1: error[removed-option]: doomed in [DEFAULT] was removed in 2026.2 (was in 2026.1); delete it, since it is ignored: use debug
d/role/svc/svc.conf:4:1: error[removed-option]: old_home in [DEFAULT] was removed in 2026.2 (was in 2026.1); write home in [new]; as it stands, it is ignored
d/role/svc/svc.conf:6:1: error[unknown-option]: the service has no option plian in [DEFAULT]; delete it, or check its name; as it stands, it is ignored
d/role/svc/svc.conf:7:1: error[removed-option]: ancient in [DEFAULT] was removed in 2026.1 (was in 2025.2); delete it, since it is ignored
d/role/svc/svc.conf:8:2: warning[unknown-section]: the service has no section [gone]; check its name; it is ignored, unless the service's own file names it
d/role/svc/svc.conf:9:1: error[removed-option]: x in [gone] was removed in 2026.2 (was in 2026.1); delete it, since it is ignored
d/role/svc/svc.conf:12:1: warning[removed-option]: volume_clear in [fast] was removed in 2026.2 (was in 2026.1); delete it, since it is ignored
d/role/svc/svc.conf:13:1: warning[unknown-option]: no section of the service has an option ancient; check its name
d/role/svc/svc.conf:14:1: warning[removed-option]: region in [fast] was removed in 2026.2 (was in 2026.1); delete it, since it is ignored
d/role/svc/svc.conf:16:1: error[removed-option]: moved in [DEFAULT] was removed in 2026.2 (was in 2026.1); delete it, since it is ignored; [new] has one of this name
d/role/svc/svc.conf:17:1: error[removed-option]: two in [DEFAULT] was removed in 2026.2 (was in 2026.1); delete it, since it is ignored: use one
d/role/svc/svc.conf:18:1: error[removed-option]: common in [DEFAULT] was removed in 2026.2 (was in 2026.1); delete it, since it is ignored
9 errors, 4 warnings; checked against 1 catalog of 2026.2
";
    assert_eq!((run.code, run.out.as_str()), (65, expected));
    let run = validate(folder.path(), &["d", "--release", "2026.2", "--output", "json"]);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["findings"][0]["code"], "removed-option");
}

/// What comes later is no earlier release, and without one there is nothing to compare with.
#[test]
fn what_later_releases_have_is_unknown() {
    let folder = data();
    std::fs::remove_dir_all(folder.path().join("d/catalog/2025.2")).unwrap();
    std::fs::rename(folder.path().join("d/catalog/2026.2"), folder.path().join("d/catalog/2025.1"))
        .unwrap();
    let run = validate(folder.path(), &["d", "--release", "2025.1"]);
    assert!(run.code == 65 && !run.out.contains("removed-option"), "{}", run.out);
    assert!(run.out.contains("the service has no option plain in [DEFAULT]"), "{}", run.out);
}

/// Real ones, of the catalogs of this repository.
#[test]
fn what_a_service_has_dropped() {
    let folder =
        folder(&[("d/controller/glance/glance-api.conf", "[DEFAULT]\nbind_host = 0.0.0.0\n")]);
    let catalogs = source("bootstrap-data/catalog");
    let of = |release: &str| {
        let arguments = ["d", "--release", release, "--catalog", catalogs.to_str().unwrap()];
        validate(folder.path(), &arguments).out
    };
    assert!(of("2026.1").contains("0 errors"));
    let found =
        "error[removed-option]: bind_host in [DEFAULT] was removed in 2026.2 (was in 2026.1)";
    assert!(of("2026.2").contains(found), "{}", of("2026.2"));
}

/// Another section has one of its name, which may be meant; and what a section with a made-up
/// name never had was not removed from it.
#[test]
fn what_has_another_home() {
    let folder = folder(&[
        (
            "d/controller/heat/heat.conf",
            "[ec2authtoken]\nallowed_auth_uris = http://keystone:5000/v3\n",
        ),
        (
            "d/controller/glance/glance-api.conf",
            "[DEFAULT]\nenabled_backends = fast:file\n[fast]\nbind_host = 0.0.0.0\n",
        ),
        (
            "d/controller/cinder/cinder.conf",
            "[DEFAULT]\nenabled_backends = ibm\n[ibm]\nflashsystem_iscsi_portid = 0\n",
        ),
    ]);
    let catalogs = source("bootstrap-data/catalog");
    let arguments = ["d", "--release", "2026.2", "--catalog", catalogs.to_str().unwrap()];
    let run = validate(folder.path(), &arguments);
    for line in [
        "heat.conf:2:1: error[removed-option]: allowed_auth_uris in [ec2authtoken] was removed in \
         2026.2 (was in 2026.1); delete it, since it is ignored: Superseded by the clouds \
         option; [auth_password] has one of this name\n",
        "glance-api.conf:4:1: warning[unknown-option]: no section of the service has an option \
         bind_host;",
        "cinder.conf:4:1: warning[removed-option]: flashsystem_iscsi_portid in [ibm] was removed in \
         2026.2 (was in 2026.1); delete it, since it is ignored\n",
    ] {
        assert!(run.out.contains(line), "{line} is not in\n{}", run.out);
    }
}

#[test]
fn passwords_in_clear_outside_of_oslo_files() {
    let folder = folder(&[
        ("d/general/TESTING", "testing"),
        (
            "d/role/swift/proxy-server.conf",
            "[filter:tempauth]\nuser_admin_admin = hush1 .admin\nuser_test_tester = $TESTING .admin\n\
             user64_dQ_dg = hush2\nuser_none_x =\n[filter:authtoken]\npassword = hush3\nurl = \
             http://u:hush4@h/\ntoken_life = 86400\n",
        ),
        (
            "d/role/mariadb/galera.cnf",
            "[mysqld]\nwsrep_sst_auth = sst:hush5\n[client]\npassword = $TESTING\n",
        ),
        ("d/role/mariadb/my.cnf", "[mysqld]\nwsrep_sst_auth = sst:$TESTING\n"),
    ]);
    let run = validate(folder.path(), &["d"]);
    let places: Vec<_> = run
        .out
        .lines()
        .filter(|line| line.contains("warning[secret-in-clear]"))
        .map(|line| line.split(": ").next().unwrap())
        .collect();
    let expected = [
        "d/role/mariadb/galera.cnf:2:22",
        "d/role/swift/proxy-server.conf:2:20",
        "d/role/swift/proxy-server.conf:4:16",
        "d/role/swift/proxy-server.conf:7:12",
        "d/role/swift/proxy-server.conf:8:16",
    ];
    assert_eq!(places, expected, "{}", run.out);
    assert!(!run.out.contains("hush"), "{}", run.out);
}
