"""How do vectors look to a client of OpenAI's API, where Daeri makes them itself? Its request, and its answer."""

import base64
import struct
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from daeri.errors import FieldError, ValidationFailed
from daeri.gateway.wire import fitted
from daeri.models.sentences import DIMENSIONS, Embedded
from daeri.wording import Text

TEXTS_MAX: Final = 256
TEXT_MAX: Final = 8_000
"""Characters of one text; what is longer belongs into passages."""
TOTAL_MAX: Final = 200_000
"""Characters of one request: about ten seconds of one processor."""


class EmbeddingAsked(BaseModel):
    """A request for embeddings; lists of tokens are not taken, since the encoder has tokens of its own."""

    model_config = ConfigDict(strict=True, extra="ignore")

    input: str | list[str] = Field(min_length=1)
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Literal[512] | None = None


def read_embedding(sent: Mapping[str, Any]) -> tuple[list[str], str]:
    """Return the texts of a request and the form its caller wants the vectors in.

    Raises:
        ValidationFailed: no text, too many or too long, or another number of dimensions.
    """
    asked = fitted(EmbeddingAsked, sent)
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    long = max(map(len, texts)) > TEXT_MAX or sum(map(len, texts)) > TOTAL_MAX
    if len(texts) > TEXTS_MAX or long or not all(texts):
        raise ValidationFailed(
            Text(
                f"글은 {TEXTS_MAX}개, 한 글은 1자부터 {TEXT_MAX:,}자, 모두 {TOTAL_MAX:,}자까지예요",
                f"At most {TEXTS_MAX} texts of 1 to {TEXT_MAX:,} characters, {TOTAL_MAX:,} in all",
            ),
            errors=[FieldError("/input", "too many, too long or empty")],
        )
    return texts, asked.encoding_format


def embeddings(model: str, embedded: Embedded, form: str) -> dict[str, Any]:
    """Render vectors as a list of embeddings."""
    data = [
        {"object": "embedding", "index": index, "embedding": _form(vector, form)}
        for index, vector in enumerate(embedded.vectors)
    ]
    usage = {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _form(vector: bytes, form: str) -> str | list[float]:
    if form == "base64":
        return base64.b64encode(vector).decode()
    return list(struct.unpack(f"<{DIMENSIONS}f", vector))
