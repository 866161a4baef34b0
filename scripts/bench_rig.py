"""What scripts/bench measures with: containers that are removed again, /proc of their processes, a check URL."""

import contextlib
import dataclasses
import http.client
import http.server
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

SCRIPTS = pathlib.Path(__file__).resolve().parent
HOME = "/home/user"
STORAGE = f"{HOME}/storage"
SOCKET = ".cloud-backup/run/rest.sock"
OURS = "cloud-backup"
MEGABYTE = 1_000_000
READY_SECONDS = 30
POLL_SECONDS = 0.005


class BenchError(Exception):
    """A measurement that cannot be made, as a sentence."""


def docker(*args, both=False):
    """Runs docker and gives what it prints, on request on both streams."""
    ended = subprocess.run(["docker", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ended.returncode != 0:
        raise BenchError(f"docker {' '.join(args)}: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return (ended.stdout + ended.stderr * both).strip()


def timed(action, *args):
    """The seconds that a call takes."""
    begun = time.perf_counter()
    action(*args)
    return time.perf_counter() - begun


def wait_until(condition, what):
    """Polls for something true and gives it; fails after a while."""
    deadline = time.monotonic() + READY_SECONDS
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise BenchError(f"not within {READY_SECONDS} s: {what}")
        time.sleep(POLL_SECONDS)
    return result


class Rig:
    """All that is made for one measurement, and removed with it; what the engine keeps carries its name as a label."""

    numbers = itertools.count()

    def __init__(self, image):
        self.image = image
        self.name = f"cloud-backup-bench-{os.getpid()}-{next(self.numbers)}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.data, self.programs = self.folder / "data", self.folder / "programs"
        for folder in (self.data, self.programs):
            folder.mkdir()
        # A backup of nothing is an error.
        (self.data / "something").write_text("x")
        # Containers read them as another user, who may not be let into the place of this script.
        for program in SCRIPTS.glob("bench-*"):
            shutil.copy(program, self.programs / program.name.removeprefix("bench-"))
        self.folder.chmod(0o755)
        self.volumes = 0
        self.environment = {"BACKUP_REMOTE": STORAGE, "RESTIC_PASSWORD": "planted-for-the-bench"}
        self.mounts = {f"{self.data}": "/backup/dir1:ro", f"{self.programs}": "/bench:ro"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Removes everything; a second Ctrl-C must not leave things behind."""
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        shutil.rmtree(self.folder)
        wait_until(lambda: self.remove(["ps", "--all"], ["rm", "--force"]), f"the containers of {self.name} are gone")
        wait_until(lambda: self.remove(["volume", "ls"], ["volume", "rm"]), f"the volumes of {self.name} are gone")
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def remove(self, listing, removal):
        """Removes what the engine lists of ours; whether nothing was left. What is going away already may refuse."""
        left = docker(*listing, "--quiet", "--filter", f"label={self.name}").split()
        for name in left:
            subprocess.run(["docker", *removal, name], stdin=subprocess.DEVNULL, capture_output=True)
        return not left

    def make_files(self, count, content):
        """Fills the data to back up with files, a hundred in a folder."""
        for number in range(count):
            path = self.data / f"{number // 100:03}" / f"{number % 100:02}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content(number))

    def options(self, volume):
        """Options of `docker run` for every container: the volume, the settings, the data to back up."""
        options = [f"--env={name}={value}" for name, value in self.environment.items()]
        options += [f"--volume={source}:{target}" for source, target in {volume: HOME, **self.mounts}.items()]
        return [*options, f"--label={self.name}", "--hostname=bench", "--no-healthcheck", "--tmpfs=/restored:mode=1777"]

    def volume(self):
        """A new volume with nothing in it."""
        volume = f"{self.name}-{self.volumes}"
        self.volumes += 1
        docker("volume", "create", "--label", self.name, volume)
        return volume

    def repository(self):
        """A new volume with an empty repository."""
        volume = self.volume()
        docker("run", "--rm", *self.options(volume), self.image, "restic", "init")
        return volume

    def container(self, volume, *options, command=("start-server",)):
        """A container of a server, not started yet."""
        home = docker("volume", "inspect", "--format", "{{.Mountpoint}}", volume)
        name = docker("create", *self.options(volume), *options, self.image, *command)
        return Container(name, pathlib.Path(home, SOCKET))

    def server(self, *options):
        """Our server on a new repository, ready."""
        server = self.container(self.repository(), *options)
        server.start()
        return server

    def server_with_double(self, **settings):
        """Our server with scripts/bench-restic in front of restic."""
        variables = {"PATH": "/bench:/usr/local/bin:/usr/bin:/bin"}
        variables |= {f"RESTIC_BENCH_{name.upper()}": value for name, value in settings.items()}
        return self.server(*(f"--env={name}={value}" for name, value in variables.items()))

    def bare_server(self, server):
        """A container of bare rclone on a new repository, with arguments and environment of our server's rclone."""
        [pid] = server.pids("rclone")
        program, *args = strings(f"/proc/{pid}/cmdline")
        options = [f"--env={variable}" for variable in strings(f"/proc/{pid}/environ")]
        return self.container(self.repository(), f"--entrypoint={program}", *options, command=args)

    def in_image(self, *command):
        """Runs a command in a new container of the image and gives its output."""
        options = [f"--label={self.name}", "--network=none", f"--volume={self.programs}:/bench:ro"]
        program, *args = command
        return docker("run", "--rm", *options, f"--entrypoint={program}", self.image, *args)


class Container:
    """A container of the image; its rig removes it."""

    def __init__(self, name, socket_path):
        self.name, self.socket_path = name, socket_path

    def start(self):
        """Starts it; gives the seconds until its server answers: from `docker start`, and from its first process on."""
        begun = boot_clock()
        starting = subprocess.Popen(["docker", "start", self.name], stdout=subprocess.DEVNULL)
        try:
            # The engine may be done before or after that.
            wait_until(self.answers, f"the server of {self.name} answers")
            ready = boot_clock()
        except BenchError as error:
            raise BenchError(f"{error}; its log:\n{docker('logs', self.name)}") from None
        finally:
            starting.wait()
        first = docker("inspect", "--format", "{{.State.Pid}}", self.name)
        return ready - begun, ready - int(stat(f"/proc/{first}/stat")[19]) / os.sysconf("SC_CLK_TCK")

    def answers(self):
        """Whether its REST server has the config of a repository.

        Asked on the server's unix socket, from outside: a connection that is made before the container's network is up
        would wait a second for its second try.
        """
        with contextlib.closing(http.client.HTTPConnection("localhost")) as connection:
            connection.sock = socket.socket(socket.AF_UNIX)
            try:
                connection.sock.connect(f"{self.socket_path}")
                connection.request("HEAD", "/config")
                return connection.getresponse().status == http.HTTPStatus.OK
            except (OSError, http.client.HTTPException):
                return False

    def stop(self):
        """Stops it."""
        docker("stop", self.name)

    def exec(self, *command, options=()):
        """Runs a command in it as Ofelia does, and gives its output."""
        return docker("exec", "--user=user", *options, self.name, *command)

    def processes(self):
        """The programs in it by process id of this machine."""
        pids = docker("top", self.name, "-eo", "pid").split()[1:]
        return {int(pid): name for pid in pids if (name := program_of(pid))}

    def pids(self, program):
        """The processes of one program."""
        return [pid for pid, name in self.processes().items() if name == program]


def boot_clock():
    """The clock that processes' start times are told by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


# /proc: see proc(5).


def strings(path):
    """A file of strings that end with NUL."""
    return pathlib.Path(path).read_text().rstrip("\0").split("\0")


def stat(path):
    """The fields of /proc/PID/stat behind the name, which may hold anything: number n of proc(5) is at n - 3."""
    return pathlib.Path(path).read_text().rpartition(")")[2].split()


def field(path, name):
    """The first number behind `name:` in a file."""
    for line in pathlib.Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    raise BenchError(f"{path} has no {name}")


def program_of(pid):
    """The name of the file that a process runs; None when it is gone."""
    try:
        return pathlib.Path(os.readlink(f"/proc/{pid}/exe")).name
    except FileNotFoundError:
        return None
    except PermissionError:
        raise BenchError("the processes and volumes of containers are looked at from outside: run this as root") from None


def resident(pids, kind="Rss"):
    """Rss or Pss of processes in MB."""
    return sum(field(f"/proc/{pid}/smaps_rollup", kind) for pid in pids) * 1024 / MEGABYTE


def peak_to_the_end(pid):
    """Watches a process until it ends and gives its peak resident memory in MB."""
    peak = 0
    # A dying process has no memory to show any more.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, BenchError):
        while True:
            peak = field(f"/proc/{pid}/status", "VmHWM") * 1024 / MEGABYTE
            time.sleep(POLL_SECONDS)
    return peak


@dataclasses.dataclass
class Activity:
    """What processes have done so far: CPU by the clock's ticks, by the scheduler's nanoseconds, and switches."""

    ticks: int = 0
    nanoseconds: int = 0
    switches: int = 0

    @classmethod
    def of(cls, pids):
        """Sums it up over processes and their threads."""
        sums = cls()
        for task in (task for pid in pids for task in pathlib.Path(f"/proc/{pid}/task").iterdir()):
            sums.ticks += sum(map(int, stat(task / "stat")[11:13]))
            sums.nanoseconds += int((task / "schedstat").read_text().split()[0])
            sums.switches += sum(field(task / "status", f"{kind}_ctxt_switches") for kind in ("voluntary", "nonvoluntary"))
        return sums


class Ping(http.server.BaseHTTPRequestHandler):
    """Takes every ping as Healthchecks does; answers the one at the end after `server.delay` seconds."""

    def do_POST(self):
        """Reads the body and says OK."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.partition("?")[0].endswith("/start"):
            self.server.reports += 1
            time.sleep(self.server.delay)
        self.send_response(200)
        self.send_header("Ping-Body-Limit", str(MEGABYTE))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, format, *args):
        """The screen is for the table."""


@contextlib.contextmanager
def check_url(container, delay=0):
    """A check for the length of a block, as an option of `docker exec` there; fails when no report came."""
    # The address that containers have for this machine: no other machine reaches it.
    gateway = docker("inspect", "--format", "{{.NetworkSettings.Gateway}}", container.name)
    listener = http.server.ThreadingHTTPServer((gateway, 0), Ping)
    listener.delay, listener.reports = delay, 0
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"--env=BACKUP_CHECK_URL=http://{gateway}:{listener.server_port}/ping/11111111-2222-4333-8444-555555555555"
    finally:
        listener.shutdown()
        listener.server_close()
    if not listener.reports:
        raise BenchError("no report came to the check URL")
