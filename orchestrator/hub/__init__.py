"""Models and data files from outside: ModelScope, Hugging Face, a web address, a local folder.

The hubs' own clients do the transfer, in a process of their own (docs/decisions/model-download.md).
"""
