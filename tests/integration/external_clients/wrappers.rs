//! The programs that call restic: resticprofile, and backrest, which cannot be had here. In its place restic is called as
//! its documentation says that it calls it, in its service, with what its files hold.

use std::path::PathBuf;
use std::process::Command;

use super::documented::{file, json};
use super::vm::{Vm, publish};
use super::{Access, Scene};

const STAND_IN: &str = "    environment:\n      PATH: /usr/bin:/bin\n";

/// Runs restic in a client's service, as the client would.
fn restic(scene: &Scene, service: &str, env: &[String], args: &[String]) -> crate::harness::Ended {
    let mut line = vec!["run".to_owned(), "--rm".to_owned()];
    line.extend(env.iter().map(|pair| format!("--env={pair}")));
    line.extend(["--entrypoint=restic".to_owned(), service.to_owned()]);
    line.extend(args.iter().cloned());
    assert!(!line.iter().any(|word| word.contains("a-long-random-word")));
    scene.project.compose(line.iter().map(String::as_str))
}

/// Today's resticprofile cannot be had here; what can is its first version, in Python, by the same author. It takes the
/// profile as it stands, and makes the calls that today's documentation shows.
#[test]
fn the_profile_of_resticprofile_backs_up_and_forgets() {
    let scene = Scene::new("resticprofile", Access::Login, STAND_IN);
    publish(&scene);
    let profile = file("profiles.toml");
    scene.project.write("profiles.toml", &profile);
    scene.project.compose(["up", "--detach"]).ok();
    let in_service = |line: &[&str]| {
        let exec = ["exec", "--no-TTY", "resticprofile"];
        scene.project.compose(exec.iter().chain(line).copied()).ok()
    };
    let mounted = in_service(&["cat", "/resticprofile/profiles.toml"]);
    assert_eq!(mounted.stdout, profile);
    // With the address and the password of the profile, as they are reached from there.
    for value in [
        "rest:http://cloud-backup:8080/",
        "/run/secrets/restic-password",
    ] {
        assert!(profile.contains(&format!("\"{value}\"")), "{value}");
    }
    in_service(&[
        "restic",
        "init",
        "--repo=rest:http://cloud-backup:8080/",
        "--password-file=/run/secrets/restic-password",
    ]);

    let vm = Vm::new(&scene);
    let here = profile
        .replace("cloud-backup:8080", "127.0.0.1:8080")
        .replace("/run/secrets/", "/root/")
        .replace("/backup/dir1", "/srv/data");
    let config = vm.write("profiles.toml", &vm.here(&here));
    for command in ["backup", "snapshots", "forget"] {
        let mut line = Command::new(resticprofile());
        line.args(["--config".as_ref(), config.as_os_str(), command.as_ref()]);
        line.env("RESTIC_REST_USERNAME", "vm1");
        line.env("RESTIC_REST_PASSWORD", "a-long-random-word");
        vm.run(&mut line)
            .ok()
            .says(&format!("Finished '{command}'"));
    }
    let snapshots = scene.snapshots();
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    assert_eq!(snapshots[0]["tags"], serde_json::json!(["example"]));
}

/// Found in our own `PATH`, where `scripts/test` has its tools; the one of its process is another.
fn resticprofile() -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH");
    let found = std::env::split_paths(&path).map(|folder| folder.join("resticprofile"));
    let mut found = found.filter(|program| program.exists());
    found
        .next()
        .expect("resticprofile of scripts/test-tools.txt in PATH")
}

#[test]
fn restic_works_with_the_address_and_environment_that_backrest_is_given() {
    let scene = Scene::new("backrest", Access::Login, STAND_IN);
    // Its port may be taken on this machine.
    let compose = scene.project.read("compose.backrest.yaml");
    scene.project.write(
        "compose.backrest.yaml",
        &compose.replace("\"127.0.0.1:9898:9898\"", "\"127.0.0.1::9898\""),
    );
    scene
        .project
        .compose(["up", "--detach", "cloud-backup"])
        .ok();
    let repository = json("## backrest");
    let uri = repository["uri"].as_str().expect("a URI").to_owned();
    let env: Vec<String> = repository["env"]
        .as_array()
        .expect("an environment")
        .iter()
        .map(|pair| pair.as_str().expect("a text").to_owned())
        .collect();
    let call = |args: &[&str]| {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        restic(
            &scene,
            "backrest",
            &env,
            &[&["-r".to_owned(), uri.clone()], &args[..]].concat(),
        )
        .ok()
    };
    call(&["init"]);
    call(&["backup", "--tag=example", "/backup/dir1"]);
    scene.holds(1);
}
