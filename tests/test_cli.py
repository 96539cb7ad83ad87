"""The command itself: verbs, exit codes, and how little it loads."""

from __future__ import annotations

import builtins
import errno
import importlib
import os
import subprocess
import sys
import types

import pytest

from agent import __version__, cli, errors
from agent.errors import PiazzaError, UserError
from tests.conftest import CHECKOUT

PIAZZA = [sys.executable, "-m", "agent"]
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PiazzaError)]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PIAZZA, *arguments], capture_output=True, text=True, check=False, timeout=120)


def a_verb_that(act, monkeypatch: pytest.MonkeyPatch) -> str:
    """Gives the name of a verb that only this test knows."""
    module = types.ModuleType("agent.commands.example")
    vars(module).update(add_arguments=lambda parser: None, run=lambda options: act())
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(cli.VERBS, "example", "an example")
    return "example"


def raising(error: BaseException):
    def act() -> int:
        raise error

    return act


def test_the_version_is_one_line_on_standard_output():
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"piazza {__version__}\n", "")


def test_without_a_verb_the_command_lists_all_of_them():
    done = run()
    assert done.returncode == 0
    assert all(f"  {verb} " in done.stdout for verb in cli.VERBS)


def test_an_unknown_verb_is_the_users_mistake():
    done = run("obsreve")
    assert done.returncode == 2
    assert "obsreve" in done.stderr


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_is_a_module_that_takes_options_and_runs(verb: str):
    module = importlib.import_module(f"agent.commands.{verb}")
    assert callable(module.add_arguments)
    assert callable(module.run)
    assert module.__doc__


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_its_options(verb: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        cli.main([verb, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: piazza {verb}")


def test_the_command_loads_nothing_from_outside_the_standard_library():
    """`piazza --version` answers on a Zero 2 W before numpy could have been found."""
    code = (
        "import sys; before = set(sys.modules); import agent.cli\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['agent']"


def test_the_version_is_said_without_what_takes_long_to_load():
    """Not even argparse: together these would triple the time of an answer that machines ask for."""
    code = (
        "import sys; before = set(sys.modules); from agent.cli import main; main(['--version'])\n"
        "print(sorted((set(sys.modules) - before) & {'argparse', 'typing', 'importlib', 're', 'json'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


HUNG = """
import sys, threading
from agent import cli
threading.Thread(target=threading.Event().wait).start()
cli.main = lambda: {ends}
{begun}
"""
AS_MODULE = "import agent.__main__"
AS_PACKAGED = f"import runpy; runpy.run_path({str(CHECKOUT / 'packaging/deb/piazza')!r})"


@pytest.mark.parametrize("begun", [AS_MODULE, AS_PACKAGED])
@pytest.mark.parametrize(
    ("ends", "code", "said"), [("print('all told') or 3", 3, "all told"), ("1 / 0", 1, "ZeroDivisionError")]
)
def test_a_thread_that_hangs_holds_no_process(ends: str, code: int, said: str, begun: str):
    """As a camera's library may leave one behind; what was said before is heard all the same."""
    process = [sys.executable, "-c", HUNG.format(ends=ends, begun=begun)]
    done = subprocess.run(process, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True)


def test_a_terminal_without_a_sign_for_a_letter_shows_something_else():
    process = [sys.executable, "-c", HUNG.format(ends="print('✓ perché') or 0", begun=AS_MODULE)]
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(process, env=plain, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "? perch?\n")


def test_an_error_is_one_message_and_one_hint(monkeypatch, capsys):
    verb = a_verb_that(raising(UserError("gate.yaml: no such file", hint="give another path")), monkeypatch)
    assert cli.main([verb]) == 2
    assert capsys.readouterr().err == "piazza: gate.yaml: no such file\n  -> give another path\n"


def test_what_an_error_quotes_cannot_speak_to_the_terminal(monkeypatch, capsys):
    quoting = UserError("a.yaml: 1 problem\n  \x1b[2Jgate: unknown", hint="\x9bcorrect it")
    assert cli.main([a_verb_that(raising(quoting), monkeypatch)]) == 2
    said = "piazza: a.yaml: 1 problem\n  \\u001b[2Jgate: unknown\n  -> \\u009bcorrect it\n"
    assert capsys.readouterr().err == said


def test_an_error_without_a_hint_is_one_line(monkeypatch, capsys):
    assert cli.main([a_verb_that(raising(PiazzaError("the disk is full")), monkeypatch)]) == 1
    assert capsys.readouterr().err == "piazza: the disk is full\n"


def test_what_a_verb_answers_is_the_exit_code(monkeypatch):
    assert cli.main([a_verb_that(lambda: 3, monkeypatch)]) == 3


def test_an_interrupt_ends_with_the_shells_code_and_no_traceback(monkeypatch, capsys):
    assert cli.main([a_verb_that(raising(KeyboardInterrupt()), monkeypatch)]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("ours"),
        OSError("no number"),
        FileNotFoundError(errno.ENOENT, "of no path"),
        OSError(5, "disk", "a"),
    ],
)
def test_a_slip_of_ours_is_not_hidden(error: Exception, monkeypatch):
    """Nor is a disk that fails, which no other path would mend."""
    verb = a_verb_that(raising(error), monkeypatch)
    with pytest.raises(type(error)):
        cli.main([verb])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.yaml"), "a.yaml: no such file or directory"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", ".b.new", None, "b"), ".b.new -> b: is a directory"),
        (PermissionError(errno.EACCES, "Permission denied", b"c"), "c: permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on device"),
    ],
)
def test_a_path_that_cannot_be_used_is_the_users_to_correct(error: OSError, said: str, monkeypatch, capsys):
    """Wherever in a verb it is met: where, what, and what next."""
    assert cli.main([a_verb_that(raising(error), monkeypatch)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"piazza: {said}"
    assert second.startswith("  -> ")


def test_a_reader_that_goes_away_is_no_error():
    """As in `piazza --help | head -1`: no traceback, no complaint at shutdown."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([*PIAZZA, "--help"], stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_the_exit_code_says_whose_fault_it_is(kind: type[PiazzaError]):
    assert kind.exit_code == (2 if issubclass(kind, UserError) else 1)


@pytest.mark.parametrize("kind", [kind for kind in ERRORS if kind is not PiazzaError], ids=lambda kind: kind.__name__)
def test_every_error_is_also_a_builtin_that_a_programmer_expects(kind: type[PiazzaError]):
    standard = {one for one in vars(builtins).values() if isinstance(one, type) and issubclass(one, Exception)}
    assert (set(kind.__mro__) & standard) - {Exception}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_keeps_its_message_and_hint(kind: type[PiazzaError]):
    error = kind("what happened", hint="what to do")
    assert error.hint == "what to do"
    assert "what happened" in str(error)
