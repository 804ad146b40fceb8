"""The line an error names: the innermost one that is not chainrule's own."""

import chainrule as cr
from chainrule.base.lines import describe


def test_a_node_knows_the_line_it_was_made_on():
    x = cr.ones(3, requires_grad=True)
    y = x * 2  # this line
    assert describe(y.grad_fn.place).endswith("test_lines.py:9: y = x * 2  # this line")


def test_a_call_that_goes_through_several_of_our_frames_names_the_users_line():
    x = cr.ones(3, 5, requires_grad=True)
    y = cr.nn.functional.layer_norm(x, (5,)).sum()  # of these two lines
    assert "test_lines.py:15" in describe(y.grad_fn.place)
    assert "test_lines.py:15" in describe(y.grad_fn.edges[0][0].place)


def test_a_statement_over_several_lines_is_found():
    x = cr.ones(3, requires_grad=True)
    y = (
        x
        * 2
    )  # fmt: skip
    assert "x" in describe(y.grad_fn.place)


def test_a_place_keeps_no_frame_alive():
    """A place holds a code object and an offset, so that a local array does not live as long as the graph."""

    def inner():
        return cr.ones(1, requires_grad=True) * 1

    code, offset = inner().grad_fn.place
    assert code is inner.__code__ and isinstance(offset, int)


def test_an_unknown_place_says_so():
    assert describe(None) == "(unknown line)"


def test_a_write_names_the_line_that_wrote():
    """Guards against frames of the user's being taken for ours when few of ours lie above them."""
    x = cr.zeros(3)
    x.write(1.0)  # straight from here
    y = x * cr.ones(3, requires_grad=True)
    assert "# straight from here" in describe(x._storage.written)
    assert "y = x * cr.ones" in describe(y.grad_fn.place)
