//! The loader as a whole, with files, events and time.

use std::{fs, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    Loader, Options, Status,
    fixture::{Dir, text_of},
};
use crate::state::{Current, Registry, fixture::Fixture};

/// So long that only a bug needs it.
const PATIENCE: Duration = Duration::from_secs(30);
/// So long that no test polls.
const NEVER: Duration = Duration::from_hours(1);

/// A loader that runs until it is dropped.
struct Running {
    current: Arc<Current>,
    health: Arc<Notify>,
    status: watch::Receiver<Status>,
    _task: JoinSet<()>,
}

impl Running {
    fn new(options: Options) -> Self {
        let loader = Loader::new(options, vec!["web=:80".parse().unwrap()], Registry::new(0));
        let (current, health) = (loader.current().clone(), loader.health());
        let status = loader.status();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let never = loader.run().await;
            match never {}
        });
        Self {
            current,
            health,
            status,
            _task: task,
        }
    }

    async fn until(&mut self, condition: impl FnMut(&Status) -> bool) -> Status {
        let reached = timeout(PATIENCE, self.status.wait_for(condition)).await;
        let status = reached.map(|status| status.unwrap().clone());
        status.unwrap_or_else(|_| panic!("it stays at {:?}", self.status.borrow()))
    }
}

fn fixture(address: &str) -> Fixture {
    Fixture::default().leaf("l1", &[address]).route("a", "l1")
}

#[tokio::test]
async fn changes_are_noticed_without_polling() {
    let dir = Dir::new();
    let mut running = Running::new(Options {
        poll: NEVER,
        ..Options::new(dir.path())
    });
    running.until(|status| status.rejections == 1).await;
    let mount = |address: &str| {
        let Fixture { config, endpoints } = fixture(address);
        dir.mount(&[
            ("config.json", &text_of(&config)),
            ("endpoints.json", &text_of(&endpoints)),
        ]);
    };
    for loads in 1..=20 {
        mount(&format!("10.0.0.{loads}:80"));
        let status = running.until(|status| status.loads == loads).await;
        assert!(status.in_sync && status.rejections == 1, "{status:?}");
    }
}

#[tokio::test]
async fn plain_files_are_noticed_without_polling() {
    let dir = Dir::new();
    let Fixture { config, endpoints } = fixture("10.0.0.1:80");
    dir.put_document(&config);
    let mut running = Running::new(Options {
        poll: NEVER,
        ..Options::new(dir.path())
    });
    running.until(|status| status.last_rejection.is_some()).await;
    dir.put_document(&endpoints);
    running.until(|status| status.loads == 1 && status.in_sync).await;
    dir.remove("config.json");
    let status = running.until(|status| !status.in_sync).await;
    assert!(status.loaded.is_some(), "what was loaded stays");
    dir.put_document(&config);
    running.until(|status| status.loads == 1 && status.in_sync).await;
}

#[tokio::test]
async fn a_directory_that_comes_late_or_is_replaced_is_found_by_polling() {
    let parent = Dir::new();
    let place = parent.path().join("config");
    let mut running = Running::new(Options {
        poll: Duration::from_millis(20),
        ..Options::new(&place)
    });
    let status = running.until(|status| status.rejections == 1).await;
    assert_eq!(status.last_rejection.unwrap().reason.code.as_str(), "unreadable");
    for loads in 1..=2 {
        let next = Dir::new();
        let fixture = fixture(&format!("10.0.0.{loads}:80"));
        next.put_document(&fixture.endpoints);
        next.put_document(&fixture.config);
        if loads > 1 {
            fs::remove_dir_all(&place).unwrap();
        }
        fs::create_dir(&place).unwrap();
        for name in ["endpoints.json", "config.json"] {
            fs::copy(next.path().join(name), place.join(name)).unwrap();
        }
        running
            .until(|status| status.loads == loads && status.in_sync)
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_config_is_held_for_two_seconds_and_then_goes_without() {
    let dir = Dir::new();
    dir.put_document(&fixture("10.0.0.1:80").config);
    dir.put_document(&Fixture::default().endpoints);
    let start = Instant::now();
    let mut running = Running::new(Options::new(dir.path()));
    let status = running.until(|status| !status.waiting_for.is_empty()).await;
    assert_eq!(
        (&*status.waiting_for, status.loads),
        (&["apps/l1:80".to_owned()][..], 0)
    );
    let status = running.until(|status| status.loads == 1).await;
    assert!(status.waiting_for.is_empty());
    assert_eq!(status.loaded.unwrap().absent, ["apps/l1:80"]);
    let waited = start.elapsed();
    assert!(
        (Duration::from_secs(2)..Duration::from_millis(2_100)).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_config_is_loaded_when_what_it_waits_for_comes() {
    let dir = Dir::new();
    let Fixture { config, endpoints } = fixture("10.0.0.1:80");
    dir.put_document(&config);
    dir.put_document(&Fixture::default().endpoints);
    let start = Instant::now();
    let mut running = Running::new(Options {
        hold: NEVER,
        ..Options::new(dir.path())
    });
    running.until(|status| !status.waiting_for.is_empty()).await;
    dir.put_document(&endpoints);
    let status = running.until(|status| status.loads == 1).await;
    assert!(status.loaded.unwrap().absent.is_empty());
    assert!(start.elapsed() < NEVER);
}

#[tokio::test(start_paused = true)]
async fn changes_during_a_hold_do_not_prolong_it() {
    let dir = Dir::new();
    dir.put_document(&Fixture::default().endpoints);
    dir.put_document(&fixture("10.0.0.1:80").config);
    let start = Instant::now();
    let mut running = Running::new(Options {
        hold: Duration::from_secs(10),
        ..Options::new(dir.path())
    });
    for revision in 2..6 {
        running.until(|status| !status.waiting_for.is_empty()).await;
        tokio::time::advance(Duration::from_secs(2)).await;
        let mut config = fixture("10.0.0.1:80").config;
        config.revision = revision;
        dir.put_document(&config);
    }
    let status = running.until(|status| status.loads == 1).await;
    assert_eq!(status.loaded.unwrap().revision, 5);
    assert!(start.elapsed() < Duration::from_secs(11), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_bad_file_is_one_rejection_however_often_it_is_seen() {
    let dir = Dir::new();
    dir.put("config.json", "nonsense");
    let mut running = Running::new(Options::new(dir.path()));
    running.until(|status| status.rejections == 1).await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!(running.status.borrow().rejections, 1);
    dir.remove("config.json");
    running.until(|status| status.rejections == 2).await;
}

#[tokio::test]
async fn many_changes_of_health_are_few_builds() {
    let dir = Dir::new();
    let Fixture { config, endpoints } = fixture("10.0.0.1:80");
    dir.put_document(&config);
    dir.put_document(&endpoints);
    let mut running = Running::new(Options {
        poll: NEVER,
        ..Options::new(dir.path())
    });
    running.until(|status| status.loads == 1 && status.in_sync).await;
    let mut generation = running.current.generation();
    let before = *generation.borrow_and_update();
    let start = Instant::now();
    for _ in 0..100 {
        running.health.notify_one();
        sleep(Duration::from_millis(1)).await;
    }
    // the last change is built as well
    let last = *generation.borrow_and_update();
    running.health.notify_one();
    timeout(PATIENCE, generation.wait_for(|now| *now > last))
        .await
        .unwrap()
        .unwrap();
    let most = start.elapsed().as_millis() as u64 / 5 + 2;
    let builds = *generation.borrow() - before;
    assert!((2..=most).contains(&builds), "{builds} of at most {most}");
    assert_eq!(running.status.borrow().loads, 1);
}
