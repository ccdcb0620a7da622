"""What generated kernels need from the machine and numba does not offer: arrays at an address, loads
that are known not to overlap, 32-bit shifts, prefetches, and a barrier between threads.

Kernels get one table of addresses instead of dozens of arrays, so that a call costs a microsecond.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

SCOPES = 64
"""Arrays of one loop that may be told apart; those numbered beyond share the last."""


@intrinsic
def view(typingctx: Any, address: Any, size: Any, dtype: Any) -> Any:
    """The one-dimensional array of ``size`` elements at ``address``; it owns nothing."""
    array = types.Array(dtype.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(array)(context, builder)
        kind = context.get_data_type(array.dtype)
        width = context.get_constant(types.intp, context.get_abi_sizeof(kind))
        size = context.cast(builder, arguments[1], signature.args[1], types.intp)
        context.populate_array(
            made, data=builder.inttoptr(arguments[0], kind.as_pointer()),
            shape=cgutils.pack_array(builder, [size]), strides=cgutils.pack_array(builder, [width]),
            itemsize=width, meminfo=None,
        )  # fmt: skip
        return made._getvalue()

    return array(types.int64, size, dtype), generate


def _held(table: Any, place: Any, dtype: Any, many: int) -> Any:
    """The array of ``many`` dimensions whose address and shape a table holds from ``place`` on: its
    type, and what makes it."""
    array = types.Array(dtype.dtype, many, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = context.make_array(table)(context, builder, arguments[0]).data
        word = ir.IntType(64)
        address, *shape = (
            builder.load(builder.gep(held, [word(place.literal_value + k)]))
            for k in range(1 + many)
        )
        made = context.make_array(array)(context, builder)
        kind = context.get_data_type(array.dtype)
        width = context.get_constant(types.intp, context.get_abi_sizeof(kind))
        strides = [width]
        for size in reversed(shape[1:]):
            strides.insert(0, builder.mul(size, strides[0]))
        context.populate_array(
            made, data=builder.inttoptr(address, kind.as_pointer()),
            shape=cgutils.pack_array(builder, shape), strides=cgutils.pack_array(builder, strides),
            itemsize=width, meminfo=None,
        )  # fmt: skip
        return made._getvalue()

    return array, generate


@intrinsic(prefer_literal=True)
def array_at(typingctx: Any, table: Any, place: Any, dtype: Any) -> Any:
    """The array whose address and size a table holds from ``place`` (a literal) on."""
    array, generate = _held(table, place, dtype, 1)
    return array(table, place, dtype), generate


@intrinsic(prefer_literal=True)
def grid_at(typingctx: Any, table: Any, place: Any, dtype: Any, dimensions: Any) -> Any:
    """The same of so many dimensions (a literal), from address and shape."""
    array, generate = _held(table, place, dtype, dimensions.literal_value)
    return array(table, place, dtype, dimensions), generate


def _apart(builder: Any, instruction: Any, scope: int) -> None:
    """Say that this access touches the array number ``scope`` and none of the others."""
    module, scope = builder.module, min(scope, SCOPES - 1)
    known = module.__dict__.setdefault("_neurohw_scopes", {})
    if not known:
        domain = module.add_metadata(["neurohw arrays"])
        known["all"] = [module.add_metadata([f"neurohw array {k}", domain]) for k in range(SCOPES)]
    if scope not in known:
        scopes = known["all"]
        others = module.add_metadata([s for k, s in enumerate(scopes) if k != scope])
        known[scope] = (module.add_metadata([scopes[scope]]), others)
    mine, others = known[scope]
    instruction.set_metadata("alias.scope", mine)
    instruction.set_metadata("noalias", others)


@intrinsic(prefer_literal=True)
def load(typingctx: Any, array: Any, scope: Any, index: Any) -> Any:
    """``array[index]``, which overlaps no array of another ``scope`` (a literal); unchecked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(array)(context, builder, arguments[0])
        value = builder.load(builder.gep(made.data, [arguments[2]], inbounds=True))
        _apart(builder, value, scope.literal_value)
        return value

    return array.dtype(array, scope, types.int64), generate


@intrinsic(prefer_literal=True)
def store(typingctx: Any, array: Any, scope: Any, index: Any, value: Any) -> Any:
    """``array[index] = value``, as ``load``."""
    value = types.unliteral(value)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(array)(context, builder, arguments[0])
        item = context.cast(builder, arguments[3], value, array.dtype)
        done = builder.store(item, builder.gep(made.data, [arguments[2]], inbounds=True))
        _apart(builder, done, scope.literal_value)
        return context.get_dummy_value()

    return types.void(array, scope, types.int64, value), generate


@intrinsic
def shl32(typingctx: Any, x: Any, n: Any) -> Any:
    """``x << n`` in 32 bits, n in 0..31: numba would widen it to 64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.shl(*arguments)

    return types.int32(types.int32, types.int32), generate


@intrinsic
def shr32(typingctx: Any, x: Any, n: Any) -> Any:
    """``x >> n`` in 32 bits, the sign copied, n in 0..31."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ashr(*arguments)

    return types.int32(types.int32, types.int32), generate


def _ask(typingctx: Any, array: Any, index: Any, locality: int) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(array)(context, builder, arguments[0])
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        place = builder.bitcast(builder.gep(made.data, [arguments[1]]), byte)
        builder.call(ask, [place, number(0), number(locality), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@intrinsic
def prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line that holds ``array[index]``; any index will do."""
    return _ask(typingctx, array, index, 3)


@intrinsic
def prefetch_outer(typingctx: Any, array: Any, index: Any) -> Any:
    """The same into the second-level cache, for what is needed later."""
    return _ask(typingctx, array, index, 2)


@intrinsic
def add_atomic(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """Add to an element as one indivisible act; what it held before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(array)(context, builder, arguments[0])
        place = builder.gep(made.data, [arguments[1]])
        return builder.atomic_rmw("add", place, arguments[2], "seq_cst")

    return types.int64(array, types.int64, types.int64), generate


@intrinsic
def read_atomic(typingctx: Any, array: Any, index: Any) -> Any:
    """An element as other threads left it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(array)(context, builder, arguments[0])
        return builder.load_atomic(builder.gep(made.data, [arguments[1]]), "seq_cst", 8)

    return types.int64(array, types.int64), generate


@intrinsic
def give_way(typingctx: Any) -> Any:
    """Let another thread have the core."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def call(typingctx: Any, address: Any, a: Any, b: Any, c: Any) -> Any:
    """Call the function at ``address``, an entry (see ``neurohw.emulate.entries``), with three 64-bit
    integers; it returns one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number, unused = ir.IntType(64), ir.IntType(8).as_pointer()
        given = [number.as_pointer(), unused.as_pointer(), number, number, number]
        kind = ir.FunctionType(ir.IntType(32), given).as_pointer()
        result = cgutils.alloca_once(builder, number)
        ignored = cgutils.alloca_once(builder, unused)
        builder.call(builder.inttoptr(arguments[0], kind), [result, ignored, *arguments[1:]])
        return builder.load(result)

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


@intrinsic
def select(typingctx: Any, test: Any, a: Any, b: Any) -> Any:
    """``a if test else b`` without a branch, both of one type: branches keep loops from vector units."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        test_ = builder.icmp_unsigned("!=", arguments[0], arguments[0].type(0))
        return builder.select(test_, arguments[1], arguments[2])

    whole = types.unliteral(a)
    return whole(types.boolean, whole, whole), generate


@intrinsic
def flag_bits(typingctx: Any, flags: Any, at: Any) -> Any:
    """Of 64 bytes from ``at`` on, which are not 0, as the bits of one number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(flags)(context, builder, arguments[0])
        many = ir.VectorType(ir.IntType(8), 64)
        place = builder.gep(made.data, [arguments[1]], inbounds=True)
        loaded = builder.load(builder.bitcast(place, many.as_pointer()), align=1)
        return builder.bitcast(
            builder.icmp_unsigned("!=", loaded, ir.Constant(many, None)), ir.IntType(64)
        )

    return types.uint64(flags, types.int64), generate


@intrinsic
def first_set(typingctx: Any, bits: Any) -> Any:
    """The place of the lowest bit that is set; one is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def widest_vectors(typingctx: Any) -> Any:
    """Let loops of this function use the widest vectors that the machine has."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # llvmlite knows no attributes with values; their text is what it prints.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate
