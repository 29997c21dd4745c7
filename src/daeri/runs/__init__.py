"""Durable work: runs, their steps and events, and what carries them on after a crash or a long wait."""
