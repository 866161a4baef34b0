//! The day the VM is gone: a new machine, an empty volume, `.env` and a login; and the day our image is gone, too.

use crate::documented::read;
use crate::harness::{Ended, Installation, docker, image};
use crate::rig::{CA_FILE, Realm, Rig};

/// The blocks of lines after this heading.
fn blocks(sheet: &str, heading: &str) -> Vec<String> {
    let (_, text) = sheet.split_once(heading).expect("the heading");
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        match (line.strip_prefix("    "), blocks.last_mut()) {
            (Some(line), Some(block)) => *block = format!("{block}{line}\n"),
            (None, Some(block)) if !block.is_empty() => blocks.push(String::new()),
            _ => (),
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

#[test]
fn from_nothing_but_env_and_a_login_everything_comes_back() {
    let rig = Rig::get();
    let realm = rig.realm("{}");
    let lost = Installation::on_realm(&realm, "rosa");
    lost.write("file", "content of the lost machine");
    lost.log_in().ok();
    lost.run(["backup", "/backup/dir1"]).ok();
    let kit = lost
        .run(["recovery-kit", "--with-secrets"])
        .ok()
        .says("| snapshots of the host `my-VM` | 1, the newest ");
    let token = lost
        .run(["oidc-token", "--aud=object", "infncloud"])
        .ok()
        .stdout;
    let user = lost.user().to_owned();
    drop(lost);

    let new = Installation::on_realm(&realm, "rosa")
        .env("AAI_USER", &user)
        .env("OIDC_PASSWORD", "another-password-of-the-new-machine")
        .with(["--hostname=new-VM"]);
    new.run(["restore"])
        .code(78)
        .says("docker compose run --rm cloud-backup config");
    new.log_in().ok();
    new.run(["restore"])
        .code(1)
        .says("  -> docker compose run --rm cloud-backup restore --host my-VM\n");
    new.run(["restore", "--host=my-VM", "--target=/home/user/back"])
        .ok();
    new.run_program("cat", ["/home/user/back/backup/dir1/file"])
        .ok()
        .says("content of the lost machine");
    let document = of_the_document(&realm, &kit.stdout);
    for sheet in [&kit.stdout, &document] {
        without_the_image(&rig, sheet, token.trim(), str::to_owned)
            .ok()
            .says("content of the lost machine");
    }
}

/// The same part of docs/restore.md, with the values of this sheet.
fn of_the_document(realm: &Realm, sheet: &str) -> String {
    let text = read("docs/restore.md");
    let (_, text) = text
        .split_once("## The day our image is gone")
        .expect("the heading");
    let value_of = |text: &str, name: &str| {
        let begin = format!("    export {name}=");
        let line = text.lines().find(|line| line.starts_with(&begin));
        line.expect("an export").to_owned()
    };
    let mut text = text
        .replace(
            "https://rgw.cloud.infn.it/",
            realm.rig().value("S3_ENDPOINT"),
        )
        .replace("role/IAMaccess", &format!("role/{}", realm.role()));
    for name in ["RESTIC_PASSWORD", "RESTIC_REPOSITORY"] {
        text = text.replace(&value_of(&text, name), &value_of(sheet, name));
    }
    format!("## Without the image{text}")
}

/// The sheet's last part on a machine of the rig, which has curl, and Debian's restic and rclone; oidc-agent, where there is
/// one, is played by the token that it gave. `fill_in` is what a person writes into the script.
pub fn without_the_image(
    rig: &Rig,
    sheet: &str,
    token: &str,
    fill_in: impl Fn(&str) -> String,
) -> Ended {
    let blocks = blocks(sheet, "## Without the image");
    let ([rclone_conf, _, script, aws_config, restic] | [rclone_conf, script, aws_config, restic]) =
        &blocks[..]
    else {
        panic!("five blocks, or four without a login: {blocks:#?}")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let made = docker(["create", &image()]).ok().stdout;
    for program in ["restic", "rclone"] {
        let from = format!("{}:/usr/bin/{program}", made.trim());
        docker(["cp", &from, &folder.path().join(program).to_string_lossy()]).ok();
    }
    docker(["rm", made.trim()]).ok();
    let write = |name: &str, content: &str| {
        std::fs::write(folder.path().join(name), content).expect("a file");
    };
    write("rclone.conf", rclone_conf);
    write("sts-credentials", &fill_in(script));
    write("aws-config", &aws_config.replace("/home/YOU", "/root"));
    write("oidc-token", &format!("#!/bin/sh\necho {token}\n"));
    write(
        "run",
        &format!(
            "set -e; export HOME=/root PATH=/root/bin:$PATH SSL_CERT_FILE={CA_FILE}\n\
             mkdir -p /root/bin /root/.aws /root/.config/rclone\n\
             cp /given/restic /given/rclone /given/oidc-token /root/bin; cp /given/sts-credentials /root\n\
             chmod 700 /root/bin/oidc-token /root/sts-credentials\n\
             cp /given/rclone.conf /root/.config/rclone; cp /given/aws-config /root/.aws/config; cd /root\n\
             {restic}cat restored/backup/dir1/file\n"
        ),
    );
    docker([
        "run",
        "--rm",
        &format!("--network={}", rig.network()),
        &format!("--volume={}:{CA_FILE}:ro", rig.ca_file()),
        &format!("--volume={}:/given:ro", folder.path().display()),
        "cloud-user-backup-rig:tools",
        "sh",
        "/given/run",
    ])
}
