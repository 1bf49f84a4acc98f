use std::path::Path;

use etcstack_config::variables::Variables;

use super::*;

const DEFAULT: &str = "[DEFAULT]\n#debug = false\nhost = image\n[x]\nmulti = 1\nmulti = 2\n";

fn option(name: &str) -> Option<OptionName> {
    parse(&format!("s.conf/{name}")).unwrap().1
}

fn ask(entries: &[(&str, &str)], name: &str, secret: Option<bool>) -> Result<Explanation, String> {
    let snapshot = Snapshot {
        revision: 7,
        entries: entries.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect(),
    };
    let environment = [("POD_IP", "10.0.0.7"), ("OS_TOKEN", "t0ken!")];
    let environment: Variables =
        environment.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let option = option(name);
    let layers = "a,b".parse().unwrap();
    let question = Question {
        layers: &layers,
        service: "s",
        file: "s.conf",
        dialect: Dialect::Oslo,
        option: option.as_ref(),
        default: Some((Path::new("/d/s.conf"), DEFAULT.as_bytes())),
        environment,
        secret,
    };
    question.answer(&snapshot).map_err(|problems| problems.to_string())
}

fn shown(entries: &[(&str, &str)], name: &str) -> String {
    let mut explanation = ask(entries, name, None).unwrap();
    explanation.mask();
    explanation.to_string()
}

#[test]
fn the_strongest_layer_and_what_it_is_put_over() {
    let entries = [
        ("a/s/s.conf/DEFAULT/host", "one"),
        ("b/s/s.conf/DEFAULT/host", "two $POD_IP ${NONE:-x}$NAME"),
        ("c/s/s.conf/DEFAULT/host", "not ours"),
        ("b/s/other.conf/DEFAULT/host", "of another file"),
        ("general/NAME", "$DEEPER"),
        ("general/DEEPER", "$$"),
    ];
    assert_eq!(
        shown(&entries, "DEFAULT/host"),
        "s.conf [DEFAULT] host
  value:      two 10.0.0.7 x$$$$
  from:       b/s/s.conf/DEFAULT/host (layer b)
  instead of: a/s/s.conf/DEFAULT/host (layer a)
              /d/s.conf:3
  variables:  DEEPER from general/DEEPER
              NAME from general/NAME
              NONE is not set; the value's own default counts
              POD_IP from the environment
  revision:   7
"
    );
}

#[test]
fn defaults_and_what_nobody_sets() {
    assert_eq!(
        shown(&[], "x/multi"),
        "s.conf [x] multi\n  value:      1\n              2\n  from:       /d/s.conf:5\n              \
         /d/s.conf:6\n  revision:   7\n"
    );
    assert_eq!(
        shown(&[], "DEFAULT/debug"),
        "s.conf [DEFAULT] debug\n  value:      not set\n  \
         from:       nowhere: it is the daemon's own default\n  revision:   7\n"
    );
    // A section in another case is the same one to oslo.config, a name with a hyphen is not.
    assert_eq!(ask(&[], "X/multi", None).unwrap().values, ["1", "2"]);
    let entries = [("a/s/s.conf/X/multi", "3"), ("a/s/s.conf/x/mul-ti", "4")];
    assert_eq!(ask(&entries, "x/multi", None).unwrap().values, ["3"]);
}

#[test]
fn several_values_and_lines() {
    let entries = [("a/s/s.conf/x/multi", "one\n more\ntwo\u{1b}[31m")];
    let shown = shown(&entries, "x/multi");
    assert!(
        shown.contains("value:      one\n                  more\n              two\u{fffd}[31m\n")
    );
}

#[test]
fn secrets_are_masked() {
    let asked = [
        ("x/password", "plain"),
        ("x/url", "$DB_PASSWORD"),
        ("x/url", "$INDIRECT"),
        ("x/url", "literal hunter2"),
        ("x/url", "literal t0ken!"),
        ("x/url", "mysql://u:p@h/x"),
    ];
    for (name, value) in asked {
        let entries = [
            (&*format!("a/s/s.conf/{name}"), value),
            ("general/DB_PASSWORD", "hunter2"),
            ("general/INDIRECT", "<$DB_PASSWORD>"),
        ];
        let mut explanation = ask(&entries, name, None).unwrap();
        assert!(explanation.secret, "{name} {value}");
        explanation.mask();
        for text in [explanation.to_string(), serde_json::to_string(&explanation).unwrap()] {
            assert!(text.contains("***"), "{text}");
            for secret in ["hunter2", "t0ken", "plain", "u:p@"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
    assert!(!ask(&[("a/s/s.conf/x/url", "http://h/")], "x/url", None).unwrap().secret);
}

#[test]
fn who_knows_better_says_so() {
    let plain = [("a/s/s.conf/x/key_size", "1024"), ("a/s/s.conf/x/url", "h")];
    assert!(!ask(&plain, "x/key_size", Some(false)).unwrap().secret);
    assert!(ask(&plain, "x/url", Some(true)).unwrap().secret);
    let variable = [("a/s/s.conf/x/url", "$PW"), ("general/PW", "x")];
    assert!(ask(&variable, "x/url", Some(false)).unwrap().secret);
}

#[test]
fn mistakes_of_the_option_are_told_and_of_others_are_not() {
    let entries = [
        ("a/s/s.conf/x/bad", "$NOWHERE secret"),
        ("a/s/s.conf//x", "no key at all"),
        ("a/s/s.conf/x/good", "1"),
    ];
    assert_eq!(ask(&entries, "x/good", None).unwrap().values, ["1"]);
    let error = ask(&entries, "x/bad", None).err().unwrap();
    assert!(error.contains("a/s/s.conf/x/bad: unknown variable $NOWHERE"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let twice = [("a/s/s.conf/X/o", "1"), ("a/s/s.conf/x/o", "2")];
    let error = ask(&twice, "x/o", None).err().unwrap();
    assert!(error.contains("this is the same option as a/s/s.conf/X/o"), "{error}");
}

#[test]
fn the_form_of_json() {
    let explanation = ask(&[("a/s/s.conf/DEFAULT/host", "h$POD_IP")], "DEFAULT/host", None);
    assert_eq!(
        serde_json::to_value(explanation.unwrap()).unwrap(),
        serde_json::json!({
            "file": "s.conf", "section": "DEFAULT", "option": "host",
            "values": ["h10.0.0.7"], "secret": false, "masked": false,
            "from": {"key": "a/s/s.conf/DEFAULT/host", "layer": "a"},
            "instead_of": [{"path": "/d/s.conf", "lines": [3]}],
            "variables": [{"name": "POD_IP", "from": "environment"}],
            "revision": 7,
        })
    );
}

#[test]
fn what_can_be_asked() {
    let ask = |name: &str| parse(name).map(|(file, option)| (file, option.map(|o| o.to_string())));
    let named = |option: &str| Some(option.to_owned());
    assert_eq!(ask("a.conf/x/y/z").unwrap(), ("a.conf".into(), named("[x] y/z")));
    assert_eq!(ask("a.conf/y").unwrap(), ("a.conf".into(), named("y")));
    assert_eq!(ask("plugins%2Fa.conf/x/y").unwrap(), ("plugins/a.conf".into(), named("[x] y")));
    assert_eq!(ask("policy.yaml").unwrap(), ("policy.yaml".into(), None));
    for bad in ["", "/x", "a.conf//x", "a.conf/x/", "../x/y"] {
        assert_eq!(ask(bad).unwrap_err().code, 64, "{bad}");
    }
}
