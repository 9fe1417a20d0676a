"""Models: their code, configurations and adapters."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

MODELS: tuple[Explanation, ...] = (
    Explanation(
        id="own-code-not-trusted",
        pattern=r"contains custom code which must be executed|trust_remote_code=True",
        cause=(
            "the model brings its own code, and nobody said that it is trusted",
            "模型自带代码，但没有声明信任它",
        ),
        fix=(
            "--set model.trust_remote_code=true if you trust where the model comes from",
            "若信任模型来源：--set model.trust_remote_code=true",
        ),
        sample="ValueError: The repository ./m contains custom code which must be executed to "
        "correctly load the model.",
        source="transformers/dynamic_module_utils.py",
    ),
    Explanation(
        id="own-code-padding-side",
        pattern=r"unexpected keyword argument 'padding_side'",
        cause=(
            "this model's tokenizer file was written for transformers below 4.45",
            "该模型的分词器代码是为 4.45 以前的 transformers 写的",
        ),
        fix=(
            "use the -hf weights of the model, or an older engine release",
            "使用该模型的 -hf 版权重，或更旧的引擎版本",
        ),
        sample="TypeError: ChatGLMTokenizer._pad() got an unexpected keyword argument "
        "'padding_side'",
        source="https://github.com/zai-org/GLM-4/issues/633",
    ),
    Explanation(
        id="own-code-cache",
        pattern=r"Cache only has 0 layers|Boolean value of Tensor.*ambiguous|cannot import name "
        r"'(?:Static|Dynamic|Hybrid)Cache' from|'?(?:Dynamic"
        r"|Static)Cache'? (?:object )?has no attribute"
        r"|_eos_token_tensor|_extract_past_from_model_output|'tuple' object has no attribute "
        r"'get_seq_length'|'(?:max_length|num_hidden_layers|get_max_length|num_layers|seq_length)'$"
        r"|got an unexpected keyword argument 'cache_position'|_get_tied_weight_keys",
        cause=(
            "the model's own code was written for another transformers",
            "模型自带的代码是为另一个版本的 transformers 写的",
        ),
        fix=(
            "pin model.revision to one that fits this release, use the model's -hf version, or "
            "another engine release",
            "把 model.revision 固定到适合此版本的修订，使用模型的 -hf 版，或换一个引擎版本",
        ),
        sample="KeyError: 'Cache only has 0 layers, attempted to access layer with index 0'",
        source="https://github.com/InternLM/xtuner/issues/975",
    ),
    Explanation(
        id="architecture-unknown",
        pattern=r"model type `(?P<detail>[^`]+)` but Transformers does not recognize|Unrecognized "
        r"configuration class|KeyError: '(?P<other>qwen\w*|llama\w*|gemma\w*|mistral\w*|internlm\w*"
        r"|chatglm\w*|glm\w*|phi\w*|deepseek\w*|baichuan\w*)'|Unrecognized model in",
        cause=(
            "this transformers does not know the model's architecture {detail}{other}",
            "当前的 transformers 不认识该模型的结构 {detail}{other}",
        ),
        fix=(
            "use an engine release with a newer transformers (recipe env list); check model_type "
            "in the model's config.json",
            "换用 transformers 较新的引擎版本（recipe env list）；检查模型 config.json 中的 "
            "model_type",
        ),
        sample="ValueError: The checkpoint you are trying to load has model type `gemma2` but "
        "Transformers does not recognize this architecture.",
        source="https://github.com/city96/ComfyUI_ExtraModels/issues/114",
    ),
    Explanation(
        id="adapter-config-missing",
        pattern=r"Can't find '?adapter_config\.json'?(?: at '?(?P<detail>[^'\n]*)'?)?"
        r"|No adapter_config|no file named adapter_"
        r"|file named adapter_config\.json",
        cause=(
            "the folder {detail} is no adapter: it has no adapter_config.json",
            "文件夹 {detail} 不是适配器：没有 adapter_config.json",
        ),
        fix=(
            "name the folder that the training or the conversion to hf wrote (it holds "
            "adapter_config.json); a .pth checkpoint must be converted first",
            "请填训练或转换（hf）生成的、含 adapter_config.json 的文件夹；.pth 检查点要先转换",
        ),
        sample="ValueError: Can't find 'adapter_config.json' at './llms/peft-chatglm2-6b'",
        source="https://github.com/lm-sys/FastChat/issues/2304",
    ),
    Explanation(
        id="adapter-newer-peft",
        pattern=r"(?:LoraConfig|PeftConfig"
        r"|AdaLoraConfig)(?:\.__init__\(\))? got an unexpected keyword"
        r"|__init__\(\) got an unexpected keyword argument '(?:corda_config|eva_config|lora_bias|"
        r"layer_replication|use_dora|use_rslora|exclude_modules|trainable_token_indices)'",
        cause=(
            "the adapter was made by a newer peft than the one that reads it",
            "适配器由比当前更新的 peft 生成",
        ),
        fix=(
            "read it with the release that trained it, or remove the unknown keys from "
            "adapter_config.json",
            "用训练它的版本读取，或从 adapter_config.json 中删去不认识的键",
        ),
        sample="TypeError: LoraConfig.__init__() got an unexpected keyword argument 'corda_config'",
        source="peft/config.py",
    ),
    Explanation(
        id="lora-targets",
        pattern=r"Target modules\s?\(?(?P<detail>[\[{(].*?[\]})]"
        r"|\S+)\)? not found in the base model"
        r"|No modules were targeted for adaptation|Please specify `target_modules`|"
        r"target_modules.*(?:is not supported|not supported)",
        cause=(
            "the base model has no modules called {detail}: LoRA targets are called otherwise "
            "there",
            "基座模型中没有名为 {detail} 的模块：LoRA 目标模块的名字不对",
        ),
        fix=(
            "correct train.lora.targets (InternLM2: wqkv, wo, w1, w2, w3; ChatGLM: "
            "query_key_value; Baichuan: W_pack; Llama, Qwen2: q_proj, v_proj …), or leave it out",
            "改正 train.lora.targets（InternLM2：wqkv、wo、w1、w2、w3；ChatGLM：query_key_value；"
            "Baichuan：W_pack；Llama、Qwen2：q_proj、v_proj 等），或不填",
        ),
        sample="ValueError: Target modules ['q_proj', 'v_proj'] not found in the base model. "
        "Please "
        "check the target modules and try again.",
        source="https://github.com/hiyouga/LlamaFactory/issues/181",
    ),
    Explanation(
        id="no-gradient",
        pattern=r"does not require grad and does not have a grad_fn|No inf checks were recorded for"
        r"|optimizer got an empty parameter list",
        cause=(
            "nothing in the model is trained: every weight is frozen, or the inputs carry no "
            "gradient",
            "模型中没有可训练的参数：权重全部冻结，或输入没有梯度",
        ),
        fix=(
            "check the LoRA targets and the method; with gradient checkpointing call "
            "enable_input_require_grads, or set use_reentrant to false",
            "检查 LoRA 目标模块和训练方法；使用梯度检查点时调用 enable_input_require_grads，"
            "或把 use_reentrant 设为 false",
        ),
        sample="RuntimeError: element 0 of tensors does not require grad and does not have a "
        "grad_fn",
        source="torch: torch/csrc/autograd/autograd.cpp",
    ),
    Explanation(
        id="quantized-without-adapter",
        pattern=r"You cannot perform fine-tuning on purely quantized models"
        r"|model is quantized with "
        r"QuantizationMethod.*but that quantization method do not support training"
        r"|only Tensors of floating point (?:and complex )?dtype can require grad",
        cause=(
            "a quantized model cannot be trained without an adapter",
            "量化模型不加适配器就不能训练",
        ),
        fix=(
            "set train.method: qlora, or load it unquantized",
            "设置 train.method: qlora，或不量化加载",
        ),
        sample="ValueError: You cannot perform fine-tuning on purely quantized models. Please "
        "attach "
        "trainable adapters on top of the quantized model",
        source="transformers/trainer_utils.py",
    ),
    Explanation(
        id="generation-config-invalid",
        pattern=r"generation config instance is invalid|GenerationConfig is invalid",
        cause=(
            "the model's generation_config.json contradicts itself (temperature without "
            "do_sample), "
            "so it cannot be saved",
            "模型的 generation_config.json 自相矛盾（有 temperature 却没有 do_sample），无法保存",
        ),
        fix=(
            'add "do_sample": true to generation_config.json of the base model, then run the '
            "stage again",
            '在基座模型的 generation_config.json 中加入 "do_sample": true，再重跑该阶段',
        ),
        sample="ValueError: The generation config instance is invalid -- `.validate()` throws "
        "warnings "
        "and/or exceptions. Fix these issues to save the configuration.",
        source="transformers/generation/configuration_utils.py",
    ),
)
