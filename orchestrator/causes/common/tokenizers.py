"""Tokenizers: their files, classes and special tokens."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

_BRING_AGAIN = (
    "delete the file and download it again; compare its size with the hub's",
    "删除该文件并重新下载；与模型页面上的大小核对",
)

TOKENIZERS: tuple[Explanation, ...] = (
    Explanation(
        id="chatglm-tokenizer-saved-again",
        pattern=r"can't set attribute '(?:eos|pad|unk)_token'|property '(?:eos|pad|unk)_token' of "
        r"'\w+' object has no setter|assert self\.padding_side == \"left\"",
        cause=(
            "a ChatGLM tokenizer that was saved again",
            "ChatGLM 的分词器被重新保存过",
        ),
        fix=(
            "copy the original tokenizer files over the saved ones",
            "用原始的分词器文件覆盖保存出来的文件",
        ),
        sample="AttributeError: can't set attribute 'eos_token'",
        source="https://github.com/hiyouga/LlamaFactory/issues/1340",
    ),
    Explanation(
        id="tokenizer-class-unknown",
        pattern=r"Tokenizer class (?P<detail>\S+) does not exist or is not currently imported",
        cause=(
            "this transformers has no tokenizer class {detail}",
            "当前的 transformers 没有分词器类 {detail}",
        ),
        fix=(
            "--set model.trust_remote_code=true if the model brings that class, else an engine "
            "release with a newer transformers",
            "若模型自带该类：--set model.trust_remote_code=true；否则换用 transformers "
            "更新的引擎版本",
        ),
        sample="ValueError: Tokenizer class Qwen2Tokenizer does not exist or is not currently "
        "imported.",
        source="transformers/models/auto/tokenization_auto.py",
    ),
    Explanation(
        id="tokenizer-damaged",
        pattern=r"^Exception: (?:expected (?:value|`.`|,|ident)|EOF while parsing|trailing"
        r"|invalid type"
        r"|key must be|control character|expected `)[^\n]*at line \d+|could not parse ModelProto"
        r"|model_proto->ParseFromArray|sentencepiece_processor\.cc.*Internal"
        r"|RuntimeError: Internal:"
        r"|SPMInternalError|Error parsing line b|[Ii]nvalid protobuf|google\.protobuf\.message\."
        r"DecodeError"
        r"|Unable to load vocabulary from file",
        cause=(
            "the tokenizer's file is damaged: cut off, or a Git LFS pointer instead of the file",
            "分词器文件损坏：不完整，或只是 Git LFS 指针",
        ),
        fix=_BRING_AGAIN,
        sample="Exception: expected value at line 1 column 1",
        source="https://github.com/LianjiaTech/BELLE/issues/48",
    ),
    Explanation(
        id="tokenizer-newer",
        pattern=r"data did not match any variant of untagged enum",
        cause=(
            "tokenizer.json was written by a newer tokenizers than the one installed",
            "tokenizer.json 由比已安装版本更新的 tokenizers 写成",
        ),
        fix=(
            "use an engine release with a newer transformers and tokenizers (recipe env list)",
            "换用 transformers、tokenizers 较新的引擎版本（recipe env list）",
        ),
        sample="Exception: data did not match any variant of untagged enum "
        "PyNormalizerTypeWrapper at "
        "line 49 column 3",
        source="https://github.com/dleemiller/WordLlama/issues/16",
    ),
    Explanation(
        id="pad-token-missing",
        pattern=r"Asking to pad but the tokenizer does not have a padding token",
        cause=("the tokenizer has no padding token", "分词器没有填充符（pad token）"),
        fix=(
            "set the pad token to the end-of-sequence token: tokenizer.pad_token = "
            "tokenizer.eos_token (the engines' templates do it)",
            "把 pad token 设为结束符：tokenizer.pad_token = "
            "tokenizer.eos_token（引擎的模板会这样做）",
        ),
        sample="ValueError: Asking to pad but the tokenizer does not have a padding token. Please "
        "select a token to use as `pad_token`",
        source="https://github.com/git-cloner/llama-lora-fine-tuning/issues/13",
    ),
    Explanation(
        id="chat-template-missing",
        pattern=r"tokenizer\.chat_template is not set|does not have a chat template",
        cause=(
            "the tokenizer brings no chat template: it is probably a base model",
            "分词器没有对话模板：它大概是基座（base）模型",
        ),
        fix=(
            "use the chat (instruct) model, or name the template (model.template)",
            "使用 chat（instruct）模型，或指定模板（model.template）",
        ),
        sample="ValueError: Cannot use chat template functions because tokenizer.chat_template "
        "is not "
        "set and no template argument was passed!",
        source="transformers/tokenization_utils_base.py",
    ),
    Explanation(
        id="tokenizer-files-missing",
        pattern=r"Can't load tokenizer for '?(?P<detail>[^'\n]*?)'?\.|TypeError: not a string"
        r"|NoneType found\.$|Unable to load tokenizer",
        cause=(
            "the tokenizer's files are missing in {detail}, or are not those of this model",
            "{detail} 中缺少分词器文件，或不是该模型的",
        ),
        fix=(
            "copy tokenizer.json, tokenizer.model and tokenizer_config.json of the original model "
            "into the folder",
            "把原模型的 tokenizer.json、tokenizer.model、tokenizer_config.json 复制到该文件夹",
        ),
        sample="OSError: Can't load tokenizer for './merged'. If you were trying to load it from "
        "'https://huggingface.co/models', make sure you don't have a local directory with the "
        "same name.",
        source="transformers/tokenization_utils_base.py",
    ),
    Explanation(
        id="exported-tokenizer-differs",
        pattern=r"the exported tokenizer numbers (?P<detail>'[^']*') differently",
        cause=(
            "the tokenizer that was written beside the model gives {detail} another number than "
            "the base model's: answers would not end",
            "随模型写出的分词器给 {detail} 的编号与基座不同：回答将无法结束",
        ),
        fix=(
            "copy the base model's tokenizer files over those of the merged model, or take an "
            "engine release whose transformers fits the model's own tokenizer code",
            "用基座模型的分词器文件覆盖合并模型中的，或换用 transformers "
            "与模型分词器代码相合的引擎版本",
        ),
        sample="the exported tokenizer numbers '</s>' differently",
        source="own run: the check of an exported model",
    ),
)
