"""Weight files and checkpoints: damaged, missing, of another shape, or no numbers any more."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

_BRING_AGAIN = (
    "delete the file and download it again; compare its size with the hub's",
    "删除该文件并重新下载；与模型页面上的大小核对",
)

WEIGHTS: tuple[Explanation, ...] = (
    Explanation(
        id="lfs-pointer",
        pattern=r"invalid load key, 'v'|without having git-lfs installed|git-lfs\.github\.com/spec",
        cause=(
            "the weight file is only a Git LFS pointer: the repository was cloned without git-lfs",
            "权重文件只是 Git LFS 指针：克隆时没有安装 git-lfs",
        ),
        fix=(
            "git lfs install && git lfs pull in the model folder, or download it with the hub's "
            "client",
            "在模型文件夹中执行 git lfs install && git lfs pull，或用模型站的客户端下载",
        ),
        sample="_pickle.UnpicklingError: invalid load key, 'v'.",
        source="transformers/modeling_utils.py",
    ),
    Explanation(
        id="weights-damaged",
        pattern=r"SafetensorError|Error while deserializing header|InvalidHeaderDeserialization"
        r"|MetadataIncompleteBuffer|HeaderTooLarge|failed finding central directory"
        r"|PytorchStreamRea"
        r"der failed|invalid load key|unexpected EOF, expected \d+ more bytes|Ran out of input"
        r"|pickle data was truncated|Unable to load weights from pytorch checkpoint file"
        r"|not a ZIP archive|Consistency check failed|integrity check failed|corrupted record"
        r"|storage has wrong byte size",
        cause=(
            "a weight file (or checkpoint) is damaged or was cut off",
            "权重文件（或检查点）损坏或不完整",
        ),
        fix=_BRING_AGAIN,
        sample="safetensors_rust.SafetensorError: Error while deserializing header: "
        "InvalidHeaderDeserialization",
        source="https://github.com/safetensors/safetensors/issues/466",
    ),
    Explanation(
        id="weights-only",
        pattern=r"Weights only load failed|Unsupported (?:global|operand|class).*weights_only"
        r"|WeightsUnpickler error|Unsupported global: GLOBAL",
        cause=(
            "torch 2.6 or newer refuses the pickled parts of a training checkpoint",
            "torch 2.6 及以上拒绝读取训练检查点中的 pickle 内容",
        ),
        fix=(
            "use the locked environment (recipe env install), which has torch below 2.6",
            "使用锁定的环境（recipe env install），其中的 torch 低于 2.6",
        ),
        sample="_pickle.UnpicklingError: Weights only load failed. This file can still be "
        "loaded, to "
        "do so you have two options",
        source="torch/serialization.py",
    ),
    Explanation(
        id="weights-missing",
        pattern=r"(?:Error )?no file named (?P<detail>[\w.*-]+)[^\n]*found in directory"
        r"|does not appear to have a file named (?P<other>(?:pytorch_model|model|tf_model)[\w.-]*)"
        r"|does not appear to have files named",
        cause=(
            "the model folder has no weights ({detail}{other})",
            "模型文件夹中没有权重（{detail}{other}）",
        ),
        fix=(
            "finish the download, or name the folder that holds the weights (not an adapter or a "
            "training folder)",
            "把下载补全，或填写权重所在的文件夹（不是适配器或训练目录）",
        ),
        sample="OSError: Error no file named pytorch_model.bin, model.safetensors, tf_model.h5, "
        "model.ckpt.index or flax_model.msgpack found in directory ./internlm2-chat-7b.",
        source="transformers/modeling_utils.py",
    ),
    Explanation(
        id="model-folder-empty",
        pattern=r"does not appear to have a file named (?P<detail>\S+?)\.? |"
        r"does not appear to have a file named (?P<other>\S+)|Can't find config\.json",
        cause=(
            "the model folder lacks {detail}{other}: an adapter folder, or an unfinished download",
            "模型文件夹缺少 {detail}{other}：它可能是适配器文件夹，或下载未完成",
        ),
        fix=(
            "name the folder of the whole model (base or merged), and finish its download",
            "请填完整模型（基座或合并后）的文件夹，并把下载补全",
        ),
        sample="OSError: /home/<path-to-bert-model> does not appear to have a file named "
        "config.json.",
        source="https://github.com/huggingface/peft/issues/523",
    ),
    Explanation(
        id="weights-saved-empty",
        pattern=r"shape torch\.Size\(\[0\]\) from checkpoint",
        cause=(
            "the weights in the file are empty: they were saved under ZeRO-3 without being "
            "gathered",
            "文件中的权重是空的：在 ZeRO-3 下保存时没有先汇集",
        ),
        fix=(
            'set "stage3_gather_16bit_weights_on_model_save": true, or make whole weights of the '
            "checkpoint with its zero_to_fp32.py",
            '设置 "stage3_gather_16bit_weights_on_model_save": true，或用检查点中的 '
            "zero_to_fp32.py "
            "生成完整权重",
        ),
        sample="size mismatch for base_model.model.model.layers.0.mlp.gate_proj.lora_B.default.we"
        "ight: "
        "copying a param with shape torch.Size([0]) from checkpoint",
        source="https://github.com/huggingface/peft/issues/1443",
    ),
    Explanation(
        id="prefix-length",
        pattern=r"size mismatch for .*prefix_encoder|no attribute 'prefix_encoder'",
        cause=(
            "a P-Tuning checkpoint and the model have different lengths of the prefix",
            "P-Tuning 检查点与模型的前缀长度不同",
        ),
        fix=(
            "pass the pre_seq_len of the training when loading",
            "加载时传入训练所用的 pre_seq_len",
        ),
        sample="RuntimeError: Error(s) in loading state_dict for ChatGLMForConditionalGeneration:\n"
        "\tsize mismatch for transformer.prefix_encoder.embedding.weight",
        source="torch/nn/modules/module.py",
    ),
    Explanation(
        id="vocabulary-size",
        pattern=r"size mismatch for [\w.]*(?:embed_tokens|lm_head|word_embeddings|wte"
        r"|tok_embeddings|"
        r"output)\.?\w*\.weight",
        cause=(
            "the vocabulary has another size than at the training",
            "词表大小与训练时不同",
        ),
        fix=(
            "take the tokenizer and the base model of the training; tokens added there must be "
            "added here too (resize_vocab)",
            "使用训练时的分词器和基座模型；训练时新增的 token 这里也要新增（resize_vocab）",
        ),
        sample="RuntimeError: Error(s) in loading state_dict for PeftModelForCausalLM:\n\tsize "
        "mismatch for base_model.model.model.embed_tokens.weight: copying a param with shape",
        source="torch/nn/modules/module.py",
    ),
    Explanation(
        id="adapter-of-another-model",
        pattern=r"size mismatch for .*lora_|Missing key\(s\) in state_dict.*lora_"
        r"|Unexpected key\(s\) in state_dict.*lora_",
        cause=("the adapter does not fit the base model", "适配器与基座模型不匹配"),
        fix=(
            "use the base model and the rank of the training: --from train",
            "使用训练时的基座模型和秩（rank）：--from train",
        ),
        sample="RuntimeError: Error(s) in loading state_dict for PeftModelForCausalLM:\n\tsize "
        "mismatch for base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight",
        source="peft/utils/save_and_load.py",
    ),
    Explanation(
        id="weights-do-not-fit",
        pattern=r"size mismatch for (?P<detail>\S+)"
        r"|Error\(s\) in loading state_dict for (?P<other>\w+)",
        cause=(
            "the checkpoint belongs to another model or configuration ({detail}{other})",
            "检查点属于另一个模型或配置（{detail}{other}）",
        ),
        fix=(
            "use the model and the config that the checkpoint was made with",
            "使用生成该检查点的模型和配置",
        ),
        sample="RuntimeError: Error(s) in loading state_dict for LlamaForCausalLM:",
        source="torch/nn/modules/module.py",
    ),
    Explanation(
        id="checkpoint-invalid",
        pattern=r"(?:Can't find a valid|No valid) checkpoint (?:at|found in output directory)"
        r"\s?\(?(?P<detail>[^\s)]*)|can not be found\.?$|Cannot find (?P<other>\S+\.pth)"
        r"|Unable to find 'latest' file|is not a (?:valid )?checkpoint (?:file|folder)"
        r"|failed to resume from checkpoint",
        cause=(
            "there is no whole checkpoint at {detail}{other}",
            "{detail}{other} 处没有完整的检查点",
        ),
        fix=(
            "name an existing one (ls work, ls adapter); `recipe run` goes on from the newest "
            "whole "
            "checkpoint by itself; else begin again: --from train",
            "填写存在的检查点（ls work、ls adapter）；`recipe run` 会自动从最新的完整检查点继续；"
            "否则重新训练：--from train",
        ),
        sample="ValueError: Can't find a valid checkpoint at /workspace/output/checkpoint-500",
        source="transformers/trainer.py",
    ),
    Explanation(
        id="optimizer-of-another-training",
        pattern=r"doesn't match the size of optimizer's group"
        r"|loaded state dict has a different number"
        r" of parameter groups|zero_checkpoint.*world size|checkpoint.*DP world size",
        cause=(
            "the checkpoint's optimizer belongs to a training of other weights or another number "
            "of "
            "GPUs",
            "检查点中的优化器状态属于另一次训练（可训练参数或 GPU 数不同）",
        ),
        fix=(
            "resume with the same method, targets and number of GPUs, or begin again: --from train",
            "用相同的方法、目标模块和 GPU 数恢复，或重新训练：--from train",
        ),
        sample="ValueError: loaded state dict contains a parameter group that doesn't match the "
        "size "
        "of optimizer's group",
        source="torch/optim/optimizer.py",
    ),
    Explanation(
        id="not-a-number-in-weights",
        pattern=r"probability tensor contains either `?inf`?, `?nan`?|[Ii]nput contains NaN"
        r"|grad(?:ient)? norm is (?:nan|inf)|Function '\w+' returned nan values",
        cause=(
            "the weights hold NaN: the training diverged before this point",
            "权重中出现 NaN：训练在此之前已经发散",
        ),
        fix=(
            "lower train.learning_rate (a third of it), use bf16 rather than fp16, and go on from "
            "a "
            "checkpoint before the loss became NaN, or train again: --from train",
            "降低 train.learning_rate（约三分之一）、用 bf16 而不是 fp16，从损失变成 NaN "
            "之前的检查点"
            "继续，或重新训练：--from train",
        ),
        sample="RuntimeError: probability tensor contains either `inf`, `nan` or element < 0",
        source="torch: aten/src/ATen/native/cuda/TensorCompare.cu",
    ),
    Explanation(
        id="loss-not-a-number",
        pattern=r"[Ll]oss become infinite or NaN|[Ll]oss is (?:nan|NaN|inf)|'loss': '?(?:nan|inf)\b"
        r"|\bloss: ?(?:nan|inf)\b|Current loss scale already at minimum|'loss': 0\.0, 'grad_norm': "
        r"'?nan|FloatingPointError: (?:Minimum loss scale|Loss is)|loss_scale.*minimum|NaN loss"
        r"|train_loss'?\s*[:=]\s*nan|gradient overflow.*minimum"
        r"|loss=nan\b|NaN or Inf found in input tensor|not JSON compliant: nan",
        scope="any",
        cause=(
            "the loss became NaN or infinite: the training diverged",
            "损失变成 NaN 或无穷大：训练已发散",
        ),
        fix=(
            "lower train.learning_rate (a third of it), use bf16 rather than fp16, look for empty "
            "or broken rows (recipe data check), and go on from a checkpoint before that step, or "
            "train again: --from train",
            "降低 train.learning_rate（约三分之一）、用 bf16 而不是 fp16、检查空行和坏行"
            "（recipe data check），从那一步之前的检查点继续，或重新训练：--from train",
        ),
        sample="{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 1.313247675185968e-07, 'epoch': "
        "0.0}",
        source="https://github.com/OpenBMB/MiniCPM-V/issues/212",
    ),
    Explanation(
        id="merge-is-not-base-and-adapter",
        pattern=r"^(?P<detail>\S+) of the (?:exported|merged) model is not base \+ adapter",
        cause=(
            "the merged weights of {detail} are not those of base model and adapter together",
            "合并后 {detail} 的权重不等于基座加适配器",
        ),
        fix=(
            "check that model.path is the model that was trained on (adapter_config.json names "
            "it), then merge again",
            "确认 model.path 就是训练所用的模型（见 adapter_config.json），再合并一次",
        ),
        sample="model.layers.0.self_attn.q_proj of the exported model is not base + adapter "
        "(0.125 off)",
        source="own run: the check of an exported model",
    ),
)
