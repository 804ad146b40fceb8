"""Traced programs as machine code: `chainrule.compile`.

A training step is traced to a program (`graph`), simplified (`graph.passes`), cut into kernels, and
written as LLVM IR, which llvmlite turns into machine code. Every step after that is one native call
in which all threads walk one list of kernels.

Imports graph, ops and base; llvmlite is imported where code is made, and nowhere else.

Reading order:

- from outside: `compiled` (what `compile` does), `planning` (a plan is found, or made), `plan` (what is
  left of a program when all is decided), `execution` (running it), `native` (how it is decided);
- which equations become one kernel: `space` (axes and strides), `layouts` (where values lie), `roles`, `fuse`,
  `merging` (loops that become one), `turning` (copies into a loop's order), `pieces` (values put together
  of others), `windows` and `reach` (convolutions, pooling);
- what a kernel is: `code` (LLVM IR as it is written), `kernel`, `elements`, `elementary`, `angles`, `powers` and
  `gammas` (instructions and functions of numbers), `random`, `emit` (the values of a group), `reductions`,
  `loops`, `product` (the tile generator), `contractions`, `tiles` and `attention`, `scatters`, `lines`, `orders`,
  `scanning`;
- running: `target`, `halves`, `library` (machine code and its cache: `toolchain`, `assembler`, `objects`,
  `kept`), `runtime` (threads) and `walking` (their native code);
- looking at it: `report`.
"""
