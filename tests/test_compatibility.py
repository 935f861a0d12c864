"""The table of the older programs' features names a test for each that works, and each of these tests exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "guide" / "compatibility.md"


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if not set(row[0]) <= {"-"} and row[0] not in ("#", "feature")]


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_test_in_the_table_exists():
    named = re.findall(r"`([^`\s]+\.py)::(\w+)`", PAGE.read_text())
    assert len(named) > 40
    missing = [f"{file}::{test}" for file, test in named if test not in functions_of(ROOT / file)]
    assert missing == []


def test_every_row_that_works_here_names_its_test():
    works = [row for row in rows() if re.match(r"(here|with a hub)\b", row[-2])]
    assert len(works) > 30
    assert [row for row in works if "::" not in row[-1]] == []


def test_the_table_has_every_feature_of_the_first_generation():
    numbers: set[int] = set()
    for row in rows():
        if match := re.fullmatch(r"(\d+)(?:-(\d+))?", row[0]):
            numbers |= set(range(int(match[1]), int(match[2] or match[1]) + 1))
    assert numbers == set(range(1, 62))
