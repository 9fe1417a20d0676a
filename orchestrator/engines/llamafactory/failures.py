"""Log lines of LLaMA-Factory and its libraries, with the cause and the fix in words.

Collected from the engine's own source (0.9.5) and public issue threads.
"""

from __future__ import annotations

from orchestrator.verifying.explain import Explanation

EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        r"Undefined dataset (?P<detail>.+?) in dataset_info",
        "dataset_info.json has no entry {detail}",
        "name an entry of dataset_info.json (not a path): the run's own rows are called train",
    ),
    Explanation(
        r"Cannot open (?P<detail>\S+dataset_info\.json) due to",
        "{detail} is not there, or is not JSON",
        "run with --from render: the file is written again",
    ),
    Explanation(
        r"Cannot find valid samples|Cannot find sufficient samples",
        "no row was left after the engine's own checks of roles and turns",
        "look at the rows (`recipe data look`) and at the lines with `Dropped invalid example`",
    ),
    Explanation(
        r"Some (?:keys|specified arguments) are not used by the HfArgumentParser: (?P<detail>.+)",
        "the engine does not know these keys: {detail}",
        "correct engine_options; a key of training has no place in the export and vice versa",
    ),
    Explanation(
        r"'<=' not supported between instances of 'float' and 'str'",
        "a number without a point, such as 1e-4, is text in YAML 1.1",
        "write 1.0e-4; `recipe` writes numbers so, a file edited by hand may not",
    ),
    Explanation(
        r"Column\(\) changed from object to array|JSON parse error|Couldn't cast array of type",
        "a key of the rows holds values of different types",
        "check the rows with `recipe data check`; --from data writes them again with one type",
    ),
    Explanation(
        r"KeyError: '(?P<detail>instruction|input|output|history|system|conversations|messages|"
        r"chosen|rejected|kto_tag|text|tools|images|videos|audios)'",
        "a data set has no column called {detail}",
        "say what its columns are called: data.sources.N.fields: {{instruction: …, output: …}}",
    ),
    Explanation(
        r"Output directory already exists and is not empty",
        "an earlier training left files in the output folder",
        "run with --from train: `recipe` moves the earlier output aside",
    ),
    Explanation(
        r"Cannot merge adapters to a quantized model",
        "the export loads the base model with quantization_bit",
        "remove quantization_bit from the export; the base model is merged in its own precision",
    ),
    Explanation(
        r"Please use `FORCE_TORCHRUN=1`|Please launch distributed training with",
        "DeepSpeed, or several GPUs, without the launcher",
        "export FORCE_TORCHRUN=1 (`recipe run` sets it for train.deepspeed and train.gpus)",
    ),
    Explanation(
        r"Template (?P<detail>\S+) does not exist",
        "the engine has no template called {detail}",
        "set model.template to one of llamafactory.data.template.TEMPLATES",
    ),
    Explanation(
        r"Adapter is only valid for the LoRA method",
        "an adapter is named together with full or freeze training",
        "remove adapter_name_or_path, or set train.method: lora",
    ),
    Explanation(
        r"Please install (?P<detail>\S+)|(?P<other>\S+) is required for a normal functioning",
        "the environment lacks {detail}{other}",
        "rebuild it with `recipe env remove` and `recipe env install`, or choose without it",
    ),
    Explanation(
        r"contains custom code which must be executed|trust_remote_code=True",
        "the model brings its own code, and nobody said that it is trusted",
        "--set model.trust_remote_code=true if you trust where the model comes from",
    ),
    Explanation(
        r"bf16/gpu|doesn't support bf16|does not support `pure_bf16`|[Bb]f16.*not supported",
        "this GPU has no bf16 (it came with Ampere: A100, RTX 30)",
        "set train.precision: fp16",
    ),
    Explanation(
        r"weight conversion reversal is not supported",
        "this release of transformers cannot save this architecture",
        "use an engine release with an older transformers (recipe env list)",
    ),
    Explanation(
        r"size mismatch for .*lora_",
        "the adapter does not fit the base model",
        "export with the base model of the training: --from train",
    ),
    Explanation(
        r"Unknown command: (?P<detail>.*)\.",
        "the engine has no command {detail}; it prints its help and exits with 0",
        "use train, export, chat, webchat or api",
    ),
    Explanation(
        r"Failed to load tokenizer",
        "the model's tokenizer cannot be loaded",
        "check the model folder; GLM-4 and ChatGLM3 need weights that fit this transformers",
    ),
)
