"""Who is behind a model's address? OpenTelemetry's word for it where it has one, else the host itself.

Every endpoint is spoken to in OpenAI's format, so the format tells nothing of who answers; the address does.
"""

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

WELL_KNOWN: Final = (
    ("api.openai.com", "openai"),
    ("*.openai.azure.com", "azure.ai.openai"),
    ("*.ai.azure.com", "azure.ai.inference"),
    ("api.anthropic.com", "anthropic"),
    ("bedrock-*.amazonaws.com", "aws.bedrock"),
    ("api.cohere.*", "cohere"),
    ("api.deepseek.com", "deepseek"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("*aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("api.groq.com", "groq"),
    ("*.ml.cloud.ibm.com", "ibm.watsonx.ai"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.moonshot.*", "moonshot_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
)
"""The hosts of the values that the GenAI conventions name for `gen_ai.provider.name`."""


@lru_cache
def provider_of(url: str) -> str:
    """Return who answers at an address; a gateway or a server of one's own goes by its host's name."""
    host = urlsplit(url).hostname or ""
    return next((name for pattern, name in WELL_KNOWN if fnmatchcase(host, pattern)), host)
