//! Values as they may be shown.

use std::borrow::Cow;

use etcstack_config::secret::looks_secret;

/// What stands for a secret.
pub(crate) const MASK: &str = "***";

/// A line of a value. Of what is only secret by its password, a URL, the rest is shown.
pub(crate) fn line(text: &str, secret: bool, show: bool) -> Cow<'_, str> {
    if show || !(secret || looks_secret(text)) {
        return text.into();
    }
    if secret {
        return MASK.into();
    }
    let masked: Vec<_> = text.split(' ').map(word).collect();
    let masked = masked.join(" ");
    // What gives it away may not have been a URL, or not only.
    let rest = masked.replace(&format!(":{MASK}@"), "@");
    if looks_secret(&rest) { MASK.into() } else { masked.into() }
}

/// A word, without the password if it is a URL with one.
fn word(word: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = word.split_once("://") else { return word.into() };
    let Some((user, host)) = rest.rsplit_once('@') else { return word.into() };
    match user.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:{MASK}@{host}").into(),
        None => word.into(),
    }
}

/// Whether some line of a value would not be shown as it is.
pub(crate) fn hides(text: &str) -> bool {
    looks_secret(text)
}
