use super::*;

fn scope(general: &[(&str, &str)]) -> Scope {
    let own = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    Scope { general: own(general), environment: own(&[("POD_IP", "10.0.0.7"), ("RAW", "$X")]) }
}

fn fill(text: &str, scope: &Scope) -> Result<String, VariableError> {
    let pieces = scope.pieces(text, Dialect::Oslo)?;
    Ok(pieces.into_iter().map(|piece| piece.text).collect())
}

#[test]
fn values_are_filled_in() {
    let scope = scope(&[
        ("HOST", "db"),
        ("PW", "p@ss/w:rd é"),
        ("EMPTY", ""),
        ("URL", "mysql://u:${PW|url}@$HOST/x"),
        ("DEEP", "<$URL>"),
    ]);
    for (text, expected) in [
        ("", ""),
        ("$HOST", "db"),
        ("${HOST}s", "dbs"),
        ("$HOST.example.com", "db.example.com"),
        ("$HOST-$HOST", "db-db"),
        ("${PW|url}", "p%40ss%2Fw%3Ard%20%C3%A9"),
        ("x: ${PW|json},", "x: \"p@ss/w:rd é\","),
        ("${EMPTY|json}", "\"\""),
        ("$DEEP", "<mysql://u:p%40ss%2Fw%3Ard%20%C3%A9@db/x>"),
        ("${NONE:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${HOST:-x}", "db"),
        ("${NONE:-}", ""),
        ("${NONE:-a${HOST}b}", "adbb"),
        ("${NONE:-${NO:-{\"a\": {}}}}", "{\"a\": {}}"),
        ("$POD_IP", "10.0.0.7"),
        ("$RAW", "$X"),
        // Nobody's business but oslo's:
        ("$my_ip", "$my_ip"),
        ("${group.opt}", "${group.opt}"),
        ("${DEFAULT.opt}", "${DEFAULT.opt}"),
        ("$Mixed", "$Mixed"),
        ("${Mixed}", "${Mixed}"),
        ("$$HOST", "$$HOST"),
        ("$$$HOST", "$$db"),
        ("\\$HOST", "\\$HOST"),
        ("a$", "a$"),
        ("$1 ${ $", "$1 ${ $"),
    ] {
        assert_eq!(fill(text, &scope).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_text_of_no_file_is_filled_in_without_escapes() {
    let scope = scope(&[("PW", "a$b%c")]);
    assert_eq!(scope.fill_in(r"x \$PW:1 $raw").as_deref(), Ok(r"x \a$b%c:1 $raw"));
    assert!(scope.fill_in("$NOWHERE").is_err());
}

#[test]
fn errors_name_the_variable_and_never_a_value() {
    let scope = scope(&[
        ("A", "secret $B"),
        ("B", "$C"),
        ("C", "$A"),
        ("LOST", "secret $NOWHERE"),
        ("TORN", "secret ${HOST"),
        ("SELF", "$SELF"),
    ]);
    for (text, expected) in [
        ("$NOWHERE", "unknown variable $NOWHERE; set general/NOWHERE"),
        ("$LOST", "unknown variable $NOWHERE (in general/LOST)"),
        ("$A", "circle: $A → $B → $C → $A"),
        ("$SELF", "circle: $SELF → $SELF"),
        (
            "${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-x}}}}}}}}}}}}}}}}}",
            "too deep",
        ),
        ("$TORN", "${HOST is not closed"),
        ("$TORN", "(in general/TORN)"),
        ("${HOST", "${HOST is not closed"),
        ("${HOST:-x", "${HOST is not closed"),
        ("${HOST|base64}", "unknown filter"),
        ("${HOST?}", "write ${HOST}"),
        ("${HOST|url", "${HOST is not closed"),
        ("${NOWHERE|json}", "unknown variable $NOWHERE"),
        ("${HOST|json:-x}", "write ${HOST|url} or ${HOST|json}"),
    ] {
        let message = fill(text, &scope).unwrap_err().to_string();
        assert!(message.contains(expected), "{text}: {message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn variables_that_grow_without_end_are_refused() {
    let chain = |first: String, length: usize, last: &str| {
        let mut all: Vec<_> = (0..length)
            .map(|n| (format!("V{n}"), first.replace('n', &(n + 1).to_string())))
            .collect();
        all.push((format!("V{length}"), last.to_owned()));
        Scope { general: all.into_iter().collect(), environment: Variables::new() }
    };
    for last in ["", "text"] {
        let doubling = chain("$Vn$Vn".into(), 30, last);
        assert!(matches!(fill("$V0", &doubling), Err(VariableError::TooLarge(_))));
    }
    let deep = chain("$Vn".into(), 30_000, "x");
    assert_eq!(fill("$V0", &deep), Err(VariableError::TooDeep("V0".into())));
    assert_eq!(fill("$V29970", &deep).as_deref(), Ok("x"));
}

#[test]
fn a_default_saves_an_unknown_variable_but_not_a_circle() {
    let scope = scope(&[("A", "${A:-x}")]);
    assert!(matches!(fill("${A:-y}", &scope), Err(VariableError::Circle(_))));
}

#[test]
fn needed_goes_through_variables_and_defaults() {
    let scope = scope(&[("A", "$B"), ("B", "b"), ("UNUSED", "x")]);
    let needed = scope.needed(["${A:-$D}", "$POD_IP"]);
    assert_eq!(needed.iter().collect::<Vec<_>>(), ["A", "B", "D", "POD_IP"]);
    let part = scope.restrict(&needed);
    assert_eq!(part.general.keys().collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(part.environment.keys().collect::<Vec<_>>(), ["POD_IP"]);
}

#[test]
fn general_is_checked_as_a_whole() {
    let scope = scope(&[("A", "$A"), ("B", "${X"), ("C", "$POD_NAME"), ("D", "fine")]);
    let bad: Vec<_> = scope.check_general().into_iter().map(|(name, _)| name).collect();
    assert_eq!(bad, ["A", "B"]);
}
