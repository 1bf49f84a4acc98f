//! Releases as they stand in the store: the data of a load as a whole, packed, in parts that fit
//! into requests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read, Write as _};

use etcstack_config::Entries;
use etcstack_store::Write;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::history::Entry;

/// The folder of the packed data, one folder for each release.
pub(crate) const DATA: &str = "_etcstack/data/";

/// How much of the packed data one key holds: it fits into a request with room to spare.
const PART: usize = 1_000_000;

/// Keys and values, as a load writes them.
pub(crate) type Data = BTreeMap<String, String>;

/// Tells data from all other data, and nothing of what is in it.
pub(crate) fn digest(data: &Data) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text(data)) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// As JSON, of which there is one spelling: keys are sorted.
fn text(data: &impl Serialize) -> Vec<u8> {
    // Texts always have a spelling in JSON.
    serde_json::to_vec(data).unwrap_or_default()
}

/// Data, or a set of keys, packed, part by part.
pub(crate) fn pack(data: &impl Serialize) -> std::io::Result<Vec<Vec<u8>>> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
    packer.write_all(&text(data))?;
    Ok(packer.finish()?.chunks(PART).map(<[u8]>::to_vec).collect())
}

/// The writes of these parts.
pub(crate) fn puts(number: u64, parts: Vec<Vec<u8>>) -> Vec<Write> {
    let put = |(part, value)| Write::Put { key: part_key(number, part), value };
    parts.into_iter().enumerate().map(put).collect()
}

/// The keys of a release's parts: its data, and while it is pending what it has found.
pub(crate) fn part_keys(entry: &Entry) -> impl Iterator<Item = String> {
    keys(entry, 0, entry.parts + entry.found)
}

/// The keys of the parts that name what a pending release has found.
pub(crate) fn found_keys(entry: &Entry) -> impl Iterator<Item = String> {
    keys(entry, entry.parts, entry.found)
}

fn keys(entry: &Entry, first: usize, count: usize) -> impl Iterator<Item = String> + use<> {
    let number = entry.number;
    (first..first + count).map(move |part| part_key(number, part))
}

fn part_key(number: u64, part: usize) -> String {
    format!("{DATA}{number:08}/{part:04}")
}

/// The data of a release; `None` where a part is missing or is not what was written.
pub(crate) fn unpack(entry: &Entry, entries: &Entries) -> Option<Data> {
    if entry.parts == 0 {
        return None;
    }
    let data: Data = read(keys(entry, 0, entry.parts), entries)?;
    (entry.digest.as_deref() == Some(&*digest(&data))).then_some(data)
}

/// The keys that a pending release has found as its data has them, put there by hands; `None` where
/// a part is missing or damaged.
pub(crate) fn unpack_found(entry: &Entry, entries: &Entries) -> Option<BTreeSet<String>> {
    if entry.found == 0 {
        return Some(BTreeSet::new());
    }
    read(found_keys(entry), entries)
}

fn read<T: DeserializeOwned>(parts: impl Iterator<Item = String>, entries: &Entries) -> Option<T> {
    let mut packed = Vec::new();
    for key in parts {
        packed.extend_from_slice(entries.get(&key)?);
    }
    let mut text = Vec::new();
    ZlibDecoder::new(&*packed).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Kind;

    #[test]
    fn what_is_packed_comes_out_again() {
        // Little of it can be packed.
        let random = || format!("{:x}{:x}", rand::random::<u128>(), rand::random::<u128>());
        let mut data: Data = (0..40_000).map(|n| (format!("r/s/f/x/{n}"), random())).collect();
        data.insert("general/A".into(), "\u{0}\n\"é".into());
        let parts = pack(&data).unwrap();
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= PART));
        let mut entry = Entry::new(7, Kind::Load, "a", "");
        entry.digest = Some(digest(&data));
        entry.parts = parts.len();
        let mut entries = Entries::new();
        for write in puts(7, parts) {
            let Write::Put { key, value } = write else { panic!("a put") };
            entries.insert(key, value);
        }
        assert!(entries.keys().eq(part_keys(&entry).collect::<Vec<_>>().iter()));
        assert_eq!(unpack(&entry, &entries), Some(data));
        // Nothing is believed that is not whole.
        let mut other = entries.clone();
        other.remove("_etcstack/data/00000007/0001");
        assert_eq!(unpack(&entry, &other), None);
        entry.digest = Some("x".into());
        assert_eq!(unpack(&entry, &entries), None);
    }
}
