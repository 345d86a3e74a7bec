"""Coq at work on the proofs of the project: what it accepts, prints, and assumes."""

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

from reproduce import hermetic
from reproduce.project import Project, ReproduceError, read_text, write_text

NEEDS = re.compile(r"^From Formal Require (?:Import|Export) ([\w\s]+)\.$", re.MULTILINE)
STATED = re.compile(r"^(?:Theorem|Lemma) (\w+).*?(?:Qed|Admitted)\.$", re.MULTILINE | re.DOTALL)
TIMED = re.compile(r"^Chars (\d+) - \d+ \[.*?\] ([\d.]+) secs.*\n?", re.MULTILINE)
CLOSED = "Closed under the global context"

WIDTH = 78
"""Columns of a statement, as Coq prints it."""


@dataclass(frozen=True)
class Checked:
    """What Coq said.

    Attributes:
        version: of Coq.
        seconds: that the proof of each theorem took, by name.
        axioms: what each rests on, or what all of them together do.
        statements: each as Coq prints it.
    """

    version: str
    seconds: Mapping[str, float]
    axioms: Mapping[str, tuple[str, ...]]
    statements: Mapping[str, str]


class Sources:
    """The files of proofs in ``formal/``."""

    def __init__(self, project: Project) -> None:
        """Read them."""
        folder = project.root / "formal"
        self.texts = {path.stem: read_text(path) for path in sorted(folder.glob("*.v"))}

    @cached_property
    def places(self) -> dict[str, str]:
        """The file that states a theorem, without suffix, by the theorem's name."""
        return {
            found[1]: file for file, text in self.texts.items() for found in STATED.finditer(text)
        }

    @cached_property
    def needs(self) -> dict[str, set[str]]:
        """The files that each file needs."""
        return {
            file: {need for found in NEEDS.findall(text) for need in found.split()}
            for file, text in self.texts.items()
        }

    def span(self, name: str) -> tuple[int, int]:
        """First and last byte of a theorem in its file, proof included."""
        text = self.texts[self.places[name]]
        own = next(found for found in STATED.finditer(text) if found[1] == name)
        return len(text[: own.start()].encode()), len(text[: own.end()].encode())


def is_installed() -> bool:
    """Whether there is a Coq to ask."""
    return shutil.which("coqc") is not None


def check(project: Project, names: Sequence[str], *, jobs: int, each: bool) -> Checked:
    """Let Coq check all proofs; what has not changed since it was checked is not checked again.

    Args:
        project: the project they belong to.
        names: the theorems to ask about.
        jobs: how many files are checked at a time.
        each: whether to ask of each theorem by itself what it rests on, which takes ten times as
            long as to ask of all together.

    Raises:
        ReproduceError: Coq does not accept a file; the message says which and why.
    """
    coq = _Coq(project)
    coq.compile(jobs)
    return coq.ask(names, each)


class _Coq:
    """Works on copies of the proofs in ``_build/formal``."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.build = project.build / "formal"
        self.build.mkdir(parents=True, exist_ok=True)
        self.sources = Sources(project)
        self.version = self._run("--print-version").split()[0]
        self.keys: dict[str, str] = {}
        for file in TopologicalSorter(self.sources.needs).static_order():
            below = [self.keys[need] for need in sorted(self.sources.needs[file])]
            self.keys[file] = _key(self.version, self.sources.texts[file], *below)

    def compile(self, jobs: int) -> None:
        """Check all files, those that others need first."""
        order = TopologicalSorter(self.sources.needs)
        order.prepare()
        with ThreadPoolExecutor(jobs) as pool:
            running: dict[Future[None], str] = {}
            while order.is_active():
                running |= {pool.submit(self._compile, file): file for file in order.get_ready()}
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    order.done(running.pop(future))

    def _compile(self, file: str) -> None:
        times = self.build / f"{file}.times"
        if not _begins_with(times, self.keys[file]):
            write_text(self.build / f"{file}.v", self.sources.texts[file])
            output = self._run("-time", "-Q", ".", "Formal", f"{file}.v")
            write_text(times, f"{self.keys[file]}\n{output}")

    def ask(self, names: Sequence[str], each: bool) -> Checked:
        """What theorems say, how long their proofs took, and what they rest on."""
        places, files = self.sources.places, " ".join(self.sources.texts)
        full = {name: f"{places[name]}.{name}" for name in names}
        groups = {name: [name] for name in names} if each else {_ALL: list(names)}
        # Only what is not imported has its full name; only what is imported is printed as written.
        questions = [f"From Formal Require {files}."]
        for group, own in groups.items():
            questions += [
                f"Definition group_{group} := ({', '.join(full[name] for name in own)}, tt).",
                _marked(f"axioms of {group}", f"Print Assumptions group_{group}."),
            ]
        questions += [
            "From Coq Require Import Reals. From Coquelicot Require Import Coquelicot.",
            f"Import {files}. Open Scope R_scope. Set Printing Width {WIDTH}.",
            *(_marked(name, f"Check {full[name]}.") for name in names),
        ]
        told = self._answers("\n".join(questions))
        return Checked(
            version=self.version,
            seconds={name: self._seconds(name) for name in names},
            axioms={
                name: _axioms(told[f"axioms of {group}"])
                for group, own in groups.items()
                for name in own
            },
            statements={name: _statement(told[name]) for name in names},
        )

    def _answers(self, questions: str) -> dict[str, str]:
        """Answers by the mark of their question."""
        answers = self.build / "answers"
        key = _key(questions, *self.keys.values())
        if not _begins_with(answers, key):
            write_text(self.build / "questions.v", questions + "\n")
            write_text(answers, f"{key}\n{self._run('-Q', '.', 'Formal', 'questions.v')}")
        marked = (part.partition("\n") for part in answers.read_text("utf-8").split(_MARK)[1:])
        return {mark: answer for mark, _, answer in marked}

    def _seconds(self, name: str) -> float:
        start, end = self.sources.span(name)
        times = (self.build / f"{self.sources.places[name]}.times").read_text("utf-8")
        return sum(float(took) for at, took in TIMED.findall(times) if start <= int(at) < end)

    def _run(self, *arguments: str) -> str:
        command = ["coqc", "-q", "-w", "none", *arguments]
        status, output = hermetic.run(command, hermetic.environment(self.project.home), self.build)
        if status != 0:
            reason = TIMED.sub("", output).strip()
            raise ReproduceError(f"formal/{arguments[-1]}: Coq does not accept it:\n{reason}")
        return output


_MARK = "@@ "
_ALL = "all"


def _marked(mark: str, question: str) -> str:
    return f'Goal True. idtac "{_MARK}{mark}". Abort.\n{question}'


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _begins_with(path: Path, key: str) -> bool:
    return path.exists() and path.read_text("utf-8").startswith(key)


def _axioms(answer: str) -> tuple[str, ...]:
    """Names of all that a theorem rests on. What is no list of axioms is taken for one, too."""
    if answer.strip() == CLOSED:
        return ()
    listed = answer.removeprefix("Axioms:\n")
    return tuple(sorted(set(re.findall(r"^(\S+)", listed, re.MULTILINE))))


def _statement(answer: str) -> str:
    """What stands behind the name and its colon, moved to the left as far as it goes."""
    lines = answer.rstrip().splitlines()[1:]
    lines[0] = lines[0].replace(":", " ", 1)
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(line[margin:] for line in lines)
