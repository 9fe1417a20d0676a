#!/usr/bin/env bash
# ChatGLM3-6B, ToolAlpaca, full fine-tuning (upstream script)
# Starts finetune_chatmodel_demo/finetune.py of https://github.com/THUDM/ChatGLM3
# at 9acc547612890c5fbb0a0220b8f7bdd772677326, unchanged.
# Source: ChatGLM3, finetune_chatmodel_demo (ToolAlpaca)
# --learning_rate is not passed: transformers' own 5e-5 holds, as in the tutorial's finetune_ds_multiturn.sh, which says LR=1e-4 and forgets to pass it
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

torchrun --standalone --nnodes=1 --nproc_per_node=4 "$CHATGLM3/finetune_chatmodel_demo/finetune.py" \
    --train_format multi-turn \
    --train_file data/train.jsonl \
    --max_seq_length 2048 \
    --preprocessing_num_workers 1 \
    --model_name_or_path ./chatglm3-6b \
    --output_dir work \
    --per_device_train_batch_size 16 \
    --gradient_accumulation_steps 1 \
    --max_steps 200 \
    --logging_steps 1 \
    --save_steps 50 \
    --fp16 \
    --deepspeed deepspeed/zero2.json \
    --resume_from_checkpoint True \
    "$@"
