//! A machine whose clock is wrong: the containers of the image see another time, by Debian's libfaketime, which is mounted
//! into them; the login service and the storage keep the right one.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::scene::{Checked, Scene};
use super::{DAY, REAUTH, date, now};
use crate::harness::docker;
use crate::login_host;

/// Debian's library, for containers of our image, which is a Debian of the same release.
struct WrongClock {
    folder: TempDir,
}

impl WrongClock {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mount = format!("--volume={}:/out", folder.path().display());
        let copy = "install -m 755 /usr/lib/*/faketime/libfaketimeMT.so.1 /out/faketime.so; chmod 755 /out";
        let host = login_host::built();
        docker(["run", "--rm", "--user=root", &mount, host, "sh", "-c", copy]).ok();
        Self { folder }
    }

    /// Options for a container whose clock differs by this: `-2m`.
    fn options(&self, differs: &str) -> [String; 4] {
        [
            format!("--volume={}:/faketime:ro", self.folder.path().display()),
            "--env=LD_PRELOAD=/faketime/faketime.so".to_owned(),
            format!("--env=FAKETIME={differs}"),
            "--env=DONT_FAKE_MONOTONIC=1".to_owned(),
        ]
    }
}

/// A user whose login has a little less than seven days left.
fn a_week_less_a_moment(script: &str) -> (Scene, i64) {
    let scene = Scene::new(script);
    let end = now() + 7 * DAY - 1;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    scene.installation.log_in().ok();
    (scene, end)
}

/// The alert, with both clocks that ours is behind; by how much is told to a second or two.
#[track_caller]
fn is_the_alert(checked: &Checked, scene: &Scene, end: i64) {
    assert_eq!(checked.code, 1, "{}", checked.all);
    let lines: Vec<&str> = checked.body.lines().collect();
    let [verdict, remedy, clocks @ .., set] = &lines[..] else {
        panic!("{}", checked.body);
    };
    assert_eq!(
        *verdict,
        format!("The login ends in 6 days, on {}", date(end))
    );
    assert_eq!(
        *remedy,
        format!("Log in again before that: {REAUTH}"),
        "{}",
        checked.body
    );
    assert_eq!(
        *set,
        "Set the clock of this machine (timedatectl set-ntp true)."
    );
    let issuer = format!("the login service {}", scene.realm.issuer());
    for (note, other) in clocks
        .iter()
        .zip([&issuer, "the storage https://rgw.test:8443/"])
    {
        let begin = "Note: the clock of this machine is 1";
        assert!(note.starts_with(begin), "{note}");
        assert!(
            note.contains(&format!(" s behind that of {other}")),
            "{note}"
        );
    }
    assert_eq!(clocks.len(), 2, "{}", checked.body);
}

#[test]
fn a_clock_that_is_behind_does_not_put_off_the_alert() {
    let clock = WrongClock::new();
    let options = clock.options("-2m");
    let options = options.iter().map(String::as_str);
    for script in ["{}", r#"{"refresh_token": "opaque"}"#] {
        let (mut scene, end) = a_week_less_a_moment(script);
        is_the_alert(&scene.check(options.clone()), &scene, end);

        // Beside a server, which makes the refresh: by the same clock, for it is the same machine.
        scene.installation = scene
            .installation
            .env("OIDC_TOKEN_CHECK_URL", "")
            .with(options.clone());
        let server = scene.installation.server();
        is_the_alert(&scene.check_beside(&server), &scene, end);
    }
}

#[test]
fn a_clock_that_is_ahead_is_named() {
    let scene = Scene::new("{}");
    let end = now() + 20 * DAY + 300;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    scene.installation.log_in().ok();
    let clock = WrongClock::new();
    let options = clock.options("+2m");
    let checked = scene.check(options.iter().map(String::as_str));
    assert_eq!(checked.code, 0, "{}", checked.all);
    assert!(checked.took < Duration::from_secs(30), "{:?}", checked.took);
    let verdict = format!("The login is good for 20 days, until {}\n", date(end));
    assert!(checked.body.starts_with(&verdict), "{}", checked.body);
    let issuer = scene.realm.issuer();
    for other in [
        format!("the login service {issuer}"),
        "the storage https://rgw.test:8443/".to_owned(),
    ] {
        let told = format!(" s ahead of that of {other}\n");
        assert!(checked.body.contains(&told), "{}", checked.body);
    }
    assert!(
        checked
            .body
            .ends_with("Set the clock of this machine (timedatectl set-ntp true).\n"),
        "{}",
        checked.body
    );
    // A clock that differs by less than a minute is not worth a word.
    let options = clock.options("-30s");
    let checked = scene.check(options.iter().map(String::as_str));
    assert_eq!(checked.code, 0, "{}", checked.all);
    assert_eq!(checked.body.lines().count(), 2, "{}", checked.body);
}
