"""The instructions of a Dockerfile, strictly: what is not known here is an error and is never passed over."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = {"FROM", "RUN", "COPY", "WORKDIR", "USER", "ENV", "LABEL", "EXPOSE", "VOLUME", "HEALTHCHECK", "ENTRYPOINT",
         "CMD", "STOPSIGNAL"}
OPTIONS = {"RUN": {"mount"}, "COPY": {"from", "chown", "chmod"},
           "HEALTHCHECK": {"interval", "timeout", "start-period", "retries"}}


class DockerfileError(Exception):
    pass


@dataclass(frozen=True)
class Instruction:
    line: int
    name: str
    options: list[tuple[str, str]]
    rest: str

    def fail(self, why: str):
        raise DockerfileError(f"line {self.line}: {self.name}: {why}")

    def words(self) -> list[str]:
        if "$" in self.rest:
            self.fail("variables are not known here")
        return shlex.split(self.rest)

    def exec_form(self) -> list[str]:
        """A command as a JSON array; one in a shell's words would be run by a shell, and that is not wanted."""
        try:
            words = json.loads(self.rest)
        except ValueError:
            self.fail("must be a JSON array")
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            self.fail("must be a JSON array of strings")
        return words

    def pairs(self) -> list[tuple[str, str]]:
        pairs = [tuple(word.split("=", 1)) for word in self.words()]
        if not pairs or any(len(pair) != 2 for pair in pairs):
            self.fail("must be NAME=VALUE …")
        return pairs


@dataclass
class Stage:
    image: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def stages(path: Path) -> list[Stage]:
    """The stages, in order; each has a name."""
    found: list[Stage] = []
    for instruction in instructions(path):
        if instruction.name == "FROM":
            match = re.fullmatch(r"(\S+) AS ([a-z]+)", instruction.rest)
            if not match:
                instruction.fail("must be IMAGE AS NAME")
            found.append(Stage(*match.groups()))
        elif not found:
            instruction.fail("comes before FROM")
        else:
            found[-1].instructions.append(instruction)
    if not found:
        raise DockerfileError("no FROM")
    return found


def instructions(path: Path):
    for number, text in logical_lines(path.read_text("utf-8")):
        match = re.fullmatch(r"([A-Za-z]+)\s+(.+)", text, re.DOTALL)
        if not match or match[1] not in KNOWN:
            raise DockerfileError(f"line {number}: not an instruction that is known here: {text!r}")
        name, rest = match.groups()
        options = []
        while option := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
            if option[1] not in OPTIONS.get(name, ()):
                raise DockerfileError(f"line {number}: {name} --{option[1]} is not known here")
            options.append((option[1], option[2]))
            rest = rest[option.end():]
        if rest.startswith("--") or "<<" in rest:
            raise DockerfileError(f"line {number}: {name}: neither such an option nor a here-document is known here")
        yield Instruction(number, name, options, rest)


def logical_lines(text: str):
    """Lines with what is continued joined to them; comments and empty lines are left out."""
    begun: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (begun is None and not line.strip()):
            continue
        first, before = begun or (number, "")
        if line.endswith("\\"):
            begun = (first, before + line[:-1].strip() + " ")
        else:
            begun = None
            yield first, before + line.strip()
    if begun:
        raise DockerfileError(f"line {begun[0]}: it goes on after the end of the file")
