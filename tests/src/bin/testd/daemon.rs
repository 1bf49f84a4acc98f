//! The daemon's life.

use std::future::pending;
use std::process::{Child, ChildStdin};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::Args;
use crate::identity::Inherited;
use crate::orders::{Death, Orders};
use crate::record::append;
use crate::say::say;
use crate::web::{Readiness, serve};
use crate::{family, signals};

struct Daemon {
    args: Args,
    inherited: Inherited,
    /// Those of the command line and of the file as it was last read.
    orders: Orders,
    readiness: watch::Sender<Readiness>,
    /// When it becomes ready.
    ready_at: Option<Instant>,
    /// When and how it ends.
    end: Option<(Instant, Death)>,
    _children: Vec<Child>,
    _held: Option<ChildStdin>,
}

/// Runs until it ends in one of its ways.
pub(crate) fn run(args: Args, mut inherited: Inherited) {
    inherited.show(&args.show);
    say(format_args!("started {} {}", std::process::id(), text(&args)));
    say(format_args!("is {}", inherited.json()));
    let orders = args.orders.and_of(args.file.as_deref());
    drop(family::orphans(orders.orphans.max(args.orphans)));
    let daemon = Daemon {
        _children: family::stubborn(orders.stubborn),
        _held: family::orphans(orders.held_orphans),
        args,
        inherited,
        orders,
        readiness: watch::Sender::default(),
        ready_at: None,
        end: None,
    };
    daemon.not_ready();
    if let Some(death) = daemon.orders.die_on_start {
        daemon.die(death);
    }
    std::thread::sleep(Duration::from_millis(daemon.args.handlers_after));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(daemon.live());
}

/// What its file holds, on one line.
fn text(args: &Args) -> String {
    let text = args.file.as_ref().map(|file| std::fs::read_to_string(file).unwrap_or_default());
    format!("{:?}", text.unwrap_or_default())
}

impl Daemon {
    async fn live(mut self) {
        let mut signals = signals::catch_all();
        say("listening");
        if let Some(address) = self.args.listen.clone() {
            tokio::spawn(serve(address, self.args.needs.clone(), self.readiness.subscribe()));
        }
        self.take_orders();
        loop {
            let (ready_at, end) = (self.ready_at, self.end);
            tokio::select! {
                biased;
                name = signals.recv() => self.on_signal(&name.expect("signals go on")),
                () = until(ready_at) => self.ready(),
                () = until(end.map(|(at, _)| at)) => self.die(end.expect("it is time").1),
            }
        }
    }

    fn on_signal(&mut self, name: &str) {
        match name {
            "HUP" => {
                say(format_args!("got HUP {}", text(&self.args)));
                self.orders = self.args.orders.and_of(self.args.file.as_deref());
                if let Some(death) = self.orders.die_on_hup {
                    self.die(death);
                }
                self.take_orders();
            }
            "USR1" => say(format_args!("got USR1 {}", text(&self.args))),
            "USR2" => {
                say("got USR2");
                say(format_args!("is {}", self.inherited.json()));
            }
            "TERM" => {
                say("got TERM");
                if let (Ok(code), false) = (self.args.on_term.parse(), self.orders.ignore_term) {
                    self.register("down");
                    self.end = Some((Instant::now() + self.orders.stop_after, Death::Exit(code)));
                }
            }
            "INT" | "QUIT" => {
                say(format_args!("got {name}"));
                if !self.orders.ignore_term {
                    self.die(Death::Exit(0));
                }
            }
            _ => say(format_args!("got {name}")),
        }
    }

    /// Becomes what its orders want.
    fn take_orders(&mut self) {
        let wanted = &self.orders;
        self.ready_at = None;
        if wanted.not_ready || wanted.deaf {
            return self.not_ready();
        }
        if wanted.ready_after.is_zero() {
            return self.ready();
        }
        self.ready_at = Some(Instant::now() + wanted.ready_after);
        self.not_ready();
    }

    fn ready(&mut self) {
        self.ready_at = None;
        if let Some((after, death)) = self.orders.die_after {
            self.end = Some((Instant::now() + after, death));
        }
        if self.readiness.borrow().ready {
            return;
        }
        // Whoever sees that it is ready finds it in the register.
        self.register("up");
        self.readiness.send_replace(Readiness { ready: true, deaf: false });
        if let Some(path) = &self.args.ready_file {
            append(path, "ready");
        }
        say("ready");
    }

    fn not_ready(&self) {
        if let Some(path) = &self.args.ready_file {
            let _ = std::fs::remove_file(path);
        }
        let before =
            self.readiness.send_replace(Readiness { ready: false, deaf: self.orders.deaf });
        if before.ready {
            self.register("down");
            say("not ready");
        }
    }

    fn die(&self, death: Death) -> ! {
        self.register("down");
        match death {
            Death::Exit(code) => std::process::exit(code),
            Death::Kill => signals::kill_self(),
        }
    }

    fn register(&self, event: &str) {
        if let Some(path) = &self.args.register {
            append(path, &format!("{event} {}", self.args.name.as_deref().unwrap_or("?")));
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
