//! A key that is read prints as itself, and its normal form is a key with the same meaning.
#![no_main]

use etcstack_config::data::normal_key;
use etcstack_config::dialects::Dialects;
use etcstack_config::key::Key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(key) = Key::parse(text) else { return };
    assert_eq!(key.to_string(), text);
    let normal = normal_key(text, &Dialects::default());
    assert!(Key::parse(&normal).is_ok());
    assert_eq!(normal_key(&normal, &Dialects::default()), normal);
});
