#!/usr/bin/env bash
# MedQA2019 medication answers, InternLM-Chat-7B, QLoRA
# The exact commands of this recipe for xtuner@0.2.0, one stage after another.
set -euo pipefail
cd "$(dirname "$0")"
# The engine's environment: activate it first, or make it here as .venv (README.md).
if [ -d .venv/bin ]; then export PATH="$PWD/.venv/bin:$PATH"; fi

# train
touch .stage-started
MKL_SERVICE_FORCE_INTEL=1 MKL_THREADING_LAYER=GNU RANK="${RANK:-0}" LOCAL_RANK="${LOCAL_RANK:-0}" WORLD_SIZE="${WORLD_SIZE:-1}" MASTER_ADDR="${MASTER_ADDR:-127.0.0.1}" MASTER_PORT="${MASTER_PORT:-29500}" xtuner train config.py --work-dir work --deepspeed deepspeed_zero2
{ [ -e work/last_checkpoint ] && [ ! work/last_checkpoint -ot .stage-started ]; } || { echo 'train failed: it wrote no 'work/last_checkpoint >&2; exit 1; }

# convert
touch .stage-started
MKL_SERVICE_FORCE_INTEL=1 MKL_THREADING_LAYER=GNU xtuner convert pth_to_hf config.py "work/$(basename "$(cat work/last_checkpoint)")" adapter
{ [ -e adapter/adapter_config.json ] && [ ! adapter/adapter_config.json -ot .stage-started ]; } || { echo 'convert failed: it wrote no 'adapter/adapter_config.json >&2; exit 1; }

# merge
touch .stage-started
MKL_SERVICE_FORCE_INTEL=1 MKL_THREADING_LAYER=GNU xtuner convert merge ./internlm-chat-7b adapter merged --max-shard-size 2GB
{ [ -e merged/config.json ] && [ ! merged/config.json -ot .stage-started ]; } || { echo 'merge failed: it wrote no 'merged/config.json >&2; exit 1; }
