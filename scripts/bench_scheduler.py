"""What the scheduler costs a server: scripts/bench has it as the row `scheduler`."""

import contextlib
import datetime
import os
import pathlib
import re
import statistics
import time

from bench_figures import Sample, megabytes, show, within
from bench_rig import OURS, Activity, BenchError, docker, resident, stat

FILE = "/backup/dir1/jobs.ini"
JOBS = 50
# The threads that a start takes for the disk end after 10 s without work.
REST_SECONDS = 12
IDLE_SECONDS = 60
DUE_RUNS = 30
CROWD_SECONDS = 120
# Between two looks at the log, which take longer.
LOOKS = 5
# Half a year from now: never while this runs.
NEVER_NOW = "0 0 0 1 {month} *"


def measure_scheduler(rig, runs):
    """What the scheduler costs: at rest, at a due time, and with fifty jobs at the same second."""
    measure_rest(rig, runs)
    measure_due(rig)
    measure_crowd(rig, "with a restic that does nothing", "--env=PATH=/bench:/usr/local/bin:/usr/bin:/bin")
    measure_crowd(rig, "with restic")


def measure_rest(rig, runs):
    """Memory and wake-ups of the server with fifty jobs scheduled and none due, beside one without."""
    plan(rig, (backup(number, NEVER_NOW.format(month=(time.gmtime().tm_mon + 5) % 12 + 1)) for number in range(JOBS)))
    servers = [rig.container(rig.repository()), scheduled(rig)]
    memory = {"Rss": [], "Pss": []}
    for turn in range(runs):
        for server in servers if turn % 2 else reversed(servers):
            server.start()
        time.sleep(REST_SECONDS)
        for kind, pairs in memory.items():
            pairs.append([resident([server_process(server)], kind) for server in servers])
        if turn < runs - 1:
            for server in servers:
                server.stop()
    for kind, pairs in memory.items():
        without, with_jobs = zip(*pairs)
        more = Sample([one - other for one, other in zip(with_jobs, without)], "{:+.2f} MB")
        target = ("+2 MB", more.at_most(2)) if kind == "Rss" else ("", "")
        show(f"server with {JOBS} jobs scheduled, on top of without, {kind}", more, *target)
        show(f"  with them {kind}", megabytes(statistics.median(with_jobs)))
    pids = [[server_process(server)] for server in servers]
    before = [Activity.of(pid) for pid in pids]
    time.sleep(IDLE_SECONDS)
    without, with_jobs = (subtract(Activity.of(pid), first) for pid, first in zip(pids, before))
    switches = f"{with_jobs.switches}, without {without.switches}"
    show(f"its context switches in {IDLE_SECONDS} s, none due", switches, "as without", within(with_jobs.switches, without.switches))
    show("  its CPU", f"{with_jobs.ticks} ticks, without {without.ticks}", "0 ticks", within(with_jobs.ticks, 0))
    for server in servers:
        server.stop()


def measure_due(rig):
    """From a scheduled second to the job's own first look at the clock, with the other jobs beside it."""
    never = (backup(number, NEVER_NOW.format(month=(time.gmtime().tm_mon + 5) % 12 + 1)) for number in range(JOBS - 1))
    plan(rig, [*never, '[job-local "due"]\nschedule = * * * * * *\ncommand = date +%s.%N\n'])
    server = scheduled(rig)
    server.start()
    time.sleep(DUE_RUNS + 2)
    server.stop()
    # Whole seconds are scheduled, and a run of less than a second is the one of the second that it begins in.
    late = [float(f"0.{part}") * 1000 for part in re.findall(r" due: \d{10}\.(\d{9})$", docker_log(server), re.MULTILINE)]
    if len(late) < DUE_RUNS:
        raise BenchError(f"only {len(late)} of {DUE_RUNS} runs:\n{docker_log(server)}")
    show(f"a due job begins after, {len(late)} runs", f"{statistics.median(late):.0f} ms", "100 ms", within(statistics.median(late), 100))
    show("  the worst of them", f"{max(late):.0f} ms", "100 ms", within(max(late), 100))


def measure_crowd(rig, restic, *options):
    """Fifty backups at the same second."""
    due = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=12)
    plan(rig, (backup(number, f"{due.second} {due.minute} {due.hour} * * *") for number in range(JOBS)))
    server = scheduled(rig, *options)
    server.start()
    # With nothing new to store, and --force, no run reads what another one is writing: local storage shows half a file.
    server.exec("backup", "/backup/dir1")
    pid = server_process(server)
    time.sleep(1)
    (rest, _), cpu = look(pid), cpu_seconds(pid)
    time.sleep(max(due.timestamp() - time.time() - 0.5, 0))
    looks, deadline = [], time.monotonic() + CROWD_SECONDS
    while len(ended(server)) < JOBS:
        looks += [look(pid) for _ in range(LOOKS)]
        if time.monotonic() > deadline:
            raise BenchError(f"not within {CROWD_SECONDS} s: {JOBS} jobs end; the log:\n{docker_log(server)}")
    last = max(datetime.datetime.fromisoformat(moment) for moment in ended(server))
    show(f"{JOBS} backups at one second, {restic}, end within", f"{(last - due).total_seconds():.2f} s")
    show("  CPU of it, our server, our commands and restic", f"{cpu_seconds(pid) - cpu:.2f} s")
    show("  memory of the container at rest, Pss", megabytes(rest))
    show("  its peak", megabytes(max(memory for memory, _ in looks)))
    show("  processes at most", max(count for _, count in looks))
    server.stop()


def plan(rig, jobs):
    """Writes the schedule file."""
    (rig.data / "jobs.ini").write_text("\n".join(jobs))


def backup(number, schedule):
    """A job as users have them."""
    return (
        f'[job-exec "backup-{number}"]\nschedule = {schedule}\ncontainer = cloud-backup\nuser = user\n'
        f"environment = RESTIC_HOST=bench\ncommand = backup --force --tag t{number} /backup/dir1\nno-overlap = true\n"
    )


def scheduled(rig, *options):
    """A server that keeps the schedule file, not started yet."""
    return rig.container(rig.repository(), *options, command=("start-server", "--schedule", FILE))


def server_process(server):
    """The process of the server: the second of ours."""
    return sorted(server.pids(OURS))[1]


def docker_log(server):
    """What the server has said, on either stream."""
    return docker("logs", server.name, both=True)


def ended(server):
    """When jobs ended well, by the log."""
    return re.findall(r"^(\S+) +INFO backup-\d+: ended well", docker_log(server), re.MULTILINE)


def subtract(one, other):
    """What was done between two looks."""
    return Activity(one.ticks - other.ticks, one.nanoseconds - other.nanoseconds, one.switches - other.switches)


def mates(pid):
    """All processes of its container: those of its PID namespace."""
    ours = os.readlink(f"/proc/{pid}/ns/pid")
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        # It has ended, or is none of a container.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if os.readlink(folder / "ns/pid") == ours:
                found.append(int(folder.name))
    return found


def look(pid):
    """The memory of all processes of its container in MB, shared pages counted once, and how many they are."""
    memory, all_of_them = 0, mates(pid)
    for mate in all_of_them:
        # One that has just ended has none.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, BenchError):
            memory += resident([mate], "Pss")
    return memory, len(all_of_them)


def cpu_seconds(pid):
    """What a process has used, and its children that have ended."""
    return sum(map(int, stat(f"/proc/{pid}/stat")[11:15])) / os.sysconf("SC_CLK_TCK")
