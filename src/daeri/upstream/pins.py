"""What did the operator agree to? The operations of each service as they were when `daeri service pin` was given.

They stand beside the table, in a file that programs write. Operations are made of these, never of what a service says
today: so a server starts while a service is down, and words that a service changes reach nobody before its operator.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daeri.canonical import digest
from daeri.errors import DeclarationError
from daeri.upstream.shape import Shape, differences

SUFFIX: Final = ".lock"


class Pin(BaseModel):
    """One service as it was pinned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    operations: tuple[Shape, ...]

    def shape(self, key: str) -> Shape | None:
        """Return an operation by its key."""
        return next((shape for shape in self.operations if shape.key == key), None)

    @property
    def is_whole(self) -> bool:
        """Whether it is as it was written."""
        return self.digest == digest_of(self.operations)


class _Pins(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = Field(default=1, ge=1, le=1)
    services: dict[str, Pin] = Field(default_factory=dict)


def digest_of(shapes: Sequence[Shape]) -> str:
    """Identify the operations of a service, to the letter."""
    return digest([shape.model_dump(mode="json") for shape in shapes])


def pin_of(shapes: Sequence[Shape]) -> Pin:
    """Return what pinning these operations writes down."""
    ordered = tuple(sorted(shapes, key=lambda shape: shape.key))
    return Pin(digest=digest_of(ordered), operations=ordered)


def file_of(table: Path) -> Path:
    """Return the file of pins beside a table."""
    return table.with_name(table.name + SUFFIX)


def pins_of(table: Path) -> dict[str, Pin]:
    """Return what is pinned; nothing where nothing ever was.

    Raises:
        DeclarationError: the file is wrong, or was changed by hand.
    """
    file = file_of(table)
    try:
        pins = _Pins.model_validate_json(file.read_bytes()).services
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        why = error.errors(include_url=False, include_input=False)[0] if isinstance(error, ValidationError) else error
        raise DeclarationError(f"{file}: {why}; write it anew with: daeri service pin") from None
    for name, pin in pins.items():
        if not pin.is_whole:
            raise DeclarationError(f"{file}: {name} was changed by hand; write it anew with: daeri service pin {name}")
    return pins


def write_pins(table: Path, pins: Mapping[str, Pin]) -> None:
    """Write down what is pinned, as a whole or not at all."""
    file = file_of(table)
    body = _Pins(services=dict(sorted(pins.items()))).model_dump(mode="json")
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    beside.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    beside.replace(file)


def changes(pinned: Sequence[Shape], found: Sequence[Shape]) -> dict[str, list[str]]:
    """Say what became of operations that are pinned, by key; nothing of those that are the same."""
    now = {shape.key: shape for shape in found}
    changed = {}
    for shape in pinned:
        after = now.get(shape.key)
        if after is None:
            changed[shape.key] = ["it is no longer there"]
        elif after != shape:
            changed[shape.key] = differences(shape, after)
    return changed
