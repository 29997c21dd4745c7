"""Which documents does 한빛상사 keep? About forty, written here as text and rendered into the formats people use.

`regulations.py`, `manuals.py`, `minutes.py` and `sheets.py` hold what they say; figures that the company's own rules
know are taken from these rules, so that a document never contradicts them. `rendering.py` and its neighbours write the
files. Nothing is taken from elsewhere.
"""
