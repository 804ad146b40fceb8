"""What PyTorch has and chainrule deliberately has not: the reasons, and the nearest thing there is.

One table, read by the errors for missing names (`chainrule.fft`, `nn.quantized`), by the list that `chainrule run` prints,
and by docs/torch.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

__all__ = ["LEFT_OUT", "Absent", "Reason", "absent_from", "missing_from", "why", "words_for"]


class Reason(NamedTuple):
    """Why some names are not there, what to do instead, and the names, as behind `torch.`."""

    title: str
    words: str
    instead: str
    names: frozenset[str]


def _reason(title: str, words: str, instead: str, names: str) -> Reason:
    return Reason(title, words, instead, frozenset(names.split()))


LEFT_OUT = (
    _reason(
        "Complex numbers",
        "they need a second kind of gradient everywhere, and networks of real numbers need none of it",
        "two real tensors for the two parts; numpy.fft for a spectrum outside of the graph",
        "cdouble cfloat chalf complex complex128 complex32 complex64 fft imag istft polar stft view_as_complex "
        "view_as_complex_copy view_as_real view_as_real_copy Tensor.cdouble Tensor.cfloat "
        "Tensor.chalf Tensor.istft Tensor.stft eig Tensor.eig",
    ),
    _reason(
        "Sparse tensors",
        "a second layout for every op; the gradient of an embedding is dense, and so always added in the same order",
        "dense tensors, index_add and scatter_add",
        "sparse sparse_bsc sparse_bsc_tensor sparse_bsr sparse_bsr_tensor sparse_compressed_tensor sparse_coo "
        "sparse_coo_tensor sparse_csc sparse_csc_tensor sparse_csr sparse_csr_tensor smm spmm sspaddmm dsmm hsmm hspmm "
        "saddmm jagged layout ccol_indices_copy col_indices_copy crow_indices_copy indices_copy row_indices_copy values_copy "
        "resize_as_sparse_ Tensor.ccol_indices Tensor.coalesce Tensor.col_indices Tensor.crow_indices Tensor.dense_dim "
        "Tensor.indices Tensor.is_coalesced Tensor.is_sparse_csr Tensor.resize_as_sparse_ Tensor.row_indices Tensor.smm "
        "Tensor.sparse_dim Tensor.sparse_mask Tensor.sparse_resize_ Tensor.sparse_resize_and_clear_ Tensor.sspaddmm "
        "Tensor.to_mkldnn Tensor.to_sparse Tensor.to_sparse_bsc Tensor.to_sparse_bsr Tensor.to_sparse_coo "
        "Tensor.to_sparse_csc Tensor.to_sparse_csr Tensor.values Tensor.is_mkldnn",
    ),
    _reason(
        "Quantized tensors and eight-bit floats",
        "quantization is to rewrite models from outside, not to add dtypes",
        "float16 and bfloat16, and autocast",
        "ao quantization choose_qparams_optimized dequantize empty_quantized fake_quantize_per_channel_affine "
        "fake_quantize_per_tensor_affine fused_moving_avg_obs_fake_quant int_repr per_channel_affine "
        "per_channel_affine_float_qparams per_channel_symmetric per_tensor_affine per_tensor_symmetric q_per_channel_axis "
        "q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point qint32 qint8 qscheme quantize_per_channel "
        "quantize_per_tensor quantize_per_tensor_dynamic quantized_batch_norm quantized_gru quantized_gru_cell "
        "quantized_lstm quantized_lstm_cell quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d "
        "quantized_rnn_relu_cell quantized_rnn_tanh_cell quint2x4 quint4x2 quint8 float4_e2m1fn_x2 float8_e4m3fn "
        "float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu bit bits16 bits1x8 bits2x4 bits4x2 bits8 int1 int2 int3 "
        "int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7 nn.intrinsic nn.qat nn.quantizable nn.quantized "
        "Tensor.dequantize Tensor.int_repr Tensor.q_per_channel_axis Tensor.q_per_channel_scales "
        "Tensor.q_per_channel_zero_points Tensor.q_scale Tensor.q_zero_point Tensor.qscheme nn.functional.scaled_mm "
        "nn.functional.scaled_grouped_mm nn.functional.ScalingType nn.functional.SwizzleType",
    ),
    _reason(
        "Wider unsigned integers",
        "sixteen bits of them are how bfloat16 is stored, and hardly anything takes the others",
        "int32 and int64",
        "uint16 uint32 uint64",
    ),
    _reason(
        "Other devices, and memory under PyTorch's control",
        "tensors live on the CPU, in NumPy's memory",
        "Tensor.numpy() and from_numpy(), which share memory",
        "Event Stream AcceleratorError cpu from_file get_device_module is_vulkan_available "
        "BFloat16Storage BoolStorage ByteStorage CharStorage ComplexDoubleStorage ComplexFloatStorage DoubleStorage "
        "FloatStorage HalfStorage IntStorage LongStorage ShortStorage QInt32Storage QInt8Storage QUInt2x4Storage "
        "QUInt4x2Storage QUInt8Storage StorageBase TypedStorage storage is_storage Tensor.const_data_ptr "
        "Tensor.ipu Tensor.is_set_to "
        "Tensor.mtia Tensor.record_stream Tensor.set_ Tensor.storage Tensor.storage_type "
        "Tensor.xpu Tensor.dim_order nn.Module.ipu nn.Module.mtia",
    ),
    _reason(
        "Several processes",
        "one process computes; its threads share the work",
        "set_num_threads; DataLoader(num_workers=…) for reading",
        "futures multiprocessing distributed.init_process_group fork wait is_distributed Tensor.is_distributed",
    ),
    _reason(
        "TorchScript, and graphs as Python objects",
        "`graph.trace` writes a function down as a program to be read, and `compile` makes machine code of it",
        "chainrule.graph.trace, chainrule.compile; jit.script and jit.trace give the function as it is",
        "ScriptClass ScriptDict ScriptFunction ScriptList ScriptMethod ScriptModule ScriptObject "
        "export fx package library classes cond while_loop jit.load jit.save func.debug_unwrap "
        "func.functionalize func.rearrange",
    ),
    _reason(
        "Nested and named tensors",
        "shapes are tuples of numbers, and an op looks at arrays, tensors and tracers alone",
        "padding with a mask, or packed sequences",
        "nn.UninitializedBuffer nested masked.MaskedTensor masked.as_masked_tensor masked.is_masked_tensor "
        "masked.masked_tensor quasirandom Tensor.reinforce "
        "Tensor.to_padded_tensor Tensor.module_load",
    ),
    _reason(
        "Data pipes",
        "PyTorch has given them up as well",
        "Dataset, IterableDataset and DataLoader",
        "utils.data.DFIterDataPipe utils.data.DataChunk utils.data.IterDataPipe utils.data.MapDataPipe "
        "utils.data.functional_datapipe utils.data.guaranteed_datapipes_determinism utils.data.non_deterministic "
        "utils.data.argument_validation utils.data.runtime_validation utils.data.runtime_validation_disabled",
    ),
    _reason(
        "Files from elsewhere, and exporters",
        "nothing is downloaded from a hub; ONNX is to come",
        "models.from_pretrained for a folder, load for a file",
        "hub onnx serialization",
    ),
    _reason(
        "Profilers and debugging of the engine",
        "they look into PyTorch's own machinery",
        "inspect.profile, inspect.first_nonfinite, inspect.capture, and explain() of a compiled function",
        "profiler monitor autograd.profiler autograd.ProfilerActivity autograd.ProfilerConfig autograd.ProfilerEvent "
        "autograd.ProfilerState autograd.kineto_available autograd.DeviceType ThroughputBenchmark "
        "is_anomaly_check_nan_enabled is_anomaly_enabled set_anomaly_enabled is_warn_always_enabled set_warn_always "
        "get_deterministic_debug_mode set_deterministic_debug_mode is_deterministic_algorithms_warn_only_enabled",
    ),
    _reason(
        "Special functions that networks do not use",
        "a correct one is a chapter of its own",
        "scipy, outside of the graph",
        "binomial hash_tensor lobpcg Tensor.hash_tensor",
    ),
    _reason(
        "Names that PyTorch itself has given up",
        "they raise an error there, or warn",
        "what PyTorch's documentation says instead",
        "Tensor.volatile Tensor.name Tensor.output_nr Tensor.lstsq Tensor.solve Tensor.symeig Tensor.resize "
        "Tensor.resize_as Tensor.index range lstsq solve symeig matrix_rank legacy_contiguous_format nn.Container "
        "nn.NLLLoss2d nn.CrossMapLRN2d",
    ),
    _reason(
        "Names of PyTorch's machinery",
        "they are in its namespaces because its kernels, its compiler or its bindings need them",
        "the function of nn.functional, or of autocast and amp, that is documented",
        "SymBool SymFloat SymInt sym_float sym_fresh_size sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum "
        "cudnn_affine_grid_generator cudnn_batch_norm cudnn_convolution cudnn_convolution_add_relu cudnn_convolution_relu "
        "cudnn_convolution_transpose cudnn_grid_sampler cudnn_is_acceptable fbgemm_linear_fp16_weight "
        "fbgemm_linear_int8_weight fbgemm_linear_quantize_weight fbgemm_pack_gemm_matrix_fp16 fbgemm_pack_quantized_matrix "
        "miopen_batch_norm miopen_convolution miopen_convolution_add_relu miopen_convolution_relu "
        "miopen_convolution_transpose miopen_ctc_loss miopen_depthwise_convolution miopen_rnn mkldnn_adaptive_avg_pool2d "
        "mkldnn_convolution mkldnn_linear_backward_weights mkldnn_max_pool2d mkldnn_max_pool3d mkldnn_rnn_layer "
        "return_types autograd.SavedTensor "
        "AVG AggregationType AliasDb AnyType Argument ArgumentSpec AwaitType BenchmarkConfig BenchmarkExecutionStats Block "
        "BoolType BufferDict CallStack Capsule ClassType Code CompilationUnit CompleteArgumentSpec ComplexType "
        "ConcreteModuleType ConcreteModuleTypeBuilder DeepCopyMemoTable DeserializationStorageContext DeviceObjType DictType "
        "DisableTorchFunction DisableTorchFunctionSubclass DispatchKey DispatchKeySet EnumType ErrorReport "
        "ExcludeDispatchKeyGuard ExecutionPlan FatalError FileCheck FloatType FunctionSchema Future FutureType Gradient Graph "
        "GraphExecutorState IODescriptor InferredType IntType InterfaceType JITException ListType LiteScriptModule "
        "LockingLogger ModuleDict Node NoneType NoopLogger NumberType OperatorInfo OptionalType ParameterDict PyObjectType "
        "PyTorchFileReader PyTorchFileWriter RRefType SUM SerializationStorageContext StaticModule StreamObjType StringType "
        "Tag TensorType TracingState TupleType Type UnionType Use Value clear_autocast_cache get_autocast_cpu_dtype "
        "get_autocast_gpu_dtype get_autocast_ipu_dtype get_autocast_xla_dtype has_lapack has_mkl has_openmp has_spectral "
        "import_ir_module import_ir_module_from_buffer init_num_threads is_autocast_cache_enabled is_autocast_cpu_enabled "
        "is_autocast_ipu_enabled is_autocast_xla_enabled merge_type_from_type_comment parse_ir parse_schema "
        "parse_type_comment set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype "
        "set_autocast_enabled set_autocast_gpu_dtype set_autocast_ipu_dtype set_autocast_ipu_enabled set_autocast_xla_dtype "
        "set_autocast_xla_enabled thread_safe_generator unify_type_list adaptive_max_pool1d affine_grid_generator "
        "alpha_dropout_ batch_norm batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_elemt "
        "batch_norm_gather_stats batch_norm_gather_stats_with_counts batch_norm_stats batch_norm_update_stats "
        "binary_cross_entropy_with_logits constant_pad_nd conv_tbc convolution cosine_embedding_loss ctc_loss dropout_ "
        "embedding embedding_bag embedding_renorm_ feature_alpha_dropout_ feature_dropout feature_dropout_ frobenius_norm "
        "get_device grid_sampler grid_sampler_2d grid_sampler_3d gru gru_cell hinge_embedding_loss instance_norm "
        "is_inference kl_div lstm lstm_cell margin_ranking_loss max_pool1d_with_indices native_batch_norm "
        "native_channel_shuffle native_dropout native_group_norm native_layer_norm native_norm norm_except_dim nuclear_norm "
        "poisson_nll_loss rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell slice_inverse triplet_margin_loss "
        "Tensor.grad_dtype Tensor.map2_ Tensor.slice_inverse autograd.NestedIOFunction autograd.enforce_grad_layout_policy "
        "autograd.set_multithreading_enabled autograd.variable nn.LinearCrossEntropyOptions nn.factory_kwargs "
        "nn.functional.BroadcastingList1 nn.functional.BroadcastingList2 nn.functional.BroadcastingList3 "
        "nn.functional.adaptive_max_pool1d_with_indices nn.functional.adaptive_max_pool2d_with_indices "
        "nn.functional.adaptive_max_pool3d_with_indices nn.functional.assert_int_or_pair nn.functional.boolean_dispatch "
        "nn.functional.conv_tbc nn.functional.fractional_max_pool2d_with_indices "
        "nn.functional.fractional_max_pool3d_with_indices nn.functional.grouped_mm "
        "nn.functional.max_pool1d_with_indices nn.functional.max_pool2d_with_indices nn.functional.max_pool3d_with_indices "
        "nn.functional.native_channel_shuffle optim.swap_in_optimizer_params_and_state",
    ),
)
"""Everything that is left out on purpose."""

_BY_NAME = {name: reason for reason in LEFT_OUT for name in reason.names}


def why(name: str) -> Reason | None:
    """The reason why PyTorch's name (without `torch.`), or the module it is in, is left out; None if none is known.

    >>> why("fft.rfft").title
    'Complex numbers'
    """
    parts = name.split(".")
    for k in range(len(parts), 0, -1):
        found = _BY_NAME.get(".".join(parts[:k]))
        if found is not None:
            return found
    return None


def missing_from(place: str) -> Callable[[str], NoReturn]:
    """The `__getattr__` of a module, for names that are not there.

    Args:
        place: PyTorch's name of the module behind `torch.`, "" for the top.

    >>> from chainrule import nn
    >>> nn.NLLLoss2d
    Traceback (most recent call last):
        ...
    AttributeError: there is no torch.nn.NLLLoss2d here: names that PyTorch itself has given up are left out ...
      hint: what PyTorch's documentation says instead
    """

    path = f"{place}.".lstrip(".")
    here = f"chainrule.{place}".rstrip(".")

    def missing(name: str) -> NoReturn:
        if why(path + name) is not None:
            raise AttributeError(words_for(path + name), name=name)
        # Python ends the traceback with the nearest name of `obj`: "Did you mean: 'Linear'?"
        words = f"module {here!r} has no attribute {name!r}"
        raise AttributeError(words, name=name, obj=sys.modules.get(here))

    return missing


class Absent:
    """An attribute that a class has not: to read it, of the class or of an object, is an error that says
    why. (A `__getattr__` would say it too, and slow every attribute that is there.)
    """

    def __init__(self, name: str):
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> NoReturn:
        raise AttributeError(words_for(self.name), name=self.name.rpartition(".")[2])


def absent_from(place: str) -> dict[str, Absent]:
    """What is left out of a class, by name.

    >>> import chainrule
    >>> chainrule.ones(3).to_sparse()
    Traceback (most recent call last):
        ...
    AttributeError: there is no torch.Tensor.to_sparse here: sparse tensors are left out (a second layout ...
      hint: dense tensors, index_add and scatter_add
    """
    within = f"{place}."
    return {n.removeprefix(within): Absent(n) for n in _BY_NAME if n.startswith(within)}


def words_for(name: str) -> str:
    """What to say of PyTorch's name (without `torch.`) that is not there."""
    reason = why(name)
    place = name if name.startswith("torchvision") else f"torch.{name}"
    if reason is None:
        return f"there is no {place} here"
    title = reason.title[0].lower() + reason.title[1:]
    return (
        f"there is no {place} here: {title} are left out ({reason.words})\n  hint: {reason.instead}"
    )
