"""`python3 -m Tests.Replay.package FILE.deb`: the package on a Debian that runs, from its installation to its purge."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from .machine import Machine
from .root import Root

ISSUER = "http://127.0.0.1:8080"
AUDIENCE = "sts.amazonaws.com"
CONFIGURATION = "/etc/jobsworth/jobsworth.yaml"
AS_JOBSWORTH = ("setpriv", "--reuid", "jobsworth", "--regid", "jobsworth", "--clear-groups", "env", "HOME=/var/lib/jobsworth")
# What `systemd-analyze security` may say at most; docs/installing.md has the figure.
EXPOSURE = 1.2


class Proof:
    def __init__(self, package: Path, work: Path):
        self.package = package
        self.root = Root(work / "root", "bookworm")
        self.machine = Machine(self.root, work / "machine.log")

    def run(self) -> None:
        self.install()
        self.machine.boot()
        try:
            self.refuses_without_url()
            self.issues()
            self.is_kept_in_its_place()
            self.rotates()
            self.takes_credentials()
            self.listens_on_443()
            self.removes_and_purges()
        finally:
            self.machine.halt()

    # -- steps

    def install(self) -> None:
        shutil.copy(self.package, self.root.path("/root/jobsworth.deb"))
        self.root.run("apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd systemd-sysv dbus curl "
                      "openssl >/dev/null 2>&1")
        # By itself: what is missing now, the package must ask for.
        self.root.run("apt-get install -y -qq --no-install-recommends /root/jobsworth.deb >/dev/null")
        said = self.root.run("dpkg -s jobsworth; jobsworth help >/dev/null && echo runs; stat -c '%U %a' /var/lib/jobsworth "
                             "/etc/jobsworth", capture=True).stdout
        assert "Status: install ok installed" in said and "runs" in said and "jobsworth 700" in said, said
        assert "root 750" in said, said
        done("installed, its dependencies by apt")

    def refuses_without_url(self) -> None:
        assert self.machine.run("systemctl", "is-enabled", "jobsworth", check=False).strip() == "disabled"
        self.machine.run("systemctl", "start", "jobsworth", check=False)
        wait(lambda: self.state() == "failed", "the refusal", self.journal)
        shown = self.machine.run("systemctl", "show", "-p", "ExecMainStatus", "-p", "NRestarts", "jobsworth")
        assert "ExecMainStatus=78" in shown and "NRestarts=0" in shown, shown
        done("without a URL it fails once, with what to mend, and is not started again and again")

    def issues(self) -> None:
        self.configure(ISSUER, "127.0.0.1:8080")
        self.start()
        run = self.machine.run
        credential = run(*AS_JOBSWORTH, "jobsworth", "runner", "add", "ci", "--repository", "acme/*", "--config", CONFIGURATION)
        file = "/root/runner.credential"
        self.root.path(file).touch(mode=0o600)
        self.root.path(file).write_text(credential)
        job = json.loads(run(
            "env", f"JOBSWORTH_ISSUER={ISSUER}", f"JOBSWORTH_RUNNER_CREDENTIAL_FILE={file}", "jobsworth", "job", "start",
            "--permission", "id-token=write", "--output", "json", "--fact", "repository=acme/widgets", "--fact",
            "ref=refs/heads/main", "--fact", "workflow=deploy", "--fact", "run_id=1"))
        token = run("env", *[f"{name}={value}" for name, value in job["environment"].items()],
                    "jobsworth", "job", "token", "--audience", AUDIENCE)
        claims = json.loads(run("jobsworth", "token", "verify", "--issuer", ISSUER, "--audience", AUDIENCE, stdin=token))
        assert claims["sub"] == "repo:acme/widgets:ref:refs/heads/main", claims
        run(*AS_JOBSWORTH, "jobsworth", "audit", "verify", "--config", CONFIGURATION)
        done("the service issues a token, and it verifies")

    def is_kept_in_its_place(self) -> None:
        """The unit's restrictions are in force on the running process, and the score is the documented one."""
        main = self.main_process()
        status = dict(line.split(":\t", 1) for line in self.machine.run("cat", f"/proc/{main}/status").splitlines() if ":\t" in line)
        user = self.machine.run("id", "-u", "jobsworth").strip()
        assert set(status["Uid"].split()) == {user}, status["Uid"]
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
        assert all(int(status[name], 16) == 0 for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")), status
        mounts = self.machine.run("cat", f"/proc/{main}/mounts")
        options = {line.split()[1]: line.split()[3].split(",") for line in mounts.splitlines()}
        assert "ro" in options["/"] and "rw" in options["/var/lib/jobsworth"], mounts
        assert "subset=pid" in options["/proc"], mounts
        shown = self.machine.run("systemd-analyze", "security", "--no-pager", "jobsworth")
        score = float(re.search(r"Overall exposure level for jobsworth\.service: ([\d.]+)", shown)[1])
        assert score <= EXPOSURE, shown
        done(f"seccomp, no capability, read-only file system; systemd-analyze security: {score}")

    def rotates(self) -> None:
        self.machine.run("systemctl", "start", "jobsworth-rotate.service")
        self.machine.run("systemctl", "enable", "--now", "jobsworth", "jobsworth-rotate.timer")
        done("the rotation's unit runs beside it; service and timer can be enabled")

    def takes_credentials(self) -> None:
        """TLS and the sealing key by LoadCredential."""
        folder = self.root.path("/etc/jobsworth/credentials")
        folder.mkdir(mode=0o700)
        self.root.run("cd /etc/jobsworth/credentials && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                      "-keyout tls.key -out tls.pem -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>&1 && "
                      "cp /var/lib/jobsworth/issuer.sqlite.sealing-key sealing-key && chmod 600 *", capture=True)
        text = self.root.path("/usr/share/doc/jobsworth/examples/jobsworth-credentials.conf").read_text()
        text = re.sub(r"^#(?=LoadCredential=sealing|Environment=)", "", text, flags=re.MULTILINE)
        self.drop_in("credentials", text)
        self.configure("https://127.0.0.1:8443", "127.0.0.1:8443")
        self.start()
        found = self.machine.run("curl", "-sf", "--cacert", "/etc/jobsworth/credentials/tls.pem",
                                 "https://127.0.0.1:8443/.well-known/jwks")
        assert json.loads(found)["keys"], found
        environment = self.machine.run("cat", f"/proc/{self.main_process()}/environ")
        assert "/run/credentials/jobsworth.service/sealing-key" in environment, environment
        done("certificate, TLS key and sealing key come as systemd's credentials")

    def listens_on_443(self) -> None:
        self.drop_in("port-443", self.root.path("/usr/share/doc/jobsworth/examples/jobsworth-port-443.conf").read_text())
        self.configure("https://127.0.0.1", "127.0.0.1:443")
        self.start()
        self.machine.run("curl", "-sf", "--cacert", "/etc/jobsworth/credentials/tls.pem", "https://127.0.0.1/.well-known/jwks")
        done("with the other drop-in it listens on 443")

    def removes_and_purges(self) -> None:
        keys = self.root.path("/var/lib/jobsworth/issuer.sqlite.sealing-key").read_bytes()
        self.machine.run("apt-get", "remove", "-y", "-qq", "jobsworth")
        assert self.state() in ("inactive", "unknown", ""), self.state()
        assert self.root.path(CONFIGURATION).exists() and not self.root.path("/usr/bin/jobsworth").exists()
        said = self.machine.run("sh", "-c", "apt-get purge -y -qq jobsworth 2>&1")
        assert "/var/lib/jobsworth is kept" in said, said
        assert self.root.path("/var/lib/jobsworth/issuer.sqlite.sealing-key").read_bytes() == keys
        assert not self.root.path(CONFIGURATION).exists()
        assert "jobsworth" in self.machine.run("getent", "passwd", "jobsworth")
        self.machine.run("dpkg", "-i", "/root/jobsworth.deb")
        shown = self.machine.run(*AS_JOBSWORTH, "jobsworth", "keys", "show", "--storage",
                                 "sqlite:/var/lib/jobsworth/issuer.sqlite")
        assert "RS256" in shown, shown
        done("removed, purged with the keys kept and said so, and installed again over them")

    # -- what the steps use

    def configure(self, url: str, listen: str) -> None:
        file = self.root.path(CONFIGURATION)
        text = re.sub(r"(?m)^#?issuer:\n#?  url: .*$", f"issuer:\n  url: {url}", file.read_text())
        file.write_text(re.sub(r"(?m)^  listen: .*$", f"  listen: {listen}", text))

    def drop_in(self, name: str, text: str) -> None:
        folder = self.root.path("/etc/systemd/system/jobsworth.service.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.conf").write_text(text)
        self.machine.run("systemctl", "daemon-reload")

    def start(self) -> None:
        self.machine.run("systemctl", "reset-failed", "jobsworth", check=False)
        self.machine.run("systemctl", "restart", "jobsworth")
        wait(lambda: "ready" == self.machine.run("curl", "-s", "127.0.0.1:9090/readyz",
                                                 check=False).strip(), "readiness", self.journal)

    def state(self) -> str:
        return self.machine.run("systemctl", "is-active", "jobsworth", check=False).strip()

    def main_process(self) -> str:
        return self.machine.run("systemctl", "show", "-p", "MainPID", "--value", "jobsworth").strip()

    def journal(self) -> str:
        return self.machine.run("journalctl", "-u", "jobsworth", "-n", "30", "--no-pager", "-o", "cat", check=False)


def wait(question, what: str, explanation=lambda: "") -> None:
    deadline = time.monotonic() + 30
    while not question():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come\n{explanation()}")
        time.sleep(0.1)


def done(what: str) -> None:
    print(f"package: {what}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("package", type=Path)
    arguments = options.parse_args()
    if os.geteuid() != 0:
        sys.exit("roots and namespaces need root: sudo")
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        Proof(arguments.package, Path(folder)).run()


if __name__ == "__main__":
    main()
