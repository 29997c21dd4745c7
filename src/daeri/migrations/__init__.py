"""How did Daeri's own tables come to be what they are? One Alembic revision for each change, applied at start."""
