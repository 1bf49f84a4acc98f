//! Releases as they stand in the store: the data of a load as a whole, packed, in parts that fit
//! into requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};

use etcstack_config::Entries;
use etcstack_store::Write;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
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

/// The data as JSON, of which there is one spelling: keys are sorted.
fn text(data: &Data) -> Vec<u8> {
    // Texts always have a spelling in JSON.
    serde_json::to_vec(data).unwrap_or_default()
}

/// The packed data, part by part.
pub(crate) fn pack(data: &Data) -> std::io::Result<Vec<Vec<u8>>> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
    packer.write_all(&text(data))?;
    Ok(packer.finish()?.chunks(PART).map(<[u8]>::to_vec).collect())
}

/// The writes of these parts.
pub(crate) fn puts(number: u64, parts: Vec<Vec<u8>>) -> Vec<Write> {
    let put = |(part, value)| Write::Put { key: part_key(number, part), value };
    parts.into_iter().enumerate().map(put).collect()
}

/// The keys of a release's parts.
pub(crate) fn part_keys(entry: &Entry) -> impl Iterator<Item = String> {
    let number = entry.number;
    (0..entry.parts).map(move |part| part_key(number, part))
}

fn part_key(number: u64, part: usize) -> String {
    format!("{DATA}{number:08}/{part:04}")
}

/// The data of a release; `None` where a part is missing or is not what was written.
pub(crate) fn unpack(entry: &Entry, entries: &Entries) -> Option<Data> {
    if entry.parts == 0 {
        return None;
    }
    let mut packed = Vec::new();
    for key in part_keys(entry) {
        packed.extend_from_slice(entries.get(&key)?);
    }
    let mut text = Vec::new();
    ZlibDecoder::new(&*packed).read_to_end(&mut text).ok()?;
    let data: Data = serde_json::from_slice(&text).ok()?;
    (entry.digest.as_deref() == Some(&*digest(&data))).then_some(data)
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
