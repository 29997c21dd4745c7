"""Parts that stand in for the outside world in tests: Daeri's own and those of companies that build on it.

Only doubles of things that are not Daeri live here; nothing in the product imports this package, and it imports nothing
of the product.
"""
