"""The typed body for the frameworks that take a msgspec Struct, and msgspec's coders, made once."""

from __future__ import annotations

import msgspec


class Line(msgspec.Struct):
    sku: str
    quantity: int
    price: int


class Order(msgspec.Struct):
    id: int
    customer: str
    express: bool
    lines: list[Line]
    note: str | None = None

    @property
    def total(self) -> int:
        return sum([line.quantity * line.price for line in self.lines])


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode
decode_order = msgspec.json.Decoder(Order).decode
