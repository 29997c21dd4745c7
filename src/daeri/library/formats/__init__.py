"""How is each format read? One file for each family: bytes in, blocks with their places out.

Each file has `read(data, limits)` and imports its parser when it is imported; `kinds.py` imports them when needed.
"""
