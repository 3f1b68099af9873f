"""`python3 -m Tests.Replay`: the Dockerfile's stages, and then the quick start in what came out."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from .container import Container
from .dockerfile import stages
from .image import Replay, shown

REPOSITORY = Path(__file__).resolve().parents[2]
ISSUER = "http://127.0.0.1:8080"
AUDIENCE = "sts.amazonaws.com"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", type=Path, help="stands for what the build stage makes; without it, that is replayed")
    options.add_argument("--keep-binary", type=Path, help="where the binary of the image is copied to")
    arguments = options.parse_args()
    if os.geteuid() != 0:
        sys.exit("roots and namespaces need root: sudo")
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        work = Path(folder)
        replay = Replay(REPOSITORY, work, {"build": arguments.binary} if arguments.binary else {})
        for stage in stages(REPOSITORY / "docker/Dockerfile"):
            image = replay.stage(stage)
        if arguments.keep_binary:
            arguments.keep_binary.write_bytes(image.root.path("/usr/bin/jobsworth").read_bytes())
        print(f"image: {size(image.root.folder) >> 20} MiB, the binary "
              f"{image.root.path('/usr/bin/jobsworth').stat().st_size >> 20} MiB; runs {shown(image.entrypoint + image.command)} "
              f"as {image.user}", flush=True)
        container = Container(image, work, {"JOBSWORTH_ISSUER": ISSUER}).start()
        try:
            container.healthy()
            examine(container)
            quick_start(container)
            assert container.stop() == 0, container.log.read_text()
            again(container)
        finally:
            container.kill()
    print("the image does what the quick start does")


def size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink() and path.is_file())


def examine(container: Container) -> None:
    """What the engine is told, seen from inside."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{container.pid}/status").read_text().splitlines()
                  if ":\t" in line)
    assert set(status["Uid"].split()) == {"10001"} and set(status["Gid"].split()) == {"10001"}, status["Uid"]
    assert status["NoNewPrivs"] == "1" and int(status["CapBnd"], 16) == 0 and int(status["CapEff"], 16) == 0, status
    assert status["NSpid"].split()[-1] == "1", "it is not the first process of its container"
    refused = container.execute("touch", "/usr/bin/other", root=True)
    assert "Read-only file system" in refused.stderr, refused
    # What only root could use against the issuer is nowhere in the image.
    found = container.execute("find", "/usr", "/bin", "/sbin", "-xdev", "-name", "curl*", root=True)
    assert not found.stdout, found
    wrong = container.execute("jobsworth", "doctor", "--probe", "ready", environment={"JOBSWORTH_METRICS": "127.0.0.1:1"})
    assert wrong.returncode == 1, wrong
    print("it runs read-only, as its user, with no capability, healthy", flush=True)


def ok(done) -> str:
    assert done.returncode == 0, f"{done.args}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def quick_start(container: Container) -> None:
    """docs/quick-start.sh, step by step."""
    discovery = json.loads(ok(container.outside("curl", "-sf", f"{ISSUER}/.well-known/openid-configuration")))
    assert discovery["issuer"] == ISSUER
    credential = ok(container.execute("jobsworth", "runner", "add", "quick-start", "--repository", "acme/*"))
    file = "/var/lib/jobsworth/runner.credential"
    ok(container.execute("sh", "-c", f"umask 077; cat >{file}", stdin=credential))
    runner = {"JOBSWORTH_RUNNER_CREDENTIAL_FILE": file}
    started = ok(container.execute(
        "jobsworth", "job", "start", "--permission", "id-token=write", "--output", "json", "--fact", "repository=acme/widgets",
        "--fact", "ref=refs/heads/main", "--fact", "workflow=deploy", "--fact", "run_id=1", environment=runner))
    job = json.loads(started)
    answer = json.loads(ok(container.outside(
        "curl", "-sf", "-H", f"Authorization: Bearer {job['id_token_request']['token']}",
        f"{job['id_token_request']['url']}&audience={AUDIENCE}")))
    verified = ok(container.execute("jobsworth", "token", "verify", "--issuer", ISSUER, "--audience", AUDIENCE,
                                    stdin=answer["value"]))
    assert json.loads(verified)["sub"] == "repo:acme/widgets:ref:refs/heads/main", verified
    ok(container.execute("jobsworth", "job", "end", "--id", job["id"], environment=runner))
    dead = container.execute("jobsworth", "job", "token", "--audience", AUDIENCE, environment={
        "ACTIONS_ID_TOKEN_REQUEST_URL": job["id_token_request"]["url"],
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": job["id_token_request"]["token"]})
    assert dead.returncode == 1, dead
    assert json.loads(verified)["jti"] in ok(container.execute("jobsworth", "audit", "show"))
    ok(container.execute("jobsworth", "audit", "verify"))
    print("issuer, runner, job, token, verified, ended, recorded", flush=True)


def again(container: Container) -> None:
    """A second container on the same volume is the same issuer."""
    container.start().healthy()
    assert len(ok(container.execute("jobsworth", "runner", "list")).splitlines()) >= 1
    ok(container.execute("jobsworth", "audit", "verify"))
    assert container.stop() == 0, container.log.read_text()
    print("stopped by its signal and started again on the same volume", flush=True)


if __name__ == "__main__":
    main()
