//! What is shown, step by step.

use etcstack_tests::Requests;

use crate::home::Home;
use crate::services::{IMAGES, LONG, Service, Services, answers};
use crate::show::{Clock, Show, say};

const CINDER: &str = "controller/cinder/cinder.conf";
const GLANCE: &str = "controller/glance/glance-api.conf";

/// What glance's workers say when they read their files.
const GLANCE_LOADS: &str = "Loading glance-api from";

impl Service {
    /// Waits for a line and shows it.
    async fn evidence(&mut self, clock: Clock, who: &str, text: &str) {
        let line = self.agent.wait_for_line(text, LONG).await;
        clock.evidence(who, &line);
    }

    fn count(&self, text: &str) -> usize {
        self.agent.lines().iter().filter(|line| line.contains(text)).count()
    }
}

pub(crate) async fn one_option(home: &mut Home, services: &mut Services, show: &Show) {
    show.title("One option of one service");
    let clock = home.put(&[(&format!("{CINDER}/DEFAULT/debug"), "True")]).await;
    let cinder = &mut services.cinder;
    cinder.evidence(clock, "agent", "applied").await;
    cinder.evidence(clock, "agent", "told the daemon").await;
    cinder.evidence(clock, "cinder-scheduler", "Option DEFAULT.debug changed from").await;
}

pub(crate) async fn one_variable(home: &mut Home, services: &mut Services, show: &Show) {
    show.title("One variable that both services use");
    let clock = home.put(&[("general/LOG_STYLE", "json")]).await;
    let Services { cinder, glance, .. } = services;
    cinder.evidence(clock, "cinder's agent", "applied").await;
    glance.evidence(clock, "glance's agent", "applied").await;
    cinder.evidence(clock, "cinder-scheduler", "Option DEFAULT.log-config-append changed").await;
    glance.evidence(clock, "glance, in JSON", &format!("{{\"message\": \"{GLANCE_LOADS}")).await;
}

pub(crate) async fn a_stream_of_requests(home: &mut Home, services: &mut Services, show: &Show) {
    show.title("A graceful reload under a stream of requests");
    let stream = Requests::start(&services.glance_address(), IMAGES, "\"images\"");
    say("four clients ask for the list of images, each time on a new connection");
    let glance = &mut services.glance;
    let clock = home.put(&[(&format!("{GLANCE}/DEFAULT/limit_param_default"), "50")]).await;
    glance.evidence(clock, "agent", "told the daemon").await;
    // Each of the two workers reads its files anew.
    glance.evidence(clock, "glance, worker 1", GLANCE_LOADS).await;
    glance.evidence(clock, "glance, worker 2", GLANCE_LOADS).await;
    answers(&services.glance_address()).await;
    let outcome = stream.stop().await;
    let text = format!("{} requests answered, {} failed", outcome.answered, outcome.failed.len());
    clock.evidence("clients", &text);
    assert!(outcome.failed.is_empty(), "requests failed: {:?}", outcome.failed);
    assert!(outcome.answered > 0, "no request was answered");
}

pub(crate) async fn a_transaction(home: &mut Home, services: &mut Services, show: &Show) {
    show.title("Five keys in one transaction, four of them for a restart: one restart");
    let cinder = &mut services.cinder;
    let (told, started) = ("told the daemon", "Starting cinder-scheduler node");
    let before = (cinder.count(told), cinder.count(started));
    let option = |name: &str| format!("{CINDER}/{name}");
    let keys = [
        ("general/GLANCE_HOST".to_owned(), "localhost"),
        (option("DEFAULT/debug"), "False"),
        (option("DEFAULT/scheduler_max_attempts"), "5"),
        (option("DEFAULT/max_gigabytes"), "9000"),
        (option("database/max_retries"), "20"),
    ];
    let pairs: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let clock = home.put(&pairs).await;
    cinder.evidence(clock, "agent", "applied").await;
    cinder.evidence(clock, "agent", "the daemon is started").await;
    cinder.evidence(clock, "cinder-scheduler", started).await;
    // Another change behind it: had there been a second action, it would be counted by now.
    let clock = home.put(&[(&option("DEFAULT/debug"), "True")]).await;
    cinder.evidence(clock, "agent", told).await;
    cinder.evidence(clock, "cinder-scheduler", "Option DEFAULT.debug changed").await;
    let after = (cinder.count(told) - 1, cinder.count(started) - 1);
    assert_eq!(after, before, "the transaction was more than one restart");
    say("one restart for the five, and one signal for the key after them");
}

pub(crate) async fn a_mistake(home: &mut Home, services: &mut Services, show: &Show) {
    show.title("A mistake is refused, and everything runs on");
    let cinder = &mut services.cinder;
    let before = cinder.count("told the daemon");
    let url = "sqlite:///$NO_SUCH_VARIABLE";
    let clock = home.put(&[(&format!("{CINDER}/database/connection"), url)]).await;
    cinder.evidence(clock, "agent", "unknown variable $NO_SUCH_VARIABLE").await;
    cinder.evidence(clock, "agent", "refused").await;
    let mended = "sqlite:///$STATE_DIR/cinder.sqlite";
    let clock = home.put(&[(&format!("{CINDER}/database/connection"), mended)]).await;
    cinder.evidence(clock, "agent", "no file changes").await;
    assert_eq!(cinder.count("told the daemon"), before, "the daemon was told of a mistake");
    assert!(cinder.agent.status().is_none(), "the daemon has ended");
    answers(&services.glance_address()).await;
    say("no signal was sent; cinder-scheduler and glance run on");
}
