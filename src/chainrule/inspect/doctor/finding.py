"""What the doctor says: findings with evidence, and what to change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

__all__ = ["Finding", "Report"]


@dataclass(frozen=True)
class Finding:
    """Something that keeps a model from learning.

    Attributes:
        name: which check found it.
        what: the fault in a sentence.
        evidence: the numbers that show it.
        change: what to change.
        where: the line or the module.
    """

    name: str
    what: str
    evidence: str
    change: str
    where: str = ""

    def __str__(self) -> str:
        where = f"\n  where     {self.where}" if self.where else ""
        return f"{self.what}\n  evidence  {self.evidence}{where}\n  change    {self.change}"


@dataclass(frozen=True)
class Report:
    """All findings; it prints as text, and is true if there are none.

    Attributes:
        findings: the findings, the likeliest cause first.
        notes: what was seen and may well be meant so: frozen parameters, labels in order.
    """

    findings: list[Finding]
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The names of the findings."""
        return [f.name for f in self.findings]

    def __bool__(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        lines = [f"{k}. {f}" for k, f in enumerate(self.findings, 1)] or ["nothing found"]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])

    __repr__ = __str__

    @classmethod
    def of(cls, found: Iterable[Finding | str]) -> Report:
        """Of what checks yield: findings, those that say the same as one, and notes."""
        by_name: dict[tuple[str, str], list[Finding]] = {}
        notes = []
        for each in found:
            if isinstance(each, str):
                notes.append(each)
            else:
                by_name.setdefault((each.name, each.what), []).append(each)
        findings = []
        for first, *others in by_name.values():
            more = f"; and in {len(others)} more place" + "s" * (len(others) > 1) if others else ""
            findings.append(replace(first, evidence=first.evidence + more))
        return cls(findings, notes)
