use std::time::{Duration, UNIX_EPOCH};

use etcstack_config::Entries;
use etcstack_config::status::STATUS;
use serde_json::{Value, json};

use super::super::judge::{Known, Verdict};
use super::super::replica::{Chosen, Replica};
use super::*;

fn now() -> Time {
    Time::from(UNIX_EPOCH + Duration::from_secs(1_772_366_400))
}

fn process(name: &str, state: &str, starts: u64, started_at: &str) -> Value {
    json!({"name": name, "state": state, "starts": starts, "started_at": started_at})
}

/// Four replicas: one that is well, one behind, one that is stuck, and something else.
fn overview(chosen: &Chosen) -> Overview {
    let api = |starts| process("api", "ready", starts, "2026-03-01T11:57:00Z");
    let worker = process("worker", "not_ready", 1, "2026-03-01T00:00:00Z");
    let records = [
        (
            "controller/glance/n1",
            json!({
                "state": "current", "revisions": {"seen": 120, "applied": 120, "good": 120},
                "processes": [api(1)],
            }),
        ),
        (
            "controller/glance/n2",
            json!({
                "state": "current", "revisions": {"seen": 90, "applied": 90, "good": 90},
                "processes": [api(3), api(1)],
            }),
        ),
        (
            "compute,compute@r7/nova/n3",
            json!({
                "state": "refused", "revisions": {"seen": 120, "applied": 90, "good": 90},
                "refused": {"revision": 120, "reasons": [
                    "unknown variable $NOWHERE; set general/NOWHERE\u{1b}[31m\nand more",
                ]},
                "processes": [api(1), worker],
            }),
        ),
        ("compute/nova/n4", json!("nonsense")),
    ];
    let record =
        |(key, value): &(&str, Value)| (format!("{STATUS}{key}"), value.to_string().into_bytes());
    let records: Entries = records.iter().map(record).collect();
    let judge = |replica: Replica| {
        let up_to_date = replica.seen() == Some(120);
        let known = Known { revision: 121, loading: false, newest: Some(115), up_to_date };
        let verdict = match &replica.record {
            Ok(record) => Verdict::new(record, known),
            Err(reason) => Verdict::unreadable(reason),
        };
        Judged { replica, verdict }
    };
    let judged = chosen.replicas(&records).into_iter().map(judge).collect();
    Overview::new(121, false, judged, chosen, String::new())
}

fn text(which: Which, least: usize, paper: Paper) -> String {
    let services = vec!["glance".to_owned(), "nova".to_owned(), "heat".to_owned()];
    let hosts = vec!["n1", "n2", "n3", "n4", "n5"].into_iter().map(str::to_owned).collect();
    let chosen = Chosen { services, hosts, ..Chosen::default() };
    render(&overview(&chosen), which, least, now(), paper)
}

#[test]
fn a_line_for_each_replica_where_lines_may_be_long() {
    let expected = r"
SERVICE  ROLE                HOST  STATE       APPLIED  NEWEST  DAEMONS                      AGE  REASON
glance   controller          n1    current     120      115     ready                        3m
glance   controller          n2    behind      90       115     2 ready, 2 restarts          3m   has not read revision 115 yet, but 90
nova     compute             n4    unreadable  -        -       -                            -    its record is not the status of an agent (line 1 column 10)
nova     compute,compute@r7  n3    refused     90       115     api ready, worker not ready  3m   unknown variable $NOWHERE; set general/NOWHERE\u{1b}[31m; and more

glance: 2 replicas, 1 converged
heat: no replica
nova: 2 replicas, 0 converged
host n5: no replica
";
    assert_eq!(text(Which::All, 0, Paper::default()), expected.trim_start());
}

#[test]
fn the_last_column_is_wrapped_on_a_terminal() {
    let paper = Paper { width: Some(124), colour: false };
    let expected = r"
SERVICE  ROLE                HOST  STATE       APPLIED  NEWEST  DAEMONS                      AGE  REASON
glance   controller          n2    behind      90       115     2 ready, 2 restarts          3m   has not read revision 115
                                                                                                  yet, but 90
nova     compute             n4    unreadable  -        -       -                            -    its record is not the
                                                                                                  status of an agent (line 1
                                                                                                  column 10)
nova     compute,compute@r7  n3    refused     90       115     api ready, worker not ready  3m   unknown variable $NOWHERE;
                                                                                                  set
                                                                                                  general/NOWHERE\u{1b}[31m;
                                                                                                  and more

glance: 2 replicas, 1 converged; 3 are waited for
heat: no replica; 3 are waited for
nova: 2 replicas, 0 converged; 3 are waited for
host n5: no replica
";
    let text = text(Which::NotConverged, 3, paper);
    assert_eq!(text, expected.trim_start());
    assert!(text.lines().all(|line| line.width() <= 124));
}

#[test]
fn a_narrow_terminal_shows_what_fits() {
    let paper = Paper { width: Some(56), colour: false };
    let expected = r"
SERVICE  HOST  STATE       APPLIED  NEWEST
  REASON
glance   n2    behind      90       115
  has not read revision 115 yet, but 90
nova     n4    unreadable  -        -
  its record is not the status of an agent (line 1
  column 10)
nova     n3    refused     90       115
  unknown variable $NOWHERE; set
  general/NOWHERE\u{1b}[31m; and more
";
    let text = text(Which::NotConverged, 0, paper);
    assert_eq!(text.split("\n\n").next().unwrap(), expected.trim());
}

/// The daemons are cut before the last column leaves its place.
#[test]
fn many_daemons_make_no_table_wider_than_the_terminal() {
    let paper = Paper { width: Some(116), colour: false };
    let text = text(Which::All, 0, paper);
    assert!(text.contains("api ready, worker no…  3m   unknown variable"), "{text}");
    assert!(text.contains("2 ready, 2 restarts    3m   has not read"), "{text}");
    assert!(text.lines().all(|line| line.width() <= 116), "{text}");
    assert_eq!(cut("東京都", 5), "東京…");
    assert_eq!(cut("東京都", 6), "東京都");
}

#[test]
fn colours_say_what_needs_a_hand() {
    let text = text(Which::All, 0, Paper { width: None, colour: true });
    for (colour, word) in
        [(GREEN, "current"), (YELLOW, "behind"), (RED, "refused"), (RED, "unreadable")]
    {
        assert!(text.contains(&format!("{colour}{word}{PLAIN}")), "{text}");
    }
    assert!(!self::text(Which::All, 0, Paper::default()).contains('\x1b'));
}

#[test]
fn words_are_wrapped() {
    let wrap = |text, width| super::wrap(text, Some(width)).join("|");
    assert_eq!(wrap("", 5), "");
    assert_eq!(wrap("one two three", 8), "one two |three");
    assert_eq!(wrap("a12345678 b", 4), "a123|4567|8 b");
    assert_eq!(wrap("東京都 x", 4), "東京|都 x");
}

#[test]
fn times_in_their_largest_unit() {
    for (seconds, expected) in
        [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172_800, "2d")]
    {
        assert_eq!(short(seconds), expected);
    }
}

#[test]
fn changes_are_lines() {
    let overview = overview(&Chosen::default());
    let lines: Vec<_> = overview.replicas.iter().map(line).collect();
    assert_eq!(
        lines[1],
        "glance controller n2: behind, applied 90, newest 115: has not read revision 115 yet, but 90"
    );
    assert_eq!(lines[0], "glance controller n1: current, applied 120, newest 115");
}

#[test]
fn for_programs() {
    let json = overview(&Chosen::default()).to_json(1);
    assert_eq!(
        json["services"],
        json!([
            {"service": "glance", "replica_count": 2, "converged_count": 1},
            {"service": "nova", "replica_count": 2, "converged_count": 0},
        ])
    );
    let facts = [&json["revision"], &json["loading"], &json["converged"], &json["missing"]];
    assert_eq!(facts, [&json!(121), &json!(false), &json!(false), &json!([])]);
    assert_eq!(
        json["replicas"][1],
        json!({
            "role": "controller", "service": "glance", "host": "n2", "state": "current",
            "revisions": {"seen": 90, "applied": 90, "good": 90},
            "processes": [
                process("api", "ready", 3, "2026-03-01T11:57:00Z"),
                process("api", "ready", 1, "2026-03-01T11:57:00Z"),
            ],
            "newest": 115, "behind": true, "converged": false, "stuck": false,
            "reason": "has not read revision 115 yet, but 90",
        })
    );
    assert_eq!(
        json["replicas"][2],
        json!({
            "role": "compute", "service": "nova", "host": "n4", "state": "unreadable",
            "newest": null, "behind": false, "converged": false, "stuck": false,
            "reason": "its record is not the status of an agent (line 1 column 10)",
        })
    );
    assert_eq!(json["replicas"][3]["stuck"], true);
}
