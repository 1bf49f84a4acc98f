//! How long the loader takes over many keys, beside a bare client that does the same.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use etcd_client::{GetOptions, Txn, TxnOp};
use etcstack_tests::Etcd;
use tempfile::TempDir;

use crate::times::{line, title};

/// As many operations as etcd takes in a transaction.
const BATCH: usize = 120;

pub(crate) async fn measure(loader: &Path, keys: usize) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("bench")).unwrap();
    let mut text = String::new();
    for n in 0..keys {
        writeln!(text, "{}=value {n}", key(n)).unwrap();
    }
    #[allow(clippy::disallowed_methods)]
    std::fs::write(data.join("bench/list"), text).unwrap();

    let (put, range) = bare(keys).await;
    let etcd = Etcd::new().await;
    let export = folder.path().join("export");
    let mut runs = Vec::new();
    for (name, verb, path) in [
        ("load into an empty store", "load", &data),
        ("load that changes nothing", "load", &data),
        ("export", "export", &export),
    ] {
        let mut command = Command::new(loader);
        command.arg(verb).arg(path).args(["--store", &etcd.url(), "--output", "json"]);
        runs.push((name, run(&mut command)));
    }
    title(&format!("{keys} keys, once"));
    let put = line("bare client: transactions", &mut [put], None);
    let range = line("bare client: one range", &mut [range], None);
    let bases = [put, range, range];
    for ((name, (time, _)), base) in runs.iter().zip(bases) {
        line(name, &mut [*time], Some(base));
    }
    println!("\n{keys} keys: KiB of the loader at most\n{:<28} {:>8}", "", "resident");
    for (name, (_, resident)) in &runs {
        println!("{name:<28} {resident:>8}");
    }
}

fn key(n: usize) -> String {
    format!("controller/service{}/service.conf/section/option{n}", n % 100)
}

/// A client that puts all keys and gets them again, and knows of nothing else.
async fn bare(keys: usize) -> (Duration, Duration) {
    let etcd = Etcd::new().await;
    let mut client = etcd.client().await.kv_client().max_decoding_message_size(256 << 20);
    let begun = Instant::now();
    let all: Vec<usize> = (0..keys).collect();
    for batch in all.chunks(BATCH) {
        let put = |n: &usize| TxnOp::put(key(*n), format!("value {n}"), None);
        client.txn(Txn::new().and_then(batch.iter().map(put).collect::<Vec<_>>())).await.unwrap();
    }
    let put = begun.elapsed();
    let begun = Instant::now();
    let answer = client.get("", Some(GetOptions::new().with_all_keys())).await.unwrap();
    assert_eq!(answer.kvs().len(), keys);
    (put, begun.elapsed())
}

/// Runs a program to its end: how long it takes, and how many KiB it holds at most.
fn run(command: &mut Command) -> (Duration, u64) {
    command.stdout(std::process::Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    // The highest mark so far; what is missed is what the last milliseconds add.
    let end = loop {
        if let Some(end) = child.try_wait().unwrap() {
            break end;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let mark = mark.and_then(|mark| mark.trim_end_matches("kB").trim().parse().ok());
        peak = peak.max(mark.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(end.success(), "{end}");
    (begun.elapsed(), peak)
}
