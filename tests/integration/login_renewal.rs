//! Credentials live shorter than a backup: it goes on through their renewals, and through times when they fail.

pub mod scene;

use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::harness::{Container, Ended, ended};
use scene::{Prober, SLOW_BACKUP, Scene};

/// The storage's shortest session is 10 s in the rig.
const SESSION: u32 = 18;
/// Longer than a renewal that goes well takes on a busy machine, in seconds.
const RENEWAL: u64 = 3;

fn slow_backup(server: &Container) -> Child {
    server.spawn_exec([], SLOW_BACKUP)
}

/// Waits for another renewal than those that were before.
fn wait_for_renewal(scene: &Scene, server: &Container) {
    let before = scene.realm.count("refreshed");
    server.wait_for("a renewal", |_| scene.realm.count("refreshed") > before);
}

/// restic tells each request that had to be tried again.
fn tried_again(end: &Ended) -> bool {
    end.all().contains("retrying") || end.all().contains("returned error")
}

#[track_caller]
fn is_whole(server: &Container) {
    server
        .exec(["restic", "check", "--read-data"])
        .ok()
        .says("no errors were found");
}

#[test]
fn a_backup_goes_on_through_renewals_and_a_short_outage_of_the_login_service() {
    let scene = Scene::new(SESSION);
    let server = scene.installation.server();
    server.exec(["backup", "/backup/dir1/file"]).ok();
    scene.slow_file(60);
    let (refreshed, keys) = (scene.realm.count("refreshed"), scene.realm.count("jwks"));
    let begun = Instant::now();
    let mut backup = slow_backup(&server);
    let prober = Prober::start(&server);
    for _ in 0..3 {
        wait_for_renewal(&scene, &server);
    }
    let renewals = scene.realm.count("refreshed") - refreshed;
    assert!(renewals >= 3, "{renewals}");

    // Longer than a renewal needs, and shorter than the credentials still last: the next one is due after 12 s.
    sleep(Duration::from_secs(RENEWAL));
    scene.fail(r#"{"*": 503}"#);
    let asked = scene.realm.count("token");
    server.wait_for("a renewal fails", |_| scene.realm.count("token") > asked);
    sleep(Duration::from_secs(1));
    scene.fail("{}");
    wait_for_renewal(&scene, &server);

    // RGW asks for the keys at each exchange.
    let exchanges = scene.realm.count("jwks") - keys;
    assert!(exchanges >= 4, "{exchanges}");
    assert!(
        backup.try_wait().expect("a state").is_none(),
        "it ended before: {:?}",
        begun.elapsed()
    );
    let end = ended("the backup", backup).ok().says("saved");
    assert!(begun.elapsed() > Duration::from_secs(3 * u64::from(SESSION)));
    assert!(!tried_again(&end), "{}", end.all());
    prober.end().went_well();
    is_whole(&server);
    server.exec(["healthcheck"]).ok();
    assert_eq!(
        server.logged("does not work: its answer is not that of a login service"),
        1
    );
    assert_eq!(server.logged("the login works again"), 1);
}

#[test]
fn a_backup_outlives_an_outage_of_the_login_service_longer_than_the_credentials() {
    let scene = Scene::new(12);
    let server = scene.installation.server();
    server.exec(["backup", "/backup/dir1/file"]).ok();
    scene.slow_file(40);
    let mut backup = slow_backup(&server);
    server.pid("restic", "backup");
    sleep(Duration::from_secs(3));
    scene.fail(r#"{"*": "drop"}"#);
    server.wait_for("the credentials have ended", |server| {
        server.exec(["healthcheck"]).code == 1
    });
    sleep(Duration::from_secs(5));
    scene.fail("{}");
    let back = server.wait_at_most(Duration::from_secs(15), "healthy again", |server| {
        server.exec(["healthcheck"]).code == 0
    });
    eprintln!("healthy {back:?} after the outage");
    assert!(
        backup.try_wait().expect("a state").is_none(),
        "it ended before"
    );
    let end = ended("the backup", backup).ok().says("saved");
    assert!(
        tried_again(&end),
        "no request of it met the outage: {}",
        end.all()
    );
    is_whole(&server);
    assert_eq!(
        server.logged("the login works again"),
        1,
        "{}",
        server.logs()
    );
}

#[test]
fn a_login_service_that_hangs_holds_up_no_request_and_no_stop() {
    let scene = Scene::new(120);
    let server = scene.installation.server();
    scene.fail(r#"{"token": "hang"}"#);
    let renewal = server.spawn_exec([], ["check-refresh-token"]);
    let asked = scene.realm.count("token");
    let prober = Prober::start(&server);
    server.wait_for("it is asked", |_| scene.realm.count("token") > asked);
    sleep(Duration::from_secs(6));
    server.exec(["backup", "/backup/dir1/file"]).ok();
    prober.end().went_well();

    server.exec(["healthcheck"]).ok();
    let took = server.stop();
    eprintln!("stopped within {took:?}");
    assert!(took < Duration::from_secs(9), "{took:?}\n{}", server.logs());
    assert_eq!(server.exit_code(), 0);
    assert_eq!(server.logged("INFO stopped"), 1, "{}", server.logs());
    drop(ended("the check", renewal));
}

#[test]
fn a_new_login_fails_no_request_in_flight() {
    let scene = Scene::new(30);
    let server = scene.installation.server();
    server.exec(["backup", "/backup/dir1/file"]).ok();
    scene.slow_file(40);
    let rclone = server.pid("rclone", "serve");
    let mut backup = slow_backup(&server);
    server.pid("restic", "backup");
    let prober = Prober::start(&server);
    scene
        .installation
        .re_auth()
        .ok()
        .says("The running server has taken it.");
    assert!(
        backup.try_wait().expect("a state").is_none(),
        "it ended before"
    );
    let end = ended("the backup", backup).ok().says("saved");
    assert!(!tried_again(&end), "{}", end.all());
    prober.end().went_well();
    assert_eq!(
        server.pid("rclone", "serve"),
        rclone,
        "it was not started again"
    );
    is_whole(&server);
}
