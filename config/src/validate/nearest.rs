//! What somebody may have meant.

use strsim::osa_distance;

/// The name that is nearest to what was written, if one is near: a slip in every third letter at
/// most.
pub fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (written.chars().count() / 3).clamp(1, 4);
    let folded = fold(written);
    let near = |name: &'a str| {
        let distance = osa_distance(&folded, &fold(name));
        (distance <= most).then_some((distance, name))
    };
    names.into_iter().filter_map(near).min().map(|(_, name)| name)
}

/// Whether two names differ in their digits only: `store1` and `store2`.
pub(crate) fn same_but_for_digits(one: &str, two: &str) -> bool {
    let bare = |text: &str| text.replace(|c: char| c.is_ascii_digit() || "-_.".contains(c), "");
    bare(one) == bare(two)
}

/// Case, and dashes for underscores, are the smallest slips.
fn fold(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips() {
        let names = ["connection", "max_retries", "debug", "a"];
        for (written, found) in [
            ("conection", Some("connection")),
            ("max-retries", Some("max_retries")),
            ("Debug", Some("debug")),
            ("dbug", Some("debug")),
            ("bedug", None),
            ("xyz", None),
            ("connector", Some("connection")),
        ] {
            assert_eq!(nearest(written, names), found, "{written}");
        }
        assert!(
            same_but_for_digits("file1", "file") && !same_but_for_digits("databse", "database")
        );
    }
}
