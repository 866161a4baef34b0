//! resticprofile and backrest, neither of which can be had here: restic is called as their documentation says that they call
//! it, in their service, with what their files hold.

use super::documented::{file, json};
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

/// The value of a key of a table in the profile: this much of TOML is all that stands there.
fn value(profile: &str, table: &str, key: &str) -> String {
    let (_, rest) = profile.split_once(&format!("\n[{table}]\n")).expect(table);
    let rest = rest.split("\n[").next().unwrap_or_default();
    let found = rest.lines().find_map(|line| {
        let (name, value) = line.split_once(" = ")?;
        (name == key).then_some(value)
    });
    let value = found.expect(key);
    let value = value.trim_matches(['[', ']']);
    value.trim_matches('"').to_owned()
}

#[test]
fn the_calls_that_resticprofile_documents_for_the_profile_work() {
    let scene = Scene::new("resticprofile", Access::Login, STAND_IN);
    let profile = file("profiles.toml");
    scene.project.write("profiles.toml", &profile);
    scene.project.compose(["up", "--detach"]).ok();
    let of = |table: &str, key: &str| value(&profile, table, key);
    // Its "Getting Started": flags of the profile, then those of the command, then the sources.
    let common = [
        format!("--password-file={}", of("default", "password-file")),
        format!("--repo={}", of("default", "repository")),
    ];
    let call = |command: &str, more: &[String]| {
        let args = [&[command.to_owned()], &common[..], more].concat();
        restic(&scene, "resticprofile", &[], &args).ok()
    };
    call("init", &[]);
    let tag = format!("--tag={}", of("default.backup", "tag"));
    call("backup", &[tag, of("default.backup", "source")]);
    scene.holds(1);
    let within = format!("--keep-within={}", of("default.forget", "keep-within"));
    assert_eq!(of("default.forget", "prune"), "true");
    call("forget", &[within, "--prune".to_owned()]);
    let mounted = scene
        .project
        .compose([
            "exec",
            "-T",
            "resticprofile",
            "cat",
            "/resticprofile/profiles.toml",
        ])
        .ok();
    assert_eq!(mounted.stdout, profile);
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
