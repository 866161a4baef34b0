//! rustic, as it is built from its source package: `scripts/test-clients` brings it.

use std::process::Command;

use super::documented::file;
use super::{Access, Scene};
use crate::harness::{Ended, docker};

/// The service with the program in the place of the image, which holds nothing else.
fn stand_in() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test-clients");
    let output = Command::new(script).output().expect("a script");
    // `scripts/test` has called it before: here it builds nothing.
    let told = Ended::of("scripts/test-clients".to_owned(), &output).ok();
    let program = told.stdout.trim();
    format!("    entrypoint: [/rustic]\n    volumes:\n      - {program}:/rustic:ro\n")
}

fn backs_up(access: Access) -> Scene {
    let scene = Scene::new("rustic", access, &stand_in());
    scene.project.write("rustic.toml", &file("rustic.toml"));
    scene
        .project
        .compose(["up", "--detach", "cloud-backup"])
        .ok();
    scene.type_all("## rustic");
    scene.holds(1);
    scene
}

#[test]
fn with_a_password_it_shares_the_repository_with_restic() {
    let scene = backs_up(Access::Login);
    let server = scene.project.container();
    let restic = |args: &[&str]| {
        let line = ["exec", "--user=user", server, "restic"];
        docker(line.iter().chain(args).copied()).ok()
    };
    restic(&["check", "--read-data"]);
    let file = restic(&["dump", "latest", "/backup/dir1/file"]);
    assert_eq!(file.stdout, "one");
    // And the other way round.
    docker([
        "exec",
        "--user=user",
        server,
        "backup",
        "--tag=example",
        "/backup/dir1",
    ])
    .ok();
    let seen = scene.type_line("docker compose run --rm rustic snapshots");
    assert!(seen.all().contains("2 snapshot"), "{}", seen.all());
    scene.type_line("docker compose run --rm rustic check");
}

#[test]
fn without_a_password_it_works_where_the_user_says_so() {
    backs_up(Access::Anonymous);
}
