//! Puts the doubles of `tests/doubles`, which Cargo builds as examples, in the place of real programs of the image.

use crate::harness::Installation;

impl Installation {
    /// From now on this program is the double `fake-PROGRAM`, which is found in `PATH` before the real one.
    pub fn double(self, program: &str) -> Self {
        let test = std::env::current_exe().expect("the test's own path");
        let profile = test
            .ancestors()
            .nth(2)
            .expect("the folder of Cargo's profile");
        let double = profile.join(format!("examples/fake-{program}"));
        assert!(
            double.exists(),
            "{} is not there: cargo build --examples",
            double.display()
        );
        self.with([&*format!(
            "--volume={}:/doubles/{program}:ro",
            double.display()
        )])
        .env(
            "PATH",
            "/doubles:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
    }

    /// A restic whose `backup` and `forget` do as this script says; see the double for its actions.
    pub fn fake_restic(self, script: &[&str]) -> Self {
        // An empty source directory would be a mistake of its own.
        self.write("a", "one");
        self.double("restic")
            .env("RESTIC_FAKE_SCRIPT", &script.join("\n"))
    }

    /// What such a restic does when it is asked to count the snapshots.
    pub fn fake_count(self, script: &[&str]) -> Self {
        self.env("RESTIC_FAKE_COUNT", &script.join("\n"))
    }

    /// An rclone with these answers, whose requests [`Installation::requests`] gives.
    pub fn fake_rclone(self, answers: &str) -> Self {
        self.double("rclone")
            .env("RCLONE_FAKE_ANSWERS", answers)
            .env("RCLONE_FAKE_LOG", "/home/user/requests")
    }

    /// The requests that the double of rclone has got, one a line.
    pub fn requests(&self) -> String {
        self.shell("cat requests").ok().stdout
    }

    /// A shell command as root in a container beside the others, to look around in the volume or to break something.
    pub fn shell(&self, script: &str) -> crate::harness::Ended {
        crate::harness::docker([
            "run",
            "--rm",
            "--user=root",
            "--workdir=/home/user",
            "--entrypoint=sh",
            &format!("--volume={}:/home/user", self.volume()),
            &crate::harness::image(),
            "-c",
            script,
        ])
    }
}
