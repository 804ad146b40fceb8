"""Studies: one command each, a picture for docs/pictures and figures for docs/studies.md.

    python benchmarks/studies.py fit                underfit, fit and overfit
    python benchmarks/studies.py regularization     nothing against L2, dropout, batch norm, augmentation
    python benchmarks/studies.py descent            the path of steps in a valley, without and with momentum
    python benchmarks/studies.py rates              learning rates, and schedules
    python benchmarks/studies.py optimizers         eight methods, each at its best rate
    python benchmarks/studies.py signals            initialisations and activations in a deep network
    python benchmarks/studies.py errors             confusions and the worst mistakes on MNIST

Each writes docs/pictures/study-NAME.png and evidence/study-NAME.json, from fixed seeds. All but the last use the digits that come with
the package; MNIST is looked for where CHAINRULE_DATA says. Minutes at most, on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import study_errors
import study_fit
import study_signals
import study_steps
from record import record

STUDIES: dict[str, tuple[Callable[[], tuple[str, dict[str, Any]]], Sequence[int]]] = {
    "fit": (study_fit.fitting, study_fit.SEEDS[:3]),
    "regularization": (study_fit.helping, study_fit.SEEDS),
    "descent": (study_steps.descent, ()),
    "rates": (study_steps.rates, study_steps.SEEDS),
    "optimizers": (study_steps.optimizers, study_steps.SEEDS),
    "signals": (study_signals.signals, study_signals.SEEDS),
    "errors": (study_errors.errors, study_errors.SEEDS),
}


def main() -> None:
    """Run one study, write its picture and its evidence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", choices=list(STUDIES))
    name = parser.parse_args().study
    study, seeds = STUDIES[name]
    what, result = study()
    record(f"study-{name}", what=what, seeds=seeds, result=result)


if __name__ == "__main__":
    main()
