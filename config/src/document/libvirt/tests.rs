use super::*;
use crate::document::{Document, Value, split_values};
use crate::variables::Piece;

fn read(text: &str) -> Vec<(String, String)> {
    let document = Document::parse(&Libvirt, text).unwrap();
    assert_eq!(document.to_string(), text);
    let all = document.assignments();
    all.into_iter().map(|found| (found.option.to_owned(), found.value)).collect()
}

fn set(text: &str, option: &str, value: &str) -> String {
    let mut document = Document::parse(&Libvirt, text).unwrap();
    let lines = split_values(value).remove(0);
    document.set(None, option, &[Value::from_lines(&Libvirt, lines).unwrap()]).unwrap();
    document.to_string()
}

#[test]
fn options() {
    for (text, value) in [
        ("a = 1", "1"),
        ("a=-1#c\n", "-1"),
        (" \ta\t= +01 ; # c\r\n", "+01"),
        ("a = 'b\"c' # d\n", "'b\"c'"),
        ("a = \"b # c; [d\"\n", "\"b # c; [d\""),
        ("a = \"\"\"b'c\"d\"\"\"\n", "\"\"\"b'c\"d\"\"\""),
        ("a = \"\"\"\"\"\"\n", "\"\"\"\"\"\""),
        ("a = []\n", "[]"),
        ("a = [ 1, 'b',[2 ] , ] # c\n", "[ 1, 'b',[2 ] , ]"),
        ("a = [\n  \"b\" ,\n\n\t\"c\"\n] # d\n", "[\n\"b\" ,\n\n\"c\"\n]"),
        ("a = [\r'#',\r]\r", "[\n'#',\n]"),
    ] {
        assert_eq!(read(text), [("a".into(), value.into())], "{text:?}");
    }
    assert_eq!(read("a = 1\rb = 2\n# c\n\n").len(), 2);
}

#[test]
fn what_is_not_read() {
    for (text, line, column, message) in [
        ("\u{feff}a = 1\n", 1, 1, "byte order mark"),
        ("\n [a]\n", 2, 2, "no sections"),
        ("a\n", 1, 2, "neither an option"),
        ("_a = 1\n", 1, 1, "neither an option"),
        ("é = 1\n", 1, 1, "neither an option"),
        ("a =\n1\n", 1, 4, "value is missing"),
        ("a = b\n", 1, 5, "write a text in quotes"),
        ("a = - 1\n", 1, 5, "sign"),
        ("a = 9223372036854775808\n", 1, 5, "too large"),
        ("a = 1.5\n", 1, 6, "follows the value"),
        ("a = \"b\\\"c\"\n", 1, 9, "follows the value"),
        ("a = 'b\n", 1, 5, "does not end"),
        ("a = \"\"\"b\nc\"\"\"\n", 1, 5, "does not end"),
        ("a = \"\"\"\"\"\"", 1, 7, "follows the value"),
        ("a = 'b\0c'\n", 1, 5, "NUL"),
        ("a = 1; b = 2\n", 1, 6, "second option"),
        ("a = 1;\u{b}\n", 1, 6, "second option"),
        ("a = [1\n", 1, 5, "] is missing"),
        ("a = [1 2]\n", 1, 8, "comma"),
        ("a = [,]\n", 1, 6, "write a text in quotes"),
        ("a = [\n  # c\n1]\n", 2, 3, "no comment in a list"),
        ("a = [\n  1,\n  é]\n", 3, 3, "write a text in quotes"),
    ] {
        let errors = Document::parse(&Libvirt, text).unwrap_err();
        let error = &errors[0];
        assert!(error.message.contains(message), "{text:?}: {error}");
        assert_eq!((error.line, error.column), (line, column), "{text:?}");
    }
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(Document::parse(&Libvirt, &deep).unwrap_err()[0].message.contains("too deep"));
}

#[test]
fn edits() {
    let list = "[\"b\",\n \"c\"]";
    for (text, value, expected) in [
        ("", "9", "a = 9\n"),
        ("a=1 # why", "9", "a=9 # why"),
        ("a = 1; # why\n", "\"9\"", "a = \"9\"; # why\n"),
        ("#a = 1\nb = 2\n", "9", "a = 9\nb = 2\n"),
        ("# a = \"x y\"\n", "9", "# a = \"x y\"\na = 9\n"),
        ("a = [\n  1,\n  2\n] # why\nb = 1\n", "9", "a = 9 # why\nb = 1\n"),
        ("a = [\r\n  1] \t;# why\r\nb = 1\r\n", "9", "a = 9 \t;# why\r\nb = 1\r\n"),
        ("a = [\n1\n] # one\na = [\n2\n] # two\n", list, "a = [\"b\",\n    \"c\"] # one\n"),
        ("a = [\n  1,\n  2\n]\n", "[1,\n 2\n ]", "a = [1,\n    2\n    ]\n"),
        ("a = 1 # why\n", list, "a = [\"b\",\n    \"c\"] # why\n"),
        ("a = 1\nb = 2\na = 3\n", "9", "a = 9\nb = 2\n"),
        ("a = 1\nb = \"\"\"\"\"\"\na = 3", "9", "a = 9\nb = \"\"\"\"\"\"\n"),
        ("a =   9 # why\n", "9", "a =   9 # why\n"),
        ("a = [\"b\",\n\t\"c\"] # why\n", list, "a = [\"b\",\n\t\"c\"] # why\n"),
    ] {
        assert_eq!(set(text, "a", value), expected, "{text:?}");
    }
}

#[test]
fn what_cannot_be_said() {
    for (lines, why) in [
        (&["b"][..], "write a text in quotes"),
        (&[""], "write a text in quotes"),
        (&["1 # c"], "follows"),
        (&["\"a\"b\""], "quotes of the other kind"),
        (&["'a", "b'"], "does not end"),
        (&["'a\rb'"], "carriage return"),
        (&[" 1"], "blank"),
        (&["1;"], "follows"),
        (&["\"\"\"\"\"\""], "follows"),
    ] {
        let error = Value::from_lines(&Libvirt, lines.iter().copied()).unwrap_err().to_string();
        assert!(error.contains(why), "{lines:?}: {error}");
    }
    assert!(Libvirt.check_name(Some("x"), "a").unwrap_err().contains("no sections"));
    assert!(Libvirt.check_name(None, "a-b").unwrap_err().contains("reads no option"));
    assert_eq!(Libvirt.check_name(None, "listen_tls"), Ok(()));
}

#[test]
fn a_variable_is_a_number_or_a_part_of_a_text() {
    for (line, text, good) in [
        ("", "12", true),
        ("[1, ", "12", true),
        ("", "b", false),
        ("[", "1, 2", false),
        ("\"", "it's", true),
        ("\"", "a\"", false),
        ("[\"x\", '", "a\"", true),
        ("'", "it's", false),
        ("\"\"\"'", "a'b", true),
        ("\"\"\"'", "a\"b", false),
        ("\"a\"", "b", false),
    ] {
        let own = Piece { text: line.to_owned(), variable: None };
        let variable = Piece { text: text.to_owned(), variable: Some("V".to_owned()) };
        let filled = Libvirt.fill(&[vec![own, variable]]);
        assert_eq!(filled.is_ok(), good, "{line}{text}");
    }
}

/// The quotes that are open, character by character as all at once.
#[test]
fn quotes() {
    let mut texts = vec![String::new()];
    for _ in 0..7 {
        let longer = |text: &String| ['"', '\'', 'x'].map(|c| format!("{text}{c}"));
        texts = texts.iter().flat_map(longer).collect();
        for text in &texts {
            let mut quotes = Quotes::default();
            quotes.read(text);
            assert_eq!(quotes.open(), open_quote(text), "{text}");
        }
    }
}

fn open_quote(text: &str) -> Option<Quote> {
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'']) {
        rest = &rest[at..];
        let (quote, marks) = if rest.starts_with("\"\"\"") {
            (Quote::Triple, "\"\"\"")
        } else if rest.starts_with('"') {
            (Quote::Double, "\"")
        } else {
            (Quote::Single, "'")
        };
        let inner = &rest[marks.len()..];
        let Some(length) = inner.find(marks) else { return Some(quote) };
        rest = &inner[length + marks.len()..];
    }
    None
}
