"""What stands around PyTorch's layers in its package: downloads, processes, graphs, exporters, logs.

Model files import these at their top and seldom reach them. So importing works; what one process and no network can do is done;
the rest says, when it is called, that it is not there and what is.

Reading order: `absent` (names that can be imported and not used), `hub`, `distributed`, `multiprocessing`, `compiler`, `library`,
`operators` (what `library` has registered), `pytree`, `tensorboard`, `serialization`, `dlpack`, `collate`, `types` and `version`
(names alone), `profiler`, `flop_counter`, `graph`, `onnx`, `sparse`, `overrides`, `layer_files`, `kernels`, `machinery`, `loader`,
`printing`, `foreach` (lists of tensors) and `private` (names with an underscore that people use).
"""
