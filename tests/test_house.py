"""The house rules that no linter knows: contracts that really break, size, words, locks, and what is tracked."""

from __future__ import annotations

import ast
import re
import shutil
import statistics
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parent.parent
MODULES = sorted((CHECKOUT / "agent").rglob("*.py"))
TESTS = sorted((CHECKOUT / "tests").rglob("*.py"))
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
LANGUAGE = frozenset({"numpy", "msgspec", "agent"})
"""Libraries that a room speaks rather than uses: arrays, and the types of its settings."""


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so nothing is tracked")
    return [path for name in listed.stdout.split("\0") if name and (path := CHECKOUT / name).is_file()]


def named(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


@cache
def text_of(path: Path) -> str:
    """A text file as it is; nothing for a binary one."""
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode(errors="replace")


def places(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    """Where in some files a pattern is found, as path and number of the line."""
    return [
        f"{named(path)}:{text_of(path).count(chr(10), 0, found.start()) + 1}"
        for path in paths
        for found in pattern.finditer(text_of(path))
    ]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def nodes(path: Path) -> list[ast.stmt]:
    """The statements of a module, wherever in it."""
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.stmt)]


def imports(path: Path) -> set[str]:
    """Top-level packages that a module imports, wherever in it."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def pins(name: str) -> dict[str, str]:
    text = (CHECKOUT / "requirements" / f"{name}.txt").read_text()
    return {
        canonicalize_name(package): version
        for package, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE)
    }


# Import contracts

VIOLATIONS = {
    "a sibling is known": ("agent.sensors", "agent.vision", "Floors"),
    "a lower floor looks up": ("agent.records", "agent.errors", "Floors"),
    "pixels go upwards": ("agent.anomaly", "agent.pixels", "Pixels stay"),
    "arrays reach the uplink": ("agent.uplink", "numpy", "Pixels stay"),
    "the camera opens a socket": ("agent.camera", "socket", "The process with pixels has no network"),
    "the pipeline speaks MQTT": ("agent.pipeline", "agent.transport.memory", "The process with pixels has no network"),
    "a rule reads the time": ("agent.anomaly", "time", "The core does no I/O"),
    "the contract opens a file": ("agent.contract", "pathlib", "The core does no I/O"),
}
"""What imports what, and the contract that forbids it."""


@pytest.fixture(scope="module")
def broken_contracts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What import-linter says of each contract that breaks where a copy of the tree has every violation."""
    folder = tmp_path_factory.mktemp("spoiled")
    shutil.copytree(CHECKOUT / "agent", folder / "agent", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    for module, imported, _ in VIOLATIONS.values():
        path = folder / module.replace(".", "/")
        with (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).open("a") as spoiled:
            spoiled.write(f"\nimport {imported}\n")
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=folder, env={"PYTHONPATH": "."}, capture_output=True, text=True, check=False)
    _, title, *told = re.split(
        r"^(\S.*)\n-+\n", done.stdout[done.stdout.index("Broken contracts") :], flags=re.MULTILINE
    )
    assert title == "Broken contracts"
    return dict(zip(told[1::2], told[2::2], strict=True))


@pytest.mark.parametrize(("module", "imported", "contract"), list(VIOLATIONS.values()), ids=list(VIOLATIONS))
def test_a_forbidden_import_breaks_its_contract(
    broken_contracts: dict[str, str], module: str, imported: str, contract: str
):
    """The contract that breaks names this import, so each stands for itself though all are there at once."""
    (said,) = (text for name, text in broken_contracts.items() if name.startswith(contract))
    assert re.search(rf"^-\s+{re.escape(module)} -> {re.escape(imported)} \(", said, re.MULTILINE)


# Size and words


def test_a_module_can_be_read_in_one_sitting():
    sizes = {named(path): len(path.read_text().splitlines()) for path in MODULES}
    assert not {name: size for name, size in sizes.items() if size > 300}


def test_functions_are_short():
    """Half are at most 8 lines and nine of ten at most 20, as in the projects whose habits we take."""
    sizes = sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef)
    )
    assert statistics.median(sizes) <= 8
    assert statistics.quantiles(sizes, n=10)[-1] <= 20


def test_things_bear_the_nouns_of_the_trade():
    vague = re.compile(r"(?:Manager|Handler|Service|Helper|Util|Utils|Base|Info|Data|Processor|Controller)$")
    named = {
        f"{path.name}: {node.name}"
        for path in MODULES
        if path.parent.name != "contract"  # its payloads are the contract's own `data` member
        for node in nodes(path)
        if isinstance(node, ast.ClassDef) and vague.search(node.name)
    }
    assert not named


def test_a_module_says_what_it_is_for():
    assert not [named(path) for path in MODULES if tree(path).body and not ast.get_docstring(tree(path))]


def test_a_foreign_library_is_imported_in_one_file_of_a_room():
    homes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in MODULES:
        for library in imports(path) - LANGUAGE - sys.stdlib_module_names:
            homes[path.parent.name, library].add(path.name)
    assert not {home: files for home, files in homes.items() if len(files) > 1}


def test_nothing_is_left_for_later():
    unfinished = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|X" + "XX)\\b|NotImplemented" + "Error")
    assert not places(MODULES + TESTS, unfinished)


def test_no_test_imports_a_mock():
    assert not places(TESTS, re.compile(r"^\s*(?:from|import)\s+(?:unittest\.mock|mock|pytest_mock)\b", re.MULTILINE))


# Pages


def pages() -> list[Path]:
    """Scripts and pages that a browser runs."""
    return sorted(path for suffix in ("js", "html") for path in (CHECKOUT / "agent").rglob(f"*.{suffix}"))


@pytest.mark.parametrize("path", pages(), ids=named)
def test_a_page_makes_no_markup_of_what_it_is_told(path: Path):
    """Names and reasons come from others: they become text, never elements, so nothing in them can run."""
    markup = re.compile(r"\b(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function\(|srcdoc")
    assert not places([path], markup)


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if "<!doctype html>" in path.read_text()],
    ids=named,
)
def test_a_module_that_writes_a_page_escapes_what_it_is_told(path: Path):
    assert re.search(r"from html import escape|\bhtml\.escape\(", path.read_text())


# Locks


@pytest.mark.parametrize("extra", ["node", "demo", "dev", "bench"])
def test_the_lock_holds_everything_that_the_project_asks_for(extra: str):
    """Red after an edit of pyproject.toml that nobody followed with `make lock`."""
    pinned = pins(extra)
    asked = [*wanted(extra), *map(Requirement, PROJECT["project"]["dependencies"])]
    stale = [str(one) for one in asked if not one.specifier.contains(pinned.get(canonicalize_name(one.name), "0"))]
    assert not stale, "run: make lock"


def wanted(extra: str) -> Iterator[Requirement]:
    """What an extra asks for, with what the extras of our own that it names ask for."""
    for text in PROJECT["project"]["optional-dependencies"][extra]:
        requirement = Requirement(text)
        if requirement.name != PROJECT["project"]["name"]:
            yield requirement
        for inner in sorted(requirement.extras) if requirement.name == PROJECT["project"]["name"] else ():
            yield from wanted(inner)


def test_the_smaller_locks_agree_with_the_largest():
    largest = pins("bench")
    for extra in ("node", "demo", "dev"):
        assert {name: largest[name] for name in pins(extra)} == pins(extra)


def test_a_lock_names_hashes_and_no_place():
    for path in sorted((CHECKOUT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert "://" not in text
        assert not re.search(r"^\s*-", text.replace("    --hash=sha256:", ""), re.MULTILINE)


# What is tracked

SECRETS = {
    "a private key": re.compile(
        r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*(?:\\n)?[A-Za-z0-9+/=]{16}|^MC4CAQAwBQYDK2Vw",
        re.MULTILINE,
    ),
    "a token": re.compile(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|xox[abp]-[0-9A-Za-z-]{20,}|glpat-\S{20,})"
    ),
    "a password in an address": re.compile(
        r"[a-z]+://[^\s/:@]+:(?!\.\.\.|PASSWORD|password|secret|hunter2)[^\s/:@{}$<>]+@[\w.-]+"
    ),
    "a path of somebody's machine": re.compile(
        r"(?<![\w.$}~])/(?:home/(?!pi\b)\w+|Users/\w+|root|work|workspace|builds)/\w"
    ),
}


@pytest.mark.parametrize("what", SECRETS)
def test_nothing_tracked_holds(what: str):
    assert not places(tracked(), SECRETS[what]), what


def test_nothing_tracked_names_this_checkouts_own_place():
    own = [re.escape(str(place)) for place in {CHECKOUT, Path.home()} if len(place.parts) > 2]
    assert not places(tracked(), re.compile("|".join(own) or "(?!)"))


def test_nothing_tracked_is_a_picture_of_people():
    """Frames and clips are drawn or fetched, never committed; pictures of the documentation are drawings and screens."""
    footage = {".avi", ".mp4", ".mkv", ".mov", ".jpg", ".jpeg", ".npy", ".npz", ".wav", ".mp3"}
    assert not [path for path in tracked() if path.suffix.lower() in footage]


def test_nothing_tracked_is_larger_than_a_model():
    assert not [path for path in tracked() if path.stat().st_size > 8_000_000]
