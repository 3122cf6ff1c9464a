"""Where in the database a sealed value belongs, and nowhere else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value belongs; it opens nowhere else. row: the row's id within the merchant's."""

    table: str
    column: str
    merchant_id: str
    row: str

    def __str__(self) -> str:
        return f"{self.table}|{self.column}|{self.merchant_id}|{self.row}"
