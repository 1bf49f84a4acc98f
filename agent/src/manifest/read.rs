//! Reading single values of the manifest: each mistake gets a message, and serde its place.

use std::path::PathBuf;
use std::time::Duration;

use etcstack_config::dialect::Dialect;
use etcstack_config::layers::Layers;
use nix::unistd::{Gid, Group, Uid, User};
use serde::{Deserialize, Deserializer};

use crate::supervise::Signal;

/// A user and a group by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: Uid,
    pub(crate) group: Gid,
}

/// A user of the image.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(super) user: Uid,
    /// The user's own group and, unless it was given as a number, name and home.
    pub(super) group: Option<Gid>,
    pub(super) name: Option<(String, PathBuf)>,
}

fn read<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

pub(super) fn signal<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Signal>, D::Error> {
    read(deserializer, |text| match text.parse::<Signal>()? {
        signal if signal.can_be_caught() => Ok(Some(signal)),
        _ => Err(format!("no daemon can catch {text}; write HUP or USR1")),
    })
}

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    read(deserializer, etcstack_store::args::duration)
}

pub(super) fn some_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

pub(super) fn layers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Layers>, D::Error> {
    read(deserializer, |text| text.parse().map(Some))
}

pub(super) fn dialect<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Dialect>, D::Error> {
    read(deserializer, |text| text.parse().map(Some))
}

pub(super) fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    read(deserializer, |text| match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(Some(mode)),
        _ => Err(format!("{text:?} is no mode; write it in octal, as in \"0640\"")),
    })
}

pub(super) fn owner<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Owner>, D::Error> {
    read(deserializer, |text| {
        let (user, group) = text
            .split_once(':')
            .ok_or_else(|| format!("{text:?} is no owner; write USER:GROUP"))?;
        Ok(Some(Owner { user: account_of(user)?.user, group: group_id(group)? }))
    })
}

pub(super) fn account<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Account>, D::Error> {
    read(deserializer, |text| account_of(text).map(Some))
}

pub(super) fn group<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Gid>, D::Error> {
    read(deserializer, |text| group_id(text).map(Some))
}

pub(super) fn groups<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Gid>>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let ids: Result<_, _> = names.iter().map(|name| group_id(name)).collect();
    ids.map(Some).map_err(serde::de::Error::custom)
}

fn account_of(name: &str) -> Result<Account, String> {
    if let Ok(id) = name.parse() {
        let user = Uid::from_raw(id);
        let known = User::from_uid(user).ok().flatten();
        return Ok(Account {
            user,
            group: known.as_ref().map(|user| user.gid),
            name: known.map(|user| (user.name, user.dir)),
        });
    }
    match User::from_name(name) {
        Ok(Some(user)) => {
            Ok(Account { user: user.uid, group: Some(user.gid), name: Some((user.name, user.dir)) })
        }
        _ => Err(format!("there is no user {name:?} in this image")),
    }
}

fn group_id(name: &str) -> Result<Gid, String> {
    if let Ok(id) = name.parse() {
        return Ok(Gid::from_raw(id));
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        _ => Err(format!("there is no group {name:?} in this image")),
    }
}
