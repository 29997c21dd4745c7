"""The screens people use: pages rendered on the server, a little JavaScript for what happens live.

Here live templates, static files and the code that turns a form into a call of a service. Not here: permission,
business rules, SQL. A screen can do nothing that the REST API cannot.
"""
