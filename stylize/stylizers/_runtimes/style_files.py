"""ONNX files as styles: those of `stylize export`, and networks from picture to picture of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import StylizeError, WeightsError, named_message, one_line
from stylize.stylizers._runtimes.foreign import least_px_of, refuse_odd
from stylize.stylizers._runtimes.sessions import TORCH, Session, check_installed, open_model
from stylize.tensor_files import no_tensors

if TYPE_CHECKING:
    import onnx

_TO_8_BITS = {"QuantizeLinear", "DynamicQuantizeLinear"}


def open_file(data: bytes, path: Path, runtime: str, precision: str, *, by_size: bool = False) -> Session:
    """Return an ONNX file's network from picture to picture, loaded by a runtime.

    What `stylize export` wrote works in [0, 1]; any other is taken for one of the PyTorch examples', in [0, 255].
    Raises WeightsError for a file of another kind.
    """
    if instead := no_tensors(data):
        raise WeightsError(f"{path}: {instead}; expected an ONNX file")
    if runtime == TORCH:
        raise WeightsError(f"{path}: torch runs no ONNX files; give the runtime onnxruntime or openvino")
    check_installed(runtime)
    import onnx

    try:
        model = onnx.load_model_from_string(data)
        _without_weights_as_inputs(model)
        if wrong := _wrong(model, precision):
            raise WeightsError(f"{path}: {wrong}")
        refuse_odd(model, path)
        told = {one.key: one.value for one in model.metadata_props}
        session = open_model(model, runtime, precision, least_px_of(told), by_size=by_size)
    except StylizeError:
        raise
    except Exception as error:  # each runtime has errors of its own
        raise WeightsError(f"{path}: no ONNX file that {runtime} can load ({named_message(error)})") from None
    session.scale = 1.0 if told.get("stylize.range") == "[0, 1]" else 255.0
    session.one_by_one = _shape(model.graph.input[0])[0] == 1
    return session


def _without_weights_as_inputs(model: onnx.ModelProto) -> None:
    """Take weights out of the inputs, where ONNX before 1.4 had to have them, too."""
    weights = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in weights]
    if len(inputs) < len(model.graph.input):
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        model.ir_version = max(model.ir_version, 4)


def _wrong(model: onnx.ModelProto, precision: str) -> str | None:
    """Return why a network is none from any picture to one of its size, as far as that can be seen before it runs."""
    from onnx import TensorProto

    values = (*model.graph.input, *model.graph.output)
    shapes = [_shape(value) for value in values]
    if len(shapes) != 2 or any(len(shape) != 4 or shape[1] not in (3, None) for shape in shapes):
        return "expected a network with one input and one output, each (N, 3, H, W)"
    if shapes[0][1:] == [None, None, 3]:
        return "its input is (N, H, W, 3); export it as (N, 3, H, W)"
    if any(shapes[0][2:]):
        height, width = (size or "any" for size in shapes[0][2:])
        return f"it takes {width} x {height} px alone; export it with free sizes"
    if (batch := shapes[0][0]) not in (1, None):
        return f"its batch is of {batch} alone; export it with a free one"
    for value in values:
        if (kind := value.type.tensor_type.elem_type) != TensorProto.FLOAT:
            return f"{one_line(value.name)} is in {TensorProto.DataType.Name(kind)}; expected FLOAT, which is fp32"
    for weight in model.graph.initializer:
        if weight.data_location == TensorProto.EXTERNAL:
            file = next((one.value for one in weight.external_data if one.key == "location"), "")
            return (
                f"its weights are in another file, {one_line(file)}; write both as one: onnx.save(onnx.load(OLD), NEW)"
            )
    operators = {node.op_type for node in model.graph.node}
    if precision == "int8" and "QuantizeLinear" not in operators:
        return "not in 8 bits; write it with `stylize export --precision int8`, or give fp32"
    if precision != "int8" and operators & _TO_8_BITS:
        return f"in 8 bits, which would pass for {precision}; give the precision int8, or a file that is not"
    return None


def _shape(value: onnx.ValueInfoProto) -> list[int | None]:
    """Return the sizes of an input or output, None for those that are free."""
    return [size.dim_value or None for size in value.type.tensor_type.shape.dim]
