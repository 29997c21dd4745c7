"""How does the server call out? One guard for every address that others named, and pages fetched over it."""
