"""What engines share that run the model authors' own training script, unchanged, from a checkout.

Such an engine renders ``train.sh`` (flags that a reader sees, one a line), runs it with bash, and
judges by what the script leaves: a checkout is no package, and nobody tests its exit codes.
"""
