"""The backbone of an exported DINOv2 as timm names it, out of an ONNX file."""

from __future__ import annotations

import torch

from tinydrop.core.errors import SettingError


def read_onnx(content: bytes) -> dict[str, torch.Tensor]:
    """Return the backbone of an exported DINOv2 (Hugging Face's names) under timm's names."""
    try:
        import onnx
    except ImportError as error:
        raise SettingError(
            "Reading these weights needs the package onnx; install the extra by "
            "pip install '.[train]'."
        ) from error
    graph = onnx.load_from_string(content).graph
    held = {
        i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy()) for i in graph.initializer
    }
    # Linear weights have no names of their own: each is found through the bias that is added to
    # its product, and stands transposed.
    product = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "MatMul"}
    linear = {}
    for node in graph.node:
        if node.op_type == "Add":
            bias = next((name for name in node.input if name.endswith(".bias")), None)
            weight = next((product[name] for name in node.input if name in product), None)
            if bias and weight in held:
                linear[bias.removesuffix(".bias")] = held[weight].T.contiguous()

    def both(name: str) -> tuple[torch.Tensor, torch.Tensor]:
        return linear[name], held[f"{name}.bias"]

    embed = "backbone.embeddings"
    tables = [v for k, v in held.items() if k.startswith("onnx::") and v.ndim == 3]
    found = {
        "cls_token": held[f"{embed}.cls_token"],
        "pos_embed": torch.cat(sorted(tables, key=lambda table: table.shape[1]), dim=1),
        "patch_embed.proj.weight": held[f"{embed}.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": held[f"{embed}.patch_embeddings.projection.bias"],
        "norm.weight": held["backbone.layernorm.weight"],
        "norm.bias": held["backbone.layernorm.bias"],
    }
    depth = 1 + max(int(k.split(".")[3]) for k in held if k.startswith("backbone.encoder.layer."))
    for block in range(depth):
        there, here = f"backbone.encoder.layer.{block}", f"blocks.{block}"
        qkv = [both(f"{there}.attention.attention.{part}") for part in ("query", "key", "value")]
        found[f"{here}.attn.qkv.weight"] = torch.cat([weight for weight, _ in qkv])
        found[f"{here}.attn.qkv.bias"] = torch.cat([bias for _, bias in qkv])
        for old, new in (
            ("attention.output.dense", "attn.proj"),
            ("mlp.fc1", "mlp.fc1"),
            ("mlp.fc2", "mlp.fc2"),
        ):
            found[f"{here}.{new}.weight"], found[f"{here}.{new}.bias"] = both(f"{there}.{old}")
        for number in ("1", "2"):
            for part in ("weight", "bias"):
                found[f"{here}.norm{number}.{part}"] = held[f"{there}.norm{number}.{part}"]
            found[f"{here}.ls{number}.gamma"] = held[f"{there}.layer_scale{number}.lambda1"]
    return found
