"""What a suite says about codes, in words that enter the fingerprint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from benchmark.errors import NotRunnable


class CodeKind(StrEnum):
    """What embeddings become before they are compared: themselves, their signs, or ITQ fitted on something.

    `itq` is fitted on seen items. The other two look at test items, as published code does: `itq/queries`
    (SEM-PCYC, TCN, PSKD) and `itq/gallery` (MATHM).
    """

    REAL = "real"
    SIGN = "sign"
    ITQ = "itq"
    ITQ_QUERIES = "itq/queries"
    ITQ_GALLERY = "itq/gallery"

    @property
    def is_itq(self) -> bool:
        """Whether the length of the code is ours to choose."""
        return self not in (CodeKind.REAL, CodeKind.SIGN)


_LOOKS_AT = {CodeKind.ITQ_QUERIES: "test queries", CodeKind.ITQ_GALLERY: "test photos"}


@dataclass(frozen=True)
class Codes:
    """The code type of a run. bits: length of an ITQ code; the others are as long as the embedding is wide.

    >>> str(Codes(CodeKind.ITQ, bits=32))
    'itq, 32 bits'
    """

    kind: CodeKind = CodeKind.REAL
    bits: int = 64

    def __str__(self) -> str:
        if not self.kind.is_itq:
            return self.kind.value
        text = f"{self.kind.value}, {self.bits} bits"
        items = _LOOKS_AT.get(self.kind)
        return text if items is None else f"{text}, transductive: fitted on {items}"

    def for_method(self, distance: str, *, learns_codes: bool) -> Codes:
        """Return the codes of a method that compares in this way.

        Codes of its own stay as they are: the embedding itself where it is compared by Hamming distance, its
        signs where the method learns them (`learns_codes`), whatever else the suite asks for.

        Raises NotRunnable for a method without a distance between embeddings.
        """
        if self.kind is CodeKind.REAL or distance == "hamming":
            return REAL
        if distance == "own":
            raise NotRunnable(
                f"no codes '{self}': they are compared by Hamming distance, and this method ranks by a "
                '`similarity` of its own. It runs where the suite says codes = "real"'
            )
        return Codes(CodeKind.SIGN) if learns_codes else self


REAL = Codes()
