"""docs/inspect.md: every example runs and prints what it says, and its table names every finding that there is a test for."""

import doctest
import re
from pathlib import Path

from chainrule import inspect

PAGE = Path(__file__).parents[2] / "docs" / "inspect.md"


def test_the_examples_run():
    parser, report = doctest.DocTestParser(), []
    text = "\n".join(
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if not line.startswith("```")
    )
    test = parser.get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=flags).run(test, out=report.append)
    assert not report, "".join(report)


def test_the_table_names_every_finding():
    table = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    named = {name for line in table for name in re.findall(r"`([a-z ]+)`", line.split(" | ")[0])}
    sources = (Path(inspect.__file__).parent / "doctor").glob("*.py")
    code = "\n".join([path.read_text(encoding="utf-8") for path in sources])
    found = set(re.findall(r'Finding\(\s*"([a-z ]+)"', code))
    assert named == found | {"softmax before loss"}
