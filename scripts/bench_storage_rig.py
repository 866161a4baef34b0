"""What scripts/bench measures object storage with: the rig of tests/rig, a login on it, and restic without us."""

import contextlib
import http.client
import json
import os
import socket
import subprocess

from bench_rig import SCRIPTS, BenchError, Rig, docker, timed

# A rig of this name: it stands beside the ones of tests, and is taken down at the end unless it ran before.
TEST_RIG = os.environ.get("BENCH_RIG") or "cub-bench"
# The gateway's time is what matters, not the disk's; short sessions are for the renewals.
TEST_RIG_SETTINGS = {"OBJECTSTORE": "memstore", "STS_MIN": "10"}
CA_FILE = "/ca.pem"
NEAR, FAR = "S3_ENDPOINT", "RIG_S3_FAR_ENDPOINT"
PATH = "backup/VM1"
KEPT = ("config", "keys/**")
# Not our commands of these names.
RESTIC, RCLONE = "/usr/bin/restic", "/usr/bin/rclone"


def run_rig(*args):
    """scripts/rig with these arguments; gives its output."""
    settings = os.environ | TEST_RIG_SETTINGS
    ended = subprocess.run([SCRIPTS / "rig", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=settings)
    if ended.returncode != 0:
        raise BenchError(f"scripts/rig {' '.join(args)}: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def in_ceph(*command):
    """A command in the rig's Ceph."""
    return docker("exec", f"{TEST_RIG}-ceph", *command)


def pairs(text):
    """The lines NAME=value or NAME='value'."""
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in text.splitlines())}


@contextlib.contextmanager
def test_rig():
    """The rig for the length of a block."""
    ran = bool(docker("network", "ls", "--quiet", "--filter", f"name=^{TEST_RIG}$"))
    try:
        run_rig("up", TEST_RIG)
        yield
    finally:
        if not ran:
            run_rig("down", TEST_RIG)


class StorageRig(Rig):
    """The containers of one measurement on the rig's object storage, with an issuer and users of its own."""

    def __init__(self, image, place=NEAR):
        super().__init__(image)
        known = pairs(run_rig("env", TEST_RIG))
        self.realm = f"b-{os.getpid()}-{os.urandom(2).hex()}"
        self.user = f"bench-{self.realm}"
        issuer = pairs(run_rig("realm", TEST_RIG, self.realm, json.dumps({"approve": self.user, "interval": 1})))
        self.endpoint, self.plain_endpoint = known[place], known["RIG_S3_PLAIN_ENDPOINT"]
        del self.environment["BACKUP_REMOTE"]
        self.environment |= issuer | {
            "AAI_USER": self.user,
            "BACKUP_BUCKET": PATH,
            "OIDC_PASSWORD": "planted-for-the-bench",
            "S3_ENDPOINT": self.endpoint,
            "EXTRA_CA_FILE": CA_FILE,
        }
        self.mounts[known["RIG_CA_FILE"]] = f"{CA_FILE}:ro"
        self.network = known["RIG_NETWORK"]

    def __exit__(self, *how):
        """Removes the data too: the storage is memory."""
        super().__exit__(*how)
        with contextlib.suppress(BenchError):
            in_ceph("radosgw-admin", "bucket", "rm", f"--bucket={self.user}", "--purge-objects", "--bypass-gc")

    def options(self, volume):
        """Those of every container, on the network of the rig."""
        return [*super().options(volume), f"--network={self.network}"]

    def repository(self, *options):
        """A new volume, logged in, with an empty repository."""
        volume = self.volume()
        for command in (["config"], ["restic", "init"]):
            docker("run", "--rm", *self.options(volume), *options, self.image, *command)
        return volume

    def server(self, *options):
        """Our server on a new login and a new repository, ready."""
        server = self.container(self.repository(*options), *options)
        server.start()
        return server

    def renewals(self):
        """How many refreshes the issuer has granted."""
        return json.loads(run_rig("control", TEST_RIG, "--realm", self.realm, "{}"))["counts"].get("refreshed", 0)


class Straight:
    """Programs without us in the container of a server of ours: the same storage with the same credentials."""

    def __init__(self, rig, server):
        self.rig, self.server = rig, server
        got = json.loads(server.exec("cloud-backup", "credential-process"))
        keys = {"ACCESS_KEY_ID": "AccessKeyId", "SECRET_ACCESS_KEY": "SecretAccessKey", "SESSION_TOKEN": "SessionToken"}
        self.keys = {name: got[key] for name, key in keys.items()}
        self.files = 0
        self.base = ("--env-file", self.env_file({f"AWS_{name}": value for name, value in self.keys.items()}))
        # What clears up is not measured: it need not go far.
        self.near = self.rclone_options({"ENDPOINT": rig.plain_endpoint})

    def env_file(self, variables):
        """Keys go by a file that only we may read, not by arguments."""
        self.files += 1
        path = self.rig.folder / f"env-{self.files}"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in ({"SSL_CERT_FILE": CA_FILE} | variables).items()))
        return f"{path}"

    def rclone_options(self, settings):
        """Options of `docker exec` for an rclone that has the storage as `s3:`, as our server's rclone has it."""
        usual = {"TYPE": "s3", "PROVIDER": "Ceph", "ENDPOINT": self.rig.endpoint, "NO_CHECK_BUCKET": "true"}
        section = {f"RCLONE_CONFIG_S3_{name}": value for name, value in (usual | self.keys | settings).items()}
        return ("--env-file", self.env_file({"RCLONE_CONFIG": "/dev/null"} | section))

    def repository(self, name, *options):
        """The command line of restic straight on S3, on a repository of this name, which is made."""
        url = f"s3:{self.rig.endpoint}/{self.rig.user}/{name}"
        self.server.exec(RESTIC, "--repo", url, "init", options=self.base)
        return [RESTIC, "--repo", url, *options]

    def serve(self, name, path, **settings):
        """Starts a bare `rclone serve restic` on a path of the bucket; gives its URL for restic."""
        address = f"unix:///tmp/{name}.sock"
        command = (RCLONE, "serve", "restic", "--addr", address, f"s3:{self.rig.user}/{path}/")
        docker("exec", "--detach", "--user=user", *self.rclone_options(settings), self.server.name, *command)
        self.server.exec("timeout", "20", "sh", "-c", f"until test -S /tmp/{name}.sock; do sleep 0.05; done")
        return f"rest:http+{address}:/"

    def empty(self, path):
        """Makes a repository as good as new: what backups have left is deleted, and the storage has its space back."""
        kept = [f"--exclude=/{name}" for name in KEPT]
        self.server.exec(RCLONE, "delete", "--checkers=16", *kept, f"s3:{self.rig.user}/{path}", options=self.near)
        in_ceph("radosgw-admin", "gc", "process", "--include-all")

    def timed(self, *command):
        """The seconds of one command in the container, with the keys at hand."""
        return timed(lambda: self.server.exec(*command, options=self.base))


class Asking:
    """One connection to the REST server of a container, from outside."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("localhost")
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.settimeout(60)
        self.connection.sock.connect(f"{server.socket_path}")

    def get(self, path):
        """The body of a small object."""
        self.connection.request("GET", path, headers={"Accept": "application/vnd.x.restic.rest.v2"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise BenchError(f"GET {path} is {answer.status}: {body[:200]}")
        return body


def compose_project(rig, volume):
    """A Compose file with a server of a logged-in volume; gives the beginning of the command line."""
    service = {
        "image": rig.image,
        "command": "start-server",
        "hostname": "bench",
        "environment": rig.environment,
        "volumes": [f"{source}:{target}" for source, target in {"data": "/home/user", **rig.mounts}.items()],
        "networks": ["rig"],
        "labels": {rig.name: ""},
    }
    project = {
        "services": {"cloud-backup": service},
        "volumes": {"data": {"name": volume, "external": True}},
        "networks": {"rig": {"name": rig.network, "external": True}},
    }
    file = rig.folder / "compose.yaml"
    # JSON is YAML.
    file.write_text(json.dumps(project))
    return ["docker", "compose", "--file", f"{file}", "--project-name", rig.name]
