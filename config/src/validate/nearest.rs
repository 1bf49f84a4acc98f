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

/// Names of roles and services are made to differ a little, as `store1` and `nova-api` and
/// `nova-api-metadata` do: only what is certainly a slip counts, of one letter, or two of eight.
pub fn misspelt<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // So short a name is as near to many that are meant.
    let most = match written.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    let near = |name: &'a str| {
        let distance = osa_distance(&fold(written), &fold(name));
        let is_by_design =
            || same_but_for_digits(name, written) || same_but_for_short_parts(name, written);
        let is_slip = name != written && (distance == 0 || distance <= most && !is_by_design());
        is_slip.then_some((distance, name))
    };
    names.into_iter().filter_map(near).min().map(|(_, name)| name)
}

/// Whether two names differ in whole parts of a letter or two: `rack-a` and `rack-b`, `api` and
/// `api-v2`.
fn same_but_for_short_parts(one: &str, two: &str) -> bool {
    let (one, two) = (fold(one), fold(two));
    let (mut one, mut two) = (one.split(['_', '.', '@']), two.split(['_', '.', '@']));
    let mut differ = false;
    loop {
        match (one.next(), two.next()) {
            (None, None) => return differ,
            (one, two) if one == two => {}
            (one, two) if [one, two].into_iter().flatten().all(|part| part.len() <= 2) => {
                differ = true;
            }
            _ => return false,
        }
    }
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
    fn slips_in_names_that_are_made_to_differ() {
        let names =
            ["controller", "glance", "compute", "nova-api", "heat_api", "store1", "rack-a", "zun"];
        for (written, found) in [
            ("controler", Some("controller")),
            ("Controller", Some("controller")),
            ("contorllers", Some("controller")),
            ("glnace", Some("glance")),
            ("computes", Some("compute")),
            ("nova_api", Some("nova-api")),
            ("heat-api", Some("heat_api")),
            ("glare", None),
            ("nova-api-v2", None),
            ("nova-ami-metadata", None),
            ("store2", None),
            ("rack-b", None),
            ("rack-b1", None),
            ("glance", None),
            ("zaqar", None),
        ] {
            assert_eq!(misspelt(written, names), found, "{written}");
        }
    }

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
