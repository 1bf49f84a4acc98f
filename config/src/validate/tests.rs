use std::path::Path;

use super::*;

const CATALOG: &str = r#"{"format":1,"options":[
{"group":"DEFAULT","name":"count","type":"integer value","single":true},
{"group":"DEFAULT","name":"enabled","type":"list value","rules":{}},
{"group":"DEFAULT","name":"many","type":"integer value"},
{"group":"DEFAULT","name":"my_ip","type":"string value","single":true},
{"group":"auth","name":"auth_type","type":"string value","single":true},
{"group":"store","name":"size","type":"integer value","single":true}
],"templates":[{"group":"p","name":"username","type":"string value","owner":"auth_type"}]}"#;

fn settings() -> Settings {
    let catalog = Catalog::parse(Path::new("nova.json"), CATALOG.as_bytes()).unwrap();
    let by_service = BTreeMap::from([("nova".to_owned(), catalog)]);
    let aliases = BTreeMap::from([("other".to_owned(), "nova-x".to_owned())]);
    Settings { catalogs: Some(Catalogs { by_service, aliases }), ..Settings::default() }
}

/// The findings of a nova.conf, as `LINE:COLUMN CODE`.
fn find(general: &str, text: &str) -> Vec<String> {
    let mut data = Data::default();
    data.add_file(&["general", "vars"], Path::new("v"), general.as_bytes());
    data.add_file(&["r", "nova", "nova.conf"], Path::new("c"), text.as_bytes());
    let findings = validate(data, &settings());
    let shown = findings.iter().map(|finding| {
        let place = finding.place.to_string();
        format!("{place} {}", finding.code)
    });
    shown.collect()
}

#[test]
fn the_catalog_of_a_service() {
    let catalogs = settings().catalogs.unwrap();
    for (service, found) in [
        ("nova", true),
        ("nova-compute", true),
        ("nova-a-b", true),
        ("novacompute", false),
        ("other", true),
        ("glance", false),
    ] {
        assert_eq!(catalogs.find(service).is_some(), found, "{service}");
    }
}

#[test]
fn each_value_at_its_place() {
    let text = "[DEFAULT]\nmany = 1\nmany = 'x'\nmany = 2\n  3\nmany : é$NONE\n";
    assert_eq!(find("", text), ["c:3:9 wrong-type", "c:4:8 wrong-type", "c:6:9 unknown-variable"]);
    let text = "[DEFAULT]\nmy_ip = a\n   b $NO ${NOT:-${NEVER}}\n";
    assert_eq!(find("", text), ["c:3:6 unknown-variable", "c:3:17 unknown-variable"]);
}

#[test]
fn values_are_checked_as_they_are_read() {
    let general = "N=5\nX=x\nD=a$b\n";
    let text = "[DEFAULT]\nmany = $N${X:-}\nmany = ${NO:-5}\nmany = ${NO:-x}\nmany = $my_ip\n\
                my_ip = $D$$lost\n";
    assert_eq!(find(general, text), ["c:2:8 wrong-type", "c:4:8 wrong-type"]);
    let text = "[DEFAULT]\nmy_ip = ${auth.auth_type} $count $X$N$D x$nothing ${auth.no}\n";
    assert_eq!(find(general, text), ["c:2:42 unknown-reference", "c:2:51 unknown-reference"]);
}

#[test]
fn sections_that_are_made_up() {
    let text = "[DEFAULT]\nenabled = $B, Slow:x\n[fast]\nsize = x\n[slow]\nsize = 1\nuser = x\n\
                [stoer]\nsize = x\n[store2]\nsize = x\n[auth]\nusername = x\n";
    assert_eq!(
        find("B=fast\n", text),
        [
            "c:4:8 wrong-type",
            "c:7:1 unknown-option",
            "c:8:2 unknown-section",
            "c:10:2 unknown-section"
        ]
    );
}

#[test]
fn variables_that_tear_the_quotes_around_them() {
    let found = |name: &str, text: &str| {
        let mut data = Data::default();
        let general = "EASY=x\nQUOTE=it's\nBACK=a\\\\b\nBY=$QUOTE\nDOUBLE=a\"b\n";
        data.add_file(&["general", "vars"], Path::new("v"), general.as_bytes());
        data.add_file(&["general", "LINES"], Path::new("l"), b"a\nb");
        data.add_file(&["r", "horizon", name], Path::new("c"), text.as_bytes());
        let used = Names::new(["*".to_owned()]);
        let findings = validate(data, &Settings { used, ..Settings::default() });
        let raw = findings.into_iter().filter(|finding| finding.code == Code::RawInQuotes);
        raw.map(|finding| finding.place.to_string()).collect::<Vec<_>>()
    };
    let text = "A = '$EASY'\nB = '$QUOTE'\nC = \"$QUOTE\"\nD = 'x$BY'\nE = '$BACK'\nF = '$LINES'\n\
                G = \'\'\'$LINES\'\'\'\nH = ${QUOTE|json}\nI = $QUOTE\n# '$QUOTE'\nJ = '$NOWHERE'\n\
                K = \"${DOUBLE}\" '${LACK:-$QUOTE}'\n";
    let expected = ["c:2:6", "c:4:7", "c:5:6", "c:6:6", "c:12:6", "c:12:26"];
    assert_eq!(found("local_settings.py", text), expected);
    assert_eq!(found("policy.yaml", "\"a\": \"$DOUBLE\"\n"), ["c:1:7"]);
    assert!(found("notes.txt", text).is_empty());
}

#[test]
fn layers_that_spell_an_option_in_another_case() {
    for (role, file, option, expected) in [
        ("r@n1", "api-paste.ini", "Use", 1),
        ("r@n1", "api-paste.ini", "use", 0),
        ("other@n1", "api-paste.ini", "Use", 0),
        ("r", "api-paste.ini", "Use", 1),
        ("r@n1", "swift.conf", "Use", 1),
        // Its reader tells them apart.
        ("r@n1", "nova.conf", "Use", 0),
    ] {
        let mut data = Data::default();
        data.add_key(&format!("r/s/{file}/app:a/use"), "egg:a");
        data.add_key(&format!("{role}/s/{file}/app:a/{option}"), "egg:b");
        let mut findings = validate(data, &Settings::default());
        findings.retain(|finding| finding.code == Code::Duplicate);
        assert_eq!(findings.len(), expected, "{role} {file} {option}: {findings:?}");
        for finding in &findings {
            assert_eq!(finding.severity, Severity::Error);
            assert!(finding.message.contains(&format!("r/s/{file}/app:a/")), "{finding:?}");
            assert!(finding.message.contains("in case only"), "{finding:?}");
        }
    }
}
