"""The help pages in Chinese, beside the English ones that stand at each verb and option.

Read only when a Chinese reader asks for a help page. The first line of a verb's text is what a list
of verbs shows of it. A test finds what is missing here, and what no verb or option says any more.
"""

from __future__ import annotations

#: The words after `recipe` -> the help text of that verb.
VERBS = {
    "": "把一篇微调教程变成一次能跑通的运行：recipe run medqa-qlora --rehearse",
    "list": "列出可以运行的配方：自带的，以及 RECIPE_PATH 中的。",
    "show": "显示 RECIPE 的内容以及每个值的来源；--all 还显示默认值。",
    "new": "写出 NAME.yaml：它继承一个配方，只写不同之处。",
    "validate": "报告 RECIPES（名称或文件；默认是 `recipe list` 列出的全部）的每一处错误。",
    "schema": "输出配方文件的 JSON Schema，供编辑器补全和检查。",
    "fit": """仅凭模型的 config.json 估算 RECIPE 每个阶段所需的显存和内存。

不给 --gpu 时，按这台机器的 GPU（若有）回答。大小以 GiB（2^30 字节）计，显卡也按此标称：
“24 GB”的卡有 24 GiB，即 25.8 GB。""",
    "check": """找出 RECIPE 在这里运行会遇到的一切障碍，不下载任何东西。

错误会阻止运行（此处退出码为 1），警告不会。若某条规则不适合您，可在配方中按其 id 关闭并写明理由：
preflight: {ignore: {disk-space: "…"}}。""",
    "peek": """显示引擎将从 RECIPE 的数据中实际看到什么，由引擎自己的数据流程生成。

参与训练的 token 会突出显示：用颜色，或放在 ⟦ 与 ⟧ 之间。行按训练顺序从 1 数起。
只需要分词器，不需要 GPU，也不下载权重。""",
    "doctor": """检查这台机器：GPU、驱动、环境变量和已安装的引擎。

会真正导入引擎的工具，每个最多约一分钟；`recipe env doctor` 只检查一个版本。""",
    "plan": "显示运行 RECIPE 会做什么：文件、命令，以及每个阶段为何运行。",
    "run": """运行 RECIPE：数据、模型、渲染、检查，然后是引擎自己的各阶段。

同一命令会从上次停下的地方继续，跳过已完成的阶段。取值不同则开始另一次运行，并取用未受影响的阶段。
-- 之后的内容会传给引擎的训练命令。""",
    "render": "把 RECIPE 写成作业包：配置、数据、命令和 README，不需要 `recipe` 即可使用。",
    "status": "显示所有运行，或 RUN（文件夹，或配方名称，即其最新的运行）的各阶段。",
    "logs": "显示 RUN 最近一个阶段的日志，或 STAGE 的日志。",
    "why": """说明 RUN 为何失败，或 LOG 为何这样结束：原因、证据、解决办法。

RUN 是文件夹或配方名称（其最新的运行）。LOG 是任何程序的日志文件、含有多个 rank 日志的文件夹，
或 -（标准输入）。退出码 1：原因未知。""",
    "compare": (
        "用同样的问题、按运行自己的模板，向运行的基座模型和它得到的模型提问（贪心解码）。\n\n"
        "问题是配方的评估提问和留出数据的样本。结果保存在运行目录的 compare.json 中。"
        "有坏的结论时以 1 结束（什么也没学到、导出损坏等）。"
    ),
    "report": """写出 RUN 的报告：report.html、report.md 和 report.json。

报告不需要网络，不含密钥，也不含这台机器的路径。--verify 根据运行目录重新计算
报告：任何数字或文字不同时退出码为 1；若是预演的真实报告则为 3（加 --rehearsal 时为 0）。""",
    "chat": """和 RUN 训练出的模型对话（运行的文件夹，或配方名称，即其最新的运行）。

使用该运行自己的提示模板和系统文本。-- 之后的内容会传给引擎。""",
    "serve": """以 OpenAI 兼容的 API 提供 RUN 训练出的模型，使用训练时的模板。

除非用 --host 另行指定，只有本机可以访问。-- 之后的内容会传给引擎。""",
    "clean": """确认之后删除不再需要的内容：默认三类全部。

每个命令最新的运行会保留，正在工作的运行也会保留。模型站的模型文件夹属于其自己的缓存，不会改动。""",
    "dataset": "把数据集登记到引擎自己的源码目录中。",
    "dataset register": """把 FILE 中的数据加入 dataset_info.json。

FILE 含 alpaca、sharegpt 或 messages 格式的行，是 JSON 或 JSONL 文件。
会写出所有列和标签，使系统文本和历史对话得到使用。其他条目及其顺序保持不变。""",
    "env": """安装、列出、检查和删除引擎版本。

每个版本都在自己的虚拟环境中，按已提交的锁文件构建。""",
    "env doctor": """检查一个引擎版本，或所有已安装的版本。

检查导入、torch 和 GPU、4 位量化、DeepSpeed 和磁盘。有损坏时退出码为 1；每个错误都附有下一步。""",
    "env install": """安装引擎版本，写作 NAME@VERSION（见 `recipe env list`）。

已有的版本保持原样。`recipe run` 会自动安装。""",
    "env list": "列出各引擎版本，以及其中已安装在这里的。",
    "env lock": "由引擎版本的 .in 文件生成锁文件（供引擎开发者使用）。",
    "env remove": "删除一个版本的环境。您自己的 Python 只会被取消登记，不会改动。",
    "completion": """输出 SHELL 的补全代码。

\b
bash:  recipe completion bash > ~/.recipe-complete.bash
       echo 'source ~/.recipe-complete.bash' >> ~/.bashrc
zsh:   recipe completion zsh > ~/.recipe-complete.zsh
       echo 'source ~/.recipe-complete.zsh' >> ~/.zshrc
fish:  recipe completion fish > ~/.config/fish/completions/recipe.fish""",
}

#: The English help text of an option -> the Chinese one.
OPTIONS = {
    "0 answers greedily.": "0 表示贪心解码。",
    "A Python of your own that holds the engine.": "您自己的、装有引擎的 Python。",
    "A Python with the engine in it.": "装有引擎的 Python。",
    "A card or its memory: 3090, A100-80G, 24GB.": "显卡型号或显存：3090、A100-80G、24GB。",
    "A checkout with data/dataset_info.json, or the folder with dataset_info.json itself.": (
        "含 data/dataset_info.json 的源码目录，或 dataset_info.json 所在的文件夹。"
    ),
    "A folder.": "目标文件夹。",
    "A packed sequence, whole.": "一整条打包后的序列。",
    "A page in the browser instead of this terminal.": "用浏览器页面代替此终端。",
    "A rehearsal is what is wanted.": "要的就是预演的报告。",
    "Address of the page; by default 127.0.0.1, this machine alone.": (
        "页面的地址；默认 127.0.0.1，仅限本机。"
    ),
    "Address to listen on.": "监听地址。",
    "Port to listen on.": "监听端口。",
    "Another template than the training's (rarely right).": "改用训练之外的模板（很少适用）。",
    "Another torch build, by uv's name: cpu, cu124, auto …": (
        "另一种 torch 构建，按 uv 的名称：cpu、cu124、auto 等"
    ),
    "Base model and adapter, not merged.": "使用基础模型加适配器，不用合并后的模型。",
    "Compare this report (.html, .md or .json) with the run.": (
        "把这份报告（.html、.md 或 .json）与运行核对。"
    ),
    "Held-out rows that are asked, a seeded sample.": "从留出数据中按种子抽取多少条来提问。",
    "Seed of that sample.": "抽样的种子。",
    "Longest answer in tokens [128; in a rehearsal 16].": ("回答最多多少词元［128；预演中 16］。"),
    "Do not ask.": "不再询问。",
    "Do not import the engines' tools.": "不导入引擎的工具。",
    "Earlier tries.": "先前各次尝试的结果。",
    "Every token beside its label.": "逐个列出 token 及其标签。",
    "Folder for weights that do not fit into memory.": "存放内存放不下的权重的文件夹。",
    "Give the run a name of its own.": "为运行取一个名称。",
    "Go on in this run, whatever began it.": "在这次运行中继续，不论它由什么命令开始。",
    "Go on without the sources of rows that are not here.": "跳过不在这里的数据来源，继续运行。",
    "Go through the whole chain on the CPU, with a few rows and a tiny model: of the model's own "
    "code where that is on this machine (=own fetches it, without weights), else a native stand-in "
    "(=native: in any case).": (
        "在 CPU 上用几行数据和极小的模型走完全流程：模型自己的代码在这台机器上时就用它"
        "（=own 会下载它，不含权重），否则用通用替身（=native：总是用替身）。"
    ),
    "How many of them.": "显卡数量。",
    "Import the engine anew for each step of a rehearsal.": "预演的每一步都重新导入引擎。",
    "Keep this many likeliest tokens.": "只保留概率最高的这么多个 token。",
    "Keep this much probability.": "保留的累计概率。",
    "Let the engine look at the rows too, with the real tokenizer.": (
        "让引擎也用真正的分词器检查数据。"
    ),
    "Load the weights in 4 or 8 bits.": "以 4 位或 8 位加载权重。",
    "Longest answer, in tokens.": "回答的最大长度（token 数）。",
    "Look at it as a rehearsal.": "按预演来检查。",
    "Look at it as a rehearsal: a few rows, and the stand-in's tokenizer.": (
        "按预演来看：几行数据和替身的分词器。"
    ),
    "Look at this Python of your own instead.": "改为检查您自己的这个 Python。",
    "Name the rules that are content.": "也列出没有异议的规则。",
    "No system text at all.": "完全不用系统文本。",
    "Older runs of a command.": "同一命令较早的运行。",
    "One of the engine's system templates instead.": "改用引擎的某个系统模板。",
    "Only outdated, unfinished and broken ones.": "只删除过时、未完成和损坏的。",
    "Only show what would go.": "只显示会删除什么。",
    "Only the last LINES lines.": "只显示最后 LINES 行。",
    "Overwrite files that differ.": "覆盖内容不同的文件。",
    "Plugins (with the moss_sft templates). May be repeated.": (
        "插件（用于 moss_sft 模板）。可多次给出。"
    ),
    "Port of the page.": "页面的端口。",
    "Print JSON, for a program.": "输出 JSON，供程序读取。",
    "Print the answer when it is complete.": "回答完整后再输出。",
    "Print the defaults as well, or only what somebody set (as without either).": (
        "也显示默认值，或只显示被设置过的值（两者都不给时如此）。"
    ),
    "Print the engine's command only.": "只显示引擎的命令。",
    "Print what comes, until the run ends.": "持续显示新内容，直到运行结束。",
    "Print what would be done, and do nothing.": "只显示将要做什么，不执行。",
    "Random seed of the answers.": "回答的随机种子。",
    "Replace an entry that says something else.": "替换内容不同的条目。",
    "Run stages again even when done.": "已完成的阶段也重新运行。",
    "Say only how each stage ended.": "只显示每个阶段如何结束。",
    "Set a value by the short name that the recipe gives it. May be repeated.": (
        "按配方给出的短名称设置一个值。可多次给出。"
    ),
    "Set a value of the recipe, e.g. --set train.epochs=1. May be repeated.": (
        "设置配方中的一个值，例如 --set train.epochs=1。可多次给出。"
    ),
    "Show the engine's own output as it comes.": "实时显示引擎自己的输出。",
    "Show the version and exit.": "显示版本并退出。",
    "Show this message and exit.": "显示此帮助并退出。",
    "Start a new run directory.": "开始新的运行目录。",
    "Start at this stage, run it again.": "从这个阶段开始，并重新运行它。",
    "Stop after this stage.": "在这个阶段之后停下。",
    "System text; by default the one of the training rows.": "系统文本；默认用训练数据的。",
    "The bot's name in the template.": "模板中机器人的名称。",
    "The data set's name; by default the file's, without its ending.": (
        "数据集名称；默认用文件名，不含扩展名。"
    ),
    "The environment variable with the key that clients must send. Never give the key itself.": (
        "存放客户端须发送的密钥的环境变量。切勿给出密钥本身。"
    ),
    "The first N rows.": "前 N 行。",
    "The folder to write.": "要写入的文件夹。",
    "The model's name for clients; by default the recipe's.": (
        "客户端看到的模型名称；默认用配方的名称。"
    ),
    "The recipe to inherit.": "要继承的配方。",
    "The run, as an option.": "以选项形式指明运行。",
    "This row.": "这一行。",
    "Torch build for the environment: cpu, cu124": "环境使用的 torch 构建：cpu、cu124",
    "Unused caches.": "不再使用的缓存。",
    "Use lagent (needs SERPER_API_KEY).": "使用 lagent（需要 SERPER_API_KEY）。",
    "Use this Python, which already holds the engine, and build nothing.": (
        "使用这个已装有引擎的 Python，不构建任何东西。"
    ),
    "Use this engine release instead.": "改用这个引擎版本。",
    "Use this release.": "使用这个版本。",
    "Word at which a command ends.": "命令结束处的词。",
    "Word at which an answer ends.": "回答结束处的词。",
    "Write a page.": "写出网页。",
    "Write nothing; exit with 1 if a lock would change.": (
        "不写入任何内容；若锁文件会改变则退出码为 1。"
    ),
    "Write over a file that is there.": "覆盖已有的文件。",
}
