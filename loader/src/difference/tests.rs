use super::*;

fn entries(pairs: &[(&str, &str)]) -> Entries {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect()
}

fn both() -> Difference {
    let before = entries(&[
        ("controller/glance/glance-api.conf/DEFAULT/debug", "true"),
        ("controller/glance/glance-api.conf/DEFAULT/same", "1"),
        ("controller/glance/glance-api.conf/DEFAULT/url", "http://u:hunter2@h/"),
        ("controller/glance/glance-api.conf/database/connection", "mysql://u:hunter2@h/x"),
        ("controller/glance/policy.yaml", "a: 1\nb: 1\nc: 1\n"),
        ("general/HOST", "db"),
        ("general/PW_PASSWORD", "hunter2"),
    ]);
    let after = entries(&[
        ("controller/glance/glance-api.conf/DEFAULT/new", "x\u{1b}[2J"),
        ("controller/glance/glance-api.conf/DEFAULT/same", "1"),
        ("controller/glance/glance-api.conf/DEFAULT/url", "http://u:hunter3@h2/"),
        ("controller/glance/glance-api.conf/database/connection", "mysql://u:hunter3@h/x"),
        ("controller/glance/policy.yaml", "a: 1\nb: 2\nc: 1\nd: password: hunter2\n"),
        ("general/HOST", "db2"),
        ("general/PW_PASSWORD", "hunter3"),
    ]);
    Difference::new(&before, &after)
}

#[test]
fn for_people() {
    let expected = "\
controller/glance/glance-api.conf
  - [DEFAULT] debug = true
  + [DEFAULT] new = x\u{fffd}[2J
  ~ [DEFAULT] url = http://u:***@h/ \u{2192} http://u:***@h2/
  ~ [database] connection = *** \u{2192} ***
controller/glance/policy.yaml
  ~ (text)
      - b: 1
      - c: 1
      + b: 2
      + c: 1
      + ***
general
  ~ HOST = db \u{2192} db2
  ~ PW_PASSWORD = *** \u{2192} ***
7 keys differ (1 added, 5 changed, 1 deleted)
";
    assert_eq!(both().text(false), expected);
    let open = both().text(true);
    assert!(open.contains("~ PW_PASSWORD = hunter2 \u{2192} hunter3"), "{open}");
    assert!(open.contains("+ d: password: hunter2"), "{open}");
    let nothing = Difference::new(&entries(&[]), &entries(&[]));
    assert_eq!(nothing.text(false), "0 keys differ\n");
}

#[test]
fn for_programs() {
    let json = both().json(false);
    assert!(!json.to_string().contains("hunter"), "{json}");
    let counts = ["added", "changed", "deleted"].map(|name| json[name].as_array().unwrap().len());
    assert_eq!(counts, [1, 5, 1]);
    let general = &json["files"][2];
    assert_eq!(general["file"], "general");
    let expected = serde_json::json!({
        "key": "general/HOST", "change": "changed", "before": "db", "after": "db2", "masked": false
    });
    assert_eq!(general["changes"][0], expected);
    assert_eq!(general["changes"][1]["masked"], true);
    assert!(both().json(true).to_string().contains("hunter3"));
}
