"""Brings the programs into the distribution: from the checkout, or from the sdist made of it."""

import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "saxsolo_runtime"


class CustomBuildHook(BuildHookInterface):
    """Copies saxsolo/runtime and what it imports as the package `saxsolo_runtime`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        here = Path(self.root)
        programs = here / NAME
        if not programs.is_dir():
            checkout = here.parents[1]
            self._place = tempfile.TemporaryDirectory()
            programs = Path(self._place.name) / NAME
            files = runpy.run_path(str(checkout / "saxsolo" / "publishing" / "runtime_files.py"))
            files["copy_programs"](programs)
            for name in ("LICENSE", "NOTICE"):
                (programs / name).write_bytes((checkout / name).read_bytes())
        build_data["force_include"][str(programs)] = NAME
