//! `forget`: removes by the policy, makes no repository, and gives restic's exit codes.

use crate::harness::Installation;

#[test]
fn snapshots_go_by_the_policy_and_their_data_with_them() {
    let installation = Installation::new();
    for content in ["one", "two", "three"] {
        installation.write("a", content);
        installation.run(["backup", "/backup/dir1"]).ok();
    }
    installation
        .run(["forget", "--keep-last", "1", "--prune"])
        .ok()
        .says("cloud-backup: Successful forget --keep-last 1 --prune")
        .says("remove 2 snapshots:");
    installation
        .run(["restic", "snapshots"])
        .ok()
        .says("1 snapshots");
    installation.run(["restic", "check", "--read-data"]).ok();
}

#[test]
fn without_a_repository_it_ends_with_10_and_makes_none() {
    let installation = Installation::new();
    installation
        .run(["forget", "--keep-last", "1"])
        .code(10)
        .says("Forget --keep-last 1 failed: there is no repository at /home/user/storage/")
        .says("-> Make one by the first backup");
    installation.shell("test ! -e storage/config").ok();
}

#[test]
fn a_policy_that_restic_refuses_ends_with_its_code_and_words() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    installation
        .run(["forget", "--keep-within", "soon"])
        .code(1)
        .says("keep-within");
}

#[test]
fn a_wrong_password_ends_with_12() {
    let installation = Installation::new();
    installation.run(["restic", "init"]).ok();
    installation
        .env("RESTIC_PASSWORD", "another-planted-password")
        .run(["forget", "--keep-last", "1"])
        .code(12);
}

#[test]
fn snapshots_that_cannot_be_removed_end_with_3() {
    // The real one tries again for a quarter of an hour before it gives up.
    let installation = Installation::new();
    installation.run(["restic", "init"]).ok();
    installation
        .fake_restic(&["exit 3"])
        .run(["forget", "--keep-last", "1"])
        .code(3)
        .says("Forget --keep-last 1 failed: some snapshots could not be removed");
}
