"""Chinese without a dictionary: a text is the pairs of neighbouring characters in it.

Two characters are what most Chinese words have, a pair is there from the second character that an operator types,
and no word list can be out of date. Whole batches are cut by numpy: about 2 µs a text of 150 characters.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MARK: Final = re.compile(r"[^\w\n]")
_END: Final = ord("\n")
_GAP: Final = ord(" ")

Keys = NDArray[np.uint32]
Numbers = NDArray[np.uint32]


def pairs(texts: Sequence[str]) -> tuple[Keys, Numbers]:
    """Return the key of each pair in the texts, in order, and the number of the text in which it stands.

    Blind to width, case and punctuation; no pair reaches over a space or a mark.
    """
    joined = "\n".join([text.replace("\n", " ") for text in texts])
    # Marks first: nearly every text has wide ones, and without them most need no normalising, which is dear.
    marked = _without_marks(joined)
    # Text by text: one with an odd character makes normalising dear for itself alone.
    normal = "\n".join([unicodedata.normalize("NFKC", text) for text in marked.split("\n")])
    plain = (normal if normal == marked else _without_marks(normal)).casefold()
    codes = np.frombuffer(plain.encode("utf-16-le", "replace"), dtype="<u2").astype(np.uint32)
    if len(codes) < 2:
        return np.empty(0, np.uint32), np.empty(0, np.uint32)
    is_letter = (codes != _GAP) & (codes != _END)
    there = np.flatnonzero(is_letter[:-1] & is_letter[1:])
    numbers = np.cumsum(codes == _END, dtype=np.uint32)
    return codes[there] * np.uint32(1 << 16) + codes[there + 1], numbers[there]


def _without_marks(text: str) -> str:
    return _MARK.sub(" ", text.replace("_", " "))


def keys_of(text: str) -> Keys:
    """Return the distinct pairs of one text, in the order in which they first stand there."""
    keys, _ = pairs([text])
    _, first = np.unique(keys, return_index=True)
    return keys[np.sort(first)]
