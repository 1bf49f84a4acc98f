use serde_json::{Value, json};

use super::option::UNKNOWN_TYPE;
use super::*;

/// An option as the generator prints it.
fn raw(name: &str, more: Value) -> Value {
    let mut option = json!({
        "advanced": false, "choices": [], "default": null, "deprecated_for_removal": false,
        "deprecated_opts": [], "dest": name.replace('-', "_"), "help": "Text.\n", "max": null,
        "metavar": null, "min": null, "mutable": false, "name": name, "namespace": "x",
        "required": false, "sample_default": null, "secret": false, "type": "string value",
    });
    for (key, value) in more.as_object().unwrap() {
        option[key] = value.clone();
    }
    option
}

fn generated(groups: &[(&str, Vec<Value>)]) -> Vec<u8> {
    let mut options = serde_json::Map::new();
    for (group, opts) in groups {
        let owner = if group.starts_with("sample_") { "config_source" } else { "" };
        let group_data = json!({
            "help": "", "opts": opts, "standard_opts": [], "dynamic_group_owner": owner,
        });
        options.insert((*group).to_owned(), group_data);
    }
    let all = json!({ "deprecated_options": {}, "generator_options": {}, "options": options });
    serde_json::to_vec(&all).unwrap()
}

fn reduce(groups: &[(&str, Vec<Value>)]) -> Catalog {
    Catalog::reduce(Path::new("raw.json"), &generated(groups)).unwrap()
}

fn some() -> Catalog {
    let old = |group: &str, name: &str| json!([{ "group": group, "name": name }]);
    reduce(&[
        (
            "key_manager",
            vec![raw(
                "fixed-key",
                json!({ "secret": true, "deprecated_opts": old("KeyMgr", "fixed-key") }),
            )],
        ),
        (
            "DEFAULT",
            vec![
                raw("volumes_dir", json!({ "default": "$state_path/volumes" })),
                raw(
                    "log-config-append",
                    json!({ "mutable": true, "deprecated_opts": old("DEFAULT", "log_config") }),
                ),
                raw("debug", json!({ "mutable": true, "default": false, "type": "boolean value" })),
                raw(
                    "workers",
                    json!({ "default": 2, "type": "integer value", "min": 1,
                                        "sample_default": "<CPUs>" }),
                ),
                raw("level", json!({ "default": "a", "choices": [["a", null], ["b", "Text"]] })),
                raw("pairs", json!({ "default": { "$a": ["x$b", "$$c"] }, "type": "dict value" })),
                raw("many", json!({ "type": "multi valued", "default": ["a"] })),
                raw("long", json!({ "default": "x".repeat(300) })),
            ],
        ),
        ("sample_source", vec![raw("uri", json!({}))]),
    ])
}

#[test]
fn one_option_on_a_line() {
    let expected = r#"{"format":1,"options":[
{"group":"DEFAULT","name":"debug","type":"boolean value","default":false,"mutable":true,"single":true,"help":"Text"},
{"group":"DEFAULT","name":"level","type":"string value","default":"a","choices":["a","b"],"single":true,"help":"Text"},
{"group":"DEFAULT","name":"log_config_append","type":"string value","mutable":true,"deprecated":[["DEFAULT","log_config"]],"help":"Text"},
{"group":"DEFAULT","name":"long","type":"string value","single":true,"help":"Text"},
{"group":"DEFAULT","name":"many","type":"multi valued","default":["a"],"help":"Text"},
{"group":"DEFAULT","name":"pairs","type":"dict value","default":{"$a":["x$b","$$c"]},"refers":["a","b"],"help":"Text"},
{"group":"DEFAULT","name":"volumes_dir","type":"string value","default":"$state_path/volumes","single":true,"refers":["state_path"],"help":"Text"},
{"group":"DEFAULT","name":"workers","type":"integer value","default":"<CPUs>","min":1,"single":true,"help":"Text"},
{"group":"key_manager","name":"fixed_key","type":"string value","secret":true,"deprecated":[["KeyMgr","fixed_key"]],"help":"Text"}
],"templates":[
{"group":"sample_source","name":"uri","type":"string value","owner":"config_source","help":"Text"}
]}
"#;
    let catalog = some();
    assert_eq!(catalog.to_string(), expected);
    assert_eq!(Catalog::parse(Path::new("c"), expected.as_bytes()).unwrap(), catalog);
    let empty = Catalog::default();
    assert_eq!(Catalog::parse(Path::new("c"), empty.to_string().as_bytes()).unwrap(), empty);
}

#[test]
fn options_are_found_as_oslo_finds_them() {
    let catalog = some();
    let find = |section, option| -> Vec<&str> {
        catalog.find(section, option).map(|found| found.name.as_str()).collect()
    };
    assert_eq!(find("DEFAULT", "debug"), ["debug"]);
    assert_eq!(find("DEFAULT", "log_config"), ["log_config_append"]);
    assert_eq!(find("Key_Manager", "fixed_key"), ["fixed_key"]);
    assert_eq!(find("KEYMGR", "fixed_key"), ["fixed_key"]);
    for (section, option) in [
        ("default", "debug"),
        ("DEFAULT", "Debug"),
        ("DEFAULT", "log-config-append"),
        ("lvm", "debug"),
        ("sample_source", "uri"),
    ] {
        assert!(find(section, option).is_empty(), "[{section}] {option}");
    }
    assert_eq!(catalog.find_dashed("DEFAULT", "log-config-append").count(), 1);
    assert!(catalog.knows_section("keymgr") && !catalog.knows_section("sample_source"));
}

#[test]
fn what_is_known_of_an_option() {
    let catalog = some();
    assert!(catalog.is_mutable("DEFAULT", "log_config"));
    assert!(!catalog.is_mutable("DEFAULT", "log-config-append"));
    assert!(!catalog.is_mutable("DEFAULT", "workers") && !catalog.is_mutable("lvm", "debug"));
    assert!(catalog.is_single("DEFAULT", "workers") && !catalog.is_single("DEFAULT", "many"));
    assert_eq!(catalog.is_secret("keymgr", "fixed-key"), Some(true));
    assert_eq!(catalog.is_secret("DEFAULT", "debug"), Some(false));
    assert_eq!(catalog.is_secret("lvm", "debug"), None);
}

/// What only bootstrap-data/catalog/options.py says.
#[test]
fn rules_and_words() {
    let text = "\n The first. The second.\n\nMore";
    let mut raw: Value = serde_json::from_slice(&generated(&[(
        "DEFAULT",
        vec![
            raw(
                "list",
                json!({
                    "type": "list value", "multi": false, "help": text,
                    "deprecated_for_removal": true, "deprecated_reason": "Nobody needs it.",
                    "rules": { "bounds": true, "items": { "type": "integer value", "min": 1 } },
                }),
            ),
            raw("plain", json!({ "rules": {}, "multi": true, "help": "x ".repeat(200) })),
        ],
    )]))
    .unwrap();
    raw["sections"] = json!(["Made_up"]);
    let catalog = Catalog::reduce(Path::new("raw.json"), raw.to_string().as_bytes()).unwrap();
    let printed = catalog.to_string();
    assert_eq!(Catalog::parse(Path::new("c"), printed.as_bytes()).unwrap(), catalog);
    let list = catalog.find("DEFAULT", "list").next().unwrap();
    assert_eq!(
        (list.help.as_str(), list.removal.as_deref()),
        ("The first", Some("Nobody needs it"))
    );
    let items = list.rules.as_ref().and_then(|rules| rules.items.as_ref()).unwrap();
    assert_eq!((items.kind.as_str(), &items.min), ("integer value", &json!(1)));
    assert!(list.single);
    let plain = catalog.find("DEFAULT", "plain").next().unwrap();
    assert!(plain.rules.is_none() && !plain.single && plain.help.ends_with("x …"));
    assert!(catalog.makes_up("made_UP") && !catalog.makes_up("other"));

    let lean = Catalog::parse_lean(Path::new("c"), printed.as_bytes()).unwrap();
    let short = catalog.lean().to_string();
    assert_eq!(Catalog::parse_lean(Path::new("c"), short.as_bytes()).unwrap(), lean);
    assert!(!short.contains("The first") && !short.contains("value"), "{short}");
    let refused = Catalog::parse(Path::new("c"), short.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("without --lean"), "{refused}");
    let list = lean.find("DEFAULT", "list").next().unwrap();
    assert!(list.help.is_empty() && list.rules.is_none() && list.single);
}

/// A former name of one may be the name of another.
#[test]
fn a_name_that_several_read() {
    let catalog = reduce(&[
        ("DEFAULT", vec![raw("rate", json!({ "mutable": true, "default": 1 }))]),
        (
            "other",
            vec![raw(
                "limit",
                json!({ "secret": true, "deprecated_opts": [{ "group": "DEFAULT", "name": "rate" }] }),
            )],
        ),
    ]);
    assert_eq!(catalog.find("DEFAULT", "rate").count(), 2);
    assert!(!catalog.is_mutable("DEFAULT", "rate") && !catalog.is_single("DEFAULT", "rate"));
    assert_eq!(catalog.is_secret("DEFAULT", "rate"), Some(true));
}

/// Two namespaces may have the same option, and not agree on it.
#[test]
fn only_what_is_true_of_both_is_kept() {
    let one =
        raw("a", json!({ "mutable": true, "default": "$x", "min": 1, "type": "integer value" }));
    let two = raw("a", json!({ "secret": true, "default": "$y", "min": 1 }));
    let forth = reduce(&[("G", vec![one.clone()])]).merge(reduce(&[("G", vec![two.clone()])]));
    let back = reduce(&[("G", vec![two, one])]);
    assert_eq!(forth, back);
    let expected = CatalogOption {
        group: "G".into(),
        name: "a".into(),
        kind: UNKNOWN_TYPE.into(),
        min: json!(1),
        secret: true,
        single: true,
        refers: vec!["x".into(), "y".into()],
        help: "Text".into(),
        ..CatalogOption::default()
    };
    assert_eq!(forth.options(), [expected]);
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_without_the_text() {
    let wrong = [
        ("", "c.json:1:1: the JSON ends too early"),
        (
            "{\"format\":1,\n\"options\":[{\"group\":\"hush\"",
            "c.json:2:26: the JSON ends too early",
        ),
        ("[DEFAULT]\npassword = hush\n", "c.json:1:2: this is not JSON"),
        ("{\"format\":\n\"hush\"}", "c.json:2:6: this is JSON of another form"),
        ("{\"options\":[{\"group\":\"hush\"}]}", "c.json:1:28: this is JSON of another form"),
        ("{\"format\":2}", "c.json: the catalog is of format 2"),
    ];
    for (text, start) in wrong {
        let message = Catalog::parse(Path::new("c.json"), text.as_bytes()).unwrap_err().to_string();
        assert!(message.starts_with(start), "{text:?}: {message}");
        assert!(!message.contains("hush"), "{message}");
    }
    let reduced = some().to_string();
    let message = Catalog::reduce(Path::new("c.json"), reduced.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("oslo-config-generator --format json"), "{message}");
}
