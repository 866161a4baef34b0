//! Containers of the built image: an [`Installation`] is one volume with its settings, as one user would have it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What tests plant as secrets, to look for them where they must not be.
pub const RESTIC_PASSWORD: &str = "planted-restic-password-7d1f";

/// The image under test.
pub fn image() -> String {
    std::env::var("CLOUD_BACKUP_IMAGE").unwrap_or_else(|_| "cloud-user-backup:dev".to_owned())
}

/// A word that no other test has, also none of an earlier run that has left something.
pub fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..10].to_owned()
}

/// Runs docker and gives what came out, whatever the end.
pub fn docker<'a>(args: impl IntoIterator<Item = &'a str>) -> Ended {
    let args: Vec<&str> = args.into_iter().collect();
    let output = Command::new("docker")
        .args(&args)
        .stdin(Stdio::null())
        .output()
        .expect("docker can be started");
    Ended::of(format!("docker {}", args.join(" ")), &output)
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ended {
    pub command: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn of(command: String, output: &Output) -> Self {
        Self {
            command,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the command ended with this code.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code, expected,
            "{}\n--- stdout\n{}--- stderr\n{}",
            self.command, self.stdout, self.stderr
        );
        self
    }

    /// Fails the test unless the command ended well.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.code(0)
    }

    /// Both streams, for what may be on either.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Fails the test unless this text is in one of the streams.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.all().contains(text),
            "{} does not say {text:?}:\n{}",
            self.command,
            self.all()
        );
        self
    }
}

/// One volume, its settings and its containers; all are removed with it.
pub struct Installation {
    name: String,
    env: Vec<(String, String)>,
    docker_args: Vec<String>,
    source: tempfile::TempDir,
}

impl Installation {
    /// On local storage in the volume, with an empty source directory mounted at `/backup/dir1`.
    pub fn new() -> Self {
        let name = format!("cub-test-{}", unique());
        let source = tempfile::tempdir().expect("a temporary folder");
        std::fs::set_permissions(
            source.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .expect("chmod");
        docker(["volume", "create", &name]).ok();
        Self {
            name,
            env: Vec::new(),
            docker_args: Vec::new(),
            source,
        }
        .env("BACKUP_REMOTE", "/home/user/storage")
        .env("RESTIC_PASSWORD", RESTIC_PASSWORD)
    }

    /// Sets a variable for every container from now on; an empty value is an unset one.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds options of `docker run` for every container from now on.
    pub fn with<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.docker_args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// Writes a file of the source directory, which containers see at `/backup/dir1`.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.source.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        std::fs::write(&file, content).expect("a written file");
        file
    }

    pub fn source(&self) -> &Path {
        self.source.path()
    }

    pub fn volume(&self) -> &str {
        &self.name
    }

    /// The value of a variable that is set.
    pub fn value(&self, name: &str) -> Option<&str> {
        let set = self.env.iter().find(|(known, _)| known == name);
        set.map(|(_, value)| value.as_str())
    }

    fn run_args(&self) -> Vec<String> {
        let mut args = vec![format!("--volume={}:/home/user", self.name)];
        args.push(format!(
            "--volume={}:/backup/dir1",
            self.source.path().display()
        ));
        args.extend(
            [
                "--hostname=my-VM",
                "--workdir=/backup",
                "--add-host=host.docker.internal:host-gateway",
            ]
            .map(str::to_owned),
        );
        args.push(format!("--label={}", self.name));
        args.extend(
            self.env
                .iter()
                .map(|(name, value)| format!("--env={name}={value}")),
        );
        args.extend(self.docker_args.iter().cloned());
        args
    }

    /// `docker run --rm IMAGE ARGS`: a one-shot container, as `docker compose run --rm cloud-backup ARGS` makes it.
    pub fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ended {
        let args: Vec<&str> = args.into_iter().collect();
        let options = self.run_args();
        let image = image();
        let all = ["run", "--rm"]
            .into_iter()
            .chain(options.iter().map(String::as_str))
            .chain([image.as_str()])
            .chain(args);
        docker(all)
    }

    /// Starts a container in the background and does not wait for anything.
    pub fn start<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Container {
        let args: Vec<&str> = args.into_iter().collect();
        let options = self.run_args();
        let image = image();
        let all = ["run", "--detach"]
            .into_iter()
            .chain(options.iter().map(String::as_str))
            .chain([image.as_str()])
            .chain(args);
        Container {
            id: docker(all).ok().stdout.trim().to_owned(),
        }
    }

    /// Starts the server and waits until it is healthy.
    pub fn server(&self) -> Container {
        let server = self.start(["start-server"]);
        server.wait_for("the server is healthy", |server| {
            server.exec(["healthcheck"]).code == 0
        });
        server
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let containers = docker([
            "ps",
            "--all",
            "--quiet",
            "--filter",
            &format!("label={}", self.name),
        ])
        .stdout;
        for container in containers.lines() {
            docker(["rm", "--force", "--volumes", container]);
        }
        docker(["volume", "rm", "--force", &self.name]);
    }
}

/// A container in the background; its installation removes it.
#[derive(Debug, Clone)]
pub struct Container {
    pub id: String,
}

impl Container {
    /// `docker exec -u user`, as Ofelia does it: no TTY, no shell.
    pub fn exec<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ended {
        self.exec_with([], args)
    }

    /// The same with options of `docker exec`, such as `--env=NAME=value`.
    pub fn exec_with<'a>(
        &self,
        options: impl IntoIterator<Item = &'a str>,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Ended {
        let options: Vec<&str> = options.into_iter().collect();
        let args: Vec<&str> = args.into_iter().collect();
        docker([&["exec", "--user=user"], &options[..], &[&self.id], &args].concat())
    }

    /// Starts a job by `docker exec` and gives the process, to be waited for.
    pub fn spawn_exec<'a>(
        &self,
        options: impl IntoIterator<Item = &'a str>,
        args: impl IntoIterator<Item = &'a str>,
    ) -> std::process::Child {
        Command::new("docker")
            .args(["exec", "--user=user"])
            .args(options.into_iter().collect::<Vec<_>>())
            .arg(&self.id)
            .args(args.into_iter().collect::<Vec<_>>())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker can be started")
    }

    /// A shell command as root, to look around or to break something.
    pub fn shell(&self, script: &str) -> Ended {
        docker(["exec", "--user=root", &self.id, "sh", "-c", script])
    }

    pub fn logs(&self) -> String {
        docker(["logs", &self.id]).all()
    }

    /// `docker stop` with its default grace; how long it took.
    pub fn stop(&self) -> Duration {
        let begun = Instant::now();
        docker(["stop", &self.id]).ok();
        begun.elapsed()
    }

    /// The exit code of the ended container.
    pub fn exit_code(&self) -> i32 {
        self.inspect("{{.State.ExitCode}}")
            .parse()
            .expect("a number")
    }

    pub fn inspect(&self, format: &str) -> String {
        docker(["inspect", "--format", format, &self.id])
            .ok()
            .stdout
            .trim()
            .to_owned()
    }

    /// All processes of the container: state and command line, one a line.
    pub fn processes(&self) -> String {
        let mut text = String::new();
        for line in docker(["top", &self.id, "-eo", "pid,ppid,stat,args"])
            .stdout
            .lines()
            .skip(1)
        {
            let _ = writeln!(text, "{}", line.trim());
        }
        text
    }

    /// Waits for a condition for at most 30 s, and fails the test with the log when it does not come.
    #[track_caller]
    pub fn wait_for(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(30);
        // To ask takes time from what is waited for: `docker exec` a tenth of a second of a processor.
        let mut pause = Duration::from_millis(50);
        while !condition(self) {
            assert!(
                Instant::now() < until,
                "not within 30 s: {what}; the log:\n{}",
                self.logs()
            );
            std::thread::sleep(pause);
            pause = (pause * 5 / 4).min(Duration::from_millis(250));
        }
    }
}

impl Installation {
    /// The same options with another entrypoint: what a stranger to our program sees and does on this volume.
    pub fn run_program<'a>(&self, program: &str, args: impl IntoIterator<Item = &'a str>) -> Ended {
        let mut all = vec!["run".to_owned(), "--rm".to_owned()];
        all.extend(self.program_args(program, args));
        docker(all.iter().map(String::as_str))
    }

    /// The same in the background.
    pub fn start_program<'a>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Container {
        let mut all = vec!["run".to_owned(), "--detach".to_owned()];
        all.extend(self.program_args(program, args));
        let all = all.iter().map(String::as_str);
        Container {
            id: docker(all).ok().stdout.trim().to_owned(),
        }
    }

    fn program_args<'a>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Vec<String> {
        let mut all = self.run_args();
        all.extend([format!("--entrypoint={program}"), image()]);
        all.extend(args.into_iter().map(str::to_owned));
        all
    }

    /// The command line of [`Self::run`] with options of `docker run`, to be given streams or to be left running.
    pub fn command<'a>(
        &self,
        options: impl IntoIterator<Item = &'a str>,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        let mut command = Command::new("docker");
        command
            .args(["run", "--rm"])
            .args(self.run_args())
            .args(options.into_iter().collect::<Vec<_>>())
            .arg(image())
            .args(args.into_iter().collect::<Vec<_>>());
        command
    }

    /// Adds a file of this many random bytes to the source directory: nothing that compresses or repeats.
    pub fn write_random(&self, path: &str, bytes: usize) -> PathBuf {
        let mut content = vec![0; bytes];
        std::fs::File::open("/dev/urandom")
            .and_then(|mut random| std::io::Read::read_exact(&mut random, &mut content))
            .expect("random bytes");
        self.write(path, content)
    }
}

impl Container {
    /// Sends a signal to the container's first process, as `docker kill --signal` does.
    pub fn signal(&self, signal: &str) -> Ended {
        docker(["kill", "--signal", signal, &self.id])
    }

    /// Whether its first process runs.
    pub fn is_running(&self) -> bool {
        self.inspect("{{.State.Running}}") == "true"
    }

    /// Waits for its end and gives the exit code.
    #[track_caller]
    pub fn wait(&self) -> i32 {
        self.wait_for("the container ends", |container| !container.is_running());
        self.exit_code()
    }

    /// The processes with this name and this text in their command line, by their numbers inside of the container.
    pub fn pids(&self, name: &str, argument: &str) -> Vec<u32> {
        let script = format!(
            "for p in /proc/[0-9]*; do \
               [ \"$(cat $p/comm 2>/dev/null)\" = '{name}' ] || continue; \
               tr '\\0' ' ' <$p/cmdline | grep -q -e '{argument}' && echo ${{p#/proc/}}; \
             done; true"
        );
        let found = self.shell(&script).stdout;
        found.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Waits for exactly one such process and gives its number.
    #[track_caller]
    pub fn pid(&self, name: &str, argument: &str) -> u32 {
        self.wait_for(&format!("one {name} with {argument:?}"), |container| {
            container.pids(name, argument).len() == 1
        });
        self.pids(name, argument)[0]
    }

    /// Sends a signal to a process by its number inside of the container.
    #[track_caller]
    pub fn kill(&self, signal: &str, pid: u32) {
        self.shell(&format!("kill -s {signal} {pid}")).ok();
    }
}

/// Waits for a started command and gives its end.
pub fn ended(what: &str, child: std::process::Child) -> Ended {
    let output = child
        .wait_with_output()
        .expect("a command that was started");
    Ended::of(what.to_owned(), &output)
}
