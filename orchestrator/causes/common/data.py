"""Data and the words of a command: rows, files of settings, arguments."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

DATA: tuple[Explanation, ...] = (
    Explanation(
        id="arguments-wrong",
        pattern=r"error: (?P<detail>unrecognized arguments: .*"
        r"|the following arguments are required: "
        r".*|argument \S+: (?:invalid|expected|not allowed).*|ambiguous option: .*)"
        r"|^(?:Error: |click\.exceptions\.\w+: )?[│ ]*(?P<other>No such option: .*"
        r"|Missing (?:option"
        r"|argum"
        r"ent).*|Got unexpected extra argument.*|Invalid value for .*)",
        cause=(
            "the command does not take these words: {detail}{other}",
            "命令不接受这样的参数：{detail}{other}",
        ),
        fix=(
            "look at its help (-h) of this very release; --local_rank comes from an old launcher: "
            "use torchrun",
            "查看该版本的帮助（-h）；--local_rank 来自旧的启动器：请改用 torchrun",
        ),
        sample="finetune.py: error: unrecognized arguments: --local-rank=0",
        source="https://github.com/bigcode-project/starcoder/pull/145",
    ),
    Explanation(
        id="yaml-broken",
        pattern=r"yaml\.(?:scanner|parser|constructor|reader|composer)\.\w*Error"
        r"|mapping values are not allowed here|while (?:parsing|scanning) a[^\n]*(?:\n"
        r"|.)*?(?P<detail>"
        r"in \"[^\"]+\", line \d+)?"
        r"|omegaconf\.errors\.\w*Error",
        cause=(
            "a YAML file cannot be read {detail}",
            "YAML 文件无法解析 {detail}",
        ),
        fix=(
            "look at the line it names: spaces (no tabs) before a key, a space after the colon, "
            "quotes around text with a colon",
            "查看它指出的那一行：键前用空格（不用制表符）、冒号后有空格、含冒号的文本加引号",
        ),
        sample="yaml.scanner.ScannerError: mapping values are not allowed here",
        source="pyyaml: yaml/scanner.py",
    ),
    Explanation(
        id="number-is-text",
        pattern=r"'<=?' not supported between instances of '(?:float|int)' and 'str'"
        r"|not supported between instances of 'str' and '(?:int|float)'",
        cause=(
            "a number is text: 1e-4 without a point is text in YAML 1.1",
            "数字被当成了文本：YAML 1.1 中没有小数点的 1e-4 是文本",
        ),
        fix=(
            "write 1.0e-4; `recipe` writes numbers so, a file edited by hand may not",
            "写成 1.0e-4；`recipe` 会这样写，手工编辑的文件可能不会",
        ),
        sample="TypeError: '<=' not supported between instances of 'float' and 'str'",
        source="torch/optim/adamw.py",
    ),
    Explanation(
        id="row-types-differ",
        pattern=r"Column\([^)]*\) (?:changed from|was) |Couldn't cast|cannot mix (?:list|struct)"
        r"|ArrowInvalid: (?:Could not convert|cannot mix)|ArrowTypeError|CastError"
        r"|All the data files"
        r" must have the same columns",
        cause=(
            "a key of the rows holds values of different types, or rows have different keys",
            "数据行中同一个键的值类型不一，或各行的键不同",
        ),
        fix=(
            "check the rows with `recipe data check`; --from data writes them again with one type",
            "用 `recipe data check` 检查；--from data 会以统一的类型重新写出",
        ),
        sample="pyarrow.lib.ArrowInvalid: JSON parse error: Column() changed from object to "
        "array in "
        "row 0",
        source="arrow: cpp/src/arrow/json/parser.cc",
    ),
    Explanation(
        id="json-broken",
        pattern=r"JSONDecodeError|JSON parse error: (?!Column)|Expecting property name enclosed"
        r"|ArrowInvalid: (?:JSON|straddling)|Extra data: line|not a valid JSON file"
        r"|Expecting value: l",
        cause=(
            "a JSON file cannot be read: broken, cut off, or one array where lines were expected",
            "JSON 文件无法解析：格式错误、不完整，或应逐行却是一个数组",
        ),
        fix=(
            "`recipe data check FILE` names the line; `recipe data convert` writes it anew",
            "`recipe data check FILE` 会指出行号；`recipe data convert` 可重新写出",
        ),
        sample="json.decoder.JSONDecodeError: Extra data: line 62 column 2 (char 1304)",
        source="https://github.com/nbrg-ppcu/prokbert/issues/114",
    ),
    Explanation(
        id="encoding",
        pattern=r"UnicodeDecodeError: '(?P<detail>[\w-]+)' codec can't decode|UnicodeEncodeError",
        cause=(
            "a file is not in the encoding it is read with ({detail})",
            "文件编码与读取方式不符（{detail}）",
        ),
        fix=(
            "convert it to UTF-8: `recipe data convert` does so; on Windows set PYTHONUTF8=1",
            "转换为 UTF-8：`recipe data convert` 会这样做；Windows 上设置 PYTHONUTF8=1",
        ),
        sample="UnicodeDecodeError: 'gbk' codec can't decode byte 0xac in position 67: illegal "
        "multibyte sequence",
        source="python: Lib/encodings",
    ),
    Explanation(
        id="no-rows",
        pattern=r"num_samples should be a positive integer value, but got num_samples=0"
        r"|SchemaInferenceError|Please pass `features` or at least one example|"
        r"(?:train|training) dataset (?:is|was) empty|ValueError: The train_dataset is empty",
        cause=(
            "no row is left to train on: all were filtered out, or the file is empty",
            "没有可训练的数据：全部被过滤，或文件为空",
        ),
        fix=(
            "look at the rows (`recipe data look data/train.jsonl`): their keys and roles must be "
            "those of the format, and prompts shorter than train.max_length",
            "查看数据（`recipe data look data/train.jsonl`）：键和角色要符合格式，提示要短于 "
            "train.max_length",
        ),
        sample="ValueError: num_samples should be a positive integer value, but got num_samples=0",
        source="torch/utils/data/sampler.py",
    ),
    Explanation(
        id="data-file-missing",
        pattern=r"Couldn't find any data file at (?P<detail>\S+?)\.?(?:\s|$)"
        r"|Unable to find '(?P<other>"
        r"[^']+)'|Couldn't find a dataset script|DatasetNotFoundError: (?P<third>.*)"
        r"|Dataset '(?P<fourth>[^']+)' doesn't exist on the Hub|DataFilesNotFoundError"
        r"|File (?P<fifth>\S+) not found\.|EmptyDatasetError"
        r"|File (?P<sixth>\S+) does not exist",
        cause=(
            "the data file (or data set) {detail}{other}{third}{fourth}{fifth}{sixth} is not there",
            "数据文件（或数据集）{detail}{other}{third}{fourth}{fifth}{sixth} 不存在",
        ),
        fix=(
            "correct the path: it counts from the folder in which the command runs; for a local "
            "file give its full path",
            "改正路径：相对路径从命令运行的目录算起；本地文件请写完整路径",
        ),
        sample="FileNotFoundError: Unable to find '/home/user/data/train.jsonl'",
        source="datasets/data_files.py",
    ),
    Explanation(
        id="lengths-differ-in-batch",
        pattern=r"Unable to create tensor"
        r"|stack expects each tensor to be equal size|Sizes of tensors must match except",
        cause=(
            "the rows of one batch have different lengths or shapes",
            "同一 batch 中各行的长度或形状不同",
        ),
        fix=(
            "use the padding collator of the task, or train.batch_size 1 (with accumulation)",
            "使用会填充的 collator，或 train.batch_size 设为 1（配合梯度累积）",
        ),
        sample="ValueError: Unable to create tensor, you should probably activate truncation "
        "and/or "
        "padding with 'padding=True' 'truncation=True' to have batched tensors with the same "
        "length.",
        source="transformers/tokenization_utils_base.py",
    ),
    Explanation(
        id="config-syntax",
        pattern=r"^(?:SyntaxError|IndentationError|TabError): (?P<detail>.*)",
        cause=(
            "a Python file is not valid ({detail}): an edited config, or code of the model that "
            "was "
            "downloaded as a web page",
            "Python 文件有语法错误（{detail}）：手工改过的配置，或模型代码下载成了网页",
        ),
        fix=(
            "correct the line above that message: a missing quote, comma or bracket, or a "
            "full-width "
            "（，“） character; or render the config again: --from render",
            "改正报错上方那一行：缺引号、逗号、括号，或用了全角字符；或重新生成配置：--from render",
        ),
        sample="SyntaxError: invalid character '，' (U+FF0C)",
        source="python: Parser/tokenizer.c",
    ),
    Explanation(
        id="data-set-not-made",
        pattern=r"DatasetGenerationError|An error occurred while generating the dataset"
        r"|RemoteTraceback",
        role="consequence",
        cause=(
            "the rows could not be read; the error before this one says why",
            "数据无法读取，原因见它前面的那个报错",
        ),
        fix=(
            "check the rows with `recipe data check FILE`",
            "用 `recipe data check FILE` 检查数据",
        ),
        sample="datasets.exceptions.DatasetGenerationError: An error occurred while generating the "
        "dataset",
        source="datasets/exceptions.py",
    ),
    Explanation(
        id="column-missing",
        pattern=r"KeyError: '(?P<detail>instruction|instruction_zh|input|output|history|system"
        r"|text|"
        r"conversations?|messages|chosen|rejected|prompt|response|query|question|answer|content"
        r"|role|"
        r"from|value)'|Column name (?P<other>\S+) not in the dataset|Column '?(?P<third>\w+)'? "
        r"(?:not found|doesn't exist)",
        cause=(
            "the rows have no column called {detail}{other}{third}",
            "数据中没有名为 {detail}{other}{third} 的列",
        ),
        fix=(
            "look at the rows (`recipe data look FILE`), and name the format or the columns that "
            "they really have",
            "查看数据（`recipe data look FILE`），并填写实际的格式或列名",
        ),
        sample="KeyError: 'conversations'",
        source="https://github.com/zjunlp/AutoAct/issues/6",
    ),
    Explanation(
        id="roles-do-not-alternate",
        pattern=r"[Cc]onversation roles must alternate|System role not supported"
        r"|After the optional "
        r"system message|Only user, assistant and system roles",
        cause=(
            "a conversation's roles are not user and assistant in turn, as the template wants them",
            "对话的角色没有按 user、assistant 交替，不符合模板要求",
        ),
        fix=(
            "find those rows with `recipe data check FILE`; join turns of one role, and put a "
            "system "
            "text where the template allows it",
            "用 `recipe data check FILE` 找出这些行；合并同一角色的连续发言，把 system "
            "放在模板允许的位置",
        ),
        sample="jinja2.exceptions.TemplateError: Conversation roles must alternate "
        "user/assistant/user/assistant/...",
        source="tokenizer_config.json of Llama-2-chat: chat_template",
    ),
    Explanation(
        id="evaluation-without-rows",
        pattern=r"evaluation requires an eval_dataset|requires the save and eval strategy to match"
        r"|Please make sure eval_dataset be provided"
        r"|You have set .evaluation_strategy. to .{0,80}but",
        cause=(
            "evaluation is switched on without rows for it, or at other steps than saving",
            "打开了评估却没有评估数据，或评估与保存的步数不一致",
        ),
        fix=(
            "give a test split (data.split), or set eval_strategy: no and "
            "load_best_model_at_end: false",
            "设置测试集划分（data.split），或 eval_strategy: no、load_best_model_at_end: false",
        ),
        sample="ValueError: Trainer: evaluation requires an eval_dataset.",
        source="transformers/trainer.py",
    ),
)
