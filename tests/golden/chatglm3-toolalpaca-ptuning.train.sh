#!/usr/bin/env bash
# ChatGLM3-6B, ToolAlpaca, P-Tuning v2 (upstream script)
# Starts finetune_chatmodel_demo/finetune.py of https://github.com/THUDM/ChatGLM3
# at 9acc547612890c5fbb0a0220b8f7bdd772677326, unchanged.
# Source: ChatGLM3, finetune_chatmodel_demo (ToolAlpaca)
#
#   CHATGLM3=/path/to/that/checkout bash train.sh
#   RESUME_FROM=work/checkpoint-N bash train.sh      to go on from a checkpoint
#
# The tutorial's scripts pipe into tee, which hides the exit code; here nothing is piped.
set -euo pipefail
cd "$(dirname "$0")"

mkdir -p work
if [ -n "${RESUME_FROM:-}" ]; then
    # finetune.py takes the checkpoint with the highest number for its newest, also one that was cut
    # off while it was written, and looks for it behind a backslash: work\checkpoint-N.
    for other in work/*checkpoint-*; do
        if [ "${other##*-}" -gt "${RESUME_FROM##*-}" ]; then mkdir -p superseded/cut-off; mv "$other" superseded/cut-off/; fi
    done
    ln -sfn "$RESUME_FROM" "work\\$(basename "$RESUME_FROM")"
fi

torchrun --standalone --nnodes=1 --nproc_per_node=1 "$CHATGLM3/finetune_chatmodel_demo/finetune.py" \
    --train_format multi-turn \
    --train_file data/train.jsonl \
    --max_seq_length 2048 \
    --preprocessing_num_workers 1 \
    --model_name_or_path ./chatglm3-6b \
    --output_dir work \
    --per_device_train_batch_size 1 \
    --gradient_accumulation_steps 16 \
    --max_steps 1000 \
    --logging_steps 1 \
    --save_steps 500 \
    --learning_rate 2e-2 \
    --pre_seq_len 128 \
    --resume_from_checkpoint True \
    "$@"
