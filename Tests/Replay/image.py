"""Replays the stages of a Dockerfile; what comes out is the last one's root and how it is to be started."""

from __future__ import annotations

import shlex
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import context
from .dockerfile import Instruction, Stage
from .root import PATH, Root, cache_folder
from .toolchain import Toolchain


@dataclass
class Image:
    """A stage's root and what its instructions said of it."""

    root: Root
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    folder: str = "/"
    user: str = "0:0"
    volumes: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    health: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    signal: str = "SIGTERM"


class Replay:
    """`given` maps a stage's name to a binary that this machine has already built: that stage's RUNs are not run."""

    def __init__(self, files: Path, work: Path, given: dict[str, Path]):
        self.context = context.Context(files)
        self.work = work
        self.given = given
        self.images: dict[str, Image] = {}

    def stage(self, stage: Stage) -> Image:
        begun = time.monotonic()
        folder = self.work / stage.name
        self._toolchain = None
        if stage.name in self.given:
            image = Image(Root(folder, None))
            binary = image.root.path("/out/usr/bin/jobsworth")
            binary.parent.mkdir(parents=True)
            subprocess.run(["install", "-s", self.given[stage.name], binary], check=True)
        elif stage.image.startswith("swift:"):
            self._toolchain = Toolchain(stage.image)
            image = Image(Root(folder, self._toolchain.suite))
            self._toolchain.prepare(image.root)
        elif stage.image.startswith("debian:") and stage.image.endswith("-slim"):
            image = Image(Root(folder, stage.image.removeprefix("debian:").removesuffix("-slim")))
        else:
            raise ValueError(f"{stage.image} cannot be replayed here")
        self.images[stage.name] = image
        for instruction in stage.instructions:
            getattr(self, "_" + instruction.name.lower())(instruction, image, stage)
        print(f"{stage.name}: {stage.image} replayed in {time.monotonic() - begun:.0f} s", flush=True)
        return image

    # -- instructions

    def _run(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        if stage.name in self.given:
            print(f"{stage.name}: line {instruction.line}: RUN left out, its binary is given", flush=True)
            return
        mounts = [self._cache(instruction, option) for _, option in instruction.options]
        environment = dict(image.environment)
        if self._toolchain:
            environment |= self._toolchain.environment
            mounts += self._toolchain.mounts
        print(f"{stage.name}: line {instruction.line}: RUN {instruction.rest[:90]} …", flush=True)
        image.root.run(instruction.rest, environment=environment, folder=image.folder, mounts=mounts)

    def _cache(self, instruction: Instruction, option: str) -> tuple[Path, str]:
        fields = dict(part.split("=", 1) for part in option.split(","))
        if fields.pop("type", None) != "cache" or fields.keys() - {"target", "sharing"}:
            instruction.fail(f"--mount={option} is not known here")
        folder = cache_folder() / "mounts" / fields["target"].strip("/").replace("/", "_")
        folder.mkdir(parents=True, exist_ok=True)
        return folder, fields["target"]

    def _copy(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        options = dict(instruction.options)
        *sources, target = instruction.words()
        place = image.root.path(target if target.startswith("/") else f"{image.folder}/{target}")
        if origin := options.pop("from", None):
            found = [self.images[origin].root.path(source) for source in sources]
            ignore = None
        else:
            found = [path for source in sources for path in self.context.matches(source)]
            ignore = self.context.left_out
        if options or not found:
            instruction.fail("nothing to copy" if not found else f"{options} are not known here")
        context.copy(found, place, into=target.endswith("/"), ignore=ignore)

    def _workdir(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        [image.folder] = instruction.words()
        image.root.path(image.folder).mkdir(parents=True, exist_ok=True)

    def _user(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        [image.user] = instruction.words()

    def _env(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        image.environment.update(instruction.pairs())

    def _label(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        image.labels.update(instruction.pairs())

    def _expose(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        image.ports += instruction.words()

    def _volume(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        image.volumes += instruction.exec_form()

    def _healthcheck(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        if not instruction.rest.startswith("CMD "):
            instruction.fail("must be CMD and a JSON array")
        image.health = Instruction(instruction.line, "CMD", [], instruction.rest[4:]).exec_form()

    def _entrypoint(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        image.entrypoint = instruction.exec_form()

    def _cmd(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        image.command = instruction.exec_form()

    def _stopsignal(self, instruction: Instruction, image: Image, stage: Stage) -> None:
        [image.signal] = instruction.words()


def shown(words: list[str]) -> str:
    return " ".join(map(shlex.quote, words))
