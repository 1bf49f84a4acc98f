//! Steps that are done once for all replicas.

use etcstack_tests::{PATIENCE, Process, Proxy, binary, eventually, is_alive};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;

use crate::replica::{Manifest, Replica, USUAL};
use crate::stage::{Stage, count, text};

/// A lease that ends soon after its holder.
const SHORT: &str = "[restart]\nlease = '2s'\n";

/// A step that writes itself down. `options` are testd's.
fn step(stage: &Stage, name: &str, once_per: &str, options: &[&str]) -> String {
    let record = text(&stage.path("record"));
    let mut command =
        vec![text(&binary("testd")), "step".into(), name.into(), "--record".into(), record];
    command.extend(options.iter().map(|option| (*option).to_owned()));
    format!("[[bootstrap]]\nname = '{name}'\nonce_per = '{once_per}'\ncommand = {command:?}\n")
}

fn replica<'a>(stage: &'a Stage, host: &str, steps: &str) -> Replica<'a> {
    let more = format!("{SHORT}{steps}");
    Replica::new(stage, host, Manifest { top: "image = 's:1'", more: &more, ..USUAL })
}

/// What the steps have written down.
fn record(stage: &Stage) -> Vec<String> {
    let text = std::fs::read_to_string(stage.path("record")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn begun(stage: &Stage, times: usize) {
    eventually("the step has begun", PATIENCE, async || {
        record(stage).iter().filter(|line| line.starts_with("begin")).count() >= times
    })
    .await;
}

/// The runs of a step, as the store has them.
async fn runs(stage: &Stage, name: &str) -> Vec<Value> {
    let record = stage.record(&format!("bootstrap/s/{name}")).await;
    record.map(|record| record["runs"].as_array().unwrap().clone()).unwrap_or_default()
}

fn outcomes(runs: &[Value]) -> Vec<&str> {
    runs.iter().map(|run| run["outcome"].as_str().unwrap()).collect()
}

/// How a step is, by the status.
fn state_of<'a>(status: &'a Value, name: &str) -> &'a Value {
    let steps = status["bootstrap"].as_array();
    let mut steps = steps.into_iter().flatten();
    steps.find(|step| step["name"] == name).map_or(&Value::Null, |step| &step["state"])
}

/// The process that says in this line of the log what it is.
fn pid_in(line: &str) -> Pid {
    let json = &line[line.find('{').unwrap()..];
    // The log may say more behind it.
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    let identity = values.next().unwrap().unwrap();
    Pid::from_raw(identity["pid"].as_i64().unwrap().try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_replicas_that_start_together_one_runs_each_step() {
    let stage = Stage::loaded().await;
    let steps = step(&stage, "first", "ever", &[]) + &step(&stage, "second", "ever", &[]);
    let hosts = ["n1", "n2", "n3", "n4", "n5"];
    let replicas = hosts.map(|host| replica(&stage, host, &steps));
    let processes: Vec<_> = replicas.iter().map(|replica| replica.spawn(&[])).collect();
    for replica in &replicas {
        let status = replica.settled(0).await;
        assert_eq!(state_of(&status, "first"), "done", "{status}");
        assert_eq!(state_of(&status, "second"), "done", "{status}");
    }
    assert_eq!(record(&stage), ["begin first", "end first", "begin second", "end second"]);
    for name in ["first", "second"] {
        let runs = runs(&stage, name).await;
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_eq!(runs[0]["outcome"], "done", "{runs:?}");
        assert_eq!(runs[0]["image"], "s:1", "{runs:?}");
        assert!(runs[0]["at"].as_str().unwrap().ends_with('Z'), "{runs:?}");
        eventually("the lock is given back", PATIENCE, async || {
            stage.record(&format!("locks/bootstrap/s/{name}/0")).await.is_none()
        })
        .await;
    }
    drop(processes);
}

/// The files are there before the steps, and the daemon comes after them.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_reads_the_files_and_the_daemon_waits_for_it() {
    let stage = Stage::loaded().await;
    let (go, seen) = (text(&stage.path("go")), text(&stage.path("seen")));
    let steps = step(&stage, "sync", "ever", &["--until", &go]);
    let conf = text(&stage.path("n1/etc/s.conf"));
    let before = format!(
        "[[bootstrap]]\nname = 'look'\nonce_per = 'ever'\n\
         command = ['sh', '-c', 'cp \"$0\" \"$1\"', '{conf}', '{seen}']\n"
    );
    let replica = replica(&stage, "n1", &(before + &steps));
    let mut process = replica.spawn(&[]);
    begun(&stage, 1).await;
    assert_eq!(stage.read("seen"), "[DEFAULT]\ndebug = false\n");
    assert_eq!(replica.starts(&process), 0);
    let status = replica.state("bootstrapping").await;
    assert_eq!(state_of(&status, "sync"), "running", "{status}");
    stage.write("go", "");
    process.wait_for_line("n1 ready", PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_killed_half_way_is_run_again_by_the_next() {
    let stage = Stage::loaded().await;
    let go = text(&stage.path("go"));
    let steps = step(&stage, "sync", "ever", &["--until", &go]);
    let [first, second] = ["n1", "n2"].map(|host| replica(&stage, host, &steps));
    let killed = first.spawn(&[]);
    begun(&stage, 1).await;
    let mut process = second.spawn(&[]);
    second
        .wait_for("waiting for the step, and who runs it", |status| {
            status["waiting_for"].to_string().contains("sync")
                && status["bootstrap"].to_string().contains("n1")
        })
        .await;
    drop(killed);
    begun(&stage, 2).await;
    stage.write("go", "");
    process.wait_for_line("n2 ready", PATIENCE).await;
    assert_eq!(record(&stage), ["begin sync", "begin sync", "end sync"]);
    assert_eq!(runs(&stage, "sync").await.last().unwrap()["outcome"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_is_reported_by_all_and_tried_again() {
    let stage = Stage::loaded().await;
    let steps = step(&stage, "sync", "ever", &["--fail-first", "2"]);
    let slow = "[[bootstrap]]\nname = 'gate'\nonce_per = 'ever'\n";
    let gate = text(&stage.path("gate"));
    let steps = steps + slow + &format!("command = ['test', '-e', '{gate}']\n");
    let replicas = ["n1", "n2", "n3"].map(|host| replica(&stage, host, &steps));
    let mut processes: Vec<_> = replicas.iter().map(|replica| replica.spawn(&[])).collect();
    for replica in &replicas {
        let failed = |status: &Value| state_of(status, "gate") == "failed";
        let status = replica.wait_for("that the gate has failed", failed).await;
        assert_eq!(state_of(&status, "sync"), "done", "{status}");
    }
    assert_eq!(runs(&stage, "gate").await.last().unwrap()["outcome"], "failed");
    assert_eq!(record(&stage), ["begin sync", "begin sync", "begin sync", "end sync"]);
    stage.write("gate", "");
    for (replica, process) in replicas.iter().zip(&mut processes) {
        process.wait_for_line("ready", PATIENCE).await;
        replica.settled(0).await;
    }
}

/// Those that wait do not go on saying that it has failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_runs_again_is_not_reported_as_failed() {
    let stage = Stage::loaded().await;
    let (gate, go) = (text(&stage.path("gate")), text(&stage.path("go")));
    let script = format!("test -e {gate} || exit 1; until test -e {go}; do sleep 0.05; done");
    let steps = format!(
        "[[bootstrap]]\nname = 'sync'\nonce_per = 'ever'\ncommand = ['sh', '-c', '{script}']\n"
    );
    let [first, second] = ["n1", "n2"].map(|host| replica(&stage, host, &steps));
    let _both = [first.spawn(&[]), second.spawn(&[])];
    for replica in [&first, &second] {
        replica.wait_for("failed", |status| state_of(status, "sync") == "failed").await;
    }
    stage.write("gate", "");
    eventually("one runs it, the other waits for it", PATIENCE, async || {
        let (one, other) = (first.status().await?, second.status().await?);
        let states = [state_of(&one, "sync"), state_of(&other, "sync")];
        let texts = format!("{one} {other}");
        if states.contains(&&Value::from("running"))
            && states.contains(&&Value::from("waiting"))
            && texts.contains("begun on n")
        {
            Ok(())
        } else {
            Err(texts)
        }
    })
    .await;
    stage.write("go", "");
    for replica in [&first, &second] {
        replica.settled(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_takes_too_long_has_failed() {
    let stage = Stage::loaded().await;
    let go = text(&stage.path("go"));
    let steps = step(&stage, "sync", "ever", &["--until", &go]) + "timeout = '500ms'\n";
    let replica = replica(&stage, "n1", &steps);
    let mut process = replica.spawn(&[]);
    begun(&stage, 2).await;
    // The second one is under way.
    assert_eq!(outcomes(&runs(&stage, "sync").await), ["failed", "begun"]);
    stage.write("go", "");
    process.wait_for_line("n1 ready", PATIENCE).await;
    assert_eq!(outcomes(&runs(&stage, "sync").await).last(), Some(&"done"));
}

/// How often a step has run after each of several starts.
async fn after_starts(once_per: &str, change: bool, images: &[&str]) -> Vec<usize> {
    let stage = Stage::loaded().await;
    let steps = step(&stage, "sync", once_per, &[]) + "files = ['s.conf']\n";
    let mut counts = Vec::new();
    for (number, image) in images.iter().enumerate() {
        let replica = replica(&stage, &format!("n{number}"), &steps);
        if change {
            stage.set(&[("s.conf/x/a", Some(&number.to_string()))]).await;
        } else {
            stage.set(&[("other.conf/x/a", Some(&number.to_string()))]).await;
        }
        let mut agent = replica.agent();
        agent.env("ETCSTACK_IMAGE", image).arg("--").args(replica.daemon(&[]));
        let mut process = Process::spawn(&mut agent);
        process.wait_for_line("ready", PATIENCE).await;
        replica.settled(0).await;
        counts.push(record(&stage).iter().filter(|line| line.starts_with("end")).count());
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn once_for_ever_per_image_and_per_change() {
    let images = ["s:1", "s:1", "s:2", "s:1"];
    assert_eq!(after_starts("ever", true, &images).await, [1, 1, 1, 1]);
    // A rollback to an image whose step has run needs nothing.
    assert_eq!(after_starts("image", true, &images).await, [1, 1, 2, 2]);
    assert_eq!(after_starts("change", true, &images).await, [1, 2, 3, 4]);
    assert_eq!(after_starts("change", false, &images).await, [1, 1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_step_prints_is_in_the_log_under_its_name() {
    let stage = Stage::loaded().await;
    let steps = step(&stage, "db-sync", "ever", &["--say", "a table is made"]);
    let replica = replica(&stage, "n1", &steps);
    let process = replica.start(&[]).await;
    for text in ["a table is made", "a table is made on standard error"] {
        let lines = process.lines();
        let line = lines.iter().find(|line| line.ends_with(text) || line.contains(text));
        assert!(line.is_some_and(|line| line.contains("db-sync")), "{text}: {line:?}");
    }
    assert_eq!(count(&process, "on standard error"), 1);
}

/// Whoever has lost its lock has lost it before the next one has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_without_its_lock_is_ended_and_writes_nothing() {
    let stage = Stage::loaded().await;
    let go = text(&stage.path("go"));
    let steps = step(&stage, "sync", "ever", &["--until", &go, "--say", "running"]);
    let [first, second] = ["n1", "n2"].map(|host| replica(&stage, host, &steps));
    let proxy = Proxy::to(stage.etcd.port()).await;
    let mut agent = first.agent();
    agent.env("ETCSTACK_STORE", format!("etcd://{}", proxy.address()));
    let mut fenced = Process::spawn(agent.arg("--").args(first.daemon(&[])));
    let line = fenced.wait_for_line("step {", PATIENCE).await;
    let step = pid_in(&line);
    assert!(is_alive(step));
    proxy.cut();
    let mut process = second.spawn(&[]);
    begun(&stage, 2).await;
    assert!(!is_alive(step), "two run at once");
    stage.write("go", "");
    process.wait_for_line("n2 ready", PATIENCE).await;
    proxy.mend();
    fenced.wait_for_line("n1 ready", PATIENCE).await;
    assert_eq!(record(&stage), ["begin sync", "begin sync", "end sync"]);
    let runs = runs(&stage, "sync").await;
    assert_eq!(runs.iter().filter(|run| run["outcome"] == "done").count(), 1, "{runs:?}");
}

/// Two agents of one name cannot tell their locks apart; neither may keep the other from ending.
#[tokio::test(flavor = "multi_thread")]
async fn two_of_one_name_come_up_nevertheless() {
    let stage = Stage::loaded().await;
    let go = text(&stage.path("go"));
    let steps = step(&stage, "sync", "ever", &["--until", &go]);
    let replicas = ["n1", "n2"].map(|host| replica(&stage, host, &steps));
    let mut processes = replicas.each_ref().map(|replica| {
        let mut agent = replica.agent();
        Process::spawn(agent.env("ETCSTACK_HOST", "n1").arg("--").args(replica.daemon(&[])))
    });
    let told = |process: &Process| count(process, "another agent is called n1 too") > 0;
    eventually("one is told", PATIENCE, async || processes.iter().any(told)).await;
    let tries = record(&stage).len();
    assert!(tries < 20, "tried {tries} times");
    stage.write("go", "");
    for process in &mut processes {
        process.wait_for_line(" ready", PATIENCE).await;
    }
    let ended = record(&stage).iter().filter(|line| *line == "end sync").count();
    assert_eq!(ended, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_step_as_well() {
    let stage = Stage::loaded().await;
    let steps = step(&stage, "sync", "ever", &["--until", "/no/such/file"]);
    let replica = replica(&stage, "n1", &steps);
    let mut process = replica.spawn(&[]);
    let line = process.wait_for_line("step {", PATIENCE).await;
    let step = pid_in(&line);
    process.signal(Signal::SIGTERM);
    process.wait(PATIENCE).await;
    assert!(!is_alive(step));
    eventually("the lock is free", PATIENCE, async || {
        stage.record("locks/bootstrap/s/sync/0").await.is_none()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn once_per_image_needs_to_know_the_image() {
    let stage = Stage::loaded().await;
    let more = step(&stage, "sync", "image", &[]);
    let replica = Replica::new(&stage, "n1", Manifest { more: &more, ..USUAL });
    let mut process = replica.spawn(&[]);
    assert_eq!(process.wait(PATIENCE).await.code(), Some(78));
    process.wait_for_line("ETCSTACK_IMAGE", PATIENCE).await;
}
