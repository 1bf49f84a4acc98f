use super::*;
use crate::document::{Document, Value};
use crate::variables::Piece;

fn read(text: &str) -> Vec<(String, String)> {
    let document = Document::parse(&Plain, text).unwrap();
    assert_eq!(document.to_string(), text);
    let all = document.assignments();
    all.into_iter().map(|found| (found.option.to_owned(), found.value)).collect()
}

fn set(text: &str, option: &str, value: &str) -> String {
    let mut document = Document::parse(&Plain, text).unwrap();
    let value = Value::from_lines(&Plain, [value]).unwrap();
    document.set(None, option, &[value]).unwrap();
    document.to_string()
}

#[test]
fn options() {
    for (text, option, value) in [
        ("a = b", "a", "b"),
        ("a=b\n", "a", "b"),
        (" a.b-c_D\t= \t b c \t\r\n", "a.b-c_D", "b c"),
        ("a\\.b = 1\n", "a\\.b", "1"),
        ("a = = b:c;\"d\"\n", "a", "= b:c;\"d\""),
        ("a = b # c\n", "a", "b"),
        ("a = b#c", "a", "b"),
        ("a = b\u{a0}\n", "a", "b\u{a0}"),
        ("a = 'b # c' # d\n", "a", "b # c"),
        ("a = ''\n", "a", ""),
        ("a = b'c'\n", "a", "b'c'"),
        ("include = 1\n", "include", "1"),
    ] {
        assert_eq!(read(text), [(option.into(), value.into())], "{text:?}");
    }
}

#[test]
fn other_lines() {
    let text = "# é\n\n \t\n  ## a = b\ninclude conf.d/*.conf # c\r\n";
    let document = Document::parse(&Plain, text).unwrap();
    assert!(document.assignments().is_empty());
    let directives: Vec<_> = document.directives().collect();
    assert_eq!(directives, [(5, "include conf.d/*.conf # c")]);
}

#[test]
fn what_is_not_read() {
    for (text, line, column, message) in [
        ("\u{feff}a = 1\n", 1, 1, "byte order mark"),
        ("a = 1\n [a]\n", 2, 2, "no sections"),
        ("a =\n", 1, 4, "no empty value"),
        ("a = # c\n", 1, 5, "no empty value"),
        ("a = 'b\nc'\n", 1, 5, "does not end on its line"),
        ("a = 'b'c\n", 1, 8, "follows the single quote"),
        ("a = '''b'''\n", 1, 7, "follows the single quote"),
        ("a = b ", 1, 6, "without a line break behind"),
        ("a b = 1\n", 1, 3, "the option's name"),
        ("é = 1\n", 1, 1, "the option's name"),
        ("a. = 1\n", 1, 2, "the option's name"),
        ("include a.conf \n", 1, 1, "neither an option"),
        ("; c\n", 1, 1, "neither an option"),
    ] {
        let errors = Document::parse(&Plain, text).unwrap_err();
        let error = &errors[0];
        assert!(error.message.contains(message), "{text:?}: {error}");
        assert_eq!((error.line, error.column), (line, column), "{text:?}");
    }
}

#[test]
fn edits() {
    for (text, expected) in [
        ("", "a = 9\n"),
        ("a=1", "a=9"),
        ("a = 1 # why\n", "a = 9 # why\n"),
        ("a = 'x#' \t# why\n", "a = 9 \t# why\n"),
        ("a = \u{a0}x\u{a0} # why\n", "a = 9 # why\n"),
        ("# a = 1\nb = 2\n", "a = 9\nb = 2\n"),
        ("## a = 1 is what most want\nb = 2\n\n", "## a = 1 is what most want\nb = 2\na = 9\n\n"),
        ("a = 1\nb = 2\na = 3\n", "b = 2\na = 9\n"),
        // The last line goes, and the one before it keeps its end.
        ("a = 1\nb = 2 \na = 3", "b = 2 \na = 9"),
        ("a = 1\nb = 2\na = 3", "b = 2\na = 9"),
        ("b = 2\r\n", "b = 2\r\na = 9\r\n"),
        ("a = 9\n", "a = 9\n"),
        ("a = '9'\n", "a = '9'\n"),
    ] {
        assert_eq!(set(text, "a", "9"), expected, "{text:?}");
    }
}

#[test]
fn what_cannot_be_said() {
    for (lines, why) in [
        (&["a", "b"][..], "line break"),
        (&["a\rb"], "carriage return"),
        (&[""], "empty"),
        (&[" a"], "blank"),
        (&["a#b"], "'#'"),
        (&["'a'"], "single quote"),
    ] {
        let error = Value::from_lines(&Plain, lines.iter().copied()).unwrap_err().to_string();
        assert!(error.contains(why), "{lines:?}: {error}");
    }
    for (section, option, why) in [
        (Some("x"), "a", "no sections"),
        (None, "", "reads no option"),
        (None, "a b", "reads no option"),
        (None, "a..b", "reads no option"),
    ] {
        assert!(Plain.check_name(section, option).unwrap_err().contains(why), "{option}");
    }
    assert_eq!(Plain.check_name(None, "listeners.tcp.a\\.b"), Ok(()));
}

#[test]
fn a_variable_stands_for_itself() {
    for (own, holds, behind, good) in [
        ("a$", "(b)", "", false),
        ("a", "$(b)", "", false),
        ("a", "b$", "(c)", false),
        ("a", "$", "(c)", false),
        ("a$(b)", "x", "$(c)", true),
        ("a", "b$", " (c)", true),
        ("$(", "b", ")", true),
    ] {
        let piece =
            |text: &str, variable: Option<String>| Piece { text: text.to_owned(), variable };
        let pieces = vec![piece(own, None), piece(holds, Some("V".into())), piece(behind, None)];
        let filled = Plain.fill(&[pieces]);
        assert_eq!(filled.is_ok(), good, "{own}{holds}{behind}");
        assert!(filled.is_ok_and(|lines| lines == [format!("{own}{holds}{behind}")]) == good);
    }
}
