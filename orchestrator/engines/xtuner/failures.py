"""Log lines of XTuner and its libraries, with the cause and the fix in words.

Collected from public issue threads; the numbers are XTuner's own unless another project is named.
"""

from __future__ import annotations

from orchestrator.verifying.explain import Explanation

EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        r"KeyError: '(text|instruction_zh|instruction)'",
        "the map function of another data set was applied to these rows",
        "remove map_fn for rows that are already conversations, or name the one that fits",
    ),
    Explanation(
        r"Column length|Column name .* not in the dataset|KeyError: 'conversation'",
        "no row has the key `conversation`, so every row was filtered out",
        "look at the rows with `recipe data look data/train.jsonl`",
    ),
    Explanation(
        r"contains custom code which must be executed|trust_remote_code=True",
        "the model brings its own code, and nobody said that it is trusted",
        "--set model.trust_remote_code=true if you trust where the model comes from",
    ),
    Explanation(
        r"cannot import name 'packaging' from 'pkg_resources'",
        "setuptools 70 or newer is in the environment",
        "rebuild it: recipe env remove, then recipe env install",
    ),
    Explanation(
        r"is_bf16_supported",
        "XTuner 0.2.0 was started where no GPU can be seen",
        "check the driver with nvidia-smi, or rehearse on the CPU with --rehearse",
    ),
    Explanation(
        r"No module named 'mpi4py'|attempting to detect MPI environment",
        "DeepSpeed looked for MPI because RANK and its companions are not set",
        "unset a half-set RANK or WORLD_SIZE; `recipe run` sets all five",
    ),
    Explanation(
        r"MKL_THREADING_LAYER=INTEL is incompatible",
        "MKL met libgomp in one process",
        "export MKL_SERVICE_FORCE_INTEL=1 MKL_THREADING_LAYER=GNU",
    ),
    Explanation(
        r"Weights only load failed",
        "torch 2.6 or newer refuses the pickled parts of a training checkpoint",
        "use the locked environment (recipe env install), which has torch below 2.6",
    ),
    Explanation(
        r"llama_attn_forward\(\) got an unexpected keyword argument 'padding_mask'",
        "XTuner 0.1.9 and transformers 4.34 do not fit for Llama models",
        "use a newer release for this model (recipe env list)",
    ),
    Explanation(
        r"Cache only has 0 layers|Boolean value of Tensor.*ambiguous|'StaticCache'",
        "the model's own code was written for another transformers",
        "pin model.revision to one that fits this release, or use another engine release",
    ),
    Explanation(
        r"end should be larger than begin|begin.*end.*(?:larger|greater)",
        "the warm-up is shorter than one iteration",
        "set train.warmup_ratio: 0, or train on more rows",
    ),
    Explanation(
        # Both words stand in harmless warnings too: only an error of theirs counts.
        r"^\w*(?:Error|Exception)\b.*(?:cadam32bit_grad_fp32|compiled without GPU support"
        r"|str2optimizer32bit|cget_managed_ptr)",
        "bitsandbytes found no CUDA library, and the paged optimizer needs one",
        "check the driver with nvidia-smi, or set train.optimizer: AdamW",
    ),
    Explanation(
        r"transformers_modules\.[\w-]*'?$",
        "a dot in the model folder's name cannot be a Python module",
        "rename the folder, or let `recipe` link it",
    ),
    Explanation(
        r"command error: '(?P<detail>.*)'!",
        "XTuner's command could not import its own tool ({detail})",
        "run `recipe env doctor` for this release; it names what is missing",
    ),
)
