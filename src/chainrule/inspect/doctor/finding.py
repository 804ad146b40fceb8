"""What the doctor says: findings with evidence, and what to change."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    findings: list[Finding]

    @property
    def names(self) -> list[str]:
        """The names of the findings."""
        return [f.name for f in self.findings]

    def __bool__(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        if not self.findings:
            return "nothing found"
        return "\n".join([f"{k}. {f}" for k, f in enumerate(self.findings, 1)])

    __repr__ = __str__
