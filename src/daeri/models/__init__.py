"""Language models: what goes over the wire, one client for OpenAI-compatible endpoints, and the choice among models.

The wire format of models stays behind this package; it imports neither runs nor anything above. It names nothing here,
so that a server without a model does not load the client.
"""
