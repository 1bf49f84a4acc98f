use super::*;
use crate::document::{Document, Value};
use crate::variables::Piece;

fn read(text: &str) -> Vec<(String, String, String)> {
    let document = Document::parse(&Rsync, text).unwrap();
    assert_eq!(document.to_string(), text);
    let all = document.assignments();
    let section = |section: Option<&str>| section.unwrap_or("-").to_owned();
    all.into_iter().map(|a| (section(a.section), a.option.to_owned(), a.value)).collect()
}

fn set(text: &str, section: Option<&str>, option: &str, value: &str) -> String {
    let mut document = Document::parse(&Rsync, text).unwrap();
    let value = Value::from_lines(&Rsync, [value]).unwrap();
    document.set(section, option, &[value]).unwrap();
    document.to_string()
}

#[test]
fn options() {
    for (text, section, option, value) in [
        ("a = b", "-", "a", "b"),
        ("[global]\na = b", "-", "a", "b"),
        (" [ x  y ] more\n\tMax  Con =  1 # 2 \r\n", "x  y", "Max  Con", "1 # 2"),
        ("a == b", "-", "a", "= b"),
        ("a =\n", "-", "a", ""),
        ("a = b\rc\n", "-", "a", "bc"),
        ("a = b\u{a0}\n", "-", "a", "b\u{a0}"),
        ("a = b \\\n  c\n", "-", "a", "b   c"),
        ("a = b\\ \r\n# c\n", "-", "a", "b# c"),
        ("a = \\\n  b \n", "-", "a", "  b"),
        ("a = b \\\n\n", "-", "a", "b "),
        ("a = b\\\\\n\n\n", "-", "a", "b"),
        ("a = b\\\\ \\\n \nc\n", "-", "a", "b\\c"),
    ] {
        assert_eq!(read(text), [(section.into(), option.into(), value.into())], "{text:?}");
    }
}

#[test]
fn what_is_not_read() {
    for (text, line, column, message) in [
        ("\u{feff}[a]\n", 1, 1, "byte order mark"),
        ("a = 1\0", 1, 6, "NUL"),
        ("a\n", 1, 1, "neither an option"),
        (" = 1\n", 1, 2, "name is missing"),
        ("[a\n", 1, 3, "the ]"),
        ("[ ]\n", 1, 1, "no name"),
        ("[a/b]\n", 1, 3, "'/'"),
        ("[a]\n[Glo bal]\n", 2, 1, "[global]"),
        ("\\ a = 1\n", 1, 1, "backslash"),
        ("a = 1 \\", 1, 7, "ends in a backslash"),
        ("a = 1 \\\n", 1, 7, "ends in a backslash"),
        ("&foo bar\n", 1, 1, "directives"),
        ("&include\n", 1, 1, "directives"),
        ("[a]\n&include b\nc = 1\n", 3, 1, "behind an &include"),
    ] {
        let errors = Document::parse(&Rsync, text).unwrap_err();
        let error = &errors[0];
        assert!(error.message.contains(message), "{text:?}: {error}");
        assert_eq!((error.line, error.column), (line, column), "{text:?}");
    }
}

#[test]
fn edits_of_a_module() {
    for (text, expected) in [
        ("", "[m]\na b = 9\n"),
        ("x = 1\n", "x = 1\n\n[m]\na b = 9\n"),
        ("[ M ]\n  A B=1\n", "[ M ]\n  A B=9\n"),
        ("[m]\nab = x \\\n  y\n# c\n", "[m]\nab = 9\n# c\n"),
        ("[m]\nab = 1\n[n]\n[m]\nAB = 2\n", "[m]\n[n]\n[m]\nAB = 9\n"),
        ("[m]\nx = 1\n\n&include y\n", "[m]\nx = 1\na b = 9\n\n&include y\n"),
        ("[m]\n#\tA b=1\nx = 1\n", "[m]\n\tA b=9\nx = 1\n"),
        ("[m]\n# a b = 1\n", "[m]\na b = 9\n"),
        ("[m]\n# a b = 1 or so\n", "[m]\n# a b = 1 or so\na b = 9\n"),
        ("[m]\nx = 1\n&merge y\n", "[m]\nx = 1\n&merge y\na b = 9\n"),
        ("a b = 1\n[m]\n", "a b = 1\n[m]\na b = 9\n"),
        ("[m]\na b = 9 \n", "[m]\na b = 9 \n"),
        ("[m]\na b = 1\nx = 2 \\\n\nab = 3", "[m]\nx = 2 \\\n\nab = 9"),
    ] {
        assert_eq!(set(text, Some("m"), "a b", "9"), expected, "{text:?}");
    }
}

#[test]
fn edits_of_all_modules() {
    for (text, expected) in [
        ("", "port = 9\n"),
        ("x = 1\n\n# about m\n[m]\n", "x = 1\nport = 9\n\n# about m\n[m]\n"),
        ("[m]\nport = 1\n", "port = 9\n[m]\nport = 1\n"),
        ("Rsync Port = 1\n[m]\n", "Rsync Port = 9\n[m]\n"),
        ("[global]\nx = 1\n[m]\n", "[global]\nx = 1\nport = 9\n[m]\n"),
        ("&Include d\nx = 1\n", "port = 9\n&Include d\nx = 1\n"),
        ("#port=1\n", "port=9\n"),
        ("port =\n", "port = 9\n"),
    ] {
        assert_eq!(set(text, None, "port", "9"), expected, "{text:?}");
    }
    assert_eq!(set("port = 1\n", None, "port", ""), "port =\n");
}

#[test]
fn what_cannot_be_said() {
    for (lines, why) in [
        (&["a", "b"][..], "line break"),
        (&["a\rb"], "carriage return"),
        (&["\u{b}a"], "blank"),
        (&["a\\"], "backslash"),
    ] {
        let error = Value::from_lines(&Rsync, lines.iter().copied()).unwrap_err().to_string();
        assert!(error.contains(why), "{lines:?}: {error}");
    }
    for (section, option, why) in [
        (Some("a/b"), "a", "'/'"),
        (Some("a  b"), "a", "two blanks"),
        (Some("Global"), "a", "no section"),
        (None, "", "empty"),
        (None, "a=b", "'='"),
        (None, "&include", "'&'"),
    ] {
        assert!(Rsync.check_name(section, option).unwrap_err().contains(why), "{option}");
    }
    assert_eq!(Rsync.key_section(" My \t Module "), "My Module");
    assert_eq!(Rsync.check_name(Some("my module"), "max connections"), Ok(()));
}

#[test]
fn a_variable_stands_for_itself() {
    for (own, holds, behind, good) in [
        ("%", "A", " 100", true),
        ("%", "A", "B 100%", false),
        ("%", "a", "B 100%", true),
        ("", "100% %C", "", true),
        ("", "100% %C%", "", false),
        ("%A", "%", "", false),
        ("%A%", "x", "%B%", true),
        ("%A%", "", "B%", true),
        // What is no reference may begin one with its end.
        ("%A%", "B%", "", false),
        ("%A%", "B", "%", false),
        ("%a%", "B", "", true),
        // Anything may stand in the name.
        ("%A", " b/", "%", false),
    ] {
        let piece =
            |text: &str, variable: Option<String>| Piece { text: text.to_owned(), variable };
        let pieces = vec![piece(own, None), piece(holds, Some("V".into())), piece(behind, None)];
        match Rsync.fill(&[pieces]) {
            Ok(lines) => assert!(good && lines == [format!("{own}{holds}{behind}")], "{lines:?}"),
            Err(message) => assert!(!good && message.contains("what $V holds"), "{message}"),
        }
    }
}
