//! `config` and `reauth` on the model of IAM: what they show, what they refuse, and that nothing of it harms a login.

mod broken_off;
mod files;
mod other_path;
mod other_settings;
mod persons;
mod provider;
mod screens;
mod settings;
mod silent_server;
mod storage;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Ended, Installation};
use crate::rig::{Realm, Request, Rig, attend};

/// A realm of its own and an installation of alice, whose logins are approved as soon as they are asked for.
#[track_caller]
fn approving() -> (Realm, Installation) {
    let realm = Rig::get().realm("{}");
    let alice = Installation::on_realm(&realm, "alice");
    approve_as(&realm, alice.user());
    (realm, alice)
}

/// From now on whoever asks is this user, without the pages.
#[track_caller]
fn approve_as(realm: &Realm, user: &str) {
    realm.control(&json!({"approve": user}).to_string());
}

/// From now on logins wait for their approval.
#[track_caller]
fn approve_nobody(realm: &Realm) {
    realm.control(r#"{"approve": null}"#);
}

/// A command with options of `docker run`, such as `--env=NAME=value`, whose login is approved by the realm's script.
#[track_caller]
fn typed<const O: usize, const A: usize>(
    installation: &Installation,
    options: [&str; O],
    args: [&str; A],
) -> Ended {
    attend(installation.command(options, args), |_| ())
}

/// The same for a command of which it matters how long it takes.
#[track_caller]
fn typed_within<const O: usize, const A: usize>(
    most: Duration,
    installation: &Installation,
    options: [&str; O],
    args: [&str; A],
) -> Ended {
    let begun = Instant::now();
    let ended = typed(installation, options, args);
    let took = begun.elapsed();
    assert!(
        took < most,
        "{took:?}, not below {most:?}:\n{}",
        ended.all()
    );
    ended
}

/// A shell command in a container of its own on the volume, as our user.
#[track_caller]
fn in_volume(installation: &Installation, script: &str) -> String {
    let as_user = format!("umask 077; {script}");
    let ended = installation.run_program("sh", ["-c", &as_user]);
    ended.ok().stdout
}

/// The names of the folders with logins, and which one is in use.
#[track_caller]
fn logins(installation: &Installation) -> String {
    in_volume(
        installation,
        "cd ~/.cloud-backup && ls logins && readlink login",
    )
}

/// That there is one login, and which.
#[track_caller]
fn only_login(installation: &Installation) -> String {
    let listed = logins(installation);
    let lines: Vec<&str> = listed.lines().collect();
    let [login, link] = lines[..] else {
        panic!("not one login and its link:\n{listed}");
    };
    assert_eq!(link, format!("logins/{login}"));
    login.to_owned()
}

/// What a screen says, with words in the place of what differs each time.
fn constant(screen: &str) -> String {
    let screen = screen.replace('\r', "");
    let screen = match Request::on(&screen) {
        Some(request) => screen.replace(&request.code, "CODE"),
        None => screen,
    };
    let mut lines: Vec<String> = Vec::new();
    for line in screen.lines() {
        let is_of_qr_code = !line.is_empty() && line.chars().all(|c| " ▀▄█".contains(c));
        let line = match line.split_once(" until ") {
            _ if is_of_qr_code => "QR CODE".to_owned(),
            Some((before, rest)) if rest.contains(':') => format!("{before} until TIME."),
            _ => line.to_owned(),
        };
        if line != "QR CODE" || lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}
