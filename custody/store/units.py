"""Money in SQL: whole numbers up to 2**256 - 1 that compare, sort and come back exactly.

    PostgreSQL   NUMERIC(78, 0), bound as Decimal
    SQLite       TEXT of 78 digits, zero-padded: text order is number order

Rules:
    * SQLite has no integer above int64 and turns big numerics, and SUM over TEXT, into floats: sum in
      Python, never in SQL.
    * No negative numbers: a signed value is two columns.
    * bool is an int to Python and is refused; so is text.

Example:
    amount: int = Field(sa_column=Column(Units(), nullable=False))
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import CHAR, Numeric
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator, TypeEngine

from custody.primitives.amount import MAX_UNITS
from custody.primitives.errors import InvalidAmount
from custody.primitives.invariant import invariant

DIGITS = len(str(MAX_UNITS))
"""78: the digits of 2**256 - 1."""


class InvalidUnits(InvalidAmount, DontWrapMixin):
    """Not an int from 0 to 2**256 - 1; reaches the caller as it is, not wrapped by the database layer."""

    code = "invalid_units"


class Units(TypeDecorator[int]):
    """A column of base units: an int from 0 to 2**256 - 1."""

    impl = CHAR(DIGITS)
    cache_ok = True

    @property
    def python_type(self) -> type[int]:
        """What comes out of the column."""
        return int

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of the database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric(DIGITS, 0))
        return dialect.type_descriptor(CHAR(DIGITS))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Decimal | str | None:
        """Turn units into what the database stores.

        Raises:
            InvalidUnits: Not an int from 0 to 2**256 - 1.
        """
        if value is None:
            return None
        if type(value) is not int:
            raise InvalidUnits(f"units must be an int, not {type(value).__name__}")
        if not 0 <= value <= MAX_UNITS:
            raise InvalidUnits("units must be between 0 and 2**256 - 1")
        return Decimal(value) if dialect.name == "postgresql" else f"{value:0{DIGITS}d}"

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:  # noqa: ANN401 - as the base class
        """Turn what the database stored into units.

        Raises:
            InvariantBroken: The column holds something that was never bound here.
        """
        if value is None:
            return None
        if isinstance(value, Decimal):
            units = int(value)
            invariant(units == value, "a column of units holds whole numbers", dialect=dialect.name)
            return units
        is_text = isinstance(value, str) and len(value) == DIGITS and value.isascii() and value.isdecimal()
        invariant(is_text, f"a column of units holds {DIGITS} digits", dialect=dialect.name)
        return int(value)
