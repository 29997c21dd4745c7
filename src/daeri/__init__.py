"""Daeri (대리): the governed server between a company's systems and its AI agents."""

__version__ = "0.1.0"
