"""The files that a build sees: the repository without what `.dockerignore` keeps away."""

from __future__ import annotations

import fnmatch
import shutil
from pathlib import Path


class Context:
    def __init__(self, folder: Path):
        self.folder = folder
        lines = (folder / ".dockerignore").read_text("utf-8").splitlines()
        self._rules = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        for rule in self._rules:
            name = rule.removeprefix("!").removeprefix("**/")
            if "/" in name or (rule != "*" and "*" in name):
                raise ValueError(f".dockerignore: {rule} is not known here")

    def sees(self, path: Path) -> bool:
        """The last rule that matches decides; a rule for a folder is one for all that is in it."""
        parts = path.relative_to(self.folder).parts
        seen = True
        for rule in self._rules:
            name = rule.removeprefix("!")
            anywhere = name.startswith("**/")
            name = name.removeprefix("**/")
            if any(fnmatch.fnmatchcase(part, name) for part in (parts if anywhere else parts[:1])):
                seen = rule.startswith("!")
        return seen

    def matches(self, pattern: str) -> list[Path]:
        return [path for path in sorted(self.folder.glob(pattern)) if self.sees(path)]

    def left_out(self, folder: str, names: list[str]) -> list[str]:
        """For `shutil.copytree`."""
        return [name for name in names if not self.sees(Path(folder) / name)]


def copy(sources: list[Path], target: Path, *, into: bool, ignore=None) -> None:
    """COPY: a folder's content goes into the target, a file into it where `into`, and else becomes it."""
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=ignore)
        else:
            file = target / source.name if into else target
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, file)
