//! What hands have changed is kept.

use etcstack_tests::Etcd;
use serde_json::json;

use super::world::{good, keys, listing, load, value};

const A: &str = "r/s/f.conf/x/a";
const B: &str = "r/s/f.conf/x/b";
const C: &str = "r/s/f.conf/x/c";
const PUT: &str = "r/s/f.conf/x/put";

#[tokio::test(flavor = "multi_thread")]
async fn it_is_kept_and_told_until_somebody_decides() {
    let etcd = Etcd::new().await;
    etcd.put(PUT, "hand-0").await;
    let first = listing(&[(A, "1"), (B, "1"), (C, "1")]);
    let report = load(&etcd, first.path(), &[]).await;
    assert_eq!((&report["release"], &report["by_hand"]), (&json!(1), &json!([PUT])));
    etcd.put(A, "hand-1").await;
    etcd.put(B, "hand-2").await;
    etcd.delete(C).await;

    // The data has not changed, has changed, no longer has the key, newly has it.
    let second = listing(&[(A, "2"), (C, "1"), (PUT, "2")]);
    let before = etcd.revision().await;
    let report = load(&etcd, second.path(), &[]).await;
    let drift = json!([
        {"key": A, "why": "changed"}, {"key": B, "why": "dropped"}, {"key": PUT, "why": "put"}
    ]);
    assert_eq!(report["drift"], drift);
    assert_eq!(report["added"], json!([C]));
    assert_eq!((&report["changed"], &report["deleted"]), (&json!([]), &json!([])));
    assert_eq!(etcd.revision().await, before + 1, "a small load is one transaction");
    let expected = [(A, "hand-1"), (B, "hand-2"), (C, "1"), (PUT, "hand-0")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(keys(&etcd).await, expected);

    // Again, and nothing is written.
    let text = good(&etcd, &["load", second.path().to_str().unwrap()]).await;
    for line in [
        &*format!("kept     {A}: changed by hand"),
        &*format!("kept     {B}: changed by hand, and no longer in the data"),
        &*format!("kept     {PUT}: put by hand, and now in the data with another value"),
        "0 written (0 added, 0 changed), 1 unchanged, 0 deleted, 3 kept; release 2",
        "take its values into the data, or load with --overwrite",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("hand-"), "a value was printed: {text}");
    assert_eq!(etcd.revision().await, before + 1);

    let report = load(&etcd, second.path(), &["--overwrite"]).await;
    assert_eq!((&report["changed"], &report["drift"]), (&json!([A, PUT]), &json!([])));
    assert_eq!(report["deleted"], json!([B]));
    assert_eq!(value(&etcd, A).await.as_deref(), Some("2"));
    assert_eq!(value(&etcd, B).await, None);
    let report = load(&etcd, second.path(), &[]).await;
    assert_eq!((&report["drift"], &report["written_count"]), (&json!([]), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_into_the_data_it_is_none_any_more() {
    let etcd = Etcd::new().await;
    load(&etcd, listing(&[(A, "1"), (B, "1")]).path(), &[]).await;
    etcd.put(A, "hand").await;
    let taken = listing(&[(A, "hand"), (B, "1")]);
    let report = load(&etcd, taken.path(), &[]).await;
    assert_eq!((&report["written_count"], &report["drift"]), (&json!(0), &json!([])));
    // The load answers for it now.
    let report = load(&etcd, listing(&[(A, "2"), (B, "1")]).path(), &[]).await;
    assert_eq!(report["changed"], json!([A]));
    let report = load(&etcd, listing(&[(B, "1")]).path(), &[]).await;
    assert_eq!(report["deleted"], json!([A]));
}

/// As loads were before there were releases: lists of keys, and nothing of values.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_before_there_were_releases() {
    let etcd = Etcd::new().await;
    for (key, value) in [(A, "1"), (B, "other"), (C, "1"), (PUT, "hand")] {
        etcd.put(key, value).await;
    }
    etcd.put("_etcstack/loaded/r/s/0", json!([A, B, C]).to_string()).await;
    let report = load(&etcd, listing(&[(A, "1"), (B, "1"), (PUT, "1")]).path(), &[]).await;
    assert_eq!((&report["changed"], &report["deleted"]), (&json!([B]), &json!([C])));
    assert_eq!(report["drift"], json!([{"key": PUT, "why": "put"}]));
    etcd.put(B, "hand").await;
    let report = load(&etcd, listing(&[(A, "1"), (B, "1")]).path(), &[]).await;
    assert_eq!(report["drift"], json!([{"key": B, "why": "changed"}]));
}

/// What a hand had put and a load found the same is deleted by no later one, unless it was asked to
/// take it over.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_is_the_datas_only_if_it_is_adopted() {
    let etcd = Etcd::new().await;
    etcd.put(A, "1").await;
    let (both, rest) = (listing(&[(A, "1"), (B, "1")]), listing(&[(B, "1")]));
    load(&etcd, both.path(), &[]).await;
    let report = load(&etcd, rest.path(), &[]).await;
    assert_eq!((&report["deleted"], &report["by_hand"]), (&json!([]), &json!([A])));
    let report = load(&etcd, both.path(), &["--adopt"]).await;
    assert_eq!((&report["unchanged_count"], &report["written_count"]), (&json!(2), &json!(0)));
    let report = load(&etcd, rest.path(), &[]).await;
    assert_eq!(report["deleted"], json!([A]));
}

/// Secrets that were made in the store survive that a backup is loaded, and then the data again.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_survive_the_way_of_a_backup() {
    const PASSWORD: &str = "general/GLANCE_DB_PASSWORD";
    let etcd = Etcd::new().await;
    let data = listing(&[(A, "${GLANCE_DB_PASSWORD}")]);
    let path = data.path().to_str().unwrap();
    good(&etcd, &["secrets", "generate", path]).await;
    let secret = value(&etcd, PASSWORD).await;
    assert!(secret.is_some());
    load(&etcd, data.path(), &[]).await;
    let folder = tempfile::TempDir::new().unwrap();
    let backup = folder.path().join("backup");
    good(&etcd, &["export", backup.to_str().unwrap()]).await;
    for data in [&backup, data.path(), &backup, data.path()] {
        let report = load(&etcd, data, &[]).await;
        assert_eq!((&report["written_count"], &report["deleted"]), (&json!(0), &json!([])));
        assert_eq!(value(&etcd, PASSWORD).await, secret);
    }
    // Into an empty store as well, as docs/loading.md says.
    let empty = Etcd::new().await;
    load(&empty, &backup, &[]).await;
    good(&empty, &["secrets", "generate", path]).await;
    let report = load(&empty, data.path(), &[]).await;
    assert_eq!(report["deleted"], json!([]));
    assert_eq!(value(&empty, PASSWORD).await, secret);
}

/// Which release is current is not written down any more.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_record_of_the_release_hands_are_safe() {
    let etcd = Etcd::new().await;
    let folder = listing(&[(A, "1"), (B, "1")]);
    load(&etcd, folder.path(), &[]).await;
    etcd.put(A, "hand").await;
    etcd.delete("_etcstack/release").await;
    let report = load(&etcd, folder.path(), &[]).await;
    assert_eq!(report["drift"], json!([{"key": A, "why": "changed"}]));
    assert_eq!(value(&etcd, A).await.as_deref(), Some("hand"));
    // From now on it is known again.
    assert_eq!(report["release"], json!(2));
    let report = load(&etcd, listing(&[(A, "1"), (B, "2")]).path(), &[]).await;
    assert_eq!(report["changed"], json!([B]));
}

/// A hand's spelling beside the load's own: agents refuse the two, and the hand's is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_beside_the_own_one() {
    const OWN: &str = "r/s/f.conf/lvm/a";
    const HAND: &str = "r/s/f.conf/LVM/a";
    let etcd = Etcd::new().await;
    load(&etcd, listing(&[(OWN, "1")]).path(), &[]).await;
    etcd.put(HAND, "hand").await;
    let second = listing(&[(OWN, "2")]);
    let report = load(&etcd, second.path(), &[]).await;
    assert_eq!(report["drift"], json!([{"key": HAND, "why": "spelling"}]));
    assert_eq!(report["changed"], json!([OWN]));
    assert_eq!(value(&etcd, HAND).await.as_deref(), Some("hand"));
    let report = load(&etcd, second.path(), &["--overwrite"]).await;
    assert_eq!((&report["deleted"], &report["unchanged_count"]), (&json!([HAND]), &json!(1)));
}

/// Without its data nobody knows what a load wrote: nothing is taken from a hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_cannot_be_read_owns_nothing() {
    let etcd = Etcd::new().await;
    load(&etcd, listing(&[(A, "1"), (B, "1")]).path(), &[]).await;
    etcd.put("_etcstack/data/00000001/0000", "nonsense").await;
    let folder = listing(&[(A, "2"), (B, "1")]);
    let text = good(&etcd, &["load", folder.path().to_str().unwrap()]).await;
    assert!(text.contains("the data of the current release cannot be read"), "{text}");
    assert_eq!(value(&etcd, A).await.as_deref(), Some("1"));
    let (code, text) = super::world::call(&etcd, &["diff", "1"]).await;
    assert!(code == 65 && text.contains("the data of release 1 cannot be read"), "{code} {text}");
    load(&etcd, folder.path(), &["--overwrite"]).await;
    assert_eq!(value(&etcd, A).await.as_deref(), Some("2"));
    // The same data again, over a release that is damaged: it can be read afterwards.
    etcd.put("_etcstack/data/00000003/0000", "nonsense").await;
    let report = load(&etcd, folder.path(), &["--overwrite"]).await;
    assert_eq!((&report["release"], &report["written_count"]), (&json!(4), &json!(0)));
    assert!(
        !good(&etcd, &["load", folder.path().to_str().unwrap()]).await.contains("cannot be read")
    );
}
