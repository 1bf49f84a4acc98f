use std::path::Path;

use super::*;
use crate::Entries;
use crate::layers::ServiceConfig;

const DEFAULT: &str = "[DEFAULT]\n# Debug.\n#debug = false\n\n[database]\n#connection = <None>\n";

fn inputs(pairs: &[(&str, &str)]) -> FileInputs {
    let entries: Entries =
        pairs.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect();
    let layers = "r,r@top".parse().unwrap();
    let mut service = ServiceConfig::resolve(&entries, &layers, "s").unwrap();
    let scope = Scope { general: service.general, ..Scope::default() };
    let (name, config) = service.files.pop_first().unwrap();
    FileInputs::new(Dialect::by_name(&name), config, &scope)
}

fn rendered(pairs: &[(&str, &str)]) -> Result<String, String> {
    let default = DefaultFile { path: Path::new("/d/f.conf"), bytes: DEFAULT.as_bytes() };
    render(&inputs(pairs), Some(default))
        .map(|bytes| String::from_utf8(bytes.unwrap()).unwrap())
        .map_err(|problems| problems.to_string())
}

#[test]
fn options_go_into_the_default() {
    let text = rendered(&[
        ("general/HOST", "db"),
        ("general/PW", "p$w/d"),
        ("r/s/f.conf/DEFAULT/debug", "true"),
        ("r/s/f.conf/Database/connection", "mysql://u:${PW|url}@$HOST/x?y=$PW&ip=$my_ip"),
        ("r@top/s/f.conf/database/connection", "sqlite:///$PW"),
        ("r/s/f.conf/new/several", "a $HOST\n b\nc"),
    ]);
    assert_eq!(
        text.unwrap(),
        "[DEFAULT]\n# Debug.\ndebug = true\n\n[database]\nconnection = sqlite:///p$$w/d\n\n\
         [new]\nseveral = a db\n    b\nseveral = c\n"
    );
}

#[test]
fn what_a_variable_holds_stays_inside_its_value() {
    let text = rendered(&[
        ("general/EVIL", "x\n[DEFAULT]\nauth = none"),
        ("r/s/f.conf/database/connection", "$EVIL"),
    ]);
    assert!(text.unwrap().ends_with("connection = x\n    [DEFAULT]\n    auth = none\n"));
    for (value, message) in [
        ("a\n", "one of its lines is blank"),
        ("a\n\nb", "one of its lines is blank"),
        ("a\n b", "starts or ends with a blank"),
        ("a\rb", "carriage return"),
    ] {
        let problem = rendered(&[("general/V", value), ("r/s/f.conf/A/x", "$V")]).unwrap_err();
        assert!(problem.starts_with("r/s/f.conf/A/x: ") && problem.contains(message), "{problem}");
        assert!(problem.contains("it uses $V"), "{problem}");
    }
}

#[test]
fn a_backslash_before_a_dollar() {
    let text = rendered(&[
        ("general/V", r"a\$b"),
        ("general/W", r"\"),
        ("r/s/f.conf/A/x", "$V"),
        ("r/s/f.conf/A/y", "$W$V$W"),
    ]);
    assert!(text.unwrap().ends_with("x = a\\\\$b\ny = \\a\\\\$b\\\n"));
    let problem = rendered(&[("general/W", r"\"), ("r/s/f.conf/A/x", "${W}$my_ip")]).unwrap_err();
    assert!(problem.contains("$W ends in a backslash"), "{problem}");
}

#[test]
fn names_that_would_break_the_file_are_refused_by_name() {
    for key in [
        "A/a\nb",
        "A/a=b",
        "A/a:b",
        "A/ a",
        "A/a ",
        "A/#a",
        "A/;a",
        "A/[a",
        "A]/a",
        "[A/a",
        " A/a",
        "A\n/a",
        "default/a",
        "A/a\u{7f}",
    ] {
        let key = format!("r/s/f.conf/{key}");
        let problem = rendered(&[(&key, "secret"), ("r/s/f.conf/A/good", "1")]).unwrap_err();
        assert_eq!(problem.lines().count(), 1, "{problem}");
        assert!(problem.starts_with(&key.escape_debug().to_string()), "{problem}");
        assert!(!problem.contains("secret"));
    }
    // A value may hold what a name may not.
    rendered(&[("r/s/f.conf/A/a", "]=#;[x]")]).unwrap();
}

#[test]
fn all_problems_at_once() {
    let problems = rendered(&[
        ("r/s/f.conf/A/a", "$ONE"),
        ("r/s/f.conf/A/b", "$TWO"),
        ("r/s/f.conf/A/c", "${THREE"),
        ("r/s/f.conf/option", "x"),
        ("r/s/f.conf/A/D", "x"),
        ("r/s/f.conf/a/D", "x"),
        ("r/s/f.conf", "x"),
    ])
    .unwrap_err();
    assert_eq!(problems.lines().count(), 6, "{problems}");
    assert!(problems.contains("unknown variable $ONE"));
    assert!(problems.contains("the same option as r/s/f.conf/A/D"));
}

#[test]
fn a_default_that_oslo_would_not_read_is_named() {
    let inputs = inputs(&[("r/s/f.conf/A/a", "1")]);
    for (bytes, message) in [
        (&b"[A]\nnonsense\n"[..], "/d:2:8: in the default file: neither an option"),
        (b"[A]\n\xff", "/d:2: the default file is not UTF-8"),
    ] {
        let default = DefaultFile { path: Path::new("/d"), bytes };
        let problem = render(&inputs, Some(default)).unwrap_err().to_string();
        assert!(problem.starts_with(message), "{problem}");
    }
}

#[test]
fn text_files() {
    let default = DefaultFile { path: Path::new("/d"), bytes: b"default" };
    let file = |value| {
        let inputs = inputs(&[("general/A", "x$y"), ("r/s/policy.yaml", value)]);
        render(&inputs, Some(default)).map(|bytes| String::from_utf8(bytes.unwrap()).unwrap())
    };
    assert_eq!(file("a: \"$A\"\r\nb: $$\n").unwrap(), "a: \"x$y\"\r\nb: $$\n");
    assert!(file("$B").is_err());
    let empty = FileInputs::new(Dialect::Text, FileConfig::default(), &Scope::default());
    assert_eq!(render(&empty, Some(default)).unwrap().as_deref(), Some(&b"default"[..]));
    assert_eq!(render(&empty, None).unwrap(), None);
    let options = inputs(&[("r/s/policy.yaml/a/b", "x")]);
    assert!(render(&options, None).unwrap_err().to_string().contains("has no options"));
}

#[test]
fn binary_files() {
    let file = |value| {
        let inputs = inputs(&[("general/HALF", "AAH/"), ("r/s/object.ring.gz", value)]);
        render(&inputs, None).map(Option::unwrap)
    };
    assert_eq!(file("AAH/\nAAE=\n").unwrap(), [0, 1, 255, 0, 1]);
    assert_eq!(file("$HALF").unwrap(), [0, 1, 255]);
    let problem = file("sesame").unwrap_err().to_string();
    assert!(problem.starts_with("r/s/object.ring.gz: it is not base64"), "{problem}");
    let options = inputs(&[("r/s/object.ring.gz/a/b", "x")]);
    assert!(render(&options, None).unwrap_err().to_string().contains("has no options"));
}

#[test]
fn inputs_hold_only_what_the_file_needs() {
    let pairs = [("general/A", "$B"), ("general/B", "1"), ("r/s/f.conf/A/a", "$A")];
    let with_more = [&pairs[..], &[("general/OTHER", "2")]].concat();
    assert_eq!(inputs(&pairs), inputs(&with_more));
    assert_ne!(inputs(&pairs), inputs(&[pairs[0], ("general/B", "2"), pairs[2]]));
}

/// Sizes at which work that grows with the square takes minutes.
#[test]
fn much_at_once() {
    let values = "$V".repeat(100_000);
    for (key, value) in [
        ("r/s/f.conf/x/y", format!("$a{values}")),
        ("r/s/rsyncd.conf/x/y", format!("%A%{values}")),
        ("r/s/qemu.conf/y", format!("\"{values}\"")),
        ("r/s/rabbitmq.conf/y", values.clone()),
        ("r/s/api-paste.ini/x/y", values.clone()),
    ] {
        let inputs = inputs(&[("general/V", "ab"), (key, &value)]);
        let bytes = render(&inputs, None).unwrap().unwrap();
        assert!(bytes.len() > 200_000, "{key}");
    }
    let options: Vec<_> = (0..50_000).map(|n| format!("r/s/api-paste.ini/x/o{n}")).collect();
    let pairs: Vec<_> = options.iter().map(|key| (key.as_str(), "1")).collect();
    let inputs = inputs(&pairs);
    let bytes = render(&inputs, None).unwrap().unwrap();
    let default = DefaultFile { path: Path::new("/d"), bytes: &bytes };
    assert_eq!(render(&inputs, Some(default)).unwrap().unwrap(), bytes);
}
