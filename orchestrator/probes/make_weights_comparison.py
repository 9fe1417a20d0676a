"""Are the merged weights base + adapter? A few modules are computed, a few others looked at.

Imported in an engine's own Python; weights of a few modules are copied to the CPU in 32 bits.
"""

#: Modules and other weights that are looked at: the first, the middle and the last.
LOOKED_AT = 3
#: Rounding to 8 bits (bf16) is 2**-8 of the largest weight.
ROUNDING = 2**-6


def spread(values):
    values = list(values)
    last = len(values) - 1
    if len(values) <= LOOKED_AT:
        return values
    return [values[index * last // (LOOKED_AT - 1)] for index in range(LOOKED_AT)]


def copied(weight):
    return weight.detach().float().cpu().clone()


def untouched(model):
    """{name: weight before, its change} of weights as the base has them: no change is known yet."""
    return {name: (copied(weight), None) for name, weight in spread(model.named_parameters())}


def lora_layers(model):
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and hasattr(module, "get_delta_weight"):
            for adapter in module.lora_A:
                yield name.removeprefix("base_model.model."), module, adapter


def of_adapter(model, kept):
    """({"modules", "zero": those of them that change nothing}, what a merged model should hold)."""
    layers = list(lora_layers(model))
    zero = sum(not module.lora_B[adapter].weight.any().item() for _, module, adapter in layers)
    adapted = {f"{name}.weight" for name, _, _ in layers}
    trained = {
        name.removeprefix("base_model.model.").replace(".modules_to_save.default", "")
        for name, _ in model.named_parameters()
        if "modules_to_save" in name
    }
    kept = {name: one for name, one in kept.items() if name not in adapted | trained}
    for name, module, adapter in spread(layers):
        old = copied(getattr(module, "base_layer", module).weight)
        kept[f"{name}.weight"] = (old, copied(module.get_delta_weight(adapter)))
    return {"modules": len(layers), "zero": zero}, kept


def share(new, old, change):
    """How much of ``change`` is in ``new`` (1: all, 0: none); None: it is neither.

    The rounding of an export is noise without a direction, so it does not hide even a small change.
    """
    part = ((new - old) * change).sum() / (change * change).sum()
    rest = (new - old - part * change).abs().max().item()
    return part.item() if rest <= ROUNDING * max(old.abs().max().item(), 1e-12) else None


def of_merged(model, kept):
    """Names by what was seen: "as_it_should", "as_base" (not merged), "neither", "other_base" (of
    weights that no training touched), "missing", "not_finite"."""
    import torch

    found = {
        key: []
        for key in ("as_it_should", "as_base", "neither", "other_base", "missing", "not_finite")
    }
    now = dict(model.named_parameters())
    found["not_finite"] = [n for n, w in now.items() if not torch.isfinite(w).all().item()][:5]
    for name, (old, change) in kept.items():
        if name not in now or now[name].shape != old.shape:
            found["missing"].append(name)
            continue
        new = copied(now[name])
        if change is None:
            same = (new - old).abs().max().item() <= ROUNDING * max(old.abs().max().item(), 1e-12)
            found["as_it_should" if same else "other_base"].append(name)
        elif change.any().item():
            part = share(new, old, change)
            key = "neither" if part is None else "as_it_should" if part > 0.5 else "as_base"
            found[key].append(name)
    return found
