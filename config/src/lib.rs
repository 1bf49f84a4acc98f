//! The pure part of etcstack: what the keys mean and what becomes of them.
//!
//! Nothing in here does I/O. The modules follow the way of the data:
//!
//! * [`key`]: the key space of the store, and its escapes;
//! * [`data`]: the files of `bootstrap-data`, read into keys and values;
//! * [`layers`]: which key wins where a service has several roles;
//! * [`variables`]: `$NAME`, `${NAME:-default}`, `${NAME|url}`, `${NAME|json}`;
//! * [`references`]: which service uses which variables;
//! * [`dialect`] and [`document`]: the syntax of a service's file, edited without losing a byte;
//! * [`dialects`]: which file is read in which, where its name does not say it;
//! * [`binary`]: files that are no text;
//! * [`render`]: default + options + variables → bytes;
//! * [`catalog`]: what a service's options are: types, which may change while it runs, which hide;
//! * [`effect`]: what a change of a file means for a daemon that has read it;
//! * [`secret`]: which names and values look like secrets;
//! * [`status`]: what an agent says of itself;
//! * [`problem`]: what is wrong, where, and what to do about it.

pub mod binary;
pub mod catalog;
pub mod data;
pub mod dialect;
pub mod dialects;
pub mod document;
pub mod effect;
pub mod key;
pub mod layers;
pub mod problem;
pub mod references;
pub mod render;
pub mod secret;
pub mod status;
pub mod validate;
pub mod variables;

/// The keys and values of a store, or of the part of it that was asked for.
///
/// Values are bytes: etcd holds any, and the key is named when one is not UTF-8.
pub type Entries = std::collections::BTreeMap<String, Vec<u8>>;
