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

    // Again, and nothing is written; what the data has dropped is the hand's alone.
    let text = good(&etcd, &["load", second.path().to_str().unwrap()]).await;
    for line in [
        &*format!("kept     {A}: changed by hand"),
        &*format!("kept     {PUT}: put by hand, and now in the data with another value"),
        "0 written (0 added, 0 changed), 1 unchanged, 0 deleted, 2 kept; release 2",
        "take its values into the data, or load with --overwrite",
        "1 key of no load was left alone",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("hand-"), "a value was printed: {text}");
    assert_eq!(etcd.revision().await, before + 1);

    let report = load(&etcd, second.path(), &["--overwrite"]).await;
    assert_eq!((&report["changed"], &report["drift"]), (&json!([A, PUT]), &json!([])));
    assert_eq!(report["by_hand"], json!([B]));
    assert_eq!(value(&etcd, A).await.as_deref(), Some("2"));
    assert_eq!(value(&etcd, B).await.as_deref(), Some("hand-2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_into_the_data_it_is_none_any_more() {
    let etcd = Etcd::new().await;
    load(&etcd, listing(&[(A, "1"), (B, "1")]).path(), &[]).await;
    etcd.put(A, "hand").await;
    let taken = listing(&[(A, "hand"), (B, "1")]);
    let report = load(&etcd, taken.path(), &[]).await;
    assert_eq!((&report["written"], &report["drift"]), (&json!(0), &json!([])));
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
}
