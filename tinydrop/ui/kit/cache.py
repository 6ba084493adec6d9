"""A bounded memory that many threads may share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """Key -> value, least recently used first to go; bounded in number and in weight."""

    def __init__(
        self,
        max_items: int,
        max_weight: float = float("inf"),
        weigh: Callable[[Value], float] = lambda _value: 0.0,
    ) -> None:
        """Take the bounds; ``weigh`` gives a value's weight, for example its bytes."""
        self._max_items = max_items
        self._max_weight = max_weight
        self._weigh = weigh
        self._items: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """Return the value and mark it as used, or None."""
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key]

    def put(self, key: Key, value: Value) -> None:
        """Store a value; the oldest others go while a bound is passed, the newest one stays."""
        with self._lock:
            self._items[key] = value
            self._items.move_to_end(key)
            while len(self._items) > 1 and (
                len(self._items) > self._max_items
                or sum(map(self._weigh, self._items.values())) > self._max_weight
            ):
                self._items.popitem(last=False)

    def drop(self, key: Key) -> None:
        """Forget one value, if it is there."""
        with self._lock:
            self._items.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._items)
