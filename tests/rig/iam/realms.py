"""The issuers of the one server: the root's, and one for each path prefix `/realm/NAME/`, with a script, counts, clients and logins of
its own, so that tests that run side by side do not disturb each other."""

import json
import re
import threading

from issuer import Issuer, Signer

PATH = re.compile(r"/realm/([a-z0-9][a-z0-9-]{0,40})(/.*)")
# The name of the root's issuer where all are kept.
ROOT = ""


class Realms:
    """All issuers by the names of their realms. They sign with one key, as if they were tenants of one service."""

    def __init__(self, url):
        self.url = url
        self.signer = Signer()
        self.lock = threading.Lock()
        self.issuers = {ROOT: Issuer(url, self.signer)}

    def find(self, path):
        """The issuer of a request by its path, and the rest of the path; no issuer where nobody has made the realm."""
        match = PATH.fullmatch(path)
        name, rest = match.groups() if match else (ROOT, path)
        with self.lock:
            return self.issuers.get(name), rest

    def make(self, path):
        """The same, and makes the realm if need be."""
        match = PATH.fullmatch(path)
        if match:
            self.add(match[1])
        return self.find(path)

    def add(self, name):
        with self.lock:
            if name not in self.issuers:
                self.issuers[name] = Issuer(f"{self.url.rstrip('/')}/realm/{name}/", self.signer)

    # --- Over a restart ------------------------------------------------------------------------

    def save(self, path):
        """Keeps everything in a file, for `load` after a restart: IAM down and up again has forgotten nobody."""
        path.write_text(json.dumps({name: issuer.kept() for name, issuer in self.issuers.items()}))

    def load(self, path):
        """Takes up what `save` kept, if there is anything."""
        if path.exists():
            for name, kept in json.loads(path.read_text()).items():
                if name != ROOT:
                    self.add(name)
                self.issuers[name].restore(kept)
