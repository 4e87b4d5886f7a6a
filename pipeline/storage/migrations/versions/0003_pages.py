"""Which page of its upload an item of a batch is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add it; what is there is the first page."""
    op.add_column("items", sa.Column("page", sa.Integer, nullable=False, server_default="1"))
