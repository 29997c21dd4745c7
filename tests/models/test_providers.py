"""Who is behind a model's address, as traces tell it."""

import pytest

from daeri.models.providers import provider_of


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://kr-office.openai.azure.com/openai/v1/", "azure.ai.openai"),
        ("https://office.services.ai.azure.com/openai/v1", "azure.ai.inference"),
        ("https://api.anthropic.com/v1", "anthropic"),
        ("https://bedrock-runtime.ap-northeast-2.amazonaws.com/openai/v1", "aws.bedrock"),
        ("https://api.cohere.ai/compatibility/v1", "cohere"),
        ("https://api.deepseek.com", "deepseek"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gcp.gemini"),
        ("https://asia-northeast3-aiplatform.googleapis.com/v1/x/openapi", "gcp.vertex_ai"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://us-south.ml.cloud.ibm.com/ml/v1", "ibm.watsonx.ai"),
        ("https://api.mistral.ai/v1", "mistral_ai"),
        ("https://api.moonshot.cn/v1", "moonshot_ai"),
        ("https://api.perplexity.ai", "perplexity"),
        ("https://API.X.AI/v1", "x_ai"),
    ],
)
def test_a_host_that_the_conventions_know_goes_by_their_word(url, name):
    assert provider_of(url) == name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://openrouter.ai/api/v1", "openrouter.ai"),
        ("http://127.0.0.1:11434/v1", "127.0.0.1"),
        ("http://vllm.inside:8000/v1", "vllm.inside"),
        ("http://[::1]:8000/v1", "::1"),
        ("https://api.openai.com.evil.test/v1", "api.openai.com.evil.test"),
        ("https://notapi.openai.com/v1", "notapi.openai.com"),
    ],
)
def test_any_other_goes_by_its_host_and_is_never_called_openai(url, name):
    assert provider_of(url) == name
