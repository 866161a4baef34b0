//! Two users on one storage: each has a volume, a login, a bucket, a server; neither sees what is the other's.

use crate::harness::{Container, Installation};
use crate::rig::Rig;

struct User {
    installation: Installation,
    server: Container,
}

impl User {
    fn new(installation: Installation) -> Self {
        // Two files of content that only this one has.
        installation.write(&format!("of-{}", installation.user()), installation.user());
        installation.log_in().ok();
        let server = installation.server();
        let user = Self {
            installation,
            server,
        };
        user.server.exec(["backup", "/backup/dir1"]).ok();
        user
    }

    fn name(&self) -> &str {
        self.installation.user()
    }

    fn repository(&self) -> String {
        self.server.exec(["restic", "cat", "config"]).ok().stdout
    }

    /// One snapshot, of this user's file and no other's, however it is asked for.
    #[track_caller]
    fn sees_its_own_only(&self) {
        let lines = [
            &["restic", "snapshots", "--json"][..],
            &["restic", "ls", "latest"],
        ];
        let by_exec = |line: &[&str]| self.server.exec(line.iter().copied()).ok().stdout;
        let by_run = |line: &[&str]| self.installation.run(line.iter().copied()).ok().stdout;
        for all in [by_exec(lines[0]), by_run(lines[0])] {
            assert_eq!(all.matches("\"short_id\"").count(), 1, "{all}");
        }
        for all in [by_exec(lines[1]), by_run(lines[1])] {
            let files: Vec<&str> = all.lines().filter(|line| line.contains("/of-")).collect();
            assert_eq!(files, [format!("/backup/dir1/of-{}", self.name())]);
        }
    }
}

#[test]
fn two_users_see_their_own_repositories_only() {
    let rig = Rig::get();
    let realm = rig.realm("{}");
    let [alice, bob] = std::thread::scope(|scope| {
        [
            scope.spawn(|| User::new(Installation::on_realm(&realm, "alice"))),
            scope.spawn(|| User::new(Installation::on_realm(&realm, "bob"))),
        ]
        .map(|user| user.join().expect("a user"))
    });
    assert_ne!(alice.repository(), bob.repository());
    for (user, other) in [(&alice, &bob), (&bob, &alice)] {
        user.sees_its_own_only();
        let keys = rig.objects(user.name());
        assert!(
            keys.iter().any(|key| key == "backup/VM1/config"),
            "{keys:?}"
        );
        assert!(
            keys.iter().all(|key| key.starts_with("backup/VM1/")),
            "{keys:?}"
        );
        // Each has a bucket of its own: nothing of one is among what belongs to the other.
        let snapshots = |keys: Vec<String>| -> Vec<String> {
            keys.into_iter()
                .filter(|key| key.contains("/snapshots/"))
                .collect()
        };
        let (ours, theirs) = (snapshots(keys), snapshots(rig.objects(other.name())));
        assert_eq!(ours.len(), 1);
        assert!(!theirs.contains(&ours[0]));
    }
    // What one does to its repository leaves the other's alone.
    let before = rig.objects(bob.name());
    alice.server.exec(["backup", "/backup/dir1"]).ok();
    alice
        .server
        .exec(["forget", "--keep-last=1", "--prune"])
        .ok();
    assert_eq!(rig.objects(bob.name()), before);
    alice.sees_its_own_only();
    bob.sees_its_own_only();
}

#[test]
fn a_server_of_one_user_is_not_used_by_a_command_of_another() {
    let rig = Rig::get();
    let realm = rig.realm("{}");
    let installation = Installation::on_realm(&realm, "alice");
    installation.log_in().ok();
    let server = installation.server();
    server
        .exec_with(["--env=AAI_USER=bob"], ["restic", "snapshots"])
        .code(78)
        .says("infncloud:/bob/");
}
