use serde_json::json;

use super::*;

fn option(more: &Value) -> CatalogOption {
    let mut option = json!({ "group": "DEFAULT", "name": "x" });
    for (key, value) in more.as_object().unwrap() {
        option[key] = value.clone();
    }
    serde_json::from_value(option).unwrap()
}

fn check(more: &Value, taken: &[&str], refused: &[&str]) {
    let option = option(more);
    for text in taken {
        assert_eq!(accepts(&option, text), Ok(()), "{more} {text:?}");
    }
    for text in refused {
        assert!(accepts(&option, text).is_err(), "{more} {text:?}");
    }
}

#[test]
fn booleans_and_numbers() {
    check(&json!({"type": "boolean value"}), &["true", "OFF", "1"], &["", "2", " true", "enabled"]);
    let taken = ["", " ", "5", "+5", " 5 ", "1_0", "\u{665}"];
    let refused = [
        "5.0",
        "0x10",
        "five",
        "1__0",
        "_1",
        "1_",
        "--1",
        "4",
        "11",
        "-5",
        "9".repeat(30).as_str(),
    ]
    .map(str::to_owned);
    let refused: Vec<_> = refused.iter().map(String::as_str).collect();
    check(&json!({"type": "integer value", "min": 5, "max": 10}), &taken, &refused);
    check(
        &json!({"type": "port value", "min": 0, "max": 65535}),
        &["80"],
        &["65536", "-1", "http"],
    );
    let some = json!({"type": "integer value", "choices": [1, 2]});
    check(&some, &["1", "02"], &["3"]);
    let float = json!({"type": "floating point value", "min": 0.5});
    check(
        &float,
        &["", "0.5", "1e3", ".5", "5.", "inf", "nan", "1_0.0"],
        &["0.4", "x", "-inf", "1e"],
    );
    check(&json!({"type": "range value"}), &["1", "1-5", "-5--1", "0"], &["", "01", "1-", "a"]);
}

#[test]
fn texts_and_choices() {
    let plain = json!({"type": "string value"});
    check(&plain, &["", "anything"], &[]);
    let choices = json!({"type": "string value", "choices": ["a", "Bee", "", null], "rules": {}});
    check(&choices, &["a", "Bee", ""], &["A", "bee", "c", "None"]);
    // Whether the case matters is not known without rules.
    check(&json!({"type": "string value", "choices": ["Bee"]}), &["bee"], &["bees"]);
    let any = json!({"type": "string value", "choices": ["Bee"], "rules": {"ignore_case": true}});
    check(&any, &["bEE"], &["bees"]);
    let short = json!({"type": "string value", "rules": {"max_length": 3}});
    check(&short, &["äöü"], &["äöüx"]);
    let quoted = json!({"type": "string value", "rules": {"quotes": true}});
    check(&quoted, &["'a'", "a'"], &["'a", "\"", "'a\""]);
    let near = accepts(&option(&choices), "be").unwrap_err();
    assert!(near.remedy.starts_with("perhaps Bee is meant"), "{}", near.remedy);
}

#[test]
fn lists_and_tables() {
    let numbers = json!({"type": "list value", "rules": {"items": {"type": "integer value"}}});
    check(&numbers, &["", "1", "1, 2,", " 1 ,2"], &["1,x", "x"]);
    // Without rules, nothing is known of the items.
    check(&json!({"type": "list value"}), &["x", "[", ""], &[]);
    let bounded = json!({"type": "list value", "rules": {"bounds": true}});
    check(&bounded, &["[]", "[a,b]"], &["", "a", "[a", "a]", "["]);
    let hosts = json!({"type": "list value", "rules": {"items": {"type": "host address value"}}});
    check(&hosts, &["a,::1,10.0.0.1"], &["a,b:1"]);
    let table = json!({"type": "dict value", "rules": {}});
    check(&table, &["", "a:b", "a:b,c:d:e", "a:"], &["a", ":b", "a:b,c", "a:b,a:c"]);
    let table = json!({
        "type": "dict value",
        "rules": {"separator": "=", "min_length": 1, "items": {"type": "integer value"}},
    });
    check(&table, &["a=1,b=2"], &["a:1", "", "a=x"]);
}

#[test]
fn addresses_hosts_and_uris() {
    let address = json!({"type": "IP address value"});
    check(
        &address,
        &["10.0.0.1", "::1"],
        &["", "10.0.0", "10.0.0.01", "host", "10.0.0.1/8", " ::1"],
    );
    let four = json!({"type": "IP address value", "rules": {"version": 4}});
    check(&four, &["10.0.0.1"], &["::1"]);
    let host = json!({"type": "host address value"});
    let taken = ["10.0.0.1", "::1", "db", "db.internal.", "a-b.c1"];
    check(&host, &taken, &["", "10.0.0.300", "db:80", "http://db", "-a", "a_b", "a..b", "1.2"]);
    check(&json!({"type": "host domain value"}), &["a_b"], &["a b"]);
    let uri = json!({"type": "uri value", "rules": {"schemes": ["http", "https"]}});
    check(
        &uri,
        &["http://h", "HTTPS://h:80/x?y=z", "http://[::1]:80", "http://h/a b"],
        &["h", "http:/h", "ftp://h", "http://", "http://h^", "http://a b/"],
    );
    check(&json!({"type": "Quantum value"}), &["", "whatever"], &[]);
}
