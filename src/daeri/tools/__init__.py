"""What does Daeri bring along for agents? Operations over whatever a company declared.

Tools know records by what their rules let through; they never import SQLAlchemy.
"""
