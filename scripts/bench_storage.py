"""The rows of scripts/bench on object storage: ours against restic straight to the same S3, the start, the renewals."""

import json
import os
import re
import subprocess
import time

from bench_figures import Sample, alternate, differences, ratios, seconds, show
from bench_rig import MEGABYTE, BenchError
from bench_storage_rig import FAR, NEAR, PATH, RESTIC, Asking, StorageRig, Straight, compose_project

FILES = 100
MEGABYTES = int(os.environ.get("BENCH_MEGABYTES") or 1000)
# The rig's storage has to hold them once for each candidate.
MOST_TUNING_MEGABYTES = 200
STARTS = 10
RENEWAL_SECONDS = 15
# With sessions of 15 s each of these has a renewal at least.
WINDOW_SECONDS = 15
HELD_UP_MS = 50
# RGW answers late on a connection in steady use (docs/parts.md): a pause keeps that out.
PAUSE_SECONDS = 0.05
LIMITS = {"backup": 0.90, "check --read-data": 1.15, "restore": 1.10}
OPERATIONS = {
    "backup": ("backup", "--no-cache", "/backup/dir1"),
    "check --read-data": ("check", "--no-cache", "--read-data"),
    "restore": ("restore", "--no-cache", "latest", "--target=/restored"),
}

# Runs a command and prints its last peak, in KiB.
WATCHED = """
"$@" >/dev/null & pid=$!
while seen=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$pid/status 2>/dev/null) && [ "$seen" ]; do
  peak=$seen; sleep 0.05
done
wait $pid && echo "$peak"
"""


class Repository:
    """One repository and the command line that works on it, in the container of a server."""

    def __init__(self, straight, path, command):
        self.straight, self.path, self.command = straight, path, command

    def run(self, operation):
        """The seconds of one operation, after a preparation that does not count."""
        if operation == "backup":
            self.straight.empty(self.path)
        if operation == "restore":
            self.straight.server.exec("sh", "-c", "rm -rf /restored/*")
        os.sync()
        return self.straight.timed(*self.command(OPERATIONS[operation]))

    def peak(self):
        """The most memory of one backup's restic, in MB, by the kernel's own account (VmHWM of proc_pid_status(5))."""
        self.straight.empty(self.path)
        command = self.command(OPERATIONS["backup"])
        told = self.straight.server.exec("sh", "-c", WATCHED, "sh", *command, options=self.straight.base)
        return int(told) * 1024 / MEGABYTE


def our_commands(args):
    """Our `backup`, and our `restic` for the rest."""
    return args if args[0] == "backup" else ("restic", *args)


def make_data(rig, megabytes=MEGABYTES):
    """Files of random bytes: nothing that compresses."""
    rig.make_files(FILES, lambda _: os.urandom(megabytes * MEGABYTE // FILES))


def measure_near(image, runs):
    """Backup, check and restore against restic straight to S3, over TLS."""
    measure_against_straight(image, runs, NEAR, "")


def measure_far(image, runs):
    """The same with the storage 20 ms away in each direction."""
    measure_against_straight(image, runs, FAR, ", far")


def measure_against_straight(image, runs, place, where):
    """Our commands against restic's own S3 backend, both with their defaults."""
    with StorageRig(image, place) as rig:
        make_data(rig)
        server = rig.server()
        straight = Straight(rig, server)
        bare = straight.repository("straight")
        ours = Repository(straight, PATH, our_commands)
        other = Repository(straight, "straight", lambda args: [*bare, *args])
        for name, limit in LIMITS.items():
            took = alternate(runs, lambda: ours.run(name), lambda: other.run(name))
            ratio = ratios(*took)
            show(f"{name}, {MEGABYTES} MB{where}, ours / straight to S3", ratio, f"{limit:.2f}", ratio.at_most(limit))
            show("  ours", seconds(took[0]))
            show("  restic straight to S3", seconds(took[1]))


def measure_up(image, _):
    """From `docker compose up` of a logged-in volume to the log line of a ready server."""
    with StorageRig(image) as rig:
        compose = compose_project(rig, rig.repository())
        took = seconds([up(compose) for _ in range(STARTS)])
        show("docker compose up to ready, logged in", took, "3 s", took.at_most(3))
        show("  the slowest of them", f"{max(took.values):.3f} s")


def up(compose):
    """The seconds of one start, which is undone."""
    begun = time.perf_counter()
    with subprocess.Popen([*compose, "up"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        lines = []
        for line in running.stdout:
            lines.append(line)
            if re.search(r"\bready: serving", line):
                took = time.perf_counter() - begun
                break
        else:
            raise BenchError(f"the server does not get ready:\n{''.join(lines)}")
        # It ends when its containers have; what it prints until then nobody reads.
        subprocess.run([*compose, "down"], check=True, capture_output=True)
        running.stdout.read()
    return took


def measure_renewal(image, runs):
    """The slowest of many small requests while credentials are renewed all the time, and while they are not."""
    with StorageRig(image) as often, StorageRig(image) as seldom:
        servers = [often.server(f"--env=STS_DURATION={RENEWAL_SECONDS}s"), seldom.server()]
        asked = [(asking := Asking(server), f"/keys/{json.loads(asking.get('/keys/'))[0]['name']}") for server in servers]
        before = [often.renewals(), seldom.renewals()]
        windows = [window(asked) for _ in range(runs)]
        slowest = [[max(took[which]) * 1000 for took in windows] for which in (0, 1)]
        count = sum(len(took[0]) for took in windows)
        renewals = [often.renewals() - before[0], seldom.renewals() - before[1]]
        if renewals[0] < runs or renewals[1]:
            raise BenchError(f"renewals: {renewals[0]} and {renewals[1]} in {runs} times {WINDOW_SECONDS} s")
        held_up = Sample([one - other for one, other in zip(*slowest)], "{:+.1f} ms")
        what = f"slowest GET in {WINDOW_SECONDS} s with renewals, on top of without"
        show(what, held_up, f"{HELD_UP_MS} ms", held_up.at_most(HELD_UP_MS))
        show(f"  with renewals ({renewals[0]} in {count} requests)", Sample(slowest[0], "{:.1f} ms"))
        show("  without", Sample(slowest[1], "{:.1f} ms"))
        show("  the slowest of all, with renewals / without", f"{max(slowest[0]):.1f} ms / {max(slowest[1]):.1f} ms")


def window(asked):
    """What requests take for a while, one server after the other."""
    took = [[] for _ in asked]
    until = time.monotonic() + WINDOW_SECONDS
    while time.monotonic() < until:
        for (asking, path), times in zip(asked, took):
            begun = time.perf_counter()
            asking.get(path)
            times.append(time.perf_counter() - begun)
        time.sleep(PAUSE_SECONDS)
    return took


# What our defaults are chosen from: settings of rclone's section, and connections with pack sizes (MiB) of restic.
USUAL = (5, 16)
RCLONE_OPTIONS = {
    "no_head": {"NO_HEAD": "true"},
    "disable_http2": {"DISABLE_HTTP2": "true"},
    "use_unsigned_payload": {"USE_UNSIGNED_PAYLOAD": "true"},
    "disable_checksum": {"DISABLE_CHECKSUM": "true"},
}
MATRIX = [(connections, pack) for connections in (5, 8, 16, 32) for pack in (16, 64) if (connections, pack) != USUAL]
# Per cent of its memory that restic lets turn to garbage; 50 by itself.
GARBAGE = (150, 200)
ONLY_FOR_BACKUP = (
    "no_head",
    "use_unsigned_payload",
    "disable_checksum",
    "read concurrency 4",
    *(f"GOGC={percent}" for percent in GARBAGE),
)


def tune_near(image, runs):
    """What connections, pack sizes and rclone's options do to restic behind bare rclone."""
    tune(image, runs, NEAR, "")


def tune_far(image, runs):
    """The same with the storage 20 ms away in each direction."""
    tune(image, runs, FAR, ", far")


def tune(image, runs, place, where):
    """Each candidate by turns with the usual settings."""
    megabytes = min(MEGABYTES, MOST_TUNING_MEGABYTES)
    with StorageRig(image, place) as rig:
        make_data(rig, megabytes)
        candidates = make_candidates(Straight(rig, rig.server()))
        for operation in OPERATIONS:
            names = [name for name in candidates if operation == "backup" or name not in ONLY_FOR_BACKUP]
            actions = [lambda one=candidates[name]: one.run(operation) for name in names]
            usual, *others = alternate(runs, *actions)
            if operation == "backup":
                for name in ("all defaults", *(name for name in names if "GOGC" in name)):
                    show(f"peak memory of restic, backup{where}: {name}", f"{candidates[name].peak():.0f} MB")
            show(f"{operation}, {megabytes} MB{where}: {names[0]}", seconds(usual))
            for name, took in zip(names[1:], others):
                show(f"  {name}, to that", ratios(took, usual))


def make_candidates(straight):
    """Repositories by the name of how they are reached, the usual way first."""
    candidates = {"all defaults": served(straight, "usual", {}, *USUAL)}
    # What differs here is noise.
    candidates["the same again"] = served(straight, "again", {}, *USUAL)
    for name, settings in RCLONE_OPTIONS.items():
        candidates[name] = served(straight, name, settings, *USUAL)
    for connections, pack in MATRIX:
        path = f"c{connections}-p{pack}"
        candidates[f"{connections} connections, packs of {pack} MiB"] = served(straight, path, {}, connections, pack)
    for percent in GARBAGE:
        name = f"GOGC={percent}"
        plain = served(straight, name, {}, *USUAL)
        candidates[name] = Repository(straight, name, lambda args, name=name, plain=plain: ["env", name, *plain.command(args)])
    candidates["read concurrency 4"] = served(straight, "read", {}, *USUAL, "--read-concurrency=4")
    for connections in (5, 16):
        path = f"straight-{connections}"
        bare = straight.repository(path, f"--option=s3.connections={connections}")
        candidates[f"straight, {connections} connections"] = Repository(straight, path, lambda args, bare=bare: [*bare, *args])
    return candidates


def served(straight, name, settings, connections, pack, *options):
    """A repository of its own behind a bare rclone of its own."""
    url = straight.serve(name, name, **settings)
    restic = [RESTIC, "--repo", url, f"--option=rest.connections={connections}", f"--pack-size={pack}"]
    straight.server.exec(*restic, "init")

    def command(args):
        # Only a backup reads files.
        return [*restic, *args, *(options if args[0] == "backup" else ())]

    return Repository(straight, name, command)


ROWS = {
    "storage-near": measure_near,
    "storage-far": measure_far,
    "storage-up": measure_up,
    "storage-renewal": measure_renewal,
}
TUNING = {"tuning-near": tune_near, "tuning-far": tune_far}
