//! `check-refresh-token`: what it says, what the check hears, and the exit code, for each state of a login.
//!
//! The exact second of each limit is held by unit tests of its verdict.

mod beside;
mod clock;
mod opaque;
mod scene;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::harness::{Ended, ended};
use scene::Scene;

const DAY: i64 = 86_400;
const REAUTH: &str = "docker compose run --rm cloud-backup reauth";
const COMMAND: [&str; 1] = ["check-refresh-token"];

/// As the report has it.
pub fn date(second: i64) -> String {
    let time = Timestamp::from_second(second).expect("a time");
    time.strftime("%A, %-d %B %Y, %H:%M UTC").to_string()
}

pub fn now() -> i64 {
    Timestamp::now().as_second()
}

fn good(days: &str, end: i64) -> String {
    let date = date(end);
    format!("The login is good for {days}, until {date}\nTo renew it at any time: {REAUTH}\n")
}

fn soon(days: &str, end: i64) -> String {
    let date = date(end);
    format!("The login ends in {days}, on {date}\nLog in again before that: {REAUTH}\n")
}

#[test]
fn the_days_that_are_left_are_told_and_from_the_seventh_on_it_fails() {
    let scene = Scene::new("{}");
    let log_in_until = |end: i64| {
        scene
            .realm
            .control(&json!({ "refresh_expires_at": end }).to_string());
    };
    let end = now() + 31 * DAY + 60;
    log_in_until(end);
    scene.installation.log_in().ok();
    scene.check([]).is(0, &good("31 days", end));
    scene
        .check(["--env=TOKEN_WARN_DAYS=30"])
        .is(0, &good("31 days", end));
    scene
        .check(["--env=TOKEN_WARN_DAYS=32"])
        .is(1, &soon("31 days", end));
    let end = now() + 8 * DAY;
    log_in_until(end);
    scene.installation.re_auth().ok();
    scene.check([]).is(0, &good("7 days", end));
    scene
        .check(["--env=TOKEN_WARN_DAYS=8"])
        .is(1, &soon("7 days", end));
    let checked = scene.check(["--env=TZ=Asia/Tokyo"]);
    let there = date(end + 9 * 3600).replace("UTC", "JST");
    assert!(checked.body.contains(&there), "{}", checked.body);
    let end = now() + DAY;
    log_in_until(end);
    scene.installation.re_auth().ok();
    scene.check([]).is(1, &soon("23 hours", end));
    scene
        .check(["--env=TOKEN_WARN_DAYS=0"])
        .is(0, &good("23 hours", end));
}

#[test]
fn seven_days_and_some_seconds_are_good_and_some_seconds_less_are_not() {
    let scene = Scene::new("{}");
    let end = now() + 7 * DAY + 30;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    scene.installation.log_in().ok();
    let checked = scene.check([]);
    assert!(now() < end - 7 * DAY, "the login took too long");
    checked.is(0, &good("7 days", end));
    let left = u64::try_from(end - 7 * DAY - now()).expect("seconds");
    std::thread::sleep(Duration::from_secs(left + 1));
    scene.check([]).is(1, &soon("6 days", end));
}

#[test]
fn a_login_that_has_ended_is_told_with_its_day() {
    let scene = Scene::new("{}");
    let end = now() + 15;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    scene.installation.log_in().ok();
    let left = u64::try_from(end - now()).unwrap_or(0);
    std::thread::sleep(Duration::from_secs(left + 1));
    let said = "invalid_token: Expired refresh token: [redacted]";
    let body = format!(
        "The login has ended, on {}\nLog in again: {REAUTH}\n{said}\n",
        date(end)
    );
    let checked = scene.check([]);
    checked.is(77, &body);
    assert!(!checked.all.contains(&scene.refresh_token()));
    // The date alone tells it too.
    scene.realm.control(r#"{"fail": {"token": 503}}"#);
    let checked = scene.check([]);
    assert_eq!(checked.code, 77, "{}", checked.all);
    assert!(
        checked
            .body
            .starts_with(&format!("The login has ended, on {}\n", date(end))),
        "{}",
        checked.body
    );
}

#[test]
fn a_refusal_is_an_end_whatever_its_form_and_never_shows_the_token() {
    let scene = Scene::new("{}");
    let end = now() + 20 * DAY;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    scene.installation.log_in().ok();
    let token = scene.refresh_token();
    let body = |said: &str| {
        format!(
            "The login has ended before its time: {said}\nLog in again: {REAUTH}\nIt was to last until {}\n",
            date(end)
        )
    };
    for (status, error, description, said) in [
        (
            400,
            "invalid_grant",
            "Expired refresh token: TOKEN",
            "Expired refresh token: [redacted]",
        ),
        (
            401,
            "invalid_token",
            "Expired refresh token: TOKEN",
            "Expired refresh token: [redacted]",
        ),
        (
            400,
            "invalid_token",
            "TOKEN of USER is no good",
            "[redacted] of USER is no good",
        ),
        (401, "invalid_grant", "it was TOKEN", "it was [redacted]"),
    ] {
        let answer = json!({"status": status, "error": error, "description": description});
        scene
            .realm
            .control(&json!({ "answer": answer }).to_string());
        let checked = scene.check([]);
        let said = said.replace("USER", scene.installation.user());
        checked.is(77, &body(&format!("{error}: {said}")));
        assert!(!checked.all.contains(&token), "{}", checked.all);
        assert!(!checked.all.contains("eyJ"), "{}", checked.all);
    }
    scene.realm.control(r#"{"answer": {"reason": "aup"}}"#);
    scene.check([]).is(77, &format!(
        "Check of the login failed: the login service refuses the login: invalid_grant: User {} needs to sign AUP for this \
         organization in order to proceed\nOpen the login service in a browser and do what it asks for, then: docker compose run --rm \
         cloud-backup config\n\
         By its date the login lasts until {}\n",
        scene.installation.user(), date(end)
    ));
    let revoke = json!({"answer": null, "revoke": scene.installation.user()});
    scene.realm.control(&revoke.to_string());
    let said = "invalid_token: Invalid refresh token: token not found";
    scene.check([]).is(77, &body(said));
}

#[test]
fn what_is_wrong_here_is_told_and_is_no_end_of_the_login() {
    let scene = Scene::new("{}");
    scene.check([]).is(
        78,
        "Check of the login failed: not configured yet: nobody has logged in on this volume\n\
         Log in: docker compose run --rm cloud-backup config\n",
    );
    scene
        .check(["--env=TOKEN_WARN_DAYS=x", "--env=STS_DURATION=y"])
        .is(
            78,
            "Check of the login failed: the configuration has 2 problems:\n\
         Correct the .env file (or the environment of the job), then try again.\n\
         \x20 TOKEN_WARN_DAYS must be a number of days from 0 to 365; empty means 7\n\
         \x20 STS_DURATION must be a time such as 1h\n",
        );
    scene.check(["--env=BACKUP_REMOTE=/home/user/storage"]).is(
        0,
        "The storage /home/user/storage/ needs no login: nothing to check\n",
    );
    let end = now() + 20 * DAY + 60;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    scene.installation.log_in().ok();
    let wrong = "wrong-password-of-the-login-31";
    let checked = scene.check([&*format!("--env=OIDC_PASSWORD={wrong}")]);
    checked.is(
        78,
        "Check of the login failed: OIDC_PASSWORD is not the password that the login was saved with\n\
         Set OIDC_PASSWORD to the password of that login, then: docker compose up -d --force-recreate; or log in anew \
         with the present one: docker compose run --rm cloud-backup config --force\n",
    );
    assert!(!checked.all.contains(wrong), "{}", checked.all);
    let checked = scene.check(["--add-host=rgw.test:127.0.0.1"]);
    assert_eq!(checked.code, 0, "{}", checked.all);
    let note = "Note: the login works, but the storage https://rgw.test:8443/ cannot be reached: ";
    let expected = good("20 days", end) + note;
    assert!(checked.body.starts_with(&expected), "{}", checked.body);
    scene.check([]).is(0, &good("20 days", end));
}

#[test]
fn where_the_login_service_does_not_answer_it_ends_in_time() {
    let scene = Scene::new("{}");
    let end = now() + 6 * DAY;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    scene.installation.log_in().ok();
    scene.realm.control(r#"{"fail": {"*": "hang"}}"#);
    let checked = scene.check([]);
    assert_eq!(checked.code, 69, "{}", checked.all);
    assert!(checked.took < Duration::from_secs(40), "{:?}", checked.took);
    let lines: Vec<_> = checked.body.lines().collect();
    let unreachable = format!(
        "Check of the login failed: the login service {} cannot be reached: ",
        scene.realm.issuer()
    );
    assert!(lines[0].starts_with(&unreachable), "{}", checked.body);
    assert_eq!(
        lines[2..],
        [
            &*format!("By its date the login ends in 5 days, on {}", date(end)),
            &*format!("Log in again before that: {REAUTH}"),
        ]
    );
    scene.realm.control(r#"{"fail": {"*": 503}}"#);
    let checked = scene.check([]);
    assert_eq!(checked.code, 69, "{}", checked.all);
    assert!(checked.took < Duration::from_secs(10), "{:?}", checked.took);
}

#[test]
fn a_stop_in_the_middle_is_reported_in_time() {
    let scene = Scene::logged_in("{}");
    scene.realm.control(r#"{"fail": {"*": "hang"}}"#);
    let container = scene.installation.start(COMMAND);
    container.wait_for("it asks for a token", |_| {
        scene.realm.count("token") + scene.realm.count("discovery") > 0
            && !scene.healthchecks.pings().is_empty()
    });
    let took = container.stop();
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(container.exit_code(), 130, "{}", container.logs());
    assert_eq!(scene.healthchecks.signals(), ["start", "130"]);
    assert_eq!(
        scene.healthchecks.last_body(),
        "Check of the login failed: it was interrupted by SIGTERM\n\
         Nothing is known of the login: the next run checks it.\n"
    );
}

/// Both ends of two runs that were started at once.
fn both(scene: &Scene) -> [Ended; 2] {
    let start = || {
        let mut command = scene.installation.command([], COMMAND);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn().expect("docker")
    };
    let (one, other) = (start(), start());
    [ended("one", one), ended("other", other)]
}

#[test]
fn two_runs_at_once_do_no_harm() {
    let scene = Scene::logged_in(r#"{"rotate": true}"#);
    for _ in 0..3 {
        for ended in both(&scene) {
            ended.ok().says("The login is good for 29 days");
        }
    }
    let ends = scene.healthchecks.signals();
    let good = ends.iter().filter(|signal| *signal == "0").count();
    assert_eq!((ends.len(), good), (12, 6), "{ends:?}");
}
