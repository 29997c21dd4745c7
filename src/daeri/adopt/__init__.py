"""How does a database that is already there become a company? Looked at, described, guessed about, written down."""
