//! `recovery-kit`: the sheet has this installation's values, and no secret that was not asked for.

use crate::harness::{Ended, Installation, RESTIC_PASSWORD, docker};
use crate::rig::OIDC_PASSWORD;

/// An installation of the guide, on which nobody has logged in.
fn of_the_guide() -> Installation {
    Installation::new()
        .env("BACKUP_REMOTE", "")
        .env("AAI_USER", "mrossi")
        .env("BACKUP_BUCKET", "backup/VM1")
        .env("OIDC_PASSWORD", OIDC_PASSWORD)
        .with(["--network=none"])
}

/// The lines of the sheet's last block of commands.
fn last_block(sheet: &str) -> String {
    let (_, plain) = sheet.rsplit_once("## Without the image").expect("a part");
    let lines = plain.lines().filter_map(|line| line.strip_prefix("    "));
    lines.fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn the_sheet_has_the_values_and_its_plain_lines_restore() {
    let installation = Installation::new();
    installation.write("file", "content");
    installation.run(["backup", "/backup/dir1"]).ok();
    let id = installation.run(["restic", "cat", "config"]).ok().stdout;
    let id: serde_json::Value = serde_json::from_str(&id).expect("JSON");
    let id = id["id"].as_str().expect("an ID");

    let sheet = installation.run(["recovery-kit"]).ok();
    assert_eq!(sheet.stderr, "");
    for value in [
        "# Recovery kit of my-VM",
        "`/home/user/storage/`",
        &format!("| repository ID | `{id}` |"),
        "| snapshots of the host `my-VM` | 1, the newest ",
        "restic 0.",
        "rclone v1.",
        "RESTIC_PASSWORD=____",
        "docker compose run --rm cloud-backup restore --host my-VM\n",
    ] {
        assert!(
            sheet.stdout.contains(value),
            "no {value:?}:\n{}",
            sheet.stdout
        );
    }
    assert!(!sheet.all().contains(RESTIC_PASSWORD));

    let sheet = installation
        .run(["recovery-kit", "--with-secrets"])
        .ok()
        .stdout;
    assert!(
        sheet.contains(&format!("| `{RESTIC_PASSWORD}` |")),
        "{sheet}"
    );
    let script = format!(
        "set -e; cd /home/user; PATH=/usr/bin:/bin\n{}",
        last_block(&sheet)
    );
    let bare = ["run", "--rm", "--volume"];
    let volume = format!("{}:/home/user", installation.volume());
    let image = crate::harness::image();
    let rest = [volume.as_str(), "--entrypoint=sh", &image, "-c", &script];
    docker(bare.into_iter().chain(rest)).ok();
    installation
        .run_program(
            "diff",
            ["-r", "/backup/dir1", "/home/user/restored/backup/dir1"],
        )
        .ok();
}

#[test]
fn without_a_login_and_a_network_it_is_printed_and_says_what_it_lacks() {
    let installation = of_the_guide();
    let shows_nothing_of_the_login = |sheet: &Ended| {
        assert!(!sheet.all().contains(OIDC_PASSWORD), "{}", sheet.all());
    };
    let sheet = installation
        .run(["recovery-kit"])
        .ok()
        .says("| bucket | `mrossi` |")
        .says("| path in the bucket | `backup/VM1` |")
        .says("| `S3_ENDPOINT`, the storage and its STS | `https://rgw.cloud.infn.it/` |")
        .says("| repository ID | not known")
        .says("| snapshots | not known now: not configured yet: nobody has logged in on this volume |")
        .says("    BACKUP_BUCKET=backup/VM1\n    AAI_USER=mrossi\n    OIDC_PASSWORD=(choose a new one)\n\n")
        .says("RESTIC_REPOSITORY=rclone:infncloud:/mrossi/backup/VM1/\n")
        .says("RoleArn=arn:aws:iam:::role/IAMaccess");
    assert!(
        sheet.stderr.contains("the sheet lacks the hosts"),
        "{}",
        sheet.stderr
    );
    shows_nothing_of_the_login(&sheet);
    assert!(!sheet.all().contains(RESTIC_PASSWORD), "{}", sheet.all());

    let sheet = installation.run(["recovery-kit", "--with-secrets"]).ok();
    assert!(sheet.stdout.contains(RESTIC_PASSWORD));
    shows_nothing_of_the_login(&sheet);
}

/// The first block of indented lines: what goes into `.env`.
fn env_file(sheet: &str) -> String {
    let lines = sheet.lines().skip_while(|line| !line.starts_with("    "));
    let lines = lines.map_while(|line| line.strip_prefix("    "));
    lines.fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn a_remote_of_variables_and_an_odd_password_come_over_to_the_new_machine_by_the_sheet() {
    // Each sign that one of Markdown, Docker Compose and a shell takes for its own; a backslash at the end, too.
    let password = r#"a|b`c``d'e\'f\n$g"h #i\"#;
    let installation = Installation::new()
        .env("RESTIC_PASSWORD", password)
        .env("BACKUP_REMOTE", "mine:VM1")
        .env("RCLONE_CONFIG_MINE_TYPE", "alias")
        .env("RCLONE_CONFIG_MINE_REMOTE", "/home/user/storage");
    installation.write("file", "content");
    // The job's host is not that of the container.
    let of_the_job = "--host=job-VM";
    installation
        .run(["backup", of_the_job, "/backup/dir1"])
        .ok();
    installation
        .run(["backup", of_the_job, "/etc/debian_version"])
        .ok();
    let sheet = installation
        .run(["recovery-kit"])
        .ok()
        .says("    RCLONE_CONFIG_MINE_REMOTE=______________________________\n    RCLONE_CONFIG_MINE_TYPE=alias\n")
        .says("    docker compose run --rm cloud-backup restore --host job-VM /backup/dir1\n")
        .says("    docker compose run --rm cloud-backup restore --host job-VM /etc/debian_version\n");
    assert!(!sheet.all().contains(password));
    let sheet = installation.run(["recovery-kit", "--with-secrets"]).ok();
    assert!(
        sheet
            .stderr
            .contains("keep it where nobody else can read it")
    );

    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    write(".env", &env_file(&sheet.stdout));
    write(
        "compose.yaml",
        "services: {new: {image: none, env_file: .env}}\n",
    );
    let file = folder.path().join("compose.yaml");
    let read = docker([
        "compose",
        "--file",
        &file.to_string_lossy(),
        "config",
        "--format=json",
    ])
    .ok();
    let read: serde_json::Value = serde_json::from_str(&read.stdout).expect("JSON");
    let env = &read["services"]["new"]["environment"];
    // What it prints it could read again, where a $ is written twice.
    assert_eq!(env["RESTIC_PASSWORD"], password.replace('$', "$$"));
    assert_eq!(env["RCLONE_CONFIG_MINE_REMOTE"], "/home/user/storage");

    let script = format!(
        "set -e; cd /home/user; PATH=/usr/bin:/bin; export HOME=/home/user RCLONE_CONFIG_MINE_TYPE=alias \
         RCLONE_CONFIG_MINE_REMOTE=/home/user/storage\n{}cat restored/backup/dir1/file restored/etc/debian_version",
        last_block(&sheet.stdout)
    );
    installation
        .run_program("sh", ["-c", &script])
        .ok()
        .says("content");
}

/// A second directory, mounted at `/backup/dir2`.
fn with_two_directories() -> (Installation, tempfile::TempDir) {
    let second = tempfile::tempdir().expect("a folder");
    let installation =
        Installation::new()
            .with([format!("--volume={}:/backup/dir2", second.path().display()).as_str()]);
    for folder in [installation.source(), second.path()] {
        std::os::unix::fs::chown(folder, Some(1000), Some(1000)).expect("chown, as root");
    }
    (installation, second)
}

/// The lines of the sheet that restore in this way, as the words after `cloud-backup`.
fn lines_with<'s>(sheet: &'s str, option: &str) -> Vec<Vec<&'s str>> {
    let lines = sheet.lines().filter(|line| line.contains(option));
    lines
        .filter_map(|line| line.split_once("cloud-backup "))
        .map(|(_, line)| line.split(' ').collect())
        .collect()
}

#[test]
fn a_set_of_directories_that_is_older_than_others_is_not_put_over_them() {
    let (installation, second) = with_two_directories();
    let write = |folder: &std::path::Path, content: &str| {
        let file = folder.join("f");
        std::fs::write(&file, content).expect("a file");
        std::os::unix::fs::chown(&file, Some(1000), Some(1000)).expect("chown, as root");
    };
    let write_both = |content: &str| {
        write(installation.source(), content);
        write(second.path(), content);
    };
    write_both("OLD");
    installation
        .run(["backup", "/backup/dir1", "/backup/dir2"])
        .ok();
    write_both("NEW-longer");
    installation.run(["backup", "/backup/dir1"]).ok();
    // The only set with both is the older one.
    let refused = installation
        .run([
            "restore",
            "--in-place",
            "--overwrite=if-changed",
            "/backup/dir1",
            "/backup/dir2",
        ])
        .code(1)
        .says("have /backup/dir1: nothing was restored\n  -> For the newest of each")
        .says("  NEWER: ");
    let lines: Vec<_> = lines_with(&refused.stderr, "--in-place");
    let wanted = |path| vec!["restore", "--in-place", "--overwrite", "if-changed", path];
    assert_eq!(lines[..2], [wanted("/backup/dir2"), wanted("/backup/dir1")]);
    for line in &lines[..2] {
        installation.run(line.iter().copied()).ok();
    }
    let content =
        |folder: &std::path::Path| std::fs::read_to_string(folder.join("f")).expect("a file");
    assert_eq!(
        (content(installation.source()), content(second.path())),
        ("NEW-longer".to_owned(), "OLD".to_owned())
    );

    let sheet = installation
        .run(["recovery-kit", "--with-secrets"])
        .ok()
        .stdout;
    let in_place = lines_with(&sheet, "--in-place");
    assert_eq!(in_place.len(), 2, "{sheet}");
    std::fs::remove_file(second.path().join("f")).expect("a file");
    for line in in_place {
        installation.run(line).ok();
    }
    assert_eq!(
        (content(installation.source()), content(second.path())),
        ("NEW-longer".to_owned(), "OLD".to_owned())
    );
    let server = installation.server();
    let as_root = lines_with(&sheet, "--entrypoint /usr/bin/restic");
    assert_eq!(as_root.len(), 2, "{sheet}");
    for line in as_root {
        let options = ["--user=root", "--entrypoint=/usr/bin/restic"];
        let mut command = installation.command(options, line);
        let output = command.output().expect("docker can be started");
        Ended::of(format!("{command:?}"), &output).ok();
    }
    drop(server);
    let plain = format!(
        "set -e; cd /home/user; PATH=/usr/bin:/bin\n{}cat restored/backup/dir1/f restored/backup/dir2/f",
        last_block(&sheet)
    );
    let restored = installation.run_program("sh", ["-c", &plain]).ok();
    assert!(
        restored.stdout.ends_with("NEW-longerOLD"),
        "{}",
        restored.stdout
    );
    assert_eq!(
        (content(installation.source()), content(second.path())),
        ("NEW-longer".to_owned(), "OLD".to_owned())
    );

    // Once a newer set has all of an older one this is nowhere on the sheet.
    write(second.path(), "NEW-longer");
    installation.run(["backup", "/backup/dir2"]).ok();
    let sheet = installation.run(["recovery-kit"]).ok().stdout;
    let lines = lines_with(&sheet, "--in-place");
    let paths: Vec<_> = lines.iter().filter_map(|line| line.last()).collect();
    assert_eq!(paths, [&"/backup/dir1", &"/backup/dir2"], "{sheet}");
}

/// A second container on what is stored, with nothing but the sheet's `.env`.
fn on_a_new_machine(lost: &Installation, sheet: &str, script: &str) -> Ended {
    let new = Installation::new();
    let mut options = vec![
        "run".to_owned(),
        "--rm".to_owned(),
        "--hostname=new-VM".to_owned(),
        format!("--volume={}:/home/user", new.volume()),
        format!("--volume={}:/srv", lost.volume()),
    ];
    for line in env_file(sheet).lines() {
        let (name, value) = line.split_once('=').expect("a variable");
        options.push(format!("--env={name}={}", value.trim_matches('\'')));
    }
    options.extend(["--entrypoint=sh".to_owned(), crate::harness::image()]);
    options.extend(["-c".to_owned(), script.to_owned()]);
    docker(options.iter().map(String::as_str))
}

#[test]
fn a_remote_that_stands_on_others_comes_over_with_the_second_destination_and_its_password() {
    let lost = Installation::new()
        .env("BACKUP_REMOTE", "secret:VM1")
        .env("RCLONE_CONFIG_SECRET_TYPE", "crypt")
        .env("RCLONE_CONFIG_SECRET_REMOTE", "nas:/srv/under")
        .env("RCLONE_CONFIG_NAS_TYPE", "local")
        .env("COPY_REMOTE", "kept:VM1")
        .env("COPY_PASSWORD", "the-second-password")
        .env("STS_DURATION", "900s");
    let obscured = lost
        .run(["rclone", "obscure", "hidden"])
        .ok()
        .stdout
        .trim()
        .to_owned();
    let lost = lost.env("RCLONE_CONFIG_SECRET_PASSWORD", &obscured);
    let stored = format!("--volume={}:/srv", lost.volume());
    let lost = lost.with([stored.as_str()]);
    let conf = "mkdir -p /home/user/.config/rclone; cd /home/user/.config/rclone; \
                printf '[kept]\ntype = alias\nremote = under:/srv/copies\n[under]\ntype = local\n[other]\ntype = local\n' >rclone.conf";
    lost.run_program("sh", ["-c", conf]).ok();
    lost.write("file", "content");
    lost.run(["backup", "/backup/dir1"]).ok();
    lost.run(["copy"]).ok();

    let bare = lost.run(["recovery-kit"]).ok();
    for secret in [obscured.as_str(), "the-second-password", RESTIC_PASSWORD] {
        assert!(!bare.all().contains(secret), "{}", bare.all());
    }
    let blank = "_".repeat(30);
    let bare = bare
        .says(&format!(
            "    COPY_REMOTE=kept:VM1/\n    COPY_PASSWORD={blank}\n"
        ))
        .says("    RCLONE_CONFIG_SECRET_TYPE=crypt\n")
        .says("    RCLONE_CONFIG_NAS_TYPE=local\n")
        .says("    STS_DURATION=900s\n")
        .says("go the sections `[kept]`, `[under]`, which are not on this sheet")
        .says("`docker compose run --rm cloud-backup rclone config show under`")
        .says("`-e DESTINATION=copy`");
    assert!(!bare.stdout.contains("OIDC_PASSWORD"), "{}", bare.stdout);
    assert!(!bare.stdout.contains("[other]"), "{}", bare.stdout);

    let sheet = lost.run(["recovery-kit", "--with-secrets"]).ok().stdout;
    let script = format!(
        "set -e; cloud-backup restore --host my-VM --target /home/user/first; {conf}; cd /\n\
         DESTINATION=copy cloud-backup restore --host my-VM --target /home/user/second\n\
         cat /home/user/*/backup/dir1/file"
    );
    let restored = on_a_new_machine(&lost, &sheet, &script).ok();
    assert!(
        restored.stdout.ends_with("contentcontent"),
        "{}",
        restored.stdout
    );
}

#[test]
fn words_of_the_sheet_that_are_as_a_password_stay_as_they_are() {
    let installation = Installation::new().env("RESTIC_PASSWORD", "backup");
    installation.write("file", "content");
    installation.run(["backup", "/backup/dir1"]).ok();
    let sheet = installation
        .run(["recovery-kit"])
        .ok()
        .says("    docker compose run --rm cloud-backup restore --host my-VM\n")
        .says("    RESTIC_PASSWORD=____");
    assert!(!sheet.all().contains("[redacted]"), "{}", sheet.all());
}

#[test]
fn of_a_backup_of_the_folder_above_the_mounts_these_come_back_in_place() {
    let (installation, second) = with_two_directories();
    std::fs::write(second.path().join("f"), "second").expect("a file");
    installation.run(["backup", "/backup"]).ok();
    std::fs::remove_file(second.path().join("f")).expect("a file");
    let refused = installation
        .run(["restore", "--in-place", "--overwrite=never"])
        .code(73)
        .says("/backup is a place in the container");
    let sheet = installation.run(["recovery-kit"]).ok().stdout;
    let lines = [
        lines_with(&refused.stderr, "--in-place"),
        lines_with(&sheet, "--in-place"),
    ];
    let lines = lines.concat();
    assert_eq!(lines.len(), 2, "{}{sheet}", refused.stderr);
    for line in lines {
        let paths: Vec<_> = line
            .iter()
            .filter(|word| word.starts_with("/backup"))
            .collect();
        assert_eq!(paths, [&"/backup/dir1", &"/backup/dir2"], "{line:?}");
        installation.run(line).ok();
        let back = std::fs::read_to_string(second.path().join("f")).expect("a file");
        assert_eq!(back, "second");
        std::fs::remove_file(second.path().join("f")).expect("a file");
    }
}
