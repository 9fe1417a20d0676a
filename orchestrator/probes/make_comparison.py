"""Base, adapter and merged model on the same prompts. Imported in an engine's own Python, by the
engine's probe that knows its prompt template; nothing here imports the package.

The request (JSON): base, adapter, merged (folders, or null), own_code (may the model's code run),
cpu, max_length, max_new_tokens (tokens), and items, each {"system", "turns": [[asked, answered],
...]}; the last answer is null where there is no reference. The result: see :func:`compare`.
"""

import gc
import json
from pathlib import Path

import make_weights_comparison as weights

#: Stands for the answer where a prompt has none, so that the engine's template closes it.
NO_ANSWER = "."


def load_tokenizer(request):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(request["base"], trust_remote_code=request["own_code"])


def load(folder, request):
    """(model, what did not fit its config): 32 bits on a CPU, the weights' own type on a GPU."""
    import torch
    from transformers import AutoModelForCausalLM

    on_gpu = torch.cuda.is_available() and not request["cpu"]
    more = {"trust_remote_code": request["own_code"], "output_loading_info": True}
    kind = "auto" if on_gpu else torch.float32  # the word torch_dtype is known to every release
    if on_gpu:  # else a release of 2023 first fills the whole model with random numbers
        more["low_cpu_mem_usage"] = True
    model, info = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=kind, **more)
    unfit = [str(one) for key in ("missing_keys", "mismatched_keys") for one in info.get(key) or ()]
    return (model.cuda() if on_gpu else model).eval(), unfit


def encoded(request, encode):
    """(prompt, answer, has a reference) of each item, in tokens, cut as the training cuts."""
    items = []
    for item in request["items"]:
        answer = item["turns"][-1][1]
        turns = [*item["turns"][:-1], [item["turns"][-1][0], answer or NO_ANSWER]]
        prompt, reply = encode(item["system"] or "", turns)
        items.append((prompt, reply[: max(0, request["max_length"] - len(prompt))], bool(answer)))
    return items


def losses(model, items):
    """Sum of the loss over the tokens of every reference, and how many tokens those are."""
    import torch

    total, count = 0.0, 0
    for prompt, answer, is_reference in items:
        if not is_reference or not answer:
            continue
        ids = torch.tensor([[*prompt, *answer]], device=model.device)
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
        told = logits[len(prompt) - 1 : -1].float()
        wanted = ids[0, len(prompt) :]
        total += torch.nn.functional.cross_entropy(told, wanted, reduction="sum").item()
        count += len(answer)
    return {"loss": total / count if count else None, "tokens": count}


def answer(model, tokenizer, prompt, ends, limit):
    """One greedy answer, and whether the model ended it itself."""
    import torch

    ids = torch.tensor([prompt], device=model.device)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else sorted(ends)[0]
    with torch.no_grad():
        made = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            num_beams=1,
            max_new_tokens=limit,
            eos_token_id=sorted(ends),
            pad_token_id=pad,
        )[0].tolist()[len(prompt) :]
    text = tokenizer.decode(made, skip_special_tokens=True).strip()
    return {"text": text, "ended": bool(made) and made[-1] in ends}


def look_at(model, tokenizer, items, ends, request):
    limit = request["max_new_tokens"]
    answers = [answer(model, tokenizer, prompt, ends, limit) for prompt, _, _ in items]
    return {"answers": answers, **losses(model, items)}


def end_tokens(tokenizer, items):
    """Tokens at which an answer ends: the tokenizer's own, and the template's where it is one."""
    ends = {tokenizer.eos_token_id} - {None}
    last = {reply[-1] for _, reply, is_reference in items if reply and not is_reference}
    return ends | (
        last & (set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values()))
    )


def chat_items(request, tokenizer, items):
    """The references behind the tokenizer's own chat template; None where it has none, or where
    it asks as the run's template does."""
    if not getattr(tokenizer, "chat_template", None):
        return None
    own = []
    for item, (_, reply, is_reference) in zip(request["items"], items, strict=True):
        said = [{"role": "system", "content": item["system"]}] if item["system"] else []
        for asked, answered in item["turns"]:
            said.append({"role": "user", "content": asked})
            said.append({"role": "assistant", "content": answered or NO_ANSWER})
        try:
            text = tokenizer.apply_chat_template(
                said[:-1], tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # templates refuse a system text, odd turns, and more
            print(f"warning: the tokenizer's own chat template refuses a prompt: {error}")
            return None
        ids = tokenizer.encode(text, add_special_tokens=False)
        own.append((ids, reply, is_reference))
    bos = {tokenizer.bos_token_id}
    same = all(
        [one for one in a if one not in bos] == [one for one in b if one not in bos]
        for (a, _, _), (b, _, _) in zip(own, items, strict=True)
    )
    return None if same else own


def unknown_marks(tokenizer, marks):
    """The template's marks where this tokenizer knows none of them as one token. One alone says
    nothing: InternLM's <|User|> is plain text beside its token <eoh>."""
    known = [len(tokenizer.encode(mark, add_special_tokens=False)) == 1 for mark in marks]
    return [] if any(known) else marks


def free():
    """Give back what a model took that nobody holds any more: two of real size do not fit."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def compare(request, tokenizer, encode, marks):
    """{"models": {name: {"answers", "loss", "tokens"}}, "unfit": {name: why it cannot be loaded},
    "adapter": …, "merged": … (make_weights_comparison), "template": {…}}."""
    items = encoded(request, encode)
    ends = end_tokens(tokenizer, items)
    found = {"models": {}, "unfit": {}, "adapter": None, "merged": None}
    model, unfit = load(request["base"], request)
    found["models"]["base"] = look_at(model, tokenizer, items, ends, request)
    other = chat_items(request, tokenizer, items)
    found["template"] = {
        "unknown_marks": unknown_marks(tokenizer, marks),
        "chat_template": None if other is None else losses(model, other),
    }
    kept = weights.untouched(model)
    if request["adapter"]:
        from peft import PeftModel

        try:
            model = PeftModel.from_pretrained(model, request["adapter"]).eval()
        except Exception as error:
            found["unfit"]["adapter"] = str(error).strip()[:600]
        else:
            found["models"]["adapter"] = look_at(model, tokenizer, items, ends, request)
            found["adapter"], kept = weights.of_adapter(model, kept)
    del model
    free()
    if request["merged"]:
        try:
            model, unfit = load(request["merged"], request)
        except Exception as error:
            found["unfit"]["merged"] = str(error).strip()[:600]
        else:
            if unfit:
                found["unfit"]["merged"] = f"tensors are missing: {', '.join(unfit[:5])}"
            found["merged"] = weights.of_merged(model, kept)
            if not found["merged"]["not_finite"]:
                found["models"]["merged"] = look_at(model, tokenizer, items, ends, request)
    return found


def main(prepare):
    """``prepare(request, tokenizer)`` gives (encode(system, turns) -> prompt and answer in tokens,
    the template's marks). Arguments: REQUEST RESULT."""
    import sys

    request = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    tokenizer = load_tokenizer(request)
    encode, marks = prepare(request, tokenizer)
    found = compare(request, tokenizer, encode, marks)
    Path(sys.argv[2]).write_text(json.dumps(found, ensure_ascii=False) + "\n", "utf-8")
    for name, one in found["models"].items():
        print(f"{name}: loss {one['loss']} over {one['tokens']} tokens")
