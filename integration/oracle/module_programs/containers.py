"""Containers of modules and of parameters."""

from __future__ import annotations

from typing import Any

__all__ = ["PROGRAMS"]


def seq(lib: Any, nn: Any) -> Any:
    s = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    o = [
        len(s),
        len(s[1:]),
        list(dict(s[1:].named_children())),
        [type(x).__name__ for x in s + nn.Sequential(nn.Tanh())],
    ]
    s.append(nn.Tanh())
    s.insert(1, nn.GELU())
    o.append([type(x).__name__ for x in s])
    del s[0]
    o.append(list(s._modules))
    o.append(type(s.pop(0)).__name__)
    o.append(list(s._modules))
    o.append(len(s * 2))
    del s[0:2]
    o.append(len(s))
    o.append(nn.Sequential()(5))
    return o


def seq_idx(lib: Any, nn: Any) -> Any:
    s = nn.Sequential(nn.ReLU())
    return s[3]


def seq_neg(lib: Any, nn: Any) -> Any:
    s = nn.Sequential(nn.ReLU(), nn.Tanh())
    return [type(s[-1]).__name__, type(s[-2]).__name__]


def mdict(lib: Any, nn: Any) -> Any:
    d = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
    d["c"] = nn.GELU()
    d.update({"a": nn.SiLU()})
    o = [list(d), [type(v).__name__ for v in d.values()], "a" in d, len(d)]
    del d["b"]
    o.append(list(d.keys()))
    o.append(type(d.pop("a")).__name__)
    d.clear()
    o.append(len(d))
    return o


def mdict_order(lib: Any, nn: Any) -> Any:
    d = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Tanh()})
    d.update({"z": nn.ReLU(), "c": nn.ReLU()})
    return list(d)


def plist(lib: Any, nn: Any) -> Any:
    p = nn.ParameterList([nn.Parameter(lib.ones(1)), lib.zeros(2)])
    p.append(lib.ones(3))
    p.extend([5, "x"])
    o = [len(p), [n for n, _ in p.named_parameters()], isinstance(p[1], nn.Parameter), p[3], p[4], list(p.state_dict())]
    p[0] = lib.ones(4)
    o.append(p[0])
    p += [lib.ones(1)]
    o.append(len(p))
    o.append(len(p[1:3]))
    o.append(p[-1])
    return o


def pdict(lib: Any, nn: Any) -> Any:
    p = nn.ParameterDict({"b": lib.ones(1), "a": nn.Parameter(lib.zeros(2))})
    p["c"] = 3
    o = [
        list(p),
        [n for n, _ in p.named_parameters()],
        "a" in p,
        len(p),
        p.get("q", 7),
        next(iter(p.items()))[0],
        p.pop("c"),
    ]
    p.update({"z": lib.ones(1)})
    o.append(list(p.keys()))
    o.append(p.setdefault("y", lib.ones(1)))
    del p["b"]
    o.append(list(p))
    o.append(list(p.state_dict()))
    o.append(p.popitem()[0])
    o.append(list(p | {"k": lib.ones(1)}))
    o.append(list(reversed(p)))
    o.append(list(p.copy()))
    o.append(list(p.fromkeys(["u", "v"], 1)))
    p.clear()
    o.append(len(p))
    return o


PROGRAMS = [seq, seq_idx, seq_neg, mdict, mdict_order, plist, pdict]
