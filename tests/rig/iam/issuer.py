"""What the test issuer keeps and decides: clients, device codes, refresh tokens, and the script that a test has written for it.

It models INDIGO IAM (version 1.8 and its MITREid ancestor) in what matters to us:
- refresh tokens are JWTs with `alg: none` and the claims `jti` and `exp`; a refresh does not prolong them;
- a token that has expired or was revoked is `invalid_token` with status 401, and the error text quotes an expired one;
- usage policy (AUP) to be signed: `invalid_grant`, 400; the device answer has no `interval` (RFC 8628, section 3.2: it is then 5 s);
- an access token has the audience that was asked for, none if none was, and `sub` is the UUID of the account.
"""

import base64
import json
import os
import secrets
import subprocess
import threading
import time
import uuid

DAY = 86400
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

# Why a refresh can be refused: status, error and text, as IAM gives them. TOKEN is the refresh token, USER the user's name.
REFUSALS = {
    "expired": (401, "invalid_token", "Expired refresh token: TOKEN"),
    "revoked": (401, "invalid_token", "Invalid refresh token: token not found"),
    "aup": (400, "invalid_grant", "User USER needs to sign AUP for this organization in order to proceed."),
    "disabled": (400, "invalid_grant", "User USER is not active."),
    "client": (401, "invalid_client", "Client does not own the presented refresh token"),
}

DEFAULTS = {
    # Seconds from login to the end of a refresh token that is made from now on; negative: it has ended already.
    "refresh_lifetime": 30 * DAY,
    # Unix time of that end, for tests to the second; goes before the lifetime.
    "refresh_expires_at": None,
    # Seconds.
    "access_lifetime": int(os.environ.get("ACCESS_TOKEN_TTL") or 3600),
    # Claims of access tokens over its own, by name; null leaves one out.
    "claims": {},
    # Seconds by which its clock is ahead, as the header Date of each answer tells it.
    "clock_ahead": 0,
    # "jwt", or "opaque" as other providers have them.
    "refresh_token": "jwt",
    # Each refresh gives a new refresh token; the old one is dead, and using it again kills the new one too (RFC 9700, section 4.14.2).
    "rotate": os.environ.get("ROTATE") == "1",
    # Whether there is an introspection endpoint.
    "introspection": True,
    # Clients that get tokens for themselves (RFC 6749, section 4.4): their secrets by their names.
    "services": {},
    # A user's name: device codes are approved at once in that name.
    "approve": None,
    # Seconds from the device answer to the end of its codes.
    "code_lifetime": 600,
    # Seconds between polls in the device answer; none: left out.
    "interval": None,
    # What each refresh gets: null, or {"reason": a key of REFUSALS, "status":, "error":, "description":} or {"fail": as in `fail`}.
    "answer": None,
    # The same for the next refreshes, one each, before `answer` counts.
    "next": [],
    # How true refusals look: {"status":, "error":, "description":} over REFUSALS.
    "refusals": {},
    # Endpoint's name or "*": "hang", "drop", or a status such as 503.
    "fail": {},
}


class Refusal(Exception):
    """An error answer (RFC 6749, section 5.2), or no sensible answer at all."""

    def __init__(self, status, error, description="", failure=None):
        super().__init__(error)
        self.status, self.error, self.description, self.failure = status, error, description, failure


def base64url(data):
    """As JOSE writes it: without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(header, claims, sign=lambda _: b""):
    """A JWT in the compact form; unsigned unless told how."""
    text = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{text}.{base64url(sign(text.encode()))}"


class Signer:
    """The rig's signing key: signs as RS256 by openssl, and gives the public half as a JWK with its certificate."""

    def __init__(self, folder="/pki"):
        self.key = f"{folder}/sign.key"
        certificate = f"{folder}/sign.pem"
        modulus = self.openssl("x509", "-in", certificate, "-noout", "-modulus").decode().strip().partition("=")[2]
        der = self.openssl("x509", "-in", certificate, "-outform", "DER")
        self.jwk = {
            "kty": "RSA", "kid": "rsa1", "use": "sig", "alg": "RS256",
            "n": base64url(bytes.fromhex(modulus)), "e": "AQAB", "x5c": [base64.b64encode(der).decode()],
        }  # fmt: skip

    def sign(self, claims):
        """A signed JWT."""
        return jwt(
            {"alg": "RS256", "typ": "JWT", "kid": "rsa1"},
            claims,
            lambda text: self.openssl("dgst", "-sha256", "-sign", self.key, given=text),
        )

    @staticmethod
    def openssl(*args, given=None):
        return subprocess.run(["openssl", *args], input=given, capture_output=True, check=True, timeout=20).stdout


class Issuer:
    """Everything behind the endpoints. One lock: a request at a time."""

    def __init__(self, url, signer):
        self.url = url
        self.base = url.rstrip("/")
        self.signer = signer
        self.lock = threading.RLock()
        self.script = json.loads(json.dumps(DEFAULTS))
        self.counts = {}
        self.clients = {}
        self.device_codes = {}
        self.refresh_tokens = {}
        self.access_tokens = {}

    # --- Over a restart ------------------------------------------------------------------------

    KEPT = ("script", "counts", "clients", "device_codes", "refresh_tokens", "access_tokens")

    def kept(self):
        """All that a restart must not forget, for `restore`."""
        with self.lock:
            return {name: getattr(self, name) for name in self.KEPT}

    def restore(self, kept):
        """Takes up what `kept` gave."""
        for name, value in kept.items():
            setattr(self, name, value)

    # --- The script -----------------------------------------------------------------------------

    def set_script(self, changes):
        """Takes over settings; besides them `reset`: true starts the script and the counts anew, `revoke`: NAME kills the user's logins,
        `forget_clients`: true drops all registrations, and `issue`: {"user":, "audience":} gives an access token without a login, under `issued`."""
        with self.lock:
            if changes.pop("reset", False):
                self.script = json.loads(json.dumps(DEFAULTS))
                self.counts = {}
            user = changes.pop("revoke", None)
            issue = changes.pop("issue", None)
            if changes.pop("forget_clients", False):
                self.clients = {}
            unknown = changes.keys() - DEFAULTS.keys()
            if unknown:
                raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
            for answer in [changes.get("answer"), *changes.get("next", [])]:
                if answer and answer.get("reason", "expired") not in REFUSALS:
                    raise ValueError(f"no such reason: {answer['reason']}")
            for token in self.refresh_tokens.values():
                if token["user"] == user:
                    token["revoked"] = True
            self.script.update(changes)
            told = self.told()
            if issue:
                login = {"user": issue["user"], "client": "control", "scope": "openid profile"}
                told["issued"] = self.tokens(login, issue, None)["access_token"]
            return told

    def told(self):
        """Whose script, the script as it is now, and how often each endpoint was asked; `refreshed` counts the refreshes that were granted."""
        with self.lock:
            return {"issuer": self.url, "script": self.script, "counts": self.counts}

    def count(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1

    def arrived(self, name):
        """Counts a request and gives the failure that the script has for it."""
        with self.lock:
            self.count(name)
            fail = self.script["fail"]
            return fail.get(name) or (fail.get("*") if name != "page" else None)

    # --- Clients --------------------------------------------------------------------------------

    def metadata(self):
        """OpenID Connect Discovery 1.0, section 3; RFC 8414."""
        metadata = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "userinfo_endpoint": f"{self.base}/userinfo",
            "jwks_uri": f"{self.base}/jwk",
            "registration_endpoint": f"{self.base}/iam/api/client-registration",
            "device_authorization_endpoint": f"{self.base}/devicecode",
            "revocation_endpoint": f"{self.base}/revoke",
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        if self.script["introspection"]:
            metadata["introspection_endpoint"] = f"{self.base}/introspect"
        return metadata

    def register(self, wanted):
        """RFC 7591, section 3: takes whatever is asked for."""
        client = {
            **wanted,
            "client_id": str(uuid.uuid4()),
            "client_secret": secrets.token_urlsafe(48),
            "client_id_issued_at": int(time.time()),
            "client_secret_expires_at": 0,
            "registration_access_token": secrets.token_urlsafe(48),
        }
        client["registration_client_uri"] = f"{self.base}/iam/api/client-registration/{client['client_id']}"
        with self.lock:
            self.clients[client["client_id"]] = client
        return client

    def client(self, name, secret, secret_needed=True):
        """The client of this name and secret. The device endpoint may be asked without a secret, as oidc-agent does."""
        service = self.script["services"].get(name)
        client = {"client_id": name, "client_secret": service} if service else self.clients.get(name)
        if client is None or ((secret or secret_needed) and secret != client["client_secret"]):
            raise Refusal(401, "invalid_client", "Bad client credentials")
        return client

    # --- The device flow (RFC 8628) -------------------------------------------------------------

    def start_device_flow(self, client, scope):
        lifetime = self.script["code_lifetime"]
        code = {
            "client": client["client_id"],
            "scope": scope,
            "user_code": "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(6)),
            "ends": time.time() + lifetime,
            "user": self.script["approve"],
            "declined": False,
        }
        device_code = str(uuid.uuid4())
        with self.lock:
            self.device_codes[device_code] = code
        answer = {
            "device_code": device_code,
            "user_code": code["user_code"],
            "verification_uri": f"{self.base}/device",
            "expires_in": lifetime,
        }
        if self.script["interval"] is not None:
            answer["interval"] = self.script["interval"]
        return answer

    def knows_user_code(self, user_code):
        return any(code["user_code"] == user_code for code in self.device_codes.values())

    def decide(self, user_code, user, approved):
        """What the user chose on the page."""
        with self.lock:
            for code in self.device_codes.values():
                if code["user_code"] == user_code:
                    code.update(user=user if approved else None, declined=not approved)

    # --- The token endpoint ---------------------------------------------------------------------

    def grant(self, client, form):
        """RFC 6749, sections 5.1 and 6; RFC 8628, section 3.4."""
        kind = form.get("grant_type")
        with self.lock:
            if kind == DEVICE_GRANT:
                return self.grant_device(client, form)
            if kind == "refresh_token":
                return self.grant_refresh(client, form)
            if kind == "client_credentials":
                return self.grant_service(client, form)
        raise Refusal(400, "unsupported_grant_type", f"Unsupported grant type: {kind}")

    def grant_service(self, client, form):
        if client["client_id"] not in self.script["services"]:
            raise Refusal(401, "invalid_client", f"Unauthorized grant type: {form['grant_type']}")
        self.count("service")
        # IAM gives no identity and no refresh token here, and none to whom "openid" is not allowed.
        login = {"user": None, "client": client["client_id"], "scope": form.get("scope", "")}
        return self.tokens(login, form, None)

    def grant_device(self, client, form):
        name = form.get("device_code", "")
        code = self.device_codes.get(name)
        if code is None or code["client"] != client["client_id"]:
            raise Refusal(400, "invalid_grant", f"Invalid device code: {name}")
        if code["ends"] < time.time():
            raise Refusal(400, "expired_token", f"Device code has expired {name}")
        if code["declined"]:
            raise Refusal(400, "access_denied", "User denied access")
        if code["user"] is None:
            raise Refusal(400, "authorization_pending", f"Authorization pending for code: {name}")
        del self.device_codes[name]
        login = {"user": code["user"], "client": client["client_id"], "scope": code["scope"], "ends": self.end_of_login()}
        refresh_token = self.new_refresh_token(login) if "offline_access" in code["scope"].split() else None
        return self.tokens(login, form, refresh_token)

    def end_of_login(self):
        """Unix time, in whole seconds as the claim `exp` has it."""
        given = self.script["refresh_expires_at"]
        return int(time.time()) + self.script["refresh_lifetime"] if given is None else given

    def new_refresh_token(self, login):
        if self.script["refresh_token"] == "opaque":
            value = secrets.token_urlsafe(48)
        else:
            value = jwt({"alg": "none"}, {"exp": login["ends"], "jti": str(uuid.uuid4())})
        self.refresh_tokens[value] = {**login, "revoked": False, "next": None}
        return value

    def grant_refresh(self, client, form):
        self.count("refresh")
        value = form.get("refresh_token", "")
        token = self.refresh_tokens.get(value)
        self.refuse_as_scripted(value, token)
        if token is None or token["revoked"]:
            self.revoke_what_came_of(token)
            raise self.refusal("revoked", value, token)
        if token["client"] != client["client_id"]:
            raise self.refusal("client", value, token)
        if token["ends"] < time.time():
            raise self.refusal("expired", value, token)
        replacement = None
        if self.script["rotate"]:
            replacement = self.new_refresh_token({key: token[key] for key in ("user", "client", "scope", "ends")})
            token.update(revoked=True, next=replacement)
        self.count("refreshed")
        # IAM gives the refresh token again with each answer, though it is the same.
        return self.tokens(token, form, replacement or value)

    def refuse_as_scripted(self, value, token):
        answer = self.script["next"].pop(0) if self.script["next"] else self.script["answer"]
        if not answer:
            return
        if "fail" in answer:
            raise Refusal(0, "", failure=answer["fail"])
        raise self.refusal(answer.get("reason", "expired"), value, token, answer)

    def refusal(self, reason, value, token, form=None):
        """The refusal for this reason in the form wanted, with the texts filled in."""
        status, error, description = REFUSALS[reason]
        wanted = {"status": status, "error": error, "description": description, **(self.script["refusals"] if form is None else form)}
        user = token["user"] if token else "unknown"
        text = wanted["description"].replace("TOKEN", value).replace("USER", user)
        return Refusal(wanted["status"], wanted["error"], text)

    def revoke_what_came_of(self, token):
        """A used-up token was used again: take away its successors."""
        while token and token["next"]:
            token = self.refresh_tokens[token["next"]]
            token["revoked"] = True

    def tokens(self, login, form, refresh_token):
        """The answer with the tokens (RFC 6749, section 5.1; OpenID Connect Core 1.0, section 3.1.3.3)."""
        now = int(time.time())
        lifetime = self.script["access_lifetime"]
        claims = {
            "iss": self.url, "iat": now, "nbf": now, "exp": now + lifetime, "jti": str(uuid.uuid4()),
            "client_id": login["client"], "scope": form.get("scope") or login["scope"], **(self.person(login["user"]) if login["user"] else {"sub": login["client"]}),
        }  # fmt: skip
        audience = form.get("audience") or form.get("aud")
        if audience:
            claims["aud"] = audience.split()[0] if len(audience.split()) == 1 else audience.split()
        scripted = {**claims, **self.script["claims"]}
        access_token = self.signer.sign({name: value for name, value in scripted.items() if value is not None})
        self.access_tokens[access_token] = claims
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": lifetime, "scope": claims["scope"]}
        if "openid" in claims["scope"].split():
            identity = {**claims, "aud": login["client"]}
            answer["id_token"] = self.signer.sign(identity)
        if refresh_token:
            answer["refresh_token"] = refresh_token
        return answer

    @staticmethod
    def person(user):
        """The claims about a user: everybody exists."""
        return {
            "sub": str(uuid.uuid5(uuid.NAMESPACE_DNS, user)),
            "preferred_username": user,
            "name": f"User {user}",
            "organisation_name": "infn-cloud",
            "groups": ["end-users-catchall"],
        }

    # --- Questions about tokens -----------------------------------------------------------------

    def introspect(self, value):
        """RFC 7662, section 2.2: of a token that is no good, only that."""
        with self.lock:
            token = self.refresh_tokens.get(value)
            if token:
                if token["revoked"] or token["ends"] < time.time():
                    return {"active": False}
                return {
                    "active": True, "exp": token["ends"], "scope": token["scope"], "client_id": token["client"],
                    **self.person(token["user"]),
                }  # fmt: skip
            claims = self.access_tokens.get(value)
            if claims and claims["exp"] >= time.time():
                return {"active": True, "token_type": "Bearer", **claims}
        return {"active": False}

    def revoke(self, value):
        """RFC 7009: an unknown token is no error."""
        with self.lock:
            if value in self.refresh_tokens:
                self.refresh_tokens[value]["revoked"] = True

    def userinfo(self, value):
        claims = self.access_tokens.get(value)
        if claims is None or claims["exp"] < time.time():
            raise Refusal(401, "invalid_token", "Invalid access token")
        return self.person(claims["preferred_username"])
