"""State dicts: hooks, what fits and what does not, assigned tensors, buffers that persist or do not, extra state."""

from __future__ import annotations

from typing import Any

__all__ = ["PROGRAMS"]


def sd_hooks(lib: Any, nn: Any) -> Any:
    m = nn.Sequential(nn.Linear(1, 1))
    log = []
    m.register_state_dict_pre_hook(lambda mod, prefix, kv: log.append(("pre", prefix, kv)))
    m[0].register_state_dict_pre_hook(lambda mod, prefix, kv: log.append(("pre0", prefix, kv)))

    def post(mod, sd, prefix, meta):
        log.append(("post", list(sd), prefix))
        sd[prefix + "extra"] = 1

    h = m[0].register_state_dict_post_hook(post)
    sd = m.state_dict(prefix="p.")
    h.remove()
    return [log, list(sd), list(m.state_dict())]


def sd_post_returns(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1)
    m.register_state_dict_post_hook(lambda mod, sd, prefix, meta: {})
    return m.state_dict()


def load_pre(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1)
    log = []

    def pre(mod, sd, prefix, meta, strict, missing, unexpected, errs):
        log.append((prefix, strict, sorted(sd)))
        sd["weight"] = sd.pop("w")

    m.register_load_state_dict_pre_hook(pre)
    d = {"w": lib.ones(1, 1), "bias": lib.ones(1)}
    r = m.load_state_dict(d)
    return [log, m.weight, sorted(d), str(r)]


def load_post(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1)
    log = []

    def post(mod, keys):
        log.append((list(keys.missing_keys), list(keys.unexpected_keys)))
        keys.missing_keys.clear()

    m.register_load_state_dict_post_hook(post)
    r = m.load_state_dict({"weight": lib.ones(1, 1)})
    return [log, r.missing_keys]


def load_missing(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1)
    return m.load_state_dict({"weight": lib.ones(1, 1)})


def load_unexpected(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1)
    return m.load_state_dict({"weight": lib.ones(1, 1), "bias": lib.ones(1), "x": lib.ones(1)})


def load_shape_nonstrict(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1)
    return m.load_state_dict({"weight": lib.ones(2, 1)}, strict=False)


def load_nonstrict(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1)
    r = m.load_state_dict({"x": lib.ones(2, 1)}, strict=False)
    return [r.missing_keys, r.unexpected_keys]


def load_0d(lib: Any, nn: Any) -> Any:
    m = nn.Module()
    m.p = nn.Parameter(lib.ones(()))
    m.load_state_dict({"p": lib.ones(1) * 3})
    return m.p


def load_dtype(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1, bias=False)
    m.load_state_dict({"weight": lib.ones(1, 1, dtype=lib.float64) * 2})
    return [m.weight, str(m.weight.dtype).split(".")[1]]


def assign_dtype(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1, bias=False)
    w = m.weight
    m.load_state_dict({"weight": lib.ones(1, 1, dtype=lib.float64) * 2}, assign=True)
    return [
        m.weight,
        str(m.weight.dtype).split(".")[1],
        m.weight is w,
        m.weight.requires_grad,
        isinstance(m.weight, nn.Parameter),
    ]


def assign_req(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1, bias=False)
    m.weight.requires_grad_(False)
    m.load_state_dict({"weight": nn.Parameter(lib.ones(1, 1))}, assign=True)
    return [m.weight.requires_grad]


def assign_buffer(lib: Any, nn: Any) -> Any:
    m = nn.BatchNorm1d(2)
    b = lib.ones(2) * 3
    m.load_state_dict({**m.state_dict(), "running_mean": b}, assign=True)
    return [m.running_mean is b, m.running_mean]


def assign_shape(lib: Any, nn: Any) -> Any:
    m = nn.Linear(1, 1, bias=False)
    m.load_state_dict({"weight": lib.ones(2, 1)}, assign=True)
    return None


def meta_load(lib: Any, nn: Any) -> Any:
    m = nn.Linear(2, 1, device="meta")
    m.load_state_dict({"weight": lib.ones(1, 2), "bias": lib.ones(1)}, assign=True)
    return m(lib.ones(1, 2))


def buffers_persist(lib: Any, nn: Any) -> Any:
    m = nn.Module()
    m.register_buffer("a", lib.ones(1))
    m.register_buffer("b", lib.ones(1), persistent=False)
    m.register_buffer("c", None)
    o = [list(m.state_dict()), [n for n, _ in m.named_buffers()]]
    m.register_buffer("b", lib.zeros(1))
    o += [list(m.state_dict())]
    m.b = lib.ones(1)
    o += [list(m.state_dict()), m.b]
    m.register_buffer("a", lib.ones(1), persistent=False)
    o += [list(m.state_dict())]
    return o


def Buffer_class(lib: Any, nn: Any) -> Any:
    m = nn.Module()
    m.a = nn.Buffer(lib.ones(1))
    m.b = nn.Buffer(lib.ones(1), persistent=False)
    return [list(m.state_dict()), [n for n, _ in m.named_buffers()], isinstance(m.a, nn.Buffer)]


def extra_state(lib: Any, nn: Any) -> Any:

    class M(nn.Module):  # type: ignore[misc]
        def __init__(s):
            super().__init__()
            s.k = 1

        def get_extra_state(s):
            return {"k": s.k}

        def set_extra_state(s, st):
            s.k = st["k"]

    m = nn.Sequential(M())
    m[0].k = 7
    sd = m.state_dict()
    n = nn.Sequential(M())
    n.load_state_dict(sd)
    return [sd, n[0].k]


def extra_missing(lib: Any, nn: Any) -> Any:

    class M(nn.Module):  # type: ignore[misc]
        def get_extra_state(s):
            return 1

        def set_extra_state(s, st):
            pass

    m = M()
    m.load_state_dict({})
    return None


PROGRAMS = [
    sd_hooks,
    sd_post_returns,
    load_pre,
    load_post,
    load_missing,
    load_unexpected,
    load_shape_nonstrict,
    load_nonstrict,
    load_0d,
    load_dtype,
    assign_dtype,
    assign_req,
    assign_buffer,
    assign_shape,
    meta_load,
    buffers_persist,
    Buffer_class,
    extra_state,
    extra_missing,
]
