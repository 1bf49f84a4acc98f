//! The two services: their files, databases and agents.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use etcstack_tests::{Port, Process, eventually, http};
use nix::sys::signal::Signal;

use crate::home::{Home, copy, source};
use crate::show::{Show, command, done};

/// Python and their databases take their time on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// Where the API lists the images.
pub(crate) const IMAGES: &str = "/v2/images";

/// A daemon under its agent.
pub(crate) struct Service {
    pub(crate) agent: Process,
}

pub(crate) struct Services {
    pub(crate) cinder: Service,
    pub(crate) glance: Service,
    port: Port,
}

/// A program that was built together with this one.
pub(crate) fn own_program(name: &str) -> PathBuf {
    std::env::current_exe().unwrap().with_file_name(name)
}

/// What both services need in their environment.
fn environment(command: &mut Command, venv: &Path, folder: &Path) {
    command
        .env("PATH", format!("{}:{}", venv.join("bin").display(), std::env::var("PATH").unwrap()))
        .env("STATE_DIR", folder.join("state"))
        .env("LOGGING_DIR", folder.join("logging"))
        .env("GLANCE_PASTE_CONFIG", venv.join("etc/glance/glance-api-paste.ini"))
        .env("OS_GLANCE_CONFIG_DIR", folder.join("glance/etc"))
        .env("PYTHONWARNINGS", "ignore")
        .current_dir(folder);
}

/// The manifests, the default files as their packages document them, and cinder's catalog.
pub(crate) async fn prepare(venv: &Path, folder: &Path) {
    for name in ["cinder", "glance", "logging"] {
        copy(&source().join("tests/demo").join(name), &folder.join(name));
    }
    for name in ["cinder/lock", "glance/images", "glance/staging", "glance/tasks", "glance/lock"] {
        std::fs::create_dir_all(folder.join("state").join(name)).unwrap();
    }
    let begun = Instant::now();
    let generator = source().join("tests/openstack/default.sh");
    let generate = async |service: &str, file: &str| {
        let default = folder.join(service).join("default");
        std::fs::create_dir_all(&default).unwrap();
        let mut command = Command::new(&generator);
        finish(command.arg(venv).arg(service).arg(default.join(file))).await;
    };
    tokio::join!(generate("cinder", "cinder.conf"), generate("glance", "glance-api.conf"));
    done("default files, from oslo-config-generator", begun);
    let begun = Instant::now();
    let script = source().join("tests/openstack/catalog.sh");
    let list = finish(Command::new(script).arg(venv).arg("cinder")).await;
    let mut loader = Command::new(own_program("etcstack-loader"));
    let catalog = folder.join("cinder/catalog.json");
    finish(loader.arg("catalog").args(&list).arg("--output").arg(catalog)).await;
    done("cinder's catalog, from oslo-config-generator and etcstack-loader", begun);
}

/// Runs a command to its end, which has to be a good one, and gives what it has printed.
async fn finish(command: &mut Command) -> Vec<String> {
    let mut process = Process::quiet(command);
    let status = process.wait(LONG).await;
    assert!(status.success(), "{command:?}\n{}", process.lines().join("\n"));
    process.lines()
}

impl Services {
    pub(crate) async fn start(venv: &Path, folder: &Path, home: &Home, show: &Show) -> Self {
        show.title("Two services, each under its agent");
        let port = Port::claim();
        let agent = |service: &str| {
            let mut agent = Command::new(own_program("etcstack-agent"));
            environment(&mut agent, venv, folder);
            agent
                .env("ETCSTACK_STORE", home.url())
                .env("ETCSTACK_ROLE", "controller")
                .env("ETCSTACK_MANIFEST", folder.join(service).join("agent.toml"))
                .env("GLANCE_PORT", port.number().to_string())
                .args(["run", "--"]);
            agent
        };
        let begun = Instant::now();
        let mut cinder = agent("cinder");
        cinder.args(["cinder-scheduler", "--config-file", "cinder/etc/cinder.conf"]);
        let mut glance = agent("glance");
        glance.args(["uwsgi", "--ini", "glance/uwsgi.ini"]);
        let mut services = Self {
            cinder: Service { agent: Process::quiet(&mut cinder) },
            glance: Service { agent: Process::quiet(&mut glance) },
            port,
        };
        services.wait_until_ready(begun).await;
        services
    }

    async fn wait_until_ready(&mut self, begun: Instant) {
        for (name, service) in [("cinder", &mut self.cinder), ("glance", &mut self.glance)] {
            service.agent.wait_for_line("the daemon is started", LONG).await;
            done(&format!("{name}'s database is made, by its bootstrap step"), begun);
        }
        self.cinder.agent.wait_for_line("Starting cinder-scheduler node", LONG).await;
        done("cinder-scheduler is up", begun);
        let address = self.glance_address();
        answers(&address).await;
        done(&format!("the glance API answers on {address}"), begun);
    }

    pub(crate) fn glance_address(&self) -> String {
        self.port.address()
    }

    /// Prints what the services say, for ever.
    pub(crate) async fn echo(&mut self) {
        let (cinder, glance) = (&mut self.cinder.agent, &mut self.glance.agent);
        let mut seen = [cinder.lines().len(), glance.lines().len()];
        loop {
            for ((name, agent), seen) in
                [("cinder", &*cinder), ("glance", &*glance)].into_iter().zip(&mut seen)
            {
                let lines = agent.lines();
                for line in &lines[*seen..] {
                    println!("{name:<7} {line}");
                }
                *seen = lines.len();
                assert!(agent.status().is_none(), "{name} ended");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends both as a container's runtime would, and shows that their exit codes come through.
    pub(crate) async fn stop(mut self) {
        let clock = command("kill -TERM, to each agent");
        for (name, service) in
            [("cinder-scheduler", &mut self.cinder), ("glance API", &mut self.glance)]
        {
            service.agent.signal(Signal::SIGTERM);
            let status = service.agent.wait(LONG).await;
            let line = service.agent.wait_for_line("stopping the daemon", LONG).await;
            clock.evidence(name, &line);
            let code = status.code().unwrap_or_else(|| panic!("the agent was killed: {status}"));
            clock.evidence(name, &format!("exit code {code}"));
        }
    }
}

/// Waits until the API answers.
pub(crate) async fn answers(address: &str) {
    eventually("glance answers", LONG, async || match http(address, "GET", IMAGES).await {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(answer.head),
        Err(error) => Err(error.to_string()),
    })
    .await;
}
