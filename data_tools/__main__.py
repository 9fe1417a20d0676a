"""`python -m data_tools …`"""

from data_tools.cli import data

data(prog_name="python -m data_tools")
