//! One directory with every kind of mistake, and just what is said of it.

use serde_json::Value;

use crate::{folder, validate};

/// A small service.
const CATALOG: &str = r#"{"format":1,"options":[
{"group":"DEFAULT","name":"debug","type":"boolean value","default":false,"single":true},
{"group":"DEFAULT","name":"workers","type":"integer value","min":1,"max":64,"single":true},
{"group":"DEFAULT","name":"ratio","type":"floating point value","single":true},
{"group":"DEFAULT","name":"bind_host","type":"host address value","single":true},
{"group":"DEFAULT","name":"enabled_backends","type":"list value","rules":{}},
{"group":"DEFAULT","name":"mode","type":"string value","choices":["fast","safe"],"single":true,"rules":{}},
{"group":"DEFAULT","name":"labels","type":"dict value","rules":{}},
{"group":"DEFAULT","name":"filter","type":"multi valued"},
{"group":"DEFAULT","name":"state_path","type":"string value","single":true},
{"group":"DEFAULT","name":"verbose","type":"boolean value","single":true,"removal":"debug does the same"},
{"group":"api","name":"limit","type":"integer value","single":true,"deprecated":[["DEFAULT","api_limit"]]},
{"group":"auth","name":"auth_type","type":"string value","single":true},
{"group":"backend_defaults","name":"volume_group","type":"string value","single":true},
{"group":"backend_defaults","name":"port","type":"port value","min":0,"max":65535,"single":true},
{"group":"database","name":"connection","type":"string value","single":true,"secret":true},
{"group":"database","name":"max_retries","type":"integer value","single":true},
{"group":"database","name":"url","type":"uri value","single":true,"rules":{"schemes":["http"]}}
],"templates":[
{"group":"plugins","name":"password","type":"string value","secret":true,"owner":"auth_type"}
],"sections":[
"made_by_itself"
]}
"#;

const CONF: &str = "\
[DEFAULT]
debug = yes please
workers = $WORKERS
ratio = 1,5
bind_host = http://$HOST
enabled_backends = lvm
mode = fst
labels = a:b,c
filter = one
filter = two
state_path = $state_pth/x
verbose = true
api_limit = 5
wrokers = 3
max-retries = 3
[auth]
auth_type = password
password = hush1
usrname = x
[lvm]
volume_group = $VG
port = 99999
colour = red
[databse]
connection = x
[elsewhere]
x = 1
[made_by_itself]
port = 80
[database]
connection = mysql://u:hush2@$HOST/x
max_retries = ${RETRIES:-many}
url = ${URL|url}
max_retries =   ${HOST
not an option
[api]
limit = ünï $POD_LIMIT $DOT
  more
";

fn data() -> tempfile::TempDir {
    folder(&[
        (
            "d/general/cloud.conf",
            "HOST=db\nWORKERS=65\nUNUSED=1\nA=$A\nnonsense\nlower=1\nHOST=db2\nLOST=a $HOTS\n\
             URL=ftp://x\n",
        ),
        ("d/general/x/y", ""),
        ("d/role/svc/notes.conf", "[DEFAULT]\ndebug = 1\n[DATABASE]\nmax_retries = 3\n"),
        ("d/role/svc/more.conf", "[default]\nx = 1\n[DEFAULT]\nmode = fast\nmode = safe\n"),
        ("d/role/svc/empty.yaml", "\0"),
        ("d/listing/x", "role/svc/svc.conf/DEFAULT/debug = hush\n"),
        ("d/role/svc-api/svc.conf", CONF),
        ("d/role/other/other.conf", "[DEFAULT]\nx = $LOST\n"),
        ("d/catalog/2026.1/svc.json", CATALOG),
    ])
}

#[test]
fn every_kind_of_mistake() {
    let folder = data();
    let run = validate(folder.path(), &["d"]);
    assert_eq!((run.code, run.err.as_str()), (65, ""));
    let expected = include_str!("golden.txt");
    for (line, expected) in run.out.lines().zip(expected.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(run.out, expected);
    for secret in ["hush", "yes please", "mysql", "ftp", "u:", "mode: fst"] {
        assert!(!run.out.contains(secret), "{secret}");
    }
}

#[test]
fn the_same_for_programs() {
    let folder = data();
    let run = validate(folder.path(), &["d", "--output", "json"]);
    assert_eq!((run.code, run.err.as_str()), (65, ""));
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let lines = findings.iter().map(|finding| {
        let text = |name: &str| finding[name].as_str().unwrap_or_default();
        let semicolon = if text("remedy").is_empty() { "" } else { "; " };
        let numbers = ["line", "column"].map(|name| finding[name].as_u64());
        let numbers = numbers.into_iter().flatten().map(|number| format!(":{number}"));
        format!(
            "{}{}: {}[{}]: {}{semicolon}{}\n",
            text("path"),
            numbers.collect::<String>(),
            text("severity"),
            text("code"),
            text("message"),
            text("remedy")
        )
    });
    let expected = include_str!("golden.txt");
    let summary = expected.lines().last().unwrap();
    assert_eq!(lines.collect::<String>() + summary + "\n", expected);
}
