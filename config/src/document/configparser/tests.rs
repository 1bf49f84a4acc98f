use super::*;
use crate::document::{Assignment, Document};

type Found = (String, String, String);

fn read_by(grammar: &'static dyn Grammar, text: &str) -> Vec<Found> {
    let document = Document::parse(grammar, text).unwrap();
    assert_eq!(document.to_string(), text);
    let own = |a: Assignment<'_>| {
        assert_eq!(a.starts.len(), a.value.split('\n').count(), "{text:?}");
        (a.section.unwrap_or_default().to_owned(), a.option.to_owned(), a.value)
    };
    document.assignments().into_iter().map(own).collect()
}

fn one(text: &str) -> (String, String) {
    let text = format!("[S]\n{text}");
    let mut all = read_by(&Configparser::PASTE_DEPLOY, &text);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(read_by(&Configparser::SWIFT, &text), all);
    let (_, option, value) = all.remove(0);
    (option, value)
}

/// The places of all mistakes.
fn mistakes(grammar: &'static dyn Grammar, text: &str) -> Vec<(usize, usize)> {
    let (document, errors) = Document::parse_leniently(grammar, text);
    assert_eq!(document.to_string(), text);
    errors.iter().map(|error| (error.line, error.column)).collect()
}

fn written(
    grammar: &'static dyn Grammar,
    default: &str,
    name: (&str, &str),
    lines: &[&str],
) -> String {
    let mut document = Document::parse(grammar, default).unwrap();
    let value = Value::from_lines(grammar, lines.iter().copied()).unwrap();
    document.set(Some(name.0), name.1, &[value]).unwrap();
    document.to_string()
}

fn piece(text: &str, variable: Option<&str>) -> Piece {
    Piece { text: text.to_owned(), variable: variable.map(str::to_owned) }
}

#[test]
fn options() {
    for (text, option, value) in [
        ("a = b", "a", "b"),
        ("a=b", "a", "b"),
        ("  a = b", "a", "b"),
        ("a: b = c", "a", "b = c"),
        ("a =", "a", ""),
        ("/v3: x", "/v3", "x"),
        ("set log_level\t=\tc", "set log_level", "c"),
        ("a = x # no comment", "a", "x # no comment"),
        ("a = \"x\"", "a", "\"x\""),
        ("a = x\n  y\n\tz", "a", "x\ny\nz"),
        ("a =\n  y", "a", "\ny"),
        ("a = x\n\n  y", "a", "x\n\ny"),
        ("a = x\n # c\n;d\n y\n\n", "a", "x\ny"),
        ("a = x\n  [s]\n b = c", "a", "x\n[s]\nb = c"),
        ("a = x\\", "a", "x\\"),
        ("a = \u{a0}x\u{1f}", "a", "x"),
        ("a = x\u{2028}y", "a", "x\u{2028}y"),
        ("[a = x", "[a", "x"),
        ("a = %(here)s/%%", "a", "%(here)s/%%"),
    ] {
        assert_eq!(one(text), (option.into(), value.into()), "{text:?}");
    }
}

#[test]
fn sections_and_indentation() {
    let text =
        "# top\r\n  [A] # B\r\n  a = 1\r  b = 2\nc = 3\n d\n[b]c]\n[DEFAULT]\n[DEFAULT]\nx = y";
    let flat: Vec<_> = read_by(&Configparser::SWIFT, text)
        .iter()
        .map(|(s, o, v)| format!("{s}.{o}={v}"))
        .collect();
    assert_eq!(flat, ["A.a=1", "A.b=2", "A.c=3\nd", "DEFAULT.x=y"]);
    let document = Document::parse(&Configparser::SWIFT, text).unwrap();
    assert_eq!(document.sections().collect::<Vec<_>>(), ["A", "b]c", "DEFAULT", "DEFAULT"]);
}

#[test]
fn all_mistakes_are_found_at_once() {
    let text = "\u{feff}x\nearly = 1\n[A]\nfine = 1\nnothing\n= x\nfine = 2\n[]\n[A]\n[B\n";
    let places = [(1, 1), (2, 1), (5, 7), (6, 1), (7, 1), (8, 2), (9, 1), (10, 2)];
    assert_eq!(mistakes(&Configparser::PASTE_DEPLOY, text), places);
    assert_eq!(mistakes(&Configparser::SWIFT, text), places);
    // What only those do not read that read swift.conf.
    for (text, place) in [
        ("[A]\nx = 1\nX = 2\n", (3, 1)),
        ("[A]\nx = 1\n\u{a0}y\n", (3, 1)),
        ("[swift-hash]\nx = à\n", (2, 1)),
        ("[swift-hash]\nx = a\n  à\n", (3, 3)),
        ("[swift-hash]\nx = \u{a0}a\n", (2, 1)),
    ] {
        assert_eq!(mistakes(&Configparser::PASTE_DEPLOY, text), [place], "{text:?}");
        assert!(mistakes(&Configparser::SWIFT, text).is_empty(), "{text:?}");
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let grammars: [&'static dyn Grammar; 2] = [&Configparser::PASTE_DEPLOY, &Configparser::SWIFT];
    for grammar in grammars {
        for lines in [
            &["a\rb"][..],
            &[" a"],
            &["a\u{a0}"],
            &["a", " b"],
            &["a", ""],
            &["", ""],
            &["a", "# b"],
            &["a", ";"],
            &["%(x)s 5%"],
        ] {
            let error = Value::from_lines(grammar, lines.iter().copied()).unwrap_err().to_string();
            assert!(!error.contains("would read something else"), "{lines:?}");
        }
        for lines in [&[""][..], &["# a"], &["", "a"], &["a", "", "b"], &["[a]"], &["%(x)s%%"]] {
            Value::from_lines(grammar, lines.iter().copied()).unwrap();
        }
    }
    assert!(Value::from_lines(&Configparser::PASTE_DEPLOY, ["%(here)s"]).is_ok());
    assert!(Value::from_lines(&Configparser::SWIFT, ["%(here)s"]).is_err());
    for text in ["5%", "%s", "%(", "%()s"] {
        assert!(Value::from_lines(&Configparser::PASTE_DEPLOY, [text]).is_err(), "{text}");
        assert_eq!(
            Value::from_lines(&Configparser::SWIFT, [text]).is_err(),
            text.contains("%("),
            "{text}"
        );
    }
}

#[test]
fn names() {
    for (section, option) in
        [("filter:authtoken", "/v3"), ("a b", "set x"), ("[", "é#"), ("default", "A")]
    {
        assert_eq!(Configparser::SWIFT.check_name(Some(section), option), Ok(()));
    }
    for (section, option) in [
        (None, "a"),
        (Some(""), "a"),
        (Some(" a"), "a"),
        (Some("a]"), "a"),
        (Some("a\nb"), "a"),
        (Some("a"), ""),
        (Some("a"), "a "),
        (Some("a"), "a:b"),
        (Some("a"), "a=b"),
        (Some("a"), "#a"),
        (Some("a"), ";a"),
        (Some("a"), "[a"),
        (Some("a"), "a\rb"),
    ] {
        assert!(Configparser::SWIFT.check_name(section, option).is_err(), "{section:?} {option:?}");
    }
}

#[test]
fn values_are_set_in_place() {
    for (default, name, lines, expected) in [
        ("[a]\nx = 1\n\n # c\n  2\n\ny = 3\n", ("a", "x"), &["4"][..], "[a]\nx = 4\n\ny = 3\n"),
        ("[a]\nx = 1\n", ("a", "x"), &["", "b", "", "c"], "[a]\nx =\n    b\n\n    c\n"),
        ("[a]\nx: 1\n# x = 5\n", ("a", "x"), &["2"], "[a]\nx: 2\n# x = 5\n"),
        ("[a]\n# x = 5\ny = 1\n", ("a", "x"), &["2"], "[a]\nx = 2\ny = 1\n"),
        // A comment inside a value is no place for an option.
        ("[a]\ny = 1\n# x = 5\n  2\n", ("a", "x"), &["3"], "[a]\ny = 1\n# x = 5\n  2\nx = 3\n"),
        // Nothing that stands there may continue the new option, nor be continued by it.
        ("[a]\n# x = 5\n  y = 1\n", ("a", "x"), &["2"], "[a]\n  x = 2\n  y = 1\n"),
        (
            "[a]\n  y = 1\n  [b]\n",
            ("a", "x"),
            &["2", "3"],
            "[a]\n  y = 1\n  x = 2\n      3\n  [b]\n",
        ),
        ("[a]\n  [b]\n", ("a", "x"), &["2"], "[a]\n  x = 2\n  [b]\n"),
        ("[a]\n        x = 1\n", ("a", "x"), &["2", "3"], "[a]\n        x = 2\n            3\n"),
        // Sections are told apart by case.
        ("[a]\nx = 1\n", ("A", "x"), &["2"], "[a]\nx = 1\n\n[A]\nx = 2\n"),
    ] {
        assert_eq!(written(&Configparser::SWIFT, default, name, lines), expected, "{default:?}");
        assert_eq!(
            written(&Configparser::PASTE_DEPLOY, default, name, lines),
            expected,
            "{default:?}"
        );
        assert_eq!(written(&Configparser::SWIFT, expected, name, lines), expected, "{default:?}");
    }
}

#[test]
fn one_spelling_for_each_name() {
    let value = [Value::from_lines(&Configparser::PASTE_DEPLOY, ["1"]).unwrap()];
    let mut document =
        Document::parse(&Configparser::PASTE_DEPLOY, "[a]\nPrefix = 1\n[b]\n").unwrap();
    let error = document.set(Some("a"), "prefix", &value).unwrap_err();
    assert!(error.to_string().contains("in case only"), "{error}");
    assert_eq!(document.to_string(), "[a]\nPrefix = 1\n[b]\n");
    document.set(Some("b"), "prefix", &value).unwrap();
    let mut document = Document::parse(&Configparser::SWIFT, "[a]\nPrefix = 1\n").unwrap();
    document.set(Some("a"), "prefix", &value).unwrap();
    assert_eq!(document.to_string(), "[a]\nPrefix = 1\nprefix = 1\n");
}

/// One of the readers of `swift.conf` takes the last byte of this letter for a blank.
#[test]
fn hashes_are_read_byte_by_byte() {
    for (section, good) in [("swift-hash", false), ("other", true)] {
        let value = [Value::from_lines(&Configparser::PASTE_DEPLOY, ["à"]).unwrap()];
        let mut document = Document::empty(&Configparser::PASTE_DEPLOY);
        assert_eq!(document.set(Some(section), "x", &value).is_ok(), good);
        let mut document = Document::empty(&Configparser::SWIFT);
        assert_eq!(document.set(Some(section), "x", &value), Ok(()));
    }
}

#[test]
fn percent_signs_of_variables() {
    let v = Some("V");
    for (pieces, configparser, swift) in [
        (vec![piece("5%", v)], Some("5%%"), Some("5%")),
        (vec![piece("a%(b)s", v)], Some("a%%(b)s"), Some("a%%(b)s")),
        (vec![piece("%%/", None), piece("5%", v)], Some("%%/5%%"), Some("%%/5%")),
        (vec![piece("%%", None), piece("(b", v)], Some("%%(b"), Some("%%%%(b")),
        (vec![piece("%(b)s", None), piece("5%", v)], Some("%(b)s5%%"), Some("%(b)s5%%")),
        (vec![piece("5%", None), piece("x", v)], None, Some("5%x")),
        (vec![piece("%(", None), piece("x", v), piece(")s", None)], None, None),
        (vec![piece("a\n%(", v)], Some("a|%%("), Some("a|%%(")),
    ] {
        let lines = [pieces];
        let joined = |filled: Result<Vec<String>, String>| filled.ok().map(|lines| lines.join("|"));
        assert_eq!(joined(Configparser::PASTE_DEPLOY.fill(&lines)).as_deref(), configparser);
        assert_eq!(joined(Configparser::SWIFT.fill(&lines)).as_deref(), swift);
    }
}
