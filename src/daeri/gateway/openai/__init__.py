"""The door for clients of OpenAI's API: agents and raw models by the name of the model, errors in OpenAI's shape."""
